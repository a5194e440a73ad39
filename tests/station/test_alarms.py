"""The strong alarm at the bench: once per stop, loud until acknowledged, true about what it says."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from app.core.acts import ActKind
from app.core.order import CommandState, CommandView, Order, OrderState, settled
from app.core.printjob import PrintState
from app.core.qr import command_code, slip_code
from app.core.reasons import Reason
from app.station.chores import INDEX_BATCH
from app.station.outcome import Done
from app.wire import LeaseAnswer, Urgent
from tests.helpers.station import (
    MORNING,
    a_page,
    a_stop,
    an_order,
    an_urgent,
    order_change,
    order_no,
    packed,
    stopped,
    until,
)
from tests.station.conftest import STATION, FedBench

SLIP = slip_code(f"{order_no(1)}01", 1)
PARCEL = f"{order_no(1)}01"


def held_here(order: Order) -> Order:
    return order.with_parcel(replace(order.parcels[0], holder=STATION))


def hear(bench: FedBench, urgent: Urgent) -> None:
    """The fast lane, as the stream brings it."""
    assert bench.parts is not None
    bench.parts.changed(bench.core.cache.heard(urgent))
    bench.core.cache.apply_urgent(urgent)


def test_a_stop_turns_the_bench_red_and_says_so_to_the_hub_at_once(bench: FedBench) -> None:
    bench.fed(an_order())
    bench.scan(SLIP)
    hear(bench, an_urgent(bench.seq + 5, stopped(an_order(), a_stop(reason="buyer_request", note="不要了"))))
    [alarm] = bench.alarms
    assert (alarm.parcel_no, alarm.spoken_no, alarm.stop_ids, alarm.by, alarm.note) == (
        PARCEL,
        "3001",
        ("STOP1",),
        "小美",
        "不要了",
    )
    assert alarm.is_open_here
    assert bench.acts() == ["opened", "freeze_shown"]
    assert bench.scan("SKU-1").reason is Reason.frozen
    assert bench.scan(SLIP).reason is Reason.frozen


def test_a_stop_that_is_quicker_than_the_lease_of_the_box_in_hand_turns_the_bench_red(
    bench: FedBench,
) -> None:
    bench.fed(an_order())
    bench.hub.refused_leases[PARCEL] = LeaseAnswer(parcel_no=PARCEL, granted=False, reason="frozen")
    assert bench.scan(SLIP).is_ok
    bench.steps_leases()
    assert bench.desk.view().parcel is not None, "the hand still holds it"
    hear(bench, an_urgent(bench.seq + 5, stopped(an_order())))
    [alarm] = bench.alarms
    assert alarm.is_open_here
    assert bench.scan("SKU-1").reason is Reason.frozen


def test_red_is_let_pass_before_the_paperwork_of_it(bench: FedBench) -> None:
    bench.fed(an_order())
    bench.scan(SLIP)
    seen: list[object] = []
    bench.core.on_alarm(
        lambda alarm: seen.append("red"), let_pass=lambda: seen.append(bench.acts().count("freeze_shown"))
    )
    hear(bench, an_urgent(bench.seq + 5, stopped(an_order())))
    assert seen == ["red", 0]
    assert bench.acts() == ["opened", "freeze_shown"]


def test_it_is_shown_once_however_often_it_is_heard(bench: FedBench) -> None:
    bench.fed(an_order())
    bench.scan(SLIP)
    order = stopped(an_order())
    hear(bench, an_urgent(bench.seq + 5, order))
    hear(bench, an_urgent(bench.seq + 5, order))
    bench.seq += 5
    bench.fed(order)
    assert len(bench.alarms) == 1
    assert bench.acts().count("freeze_shown") == 1


def test_waiting_papers_of_the_parcel_are_pulled(bench: FedBench) -> None:
    bench.fed(an_order())
    bench.run(bench.desk.print_slips([PARCEL], bench.clock.now()))
    bench.fed(stopped(an_order()))
    until(lambda: bench.core.outbox.jobs_of(PARCEL)[0].state is PrintState.pulled, "the paper was not pulled")
    assert bench.core.outbox.claim_next("slip", bench.clock.now()) is None
    assert bench.alarms[-1] is not None


def test_it_stays_until_acknowledged_and_the_parcel_leaves_the_bench(bench: FedBench) -> None:
    bench.fed(an_order())
    bench.scan(SLIP)
    bench.fed(stopped(held_here(an_order())))
    assert bench.desk.view().alarm is not None
    outcome = bench.desk.ack_stop("key", bench.clock.now())
    assert (outcome.done, outcome.parcel_no) == (Done.acknowledged, PARCEL)
    assert bench.alarms[-1] is None
    assert bench.desk.view().parcel is None
    assert bench.acts()[-1] == "freeze_acked"
    bench.fed(stopped(held_here(an_order())))
    assert bench.alarms[-1] is None
    assert bench.scan(SLIP).reason is Reason.frozen


def test_another_stop_over_the_same_parcel_alarms_again(bench: FedBench) -> None:
    bench.fed(held_here(an_order()))
    bench.fed(stopped(held_here(an_order())))
    bench.desk.ack_stop("click", bench.clock.now())
    bench.fed(stopped(held_here(an_order()), a_stop(), a_stop("STOP2")))
    assert bench.alarms[-1].stop_ids == ("STOP2",)
    assert bench.acts().count("freeze_shown") == 2


def test_alarms_wait_in_line(bench: FedBench) -> None:
    bench.fed(held_here(an_order(1)), held_here(an_order(2)))
    bench.fed(stopped(held_here(an_order(1))), stopped(held_here(an_order(2))))
    assert bench.desk.view().alarms_waiting == 1
    first = bench.desk.view().alarm
    bench.scan(command_code("ACK"))
    second = bench.desk.view().alarm
    assert first is not None
    assert second is not None
    assert first.parcel_no != second.parcel_no
    bench.desk.ack_stop("key", bench.clock.now())
    assert bench.desk.view().alarm is None


def test_only_the_bench_that_is_responsible_is_alarmed(bench: FedBench) -> None:
    other = an_order(1)
    bench.fed(other.with_parcel(replace(other.parcels[0], holder="ST-9")))
    bench.fed(stopped(other.with_parcel(replace(other.parcels[0], holder="ST-9"))))
    bench.fed(stopped(an_order(2)))
    bench.fed(stopped(an_order(3, state=OrderState.handed_over)))
    assert bench.alarms == []
    printed = an_order(4)
    bench.fed(stopped(printed.with_parcel(replace(printed.parcels[0], handled_by=STATION))))
    assert bench.alarms[-1].parcel_no == f"{order_no(4)}01"


def test_a_packed_box_alarms_as_well(bench: FedBench) -> None:
    box = packed(an_order())
    bench.fed(stopped(box.with_parcel(replace(box.parcels[0], handled_by=STATION))))
    assert bench.alarms[-1].is_packed


def test_a_stop_for_some_lines_alarms_only_the_parcels_with_them(bench: FedBench) -> None:
    bench.fed(stopped(held_here(an_order(1)), a_stop(line_nos=(9,))))
    assert bench.alarms == []
    bench.fed(stopped(held_here(an_order(2)), a_stop(line_nos=(2,))))
    assert bench.alarms[-1].parcel_no == f"{order_no(2)}01"


def test_a_hold_is_no_alarm(bench: FedBench) -> None:
    bench.fed(stopped(held_here(an_order()), a_stop(kind="hold")))  # type: ignore[arg-type]
    assert bench.alarms == []


def test_a_stop_taken_back_before_anybody_looked_is_said_and_work_goes_on(bench: FedBench) -> None:
    bench.fed(an_order())
    bench.scan(SLIP)
    bench.fed(stopped(held_here(an_order())))
    bench.fed(held_here(an_order()))
    assert bench.alarms[-1].is_lifted
    bench.desk.ack_stop("key", bench.clock.now())
    assert bench.desk.view().parcel is not None
    assert bench.scan("SKU-1").is_ok


def test_a_cancel_that_took_effect_while_we_were_away_still_alarms_who_works_on_it(bench: FedBench) -> None:
    bench.fed(an_order())
    bench.scan(SLIP)
    done = CommandView(act_id="C-1", kind="cancel", state=CommandState.done, asked_at=MORNING)
    order = an_order()
    over = settled(
        replace(order.with_parcel(replace(order.parcels[0], state=OrderState.cancelled)), commands=(done,))
    )
    bench.fed(over)
    assert bench.alarms[-1].stop_ids == ("C-1",)
    bench.fed(an_order(2, state=OrderState.cancelled))
    assert bench.alarms[-1].stop_ids == ("C-1",)


def test_a_restart_shows_what_was_not_acknowledged_without_reporting_it_twice(bench: FedBench) -> None:
    bench.fed(held_here(an_order(1)), held_here(an_order(2)))
    bench.fed(stopped(held_here(an_order(1))), stopped(held_here(an_order(2)), a_stop("STOP2")))
    bench.desk.ack_stop("key", bench.clock.now())
    before = bench.acts()
    bench.restart()
    [chores] = [engine for engine in bench.core.engines() if engine.name == "chores"]
    due = bench.run(chores.step(bench.clock.now()))
    assert due - bench.clock.now() == timedelta(seconds=60)
    assert bench.alarms[-1].stop_ids == ("STOP2",)
    assert bench.acts() == before


def test_a_large_page_is_looked_through_for_what_is_ours(bench: FedBench) -> None:
    bench.fed(*(held_here(an_order(n)) if n == 120 else an_order(n) for n in range(1, 140)))
    bench.fed(*(stopped(held_here(an_order(n)) if n == 120 else an_order(n)) for n in range(1, 140)))
    assert "order:" not in " ".join(bench.topics[-1])
    assert bench.alarms[-1].parcel_no == f"{order_no(120)}01"
    kinds = [act.kind for act in bench.core.outbox.acts_of_kind((ActKind.freeze_shown,))]
    assert kinds in ([], [ActKind.freeze_shown])


def test_regression_a_stop_that_only_seemed_lifted_is_red_again(bench: FedBench) -> None:
    """While a new copy took the old one's place the stop was gone for a moment, and stayed "taken back"."""
    bench.fed(an_order())
    bench.scan(SLIP)
    bench.fed(stopped(held_here(an_order())))
    bench.fed(held_here(an_order()))
    assert bench.alarms[-1].is_lifted
    bench.fed(stopped(held_here(an_order())))
    assert not bench.alarms[-1].is_lifted
    assert bench.acts().count("freeze_shown") == 1
    bench.desk.ack_stop("key", bench.clock.now())
    assert bench.desk.view().parcel is None


def test_regression_after_a_restart_the_alarm_does_not_wait_for_the_search_index(bench: FedBench) -> None:
    """A large copy not yet indexed kept the bench quiet until all of it was."""
    bench.fed(held_here(an_order(1)))
    bench.fed(stopped(held_here(an_order(1))))
    bench.fed(*(an_order(n) for n in range(2, INDEX_BATCH + 10)))
    bench.restart()
    [chores] = [engine for engine in bench.core.engines() if engine.name == "chores"]
    bench.run(chores.step(bench.clock.now()))
    assert bench.core.cache.waits_for_index()
    assert bench.alarms[-1].parcel_no == PARCEL


def test_while_a_copy_is_loaded_its_search_index_waits_and_a_copy_cut_off_half_way_is_searched(
    bench: FedBench,
) -> None:
    [chores] = [engine for engine in bench.core.engines() if engine.name == "chores"]

    def page(n: int) -> None:
        bench.core.cache.apply_page(a_page([order_change(n, an_order(n))], head=100_000))

    page(1)
    bench.run(chores.step(bench.clock.now()))
    page(2)
    due = bench.run(chores.step(bench.clock.now()))
    assert bench.core.cache.waits_for_index()
    bench.run(chores.step(due))
    assert not bench.core.cache.waits_for_index()
