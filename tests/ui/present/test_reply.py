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
from app.core.order import CommandState, InterceptResult, Order, OrderState, RefundState, StopKind
from app.core.texts import Lang
from app.station.service import AnswerCard
from app.store.readmodel import StoryLine
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


def _card(order: Order, state: CommandState, result: InterceptResult | None) -> AnswerCard:
    return AnswerCard(
        order_no=order.order_no,
        command_state=state,
        result=result,
        parcels=(),
        stop_id="STOP1",
        asked_at=NOW - timedelta(minutes=3),
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
    ("risk is not told", _held("risk"), None, [], ("核对",)),
    ("by hand", _held("manual"), None, [], ("核对",)),
    ("frozen for another reason", stopped(an_order(), "change_address"), None, [], ("核对",)),
    ("refund asked", an_order(refund_state=RefundState.asked), None, [], ("退款申请", "平台")),
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
