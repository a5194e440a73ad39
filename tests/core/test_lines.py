"""Single lines that no longer go: who is stopped, what shrinks, what has to come out, when the stop goes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from app.core import freeze, lines
from app.core.channel import ChannelLine, absorb, first_seen
from app.core.decide import Accepted, decide, happened
from app.core.hints import HintKind, heard
from app.core.history import Entry, HistoryKind
from app.core.history import HistoryKind as K
from app.core.order import (
    FLOOR_STATES,
    GONE_STATES,
    CommandState,
    InterceptResult,
    Order,
    OrderState,
    ParcelLine,
    RefundState,
    settled,
)
from app.core.reasons import Reason
from tests.core.make import OTHER_PACKER, PACKER, REP, RULES, T0, act, an_order, channel_order, done

S = OrderState
R = RefundState
COUNTED = timedelta(seconds=15)


def two_boxes() -> Order:
    """Two towels and a cup in one box, a second cup line in another."""
    towels = ChannelLine(sku_code="TOWEL", title="毛巾", qty=2, price_fen=1995)
    cup = ChannelLine(sku_code="CUP", title="杯子", qty=1, price_fen=2000)
    soap = ChannelLine(sku_code="SOAP", title="香皂", qty=3, price_fen=300)
    order = an_order(lines=(towels, cup, soap))
    first = order.parcels[0]
    no = order.order_no
    second = replace(first, parcel_no=f"{no}02", lines=(ParcelLine(order_no=no, line_no=3, qty=3),))
    return settled(replace(order, parcels=(replace(first, lines=first.lines[:2]), second)))


def do(order: Order, kind: str, by: Any = PACKER, now: datetime = T0, parcel: int = 0, **body: Any) -> Order:
    made = replace(act(order, kind, **body), parcel_no=order.parcels[parcel].parcel_no)
    verdict = decide(order, made, by, now, RULES)
    assert isinstance(verdict, Accepted), verdict
    return lines.lift_answered(verdict.order)[0]


def cancelled(order: Order, *line_nos: int) -> Order:
    return done(order, "cancel", REP, on_parcel=False, line_nos=line_nos)


def counted_down(order: Order, now: datetime = T0 + COUNTED) -> Order:
    return lines.lift_answered(freeze.tick(order, now, RULES)[0])[0]


def leased(order: Order, parcel: int = 0) -> Order:
    held = replace(
        order.parcels[parcel],
        holder=PACKER.station_id,
        lease_until=T0 + timedelta(hours=1),
        lease_step="close",
    )
    return order.with_parcel(held)


def packed(order: Order) -> Order:
    order = do(order, "opened")
    order = do(order, "line_packed", line_no=1, qty=2)
    order = do(order, "line_packed", line_no=2)
    return do(order, "parcel_closed")


def acked(order: Order, by: Any = PACKER, parcel: int = 0) -> Order:
    ids = tuple(s.stop_id for s in order.stops)
    order = do(order, "freeze_shown", by, parcel=parcel, stop_ids=ids)
    return do(order, "freeze_acked", by, parcel=parcel, stop_ids=ids)


def detail(
    order: Order, *states: R | None, at: datetime, whole: R = R.part, **more: Any
) -> tuple[Order, list[Entry]]:
    """The platform's word, one refund state a line."""
    told = tuple(
        ChannelLine(sku_code=line.sku_code, qty=line.qty, price_fen=line.price_fen, refund_state=state)
        for line, state in zip(order.lines, states, strict=True)
    )
    came = channel_order(lines=told, refund_state=whole, modified_at=at, **more)
    order, entries = absorb(order, came, RULES, at, at)
    order, lifted = lines.lift_answered(order)
    return order, entries + lifted


# ------------------------------------------------------------------------------------------ a rep's cancel


def test_a_cancel_of_lines_stops_only_the_boxes_that_carry_them() -> None:
    order = cancelled(two_boxes(), 2)

    assert [p.is_frozen for p in order.parcels] == [True, False]
    assert [p.intercept_result for p in order.parcels] == [InterceptResult.stopped, None]
    assert freeze.go_check(order, order.parcels[1].parcel_no, "print", None) is None


def test_after_the_countdown_the_rest_of_the_box_goes_on() -> None:
    order = counted_down(cancelled(two_boxes(), 2))

    box = order.parcels[0]
    assert [pl.qty for pl in box.lines] == [2, 0]
    assert (order.lines[1].qty_cancelled, order.lines[0].qty_cancelled) == (1, 0)
    assert (order.stops, box.is_frozen, box.intercept_result) == ((), False, None)
    assert order.commands[-1].state is CommandState.done
    assert [a.result for a in order.commands[-1].answers] == [InterceptResult.stopped]
    packed_rest = do(do(order, "opened"), "line_packed", line_no=1, qty=2)
    assert do(packed_rest, "parcel_closed").parcels[0].state is S.packed


def test_what_lies_in_the_box_already_must_come_out_before_it_goes_on() -> None:
    order = do(leased(do(two_boxes(), "opened")), "line_packed", line_no=2)
    order = counted_down(acked(cancelled(order, 2)))

    assert [pl.line_no for pl in lines.to_take_out(order, order.parcels[0])] == [2]
    assert order.parcels[0].is_frozen
    order = do(order, "line_unpacked", line_no=2)
    assert not order.stops
    assert not lines.to_take_out(order, order.parcels[0])


def test_the_stop_waits_for_its_holder_to_acknowledge() -> None:
    order = counted_down(cancelled(leased(do(two_boxes(), "opened")), 2))
    ids = tuple(s.stop_id for s in order.stops)
    assert ids

    order = do(order, "freeze_shown", stop_ids=ids)
    assert order.parcels[0].intercept_result is InterceptResult.stopped
    assert order.stops, "it stands on the screen, and nobody has said yet that it was seen"
    assert not do(order, "freeze_acked", stop_ids=ids).stops


def test_an_acknowledgement_from_another_bench_does_not_lift_a_holders_stop() -> None:
    order = counted_down(cancelled(leased(do(two_boxes(), "opened")), 2))

    ids = tuple(s.stop_id for s in order.stops)
    assert do(order, "freeze_shown", OTHER_PACKER, stop_ids=ids).stops


def test_a_packed_box_is_opened_again_and_is_not_called_stopped_before_somebody_has_it() -> None:
    order = counted_down(cancelled(packed(two_boxes()), 2))

    box = order.parcels[0]
    assert (box.state, box.intercept_result) == (S.packing, InterceptResult.trying)
    assert freeze.go_check(order, box.parcel_no, "handover", None) is not None
    order = do(order, "parcel_pulled", how="found")
    assert order.parcels[0].intercept_result is InterceptResult.stopped
    order = do(order, "line_unpacked", line_no=2)
    assert not order.stops
    assert do(order, "parcel_closed").parcels[0].state is S.packed


def test_what_is_counted_late_into_a_closed_box_opens_it_again() -> None:
    order = counted_down(cancelled(two_boxes(), 1))
    order = do(do(order, "line_packed", line_no=2), "parcel_closed")
    assert order.parcels[0].state is S.packed

    late = replace(act(order, "line_packed", line_no=1), parcel_no=order.parcels[0].parcel_no)
    after = happened(order, late, OTHER_PACKER, T0, RULES)

    box = after.order.parcels[0]
    assert (box.state, [pl.line_no for pl in lines.to_take_out(after.order, box)]) == (S.packing, [1])
    assert [entry.kind for entry in after.entries] == [HistoryKind.line_packed, HistoryKind.parcel_reopened]
    order = do(after.order, "line_unpacked", line_no=1)
    assert do(order, "parcel_closed").parcels[0].state is S.packed


def test_a_printed_slip_gets_another_version_only_when_something_on_it_changed() -> None:
    printed = do(two_boxes(), "slip_printed", job_key="k")
    printed = do(printed, "slip_printed", parcel=1, job_key="k2")

    order = counted_down(acked(cancelled(printed, 2)))

    assert [p.slip_version for p in order.parcels] == [2, 1]
    assert counted_down(cancelled(two_boxes(), 2)).parcels[0].slip_version == 1


def test_a_box_with_nothing_left_is_cancelled_and_the_order_goes_on_with_its_sibling() -> None:
    order = counted_down(cancelled(two_boxes(), 3))

    assert [p.state for p in order.parcels] == [S.released, S.cancelled]
    assert (order.order_state, order.lines[2].qty_cancelled) == (S.released, 3)
    assert not order.stops


def test_cancelling_every_line_is_cancelling_the_order() -> None:
    order = cancelled(two_boxes(), 1, 2, 3)

    assert order.stops[0].line_nos == ()
    assert counted_down(order).order_state is S.cancelled


def test_a_box_that_left_keeps_what_it_holds_and_the_command_failed() -> None:
    order = do(packed(two_boxes()), "handed_over")
    order = counted_down(cancelled(order, 2))

    assert (order.parcels[0].state, order.parcels[0].intercept_result) == (
        S.handed_over,
        InterceptResult.too_late,
    )
    assert (order.lines[1].qty_cancelled, order.commands[-1].state) == (0, CommandState.failed)
    assert not order.stops


def test_a_box_that_left_with_nothing_else_in_it_is_called_back() -> None:
    order = do(do(two_boxes(), "opened", parcel=1), "line_packed", parcel=1, line_no=3, qty=3)
    order = do(do(order, "parcel_closed", parcel=1), "handed_over", parcel=1)
    order = counted_down(cancelled(order, 3))

    assert order.parcels[1].state is S.shipped_despite_cancel
    assert order.lines[2].qty_cancelled == 3


def test_withdrawn_in_time_nothing_has_changed() -> None:
    before = two_boxes()
    order = cancelled(before, 2)
    order = done(order, "release", REP, on_parcel=False, stop_id=order.stops[0].stop_id)

    assert (order.stops, order.parcels, order.lines) == ((), before.parcels, before.lines)


def test_the_same_lines_are_not_cancelled_twice_but_others_may_be() -> None:
    order = cancelled(two_boxes(), 2)
    again = decide(order, act(order, "cancel", False, act_id="x", line_nos=(2,)), REP, T0, RULES)

    assert getattr(again, "reason", None) is Reason.being_cancelled
    assert len(done(order, "cancel", REP, on_parcel=False, line_nos=(3,)).stops) == 2
    gone = counted_down(order)
    late = decide(gone, act(gone, "cancel", False, act_id="y", line_nos=(2,)), REP, T0, RULES)
    assert getattr(late, "reason", None) is Reason.already_cancelled


def test_a_unit_packed_offline_after_its_cancel_is_asked_out_again() -> None:
    order = counted_down(cancelled(do(two_boxes(), "opened"), 2))
    late = replace(act(order, "line_packed", line_no=2), parcel_no=order.parcels[0].parcel_no)
    assert not isinstance(decide(order, late, PACKER, T0, RULES), Accepted)

    order = happened(order, late, PACKER, T0, RULES).order

    assert [pl.line_no for pl in lines.to_take_out(order, order.parcels[0])] == [2]
    assert freeze.go_check(order, order.parcels[0].parcel_no, "close", None) is not None


def test_a_supervisors_word_stands_for_a_bench_that_cannot_answer() -> None:
    order = counted_down(cancelled(leased(do(two_boxes(), "opened")), 2))

    assert not do(order, "take_over", REP, statement="去看过了，箱子在架上").stops


# --------------------------------------------------------------------------------------- a platform's refund


def test_a_refund_asked_for_one_line_stops_only_its_box() -> None:
    order, entries = detail(two_boxes(), R.none, R.none, R.asked, at=T0, whole=R.asked)

    assert [p.is_frozen for p in order.parcels] == [False, True]
    assert order.stops[0].line_nos == (3,)
    assert freeze.go_check(order, order.parcels[0].parcel_no, "print", None) is None
    assert freeze.go_check(order, order.parcels[1].parcel_no, "print", None) is not None
    assert any(e.params.get("items") == "香皂 × 3" for e in entries)


def test_a_push_stops_everything_until_the_detail_names_the_line() -> None:
    order, _ = heard(two_boxes(), HintKind.refund_asked, T0, "s1", T0, RULES)
    assert all(p.is_frozen for p in order.parcels)

    order, entries = detail(order, R.none, R.none, R.asked, at=T0 + COUNTED, whole=R.asked)
    assert [p.is_frozen for p in order.parcels] == [False, True]
    assert K.stop_covers in [e.kind for e in entries]


def test_a_detail_older_than_the_push_narrows_nothing() -> None:
    order, _ = heard(two_boxes(), HintKind.refund_asked, T0 + COUNTED, "s1", T0 + COUNTED, RULES)
    order, _ = detail(order, R.none, R.none, R.asked, at=T0, whole=R.asked)

    assert all(p.is_frozen for p in order.parcels)


def test_a_refund_that_is_done_takes_the_line_out_and_lets_the_rest_go() -> None:
    order, _ = detail(two_boxes(), R.none, R.asked, R.none, at=T0, whole=R.asked)
    order, entries = detail(order, R.none, R.done, R.none, at=T0 + COUNTED)

    assert (order.lines[1].qty_refunded, order.lines[1].qty_left) == (1, 0)
    assert [pl.qty for pl in order.parcels[0].lines] == [2, 0]
    assert (order.stops, order.refund_state) == ((), R.part)
    assert order.may_go.ok
    assert [e.params["items"] for e in entries if e.kind is K.lines_refunded] == ["杯子 × 1"]


def test_a_done_refund_over_a_packed_box_asks_for_the_unit_to_come_out() -> None:
    order, _ = detail(packed(two_boxes()), R.none, R.done, R.none, at=T0)

    box = order.parcels[0]
    assert (box.state, box.intercept_result, box.is_frozen) == (S.packing, InterceptResult.trying, True)
    order = do(order, "line_unpacked", line_no=2)
    assert (order.stops, order.parcels[0].intercept_result) == ((), None)


def test_a_hand_that_acknowledged_a_refund_is_not_asked_again_when_the_money_is_back() -> None:
    order, _ = detail(leased(do(two_boxes(), "opened")), R.none, R.asked, R.none, at=T0, whole=R.asked)
    [asked] = acked(order).stops
    order, entries = detail(acked(order), R.none, R.done, R.none, at=T0 + COUNTED)

    assert (order.stops, order.parcels[0].is_frozen, order.parcels[0].intercept_result) == ((), False, None)
    assert [pl.qty for pl in order.parcels[0].lines] == [2, 0]
    assert [e.kind for e in entries if e.kind in (K.stop_set, K.stop_lifted)] == [K.stop_lifted]
    assert asked.command == "refund"


def test_a_hand_that_has_not_acknowledged_yet_does_so_once() -> None:
    order, _ = detail(leased(do(two_boxes(), "opened")), R.none, R.asked, R.none, at=T0, whole=R.asked)
    order, _ = detail(order, R.none, R.done, R.none, at=T0 + COUNTED)

    assert [s.acked for s in order.stops] == [()]
    assert not acked(order).stops


def test_units_of_a_refund_that_was_acknowledged_come_out_under_the_same_stop() -> None:
    open_box = do(do(leased(two_boxes()), "opened"), "line_packed", line_no=2)
    order, _ = detail(open_box, R.none, R.asked, R.none, at=T0, whole=R.asked)
    order = acked(order)
    before = order.stops[0].stop_id
    order, _ = detail(order, R.none, R.done, R.none, at=T0 + COUNTED)

    assert [(s.stop_id, s.line_nos, s.hint) for s in order.stops] == [(before, (2,), None)]
    assert order.parcels[0].intercept_result is InterceptResult.stopped, "its hand stands still"
    assert [pl.line_no for pl in lines.may_take_out(order, order.parcels[0])] == [2]
    assert not do(order, "line_unpacked", line_no=2).stops


def test_a_closed_box_that_has_to_be_fetched_is_told_of_anew() -> None:
    order, _ = detail(packed(leased(two_boxes())), R.none, R.asked, R.none, at=T0, whole=R.asked)
    order = acked(order)
    before = order.stops[0].stop_id
    order, _ = detail(order, R.none, R.done, R.none, at=T0 + COUNTED)

    assert len(order.stops) == 1 and order.stops[0].stop_id != before
    assert order.parcels[0].intercept_result is InterceptResult.trying, "nobody has said where it is"


def test_a_refund_that_stands_for_another_line_stays_when_one_is_done() -> None:
    order, _ = detail(leased(do(two_boxes(), "opened")), R.asked, R.asked, R.none, at=T0, whole=R.asked)
    order, _ = detail(acked(order), R.asked, R.done, R.none, at=T0 + COUNTED)

    assert [s.line_nos for s in order.stops if s.hint] == [(1,)]


def test_a_word_older_than_the_push_ends_no_refund() -> None:
    order = leased(do(two_boxes(), "opened"))
    order, _ = heard(order, HintKind.refund_asked, T0 + COUNTED, "s1", T0 + COUNTED, RULES)
    order, _ = detail(acked(order), R.none, R.done, R.none, at=T0)

    assert [s.line_nos for s in order.stops if s.hint] == [()], "it may be about another line"


def test_the_same_detail_again_changes_nothing() -> None:
    order, _ = detail(packed(two_boxes()), R.none, R.done, R.asked, at=T0, whole=R.asked)

    assert detail(order, R.none, R.done, R.asked, at=T0, whole=R.asked) == (order, [])


def test_a_refused_refund_lets_the_line_go_again() -> None:
    order, _ = detail(two_boxes(), R.asked, R.none, R.none, at=T0, whole=R.asked)
    order, _ = detail(order, R.none, R.none, R.none, at=T0 + COUNTED, whole=R.none)

    assert (order.stops, order.lines) == ((), two_boxes().lines)


def test_a_line_a_person_let_go_stays_let_go_when_another_is_asked_for() -> None:
    order, _ = detail(two_boxes(), R.asked, R.none, R.none, at=T0, whole=R.asked)
    order = done(order, "release", REP, on_parcel=False, stop_id=order.stops[0].stop_id)
    order, _ = detail(order, R.asked, R.none, R.asked, at=T0 + COUNTED, whole=R.asked)

    assert [s.line_nos for s in order.stops] == [(3,)]


def test_all_lines_refunded_is_an_order_that_does_not_go() -> None:
    order, _ = detail(two_boxes(), R.done, R.done, R.done, at=T0, whole=R.done)

    assert (order.order_state, order.stops) == (S.cancelled, ())


def test_an_order_first_seen_with_a_refunded_line_is_packed_without_it() -> None:
    told = (
        ChannelLine(sku_code="A", qty=1, refund_state=R.done),
        ChannelLine(sku_code="B", qty=2, refund_state=R.none),
    )
    order, _ = first_seen(
        channel_order(lines=told, refund_state=R.part), "OD20261121001", "main", T0, RULES, fetched_at=T0
    )

    assert [pl.qty for pl in order.parcels[0].lines] == [0, 2]
    assert (order.stops, order.order_state) == ((), S.released)


def test_lines_told_in_another_order_are_found() -> None:
    order = two_boxes()
    told = tuple(
        ChannelLine(
            sku_code=line.sku_code,
            qty=line.qty,
            price_fen=line.price_fen,
            refund_state=R.done if i == 0 else R.none,
        )
        for i, line in reversed(list(enumerate(order.lines)))
    )
    order, _ = absorb(order, channel_order(lines=told, refund_state=R.part, modified_at=T0), RULES, T0, T0)

    assert [line.qty_refunded for line in order.lines] == [2, 0, 0]


@pytest.mark.parametrize("said", [None, R.part])
def test_who_names_no_lines_speaks_of_the_whole_order(said: R | None) -> None:
    order, _ = absorb(
        two_boxes(), channel_order(lines=(), refund_state=R.asked, modified_at=T0), RULES, T0, T0
    )

    assert all(p.is_frozen for p in order.parcels)


# ---------------------------------------------------------------------------------------------- all of it

LINE_NOS = st.sets(st.integers(1, 3), min_size=1, max_size=3).map(lambda s: tuple(sorted(s)))
BENCHES = st.sampled_from([PACKER, OTHER_PACKER])
BOX = st.integers(0, 1)


class LineMachine(RuleBasedStateMachine):
    """Two boxes of one order while its lines are cancelled, refunded, packed, taken out and carried away."""

    def __init__(self) -> None:
        super().__init__()
        self.order = two_boxes()
        self.now = T0
        self.acts = 0
        self.states: list[R] = [R.none, R.none, R.none]

    @initialize(printed=st.booleans())
    def begin(self, printed: bool) -> None:
        if printed:
            self._do("slip_printed", PACKER, 0, job_key="k")

    def _do(self, kind: str, by: Any, box: int | None, **body: Any) -> None:
        self.acts += 1
        made = act(self.order, kind, box is not None, act_id=f"a{self.acts}", **body)
        if box is not None:
            made = replace(made, parcel_no=self.order.parcels[box].parcel_no)
        verdict = decide(self.order, made, by, self.now, RULES)
        if isinstance(verdict, Accepted):
            self.order = verdict.order
        elif made.is_fact:
            self.order = happened(self.order, made, by, self.now, RULES).order
        self._hub()

    def _hub(self) -> None:
        self.order = lines.lift_answered(self.order)[0]

    @rule(box=BOX, by=BENCHES)
    def opened(self, box: int, by: Any) -> None:
        self._do("opened", by, box)

    @rule(box=BOX, by=BENCHES, line_no=st.integers(1, 3), qty=st.integers(1, 3))
    def counted(self, box: int, by: Any, line_no: int, qty: int) -> None:
        self._do("line_packed", by, box, line_no=line_no, qty=qty)

    @rule(box=BOX, by=BENCHES)
    def all_counted_and_closed(self, box: int, by: Any) -> None:
        for pl in self.order.parcels[box].lines:
            if pl.qty > pl.qty_packed:
                self._do("line_packed", by, box, line_no=pl.line_no, qty=pl.qty - pl.qty_packed)
        self._do("parcel_closed", by, box)

    @rule(box=BOX, by=BENCHES, line_no=st.integers(1, 3))
    def taken_out(self, box: int, by: Any, line_no: int) -> None:
        self._do("line_unpacked", by, box, line_no=line_no)

    @rule(box=BOX, by=BENCHES)
    def handed_over(self, box: int, by: Any) -> None:
        self._do("handed_over", by, box)

    @rule(box=BOX, by=BENCHES)
    def leased(self, box: int, by: Any) -> None:
        parcel = self.order.parcels[box]
        if parcel.holder is None and freeze.blocks(self.order, parcel, by.station_id) is None:
            until = self.now + timedelta(minutes=60)
            held = replace(parcel, holder=by.station_id, lease_until=until, lease_step="close")
            self.order = self.order.with_parcel(held)

    @rule(line_nos=LINE_NOS)
    def cancel_asked(self, line_nos: Sequence[int]) -> None:
        self._do("cancel", REP, None, line_nos=tuple(line_nos))

    @rule()
    def withdrawn(self) -> None:
        for stop in self.order.stops:
            self._do("release", REP, None, stop_id=stop.stop_id)

    @rule(line=st.integers(0, 2), state=st.sampled_from([R.none, R.asked, R.done]))
    def platform_said(self, line: int, state: R) -> None:
        if self.states[line] is not R.done:
            self.states[line] = state
        whole = R.none
        if R.asked in self.states:
            whole = R.asked
        elif R.done in self.states:
            whole = R.done if set(self.states) == {R.done} else R.part
        self.order, _ = detail(self.order, *self.states, at=self.now, whole=whole)

    @rule()
    def pushed(self) -> None:
        self.order, _ = heard(self.order, HintKind.refund_asked, self.now, "s1", self.now, RULES)
        self._hub()

    @rule(box=BOX, by=BENCHES)
    def acknowledged(self, box: int, by: Any) -> None:
        ids = tuple(s.stop_id for s in self.order.stops)
        self._do("freeze_shown", by, box, stop_ids=ids)
        self._do("freeze_acked", by, box, stop_ids=ids)

    @rule(box=BOX)
    def pulled(self, box: int) -> None:
        if self.order.parcels[box].state not in GONE_STATES:
            self._do("parcel_pulled", REP, box)

    @rule(seconds=st.integers(1, 60))
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)
        self.order, _ = freeze.tick(self.order, self.now, RULES)
        self._hub()

    @invariant()
    def quantities_are_never_negative_and_their_sums_hold(self) -> None:
        for line in self.order.lines:
            mine = [(p, pl) for p in self.order.parcels for pl in p.lines if pl.line_no == line.line_no]
            assert all(0 <= pl.qty <= line.qty and 0 <= pl.qty_packed <= line.qty for _, pl in mine)
            assert min(line.qty_cancelled, line.qty_refunded, line.qty_left) >= 0
            if not any(p.state in GONE_STATES for p, _ in mine):
                in_house = sum(pl.qty for p, pl in mine if p.state is S.new or p.state in FLOOR_STATES)
                assert in_house == line.qty_left, (line, mine)

    @invariant()
    def more_in_a_box_than_wanted_is_asked_out_of_it(self) -> None:
        for parcel in self.order.parcels:
            if parcel.state in FLOOR_STATES and any(pl.qty_packed > pl.qty for pl in parcel.lines):
                assert lines.to_take_out(self.order, parcel)
                assert not parcel.is_complete
                assert parcel.state is not S.packed
                assert freeze.go_check(self.order, parcel.parcel_no, "handover", None) is not None

    @invariant()
    def a_box_with_nothing_left_is_cancelled(self) -> None:
        for parcel in self.order.parcels:
            assert parcel.qty or parcel.state is S.cancelled or parcel.state in GONE_STATES

    @invariant()
    def only_boxes_with_the_named_lines_are_frozen(self) -> None:
        for parcel in self.order.parcels:
            over = [
                s
                for s in self.order.stops
                if not s.line_nos or {pl.line_no for pl in parcel.lines} & {*s.line_nos}
            ]
            if parcel.is_frozen and parcel.state in FLOOR_STATES:
                assert over

    @invariant()
    def derived_fields_are_true_and_nothing_waits_without_reason(self) -> None:
        assert settled(self.order) == self.order
        assert lines.lift_answered(self.order)[1] == []
        assert freeze.tick(self.order, self.now, RULES)[1] == []

    @invariant()
    def a_box_that_goes_on_carries_no_old_answer(self) -> None:
        for parcel in self.order.parcels:
            if parcel.intercept_result is InterceptResult.stopped and parcel.state in FLOOR_STATES:
                assert parcel.is_frozen


TestLineMachine = LineMachine.TestCase
