"""What supervisors and reps read, and the honest strip: values in, words out."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.core import texts
from app.core.history import HistoryKind
from app.core.order import CommandState, InterceptResult, Order, OrderState, RefundState, StopKind
from app.core.texts import Lang
from app.core.tracking import NodeKind
from app.station.service import AnswerCard, ParcelAnswer
from app.station.status import StripItem
from app.station.supervisor import BenchView, StopView
from app.store.story import StoryLine
from app.wire import AlarmView, PrinterReport
from tests.helpers.shop_orders import NOW, STATION, an_order, on_parcel, stopped
from ui.present.alarms import alarm_row
from ui.present.packing import Bench
from ui.present.service import answer_view, groups, hit, order_head
from ui.present.story import story_rows
from ui.present.strip import strip_views
from ui.present.supervisor import bench_row, keep_places, stop_row
from ui.present.words import Words

R = InterceptResult
S = OrderState
TEXTS = texts.load(Path(__file__).parents[3] / "resources" / "texts")
BENCH = Bench(STATION, {"st-1": "打包台 1"})


def words(lang: Lang = "zh") -> Words:
    return Words(TEXTS, lang, ZoneInfo("Asia/Shanghai"))


# -- the answer to a cancel ------------------------------------------------------------------------------------------


def card(
    result: InterceptResult | None, *, until: float = 0, state: str = "counting_down", holder: str = ""
) -> AnswerCard:
    order = an_order()
    return AnswerCard(
        order_no=order.order_no,
        command_state=CommandState(state),
        result=result,
        parcels=(
            ParcelAnswer(
                parcel_no=order.parcels[0].parcel_no, result=result, holder="st-1", holder_name=holder
            ),
        ),
        stop_id="stop-1",
        asked_at=NOW - timedelta(seconds=4),
        counting_down_until=NOW + timedelta(seconds=until) if until else None,
    )


ANSWERS: list[tuple[str, AnswerCard, str, str, bool]] = [
    ("not heard yet", card(None, state="sent"), "wait", "取消已提交", False),
    ("counting down", card(R.stopped, until=11), "wait", "取消 11 秒后生效", True),
    ("stopped", card(R.stopped, state="done"), "ok", "已拦下", False),
    ("hands on it", card(R.trying, until=11, holder="打包台 1"), "wait", "正在拦截", True),
    (
        "bench away",
        card(R.at_station_offline, state="done", holder="打包台 1"),
        "wait",
        "还没拦下：工位离线",
        False,
    ),
    ("gone", card(R.too_late, state="failed"), "stop", "没拦住", False),
]


@pytest.mark.parametrize(
    ("asked", "state", "head", "withdraws"), [a[1:] for a in ANSWERS], ids=[a[0] for a in ANSWERS]
)
def test_a_rep_is_told_what_is_true_and_no_more(
    asked: AnswerCard, state: str, head: str, withdraws: bool
) -> None:
    answer = answer_view(asked, stopped(an_order()), words(), NOW)
    assert answer is not None
    assert (answer.state, answer.head) == (state, head)
    assert bool(answer.withdraw_id) == withdraws
    assert answer.age == "4 秒前提出"
    if asked.result is not R.stopped:
        assert "可以告诉买家" not in answer.text


def test_only_a_stopped_parcel_may_be_promised() -> None:
    promise = "可以告诉买家"
    for result in (None, *R):
        for state in CommandState:
            answer = answer_view(card(result, state=state.value), stopped(an_order()), words(), NOW)
            said = answer is not None and promise in answer.text
            assert said == (answer is not None and answer.state == "ok" and result is R.stopped)


def test_a_hold_is_told_with_its_reason_and_a_free_order_has_no_card() -> None:
    held = stopped(an_order(), "hold", kind=StopKind.hold, reason="address", actor="王主管")
    answer = answer_view(None, held, words(), NOW)
    assert answer is not None and (answer.state, answer.text) == ("wait", "王主管挂起：地址问题")
    assert answer_view(None, an_order(), words(), NOW) is None


# -- the order -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_field_has_a_name_a_value_and_a_source(lang: Lang) -> None:
    order = an_order(extra={"达人": "小鱼"}, tags=("老客",), coupon_fen=500)
    shown = [field for group in groups(order, words(lang)) for field in group.fields]
    assert all(field.label and field.value and field.source for field in shown)
    by_label = {field.label: field for field in shown}
    if lang == "zh":
        assert by_label["来源渠道"].value == "拼多多"
        assert by_label["平台单号"].source == "拼多多 · 棉时光旗舰店"
        assert by_label["系统单号"].source == "订单中枢"
        assert by_label["达人"].value == "小鱼"
        assert by_label["优惠"].value == "¥5.00"


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_what_only_one_channel_has_is_shown_under_names_of_ours(lang: Lang) -> None:
    """MAP-03."""
    extra = {
        "influencer_id": "98765",
        "influencer_name": "小鹿",
        "commission_rate": "20",
        "commission_fen": 2560,
        "group_status": 1,
        "seller_flag": 5,
        "sub_orders": [{"sub_order_no": "1"}, {"sub_order_no": "2"}],
    }
    [*_, group] = groups(an_order(extra=extra), words(lang))
    shown = {field.label: field.value for field in group.fields}
    said = {
        "zh": {
            "达人 ID": "98765",
            "佣金比例": "20",
            "预估佣金": "¥25.60",
            "拼团": "已成团",
            "插旗": "红旗",
            "子订单": "2 个",
        },
        "en": {
            "Influencer": "98765",
            "Estimated commission": "¥25.60",
            "Group buying": "complete",
            "Seller flag": "red",
        },
    }
    assert said[lang].items() <= shown.items()
    assert not any("_" in label for label in shown), "no code names"
    [*_, group] = groups(an_order(extra=extra), words(lang), money=False)
    assert not any("¥" in field.value for field in group.fields)


def test_states_of_the_platform_are_words_never_codes() -> None:
    coded = order_head(an_order(channel_state="WAIT_SELLER_SEND_GOODS"), words())
    worded = order_head(an_order(channel_state="已付款，待发货"), words())
    assert coded.chips[1][1].text == "平台未说明"
    assert worded.chips[1][1].text == "已付款，待发货"


KEPT: list[tuple[str, Order, str, list[tuple[str, str]]]] = [
    ("a cancel", stopped(an_order()), "stop", [("停止标记：取消", "stop")]),
    (
        "a refund asked at the platform",
        stopped(an_order(refund_state=RefundState.asked), "refund", reason="platform_refund"),
        "stop",
        [("退款：申请退款", "stop"), ("停止标记：退款", "stop")],
    ),
    (
        "the platform still checks",
        stopped(an_order(), "risk", kind=StopKind.hold, reason="platform_risk"),
        "stop",
        [("停止标记：平台风控审核中", "stop")],
    ),
    ("not paid", an_order(is_paid=False), "stop", [("付款：未付款", "stop")]),
    (
        "two stops",
        stopped(stopped(an_order()), "change_address"),
        "stop",
        [("停止标记：取消、改地址", "stop")],
    ),
    (
        "gone",
        on_parcel(an_order(), state=S.in_transit),
        "info",
        [("订单状态：运输中", "info")],
    ),
    ("free", an_order(), "ok", []),
]


@pytest.mark.parametrize(("order", "state", "kept"), [k[1:] for k in KEPT], ids=[k[0] for k in KEPT])
def test_what_keeps_an_order_is_said_part_by_part(
    order: Order, state: str, kept: list[tuple[str, str]]
) -> None:
    head = order_head(order, words())
    assert head.may_go.state == state
    assert [(c.text, c.state) for c in head.parts if c.state != "ok"] == kept
    assert len(head.parts) == 4


def test_a_hit_says_who_what_and_how_it_stands() -> None:
    found = hit(an_order(3), words(), NOW)
    assert (found.person, found.chip.text) == ("林** 2807", "待配货")
    assert found.goods.endswith("等 4 件")


# -- the story -------------------------------------------------------------------------------------------------------


def line(kind: str, **changes: Any) -> StoryLine:
    return StoryLine(**{"at": NOW, "kind": kind, "source": "hub"} | changes)


STORIES: list[tuple[StoryLine, str, str]] = [
    (
        line("received", params={"channel": "pdd", "shop_id": "棉时光"}, source="channel:棉时光"),
        "收到订单（拼多多 · 棉时光）",
        "店铺“棉时光”",
    ),
    (
        line("line_packed", params={"title": "毛巾", "qty": 2}, source="station:st-1", actor="小周"),
        "扫码装入：毛巾 × 2",
        "小周 · 打包台 1",
    ),
    (line("opened", source="station:st-1", actor="operator"), "打开包裹，开始打包", "打包台 1"),
    (line("intercept_answered", params={"result": "stopped"}), "拦截结果：拦截成功", "订单中枢"),
    (
        line("handed_over", params={"carrier": "zhongtong", "waybill_no": "78"}),
        "已交接给快递 中通快递 78",
        "订单中枢",
    ),
    (
        line(
            "track_node", params={"kind": "picked_up", "text": "【杭州】已揽收"}, source="carrier:zhongtong"
        ),
        "已揽收 · 【杭州】已揽收",
        "中通快递",
    ),
    (
        line("state_followed", source="carrier:kuaidi100", actor="zhongtong"),
        "状态随物流更新",
        "中通快递 · 快递100",
    ),
    (line("stop_set", params={"reason": "address", "note": ""}), "设置停止标记 地址问题", "订单中枢"),
    (line("something_newer"), "系统记录了一次变更", "订单中枢"),
    (line("opened", source="station:st-1", actor="打包台 1"), "打开包裹，开始打包", "打包台 1"),
]


@pytest.mark.parametrize(("told", "text", "who"), STORIES, ids=[s[0].kind for s in STORIES])
def test_a_story_is_told_in_names_people_know(told: StoryLine, text: str, who: str) -> None:
    [row] = story_rows([told], BENCH, words())
    assert (row.text, row.who) == (text, who)


@pytest.mark.parametrize("kind", list(HistoryKind))
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_kind_of_happening_can_be_told(kind: HistoryKind, lang: Lang) -> None:
    params = {
        "kind": "delivered",
        "text": "已签收",
        "title": "a",
        "qty": 1,
        "copy": 1,
        "note": "n",
        "reason": "r",
    }
    [row] = story_rows([line(kind, params=params)], BENCH, words(lang))
    assert row.text and "{" not in row.text


@pytest.mark.parametrize("kind", list(NodeKind))
def test_every_courier_node_has_a_name(kind: NodeKind) -> None:
    [row] = story_rows([line("track_node", params={"kind": kind, "text": ""})], BENCH, words())
    assert row.text and row.text != kind


def test_what_changed_is_shown_before_and_after() -> None:
    changed = line("remark_changed", before={"seller_remark": ""}, after={"seller_remark": "送卡"})
    [row] = story_rows([changed], BENCH, words())
    assert row.detail == "卖家备注: — → 送卡"


def test_news_older_than_the_order_is_kept_and_marked() -> None:
    [row] = story_rows([line("track_node", at=NOW - timedelta(days=2))], BENCH, words(), ordered_at=NOW)
    assert row.early


def test_a_couriers_step_says_how_long_it_took_and_opens_its_words() -> None:
    at = NOW - timedelta(hours=5)
    node = line(
        "track_node",
        at=at,
        params={"kind": "hub_arrived", "text": "到达【杭州转运中心】"},
        source="carrier:kuaidi100",
        raw_text="到达【杭州转运中心】",
        lasted=timedelta(hours=3, minutes=20),
        heard_at=at + timedelta(minutes=9),
        parcel_no="OD2026112100101",
    )
    [row] = story_rows([node], BENCH, words())
    assert row.who == "快递100 · 到下一步 3 小时 20 分"
    assert row.opens and row.raw == "到达【杭州转运中心】" and row.heard_at == at + timedelta(minutes=9)
    [other] = story_rows([line("opened", source="station:st-1")], BENCH, words())
    assert not other.opens


# -- the supervisor's desk -------------------------------------------------------------------------------------------


def a_stop(order: Order, **changes: Any) -> StopView:
    given: dict[str, Any] = {
        "order_no": order.order_no,
        "parcel_no": order.parcels[0].parcel_no,
        "stop": order.stops[0],
        "age": timedelta(seconds=8),
        "stage": "packing",
        "chance": "at_bench",
        "intercept_result": R.trying,
        "holder": "st-1",
        "holder_name": "打包台 1",
        "holder_online": True,
        "is_acked": False,
        "command_state": CommandState.counting_down,
        "order": order,
    }
    return StopView(**(given | changes))


CANCELLING = stopped(an_order(), counting_down_until=NOW + timedelta(seconds=7))
HELD = stopped(an_order(), "hold", kind=StopKind.hold, reason="stock")
STOPS: list[tuple[str, StopView, str, tuple[str, ...], bool]] = [
    ("hands on it", a_stop(CANCELLING), "打包台 1正在打包这一单", ("withdraw", "take_over"), True),
    (
        "bench away",
        a_stop(CANCELLING, intercept_result=R.at_station_offline, holder_online=False),
        "打包台 1没有回应",
        ("withdraw", "take_over"),
        True,
    ),
    (
        "in a closed box",
        a_stop(CANCELLING, chance="packed", stage="packed"),
        "已封箱，在待交接区",
        ("pulled", "withdraw"),
        True,
    ),
    (
        "safe",
        a_stop(CANCELLING, chance="safe", intercept_result=R.stopped, holder="", holder_name=""),
        "还在倒计时",
        ("withdraw",),
        False,
    ),
    ("held", a_stop(HELD, chance="held", intercept_result=None, holder=""), "挂起中", ("release",), False),
    (
        "gone",
        a_stop(CANCELLING, chance="gone", stage="gone", intercept_result=R.too_late),
        "包裹已交给中通快递",
        ("withdraw",),
        False,
    ),
]


@pytest.mark.parametrize(
    ("view", "advice", "acts", "savable"), [s[1:] for s in STOPS], ids=[s[0] for s in STOPS]
)
def test_each_stop_says_what_can_be_done(
    view: StopView, advice: str, acts: tuple[str, ...], savable: bool
) -> None:
    row = stop_row(view, words(), NOW)
    assert row.advice.startswith(advice)
    assert row.acts == acts
    assert row.is_savable == savable


def test_a_cancel_that_took_effect_is_not_withdrawn_any_more() -> None:
    done = on_parcel(stopped(an_order()), state=S.cancelled)
    row = stop_row(a_stop(done, chance="safe", intercept_result=R.stopped), words(), NOW)
    assert row.acts == ()
    late = a_stop(CANCELLING)
    assert "withdraw" not in stop_row(late, words(), NOW + timedelta(seconds=7)).acts


@pytest.mark.parametrize(
    ("changes", "state", "text"),
    [
        ({}, "ok", "在线"),
        ({"is_online": False, "last_beat_at": NOW - timedelta(minutes=5)}, "wait", "离线 5 分"),
        ({"is_online": False, "last_beat_at": None}, "idle", "还没连上过"),
        ({"is_revoked": True}, "idle", "已停用"),
    ],
)
def test_a_bench_says_whether_it_is_there(changes: dict[str, Any], state: str, text: str) -> None:
    view = BenchView(
        station_id="st-1",
        name="打包台 1",
        kind="packing",
        is_online=True,
        is_revoked=False,
        last_beat_at=NOW,
        waiting_acts=3,
        printers=(PrinterReport(name="slip", state="paper_out", waiting=2),),
        sign_on="小周",
        stops_here=0,
    )
    values = {name: getattr(view, name) for name in view.__slots__} | changes
    row = bench_row(BenchView(**values), words(), NOW)
    assert (row.chip.state, row.chip.text) == (state, text)
    assert row.waiting == "待上传 3 条"
    assert (row.copy is not None) == (state == "ok"), "a bench that is away says when it was last heard of"
    assert (row.printers[0].state, row.printers[0].text) == ("stop", "拣货单打印机缺纸，排队 2 张")


def test_a_bench_says_how_old_its_copy_is_and_since_when_its_work_waits() -> None:
    view = BenchView(
        station_id="st-1",
        name="打包台 1",
        kind="packing",
        is_online=True,
        is_revoked=False,
        last_beat_at=NOW,
        waiting_acts=3,
        printers=(),
        sign_on="",
        stops_here=0,
        behind=812,
        oldest_waiting_at=NOW - timedelta(minutes=4),
    )
    row = bench_row(view, words(), NOW)
    assert row.copy is not None and (row.copy.state, row.copy.text) == ("wait", "落后 812 条")
    assert row.waiting == "待上传 3 条，最早 4 分前"
    fresh = bench_row(replace(view, behind=0, waiting_acts=0), words("en"), NOW)
    assert fresh.copy is not None and (fresh.copy.state, fresh.copy.text) == ("ok", "Up to date")


def test_no_row_leaves_its_place_under_a_finger() -> None:
    one, two, three = (stop_row(a_stop(stopped(an_order(n))), words(), NOW) for n in (1, 2, 3))
    later = replace(two, answer=None)
    assert keep_places((one, two), (three, later, one)) == (one, later, three)
    assert keep_places((one, two), (two,)) == (one, two), "what is over goes when the finger is gone"
    assert keep_places((), (two, one)) == (two, one)


@pytest.mark.parametrize(
    "kind", [key.removeprefix("alarms.") for key in TEXTS.table if key.startswith("alarms.")]
)
def test_every_alarm_is_a_sentence(kind: str) -> None:
    view = AlarmView(alarm_id="a", kind=kind, level="major", order_no="OD1", params={"n": "3"}, raised_at=NOW)
    for lang in ("zh", "en"):
        row = alarm_row(view, words(lang))
        assert "{" not in row.text + row.todo
        assert row.text != row.todo != words(lang).tr("supervisor.alarm_unknown_todo")
    newer = AlarmView(alarm_id="a", kind="newer", level="major", raised_at=NOW)
    assert alarm_row(newer, words("en")).text == "An alarm of a new kind"


# -- the strip -------------------------------------------------------------------------------------------------------

STRIPS: list[tuple[list[StripItem], list[tuple[str, str]]]] = [
    (
        [StripItem(key="fresh_now", level="ok"), StripItem(key="nothing_waiting", level="ok")],
        [("ok", "数据最新"), ("ok", "没有待上传")],
    ),
    (
        [
            StripItem(key="offline", level="warn", params={"seconds": "125", "n": "4"}),
            StripItem(key="waiting", level="busy", params={"n": "4"}),
        ],
        [("wait", "离线 2 分 5 秒 · 本机已存 4 条，不会丢")],
    ),
    (
        [StripItem(key="printer", level="bad", params={"name": "slip", "state": "paper_out", "n": "0"})],
        [("stop", "拣货单打印机缺纸")],
    ),
    (
        [StripItem(key="needs_you", level="bad", params={"what": "revoked"})],
        [("stop", "需要处理：本工位已被停用，请重新配对")],
    ),
    ([StripItem(key="catching_up", level="busy", params={"n": "1"})], [("info", "正在同步，还有 1 条")]),
    (
        [StripItem(key="catching_up_left", level="busy", params={"n": "80000", "seconds": "16"})],
        [("info", "正在同步，还有 80000 条，约 16 秒")],
    ),
    ([StripItem(key="something_new", level="bad")], [("stop", "本机有问题，请看消息")]),
]


@pytest.mark.parametrize(("items", "shown"), STRIPS)
def test_the_strip_is_honest_in_plain_words(items: list[StripItem], shown: list[tuple[str, str]]) -> None:
    assert [(view.state, view.text) for view in strip_views(items, words())] == shown


def test_one_change_is_singular_in_english() -> None:
    [view] = strip_views(
        [replace(StripItem(key="catching_up", level="busy"), params={"n": "1"})], words("en")
    )
    assert view.text == "catching up, 1 change to go"
