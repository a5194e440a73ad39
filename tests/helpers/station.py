"""A station's parts on real files, a clock that stands until told, and feed pages made by hand."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from app.core.history import HistoryRow
from app.core.order import (
    Consignee,
    Item,
    ItemBarcode,
    Order,
    OrderLine,
    OrderState,
    Parcel,
    ParcelLine,
    Stop,
    StopKind,
    settled,
)
from app.wire import Change, ChangePage, Urgent

MORNING = datetime(2026, 1, 23, 1, 0, tzinfo=UTC)
EPOCH = "EPOCH-ONE"


class StillClock:
    """Stands until told. ``asleep`` counts on `monotonic` too, as the station's own clock does."""

    def __init__(self, now: datetime = MORNING) -> None:
        self._now = now
        self._monotonic = 1000.0

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    def tick(self, seconds: float) -> datetime:
        self._now += timedelta(seconds=seconds)
        self._monotonic += seconds
        return self._now


def ids(prefix: str = "ID") -> Callable[[], str]:
    """New ids in order: ID000001, ID000002 ..."""
    counter = itertools.count(1)
    return lambda: f"{prefix}{next(counter):06d}"


def order_no(n: int) -> str:
    return f"OD20260123{n:03d}" if n < 1000 else f"OD20260123{n:06d}"


def an_order(n: int = 1, *, qty: tuple[int, ...] = (2, 1), state: OrderState = OrderState.released, **changed: Any) -> Order:
    """One paid order of two kinds of goods in one parcel, on the floor."""
    no = order_no(n)
    lines = tuple(
        OrderLine(line_no=i, sku_code=f"SKU-{i}", title=f"商品{i}", qty=q, price_fen=1000) for i, q in enumerate(qty, 1)
    )
    parcel = Parcel(
        parcel_no=f"{no}01",
        state=state,
        waybill_no=f"SF{n:012d}",
        carrier="shunfeng",
        lines=tuple(ParcelLine(order_no=no, line_no=line.line_no, qty=line.qty) for line in lines),
    )
    order = Order(
        order_no=no,
        channel="file",
        shop_id="shop-1",
        channel_order_no=f"26012388{n:08d}",
        order_state=state,
        paid_at=MORNING - timedelta(hours=1),
        ship_by_at=MORNING + timedelta(hours=8, minutes=n),
        lines=lines,
        buyer_nick=f"小林{n}",
        consignee=Consignee(name="林**", phone=f"138****{n % 10000:04d}", province="浙江省", city="杭州市"),
        parcels=(parcel,),
    )
    return settled(replace(order, **changed))


def packed(order: Order) -> Order:
    """The same order with all units in the box and the box closed."""
    parcel = order.parcels[0]
    lines = tuple(replace(pl, qty_packed=pl.qty) for pl in parcel.lines)
    return settled(order.with_parcel(replace(parcel, lines=lines, state=OrderState.packed)))


def a_stop(stop_id: str = "STOP1", *, kind: StopKind = StopKind.freeze, **changed: Any) -> Stop:
    return replace(Stop(stop_id=stop_id, kind=kind, command="cancel", since=MORNING, actor="小美"), **changed)


def stopped(order: Order, *stops: Stop) -> Order:
    return settled(replace(order, stops=stops or (a_stop(),)))


def an_item(sku: str, *codes: str, pack_qty: int = 1) -> Item:
    return Item(sku_code=sku, title=sku, barcodes=tuple(ItemBarcode(code=c, pack_qty=pack_qty) for c in codes))


def change(seq: int, kind: str, key: str, body: object) -> Change:
    return Change(seq=seq, kind=kind, key=key, body=msgspec.Raw(msgspec.json.encode(body)))


def gone(seq: int, kind: str, key: str) -> Change:
    return Change(seq=seq, kind=kind, key=key, gone=True)


def order_change(seq: int, order: Order) -> Change:
    return change(seq, "order", order.order_no, order)


def item_change(seq: int, item: Item) -> Change:
    return change(seq, "item", item.sku_code, item)


def history_change(seq: int, row: HistoryRow) -> Change:
    return change(seq, "history", str(row.id), row)


def a_page(changes: Iterable[Change], *, next_: int | None = None, epoch: str = EPOCH, head: int | None = None) -> ChangePage:
    """A page as the hub sends it, through JSON and back."""
    listed = list(changes)
    end = next_ if next_ is not None else max((c.seq for c in listed), default=0)
    page = ChangePage(epoch=epoch, head=head if head is not None else end, next=end, changes=listed)
    return msgspec.json.decode(msgspec.json.encode(page), type=ChangePage)


def an_urgent(seq: int, order: Order) -> Urgent:
    return Urgent(
        seq=seq, order_no=order.order_no, stops=order.stops, is_frozen=order.is_frozen, parcels=order.parcels
    )
