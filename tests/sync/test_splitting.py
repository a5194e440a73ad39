"""D10: what does not fit into one box goes into a second one, at the bench, with the hub's number on it."""

from __future__ import annotations

from app.core.order import Order, OrderState
from app.core.qr import command_code, slip_code
from app.core.reasons import Reason
from app.station.outcome import Done
from tests.helpers.hub import RunningHub
from tests.helpers.proxy import FaultyProxy
from tests.helpers.station import LiveStation
from tests.sync.conftest import Station
from tests.sync.test_cases import opens, parcel_of, sent

BOX, CLOSE = command_code("BOX"), command_code("CLOSE")


def _boxes(bench: LiveStation, order: Order) -> list[tuple[OrderState, int, int]]:
    here = bench.core.read.order(order.order_no)
    assert here is not None
    return [(parcel.state, parcel.qty, parcel.qty_packed) for parcel in here.parcels]


def test_a_full_box_is_split_closed_and_followed_by_the_rest(
    hub: RunningHub, station: Station, order: Order
) -> None:
    bench = station()
    opens(bench, order)
    assert bench.scan(BOX).reason is Reason.nothing_to_split
    assert bench.scan("SKU-1").done is Done.counted
    assert bench.scan(BOX).done is Done.parcel_split
    second = parcel_of(order)[:-2] + "02"
    bench.until(lambda: len(_boxes(bench, order)) == 2, "the second box was not fed")
    assert _boxes(bench, order) == [(OrderState.packing, 1, 1), (OrderState.released, 1, 0)]
    assert bench.scan("SKU-2").reason is Reason.wrong_item, "it goes into the other box"
    assert bench.scan(CLOSE).done is Done.closed

    assert bench.scan(order.order_no).done is Done.opened, "the order's number means the box that is left"
    assert bench.core.packing.open_parcel_no() == second
    bench.until(lambda: bench.core.leases.is_valid(second), "no lease of the second box")
    assert bench.scan("SKU-2").done is Done.complete
    assert bench.scan(CLOSE).done is Done.closed
    sent(bench)
    found = hub.app.doors.orders.lookup.order(order.order_no)
    assert found is not None
    assert [parcel.state for parcel in found.parcels] == [OrderState.packed] * 2
    assert [row.kind for row in hub.app.doors.orders.lookup.story(order.order_no)].count("parcel_split") == 1


def test_without_the_hub_no_box_is_split_and_nothing_waits_to_be(
    station: Station, proxy: FaultyProxy, order: Order
) -> None:
    bench = station(url=proxy.url)
    opens(bench, order)
    assert bench.scan("SKU-1").is_ok
    sent(bench)
    proxy.cut()
    bench.until(lambda: not bench.core.status.facts.is_online, "the bench did not notice")
    assert bench.scan(BOX).reason is Reason.needs_hub
    assert bench.core.outbox.pending_count() == 0
    proxy.heal()
    bench.until(lambda: bench.core.status.facts.is_online, "the bench stayed away")
    assert bench.scan(BOX).done is Done.parcel_split
    bench.until(lambda: len(_boxes(bench, order)) == 2, "the second box was not fed")
    assert bench.scan(slip_code(parcel_of(order), 1)).is_ok, "its own slip still means the first box"
