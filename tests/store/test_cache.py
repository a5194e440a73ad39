"""The copy: pages, the fast lane, another epoch, damage, a full disk."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from app.core.digest import DigestSum
from app.core.order import Item
from app.store import cachefile
from app.store.cache import ALL_TOPICS, Cache
from app.store.cachefile import CacheFile, Cursor, FileClosed
from app.store.surroundings import DiskFull
from app.store.upserts import ready
from app.wire import AlarmView, ChangePage
from tests.helpers.station import (
    MORNING,
    a_page,
    an_item,
    an_order,
    an_urgent,
    change,
    gone,
    item_change,
    order_change,
    order_no,
    stopped,
)


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[Cache]:
    made = Cache(tmp_path / "缓 存.sqlite")
    yield made
    made.close()


def rows(cache: Cache, query: str, *params: object) -> list[tuple[object, ...]]:
    return cache.read(lambda db: db.execute(query, params).fetchall())


def body(cache: Cache, no: str) -> bytes | None:
    found = rows(cache, 'SELECT body FROM "order" WHERE order_no = ?', no)
    return bytes(found[0][0]) if found else None  # type: ignore[arg-type]


ALL_ROWS = {
    table: f'SELECT * FROM "{table}" ORDER BY 1, 2'
    for table in ("order", "number", "history", "track", "thing")
}


@pytest.mark.parametrize("count", [1, 49, 50, 51, 120])
def test_a_page_made_ready_brings_the_rows_that_the_page_itself_brings(tmp_path: Path, count: int) -> None:
    """So many of a kind, too, that some go in fifties and some alone."""
    changes = []
    for n in range(1, count + 1):
        no = order_no(n)
        changes += [
            change(4 * n, "history", str(n), {"order_no": no, "kind": "order_created"}),
            order_change(4 * n + 1, an_order(n)),
            change(4 * n + 2, "track", no + "01", {"order_no": no}),
            change(4 * n + 3, "person", f"P{n}", {"name": "王"}),
        ]
    page = a_page([*changes, gone(4 * count + 4, "person", "P1")])
    held = []
    for name, came in (("so", page), ("ready", ready(page))):
        with closing(Cache(tmp_path / f"{name}.sqlite")) as cache:
            cache.apply_page(a_page([order_change(1, an_order(1)), order_change(2, an_order(2))], next_=3))
            cache.apply_page(came)
            held.append({table: rows(cache, query) for table, query in ALL_ROWS.items()})
    assert held[0] == held[1]
    assert len(held[0]["history"]) == len(held[0]["track"]) == count
    assert len(held[0]["order"]) == max(count, 2)


def test_a_page_and_its_cursor_are_stored_together(cache: Cache) -> None:
    assert cache.cursor == Cursor("", 0)
    topics = cache.apply_page(a_page([order_change(3, an_order())], next_=9))
    assert topics == {"order", f"order:{order_no(1)}"}
    assert cache.cursor == cache.shown == Cursor("EPOCH-ONE", 9)
    assert body(cache, order_no(1)) == msgspec.json.encode(an_order())
    assert cache.apply_page(a_page([], next_=12)) == frozenset()
    assert cache.cursor.seq == 12


def test_what_the_cursor_has_passed_changes_nothing(cache: Cache) -> None:
    old = a_page([order_change(1, an_order(1)), order_change(2, an_order(2))])
    cache.apply_page(old)
    cache.apply_page(a_page([order_change(3, an_order(1, buyer_nick="新")), gone(4, "order", order_no(2))]))
    assert cache.apply_page(old) == frozenset()
    assert cache.cursor.seq == 4
    assert b"\xe6\x96\xb0" in (body(cache, order_no(1)) or b"")
    assert body(cache, order_no(2)) is None


def test_a_page_that_breaks_in_the_middle_leaves_rows_and_cursor_as_they_were(cache: Cache) -> None:
    cache.apply_page(a_page([order_change(1, an_order(1))]))
    broken = change(3, "order", order_no(3), {"no": "order"})
    with pytest.raises(msgspec.ValidationError):
        cache.apply_page(a_page([order_change(2, an_order(2)), broken]))
    assert cache.cursor.seq == 1
    assert body(cache, order_no(2)) is None


def test_numbers_follow_their_order(cache: Cache) -> None:
    order = an_order(1)
    cache.apply_page(a_page([order_change(1, order)]))
    moved = order.with_parcel(replace(order.parcels[0], waybill_no="yt 77"))
    merged = replace(moved, parcels=(*moved.parcels, replace(moved.parcels[0], parcel_no="OD2026012300901")))
    cache.apply_page(a_page([order_change(2, merged)]))
    found = {(number, kind) for number, kind in rows(cache, "SELECT number, kind FROM number")}  # type: ignore[misc]
    assert found == {
        ("2601238800000001", "channel"),
        ("YT77", "waybill"),
        ("OD2026012300901", "parcel"),
    }
    cache.apply_page(a_page([gone(3, "order", order_no(1))]))
    assert rows(cache, "SELECT * FROM number") == []


def test_a_gone_order_takes_history_track_and_search_words_along(cache: Cache) -> None:
    history = {"id": 5, "order_no": order_no(1), "kind": "received", "at": MORNING}
    track = {"parcel_no": f"{order_no(1)}01", "order_no": order_no(1), "nodes": []}
    cache.apply_page(
        a_page([
            order_change(1, an_order()),
            change(2, "history", "5", history),
            change(3, "track", f"{order_no(1)}01", track),
        ])
    )
    cache.index_some()
    cache.apply_page(a_page([gone(4, "order", order_no(1))]))
    for table in ('"order"', "history", "track", "find_number", "find_name", "number"):
        assert rows(cache, f"SELECT count(*) FROM {table}") == [(0,)]


def test_regression_a_gone_order_that_was_not_here_yet_takes_its_history_along(cache: Cache) -> None:
    """Its history comes first, the page ends, and the order leaves the scope before the next page is asked for."""
    history = {"id": 5, "order_no": order_no(1), "kind": "received", "at": MORNING}
    track = {"parcel_no": f"{order_no(1)}01", "order_no": order_no(1), "nodes": []}
    cache.apply_page(
        a_page([change(1, "history", "5", history), change(2, "track", f"{order_no(1)}01", track)])
    )
    cache.apply_page(a_page([gone(4, "order", order_no(1))]))
    assert rows(cache, "SELECT seq FROM history UNION ALL SELECT seq FROM track") == []


def test_history_and_track_rows_come_and_go(cache: Cache) -> None:
    history = {"id": 5, "order_no": order_no(1), "kind": "received", "at": MORNING}
    track = {"parcel_no": "P1", "order_no": order_no(1), "nodes": []}
    cache.apply_page(a_page([change(1, "history", "5", history), change(2, "track", "P1", track)]))
    cache.apply_page(
        a_page([change(3, "history", "5", history | {"kind": "paid"}), change(4, "track", "P1", track)])
    )
    assert rows(cache, "SELECT seq FROM history UNION ALL SELECT seq FROM track") == [(3,), (4,)]
    cache.apply_page(a_page([gone(5, "history", "5"), gone(6, "track", "P1")]))
    assert rows(cache, "SELECT seq FROM history UNION ALL SELECT seq FROM track") == []


def test_items_bring_their_codes_and_take_them_along(cache: Cache) -> None:
    cache.apply_page(a_page([item_change(1, an_item("SKU-1", "690", "169"))]))
    cache.apply_page(a_page([item_change(2, an_item("SKU-1", "691"))]))
    assert {row[0] for row in rows(cache, "SELECT code FROM item_code")} == {"SKU-1", "691"}
    page = a_page([gone(3, "item", "SKU-1"), item_change(4, Item(sku_code="SKU-1"))])
    cache.apply_page(page)
    assert rows(cache, "SELECT code FROM item_code") == [("SKU-1",)]
    cache.apply_page(a_page([gone(5, "item", "SKU-1")]))
    assert rows(cache, "SELECT code FROM item_code") == []


def test_kinds_of_tomorrow_are_kept(cache: Cache) -> None:
    assert cache.apply_page(a_page([change(1, "weather", "x", {"rain": True})])) == {"weather"}
    assert rows(cache, "SELECT kind, key FROM thing") == [("weather", "x")]
    cache.apply_page(a_page([gone(2, "weather", "x")]))
    assert rows(cache, "SELECT * FROM thing") == []


def test_many_changed_orders_are_not_named_one_by_one(cache: Cache) -> None:
    assert cache.apply_page(a_page([order_change(n, an_order(n)) for n in range(1, 102)])) == {"order"}


# ---------------------------------------------------------------------------------------------- fast lane


def test_a_stop_is_kept_beside_the_row_until_the_row_is_as_new(cache: Cache) -> None:
    cache.apply_page(a_page([order_change(1, an_order())]))
    urgent = an_urgent(5, stopped(an_order()))
    assert cache.heard(urgent) == {"order", f"order:{order_no(1)}"}
    assert cache.heard(urgent) == frozenset()
    assert cache.apply_urgent(urgent) == {"order", f"order:{order_no(1)}"}
    assert cache.apply_urgent(an_urgent(4, an_order())) == frozenset()
    assert cache.cursor.seq == 1
    assert cache.hot(order_no(1), 4) == urgent
    cache.apply_page(a_page([order_change(4, an_order())]))
    assert len(rows(cache, "SELECT * FROM urgent")) == 1
    cache.apply_page(a_page([order_change(5, stopped(an_order()))]))
    assert rows(cache, "SELECT * FROM urgent") == []
    assert cache.hot(order_no(1), 5) is None
    assert cache.apply_urgent(urgent) == frozenset()


def test_a_stop_for_an_order_not_here_yet_waits_for_it(cache: Cache) -> None:
    cache.apply_urgent(an_urgent(5, stopped(an_order())))
    cache.apply_page(a_page([gone(6, "order", order_no(1))]))
    assert rows(cache, "SELECT * FROM urgent") == []


# ------------------------------------------------------------------------------------- another epoch


def test_another_epoch_is_filled_beside_the_old_and_swapped(cache: Cache) -> None:
    cache.apply_page(a_page([order_change(900, an_order(1))]))
    cache.begin_again()
    assert (cache.is_filling_anew, cache.cursor, cache.shown.seq) == (True, Cursor("", 0), 900)
    assert cache.apply_page(a_page([order_change(1, an_order(2))], epoch="TWO")) == frozenset()
    assert body(cache, order_no(1)) is not None
    assert body(cache, order_no(2)) is None
    cache.apply_urgent(an_urgent(3, stopped(an_order(2))))
    assert cache.swap() == ALL_TOPICS
    assert (cache.is_filling_anew, cache.shown) == (False, Cursor("TWO", 1))
    assert body(cache, order_no(1)) is None
    assert body(cache, order_no(2)) is not None
    assert len(rows(cache, "SELECT * FROM urgent")) == 1
    assert cache.swap() == frozenset()


def test_a_stop_of_another_epoch_is_not_measured_by_the_old_copys_numbers(cache: Cache) -> None:
    """A restored hub counts on from its backup: its new stop has a smaller number than the row we hold."""
    cache.apply_page(a_page([order_change(900, an_order())], epoch="ONE"))
    cache.begin_again()
    urgent = msgspec.structs.replace(an_urgent(500, stopped(an_order())), epoch="TWO")
    assert cache.heard(urgent) == {"order", f"order:{order_no(1)}"}
    cache.apply_urgent(urgent)
    assert cache.hot(order_no(1), 900) == urgent, "shown over the old row"
    assert rows(cache, "SELECT * FROM urgent") == []
    cache.apply_page(a_page([order_change(400, an_order())], epoch="TWO"))
    cache.swap()
    assert len(rows(cache, "SELECT * FROM urgent")) == 1, "and kept beside the new one"
    assert cache.apply_urgent(msgspec.structs.replace(urgent, epoch="ONE", seq=950)) == frozenset()


def test_begun_again_twice_and_given_up(cache: Cache, tmp_path: Path) -> None:
    cache.begin_again()
    cache.apply_page(a_page([order_change(1, an_order(2))], epoch="TWO"))
    cache.begin_again()
    assert cache.cursor == Cursor("", 0)
    cache.start_over()
    assert not cache.is_filling_anew
    assert list(tmp_path.glob("*.new*")) == []


def test_regression_a_page_asked_for_a_copy_thrown_away_leaves_no_gap(cache: Cache) -> None:
    """The answer came after the copy was damaged, or its station revoked: what stood before it was never loaded."""
    cache.apply_page(a_page([order_change(1, an_order(1))]))
    on_its_way = msgspec.structs.replace(a_page([order_change(2, an_order(2))]), after=1)
    cache.start_over()
    assert cache.apply_page(on_its_way) == frozenset()
    assert cache.cursor == Cursor("", 0)
    cache.apply_page(msgspec.structs.replace(a_page([order_change(1, an_order(1))], head=2), after=0))
    assert cache.apply_page(on_its_way) and cache.cursor == Cursor("EPOCH-ONE", 2)


def test_a_page_of_another_epoch_never_mixes_in(cache: Cache) -> None:
    cache.apply_page(a_page([order_change(1, an_order(1))]))
    with pytest.raises(ValueError, match="epoch"):
        cache.apply_page(a_page([order_change(2, an_order(2))], epoch="TWO"))


def test_readers_go_on_while_the_file_is_swapped(cache: Cache) -> None:
    cache.apply_page(a_page([order_change(1, an_order(1))]))
    wrong: list[object] = []
    stop = threading.Event()

    def look() -> None:
        while not stop.is_set():
            found = rows(cache, 'SELECT count(*) FROM "order"')
            if found != [(1,)]:
                wrong.append(found)

    readers = [threading.Thread(target=look) for _ in range(3)]
    for reader in readers:
        reader.start()
    try:
        for n in range(8):
            cache.begin_again()
            cache.apply_page(a_page([order_change(1, an_order(n + 2))], epoch=f"E{n}"))
            cache.swap()
    finally:
        stop.set()
        for reader in readers:
            reader.join()
    assert wrong == []


# --------------------------------------------------------------------------------------------- trouble


@pytest.mark.parametrize("content", [b"no database" * 900, b"SQLite format 3\x00" + b"\xff" * 9000])
def test_a_damaged_file_is_deleted_and_loaded_anew(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "cache.sqlite").write_bytes(content)
    cache = Cache(tmp_path / "cache.sqlite")
    assert cache.was_damaged
    assert cache.cursor == Cursor("", 0)
    cache.close()


def test_another_schema_is_loaded_anew_without_alarm(tmp_path: Path) -> None:
    path = tmp_path / "cache.sqlite"
    Cache(path).close()
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(f"PRAGMA user_version = {cachefile.SCHEMA + 1}")
    db.close()
    cache = Cache(path)
    assert not cache.was_damaged
    assert cache.apply_page(a_page([order_change(1, an_order())]))
    cache.close()


def test_damage_found_while_running_is_said_and_an_empty_copy_takes_over(tmp_path: Path) -> None:
    path = tmp_path / "cache.sqlite"
    cache = Cache(path)
    told: list[int] = []
    cache.on_lost(lambda: told.append(1))
    for start in range(1, 2000, 500):
        cache.apply_page(a_page([order_change(n, an_order(n)) for n in range(start, start + 500)]))
    cache.close()
    data = bytearray(path.read_bytes())
    data[8192 * 3 :] = b"\x55" * (len(data) - 8192 * 3)
    path.write_bytes(bytes(data))
    cache = Cache(path)
    cache.on_lost(lambda: told.append(1))
    assert rows(cache, 'SELECT count(body) FROM "order" WHERE length(body) > 3') == [(0,)]
    assert (told, cache.was_damaged, cache.cursor) == ([1], True, Cursor("", 0))
    assert cache.apply_page(a_page([order_change(1, an_order())]))
    cache.close()


def test_damage_found_by_a_write_is_healed_as_well(tmp_path: Path) -> None:
    path = tmp_path / "cache.sqlite"
    cache = Cache(path)
    for start in range(1, 2000, 500):
        cache.apply_page(a_page([order_change(n, an_order(n)) for n in range(start, start + 500)]))
    cache.close()
    data = bytearray(path.read_bytes())
    data[8192 * 3 :] = b"\x55" * (len(data) - 8192 * 3)
    path.write_bytes(bytes(data))
    cache = Cache(path)
    with pytest.raises(sqlite3.DatabaseError):
        cache.apply_page(a_page([order_change(n, an_order(n)) for n in range(2001, 2100)], next_=2100))
    assert cache.was_damaged
    assert cache.apply_page(a_page([order_change(1, an_order())]))
    cache.close()


def test_a_full_disk_is_told_and_the_page_can_come_again(cache: Cache) -> None:
    cache.apply_page(a_page([order_change(1, an_order())]))
    cache._file._write(lambda db: None)
    limit = cache._file._writer.db.execute("PRAGMA page_count").fetchone()[0]  # type: ignore[union-attr]
    cache._file._writer.db.execute(f"PRAGMA max_page_count = {limit}")  # type: ignore[union-attr]
    page = a_page([order_change(n, an_order(n)) for n in range(2, 500)])
    with pytest.raises(DiskFull):
        cache.apply_page(page)
    assert cache.cursor.seq == 1
    cache._file._writer.db.execute("PRAGMA max_page_count = 1000000")  # type: ignore[union-attr]
    cache.apply_page(page)
    assert cache.cursor.seq == 499


def test_other_errors_are_ours_and_not_hidden(cache: Cache) -> None:
    with pytest.raises(sqlite3.OperationalError):
        rows(cache, "SELECT * FROM nothing_of_the_kind")
    assert not cache.was_damaged


def test_a_closed_cache_answers_nobody(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache.sqlite")
    cache.apply_page(a_page([order_change(1, an_order())]))
    rows(cache, "SELECT 1")
    cache.begin_again()
    cache.close()
    with pytest.raises(FileClosed):
        rows(cache, "SELECT 1")
    with pytest.raises(FileClosed):
        cache.apply_page(a_page([]))
    done: list[type] = []

    def look() -> None:
        try:
            rows(cache, "SELECT 1")
        except FileClosed as error:
            done.append(type(error))

    other = threading.Thread(target=look)
    other.start()
    other.join()
    assert done == [FileClosed]


def test_a_file_of_somebody_else_is_no_cache(tmp_path: Path) -> None:
    path = tmp_path / "x.sqlite"
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE recipes (name)")
    db.close()
    with pytest.raises(sqlite3.DatabaseError, match="schema"):
        CacheFile(path)


# ---------------------------------------------------------------------------------------- search, digest


def test_the_search_index_follows_in_small_steps(cache: Cache) -> None:
    cache.apply_page(a_page([order_change(n, an_order(n)) for n in range(1, 31)]))
    assert cache.waits_for_index()
    assert cache.index_some(20)
    assert not cache.index_some(20)
    assert not cache.waits_for_index()
    cache.apply_page(a_page([order_change(31, an_order(1, buyer_nick="王伟"))]))
    assert not cache.index_some(20)
    found = rows(cache, "SELECT count(*) FROM find_name WHERE find_name MATCH '\"王 伟\"'")
    assert found == [(1,)]
    assert rows(cache, "SELECT count(*) FROM find_number") == [(30,)]


def test_the_digest_is_that_of_the_orders_held(cache: Cache) -> None:
    alarm = AlarmView(alarm_id="A", kind="clash", level="info", raised_at=MORNING)
    cache.apply_page(
        a_page([order_change(n, an_order(n)) for n in (1, 2, 3)] + [change(4, "alarm", "A", alarm)])
    )
    total = DigestSum()
    for n in (3, 1, 2):
        total.add("order", order_no(n), n)
    digest = cache.digest()
    assert (digest.epoch, digest.seq) == ("EPOCH-ONE", 4)
    assert [(b.bucket, b.count, b.hash) for b in digest.buckets] == total.buckets()


def test_a_channel_ref_is_known_for_orders_held(cache: Cache) -> None:
    cache.apply_page(a_page([order_change(1, an_order())]))
    ref = cache.channel_ref(order_no(1))
    assert ref is not None
    assert (ref.shop_id, ref.channel_order_no) == ("shop-1", "2601238800000001")
    assert cache.channel_ref("OD1") is None


def test_a_nickname_may_hold_anything(cache: Cache) -> None:
    nick = 'a\nb\tc "; 😀 \u2028'
    cache.apply_page(a_page([order_change(1, an_order(1, buyer_nick=nick, channel_order_no="12\t34\n56"))]))
    assert not cache.index_some()
    assert rows(cache, "SELECT number FROM number WHERE kind = 'channel'") == [("123456",)]


def test_pages_decode_as_they_were_sent() -> None:
    page = a_page([order_change(1, an_order())])
    assert isinstance(page, ChangePage)
