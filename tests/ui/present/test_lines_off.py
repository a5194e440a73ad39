"""Lines that no longer go, in the words of the bench."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from app.core import lines
from app.core.order import Order
from app.station.alarms import StationAlarm
from tests.helpers.shop_orders import NOW, an_order, stopped
from tests.ui.present.test_packing_view import BENCH, words
from ui.present.packing import pack_view
from ui.present.station_alarm import alarm_words


def off(order: Order, line_no: int, *, in_effect: bool = True) -> Order:
    held = stopped(order, "cancel")
    stop = replace(held.stops[0], line_nos=(line_no,), counting_down_until=NOW + timedelta(seconds=9))
    held = replace(held, stops=(stop,))
    return lines.take_effect(held, stop, NOW)[0] if in_effect else held


def test_before_it_takes_effect_the_bench_is_told_what_it_is_about() -> None:
    order = off(an_order(lines=((0, 1, 1), (1, 3, 2))), 2, in_effect=False)
    view = pack_view(order, order.parcels[0].parcel_no, BENCH, words())
    title = order.lines[1].title

    assert (view.prompt.state, view.prompt.text) == ("stop", f"先别动：{title} × 3 可能不发")
    assert not view.can_close and not view.can_undo


def test_what_has_to_come_out_is_the_one_thing_to_do() -> None:
    order = off(an_order(lines=((0, 1, 1), (1, 3, 2))), 2)
    view = pack_view(order, order.parcels[0].parcel_no, BENCH, words())

    assert view.prompt.text.startswith("从箱里取出 2 件")
    first = view.lines[0]
    assert (first.is_next, first.is_out, first.done, first.of) == (True, True, 0, 2)
    assert view.remarks[0].title == "不再发货"
    assert view.remarks[0].text.endswith("× 3")
    assert view.can_undo and not view.can_close


def test_when_all_is_out_the_bench_waits_a_moment_for_the_hub() -> None:
    order = off(an_order(lines=((0, 1, 1), (1, 3, 0))), 2)
    view = pack_view(order, order.parcels[0].parcel_no, BENCH, words())

    assert view.prompt.text == "已处理，等放行"


def test_the_alarm_names_the_goods_and_keeps_the_box() -> None:
    order = off(an_order(), 2, in_effect=False)
    alarm = StationAlarm(
        order_no=order.order_no,
        parcel_no=order.parcels[0].parcel_no,
        spoken_no="0001",
        stop_ids=("s",),
        command="cancel",
        since=NOW,
        items="杯子 × 1",
    )
    said = alarm_words(alarm, order, NOW, words())

    assert "杯子 × 1" in said.sentence
    assert "留在台上" in said.todo
    assert "拿回来" in alarm_words(replace(alarm, is_packed=True), order, NOW, words()).todo
