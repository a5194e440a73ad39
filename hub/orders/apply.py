"""Takes down what a rule decided about an order: its body, its file, and what follows from both."""

from __future__ import annotations

from collections.abc import Sequence

from app.core import lines
from app.core.history import Entry
from app.core.order import Order
from hub.orders import pool
from hub.orders.held import Cause
from hub.orders.work import Work


def apply(work: Work, order: Order, entries: Sequence[Entry], why: Cause) -> None:
    """Set the order and append to its file; waybills of cancelled parcels return to the pool, and stops of lines go
    once the hand has answered: that is for the hub alone, a bench does not conclude it by itself."""
    before = work.order(order.order_no)
    order, lifted = lines.lift_answered(order)
    written = [*entries, *lifted]
    if before is not None and before is not order:
        order, more = pool.given_back(work, before, order)
        written += more
    work.change(order)
    work.write(order.order_no, written, why)
