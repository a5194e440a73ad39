"""Lines that no longer go, through the writer: acts of benches and reps, words of platforms (design 2.5)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from app.core.hints import HintKind
from app.core.history import HistoryKind as K
from app.core.order import CommandState, InterceptResult, Order, OrderState, RefundState
from hub.orders.told import Detail, Heard
from tests.helpers.builders import Core, a_channel_order
from tests.helpers.clock import T0
from tests.helpers.feed import prove_feed

pytestmark = pytest.mark.anyio
NO = "261121-000001"
R = RefundState


def a_detail(core: Core, *states: R, whole: R) -> Detail:
    """The platform's order with one refund state a line, as of now."""
    came = a_channel_order(channel="douyin", refund_state=whole, modified_at=core.clock.now())
    lines = tuple(replace(line, refund_state=state) for line, state in zip(came.lines, states, strict=True))
    return Detail(order=replace(came, lines=lines), fetched_at=core.clock.now())


async def on_the_bench(core: Core) -> Order:
    await core.a_station()
    await core.beat()
    [order] = await core.given()
    assert (await core.lease(order)).granted
    await core.do("opened", order)
    return order


def parcel_lines(core: Core) -> list[tuple[int, int, int]]:
    return [(n, qty, got) for n, qty, got in core.rows("SELECT line_no, qty, qty_packed FROM parcel_line")]


async def test_a_reps_cancel_of_one_line_goes_all_the_way(core: Core) -> None:
    order = await on_the_bench(core)
    await core.do("line_packed", order, line_no=2)
    assert (await core.command("cancel", order, line_nos=[2], note="买家不要了")).outcome == "applied"
    stop_id = core.order(order.order_no).stops[0].stop_id
    await core.do("freeze_shown", order, stop_ids=[stop_id])
    await core.do("freeze_acked", order, stop_ids=[stop_id], how="key")
    await core.tick(seconds=15)

    asked = core.order(order.order_no)
    assert parcel_lines(core) == [(1, 1, 0), (2, 0, 1)]
    assert asked.parcels[0].is_frozen and asked.lines[1].qty_cancelled == 1

    changes = await prove_feed(core, lambda: core.do("line_unpacked", order, line_no=2))
    assert {c.kind for c in changes} == {"order", "history"}
    free = core.order(order.order_no)
    assert (free.stops, free.is_frozen, free.order_state) == ((), False, OrderState.packing)
    assert free.commands[-1].state is CommandState.done
    assert [(a.parcel_no, a.result) for a in free.commands[-1].answers] == [
        (f"{order.order_no}01", InterceptResult.stopped)
    ]
    wanted = [K.lines_cancel_asked, K.lines_cancelled, K.line_unpacked, K.stop_lifted]
    kinds = core.kinds(order)
    assert [kinds.index(kind) for kind in wanted] == sorted(kinds.index(kind) for kind in wanted)
    await core.do("line_packed", order, line_no=1)
    assert (await core.do("parcel_closed", order, weight_g=1)).outcome == "applied"


async def test_a_line_refunded_at_the_platform_never_goes_and_its_sibling_is_packed(core: Core) -> None:
    order = await on_the_bench(core)
    hint = Heard(event_id="e1", channel_order_no=NO, kind=HintKind.refund_asked, at=T0)
    await core.writer.hints("shop-1", [hint])
    core.clock.go(seconds=2)
    await core.writer.told([a_detail(core, R.none, R.asked, whole=R.asked)])
    assert core.order(order.order_no).stops[0].line_nos == (2,)

    core.clock.go(seconds=60)
    await core.writer.told([a_detail(core, R.none, R.done, whole=R.part)])
    told = core.order(order.order_no)
    assert [line.qty_refunded for line in told.lines] == [0, 1]
    assert parcel_lines(core) == [(1, 1, 0), (2, 0, 0)]
    assert told.stops, "its holder has not acknowledged"

    ids = [s.stop_id for s in told.stops]
    await core.do("freeze_shown", order, stop_ids=ids)
    await core.do("freeze_acked", order, stop_ids=ids)
    assert core.order(order.order_no).stops == ()
    head = core.feed.head()
    await core.writer.told([a_detail(core, R.none, R.done, whole=R.part)])
    assert core.feed.head() - head <= 1, "the same again says nothing more than that it was looked at"
    await core.do("line_packed", order, line_no=1)
    assert (await core.do("parcel_closed", order, weight_g=1)).outcome == "applied"


async def test_a_holder_that_gives_the_box_back_has_answered(core: Core) -> None:
    order = await on_the_bench(core)
    await core.command("cancel", order, line_nos=[2])
    await core.tick(seconds=15)
    assert core.order(order.order_no).stops

    await core.lease(order, give_back=True)
    assert core.order(order.order_no).stops == ()


async def test_what_was_packed_offline_meanwhile_has_to_come_out(core: Core) -> None:
    order = await on_the_bench(core)
    await core.command("cancel", order, line_nos=[2])
    await core.tick(seconds=15)

    late = await core.do("line_packed", order, line_no=2, made_at=core.clock.now() - timedelta(seconds=20))
    assert late.outcome == "clash"
    assert parcel_lines(core) == [(1, 1, 0), (2, 0, 1)]
    assert core.order(order.order_no).parcels[0].is_frozen


async def test_a_box_with_nothing_left_gives_its_waybill_back_and_is_cancelled(core: Core) -> None:
    [order] = await core.given()
    await core.writer.told([a_detail(core, R.done, R.done, whole=R.done)])

    gone = core.order(order.order_no)
    assert (gone.order_state, gone.stops, gone.parcels[0].waybill_no) == (OrderState.cancelled, (), "")
