"""The sentence to send (design 3.8, L15): what is true for the buyer now, what comes next and by when.

Honest before friendly: nothing is promised that the floor has not answered, and no word of ours is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from app.core.history import HistoryKind
from app.core.order import CommandState, InterceptResult, Order, OrderState, Parcel, RefundState, StopKind
from app.station.service import AnswerCard
from app.store.readmodel import StoryLine
from ui.present import states
from ui.present.packing import deadline
from ui.present.words import Words

S, R = OrderState, InterceptResult

_OVER = frozenset({CommandState.overtaken, CommandState.refused})
#: Sentences that name a moment; without it (or when it has passed) they have another form, ``<key>_open``.
_SAYS_BY = frozenset({"waiting", "packing", "packed"})
_SAYS_TIME = frozenset({"handed_over", "in_transit", "delivered"})
_SHIPPED = frozenset({S.handed_over, S.in_transit, S.shipped_despite_cancel})


def reply(
    order: Order, card: AnswerCard | None, lines: Sequence[StoryLine], words: Words, now: datetime
) -> str:
    """One or two sentences for the buyer. ``lines`` is the order's story, oldest first."""
    key, at = _key(order, card, lines)
    by = deadline(order)
    parcel = _parcel(order)
    params = {
        "time": words.clock(at, now) if at else "",
        "by": words.clock(by, now) if by else "",
        "carrier": states.carrier_name(parcel.carrier if parcel else "", words),
        "waybill": parcel.waybill_no if parcel else "",
        "node": _node(lines, words),
    }
    is_known = by is not None and by > now if key in _SAYS_BY else at is not None
    is_open = key in _SAYS_BY | _SAYS_TIME and not is_known
    return words.tr(f"reply.{key}_open" if is_open else f"reply.{key}", **params)


def _key(order: Order, card: AnswerCard | None, lines: Sequence[StoryLine]) -> tuple[str, datetime | None]:
    """Which sentence, and the moment it speaks of."""
    if card is not None and card.command_state not in _OVER:
        return _of_cancel(card, order), card.asked_at
    state = order.order_state
    if state is S.cancelled:
        return "cancelled", None
    if state is S.shipped_despite_cancel:
        return "cancel_too_late", None
    if state not in _SHIPPED and state not in (S.delivered, S.closed, S.returning, S.returned):
        return _before_shipping(order)
    if state is S.handed_over:
        return "handed_over", _moment(lines, HistoryKind.handed_over)
    if state in (S.in_transit, S.delivered):
        return state.value, _moment(lines, HistoryKind.track_node)
    return state.value, None


def _of_cancel(card: AnswerCard, order: Order) -> str:
    match card.result:
        case R.too_late:
            return "cancel_too_late"
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
    if order.refund_state is RefundState.asked:
        return "refund_asked", None
    if hold is not None:
        known = ("address", "payment", "stock", "buyer_request")
        return f"hold_{hold.reason if hold.reason in known else 'other'}", None
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


def _parcel(order: Order) -> Parcel | None:
    """The box the sentence speaks of: one that has a number, else the first."""
    return next((parcel for parcel in order.parcels if parcel.waybill_no), next(iter(order.parcels), None))


def _moment(lines: Sequence[StoryLine], kind: str) -> datetime | None:
    return next((line.at for line in reversed(lines) if line.kind == kind), None)


def _node(lines: Sequence[StoryLine], words: Words) -> str:
    """The courier's newest words, without the full stop at their end: ours follows."""
    line = next((line for line in reversed(lines) if line.kind == HistoryKind.track_node), None)
    if line is None:
        return ""
    kind = words.maybe(f"states.node_{line.params.get('kind')}", words.tr("states.node_other"))
    said = line.raw_text.strip() if words.lang == "zh" else ""
    return (said or kind).rstrip("。. ")
