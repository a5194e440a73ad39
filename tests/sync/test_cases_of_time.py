"""Numbered cases of sync/PROTOCOL.md in which time, age or version is what goes wrong; same titles."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from app.core.order import Order, OrderState
from app.core.qr import command_code, slip_code
from app.core.reasons import Reason
from app.os.clock import StationClock
from sync.client import HubClient
from tests.helpers.clock import FakeClock
from tests.helpers.hub import RunningHub, a_channel_order, hub_in_thread
from tests.helpers.proxy import FaultyProxy
from tests.helpers.station import LiveStation, until
from tests.sync.conftest import a_code

KEPT = Path(__file__).parents[1] / "data" / "outbox"


class AwryClock(StationClock):
    """The machine's clock, wrong by ``off``; ``slept`` seconds went by while nothing ran."""

    def __init__(self, off: timedelta = timedelta(0)) -> None:
        self.off = off
        self.slept = 0.0

    def now(self) -> datetime:
        return super().now() + self.off

    def monotonic(self) -> float:
        return super().monotonic() + self.slept

    def sleep(self, seconds: float) -> None:
        self.off += timedelta(seconds=seconds)
        self.slept += seconds


def parcel_of(order: Order) -> str:
    return order.parcels[0].parcel_no


def at_work(bench: LiveStation, hub: RunningHub, order: Order, url: str = "") -> None:
    """Paired, the parcel on the bench under lease, everything sent."""
    bench.pair(a_code(hub), url=url or hub.url)
    bench.until(lambda: bench.core.read.order(order.order_no), "the order was not fed")
    assert bench.scan(slip_code(parcel_of(order), 1)).is_ok
    bench.until(lambda: bench.core.leases.is_valid(parcel_of(order)), "no lease")
    sent(bench)


def sent(bench: LiveStation) -> None:
    bench.until(lambda: bench.core.outbox.pending_count() == 0, "acts were not sent")


def state_at(hub: RunningHub, order: Order) -> OrderState:
    found = hub.app.doors.orders.lookup.order(order.order_no)
    assert found is not None
    return found.order_state


def test_case_21(tmp_path: Path) -> None:
    """21. Clock wrong."""
    clock = AwryClock(timedelta(hours=-1))
    with hub_in_thread(tmp_path / "hub") as hub, LiveStation(tmp_path / "bench", clock=clock) as bench:
        order = hub.given(a_channel_order("T1"))
        at_work(bench, hub, order)
        bench.until(lambda: bench.core.status.facts.offset > timedelta(minutes=59), "the offset is unknown")
        clock.off = timedelta(hours=2)  # somebody sets it, wrong again
        assert bench.scan("SKU-1").is_ok
        for beater in [engine for engine in bench.core.engines() if engine.name == "beat"]:
            bench.do(beater.step(clock.now()))
        assert bench.scan("SKU-2").is_ok
        assert bench.scan(command_code("CLOSE")).is_ok
        sent(bench)
        assert state_at(hub, order) == OrderState.packed
        rows = hub.app.doors.orders.lookup.story(order.order_no)
        [closed] = [row for row in rows if row.kind == "parcel_closed"]
        assert closed.made_at is not None
        assert abs(closed.made_at - datetime.now(UTC)) < timedelta(minutes=1)


def test_case_22(tmp_path: Path) -> None:
    """22. Order leaves the scope and returns."""
    clock = FakeClock(datetime.now(UTC))
    with (
        hub_in_thread(tmp_path / "hub", clock=clock) as hub,
        LiveStation(tmp_path / "bench", hub.url) as bench,
    ):
        order = hub.given(a_channel_order("T1"))
        at_work(bench, hub, order)
        for code in ("SKU-1", "SKU-2", command_code("CLOSE"), command_code("HANDOVER")):
            assert bench.scan(code).is_ok
        assert bench.scan(slip_code(parcel_of(order), 1)).is_ok
        sent(bench)
        until(lambda: state_at(hub, order) == OrderState.handed_over, "it did not leave the house")
        history, desk = bench.core.cache.read(_history), hub.station("service")
        clock.go(days=4)
        hub.do(hub.app.doors.orders.writer.tick(clock.now()))
        bench.until(lambda: bench.core.read.order(order.order_no) is None, "it is still held")
        assert bench.core.cache.read(_history) < history
        made = {"made_at": clock.now(), "body": {"seller_remark": "二次投诉"}}
        assert desk.act("change_remark", order.order_no, **made).outcome == "applied"
        bench.until(lambda: bench.core.read.order(order.order_no), "it did not return")
        bench.until(lambda: bench.core.cache.read(_history) > history, "its file did not return with it")


def _history(db: Any) -> int:
    return int(db.execute("SELECT count(*) FROM history").fetchone()[0])


def test_case_23(tmp_path: Path) -> None:
    """23. Outbox from the former version."""
    [*_, former] = sorted(KEPT.glob("*.sqlite"))
    folder = tmp_path / "bench"
    folder.mkdir()
    (folder / "outbox.sqlite").write_bytes(former.read_bytes())
    with hub_in_thread(tmp_path / "hub") as hub, LiveStation(folder, hub.url) as bench:
        order = hub.given(a_channel_order("T1"))
        waiting = {envelope.act_id for envelope in bench.core.outbox.waiting()}
        assert waiting
        bench.pair(a_code(hub))
        sent(bench)
        answers = [bench.core.outbox.answer_of(act_id) for act_id in waiting]
        assert all(answers)
        bench.until(lambda: bench.core.read.order(order.order_no), "the copy was not loaded")


def test_case_24(tmp_path: Path) -> None:
    """24. Lease run out."""
    clock = AwryClock()
    with (
        hub_in_thread(tmp_path / "hub") as hub,
        FaultyProxy(hub.url) as proxy,
        LiveStation(tmp_path / "bench", clock=clock) as bench,
    ):
        order = hub.given(a_channel_order("T1"))
        at_work(bench, hub, order, proxy.url)
        proxy.cut()
        bench.until(lambda: not bench.core.status.facts.is_online, "did not notice")
        assert bench.scan("SKU-1").is_ok
        assert bench.scan("SKU-2").is_ok
        clock.slept += 3600
        assert not bench.core.leases.is_valid(parcel_of(order))
        assert bench.scan(command_code("CLOSE")).result == Reason.hub_unreachable
        proxy.heal()
        sent(bench)
        bench.until(lambda: bench.core.status.facts.is_online, "not online again")
        clock.off += timedelta(seconds=1)  # the same code at the same moment is one read
        assert bench.scan(command_code("CLOSE")).is_ok
        sent(bench)
        assert state_at(hub, order) == OrderState.packed


def test_case_25(tmp_path: Path) -> None:
    """25. Computer asleep."""
    clock = AwryClock()
    with (
        hub_in_thread(tmp_path / "hub") as hub,
        FaultyProxy(hub.url) as proxy,
        LiveStation(tmp_path / "bench", clock=clock) as bench,
    ):
        order = hub.given(a_channel_order("T1"))
        at_work(bench, hub, order, proxy.url)
        bench.loop.stop_engines()
        proxy.cut()
        clock.sleep(2 * 3600)
        assert not bench.core.leases.is_valid(parcel_of(order))
        rep = hub.station("service")
        assert rep.act("cancel", order.order_no, body={"reason": "buyer_request"}).outcome == "applied"
        proxy.heal()
        bench._restart()
        bench.until(lambda: bench.core.packing.view().alarm, "the cancel was slept through")
        assert bench.scan("SKU-1").result == Reason.frozen
        sent(bench)


def test_case_26(tmp_path: Path) -> None:
    """26. Version of the wire the hub does not serve."""
    with hub_in_thread(tmp_path / "hub") as hub, LiveStation(tmp_path / "bench") as bench:
        order = hub.given(a_channel_order("T1"))
        at_work(bench, hub, order)
        client = bench.core.hub
        assert isinstance(client, HubClient)
        spoken = client._opened().event_hooks

        async def other(request: Any) -> None:
            request.headers["x-orderdock-wire"] = "99"

        bench.do(_hooked(spoken, [other]))
        assert bench.scan("SKU-1").is_ok
        bench.until(lambda: bench.core.status.facts.needs == "update_me", "nobody was told")
        assert bench.core.outbox.pending_count() > 0
        bench.do(_hooked(spoken, []))
        sent(bench)
        bench.until(lambda: bench.core.status.facts.needs == "", "still said")


async def _hooked(spoken: dict[str, Any], hooks: list[Any]) -> None:
    spoken["request"][:] = hooks
