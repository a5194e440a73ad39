"""A platform's hint stops at once; only its fetched detail, or a person, lets go (design 3.9, 3.10)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from app.core.channel import absorb, first_seen
from app.core.decide import Accepted, decide
from app.core.freeze import tick
from app.core.hints import HintKind, heard
from app.core.history import HistoryKind as K
from app.core.order import Consignee, InterceptResult, Order, OrderState, RefundState, StopKind, settled
from tests.core.make import PACKER, REP, RULES, T0, act, an_order, channel_order, done, packed_order

S = OrderState
H = HintKind
STOPPING = (H.cancelled, H.refund_asked, H.address_asked, H.risk)
MOVED = Consignee(name="林小明", phone="18312342807", address="浙江省杭州市余杭区文一西路9号")


def after(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def hinted(order: Order, kind: H, at: float | None = 0, heard_at: float = 1) -> Order:
    at_moment = None if at is None else after(at)
    return heard(order, kind, at_moment, "pdd-1", after(heard_at), RULES, "topic")[0]


def told(
    order: Order, modified: float | None, fetched: float, *, readdressed: bool = False, **says: Any
) -> tuple[Order, list[Any]]:
    said = {"refund_state": RefundState.none, **says}
    came = channel_order(modified_at=None if modified is None else after(modified), **said)
    return absorb(order, came, RULES, after(fetched), after(fetched), is_readdressed=readdressed)


@pytest.mark.parametrize(
    ("kind", "command", "stop_kind", "counts_down"),
    [
        (H.cancelled, "cancel", StopKind.freeze, False),
        (H.refund_asked, "refund", StopKind.freeze, True),
        (H.address_asked, "change_address", StopKind.freeze, True),
        (H.risk, "risk", StopKind.hold, False),
    ],
)
def test_a_hint_stops_at_once(kind: H, command: str, stop_kind: StopKind, counts_down: bool) -> None:
    order, entries = heard(an_order(), kind, T0, "pdd-1", after(1), RULES, "trade_x")
    [stop] = order.stops
    assert (stop.command, stop.kind, stop.actor) == (command, stop_kind, "pdd-1")
    assert (stop.counting_down_until is not None) == counts_down
    assert not order.may_go.ok and order.is_frozen == (stop_kind is StopKind.freeze)
    assert [e.kind for e in entries][:2] == [K.hinted, K.stop_set] and settled(order) == order
    assert not isinstance(decide(order, act(order, "opened"), PACKER, after(2), RULES), Accepted)


@pytest.mark.parametrize("kind", [H.changed, H.refund_over])
def test_other_hints_only_ask_for_a_fetch(kind: H) -> None:
    order = an_order()
    assert heard(order, kind, T0, "pdd-1", after(1), RULES) == (order, [])


@pytest.mark.parametrize("kind", STOPPING)
def test_the_same_hint_again_changes_and_writes_nothing(kind: H) -> None:
    order = hinted(an_order(), kind)
    assert heard(order, kind, T0, "pdd-1", after(9), RULES) == (order, [])
    assert heard(order, kind, after(-5), "pdd-1", after(9), RULES) == (order, [])


def test_a_cancel_hint_is_answered_per_parcel_but_cancels_nothing_by_itself() -> None:
    order = hinted(an_order(), H.cancelled)
    assert order.parcels[0].intercept_result is InterceptResult.stopped and order.order_state is S.released
    assert tick(order, after(100), RULES) == (order, [])
    cancelled, entries = told(order, 0, 2, is_cancelled=True)
    assert cancelled.order_state is S.cancelled and not cancelled.stops
    assert K.cancel_took_effect in [e.kind for e in entries]
    assert [c.state for c in cancelled.commands] == ["done"]


@pytest.mark.parametrize("kind", STOPPING)
@pytest.mark.parametrize(("modified", "lifts"), [(-1, False), (0, True), (5, True), (None, True)])
def test_only_a_detail_as_new_as_the_hint_lifts_its_stop(
    kind: H, modified: float | None, lifts: bool
) -> None:
    order, entries = told(hinted(an_order(), kind), modified, 3)
    assert bool(order.stops) != lifts
    assert (K.hint_cleared in [e.kind for e in entries]) == lifts
    assert order.may_go.ok == lifts and (order.parcels[0].intercept_result is None) >= lifts


@pytest.mark.parametrize("kind", STOPPING)
def test_two_old_details_a_minute_apart_are_believed(kind: H) -> None:
    order = hinted(an_order(), kind)
    order, _ = told(order, -9, 10)
    again, entries = told(order, -9, 69)
    assert again.stops and entries == []
    assert not told(again, -9, 70)[0].stops
    renewed = hinted(again, kind, at=0, heard_at=69)
    assert told(renewed, -9, 71)[0].stops, "a hint between the two makes the first worth nothing"
    assert not told(told(renewed, -9, 72)[0], -9, 132)[0].stops


def test_who_says_nothing_of_refunds_lifts_no_refund_stop() -> None:
    assert told(hinted(an_order(), H.refund_asked), 50, 60, refund_state=None)[0].stops


def test_a_file_lifts_nothing() -> None:
    order = hinted(an_order(), H.refund_asked)
    assert absorb(order, channel_order(refund_state=RefundState.none), RULES, after(99))[0].stops


def test_a_refund_request_stands_after_its_countdown_until_the_platforms_last_word() -> None:
    order, _ = told(hinted(an_order(), H.refund_asked), 1, 2, refund_state=RefundState.asked)
    late, entries = tick(order, after(17), RULES)
    assert [e.kind for e in entries] == [K.request_took_effect] and late.order_state is S.released
    assert late.stops[0].counting_down_until is None and late.is_frozen
    assert tick(late, after(99), RULES) == (late, [])
    refused, _ = told(late, 200, 201)
    assert refused.may_go.ok
    paid_back, _ = told(late, 200, 201, refund_state=RefundState.done, is_cancelled=True)
    assert paid_back.order_state is S.cancelled and not paid_back.stops


def test_a_detail_alone_stops_for_what_it_shows_and_a_person_who_lifted_it_is_heard() -> None:
    order, _ = told(an_order(), 5, 6, refund_state=RefundState.asked, is_risk=True)
    assert [s.command for s in order.stops] == ["refund", "risk"]
    for stop in order.stops:
        order = done(order, "release", REP, after(7), on_parcel=False, stop_id=stop.stop_id)
    again, _ = told(order, 8, 9, refund_state=RefundState.asked, is_risk=True)
    assert not again.stops
    assert hinted(again, H.refund_asked, 10, 11).stops, "a new word of the platform is a new stop"


def test_an_order_first_seen_in_trouble_never_reaches_the_floor() -> None:
    for said, command in (({"refund_state": RefundState.asked}, "refund"), ({"is_risk": True}, "risk")):
        came = channel_order(modified_at=T0, **said)
        order, _ = first_seen(came, "OD20261121001", "main", after(1), RULES, after(0))
        assert [s.command for s in order.stops] == [command] and not order.may_go.ok
        assert settled(order) == order
    back = channel_order(modified_at=T0, refund_state=RefundState.done)
    assert first_seen(back, "OD20261121001", "main", after(1), RULES, after(0))[0].is_frozen
    gone = channel_order(is_shipped=True, refund_state=RefundState.asked)
    assert not first_seen(gone, "OD20261121001", "main", after(1), RULES, after(0))[0].stops


def test_an_older_detail_changes_nothing_but_a_final_cancel() -> None:
    order, _ = told(an_order(), 10, 11, buyer_remark="要礼袋")
    assert told(order, 9, 12, buyer_remark="旧话", refund_state=RefundState.asked) == (order, [])
    assert told(order, 9, 12, is_cancelled=True)[0].order_state is S.cancelled


def test_a_persons_cancel_beside_a_hint_keeps_its_own_countdown() -> None:
    order = hinted(an_order(), H.cancelled)
    order = done(order, "cancel", REP, after(2), on_parcel=False)
    order, _ = told(order, 3, 4)
    assert [s.hint for s in order.stops] == [None]
    assert order.parcels[0].intercept_result is InterceptResult.stopped
    assert tick(order, after(18), RULES)[0].order_state is S.cancelled


def test_a_person_may_lift_a_hint_and_the_cancel_that_was_no_cancel_is_taken_back() -> None:
    order = hinted(an_order(), H.cancelled)
    order = done(order, "release", REP, after(2), on_parcel=False, stop_id=order.stops[0].stop_id)
    assert order.may_go.ok and order.parcels[0].intercept_result is None
    assert [c.state for c in order.commands] == ["overtaken"]


def test_a_new_address_stands_and_a_printed_label_waits_for_a_person() -> None:
    order = hinted(an_order(), H.address_asked)
    moved, entries = told(order, 1, 2, readdressed=True, consignee=MOVED)
    assert moved.consignee.district == "余杭区" and not moved.stops
    assert [e.kind for e in entries] == [K.address_changed, K.hint_cleared]
    assert "文一西路" not in str(entries)
    labelled = done(an_order(), "label_printed", job_key="k", waybill_no="SF1")
    for start in (labelled, hinted(labelled, H.address_asked)):
        moved, _ = told(start, 1, 2, readdressed=True, consignee=MOVED)
        [stop] = moved.stops
        assert (stop.command, stop.hint, stop.counting_down_until) == ("change_address", None, None)
        assert told(moved, 99, 100, consignee=MOVED)[0].stops, "a person redoes the label first"


@pytest.mark.parametrize("kind", [H.refund_asked, H.address_asked, H.risk])
def test_what_has_left_is_not_stopped_any_more(kind: H) -> None:
    gone = done(packed_order(), "handed_over")
    assert hinted(gone, kind) == gone
    cancelled = hinted(gone, H.cancelled)
    assert cancelled.parcels[0].intercept_result is InterceptResult.too_late


# ------------------------------------------------------------------------------------- any order, any number


@dataclass(frozen=True)
class Truth:
    """What the platform held from ``at`` on."""

    at: int
    refund: RefundState
    is_risk: bool


class Platform(RuleBasedStateMachine):
    """A platform whose hints come doubled, late and mixed, and whose details may be old."""

    def __init__(self) -> None:
        super().__init__()
        self.order = an_order()
        self.now = 0
        self.truths = [Truth(0, RefundState.none, False)]
        self.hints: list[tuple[H, int]] = []
        self.persons: set[str] = set()
        self.lifted_by_person = False
        self.delivered: dict[H, int] = {}

    @rule(seconds=st.integers(1, 100))
    def time_passes(self, seconds: int) -> None:
        self.now += seconds
        self.order, _ = tick(self.order, after(self.now), RULES)

    @rule(refund=st.sampled_from([RefundState.none, RefundState.asked]), risk=st.booleans())
    def the_platform_changes(self, refund: RefundState, risk: bool) -> None:
        self.now += 1
        before = self.truths[-1]
        self.truths.append(Truth(self.now, refund, risk))
        if refund is RefundState.asked and before.refund is RefundState.none:
            self.hints.append((H.refund_asked, self.now))
        if risk and not before.is_risk:
            self.hints.append((H.risk, self.now))

    @rule(data=st.data())
    def a_hint_arrives_perhaps_again(self, data: st.DataObject) -> None:
        if self.hints:
            kind, at = data.draw(st.sampled_from(self.hints))
            self.order = hinted(self.order, kind, at, self.now)
            assert any(s.hint and s.hint.kind == kind for s in self.order.stops)
            self.delivered[kind] = max(at, self.delivered.get(kind, 0))

    @rule(lag=st.integers(0, 3))
    def a_detail_is_fetched_perhaps_an_old_one(self, lag: int) -> None:
        self.now += 1
        self._fetch(self.truths[max(0, len(self.truths) - 1 - lag)])

    @rule()
    def a_person_holds(self) -> None:
        self.order = done(self.order, "hold", REP, after(self.now), on_parcel=False, note="n")
        self.persons = {s.stop_id for s in self.order.stops if s.hint is None}

    def _fetch(self, truth: Truth) -> None:
        self.order, _ = told(self.order, truth.at, self.now, refund_state=truth.refund, is_risk=truth.is_risk)

    @invariant()
    def no_persons_stop_is_ever_lifted(self) -> None:
        assert self.persons <= {s.stop_id for s in self.order.stops}

    @invariant()
    def what_was_hinted_and_still_holds_stands_still(self) -> None:
        truth = self.truths[-1]
        wanted = {H.refund_asked: truth.refund is RefundState.asked, H.risk: truth.is_risk}
        for kind, at in self.delivered.items():
            since = max((t.at for t in self.truths if not _holds(kind, t)), default=-1)
            if wanted[kind] and at > since and not self._believed_late(kind):
                assert any(s.hint and s.hint.kind == kind for s in self.order.stops), kind

    def _believed_late(self, kind: H) -> bool:
        """Two old details a minute apart were believed: the design takes that risk knowingly."""
        return all(s.hint is None or s.hint.kind != kind for s in self.order.stops) and any(
            not _holds(kind, t) for t in self.truths[-4:-1]
        )

    @invariant()
    def derived_fields_are_true(self) -> None:
        assert settled(self.order) == self.order

    def teardown(self) -> None:
        """A last fetch of what is true now: what the platform stopped, and nothing else, stands still."""
        self.now += 1
        truth = self.truths[-1]
        self._fetch(replace(truth, at=self.now))
        kinds = {s.hint.kind for s in self.order.stops if s.hint}
        allowed = {kind for kind in (H.refund_asked, H.risk) if _holds(kind, truth)}
        assert kinds == allowed


def _holds(kind: H, truth: Truth) -> bool:
    return truth.is_risk if kind is H.risk else truth.refund is RefundState.asked


TestPlatform = Platform.TestCase
