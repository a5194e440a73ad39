"""What a mask leaves of a fed body. Consignees are masked long before; this hides what a desk need not know.

``floor``: no money. ``desk``: all of the body. ``office``: money, but nobody's name, number or remark.
Masks work on the stored bytes: they run for every row of a first load.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import msgspec

from app.core.history import HistoryRow
from app.core.order import Order

# A key inside a text has its quotes escaped, so these bytes are the end of a key and never somebody's words. Nothing
# of them is kept: a replacement that is put together anew each time costs four times as much.
# What is 0 already stays, and the blanks there may be are looked for once and not twice: half of the time.
_MONEY, _NO_MONEY = re.compile(rb'_fen"[:\s]*-?[1-9]\d*'), b'_fen":0'
_PEOPLE: dict[str, Any] = {"buyer_nick": "", "buyer_remark": "", "seller_remark": ""}


def floor(kind: str, body: bytes) -> bytes | None:
    """No prices at a bench; persons are no business of the floor."""
    if kind == "person":
        return None
    return _MONEY.sub(_NO_MONEY, body) if kind in ("order", "history") else body


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


#: What a line of an order's file may tell somebody to whom people's words are no business.
_WORDLESS = frozenset({"channel", "shop_id", "carrier", "waybill_no", "result", "command", "copy", "qty"})
_WORDS = frozenset({"seller_remark", "buyer_remark"})


def history_as_seen(mask: str, row: HistoryRow) -> HistoryRow:
    """A line of an order's file as a reader with this mask may see it.

    ``floor``: sums are 0. ``office``: who did what, where and when, what was and what is, but nobody's words:
    no notes, remarks, reasons and courier texts.
    """
    if mask != "office":
        masked = MASKS[mask]("history", msgspec.json.encode(row))
        return msgspec.json.decode(masked or b"{}", type=HistoryRow)
    return replace(
        row,
        params={name: value for name, value in row.params.items() if name in _WORDLESS},
        before=_without_words(row.before),
        after=_without_words(row.after),
    )


def _without_words(values: dict[str, Any] | None) -> dict[str, Any] | None:
    return values and {name: value for name, value in values.items() if name not in _WORDS}
