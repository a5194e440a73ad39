"""Bringing a file in from the window: which shops there are, a check, the import itself, how far it is."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from app.ports import HubApi, HubAway, Rejected
from app.station.bench import Bench
from app.wire import ImportProgress, ImportReport, ShopView

#: ``guess``: the hub goes by the headings and says in its report what it was.
ImportKind = Literal["guess", "orders", "items", "waybills"]
#: The hub takes 50 MB; a file far over it is not even read.
BYTES_MAX = 64 * 2**20


class FileTrouble(Exception):
    """The file cannot be read here. ``key`` is the sentence to show: ``upload.<key>``, filled with the file's name."""

    def __init__(self, key: str, file: str) -> None:
        super().__init__(key)
        self.key = key
        self.file = file


class IntakeDesk:
    """Every call may raise HubTrouble; the hub decides who may import."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    def new_ticket(self) -> str:
        """Names one import, for :meth:`progress` and :meth:`stop`."""
        return self._bench.new_id()

    async def shops(self) -> list[ShopView]:
        return (await self._hub().shops()).shops

    async def bring(
        self, file: Path, *, kind: ImportKind, shop: str, check_only: bool, ticket: str
    ) -> ImportReport:
        """Sends the file; ``check_only`` changes nothing. Raises FileTrouble; Rejected with code ``import_stopped``."""
        import asyncio

        data = await asyncio.to_thread(_read, file)
        return await self._hub().import_file(
            data, file.name, kind, shop=shop, dry_run=check_only, ticket=ticket
        )

    async def progress(self, ticket: str) -> ImportProgress | None:
        """None while the file is still on its way, and when the import is over."""
        try:
            return await self._hub().import_progress(ticket)
        except Rejected:
            return None

    async def stop(self, ticket: str) -> bool:
        """Ends an import after the page it is at; False when the hub has not begun it or is done."""
        try:
            await self._hub().stop_import(ticket)
        except Rejected:
            return False
        return True

    def _hub(self) -> HubApi:
        if self._bench.hub is None:
            raise HubAway
        return self._bench.hub


def _read(file: Path) -> bytes:
    try:
        if file.stat().st_size > BYTES_MAX:
            raise FileTrouble("too_large", file.name)
        return file.read_bytes()
    except FileNotFoundError as error:
        raise FileTrouble("missing_file", file.name) from error
    except OSError as error:
        raise FileTrouble("unreadable_file", file.name) from error
