"""One hub, one bench and a line between them that is cut and healed; time passes for both when the test says so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from app import resources
from app.core.order import InterceptResult, Order, Parcel
from app.core.qr import command_code, slip_code
from app.station.outcome import Done, Outcome
from tests.helpers.clock import FakeClock
from tests.helpers.hub import RunningHub, a_channel_order, hub_in_thread
from tests.helpers.proxy import FaultyProxy
from tests.helpers.station import LiveStation
from tests.sync.conftest import a_code
from tests.sync.test_cases_of_time import AwryClock
from ui.present.strip import strip_views
from ui.present.words import Words

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
        self.bench.until(lambda: self.bench.core.leases.is_valid(number(order)), "no lease", PATIENCE)
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

    def scan(self, raw: str) -> Outcome:
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


def number(order: Order) -> str:
    return order.parcels[0].parcel_no


def slip(order: Order) -> str:
    return slip_code(number(order), 1)


CLOSE = command_code("CLOSE")


@contextmanager
def a_house(folder: Path) -> Iterator[House]:
    hub_clock, bench_clock = FakeClock(datetime.now(UTC)), AwryClock()
    with (
        hub_in_thread(folder / "hub", clock=hub_clock) as hub,
        FaultyProxy(hub.url) as line,
        LiveStation(folder / "bench", clock=bench_clock) as bench,
    ):
        bench.pair(a_code(hub), url=line.url)
        yield House(hub, bench, line, hub_clock, bench_clock)


def packed_elsewhere(house: House, order: Order) -> None:
    other = house.hub.station("packing", name="2 号台")
    no, now = number(order), house.hub_clock.now()
    for line_no in (1, 2):
        body = {"line_no": line_no, "qty": 1, "code": f"SKU-{line_no}"}
        assert other.act("line_packed", order.order_no, no, body=body, made_at=now).outcome == "applied"
    assert other.act("parcel_closed", order.order_no, no, made_at=now).outcome == "applied"
    bench = house.bench
    bench.until(lambda: bench.core.read.order(order.order_no).parcels[0].packed_at, "not fed", PATIENCE)
