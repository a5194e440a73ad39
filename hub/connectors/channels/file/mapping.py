"""Rows become orders, items and waybill numbers. Pure: a table in, values and named problems out.

Every data row ends in exactly one of two places: in a value, or among the problems.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache, partial
from typing import Any, Generic, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from app.core.channel import ChannelLine, ChannelOrder
from app.core.order import Consignee, Item, ItemBarcode, RefundState
from app.core.waybills import PoolNumber
from app.wire import ImportSums
from hub.connectors.channels.file.cells import READERS, BadCell, rounded_ids, time_of
from hub.connectors.channels.file.table import (
    BadFile,
    Cell,
    FileKind,
    Problem,
    Row,
    Table,
    columns,
    is_blank,
    plain,
    words,
)

T = TypeVar("T")
_NOTHING = ImportSums()

#: Said once per order: rows of one order must agree on these, an empty cell says nothing.
ORDER_COLUMNS = (
    "ordered_at",
    "paid_at",
    "ship_by_at",
    "promised_at",
    "channel_state",
    "refund_state",
    "buyer_nick",
    "consignee_name",
    "consignee_phone",
    "province",
    "city",
    "district",
    "consignee_address",
    "paid",
    "coupon",
    "points",
    "freight",
    "buyer_remark",
    "seller_remark",
    "delivery_method",
    "carrier",
    "waybill_no",
    "tags",
)
LINE_COLUMNS = ("sku_code", "title", "spec", "qty", "price", "item_barcode")
ITEM_COLUMNS = ("title", "spec", "bin", "weight_g", "picture")
BARCODE_COLUMNS = ("item_barcode", "pack_qty")
POOL_COLUMNS = ("carrier", "waybill_no", "routing_code")

COLUMNS_OF: Mapping[FileKind, tuple[str, ...]] = {
    "orders": ("channel_order_no", *ORDER_COLUMNS, *LINE_COLUMNS),
    "items": ("sku_code", *ITEM_COLUMNS, *BARCODE_COLUMNS),
    "waybills": POOL_COLUMNS,
}
#: Columns a file must have, whatever its rows hold (design 1.2).
REQUIRED_OF: Mapping[FileKind, tuple[str, ...]] = {
    "orders": (
        "channel_order_no",
        "paid_at",
        "consignee_name",
        "consignee_phone",
        "consignee_address",
        "sku_code",
        "qty",
        "paid",
    ),
    "items": ("sku_code",),
    "waybills": ("carrier", "waybill_no"),
}
#: Real wholesale invoices have some 700 lines; far more is one number copied into every row.
LINES_MAX = 2000
#: Rows or orders, a millisecond's work, between two looks at whether others wait.
_STEP = 20
#: Cells of a column whose values are remembered while its file is read: an order's lines say the same of the order,
#: and many orders the same of their time, goods and place.
_REMEMBERED = 256


@dataclass(frozen=True, slots=True)
class Read(Generic[T]):
    """What a table holds. ``row_nos[i]`` are the rows ``values[i]`` was made of; ``rows`` counts data rows.

    ``rows == sum(len(nos) for nos in row_nos) + len({p.row for p in problems})``.
    ``sums`` were added up cell by cell over the rows behind ``values``, for comparing with what came of them.
    """

    values: list[T]
    row_nos: list[tuple[int, ...]]
    problems: list[Problem]
    rows: int
    sums: ImportSums = _NOTHING
    unused_columns: tuple[str, ...] = ()


def kind_of(table: Table) -> FileKind | None:
    """What a table is about, by the columns it has; None when it could be none of the three."""
    have = set(table.headings.values())
    fitting = [kind for kind in ("orders", "waybills", "items") if have.issuperset(_must_have(kind))]
    return fitting[0] if fitting else None  # type: ignore[return-value]


def orders_of(
    table: Table,
    shop_id: str,
    channel: str,
    tz: ZoneInfo,
    today: date,
    own: Mapping[str, str] | None = None,
    *,
    give_way: Callable[[], None] = lambda: None,
) -> Read[ChannelOrder]:
    """The orders of a table; rows with one ``channel_order_no`` are its lines.

    ``tz`` is meant where a time says no zone, ``today`` gives a year to dates without one, ``own`` maps our
    column names to the file's headings; ``give_way`` is called every millisecond or so and may keep us waiting.
    Raises BadFile when a needed column is missing or stands there twice.
    """
    sheet = _Sheet(table, "orders", own, tz, today, give_way)
    read: Read[ChannelOrder] = Read([], [], [], len(table.rows), unused_columns=sheet.unused)
    sums: dict[str, int] = dict.fromkeys(ImportSums.__struct_fields__, 0)
    for group in at_leisure(sheet.groups("channel_order_no", read.problems), give_way):
        said, problems = _agreed(group, ORDER_COLUMNS, sheet.headings, tz)
        problems += _order_gaps(group, said, sheet.headings)
        if problems:
            read.problems.extend(_whole_group(group, problems))
            continue
        read.values.append(_order(group, said, shop_id, channel))
        read.row_nos.append(tuple(parsed.row for parsed in group))
        _add_up(sums, group, said)
    return _finished(read, ImportSums(**sums))


def items_of(table: Table, own: Mapping[str, str] | None = None) -> Read[Item]:
    """The articles of a table; several rows of one ``sku_code`` bring several barcodes."""
    sheet = _Sheet(table, "items", own)
    read: Read[Item] = Read([], [], [], len(table.rows), unused_columns=sheet.unused)
    for group in sheet.groups("sku_code", read.problems):
        said, problems = _agreed(group, ITEM_COLUMNS, sheet.headings)
        barcodes, bad = _barcodes(group, sheet.headings)
        if problems + bad:
            read.problems.extend(_whole_group(group, problems + bad))
            continue
        known = {name: value for name, value in said.items() if value is not None}
        read.values.append(Item(sku_code=group[0].values["sku_code"], barcodes=barcodes, **known))
        read.row_nos.append(tuple(parsed.row for parsed in group))
    return _finished(read)


def waybills_of(table: Table, own: Mapping[str, str] | None = None) -> Read[PoolNumber]:
    """The waybill numbers of a table, for the pool; a number that comes twice is taken once."""
    sheet = _Sheet(table, "waybills", own)
    read: Read[PoolNumber] = Read([], [], [], len(table.rows), unused_columns=sheet.unused)
    seen: dict[tuple[str, str], int] = {}
    for parsed in sheet.parsed():
        values = parsed.values
        problems = list(parsed.problems)
        problems += _missing(parsed, ("carrier", "waybill_no"), sheet.headings)
        key = carrier_code(values.get("carrier") or ""), values.get("waybill_no") or ""
        if not problems and key in seen:
            heading = sheet.headings["waybill_no"]
            problems.append(
                Problem(parsed.row, heading, "waybill_twice", {"value": key[1], "first": seen[key]})
            )
        if problems:
            read.problems.extend(problems)
            continue
        seen[key] = parsed.row
        read.values.append(
            PoolNumber(carrier=key[0], waybill_no=key[1], routing_code=values.get("routing_code") or "")
        )
        read.row_nos.append((parsed.row,))
    return _finished(read)


def carrier_code(text: str) -> str:
    """The kuaidi100 code of a carrier's name; a name we do not know stays as it is."""
    return words()["carrier"].get(plain(text), text)


# --------------------------------------------------------------------------------------------- rows to values


def at_leisure(things: Iterable[T], give_way: Callable[[], None]) -> Iterable[T]:
    """The things as they are; between every few of them others may go first."""
    for n, thing in enumerate(things):
        if n % _STEP == 0:
            give_way()
        yield thing


class _Parsed(NamedTuple):
    """One row: its values by our names (empty cells are None or ""), and what is wrong with it."""

    row: int
    values: dict[str, Any]
    problems: tuple[Problem, ...]


class _Field(NamedTuple):
    name: str
    heading: str
    places: tuple[int, ...]
    read: Callable[[Cell], Any]
    damaged: frozenset[str]


class _Sheet:
    """A table with its columns found: which of them we read, with which reader."""

    def __init__(
        self,
        table: Table,
        kind: FileKind,
        own: Mapping[str, str] | None,
        tz: ZoneInfo | None = None,
        today: date | None = None,
        give_way: Callable[[], None] = lambda: None,
    ) -> None:
        places = _places(table, kind, own)
        lacking = [name for name in _must_have(kind) if name not in places]
        if lacking:
            raise BadFile("columns_missing", columns="、".join(_label(name) for name in lacking))
        self._table = table
        self._give_way = give_way
        self.headings = {name: table.header[indexes[0]] for name, indexes in places.items()}
        self._fields = [
            _Field(
                name, self.headings[name], indexes, _reader(name, tz, today), _rounded(table, name, indexes)
            )
            for name, indexes in places.items()
        ]
        used = {index for indexes in places.values() for index in indexes}
        self.unused = tuple(head for n, head in enumerate(table.header) if n not in used and head)

    def parsed(self) -> Iterable[_Parsed]:
        return (self._parsed(row) for row in at_leisure(self._table.rows, self._give_way))

    def groups(self, key: str, problems: list[Problem]) -> list[list[_Parsed]]:
        """Rows of one key together, in the order they first came; rows without a key go to ``problems``."""
        groups: dict[str, list[_Parsed]] = {}
        for parsed in self.parsed():
            if parsed.values.get(key):
                groups.setdefault(parsed.values[key], []).append(parsed)
            elif any(problem.column == self.headings[key] for problem in parsed.problems):
                problems.extend(parsed.problems)
            else:
                problems.extend(
                    (Problem(parsed.row, self.headings[key], f"no_{key}", {}), *parsed.problems),
                )
        return list(groups.values())

    def _parsed(self, row: Row) -> _Parsed:
        values: dict[str, Any] = {}
        problems: list[Problem] = []
        for field in self._fields:
            try:
                value = values[field.name] = _first(row, field)
                if field.damaged and value in field.damaged:
                    values[field.name] = None
                    raise BadCell("id_rounded", value=value)
            except BadCell as bad:
                problems.append(Problem(row.no, field.heading, bad.key, bad.params))
        return _Parsed(row.no, values, tuple(problems))


def _first(row: Row, field: _Field) -> Any:
    """The first of the field's columns that holds something."""
    cell = row.cell(field.places[0])
    value = field.read(cell) if cell != "" else None  # most cells of a file are empty
    for place in field.places[1:]:
        if value:
            break
        value = field.read(row.cell(place))
    return value


def _must_have(kind: str) -> tuple[str, ...]:
    return REQUIRED_OF[kind]  # type: ignore[index]


def _label(name: str) -> str:
    """How a missing column is named to people: the usual heading and our own."""
    return f"{columns()[name].headings[1]} ({name})"


def _places(table: Table, kind: FileKind, own: Mapping[str, str] | None) -> dict[str, tuple[int, ...]]:
    """Our name -> the columns that carry it, most usual heading first. Only phones may stand in several."""
    found: dict[str, list[tuple[int, int]]] = {}
    for index, heading in enumerate(table.header):
        name = table.headings.get(heading)
        if name in COLUMNS_OF[kind]:
            found.setdefault(name, []).append((_rank(name, heading, own), index))
    places: dict[str, tuple[int, ...]] = {}
    for name, ranked in found.items():
        ranked.sort()
        if len(ranked) > 1 and ranked[0][0] == ranked[1][0]:
            raise BadFile("column_twice", column=table.header[ranked[0][1]])
        places[name] = tuple(index for _, index in (ranked if name == "consignee_phone" else ranked[:1]))
    return places


def _rank(name: str, heading: str, own: Mapping[str, str] | None) -> int:
    if own and name in own and plain(own[name]) == plain(heading):
        return -1
    usual = [plain(known) for known in columns()[name].headings]
    bare = plain(re.sub(r"[(（\[【].*?[)）\]】]", "", heading))
    return next((n for n, known in enumerate(usual) if known in (plain(heading), bare)), len(usual))


def _reader(name: str, tz: ZoneInfo | None, today: date | None) -> Callable[[Cell], Any]:
    column = columns()[name]
    if column.kind == "time":
        assert tz is not None and today is not None, "times need a zone and a day"
        return lru_cache(_REMEMBERED)(partial(time_of, zone=tz, today=today))
    return lru_cache(_REMEMBERED)(partial(READERS[column.kind], column=column))


def _rounded(table: Table, name: str, indexes: tuple[int, ...]) -> frozenset[str]:
    """Ids of a text file that a spreadsheet has rounded; a workbook tells by the cell itself."""
    if table.kind != "csv" or columns()[name].kind != "id":
        return frozenset()
    cells = (row.cell(index) for row in table.rows for index in indexes)
    return rounded_ids([cell.strip().lstrip("'") for cell in cells if isinstance(cell, str)])


# --------------------------------------------------------------------------------------------- groups of rows


def _agreed(
    group: Sequence[_Parsed], names: Iterable[str], headings: Mapping[str, str], zone: ZoneInfo | None = None
) -> tuple[dict[str, Any], list[Problem]]:
    """What the rows of one order or article say together, and where they contradict each other."""
    said: dict[str, Any] = dict.fromkeys(names)
    problems: list[Problem] = [problem for parsed in group for problem in parsed.problems]
    for name in [name for name in said if name in headings]:
        first: tuple[int, Any] | None = None
        for parsed in group:
            value = parsed.values.get(name)
            if value is None or value == "" or value == ():
                continue
            if first is None:
                first = parsed.row, value
            elif value != first[1]:
                params = {
                    "first": first[0],
                    "one": _told(name, first[1], zone),
                    "other": _told(name, value, zone),
                }
                problems.append(Problem(parsed.row, headings[name], "rows_differ", params))
        said[name] = first[1] if first else None
    return said, problems


def _told(name: str, value: Any, zone: ZoneInfo | None) -> str:
    """A value as it may have stood in the cell: yuan, wall-clock time, words."""
    if isinstance(value, datetime):
        return value.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")
    if columns()[name].kind == "money":
        return f"{value // 100}.{value % 100:02d}"
    return "、".join(value) if isinstance(value, tuple) else str(value)


def _whole_group(group: Sequence[_Parsed], problems: Sequence[Problem]) -> list[Problem]:
    """The problems of an order, and a word for its other rows: an order is taken whole or not at all."""
    bad = {problem.row for problem in problems}
    others = [p.row for p in group if p.row not in bad]
    return [*problems, *(Problem(row, "", "row_of_refused", {"row": min(bad)}) for row in others)]


def _missing(parsed: _Parsed, names: Iterable[str], headings: Mapping[str, str]) -> list[Problem]:
    """Needed values that are empty; a cell that could not be read has its problem already."""
    told = {problem.column for problem in parsed.problems}
    return [
        Problem(parsed.row, headings.get(name, _label(name)), "value_missing", {})
        for name in names
        if parsed.values.get(name) in (None, "") and headings.get(name) not in told
    ]


def _order_gaps(
    group: Sequence[_Parsed], said: Mapping[str, Any], headings: Mapping[str, str]
) -> list[Problem]:
    """What an order needs and does not have."""
    problems = [problem for parsed in group for problem in _missing(parsed, ("sku_code", "qty"), headings)]
    if len(group) > LINES_MAX:
        problems.append(Problem(group[0].row, "", "too_many_lines", {"max": LINES_MAX}))
    status = _status(said)
    needed = (
        []
        if status in ("shipped", "cancelled")
        else ["consignee_name", "consignee_phone", "consignee_address"]
    )
    if _is_paid(said):
        needed.append("paid")
    told = {problem.column for parsed in group for problem in parsed.problems}
    problems += [
        Problem(group[0].row, headings[name], "value_missing", {})
        for name in needed
        if said[name] is None and headings[name] not in told
    ]
    return problems


# ---------------------------------------------------------------------------------------------- orders


def _status(said: Mapping[str, Any]) -> str:
    return words()["state"].get(plain(said["channel_state"] or ""), "")


def _is_paid(said: Mapping[str, Any]) -> bool:
    status = _status(said)
    return status == "shipped" or (said["paid_at"] is not None and status != "unpaid")


def _order(group: Sequence[_Parsed], said: Mapping[str, Any], shop_id: str, channel: str) -> ChannelOrder:
    status = _status(said)
    refund = plain(said["refund_state"] or "")
    refund_known = words()["refund"].get(refund, "none" if not refund else "")
    return ChannelOrder(
        channel=channel,
        shop_id=shop_id,
        channel_order_no=group[0].values["channel_order_no"],
        channel_state=said["channel_state"] or "",
        refund_state=RefundState(refund_known) if refund_known and refund else None,
        is_paid=_is_paid(said),
        is_shipped=status == "shipped",
        is_cancelled=status == "cancelled",
        ordered_at=said["ordered_at"],
        paid_at=said["paid_at"],
        ship_by_at=said["ship_by_at"],
        promised_at=said["promised_at"],
        paid_fen=said["paid"] or 0,
        coupon_fen=said["coupon"] or 0,
        points_fen=said["points"] or 0,
        freight_fen=said["freight"] or 0,
        lines=tuple(_line(parsed.values) for parsed in group),
        buyer_nick=said["buyer_nick"] or "",
        consignee=_consignee(said),
        buyer_remark=said["buyer_remark"] or "",
        seller_remark=said["seller_remark"] or "",
        delivery_method=said["delivery_method"] or "",
        carrier=carrier_code(said["carrier"] or ""),
        waybill_no=said["waybill_no"] or "",
        tags=said["tags"] or (),
        extra={} if refund_known else {"refund_state_said": said["refund_state"]},
    )


def _line(values: Mapping[str, Any]) -> ChannelLine:
    return ChannelLine(
        sku_code=values["sku_code"],
        title=values.get("title") or "",
        spec=values.get("spec") or "",
        qty=values["qty"],
        price_fen=values.get("price") or 0,
        item_barcode=values.get("item_barcode") or "",
    )


def _consignee(said: Mapping[str, Any]) -> Consignee:
    """As given; where province, city, district have columns of their own the address does not repeat them."""
    parts = [said["province"] or "", said["city"] or "", said["district"] or ""]
    address: str = said["consignee_address"] or ""
    for part in parts:
        if part and address.startswith(part):
            address = address[len(part) :].lstrip(" ,，-")
    return Consignee(
        name=said["consignee_name"] or "",
        phone=said["consignee_phone"] or "",
        province=parts[0],
        city=parts[1],
        district=parts[2],
        address=address,
    )


def _add_up(sums: dict[str, int], group: Sequence[_Parsed], said: Mapping[str, Any]) -> None:
    sums["orders"] += 1
    sums["lines"] += len(group)
    sums["qty"] += sum(parsed.values["qty"] for parsed in group)
    for name in ("paid", "coupon", "points", "freight"):
        sums[f"{name}_fen"] += said[name] or 0


# ---------------------------------------------------------------------------------------------- items


def _barcodes(
    group: Sequence[_Parsed], headings: Mapping[str, str]
) -> tuple[tuple[ItemBarcode, ...], list[Problem]]:
    codes: dict[str, tuple[int, int]] = {}
    problems: list[Problem] = []
    for parsed in group:
        code, pack_qty = parsed.values.get("item_barcode"), parsed.values.get("pack_qty") or 1
        if not code:
            continue
        heading = headings["item_barcode"]
        if not may_be_scanned(code):
            problems.append(Problem(parsed.row, heading, "barcode_check_digit", {"value": code}))
        elif code in codes and codes[code][0] != pack_qty:
            params = {"value": code, "first": codes[code][1]}
            problems.append(Problem(parsed.row, heading, "barcode_two_quantities", params))
        else:
            codes.setdefault(code, (pack_qty, parsed.row))
    return tuple(ItemBarcode(code=code, pack_qty=found[0]) for code, found in codes.items()), problems


def may_be_scanned(code: str) -> bool:
    """False for a Chinese EAN-13 (69...) whose check digit is wrong: no scanner will ever read it."""
    if not (len(code) == 13 and code.startswith("69") and code.isascii() and code.isdigit()):
        return True
    weighted = sum(int(digit) * (3 if n % 2 else 1) for n, digit in enumerate(code))
    return weighted % 10 == 0


def _finished(read: Read[T], sums: ImportSums | None = None) -> Read[T]:
    problems = sorted(read.problems, key=lambda problem: problem.row)
    return Read(read.values, read.row_nos, problems, read.rows, sums or read.sums, read.unused_columns)


def rows_held(rows: Iterable[Row]) -> tuple[Row, ...]:
    """Rows that hold anything."""
    return tuple(row for row in rows if not is_blank(row.cells))
