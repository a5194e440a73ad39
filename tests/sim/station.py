"""A station in the world: its real files, engines and desks, a printer at its side, and ways to die."""

from __future__ import annotations

import asyncio
import random
import shutil
import sqlite3
import sys
from collections.abc import Callable
from concurrent.futures import Future
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import httpx
import msgspec

from app.core.order import Order
from app.core.printjob import PrinterState, PrintJob
from app.ports import Engine, seconds_until
from app.station import keepsake
from app.station.bench import Identity
from app.station.core import StationCore
from app.station.outcome import Outcome
from app.store import outboxfile as stored
from app.store.cache import Cache
from app.store.link import Joined, LinkParts
from app.store.outbox import Outbox
from app.store.surroundings import DiskFull
from app.wire import ChangePage, StationKind, Urgent
from printing.escpos import PrinterStatus
from printing.spooler import Spooler
from printing.transports import MayBegin, SendResult
from sync.client import HubClient
from sync.link import HubLink
from tests.sim.looks import Look
from tests.sim.loop import OUTSIDE, Killed, Process, SimClock, SimIds, SimLoop
from tests.sim.wire import Line, Transport

T = TypeVar("T")

CrashPoint = Callable[[str], None]
_HUB_URL = "http://127.0.0.1:8620"
#: Bytes of a page of the copy.
_PAGE = 8192


class _Answer(Future[T]):
    """Who insists on the answer gets it written at once, as from a thread that waits."""

    def __init__(self, write_now: Callable[[], None]) -> None:
        super().__init__()
        self._write_now = write_now

    def result(self, timeout: float | None = None) -> T:
        if not self.done():
            self._write_now()
        return super().result(0)


class StepOutbox(Outbox):
    """The outbox without a thread of its own: an old disk takes its time, and dies before or after a commit."""

    crash: CrashPoint = staticmethod(lambda where: None)
    loop: SimLoop
    dice: random.Random

    #: The process is dead and its files are closed: what it had still to write never comes.
    is_left = False

    def _begin(self) -> None:
        self._is_due = False

    def _end(self) -> None:
        self._write_due()

    def run(self, call: Callable[[sqlite3.Connection], T]) -> Future[T]:
        answer: Future[T] = _Answer(self._write_due)
        answer.set_running_or_notify_cancel()
        with self._lock:
            if self._is_closed:
                raise RuntimeError("the outbox is closed")
            self._calls.put(stored._Call(call, answer))
        if not self._is_due:
            self._is_due = True
            self.loop.call_later(self.dice.uniform(0.001, 0.05), self._write_due)
        return answer

    def _write_due(self) -> None:
        self._is_due = False
        if self.is_left:
            return
        group: list[stored._Call] = []
        while not self._calls.empty():
            if (call := self._calls.get()) is not None:
                group.append(call)
        if group:
            self.crash("outbox before commit")
            # between the commit and the first who hears of it the machine may die
            self._write([stored._Call(_nothing, _Dying(self.crash)), *group])


def _nothing(db: sqlite3.Connection) -> None:
    pass


class _Dying(Future[Any]):
    def __init__(self, crash: CrashPoint) -> None:
        super().__init__()
        self._crash = crash

    def set_result(self, result: Any) -> None:
        self._crash("outbox after commit")


class StepCache(Cache):
    """The copy, which dies around a page."""

    crash: CrashPoint = staticmethod(lambda where: None)

    def apply_page(self, page: ChangePage) -> frozenset[str]:
        self.crash("cache before commit")
        topics = super().apply_page(page)
        self.crash("cache after commit")
        return topics


class _Watched(Cache):
    """The copy with whom to tell of a stop that was just heard, and of a page that was just applied; in front of
    whatever bug the copy may have."""

    hears: Callable[[Urgent], None] = staticmethod(lambda urgent: None)
    paged: Callable[[], None] = staticmethod(lambda: None)

    def heard(self, urgent: Urgent) -> frozenset[str]:
        topics = super().heard(urgent)
        self.hears(urgent)
        return topics

    def apply_page(self, page: ChangePage) -> frozenset[str]:
        topics = super().apply_page(page)
        self.paged()
        return topics


class SmallPages(HubClient):
    """A copy that catches up in many steps, as a big one does. ``page`` says how many rows one has now."""

    def __init__(self, page: Callable[[], int], *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self._page = page

    async def changes(self, after: int, epoch: str, limit: int, wait_s: int = 0) -> bytes:
        return await super().changes(after, epoch, min(limit, self._page()), wait_s)


class SimPrinter:
    """A slip printer: ``trouble`` is a jam. What came out lies in ``papers``."""

    def __init__(self, dice: random.Random, starts: Callable[[PrintJob], None]) -> None:
        self._dice, self._starts = dice, starts
        self.trouble: PrinterState | None = None
        self.papers: list[PrintJob] = []
        self.crash: CrashPoint = lambda where: None

    async def status(self) -> PrinterStatus:
        await asyncio.sleep(self._dice.uniform(0.005, 0.05))
        return PrinterStatus(self.trouble or PrinterState.ready)

    async def send(self, data: bytes, may_begin: MayBegin = lambda: True) -> SendResult:
        before = await self.status()
        if not before.can_print:
            return SendResult("not_started", before, before.state)
        if not may_begin():
            return SendResult("held_back", before)
        job = msgspec.json.decode(data, type=PrintJob)
        self._starts(job)
        self.crash("printing")
        await asyncio.sleep(self._dice.uniform(0.1, 0.8))
        if self.trouble is not None:  # it jammed under way: nobody knows what is on the paper
            return SendResult("unsure", await self.status(), "stopped")
        self.papers.append(job)
        if self._dice.random() < 0.05:
            return SendResult("unsure", PrinterStatus(PrinterState.unknown), "silent")
        return SendResult("printed", PrinterStatus(PrinterState.ready))


async def _drawn(job: PrintJob, order: Order) -> bytes:
    return msgspec.json.encode(job)


async def _no_pairing(hub_url: str, code: str, name: str, lang: str) -> Joined:
    raise AssertionError("stations of this world are paired from the start")


def make_files(folder: Path) -> None:
    """Files as a station has them after its first start; each station of a seed begins with a copy."""
    folder.mkdir(parents=True)
    Cache(folder / "cache.sqlite").close()
    Outbox(folder / "outbox.sqlite").close()


class Parts:
    """Which classes a station is made of; a known bug replaces one."""

    cache: type[StepCache] = StepCache
    outbox: type[StepOutbox] = StepOutbox

    @staticmethod
    def joined(link: HubLink) -> None:
        """The engines of a link that was just made."""

    @staticmethod
    def started(core: StationCore) -> None:
        """A core that was just made."""


class SimStation:
    """One station: on, off, killed, its disk full, its clock wrong."""

    def __init__(
        self,
        loop: SimLoop,
        folder: Path,
        template: Path,
        who: tuple[str, StationKind, str, str],
        line: Line,
        dice: random.Random,
        parts: type[Parts] = Parts,
    ) -> None:
        self.loop, self.folder, self.line, self.dice, self._parts = loop, folder, line, dice, parts
        self.name, self.kind, self.station_id, self._token = who
        self.clock = SimClock(loop)
        self.new_id = SimIds(self.name)
        self.lives = 0
        self.process: Process | None = None
        self.core: StationCore
        self.spooler: Spooler
        self.dies_at = ""
        self.died: Callable[[str], None] = lambda where: None
        self.said: Callable[[Outcome], None] = lambda outcome: None
        self.changed: Callable[[frozenset[str]], None] = lambda topics: None
        self.stepped: Callable[[str], None] = lambda engine: None
        self.printer = SimPrinter(dice, lambda job: self.prints(job))
        self.printer.crash = self._crash_point
        self.prints: Callable[[PrintJob], None] = lambda job: None
        self.hears: Callable[[Urgent], None] = lambda urgent: None
        self.paged: Callable[[], None] = lambda: None
        #: Rows of one page at most.
        self.page = 1000
        self.is_disk_full = False
        #: Its copy is damaged when it starts again.
        self.loses_copy = False
        self._left: tuple[StationCore, tuple[bytes, bytes] | None] | None = None
        shutil.copytree(template, folder)
        #: The outbox, for those who watch.
        self.kept = Look(folder / "outbox.sqlite")
        keepsake.write(
            folder,
            Identity(
                hub_url=_HUB_URL,
                station_id=self.station_id,
                name=self.name,
                kind=self.kind,
                warehouse="main",
                token=self._token,
            ),
        )

    @property
    def is_on(self) -> bool:
        return self.process is not None and self.process.is_alive

    # ------------------------------------------------------------------------------------ its life

    def start(self) -> None:
        self.tidy()
        if self.loses_copy:
            self.loses_copy = False
            (self.folder / "cache.sqlite").write_bytes(b"no database at all" * 900)
        self.lives += 1
        self.process = Process(self.loop, self.name, self.dice)
        self.process.run(self._start)

    def _start(self) -> None:
        assert self.process is not None
        near = {"loop": self.loop, "dice": self.dice, "crash": staticmethod(self._crash_point)}
        told = {
            "hears": staticmethod(lambda urgent: self.hears(urgent)),
            "paged": staticmethod(lambda: self.paged()),
        }
        cache_of = type("cache", (_Watched, self._parts.cache), near | told)
        outbox_of = type("outbox", (self._parts.outbox,), near)
        self.core = core = StationCore(
            self.folder,
            kind=self.kind,
            connect=self._connect,
            pair=_no_pairing,
            clock=self.clock,
            new_id=self.new_id,
            dice=self.dice.random,
            cache_of=cache_of,
            outbox_of=outbox_of,
        )
        self._parts.started(core)
        core.on_outcome(lambda outcome: self.said(outcome))
        core.on_changed(lambda topics: self.changed(topics))
        for engine in core.engines():
            self.process.spawn(self._steps(engine))
        if self.kind == "packing":
            work = core.print_work(_drawn)
            self.spooler = Spooler("slip", self.printer, core.outbox, work, self.clock)
            self.process.spawn(self._prints())

    def _connect(self, hub_url: str, token: str, parts: LinkParts, ca_pem: str = "") -> HubLink:
        http = httpx.AsyncClient(
            transport=Transport(self.line), headers={"accept-encoding": "identity"}, timeout=(4, 20, 10, 10)
        )
        link = HubLink(SmallPages(lambda: self.page, hub_url, token, lang=parts.lang, http=http), parts)
        self._parts.joined(link)
        return link

    async def _steps(self, engine: Engine) -> None:
        """As the program's own loop: called again when due, or when woken."""
        woken = asyncio.Event()

        def wake() -> None:
            self.loop.call_soon(woken.set)

        engine.on_wake(wake)
        while True:
            woken.clear()
            self.stepped(engine.name)
            began, at = self.clock.now(), self.loop.time()
            due = await engine.step(began)
            wait = max(0.001, seconds_until(due, began, self.loop.time() - at, self.clock.now()))
            try:
                async with asyncio.timeout(wait):
                    await woken.wait()
            except TimeoutError:
                pass

    async def _prints(self) -> None:
        while True:
            self.stepped("printer")
            began, at = self.clock.now(), self.loop.time()
            try:
                due = await self.spooler.step(began)
            except DiskFull:  # the program's own loop says it in a sentence and comes again
                if not self.is_disk_full:
                    raise
                due = began + timedelta(seconds=1)
            if not self.core.outbox.jobs("slip", {"waiting", "checking_device", "sending"}):  # type: ignore[arg-type]
                due += timedelta(seconds=2)  # nobody waits: a look now and then is enough here
            wait = seconds_until(due, began, self.loop.time() - at, self.clock.now())
            await asyncio.sleep(max(0.01, wait))

    def _crash_point(self, where: str) -> None:
        if self.dies_at == where:
            self.dies_at = ""
            self.kill()
            self.died(where)
            raise Killed(where)

    def kill(self, *, power: bool = False) -> None:
        """``kill -9``, or the power fails: then the copy may lose its last pages (it is written with NORMAL)."""
        assert self.process is not None
        self.process.kill()
        if self.line.mode != "half":
            self.line.break_calls()
        core = self.core
        kept = self._wal_after_power_failure() if power else None
        self._left = (core, kept)
        self.loop.call_soon(self.tidy, context=OUTSIDE)

    def tidy(self) -> None:
        """The dead process's files are closed; nothing more is written."""
        left, self._left = self._left, None
        if left is not None:
            self._let_go(*left)

    def _wal_after_power_failure(self) -> tuple[bytes, bytes] | None:
        """What is on the platter: the database, and a beginning of the log."""
        path = self.core.cache._file.path
        wal = path.with_name(path.name + "-wal")
        if not wal.exists():
            return None
        log = wal.read_bytes()
        index = path.with_name(path.name + "-shm").read_bytes()
        moved = int.from_bytes(
            index[96:100], sys.byteorder
        )  # frames already in the database: synced before that
        least = min(len(log), 32 + moved * (24 + _PAGE))
        return path.read_bytes(), log[: self.dice.randrange(least, len(log) + 1)]

    def _let_go(self, core: StationCore, kept: tuple[bytes, bytes] | None) -> None:
        outbox, cache = core.outbox, core.cache
        assert isinstance(outbox, StepOutbox)
        outbox.is_left = True
        files = [cache._file, *([cache._filling] if cache._filling else [])]
        for link in (outbox._link, outbox._reads):
            link.close()
        for file in files:
            file.close()
        if kept is not None:
            path = self.folder / "cache.sqlite"
            for suffix in ("-wal", "-shm"):
                path.with_name(path.name + suffix).unlink(missing_ok=True)
            path.write_bytes(kept[0])
            path.with_name(path.name + "-wal").write_bytes(kept[1])

    # -------------------------------------------------------------------------------------- its disk

    def fill_disk(self) -> None:
        """From now on neither file can grow."""
        self.is_disk_full = True
        self.process and self.process.run(self._limit, 1)

    def free_disk(self) -> None:
        self.is_disk_full = False
        if self.is_on:
            assert self.process is not None
            self.process.run(self._limit, 1_000_000)

    def _limit(self, pages: int) -> None:
        for db in self._dbs():
            count = db.execute("PRAGMA page_count").fetchone()[0]
            db.execute(f"PRAGMA max_page_count = {max(count, pages)}").fetchall()

    def _dbs(self) -> list[sqlite3.Connection]:
        cache = self.core.cache
        files = [cache._file, *([cache._filling] if cache._filling else [])]
        return [self.core.outbox._link.db, *(file._writer.db for file in files if file._writer)]
