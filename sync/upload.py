"""The command `import`: one file to the hub, and what came of it in words."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path

from app import wire
from app.core.texts import Lang
from app.ports import HubTrouble
from sync.desk import Voice, called

KINDS = ("orders", "items", "waybills")
#: So many problems are named on the screen; the file holds all.
SHOWN = 10


def run(
    file: Path,
    *,
    kind: str,
    shop: str | None,
    column_map: str | None,
    dry_run: bool,
    hub_url: str,
    token: str | None,
    sign_in: tuple[str, str] | None = None,
    lang: Lang,
) -> int:
    """Exit status: 0 everything taken, 1 the surroundings or some rows said no, 2 wrong use.

    ``sign_in`` is user and password, for people; programs give a ``token``.
    """
    said = Voice(lang, "upload")
    if kind not in KINDS:
        return said.sorry(2, "unknown_kind", kind=kind)
    if not file.is_file():
        return said.sorry(1, "missing_file", file=file)
    if not token and not sign_in:
        return said.sorry(2, "no_token")
    try:
        data = file.read_bytes()
    except OSError:
        return said.sorry(1, "unreadable_file", file=file)
    try:
        report = asyncio.run(
            _sent(
                hub_url,
                token or "",
                sign_in,
                lang,
                (data, file.name, kind, shop or "", column_map or "", dry_run),
            )
        )
    except HubTrouble as trouble:
        return said.trouble(1, trouble, hub_url)
    _tell(report, file, said)
    return 1 if report.refused else 0


async def _sent(
    hub_url: str,
    token: str,
    sign_in: tuple[str, str] | None,
    lang: Lang,
    ask: tuple[bytes, str, str, str, str, bool],
) -> wire.ImportReport:
    data, name, kind, shop, column_map, dry_run = ask
    async with called(hub_url, lang, token=token, sign_in=sign_in) as client:
        return await client.import_file(data, name, kind, shop=shop, map_=column_map, dry_run=dry_run)


def _tell(report: wire.ImportReport, file: Path, said: Voice) -> None:
    counts = {k: getattr(report, k) for k in ("rows", "taken", "unchanged", "refused")}
    said.out("taken", **counts)
    if report.kind == "orders":
        said.out("orders", n=report.orders, orders=report.orders, paid=f"{report.paid_fen / 100:,.2f}")
    if report.is_dry_run:
        said.out("only_checked")
    for problem in report.problems[:SHOWN]:
        said.out("problem", row=problem.row, text=problem.text)
    if not report.refused_file:
        return
    kept = file.with_name(f"{file.stem}-refused.xlsx")
    kept.write_bytes(base64.b64decode(report.refused_file))
    if len(report.problems) > SHOWN:
        said.out("more", n=len(report.problems) - SHOWN, file=kept)
    said.out("refused_file", file=kept)
