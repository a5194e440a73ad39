"""What the boxes in the copy weighed when they were closed: one bounded look, newest first, for learning."""

from __future__ import annotations

import sqlite3

import msgspec

from app.core.weights import Goods, goods

#: Orders that are looked back on: some days of a busy warehouse.
LOOK_BACK = 3000
_RECENT = 'SELECT body FROM "order" WHERE queue_key IS NULL ORDER BY id DESC LIMIT ?'


class _Line(msgspec.Struct):
    line_no: int
    sku_code: str = ""


class _Inside(msgspec.Struct):
    order_no: str
    line_no: int
    qty: int = 0


class _Parcel(msgspec.Struct):
    weight_g: int = 0
    lines: list[_Inside] = []


class _Order(msgspec.Struct):
    """Of an order only what a weight belongs to."""

    order_no: str
    lines: list[_Line] = []
    parcels: list[_Parcel] = []


_ORDER = msgspec.json.Decoder(_Order)


def weighed(db: sqlite3.Connection) -> list[tuple[Goods, int]]:
    """Goods and grams of weighed boxes. A box of several buyers' orders is passed over: half of it is elsewhere."""
    found: list[tuple[Goods, int]] = []
    for (body,) in db.execute(_RECENT, (LOOK_BACK,)):
        order = _ORDER.decode(body)
        articles = {line.line_no: line.sku_code for line in order.lines}
        for parcel in order.parcels:
            is_own = all(one.order_no == order.order_no and one.line_no in articles for one in parcel.lines)
            if parcel.weight_g > 0 and is_own:
                found.append((
                    goods((articles[one.line_no], one.qty) for one in parcel.lines),
                    parcel.weight_g,
                ))
    return found
