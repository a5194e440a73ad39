"""C28: what goes into a box is ordered less refunded, cancelled and sent, looked at anew at open and at close."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.core.hints import HintKind
from app.core.order import Order, RefundState
from app.core.qr import command_code
from app.core.reasons import Reason
from app.station.outcome import Done
from hub.orders.told import Detail, Heard
from tests.helpers.hub import RunningHub, a_channel_order, hub_in_thread
from tests.helpers.station import LiveStation
from tests.sync.conftest import Station
from tests.sync.test_cases import knows, opens, parcel_of, sent

CLOSE, ACK = command_code("CLOSE"), command_code("ACK")
R = RefundState


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    folder: Path = tmp_path_factory.mktemp("hub") / "中枢"
    with hub_in_thread(folder) as running:
        yield running


def _platform_says(hub: RunningHub, no: str, *states: R, whole: R, ahead_s: int = 0) -> None:
    """The platform's own detail of the order, as of now."""
    now = datetime.now(UTC) + timedelta(seconds=ahead_s)
    came = a_channel_order(no, refund_state=whole, modified_at=now)
    lines = tuple(replace(line, refund_state=state) for line, state in zip(came.lines, states, strict=True))
    detail = Detail(order=replace(came, lines=lines), fetched_at=now)
    hub.do(hub.app.doors.orders.writer.told([detail]))


def _asks(hub: RunningHub, no: str) -> None:
    hint = Heard(event_id=f"ask-{no}", channel_order_no=no, kind=HintKind.refund_asked, at=datetime.now(UTC))
    hub.do(hub.app.doors.orders.writer.hints("files", [hint]))


def _quantities(bench: LiveStation, order: Order) -> list[tuple[int, int]]:
    here = bench.core.read.order(order.order_no)
    assert here is not None
    return [(line.qty, line.qty_packed) for line in here.parcels[0].lines]


def test_a_line_refunded_between_open_and_close_leaves_the_box_before_it_closes(
    hub: RunningHub, station: Station
) -> None:
    bench = station("packing")
    order = hub.given(a_channel_order("R-1"))
    opens(bench, order)
    assert bench.scan("SKU-1").done is Done.counted
    assert bench.scan("SKU-2").done is Done.complete
    sent(bench)

    _asks(hub, "R-1")
    _platform_says(hub, "R-1", R.none, R.asked, whole=R.asked)
    bench.until(
        lambda: bench.core.packing.view().alarm and _about_lines(bench, order), "no alarm of its line"
    )
    assert bench.scan(CLOSE).reason is Reason.frozen
    assert bench.scan(ACK).done is Done.acknowledged
    assert bench.scan(CLOSE).reason is Reason.frozen, "the money may go back any moment"
    sent(bench)

    _platform_says(hub, "R-1", R.none, R.done, whole=R.part, ahead_s=1)
    bench.until(lambda: _quantities(bench, order) == [(1, 1), (0, 1)], "the quantity stayed")
    assert bench.scan(CLOSE).reason is Reason.frozen, "one too many lies in the box"
    assert bench.scan("SKU-1").reason is Reason.wrong_item
    assert bench.scan("SKU-2").done is Done.taken_out
    bench.until(lambda: not _is_stopped(bench, order), "the stop stayed")
    assert bench.scan("SKU-2").reason is Reason.over_quantity, "it no longer goes"
    assert bench.scan(CLOSE).done is Done.closed
    sent(bench)
    packed = hub.app.doors.orders.lookup.order(order.order_no)
    assert packed is not None
    assert [(line.qty, line.qty_packed) for line in packed.parcels[0].lines] == [(1, 1), (0, 0)]
    assert not [a for a in bench.core.read.alarms() if a.order_no == order.order_no and a.acked_at is None]


def test_what_was_refunded_before_the_box_is_opened_is_never_asked_for(
    hub: RunningHub, station: Station
) -> None:
    bench = station("packing")
    order = hub.given(a_channel_order("R-2"))
    knows(bench, order)
    _asks(hub, "R-2")
    _platform_says(hub, "R-2", R.asked, R.none, whole=R.asked)
    _platform_says(hub, "R-2", R.done, R.none, whole=R.part, ahead_s=1)
    bench.until(
        lambda: _quantities(bench, order) == [(0, 0), (1, 0)] and not _is_stopped(bench, order), "stopped"
    )
    assert bench.scan(parcel_of(order)).done is Done.opened
    assert bench.scan("SKU-1").reason is Reason.over_quantity
    assert bench.scan("SKU-2").done is Done.complete
    assert bench.scan(CLOSE).done is Done.closed


def _is_stopped(bench: LiveStation, order: Order) -> bool:
    here = bench.core.read.order(order.order_no)
    return here is None or here.parcels[0].is_frozen


def _about_lines(bench: LiveStation, order: Order) -> bool:
    here = bench.core.read.order(order.order_no)
    return here is not None and bool(here.stops) and all(stop.line_nos for stop in here.stops)
