"""A packing bench in a process of its own, and somebody who scans there and remembers what was green."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import cycle
from pathlib import Path

from app.core.qr import slip_code
from rehearsal.processes import Desk, StepFailed
from tests.kill.ledger import Lost

LINES, QTY = 12, 99
PATIENCE_S = 300.0
_GOOD = ("counted", "complete")


class Bench:
    """One station. ``greens`` counts what the screen said is safe, ``unheard`` what nobody saw the end of."""

    def __init__(self, folder: Path, hub_url: str) -> None:
        self.folder, self.hub_url = folder, hub_url
        self.greens = 0
        self.unheard = 0
        self.failure: BaseException | None = None
        self._parcels: list[str] = []
        self._done: dict[str, int] = {}
        self._starts = 0
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._desk: Desk | None = None

    def start(self) -> None:
        """The program starts; it is not waited for."""
        self._starts += 1
        log = self.folder.parent / f"desk-{self._starts:03d}.log"
        self._desk = Desk("packing", self.hub_url, self.folder, log, "zh", offscreen=True)

    def pair(self, code: str) -> None:
        self._the_desk.ask("pair", PATIENCE_S, hub=self.hub_url, code=code, name="1 号台")

    def work_on(self, parcels: list[str]) -> None:
        """From now on scans go into these, one parcel after the other."""
        self._parcels = parcels

    def scan_on(self) -> None:
        """Somebody scans until :meth:`kill` or :meth:`rest`."""
        self._stopping.clear()
        self._thread = threading.Thread(target=self._scan, args=(self._the_desk,), name="packer", daemon=True)
        self._thread.start()

    def kill(self) -> None:
        """Between any two instructions; what it had on its disk is compared with what was green."""
        process = self._the_desk.process
        process.kill()
        process.wait()
        self._rest()
        self._the_desk.stop()
        kept = len(self.kept())
        if not self.greens <= kept <= self.greens + self.unheard:
            raise Lost(f"{self.greens} scans were green and {self.unheard} unheard; on the disk are {kept}")

    def rest(self) -> None:
        """Nobody scans; everything goes to the hub."""
        self._rest()
        self._the_desk.ask("wait", PATIENCE_S, pending_at_most=0)

    def stop(self) -> None:
        self._rest()
        if self._desk is not None:
            self._desk.stop()

    def kept(self) -> set[str]:
        """The ids of all counts on its disk."""
        path = self.folder / "outbox.sqlite"
        if not path.exists():
            return set()
        link = sqlite3.connect(path)
        try:
            if not link.execute("SELECT 1 FROM sqlite_master WHERE name = 'act'").fetchone():
                return set()
            return {row[0] for row in link.execute("SELECT act_id FROM act WHERE kind = 'line_packed'")}
        finally:
            link.close()

    @property
    def _the_desk(self) -> Desk:
        if self._desk is None:
            raise RuntimeError("not started")
        return self._desk

    def _rest(self) -> None:
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(PATIENCE_S * 2)
            self._thread = None
        if self.failure is not None:
            raise self.failure

    # -- somebody scans ----------------------------------------------------------------------------------------

    def _scan(self, desk: Desk) -> None:
        try:
            for parcel_no in cycle(self._parcels):
                if self._stopping.is_set():
                    return
                self._pack(desk, parcel_no)
        except (StepFailed, OSError, ValueError) as error:
            if desk.process.poll() is None and not self._stopping.is_set():
                self.failure = error

    def _pack(self, desk: Desk, parcel_no: str) -> None:
        """Opens a parcel and scans into it until it says no."""
        opened = desk.ask("scan", PATIENCE_S, text=slip_code(parcel_no, 1))
        if opened["result"] != "ok":
            with suppress(StepFailed):
                desk.ask("ack")
            time.sleep(0.05)
            return
        for line in _lines():
            if self._stopping.is_set():
                return
            self.unheard += 1
            said = desk.ask("scan", PATIENCE_S, text=f"SKU-{line}")
            self.unheard -= 1
            if said["result"] != "ok":
                return
            if said["done"] in _GOOD and said["light"] == "green":
                self.greens += 1


def _lines() -> Iterator[int]:
    return cycle(range(1, LINES + 1))
