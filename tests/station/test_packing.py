"""The packing desk: what scans do, online and offline."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from app.core.order import InterceptResult, OrderState, RefundState
from app.core.printjob import PrintState
from app.core.qr import badge_code, command_code, slip_code
from app.core.reasons import Reason
from app.station.outcome import Done, Light, Sound
from app.store.surroundings import DiskFull
from app.wire import GoAnswer, LeaseAnswer, StationView
from tests.helpers.station import (
    MORNING,
    a_stop,
    an_item,
    an_order,
    change,
    gone,
    item_change,
    order_no,
    packed,
    stopped,
    until,
)
from tests.station.conftest import STATION, FedBench

CLOSE, UNDO, ACK = command_code("CLOSE"), command_code("UNDO"), command_code("ACK")


def slip(n: int = 1, version: int = 1) -> str:
    return slip_code(f"{order_no(n)}01", version)


def parcel_no(n: int = 1) -> str:
    return f"{order_no(n)}01"


@pytest.mark.parametrize(
    "raw", [slip(), slip().lower(), order_no(1), parcel_no(), "SF000000000001", "sf000000000001"]
)
def test_slip_order_number_and_waybill_open_the_parcel(bench: FedBench, raw: str) -> None:
    bench.fed(an_order())
    outcome = bench.scan(raw)
    assert (outcome.result, outcome.done, outcome.light) == ("ok", Done.opened, Light.amber)
    assert bench.desk.view().parcel is not None
    assert bench.acts() == ["opened"]
    until(
        lambda: any(o.scan_id == outcome.scan_id and o.light is Light.green for o in bench.outcomes),
        "not green",
    )


def test_a_goods_code_never_opens_a_parcel(bench: FedBench) -> None:
    bench.fed(an_order())
    bench.changes(item_change(bench.seq + 1, an_item("SKU-1", "6901234567892")))
    outcome = bench.scan("6901234567892")
    assert outcome.reason is Reason.nothing_open
    assert bench.acts() == []


def test_an_unknown_code_is_not_ours_while_nothing_is_open(bench: FedBench) -> None:
    assert bench.scan("ZZ-UNHEARD-OF-77").reason is Reason.not_ours
    assert bench.scan(order_no(77)).reason is Reason.order_unknown


def test_goods_are_counted_to_completion_and_the_parcel_closes(bench: FedBench) -> None:
    bench.fed(an_order(qty=(2, 1)))
    bench.changes(item_change(bench.seq + 1, an_item("SKU-2", "6901234567892")))
    bench.scan(slip())
    first = bench.scan("SKU-1")
    assert (first.done, first.params["title"], first.params["got"], first.params["qty"]) == (
        Done.counted,
        "商品1",
        "1",
        "2",
    )
    early = bench.scan(CLOSE)
    assert early.reason is Reason.not_complete
    assert early.params["expected"] == "商品1 × 1、商品2 × 1"
    assert bench.scan("SKU-1").params["left"] == "1"
    last = bench.scan("6901234567892")
    assert (last.done, last.follow) == (Done.complete, None)
    closed = bench.scan(CLOSE)
    assert (closed.result, closed.done) == ("ok", Done.closed)
    assert bench.desk.view().parcel is None
    assert bench.acts() == ["opened", "line_packed", "line_packed", "line_packed", "parcel_closed"]


def test_wrong_too_many_and_unknown_are_told_apart(bench: FedBench) -> None:
    bench.fed(an_order(qty=(1, 1)))
    bench.changes(item_change(bench.seq + 1, an_item("SKU-9", "6909999999999")))
    bench.scan(slip())
    bench.scan("SKU-1")
    wrong, many, unknown = bench.scan("6909999999999"), bench.scan("SKU-1"), bench.scan("NOBODY-KNOWS")
    assert (wrong.reason, wrong.sound) == (Reason.wrong_item, Sound.wrong)
    assert (wrong.params["scanned"], wrong.params["code"]) == ("SKU-9", "6909999999999")
    assert (many.reason, many.sound) == (Reason.over_quantity, Sound.too_many)
    assert (unknown.reason, unknown.sound) == (Reason.unknown_code, Sound.wrong)
    assert bench.acts() == ["opened", "line_packed"]


def test_an_outer_pack_counts_its_units(bench: FedBench) -> None:
    bench.fed(an_order(qty=(7, 1)))
    bench.changes(item_change(bench.seq + 1, an_item("SKU-1", "16901234567899", pack_qty=6)))
    bench.scan(slip())
    assert bench.scan("16901234567899").params["got"] == "6"
    assert bench.scan("16901234567899").reason is Reason.over_quantity


def test_the_same_read_twice_is_one_unit_and_a_true_second_unit_counts(bench: FedBench) -> None:
    bench.fed(an_order(qty=(3,)))
    bench.scan(slip())
    assert bench.scan("SKU-1").is_ok
    again = bench.scan("SKU-1", after_s=0.15)
    assert (again.reason, again.light, again.sound) == (Reason.duplicate_read, Light.amber, Sound.none)
    assert bench.scan("SKU-1", after_s=0.299).reason is Reason.duplicate_read
    assert bench.scan("SKU-1", after_s=0.3).is_ok
    assert bench.acts().count("line_packed") == 2
    scans = bench.core.outbox.run(lambda db: db.execute("SELECT result FROM scan").fetchall()).result()
    assert [row[0] for row in scans] == ["ok", "ok", "duplicate_read", "duplicate_read", "ok"]


def test_the_time_for_double_reads_is_a_setting(bench: FedBench) -> None:
    bench.fed(an_order(qty=(3,)))
    bench.core.outbox.set_setting("duplicate_ms", "50")
    bench.scan(slip())
    bench.scan("SKU-1")
    assert bench.scan("SKU-1", after_s=0.06).is_ok


def test_an_outdated_slip_opens_nothing(bench: FedBench) -> None:
    order = an_order()
    bench.fed(order.with_parcel(replace(order.parcels[0], slip_version=2)))
    assert bench.scan(slip(version=1)).reason is Reason.outdated_slip
    assert bench.scan(slip(version=2)).is_ok


def test_what_may_not_be_worked_on_says_why(bench: FedBench) -> None:
    held = stopped(an_order(2), a_stop(kind="hold", note="地址不全"))  # type: ignore[arg-type]
    bench.fed(
        an_order(1, state=OrderState.new),
        held,
        packed(an_order(3)),
        an_order(4, state=OrderState.handed_over),
        replace(an_order(5), refund_state=RefundState.asked),
        replace(an_order(6), parcels=(), order_state=OrderState.new),
        stopped(an_order(7)),
    )
    why = [bench.scan(slip(n)).reason for n in (1, 2, 3, 4, 5)]
    assert why == [
        Reason.not_released,
        Reason.on_hold,
        Reason.already_packed,
        Reason.already_handed_over,
        Reason.refund_asked,
    ]
    assert bench.scan(order_no(6)).reason is Reason.not_released
    assert bench.scan(slip(7)).reason is Reason.frozen
    assert bench.acts() == []


def test_undo_takes_the_last_counts_back_one_by_one(bench: FedBench) -> None:
    bench.fed(an_order(qty=(2, 1)))
    assert bench.scan(UNDO).reason is Reason.nothing_packed
    bench.scan(slip())
    bench.scan("SKU-1")
    bench.scan("SKU-2")
    assert (bench.scan(UNDO).done, bench.scan(UNDO + "\n").line_no) == (Done.uncounted, 1)
    assert bench.desk.undo_last(bench.clock.tick(1)).reason is Reason.nothing_packed
    view = bench.desk.view()
    assert view.parcel is not None
    assert view.parcel.qty_packed == 0


def test_counting_by_hand_and_learning_a_code(bench: FedBench) -> None:
    bench.fed(an_order(qty=(2, 2)))
    now = bench.clock.now()
    assert bench.desk.count_by_hand(1, now).reason is Reason.nothing_open
    assert bench.desk.learn_code("X-1", 1, now).reason is Reason.nothing_open
    bench.scan(slip())
    assert bench.desk.count_by_hand(1, now).is_ok
    assert bench.desk.count_by_hand(9, now).reason is Reason.line_unknown
    assert bench.desk.learn_code("BOX-77", 9, now).reason is Reason.line_unknown
    assert bench.desk.learn_code("BOX-77", 2, now).is_ok
    assert bench.scan("BOX-77").line_no == 2
    assert bench.acts() == ["opened", "line_packed", "barcode_learned", "line_packed", "line_packed"]


def test_a_ready_label_is_bound_to_a_full_box_without_a_number(bench: FedBench) -> None:
    order = an_order(qty=(1,))
    bench.fed(order.with_parcel(replace(order.parcels[0], waybill_no="")))
    bench.scan(slip())
    assert bench.scan("YT9988776655443").reason is Reason.unknown_code
    bench.scan("SKU-1")
    bound = bench.scan("YT9988776655443\r")
    assert (bound.done, bound.params["waybill_no"]) == (Done.waybill_bound, "YT9988776655443")
    assert bench.acts()[-1] == "waybill_bound"


def test_abnormal_puts_the_parcel_on_hold_and_off_the_bench(bench: FedBench) -> None:
    bench.fed(an_order())
    assert bench.desk.mark_abnormal("damaged", bench.clock.now()).reason is Reason.nothing_open
    bench.scan(slip())
    assert bench.scan(command_code("ABNORMAL")).done is Done.abnormal
    assert bench.desk.view().parcel is None
    assert bench.scan(slip()).reason is Reason.on_hold


def test_command_codes_switch_print_and_put_aside(bench: FedBench) -> None:
    bench.fed(an_order())
    assert bench.scan(command_code("PRINT")).reason is Reason.nothing_open
    bench.scan(slip())
    assert bench.scan(command_code("PRINT")).done is Done.printing
    assert bench.scan(command_code("ASIDE")).done is Done.put_aside
    assert bench.desk.view().parcel is None
    assert bench.scan(command_code("HANDOVER")).done is Done.mode_handover
    assert bench.desk.view().mode == "handover"
    assert bench.scan(command_code("PACKING")).done is Done.mode_packing
    assert bench.scan(command_code("RELEASE")).reason is Reason.unknown_code


def test_a_badge_is_handed_on(bench: FedBench) -> None:
    secret = "A" * 26
    outcome = bench.desk.on_scan(badge_code(secret), bench.clock.now())
    assert (outcome.done, outcome.follow, outcome.params["badge"]) == (Done.badge, "badge", secret)
    assert bench.run(bench.desk.follow(outcome, bench.clock.now())) is outcome


def test_a_command_code_never_releases_a_stop(bench: FedBench) -> None:
    bench.fed(an_order())
    bench.scan(slip())
    bench.fed(stopped(an_order()))
    for verb in ("CLOSE", "PRINT", "HANDOVER", "PACKING", "UNDO", "ASIDE", "RELEASE"):
        assert bench.scan(command_code(verb)).reason is Reason.frozen
    assert bench.scan(ACK).done is Done.acknowledged
    view = bench.core.read.order(order_no(1))
    assert view is not None
    assert view.is_frozen


# ------------------------------------------------------------------------------------- leases, offline


def test_opening_asks_for_the_lease_and_leaving_gives_it_back(bench: FedBench) -> None:
    bench.fed(an_order(1), an_order(2))
    bench.scan(slip(1))
    bench.steps_leases()
    assert bench.desk.view().is_leased
    bench.scan(slip(2))
    assert not bench.core.leases.is_valid(parcel_no(1))
    bench.steps_leases()
    assert [(ask.parcel_nos, ask.give_back) for ask in bench.hub.asked] == [
        ([parcel_no(1)], False),
        ([parcel_no(2)], False),
    ]
    assert bench.acts() == ["opened", "opened"]
    receipts = [_applied(envelope.act_id) for envelope in bench.core.outbox.waiting(10)]
    bench.core.outbox.settle(receipts, "EPOCH-ONE", bench.clock.now())
    bench.steps_leases()
    assert bench.hub.asked[-1].give_back


def _applied(act_id: str):  # type: ignore[no-untyped-def]
    from app.wire import Receipt

    return Receipt(act_id=act_id, outcome="applied", seq=1)


def test_a_refused_lease_takes_the_parcel_off_the_bench_and_says_who_has_it(bench: FedBench) -> None:
    bench.fed(an_order())
    view = StationView(station_id="ST-2", name="二号台", kind="packing", warehouse="main")
    bench.changes(change(bench.seq + 1, "station", "ST-2", view))
    bench.hub.refused_leases[parcel_no()] = LeaseAnswer(
        parcel_no=parcel_no(),
        granted=False,
        reason="no_lease",
        params={"parcel_no": parcel_no(), "holder": "ST-2"},
    )
    assert bench.scan(slip()).is_ok
    bench.steps_leases()
    # the scan's own green may come later
    [said] = [one for one in bench.outcomes if one.reason is Reason.no_lease]
    assert said.params["holder"] == "二号台"
    assert bench.desk.view().parcel is None


def _held_elsewhere():  # type: ignore[no-untyped-def]
    order = an_order()
    until_ = MORNING + timedelta(hours=1)
    return order.with_parcel(replace(order.parcels[0], holder="ST-2", lease_until=until_))


def test_a_parcel_held_elsewhere_is_asked_for_first(bench: FedBench) -> None:
    bench.fed(_held_elsewhere())
    first = bench.desk.on_scan(slip(), bench.clock.tick(1))
    assert (first.light, first.follow) == (Light.amber, "open")
    assert bench.desk.view().parcel is None
    opened = bench.run(bench.desk.follow(first, bench.clock.now()))
    assert opened.done is Done.opened
    assert bench.desk.view().is_leased
    assert bench.scan("SKU-1").is_ok


def test_a_parcel_held_elsewhere_stays_there_when_the_hub_says_so_or_is_away(bench: FedBench) -> None:
    bench.fed(_held_elsewhere())
    bench.hub.refused_leases[parcel_no()] = LeaseAnswer(
        parcel_no=parcel_no(), granted=False, reason="news_to_us"
    )
    assert bench.scan(slip()).reason is Reason.no_lease
    first = bench.desk.on_scan(slip(), bench.clock.tick(1))
    bench.online(False)
    assert bench.run(bench.desk.follow(first, bench.clock.now())).reason is Reason.hub_unreachable
    assert bench.scan(slip()).reason is Reason.no_lease
    assert bench.acts() == []


def test_a_lease_that_moved_takes_the_parcel_along(bench: FedBench) -> None:
    bench.fed(an_order())
    bench.scan(slip())
    bench.steps_leases()
    order = an_order()
    bench.fed(order.with_parcel(replace(order.parcels[0], holder=STATION)))
    assert bench.desk.view().is_leased
    bench.fed(_held_elsewhere())
    assert bench.desk.view().parcel is None
    # the scan's own green may come later
    assert Reason.no_lease in [outcome.reason for outcome in bench.outcomes]


def test_offline_only_what_is_leased_may_be_finished(bench: FedBench) -> None:
    bench.fed(an_order(1, qty=(1,)), an_order(2, qty=(1,)))
    bench.scan(slip(1))
    bench.steps_leases()
    bench.online(False)
    bench.scan("SKU-1")
    assert bench.scan(CLOSE).done is Done.closed
    bench.scan(slip(2))
    bench.scan("SKU-1")
    assert bench.scan(CLOSE).reason is Reason.hub_unreachable


def test_a_lease_ends_while_the_computer_sleeps(bench: FedBench) -> None:
    bench.fed(an_order(qty=(1,)))
    bench.scan(slip())
    bench.steps_leases()
    bench.scan("SKU-1")
    bench.online(False)
    bench.clock.tick(3570)
    assert bench.scan(CLOSE).reason is Reason.hub_unreachable


def test_the_hub_is_asked_before_closing_and_its_no_counts(bench: FedBench) -> None:
    bench.fed(an_order(qty=(1,)))
    bench.scan(slip())
    bench.steps_leases()
    bench.scan("SKU-1")
    bench.hub.go[parcel_no()] = GoAnswer(ok=False, reason="frozen", params={"order_no": order_no(1)})
    assert bench.scan(CLOSE).reason is Reason.frozen
    bench.hub.go[parcel_no()] = GoAnswer(ok=False, reason="a reason of tomorrow")
    assert bench.scan(CLOSE).reason is Reason.not_supported
    # it has not heard of our last scan yet: that is no reason
    bench.hub.go[parcel_no()] = GoAnswer(ok=False, reason="not_complete")
    assert bench.scan(CLOSE).done is Done.closed


def test_a_platform_that_could_not_be_asked_is_said_on_the_strip_until_one_answers(bench: FedBench) -> None:
    def is_said() -> bool:
        items = bench.core.strip(bench.clock.now())
        return any((item.key, item.level) == ("platform_silent", "warn") for item in items)

    bench.fed(an_order(qty=(1,)))
    bench.scan(slip())
    bench.steps_leases()
    bench.scan("SKU-1")
    assert not is_said()
    for platform, is_silent in (("silent", True), ("", True), ("told", False), ("silent", True)):
        bench.hub.go[parcel_no()] = GoAnswer(ok=False, reason="frozen", platform=platform)  # type: ignore[arg-type]
        assert bench.scan(CLOSE).reason is Reason.frozen
        assert is_said() is is_silent
    bench.clock.tick(121)
    assert not is_said()


def test_no_answer_in_time_leaves_it_to_the_lease(bench: FedBench) -> None:
    bench.fed(an_order(qty=(1,)))
    bench.scan(slip())
    bench.steps_leases()
    bench.scan("SKU-1")
    bench.hub.is_away = True
    assert bench.scan(CLOSE).done is Done.closed


def test_auto_close_asks_as_soon_as_the_box_is_full(bench: FedBench) -> None:
    bench.fed(an_order(qty=(1,)))
    bench.core.outbox.set_setting("auto_close", "yes")
    bench.scan(slip())
    bench.steps_leases()
    assert bench.scan("SKU-1").done is Done.closed


# ------------------------------------------------------------------------------------------- hand-over


def test_hand_over_takes_packed_parcels_and_nothing_else(bench: FedBench) -> None:
    bench.fed(packed(an_order(1)), an_order(2))
    bench.desk.set_mode("handover")
    assert bench.scan("SF000000000001").done is Done.handed_over
    assert bench.scan("SF000000000001").reason is Reason.already_handed_over
    assert bench.scan("SF000000000002").reason is Reason.not_packed
    assert bench.acts() == ["handed_over"]


def test_offline_nothing_unleased_is_handed_over(bench: FedBench) -> None:
    bench.fed(packed(an_order(1)))
    bench.desk.set_mode("handover")
    bench.online(False)
    assert bench.scan("SF000000000001").reason is Reason.hub_unreachable


def test_a_stopped_box_at_the_van_is_refused_and_counts_as_pulled(bench: FedBench) -> None:
    order = packed(an_order(1))
    asked = order.with_parcel(replace(order.parcels[0], intercept_result=InterceptResult.trying))
    bench.fed(order)
    bench.desk.set_mode("handover")
    bench.hub.go[parcel_no()] = GoAnswer(ok=False, reason="frozen", params={"order_no": order_no(1)})
    assert bench.scan("SF000000000001").reason is Reason.frozen
    bench.fed(stopped(asked))
    assert bench.scan("SF000000000001").reason is Reason.frozen
    assert bench.acts() == ["parcel_pulled"]


def test_a_stopped_box_scanned_at_the_bench_has_been_found(bench: FedBench) -> None:
    order = packed(an_order(1))
    bench.fed(stopped(order.with_parcel(replace(order.parcels[0], intercept_result=InterceptResult.trying))))
    assert bench.scan("SF000000000001").reason is Reason.frozen
    assert bench.acts() == ["parcel_pulled"]


# ------------------------------------------------------------------------------------------- printing


def test_slips_are_queued_once_and_a_second_copy_needs_a_reason(bench: FedBench) -> None:
    bench.fed(an_order(1), an_order(2), stopped(an_order(3)))
    numbers = [parcel_no(1), parcel_no(2), parcel_no(3), "OD2026012399901"]
    outcomes = bench.run(bench.desk.print_slips(numbers, bench.clock.now()))
    assert [o.result for o in outcomes] == ["ok", "ok", Reason.frozen, Reason.parcel_unknown]
    assert bench.hub.asked[0].step == "print"
    jobs = bench.core.outbox.jobs("slip", list(PrintState))
    assert [(job.parcel_no, job.copy, job.state) for job in jobs] == [
        (parcel_no(1), 1, PrintState.waiting),
        (parcel_no(2), 1, PrintState.waiting),
    ]
    [busy] = bench.run(bench.desk.print_slips([parcel_no(1)], bench.clock.now()))
    assert busy.reason is Reason.nothing_to_change
    now = bench.clock.now()
    job = bench.core.outbox.claim_next("slip", now)
    assert job is not None
    for state, before in (
        (PrintState.sending, PrintState.checking_device),
        (PrintState.printed, PrintState.sending),
    ):
        assert bench.core.outbox.set_state(job.job_id, state, "", now, (before,))
    [again] = bench.run(bench.desk.print_slips([parcel_no(1)], now))
    assert again.reason is Reason.note_required
    [copy] = bench.run(bench.desk.print_slips([parcel_no(1)], now, reason="卡纸"))
    assert copy.done is Done.printing
    assert bench.core.outbox.jobs_of(parcel_no(1))[-1].copy == 2


def test_offline_only_leased_slips_are_printed(bench: FedBench) -> None:
    bench.fed(an_order(1), an_order(2))
    bench.scan(slip(1))
    bench.steps_leases()
    bench.online(False)
    outcomes = bench.run(bench.desk.print_slips([parcel_no(1), parcel_no(2)], bench.clock.now()))
    assert [o.result for o in outcomes] == ["ok", Reason.hub_unreachable]
    bench.core.status.heard(bench.clock.now())  # we think we are online, but the call fails
    [late] = bench.run(bench.desk.print_slips([parcel_no(2)], bench.clock.now()))
    assert late.reason is Reason.hub_unreachable


def test_a_lease_refused_for_printing_prints_nothing(bench: FedBench) -> None:
    bench.fed(an_order(1))
    bench.hub.refused_leases[parcel_no()] = LeaseAnswer(
        parcel_no=parcel_no(), granted=False, reason="on_hold"
    )
    [outcome] = bench.run(bench.desk.print_slips([parcel_no()], bench.clock.now()))
    assert outcome.reason is Reason.on_hold
    assert bench.core.outbox.jobs_of(parcel_no()) == []


# -------------------------------------------------------------------------------------------- trouble


def test_a_full_disk_turns_the_scan_red_and_it_is_not_counted(bench: FedBench) -> None:
    bench.fed(an_order(qty=(400,)))
    bench.scan(slip())
    pages = bench.core.outbox.run(lambda db: db.execute("PRAGMA page_count").fetchone()[0]).result()
    bench.core.outbox.run(lambda db: db.execute(f"PRAGMA max_page_count = {pages}").fetchall()).result()
    kept = 0
    for _ in range(400):
        outcome = bench.scan("SKU-1")
        until(lambda o=outcome: any(x.scan_id == o.scan_id for x in bench.outcomes), "no word")
        last = next(x for x in bench.outcomes if x.scan_id == outcome.scan_id)
        if last.light is Light.red:
            break
        kept += 1
    assert last.reason is Reason.not_kept
    assert last.sound is Sound.stop
    view = bench.desk.view()
    assert view.parcel is not None
    assert view.parcel.qty_packed == kept
    with pytest.raises(DiskFull):
        bench.core.outbox.run(_fill).result()


def _fill(db):  # type: ignore[no-untyped-def]
    db.execute("INSERT INTO setting (key, value) VALUES ('x', ?)", ("x" * 100_000,))


def test_an_order_that_leaves_the_scope_leaves_the_bench(bench: FedBench) -> None:
    bench.fed(an_order())
    bench.scan(slip())
    bench.changes(gone(bench.seq + 1, "order", order_no(1)))
    assert bench.desk.view().parcel is None
    assert bench.scan("SKU-1").reason is Reason.not_ours
    assert bench.desk.open_parcel_no() == ""


def test_a_click_in_the_queue_opens_like_a_scan(bench: FedBench) -> None:
    bench.fed(an_order(1), an_order(2))
    assert bench.desk.open_parcel("OD2026012399901", bench.clock.now()).reason is Reason.parcel_unknown
    assert bench.desk.open_parcel(parcel_no(), bench.clock.now()).done is Done.opened
    bench.fed(stopped(an_order(1)))
    assert bench.desk.open_parcel(parcel_no(2), bench.clock.now()).reason is Reason.frozen
    bench.desk.ack_stop("key", bench.clock.now())
    assert bench.desk.open_parcel(parcel_no(2), bench.clock.now()).is_ok
    assert bench.desk.put_aside(bench.clock.now()).done is Done.put_aside
    assert bench.desk.ack_stop("key", bench.clock.now()).reason is Reason.nothing_to_change


def test_regression_a_click_on_a_stopped_box_does_not_say_that_it_was_found(bench: FedBench) -> None:
    """Nobody had the box in hand, yet the hub was told "pulled" and said "stopped" (P3)."""
    order = packed(an_order(1))
    bench.fed(stopped(order.with_parcel(replace(order.parcels[0], intercept_result=InterceptResult.trying))))
    assert bench.desk.open_parcel(parcel_no(1), bench.clock.now()).reason is Reason.frozen
    assert bench.acts() == []
