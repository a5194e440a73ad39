"""What a channel says about an order, in one shape, and how it becomes ours.

Connectors return :class:`ChannelOrder`; :func:`first_seen` makes the order and its parcel,
:func:`absorb` takes a later word of the channel in. The full consignee goes to the hub's sealed table only.
"""

from __future__ import annotations

from dataclasses import asdict, field, replace
from datetime import datetime
from functools import cache
from typing import Any

from app.core import hints, lines, masks, refunds
from app.core.changes import with_change
from app.core.freeze import Rules, final_cancel
from app.core.hints import DetailWord, HintKind
from app.core.history import Entry, HistoryKind
from app.core.order import (
    GONE_STATES,
    SETTLED_STATES,
    Consignee,
    Order,
    OrderLine,
    OrderState,
    Parcel,
    ParcelLine,
    RefundState,
    may_go_of,
    settled,
)
from app.core.refunds import LineRefunds
from app.core.values import dataclass, quickly_made

S = OrderState


@quickly_made
@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelLine:
    sku_code: str
    title: str = ""
    spec: str = ""
    qty: int = 1
    price_fen: int = 0
    item_barcode: str = ""
    refund_state: RefundState | None = None
    """None: nothing is said of this line by itself."""


@quickly_made
@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelOrder:
    """One order as its channel tells it. ``consignee`` and ``buyer_nick`` are full here."""

    channel: str
    shop_id: str
    channel_order_no: str
    channel_state: str = ""
    modified_at: datetime | None = None
    """When the platform last changed it, as a fetched detail says."""
    refund_state: RefundState | None = None
    """None: it does not say. A platform's detail that says nothing of refunds lifts no refund stop."""
    is_risk: bool = False
    """The platform is still checking: the order is held until a detail says otherwise."""
    is_paid: bool = True
    is_shipped: bool = False
    is_cancelled: bool = False
    ordered_at: datetime | None = None
    paid_at: datetime | None = None
    ship_by_at: datetime | None = None
    promised_at: datetime | None = None
    paid_fen: int = 0
    coupon_fen: int = 0
    points_fen: int = 0
    freight_fen: int = 0
    lines: tuple[ChannelLine, ...] = ()
    buyer_nick: str = ""
    consignee: Consignee = field(default_factory=Consignee)
    buyer_remark: str = ""
    seller_remark: str = ""
    warehouse: str = ""
    is_cross_border: bool = False
    delivery_method: str = ""
    carrier: str = ""
    waybill_no: str = ""
    tags: tuple[str, ...] = ()
    extra: dict[str, Any] = field(default_factory=dict)


_RELEASED = Entry(kind=HistoryKind.released)


@cache
def _received(channel: str, shop_id: str) -> Entry:
    """The same for all orders of a shop; there are not many shops."""
    return Entry(kind=HistoryKind.received, params={"channel": channel, "shop_id": shop_id})


def first_seen(
    came: ChannelOrder,
    order_no: str,
    warehouse: str,
    now: datetime,
    rules: Rules,
    fetched_at: datetime | None = None,
) -> tuple[Order, list[Entry]]:
    """The order of ours that a channel order becomes: one parcel with all lines (design 2.9).

    It is settled from the start: imports make thousands of these a second. With ``fetched_at`` it is a platform's
    detail: a refund or a check it shows stops the order from its first moment.
    """
    goods = tuple([
        OrderLine(
            line_no=n, sku_code=c.sku_code, title=c.title, spec=c.spec, qty=c.qty, price_fen=c.price_fen
        )
        for n, c in enumerate(came.lines, start=1)
    ])
    state = _first_state(came, rules)
    refund_state = came.refund_state or RefundState.none
    is_frozen = state is S.cancelled
    parcel = Parcel(
        parcel_no=f"{order_no}01",
        state=state,
        is_frozen=is_frozen,
        carrier=came.carrier,
        waybill_no=came.waybill_no,
        lines=tuple([ParcelLine(order_no=order_no, line_no=line.line_no, qty=line.qty) for line in goods]),
    )
    order = Order(
        order_no=order_no,
        channel=came.channel,
        shop_id=came.shop_id,
        channel_order_no=came.channel_order_no,
        order_state=state,
        channel_state=came.channel_state,
        channel_modified_at=came.modified_at,
        refund_state=refund_state,
        is_risk=came.is_risk,
        is_paid=came.is_paid,
        may_go=may_go_of(came.is_paid, state, refund_state, ()),
        is_frozen=is_frozen,
        ordered_at=came.ordered_at,
        paid_at=came.paid_at,
        ship_by_at=came.ship_by_at,
        promised_at=came.promised_at,
        received_at=now,
        paid_fen=came.paid_fen,
        coupon_fen=came.coupon_fen,
        points_fen=came.points_fen,
        freight_fen=came.freight_fen,
        lines=goods,
        buyer_nick=came.buyer_nick,
        consignee=masks.consignee(came.consignee),
        buyer_remark=came.buyer_remark,
        seller_remark=came.seller_remark,
        warehouse=came.warehouse or warehouse,
        is_cross_border=came.is_cross_border,
        delivery_method=came.delivery_method,
        parcels=(parcel,),
        tags=came.tags,
        extra=came.extra,
        version=1,
    )
    entries = [_received(came.channel, came.shop_id)]
    if state is S.released:
        entries.append(_RELEASED)
    if fetched_at is not None and (came.is_risk or refund_state is not RefundState.none):
        order, more = _told(order, None, came, now, fetched_at, rules)
        entries += more
    return order, entries


def _first_state(came: ChannelOrder, rules: Rules) -> OrderState:
    if came.is_cancelled:
        return S.cancelled
    if came.is_shipped:
        return S.handed_over
    return S.released if came.is_paid and rules.auto_release else S.new


#: What a later word of the channel may change without a person.
#: In ``extra``: the platform's own key of an address, as Douyin and Pinduoduo, and as Taobao call it.
ADDRESS_KEYS = ("open_address_id", "oaid")
_FOLLOWS = (
    "channel_state",
    "refund_state",
    "paid_at",
    "ship_by_at",
    "promised_at",
    "paid_fen",
    "coupon_fen",
    "points_fen",
    "freight_fen",
    "buyer_remark",
    "seller_remark",
    "delivery_method",
)


def has_other_lines(order: Order, came: ChannelOrder) -> bool:
    """Whether the channel now names other goods, quantities or prices than we hold, in whatever order.

    Who names no lines, or no price on any of them, says nothing about them.
    """
    knows_prices = any(line.price_fen for line in came.lines)
    ours = sorted((line.sku_code, line.qty, knows_prices and line.price_fen) for line in order.lines)
    theirs = sorted((line.sku_code, line.qty, knows_prices and line.price_fen) for line in came.lines)
    return bool(came.lines) and ours != theirs


def absorb(
    order: Order,
    came: ChannelOrder,
    rules: Rules,
    now: datetime,
    fetched_at: datetime | None = None,
    *,
    is_readdressed: bool = False,
) -> tuple[Order, list[Entry]]:
    """Take in a later word about a known order: the same word again changes nothing and writes nothing.

    What is not said does not wipe what stands (an empty text, no refund state). "Cancelled" is the channel's
    final word and takes effect at once (design 3.9). Lines of a known order are not changed here: that is an act
    with a stop of its own.

    With ``fetched_at`` (when the asking began) the word is a platform's detail: it lifts what hints have stopped
    and sets what it shows anew. One that is older than a detail taken before changes nothing but a final cancel.
    ``is_readdressed``: the caller, who holds the sealed address, found another one in it.
    """
    if fetched_at is not None and _is_older(order, came):
        return final_cancel(order, came.shop_id, now) if came.is_cancelled else (order, [])
    before_all: Order | None = order
    changes = {
        name: getattr(came, name)
        for name in _FOLLOWS
        if getattr(came, name) not in ("", None) and getattr(came, name) != getattr(order, name)
    }
    entries: list[Entry] = []
    peculiar = _peculiar_news(order, came) if fetched_at is not None else {}
    if changes or peculiar:
        before = {name: _plain(getattr(order, name)) for name in changes}
        after = {name: _plain(value) for name, value in changes.items()}
        order = replace(order, **changes, extra={**order.extra, **peculiar})
        entries.append(Entry(kind=HistoryKind.updated, before=before or None, after=after or None))
    if came.is_paid and not order.is_paid:
        unpaid, order = order, replace(order, is_paid=True)
        entries.append(with_change(Entry(kind=HistoryKind.paid), unpaid, order))
        if rules.auto_release and any(p.state is S.new for p in order.parcels):
            parcels = tuple(replace(p, state=S.released) if p.state is S.new else p for p in order.parcels)
            unreleased, order = order, settled(replace(order, parcels=parcels))
            entries.append(with_change(_RELEASED, unreleased, order))
    order = settled(order) if entries else order
    if came.is_cancelled:
        order, more = final_cancel(order, came.shop_id, now)
        entries += more
    elif fetched_at is not None:
        if is_readdressed:
            order, more = _at_its_new_address(order, came, now)
            entries += more
        order, more = _told(order, before_all, came, now, fetched_at, rules)
        entries += more
    if fetched_at is not None and (came.modified_at, came.is_risk) != (
        order.channel_modified_at,
        order.is_risk,
    ):
        modified_at = came.modified_at or order.channel_modified_at
        order = replace(order, channel_modified_at=modified_at, is_risk=came.is_risk)
    return order, entries


def _peculiar_news(order: Order, came: ChannelOrder) -> dict[str, Any]:
    """What a detail says anew of what only this channel has, e.g. that a group is full. Another key of the address is
    no news by itself: it stands with the address it belongs to."""
    return {
        name: value
        for name, value in came.extra.items()
        if order.extra.get(name) != value and not (name in ADDRESS_KEYS and order.extra.get(name))
    }


def _is_older(order: Order, came: ChannelOrder) -> bool:
    known = order.channel_modified_at
    return known is not None and came.modified_at is not None and came.modified_at < known


def _told(
    order: Order, before: Order | None, came: ChannelOrder, now: datetime, fetched_at: datetime, rules: Rules
) -> tuple[Order, list[Entry]]:
    """What a detail's refunds and checks do: lines whose money is back no longer go, the others are stopped or let
    go. ``before``: the order as it was before this detail; None where nobody had it."""
    said = refunds.said_of(order, came)
    word = DetailWord(
        shown=_shown(came, said),
        denied=_denied(came, said),
        news=_news(before, came, said),
        lines=said,
        modified_at=came.modified_at,
        fetched_at=fetched_at,
    )
    entries: list[Entry] = []
    if said is not None:
        asked = hints.refund_asked(order, word)
        order, entries = lines.refunded(refunds.noted(order, said), said.done, came.shop_id, now, asked)
    order, more = hints.told(order, word, came.shop_id, now, rules)
    return order, entries + more


def _shown(came: ChannelOrder, said: LineRefunds | None) -> frozenset[HintKind]:
    """What a detail shows that an order has to stand still for; of lines that are paid back the rest goes on."""
    refund = came.refund_state not in (None, RefundState.none) if said is None else bool(said.asked)
    return frozenset(
        kind for kind, is_so in ((HintKind.refund_asked, refund), (HintKind.risk, came.is_risk)) if is_so
    )


def _denied(came: ChannelOrder, said: LineRefunds | None) -> frozenset[HintKind]:
    """What a detail without a cancel surely does not show; who says nothing of refunds denies none."""
    denied = {HintKind.cancelled, HintKind.address_asked}
    if came.refund_state is RefundState.none or (said is not None and not said.asked):
        denied.add(HintKind.refund_asked)
    if not came.is_risk:
        denied.add(HintKind.risk)
    return frozenset(denied)


def _news(before: Order | None, came: ChannelOrder, said: LineRefunds | None) -> frozenset[HintKind]:
    shown = _shown(came, said)
    if before is None:
        return shown
    known = {HintKind.risk} if before.is_risk else set()
    is_known = before.refund_state is not RefundState.none if said is None else not said.newly
    if is_known:
        known.add(HintKind.refund_asked)
    return shown - known


def _at_its_new_address(order: Order, came: ChannelOrder, now: datetime) -> tuple[Order, list[Entry]]:
    """The platform's new address stands; the one of a box that has left stays what it was (design 3.9)."""
    if all(p.state in GONE_STATES | SETTLED_STATES for p in order.parcels):
        return order, []
    before, masked = order.consignee, masks.consignee(came.consignee)
    entry = Entry(
        kind=HistoryKind.address_changed,
        before={"consignee": asdict(before)},
        after={"consignee": asdict(masked)},
    )
    moved = replace(order, consignee=masked, extra={**order.extra, **came.extra})
    order, entries = hints.readdressed(moved, came.shop_id, now)
    return order, [entry, *entries]


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
