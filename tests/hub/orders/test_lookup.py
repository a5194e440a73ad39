"""An order is found by anything a person may have in hand; its story tells what happened, in that order."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from app.core.order import Consignee
from hub.orders.results import View
from hub.orders.settings import LineSettings
from tests.helpers.builders import LEAD, Core, a_channel_order, a_core

pytestmark = pytest.mark.anyio
ALL = View("all")


@pytest.mark.parametrize(
    "words",
    [
        "OD20261121001",
        "od20261121001 ",
        "OD2026112100101",
        "261121-000001",
        "yt0001",
        "18300012807",
        "+86 183 0001 2807",
        "183-0001-2807",
        "林小明",
        "买家1",
    ],
)
async def test_an_order_is_found_by(core: Core, words: str) -> None:
    order, other = await core.given(
        a_channel_order(1),
        a_channel_order(2, consignee=Consignee(name="王芳", phone="13911110000"), buyer_nick="别人"),
    )
    await core.do("waybill_bound", order, waybill_no="YT0001")
    assert [o.order_no for o in core.lookup.orders(words, ALL).orders] == [order.order_no]
    assert other.order_no not in {o.order_no for o in core.lookup.orders(words, ALL).orders}


async def test_a_phone_tail_finds_all_who_share_it(core: Core) -> None:
    await core.given(a_channel_order(1), a_channel_order(2))
    found = core.lookup.orders("2807", ALL).orders
    assert [o.order_no for o in found] == ["OD20261121002", "OD20261121001"], "newest first"
    assert core.lookup.orders("2808", ALL).orders == []
    assert core.lookup.orders("2807x", ALL).orders == []


async def test_an_empty_search_lists_the_newest_in_pages(core: Core) -> None:
    await core.given(*(a_channel_order(n) for n in range(7)))
    numbers: list[str] = []
    after = ""
    for _ in range(4):
        page = core.lookup.orders("", ALL, limit=2, after=after)
        numbers += [o.order_no for o in page.orders]
        after = page.next
    assert numbers == sorted(numbers, reverse=True) and len(numbers) == 7 and after == ""


async def test_a_search_stays_within_the_view(tmp_path: Path) -> None:
    settings = LineSettings(shop_warehouses={"shop-2": "east"})
    async with a_core(tmp_path, settings=settings) as core:
        west, east = await core.given(
            a_channel_order(1, is_shipped=True), a_channel_order(1, shop_id="shop-2")
        )
        number = "261121-000001"
        assert len(core.lookup.orders(number, ALL).orders) == 2
        assert [o.order_no for o in core.lookup.orders(number, View("all", "east")).orders] == [east.order_no]
        await core.tick(days=4)
        assert [o.order_no for o in core.lookup.orders(number, View("packing")).orders] == [east.order_no]
        assert len(core.lookup.orders(number, View("service")).orders) == 2
        assert core.lookup.orders(west.order_no, View("packing")).orders == []


async def test_one_order_its_body_and_its_parcels_owner(core: Core) -> None:
    [order] = await core.given()
    body = core.lookup.body(order.order_no)
    assert body is not None and body.startswith(b'{"order_no":"OD20261121001"')
    assert core.lookup.parcel("OD2026112100101") == order
    for missing in (
        core.lookup.order("x"),
        core.lookup.body("x"),
        core.lookup.parcel("x"),
        core.lookup.personal("x"),
    ):
        assert missing is None
    assert core.lookup.story("x") == []


async def test_the_story_goes_by_when_it_happened(core: Core) -> None:
    [order] = await core.given(a_channel_order(lines=1))
    core.clock.go(hours=1)
    await core.do("line_packed", order, line_no=1, made_at=core.clock.now() - timedelta(minutes=50))
    await core.command("change_remark", order, seller_remark="好")
    await core.do("opened", order, made_at=core.clock.now() - timedelta(minutes=55))
    assert [r.kind for r in core.lookup.story(order.order_no)] == [
        "received", "released", "opened", "line_packed", "remark_changed",
    ]  # fmt: skip


async def test_may_it_go(core: Core) -> None:
    [order] = await core.given(a_channel_order(lines=1))
    parcel_no = f"{order.order_no}01"
    assert core.lookup.go("x", "print", None).reason == "parcel_unknown"
    go = core.lookup.go(parcel_no, "print", "bench-1")
    assert go.ok and go.seq == core.feed.head()
    assert core.lookup.go(parcel_no, "close", None).reason == "not_complete"
    await core.packed(order)
    assert core.lookup.go(parcel_no, "handover", None).ok
    await core.command("cancel", order)
    refused = core.lookup.go(parcel_no, "handover", None)
    assert (refused.ok, refused.reason, refused.seq) == (False, "frozen", core.feed.head())


async def test_stations_as_they_last_beat(core: Core) -> None:
    await core.a_station("bench-1")
    assert await core.beat("bench-1", seq_seen=7, waiting_acts=3, sign_on="李华")
    [station] = core.lookup.stations()
    assert (station.station_id, station.seq_seen, station.waiting_acts, station.sign_on) == (
        "bench-1",
        7,
        3,
        "李华",
    )
    assert station.last_beat_at == core.clock.now()
    assert station.oldest_waiting_at is None, "it does not say since when"
    since = core.clock.now() - timedelta(minutes=3)
    assert await core.beat("bench-1", waiting_acts=3, oldest_waiting_at=since)
    assert core.lookup.stations()[0].oldest_waiting_at == since
    assert await core.beat("bench-1")
    assert core.lookup.stations()[0].oldest_waiting_at is None
    assert LEAD.name
