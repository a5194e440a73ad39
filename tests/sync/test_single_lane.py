"""C58 with two benches and their hub: what one has taken the other passes over."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.station.outcome import Done, Outcome
from tests.helpers.hub import RunningHub, a_channel_order, hub_in_thread
from tests.helpers.station import LiveStation
from tests.sync.conftest import Station
from tests.sync.test_cases import knows, sent


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    folder: Path = tmp_path_factory.mktemp("hub") / "中枢"
    with hub_in_thread(folder) as running:
        yield running


def _follow(asked: tuple[LiveStation, Outcome]) -> Outcome:
    bench, outcome = asked
    return bench.do(bench.core.packing.follow(outcome, bench.clock.now()))


def test_of_two_benches_that_read_the_same_goods_the_second_takes_the_next_box(
    hub: RunningHub, station: Station
) -> None:
    orders = [hub.given(a_channel_order(f"S-{n}", lines=1)) for n in range(6)]
    benches = [station("packing"), station("packing")]
    for bench in benches:
        bench.core.packing.set_single_lane(True)
        for order in orders:
            knows(bench, order)
    took: list[str] = []
    for _ in range(3):
        asked = [
            (b, b.core.packing.on_scan("SKU-1", b.clock.now(), False)) for b in benches
        ]  # both look before either of them has asked
        assert [outcome.follow for _, outcome in asked] == ["single", "single"]
        with ThreadPoolExecutor() as hands:
            done = list(hands.map(_follow, asked))
        assert [one.done for one in done] == [Done.single_packed] * 2, done
        took += [one.order_no for one in done]
    assert sorted(took) == sorted(order.order_no for order in orders)
    for bench in benches:
        sent(bench)
    for order in orders:
        packed = hub.app.doors.orders.lookup.order(order.order_no)
        assert packed is not None
        assert packed.order_state == "packed"
    assert not [a for bench in benches for a in bench.core.read.alarms()]
