"""Leases move, end and settle; a cancel is answered by what the hub knows of them (design 3.7, 3.8)."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from app.core.freeze import Rules
from app.core.order import InterceptResult, Order, OrderState
from app.core.waybills import PoolNumber
from app.wire import LeaseAsk
from hub.orders.settings import LineSettings
from tests.helpers.builders import LEAD, Core, a_channel_order, a_core, an_actor
from tests.helpers.feed import prove_feed

pytestmark = pytest.mark.anyio
R = InterceptResult


async def _on_bench(core: Core, station: str = "bench-1", **beat: object) -> Order:
    """A fresh order, leased by a station that has just beaten."""
    await core.a_station(station)
    await core.beat(station, **beat)
    [order] = await core.given(a_channel_order(lines=1))
    assert (await core.lease(order, station)).granted
    return core.order(order.order_no)


def _parcel(core: Core, order: Order) -> tuple[str | None, R | None, bool]:
    parcel = core.order(order.order_no).parcels[0]
    return parcel.holder, parcel.intercept_result, parcel.is_frozen


async def test_a_lease_is_granted_fed_and_longer_on_asking_again(core: Core) -> None:
    await core.a_station()
    [order] = await core.given()
    changes = await prove_feed(core, lambda: core.lease(order))
    assert {c.kind for c in changes} == {"order", "history"}
    parcel = core.order(order.order_no).parcels[0]
    assert (parcel.holder, parcel.lease_step) == ("bench-1", "close")
    assert parcel.lease_until == core.clock.now() + timedelta(hours=1)

    core.clock.go(minutes=10)
    again = await core.lease(order, step="handover")
    assert (again.granted, again.seconds, again.label) == (True, 3570, None)
    assert core.order(order.order_no).parcels[0].lease_step == "handover"
    assert core.kinds(order).count("leased") == 1
    assert core.rows("SELECT count(*) FROM lease") == [(1,)]


async def test_a_grant_says_where_in_the_feed_it_stands(core: Core) -> None:
    order = await _on_bench(core)
    await core.a_station("bench-2")
    await core.beat("bench-2")
    answers = await asyncio.gather(core.lease(order, "bench-2"), core.lease(order), core.lease(order))
    [(seq,)] = core.rows(f"SELECT seq FROM orders WHERE order_no = '{order.order_no}'")
    assert answers[-1].seq == seq
    assert sorted(answer.seq for answer in answers) == [answer.seq for answer in answers]
    assert (await core.lease(order, "bench-2")).seq > seq


async def test_an_online_holder_gives_it_back_unasked(core: Core) -> None:
    order = await _on_bench(core)
    answer = await core.lease(order, "bench-2")
    assert answer.granted and _parcel(core, order)[0] == "bench-2"
    assert core.kinds(order)[-2:] == ["lease_moved", "leased"]
    assert core.rows("SELECT station_id, how FROM lease WHERE settled_at IS NOT NULL") == [
        ("bench-1", "moved")
    ]


async def test_an_offline_holder_keeps_it_until_the_lease_and_its_grace_end(core: Core) -> None:
    order = await _on_bench(core)
    core.clock.go(seconds=26)
    refused = await core.lease(order, "bench-2")
    assert (refused.granted, refused.reason, refused.params["holder"]) == (False, "no_lease", "bench-1")
    core.clock.go(seconds=3600 + 30 - 26 - 1)
    assert not (await core.lease(order, "bench-2")).granted
    core.clock.go(seconds=1)
    assert (await core.lease(order, "bench-2")).granted
    assert core.rows("SELECT count(*) FROM lease WHERE settled_at IS NULL") == [(2,)], (
        "nobody heard of bench-1"
    )


async def test_a_holder_nobody_knows_or_that_was_revoked_holds_nothing_up(core: Core) -> None:
    order = await _on_bench(core)
    core.clock.go(minutes=5)
    await core.change("UPDATE station SET is_revoked = true")
    assert (await core.lease(order, "ghost")).granted
    assert (await core.lease(order, "bench-3")).granted


async def test_a_revoked_stations_leases_are_free_at_once_and_what_waited_for_it_is_answered(
    core: Core,
) -> None:
    order = await _on_bench(core)
    [other] = await core.given(a_channel_order(2))
    await core.lease(other)
    await core.command("cancel", order)
    await core.tick(seconds=5)
    assert _parcel(core, order)[1] is R.at_station_offline
    await core.change("UPDATE station SET is_revoked = true WHERE station_id = 'bench-1'")
    changes = await prove_feed(core, lambda: core.writer.revoked("bench-1", LEAD))
    assert {c.key for c in changes if c.kind == "order"} == {order.order_no, other.order_no}
    assert _parcel(core, order)[1] is R.stopped
    assert _parcel(core, other)[0] is None
    assert (await core.lease(other, "bench-2")).granted
    assert core.rows("SELECT how FROM lease WHERE station_id = 'bench-1'") == [("revoked",), ("revoked",)]
    assert core.kinds(order)[-2:] == ["lease_returned", "intercept_answered"]


async def test_what_a_revoked_station_may_have_handed_over_is_stopped_by_a_persons_word_alone(
    core: Core,
) -> None:
    order = await _on_bench(core)
    await core.lease(order, step="handover")
    await core.command("cancel", order)
    await core.change("UPDATE station SET is_revoked = true WHERE station_id = 'bench-1'")
    await core.writer.revoked("bench-1", LEAD)
    await core.tick(hours=3)
    assert _parcel(core, order)[1] is R.at_station_offline
    await core.do("take_over", order, by=LEAD, statement="我看过了，箱子在这里")
    assert _parcel(core, order)[1] is R.stopped


async def test_given_back_by_the_holder_alone(core: Core) -> None:
    order = await _on_bench(core)
    refused = await core.lease(order, "bench-2", give_back=True)
    assert (refused.granted, refused.reason) == (False, "no_lease")
    changes = await prove_feed(core, lambda: core.lease(order, give_back=True))
    assert {c.kind for c in changes} == {"order", "history"} and _parcel(core, order)[0] is None
    assert core.kinds(order)[-1] == "lease_returned"


async def test_a_holder_without_a_lease_row_can_still_give_it_back(core: Core) -> None:
    order = await _on_bench(core)
    await core.change("DELETE FROM lease")
    assert (await core.lease(order, give_back=True)).granted and _parcel(core, order)[0] is None


async def test_a_lease_of_a_parcel_that_left_its_order_settles(core: Core) -> None:
    order = await _on_bench(core)
    body = msgspec.json.encode(replace(order, parcels=()))
    await core.change("UPDATE orders SET body = :body", body=body)
    core.clock.go(hours=2)
    await core.beat()
    assert core.rows("SELECT how FROM lease") == [("settled",)]


async def test_no_lease_on_a_frozen_parcel(core: Core) -> None:
    [order] = await core.given()
    await core.command("cancel", order)
    refused = await core.lease(order)
    assert (refused.granted, refused.reason) == (False, "frozen")


async def test_closing_ends_the_lease_and_an_unheard_bench_claims_it_again(core: Core) -> None:
    order = await _on_bench(core)
    core.clock.go(hours=2)
    assert (await core.lease(order, "bench-2")).granted
    order = await core.packed(order, an_actor("bench-2"))
    assert order.parcels[0].state is OrderState.packed
    assert order.parcels[0].holder == "bench-1", "its acts may still be on the way"
    await core.beat("bench-1", waiting_acts=0)
    assert _parcel(core, order)[0] is None
    assert core.rows("SELECT how FROM lease ORDER BY lease_id") == [("settled",), ("done",)]


async def test_a_parcel_nobody_claims_is_stopped_at_once(core: Core) -> None:
    [order] = await core.given()
    await core.command("cancel", order)
    assert _parcel(core, order) == (None, R.stopped, True)


async def test_a_claimed_parcel_is_tried_until_the_bench_showed_it(core: Core) -> None:
    order = await _on_bench(core)
    await core.command("cancel", order)
    assert _parcel(core, order) == ("bench-1", R.trying, True)
    stop = core.order(order.order_no).stops[0].stop_id
    await core.do("freeze_shown", order, by=an_actor("bench-9"), stop_ids=[stop])
    assert _parcel(core, order)[1] is R.trying, "another bench does not have the box"
    await core.do("freeze_shown", order, stop_ids=[stop])
    assert _parcel(core, order)[1] is R.stopped


async def test_silence_of_five_seconds_is_a_bench_offline(core: Core) -> None:
    order = await _on_bench(core)
    await core.tick()
    await core.command("cancel", order)
    assert core.writer.next_due == core.clock.now() + timedelta(seconds=5)
    await core.tick(seconds=4.999)
    assert _parcel(core, order)[1] is R.trying
    await prove_feed(core, lambda: core.tick(seconds=0.001))
    assert _parcel(core, order)[1] is R.at_station_offline


async def test_the_countdown_is_half_open(core: Core) -> None:
    [order] = await core.given()
    await core.command("cancel", order)
    await core.tick(seconds=14.999)
    assert core.order(order.order_no).order_state is OrderState.released
    await prove_feed(core, lambda: core.tick(seconds=0.001))
    after = core.order(order.order_no)
    assert (after.order_state, after.is_frozen, after.commands[0].state) == ("cancelled", True, "done")
    assert "cancel_took_effect" in core.kinds(order)
    story = core.lookup.story(order.order_no)
    assert {(row.source, row.cause) for row in story if row.kind == "cancel_took_effect"} == {
        ("hub", "clock")
    }


async def test_thirty_seconds_after_its_end_a_silent_lease_is_stopped_by_time(core: Core) -> None:
    order = await _on_bench(core)
    await core.command("cancel", order)
    await core.tick(seconds=3629.999)
    assert _parcel(core, order)[1] is R.at_station_offline
    refused = await core.lease(order, "bench-2")
    assert (refused.granted, refused.reason) == (False, "frozen"), "no other lease meanwhile"
    await core.tick(seconds=0.001)
    assert _parcel(core, order)[1] is R.stopped


async def test_a_hand_over_lease_waits_for_its_bench_or_a_persons_word(core: Core) -> None:
    order = await _on_bench(core)
    await core.lease(order, step="handover")
    await core.command("cancel", order)
    await core.tick(hours=3)
    assert _parcel(core, order)[1] is R.at_station_offline
    refused = await core.do("take_over", order, by=LEAD, statement=" ")
    assert refused.reason == "note_required"
    taken = await core.do("take_over", order, by=LEAD, statement="货在货架上，我已取下")
    assert taken.outcome == "applied" and _parcel(core, order)[:2] == (None, R.stopped)
    assert core.rows("SELECT how FROM lease") == [("taken_over",)]


async def test_where_closing_is_the_last_gate_time_alone_stops_nothing(tmp_path: Path) -> None:
    settings = LineSettings(rules=Rules(last_gate="close"))
    async with a_core(tmp_path, settings=settings) as core:
        order = await _on_bench(core)
        await core.command("cancel", order)
        await core.tick(hours=3)
        assert _parcel(core, order)[1] is R.at_station_offline
        await core.beat(waiting_acts=0)
        assert _parcel(core, order)[:2] == (None, R.stopped)


async def test_a_packed_parcel_is_stopped_by_the_hand_that_pulls_it(core: Core) -> None:
    order = await _on_bench(core)
    await core.packed(order)
    await core.command("cancel", order)
    await core.tick(seconds=20)
    assert _parcel(core, order)[1] is R.trying
    await core.do("parcel_pulled", order, how="found")
    assert _parcel(core, order)[1] is R.stopped and core.order(order.order_no).stops == ()


async def test_a_parcel_that_left_is_too_late(core: Core) -> None:
    order = await _on_bench(core)
    await core.packed(order)
    await core.do("handed_over", order, carrier="sf")
    await core.command("cancel", order)
    assert _parcel(core, order)[1] is R.too_late
    await core.tick(seconds=15)
    after = core.order(order.order_no)
    assert (after.order_state, after.commands[0].state) == ("shipped_despite_cancel", "failed")
    assert [a.kind for a in core.lookup.alarms()] == ["shipped_despite_cancel"]


async def test_a_beat_settles_only_after_the_end_and_with_nothing_older_waiting(core: Core) -> None:
    order = await _on_bench(core)
    await core.command("cancel", order)
    await core.tick(seconds=3600)
    await core.beat(waiting_acts=0)
    assert _parcel(core, order)[:2] == ("bench-1", R.at_station_offline), "it has not ended yet"
    core.clock.go(seconds=1)
    ended = core.order(order.order_no).parcels[0].lease_until
    assert ended is not None
    await core.beat(waiting_acts=2, oldest_waiting_at=ended)
    await core.beat(waiting_acts=2)
    assert _parcel(core, order)[0] == "bench-1", "what it did under the lease is not in yet"
    changes = await prove_feed(
        core, lambda: core.beat(waiting_acts=1, oldest_waiting_at=ended + timedelta(milliseconds=1))
    )
    assert {"order", "history"} == {c.kind for c in changes}
    assert _parcel(core, order)[:2] == (None, R.stopped)


async def test_an_earlier_bench_that_was_not_heard_keeps_its_claim(core: Core) -> None:
    """P3: bench-1 may have handed it over offline, so bench-2 giving it back does not make it free."""
    order = await _on_bench(core)
    core.clock.go(hours=2)
    await core.a_station("bench-2")
    await core.lease(order, "bench-2")
    await core.lease(order, "bench-2", give_back=True)
    assert _parcel(core, order)[0] == "bench-1"
    await core.command("cancel", order)
    assert _parcel(core, order)[1] is R.trying
    await core.beat("bench-1", waiting_acts=0)
    assert _parcel(core, order)[:2] == (None, R.stopped)


async def test_an_old_lease_settles_quietly_while_another_bench_works(core: Core) -> None:
    order = await _on_bench(core)
    core.clock.go(hours=2)
    await core.lease(order, "bench-2")
    await core.beat("bench-1", waiting_acts=0)
    assert _parcel(core, order)[0] == "bench-2"
    assert core.kinds(order)[-1] == "leased"


async def test_who_asks_for_what_is_free_gets_nothing_that_is_held_or_begun(core: Core) -> None:
    await core.a_station("bench-1")
    await core.a_station("bench-2")
    free, held, begun = await core.given(*(a_channel_order(n) for n in (1, 2, 3)))
    assert (await core.lease(held, "bench-1")).granted
    await core.do("slip_printed", begun, by=an_actor("bench-1"), job_key="k")
    asked = {}
    for order in (free, held, begun):
        ask = LeaseAsk(parcel_nos=[order.parcels[0].parcel_no], only_free=True)
        [asked[order.order_no]] = await core.writer.leases(ask, an_actor("bench-2"))
    said = [(asked[o.order_no].granted, asked[o.order_no].reason) for o in (free, held, begun)]
    assert said == [(True, ""), (False, "no_lease"), (False, "no_lease")]
    assert core.order(held.order_no).parcels[0].holder == "bench-1"
    await core.beat("bench-1")
    assert (await core.lease(held, "bench-2")).granted, "who opens it gets it"


async def test_a_print_lease_brings_the_label_and_one_number(core: Core) -> None:
    await core.a_station()
    numbers = [
        PoolNumber(waybill_no=f"YT{n:03d}", carrier="yuantong", routing_code="571-A", print_data={"t": n})
        for n in range(30)
    ]
    assert await core.writer.waybills([*numbers, numbers[0]]) == [*["new"] * 30, "same"]
    assert await core.writer.waybills([*numbers[:1], numbers[0]]) == ["same"] * 2
    first, second = await core.given(a_channel_order(1), a_channel_order(2))
    ask = LeaseAsk(parcel_nos=[f"{o.order_no}01" for o in (first, second)], step="print")
    one, two = await core.writer.leases(ask, an_actor("bench-1"))
    assert one.label is not None and two.label is not None
    assert (one.label.waybill_no, two.label.waybill_no) == ("YT000", "YT001")
    assert one.label.consignee_name == "林小明" and one.label.print_data == {"t": 0}
    assert one.label.consignee_address == "浙江省杭州市西湖区文三路1号2单元301"
    assert core.order(first.order_no).parcels[0].routing_code == "571-A"

    again = await core.lease(first, step="print")
    assert again.label is not None and again.label.waybill_no == "YT000"
    assert core.kinds(first).count("waybill_taken") == 1
    assert core.lookup.alarms() == []


async def test_a_cancel_gives_an_unprinted_number_back_and_voids_a_printed_one(core: Core) -> None:
    await core.a_station()
    await core.writer.waybills([PoolNumber(waybill_no=f"YT{n}", carrier="yuantong") for n in range(50)])
    first, second = await core.given(a_channel_order(1), a_channel_order(2))
    for order in (first, second):
        assert (await core.lease(order, step="print")).granted
    await core.do("label_printed", second, job_key="k", waybill_no="YT1")
    for order in (first, second):
        await core.command("cancel", order, is_final=True)
        assert core.kinds(order)[-1] == "waybill_voided" or "waybill_voided" in core.kinds(order)
    assert core.order(first.order_no).parcels[0].waybill_no == ""
    assert core.order(second.order_no).parcels[0].waybill_no == "YT1", "the paper still carries it"
    states = dict(
        core.rows("SELECT waybill_no, pool_state FROM waybill_pool WHERE waybill_no IN ('YT0', 'YT1')")
    )
    assert states == {"YT0": "free", "YT1": "void"}
    [third] = await core.given(a_channel_order(3))
    label = (await core.lease(third, step="print")).label
    assert label is not None and label.waybill_no == "YT0"


async def test_a_bound_waybill_gives_the_pools_number_back(core: Core) -> None:
    await core.a_station()
    await core.writer.waybills([PoolNumber(waybill_no=f"YT{n}", carrier="yuantong") for n in range(50)])
    [order] = await core.given()
    await core.lease(order, step="print")
    await core.do("waybill_bound", order, waybill_no="SF999", carrier="shunfeng")
    assert core.rows("SELECT count(*) FROM waybill_pool WHERE pool_state = 'free'") == [(50,)]
    await core.do("waybill_bound", order, waybill_no="SF1000", carrier="shunfeng")
    assert core.kinds(order)[-1] == "waybill_bound", "a number that is not of the pool goes nowhere"


async def test_an_empty_pool_is_told_once_and_only_to_those_who_use_one(core: Core) -> None:
    await core.a_station()
    orders = await core.given(*(a_channel_order(n) for n in range(5)))
    assert (await core.lease(orders[0], step="print")).granted and core.lookup.alarms() == []
    await core.writer.waybills([PoolNumber(waybill_no=f"ZT{n}", carrier="zhongtong") for n in range(2)])
    named = [replace(a_channel_order(10 + n), carrier="zhongtong") for n in range(4)]
    orders = await core.given(*named)
    for order in orders:
        answer = await core.lease(order, step="print")
        assert answer.granted and answer.label is not None
    told = [(a.kind, a.params) for a in core.lookup.alarms()]
    assert ("waybills_out", {"carrier": "zhongtong"}) in told
    assert ("waybills_low", {"carrier": "zhongtong", "n": "1"}) in told and len(told) == 2


async def test_label_data_needs_the_lease_and_a_go_and_is_written_down(core: Core) -> None:
    await core.a_station()
    [order] = await core.given()
    parcel_no = f"{order.order_no}01"
    bench = an_actor("bench-1")
    assert (await core.writer.label("nothing", bench)).reason == "parcel_unknown"
    assert (await core.writer.label(parcel_no, bench)).reason == "no_lease"
    await core.lease(order)
    changes = await prove_feed(core, lambda: core.writer.label(parcel_no, bench))
    assert {c.kind for c in changes} == {"history"}
    answer = await core.writer.label(parcel_no, bench)
    assert (
        answer.label is not None and answer.label.consignee_phone == "18300012807" and answer.seconds == 3570
    )
    assert (await core.writer.label(parcel_no, an_actor("bench-2"))).reason == "no_lease"
    assert core.kinds(order).count("revealed") == 2
    await core.command("cancel", order)
    assert (await core.writer.label(parcel_no, bench)).reason == "frozen"


async def test_an_erased_buyer_has_an_empty_label(core: Core) -> None:
    await core.a_station()
    [order] = await core.given()
    await core.change("DELETE FROM sealed")
    label = (await core.lease(order, step="print")).label
    assert label is not None and label.consignee_name == ""
