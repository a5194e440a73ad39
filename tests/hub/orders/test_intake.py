"""Orders come in once, get one number for ever, and give their personal data to the vault alone."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from app.core.channel import ChannelLine
from app.core.freeze import Rules
from app.core.order import Consignee, OrderState, RefundState, settled
from hub.db.engine import new_epoch
from hub.orders.results import View
from hub.orders.settings import LineSettings
from tests.helpers.builders import LEAD, Core, a_channel_order, a_core
from tests.helpers.clock import FakeClock
from tests.helpers.feed import prove_feed

pytestmark = pytest.mark.anyio


async def test_a_new_order_is_fed_with_its_file(core: Core) -> None:
    changes = await prove_feed(core, lambda: core.writer.intake([a_channel_order()], LEAD))
    assert [c.kind for c in changes] == ["history", "history", "order"]
    order = core.order("OD20261121001")
    assert order.order_state is OrderState.released and order.version == 1
    assert [p.parcel_no for p in order.parcels] == ["OD2026112100101"]
    received, _ = core.lookup.story(order.order_no)
    assert (received.actor, received.source, received.kind) == ("老周", "channel:shop-1", "received")


@pytest.mark.parametrize("came", [{}, {"is_paid": False}, {"is_shipped": True}, {"is_cancelled": True}])
async def test_a_new_order_is_settled_from_the_start(core: Core, came: dict[str, bool]) -> None:
    [order] = await core.given(a_channel_order(**came))
    assert settled(order) == order and order.version == 1


async def test_the_same_order_again_changes_nothing(core: Core) -> None:
    [first] = await core.writer.intake([a_channel_order()], LEAD)
    head = core.feed.head()
    again = await core.writer.intake([a_channel_order(), a_channel_order()], LEAD, bulk=True)
    assert [t.outcome for t in again] == ["same", "same"]
    assert {t.order_no for t in again} == {first.order_no} and core.feed.head() == head


async def test_an_order_twice_in_one_page_is_one_order(core: Core) -> None:
    taken = await core.writer.intake([a_channel_order(), a_channel_order(channel_state="shipping")], LEAD)
    assert [(t.order_no, t.outcome) for t in taken] == [
        ("OD20261121001", "new"),
        ("OD20261121001", "changed"),
    ]
    assert core.order("OD20261121001").channel_state == "shipping"


async def test_many_at_once_never_double_an_order(core: Core) -> None:
    pages = [[a_channel_order(n) for n in range(20)] for _ in range(8)]
    answers = await asyncio.gather(
        *(core.writer.intake(page, LEAD, bulk=n % 2 == 0) for n, page in enumerate(pages))
    )
    assert core.rows("SELECT count(*), count(DISTINCT channel_order_no) FROM orders") == [(20, 20)]
    outcomes = [t.outcome for page in answers for t in page]
    assert (outcomes.count("new"), outcomes.count("same")) == (20, 140)
    assert {len({page[n].order_no for page in answers}) for n in range(20)} == {1}


async def test_the_same_number_in_two_shops_is_two_orders(core: Core) -> None:
    taken = await core.writer.intake([a_channel_order(), a_channel_order(shop_id="shop-2")], LEAD)
    assert [t.outcome for t in taken] == ["new", "new"]
    [third] = await core.writer.intake([a_channel_order(shop_id="shop-3")], LEAD)
    assert third.outcome == "new"


async def test_a_later_word_of_the_channel_is_taken_in_and_fed(core: Core) -> None:
    unpaid = a_channel_order(is_paid=False, paid_at=None)
    [order] = await core.given(unpaid)
    assert order.order_state is OrderState.new and core.kinds(order) == ["received"]
    changes = await prove_feed(core, lambda: core.writer.intake([a_channel_order()], LEAD))
    assert core.order(order.order_no).order_state is OrderState.released
    assert {c.kind for c in changes} == {"order", "history"}
    asked = replace(a_channel_order(), refund_state=RefundState.asked)
    [taken] = await core.writer.intake([asked], LEAD)
    assert taken.outcome == "changed" and not core.order(order.order_no).may_go.ok


async def test_numbers_count_to_999_and_go_on_with_six_digits(core: Core) -> None:
    with core.engine.begin() as conn:
        conn.exec_driver_sql("INSERT INTO day_counter VALUES ('OD20261121', 997)")
    taken = await core.writer.intake([a_channel_order(n) for n in range(4)], LEAD)
    assert [t.order_no for t in taken] == [
        "OD20261121998", "OD20261121999", "OD20261121001000", "OD20261121001001",
    ]  # fmt: skip


async def test_the_day_of_a_number_is_the_shops_day(tmp_path: Path) -> None:
    clock = FakeClock(datetime(2026, 11, 21, 15, 59, 59, tzinfo=UTC))
    async with a_core(tmp_path, clock=clock) as core:
        [before] = await core.given(a_channel_order(1))
        clock.go(seconds=1)
        [after] = await core.given(a_channel_order(2))
    assert (before.order_no, after.order_no) == ("OD20261121001", "OD20261122001")


async def test_a_failed_order_costs_no_number_of_another(core: Core) -> None:
    taken = await core.given(a_channel_order(1), a_channel_order(2))
    assert [o.order_no[-3:] for o in taken] == ["001", "002"]
    assert core.rows("SELECT day, n FROM day_counter") == [("OD20261121", 2)]


async def test_after_a_restore_numbers_go_on_in_a_lettered_series(core: Core) -> None:
    await core.given(a_channel_order(1))
    epoch = core.feed.epoch()
    fresh = await core.writer.run(lambda tx: new_epoch(tx.conn, tx.new_id))
    assert core.feed.epoch() == fresh != epoch
    [order] = await core.given(a_channel_order(2))
    assert order.order_no == "OD20261121A001"
    await core.writer.run(lambda tx: new_epoch(tx.conn, tx.new_id))
    [order] = await core.given(a_channel_order(3))
    assert order.order_no == "OD20261121B001"


async def test_personal_data_stands_in_the_sealed_table_alone(core: Core, tmp_path: Path) -> None:
    [order] = await core.given()
    personal = core.lookup.personal(order.order_no)
    assert personal is not None and personal.consignee == a_channel_order().consignee
    assert (order.consignee.name, order.consignee.phone) == ("林**", "183****2807")
    raw = _all_bytes(tmp_path)
    for secret in ("林小明", "18300012807", "文三路"):
        assert secret.encode() not in raw

    with core.engine.begin() as conn:
        conn.exec_driver_sql("DELETE FROM sealed")
    assert core.lookup.personal(order.order_no) is None
    assert core.order(order.order_no) == order, "erasing a buyer touches nothing else"
    assert core.lookup.orders("18300012807", View("all")).orders == []


def _all_bytes(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())


async def test_an_order_without_a_consignee_is_taken(core: Core) -> None:
    [order] = await core.given(a_channel_order(consignee=Consignee(phone="110"), buyer_nick=""))
    assert core.rows("SELECT phone IS NULL, phone_tail, name, nick FROM sealed") == [(0, None, None, None)]
    assert core.lookup.personal(order.order_no) is not None


async def test_barcodes_of_a_file_are_learned(core: Core) -> None:
    line = ChannelLine(sku_code="SKU-1", title="毛巾", item_barcode="69010001")
    changes = await prove_feed(core, lambda: core.writer.intake([a_channel_order(lines=0)], LEAD))
    assert "item" not in {c.kind for c in changes}
    changes = await prove_feed(
        core, lambda: core.writer.intake([replace(a_channel_order(2), lines=(line, line))], LEAD)
    )
    [item] = [msgspec.json.decode(c.body) for c in changes if c.kind == "item"]
    assert (item["sku_code"], item["title"], item["barcodes"]) == (
        "SKU-1", "毛巾", [{"code": "69010001", "pack_qty": 1}],
    )  # fmt: skip


async def test_a_shops_orders_go_to_its_warehouse_with_its_rules(tmp_path: Path) -> None:
    settings = LineSettings(
        shop_warehouses={"shop-2": "east"}, last_gates={"east": "close"}, rules=Rules(auto_release=False)
    )
    async with a_core(tmp_path, settings=settings) as core:
        west, east = await core.given(a_channel_order(), a_channel_order(shop_id="shop-2"))
        assert (west.warehouse, east.warehouse) == ("main", "east")
        assert west.order_state is OrderState.new, "the shop releases by hand"
        assert (
            settings.rules_of("east").last_gate == "close"
            and settings.rules_of("main").last_gate == "handover"
        )
        [named] = await core.given(a_channel_order(9, warehouse="south"))
        assert named.warehouse == "south"
