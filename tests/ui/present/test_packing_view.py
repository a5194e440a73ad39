"""What the packer reads, as tables: no window, no Qt."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.core import freeze, texts
from app.core.order import Order, OrderState, RefundState, StopKind
from app.core.reasons import Reason
from app.core.texts import Lang
from app.station.alarms import StationAlarm
from app.station.outcome import Done, Light, Outcome, refusal
from app.store.views import queue_row
from tests.helpers.shop_orders import NOW, STATION, an_order, items, on_parcel, stopped
from ui.present import states
from ui.present.packing import Bench, pack_view, queue_view, scan_view
from ui.present.station_alarm import alarm_words
from ui.present.words import Words

S = OrderState
TEXTS = texts.load(Path(__file__).parents[3] / "resources" / "texts")
BENCH = Bench(STATION, {"st-1": "打包台 1"}, items())


def words(lang: Lang = "zh") -> Words:
    return Words(TEXTS, lang, ZoneInfo("Asia/Shanghai"))


def packed(order: Order, **changes: object) -> Order:
    return on_parcel(order, state=S.packed, **changes)


FULL = ((0, 1, 1), (1, 3, 3))
PROMPTS: list[tuple[str, Order, str, str]] = [
    ("first line", an_order(), "info", "扫这一件"),
    ("second line", an_order(lines=((0, 1, 1), (1, 3, 1))), "info", "扫这一件"),
    ("last unit", an_order(lines=((0, 1, 1), (1, 3, 2))), "info", "扫最后一件"),
    ("complete", an_order(lines=FULL), "ok", "都齐了，封箱"),
    (
        "complete without waybill",
        on_parcel(an_order(lines=FULL), waybill_no=""),
        "info",
        "都齐了，贴面单再扫面单",
    ),
    ("packed", packed(an_order(lines=FULL)), "ok", "已封箱，扫下一张拣货单"),
    ("handed over", on_parcel(an_order(lines=FULL), state=S.handed_over), "ok", "这个包裹已交接"),
    ("being cancelled", stopped(an_order()), "stop", "停手！这单已取消"),
    ("frozen", stopped(an_order(), "change_address"), "stop", "停手！这单已冻结"),
    ("held", stopped(an_order(), "hold", kind=StopKind.hold, reason="address"), "wait", "挂起：地址问题"),
    (
        "held with a note",
        stopped(an_order(), "hold", kind=StopKind.hold, note="等补货"),
        "wait",
        "挂起：等补货",
    ),
    ("not released", an_order(state=S.new), "wait", "这单还没放行"),
    ("refund asked", an_order(refund_state=RefundState.asked), "wait", "买家申请退款，先别发"),
    ("elsewhere", on_parcel(an_order(), holder="st-1"), "wait", "正在打包台 1打包"),
    ("mine", on_parcel(an_order(), holder=STATION), "info", "扫这一件"),
]


@pytest.mark.parametrize(("order", "state", "text"), [p[1:] for p in PROMPTS], ids=[p[0] for p in PROMPTS])
def test_one_sentence_says_what_to_do_now(order: Order, state: str, text: str) -> None:
    prompt = pack_view(order, order.parcels[0].parcel_no, BENCH, words()).prompt
    assert prompt.state == state
    assert prompt.text.startswith(text)


@pytest.mark.parametrize("order", [p[1] for p in PROMPTS], ids=[p[0] for p in PROMPTS])
def test_english_says_no_chinese_but_names(order: Order) -> None:
    prompt = pack_view(order, order.parcels[0].parcel_no, BENCH, words("en")).prompt
    names = [*(line.title for line in order.lines), "打包台 1", "等补货"]
    for name in names:
        prompt_text = prompt.text.replace(name, "")
        prompt = type(prompt)(prompt.state, prompt.icon, prompt_text, prompt.detail)
    left = [c for c in prompt.text.split("：")[0].split(":")[0] + prompt.detail if "\u3400" <= c <= "\u9fff"]
    assert not left


def test_done_lines_fold_down_and_the_next_one_is_marked() -> None:
    order = an_order(lines=((0, 1, 1), (1, 3, 1), (2, 2, 0)))
    view = pack_view(order, order.parcels[0].parcel_no, BENCH, words())
    assert [(line.line_no, line.done, line.of, line.is_next) for line in view.lines] == [
        (2, 1, 3, True),
        (3, 0, 2, False),
    ]
    assert [line.line_no for line in view.done_lines] == [1]
    assert (view.done, view.of) == (2, 6)
    assert view.lines[0].bin == "A-02-02"


def test_a_stopped_parcel_offers_nothing_to_close_or_print() -> None:
    order = an_order(lines=FULL)
    free = pack_view(order, order.parcels[0].parcel_no, BENCH, words())
    held = pack_view(stopped(order), order.parcels[0].parcel_no, BENCH, words())
    assert (free.can_close, free.can_undo, free.can_print) == (True, True, True)
    assert (held.can_close, held.can_undo, held.can_print) == (False, False, False)
    assert held.is_stopped


def test_the_platforms_limit_is_the_deadline_else_our_promise() -> None:
    order = an_order(promised_at=NOW + timedelta(hours=1), due_in=timedelta(hours=2))
    assert pack_view(order, order.parcels[0].parcel_no, BENCH, words()).deadline == NOW + timedelta(hours=2)
    free = an_order(promised_at=NOW + timedelta(hours=1), ship_by_at=None)
    assert pack_view(free, free.parcels[0].parcel_no, BENCH, words()).deadline == NOW + timedelta(hours=1)
    gone = on_parcel(order, state=S.handed_over)
    assert pack_view(gone, gone.parcels[0].parcel_no, BENCH, words()).deadline is None


def test_remarks_are_shown_as_typed_and_blank_ones_not_at_all() -> None:
    order = an_order(buyer_remark=" 要<b>生日贺卡</b>，不要放发票 ", seller_remark="   ")
    [remark] = pack_view(order, order.parcels[0].parcel_no, BENCH, words()).remarks
    assert (remark.title, remark.text) == ("买家留言", "要<b>生日贺卡</b>，不要放发票")


def test_another_parcel_than_asked_is_a_fault_of_ours() -> None:
    with pytest.raises(LookupError):
        pack_view(an_order(), "OD2026112199901", BENCH, words())


@pytest.mark.parametrize("reason", list(Reason))
def test_every_refusal_has_its_head_sentence_and_colour(reason: Reason) -> None:
    from app.core.reasons import Refused

    view = scan_view(refusal("s1", Refused(reason, {"code": "6901234567892"})), words())
    assert view.state in ("wait", "stop", "info")
    assert view.head and view.text
    assert view.stays == (view.state != "info")


def test_the_four_refusals_of_the_bench_differ_at_a_glance() -> None:
    from app.core.reasons import Refused

    views = [
        scan_view(refusal("s", Refused(reason)), words())
        for reason in (Reason.wrong_item, Reason.over_quantity, Reason.frozen, Reason.outdated_slip)
    ]
    assert len({(view.state, view.head) for view in views}) == 4
    assert len({view.text for view in views}) == 4


@pytest.mark.parametrize(
    ("note", "lang", "told"),
    [("", "zh", "商品破损"), ("", "en", "Damaged"), ("外箱湿了", "zh", "外箱湿了")],
)
def test_a_hold_says_why_in_the_words_of_the_reader(note: str, lang: Lang, told: str) -> None:
    """Regression: "damaged" stood in the Chinese sentence where nobody had written a note."""
    held = stopped(an_order(), "marked_abnormal", kind=StopKind.hold, reason="damaged", note=note)
    refused = freeze.blocks(held, held.parcels[0], None)
    assert refused is not None
    assert told in scan_view(refusal("s", refused), words(lang)).text


@pytest.mark.parametrize("done", list(Done))
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_everything_done_has_words(done: Done, lang: Lang) -> None:
    params = {"title": "毛巾", "got": "1", "qty": "3"}
    amber = Outcome(scan_id="s", light=Light.amber, done=done, params=params, parcel_no="OD2026112100101")
    view = scan_view(amber, words(lang))
    assert view.head and view.text and "{" not in view.text
    assert view.state == "wait" and not view.stays
    assert scan_view(Outcome(scan_id="s", done=done, params=params), words(lang)).state == "ok"


def test_queue_rows_say_only_what_matters() -> None:
    def chip(order: Order) -> states.Chip | None:
        return queue_view(queue_row(order, order.parcels[0]), BENCH, words()).chip

    order = an_order(7)
    view = queue_view(queue_row(order, order.parcels[0]), BENCH, words())
    assert (view.tail, view.chip) == ("007", None)
    assert view.goods == "新疆长绒棉四件套 60支贡缎裸睡亲肤 床单款 等 4 件"
    assert chip(on_parcel(order, holder=STATION)) is None
    assert chip(on_parcel(order, holder="st-1")) == states.Chip("idle", "打包台 1")
    assert chip(stopped(order)) == states.Chip("stop", "冻结")
    assert chip(stopped(order, "hold", kind=StopKind.hold)) == states.Chip("wait", "挂起")


def an_alarm(**changes: Any) -> StationAlarm:
    given: dict[str, Any] = {
        "order_no": "OD20261121001",
        "parcel_no": "OD2026112100101",
        "spoken_no": "1001",
        "stop_ids": ("stop-1",),
        "command": "cancel",
        "since": NOW - timedelta(seconds=8),
        "by": "客服 小李",
        "is_open_here": True,
    }
    return StationAlarm(**(given | changes))


def test_the_alarm_says_what_happened_and_what_to_do() -> None:
    order = stopped(on_parcel(an_order(1), label_count=1))
    alarm = alarm_words(an_alarm(), order, NOW, words())
    assert alarm.title == "停手！"
    assert alarm.sentence + alarm.todo == (
        "订单 OD20261121001 已取消，请停手！把商品放进红色周转箱，按 F9 确认。"
    )
    assert alarm.facts == ("面单不要贴，撕下作废", "客服 小李，8 秒前")
    english = alarm_words(an_alarm(), None, NOW, words("en"))
    assert f"{english.sentence} {english.todo}" == (
        "Order OD20261121001 cancelled. Stop! Put the goods in the red tote and press F9."
    )


def test_what_to_do_depends_on_where_the_parcel_is() -> None:
    slip = stopped(on_parcel(an_order(1), slip_count=1))
    here = alarm_words(an_alarm(), slip, NOW, words())
    only_slip = alarm_words(an_alarm(is_open_here=False), slip, NOW, words())
    closed = alarm_words(an_alarm(is_packed=True), slip, NOW, words())
    assert len({here.todo, only_slip.todo, closed.todo}) == 3
    assert "待交接区" in closed.todo and "拣货单" in only_slip.todo


def test_a_stop_taken_back_is_no_danger_any_more() -> None:
    alarm = alarm_words(an_alarm(is_lifted=True), None, NOW, words())
    assert alarm.calm and "继续" in alarm.sentence + alarm.todo


@pytest.mark.parametrize(
    ("text", "head", "tail", "parcel"),
    [
        ("OD20261121001", "OD20261121", "001", ""),
        ("OD2026112100102", "OD20261121", "001", "02"),
        ("OD20261121001000", "OD20261121", "001000", ""),
        ("OD2026112100100001", "OD20261121", "001000", "01"),
        ("OD20261121A001", "OD20261121", "A001", ""),
        ("75123456", "", "75123456", ""),
    ],
)
def test_numbers_fall_into_the_parts_people_say(text: str, head: str, tail: str, parcel: str) -> None:
    assert states.number(text) == states.Number(text, head, tail, parcel)
