"""Orders as real shops have them: long titles, remarks, several kinds in one box. Composed, no real person in it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from app.core.order import (
    Consignee,
    Item,
    Order,
    OrderLine,
    OrderState,
    Parcel,
    ParcelLine,
    Stop,
    StopKind,
    settled,
)

NOW = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)
STATION = "st-3"

GOODS: tuple[tuple[str, str, str, int], ...] = (
    ("BED-4P-GREY-18", "新疆长绒棉四件套 60支贡缎裸睡亲肤 床单款", "雾霾灰 1.8m床 · 被套200×230cm", 39900),
    ("TWL-3-WHT", "A类纯棉毛巾三条装", "米白 34×76cm", 4990),
    ("SOAP-REFILL-2L", "无香浓缩洗衣液补充装 2L（敏感肌可用）", "2L × 1袋", 3280),
    ("CUP-450-BLUE", "316不锈钢保温杯 便携弹盖", "450ml 雾霾蓝", 8900),
    ("SOCK-10", "精梳棉中筒袜 10双装 四季款 吸汗防臭 男女同款", "混色 均码", 5900),
)


def items() -> dict[str, Item]:
    """The articles by sku_code, with bins."""
    return {
        sku: Item(sku_code=sku, title=title, spec=spec, bin=f"A-{n:02d}-0{n}")
        for n, (sku, title, spec, _) in enumerate(GOODS, start=1)
    }


def an_order(
    n: int = 1,
    *,
    lines: tuple[tuple[int, int, int], ...] = ((0, 1, 0), (1, 3, 0)),
    state: OrderState = OrderState.released,
    due_in: timedelta = timedelta(hours=3, minutes=12),
    **changes: object,
) -> Order:
    """Order number ``n`` of the day; ``lines`` are (index in GOODS, qty, qty_packed)."""
    order_no = f"OD20261121{n:03d}" if n <= 999 else f"OD20261121{n:06d}"
    order = Order(
        order_no=order_no,
        channel="pdd",
        shop_id="棉时光旗舰店",
        channel_order_no=f"261121-4835926{n:06d}",
        order_state=state,
        paid_at=NOW - timedelta(minutes=42),
        ordered_at=NOW - timedelta(minutes=44),
        ship_by_at=NOW + due_in,
        received_at=NOW - timedelta(minutes=41),
        paid_fen=sum(GOODS[g][3] * qty for g, qty, _ in lines),
        lines=tuple(
            OrderLine(
                line_no=no,
                sku_code=GOODS[g][0],
                title=GOODS[g][1],
                spec=GOODS[g][2],
                qty=qty,
                price_fen=GOODS[g][3],
            )
            for no, (g, qty, _) in enumerate(lines, start=1)
        ),
        buyer_nick="小**",
        consignee=Consignee(
            name="林**",
            phone="183****2807",
            province="浙江省",
            city="杭州市",
            district="余杭区",
            address="****",
        ),
        parcels=(
            Parcel(
                parcel_no=f"{order_no}01",
                state=state,
                carrier="zhongtong",
                waybill_no=f"7812003456{n:04d}",
                lines=tuple(
                    ParcelLine(order_no=order_no, line_no=no, qty=qty, qty_packed=done)
                    for no, (_, qty, done) in enumerate(lines, start=1)
                ),
            ),
        ),
    )
    return settled(replace(order, **changes))  # type: ignore[arg-type]


def on_parcel(order: Order, **changes: object) -> Order:
    """The same order with its first parcel changed and every derived field made anew."""
    return settled(order.with_parcel(replace(order.parcels[0], **changes)))  # type: ignore[arg-type]


def stopped(
    order: Order, command: str = "cancel", *, kind: StopKind = StopKind.freeze, **changes: object
) -> Order:
    """The same order with one stop over it."""
    stop = Stop(stop_id="stop-1", kind=kind, command=command, since=NOW - timedelta(seconds=8), **changes)  # type: ignore[arg-type]
    return settled(replace(order, stops=(*order.stops, stop)))
