"""Orders by the thousand, alike in shape and size to real ones, from one seed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from app.core.channel import ChannelLine, ChannelOrder, first_seen
from app.core.freeze import Rules
from app.core.order import Consignee
from app.station import keepsake
from app.station.bench import Identity
from app.wire import Change, ChangePage, StationKind

T0 = datetime(2026, 11, 11, 0, 0, tzinfo=UTC)
_SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗"
_GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉"
_CITIES = (
    "浙江省杭州市西湖区",
    "广东省深圳市南山区",
    "江苏省苏州市姑苏区",
    "四川省成都市武侯区",
    "北京市朝阳区",
)
_GOODS = (
    "纯棉毛巾",
    "马克杯",
    "四件套",
    "抱枕",
    "香薰蜡烛",
    "坚果礼盒",
    "辣条大礼包",
    "保温杯",
    "帆布袋",
    "浴巾",
)


def pair(folder: Path, kind: StationKind) -> None:
    """Makes ``folder`` that of a station which has joined a hub."""
    folder.mkdir(parents=True)
    keepsake.write(
        folder,
        Identity(
            hub_url="http://127.0.0.1:8620",
            station_id="ST-BENCH",
            name="打包台 1",
            kind=kind,
            warehouse="main",
            token="bench",
        ),
    )


def channel_orders(count: int, lines: int = 3, seed: int = 1) -> Iterator[ChannelOrder]:
    """``count`` paid orders of one shop with ``lines`` lines each."""
    dice = random.Random(seed)
    for n in range(count):
        goods = [dice.randrange(5000) for _ in range(lines)]
        yield ChannelOrder(
            channel="file",
            shop_id="bench",
            channel_order_no=f"261111-{dice.randrange(10**14, 10**15)}{n:07d}",
            paid_at=T0 + timedelta(seconds=n % 86400),
            ship_by_at=T0 + timedelta(seconds=n % 86400, hours=48),
            paid_fen=dice.randrange(990, 99900),
            lines=tuple(
                ChannelLine(
                    sku_code=f"SKU-{g:05d}",
                    title=f"{_GOODS[g % 10]} {g}",
                    spec="蓝色 / 大号",
                    qty=1 + g % 3,
                    price_fen=1990,
                )
                for g in goods
            ),
            buyer_nick=f"买家{dice.randrange(10**6)}",
            consignee=Consignee(
                name=dice.choice(_SURNAMES) + dice.choice(_GIVEN) + dice.choice(_GIVEN),
                phone=f"1{dice.randrange(3 * 10**9, 10**10 - 1)}",
                address=f"{dice.choice(_CITIES)}文三路 {dice.randrange(999)} 号 {dice.randrange(40)} 栋",
            ),
            buyer_remark="请尽快发货，谢谢" if n % 7 == 0 else "",
        )


def pages(count: int, size: int = 1000) -> Iterator[ChangePage]:
    """The first load of ``count`` orders as a hub feeds it: bodies of one shape, numbers and buyers their own."""
    model = next(channel_orders(1))
    order, _ = first_seen(model, _MODEL_NO, "main", T0, Rules())
    parcel = replace(order.parcels[0], waybill_no=_MODEL_WAYBILL, carrier="zhongtong")
    body = msgspec.json.encode(order.with_parcel(parcel))
    who = order.consignee
    marks = (_MODEL_NO, _MODEL_WAYBILL, model.channel_order_no, order.buyer_nick, who.name, who.phone)
    old = tuple(mark.encode() for mark in marks)
    for first in range(0, count, size):
        last = min(first + size, count)
        changes = [
            Change(seq=n + 1, kind="order", key=order_no(n), body=msgspec.Raw(_as(body, old, n)))
            for n in range(first, last)
        ]
        yield ChangePage(epoch="bench", head=count, next=last, changes=changes)


_MODEL_NO = "OD20261111000000"
_MODEL_WAYBILL = "78000000000000"


def order_no(n: int) -> str:
    """The order number of the n-th order of :func:`pages`: 900,000 orders a day."""
    day, counter = divmod(n, 900_000)
    return f"OD202611{11 + day:02d}{100_000 + counter:06d}"


def waybill_no(n: int) -> str:
    return f"78{n * 7_919 % 10**12:012d}"


def channel_order_no(n: int) -> str:
    return f"261111-{n * 104_729:022d}"


def nick(n: int) -> str:
    return f"买家{n * 7_919 % 1_000_000:06d}"


def masked_name(n: int) -> str:
    return f"{_SURNAMES[n % len(_SURNAMES)]}**"


def masked_phone(n: int) -> str:
    return f"1{30 + n % 70}****{n * 104_729 % 10_000:04d}"


def _as(body: bytes, marks: tuple[bytes, ...], n: int) -> bytes:
    own = (order_no(n), waybill_no(n), channel_order_no(n), nick(n), masked_name(n), masked_phone(n))
    for old, new in zip(marks, own, strict=True):
        body = body.replace(old, new.encode())
    return body
