"""A rep's cancel stops the hand (FRZ-02) and the bench says so in time (FRZ-05), over real HTTP with real files."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from app.core.order import InterceptResult, Order
from app.core.printjob import PrintState
from app.core.qr import command_code, slip_code
from app.core.reasons import Reason
from app.station.outcome import Done
from tests.helpers.hub import RunningHub, a_channel_order
from tests.helpers.station import LiveStation, until
from tests.sync.conftest import Station
from tests.sync.test_cases import knows, opens, parcel_of, sent

CANCELS = 20
#: The bar of the 95th of a hundred (the slowest are measured by benchmarks/red_pixels.py): a machine busy with other
#: tests may hold single ones up, not the half of them.
REFUSES_WITHIN_S = 1.0


def test_twenty_cancels_refuse_the_next_scan_and_print_within_a_second(
    hub: RunningHub, station: Station
) -> None:
    """FRZ-02: the scan and the print; FRZ-05: the alarm stands within the same second."""
    bench, rep = station("packing", name="打包台 1"), hub.person("cs_rep")
    orders = [hub.given(a_channel_order(f"frz-02-{n}")) for n in range(CANCELS)]
    knows(bench, orders[-1])
    numbers = [parcel_of(order) for order in orders]
    bench.do(bench.core.packing.print_slips(numbers, bench.clock.now()))
    refused_after, alarmed_after = [], []
    for order in orders:
        assert bench.scan(slip_code(parcel_of(order), 1)).is_ok
        assert bench.scan("SKU-1").is_ok
        began = time.perf_counter()
        assert rep.act("cancel", order.order_no, body={"reason": "buyer_request"}).outcome == "applied"
        alarmed_after.append(_until(lambda no=order.order_no: _alarm_of(bench) == no, began))
        scanned = bench.core.packing.on_scan("SKU-2", bench.clock.now())
        assert scanned.reason is Reason.frozen, scanned
        refused_after.append(time.perf_counter() - began)
        [printed] = bench.do(bench.core.packing.print_slips([parcel_of(order)], bench.clock.now(), "again"))
        assert printed.reason is Reason.frozen, printed
        _is_pulled(bench, parcel_of(order))
        bench.core.packing.ack_stop("key", bench.clock.now())
        assert bench.core.packing.view().parcel is None
    for seconds in (refused_after, alarmed_after):
        assert statistics.median(seconds) <= REFUSES_WITHIN_S, seconds
    sent(bench)
    until(lambda: all(_answer(hub, order) is InterceptResult.stopped for order in orders), "not all stopped")


def test_the_cancel_of_a_parcel_on_its_way_to_the_printer_prints_nothing(
    hub: RunningHub, station: Station, order: Order
) -> None:
    """FRZ-02: the job that already waited is taken out of the queue, and the spooler finds nothing."""
    bench, rep = station("packing"), hub.person("cs_rep")
    opens(bench, order)
    [queued] = bench.do(bench.core.packing.print_slips([parcel_of(order)], bench.clock.now()))
    assert queued.is_ok
    rep.act("cancel", order.order_no, body={"reason": "buyer_request"})
    bench.until(lambda: _alarm_of(bench) == order.order_no, "no alarm")
    _is_pulled(bench, parcel_of(order))
    assert bench.core.outbox.claim_next("slip", bench.clock.now()) is None


def test_a_closed_box_without_a_slip_alarms_the_bench_that_closed_it_and_no_other(
    hub: RunningHub, station: Station, order: Order
) -> None:
    """Design 3.8: nobody leases it and no paper names it, and still somebody has it standing there."""
    one, two, rep = station(name="一号台"), station(name="二号台"), hub.person("cs_rep")
    knows(one, order)
    opens(two, order)
    for code in ("SKU-1", "SKU-2"):
        assert two.scan(code).is_ok
    assert two.scan(command_code("CLOSE")).done is Done.closed
    sent(two)
    one.until(lambda: _fed(one, order).parcels[0].is_boxed, "not told that it is closed")
    rep.act("cancel", order.order_no, body={"reason": "buyer_request"})
    two.until(lambda: _alarm_of(two) == order.order_no, "no alarm where the box stands")
    one.until(lambda: _fed(one, order).parcels[0].is_frozen, "not told of the stop")
    alarm = two.core.packing.view().alarm
    assert alarm is not None
    assert alarm.is_packed
    two.core.packing.ack_stop("key", two.clock.now())
    sent(two)
    assert _answer(hub, order) is InterceptResult.trying, "seen is not pulled"
    assert two.scan(slip_code(parcel_of(order), 1)).reason is Reason.frozen
    until(lambda: _answer(hub, order) is InterceptResult.stopped, "nobody said that it is here")
    assert one.alarms == []


def _fed(bench: LiveStation, order: Order) -> Order:
    fed = bench.core.read.fed(order.order_no)
    assert fed is not None
    return fed[0]


def _alarm_of(bench: LiveStation) -> str:
    alarm = bench.core.packing.view().alarm
    return alarm.order_no if alarm else ""


def _is_pulled(bench: LiveStation, parcel_no: str) -> None:
    until(
        lambda: [job.state for job in bench.core.outbox.jobs_of(parcel_no)] == [PrintState.pulled],
        "the paper was not pulled",
    )


def _answer(hub: RunningHub, order: Order) -> InterceptResult | None:
    found = hub.app.doors.orders.lookup.order(order.order_no)
    return found.parcels[0].intercept_result if found else None


def _until(is_so: Callable[[], bool], began: float) -> float:
    """Seconds since ``began`` when it was so."""
    while not is_so():
        assert time.perf_counter() - began < 20, "never"
        time.sleep(0.002)
    return time.perf_counter() - began
