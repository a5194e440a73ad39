"""A new packing station with its real window (1366 x 768, offscreen, a process of its own) joins a hub process that
holds 100,000 orders, over HTTP: pages of the feed with orders and their history, packed, the next one fetched while
this one is written, until the copy stands where the hub's head stood. Its window lives on meanwhile: a timer of 5 ms
in it notes the longest pause. The reference is a bare paged `executemany` upsert of the very rows that arrived into
plain sqlite3 (orders with two keys, history with one), rows ready, nobody else at work: what the disk alone costs.
"""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.hub import BenchHub
from benchmarks.report import Figure, memory_mb, waited_for_core
from rehearsal.processes import ROOT

TITLE = "Catch-up of a new station"
PAGE = 1_000
AIM = 0.5
#: Design §8: what a first load may take beyond what the station holds anyway, and how long its window may stand.
AIM_MB = 100
AIM_STALL_S = 0.050
#: So long after joining a desk is being opened and painted for the first time.
OPENS_S = 0.5


@dataclass(frozen=True, slots=True)
class _Load:
    """Seconds from joining to the hub's head; seconds of the longest pause of the window while its desk opens, and
    from then on, and how long of that no core was free for it; megabytes before, at most."""

    seconds: float
    opening_s: float
    stall_s: float
    no_core_s: float
    before_mb: float
    most_mb: float
    orders: int


def run(quick: bool = False) -> list[Figure]:
    count = 3_000 if quick else 100_000
    with tempfile.TemporaryDirectory() as name, BenchHub(Path(name) / "hub") as hub:
        hub.fill(count, lines=3)
        folder = Path(name) / "工位 一"
        load = _joined(folder, hub)
        if load.orders != count:
            raise RuntimeError(f"{load.orders:,} orders came instead of {count:,}")
        orders, histories = _arrived(folder)
        raw_s = _raw(Path(name) / "plain.sqlite", orders, histories)
    ratio = raw_s / load.seconds
    return [
        Figure(
            what=f"{count:,} orders with {len(histories):,} rows of history, from joining to the hub's head",
            ours=f"{count / load.seconds:,.0f} orders/s",
            reference=f"{count / raw_s:,.0f} orders/s raw executemany upsert",
            ratio=f"{ratio:.2f}",
            aim=f">= {AIM}",
            passed=ratio >= AIM,
        ),
        Figure(
            what="longest pause of the window meanwhile, once its desk stands",
            ours=f"{load.stall_s * 1000:.0f} ms",
            reference=f"{load.no_core_s * 1000:.0f} ms of it no core was free",
            ratio="-",
            aim=f"<= {AIM_STALL_S * 1000:.0f} ms",
            passed=load.stall_s <= AIM_STALL_S,
        ),
        Figure(
            what="longest pause of the window as its desk opens, once",
            ours=f"{load.opening_s * 1000:.0f} ms",
            reference="-",
            ratio="-",
        ),
        Figure(
            what="memory before / most during the load",
            ours=f"{load.before_mb:.0f} / {load.most_mb:.0f} MB",
            reference="-",
            ratio=f"+{load.most_mb - load.before_mb:.0f} MB",
            aim=f"+{AIM_MB} MB at most",
            passed=load.most_mb - load.before_mb <= AIM_MB,
        ),
    ]


def _joined(folder: Path, hub: BenchHub) -> _Load:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.catch_up", str(folder), hub.url, hub.code(), str(hub.head())],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        timeout=900,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    return _Load(**json.loads(done.stdout.strip().splitlines()[-1]))


_Rows = list[tuple[Any, ...]]


def _arrived(folder: Path) -> tuple[_Rows, _Rows]:
    """The rows of the copy, as the plain tables take them."""
    [file] = folder.rglob("cache.sqlite")
    with closing(sqlite3.connect(file)) as db:
        channel = dict(
            db.execute("SELECT order_no, min(number) FROM number WHERE kind = 'channel' GROUP BY order_no")
        )
        orders = [
            (order_no, seq, channel.get(order_no), body)
            for order_no, seq, body in db.execute('SELECT order_no, seq, body FROM "order" ORDER BY seq')
        ]
        return orders, db.execute("SELECT id, seq, order_no, body FROM history ORDER BY seq").fetchall()


def _raw(file: Path, orders: _Rows, histories: _Rows) -> float:
    """Seconds of the upsert, a page of both tables to a transaction."""
    parts = -(-(len(orders) + len(histories)) // PAGE)
    with closing(sqlite3.connect(file, isolation_level=None)) as db:
        for statement in _PLAIN:
            db.execute(statement)
        began = time.perf_counter()
        for n in range(parts):
            db.execute("BEGIN")
            db.executemany(_upsert("orders", "order_no", "channel_no"), _part(orders, n, parts))
            db.executemany(_upsert("history", "id", "order_no"), _part(histories, n, parts))
            db.execute("COMMIT")
        return time.perf_counter() - began


def _part(rows: _Rows, n: int, parts: int) -> Sequence[tuple[Any, ...]]:
    return rows[n * len(rows) // parts : (n + 1) * len(rows) // parts]


_PLAIN = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=NORMAL",
    "CREATE TABLE orders (order_no TEXT PRIMARY KEY, seq INTEGER, channel_no TEXT, body BLOB)",
    "CREATE INDEX orders_channel ON orders (channel_no)",
    "CREATE TABLE history (id INTEGER PRIMARY KEY, seq INTEGER, order_no TEXT, body BLOB)",
    "CREATE INDEX history_order ON history (order_no)",
)


def _upsert(table: str, key: str, second: str) -> str:
    return (
        f"INSERT INTO {table} VALUES (?, ?, ?, ?) ON CONFLICT ({key}) DO UPDATE SET seq = excluded.seq, "
        f"{second} = excluded.{second}, body = excluded.body WHERE excluded.seq > {table}.seq"
    )


def _child(folder: Path, url: str, code: str, head: int) -> None:
    """The station: joins as the first page does it, and turns its window until it has everything."""
    from PySide6.QtCore import Qt, QTimer

    from benchmarks.window import idle, opened, turn_until

    station = opened(folder)
    idle(1.0)
    pauses: list[tuple[float, float, float]] = []
    most = [memory_mb()]
    before = most[0]
    last, waited = time.perf_counter(), waited_for_core()

    def tick() -> None:
        nonlocal last, waited
        now, waited_now = time.perf_counter(), waited_for_core()
        pauses.append((now - last, waited_now - waited, now))
        last, waited = now, waited_now
        if len(pauses) % 20 == 0:
            most.append(memory_mb())

    core = station.core
    began = time.perf_counter()
    station.work.run(lambda: core.pair(url, code, "打包台 1"))
    if not turn_until(lambda: station.desk is not None, 60):
        raise RuntimeError("the station did not join")
    stands = time.perf_counter() + OPENS_S
    timer = QTimer(timerType=Qt.TimerType.PreciseTimer)
    timer.timeout.connect(tick)
    last, waited = time.perf_counter(), waited_for_core()
    timer.start(5)
    if not turn_until(lambda: core.cache.cursor.seq >= head, 800):
        raise RuntimeError("the station did not catch up")
    seconds = time.perf_counter() - began
    timer.stop()
    opening = max((pause for pause, _, at in pauses if at < stands), default=0.0)
    stall, no_core = max(
        ((pause, no_core) for pause, no_core, at in pauses if at >= stands), default=(0.0, 0.0)
    )
    orders = core.cache.read(lambda db: db.execute('SELECT count(*) FROM "order"').fetchone())[0]
    load = _Load(seconds, opening, stall, no_core, before, max(most), orders)
    station.close()
    print(json.dumps(asdict(load)))


if __name__ == "__main__":
    _child(Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4]))
