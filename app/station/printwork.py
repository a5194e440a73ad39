"""What the print queue asks of the station: may it print, what does it say, what has happened."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime

from app.core.acts import Act
from app.core.order import Order
from app.core.printjob import PrintJob, printed_act
from app.core.reasons import Reason, Refused
from app.station.bench import Bench
from app.station.packing import PackingDesk
from app.store.readmodel import ReadModel

#: Draws one paper of an order as the printer's bytes; given by main, where printing lives.
Render = Callable[[PrintJob, Order], Awaitable[bytes | Refused]]


class PrintWork:
    """``printing.spooler.Work`` for one station."""

    def __init__(self, bench: Bench, read: ReadModel, desk: PackingDesk, render: Render) -> None:
        self._bench = bench
        self._read = read
        self._desk = desk
        self._render = render

    async def render(self, job: PrintJob) -> bytes | Refused:
        """The bytes of this job from the newest data."""
        order = self._read.order(job.order_no)
        if order is None or order.parcel(job.parcel_no) is None:
            return Refused(Reason.parcel_unknown, {"parcel_no": job.parcel_no})
        return await self._render(job, order)

    async def may_print(self, job: PrintJob) -> Refused | None:
        """The go_check right before the first byte."""
        return await self._desk.may_go(job.parcel_no, "print")

    def is_stopped(self, job: PrintJob) -> bool:
        """Whether this station knows that the parcel must stop: it may have heard since it was asked."""
        order = self._read.order(job.order_no)
        parcel = order.parcel(job.parcel_no) if order else None
        return parcel is not None and parcel.is_frozen

    def printed(self, job: PrintJob, at: datetime) -> Act | None:
        """The fact that goes into the outbox with the job's state."""
        order = self._read.order(job.order_no)
        parcel = order.parcel(job.parcel_no) if order else None
        waybill_no = parcel.waybill_no if parcel and job.document == "label" else ""
        return printed_act(job, self._bench.new_id(), at, waybill_no)
