"""The van comes while the hub is away: which boxes leave with it, and from whose hand (design 3.7, 3.8)."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from app import resources
from app.core.order import InterceptResult, Order, OrderState
from app.core.qr import command_code
from app.core.reasons import Reason
from app.station.outcome import Done
from app.station.van import VanView
from tests.helpers.station import LiveStation
from tests.sync.conftest import a_code
from tests.sync.house import CLOSE, PATIENCE, a_house, number, packed_elsewhere, slip

#: Lines are cut on purpose here: a socket of a cut line is closed by the collector, whenever that comes.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

R = InterceptResult
HAND_OVER, PACK = command_code("HANDOVER"), command_code("PACKING")


def test_boxes_leased_for_the_van_leave_without_the_hub_and_no_others(tmp_path: Path) -> None:
    """The van comes while the hub is away: what this bench closed goes with it; all is settled on its return."""
    with a_house(tmp_path) as house:
        gone, called_back = house.given("T1"), house.given("T2")
        for order in (gone, called_back):
            house.opens(order)
            house.packs(order)
            assert house.scan(CLOSE).done is Done.closed
            house.sent()
        foreign = house.given("T3")
        packed_elsewhere(house, foreign)
        assert house.scan(command_code("HANDOVER")).done is Done.mode_handover
        leases = house.bench.core.leases
        for order in (gone, called_back):
            no = number(order)
            house.bench.until(partial(leases.is_valid, no, "handover"), "not leased", PATIENCE)
            assert house.at_hub(order).lease_step == "handover"
        house.cut()
        refused = house.scan(slip(foreign))
        assert refused.reason is Reason.hub_unreachable
        assert resources.texts().text(f"reasons.{refused.result}", "zh", **refused.params)
        house.cancels(called_back)
        assert house.at_hub(called_back).intercept_result is R.trying, "it may be on its way to the van"
        for order in (gone, called_back):
            assert house.scan(slip(order)).done is Done.handed_over
        assert leases.held() == {}
        house.passes(60)
        assert house.at_hub(called_back).intercept_result is not R.stopped, "never a false 'stopped'"
        house.back()
        assert house.at_hub(gone).state is OrderState.handed_over
        assert house.at_hub(gone).holder is None
        assert house.at_hub(called_back).state is OrderState.shipped_despite_cancel
        assert house.at_hub(called_back).intercept_result is R.too_late
        [need] = house.bench.core.needs.open()
        assert (need.kind, need.order_no, need.is_clash) == ("handed_over", called_back.order_no, True)
        house.bench.until(
            lambda: house.scan(slip(foreign)).done is Done.handed_over, "it may go now that the hub is back"
        )


def test_a_desk_that_only_hands_over_lets_out_without_the_hub_what_others_closed(tmp_path: Path) -> None:
    with a_house(tmp_path) as house:
        gone, called_back, stays = house.given("T1"), house.given("T2"), house.given("T3")
        for order in (gone, called_back, stays):
            packed_elsewhere(house, order)
        assert house.scan(HAND_OVER).done is Done.mode_handover
        leases = house.bench.core.leases
        for order in (gone, called_back, stays):
            house.bench.until(
                partial(leases.is_valid, number(order), "handover"), "not leased for the van", PATIENCE
            )
        house.cut()
        assert house.bench.core.packing.van() == VanView(may_go=3)
        house.cancels(called_back)
        for order in (gone, called_back):
            assert house.scan(slip(order)).done is Done.handed_over
        assert house.bench.core.packing.van() == VanView(may_go=1)
        house.passes(60)
        assert house.at_hub(called_back).intercept_result is not R.stopped, "never a false 'stopped'"
        house.back()
        assert house.at_hub(gone).state is OrderState.handed_over
        assert house.at_hub(called_back).intercept_result is R.too_late
        house.scan(PACK)
        house.bench.until(
            lambda: house.at_hub(stays).holder is None, "kept what stays in the house", PATIENCE
        )


def test_a_packer_who_hands_over_takes_his_own_back_and_lets_them_out_without_the_hub(tmp_path: Path) -> None:
    """Both stand at the door: what the packer closed goes from his hand, the rest from the other desk's."""
    with a_house(tmp_path) as house, LiveStation(tmp_path / "door") as door:
        door.pair(a_code(house.hub), "门口", house.hub.url)
        own, other = house.given("T1"), house.given("T2")
        house.opens(own)
        house.packs(own)
        assert house.scan(CLOSE).done is Done.closed
        house.sent()
        packed_elsewhere(house, other)
        desk, leases = door.core.packing, door.core.leases
        assert desk.on_scan(HAND_OVER, door.clock.now()).done is Done.mode_handover
        for order in (own, other):
            door.until(partial(leases.is_valid, number(order), "handover"), "not leased", PATIENCE)
        door_id = house.at_hub(own).holder
        bench = house.bench
        for order in (own, other):
            bench.until(partial(_is_at, bench, order, door_id), "not fed", PATIENCE)

        house.scan(HAND_OVER)
        bench.until(partial(bench.core.leases.is_valid, number(own), "handover"), "not his again", PATIENCE)
        door.until(lambda: number(own) not in leases.held(), "the other desk still counts on it", PATIENCE)
        assert number(other) in leases.held(), "this one he did not close"
        house.cut()
        assert house.scan(slip(own)).done is Done.handed_over
        assert house.scan(slip(other)).reason is Reason.no_lease
        house.back()
        assert house.at_hub(own).state is OrderState.handed_over
        assert house.at_hub(other).holder == door_id


def _is_at(bench: LiveStation, order: Order, station_id: str | None) -> bool:
    found = bench.core.read.order(order.order_no)
    return found is not None and found.parcels[0].holder == station_id
