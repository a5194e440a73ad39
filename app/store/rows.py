"""From a feed body to the columns beside it. Only what the columns need is decoded: a page holds a thousand.

Here every line counts: a first load runs it some hundred thousand times.
"""

from __future__ import annotations

from typing import Any

import msgspec


class _Stop(msgspec.Struct, gc=False):
    since: str


class _Boxed(msgspec.Struct, gc=False):
    line_no: int
    qty: int
    qty_packed: int = 0


class _Parcel(msgspec.Struct, gc=False):
    parcel_no: str
    state: str
    waybill_no: str = ""
    slip_count: int = 0
    lines: list[_Boxed] = []


class _Line(msgspec.Struct, gc=False):
    line_no: int
    sku_code: str


class _Consignee(msgspec.Struct, gc=False):
    name: str = ""
    phone: str = ""


class _Extra(msgspec.Struct, gc=False):
    former_nos: list[str] = []
    influencer_id: str = ""


class _Order(msgspec.Struct, gc=False):
    order_no: str
    order_state: str
    channel_order_no: str = ""
    is_frozen: bool = False
    is_rush: bool = False
    ship_by_at: str | None = None
    promised_at: str | None = None
    paid_at: str | None = None
    stops: list[_Stop] = []
    buyer_nick: str = ""
    consignee: _Consignee | None = None
    parcels: list[_Parcel] = []
    lines: list[_Line] = []
    extra: _Extra | None = None


class _OfOrder(msgspec.Struct, gc=False):
    order_no: str


class _Barcode(msgspec.Struct, gc=False):
    code: str
    pack_qty: int = 1


class _Item(msgspec.Struct, gc=False):
    sku_code: str
    barcodes: list[_Barcode] = []


_ORDER = msgspec.json.Decoder(_Order)
_OF_ORDER = msgspec.json.Decoder(_OfOrder)
_ITEM = msgspec.json.Decoder(_Item)

_TO_PACK = frozenset({"released", "picking", "packing"})
_NEVER = "9999-12-31T23:59:59"

#: The columns of :func:`order_row`, in its order.
ORDER_COLUMNS = (
    "order_no",
    "seq",
    "body",
    "state",
    "is_frozen",
    "deadline",
    "queue_key",
    "packed_key",
    "stop_since",
    "numbers",
    "names",
    "single_sku",
)

_MAY_BE_NULL = ("deadline", "queue_key", "packed_key", "stop_since", "single_sku")

#: Where their values stand in a statement. None is written as "": the driver hands over text at once, but looks for a
#: way to adapt everything else first, None and bytes as well, and that takes as long as the row itself.
ORDER_MARKS = tuple("nullif(?, '')" if column in _MAY_BE_NULL else "?" for column in ORDER_COLUMNS)

#: One row of table ``number``: number, kind, order_no, parcel_no.
NumberRow = tuple[str, str, str, str]


def order_row(body: bytes, seq: int) -> tuple[Any, ...]:
    """One row of table ``order`` in the order of :data:`ORDER_COLUMNS`, for :data:`ORDER_MARKS`."""
    o = _ORDER.decode(body)
    order_no, parcels = o.order_no, o.parcels
    waits = is_packed = False
    for p in parcels:
        if p.state in _TO_PACK:
            waits = True
        elif p.state == "packed":
            is_packed = True
    deadline = (o.ship_by_at or o.promised_at or "")[:19]
    key = ""
    if waits or is_packed:
        key = f"{0 if o.is_rush else 1}{deadline or _NEVER}{(o.paid_at or _NEVER)[:19]}{order_no}"
    return (
        order_no,
        seq,
        bytearray(body),
        o.order_state,
        int(o.is_frozen),
        deadline,
        key if waits else "",
        key if is_packed else "",
        min(s.since for s in o.stops) if o.stops else "",
        _numbers(o),
        _names(o),
        _single(o) if waits and len(parcels) == 1 else "",
    )


def _single(o: _Order) -> str:
    """The article of an order that waits for one unit of it and nothing else, and of which no slip is out."""
    [parcel] = o.parcels
    goes = [line for line in parcel.lines if line.qty]
    if len(goes) != 1 or goes[0].qty != 1 or goes[0].qty_packed or parcel.slip_count:
        return ""
    return next((line.sku_code for line in o.lines if line.line_no == goes[0].line_no), "")


def _numbers(o: _Order) -> str:
    """One line a number: ``kind TAB number TAB parcel_no``; parcels only where they do not begin with the order."""
    order_no = o.order_no
    lines = [f"channel\t{_tight(o.channel_order_no)}\t"] if o.channel_order_no else []
    for p in o.parcels:
        if p.waybill_no:
            lines.append(f"waybill\t{_tight(p.waybill_no).upper()}\t{p.parcel_no}")
        if p.parcel_no[:-2] != order_no:
            lines.append(f"parcel\t{p.parcel_no}\t{p.parcel_no}")
    if o.extra:
        lines += _numbers_of_extra(o, o.extra)
    return "\n".join(lines)


def _numbers_of_extra(o: _Order, extra: _Extra) -> list[str]:
    lines = []
    for former in extra.former_nos:  # slips of before a restore are in people's hands
        lines.append(f"former\t{_tight(former)}\t")
        lines += [
            f"former\t{_tight(former)}{p.parcel_no[-2:]}\t{p.parcel_no}"
            for p in o.parcels
            if p.parcel_no[:-2] == o.order_no
        ]
    if extra.influencer_id:  # all orders that somebody's live room brought (MAP-03)
        lines.append(f"influencer\t{_tight(extra.influencer_id)}\t")
    return lines


def _tight(number: str) -> str:
    """Without blanks: a tab or line break would end it in the middle."""
    return number if number.isalnum() else "".join(number.split())


def number_rows(numbers: str, order_no: str) -> list[NumberRow]:
    """The rows of table ``number`` that a ``numbers`` column stands for."""
    rows = []
    for line in numbers.splitlines():
        kind, number, parcel_no = line.split("\t")
        rows.append((number, kind, order_no, parcel_no))
    return rows


def _names(o: _Order) -> str:
    name = tail = ""
    if (consignee := o.consignee) is not None:
        name, tail = consignee.name, consignee.phone[-4:]
        if not tail.isdigit():
            tail = ""
    return f"{' '.join(o.buyer_nick.split())}\n{' '.join(name.split())}\n{tail}"


def searched_numbers(order_no: str, numbers: str, names: str) -> str:
    """What the trigram index holds: every number of the order, nickname, name and the tail of the phone."""
    found = [line.split("\t")[1] for line in numbers.splitlines()]
    return " ".join([order_no, *found, *names.split("\n")])


def searched_names(names: str) -> str:
    """What the name index holds: nickname and name in single characters, the tail of the phone as one word."""
    nick, name, tail = names.split("\n")
    return f"{spaced(nick)}\n{spaced(name)}\n{tail}"


def spaced(text: str) -> str:
    """A blank between all characters, so that each is a word of the name index."""
    return " ".join(c for c in text if not c.isspace())


def order_no_of(body: bytes) -> str:
    """Which order a history or track body belongs to."""
    return _OF_ORDER.decode(body).order_no


def item_codes(body: bytes) -> list[tuple[str, str, int]]:
    """Rows of table ``item_code``: a sku_code scans as itself."""
    item = _ITEM.decode(body)
    codes = {b.code: b.pack_qty for b in item.barcodes}
    codes[item.sku_code] = 1
    return [(code, item.sku_code, qty) for code, qty in codes.items()]
