"""A thousand lives of one order: whatever comes in whatever sequence, the promises hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from app.core.decide import Accepted, decide, happened
from app.core.freeze import tick
from app.core.lifecycle import FINAL, may_become
from app.core.order import FLOOR_STATES, InterceptResult, Order, OrderState, StopKind, settled
from tests.core.make import OTHER_PACKER, PACKER, REP, RULES, T0, act, an_order

S = OrderState
BENCHES = st.sampled_from([PACKER, OTHER_PACKER])
#: Which of the order's boxes; the last one where it has not so many.
BOXES = st.integers(0, 2)


class OrderMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.order = an_order()
        self.now = T0
        self.acts = 0
        #: Numbers of the boxes that left.
        self.left: set[str] = set()
        self.is_cancelled = False
        self.bought = {line.line_no: line.qty for line in self.order.lines}
        #: All that was done, to be done once more at the end.
        self.steps: list[Callable[[Order], Order]] = []

    def _do(self, kind: str, by: Any, on_parcel: bool = True, box: int = 0, **body: Any) -> None:
        self.acts += 1
        before = self.order
        made = act(before, kind, on_parcel, act_id=f"a{self.acts}", **body)
        no = before.parcels[min(box, len(before.parcels) - 1)].parcel_no
        if on_parcel:
            made = replace(made, parcel_no=no)
        now, verdict = self.now, decide(before, made, by, self.now, RULES)
        if isinstance(verdict, Accepted):
            event(f"{kind} accepted")
            self._step(lambda order: _accepted(decide(order, made, by, now, RULES)))
            self.left |= {no} if kind == "handed_over" else set()
        else:
            event(f"{kind} refused: {verdict.reason}")
            if made.is_fact:
                self._step(lambda order: happened(order, made, by, now, RULES).order)
                self.left |= {no} if kind == "handed_over" else set()
        for old, new in zip(before.parcels, self.order.parcels, strict=False):  # a split adds one
            assert may_become(old.state, new.state) or (made.is_fact and kind == "handed_over"), (
                kind,
                old.state,
            )

    def _step(self, does: Callable[[Order], Order]) -> None:
        self.steps.append(does)
        self.order = does(self.order)
        self.is_cancelled |= self.order.parcels[0].state is S.cancelled

    @rule(by=BENCHES, box=BOXES)
    def opened(self, by: Any, box: int) -> None:
        self._do("opened", by, box=box)

    @rule(by=BENCHES, box=BOXES, line_no=st.integers(1, 3), qty=st.integers(0, 3))
    def scanned(self, by: Any, box: int, line_no: int, qty: int) -> None:
        self._do("line_packed", by, box=box, line_no=line_no, qty=qty)

    @rule(by=BENCHES, box=BOXES, line_no=st.integers(1, 2))
    def undone(self, by: Any, box: int, line_no: int) -> None:
        self._do("line_unpacked", by, box=box, line_no=line_no)

    @rule(by=BENCHES, box=BOXES)
    def split(self, by: Any, box: int) -> None:
        self._do("split_parcel", by, box=box)

    @rule(by=BENCHES, box=BOXES)
    def closed(self, by: Any, box: int) -> None:
        self._do("parcel_closed", by, box=box)

    @rule(by=BENCHES, box=BOXES)
    def handed_over(self, by: Any, box: int) -> None:
        self._do("handed_over", by, box=box)

    @rule(by=BENCHES)
    def leased(self, by: Any) -> None:
        parcel = self.order.parcels[0]
        if parcel.holder is None and parcel.state in (S.released, S.picking, S.packing):
            held = replace(parcel, holder=by.station_id, lease_until=self.now + timedelta(minutes=60))
            self._step(lambda order: order.with_parcel(held))

    @rule()
    def asked_to_cancel(self) -> None:
        self._do("cancel", REP, on_parcel=False)

    @rule(by=BENCHES)
    def stop_seen(self, by: Any) -> None:
        self._do("freeze_shown", by, stop_ids=tuple(s.stop_id for s in self.order.stops))

    @rule()
    def pulled(self) -> None:
        if self.order.parcels[0].parcel_no not in self.left:
            self._do("parcel_pulled", REP)

    @rule()
    def held(self) -> None:
        self._do("hold", REP, on_parcel=False, note="n")

    @rule(data=st.data())
    def released(self, data: st.DataObject) -> None:
        if self.order.stops:
            stop = data.draw(st.sampled_from(self.order.stops))
            self._do("release", REP, on_parcel=False, stop_id=stop.stop_id)

    @rule(seconds=st.integers(1, 5000))
    def time_passes(self, seconds: int) -> None:
        now = self.now = self.now + timedelta(seconds=seconds)
        self._step(lambda order: tick(order, now, RULES)[0])

    @invariant()
    def derived_fields_are_true(self) -> None:
        assert settled(self.order) == self.order

    @invariant()
    def nothing_is_packed_beyond_its_quantity(self) -> None:
        assert all(0 <= line.qty_packed <= line.qty for p in self.order.parcels for line in p.lines)

    @invariant()
    def a_frozen_parcel_may_not_go(self) -> None:
        assert not (self.order.is_frozen and self.order.may_go.ok)

    @invariant()
    def what_left_is_never_called_stopped(self) -> None:
        for no in self.left:
            parcel = self.order.parcel(no)
            assert parcel is not None
            assert parcel.intercept_result is not InterceptResult.stopped
            assert self.order.order_state is not S.cancelled

    @invariant()
    def the_clock_has_no_debts(self) -> None:
        assert tick(self.order, self.now, RULES)[1] == []

    @invariant()
    def a_cancelled_order_says_so(self) -> None:
        if self.order.order_state in FINAL:
            assert all(p.state in FINAL for p in self.order.parcels)

    @invariant()
    def what_was_cancelled_never_comes_back_to_the_floor(self) -> None:
        if self.is_cancelled:
            assert self.order.parcels[0].state not in FLOOR_STATES | {S.new}

    @invariant()
    def frozen_is_what_the_words_say(self) -> None:
        """Any open stop of kind freeze, or over by a cancel; said here once more, in other words than the rule's."""
        order, parcel = self.order, self.order.parcels[0]
        stops = [stop for stop in order.stops if stop.kind is StopKind.freeze]
        over = {S.cancelled, S.shipped_despite_cancel}
        assert order.is_frozen == (bool(stops) or order.order_state in over)
        assert order.parcels[1:] == settled(order).parcels[1:]
        needs_nobody = parcel.state in {S.closed, S.cancelled, S.returned}
        assert parcel.is_frozen == (parcel.state in over or (bool(stops) and not needs_nobody))

    @invariant()
    def no_two_boxes_have_one_number_and_none_is_empty(self) -> None:
        assert len({p.parcel_no for p in self.order.parcels}) == len(self.order.parcels)
        assert all(p.lines for p in self.order.parcels)

    @invariant()
    def what_was_bought_lies_in_the_box_or_is_called_off(self) -> None:
        for line in self.order.lines:
            boxed = sum(pl.qty for p in self.order.parcels for pl in p.lines if pl.line_no == line.line_no)
            assert line.qty == self.bought[line.line_no]
            if self.order.order_state not in (S.cancelled, S.shipped_despite_cancel):
                assert boxed + line.qty_cancelled + line.qty_refunded == line.qty

    def teardown(self) -> None:
        """The same acts at the same moments make the same order, whoever applies them."""
        again = an_order()
        for step in self.steps:
            again = step(again)
        assert again == self.order


def _accepted(verdict: Any) -> Order:
    assert isinstance(verdict, Accepted)
    return verdict.order


TestOrderMachine = OrderMachine.TestCase
TestOrderMachine.settings = settings(derandomize=True)
