"""Small orders, acts and people for the core's tables."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from app.core.acts import BODIES, Act, ActKind, Actor
from app.core.channel import ChannelLine, ChannelOrder, first_seen
from app.core.decide import Accepted, decide
from app.core.freeze import Rules
from app.core.order import Consignee, Order

T0 = datetime(2026, 11, 21, 1, 0, tzinfo=UTC)
RULES = Rules()
PACKER = Actor(name="小周", role="packer", station_id="bench-1", source="station:bench-1")
OTHER_PACKER = Actor(name="小吴", role="packer", station_id="bench-2", source="station:bench-2")
REP = Actor(name="客服小李", role="cs_rep")


def channel_order(**changes: Any) -> ChannelOrder:
    given: dict[str, Any] = {
        "channel": "file",
        "shop_id": "s1",
        "channel_order_no": "240101-123456789012345",
        "paid_at": T0,
        "paid_fen": 5990,
        "lines": (
            ChannelLine(sku_code="TOWEL-BLUE", title="纯棉毛巾 蓝色", qty=2, price_fen=1995),
            ChannelLine(sku_code="CUP-01", title="马克杯", qty=1, price_fen=2000),
        ),
        "consignee": Consignee(name="林小明", phone="18312342807", address="浙江省杭州市西湖区文三路1号"),
    }
    return ChannelOrder(**(given | changes))


def an_order(rules: Rules = RULES, **changes: Any) -> Order:
    return first_seen(channel_order(**changes), "OD20261121001", "main", T0, rules)[0]


def act(order: Order, kind: ActKind | str, on_parcel: bool = True, act_id: str = "", **body: Any) -> Act:
    kind = ActKind(kind)
    return Act(
        act_id=act_id or f"{kind}-{order.version}",
        kind=kind,
        order_no=order.order_no,
        parcel_no=order.parcels[0].parcel_no if on_parcel else None,
        made_at=T0,
        body=BODIES[kind](**body),
    )


def done(
    order: Order, kind: str, by: Actor = PACKER, now: datetime = T0, on_parcel: bool = True, **body: Any
) -> Order:
    """The order after an act that must be accepted."""
    verdict = decide(order, act(order, kind, on_parcel, **body), by, now, RULES)
    assert isinstance(verdict, Accepted), verdict
    return verdict.order


def packed_order() -> Order:
    order = done(an_order(), "opened")
    order = done(order, "line_packed", line_no=1, qty=2)
    order = done(order, "line_packed", line_no=2)
    return done(order, "parcel_closed")
