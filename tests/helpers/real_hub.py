"""A real hub in a process of its own on loopback, filled through its own doors: for tests of the windows."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from app.ports import SystemClock
from app.wire import ImportReport
from rehearsal.courier import Node, Push, Waybill, send
from rehearsal.processes import HubProcess, call
from sync.client import HubClient
from tests.helpers.databases import SQLITE, with_tables
from tests.helpers.ports import held_port

PASSWORD = "only-for-tests-1"
SHOP = "mian-shiguang"
COURIER_KEY = "only-for-tests-2"


def this_moment() -> str:
    """As the wire says it: what was made at a set day is one day too old to be taken."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class RealHub:
    """One hub; ``token`` is the administrator's."""

    def __init__(self, folder: Path, port: int, more: str = "") -> None:
        """``more``: further tables of its hub.toml."""
        self.folder = folder
        folder.mkdir(parents=True)
        config = folder / "hub.toml"
        config.write_text(
            f'[[shop]]\nid = "{SHOP}"\nconnector = "file"\n\n'
            f'[[carrier]]\nconnector = "rehearsal"\nkey = "{COURIER_KEY}"\n\n'
            f'[[user]]\nname = "admin"\nrole = "admin"\npassword = "{PASSWORD}"\n\n{more}',
            encoding="utf-8",
        )
        config.chmod(0o600)
        (folder / "data").mkdir()
        with_tables(folder / "data", SQLITE)
        self.process = HubProcess(folder / "data", config, port, folder / "hub.log")
        self.url = self.process.url
        self.token = ""

    def begin(self) -> None:
        """Waits until it serves, and signs on."""
        self.process.wait_ready(60)
        session = call(self.url, "POST", "/v1/sessions", {"user": "admin", "password": PASSWORD})
        self.token = str(session["token"])

    def api(self, method: str, path: str, body: Any = None) -> Any:
        return call(self.url, method, path, body, token=self.token)

    def code(self, kind: str) -> str:
        """A code for one station of this kind to join with."""
        return str(self.api("POST", "/v1/pairing_codes", {"kind": kind, "warehouse": "main"})["code"])

    def take(self, kind: str, headings: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Brings rows in as a file; every row must be taken."""
        text = io.StringIO()
        table = csv.writer(text)
        table.writerow(headings)
        table.writerows(rows)

        async def send() -> ImportReport:
            client = HubClient(self.url, self.token)
            try:
                return await client.import_file(
                    text.getvalue().encode("utf-8-sig"), f"{kind}.csv", kind, shop=SHOP
                )
            finally:
                await client.close()

        report = asyncio.run(send())
        assert report.refused == 0, report.problems

    def orders(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        after = ""
        while True:
            page = self.api("GET", f"/v1/orders?q=&limit=200&after={after}")
            found += page["orders"]
            after = page["next"]
            if not after:
                return found

    def cancel(self, order_no: str, act_id: str, made_at: str, **body: Any) -> dict[str, Any]:
        """A rep's cancel, straight to the hub."""
        act = {"act_id": act_id, "kind": "cancel", "order_no": order_no, "made_at": made_at, "body": body}
        [receipt] = self.api("POST", "/v1/acts", [act])
        return dict(receipt)

    def courier_says(self, waybill_no: str, *nodes: Node, carrier: str = "zhongtong") -> None:
        """The rehearsal courier's push about one parcel."""
        push = Push(Waybill(waybill_no, carrier), nodes)
        sent = send(self.url, COURIER_KEY, push, SystemClock())
        assert sent.status == 200, sent

    def stop(self) -> None:
        self.process.stop()


@contextmanager
def real_hub(folder: Path, more: str = "") -> Iterator[RealHub]:
    with held_port() as port:
        hub = RealHub(folder, port, more)
        try:
            hub.begin()
            yield hub
        finally:
            hub.stop()


def show(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1)
