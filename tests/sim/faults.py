"""What goes wrong in a world: each fault is one thing that happens, and mends itself some time later."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from app.core.printjob import PrinterState
from tests.sim.floor import known
from tests.sim.station import SimStation

if TYPE_CHECKING:
    from tests.sim.world import World

#: In this order the mood of a world is thrown: a new one goes to the end.
FAULTS = (
    "cut",
    "half_open",
    "kill_station",
    "kill_station_at",
    "kill_hub",
    "kill_hub_at",
    "skew",
    "full_disk",
    "jam",
    "busy_platform",
    "lose_copy",
    "kill_while_printing",
    "restore",
    "stop_in_catch_up",
)


class Faults:
    """The faults of one world. ``dice`` are the world's own; ``backup`` is where the hub's backup lies."""

    def __init__(self, world: World, dice: random.Random, backup: Path) -> None:
        self._world, self._dice, self._backup = world, dice, backup
        self._backed_up_at: float | None = None

    def mood(self, dice: random.Random, only: tuple[str, ...] = ()) -> list[Callable[[], None]]:
        """Which faults this world knows: few worlds know all, so that each gets its turn in peace.

        ``only`` names those it knows instead; all other throws stay as they were.
        """
        thrown = [name for name in FAULTS if dice.random() < 0.5]
        return [getattr(self, name) for name in only or thrown]

    def cut(self) -> None:
        line = self._dice.choice(self._world.lines)
        line.cut()
        self._world.later(self._dice.choice((0.5, 3.0, 14.0, 40.0)), line.heal)

    def half_open(self) -> None:
        line = self._dice.choice(self._world.lines)
        line.mode = "half"
        self._world.later(self._dice.choice((3.0, 14.0, 40.0)), line.heal)

    def kill_station(self) -> None:
        station = self._dice.choice(self._world.stations)
        if station.is_on:
            station.kill(power=self._dice.random() < 0.4)
            self._world.station_died(station, "here")

    def kill_station_at(self) -> None:
        where = self._dice.choice((
            "outbox before commit",
            "outbox before commit",
            "outbox after commit",
            "cache before commit",
            "cache after commit",
        ))
        station = self._dice.choice([*self._world.stations[:2], *self._world.stations])
        station.dies_at = where
        packer = next((packer for packer in self._world.packers if packer.station is station), None)
        if packer is not None:
            for _ in range(3):
                self._world.by(station.name, packer)  # a hand at work in that very moment

    def kill_while_printing(self) -> None:
        self._dice.choice(self._world.stations[:2]).dies_at = "printing"

    def stop_in_catch_up(self) -> None:
        """A bench loads its copy anew, or was away, and catches up row by row; meanwhile buyers of orders it already
        shows want out.

        The stream brings up a bench that is a little behind all at once: a lost copy is what makes it take its time.
        """
        world = self._world
        station = self._dice.choice(world.stations[:2])
        away, pages, late = self._dice.uniform(1.0, 8.0), station.page, station.line.weather.late
        if station.is_on and self._dice.random() < 0.7:
            station.kill()
            station.loses_copy = True
            world.later(away, lambda: world.start(station))
        else:
            station.line.cut()
            world.later(away, station.line.heal)
        station.page, station.line.weather.late = 1, 0.15
        for after in (0.5, 1.0, 2.0, 3.0, 4.0, 6.0):
            world.later(away + after + self._dice.random(), lambda: self._somebody_wants_out(station))

        def as_before() -> None:
            station.page, station.line.weather.late = pages, late

        world.later(away + 12.0, as_before)

    def _somebody_wants_out(self, station: SimStation) -> None:
        """Of an order that lies at this bench, where there is one."""
        sales = self._world.platform.sales
        held = {order.channel_order_no for order in known(station)} if station.is_on else set()
        free = [s for s in sales.values() if s.state == "paid" and s.refund == "none"]
        if free:
            self._world.platform.ask_refund(self._dice.choice([s for s in free if s.no in held] or free))

    def restore(self) -> None:
        """The hub's machine is lost: the backup of some steps before comes into its place, once in a world."""
        world = self._world
        if self._backed_up_at is None:
            self._backed_up_at = world.loop.time()
            world.hub.backup(self._backup)
        elif world.loop.time() > self._backed_up_at + 3.0 and not world.watch.restored and world.hub.is_up:
            world.hub.kill()
            world.hub_died("its machine is lost")
            world.hub.restore(self._backup)
            world.watch.begin_again()

    def kill_hub(self) -> None:
        if self._world.hub.is_up:
            self._world.hub.kill()
            self._world.hub_died("here")

    def kill_hub_at(self) -> None:
        """Around the next commit, which often is a rep's cancel: the one that must not be told too soon."""
        self._world.hub.dies_at = self._dice.choice(("hub before commit", "hub after commit"))
        if self._dice.random() < 0.7:
            self._world.by("rep", self._world.rep)

    def skew(self) -> None:
        station = self._dice.choice(self._world.stations)
        seconds = self._dice.choice((-3600.0, -90.0, -2.0, 0.0, 5.0, 90.0, 7200.0))
        station.clock.skew = timedelta(seconds=seconds)

    def full_disk(self) -> None:
        station = self._dice.choice(self._world.stations)
        if station.is_on:
            station.fill_disk()
            self._world.later(self._dice.uniform(1.0, 20.0), station.free_disk)

    def jam(self) -> None:
        station = self._dice.choice(self._world.stations[:2])
        station.printer.trouble = PrinterState.paper_out
        self._world.later(self._dice.uniform(0.5, 10.0), lambda: setattr(station.printer, "trouble", None))

    def busy_platform(self) -> None:
        platform = self._world.platform
        platform.is_busy = True
        self._world.later(self._dice.uniform(1.0, 30.0), lambda: setattr(platform, "is_busy", False))

    def lose_copy(self) -> None:
        station = self._dice.choice(self._world.stations)
        if station.is_on:
            station.kill()
            station.died("copy lost")
            station.loses_copy = True
