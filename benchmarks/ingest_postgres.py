"""The same pages of 100 orders with 3 lines through the one writer into a PostgreSQL of our own, every commit durable
(see `ingest`). The reference is COPY of exactly the rows that came out, into an empty database of the same schema,
rows ready, one transaction: what the server and its indexes alone cost. Both take turns, round by round. Skipped with
a word where no PostgreSQL can be started.
"""

from __future__ import annotations

import asyncio
import gc
import statistics
import time
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from app.ports import SystemClock, Ulid
from benchmarks.ingest import PAGE, take_in
from benchmarks.make import channel_orders
from benchmarks.report import Figure
from hub.db import tables
from hub.db.engine import open_database
from hub.db.postgresql import alone
from rehearsal.postgres import NoPostgres, OwnPostgres

TITLE = "Batch ingest on PostgreSQL"
ROUNDS = 3


def run(quick: bool = False) -> list[Figure]:
    count = 2_000 if quick else 20_000
    what = f"{count:,} orders in pages of {PAGE}, PostgreSQL"
    orders = list(channel_orders(count))
    ours: list[float] = []
    raw: list[float] = []
    try:
        with OwnPostgres.started(durable=True) as server:
            for n in range(1 if quick else ROUNDS):
                engine = _database(server, f"ours{n}")
                ours.append(count / asyncio.run(take_in(orders, engine)))
                raw.append(count / _copied(engine, _database(server, f"raw{n}")))
                engine.dispose()
    except NoPostgres as no:
        return [Figure(what=what, ours=f"skipped: {no}", reference="-", ratio="-")]
    ratio = statistics.median(a / b for a, b in zip(ours, raw, strict=True))
    return [
        Figure(
            what=what,
            ours=f"{statistics.median(ours):,.0f} orders/s",
            reference=f"{statistics.median(raw):,.0f} orders/s raw COPY of the same rows",
            ratio=f"{ratio:.2f}",
            aim=">= 0.25",
            passed=ratio >= 0.25,
        )
    ]


def _database(server: OwnPostgres, name: str) -> Engine:
    return open_database(server.new_database(name), Path(), Ulid(SystemClock()))


def _copied(engine: Engine, twin: Engine) -> float:
    """Seconds to COPY every row of ``engine`` into its empty twin."""
    contents: dict[str, list[Any]] = {}
    with engine.connect() as conn:
        for table in tables.metadata.sorted_tables:
            if table.name != "feed_head":
                contents[table.name] = conn.exec_driver_sql(f"SELECT * FROM {table.name}").all()  # type: ignore[assignment]
    gc.collect()
    with alone(twin) as conn:
        began = time.perf_counter()
        with conn.transaction():
            for name, rows in contents.items():
                if rows:
                    with conn.cursor().copy(f"COPY {name} FROM STDIN".encode()) as copy:
                        for row in rows:
                            copy.write_row(tuple(row))
        seconds = time.perf_counter() - began
    twin.dispose()
    return seconds
