"""The feed: pages, scopes that orders enter and leave, masks, tombstones, digests, and a history nobody edits."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from sqlalchemy import event
from sqlalchemy.exc import IntegrityError

from app.core.digest import DigestSum
from app.core.order import Item, Order
from app.core.tracking import NodeKind, TrackNode
from app.wire import FeedKind
from hub.jobs import OrderClock
from hub.orders.feed import Feed
from hub.orders.results import HubBusy, View
from hub.orders.settings import LineSettings
from hub.orders.writer import Writer
from tests.helpers.builders import LEAD, Core, Ids, a_channel_order, a_core
from tests.helpers.feed import SHAPES, applied, prove_feed, read_pages

pytestmark = pytest.mark.anyio
PACKING, SERVICE, ALL = View("packing", "main"), View("service"), View("all")


def test_every_kind_of_the_feed_has_a_declared_shape() -> None:
    assert SHAPES.keys() == set(get_args(FeedKind)) - {"ticket"}, "tickets come with their issue"


async def test_an_empty_hub_has_an_empty_page(core: Core) -> None:
    page = core.feed.page(ALL, 0, 100)
    assert page.body == b'{"epoch":"%b","head":0,"next":0,"changes":[]}' % core.feed.epoch().encode()
    assert (page.next, page.head, page.count) == (0, 0, 0)


async def test_pages_of_any_size_give_the_same(core: Core) -> None:
    orders = await core.given(*(a_channel_order(n) for n in range(9)))
    for order in orders[::2]:
        await core.do("opened", order)
    await core.writer.items([Item(sku_code='a "quoted" 编码')])
    whole, head = read_pages(core.feed, ALL, limit=1000)
    assert head == core.feed.head() == core.writer.head
    for limit in (1, 2, 3, 10):
        assert read_pages(core.feed, ALL, limit=limit) == (whole, head)
    assert whole[-1].key == 'a "quoted" 编码'


async def test_one_look_sees_one_moment_whatever_is_committed_while_it_is_taken(core: Core) -> None:
    """Head and rows of a page are read one after the other: a commit between them belongs to the next look."""
    orders = await core.given(*(a_channel_order(n) for n in range(4)))
    looks: dict[str, Callable[[Order], object]] = {
        "page": lambda order: Feed(core.engine).page(ALL, 0, 100),
        "digest": lambda order: core.feed.digest(ALL),
        "repair": lambda order: core.feed.repair(ALL, range(64), {}, 10),
        "rows": lambda order: core.feed.rows(ALL, order.order_no),
    }
    loop = asyncio.get_running_loop()
    for (name, look), order in zip(looks.items(), orders, strict=True):
        before = look(order)

        def change(order: Order = order) -> None:
            asyncio.run_coroutine_threadsafe(core.do("opened", order), loop).result(20)

        seen = await asyncio.to_thread(_disturbed, core, partial(look, order), change)
        assert seen == before, name
        assert look(order) != before, f"{name}: it was changed meanwhile"


def _disturbed(core: Core, look: Callable[[], object], change: Callable[[], None]) -> object:
    """``look`` in this thread; ``change`` is committed between its first question and its second."""
    me, asked = threading.get_ident(), 0

    def between(conn: Any, cursor: Any, statement: str, *_: Any) -> None:
        nonlocal asked
        if threading.get_ident() == me and statement.startswith("SELECT"):
            asked += 1
            if asked == 2:
                change()

    event.listen(core.engine, "before_cursor_execute", between)
    try:
        return look()
    finally:
        event.remove(core.engine, "before_cursor_execute", between)
        assert asked >= 2, "one question alone is always of one moment"


async def test_the_same_page_for_many_is_made_once(core: Core) -> None:
    await core.given()
    assert core.feed.page(ALL, 0, 10) is core.feed.page(ALL, 0, 10)
    first = core.feed.page(ALL, 0, 10)
    for n in range(70):
        core.feed.page(ALL, 0, 11 + n)
    assert core.feed.page(ALL, 0, 10) is not first and core.feed.page(ALL, 0, 10) == first
    await core.given(a_channel_order(2))
    assert core.feed.page(ALL, 0, 10).head > first.head


async def test_a_view_shows_its_warehouse_alone(tmp_path: Path) -> None:
    settings = LineSettings(shop_warehouses={"shop-2": "east"})
    async with a_core(tmp_path, settings=settings) as core:
        west, east = await core.given(a_channel_order(), a_channel_order(shop_id="shop-2"))
        await core.a_station("bench-e", warehouse="east")
        await core.do("marked_abnormal", east, reason="wet")
        seen = {c.key for c in read_pages(core.feed, PACKING)[0] if c.kind != "history"}
        assert seen == {west.order_no}
        east_view, head = read_pages(core.feed, View("packing", "east"))
        assert {c.kind for c in east_view} == {"order", "history", "station", "alarm"}
        assert head == core.feed.head(), "what is not for us moves the cursor too"


async def test_finished_work_leaves_packing_after_three_days_and_service_after_180(core: Core) -> None:
    [order] = await core.given(a_channel_order(lines=1))
    await core.packed(order)
    await core.do("handed_over", order)
    await core.tick(days=3, seconds=-0.001)
    assert _keys(core, PACKING, "order") == {order.order_no}
    changes = await prove_feed(core, lambda: core.tick(seconds=0.001), views=(PACKING, ALL, SERVICE))
    assert [(c.kind, c.key, c.gone) for c in changes] == [("order", order.order_no, True)]
    assert _keys(core, PACKING, "order") == set() == _keys(core, PACKING, "history")
    assert _keys(core, SERVICE, "order") == {order.order_no}

    due = await core.tick(days=177, seconds=-0.001)
    assert due == core.clock.now() + timedelta(milliseconds=1)
    await core.tick(seconds=0.001)
    assert _keys(core, SERVICE, "order") == set() and _keys(core, ALL, "order") == {order.order_no}
    assert core.rows("SELECT due_at FROM orders") == [(None,)]
    assert core.order(order.order_no).version == 4, "leaving is no change of the order"


async def test_what_returns_brings_its_whole_file(core: Core) -> None:
    [order] = await core.given(a_channel_order(lines=1))
    await core.packed(order)
    await core.do("handed_over", order)
    node = TrackNode(at=core.clock.now(), kind=NodeKind.picked_up, raw_text="已揽收")
    await core.writer.track(f"{order.order_no}01", [node], "sf", "carrier:sf")
    await core.tick(days=4)
    await core.given(a_channel_order(2))
    cursor = read_pages(core.feed, PACKING)[1]
    await prove_feed(core, lambda: core.command("cancel", order))
    came, _ = read_pages(core.feed, PACKING, cursor)
    files = {c.key for c in came if c.kind == "history"}
    assert files == {str(row.id) for row in core.lookup.story(order.order_no)}
    assert {c.kind for c in came} == {"order", "history", "track", "alarm"} - {"alarm"}
    assert core.rows("SELECT count(*) FROM gone WHERE scope = 'packing'") == [(0,)]


async def test_open_work_never_leaves(core: Core) -> None:
    released, held = await core.given(a_channel_order(1), a_channel_order(2, lines=1))
    await core.packed(held)
    await core.do("handed_over", held)
    await core.command("hold", held, reason="address")
    await core.tick(days=400)
    assert _keys(core, PACKING, "order") == {released.order_no, held.order_no}


async def test_a_packed_box_of_a_cancelled_order_stays_until_somebody_found_it(core: Core) -> None:
    [order] = await core.given(a_channel_order(lines=1))
    await core.packed(order)
    await core.command("cancel", order, is_final=True)
    await core.tick(days=10)
    assert _keys(core, PACKING, "order") == {order.order_no}
    await core.do("parcel_pulled", order)
    await core.tick(days=3)
    assert _keys(core, PACKING, "order") == set()


async def test_a_sparse_view_is_read_in_bounded_steps(core: Core) -> None:
    await core.given(*(a_channel_order(n, lines=1, is_shipped=True) for n in range(30)))
    await core.tick(days=4)
    [new] = await core.given(a_channel_order(99))
    feed = Feed(core.engine, span=1)
    page = feed.page(View("packing", "elsewhere"), 0, 10)
    assert (page.count, page.next) == (0, 20), "an empty page moves the cursor"
    came, head = read_pages(feed, PACKING)
    assert {c.key for c in came if c.kind == "order" and not c.gone} == {new.order_no}
    assert head == core.feed.head()


async def test_masks_change_or_hide_rows(core: Core) -> None:
    def mask(kind: str, body: bytes) -> bytes | None:
        if kind == "history":
            return None
        return body.replace("尽快发货".encode(), b"")

    await core.given()
    feed = Feed(core.engine, {"bench": mask})
    changes, head = read_pages(feed, View("all", None, "bench"))
    assert [c.kind for c in changes] == ["order"] and head == core.feed.head()
    assert msgspec.json.decode(changes[0].body, type=Order).buyer_remark == ""
    with pytest.raises(KeyError):
        feed.page(View("all", None, "nobody said this mask"), 0, 10)


async def test_cursors_older_than_the_tombstones_begin_again(core: Core) -> None:
    first, second = await core.given(a_channel_order(1, is_shipped=True), a_channel_order(2))
    await core.tick(days=4)
    epoch, cursor, floor = core.feed.place()
    assert (epoch, cursor, floor) == (core.feed.epoch(), core.feed.head(), 0)
    await core.tick(days=31)
    assert core.rows("SELECT count(*) FROM gone") == [(0,)]
    floor = core.feed.place()[2]
    assert 1 < floor <= cursor
    assert core.feed.page(ALL, cursor, 10).floor == floor
    assert first.order_no != second.order_no


async def test_old_receipts_and_quarantine_are_swept(core: Core) -> None:
    [order] = await core.given()
    opened = await core.do("opened", order)
    await core.change("INSERT INTO quarantine VALUES ('q', 0, 'act', '', 'X', :blob)", blob=b"x")
    await core.tick(days=44)
    assert core.rows("SELECT count(*) FROM quarantine") == [(0,)]
    assert core.rows("SELECT act_id FROM receipt") == [(opened.act_id,)]
    await core.tick(minutes=59)
    await core.tick(days=1, minutes=1)
    assert core.rows("SELECT act_id FROM receipt") == []


async def test_many_due_orders_are_done_in_one_tick(core: Core) -> None:
    orders = await core.given(*(a_channel_order(n) for n in range(405)))
    await core.writer.acts([core.envelope("cancel", order, parcel_no=None) for order in orders], LEAD)
    await core.tick(seconds=15)
    assert core.rows("SELECT DISTINCT order_state FROM orders") == [("cancelled",)]


async def test_the_hubs_clock_steps_when_something_is_due(core: Core) -> None:
    clock = OrderClock(core.writer)
    next_step = await clock.step(core.clock.now())
    assert next_step == core.clock.now() + timedelta(seconds=1), "never longer than a second"
    [order] = await core.given()
    await core.command("cancel", order)
    core.clock.go(seconds=14.5)
    assert await clock.step(core.clock.now()) == core.clock.now() + timedelta(seconds=0.5)
    core.clock.go(seconds=0.5)
    await clock.step(core.clock.now())
    assert core.order(order.order_no).order_state == "cancelled"


async def test_the_hubs_clock_looks_again_for_what_others_set(core: Core) -> None:
    clock = OrderClock(core.writer)
    [order] = await core.given()
    await clock.step(core.clock.now())
    other = Writer(core.engine, core.clock, Ids("other"), core.vault, core.settings)
    other.start(asyncio.get_running_loop())
    await other.acts([core.envelope("cancel", order, parcel_no=None)], LEAD)
    await other.stop()
    core.clock.go(seconds=29)
    await clock.step(core.clock.now())
    assert core.order(order.order_no).order_state == "released"
    core.clock.go(seconds=1)
    await clock.step(core.clock.now())
    assert core.order(order.order_no).order_state == "cancelled"


@pytest.mark.logs("order_clock_waits")
async def test_a_busy_database_only_delays_the_clock(core: Core) -> None:
    clock = OrderClock(core.writer)
    await core.writer.stop()
    with pytest.raises(HubBusy):
        await core.writer.tick(core.clock.now())
    assert await clock.step(core.clock.now()) == core.clock.now() + timedelta(seconds=1)


async def test_the_digest_tells_equal_copies_from_others(core: Core) -> None:
    await core.given(*(a_channel_order(n) for n in range(20)))
    digest = core.feed.digest(PACKING)
    assert (digest.seq, digest.epoch) == (core.feed.head(), core.feed.epoch())
    copy = applied({}, read_pages(core.feed, PACKING)[0])
    assert [(b.bucket, b.count, b.hash) for b in digest.buckets] == _digest_of(copy)
    [lost, *_] = [key for key in copy if key[0] == "order"]
    del copy[lost]
    assert [(b.bucket, b.count, b.hash) for b in digest.buckets] != _digest_of(copy)
    assert core.feed.digest(View("packing", "elsewhere")).buckets == []


async def test_history_can_be_neither_edited_nor_deleted(core: Core) -> None:
    [order] = await core.given()
    before = core.rows("SELECT * FROM history")
    columns = "id, seq, order_no, parcel_no, 'paid', at, body"
    wrongs = {
        "sqlite": f"INSERT OR REPLACE INTO history SELECT {columns} FROM history",
        "postgresql": "TRUNCATE history",
    }
    for wrong in (
        "DELETE FROM history",
        "UPDATE history SET body = ''",
        "UPDATE history SET kind = 'released', seq = 9",
        "UPDATE history SET at = 0 WHERE id = 1",
        "UPDATE history SET parcel_no = 'x'",
        wrongs[core.engine.dialect.name],
    ):
        with pytest.raises(IntegrityError, match="append-only"), core.engine.begin() as conn:
            conn.exec_driver_sql(wrong)
    assert core.rows("SELECT * FROM history") == before
    with core.engine.begin() as conn:
        conn.exec_driver_sql("UPDATE history SET seq = seq + 100")
    with pytest.raises(IntegrityError), core.engine.begin() as conn:
        conn.exec_driver_sql("DELETE FROM orders")
    assert core.order(order.order_no)


def _keys(core: Core, view: View, kind: str) -> set[str]:
    return {key for (k, key) in applied({}, read_pages(core.feed, view)[0]) if k == kind}


def _digest_of(copy: dict[tuple[str, str], tuple[int, Any]]) -> list[tuple[int, int, str]]:
    total = DigestSum()
    for (kind, key), (seq, _) in copy.items():
        if kind == "order":
            total.add(kind, key, seq)
    return total.buckets()
