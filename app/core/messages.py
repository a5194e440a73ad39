"""Messages to the buyer: made once per parcel and kind, whatever comes again; sent by a channel or by hand. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from app.core.history import Entry, HistoryKind
from app.core.order import BuyerMessage, MessageState, Order
from app.core.texts import Lang

M = MessageState
#: Who has been told is not told again; what failed or had no way may yet go by hand.
_MOVES: dict[MessageState, frozenset[MessageState]] = {
    M.queued: frozenset({M.sending, M.sent, M.not_possible}),
    M.sending: frozenset({M.sent, M.failed}),
    M.failed: frozenset({M.sent}),
    M.not_possible: frozenset({M.sent}),
    M.sent: frozenset(),
}
#: By a person, with the words the desk has shown.
BY_HAND = "by_hand"


def lang_of(order: Order, of_shop: Lang = "zh") -> Lang:
    """The language this buyer is told in: the shop's; English across the border."""
    return "en" if order.is_cross_border else of_shop


def queued(
    order: Order, parcel_no: str, kind: str, now: datetime, of_shop: Lang = "zh"
) -> tuple[Order, list[Entry]]:
    """The order with this message to be sent; the very same order where it was made before. ``of_shop``: the language
    of the shop's buyers."""
    if found(order, parcel_no, kind) is not None:
        return order, []
    message = BuyerMessage(parcel_no=parcel_no, kind=kind, at=now, lang=lang_of(order, of_shop))
    entry = Entry(kind=HistoryKind.message_queued, parcel_no=parcel_no, params={"message": kind})
    return replace(order, messages=(*order.messages, message)), [entry]


def moved(
    order: Order, parcel_no: str, kind: str, state: MessageState, channel: str, now: datetime
) -> tuple[Order, list[Entry]] | None:
    """The order with this message further on its way; None where there is none, or it cannot go there."""
    message = found(order, parcel_no, kind)
    if message is None or state not in _MOVES[message.state]:
        return None
    other = replace(message, state=state, channel=channel, at=now)
    order = replace(order, messages=tuple(other if m is message else m for m in order.messages))
    if state is M.sending:
        return order, []
    told = HistoryKind.message_sent if state is M.sent else HistoryKind.message_failed
    params = {"message": kind, "channel": channel}
    was, now_is = {"message": str(message.state)}, {"message": str(state)}
    return order, [Entry(kind=told, parcel_no=parcel_no, params=params, before=was, after=now_is)]


def found(order: Order, parcel_no: str, kind: str) -> BuyerMessage | None:
    return next((m for m in order.messages if (m.parcel_no, m.kind) == (parcel_no, kind)), None)


def by_hand(order: Order) -> tuple[BuyerMessage, ...]:
    """What a person may still send: nobody knows of it yet."""
    return tuple(m for m in order.messages if m.state in (M.queued, M.failed, M.not_possible))
