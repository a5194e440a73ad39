"""The writer's part in messages to buyers: one is taken for sending, and what became of it (TRK-08)."""

from __future__ import annotations

from app.core import messages
from app.core.order import MessageState, Order
from hub.orders.apply import apply
from hub.orders.held import Cause, Needs
from hub.orders.jobs import Answer, Job
from hub.orders.work import Work


class MessageJob(Job[Order | None]):
    """Moves one message on; None where somebody else already has, so that it is sent by one alone."""

    what = "message"

    def __init__(self, order_no: str, parcel_no: str, kind: str, state: MessageState, channel: str) -> None:
        self.order_no = order_no
        self.parcel_no = parcel_no
        self.kind = kind
        self.state = state
        self.channel = channel

    def needs(self, needs: Needs) -> None:
        needs.order_nos.add(self.order_no)

    def run(self, work: Work) -> Answer[Order | None]:
        order = work.order(self.order_no)
        moved = None
        if order is not None:
            moved = messages.moved(order, self.parcel_no, self.kind, self.state, self.channel, work.now)
        if moved is None:
            return lambda numbers: None
        after, entries = moved
        apply(work, after, entries, Cause(actor=self.channel, cause="message"))
        return lambda numbers: after
