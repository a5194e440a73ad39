"""What lies on a bench, and what is said and written about it.

One box at a time. Whatever a desk does with it goes through :meth:`Worktop.do` (judged, recorded, shown) and every
word about it through :meth:`Worktop.said`: amber at once, green (or red) when the fact is on disk.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from app.core import freeze, lines
from app.core.acts import Act, ActKind, Body
from app.core.decide import Accepted, decide
from app.core.freeze import Rules
from app.core.order import Order, Parcel, ParcelLine
from app.core.reasons import Reason, Refused
from app.core.values import dataclass
from app.station.bench import Bench
from app.station.leasing import LeaseKeeper
from app.station.outcome import Light, Outcome, Sound, refusal
from app.store.leases import LeaseBook
from app.store.outbox import ScanRow
from app.store.readmodel import ReadModel
from app.store.surroundings import StoreTrouble

if TYPE_CHECKING:
    from concurrent.futures import Future


@dataclass(frozen=True, slots=True)
class Count:
    """One count that can be taken back. ``unit``: which piece it was, where its code told (a serial number)."""

    parcel_no: str
    line_no: int
    qty: int
    unit: str = ""


class Worktop:
    """The state that the thoughts of one packing desk share; ``lock`` is held while a scan is handled.

    ``opened``: order_no and parcel_no of the box on the bench. ``is_to_lease``: it lies here without a lease,
    which is asked for when the rest of it goes on.
    """

    def __init__(
        self,
        bench: Bench,
        read: ReadModel,
        leases: LeaseKeeper,
        book: LeaseBook,
        rules: Callable[[str], Rules],
    ) -> None:
        self.bench = bench
        self.read = read
        self.leases = leases
        self.book = book
        self.rules = rules
        self.lock = threading.RLock()
        self.listeners: list[Callable[[Outcome], None]] = []
        self.changed: Callable[[], None] = _nothing
        self.opened: tuple[str, str] | None = None
        self.counts: list[Count] = []
        self.is_to_lease = False
        self.last: Outcome | None = None
        self._last_lock = threading.Lock()
        self._writing: dict[str, Future[Any]] = {}

    # ---------------------------------------------------------------------------------- what lies here

    def open_parcel_no(self) -> str:
        """The parcel on the bench, or empty."""
        opened = self.opened
        return opened[1] if opened else ""

    def lying(self) -> tuple[Order | None, Parcel | None]:
        """The open box as it is known now; it may have left our scope while it lay here."""
        opened = self.opened
        order = self.read.order(opened[0]) if opened else None
        return order, (order.parcel(opened[1]) if order and opened else None)

    def found(self, parcel_no: str) -> tuple[Order | None, Parcel | None]:
        """Any box by its number."""
        order_no = self.read.parcel_order_no(parcel_no)
        order = self.read.order(order_no) if order_no else None
        return order, (order.parcel(parcel_no) if order else None)

    def on_bench(self, scan_id: str, code: str = "") -> tuple[Order, Parcel] | Outcome:
        """The open parcel if it may be worked on, else why not."""
        if self.opened is None:
            return refusal(scan_id, Refused(Reason.nothing_open, {"code": code}))
        order, parcel = self.lying()
        if order is None or parcel is None:
            self.leave()
            return refusal(scan_id, Refused(Reason.nothing_open, {"code": code}))
        if refused := freeze.blocks(order, parcel, self.bench.station_id):
            return self.no(scan_id, order, parcel, self.named(refused))
        return order, parcel

    def out_of(self, order: Order | None, parcel: Parcel) -> tuple[ParcelLine, ...]:
        """Own lines of the open box that have to come out of it first."""
        if order is None:
            return ()
        return tuple(pl for pl in lines.may_take_out(order, parcel) if pl.order_no == order.order_no)

    def leave(self) -> None:
        """Lets go of the parcel on the bench; its lease goes back once its acts are at the hub."""
        if self.opened is not None:
            parcel_no = self.opened[1]
            self.opened = None
            self.counts.clear()
            self.leases.give_back(parcel_no)
            self.changed()

    def lease_refused(self, parcel_no: str, refused: Refused) -> None:
        """The hub gave the opened parcel to somebody else: the bench lets go of it and says who has it.

        A stop that was quicker than the lease takes nothing away: the hand holds the box, and the stop, which is on
        its way here too, turns the bench red because it is open.
        """
        if refused.reason is Reason.frozen:
            return
        with self.lock:
            if self.opened is None or self.opened[1] != parcel_no:
                return
            order_no = self.opened[0]
            self.opened = None
            self.counts.clear()
        self.tell(refusal(self.bench.new_id(), self.named(refused), order_no=order_no, parcel_no=parcel_no))
        self.changed()

    # ---------------------------------------------------------------------------------- doing and saying

    def do(
        self,
        kind: ActKind,
        order: Order,
        parcel: Parcel,
        body: Body,
        outcome: Outcome,
        row: ScanRow | None,
        now: datetime,
    ) -> Outcome:
        """Judges, records and shows a fact: amber now, green when it is on disk."""
        act = self.bench.act(kind, order.order_no, now, parcel.parcel_no, body)
        verdict = decide(order, act, self.bench.actor(), now, self.rules(order.warehouse))
        if not isinstance(verdict, Accepted):
            return self.no(outcome.scan_id, order, parcel, verdict)
        outcome = self.about(replace(outcome, light=Light.amber, act_id=act.act_id), order, parcel)
        self._record(act, outcome, row)
        return outcome

    def _record(self, act: Act, outcome: Outcome, row: ScanRow | None) -> None:
        kept = (
            replace(row, order_no=act.order_no, parcel_no=act.parcel_no or "", act_id=act.act_id)
            if row
            else None
        )
        self._writing[outcome.scan_id] = self.bench.record(act, scan=kept)

    def about(self, outcome: Outcome, order: Order, parcel: Parcel) -> Outcome:
        """The outcome with the numbers of the box it speaks of."""
        known = {"order_no": order.order_no, "parcel_no": parcel.parcel_no}
        return replace(
            outcome, order_no=order.order_no, parcel_no=parcel.parcel_no, params=known | outcome.params
        )

    def no(self, scan_id: str, order: Order, parcel: Parcel, refused: Refused) -> Outcome:
        """A refusal that names its box."""
        return refusal(scan_id, refused, order_no=order.order_no, parcel_no=parcel.parcel_no)

    def named(self, refused: Refused) -> Refused:
        """The holder by its name instead of its id."""
        holder = refused.params.get("holder", "")
        station = self.read.station(holder) if holder else None
        if station is None:
            return refused
        return Refused(refused.reason, {**refused.params, "holder": station.name})

    def row(self, raw: str, now: datetime, scan_class: str) -> ScanRow:
        """What is kept of a read (or of the click that stands for one)."""
        return ScanRow(scan_id=self.bench.new_id(), at=now, raw=raw, scan_class=scan_class, result="ok")

    def said(self, outcome: Outcome) -> Outcome:
        """The first word about a scan; what is being written reports when it is on disk."""
        with self._last_lock:
            self.last = outcome
        self.changed()
        durable = self._writing.pop(outcome.scan_id, None)
        if durable is not None:
            durable.add_done_callback(lambda answer: self.on_disk(outcome, answer))
        return outcome

    def latest(self, outcome: Outcome) -> Outcome:
        """The last word about the same read: it may have become green while it was on its way to who asked."""
        with self._last_lock:
            is_same = self.last is not None and self.last.scan_id == outcome.scan_id
            return self.last if is_same and self.last is not None else outcome

    def on_disk(self, outcome: Outcome, answer: Future[Any]) -> None:
        """Called by the writing thread: takes no lock that waits for it."""
        error = answer.exception()
        if error is None:
            self.tell(replace(outcome, light=Light.green, sound=Sound.none, follow=None))
            return
        key = error.key if isinstance(error, StoreTrouble) else "outbox_failed"
        refused = Refused(Reason.not_kept, {"cause": key})
        self.tell(refusal(outcome.scan_id, refused, order_no=outcome.order_no, parcel_no=outcome.parcel_no))

    def tell(self, outcome: Outcome) -> None:
        """A later word about an outcome."""
        with self._last_lock:
            if self.last is not None and self.last.scan_id == outcome.scan_id:
                self.last = outcome
        for listener in self.listeners:
            listener(outcome)


def _nothing() -> None:
    pass
