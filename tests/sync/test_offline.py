"""A station without its hub: what it may finish, what it says, and how both sides agree again (FRZ-09, L2, S10)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from app import resources
from app.core.order import InterceptResult, Order, OrderState, Parcel
from app.core.qr import command_code, slip_code
from app.core.reasons import Reason
from app.station.outcome import Done
from tests.helpers.clock import FakeClock
from tests.helpers.hub import RunningHub, a_channel_order, hub_in_thread
from tests.helpers.proxy import FaultyProxy
from tests.helpers.station import LiveStation
from tests.sync.conftest import a_code
from tests.sync.test_cases_of_time import AwryClock
from ui.present.strip import strip_views
from ui.present.words import Words

#: Lines are cut on purpose here: a socket of a cut line is closed by the collector, whenever that comes.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

PATIENCE = 20.0
R = InterceptResult


@dataclass
class House:
    """One hub, one bench, and the line between them; time passes for both."""

    hub: RunningHub
    bench: LiveStation
    line: FaultyProxy
    hub_clock: FakeClock
    bench_clock: AwryClock

    def passes(self, seconds: float) -> None:
        """The hub's clock does its work; the bench's goes on as well."""
        self.hub.do(self.hub.app.doors.orders.writer.tick(self.hub_clock.go(seconds=seconds)))
        self.bench_clock.sleep(seconds)

    def given(self, name: str) -> Order:
        order = self.hub.given(a_channel_order(name))
        self.bench.until(lambda: self.bench.core.read.order(order.order_no), "not fed", PATIENCE)
        return order

    def opens(self, order: Order) -> None:
        assert self.scan(slip(order)).done is Done.opened
        self.bench.until(lambda: self.bench.core.leases.is_valid(_no(order)), "no lease", PATIENCE)
        self.sent()

    def sent(self) -> None:
        self.bench.until(lambda: self.bench.core.outbox.pending_count() == 0, "not sent", PATIENCE)

    def cut(self) -> None:
        self.line.cut()
        self.bench.until(lambda: not self.bench.core.status.facts.is_online, "did not notice", PATIENCE)

    def back(self) -> None:
        self.line.heal()
        self.bench.until(lambda: self.bench.core.status.facts.is_online, "not back", PATIENCE)
        self.sent()

    def scan(self, raw: str):  # type: ignore[no-untyped-def]
        desk, now = self.bench.core.packing, self.bench.clock.now()
        outcome = desk.on_scan(raw, now, False)
        return self.bench.do(desk.follow(outcome, now)) if outcome.follow else outcome

    def packs(self, order: Order) -> None:
        for code in ("SKU-1", "SKU-2"):
            assert self.scan(code).is_ok

    def cancels(self, order: Order) -> None:
        rep = self.hub.station("service")
        receipt = rep.act(
            "cancel", order.order_no, body={"reason": "buyer_request"}, made_at=self.hub_clock.now()
        )
        assert receipt.outcome == "applied"

    def at_hub(self, order: Order) -> Parcel:
        found = self.hub.app.doors.orders.lookup.order(order.order_no)
        assert found is not None
        return found.parcels[0]

    def knows(self, order: Order) -> R | None:
        """The cancel's answer as the bench sees it."""
        found = self.bench.core.read.order(order.order_no)
        return found.parcels[0].intercept_result if found else None

    def told(self, order: Order) -> list[str]:
        return [row.kind for row in self.hub.app.doors.orders.lookup.story(order.order_no)]

    def says(self, lang: str = "zh") -> list[str]:
        words = Words(resources.texts(), lang, UTC)  # type: ignore[arg-type]
        items = self.bench.core.strip(self.bench.clock.now())
        return [view.text for view in strip_views(items, words)]


def _no(order: Order) -> str:
    return order.parcels[0].parcel_no


def slip(order: Order) -> str:
    return slip_code(_no(order), 1)


CLOSE = command_code("CLOSE")


@contextmanager
def _house(folder: Path) -> Iterator[House]:
    hub_clock, bench_clock = FakeClock(datetime.now(UTC)), AwryClock()
    with (
        hub_in_thread(folder / "hub", clock=hub_clock) as hub,
        FaultyProxy(hub.url) as line,
        LiveStation(folder / "bench", clock=bench_clock) as bench,
    ):
        bench.pair(a_code(hub), url=line.url)
        yield House(hub, bench, line, hub_clock, bench_clock)


def test_a_cancel_while_the_bench_is_cut_off_lets_nothing_leave(tmp_path: Path) -> None:
    """FRZ-09, L2: sixty seconds without the hub in the middle of packing, the cancel in between."""
    with _house(tmp_path) as house:
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
    with _house(tmp_path) as house:
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
        house.bench.until(lambda: house.bench.core.leases.is_valid(_no(other)), "no lease", PATIENCE)
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


def test_boxes_leased_for_the_van_leave_without_the_hub_and_no_others(tmp_path: Path) -> None:
    """The van comes while the hub is away: what this bench closed goes with it; all is settled on its return."""
    with _house(tmp_path) as house:
        gone, called_back = house.given("T1"), house.given("T2")
        for order in (gone, called_back):
            house.opens(order)
            house.packs(order)
            assert house.scan(CLOSE).done is Done.closed
            house.sent()
        foreign = house.given("T3")
        _packed_elsewhere(house, foreign)
        assert house.scan(command_code("HANDOVER")).done is Done.mode_handover
        leases = house.bench.core.leases
        for order in (gone, called_back):
            no = _no(order)
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


def _packed_elsewhere(house: House, order: Order) -> None:
    other = house.hub.station("packing", name="2 号台")
    no, now = _no(order), house.hub_clock.now()
    for line_no in (1, 2):
        body = {"line_no": line_no, "qty": 1, "code": f"SKU-{line_no}"}
        assert other.act("line_packed", order.order_no, no, body=body, made_at=now).outcome == "applied"
    assert other.act("parcel_closed", order.order_no, no, made_at=now).outcome == "applied"
    bench = house.bench
    bench.until(lambda: bench.core.read.order(order.order_no).parcels[0].packed_at, "not fed", PATIENCE)
