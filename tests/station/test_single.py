"""The lane of single units (C58): goods first, the paper comes out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from app.core.order import OrderState
from app.core.printjob import PrintState
from app.core.qr import slip_code
from app.core.reasons import Reason
from app.station.outcome import Done, Light
from app.wire import GoAnswer, LeaseAnswer
from tests.helpers.station import (
    MORNING,
    a_stop,
    an_item,
    an_order,
    item_change,
    order_no,
    stopped,
    until,
)
from tests.station.conftest import FedBench

UNIT = "6901234567892"


@pytest.fixture
def lane(bench: FedBench) -> FedBench:
    bench.changes(item_change(bench.seq + 1, an_item("SKU-1", UNIT)))
    bench.desk.set_single_lane(True)
    return bench


def papers(bench: FedBench) -> list[str]:
    return [job.parcel_no for job in bench.core.outbox.jobs("slip", list(PrintState))]


def test_each_unit_takes_the_most_urgent_box_prints_its_slip_and_closes_it(lane: FedBench) -> None:
    later = replace(an_order(1, qty=(1,)), ship_by_at=MORNING.replace(hour=20))
    lane.fed(later, an_order(2, qty=(1,)), an_order(3, qty=(1,), is_rush=True), an_order(4, qty=(2,)))
    done = [lane.scan(UNIT) for _ in range(3)]
    assert [(o.done, o.parcel_no) for o in done] == [
        (Done.single_packed, f"{order_no(n)}01") for n in (3, 2, 1)
    ]
    assert done[0].params["title"] == "商品1"
    assert papers(lane) == [f"{order_no(n)}01" for n in (3, 2, 1)]
    assert lane.acts() == ["opened", "line_packed", "parcel_closed"] * 3
    assert lane.desk.view().parcel is None
    until(lambda: lane.outcomes and lane.outcomes[-1].light is Light.green, "not green")
    assert {o.done for o in lane.outcomes if o.light is Light.green} == {Done.single_packed}
    none = lane.scan(UNIT)
    assert (none.reason, none.params["title"]) == (Reason.no_single, "SKU-1")


@pytest.mark.parametrize(
    "order",
    [
        an_order(1, qty=(2,)),
        an_order(1, qty=(1, 1)),
        an_order(1, qty=(1,), state=OrderState.new),
        stopped(an_order(1, qty=(1,))),
        stopped(an_order(1, qty=(1,)), a_stop(kind="hold")),  # type: ignore[arg-type]
        an_order(1, qty=(1,)).with_parcel(replace(an_order(1, qty=(1,)).parcels[0], slip_count=1)),
        an_order(1, qty=(1,)).with_parcel(replace(an_order(1, qty=(1,)).parcels[0], holder="ST-2")),
    ],
    ids=["two of it", "two kinds", "not released", "frozen", "held", "its slip is out", "at another bench"],
)
def test_what_is_no_free_box_of_one_unit_is_not_taken(lane: FedBench, order: Any) -> None:
    lane.fed(order)
    assert lane.scan(UNIT).reason is Reason.no_single
    assert (lane.acts(), papers(lane)) == ([], [])


def test_without_the_lane_goods_open_nothing_and_an_open_box_comes_first(bench: FedBench) -> None:
    bench.changes(item_change(bench.seq + 1, an_item("SKU-1", UNIT)))
    bench.fed(an_order(1, qty=(1,)), an_order(2, qty=(2,)))
    assert not bench.desk.is_single_lane
    assert bench.scan(UNIT).reason is Reason.nothing_open
    assert bench.desk.set_single_lane(True).done is Done.single_on
    bench.scan(slip_code(f"{order_no(2)}01", 1))
    assert bench.scan(UNIT).params["got"] == "1"
    bench.desk.put_aside(bench.clock.now())
    bench.desk.set_mode("handover")
    assert bench.scan(UNIT).reason is Reason.nothing_open, "no box is packed at the van"
    bench.desk.set_mode("packing")
    bench.restart()
    assert bench.desk.is_single_lane, "a bench stays what it is"


def test_a_box_that_another_bench_was_given_is_passed_over(lane: FedBench) -> None:
    lane.fed(*(an_order(n, qty=(1,)) for n in (1, 2)))
    taken = f"{order_no(1)}01"
    lane.hub.refused_leases[taken] = LeaseAnswer(
        parcel_no=taken, granted=False, reason="no_lease", params={"parcel_no": taken, "holder": "ST-2"}
    )
    assert lane.scan(UNIT).parcel_no == f"{order_no(2)}01"
    assert papers(lane) == [f"{order_no(2)}01"]
    first = {
        no: ask.only_free for ask in reversed(lane.hub.asked) if not ask.give_back for no in ask.parcel_nos
    }
    assert set(first.values()) == {True}, "a lease would move to whoever asks last"


def test_the_hub_is_asked_before_the_paper_comes_out(lane: FedBench) -> None:
    lane.fed(*(an_order(n, qty=(1,)) for n in (1, 2)))
    lane.hub.go[f"{order_no(1)}01"] = GoAnswer(ok=False, reason="frozen", params={"order_no": order_no(1)})
    assert lane.scan(UNIT).parcel_no == f"{order_no(2)}01"
    assert papers(lane) == [f"{order_no(2)}01"]


def test_without_the_hub_no_box_is_taken(lane: FedBench) -> None:
    lane.fed(an_order(1, qty=(1,)))
    lane.online(False)
    assert lane.scan(UNIT).reason is Reason.hub_unreachable
    lane.core.status.heard(lane.clock.now())  # it is believed to be there, and the call fails
    assert lane.scan(UNIT).reason is Reason.hub_unreachable
    assert (lane.acts(), papers(lane)) == ([], [])


def test_units_read_faster_than_the_hub_answers_take_one_box_each(lane: FedBench) -> None:
    lane.fed(*(an_order(n, qty=(1,)) for n in (1, 2, 3)))
    now = lane.clock.tick(1)
    asked = [lane.desk.on_scan(raw, now) for raw in (UNIT, "SKU-1", f"]E0{UNIT}")]
    assert [(o.light, o.follow) for o in asked[:2]] == [(Light.amber, "single")] * 2

    async def all_of_them() -> list[Any]:
        import asyncio

        return await asyncio.gather(*(lane.desk.follow(o, now) for o in asked if o.follow))

    done = lane.run(all_of_them())
    assert len({o.parcel_no for o in done}) == len(done) == lane.acts().count("parcel_closed") >= 2


def test_an_article_without_a_row_of_goods_is_told_by_its_own_code(bench: FedBench) -> None:
    bench.desk.set_single_lane(True)
    bench.fed(an_order(1, qty=(1,)))
    assert bench.scan("SKU-1").done is Done.single_packed
    assert bench.scan("SKU-1").reason is Reason.no_single
    assert bench.scan("ZZ-NOBODY").reason is Reason.not_ours
