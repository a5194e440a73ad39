"""What a mask leaves of a fed body. Consignees are masked long before; this hides what a desk need not know.

``floor``: no money. ``desk``: all of the body. ``office``: money, but nobody's name, number or remark.
Masks work on the stored bytes: they run for every row of a first load.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from app.core.order import Order

# A key inside a text has its quotes escaped, so these bytes are keys and never somebody's words.
_MONEY = re.compile(rb'("(?:paid|coupon|points|freight|price)_fen"\s*:\s*)-?\d+')
_PEOPLE: dict[str, Any] = {"buyer_nick": "", "buyer_remark": "", "seller_remark": ""}


def floor(kind: str, body: bytes) -> bytes | None:
    """No prices at a bench; persons are no business of the floor."""
    if kind == "person":
        return None
    return _MONEY.sub(rb"\g<1>0", body) if kind in ("order", "history") else body


def desk(kind: str, body: bytes) -> bytes | None:
    """All of it, but no list of persons."""
    return None if kind == "person" else body


def office(kind: str, body: bytes) -> bytes | None:
    """Figures without people: consignee, nickname and remarks are empty; the file of an order is not shown."""
    if kind in ("person", "history"):
        return None
    if kind != "order":
        return body
    order = msgspec.json.decode(body, type=dict[str, Any])
    consignee = order.get("consignee") or {}
    kept = {key: consignee.get(key, "") for key in ("province", "city")}
    order |= _PEOPLE | {"consignee": dict.fromkeys(consignee, "") | kept}
    return msgspec.json.encode(order)


MASKS = {"floor": floor, "desk": desk, "office": office}


def order_as_seen(mask: str, order: Order) -> Order:
    """An order as a reader with this mask may see it."""
    masked = MASKS[mask]("order", msgspec.json.encode(order))
    return msgspec.json.decode(masked or b"{}", type=Order)
