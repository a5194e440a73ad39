"""Lines that no longer go, at the bench: the box stays, what is off comes out by scan, the rest goes on."""

from __future__ import annotations

from dataclasses import replace

from app.core import lines
from app.core.acts import LineUnpacked
from app.core.order import Order, OrderState
from app.core.printjob import job_key
from app.core.qr import command_code, slip_code
from app.core.reasons import Reason
from app.station.outcome import Done
from tests.helpers.station import MORNING, a_stop, an_order, order_no, packed, stopped
from tests.station.conftest import STATION, FedBench

ACK, UNDO = command_code("ACK"), command_code("UNDO")
PARCEL = f"{order_no(1)}01"


def asked(order: Order, *line_nos: int) -> Order:
    """The hub has laid a cancel of these lines over the order; it still counts down."""
    return stopped(order, a_stop(line_nos=line_nos, counting_down_until=MORNING))


def in_effect(order: Order, *line_nos: int) -> Order:
    """As the hub tells it once the countdown is over."""
    held = asked(order, *line_nos)
    return lines.take_effect(held, held.stops[0], MORNING)[0]


def held(order: Order, **changes: object) -> Order:
    return order.with_parcel(replace(order.parcels[0], holder=STATION, **changes))  # type: ignore[arg-type]


def with_one_of_each(bench: FedBench) -> Order:
    """Opened here; one of two of line 1 and the one of line 2 are in the box, and the hub knows it."""
    bench.fed(an_order(qty=(2, 1)))
    bench.scan(PARCEL)
    for sku in ("SKU-1", "SKU-2"):
        assert bench.scan(sku).done is Done.counted
    order = bench.desk.view().order
    assert order is not None
    return held(order)


def test_the_box_stays_and_what_is_off_comes_out_by_scan(bench: FedBench) -> None:
    order = with_one_of_each(bench)
    bench.fed(asked(order, 2))
    assert bench.core.alarms.current is not None
    assert bench.core.alarms.current.items == "商品2 × 1"
    bench.scan(ACK)
    assert bench.desk.view().parcel is not None, "the rest of it goes on here"
    assert bench.scan("SKU-1").reason is Reason.frozen, "it may yet be withdrawn"

    bench.fed(in_effect(order, 2))
    assert bench.scan("SKU-1").reason is Reason.wrong_item
    out = bench.scan("SKU-2")
    assert (out.done, out.params["title"], out.params["left"]) == (Done.taken_out, "商品2", "0")
    assert bench.acts()[-1] == "line_unpacked"
    view = bench.desk.view()
    assert view.order and view.parcel and not lines.to_take_out(view.order, view.parcel)
    assert view.parcel.is_frozen, "only the hub lifts it"
    assert bench.scan("SKU-2").reason is Reason.frozen


def test_the_rest_is_packed_once_the_hub_has_lifted_the_stop(bench: FedBench) -> None:
    order = with_one_of_each(bench)
    bench.fed(in_effect(order, 2))
    bench.scan(ACK)
    bench.scan("SKU-2")
    bench.fed(held(lines.lift_answered(in_effect(an_order(qty=(2, 1)), 2))[0]))

    counted = bench.scan("SKU-1")
    assert counted.done is Done.complete
    assert bench.scan("SKU-2").reason is Reason.over_quantity


def test_goods_without_a_code_come_out_by_the_undo_key(bench: FedBench) -> None:
    order = with_one_of_each(bench)
    bench.fed(in_effect(order, 2))
    bench.scan(ACK)
    assert bench.desk.view().can_undo
    assert bench.scan(UNDO).done is Done.taken_out


def test_a_closed_box_is_opened_by_its_label_or_old_slip_to_take_out(bench: FedBench) -> None:
    closed = packed(an_order(qty=(2, 1)))
    box = replace(closed.parcels[0], packed_at=MORNING, handled_by=STATION, slip_count=1)
    bench.fed(in_effect(closed.with_parcel(box), 2))
    bench.scan(ACK)

    opened = bench.scan(slip_code(PARCEL, 1))
    assert opened.done is Done.to_take_out
    assert bench.scan("SKU-2").done is Done.taken_out
    assert bench.acts()[-1] == "line_unpacked"
    order = bench.desk.view().order
    assert order and order.parcels[0].state is OrderState.packing


def test_another_freeze_over_the_same_box_keeps_the_hands_off(bench: FedBench) -> None:
    order = with_one_of_each(bench)
    off = in_effect(order, 2)
    bench.fed(stopped(off, *off.stops, a_stop("STOP2")))
    while bench.core.alarms.current is not None:
        bench.scan(ACK)
    assert bench.scan("SKU-2").reason in (Reason.frozen, Reason.not_ours)
    assert not any(isinstance(a.body, LineUnpacked) for a in bench.core.read.pending_of(order.order_no))


def test_a_slip_of_what_is_left_names_what_is_left(bench: FedBench) -> None:
    order = in_effect(held(an_order(qty=(2, 1)), slip_count=1), 2)
    assert order.parcels[0].slip_version == 2
    assert job_key(PARCEL, "slip", 2) != job_key(PARCEL, "slip", 1)
