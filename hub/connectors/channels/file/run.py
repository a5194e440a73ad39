"""One import from bytes to report: read in a thread, hand over in pages, count what came of it."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Literal, Protocol, TypeVar
from zoneinfo import ZoneInfo

from app import wire
from app.core.acts import Actor
from app.core.channel import ChannelOrder
from app.core.order import Item
from app.core.texts import Lang, Texts
from app.core.waybills import PoolNumber
from hub.connectors.channels.file.mapping import Read, items_of, orders_of, waybills_of
from hub.connectors.channels.file.reader import read_table
from hub.connectors.channels.file.refused import refused_workbook
from hub.connectors.channels.file.settings import LIMITS, PAGE, PROBLEMS_SHOWN, Limits
from hub.connectors.channels.file.table import BadFile, FileKind, Problem, Table

T = TypeVar("T")
Progress = Callable[[int, int], None]
Found = tuple[Table, Read[Any], FileKind]
InThread = Callable[[Callable[[], Found]], Awaitable[Found]]


class Shop(Protocol):
    """A shop of the settings: orders of a file get its id and its connector as their channel."""

    @property
    def id(self) -> str: ...
    @property
    def connector(self) -> str: ...


class Taken(Protocol):
    @property
    def outcome(self) -> str: ...


class Writer(Protocol):
    """What an import needs of the hub's writer; outcomes are ``new | changed | same | differs | failed``."""

    async def intake(
        self, orders: Sequence[ChannelOrder], by: Actor, *, bulk: bool = False
    ) -> Sequence[Taken]: ...
    async def items(self, items: Sequence[Item]) -> Sequence[str]: ...
    async def waybills(self, numbers: Sequence[PoolNumber]) -> Sequence[str]: ...


async def run_import(
    writer: Writer,
    data: bytes,
    filename: str,
    kind: FileKind | Literal["guess"],
    shop: Shop,
    lang: Lang,
    dry_run: bool,
    actor: Actor,
    progress: Progress | None = None,
    *,
    texts: Texts,
    now: datetime,
    zone: ZoneInfo,
    own: Mapping[str, str] | None = None,
    limits: Limits = LIMITS,
    in_thread: InThread = asyncio.to_thread,
    give_way: Callable[[], None] = lambda: None,
) -> wire.ImportReport:
    """Bring a file in. Good rows are taken, each bad one comes back with its reason.

    ``kind`` "guess" goes by the headings; the report says what it was. ``own`` is a saved column map.
    ``in_thread`` runs the reading, which calls ``give_way`` again and again: it may keep it waiting.
    ``progress(rows done, rows)`` is called in the event loop after each page; what it raises ends the import.
    Raises BadFile before anything was written, and whatever the writer raises when it could decide nothing:
    pages before that are kept, and bringing the same file in again makes no doubles.
    """
    by = replace(actor, source=f"channel:{shop.id}")
    today = now.astimezone(zone).date()

    def read() -> Found:
        table = read_table(data, filename, own, limits)
        it_is = kind_of(table) if kind == "guess" else kind
        if it_is == "orders":
            found = orders_of(table, shop.id, shop.connector, zone, today, own, give_way=give_way)
            return table, found, it_is
        return table, items_of(table, own) if it_is == "items" else waybills_of(table, own), it_is

    async def hand_over(page: Sequence[Any]) -> list[str]:
        if it_is == "orders":
            return [taken.outcome for taken in await writer.intake(page, by, bulk=True)]
        return list(await (writer.items(page) if it_is == "items" else writer.waybills(page)))

    table, found, it_is = await in_thread(read)
    outcomes = ["new"] * len(found.values) if dry_run else await _in_pages(found, hand_over, progress)
    problems = [*found.problems, *_left(found, outcomes)]
    return await asyncio.to_thread(_report, table, found, outcomes, problems, it_is, dry_run, texts, lang)


def kind_of(table: Table) -> FileKind:
    """What a file is by its headings: an order number makes it orders, goods alone items, numbers alone waybills."""
    known = set(table.headings.values())
    if "channel_order_no" in known:
        return "orders"
    if known & {"sku_code", "item_barcode"}:
        return "items"
    return "waybills" if "waybill_no" in known else "orders"


async def _in_pages(
    found: Read[Any], hand_over: Callable[[Sequence[Any]], Awaitable[list[str]]], progress: Progress | None
) -> list[str]:
    outcomes: list[str] = []
    done = len({problem.row for problem in found.problems})
    for start in range(0, len(found.values), PAGE):
        page = found.values[start : start + PAGE]
        outcomes += await hand_over(page)
        done += sum(len(nos) for nos in found.row_nos[start : start + PAGE])
        if progress is not None:
            progress(done, found.rows)
    return outcomes


#: Why the hub did not take a good value: it could not (it is in quarantine), or it knows the order otherwise.
_LEFT = {"failed": "our_fault", "differs": "other_lines"}


def _left(found: Read[Any], outcomes: Sequence[str]) -> list[Problem]:
    """A value the hub did not take is refused with all its rows."""
    return [
        Problem(no, "", _LEFT[outcome], {})
        for nos, outcome in zip(found.row_nos, outcomes, strict=True)
        if outcome in _LEFT
        for no in nos
    ]


def _report(
    table: Table,
    found: Read[Any],
    outcomes: Sequence[str],
    problems: Sequence[Problem],
    kind: FileKind,
    dry_run: bool,
    texts: Texts,
    lang: Lang,
) -> wire.ImportReport:
    problems = sorted(problems, key=lambda problem: problem.row)
    rows_by = {"new": 0, "changed": 0, "same": 0, **dict.fromkeys(_LEFT, 0)}
    for nos, outcome in zip(found.row_nos, outcomes, strict=True):
        rows_by[outcome] += len(nos)
    kept = [value for value, outcome in zip(found.values, outcomes, strict=True) if outcome not in _LEFT]
    sums_out = _sums(kept) if kind == "orders" else wire.ImportSums()
    refused_file = refused_workbook(table, problems, texts, lang) if problems else b""
    return wire.ImportReport(
        kind=kind,
        rows=found.rows,
        taken=rows_by["new"] + rows_by["changed"],
        unchanged=rows_by["same"],
        refused=len({problem.row for problem in problems}),
        orders=sums_out.orders,
        paid_fen=sums_out.paid_fen,
        problems=[
            wire.BadRow(row=p.row, column=p.column, reason=p.key, text=p.text(texts, lang))
            for p in problems[:PROBLEMS_SHOWN]
        ],
        refused_file=base64.b64encode(refused_file).decode("ascii"),
        is_dry_run=dry_run,
        sums_in=found.sums,
        sums_out=sums_out,
        unused_columns=list(found.unused_columns),
    )


def _sums(orders: Sequence[ChannelOrder]) -> wire.ImportSums:
    return wire.ImportSums(
        orders=len(orders),
        lines=sum(len(order.lines) for order in orders),
        qty=sum(line.qty for order in orders for line in order.lines),
        paid_fen=sum(order.paid_fen for order in orders),
        coupon_fen=sum(order.coupon_fen for order in orders),
        points_fen=sum(order.points_fen for order in orders),
        freight_fen=sum(order.freight_fen for order in orders),
    )


__all__ = ["BadFile", "Writer", "kind_of", "run_import"]
