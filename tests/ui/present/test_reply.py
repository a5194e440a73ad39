"""L15: the sentence for the buyer in each state, in both languages: honest, with what comes next, without our words."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.core import texts
from app.core.history import HistoryKind
from app.core.order import (
    CommandState,
    InterceptResult,
    Order,
    OrderState,
    RefundState,
    StopKind,
    settled,
)
from app.core.texts import Lang
from app.station.service import AnswerCard
from app.store.story import StoryLine
from tests.helpers.shop_orders import NOW, an_order, on_parcel, stopped
from ui.present.reply import reply
from ui.present.words import Words
from ui.resources import resource_dir

S, R, C = OrderState, InterceptResult, CommandState
_TEXTS = texts.load(resource_dir() / "texts")
_BANNED = {
    "zh": re.compile(r"中枢|工位|冻结|指令|租约|拦截中|挂起|打包台|系统单号|\{|\}|None|  "),
    "en": re.compile(
        r"\bhub\b|bench|station|freeze|frozen|\blease\b|parcel_no|on hold|\{|\}|None|  ", re.IGNORECASE
    ),
}


def _words(lang: Lang) -> Words:
    return Words(_TEXTS, lang, ZoneInfo("Asia/Shanghai"))


def _in(state: OrderState, **more: Any) -> Order:
    order = on_parcel(an_order(**more), state=state, carrier="zhongtong", waybill_no="78120000000001")
    return replace(order, order_state=state)


def _card(order: Order, state: CommandState, result: InterceptResult | None, items: str = "") -> AnswerCard:
    return AnswerCard(
        order_no=order.order_no,
        command_state=state,
        result=result,
        parcels=(),
        stop_id="STOP1",
        asked_at=NOW - timedelta(minutes=3),
        items=items,
    )


def _held(reason: str) -> Order:
    return stopped(an_order(), "hold", kind=StopKind.hold, reason=reason)


def _line(kind: str, at: datetime, **more: Any) -> StoryLine:
    return StoryLine(at=at, kind=kind, **more)


BY = NOW + timedelta(hours=5)
GIVEN = _line(HistoryKind.handed_over, NOW - timedelta(hours=2))
NODE = _line(
    HistoryKind.track_node,
    NOW - timedelta(hours=1),
    params={"kind": "hub_departed"},
    raw_text="快件已离开【杭州转运中心】。",
)
GIVEN_LONG_AGO = _line(HistoryKind.handed_over, NOW - timedelta(hours=30))


def _node(kind: str, hours_ago: float = 1) -> StoryLine:
    """A courier's node of the order's first parcel."""
    at = NOW - timedelta(hours=hours_ago)
    raw = "快件有新的进展。"
    no = an_order().parcels[0].parcel_no
    return _line(HistoryKind.track_node, at, params={"kind": kind}, raw_text=raw, parcel_no=no)


def _refund(order: Order, state: RefundState = RefundState.asked) -> Order:
    return replace(order, refund_state=state)


def _asked(result: R) -> Order:
    """A refund heard of from the platform, and what is known of the parcel."""
    order = stopped(an_order(), "refund", reason="platform_refund")
    return on_parcel(order, intercept_result=result, holder="st-1" if result is not R.stopped else None)


def _hinted(result: R) -> Order:
    order = stopped(an_order(), "cancel", reason="platform_cancel")
    return on_parcel(order, intercept_result=result, holder="st-1" if result is not R.stopped else None)


def _in_two() -> Order:
    order = _in(S.handed_over)
    second = replace(order.parcels[0], parcel_no=f"{order.order_no}02", state=S.packing, waybill_no="")
    return settled(replace(order, parcels=(*order.parcels, second)))


#: name, order, (command state, result) of a cancel, story, what must be said in Chinese
CASES: list[
    tuple[str, Order, tuple[CommandState, InterceptResult | None] | None, list[StoryLine], tuple[str, ...]]
] = [
    ("not heard yet", an_order(), (C.sent, None), [], ("13:57", "几分钟内")),
    ("received", an_order(), (C.received, None), [], ("几分钟内",)),
    ("somebody decides", an_order(), (C.awaiting_decision, R.stopped), [], ("几分钟内",)),
    ("counting down", an_order(), (C.counting_down, R.stopped), [], ("没有发出", "13:57")),
    ("at a bench", an_order(), (C.counting_down, R.trying), [], ("不能保证", "马上告诉您")),
    ("bench away", an_order(), (C.counting_down, R.at_station_offline), [], ("不能保证",)),
    ("stopped for good", _in(S.cancelled), (C.done, R.stopped), [], ("不会发出", "退回")),
    ("too late", _in(S.handed_over), (C.failed, R.too_late), [GIVEN], ("中通快递", "78120000000001", "拒收")),
    ("left anyway", _in(S.shipped_despite_cancel), None, [], ("拒收", "78120000000001")),
    ("cancelled by the shop", _in(S.cancelled), None, [], ("已取消",)),
    ("cancel overtaken by a rush", an_order(ship_by_at=BY), (C.overtaken, None), [], ("19:00",)),
    ("address", _held("address"), None, [], ("地址", "核对")),
    ("payment", _held("payment"), None, [], ("付款",)),
    ("stock", _held("stock"), None, [], ("缺货", "退款")),
    ("asked to wait", _held("buyer_request"), None, [], ("您的要求",)),
    ("risk is told without a word of suspicion", _held("risk"), None, [], ("审核",)),
    ("the platform still checks", _held("platform_risk"), None, [], ("审核",)),
    ("by hand", _held("manual"), None, [], ("核对",)),
    ("frozen for another reason", stopped(an_order(), "change_address"), None, [], ("核对",)),
    ("refund asked", an_order(refund_state=RefundState.asked), None, [], ("退款申请", "平台")),
    ("refund asked at a bench", _asked(R.trying), None, [], ("退款申请", "不能保证")),
    ("refund asked, bench away", _asked(R.at_station_offline), None, [], ("不能保证",)),
    ("refund asked, stopped", _asked(R.stopped), None, [], ("先不发出",)),
    ("refund asked in a closed box", _refund(_in(S.packed)), None, [], ("不能保证",)),
    ("refund asked on its way", _refund(_in(S.in_transit)), None, [GIVEN, NODE], ("拒收", "78120000000001")),
    ("refund asked after delivery", _refund(_in(S.delivered)), None, [NODE], ("退货",)),
    ("refunded", _refund(_in(S.delivered), RefundState.done), None, [NODE], ("退款已经办理",)),
    ("cancel heard of", _hinted(R.stopped), None, [], ("核实", "先不发出")),
    ("cancel heard of at a bench", _hinted(R.trying), None, [], ("核实", "不能保证")),
    (
        "one box of two has left",
        _in_two(),
        None,
        [GIVEN],
        ("2 个包裹", "发出 1 个", "78120000000001", "其余"),
    ),
    ("out for delivery", _in(S.in_transit), None, [GIVEN, _node("out_for_delivery")], ("正在派送", "13:00")),
    ("at a locker", _in(S.in_transit), None, [_node("at_pickup_point")], ("取件码",)),
    ("delivery trouble", _in(S.in_transit), None, [_node("delivery_problem")], ("遇到问题", "核实")),
    ("in customs", _in(S.in_transit), None, [_node("customs_pending")], ("清关", "海关决定")),
    ("held by customs", _in(S.in_transit), None, [_node("customs_held")], ("还没有放行",)),
    ("cleared", _in(S.in_transit), None, [_node("customs_cleared")], ("在路上",)),
    ("no news for a day", _in(S.in_transit), None, [_node("hub_arrived", 30)], ("之后没有更新", "核实")),
    (
        "out for delivery last week",
        _in(S.in_transit),
        None,
        [_node("out_for_delivery", 100)],
        ("之后没有更新",),
    ),
    ("given away, no news for a day", _in(S.handed_over), None, [GIVEN_LONG_AGO], ("还没有更新物流",)),
    ("unpaid", an_order(is_paid=False, paid_at=None), None, [], ("还没有付款",)),
    ("waiting", an_order(ship_by_at=BY), None, [], ("最晚", "19:00")),
    ("waiting, no limit", an_order(ship_by_at=None), None, [], ("付款", "运单号")),
    ("limit has passed", an_order(ship_by_at=NOW - timedelta(hours=1)), None, [], ("正在安排发货", "运单号")),
    ("packing", _in(S.packing, ship_by_at=BY), None, [], ("正在打包", "19:00")),
    ("packing, no limit", _in(S.packing, ship_by_at=None), None, [], ("正在打包",)),
    ("packed", _in(S.packed, ship_by_at=BY), None, [], ("打包好", "中通快递")),
    ("packed, no limit", _in(S.packed, ship_by_at=None), None, [], ("打包好",)),
    ("handed over", _in(S.handed_over), None, [GIVEN], ("12:00", "78120000000001")),
    ("handed over elsewhere", _in(S.handed_over), None, [], ("中通快递", "78120000000001")),
    ("on its way", _in(S.in_transit), None, [GIVEN, NODE], ("13:00", "78120000000001")),
    ("on its way, silent", _in(S.in_transit), None, [GIVEN], ("随时查物流",)),
    ("delivered", _in(S.delivered), None, [GIVEN, NODE], ("签收", "没有收到")),
    ("delivered, no node", _in(S.delivered), None, [], ("签收",)),
    ("coming back", _in(S.returning), None, [], ("退回",)),
    ("back", _in(S.returned), None, [], ("已经收到",)),
    ("closed", _in(S.closed), None, [], ("已完成",)),
]


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize(
    ("order", "cancel", "story", "said"), [c[1:] for c in CASES], ids=[c[0] for c in CASES]
)
def test_each_state_has_an_honest_sentence(
    order: Order,
    cancel: tuple[CommandState, InterceptResult | None] | None,
    story: list[StoryLine],
    said: tuple[str, ...],
    lang: Lang,
) -> None:
    card = _card(order, *cancel) if cancel else None
    sentence = reply(order, card, story, _words(lang), NOW)
    assert not _BANNED[lang].search(sentence), sentence
    assert 10 < len(sentence) <= (120 if lang == "zh" else 240)
    assert sentence.startswith("您好" if lang == "zh" else "Hello")
    if lang == "zh":
        assert all(part in sentence for part in said), sentence
        assert sentence.count("。") <= 3
    if cancel and cancel[1] in (R.trying, R.at_station_offline):
        assert "不能保证" in sentence or "cannot promise" in sentence


def test_the_couriers_own_words_are_told_in_chinese_and_their_meaning_in_english() -> None:
    order = _in(S.in_transit)
    assert "快件已离开【杭州转运中心】。" in reply(order, None, [NODE], _words("zh"), NOW)
    assert "杭州" not in reply(order, None, [NODE], _words("en"), NOW)


def test_the_sentence_speaks_of_one_box_alone() -> None:
    """Two boxes under way: the news of the one that is not there yet, not of the delivered one."""
    order = _in(S.in_transit)
    other = replace(
        order.parcels[0], parcel_no=f"{order.order_no}02", state=S.delivered, waybill_no="99990000000009"
    )
    order = settled(replace(order, parcels=(other, *order.parcels)))
    signed = replace(_node("delivered", 0.1), parcel_no=other.parcel_no)
    sentence = reply(order, None, [_node("hub_arrived", 2), signed], _words("zh"), NOW)
    assert "78120000000001" in sentence and "12:00" in sentence and "9999" not in sentence


def test_a_delivery_is_told_with_its_own_moment() -> None:
    order = _in(S.delivered)
    nodes = [_node("delivered", 3), _node("other", 1)]
    assert "11:00" in reply(order, None, nodes, _words("zh"), NOW)
