"""Courier nodes, articles and beats: merged, followed, fed once, never doubled."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from sqlalchemy import update

from app.core.order import Item, ItemBarcode, Order, OrderState
from app.core.tracking import NodeKind, Track, TrackNode
from app.wire import PrinterReport
from hub.db import tables as t
from hub.jobs import BeatWatch
from hub.orders.desk import Tx
from hub.orders.results import Tracked, View
from tests.helpers.builders import Core, a_channel_order
from tests.helpers.clock import T0
from tests.helpers.feed import prove_feed, read_pages

pytestmark = pytest.mark.anyio
N = NodeKind


def a_node(kind: NodeKind, minutes: int, text: str = "") -> TrackNode:
    return TrackNode(
        at=T0 + timedelta(minutes=minutes), kind=kind, raw_text=text or f"【杭州】{kind}", place="杭州"
    )


async def _sent(core: Core) -> Order:
    [order] = await core.given(a_channel_order(lines=1))
    await core.packed(order)
    await core.do("handed_over", order, carrier="sf")
    return core.order(order.order_no)


async def _track(core: Core, order: Order, *nodes: TrackNode) -> Tracked:
    return await core.writer.track(f"{order.order_no}01", nodes, "sf", "carrier:sf")


async def test_nodes_are_fed_and_the_state_follows(core: Core) -> None:
    order = await _sent(core)
    changes = await prove_feed(
        core, lambda: _track(core, order, a_node(N.picked_up, 5), a_node(N.delivered, 60))
    )
    assert {c.kind for c in changes} == {"order", "history", "track"}
    track = next(msgspec.json.decode(c.body, type=Track) for c in changes if c.kind == "track")
    assert [n.kind for n in track.nodes] == [N.picked_up, N.delivered] and track.synced_at == core.clock.now()
    after = core.order(order.order_no)
    assert after.order_state is OrderState.delivered and after.parcels[0].track_synced_at == core.clock.now()
    assert core.kinds(order)[-3:] == ["track_node", "track_node", "state_followed"]
    node = next(row for row in core.lookup.story(order.order_no) if row.kind == "track_node")
    assert (node.made_at, node.source, node.params["text"]) == (
        T0 + timedelta(minutes=5),
        "carrier:sf",
        "【杭州】picked_up",
    )


async def test_the_same_answer_again_only_refreshes_the_stamp(core: Core) -> None:
    order = await _sent(core)
    first = await _track(core, order, a_node(N.picked_up, 5))
    assert (first.known, first.new_nodes, first.jumps, first.state) == (True, 1, 0, "in_transit")
    before = core.order(order.order_no)
    core.clock.go(minutes=30)
    changes = await prove_feed(core, lambda: _track(core, order, a_node(N.picked_up, 5)))
    assert [c.kind for c in changes] == ["track"]
    assert core.order(order.order_no) == before
    assert (await _track(core, order)).new_nodes == 0


async def test_two_answers_in_one_group_are_one_track(core: Core) -> None:
    order = await _sent(core)
    answers = await asyncio.gather(*(_track(core, order, a_node(N.picked_up, n)) for n in (5, 6)))
    assert [a.new_nodes for a in answers] == [1, 1]
    [change] = [c for c in read_pages(core.feed, View("all"))[0] if c.kind == "track"]
    assert len(msgspec.json.decode(change.body, type=Track).nodes) == 2


async def test_delivered_before_picked_up_is_flagged_not_taken(core: Core) -> None:
    order = await _sent(core)
    jumped = await _track(core, order, a_node(N.delivered, 60, "已签收"))
    assert (jumped.jumps, jumped.state) == (1, "handed_over")
    after = core.order(order.order_no)
    assert (
        after.jump_flags == (f"{order.order_no}01:delivered",) and after.order_state is OrderState.handed_over
    )
    assert [(a.kind, a.params["text"]) for a in core.lookup.alarms()] == [("jump", "已签收")]
    late = await _track(core, order, a_node(N.picked_up, 5))
    assert (late.jumps, late.state) == (0, "delivered"), "the missing node came: the delivery is possible now"


async def test_nodes_older_than_the_order_are_kept_and_marked(core: Core) -> None:
    order = await _sent(core)
    await _track(core, order, a_node(N.picked_up, -600), a_node(N.hub_arrived, 10))
    marked = [
        r.params.get("is_before_order") for r in core.lookup.story(order.order_no) if r.kind == "track_node"
    ]
    assert marked == ["yes", None]


async def test_a_parcel_that_is_not_ours_changes_nothing(core: Core) -> None:
    assert await core.writer.track("XX01", [a_node(N.picked_up, 1)], "sf", "carrier:sf") == Tracked(
        known=False
    )
    assert core.feed.head() == 0


async def test_items_are_fed_merged_and_never_wiped(core: Core) -> None:
    item = Item(sku_code="A", title="毛巾", weight_g=200, barcodes=(ItemBarcode(code="69"),))
    changes = await prove_feed(core, lambda: core.writer.items([item]))
    assert [(c.kind, c.key) for c in changes] == [("item", "A")]
    assert await core.writer.items([item, item]) == ["same", "same"]
    more = Item(sku_code="A", bin="B-02", barcodes=(ItemBarcode(code="70", pack_qty=6),))
    assert await core.writer.items([more]) == ["changed"]
    [change] = [c for c in read_pages(core.feed, View("packing", "main"))[0] if c.kind == "item"]
    assert msgspec.json.decode(change.body, type=Item) == Item(
        sku_code="A",
        title="毛巾",
        weight_g=200,
        bin="B-02",
        barcodes=(ItemBarcode(code="69"), ItemBarcode(code="70", pack_qty=6)),
    )
    assert sorted(core.rows("SELECT code, sku_code, pack_qty FROM item_barcode")) == [
        ("69", "A", 1),
        ("70", "A", 6),
    ]


async def test_a_beat_of_a_stranger_or_a_revoked_station_is_not_heard(core: Core) -> None:
    assert await core.beat("nobody") is False
    await core.a_station()
    await prove_feed(core, lambda: core.writer.run(_revoke))
    assert await core.beat() is False
    assert core.lookup.stations()[0].is_revoked


def _revoke(tx: Tx) -> None:
    tx.conn.execute(update(t.station).values(is_revoked=True))
    tx.changed("station", "bench-1")


async def test_beats_are_fed_when_they_say_something_new_or_every_half_minute(core: Core) -> None:
    await core.a_station()

    async def fed(**said: Any) -> bool:
        head = core.feed.head()
        assert await core.beat(**said)
        return core.feed.head() > head

    assert await fed()
    core.clock.go(seconds=10)
    assert not await fed(seq_seen=9)
    assert await fed(waiting_acts=1) and not await fed(waiting_acts=2)
    assert await fed(waiting_acts=2, printers=[PrinterReport(name="小票", state="paper_out")])
    assert await fed(sign_on="李华")
    core.clock.go(seconds=30)
    assert await fed(sign_on="李华")
    [change] = [c for c in read_pages(core.feed, View("all"))[0] if c.kind == "station"]
    assert msgspec.json.decode(change.body)["sign_on"] == "李华"


async def test_a_bench_whose_beats_stay_away_is_named_within_15_s_and_heard_again_at_once(core: Core) -> None:
    for n in range(2):
        await core.a_station(f"bench-{n}")
        await core.beat(f"bench-{n}")
    watch = BeatWatch(core.engine, core.writer)
    head = core.feed.head()
    for _ in range(14):
        await watch.step(core.clock.now())
        core.clock.go(seconds=1)
    await core.beat("bench-1")
    assert core.feed.head() == head, "one beat may come late"
    core.clock.go(seconds=1)
    for _ in range(3):
        await watch.step(core.clock.now())
    [change] = read_pages(core.feed, View("packing"), head)[0]
    assert (change.kind, change.key) == ("station", "bench-0"), "told once, and of the dead one alone"
    assert msgspec.json.decode(change.body)["silent_at"] is not None
    head = core.feed.head()
    assert await core.beat("bench-0")
    [change] = read_pages(core.feed, View("packing"), head)[0]
    assert msgspec.json.decode(change.body)["silent_at"] is None


async def test_a_hub_that_has_just_started_calls_nobody_silent_for_what_it_could_not_hear(core: Core) -> None:
    await core.a_station()
    await core.beat()
    core.clock.go(minutes=10)
    head, watch = core.feed.head(), BeatWatch(core.engine, core.writer)
    await watch.step(core.clock.now())
    assert core.feed.head() == head
    core.clock.go(seconds=14)
    await watch.step(core.clock.now())
    assert core.feed.head() == head + 1


async def test_beats_of_many_stations_share_a_commit(core: Core) -> None:
    for n in range(5):
        await core.a_station(f"bench-{n}")
    changes = await prove_feed(core, lambda: asyncio.gather(*(core.beat(f"bench-{n}") for n in range(5))))
    assert {c.key for c in changes} == {f"bench-{n}" for n in range(5)}


async def test_without_a_clock_a_beat_teaches_nothing_of_time(core: Core) -> None:
    await core.a_station()
    await core.beat(clock=core.clock.now() - timedelta(seconds=90))
    await core.beat(clock=None)
    assert core.rows("SELECT clock_offset_ms FROM station") == [(90_000,)]
