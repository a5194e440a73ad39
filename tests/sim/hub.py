"""The hub in the world: the real doors, writer and database, started, killed and put back as an operator would.

A template folder is made once per process (migrated, stations paired, goods known); each seed works on a copy.
"""

from __future__ import annotations

import asyncio
import random
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import msgspec
from sqlalchemy import Connection, Engine, event

from app.core.order import Item, ItemBarcode
from app.core.waybills import PoolNumber
from app.ports import Clock, NewId
from app.wire import StationKind
from hub import config, keys
from hub.api.context import Doors
from hub.api.front import Front
from hub.api.surface import surface
from hub.atwork import STATIONS_FIRST
from hub.auth import pairing
from hub.auth.people import Passwords
from hub.backups.restore import new_life
from hub.config import Settings
from hub.connectors.line.line import Line as ShopLine
from hub.connectors.line.shops import Folder
from hub.db import tables as t
from hub.db.engine import WRITE, make_engine, open_database
from hub.jobs import OrderClock
from hub.main import open_doors
from hub.orders.restored import AnnounceJob
from hub.orders.results import Committed, Sealer
from hub.orders.settings import LineSettings
from hub.orders.transactions import Transactions
from hub.orders.writer import Writer
from hub.vault import Vault
from tests.sim.looks import Look
from tests.sim.loop import OUTSIDE, Killed, Process, SimClock, SimIds, SimLoop
from tests.sim.wire import Call

SHOP = "shop-1"
TOML = f'[[shop]]\nid = "{SHOP}"\nconnector = "rehearsal"\nbase_url = "http://platform"\npoll_s = 10\n'
GOODS = tuple(
    Item(sku_code=f"SKU-{n}", title=f"商品 {n}", barcodes=(ItemBarcode(code=f"69000000000{n}"),))
    for n in range(1, 5)
)
#: Name, kind.
STATIONS: tuple[tuple[str, StationKind], ...] = (
    ("bench-1", "packing"),
    ("bench-2", "packing"),
    ("rep", "service"),
    ("boss", "supervisor"),
)
_TICK_S, _HEARTBEAT_S, _LIVE_S, _LINE_S = 0.1, 5.0, 11.0, 2.5


class StepWriter(Writer):
    """The one writer without a thread of its own. ``crash`` is asked after each commit, before anybody hears."""

    crash: Callable[[str], None] = staticmethod(lambda where: None)
    #: What writes its groups, for those who put a known bug back.
    transactions: type[Transactions] = Transactions
    lease_s = 3600

    def __init__(
        self, engine: Engine, clock: Clock, new_id: NewId, vault: Sealer, settings: LineSettings
    ) -> None:
        shorter = replace(settings, lease_s=self.lease_s)
        super().__init__(engine, clock, new_id, vault, shorter, threaded=False, waits=())
        self._transactions.__class__ = self.transactions

    def _deliver(self, group: Any, answers: Any, committed: Committed | None) -> None:
        self.crash("hub after commit")
        super()._deliver(group, answers, committed)


class NoPasswords(Passwords):
    """Nobody signs on by password in this world: argon2 alone would take longer than a run."""

    def __init__(self) -> None:
        pass

    def close(self) -> None:
        pass


@dataclass(frozen=True)
class Template:
    """A hub folder as it lies on disk, its key, and the stations paired with it: name, kind, id, token."""

    folder: Path
    vault: Vault
    stations: tuple[tuple[str, StationKind, str, str], ...]

    settings: Settings
    #: Statements are compiled once for all hubs that this process starts.
    engine: Engine


def make_template(folder: Path) -> Template:
    """Migrates, pairs and fills a hub as a person would, in a little world of its own."""
    folder.mkdir(parents=True)
    loop = SimLoop()
    clock, new_id = SimClock(loop), SimIds("setup")
    settings = config.parse(TOML, Path("hub.toml"), folder, {})
    engine = open_database(settings.db_url, folder, new_id)
    vault = keys.open_vault(folder, None, None).vault
    doors = _doors(settings, clock, new_id, engine, vault, lambda _name: None, StepWriter)
    writer = doors.orders.writer

    async def fill() -> tuple[tuple[str, StationKind, str, str], ...]:
        writer.start(asyncio.get_running_loop())
        stations = []
        for name, kind in STATIONS:
            token = f"token-of-{name}"
            await writer.run(pairing.add_code("ABCDEFGH", kind, "main", "admin"))
            paired = await writer.run(pairing.pair("ABCDEFGH", name, token))
            assert paired is not None
            stations.append((name, kind, paired.station_id, token))
            with engine.connect().execution_options(**WRITE) as conn, conn.begin():
                conn.execute(t.pairing_code.delete())
        await writer.items(GOODS)
        await writer.waybills([PoolNumber(waybill_no=f"SF{n:012d}", carrier="shunfeng") for n in range(300)])
        await writer.stop()
        return tuple(stations)

    stations = loop.run_until_complete(fill())
    engine.dispose()
    loop.end()
    return Template(folder, vault, stations, settings, engine)


def _doors(
    settings: Settings,
    clock: SimClock,
    new_id: SimIds,
    engine: Engine,
    vault: Vault,
    folders: Callable[[str], Folder | None],
    writer_of: type[Writer],
) -> Doors:
    return open_doors(
        settings,
        clock,
        new_id,
        engine,
        vault,
        sources={},
        folders=folders,
        http=lambda timeout_s: httpx.AsyncClient(transport=httpx.MockTransport(_nobody)),
        writer_of=writer_of,
        passwords=NoPasswords(),
    )


def _nobody(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("platforms speak through their folder here", request=request)


@cache
def _switch() -> tuple[Doors, Front]:
    """Making the router takes longer than a run: one is made, and turned to the doors of each hub in turn."""
    doors = object.__new__(Doors)
    return doors, surface(doors, _no_lifespan, "sim")


async def _no_lifespan(scope: Any, receive: Any, send: Any) -> None:
    raise AssertionError("this world starts its hub itself")


class SimHub:
    """One hub: up, killed, restarted, restored. ``folder`` is a copy of the template's."""

    def __init__(
        self,
        loop: SimLoop,
        template: Template,
        folder: Path,
        dice: random.Random,
        folders: Callable[[str], Folder | None],
        writer_of: type[StepWriter] = StepWriter,
        prepare: Callable[[sqlite3.Connection], None] = lambda db: None,
        *,
        poll_s: int,
    ) -> None:
        self.loop, self.folder, self._dice = loop, folder, dice
        self._template, self._folders, self._writer_of = template, folders, writer_of
        shutil.copytree(template.folder, folder)
        shops = tuple(msgspec.structs.replace(shop, poll_s=poll_s) for shop in template.settings.shops)
        self.settings = msgspec.structs.replace(template.settings, data_dir=folder, shops=shops)
        self.clock = SimClock(loop)
        self.new_id = SimIds("hub")
        self.path = folder / "orderdock.db"
        self.process: Process | None = None
        self.doors: Doors
        self.engine: Engine
        self.starts = 0
        self._left: tuple[Engine, Writer] | None = None
        #: Named points at which this hub dies the next time it comes by.
        self.dies_at = ""
        self.died: Callable[[str], None] = lambda where: None
        self.committed: Callable[[Committed], None] = lambda committed: None
        #: The database, for those who watch.
        self.look = Look(self.path)
        db = sqlite3.connect(self.path)
        prepare(db)
        db.close()

    @property
    def is_up(self) -> bool:
        return self.process is not None and self.process.is_alive

    # ------------------------------------------------------------------------------------ its life

    def start(self) -> None:
        self.tidy()
        self.starts += 1
        self.process = Process(self.loop, "hub", self._dice)
        self.process.run(self._start)

    def _start(self) -> None:
        assert self.process is not None
        self.engine = make_engine(self.settings.db_url, self.folder)
        compiled = self._template.engine
        self.engine.dialect, self.engine._compiled_cache = compiled.dialect, compiled._compiled_cache
        event.listen(self.engine, "commit", self._at_commit)
        self.doors = _doors(
            self.settings,
            self.clock,
            self.new_id,
            self.engine,
            self._template.vault,
            self._folders,
            self._writer_of,
        )
        writer, broadcast = self.doors.orders.writer, self.doors.out.broadcast
        assert isinstance(writer, StepWriter)
        writer.crash = self._crash_point
        shown, front = _switch()
        for name in ("world", "orders", "auth", "out", "tracks", "line"):
            object.__setattr__(shown, name, getattr(self.doors, name))
        self.front = front
        writer.start(self.loop)
        writer.subscribe(broadcast.committed)
        writer.subscribe(lambda committed: self.committed(committed))
        broadcast.look(self.doors.orders.feed.head())
        spawn = self.process.spawn
        spawn(self._every(_TICK_S, broadcast.tick))
        spawn(self._every(_HEARTBEAT_S, broadcast.beat))
        spawn(self._every(_LIVE_S, broadcast.drop_revoked))
        spawn(self._order_clock(OrderClock(writer)))
        if (line := self.doors.line) is not None:
            spawn(self._line(line, writer))

    async def _line(self, line: ShopLine, writer: Writer) -> None:
        """After a restore the stations come first, as in the hub's own program."""
        restored = await writer.restored(AnnounceJob())
        until = self.clock.now() + STATIONS_FIRST
        await line.start()
        while True:
            await asyncio.sleep(_LINE_S)
            if restored is not None and restored.is_locked and self.clock.now() < until:
                restored = self.doors.orders.feed.restored()
            else:
                await line.step(self.clock.now())

    async def _every(self, seconds: float, step: Callable[[], Any]) -> None:
        while True:
            await asyncio.sleep(seconds)
            await step()

    async def _order_clock(self, clock: OrderClock) -> None:
        while True:
            due = await clock.step(self.clock.now())
            await asyncio.sleep(max(0.05, (due - self.clock.now()).total_seconds()))

    def serve(self, call: Call) -> None:
        assert self.process is not None
        self.process.spawn(self.front(call.scope(), call.receive, call.send))

    def _at_commit(self, conn: Connection) -> None:
        if conn.get_execution_options().get("orderdock_write"):
            self._crash_point("hub before commit")

    def _crash_point(self, where: str) -> None:
        if self.dies_at == where:
            self.dies_at = ""
            self.kill()
            self.died(where)
            raise Killed(where)

    def kill(self) -> None:
        """``kill -9``: what is committed stays."""
        assert self.process is not None
        self.process.kill()
        self._left = (self.engine, self.doors.orders.writer)
        self.loop.call_soon(self.tidy, context=OUTSIDE)

    def tidy(self) -> None:
        """The files of the dead process are closed, an open transaction rolled back."""
        left, self._left = self._left, None
        if left is not None:
            self._let_go(*left)

    def _let_go(self, engine: Engine, writer: Writer) -> None:
        writer._transactions.let_go()
        engine.dispose()

    # -------------------------------------------------------------------------------------- backup

    def backup(self, to: Path) -> None:
        source, target = sqlite3.connect(self.path), sqlite3.connect(to)
        source.backup(target)
        source.close()
        target.execute("PRAGMA journal_mode = DELETE")
        target.close()

    def restore(self, backup: Path) -> None:
        """The hub is down. The backup takes the database's place and begins a new life, as `hub restore` does."""
        self.tidy()
        self.look.close()
        for suffix in ("", "-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
        shutil.copy(backup, self.path)
        new_life(self.settings, self.clock.now(), self.new_id)
