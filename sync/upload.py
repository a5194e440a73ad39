"""The command `import`: one file to the hub, and what came of it in words."""

from __future__ import annotations

import asyncio
import base64
import sys
from pathlib import Path

from app import resources, wire
from app.core.texts import Lang
from app.ports import HubAway, HubTrouble
from sync.client import HubClient

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
    said = _Voice(lang)
    if kind not in KINDS:
        return said.sorry(2, "unknown_kind", kind=kind)
    if not token and not sign_in:
        return said.sorry(2, "no_token")
    if not file.is_file():
        return said.sorry(1, "missing_file", file=file)
    try:
        data = file.read_bytes()
    except OSError:
        return said.sorry(1, "unreadable_file", file=file)
    try:
        client = HubClient(hub_url, "" if sign_in else token or "", lang=lambda: lang)
        ask = (data, file.name, kind, shop or "", column_map or "", dry_run)
        report = asyncio.run(_sent(client, sign_in, ask))
    except HubAway as away:
        return said.sorry(1, "hub_away", hub=hub_url) if not away.text else said.plain(1, away)
    except HubTrouble as trouble:
        return said.plain(1, trouble)
    _tell(report, file, said)
    return 1 if report.refused else 0


async def _sent(
    client: HubClient, sign_in: tuple[str, str] | None, ask: tuple[bytes, str, str, str, str, bool]
) -> wire.ImportReport:
    data, name, kind, shop, column_map, dry_run = ask
    try:
        if sign_in:
            await client.sign_in(wire.SignIn(user=sign_in[0], password=sign_in[1]))
        return await client.import_file(data, name, kind, shop=shop, map_=column_map, dry_run=dry_run)
    finally:
        await client.close()


def _tell(report: wire.ImportReport, file: Path, said: _Voice) -> None:
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


class _Voice:
    """Words of this command on stdout and stderr."""

    def __init__(self, lang: Lang) -> None:
        self._lang = lang
        self._texts = resources.texts()

    def out(self, key: str, **params: object) -> None:
        sys.stdout.write(self._texts.text(f"upload.{key}", self._lang, **params) + "\n")

    def sorry(self, status: int, key: str, **params: object) -> int:
        sys.stderr.write(self._texts.text(f"upload.{key}", self._lang, **params) + "\n")
        return status

    @staticmethod
    def plain(status: int, trouble: HubTrouble) -> int:
        """The hub's own sentence."""
        words = " ".join(part for part in (trouble.text or str(trouble), trouble.hint) if part)
        sys.stderr.write(words + "\n")
        return status
