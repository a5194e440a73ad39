"""The things of the line: order, parcel, line, stop, item. Frozen values, standard library only.

An :class:`Order` is the body that travels in the feed (design 2.4): hub and station hold the same shape.
Money is integer fen, weight grams, times aware UTC. The consignee in here is always masked.
Derived fields (``order_state``, ``is_frozen``, ``may_go`` ...) are made by :func:`settled` only.
"""

from __future__ import annotations

from dataclasses import field, replace
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any, Literal

from app.core.values import dataclass, quickly_made


class OrderState(StrEnum):
    """`order_state` of the glossary; a parcel's ``state`` uses the same list."""

    new = "new"
    released = "released"
    picking = "picking"
    packing = "packing"
    packed = "packed"
    handed_over = "handed_over"
    in_transit = "in_transit"
    delivered = "delivered"
    closed = "closed"
    cancelled = "cancelled"
    shipped_despite_cancel = "shipped_despite_cancel"
    returning = "returning"
    returned = "returned"


S = OrderState

#: How far a parcel got; an order takes the state of its least advanced open parcel.
PROGRESS = {state: rank for rank, state in enumerate(S)}
#: States in which a parcel needs nobody any more.
SETTLED_STATES = frozenset({S.closed, S.cancelled, S.returned})
#: The box has left the building.
GONE_STATES = frozenset({
    S.handed_over,
    S.in_transit,
    S.delivered,
    S.closed,
    S.shipped_despite_cancel,
    S.returning,
    S.returned,
})
#: A packer can still work on it.
FLOOR_STATES = frozenset({S.released, S.picking, S.packing, S.packed})


class StopKind(StrEnum):
    freeze = "freeze"
    hold = "hold"


class InterceptResult(StrEnum):
    """What people are told about a cancel, per parcel (design 3.8)."""

    trying = "trying"
    stopped = "stopped"
    too_late = "too_late"
    at_station_offline = "at_station_offline"


class CommandState(StrEnum):
    received = "received"
    counting_down = "counting_down"
    awaiting_decision = "awaiting_decision"
    sent = "sent"
    acknowledged = "acknowledged"
    done = "done"
    refused = "refused"
    failed = "failed"
    overtaken = "overtaken"


class RefundState(StrEnum):
    none = "none"
    asked = "asked"
    part = "part"
    done = "done"


LeaseStep = Literal["print", "close", "handover"]
LastGate = Literal["handover", "close"]


@quickly_made
@dataclass(frozen=True, slots=True, kw_only=True)
class Consignee:
    """Who receives: masked inside an :class:`Order`, full only in the sealed table and the label door."""

    name: str = ""
    phone: str = ""
    province: str = ""
    city: str = ""
    district: str = ""
    address: str = ""


@quickly_made
@dataclass(frozen=True, slots=True, kw_only=True)
class OrderLine:
    line_no: int
    sku_code: str
    title: str = ""
    spec: str = ""
    qty: int = 1
    qty_cancelled: int = 0
    qty_refunded: int = 0
    refund_state: RefundState = RefundState.none
    price_fen: int = 0

    @property
    def qty_left(self) -> int:
        """Units the buyer still pays for."""
        return self.qty - self.qty_cancelled - self.qty_refunded


@quickly_made
@dataclass(frozen=True, slots=True, kw_only=True)
class ParcelLine:
    """What of which order line lies in this box; ``order_no`` carries merged parcels."""

    order_no: str
    line_no: int
    qty: int
    qty_packed: int = 0


@quickly_made
@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """One box: the unit of slip, lease, label, pack, stop answer and hand-over.

    ``holder`` stays set until the lease is *settled* (given back, or the holder beat after its end with
    nothing waiting), so ``holder is not None`` means *claimed* (design 3.8), whatever ``lease_until`` says.
    """

    parcel_no: str
    state: OrderState = S.released
    is_frozen: bool = False
    carrier: str = ""
    waybill_no: str = ""
    routing_code: str = ""
    holder: str | None = None
    lease_until: datetime | None = None
    lease_step: LeaseStep | None = None
    lines: tuple[ParcelLine, ...] = ()
    track_synced_at: datetime | None = None
    intercept_result: InterceptResult | None = None
    intercept_since: datetime | None = None
    slip_version: int = 1
    slip_count: int = 0
    label_count: int = 0
    weight_g: int = 0
    last_scan_at: datetime | None = None
    packed_at: datetime | None = None
    handled_by: str | None = None
    """The station that last printed its slip or label, or closed it."""

    @property
    def qty(self) -> int:
        return sum(line.qty for line in self.lines)

    @property
    def qty_packed(self) -> int:
        return sum(line.qty_packed for line in self.lines)

    @property
    def is_complete(self) -> bool:
        return bool(self.lines) and all(line.qty_packed == line.qty for line in self.lines)

    @property
    def is_claimed(self) -> bool:
        return self.holder is not None

    @property
    def is_boxed(self) -> bool:
        """Closed, and not opened again: stays true when a cancel takes effect over it."""
        return self.packed_at is not None

    @property
    def alarm_holder(self) -> str | None:
        """The station that is alarmed: lease holder, else who closed it or printed its slip or label (design 3.8)."""
        return self.holder or self.handled_by


@dataclass(frozen=True, slots=True, kw_only=True)
class HintMark:
    """That a platform's word set a stop, and what lifts it: a newer word, never a person's patience (design 3.10)."""

    kind: str
    """A :class:`app.core.hints.HintKind`."""
    at: datetime
    """The newest such word on the platform's own clock; the hub's where it does not say."""
    heard_at: datetime
    """When the hub heard it."""
    clear_since: datetime | None = None
    """When a fetched detail first showed nothing of it, though it was older than the word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """One reason why parcels may not go on. Without ``line_nos`` it covers all open parcels.

    With a ``hint`` it is a platform's doing: a fetched detail may lift it; without one only a person may.
    """

    stop_id: str
    kind: StopKind
    command: str
    reason: str = ""
    note: str = ""
    line_nos: tuple[int, ...] = ()
    since: datetime
    counting_down_until: datetime | None = None
    actor: str = ""
    acked: tuple[str, ...] = ()
    hint: HintMark | None = None
    took_effect_at: datetime | None = None
    """Of a stop with ``line_nos``: since when its lines no longer go; it lies on until the hand has answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParcelAnswered:
    """The last answer about one parcel, kept where the parcel itself goes on without what was called back."""

    parcel_no: str
    result: InterceptResult


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandView:
    """How far a command got, as supervisor and rep see it; ``act_id`` is also its stop's ``stop_id``.

    ``line_nos``: only these lines were asked about. ``answers`` stand once their stop is lifted.
    """

    act_id: str
    kind: str
    state: CommandState
    asked_at: datetime
    actor: str = ""
    note: str = ""
    line_nos: tuple[int, ...] = ()
    answers: tuple[ParcelAnswered, ...] = ()


class MessageState(StrEnum):
    """How far a message to the buyer got. ``sending``: handed over, nobody knows yet."""

    queued = "queued"
    sending = "sending"
    sent = "sent"
    failed = "failed"
    not_possible = "not_possible"


@dataclass(frozen=True, slots=True, kw_only=True)
class BuyerMessage:
    """One message to the buyer, made once per (parcel, kind). ``at``: since when it stands where it stands;
    ``lang``: the buyer's language, whoever reads it here."""

    parcel_no: str
    kind: str
    state: MessageState = MessageState.queued
    channel: str = ""
    at: datetime
    lang: Literal["zh", "en"] = "zh"


@dataclass(frozen=True, slots=True, kw_only=True)
class GoPart:
    """One part of the answer to "may this go out?": ``name`` is order_state, refund_state, paid or stops."""

    name: str
    ok: bool
    value: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MayGo:
    ok: bool = False
    parts: tuple[GoPart, ...] = ()


@quickly_made
@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One checkout of one shop. Natural key: (shop_id, channel_order_no)."""

    order_no: str
    channel: str
    shop_id: str
    channel_order_no: str
    order_state: OrderState = S.new
    channel_state: str = ""
    channel_modified_at: datetime | None = None
    refund_state: RefundState = RefundState.none
    is_risk: bool = False
    is_paid: bool = True
    may_go: MayGo = MayGo()
    is_frozen: bool = False
    stops: tuple[Stop, ...] = ()
    commands: tuple[CommandView, ...] = ()
    is_rush: bool = False
    ordered_at: datetime | None = None
    paid_at: datetime | None = None
    ship_by_at: datetime | None = None
    promised_at: datetime | None = None
    received_at: datetime | None = None
    paid_fen: int = 0
    coupon_fen: int = 0
    points_fen: int = 0
    freight_fen: int = 0
    lines: tuple[OrderLine, ...] = ()
    buyer_nick: str = ""
    consignee: Consignee = Consignee()
    buyer_remark: str = ""
    seller_remark: str = ""
    warehouse: str = "main"
    is_cross_border: bool = False
    wms_feedback_code: str = ""
    delivery_method: str = ""
    parcels: tuple[Parcel, ...] = ()
    tags: tuple[str, ...] = ()
    extra: dict[str, Any] = field(default_factory=dict)
    jump_flags: tuple[str, ...] = ()
    messages: tuple[BuyerMessage, ...] = ()
    version: int = 0

    def parcel(self, parcel_no: str) -> Parcel | None:
        return next((p for p in self.parcels if p.parcel_no == parcel_no), None)

    def line(self, line_no: int) -> OrderLine | None:
        return next((line for line in self.lines if line.line_no == line_no), None)

    def with_parcel(self, parcel: Parcel) -> Order:
        """The same order with this parcel in the place of its namesake."""
        return replace(
            self, parcels=tuple(parcel if p.parcel_no == parcel.parcel_no else p for p in self.parcels)
        )

    def stops_over(self, parcel: Parcel) -> tuple[Stop, ...]:
        """Open stops that cover this parcel."""
        return tuple(stop for stop in self.stops if covers(self, stop, parcel))


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemBarcode:
    code: str
    pack_qty: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One standard article. A sku_code scans as itself; ``barcodes`` are its other codes, outer packs too."""

    sku_code: str
    title: str = ""
    spec: str = ""
    picture: str = ""
    bin: str = ""
    weight_g: int = 0
    barcodes: tuple[ItemBarcode, ...] = ()


def covers(order: Order, stop: Stop, parcel: Parcel) -> bool:
    """Whether the stop lies over this parcel: settled parcels are covered by nothing."""
    if parcel.state in SETTLED_STATES:
        return False
    if not stop.line_nos:
        return True
    return any(pl.order_no == order.order_no and pl.line_no in stop.line_nos for pl in parcel.lines)


#: What of a part refund no longer goes stands in its lines; the rest may go.
_REFUNDS_THAT_GO = (RefundState.none, RefundState.part)
_FROZEN_STATES = (S.cancelled, S.shipped_despite_cancel)


def settled(order: Order) -> Order:
    """The order with every derived field made anew: states, flags and the answer to "may it go?".

    The very same order when they already stand: copying one costs more than all the rest of this.
    """
    parcels = tuple(_parcel_settled(order, parcel) for parcel in order.parcels)
    state = _state_of(order.order_state, parcels)
    is_frozen = state in _FROZEN_STATES or any(s.kind is StopKind.freeze for s in order.stops)
    may_go = may_go_of(order.is_paid, state, order.refund_state, tuple(s.command for s in order.stops))
    now, then = (
        (parcels, state, is_frozen, may_go),
        (order.parcels, order.order_state, order.is_frozen, order.may_go),
    )
    if now == then:
        return order
    return replace(order, parcels=parcels, order_state=state, is_frozen=is_frozen, may_go=may_go)


def _parcel_settled(order: Order, parcel: Parcel) -> Parcel:
    is_frozen = parcel.state in _FROZEN_STATES or any(
        stop.kind is StopKind.freeze and covers(order, stop, parcel) for stop in order.stops
    )
    return parcel if parcel.is_frozen == is_frozen else replace(parcel, is_frozen=is_frozen)


def _state_of(own: OrderState, parcels: tuple[Parcel, ...]) -> OrderState:
    if not parcels:
        return own
    still_open = [p.state for p in parcels if p.state not in SETTLED_STATES]
    if still_open:
        return min(still_open, key=PROGRESS.__getitem__)
    states = {p.state for p in parcels}
    return next(s for s in (S.closed, S.returned, S.cancelled) if s in states)


@lru_cache(maxsize=512)
def may_go_of(is_paid: bool, state: OrderState, refund_state: RefundState, stops: tuple[str, ...]) -> MayGo:
    """The answer to "may it go?" with its parts; ``stops`` are the commands of the open stops."""
    parts = (
        GoPart(name="paid", ok=is_paid, value="yes" if is_paid else "no"),
        GoPart(name="order_state", ok=state in FLOOR_STATES, value=state),
        GoPart(name="refund_state", ok=refund_state in _REFUNDS_THAT_GO, value=refund_state),
        GoPart(name="stops", ok=not stops, value=",".join(stops)),
    )
    return MayGo(ok=all(p.ok for p in parts), parts=parts)
