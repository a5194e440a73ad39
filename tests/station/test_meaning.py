"""What a scan means at the bench: every class of code at every step, and goods whose codes say more than a number."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from app.core.order import Order
from app.core.qr import badge_code, command_code, slip_code
from app.core.reasons import Reason
from app.station.outcome import Done, Light, Sound
from tests.helpers.station import an_item, an_order, item_change, order_no, packed, stopped
from tests.station.conftest import FedBench

UNIT, PACK = "6901234567892", "16901234567899"
OPEN = f"{order_no(1)}01"


def codes(n: int) -> dict[str, str]:
    """One of each class; parcel ``n`` lies on the bench, ``n + 1`` waits, ``n + 2`` is packed."""
    return {
        "slip": slip_code(f"{order_no(n + 1)}01", 1),
        "old slip": slip_code(f"{order_no(n + 1)}01", 2),
        "order number": order_no(n + 1),
        "waybill": f"SF{n + 1:012d}",
        "waybill nobody knows": f"SF9{n:012d}",
        "number nobody knows": f"KY40001234567{n}",
        "goods": UNIT,
        "goods of another parcel": "SKU-9",
        "goods nobody knows": "6900000000007",
        "outer pack": PACK,
        "gs1": f"]d201{UNIT.zfill(14)}10LOT\x1d21A1",
        "gs1 nobody knows": "(01)06900000000007(10)A",
        "logistic unit": "00123456789012345675",
        "badge": badge_code("A" * 26),
        "command": command_code("UNDO"),
        "command nobody knows": command_code("RELEASE"),
        "web address": "https://item.example.com/690123456789",
        "words": "毛巾",
    }


def a_labelless(order: Order) -> Order:
    return order.with_parcel(replace(order.parcels[0], waybill_no="", carrier=""))


def nothing_open(bench: FedBench, n: int) -> None:
    bench.fed(an_order(n, qty=(1, 8)))


def half_packed(bench: FedBench, n: int) -> None:
    nothing_open(bench, n)
    bench.scan(order_no(n))
    assert bench.scan("SKU-2").done is Done.counted


def full_without_label(bench: FedBench, n: int) -> None:
    bench.fed(a_labelless(an_order(n, qty=(1,))))
    bench.scan(order_no(n))
    assert bench.scan(UNIT).done is Done.complete


def full(bench: FedBench, n: int) -> None:
    bench.fed(an_order(n, qty=(1,)))
    bench.scan(order_no(n))
    assert bench.scan(UNIT).done is Done.complete


def handing_over(bench: FedBench, n: int) -> None:
    nothing_open(bench, n)
    bench.desk.set_mode("handover")


def red(bench: FedBench, n: int) -> None:
    half_packed(bench, n)
    bench.fed(stopped(an_order(n, qty=(1, 8))))
    assert bench.desk.view().alarm is not None


STEPS = (nothing_open, half_packed, full_without_label, full, handing_over, red)
#: Codes that may put another parcel on the bench, and at which steps they may not.
OPENS = {"slip", "order number", "waybill"}
NEVER_OPENS = (handing_over, red)
#: At which step a code becomes the number of the parcel; the second read is the answer to a question.
BINDS = {"waybill nobody knows": 1, "number nobody knows": 2}


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.__name__)
def test_no_code_of_another_class_opens_closes_or_names_a_parcel(
    bench: FedBench, step: Callable[[FedBench, int], None]
) -> None:
    bench.changes(
        item_change(bench.seq + 1, an_item("SKU-1", UNIT)),
        item_change(bench.seq + 2, an_item("SKU-9", "6909999999993")),
        item_change(bench.seq + 3, an_item("SKU-2", PACK, pack_qty=6)),
    )
    for n, name in enumerate(codes(0)):
        bench.fed(an_order(10 * n + 1), packed(an_order(10 * n + 2)))
        step(bench, 10 * n)
        before, lay = len(bench.acts()), bench.desk.open_parcel_no()
        for time in (1, 2):
            outcome = bench.scan(codes(10 * n)[name])
            new = bench.acts()[before:]
            assert not {"parcel_closed", "handed_over"} & set(new), name
            assert ("opened" in new) == (name in OPENS and step not in NEVER_OPENS), (name, outcome)
            binds = step is full_without_label and BINDS.get(name, 9) <= time
            assert ("waybill_bound" in new) == binds, (name, time, outcome)
        assert bench.desk.open_parcel_no() == lay or name in OPENS, name
        bench.desk.ack_stop("key", bench.clock.now())
        bench.desk.set_mode("packing")
        bench.desk.put_aside(bench.clock.now())


def test_goods_are_told_by_any_length_of_their_number(bench: FedBench) -> None:
    bench.fed(an_order(qty=(9,)))
    bench.changes(item_change(bench.seq + 1, an_item("SKU-1", "036000291452")))
    bench.scan(OPEN)
    for n, raw in enumerate(("0036000291452", "036000291452", "]E00036000291452", "00036000291452"), 1):
        assert bench.scan(raw).params["got"] == str(n)
    assert bench.core.read.items_for_code("0036000291452") == bench.core.read.items_for_code("036000291452")


def test_goods_with_lot_and_serial_number_are_counted_by_their_number(bench: FedBench) -> None:
    bench.fed(an_order(qty=(3, 8)))
    bench.changes(
        item_change(bench.seq + 1, an_item("SKU-1", UNIT)),
        item_change(bench.seq + 2, an_item("SKU-2", PACK, pack_qty=4)),
    )
    bench.scan(OPEN)
    head = f"01{UNIT.zfill(14)}"
    assert bench.scan(f"\x1d{head}10LOT7\x1d21S-1\x1d17271231").params["got"] == "1"
    twice = bench.scan(f"]C1{head}10LOT7\x1d21S-1")
    assert (twice.reason, twice.sound, twice.params["serial"]) == (Reason.same_unit, Sound.too_many, "S-1")
    assert bench.scan(f"{head}21S-2").params["got"] == "2"
    assert bench.scan(command_code("UNDO")).done is Done.uncounted
    assert bench.scan(f"{head}21S-2").is_ok, "it was taken out again"
    assert bench.scan(f"(01){PACK}(17)271231").params["got"] == "4", "the pack's own number, its own quantity"
    assert bench.scan(f"01{PACK}").params["got"] == "8"
    assert bench.acts()[-1] == "line_packed", "all of it is on disk"
    body = next(e.body for e in reversed(bench.core.outbox.waiting(100)) if e.kind == "line_packed")
    assert body["code"] == PACK


def test_a_box_that_says_what_it_holds_counts_so_many(bench: FedBench) -> None:
    bench.fed(an_order(qty=(13,)))
    bench.changes(item_change(bench.seq + 1, an_item("SKU-1", UNIT)))
    bench.scan(OPEN)
    assert bench.scan(f"02{UNIT.zfill(14)}3712\x1d10X").params["got"] == "12"
    assert bench.scan(f"02{UNIT.zfill(14)}3712").reason is Reason.over_quantity
    unsaid = bench.scan(f"02{UNIT.zfill(14)}10X")
    assert unsaid.reason is Reason.unknown_code, "how many is never guessed"


def test_a_long_code_nobody_knows_is_learned_by_the_number_of_its_goods(bench: FedBench) -> None:
    bench.fed(an_order(qty=(3,)))
    bench.scan(OPEN)
    unknown = bench.scan(f"01{UNIT.zfill(14)}21S-1")
    assert (unknown.reason, unknown.params["code"]) == (Reason.unknown_code, UNIT)
    assert bench.desk.learn_code(unknown.params["code"], 1, bench.clock.now()).is_ok
    assert bench.scan(f"01{UNIT.zfill(14)}21S-2").params["got"] == "2"
    assert bench.scan(UNIT).params["got"] == "3"


def test_a_label_that_looks_like_none_is_asked_about_and_bound_when_read_again(bench: FedBench) -> None:
    bench.fed(a_labelless(an_order(qty=(1,))))
    bench.scan(OPEN)
    bench.scan("SKU-1")
    doubt = bench.scan("KY4000123456789")
    assert (doubt.reason, doubt.light, doubt.sound) == (Reason.doubtful_label, Light.red, Sound.wrong)
    assert bench.scan("KY4000123456780").reason is Reason.doubtful_label, "another one is asked about anew"
    assert bench.scan("KY4000123456780").done is Done.waybill_bound
