"""One real hub for all tests of this room that leave it as it is; stations and proxies of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from app.core.order import Order
from app.wire import StationKind
from tests.helpers.hub import RunningHub, a_channel_order, hub_in_thread
from tests.helpers.proxy import FaultyProxy
from tests.helpers.station import LiveStation

Station = Callable[..., LiveStation]


@pytest.fixture(autouse=True)
def people_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asked something of the hub waits for its word longer than the three seconds of the program."""
    monkeypatch.setattr("app.station.asking.ANSWER_WITHIN_S", 20.0)


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    with hub_in_thread(tmp_path_factory.mktemp("hub")) as running:
        yield running


@pytest.fixture
def proxy(hub: RunningHub) -> Iterator[FaultyProxy]:
    with FaultyProxy(hub.url) as faulty:
        yield faulty


@pytest.fixture
def station(tmp_path: Path, hub: RunningHub) -> Iterator[Station]:
    """``station(kind, url=..., name=...)``: a station paired with the hub and at work."""
    with ExitStack() as stack:
        count = iter(range(1, 100))

        def make(kind: StationKind = "packing", *, url: str = "", name: str = "") -> LiveStation:
            n = next(count)
            live = stack.enter_context(LiveStation(tmp_path / f"站 {n}", url or hub.url, kind=kind))
            live.pair(a_code(hub, kind), name or f"{n} 号台")
            live.until(lambda: live.core.status.facts.is_online and live.core.cache.shown.epoch, "not online")
            return live

        yield make


def a_code(hub: RunningHub, kind: StationKind = "packing") -> str:
    answer = hub.admin().post("/v1/pairing_codes", json={"kind": kind, "warehouse": "main"})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["code"])


@pytest.fixture
def order(hub: RunningHub, request: pytest.FixtureRequest) -> Order:
    """A fresh order at the hub."""
    return hub.given(a_channel_order(f"T-{request.node.name}"))


@pytest.fixture
def another(hub: RunningHub, request: pytest.FixtureRequest) -> Callable[[int], Order]:
    return lambda n: hub.given(a_channel_order(f"T-{request.node.name}-{n}"))
