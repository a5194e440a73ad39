"""Hints stop once, whatever comes again; details are taken, and settle the wish to fetch (design 3.10, ING-06)."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, event

from app.core.channel import ChannelLine
from app.core.hints import HintKind as H
from app.core.order import Consignee, OrderState, RefundState
from hub.api.hot import ID_MAX
from hub.db import tables as t
from hub.orders.clock import SweepJob
from hub.orders.told import Detail, Heard, HintAnswer
from tests.helpers.builders import LEAD, Core, a_channel_order
from tests.helpers.clock import T0
from tests.helpers.databases import only_postgresql, only_sqlite
from tests.helpers.feed import prove_feed

pytestmark = pytest.mark.anyio
NO = "261121-000001"


def a_hint(event_id: str = "e1", kind: H = H.refund_asked, at: datetime | None = T0, **more: Any) -> Heard:
    return Heard(event_id=event_id, channel_order_no=NO, kind=kind, at=at, **more)


def a_detail(
    fetched: float, modified: float | None = 0, unknown: tuple[str, ...] = (), **says: Any
) -> Detail:
    said = {
        "channel": "pdd",
        "refund_state": RefundState.none,
        "modified_at": None if modified is None else T0 + timedelta(seconds=modified),
        **says,
    }
    return Detail(order=a_channel_order(**said), fetched_at=T0 + timedelta(seconds=fetched), unknown=unknown)


def wanted(core: Core) -> list[tuple[Any, ...]]:
    return core.rows("SELECT channel_order_no, due_at, kept FROM fetch_wanted")


async def test_a_hint_stops_at_once_and_asks_for_a_fetch(core: Core) -> None:
    [order] = await core.given()
    changes = await prove_feed(core, lambda: core.writer.hints("shop-1", [a_hint(word="refund_created")]))
    assert {c.kind for c in changes} == {"order", "history"}
    [stop] = core.order(order.order_no).stops
    assert (stop.command, stop.counting_down_until) == ("refund", T0 + timedelta(seconds=15))
    assert [row[0] for row in wanted(core)] == [NO]
    last = core.lookup.story(order.order_no)[-1]
    assert (last.source, last.actor, last.cause) == ("channel:shop-1", "shop-1", "push")
    assert core.heard[-1].urgent[0].event.is_frozen


async def test_an_event_twice_is_nothing_in_one_group_and_later_and_in_another_shop_it_is_another(
    core: Core,
) -> None:
    await core.given()
    answers = await core.writer.hints("shop-1", [a_hint(), a_hint(), a_hint()])
    assert [a.is_new for a in answers] == [True, False, False]
    head = core.feed.head()
    [again] = await core.writer.hints("shop-1", [a_hint()])
    assert not again.is_new and core.feed.head() == head
    [other] = await core.writer.hints("shop-2", [a_hint()])
    assert other.is_new


async def test_many_hints_in_one_go_are_each_kept_and_wanted_once(core: Core) -> None:
    [known] = await core.given()
    hints = [
        Heard(event_id=f"{n}:0:101:'{n % 60}", channel_order_no=f"no-{n % 50}", kind=H.changed, at=None)
        for n in range(70)
    ]
    many = [*hints, *hints[:5], a_hint("known", H.changed), a_hint("stops")]
    await asyncio.gather(*[core.writer.hints(f"shop-{shop}", many) for shop in (1, 2)])
    assert core.rows("SELECT count(*), count(DISTINCT act_id) FROM receipt WHERE outcome = 'applied'") == [
        (2 * 72, 2 * 72)
    ]
    rows = core.rows("SELECT shop_id, channel_order_no, heard_at, due_at, tries, kept FROM fetch_wanted")
    assert {row[:2] for row in rows} == {
        (f"shop-{shop}", no) for shop in (1, 2) for no in (NO, *[f"no-{n}" for n in range(50)])
    }
    now = T0.timestamp() * 1000
    kept = {row[:2]: bytes(row[5]) for row in rows if row[2:5] == (now, now, 0)}
    assert (
        len(kept) == len(rows) == 102 and kept.pop(("shop-2", NO)) != b"[]" and set(kept.values()) == {b"[]"}
    )
    again = [a for shop in (1, 2) for a in await core.writer.hints(f"shop-{shop}", many)]
    assert not any(a.is_new for a in again)
    assert core.order(known.order_no).stops


@only_postgresql
async def test_events_are_found_by_their_keys_though_the_server_knows_nothing_of_their_number(
    core: Core,
) -> None:
    for n in range(3):
        await core.writer.hints("shop-1", [a_hint(f"e{n}-{place}") for place in range(8)])
    await core.writer.stop()  # the server counts what was read when the connection ends
    for _ in range(300):
        [(by_key, read_whole)] = core.rows(
            "SELECT idx_scan, seq_tup_read FROM pg_stat_user_tables WHERE relname = 'receipt'"
        )
        if by_key:
            break
        await asyncio.sleep(0.05)
    assert by_key and not read_whole


def _brief(*words: str, no: str = "") -> list[Heard]:
    """Hints that stop nothing, each at an order that nobody has."""
    return [Heard(event_id=word, channel_order_no=no or f"no-{word}", kind=H.changed) for word in words]


async def test_hints_at_what_nobody_has_are_kept_and_wanted_whatever_else_is_in_their_group(
    core: Core,
) -> None:
    [known] = await core.given()
    assert all(a == HintAnswer(is_new=True) for a in await core.writer.hints("shop-1", _brief("a", "b")))
    mixed = [
        *_brief("b", "c", "c"),
        *_brief("known", no=NO),
        replace(_brief("new word")[0], word="never heard", is_known=False),
        a_hint("", H.changed),
    ]
    answers = await core.writer.hints("shop-1", mixed)
    assert [a.is_new for a in answers] == [False, True, False, True, True, True]
    assert [a.order_no for a in answers] == ["", "", "", known.order_no, "", known.order_no]
    assert not any(a.is_new for a in await core.writer.hints("shop-1", _brief("a", "b", "c")))
    shops = [core.writer.hints(shop, _brief("x", "y")) for shop in ("shop-1", "shop-2")]
    assert all(a.is_new for both in await asyncio.gather(*shops) for a in both)
    assert core.rows("SELECT count(*) FROM receipt WHERE outcome = 'applied'") == [(9,)]
    assert core.rows("SELECT count(*) FROM fetch_wanted") == [(9,)]


@only_postgresql
async def test_an_event_that_another_process_was_quicker_to_write_is_answered_once(core: Core) -> None:
    def other(
        conn: Connection, cursor: Any, statement: str, values: Any, context: Any, is_many: bool
    ) -> None:
        if statement == core.writer._transactions._sql.events_and_wishes and not seen:
            seen.append(statement)
            with core.engine.connect() as another, another.begin():
                another.exec_driver_sql(statement, values)

    seen: list[str] = []
    event.listen(core.engine, "before_cursor_execute", other)
    [first] = await core.writer.hints("shop-1", _brief("e1"))
    assert seen and not first.is_new
    [second] = await core.writer.hints("shop-1", _brief("e2"))
    assert second.is_new and core.rows("SELECT count(*) FROM receipt") == [(2,)]


async def test_event_ids_are_kept_for_thirty_days_and_more(core: Core) -> None:
    await core.writer.hints("shop-1", [a_hint()])
    core.clock.go(days=31)
    await core.writer._ask_whole([SweepJob()])
    assert not (await core.writer.hints("shop-1", [a_hint()]))[0].is_new
    core.clock.go(days=15)
    await core.writer._ask_whole([SweepJob()])
    assert core.rows(f"SELECT count(*) FROM {t.receipt.name}") == [(0,)]


async def test_a_detail_as_new_as_the_hint_lifts_and_settles(core: Core) -> None:
    [order] = await core.given()
    await core.writer.hints("shop-1", [a_hint()])
    [taken] = await core.writer.told([a_detail(1, modified=0)])
    assert taken.outcome == "changed" and core.order(order.order_no).may_go.ok and wanted(core) == []


async def test_an_old_detail_is_asked_for_again_a_minute_later(core: Core) -> None:
    [order] = await core.given()
    await core.writer.hints("shop-1", [a_hint()])
    await core.writer.told([a_detail(1, modified=-60)])
    assert core.order(order.order_no).stops
    [(_, due_at, _)] = wanted(core)
    assert due_at == (T0 + timedelta(seconds=61)).timestamp() * 1000
    core.clock.go(seconds=61)
    await core.writer.told([a_detail(61, modified=-60)])
    assert not core.order(order.order_no).stops and wanted(core) == []


async def test_a_hint_that_comes_while_the_detail_is_under_way_is_fetched_again(core: Core) -> None:
    await core.given()
    core.clock.go(seconds=5)
    await core.writer.hints("shop-1", [a_hint(kind=H.changed)])
    await core.writer.told([a_detail(4)])
    assert [row[0] for row in wanted(core)] == [NO]
    await core.writer.told([a_detail(6)])
    assert wanted(core) == []


async def test_a_stopping_hint_of_an_unknown_order_waits_for_it(core: Core) -> None:
    [answer] = await core.writer.hints("shop-1", [a_hint()])
    assert answer.is_new and answer.order_no == "" and len(wanted(core)) == 1
    await core.writer.hints("shop-1", [a_hint("e2", H.changed)])
    [taken] = await core.writer.told([a_detail(1, modified=-5)])
    assert taken.outcome == "new"
    assert [s.command for s in core.order(taken.order_no).stops] == ["refund"]
    fresh = replace(a_detail(1).order, channel_order_no="X")
    await core.writer.hints("shop-1", [replace(a_hint("e3"), channel_order_no="X")])
    [taken] = await core.writer.told([Detail(order=fresh, fetched_at=T0 + timedelta(seconds=1))])
    assert not core.order(taken.order_no).stops, "its own detail was as new as the hint"


async def test_hint_and_order_in_one_group_lose_no_stop(core: Core) -> None:
    hint, told = core.writer.hints("shop-1", [a_hint()]), core.writer.told([a_detail(-1, modified=-60)])
    _, [taken] = await asyncio.gather(hint, told)
    assert [s.command for s in core.order(taken.order_no).stops] == ["refund"] or len(wanted(core)) == 1


async def test_push_and_poll_and_detail_at_once_make_one_order(core: Core) -> None:
    tries = [core.writer.told([a_detail(n)]) for n in range(5)]
    pushes = [core.writer.hints("shop-1", [a_hint(f"e{n % 3}", H.changed)]) for n in range(6)]
    await asyncio.gather(*tries, *pushes)
    assert core.rows("SELECT count(*) FROM orders") == [(1,)]


async def test_a_cancelled_detail_cancels_and_a_lying_hint_does_not(core: Core) -> None:
    [order] = await core.given()
    await core.writer.hints("shop-1", [a_hint(kind=H.cancelled)])
    core.clock.go(seconds=120)
    await core.writer.tick(core.clock.now())
    assert core.order(order.order_no).order_state is OrderState.released
    await core.writer.told([a_detail(121, modified=100, is_cancelled=True)])
    assert core.order(order.order_no).order_state is OrderState.cancelled


async def test_a_new_address_goes_to_the_sealed_table_alone(core: Core) -> None:
    [taken] = await core.writer.told([a_detail(0)])
    moved = Consignee(name="林小明", phone="18300012807", address="浙江省杭州市余杭区文一西路9号")
    await core.writer.told([a_detail(2, modified=1, consignee=moved)])
    order = core.order(taken.order_no)
    assert order.consignee.district == "余杭区"
    personal = core.lookup.personal(taken.order_no)
    assert personal is not None and personal.consignee == moved
    assert core.kinds(order)[-1] == "address_changed"
    assert "文一西路" not in str(core.rows("SELECT body FROM history")) + str(
        core.rows("SELECT body FROM orders")
    )
    masked = Consignee(name="林**", phone="183****2807", address="****")
    head = core.feed.head()
    await core.writer.told([a_detail(3, modified=1, consignee=masked)])
    assert core.feed.head() == head, "stars tell nothing"


async def test_an_address_that_looks_the_same_behind_its_stars_is_another_by_its_key(core: Core) -> None:
    """Douyin shows no street: a house around the corner looks like the old one, and its label would go there."""
    shown = Consignee(name="林**", phone="1********07", province="浙江省", city="杭州市", address="****")
    [taken] = await core.writer.told([a_detail(0, consignee=shown, extra={"open_address_id": "A1"})])
    await core.writer.told([a_detail(1, modified=1, consignee=shown, extra={"open_address_id": "A1"})])
    assert "address_changed" not in core.kinds(core.order(taken.order_no))
    await core.writer.told([a_detail(2, modified=2, consignee=shown, extra={"open_address_id": "A2"})])
    order = core.order(taken.order_no)
    assert core.kinds(order)[-1] == "address_changed" and order.extra["open_address_id"] == "A2"
    head = core.feed.head()
    await core.writer.told([a_detail(3, modified=2, consignee=shown, extra={"open_address_id": "A2"})])
    assert core.feed.head() == head, "and it changes once"


async def test_an_address_key_that_comes_and_goes_is_no_other_address(core: Core) -> None:
    """Not every answer brings it: one without says nothing, and what was known still tells another from it."""
    shown = Consignee(name="林**", phone="1********07", province="浙江省", city="杭州市", address="****")
    keys = ({}, {"open_address_id": "A1"}, {}, {"open_address_id": "A1"})
    for n, extra in enumerate(keys):
        [taken] = await core.writer.told([a_detail(n, modified=n, consignee=shown, extra=extra)])
    order = core.order(taken.order_no)
    assert "address_changed" not in core.kinds(order) and order.extra["open_address_id"] == "A1"
    await core.writer.told([a_detail(4, modified=4, consignee=shown)])
    await core.writer.told([a_detail(5, modified=5, consignee=shown, extra={"open_address_id": "A2"})])
    assert core.kinds(order)[-1] == "address_changed"


async def test_an_order_of_a_group_is_packed_when_the_group_is_full_and_not_before(core: Core) -> None:
    [taken] = await core.writer.told([a_detail(0, is_paid=False, extra={"group_status": 0})])
    order = core.order(taken.order_no)
    assert (order.order_state, order.may_go.ok, order.extra["group_status"]) == (OrderState.new, False, 0)
    await core.a_station()
    assert not (await core.lease(order)).granted, "nothing for the floor"
    await core.writer.told([a_detail(2, modified=2, extra={"group_status": 1})])
    order = core.order(taken.order_no)
    assert (order.order_state, order.may_go.ok, order.extra["group_status"]) == (OrderState.released, True, 1)


async def test_an_erased_buyer_stays_erased(core: Core) -> None:
    [taken] = await core.writer.told([a_detail(0)])
    await core.change("DELETE FROM sealed")
    await core.writer.told([a_detail(2, modified=1, consignee=Consignee(name="王", address="某地"))])
    assert core.lookup.personal(taken.order_no) is None


async def test_an_order_with_other_goods_still_hears_its_cancel(core: Core) -> None:
    [order] = await core.given()
    other = (ChannelLine(sku_code="SKU-1", qty=9, price_fen=5900),)
    cancelled = replace(a_detail(1, is_cancelled=True).order, lines=other)
    [taken] = await core.writer.told([Detail(order=cancelled, fetched_at=T0)])
    assert taken.outcome == "differs" and core.order(order.order_no).order_state is OrderState.cancelled
    assert [a.kind for a in core.lookup.alarms()] == ["lines_differ"]


async def test_a_new_word_is_one_alarm_ever(core: Core) -> None:
    await core.writer.told([a_detail(0, unknown=("order_status=77", "order_status=77"))])
    await core.writer.hints("shop-1", [a_hint("e9", H.changed, word="trade_new", is_known=False)])
    alarms = core.lookup.alarms()
    assert sorted(a.params["word"] for a in alarms) == ["order_status=77", "trade_new"]
    for alarm in alarms:
        await core.writer.alarm_ack(alarm.alarm_id, LEAD)
    await core.writer.told([a_detail(1, unknown=("order_status=77",))])
    assert core.lookup.alarms() == []


@pytest.mark.logs("job_failed")
async def test_what_cannot_be_taken_is_kept_sealed_and_said(core: Core) -> None:
    bad = replace(a_detail(0).order, channel_state="\ud800")
    [taken] = await core.writer.told([Detail(order=bad, fetched_at=datetime(2026, 11, 21, 1, tzinfo=UTC))])
    assert taken.outcome == "failed"
    [(what, ref, blob)] = core.rows("SELECT what, ref, blob_pii FROM quarantine")
    assert (what, ref) == ("detail", f"shop-1 {NO}") and "林小明".encode() not in bytes(blob)
    assert [a.kind for a in core.lookup.alarms()] == ["our_fault"]


@only_sqlite
async def test_the_ids_of_one_hours_events_stand_together_and_none_can_be_an_acts(core: Core) -> None:
    ids = ["7000000000000000001:0:101:2", "7000000000000000002:0:101:3", "x", "é\ud800", "a\x00b", "x" * 500]
    for n, event_id in enumerate(ids):
        [answer] = await core.writer.hints("shop-1", [replace(a_hint(event_id), channel_order_no=f"no-{n}")])
        assert answer.is_new
    [answer] = await core.writer.hints("shop-1", [a_hint("x" * 501)])
    assert answer.is_new, "whatever they begin with, two ids are two"
    keys = [key for (key,) in core.rows("SELECT act_id FROM receipt ORDER BY act_id")]
    assert len(keys) == len(ids) + 1 and all(ID_MAX < len(key) < 120 for key in keys)
    assert [key.startswith("event:700000000000000000") for key in keys].count(True) == 2
