"""A packing station's copy stays below a size, and never by leaving out what somebody has to work on (design 7)."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from app.core.history import HistoryRow
from app.core.order import Order, OrderState
from app.store import trimming
from app.store.cache import Cache
from app.wire import Change
from tests.helpers.station import (
    MORNING,
    a_page,
    an_order,
    gone,
    history_change,
    order_change,
    order_no,
    packed,
    stopped,
)
from tests.helpers.steps import counted

MOST = 3_000_000


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[Cache]:
    made = Cache(tmp_path / "cache.sqlite")
    made.keep_below(MOST)
    yield made
    made.close()


def _gone(n: int) -> Order:
    order = packed(an_order(n))
    left = replace(order.parcels[0], state=OrderState.handed_over)
    return replace(order.with_parcel(left), order_state=OrderState.handed_over)


def _with_file(first_seq: int, order: Order) -> list[Change]:
    """An order and four rows of its file, some hundred bytes each."""
    rows = [
        HistoryRow(
            id=first_seq + i,
            order_no=order.order_no,
            kind="line_packed",
            at=MORNING + timedelta(seconds=i),
            params={"note": "货" * 150},
        )
        for i in range(4)
    ]
    files = [history_change(first_seq + i, row) for i, row in enumerate(rows)]
    return [*files, order_change(first_seq + 4, order)]


def _fed(cache: Cache, orders: list[Order]) -> None:
    seq = cache.cursor.seq
    for start in range(0, len(orders), 50):
        changes = []
        for order in orders[start : start + 50]:
            changes += _with_file(seq + 1, order)
            seq += 5
        cache.apply_page(a_page(changes))
        while cache.index_some():
            pass


def _count(cache: Cache, table: str, where: str = "1 = 1") -> int:
    query = f'SELECT count(*) FROM "{table}" WHERE {where}'
    return int(cache.read(lambda db: db.execute(query).fetchone()[0]))


def test_what_is_done_makes_room_and_what_waits_for_a_hand_stays(cache: Cache, tmp_path: Path) -> None:
    waiting = [an_order(n) for n in range(1, 51)]
    red = stopped(_gone(60))
    _fed(cache, [*waiting, red])
    _fed(cache, [_gone(n) for n in range(100, 1500)])
    pages = cache.read(lambda db: db.execute("PRAGMA page_count").fetchone()[0])
    assert pages * 8192 <= MOST, "the file itself, not only what is in it"
    assert _count(cache, "order", "queue_key IS NOT NULL") == 50
    assert _count(cache, "order", "stop_since IS NOT NULL") == 1
    assert _count(cache, "order") < 1451
    assert cache.is_cut
    newest, oldest = order_no(1499), order_no(100)
    assert _count(cache, "order", f"order_no = '{newest}'") == 1
    assert _count(cache, "order", f"order_no = '{oldest}'") == 0
    assert _count(cache, "number", f"order_no = '{oldest}'") == 0, "no number leads nowhere"


def test_files_go_before_orders(cache: Cache) -> None:
    _fed(cache, [an_order(1)])
    _fed(cache, [_gone(n) for n in range(100, 700)])
    assert not cache.is_cut
    assert _count(cache, "order") == 601
    assert _count(cache, "history") < 601 * 4
    assert _count(cache, "history", f"order_no = '{order_no(1)}'") == 4


def test_what_was_left_out_is_remembered_and_comes_back_when_it_changes(cache: Cache, tmp_path: Path) -> None:
    _fed(cache, [_gone(n) for n in range(100, 1500)])
    assert cache.is_cut
    lost = _gone(100)
    cache.apply_page(a_page([order_change(cache.cursor.seq + 1, stopped(lost))]))
    assert _count(cache, "order", f"order_no = '{lost.order_no}'") == 1
    cache.close()
    again = Cache(tmp_path / "cache.sqlite")
    assert again.is_cut
    again.start_over()
    assert not again.is_cut
    again.close()


def test_without_a_limit_nothing_goes(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache.sqlite")
    _fed(cache, [_gone(n) for n in range(100, 400)])
    assert (_count(cache, "order"), _count(cache, "history"), cache.is_cut) == (300, 1200, False)
    cache.close()


def test_open_work_that_is_too_much_stays_and_is_told_until_it_fits_again(cache: Cache) -> None:
    work = [an_order(n) for n in range(1, 201)]
    _fed(cache, work)
    assert cache.over_bytes == 0
    cache.keep_below(420_000)
    _fed(cache, [an_order(201)])
    assert _count(cache, "order", "queue_key IS NOT NULL") == 201
    assert _count(cache, "history") == 0, "all that may go is gone"
    assert 420_000 < cache.over_bytes < MOST
    assert not cache.is_cut
    _fed(cache, [_gone(n) for n in range(1, 201)])
    assert cache.over_bytes == 0
    assert _count(cache, "order", "queue_key IS NOT NULL") == 1


def test_where_open_work_is_too_much_no_file_is_written_only_to_go_again(cache: Cache) -> None:
    _fed(cache, [an_order(n) for n in range(1, 201)])
    cache.keep_below(440_000)
    _fed(cache, [an_order(201)])
    assert _count(cache, "history") == 0
    cache.read(lambda db: db.execute(_NO_FILES))
    _fed(cache, [an_order(n) for n in range(202, 260)])
    assert _count(cache, "order", "queue_key IS NOT NULL") == 259
    cache.read(lambda db: db.execute("DROP TRIGGER no_files"))
    at = cache.cursor.seq
    cache.apply_page(a_page([gone(at + n, "order", order_no(n)) for n in range(1, 240)]))
    _fed(cache, [an_order(300)])
    assert _count(cache, "history", f"order_no = '{order_no(300)}'") == 4, "there is room again"


_NO_FILES = "CREATE TRIGGER no_files BEFORE INSERT ON history BEGIN SELECT RAISE(ABORT, 'would go again at once'); END"


def test_regression_open_work_that_is_too_much_is_not_looked_through_after_each_page(cache: Cache) -> None:
    """A morning of 100,000 open orders came in at 900 a second: nothing could go, and each page looked for it."""

    def steps() -> int:
        """While it looks for what may go."""

        def trimmed(db: sqlite3.Connection) -> int:
            with counted(db) as steps:
                assert trimming.trim(db, MOST).over_bytes > MOST
            return steps.taken

        return cache.read(trimmed)

    _fed(cache, [an_order(n) for n in range(1, 1_501)])
    few = steps()
    _fed(cache, [an_order(n) for n in range(1_501, 3_001)])
    assert steps() <= few + 2
