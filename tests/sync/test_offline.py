"""A station without its hub: what it may finish, what it says, and how both sides agree again (FRZ-09, L2, S10)."""

from __future__ import annotations

from pathlib import Path

import pytest

from app import resources
from app.core.order import OrderState
from app.core.qr import command_code
from app.core.reasons import Reason
from app.station.outcome import Done
from tests.sync.house import CLOSE, PATIENCE, R, a_house, number, slip

#: Lines are cut on purpose here: a socket of a cut line is closed by the collector, whenever that comes.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def test_a_cancel_while_the_bench_is_cut_off_lets_nothing_leave(tmp_path: Path) -> None:
    """FRZ-09, L2: sixty seconds without the hub in the middle of packing, the cancel in between."""
    with a_house(tmp_path) as house:
        order = house.given("T1")
        house.opens(order)
        house.cut()
        assert house.scan("SKU-1").is_ok
        house.cancels(order)
        assert house.at_hub(order).intercept_result is R.trying
        house.passes(5)
        assert house.at_hub(order).intercept_result is R.at_station_offline, "never a false 'stopped'"
        assert house.scan("SKU-2").is_ok
        assert house.scan(CLOSE).done is Done.closed, "its lease covers that; it cannot know better"
        house.scan(command_code("HANDOVER"))
        assert house.scan(slip(order)).reason is Reason.hub_unreachable, "but nothing leaves unasked"
        house.passes(55)
        assert house.at_hub(order).state is OrderState.cancelled
        house.back()
        alarms = house.hub.app.doors.orders.lookup.alarms()
        assert {alarm.kind for alarm in alarms if alarm.order_no == order.order_no} == {"clash"}
        assert house.at_hub(order).intercept_result is R.trying, "a closed box somebody has to find"
        house.bench.until(lambda: house.knows(order) is R.trying, "the bench was not told", PATIENCE)
        house.bench.until(
            lambda: house.bench.core.packing.view().alarm, "red where the box was closed", PATIENCE
        )
        house.bench.core.packing.ack_stop("key", house.bench.clock.now())
        assert house.scan(slip(order)).reason is Reason.frozen
        house.bench.until(
            lambda: house.at_hub(order).intercept_result is R.stopped, "nobody said that it is here", PATIENCE
        )
        story = house.told(order)
        assert "handed_over" not in story
        assert (story.count("line_packed"), story.count("parcel_closed")) == (2, 1), "no scan is lost"


def test_an_hour_without_the_hub_and_then_back(tmp_path: Path) -> None:
    """S10: leased work is finished and said to be safe here; the rest waits in words, and needs nobody to go on."""
    with a_house(tmp_path) as house:
        first, other, third = house.given("T1"), house.given("T2"), house.given("T3")
        house.opens(first)
        house.cut()
        assert any("离线" in text for text in house.says())
        house.packs(first)
        assert house.scan(CLOSE).done is Done.closed
        assert house.scan(slip(other)).done is Done.opened
        house.packs(other)
        refused = house.scan(CLOSE)
        assert refused.reason is Reason.hub_unreachable
        sentence = resources.texts().text(f"reasons.{refused.result}", "zh", **refused.params)
        assert "恢复后会自动继续" in sentence
        waiting = house.bench.core.outbox.pending_count()
        assert waiting == 6
        house.cancels(third)
        house.passes(3600)
        zh, en = house.says(), house.says("en")
        assert any("离线" in text and f"本机已存 {waiting} 条，不会丢" in text for text in zh), zh
        assert any("offline" in text and f"{waiting} kept safe here" in text for text in en), en
        assert house.at_hub(third).intercept_result is R.stopped, "nobody held it"
        assert house.scan(CLOSE).reason is Reason.hub_unreachable
        house.back()
        assert house.at_hub(first).state is OrderState.packed
        assert house.at_hub(other).qty_packed == 2
        house.bench.until(lambda: house.bench.core.leases.is_valid(number(other)), "no lease", PATIENCE)
        assert house.scan(CLOSE).done is Done.closed, "no mode to leave, no button to press"
        house.sent()
        assert house.at_hub(other).state is OrderState.packed
        house.bench.until(
            lambda: not any("离线" in text for text in house.says()), "the strip did not clear", PATIENCE
        )
        for order in (first, other):
            story = house.told(order)
            assert (story.count("line_packed"), story.count("parcel_closed")) == (2, 1)
            assert "clash" not in story
