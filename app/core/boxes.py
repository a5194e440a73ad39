"""One order in several boxes: what is counted into a box stays in it, the rest goes into the next one (拆单)."""

from __future__ import annotations

from dataclasses import replace

from app.core.history import Entry, HistoryKind
from app.core.order import FLOOR_STATES, GONE_STATES, Order, OrderState, Parcel, settled
from app.core.reasons import Reason, Refused

#: A box's number is its order's and two digits.
MOST_BOXES = 99


def split(order: Order, parcel: Parcel) -> tuple[Order, Entry] | Refused:
    """The order with one more box. The new one waits on the floor with what was not counted yet, and has no paper.

    Refused where the box is empty, complete, closed or gone. A waybill stays with the box it was taken for.
    """
    no = parcel.parcel_no
    if parcel.state in GONE_STATES:
        return Refused(Reason.already_handed_over, {"parcel_no": no})
    if parcel.state not in FLOOR_STATES or parcel.is_boxed:
        return Refused(Reason.already_packed, {"parcel_no": no})
    left = sum(max(0, pl.qty - pl.qty_packed) for pl in parcel.lines)
    next_no = _next_number(order)
    if not parcel.qty_packed or not left or not next_no:
        return Refused(Reason.nothing_to_split, {"parcel_no": no})
    stays = tuple(replace(pl, qty=min(pl.qty, pl.qty_packed)) for pl in parcel.lines if pl.qty_packed)
    goes = tuple(
        replace(pl, qty=pl.qty - pl.qty_packed, qty_packed=0) for pl in parcel.lines if pl.qty_packed < pl.qty
    )
    first = replace(parcel, lines=stays)
    second = Parcel(parcel_no=next_no, state=OrderState.released, lines=goes)
    after = order.with_parcel(first)
    entry = Entry(
        kind=HistoryKind.parcel_split,
        parcel_no=no,
        params={"parcel_no": next_no, "qty": left},
        before={"qty": parcel.qty},
        after={"qty": first.qty},
    )
    return settled(replace(after, parcels=(*after.parcels, second))), entry


def _next_number(order: Order) -> str:
    """The number after the highest one of this order's own boxes; empty where no more can be told apart."""
    own = [int(p.parcel_no[-2:]) for p in order.parcels if p.parcel_no[:-2] == order.order_no]
    highest = max(own, default=0)
    return f"{order.order_no}{highest + 1:02d}" if highest < MOST_BOXES else ""
