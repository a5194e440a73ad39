"""The sentence for the buyer over every state of the table, with every stop, cancel and courier's node: it is always
there, in both languages, in nobody's jargon, and never promises more than is known."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from app.core.history import HistoryKind
from app.core.lifecycle import TRANSITIONS
from app.core.order import (
    GONE_STATES,
    CommandState,
    InterceptResult,
    Order,
    OrderState,
    RefundState,
    StopKind,
)
from app.core.texts import Lang
from app.core.tracking import NodeKind
from app.station.service import AnswerCard
from app.store.story import StoryLine
from tests.helpers.shop_orders import NOW, an_order, on_parcel, stopped
from tests.ui.present.test_reply import _BANNED, _card, _words
from ui.present.reply import reply

S, R, C = OrderState, InterceptResult, CommandState
LANGS: tuple[Lang, ...] = ("zh", "en")
#: Here a cancel of days ago is no news any more.
OVER = frozenset({S.delivered, S.closed, S.returning, S.returned})
#: Nothing of this may be said of a box that has left the house.
KEPT = re.compile(
    r"没有发出|不会发出|先不发出|没有发出|正在打包|正在安排发货|not been sent|nothing was sent|kept back and will"
)
#: A moment by which it goes out.
BY = re.compile(r"最晚|at the latest")
GONE_WORDS = re.compile(r"签收|在路上|正在派送|delivered|on its way|out for delivery")
MODEST = re.compile(r"不能保证|cannot promise")
#: Command, kind and reason of what may lie over an order.
STOPS: tuple[tuple[str, StopKind, str] | None, ...] = (
    None,
    ("cancel", StopKind.freeze, "platform_cancel"),
    ("refund", StopKind.freeze, "platform_refund"),
    ("change_address", StopKind.freeze, "platform_address"),
    ("change_remark", StopKind.freeze, ""),
    ("risk", StopKind.hold, "platform_risk"),
    ("marked_abnormal", StopKind.hold, "damaged"),
    *(
        ("hold", StopKind.hold, reason)
        for reason in ("address", "payment", "stock", "buyer_request", "manual", "price")
    ),
)


def _in(state: OrderState, stop: tuple[str, StopKind, str] | None, refund: RefundState) -> Order:
    order = on_parcel(an_order(), state=state, carrier="zhongtong", waybill_no="78120000000001")
    order = replace(order, order_state=state, refund_state=refund, is_paid=state is not S.new)
    if stop is None:
        return order
    command, kind, reason = stop
    lying = stopped(an_order(), command, kind=kind, reason=reason).stops
    return replace(order, stops=lying)


def _cases(state: OrderState) -> Iterator[tuple[Order, AnswerCard | None]]:
    """Everything that may lie over it; and every answer to a cancel, alone, beside a hold and beside a refund."""
    for stop, refund in itertools.product(STOPS, RefundState):
        yield _in(state, stop, refund), None
    for stop, refund in (
        (None, RefundState.none),
        (STOPS[-1], RefundState.none),
        (None, RefundState.asked),
    ):
        order = _in(state, stop, refund)
        for told, result, items in itertools.product(C, (None, *R), ("", "毛巾 × 1")):
            yield order, _card(order, told, result, items)


def _is_plain(sentence: str, lang: Lang) -> bool:
    starts = sentence.startswith("您好" if lang == "zh" else "Hello")
    return starts and not _BANNED[lang].search(sentence) and 10 < len(sentence) <= 260


@pytest.mark.parametrize("state", list(TRANSITIONS))
def test_no_state_is_without_an_honest_sentence(state: OrderState) -> None:
    for order, card in _cases(state):
        for lang in LANGS:
            said = reply(order, card, [], _words(lang), NOW)
            about = (state, order.stops, order.refund_state, card, said)
            assert _is_plain(said, lang), about
            is_gone = state in GONE_STATES
            assert not (is_gone and KEPT.search(said)), about
            assert is_gone or not GONE_WORDS.search(said), about
            asked = order.refund_state is RefundState.asked or bool(order.stops) or state is S.cancelled
            assert not (BY.search(said) and (asked or is_gone)), about
            is_alive = card is not None and card.command_state not in (C.overtaken, C.refused)
            unsure = is_alive and card is not None and card.result in (R.trying, R.at_station_offline)
            if unsure and card is not None and not card.items and state not in OVER:
                assert MODEST.search(said), about


@pytest.mark.parametrize("kind", [None, *NodeKind])
@pytest.mark.parametrize("state", [state for state in TRANSITIONS if state in GONE_STATES])
def test_whatever_the_courier_said_last_it_is_told_without_promising_a_day(
    state: OrderState, kind: NodeKind | None
) -> None:
    order = _in(state, None, RefundState.none)
    for hours, lang in itertools.product((1, 30, 200), LANGS):
        at = NOW - timedelta(hours=hours)
        lines = [StoryLine(at=NOW - timedelta(hours=240), kind=HistoryKind.handed_over)]
        if kind is not None:
            params = {"kind": str(kind)}
            raw = "快件有新的进展。"
            lines.append(StoryLine(at=at, kind=HistoryKind.track_node, params=params, raw_text=raw))
        said = reply(order, None, lines, _words(lang), NOW)
        assert _is_plain(said, lang), (state, kind, hours, said)
        assert not BY.search(said) and not KEPT.search(said), (state, kind, said)
        if lang == "en":
            assert not re.search(r"[\u4e00-\u9fff]", said), "no Chinese in what an English buyer reads"
