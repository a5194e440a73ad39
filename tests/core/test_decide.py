"""What acts do, as tables: one order, the yes and the no."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from app.core.acts import BODIES, COMMANDS, FACTS, ActKind
from app.core.decide import Accepted, decide, happened
from app.core.freeze import Rules, due_at, go_check, tick
from app.core.history import HistoryKind
from app.core.order import CommandState, InterceptResult, Order, OrderState, RefundState
from app.core.reasons import Reason, Refused
from tests.core.make import OTHER_PACKER, PACKER, REP, RULES, T0, act, an_order, done, packed_order

S = OrderState
R = InterceptResult


def held_by(order: Order, station: str, **lease: Any) -> Order:
    parcel = replace(order.parcels[0], holder=station, lease_until=T0 + timedelta(minutes=60), **lease)
    return order.with_parcel(parcel)


def reason(order: Order, kind: str, by: Any = PACKER, on_parcel: bool = True, **body: Any) -> Reason | None:
    verdict = decide(order, act(order, kind, on_parcel, **body), by, T0, RULES)
    return verdict.reason if isinstance(verdict, Refused) else None


def test_every_kind_of_act_has_a_body_and_is_fact_or_command() -> None:
    assert set(BODIES) == set(ActKind)
    assert set(ActKind) == FACTS | COMMANDS
    assert ActKind.marked_abnormal in FACTS
    assert ActKind.cancel in COMMANDS


def test_a_parcel_is_opened_scanned_closed_and_handed_over() -> None:
    order = an_order()
    assert order.order_state is S.released
    assert order.may_go.ok
    order = done(order, "opened")
    assert order.order_state is S.packing
    order = done(order, "line_packed", line_no=1)
    assert reason(order, "parcel_closed") is Reason.not_complete
    order = done(order, "line_packed", line_no=1)
    assert reason(order, "line_packed", line_no=1) is Reason.over_quantity
    order = done(order, "line_packed", line_no=2)
    assert reason(order, "handed_over") is Reason.not_packed
    order = done(order, "parcel_closed")
    assert order.order_state is S.packed
    assert reason(order, "parcel_closed") is Reason.already_packed
    order = done(order, "handed_over", carrier="zhongtong")
    assert order.order_state is S.handed_over
    assert reason(order, "handed_over") is Reason.already_handed_over
    assert reason(order, "line_unpacked", line_no=1) is Reason.already_handed_over


@pytest.mark.parametrize(
    ("kind", "body", "expected"),
    [
        ("line_packed", {"line_no": 9}, Reason.line_unknown),
        ("line_packed", {"line_no": 1, "qty": 0}, Reason.over_quantity),
        ("line_packed", {"line_no": 1, "qty": 3}, Reason.over_quantity),
        ("line_unpacked", {"line_no": 1}, Reason.nothing_packed),
        ("waybill_bound", {"waybill_no": " "}, Reason.waybill_missing),
        ("take_over", {"statement": " "}, Reason.note_required),
    ],
)
def test_an_open_parcel_refuses(kind: str, body: dict[str, Any], expected: Reason) -> None:
    assert reason(an_order(), kind, **body) is expected


@pytest.mark.parametrize(
    ("kind", "body", "expected"),
    [
        ("release", {"stop_id": "none"}, Reason.stop_unknown),
        ("release", {}, Reason.nothing_to_change),
        ("rush", {"is_rush": False}, Reason.nothing_to_change),
        ("change_remark", {"seller_remark": ""}, Reason.nothing_to_change),
        ("reveal", {"reason": ""}, Reason.note_required),
        ("cancel", {"line_nos": (9,)}, Reason.line_unknown),
        ("change_address", {"consignee_name": "x"}, Reason.not_supported),
    ],
)
def test_an_order_refuses(kind: str, body: dict[str, Any], expected: Reason) -> None:
    assert reason(an_order(), kind, REP, on_parcel=False, **body) is expected


def test_an_unknown_parcel_is_named() -> None:
    order = an_order()
    asked = replace(act(order, "opened"), parcel_no="OD2026112100199")
    verdict = decide(order, asked, PACKER, T0, RULES)
    assert verdict == Refused(Reason.parcel_unknown, {"parcel_no": "OD2026112100199"})


def test_undo_takes_a_unit_out_and_reopens_a_closed_box() -> None:
    order = done(packed_order(), "line_unpacked", line_no=1)
    assert order.order_state is S.packing
    assert order.parcels[0].qty_packed == 2


def test_work_is_refused_at_another_bench_while_the_parcel_is_held() -> None:
    order = held_by(an_order(), "bench-1")
    assert reason(order, "opened", PACKER) is None
    assert reason(order, "opened", OTHER_PACKER) is Reason.no_lease


def test_unpaid_orders_stay_new_and_are_released_once_paid() -> None:
    order = an_order(is_paid=False)
    assert order.order_state is S.new
    assert not order.may_go.ok
    assert reason(order, "opened") is Reason.not_released
    assert reason(order, "release", REP, on_parcel=False) is Reason.not_paid
    manual = an_order(Rules(auto_release=False))
    assert manual.order_state is S.new
    assert done(manual, "release", REP, on_parcel=False).order_state is S.released


def test_a_hold_stops_work_with_its_note_until_its_own_release() -> None:
    order = done(an_order(), "hold", REP, on_parcel=False, note="等买家确认地址")
    assert not order.is_frozen
    assert not order.may_go.ok
    assert reason(order, "opened") is Reason.on_hold
    order = done(order, "marked_abnormal", reason="破损")
    assert len(order.stops) == 2
    first, second = order.stops
    order = done(replace(order, version=1), "release", REP, on_parcel=False, stop_id=first.stop_id)
    assert order.stops == (second,)
    assert reason(order, "opened") is Reason.on_hold


@pytest.mark.parametrize("state", [RefundState.asked, RefundState.done])
def test_a_refund_in_progress_stops_work_and_says_so(state: RefundState) -> None:
    order = an_order(refund_state=state)
    assert not order.may_go.ok
    assert reason(order, "opened") is Reason.refund_asked


# ---------------------------------------------------------------------------------------------- cancel


def cancelled(order: Order, **body: Any) -> Order:
    return done(order, "cancel", REP, on_parcel=False, **body)


def test_a_cancel_freezes_at_once_and_takes_effect_at_15_seconds_not_before() -> None:
    order = cancelled(an_order(), note="买家不要了")
    assert order.is_frozen
    assert order.order_state is S.released
    assert order.parcels[0].intercept_result is R.stopped
    assert order.commands[0].state is CommandState.counting_down
    assert due_at(order) == T0 + timedelta(seconds=15)
    same, none = tick(order, T0 + timedelta(seconds=14, milliseconds=999), RULES)
    assert (same, none) == (order, [])
    order, entries = tick(order, T0 + timedelta(seconds=15), RULES)
    assert order.order_state is S.cancelled
    assert order.is_frozen
    assert order.stops == ()
    assert order.commands[0].state is CommandState.done
    assert [e.kind for e in entries] == [HistoryKind.cancel_took_effect]
    assert due_at(order) is None
    assert reason(order, "cancel", REP, on_parcel=False) is Reason.already_cancelled


def test_every_hand_is_refused_while_the_cancel_counts_down() -> None:
    order = cancelled(packed_order())
    for kind, body in [
        ("opened", {}),
        ("line_packed", {"line_no": 1}),
        ("slip_printed", {"job_key": "k"}),
        ("label_printed", {"job_key": "k"}),
        ("handed_over", {}),
        ("parcel_closed", {}),
    ]:
        assert reason(order, kind, **body) is Reason.frozen, kind
    for step in ("print", "close", "handover"):
        refused = go_check(order, order.parcels[0].parcel_no, step, "bench-1")
        assert refused is not None
        assert refused.reason is Reason.frozen


def test_a_cancel_can_be_withdrawn_inside_the_window_only() -> None:
    order = cancelled(an_order())
    back = done(order, "release", REP, on_parcel=False, stop_id=order.stops[0].stop_id)
    assert not back.is_frozen
    assert back.parcels[0].intercept_result is None
    assert back.commands[0].state is CommandState.overtaken
    assert reason(order, "rush", REP, on_parcel=False) is Reason.being_cancelled
    assert reason(order, "cancel", REP, on_parcel=False) is Reason.being_cancelled


def test_a_claimed_parcel_is_trying_until_its_bench_showed_the_stop() -> None:
    order = held_by(done(an_order(), "opened"), "bench-1")
    order = cancelled(order)
    stop_ids = (order.stops[0].stop_id,)
    assert order.parcels[0].intercept_result is R.trying
    assert due_at(order) == T0 + timedelta(seconds=5)
    elsewhere = done(order, "freeze_shown", OTHER_PACKER, stop_ids=stop_ids)
    assert elsewhere.parcels[0].intercept_result is R.trying
    shown = done(order, "freeze_shown", stop_ids=stop_ids)
    assert shown.parcels[0].intercept_result is R.stopped
    acked = done(shown, "freeze_acked", stop_ids=stop_ids, how="key")
    assert acked.stops[0].acked == (order.parcels[0].parcel_no,)


def test_a_silent_bench_is_named_offline_after_5_seconds_and_settles_after_its_lease() -> None:
    order = cancelled(held_by(an_order(), "bench-1", lease_step="close"))
    order, entries = tick(order, T0 + timedelta(seconds=5), RULES)
    assert order.parcels[0].intercept_result is R.at_station_offline
    assert entries[0].params["holder"] == "bench-1"
    order, _ = tick(order, T0 + timedelta(seconds=15), RULES)
    assert order.order_state is S.cancelled
    assert order.stops, "the stop stays open until somebody knows"
    strict = Rules(last_gate="close")
    end = T0 + timedelta(minutes=60, seconds=30)
    assert tick(order, end, strict)[0].parcels[0].intercept_result is R.at_station_offline
    settled, _ = tick(order, end, RULES)
    assert settled.parcels[0].intercept_result is R.stopped
    assert settled.stops == ()


def test_a_hand_over_lease_never_settles_by_time() -> None:
    order = cancelled(held_by(an_order(), "bench-1", lease_step="handover"))
    order, _ = tick(order, T0 + timedelta(days=1), RULES)
    assert order.parcels[0].intercept_result is R.at_station_offline
    order = done(order, "take_over", REP, statement="在货架上找到了")
    assert order.parcels[0].intercept_result is R.stopped
    assert order.parcels[0].holder is None


def test_a_packed_parcel_is_stopped_only_when_somebody_pulled_it() -> None:
    order = cancelled(packed_order())
    assert order.parcels[0].intercept_result is R.trying
    shown = done(order, "freeze_shown", stop_ids=(order.stops[0].stop_id,))
    assert shown.parcels[0].intercept_result is R.trying
    order, _ = tick(shown, T0 + timedelta(seconds=20), RULES)
    assert order.parcels[0].intercept_result is R.trying
    assert order.stops
    pulled = done(order, "parcel_pulled", how="handover_refused")
    assert pulled.parcels[0].intercept_result is R.stopped
    assert pulled.stops == ()


def test_a_parcel_already_handed_over_is_too_late_and_becomes_shipped_despite_cancel() -> None:
    order = done(packed_order(), "handed_over")
    order = cancelled(order)
    assert order.parcels[0].intercept_result is R.too_late
    order, entries = tick(order, T0 + timedelta(seconds=15), RULES)
    assert order.order_state is S.shipped_despite_cancel
    assert order.commands[0].state is CommandState.failed
    assert HistoryKind.shipped_despite_cancel in [e.kind for e in entries]


def test_a_final_cancel_takes_effect_at_once_and_delivered_orders_refuse_it() -> None:
    assert cancelled(an_order(), is_final=True).order_state is S.cancelled
    order = done(packed_order(), "handed_over")
    delivered = order.with_parcel(replace(order.parcels[0], state=S.delivered))
    assert (
        reason(replace(delivered, order_state=S.delivered), "cancel", REP, False) is Reason.already_delivered
    )


# --------------------------------------------------------------------------- facts that came too late


def test_a_hand_over_after_the_cancel_is_shown_as_left() -> None:
    order, _ = tick(cancelled(packed_order()), T0 + timedelta(seconds=15), RULES)
    fact = act(order, "handed_over")
    assert isinstance(decide(order, fact, PACKER, T0, RULES), Refused)
    after = happened(order, fact, PACKER, T0, RULES)
    assert after.order.order_state is S.shipped_despite_cancel
    assert after.order.parcels[0].intercept_result is R.too_late


def test_a_scan_made_before_the_stop_was_known_is_kept() -> None:
    order = cancelled(done(an_order(), "opened"))
    after = happened(order, act(order, "line_packed", line_no=2), PACKER, T0, RULES)
    assert after.order.parcels[0].qty_packed == 1
    assert after.order.is_frozen


def test_regression_a_box_closed_offline_after_the_cancel_is_not_called_stopped() -> None:
    # The lease ran out, the hub settled on "stopped", then the bench reported that it had closed the box.
    order = done(done(an_order(), "line_packed", line_no=1, qty=2), "line_packed", line_no=2)
    order = cancelled(held_by(order, "bench-1", lease_step="close"))
    order, _ = tick(order, T0 + timedelta(hours=2), RULES)
    assert order.parcels[0].intercept_result is R.stopped
    after = happened(order, act(order, "parcel_closed"), PACKER, T0, RULES).order
    assert after.order_state is S.cancelled
    assert after.parcels[0].is_boxed
    assert after.parcels[0].intercept_result is R.trying


def test_a_fact_nobody_can_place_changes_nothing() -> None:
    order = done(packed_order(), "handed_over")
    assert happened(order, act(order, "line_packed", line_no=1), PACKER, T0, RULES) == Accepted(order, [])
    lost = replace(act(order, "opened"), parcel_no="X")
    assert happened(order, lost, PACKER, T0, RULES) == Accepted(order, [])


@pytest.mark.parametrize("kind", list(ActKind))
def test_no_act_raises_on_any_state(kind: ActKind) -> None:
    samples: dict[ActKind, dict[str, Any]] = {
        ActKind.line_packed: {"line_no": 1},
        ActKind.line_unpacked: {"line_no": 1},
        ActKind.slip_printed: {"job_key": "k"},
        ActKind.label_printed: {"job_key": "k"},
        ActKind.freeze_shown: {"stop_ids": ()},
        ActKind.freeze_acked: {"stop_ids": ()},
        ActKind.put_back: {"line_no": 1},
        ActKind.waybill_bound: {"waybill_no": "1"},
        ActKind.barcode_learned: {"code": "1", "sku_code": "A"},
        ActKind.marked_abnormal: {"reason": "r"},
        ActKind.change_remark: {"seller_remark": "r"},
        ActKind.decide_conflict: {"stop_id": "s", "choice": "rush"},
        ActKind.take_over: {"statement": "s"},
        ActKind.message_sent: {"message": "m"},
    }
    for state in S:
        order = an_order()
        order = replace(order.with_parcel(replace(order.parcels[0], state=state)), order_state=state)
        for on_parcel in (True, False):
            made = act(order, kind, on_parcel, **samples.get(kind, {}))
            assert isinstance(decide(order, made, PACKER, T0, RULES), Accepted | Refused)
            assert isinstance(happened(order, made, PACKER, T0, RULES), Accepted)


@pytest.mark.parametrize("seen", ["freeze_shown", "freeze_acked"])
@pytest.mark.parametrize("stop_ids", [("first",), ()])
def test_regression_what_the_bench_saw_of_an_earlier_cancel_answers_no_later_one(
    seen: str, stop_ids: tuple[str, ...]
) -> None:
    """Cancelled, withdrawn, cancelled again: the late word about the first made the hub say "stopped" (P3)."""
    order = held_by(done(an_order(), "opened"), "bench-1")
    for kind, act_id, body in (
        ("cancel", "first", {}),
        ("release", "back", {"stop_id": "first"}),
        ("cancel", "second", {}),
    ):
        verdict = decide(order, act(order, kind, False, act_id, **body), REP, T0, RULES)
        assert isinstance(verdict, Accepted)
        order = verdict.order
    order = done(order, seen, stop_ids=stop_ids)
    assert order.parcels[0].intercept_result is R.trying
    assert done(order, seen, stop_ids=("second",)).parcels[0].intercept_result is R.stopped
