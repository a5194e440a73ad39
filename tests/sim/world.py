"""One world from one seed: made, run, healed and judged. The same seed gives the same trace."""

from __future__ import annotations

import asyncio
import gc
import hashlib
import random
import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from app.core.acts import Act
from app.wire import ChangePage
from hub.orders.results import Committed, View
from tests.sim import watch
from tests.sim.faults import Faults
from tests.sim.floor import Boss, Floor, Packer, Rep
from tests.sim.hub import SimHub, StepWriter, Template, make_template
from tests.sim.looks import Broken
from tests.sim.loop import Killed, Process, SimClock, SimLoop
from tests.sim.shop import Platform
from tests.sim.size import WHOLE, Size
from tests.sim.station import Parts, SimStation, make_files
from tests.sim.watch import Watch
from tests.sim.wire import Line, Weather

#: So long everybody has to agree once everything is well again (seconds of the world).
HEALS_WITHIN_S = 240.0
_SCOPES = {"packing": "packing", "service": "service"}


@dataclass(frozen=True)
class Bug:
    """A known fault, put back through the world's own wiring."""

    name: str
    parts: type[Parts] = Parts
    writer: type[StepWriter] = StepWriter
    prepare: Callable[[sqlite3.Connection], None] = lambda db: None
    #: The only faults of worlds that look for it, where it shows itself in few others.
    faults: tuple[str, ...] = ()


NONE = Bug("none")


@dataclass
class Result:
    """How a run ended. ``broken`` is empty when every promise was kept; ``steps`` counts what anybody did."""

    seed: int
    broken: str = ""
    steps: int = 0
    seconds: float = 0.0
    digest: str = ""
    trace: list[str] = field(default_factory=list)


@cache
def _templates() -> tuple[Template, Path, Path]:
    root = Path(tempfile.mkdtemp(prefix="orderdock-sim-", dir=_fast()))
    make_files(root / "station")
    return make_template(root / "hub"), root / "station", root


def tidy() -> None:
    """Removes what this process has left on the disk."""
    if _templates.cache_info().currsize:
        shutil.rmtree(_templates()[2], ignore_errors=True)
        _templates.cache_clear()


def _fast() -> str | None:
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


def run(seed: int, bug: Bug = NONE, faults: tuple[str, ...] = (), size: Size = WHOLE) -> Result:
    """Runs one world to its end; ``faults`` are the only ones it knows, where given."""
    template, files, root = _templates()
    folder = Path(tempfile.mkdtemp(prefix=f"{seed}-", dir=root))
    was_on = gc.isenabled()
    gc.disable()  # a collection would run what killed processes left half done
    world = World(seed, folder, template, files, bug, faults, size)
    try:
        return world.run()
    finally:
        world.end()
        shutil.rmtree(folder, ignore_errors=True)
        if was_on:
            gc.enable()


class World:
    """See the module's text."""

    def __init__(
        self,
        seed: int,
        folder: Path,
        template: Template,
        files: Path,
        bug: Bug,
        only: tuple[str, ...] = (),
        size: Size = WHOLE,
    ) -> None:
        self.seed, self.size, self.loop = seed, size, SimLoop()
        self._dice = self._throws("world")
        self.floor, self.watch = Floor(), Watch(self)
        self.trace: list[str] = []
        self.steps = 0
        self.clock = SimClock(self.loop)
        mood = self._throws("mood")
        writer = type("writer", (bug.writer,), {"lease_s": mood.choice((3600, 3600, 75, 120))})
        self.hub = SimHub(
            self.loop,
            template,
            folder / "hub",
            self._throws("hub"),
            lambda name: self.platform.folder(name),
            writer,
            bug.prepare,
            poll_s=size.poll_s,
        )
        street = Process(self.loop, "platform", self._throws("street"))
        platform_line = Line(self.loop, "platform", self.hub, self._throws("p-line"), Weather(mood))
        self.platform = Platform(street, platform_line, self._throws("platform"))
        there = template.stations if mood.random() < size.with_boss else template.stations[:-1]
        self.stations = [self._station(folder / who[0], files, who, Weather(mood), bug) for who in there]
        self.lines = [platform_line, *(station.line for station in self.stations)]
        self.packers = [
            Packer(s, self.floor, self._throws(f"{s.name}-packer"))
            for s in self.stations
            if s.kind == "packing"
        ]
        self.rep = Rep(self.stations[2], self._throws("rep"))
        self._boss = Boss(self.stations[-1], self.floor, self._throws("boss"))
        for packer in self.packers:
            packer.heard = self._heard
        self._join()
        self._faults = Faults(self, self._dice, folder / "backup.db").mood(mood, only or bug.faults)
        self._length = mood.choice(size.acts)
        self._fault_share = mood.choice(size.fault_share)
        for station in self.stations:
            station.page = mood.choice((1000, 1000, 2, 15))
        self._repairs: list[asyncio.Task[None]] = []
        self._packed: dict[str, tuple[int, dict[str, Act]]] = {}

    def _throws(self, name: str) -> random.Random:
        return random.Random(f"{self.seed}/{name}")

    def _station(self, folder: Path, files: Path, who: Any, weather: Weather, bug: Bug) -> SimStation:
        line = Line(self.loop, who[0], self.hub, self._throws(f"{who[0]}-line"), weather)
        station = SimStation(self.loop, folder, files, who, line, self._throws(who[0]), bug.parts)
        line.leaving = lambda path, body: self._leaves(station, path, body)
        station.hears = lambda urgent: self._judged(lambda: self.watch.hears(station, urgent))
        station.paged = lambda: self._judged(lambda: self.watch.paged(station))
        line.came = lambda path, body, status, answer: self.watch.answered(
            station, path, body, status, answer
        )
        station.stepped = lambda engine: self._stepped()
        station.said = lambda outcome: self.floor.heard(station, outcome, self.clock.now())
        station.changed = lambda topics: self._changed(station, topics)
        station.prints = lambda job: self._judged(lambda: self.watch.prints(station, job))
        station.died = lambda where: self.station_died(station, where)
        return station

    def _join(self) -> None:
        self.hub.died = self.hub_died
        self.hub.committed = self._committed

    # ---------------------------------------------------------------------------------- being told

    def note(self, what: str) -> None:
        self.trace.append(f"{self.loop.time():.6f} {what}")

    def _stepped(self) -> None:
        self.steps += 1

    def _judged(self, look: Callable[[], None]) -> None:
        """A watcher inside somebody's work: what is broken ends the run, not the work."""
        try:
            look()
        except Broken as broken:
            self.loop.failures.append(broken)

    def _changed(self, station: SimStation, topics: frozenset[str]) -> None:
        if "order" in topics and self.hub.is_up and station.is_on:
            self._judged(lambda: self.watch.changed(station))

    def _committed(self, committed: Committed) -> None:
        self.note(f"commit {committed.seq_from}-{committed.seq_to}")
        self._judged(lambda: self.watch.told(committed.seq_to))

    def _leaves(self, station: SimStation, path: str, body: bytes) -> None:
        self.steps += 1
        self._judged(lambda: self.watch.leaves(station, path, body))

    def _heard(self, station: SimStation, outcome: Any) -> None:
        self.note(f"{station.name} {outcome.done} {outcome.result} {outcome.parcel_no}")
        self._judged(lambda: self.watch.done(station, outcome))

    def station_died(self, station: SimStation, where: str) -> None:
        self.note(f"{station.name} dies: {where}")
        self.later(self._dice.uniform(0.5, 15.0), lambda: self.start(station))

    def hub_died(self, where: str) -> None:
        self.note(f"hub dies: {where}")
        for line in self.lines:
            if line.mode != "half":
                line.other_end_died()
        self.later(self._dice.uniform(0.2, 12.0), self.start_hub)

    # -------------------------------------------------------------------------------------- faults

    def later(self, seconds: float, do: Callable[[], None]) -> None:
        """So much later, unless everything has been made well by then."""

        async def wait() -> None:
            await asyncio.sleep(seconds)
            do()

        self._repairs.append(self.loop.create_task(wait()))

    def start(self, station: SimStation) -> None:
        if not station.is_on:
            self.watch.restarted(station)
            station.start()
            self.note(f"{station.name} starts")
            if station.is_disk_full:
                station.fill_disk()

    def start_hub(self) -> None:
        if not self.hub.is_up:
            self.hub.start()
            self.note("hub starts")

    # ----------------------------------------------------------------------------------------- life

    def run(self) -> Result:
        broken = ""
        try:
            self.loop.run_until_complete(self._life())
        except (Broken, Killed) as error:
            broken = str(error) or "killed"
        except Exception as error:  # noqa: BLE001 - a fault of the product ends the run and is told
            broken = f"{type(error).__name__}: {error}"
            self.error = error
        text = "\n".join(self.trace)
        digest = hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
        return Result(self.seed, broken, self.steps, self.loop.time(), digest, self.trace)

    async def _life(self) -> None:
        if self.size.name:
            self.note(f"a {self.size.name} world")
        self.hub.start()
        for station in self.stations:
            station.start()
        for _ in range(self.size.sold):
            self.platform.sell()
        await asyncio.sleep(1.0)
        for _ in range(self._length):
            await asyncio.sleep(self._pause())
            self._act()
            self._look()
        self._heal()
        await self._until_all_agree()
        self.watch.after()

    def _pause(self) -> float:
        throw = self._dice.random()
        return self._dice.uniform(8.0, 40.0) if throw < self.size.lulls else self._dice.expovariate(2.0)

    def _look(self) -> None:
        self.steps += 1
        if self.loop.failures:
            raise self.loop.failures[0]
        self.watch.step()

    def _act(self) -> None:
        throw = self._dice.random()
        if self._faults and throw < self._fault_share:
            fault = self._dice.choice(self._faults)
            self.note(f"fault {fault.__name__}")
            fault()
            return
        throw = self._dice.random()
        if throw < 0.13:
            self.note(self._on_the_platform())
        elif throw < 0.22:
            self.by("rep", self.rep)
        elif throw < 0.29 and self._boss.station.kind == "supervisor":
            self.by("boss", self._boss)
        else:
            packer = self._dice.choice(self.packers)
            self.by(packer.station.name, packer)

    def by(self, name: str, who: Packer | Rep | Boss) -> None:
        station = who.station
        if not station.is_on:
            self.note(f"{name} waits")
            return
        assert station.process is not None
        self.note(f"{name} {station.process.run(who.act)}")

    def _on_the_platform(self) -> str:
        dice, platform = self._dice, self.platform
        sales = [sale for sale in platform.sales.values() if sale.state == "paid"]
        throw = dice.random()
        if throw < 0.4 or not sales:
            return f"sold {platform.sell().no}"
        sale = dice.choice(sales)
        if sale.refund == "asked" and throw < 0.6:
            platform.move(sale)  # also who wants the money back still moves
            return f"moved {sale.no}"
        if sale.refund == "asked":
            platform.end_refund(sale, paid_back=throw < 0.85)
            return f"refund over {sale.no}"
        if throw < 0.65:
            platform.cancel(sale)
            return f"platform cancels {sale.no}"
        if throw < 0.9:
            platform.ask_refund(sale)
            return f"refund asked {sale.no}"
        platform.move(sale)
        return f"moved {sale.no}"

    # ------------------------------------------------------------------------------------- healing

    def _heal(self) -> None:
        self.note("heals")
        for task in self._repairs:
            task.cancel()
        self.hub.dies_at = ""
        self.platform.is_busy, self.platform.forgets = False, 0.0
        for line in self.lines:
            line.weather.calm()
            line.heal()
        self.start_hub()
        for station in self.stations:
            station.dies_at = ""
            station.printer.trouble = None
            station.free_disk()
            self.start(station)

    async def _until_all_agree(self) -> None:
        await asyncio.sleep(self.size.settles_s)  # the line's next poll brings in what no push has told
        end, why = self.loop.time() + HEALS_WITHIN_S, ""
        while self.loop.time() < end:
            self._look()
            why = next(
                (f"{s.name} {d}" for s in self.stations if (d := self.watch.differs(s))), self._hub_waits()
            )
            if not why:
                self.note("all agree")
                return
            await asyncio.sleep(2.0)
        raise Broken(f"P5: {HEALS_WITHIN_S:.0f} s after everything was well again: {why}")

    def _hub_waits(self) -> str:
        orders = self.hub.look.rows("SELECT count(*) FROM orders")[0][0]
        return "" if orders >= len(self.platform.sales) else f"the hub has {orders} orders"

    # ------------------------------------------------------------------------- what watchers look at

    def packed_at(self, station: SimStation) -> list[Act]:
        """Every count this station has made and the hub has not refused, on disk or about to be."""
        version = station.kept.version()
        if self._packed.get(station.name, (-1, {}))[0] != version:
            self._packed[station.name] = version, {act.act_id: act for act in watch.acts_in(station.kept)}
        kept = self._packed[station.name][1]
        if station.is_on:
            waiting = [
                p.act
                for no in station.core.outbox.pending_orders()
                for p in station.core.outbox.pending_of(no)
            ]
            kept = kept | {
                act.act_id: act for act in waiting if act.kind in watch.COUNTS and act.act_id not in kept
            }
        return list(kept.values())

    def clashed_at(self, station: SimStation) -> set[str]:
        """Parcels of which the hub has taken something from this station that it would have refused."""
        return watch.clashed_in(station.kept)

    def fresh_copy(self, station: SimStation) -> dict[tuple[str, str], Any]:
        """What a first load would give this station now."""
        scope: Any = _SCOPES.get(station.kind, "all")
        view, after, found = View(scope=scope, warehouse="main", mask=self._mask(station)), 0, {}
        while True:
            page = self.hub.doors.orders.feed.page(view, after, 1000)
            for change in msgspec.json.decode(page.body, type=ChangePage).changes:
                if not change.gone:
                    found[(change.kind, change.key)] = (change.seq, msgspec.json.decode(change.body))
            if page.next >= page.head:
                return found
            after = page.next

    def _mask(self, station: SimStation) -> str:
        from hub.auth import rights

        return rights.mask_of(None, station.kind)

    def copy_of(self, station: SimStation) -> dict[tuple[str, str], Any]:
        def look(db: sqlite3.Connection) -> dict[tuple[str, str], Any]:
            found = {}
            for kind, query in _COPY.items():
                for row in db.execute(query):
                    found[(row[0] if kind == "thing" else kind, str(row[1]))] = (
                        row[2],
                        msgspec.json.decode(row[3]),
                    )
            return found

        return station.core.cache.read(look)

    def end(self) -> None:
        for station in self.stations:
            if station.is_on:
                station.kill()
            station.tidy()
            station.kept.close()
        if self.hub.is_up:
            self.hub.kill()
        self.hub.tidy()
        self.hub.look.close()
        self.loop.end()


_COPY = {
    "order": "SELECT 'order', order_no, seq, body FROM \"order\"",
    "history": "SELECT 'history', id, seq, body FROM history",
    "track": "SELECT 'track', parcel_no, seq, body FROM track",
    "thing": "SELECT kind, key, seq, body FROM thing",
}
