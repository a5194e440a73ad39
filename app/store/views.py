"""What a look into the copy gives a screen: rows of lists, what a scan means, what stands in the way."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from app.core.order import Order, OrderState, Parcel, Stop
from app.core.packing import ItemCode
from app.core.scan import Guess
from app.core.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueRow:
    """One parcel of the queue. ``deadline`` is the platform's limit, else the promise."""

    order_no: str
    parcel_no: str
    state: OrderState
    is_rush: bool
    is_frozen: bool
    is_on_hold: bool
    deadline: datetime | None
    title: str
    line_count: int
    qty: int
    qty_packed: int
    holder: str | None
    waybill_no: str
    slip_count: int
    shop_id: str
    channel: str


@dataclass(frozen=True, slots=True)
class QueuePage:
    """``next`` goes into the next call; empty at the end."""

    rows: list[QueueRow]
    next: str = ""


@dataclass(frozen=True, slots=True)
class SinglePage:
    """Boxes of one unit, most urgent first. ``next`` goes into the next call; empty at the end."""

    boxes: list[tuple[Order, Parcel]]
    next: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a scan means here. ``others``: further parcels the same number stands for.

    ``unit``: the one piece that this code stands on alone (article and serial number), where the code says so.
    """

    kind: Literal["parcel", "item", "command", "badge", "unknown"]
    key: str
    order_no: str = ""
    parcel_no: str = ""
    guess: Guess
    meanings: tuple[ItemCode, ...] = ()
    others: tuple[str, ...] = ()
    unit: str = ""


@dataclass(frozen=True, slots=True)
class OpenStop:
    """One stop and the parcels it is about."""

    order: Order
    stop: Stop
    parcels: tuple[Parcel, ...]


@dataclass(frozen=True, slots=True)
class Handled:
    """An order this station worked on lately."""

    order_no: str
    kind: str
    at: datetime


def stopped_parcels(order: Order, stop: Stop) -> tuple[Parcel, ...]:
    """The parcels a stop is about, also those already cancelled by it."""
    if not stop.line_nos:
        return order.parcels
    return tuple(
        p
        for p in order.parcels
        if any(pl.order_no == order.order_no and pl.line_no in stop.line_nos for pl in p.lines)
    )


def queue_row(order: Order, parcel: Parcel) -> QueueRow:
    """One parcel as a list shows it."""
    goes = [pl for pl in parcel.lines if pl.qty] or parcel.lines
    line = order.line(goes[0].line_no) if goes else None
    return QueueRow(
        order_no=order.order_no,
        parcel_no=parcel.parcel_no,
        state=parcel.state,
        is_rush=order.is_rush,
        is_frozen=parcel.is_frozen,
        is_on_hold=bool(order.stops_over(parcel)),
        deadline=order.ship_by_at or order.promised_at,
        title=(line.title or line.sku_code) if line else "",
        line_count=len(goes),
        qty=parcel.qty,
        qty_packed=parcel.qty_packed,
        holder=parcel.holder,
        waybill_no=parcel.waybill_no,
        slip_count=parcel.slip_count,
        shop_id=order.shop_id,
        channel=order.channel,
    )
