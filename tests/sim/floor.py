"""What is true on the floor, whatever any computer believes: where each box is, and what people do there.

A bench works only with what lies on it; a box leaves once, when its hand-over turned green; a box that somebody set
aside does not leave.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from app.core.order import GONE_STATES, Order, OrderState, Parcel
from app.core.qr import command_code, slip_code
from app.core.reasons import Reason
from app.station.outcome import Done, Light, Outcome
from tests.sim.hub import GOODS
from tests.sim.station import SimStation

_BARCODES = {item.sku_code: item.barcodes[0].code for item in GOODS}


@dataclass
class Box:
    """One closed box. ``bench`` is where it was closed."""

    parcel_no: str
    bench: str
    is_aside: bool = False
    left_at: datetime | None = None


@dataclass
class Floor:
    """Boxes by parcel number, and what was seen green: act ids by station."""

    boxes: dict[str, Box] = field(default_factory=dict)
    green: dict[str, set[str]] = field(default_factory=dict)
    #: Parcels whose goods a supervisor has taken away from a bench.
    seized: set[str] = field(default_factory=set)

    def here(self) -> list[Box]:
        """Boxes that could leave."""
        return [box for box in self.boxes.values() if box.left_at is None and not box.is_aside]

    def has_left(self, parcel_no: str) -> bool:
        box = self.boxes.get(parcel_no)
        return box is not None and box.left_at is not None

    def heard(self, station: SimStation, outcome: Outcome, now: datetime) -> None:
        """What a person does when the light changes."""
        if outcome.light is Light.green and outcome.is_ok and outcome.act_id:
            self.green.setdefault(station.name, set()).add(outcome.act_id)
            if outcome.done is Done.closed:
                no = outcome.parcel_no
                self.boxes.setdefault(no, Box(no, station.name, is_aside=no in self.seized))
            elif outcome.done is Done.handed_over and outcome.parcel_no in self.boxes:
                self.boxes[outcome.parcel_no].left_at = now

    def aside(self, parcel_no: str) -> None:
        box = self.boxes.get(parcel_no)
        if box is not None and box.left_at is None:
            box.is_aside = True


class Packer:
    """Who stands at a bench. Each :meth:`act` is one movement of the hand."""

    def __init__(self, station: SimStation, floor: Floor, dice: random.Random) -> None:
        self.station, self._floor, self._dice = station, floor, dice
        self.heard: Callable[[SimStation, Outcome], None] = lambda station, outcome: None

    def act(self) -> str:
        """What was done, in a word for the trace."""
        desk = self.station.core.packing
        view, now = desk.view(), self.station.clock.now()
        if view.alarm is not None and self._dice.random() < 0.7:
            return self._said(desk.ack_stop("key", now))
        if view.mode == "handover":
            return self._at_the_gate()
        if view.parcel is not None and view.parcel.parcel_no in self._floor.seized:
            return self._scan(command_code("ASIDE"))
        if view.order is None or view.parcel is None:
            return self._take_one()
        return self._pack(view.order, view.parcel)

    def _scan(self, code: str) -> str:
        return self._said(self.station.core.packing.on_scan(code, self.station.clock.now(), False))

    def _said(self, outcome: Outcome) -> str:
        station = self.station
        self.heard(station, outcome)
        if outcome.follow is not None:
            assert station.process is not None
            station.process.spawn(self._follow(outcome))
        return f"{outcome.done} {outcome.result} {outcome.parcel_no}"

    async def _follow(self, outcome: Outcome) -> None:
        done = await self.station.core.packing.follow(outcome, self.station.clock.now())
        self._in_hand(done)
        self.heard(self.station, done)

    def _in_hand(self, outcome: Outcome) -> None:
        """A box that the screen calls stopped is put aside."""
        if outcome.result == Reason.frozen and outcome.parcel_no:
            self._floor.aside(outcome.parcel_no)

    # ------------------------------------------------------------------------------------- packing

    def _take_one(self) -> str:
        desk, dice, core = self.station.core.packing, self._dice, self.station.core
        throw = dice.random()
        if throw < 0.15 and self._floor.here():
            return self._scan(command_code("HANDOVER"))
        rows = [row for row in core.read.queue(6).rows if row.parcel_no not in self._floor.seized]
        if not rows:
            return "nothing to do"
        row = dice.choice(rows[: dice.choice((1, 2, 6))])
        if throw < 0.45:
            assert self.station.process is not None
            self.station.process.spawn(self._print(row.parcel_no))
            return f"print {row.parcel_no}"
        box = self._floor.boxes.get(row.parcel_no)
        if throw < 0.7 or box is not None:
            return self._said(desk.open_parcel(row.parcel_no, self.station.clock.now()))
        return self._slip(row.parcel_no)

    async def _print(self, parcel_no: str) -> None:
        reason = self._dice.choice(("", "", "torn"))
        await self.station.core.packing.print_slips([parcel_no], self.station.clock.now(), reason)

    def _slip(self, parcel_no: str) -> str:
        outcome = self.station.core.packing.on_scan(slip_code(parcel_no, 1), self.station.clock.now(), False)
        self._in_hand(outcome)
        return self._said(outcome)

    def _pack(self, order: Order, parcel: Parcel) -> str:
        dice, desk, now = self._dice, self.station.core.packing, self.station.clock.now()
        throw = dice.random()
        if throw < 0.03:
            return self._scan(command_code("ASIDE"))
        if throw < 0.06:
            return self._scan(command_code("UNDO"))
        if throw < 0.07:
            return self._said(desk.mark_abnormal("damaged", now))
        if throw < 0.11:
            return self._scan(_BARCODES[dice.choice(GOODS).sku_code])
        if parcel.is_complete:
            return self._scan(command_code("CLOSE"))
        open_lines = [line for line in parcel.lines if line.qty_packed < line.qty]
        line = order.line(dice.choice(open_lines).line_no)
        assert line is not None
        if throw < 0.18:
            return self._said(desk.count_by_hand(line.line_no, now))
        return self._scan(line.sku_code if throw < 0.5 else _BARCODES[line.sku_code])

    # ------------------------------------------------------------------------------------- the gate

    def _at_the_gate(self) -> str:
        here = self._floor.here()
        if not here or self._dice.random() < 0.2:
            return self._scan(command_code("PACKING"))
        return self._slip(self._dice.choice(here).parcel_no)


class Rep:
    """Who speaks with buyers: cancels, holds, lets go, hurries."""

    def __init__(self, station: SimStation, dice: random.Random) -> None:
        self.station, self._dice = station, dice

    def act(self) -> str:
        desk, dice, now = self.station.core.service, self._dice, self.station.clock.now()
        orders = [o for o in known(self.station) if o.order_state not in GONE_STATES]
        if not orders:
            return "nobody calls"
        order = dice.choice(orders)
        no, throw = order.order_no, dice.random()
        if throw < 0.45:
            work, what = desk.cancel(no, "buyer_request", "", now), "cancel"
        elif throw < 0.6:
            work, what = desk.hold(no, "manual", "?", now), "hold"
        elif throw < 0.7:
            work, what = desk.rush(no, dice.random() < 0.7, "", now), "rush"
        elif order.stops:
            work, what = desk.release(no, dice.choice(order.stops).stop_id, "ok", now), "release"
        else:
            work, what = desk.remark(no, f"note {dice.randrange(9)}", now), "remark"
        assert self.station.process is not None
        self.station.process.spawn(work)
        return f"{what} {no}"


class Boss:
    """The supervisor: sees to alarms, takes boxes in the hand, takes over from silent benches, lets go."""

    def __init__(self, station: SimStation, floor: Floor, dice: random.Random) -> None:
        self.station, self._floor, self._dice = station, floor, dice

    def act(self) -> str:
        desk, dice, now = self.station.core.supervisor, self._dice, self.station.clock.now()
        stops, throw = desk.stops(now), dice.random()
        assert self.station.process is not None
        if not stops:
            return "all quiet"
        view = dice.choice(stops)
        no = view.parcel_no
        if throw < 0.4 and view.stop.command != "cancel":
            self.station.process.spawn(desk.release(view.order_no, view.stop.stop_id, "ok", now))
            return f"release {no}"
        box = self._floor.boxes.get(no)
        if box is not None and box.left_at is None:
            box.is_aside = True
            self.station.process.spawn(desk.pulled(no, "in my hands", now))
            return f"pulled {no}"
        if box is None and throw > 0.8:
            self._floor.seized.add(no)
            self.station.process.spawn(desk.take_over(no, "the goods are with me", now))
            return f"takes over {no}"
        return "looks"


def known(station: SimStation) -> list[Order]:
    """Every order this station's copy holds, oldest first."""
    nos = station.core.cache.read(
        lambda db: [row[0] for row in db.execute('SELECT order_no FROM "order" ORDER BY order_no')]
    )
    found = [station.core.read.order(no) for no in nos]
    return [order for order in found if order is not None and order.order_state is not OrderState.new]
