"""Pages of 100 orders with 3 lines go through the one writer into SQLite (WAL, synchronous FULL): mapped,
masked, sealed with AES-GCM, blind-indexed, numbered, with history; a page is answered when its commit is
done. Ten pages wait at a time, as an import hands them over: what waits is judged while what is before it is
committed, and four pages may share a commit. The reference is a plain `executemany` of exactly the rows that
came out, into an empty database of the same schema, rows ready, one transaction: what the disk and the
indexes alone cost. The second line asks the same rows with a commit a page: what pages cost that no program
can save where each comes alone. The three take turns, round by round.
"""

from __future__ import annotations

import asyncio
import gc
import statistics
import tempfile
import time
from collections import deque
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, Table

from app.core.acts import Actor
from app.core.channel import ChannelOrder
from app.ports import SystemClock, Ulid
from benchmarks.make import channel_orders
from benchmarks.report import Figure
from hub.db import tables
from hub.db.engine import open_database
from hub.orders.results import Taken
from hub.orders.settings import LineSettings
from hub.orders.writer import Writer
from hub.vault import Vault

TITLE = "Batch ingest"
PAGE = 100
#: Pages on their way at a time: an import hands over 1,000 orders and waits for them.
AT_ONCE = 10
#: Odd, and enough of them for a middle on a machine that others share: single rounds swing by half.
ROUNDS = 11


def run(quick: bool = False) -> list[Figure]:
    count = 2_000 if quick else 20_000
    orders = list(channel_orders(count))
    ours: list[float] = []
    whole: list[float] = []
    paged: list[float] = []
    for _ in range(3 if quick else ROUNDS):
        with tempfile.TemporaryDirectory() as folder:
            engine = _database(Path(folder) / "ours")
            seconds = asyncio.run(take_in(orders, engine))
            ours.append(count / seconds)
            whole.append(count / _raw_copy(engine, Path(folder) / "whole", count))
            paged.append(count / _raw_copy(engine, Path(folder) / "paged", PAGE))
            engine.dispose()
    what = f"{count:,} orders in pages of {PAGE}, SQLite FULL"
    said = f"{statistics.median(ours):,.0f} orders/s"
    ratio = _ratio(ours, whole)
    return [
        Figure(
            what=what,
            ours=said,
            reference=f"{statistics.median(whole):,.0f} orders/s raw executemany of the same rows",
            ratio=f"{ratio:.2f}",
            aim=">= 0.45",
            passed=ratio >= 0.45,
        ),
        Figure(
            what=what,
            ours=said,
            reference=f"{statistics.median(paged):,.0f} orders/s the same, a commit a page",
            ratio=f"{_ratio(ours, paged):.2f}",
        ),
    ]


def _ratio(ours: list[float], reference: list[float]) -> float:
    """The middle one of the rounds' ratios: each was taken side by side."""
    return statistics.median(a / b for a, b in zip(ours, reference, strict=True))


def _database(folder: Path) -> Engine:
    folder.mkdir(parents=True)
    return open_database("sqlite:///bench.db", folder, Ulid(SystemClock()))


async def take_in(orders: list[ChannelOrder], engine: Engine) -> float:
    """Seconds until the writer has taken all of them, page by page, whatever the database."""
    clock = SystemClock()
    writer = Writer(engine, clock, Ulid(clock), Vault(bytes(32)), LineSettings())
    writer.start(asyncio.get_running_loop())
    by = Actor(name="bench", role="admin")
    gc.collect()
    began = time.perf_counter()
    under_way: deque[asyncio.Task[list[Taken]]] = deque()
    for at in range(0, len(orders), PAGE):
        under_way.append(asyncio.create_task(writer.intake(orders[at : at + PAGE], by, bulk=True)))
        if len(under_way) == AT_ONCE:
            _check(await under_way.popleft())
    for task in under_way:
        _check(await task)
    seconds = time.perf_counter() - began
    await writer.stop()
    return seconds


def _check(page: list[Taken]) -> None:
    if any(taken.outcome != "new" for taken in page):
        raise RuntimeError("an order was not taken as new")


def _raw_copy(engine: Engine, folder: Path, page: int) -> float:
    """Seconds to insert every row of ``engine`` into an empty twin, ``page`` orders to a transaction."""
    with engine.connect() as conn:
        contents = {
            table: [tuple(row) for row in conn.exec_driver_sql(f"SELECT * FROM {table.name}")]
            for table in tables.metadata.sorted_tables
        }
    twin = _database(folder)
    connection = twin.raw_connection()
    cursor = connection.cursor()
    for table in reversed(tables.metadata.sorted_tables):
        if not table.name.startswith("history"):
            cursor.execute(f"DELETE FROM {table.name}")
    connection.commit()
    pages = _pages(contents, page)
    gc.collect()
    began = time.perf_counter()
    for inserts in pages:
        cursor.execute("BEGIN")
        for statement, rows in inserts:
            cursor.executemany(statement, rows)
        connection.commit()
    seconds = time.perf_counter() - began
    connection.close()
    twin.dispose()
    return seconds


def _pages(
    contents: dict[Table, list[tuple[Any, ...]]], page: int
) -> list[list[tuple[str, list[tuple[Any, ...]]]]]:
    """Statement and rows of each transaction: the rows of ``page`` orders, table by table, in the order that
    they were written (a number of six digits comes after one of three)."""
    count = len(contents[tables.orders])
    pages: list[list[tuple[str, list[tuple[Any, ...]]]]] = [[] for _ in range(0, count, page)]
    for table, rows in contents.items():
        if not rows:
            continue
        if not table.dialect_options["sqlite"]["with_rowid"]:
            rows.sort(key=lambda row: (len(row[0]), *row))
        statement = f"INSERT INTO {table.name} VALUES ({','.join('?' * len(rows[0]))})"
        an_order = len(rows) / count  # rows of one order; below one, it is a table of few rows
        for n in range(len(pages)):
            part = rows[round(n * page * an_order) : round((n + 1) * page * an_order)]
            if part:
                pages[n].append((statement, part))
    return pages
