"""The same work on a hub's table (SQLite, synchronous FULL) of 10,000, 100,000 and 1,000,000 orders, in turns: what
ought to cost the same however many there are. `--huge` adds 5,000,000 (some 20 GB). The reference of each figure is
the smallest table in the same rounds. The tables are made of rows that the real writer wrote, copied inside the
database with other days, numbers, seqs and random blind indexes; indexes are as the migrations made them. Each
question asks a random order, page or buyer of the whole table.

Why it stays flat: every question and every write goes down one index by an exact key. Numbers, waybills and blind
indexes are equalities; the feed is a range of `seq`, which names its rows whatever lies below it; an order, its
parcels, lines and history are put at the end of their tables; and a copy of a station holds what is open, not what
was ever sold. What grows is the height of the trees: one page read more per hundredfold.
"""

from __future__ import annotations

import asyncio
import random
import shutil
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path

from sqlalchemy import Engine

from app.ports import SystemClock, Ulid
from benchmarks.ingest import take_in
from benchmarks.make import channel_orders
from benchmarks.report import Figure
from hub.db.engine import open_database
from hub.orders.feed import Feed
from hub.orders.lookup import Lookup
from hub.orders.results import View
from hub.orders.settings import LineSettings
from hub.vault import Vault

TITLE = "Growth of the hub's table"
AIM = 1.3
PAGE = 500
_ALL, _PACKING = View("all"), View("packing")
#: Orders numbered by the hub look so; what they are copied to begins with another day.
_DAY = len("OD20261121")


def run(quick: bool = False) -> list[Figure]:
    base, times, rounds = (200, (1, 4), 1) if quick else (10_000, (1, 10, 100), 7)
    if "--huge" in sys.argv:
        times = (*times, 500)
    with tempfile.TemporaryDirectory() as name:
        tables = _made(Path(name), base, times)
        try:
            measured = [_round(tables, n, is_quick=quick) for n in range(rounds)]
        finally:
            for table in tables:
                table.engine.dispose()
    return [_figure(what, [one[what] for one in measured], base, times) for what in measured[0]]


def _figure(what: str, rounds: list[list[float]], base: int, times: tuple[int, ...]) -> Figure:
    """``rounds``: seconds of processor time of one, table by table."""
    middle = [statistics.median(row[n] for row in rounds) for n in range(len(times))]
    ratio = statistics.median(row[-1] / row[0] for row in rounds)
    shown = ", ".join(f"{base * n:,}: {_short(one)}" for n, one in zip(times, middle, strict=True))
    return Figure(
        what=f"{what} ({shown})",
        ours=f"{_short(middle[-1])} with {base * times[-1]:,} orders",
        reference=f"{_short(middle[0])} with {base:,}",
        ratio=f"{ratio:.2f}x",
        aim=f"<= {AIM}x",
        passed=ratio <= AIM,
    )


def _short(seconds: float) -> str:
    return f"{seconds * 1e6:,.0f} us"


# ------------------------------------------------------------------------------------------------- the tables


class _Table:
    """One hub's database of ``count`` orders, and the numbers by which they can be asked for."""

    def __init__(self, folder: Path, count: int) -> None:
        self.engine: Engine = _opened(folder)
        self.lookup = Lookup(self.engine, Vault(bytes(32)), LineSettings())
        self.count = count
        with closing(sqlite3.connect(folder / "growth.db")) as db:
            self.order_nos = [
                row[0] for row in db.execute("SELECT order_no FROM orders ORDER BY random() LIMIT 2000")
            ]
            some = db.execute("SELECT channel_order_no FROM orders ORDER BY random() LIMIT 2000")
            self.channel_order_nos = [row[0] for row in some]
            (self.head,) = db.execute("SELECT seq FROM feed_head").fetchone()


def _opened(folder: Path) -> Engine:
    return open_database("sqlite:///growth.db", folder, Ulid(SystemClock()))


#: While copies are made nothing is lost that could not be made again.
_IN_HASTE = ("PRAGMA journal_mode=OFF", "PRAGMA synchronous=OFF", "PRAGMA cache_size=-1000000")


def _made(folder: Path, base: int, times: tuple[int, ...]) -> list[_Table]:
    """Databases of ``base`` x each of ``times`` orders."""
    grown = folder / "grown"
    grown.mkdir()
    engine = _opened(grown)
    asyncio.run(take_in(list(channel_orders(base)), engine))
    engine.dispose()
    made, held = [], 1
    for wanted in times:
        with closing(sqlite3.connect(grown / "growth.db", isolation_level=None)) as db:
            db.create_function("day_of", 2, _day_of, deterministic=True)
            for setting in _IN_HASTE:
                db.execute(setting)
            for n in range(held, wanted):
                _copy(db, n)
            db.execute("PRAGMA journal_mode=WAL")
        held = wanted
        place = folder / f"x{wanted}"
        place.mkdir()
        take = shutil.move if wanted == times[-1] else shutil.copy
        take(grown / "growth.db", place / "growth.db")
        made.append(_Table(place, base * wanted))
    return made


def _day_of(text: str, n: int) -> str:
    """The same number of an earlier day."""
    day = date(2025, 1, 1) - timedelta(days=n)
    return f"OD{day:%Y%m%d}{text[_DAY:]}"


#: All rows of the first table once more, as copy number :n. ``:seqs`` and ``:ids`` are what the first table used.
_COPIES = (
    """INSERT INTO orders SELECT day_of(order_no, :n), shop_id, printf('%06d-%s', :n, substr(channel_order_no, 8)),
       warehouse, order_state, version, seq + :n * :seqs, changed_at, due_at, in_packing, in_service,
       CAST(replace(replace(CAST(body AS TEXT), substr(order_no, 1, 10), day_of(substr(order_no, 1, 10), :n)),
       channel_order_no, printf('%06d-%s', :n, substr(channel_order_no, 8))) AS BLOB) FROM orders WHERE seq <= :seqs""",
    """INSERT INTO parcel SELECT day_of(parcel_no, :n), day_of(order_no, :n), waybill_no FROM parcel
       WHERE order_no IN (SELECT order_no FROM orders WHERE seq <= :seqs)""",
    """INSERT INTO parcel_line SELECT day_of(parcel_no, :n), day_of(order_no, :n), line_no, qty, qty_packed
       FROM parcel_line WHERE order_no IN (SELECT order_no FROM orders WHERE seq <= :seqs)""",
    """INSERT INTO history SELECT id + :n * :ids, seq + :n * :seqs, day_of(order_no, :n), parcel_no, kind, at,
       CAST(replace(CAST(body AS TEXT), substr(order_no, 1, 10), day_of(substr(order_no, 1, 10), :n)) AS BLOB)
       FROM history WHERE id <= :ids""",
    """INSERT INTO sealed SELECT day_of(order_no, :n), blob_pii, randomblob(length(phone)),
       randomblob(length(phone_tail)), randomblob(length(name)), randomblob(length(nick)) FROM sealed
       WHERE order_no IN (SELECT order_no FROM orders WHERE seq <= :seqs)""",
    "UPDATE feed_head SET seq = (:n + 1) * :seqs, history_id = (:n + 1) * :ids",
)


def _copy(db: sqlite3.Connection, n: int) -> None:
    head, ids = db.execute("SELECT seq / :n, history_id / :n FROM feed_head", {"n": n}).fetchone()
    db.execute("BEGIN")
    for statement in _COPIES:
        db.execute(statement, {"n": n, "seqs": head, "ids": ids})
    db.execute("COMMIT")


# ------------------------------------------------------------------------------------------------- the work


def _round(tables: list[_Table], n: int, *, is_quick: bool) -> dict[str, list[float]]:
    """Seconds of processor time of one question or order, kind by kind, table by table."""
    asked = 20 if is_quick else 500
    dice = random.Random(n)
    fresh = list(channel_orders(100 if is_quick else 2_000, seed=1000 + n))
    found: dict[str, list[float]] = {}
    for table in tables:
        works: dict[str, tuple[int, Callable[[], object]]] = {
            "look-up by order number": (asked, lambda t=table: t.lookup.order(dice.choice(t.order_nos))),  # type: ignore[misc]
            "search by a platform's number": (
                asked,
                lambda t=table: t.lookup.orders(dice.choice(t.channel_order_nos), _ALL),  # type: ignore[misc]
            ),
            "search by a phone nobody has": (asked, lambda t=table: t.lookup.orders(_phone(dice), _ALL)),  # type: ignore[misc]
            f"catch-up page of {PAGE}, anywhere": (
                max(3, asked // 20),
                lambda t=table: Feed(t.engine).page(_PACKING, dice.randrange(max(1, t.head - PAGE)), PAGE),  # type: ignore[misc]
            ),
            "feed page of the last 50 changes": (
                max(3, asked // 5),
                lambda t=table: _news(Feed(t.engine)),  # type: ignore[misc]
            ),
        }
        for what, (times, work) in works.items():
            work()
            found.setdefault(what, []).append(_each(work, times))
        began = time.process_time()
        asyncio.run(take_in(fresh, table.engine))
        found.setdefault("an order of a page taken in", []).append((time.process_time() - began) / len(fresh))
    return found


def _news(feed: Feed) -> object:
    return feed.page(_ALL, feed.head() - 50, PAGE)


def _phone(dice: random.Random) -> str:
    return f"199{dice.randrange(10**8):08d}"


def _each(work: Callable[[], object], times: int) -> float:
    began = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - began) / times
