"""Orders that come again to a restored hub: they take the numbers their acts name, and the acts are applied.

An act whose order the hub lacks is kept (``clash: order_unknown``). What finds the order again is the channel's own
number of it, which every act carries (design 3.11).
"""

from __future__ import annotations

import re
from dataclasses import replace

import msgspec

from app.core.acts import Act, Actor
from app.core.order import Order
from app.wire import Envelope, act_of
from hub.orders.held import Cause, KeptAct
from hub.orders.judge import judge
from hub.orders.said import open_alarms
from hub.orders.work import Work


def number_for(work: Work, shop_id: str, channel_order_no: str) -> tuple[str, list[KeptAct]]:
    """The number of an order that nobody has: the one its kept acts name, else the next; and those acts."""
    kept = work.kept_acts(shop_id, channel_order_no)
    if not kept:
        return work.next_number(), kept
    named = sorted({act.order_no for act in kept})
    free = [no for no in named if _is_of_another_life(work, no) and work.order(no) is None]
    return (free[0] if free else work.next_number()), kept


def _is_of_another_life(work: Work, order_no: str) -> bool:
    """Whether a hub of an earlier series gave this number: one of our own series is ours to give."""
    found = re.fullmatch(
        rf"{re.escape(work.settings.order_prefix)}\d{{8}}([A-Z]?)(?:\d{{3}}|\d{{6}})", order_no
    )
    return found is not None and found.group(1) != work.series


def caught_up(work: Work, order_no: str, kept: list[KeptAct]) -> None:
    """Judge the acts that waited for this order, as they were made; the answers they were given stay."""
    read = [(msgspec.json.decode(one.envelope, type=Envelope), one) for one in kept]
    for envelope, one in sorted(read, key=lambda pair: (pair[0].made_at, pair[1].act_id)):
        order = work.order(order_no)
        if order is None:
            return
        by = msgspec.json.decode(one.actor, type=Actor)
        act = renamed(act_of(envelope), order)
        judge(work, order, act, by, Cause.of(by, act.act_id, min(envelope.made_at, work.now)))
        work.row(work.sql.kept_done, (one.act_id,))
    _no_longer_unknown(work, {one.order_no for one in kept})


def renamed(act: Act, order: Order) -> Act:
    """The act on the order as it is numbered here: its parcels keep their two digits."""
    if act.order_no == order.order_no:
        return act
    parcel_no = act.parcel_no
    if parcel_no is not None and parcel_no.startswith(act.order_no):
        parcel_no = order.order_no + parcel_no[len(act.order_no) :]
    return replace(act, order_no=order.order_no, parcel_no=parcel_no)


def remember_number(order: Order, former_no: str) -> Order:
    """Slips of another life are in people's hands: the order is found by their number too."""
    known = list(order.extra.get(FORMER, ()))
    if former_no == order.order_no or former_no in known:
        return order
    return replace(order, extra={**order.extra, FORMER: [*known, former_no]})


#: In an order's ``extra``: numbers it had before a restore.
FORMER = "former_nos"


def _no_longer_unknown(work: Work, order_nos: set[str]) -> None:
    for alarm in open_alarms(work):
        if alarm.kind == "order_unknown" and alarm.params.get("order_no") in order_nos:
            work.set_alarm(msgspec.structs.replace(alarm, acked_at=work.now, acked_by="hub"))
