"""What the hub did not take as it came reaches a person at the bench and one at the supervisor's desk (P8)."""

from __future__ import annotations

from app.core.acts import Act, ActKind, Body, LinePacked, ParcelClosed
from app.core.order import Order
from app.wire import AlarmView
from tests.helpers.hub import RunningHub
from tests.helpers.station import LiveStation
from tests.sync.conftest import Station
from tests.sync.test_cases import knows, packed_at, parcel_of, sent


def _does(bench: LiveStation, order: Order, kind: ActKind, body: Body) -> None:
    """A fact of this bench, whatever its screen would say to it."""
    act = bench.core.bench.act(kind, order.order_no, bench.clock.now(), parcel_of(order), body)
    bench.core.outbox.record(act).result()
    bench.core.bench.push_soon()


def _alarm_at(desk: LiveStation, kind: str, order: Order) -> AlarmView:
    def found() -> list[AlarmView]:
        return [
            a
            for a in desk.core.supervisor.alarms()
            if (a.kind, a.params["order_no"]) == (kind, order.order_no)
        ]

    desk.until(found, f"no {kind} at the desk", 20)
    return found()[0]


def test_a_clash_is_told_at_the_bench_and_at_the_desk_and_blocks_nothing(
    hub: RunningHub, station: Station, order: Order
) -> None:
    bench, desk = station(name="打包台 8"), station("supervisor")
    knows(bench, order)
    _does(bench, order, ActKind.parcel_closed, ParcelClosed())  # nothing is packed yet
    _does(bench, order, ActKind.line_packed, LinePacked(line_no=1, qty=1, code="SKU-1"))
    sent(bench)
    assert packed_at(hub, order) == [1, 0]  # what was behind it counts
    [need] = bench.core.needs.open()
    assert (need.kind, need.reason, need.is_clash, need.can_again) == (
        "parcel_closed",
        "not_complete",
        True,
        False,
    )
    alarm = _alarm_at(desk, "clash", order)
    assert (alarm.params["kind"], alarm.params["what"]) == ("parcel_closed", "not_complete")
    assert (alarm.params["station"], alarm.params["person"]) == ("打包台 8", "打包台 8")
    assert bench.core.strip(bench.clock.now())[2].key == "refused"

    bench.do(bench.core.needs.understood(need.act_id, bench.clock.now()))
    assert bench.core.needs.open() == []
    [answered] = bench.core.needs.answered()
    assert (answered.answer, answered.by) == ("understood", "打包台 8")
    desk.do(desk.core.supervisor.ack_alarm(alarm.alarm_id))
    desk.until(lambda: _alarm_at(desk, "clash", order).acked_at, "not acknowledged", 20)


def test_what_was_refused_can_be_done_again_or_handed_to_the_supervisor(
    hub: RunningHub, station: Station, order: Order
) -> None:
    bench, desk = station(name="打包台 9"), station("supervisor")
    knows(bench, order)
    old = bench.core.bench.act(
        ActKind.line_packed,
        order.order_no,
        bench.clock.now().replace(year=2024),  # a bench that was switched off for years
        parcel_of(order),
        LinePacked(line_no=1, qty=1, code="SKU-1"),
    )
    bench.core.outbox.record(old).result()
    bench.core.bench.push_soon()
    sent(bench)
    [need] = bench.core.needs.open()
    assert (need.reason, need.is_clash, need.can_again, need.can_ask) == ("too_old", False, True, True)
    assert _alarm_at(desk, "act_refused", order).params["station"] == "打包台 9"
    assert packed_at(hub, order) == [0, 0]

    bench.do(bench.core.needs.again(need.act_id, bench.clock.now()))
    sent(bench)
    assert packed_at(hub, order) == [1, 0]
    assert [(n.answer, n.act_id) for n in bench.core.needs.answered()] == [("again", old.act_id)]

    bench.core.outbox.record(_aged(bench, order)).result()
    bench.core.bench.push_soon()
    bench.until(bench.core.needs.open, "not refused", 20)
    [second] = bench.core.needs.open()
    bench.do(bench.core.needs.ask_supervisor(second.act_id, "请看一下", bench.clock.now()))
    assert _alarm_at(desk, "abnormal", order).params["note"] == "请看一下"
    assert bench.core.needs.open() == []


def _aged(bench: LiveStation, order: Order) -> Act:
    when = bench.clock.now().replace(year=2024)
    body = LinePacked(line_no=2, qty=1, code="SKU-2")
    return bench.core.bench.act(ActKind.line_packed, order.order_no, when, parcel_of(order), body)


def test_a_refused_act_that_a_bench_may_not_send_is_told_at_the_desk_too(
    hub: RunningHub, station: Station, order: Order
) -> None:
    bench, desk = station(name="打包台 7"), station("supervisor")
    knows(bench, order)
    assert bench.core.identity is not None
    hub.person("finance", name="财务小李")
    there = hub.client(bench.core.identity.token)
    bench.core.outbox.session = hub.sign_in("财务小李", station=there)
    _does(bench, order, ActKind.line_packed, LinePacked(line_no=1, qty=1, code="SKU-1"))
    sent(bench)
    [need] = bench.core.needs.open()
    assert need.reason == "not_allowed"
    assert _alarm_at(desk, "act_refused", order).params["what"] == "not_allowed"
