"""Pages of 100 orders with 3 lines go through the one writer into SQLite (WAL, synchronous FULL): mapped,
masked, sealed with AES-GCM, blind-indexed, numbered, with history, one commit a page. The reference is a
plain `executemany` of exactly the rows that came out, into an empty database of the same schema, rows
ready, one transaction: what the disk and the indexes alone cost.
"""

from __future__ import annotations

import asyncio
import gc
import statistics
import tempfile
import time
from pathlib import Path

from sqlalchemy import Engine

from app.core.acts import Actor
from app.core.channel import ChannelOrder
from app.ports import SystemClock, Ulid
from benchmarks.make import channel_orders
from benchmarks.report import Figure
from hub.db import tables
from hub.db.engine import open_database
from hub.orders.settings import LineSettings
from hub.orders.writer import Writer
from hub.vault import Vault

TITLE = "Batch ingest"
PAGE = 100
ROUNDS = 3


def run(quick: bool = False) -> list[Figure]:
    count = 2_000 if quick else 20_000
    orders = list(channel_orders(count))
    ours, raw = [], []
    for _ in range(1 if quick else ROUNDS):
        with tempfile.TemporaryDirectory() as folder:
            seconds, engine = asyncio.run(_ingest(orders, Path(folder) / "ours"))
            ours.append(count / seconds)
            raw.append(count / _raw_copy(engine, Path(folder) / "raw"))
            engine.dispose()
    ratios = [a / b for a, b in zip(ours, raw, strict=True)]
    ratio = statistics.median(ratios)
    return [
        Figure(
            what=f"{count:,} orders in pages of {PAGE}, SQLite FULL",
            ours=f"{statistics.median(ours):,.0f} orders/s",
            reference=f"{statistics.median(raw):,.0f} orders/s raw executemany of the same rows",
            ratio=f"{ratio:.2f}",
            aim=">= 0.45",
            passed=ratio >= 0.45,
        )
    ]


def _database(folder: Path) -> Engine:
    folder.mkdir(parents=True)
    return open_database("sqlite:///bench.db", folder, Ulid(SystemClock()))


async def _ingest(orders: list[ChannelOrder], folder: Path) -> tuple[float, Engine]:
    engine = _database(folder)
    clock = SystemClock()
    writer = Writer(engine, clock, Ulid(clock), Vault(bytes(32)), LineSettings())
    writer.start(asyncio.get_running_loop())
    by = Actor(name="bench", role="admin")
    gc.collect()
    began = time.perf_counter()
    for at in range(0, len(orders), PAGE):
        taken = await writer.intake(orders[at : at + PAGE], by, bulk=True)
        if any(t.outcome != "new" for t in taken):
            raise RuntimeError("an order was not taken as new")
    seconds = time.perf_counter() - began
    await writer.stop()
    return seconds, engine


def _raw_copy(engine: Engine, folder: Path) -> float:
    """Seconds to insert every row of ``engine`` into an empty twin in one transaction."""
    twin = _database(folder)
    with engine.connect() as conn:
        contents = {
            table: [tuple(row) for row in conn.exec_driver_sql(f"SELECT * FROM {table.name}")]
            for table in tables.metadata.sorted_tables
        }
    connection = twin.raw_connection()
    cursor = connection.cursor()
    for table in reversed(tables.metadata.sorted_tables):
        if not table.name.startswith("history"):
            cursor.execute(f"DELETE FROM {table.name}")
    connection.commit()
    began = time.perf_counter()
    cursor.execute("BEGIN")
    for table, rows in contents.items():
        if rows:
            marks = ",".join("?" * len(rows[0]))
            cursor.executemany(f"INSERT INTO {table.name} VALUES ({marks})", rows)
    connection.commit()
    seconds = time.perf_counter() - began
    connection.close()
    twin.dispose()
    return seconds
