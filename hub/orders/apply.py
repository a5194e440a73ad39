"""Takes down what a rule decided about an order: its body, its file, and what follows from both."""

from __future__ import annotations

from collections.abc import Sequence

from app.core import lines
from app.core.history import Entry
from app.core.order import BuyerMessage, Order
from hub.db.tables import to_ms
from hub.orders import pool
from hub.orders.held import Cause
from hub.orders.work import Work


def changed_messages(before: Order | None, order: Order) -> list[BuyerMessage]:
    """Messages whose row in the queue follows."""
    known = before.messages if before is not None else ()
    return [message for message in order.messages if message not in known]


def apply(work: Work, order: Order, entries: Sequence[Entry], why: Cause) -> None:
    """Set the order and append to its file; waybills of cancelled parcels return to the pool, and stops of lines go
    once the hand has answered: that is for the hub alone, a bench does not conclude it by itself."""
    before = work.order(order.order_no)
    order, lifted = lines.lift_answered(order)
    written = [*entries, *lifted]
    if before is not None and before is not order:
        order, more = pool.given_back(work, before, order)
        written += more
    for message in changed_messages(before, order):
        row = (
            message.parcel_no,
            message.kind,
            order.order_no,
            message.state,
            message.channel,
            to_ms(message.at),
        )
        work.row(work.sql.buyer_message, row)
    work.change(order)
    work.write(order.order_no, written, why)
