"""The sentence to send (design 3.8, L15): what is true for the buyer now, what comes next and by when.

Honest before friendly: nothing is promised that the floor has not answered, and no word of ours is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from app.core.history import HistoryKind
from app.core.order import (
    GONE_STATES,
    CommandState,
    InterceptResult,
    Order,
    OrderState,
    Parcel,
    RefundState,
    StopKind,
)
from app.core.tracking import NodeKind
from app.station.service import AnswerCard
from app.store.story import StoryLine
from ui.present import states
from ui.present.packing import deadline
from ui.present.story import node_name
from ui.present.track import STALE_AFTER
from ui.present.words import Words

S, R, K = OrderState, InterceptResult, NodeKind

_OVER = frozenset({CommandState.overtaken, CommandState.refused})
#: Sentences that name a moment; without it (or when it has passed) they have another form, ``<key>_open``.
_SAYS_BY = frozenset({"waiting", "packing", "packed"})
_SAYS_TIME = frozenset({"handed_over", "in_transit", "delivered"})
_SHIPPED = frozenset({S.handed_over, S.in_transit, S.shipped_despite_cancel})
_AFTER = frozenset({S.delivered, S.closed, S.returning, S.returned})
#: What the courier's newest node means to a buyer; other nodes are told in the courier's words.
_BY_NODE: dict[str, str] = {
    K.out_for_delivery: "out_for_delivery",
    K.at_pickup_point: "at_pickup_point",
    K.delivery_problem: "delivery_problem",
    K.customs_pending: "customs_pending",
    K.customs_held: "customs_held",
}


def reply(
    order: Order, card: AnswerCard | None, lines: Sequence[StoryLine], words: Words, now: datetime
) -> str:
    """One or two sentences for the buyer. ``lines`` is the order's story, oldest first."""
    parcel = _parcel(order)
    lines = [line for line in lines if line.parcel_no is None or parcel is None or _is_of(line, parcel)]
    key, at = _key(order, card, lines, now)
    by = deadline(order)
    params = {
        "time": words.clock(at, now) if at else "",
        "by": words.clock(by, now) if by else "",
        "carrier": states.carrier_name(parcel.carrier if parcel else "", words),
        "waybill": parcel.waybill_no if parcel else "",
        "node": _node(lines, words),
        "items": card.items if card is not None else "",
        "n": len(order.parcels),
        "m": len(_sent(order)),
    }
    is_known = by is not None and by > now if key in _SAYS_BY else at is not None
    is_open = key in _SAYS_BY | _SAYS_TIME and not is_known
    return words.tr(f"reply.{key}_open" if is_open else f"reply.{key}", **params)


def _key(
    order: Order, card: AnswerCard | None, lines: Sequence[StoryLine], now: datetime
) -> tuple[str, datetime | None]:
    """Which sentence, and the moment it speaks of."""
    if card is not None and card.command_state not in _OVER and order.order_state not in _AFTER:
        if not card.items:
            return _of_cancel(card, order), card.asked_at
        if card.result is R.too_late and order.order_state in _SHIPPED:
            return "lines_too_late", card.asked_at
        if any(stop.stop_id == card.stop_id for stop in order.stops):
            return "lines_open", card.asked_at
        # the rest of the order is what there is to tell of
    state = order.order_state
    if state is S.cancelled:
        return "cancelled", None
    if state is S.shipped_despite_cancel:
        return "cancel_too_late", None
    if state not in _SHIPPED and state not in _AFTER:
        return _before_shipping(order)
    if order.refund_state is RefundState.done:
        return "refund_done", None
    if order.refund_state is RefundState.asked and state not in (S.returning, S.returned):
        return "refund_asked_sent", None
    if state in _SHIPPED:
        return _on_its_way(state, lines, now)
    if state is S.delivered:
        return "delivered", _delivered_at(lines)
    return state.value, None


def _on_its_way(state: OrderState, lines: Sequence[StoryLine], now: datetime) -> tuple[str, datetime | None]:
    """A parcel the courier has: what the newest node says, or that nothing was heard for longer than usual."""
    node = _last_node(lines)
    given = _moment(lines, HistoryKind.handed_over)
    if state is S.handed_over:
        is_silent = node is None and given is not None and now - given > STALE_AFTER
        return ("handed_over_silent" if is_silent else "handed_over"), given
    if node is None:
        return "in_transit", None
    key = _BY_NODE.get(_kind(node))
    if key is not None and key != "delivery_problem" and now - node.at > STALE_AFTER * 3:
        key = None  # "out for delivery" of last week is no news
    if key is None and now - node.at > STALE_AFTER:
        return "in_transit_stale", node.at
    return key or "in_transit", node.at


def _of_cancel(card: AnswerCard, order: Order) -> str:
    match card.result:
        case R.too_late:
            return "cancel_too_late"
        case R.stopped if order.order_state in _SHIPPED:
            return "cancel_too_late"  # whoever said "stopped": it is on its way
        case R.trying | R.at_station_offline:
            return "cancel_trying"
        case R.stopped if card.command_state is not CommandState.awaiting_decision:
            return "cancel_stopped" if order.order_state is S.cancelled else "cancel_counting"
        case _:
            # nobody has said that the parcel stays, or somebody still decides
            if order.order_state is S.cancelled:
                return "cancelled"
            return "cancel_sent"


def _before_shipping(order: Order) -> tuple[str, datetime | None]:
    hold = next((stop for stop in order.stops if stop.kind is StopKind.hold), None)
    if sent := _sent(order):
        return "part_sent" if len(sent) < len(order.parcels) else "handed_over", None
    if order.refund_state is RefundState.asked or any(stop.command == "refund" for stop in order.stops):
        return "refund_asked" if _is_kept(order) else "refund_trying", None
    if any(stop.reason == "platform_cancel" for stop in order.stops):
        return "cancel_heard" if _is_kept(order) else "cancel_heard_trying", None
    if hold is not None:
        return f"hold_{_HOLDS.get(hold.reason, 'other')}", None
    if order.stops:
        return "hold_other", None
    if not order.is_paid:
        return "unpaid", None
    match order.order_state:
        case S.packed:
            return "packed", None
        case S.packing:
            return "packing", None
        case _:
            return "waiting", order.paid_at or order.ordered_at or order.received_at


#: Reasons of a hold that a buyer is told; the others are our own affair.
_HOLDS = {
    "address": "address",
    "platform_address": "address",
    "payment": "payment",
    "stock": "stock",
    "buyer_request": "buyer_request",
    "risk": "risk",
    "platform_risk": "risk",
}


def _is_kept(order: Order) -> bool:
    """Whether no box can leave any more: stopped, or nobody's hands were on it. Less is never promised as more."""
    return all(
        parcel.intercept_result is R.stopped
        or (parcel.intercept_result is None and not parcel.is_claimed and parcel.state not in _IN_HAND)
        for parcel in order.parcels
        if parcel.state is not S.cancelled
    )


_IN_HAND = frozenset({S.packing, S.packed, *GONE_STATES})


def _sent(order: Order) -> list[Parcel]:
    """Boxes that have left."""
    return [parcel for parcel in order.parcels if parcel.state in GONE_STATES]


def _parcel(order: Order) -> Parcel | None:
    """The box the sentence speaks of: one as far as the order is said to be, and with a number; of an order that has
    left in part, one that has left."""
    before = order.order_state not in _SHIPPED and order.order_state not in _AFTER
    rank = _sent(order) if before else [p for p in order.parcels if p.state is order.order_state]
    return next(
        (parcel for parcel in (*rank, *order.parcels) if parcel.waybill_no), next(iter(order.parcels), None)
    )


def _is_of(line: StoryLine, parcel: Parcel) -> bool:
    return line.parcel_no == parcel.parcel_no


def _moment(lines: Sequence[StoryLine], kind: str) -> datetime | None:
    return next((line.at for line in reversed(lines) if line.kind == kind), None)


def _last_node(lines: Sequence[StoryLine]) -> StoryLine | None:
    return next((line for line in reversed(lines) if line.kind == HistoryKind.track_node), None)


def _delivered_at(lines: Sequence[StoryLine]) -> datetime | None:
    """The delivery's own moment: couriers write further lines after it."""
    nodes = [line for line in lines if line.kind == HistoryKind.track_node]
    own = next((line.at for line in reversed(nodes) if _kind(line) == K.delivered), None)
    return own or (nodes[-1].at if nodes else None)


def _kind(line: StoryLine) -> str:
    return str(line.params.get("kind") or line.params.get("node") or "")


def _node(lines: Sequence[StoryLine], words: Words) -> str:
    """The courier's newest words, without the full stop at their end: ours follows."""
    line = _last_node(lines)
    if line is None:
        return ""
    said = line.raw_text.strip() if words.lang == "zh" else ""
    return (said or node_name(line.params, words)).rstrip("。. ")
