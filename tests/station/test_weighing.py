"""The scale at the bench (L5): a weight that cannot be right holds the close back once; without one all is as ever."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from app.core.order import Order
from app.core.qr import command_code, slip_code
from app.core.reasons import Reason
from app.core.scale import Reading, read_frame
from app.station.chores import Chores
from app.station.outcome import Done, Sound
from tests.helpers.station import a_page, an_item, an_order, item_change, order_change, order_no, packed
from tests.station.conftest import FedBench

CLOSE = command_code("CLOSE")
#: A unit of each article of `an_order`, and what is around them.
UNIT_G, PACKAGING_G = {"SKU-1": 300, "SKU-2": 120}, 60


def weighed(n: int, weight_g: int, qty: tuple[int, ...] = (2, 1)) -> Order:
    order = packed(an_order(n, qty=qty))
    return order.with_parcel(replace(order.parcels[0], weight_g=weight_g))


def due(qty: tuple[int, ...]) -> int:
    return PACKAGING_G + sum(UNIT_G[f"SKU-{i}"] * n for i, n in enumerate(qty, 1))


@pytest.fixture
def scale(bench: FedBench) -> FedBench:
    """A bench with a scale, and thirty weighed boxes in its copy."""
    past = [order_change(n, weighed(n + 100, due((2, 1)) + n % 5 - 2)) for n in range(1, 31)]
    items = [
        item_change(30 + n, replace(an_item(sku), weight_g=g)) for n, (sku, g) in enumerate(UNIT_G.items(), 1)
    ]
    bench.changes(*past, *items)
    bench.core.report_scale(True)
    learns(bench)
    return bench


def learns(bench: FedBench) -> None:
    [chores] = [engine for engine in bench.core.engines() if isinstance(engine, Chores)]
    for _ in range(20):  # the search index comes first
        bench.run(chores.step(bench.clock.now()))


def fills(bench: FedBench, n: int = 1, qty: tuple[int, ...] = (2, 1)) -> None:
    bench.fed(an_order(n, qty=qty))
    bench.scan(slip_code(f"{order_no(n)}01", 1))
    bench.steps_leases()
    for line, units in enumerate(qty, 1):
        for _ in range(units):
            assert bench.scan(f"SKU-{line}").is_ok


def lies(bench: FedBench, weight_g: int) -> None:
    """Something comes to rest on the scale."""
    for reading in (Reading(weight_g // 2, "moving"), Reading(weight_g, "stable")):
        bench.desk.weighing.heard(reading, bench.clock.now())


def bodies(bench: FedBench) -> list[dict[str, Any]]:
    """What was written down of closed boxes."""
    bench.core.outbox.run(lambda db: None).result()
    return [e.body for e in bench.core.outbox.waiting(1000) if e.kind == "parcel_closed"]


def test_the_weight_at_rest_goes_into_the_fact(scale: FedBench) -> None:
    fills(scale)
    lies(scale, due((2, 1)) + 3)
    assert scale.scan(CLOSE).done is Done.closed
    [body] = bodies(scale)
    assert (body["weight_g"], body.get("by_hand", False)) == (due((2, 1)) + 3, False)


def test_one_unit_scanned_twice_is_noticed_and_named_and_closing_again_confirms_it(scale: FedBench) -> None:
    fills(scale)
    light = due((1, 1))
    lies(scale, light)
    held = scale.scan(CLOSE)
    assert (held.reason, held.sound) == (Reason.too_light, Sound.wrong)
    assert held.params["weight"] == str(light) and abs(int(held.params["due"]) - due((2, 1))) <= 3
    assert (held.params["likely"], held.params["n"]) == ("商品1", "1")
    assert scale.desk.view().parcel is not None and bodies(scale) == []
    lies(scale, light)
    assert scale.scan(CLOSE).done is Done.closed
    [body] = bodies(scale)
    assert (body["weight_g"], body["by_hand"]) == (light, True)


def test_one_put_in_without_a_scan_is_noticed_too(scale: FedBench) -> None:
    fills(scale)
    lies(scale, due((2, 2)))
    held = scale.scan(CLOSE)
    assert (held.reason, held.sound, held.params["likely"]) == (Reason.too_heavy, Sound.too_many, "商品2")


def test_put_right_it_closes_without_a_confirmation(scale: FedBench) -> None:
    fills(scale)
    lies(scale, due((1, 1)))
    assert scale.scan(CLOSE).reason is Reason.too_light
    lies(scale, due((2, 1)))
    assert scale.scan(CLOSE).done is Done.closed
    assert not bodies(scale)[0].get("by_hand")


def test_another_wrong_weight_is_another_question(scale: FedBench) -> None:
    fills(scale)
    lies(scale, due((1, 1)))
    assert scale.scan(CLOSE).reason is Reason.too_light
    lies(scale, due((3, 1)))
    assert scale.scan(CLOSE).reason is Reason.too_heavy


def test_what_was_scanned_anew_is_asked_about_anew(scale: FedBench) -> None:
    fills(scale)
    lies(scale, due((1, 1)))
    scale.scan(CLOSE)
    scale.scan(command_code("UNDO"))
    scale.scan("SKU-2")
    assert scale.scan(CLOSE).reason is Reason.too_light


def test_a_finger_that_trembles_confirms_nothing_and_a_box_taken_off_is_confirmed_as_it_was(
    scale: FedBench,
) -> None:
    fills(scale)
    lies(scale, due((1, 1)))
    now = scale.clock.now()
    assert scale.run(scale.desk.close(now)).reason is Reason.too_light
    assert scale.run(scale.desk.close(scale.clock.tick(0.3))).reason is Reason.too_light
    scale.desk.weighing.heard(Reading(0, "stable"), scale.clock.tick(2))
    assert scale.run(scale.desk.close(scale.clock.now())).done is Done.closed
    assert (bodies(scale)[0]["weight_g"], bodies(scale)[0]["by_hand"]) == (due((1, 1)), True)


def test_without_a_scale_an_empty_or_a_moving_one_a_box_closes_as_ever(bench: FedBench) -> None:
    for n, readings in enumerate(
        ([], [Reading(0, "stable")], [Reading(500, "moving")], [Reading(None, "moving")]), 1
    ):
        fills(bench, n)
        for reading in readings:
            bench.desk.weighing.heard(reading, bench.clock.now())
        assert bench.scan(CLOSE).done is Done.closed
    assert {body["weight_g"] for body in bodies(bench)} == {0}


def test_goods_nobody_weighed_before_close_at_any_weight(scale: FedBench) -> None:
    bench = scale
    fills(bench, 7, (1, 1, 1))
    lies(bench, 9000)
    assert bench.scan(CLOSE).done is Done.closed
    assert bodies(bench)[0]["weight_g"] == 9000


def test_a_scale_that_never_says_stable_is_so_after_half_a_second(scale: FedBench) -> None:
    weighing, clock = scale.desk.weighing, scale.clock
    weighing.heard(Reading(780, "unsaid"), clock.now())
    assert weighing.weight_g(clock.now()) == 0
    weighing.heard(Reading(781, "unsaid"), clock.tick(0.6))
    assert weighing.weight_g(clock.now()) == 781
    weighing.heard(Reading(900, "unsaid"), clock.tick(0.1))
    assert weighing.weight_g(clock.now()) == 0
    assert weighing.weight_g(clock.tick(1)) == 900, "sent once, by a key on the scale"
    assert weighing.weight_g(clock.tick(30)) == 0, "and long ago"
    weighing.lost()
    assert weighing.weight_g(clock.now()) == 0


def test_the_box_that_was_closed_is_not_the_weight_of_the_next_one(scale: FedBench) -> None:
    fills(scale)
    lies(scale, due((2, 1)))
    assert scale.scan(CLOSE).done is Done.closed
    weighing, clock = scale.desk.weighing, scale.clock
    reading = read_frame(f"ST,GS,+ {due((2, 1))} g".encode("ascii"))
    assert reading is not None
    for _ in range(5):
        weighing.heard(reading, clock.tick(0.2))
    assert weighing.weight_g(clock.now()) == 0, "it still lies there"
    weighing.heard(Reading(0, "stable"), clock.tick(0.2))
    weighing.heard(reading, clock.tick(3))
    assert weighing.weight_g(clock.now()) == due((2, 1))


def test_a_box_on_a_scale_is_closed_by_hand_whatever_is_set(scale: FedBench) -> None:
    scale.core.outbox.set_setting("auto_close", "yes")
    fills(scale)
    assert scale.desk.view().parcel is not None, "the last unit is still in the hand"


def test_a_scale_that_is_turned_off_has_no_word_any_more(scale: FedBench) -> None:
    fills(scale)
    lies(scale, due((1, 1)))
    scale.core.report_scale(None)
    assert scale.scan(CLOSE).done is Done.closed
    assert bodies(scale)[0]["weight_g"] == 0


def test_the_copy_tells_goods_and_weight_of_each_box_newest_first(bench: FedBench) -> None:
    assert bench.parts is not None
    merged = weighed(3, 999)
    line = replace(merged.parcels[0].lines[0], order_no=order_no(1))
    orders = (
        weighed(1, 780),
        weighed(2, 480, (1, 1)),
        merged.with_parcel(replace(merged.parcels[0], lines=(line,))),
        an_order(4),
    )
    bench.parts.changed(
        bench.core.cache.apply_page(a_page([order_change(n, order) for n, order in enumerate(orders, 1)]))
    )
    assert bench.core.read.weighed() == [
        ((("SKU-1", 1), ("SKU-2", 1)), 480),
        ((("SKU-1", 2), ("SKU-2", 1)), 780),
    ]
