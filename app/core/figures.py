"""What a day's work amounts to: counts, minutes, the way from payment to hand-over. One formula each, for every screen.

The facts of the benches go in, oldest first; nothing here asks a clock or a database. What the words mean:

- *minutes*: from the last opening of a parcel to its closing, :data:`SPAN_CAP` at most: who leaves a box open over
  lunch has not packed for an hour. Who closes gets the span.
- *saved*: parcels whose stop somebody confirmed at a bench, or which were pulled out, before they were handed over.
- *right at once*: closed, nothing taken back, not opened again. Goods taken out of a stopped parcel do not count
  against anybody.
- *paperless*: of the orders closed that day, the share in which every unit was confirmed by a scan (PCK-05).
- *outbound*: from payment to the hand-over of an order's last parcel (PCK-09).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import field
from datetime import datetime, timedelta

from app.core.history import HistoryKind
from app.core.values import dataclass, quickly_made

K = HistoryKind

#: A parcel counts so long at most, however long it lay open.
SPAN_CAP = timedelta(minutes=10)
#: Of all orders so many are to be confirmed by scans alone, in percent.
PAPERLESS_AIM = 95.0
#: Kinds of history that are somebody's work at a bench; the hub's index of them names the same (tested).
WORK_KINDS: tuple[HistoryKind, ...] = (
    K.opened,
    K.line_packed,
    K.line_unpacked,
    K.parcel_closed,
    K.freeze_acked,
    K.parcel_pulled,
    K.put_back,
    K.handed_over,
    K.waybill_bound,
    K.barcode_learned,
    K.slip_printed,
    K.label_printed,
    K.marked_abnormal,
)


@quickly_made
@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One act at a bench. ``at`` is when it was done. ``is_before``: of an earlier day, known for what it began."""

    at: datetime
    kind: str
    order_no: str
    parcel_no: str
    who: str
    station_id: str
    warehouse: str
    qty: int = 1
    by_hand: bool = False
    is_before: bool = False


@dataclass(slots=True, kw_only=True)
class Tally:
    """What one person (or station acting as itself) did at one bench on one day."""

    warehouse: str
    who: str
    station_id: str
    parcels: int = 0
    units: int = 0
    seconds: float = 0.0
    saved: int = 0
    right: int = 0
    handed_over: int = 0
    orders: int = 0
    scanned_orders: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None


def work_seconds(opened_at: datetime | None, closed_at: datetime) -> float:
    """The span of one parcel, 0 where its opening is not known."""
    if opened_at is None:
        return 0.0
    return max(0.0, min((closed_at - opened_at).total_seconds(), SPAN_CAP.total_seconds()))


@dataclass(slots=True)
class _Parcel:
    """What is known of one box so far."""

    opened_at: datetime | None = None
    scanned: int = 0
    by_hand: bool = False
    was_stopped: bool = False
    taken_back: bool = False
    is_saved: bool = False
    is_gone: bool = False
    is_closed: bool = False
    right_of: Tally | None = None


@dataclass(slots=True)
class Day:
    """Takes facts oldest first; ``tallies`` holds what they amount to."""

    tallies: dict[tuple[str, str, str], Tally] = field(default_factory=dict)
    _parcels: dict[str, _Parcel] = field(default_factory=dict)
    _orders: dict[str, tuple[Tally, set[str]]] = field(default_factory=dict)

    def take(self, fact: Fact) -> None:
        """One more fact."""
        parcel = self._parcels.setdefault(fact.parcel_no, _Parcel())
        if fact.is_before:
            self._remember(parcel, fact)
            return
        tally = self._tally(fact)
        match fact.kind:
            case K.line_packed:
                tally.units += fact.qty
            case K.line_unpacked:
                tally.units -= fact.qty
                self._not_right(parcel)
            case K.parcel_closed:
                self._closed(parcel, tally, fact)
            case K.freeze_acked | K.parcel_pulled if not (parcel.is_saved or parcel.is_gone):
                parcel.is_saved = True
                tally.saved += 1
            case K.handed_over:
                tally.handed_over += 1
            case _:
                pass
        self._remember(parcel, fact)

    def done(self) -> list[Tally]:
        """The day so far, the busiest first; orders are counted here."""
        for tally in self.tallies.values():
            tally.orders = tally.scanned_orders = 0
        for tally, parcels in self._orders.values():
            boxes = [self._parcels[no] for no in parcels]
            tally.orders += 1
            tally.scanned_orders += all(box.scanned > 0 and not box.by_hand for box in boxes)
        return sorted(
            self.tallies.values(), key=lambda t: (t.warehouse, -t.parcels, -t.units, t.who, t.station_id)
        )

    def _tally(self, fact: Fact) -> Tally:
        key = (fact.warehouse, fact.who, fact.station_id)
        tally = self.tallies.get(key)
        if tally is None:
            tally = self.tallies[key] = Tally(
                warehouse=key[0], who=key[1], station_id=key[2], first_at=fact.at
            )
        tally.last_at = fact.at
        return tally

    def _remember(self, parcel: _Parcel, fact: Fact) -> None:
        match fact.kind:
            case K.opened:
                parcel.opened_at = fact.at
            case K.line_packed:
                parcel.by_hand = parcel.by_hand or fact.by_hand
                parcel.scanned += 0 if fact.by_hand else fact.qty
            case K.line_unpacked:
                parcel.taken_back = True
            case K.parcel_closed:
                parcel.is_closed = True
            case K.freeze_acked:
                parcel.was_stopped = True
            case K.handed_over:
                parcel.is_gone = True
            case _:
                pass

    def _closed(self, parcel: _Parcel, tally: Tally, fact: Fact) -> None:
        tally.parcels += not parcel.is_closed
        parcel.is_closed = True
        self._not_right(parcel)
        tally.seconds += work_seconds(parcel.opened_at, fact.at)
        parcel.opened_at = None
        if parcel.right_of is None and (parcel.was_stopped or not parcel.taken_back):
            tally.right += 1
            parcel.right_of = tally
        _, parcels = self._orders.get(fact.order_no, (tally, set()))
        self._orders[fact.order_no] = (tally, parcels | {fact.parcel_no})

    @staticmethod
    def _not_right(parcel: _Parcel) -> None:
        """It was closed and is in hand again: it was not right at once, unless a stop made somebody open it."""
        if parcel.right_of is not None and not parcel.was_stopped:
            parcel.right_of.right -= 1
            parcel.right_of = None
            parcel.taken_back = True


def day_of(facts: Iterable[Fact]) -> Day:
    """The day of these facts, whatever order they come in."""
    day = Day()
    for fact in sorted(facts, key=lambda fact: fact.at):
        day.take(fact)
    return day


def total(tallies: Collection[Tally], who: str = "", warehouse: str = "") -> Tally:
    """Several together."""
    whole = Tally(warehouse=warehouse, who=who, station_id="")
    for one in tallies:
        for name in (
            "parcels",
            "units",
            "seconds",
            "saved",
            "right",
            "handed_over",
            "orders",
            "scanned_orders",
        ):
            setattr(whole, name, getattr(whole, name) + getattr(one, name))
    return whole


def share(part: int, of: int) -> float | None:
    """In percent; None of nothing."""
    return 100.0 * part / of if of else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """How long ``count`` orders took, in seconds."""

    count: int
    mean_s: float
    p90_s: float


def outbound(spans_s: Sequence[float]) -> Spread | None:
    """Mean, and the time within which nine of ten were gone (nearest rank); None of nothing (PCK-09)."""
    if not spans_s:
        return None
    ordered = sorted(spans_s)
    at = max(0, -(-9 * len(ordered) // 10) - 1)
    return Spread(count=len(ordered), mean_s=sum(ordered) / len(ordered), p90_s=ordered[at])
