"""The desks as people use them: real station, real hub, real keys; what is asserted is what stands on the screen."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtCore import QElapsedTimer, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from app.core.order import Order
from app.core.qr import command_code, slip_code
from app.core.texts import Lang
from rehearsal import shop
from tests.helpers.real_hub import RealHub, this_moment
from tests.helpers.ui_joint import PaperTray
from ui.hand import type_as_scanner
from ui.screens.packing import PackingScreen
from ui.screens.service import ServiceScreen
from ui.screens.supervisor import SupervisorScreen
from ui.speech import RemarkSpeech
from ui.station import Station
from ui.work import REFRESH_MS

WAIT_MS = 15_000
GOODS = {good.sku_code: shop.barcode(good) for good in shop.GOODS}
FIRST, SECOND, THIRD = list(GOODS)[:3]

OpenStation = Callable[[str], Station]
NewOrder = Callable[..., str]


def scan(qtbot: QtBot, station: Station, text: str) -> None:
    """As a keyboard-type scanner sends it, to whatever has the focus."""
    handle = station.window.windowHandle()
    assert handle is not None
    QTest.qWait(320)  # a second read of one code within 300 ms is one read that came twice
    with qtbot.waitSignal(station.scanner.scanned, timeout=WAIT_MS):
        type_as_scanner(handle, text + "\r")


def packing(station: Station) -> PackingScreen:
    assert isinstance(station.desk, PackingScreen)
    return station.desk


def waits(station: Station, order_no: str) -> Callable[[], bool]:
    return lambda: station.core.read.order(order_no) is not None


def leased(station: Station, order_no: str) -> Callable[[], bool]:
    """From then on its box is closed also where the hub takes longer over its word than a packer is let wait."""
    return lambda: station.core.leases.is_valid(f"{order_no}01")


def test_a_whole_parcel_is_packed_by_scans_alone(
    qtbot: QtBot, hub: RealHub, open_station: OpenStation, new_order: NewOrder
) -> None:
    order_no = new_order((FIRST, 1), (SECOND, 2), remark="要生日贺卡，不要放发票")
    bench = open_station("packing")
    desk = packing(bench)
    qtbot.waitUntil(waits(bench, order_no), timeout=WAIT_MS)

    scan(qtbot, bench, slip_code(f"{order_no}01", 1))
    assert desk.board.isVisible()
    assert "扫这一件" in desk.board.hero.words()
    assert desk.scan_bar.view is not None and desk.scan_bar.view.head == "已打开"
    qtbot.waitUntil(
        lambda: desk.scan_bar.view is not None and desk.scan_bar.view.state == "ok", timeout=WAIT_MS
    )

    qtbot.waitUntil(leased(bench, order_no), timeout=WAIT_MS)

    scan(qtbot, bench, GOODS[THIRD])
    assert desk.scan_bar.view is not None
    assert (desk.scan_bar.view.state, desk.scan_bar.view.head) == ("stop", "扫错商品")
    assert GOODS[THIRD] not in desk.scan_bar.view.text, "the goods by their name"
    scan(qtbot, bench, GOODS[FIRST])
    assert desk.scan_bar.view.head == "正确"
    scan(qtbot, bench, GOODS[FIRST])
    assert desk.scan_bar.view.head == "数量够了"
    scan(qtbot, bench, GOODS[SECOND])
    assert "扫最后一件" in desk.board.hero.words()
    scan(qtbot, bench, GOODS[SECOND])
    assert "封箱" in desk.board.hero.words()

    scan(qtbot, bench, command_code("CLOSE"))
    qtbot.waitUntil(lambda: bench.core.packing.view().parcel is None, timeout=WAIT_MS)
    qtbot.waitUntil(lambda: "已封箱" in desk.scan_bar.words(), timeout=WAIT_MS)
    qtbot.waitUntil(
        lambda: hub.api("GET", f"/v1/orders/{order_no}")["order_state"] == "packed", timeout=WAIT_MS
    )


class Heard(RemarkSpeech):
    """Remembers what would be said."""

    def __init__(self, bench: Station) -> None:
        super().__init__(bench.player, None)
        self.remarks: list[str] = []

    def opened(self, order: Order, lang: Lang) -> None:
        self.remarks.append(order.buyer_remark)


def test_a_remark_is_said_once_when_its_parcel_is_opened(
    qtbot: QtBot, open_station: OpenStation, new_order: NewOrder
) -> None:
    plain, wished = new_order((FIRST, 1)), new_order((FIRST, 2), remark="礼品包装")
    bench = open_station("packing")
    bench.speech = heard = Heard(bench)
    qtbot.waitUntil(waits(bench, wished), timeout=WAIT_MS)
    scan(qtbot, bench, slip_code(f"{plain}01", 1))
    scan(qtbot, bench, slip_code(f"{wished}01", 1))
    assert heard.remarks == ["礼品包装"]
    scan(qtbot, bench, GOODS[FIRST])
    scan(qtbot, bench, slip_code(f"{wished}01", 1))
    assert heard.remarks == ["礼品包装"]


def test_the_question_what_is_wrong_goes_with_the_parcel_it_was_asked_about(
    qtbot: QtBot, open_station: OpenStation, new_order: NewOrder
) -> None:
    first, second = new_order((FIRST, 1)), new_order((SECOND, 1))
    bench = open_station("packing")
    desk = packing(bench)
    handle = bench.window.windowHandle()
    assert handle is not None
    qtbot.waitUntil(waits(bench, second), timeout=WAIT_MS)
    scan(qtbot, bench, slip_code(f"{first}01", 1))
    QTest.keyClick(handle, Qt.Key.Key_F7)
    assert desk._reasons.isVisible()
    QTest.keyClick(handle, Qt.Key.Key_Escape)
    assert not desk._reasons.isVisible(), "a way back without a mouse"

    QTest.keyClick(handle, Qt.Key.Key_F7)
    scan(qtbot, bench, slip_code(f"{second}01", 1))
    assert not desk._reasons.isVisible(), "or the next parcel would be marked"
    qtbot.waitUntil(leased(bench, second), timeout=WAIT_MS)
    QTest.keyClick(handle, Qt.Key.Key_F4)  # too early: it says what is missing
    qtbot.waitUntil(
        lambda: desk.scan_bar.view is not None and desk.scan_bar.view.head == "还没装齐", timeout=WAIT_MS
    )
    assert desk.scan_bar.view is not None and f"还缺：{SECOND} 商品 × 1" in desk.scan_bar.view.text
    QTest.keyClick(handle, Qt.Key.Key_F7)
    scan(qtbot, bench, GOODS[SECOND])
    assert desk._close_button.isVisible()
    QTest.keyClick(handle, Qt.Key.Key_F4)
    qtbot.waitUntil(lambda: bench.core.packing.view().parcel is None, timeout=WAIT_MS)


def test_slips_that_nothing_prints_are_not_called_printed(
    qtbot: QtBot, open_station: OpenStation, new_order: NewOrder
) -> None:
    parcels = [f"{new_order((FIRST, 1))}01" for _ in range(2)]
    bench = open_station("packing")
    desk, bar, tray = packing(bench), bench.window.bar, bench.printers
    assert isinstance(tray, PaperTray)
    qtbot.waitUntil(waits(bench, parcels[-1][:-2]), timeout=WAIT_MS)
    desk._print_slips(parcels[:1], "")
    qtbot.waitUntil(lambda: "还没有设打印机，1 张" in bar.words(), timeout=WAIT_MS)
    assert "F10" in bar.words()
    assert desk.scan_bar.view is not None and desk.scan_bar.view.head == "已排队"

    tray.use("tcp:192.0.2.1")
    tray.state = "paper_out"
    desk._print_slips(parcels[1:], "")
    qtbot.waitUntil(lambda: "缺纸" in bar.words(), timeout=WAIT_MS)
    tray.state = "ready"
    bench.core.report_printers(tray.reports())
    qtbot.waitUntil(lambda: bar.front is None, timeout=WAIT_MS)


def test_a_cancel_turns_the_bench_red_until_a_person_says_so(
    qtbot: QtBot, hub: RealHub, open_station: OpenStation, new_order: NewOrder
) -> None:
    order_no = new_order((FIRST, 2))
    bench = open_station("packing")
    desk = packing(bench)
    qtbot.waitUntil(waits(bench, order_no), timeout=WAIT_MS)
    scan(qtbot, bench, slip_code(f"{order_no}01", 1))
    qtbot.waitUntil(leased(bench, order_no), timeout=WAIT_MS)
    scan(qtbot, bench, GOODS[FIRST])

    hub.cancel(order_no, "cancel-ui-1", this_moment(), reason="buyer", note="拍错了")
    qtbot.waitUntil(lambda: bench.alarm.active is not None, timeout=WAIT_MS)
    words = bench.alarm.sheets()[0].words()
    assert f"订单 {order_no} 已取消，请停手！" in words
    assert "把商品放进红色周转箱，按 F9 确认。" in words

    scan(qtbot, bench, GOODS[FIRST])
    assert bench.alarm.active is not None, "a scan never acknowledges"
    packed = bench.core.read.order(order_no)
    assert packed is not None and packed.parcels[0].qty_packed == 1, "and nothing is counted while it is red"

    QTest.qWait(bench.kit.theme.ms("arm"))
    handle = bench.window.windowHandle()
    assert handle is not None
    QTest.keyClick(handle, Qt.Key.Key_F9)
    qtbot.waitUntil(lambda: bench.alarm.active is None, timeout=WAIT_MS)
    assert bench.core.packing.view().parcel is None
    assert desk.scan_bar.view is not None and desk.scan_bar.view.head == "已确认"
    qtbot.waitUntil(lambda: _answer(hub, order_no) == "stopped", timeout=WAIT_MS)


def _answer(hub: RealHub, order_no: str) -> str:
    return str(hub.api("GET", f"/v1/orders/{order_no}")["parcels"][0]["intercept_result"])


def test_after_using_search_a_scan_still_works(
    qtbot: QtBot, open_station: OpenStation, new_order: NewOrder
) -> None:
    """C29: the field has the focus and words in it; a scan opens its order and leaves the field alone."""
    first, second = new_order((FIRST, 1), name="欧阳海棠"), new_order((SECOND, 1))
    desk_station = open_station("service")
    desk = desk_station.desk
    assert isinstance(desk, ServiceScreen)
    qtbot.waitUntil(waits(desk_station, second), timeout=WAIT_MS)
    desk.search.setFocus()
    desk.search.setText(first)
    desk.search.returnPressed.emit()
    assert desk.view.isVisible() and desk.shown_order == first

    scan(qtbot, desk_station, slip_code(f"{second}01", 1))
    assert desk.shown_order == second
    assert desk.search.text() == first
    assert second in desk.view.fields.words()


def test_the_order_of_the_last_caller_goes_when_another_is_asked_for(
    qtbot: QtBot, open_station: OpenStation, new_order: NewOrder
) -> None:
    """Nobody reads out or cancels the parcel of somebody else."""
    order_no = new_order((FIRST, 1), name="端木蕻良")
    station = open_station("service")
    desk = station.desk
    assert isinstance(desk, ServiceScreen)
    qtbot.waitUntil(waits(station, order_no), timeout=WAIT_MS)
    desk.look_for(order_no)
    assert desk.shown_order == order_no and desk.view.isVisible()

    desk.look_for("没有这个人")
    assert desk.shown_order == "" and not desk.view.isVisible()
    assert "没有找到“没有这个人”" in desk._empty.words() and desk._empty.isVisible()
    assert "没有找到" in desk._note.text()


def test_every_field_is_shown_with_the_system_it_comes_from(
    qtbot: QtBot, open_station: OpenStation, new_order: NewOrder
) -> None:
    """MAP-01."""
    order_no = new_order((FIRST, 2), remark="别敲门")
    station = open_station("service")
    desk = station.desk
    assert isinstance(desk, ServiceScreen)
    qtbot.waitUntil(waits(station, order_no), timeout=WAIT_MS)
    desk.show_order(order_no)
    shown = desk.view.fields.words()
    for name in (
        *("系统单号", "平台单号", "来源渠道", "店铺", "订单状态", "平台状态", "实付金额", "配送方式"),
        *("买家昵称", "收件人", "手机", "收货地址", "买家留言", "商品 1", "运单号", "物流更新于"),
        *("仓库反馈码", "跨境", "承诺送达"),
    ):
        assert name in shown
    assert all(line.rstrip().endswith(")") for line in shown.splitlines() if ": " in line)
    assert "()" not in shown, "each says which system it comes from"
    assert FIRST in shown and "¥10.00" in shown and "别敲门" in shown


def test_a_rep_cancels_and_reads_the_answer_live(
    qtbot: QtBot, open_station: OpenStation, new_order: NewOrder
) -> None:
    order_no = new_order((FIRST, 1))
    station = open_station("service")
    desk = station.desk
    assert isinstance(desk, ServiceScreen)
    qtbot.waitUntil(waits(station, order_no), timeout=WAIT_MS)
    desk.show_order(order_no)
    assert desk.view.answer.answer is None
    acts = desk.view.acts
    acts.cancel.click()
    assert not acts.send.isEnabled(), "a cancel needs its reason"
    acts.choose("buyer_request")
    acts.send.click()
    qtbot.waitUntil(lambda: desk.view.answer.answer is not None, timeout=WAIT_MS)
    qtbot.waitUntil(
        lambda: "秒后生效" in (desk.view.answer.answer.head if desk.view.answer.answer else ""),
        timeout=WAIT_MS,
    )
    answer = desk.view.answer.answer
    assert answer is not None and answer.withdraw_id
    assert not acts.cancel.isEnabled()


def test_a_rep_cancels_one_line_and_the_rest_is_promised_to_go(
    qtbot: QtBot, open_station: OpenStation, new_order: NewOrder
) -> None:
    order_no = new_order((FIRST, 2), (SECOND, 1))
    station = open_station("service")
    desk = station.desk
    assert isinstance(desk, ServiceScreen)
    qtbot.waitUntil(waits(station, order_no), timeout=WAIT_MS)
    desk.show_order(order_no)
    acts = desk.view.acts
    acts.cancel.click()
    assert acts.lines.isVisible() and acts.lines.picked == (), "none picked is all of it"
    acts.lines.pick(2)
    acts.choose("buyer_request")
    acts.send.click()

    def told() -> str:
        return desk.view.answer.answer.text if desk.view.answer.answer else ""

    qtbot.waitUntil(lambda: f"{SECOND} 商品 × 1" in told() and "撤回" in told(), timeout=WAIT_MS)
    order = station.core.read.order(order_no)
    assert order is not None and order.stops[0].line_nos == (2,)
    assert "其余商品照常" in desk.view.answer.reply
    assert acts.cancel.isEnabled(), "the other goods may still be cancelled"


def test_the_sentence_for_the_buyer_is_copied_with_one_key(
    qtbot: QtBot, open_station: OpenStation, new_order: NewOrder
) -> None:
    order_no = new_order((FIRST, 1))
    station = open_station("service")
    desk = station.desk
    assert isinstance(desk, ServiceScreen)
    qtbot.waitUntil(waits(station, order_no), timeout=WAIT_MS)
    desk.show_order(order_no)
    assert desk.view.answer.isVisible() and desk.view.answer.reply.startswith("您好")
    handle = station.window.windowHandle()
    assert handle is not None
    QTest.keyClick(handle, Qt.Key.Key_F2)
    assert QGuiApplication.clipboard().text() == desk.view.answer.reply
    assert "已复制" in station.window.bar.words()
    station.kit.i18n.toggle()
    assert desk.view.answer.reply.startswith("Hello")
    station.kit.i18n.toggle()


def test_the_supervisor_sees_a_hold_and_releases_it(
    qtbot: QtBot, hub: RealHub, open_station: OpenStation, new_order: NewOrder
) -> None:
    order_no = new_order((FIRST, 1))
    hub.api(
        "POST",
        "/v1/acts",
        [
            {
                "act_id": "hold-ui-1",
                "kind": "hold",
                "order_no": order_no,
                "made_at": this_moment(),
                "body": {"reason": "address", "note": "门牌号不全"},
            }
        ],
    )
    station = open_station("supervisor")
    desk = station.desk
    assert isinstance(desk, SupervisorScreen)
    qtbot.waitUntil(lambda: any(r.order_no == order_no for r in desk.shown_stops), timeout=WAIT_MS)
    desk.stops.choose_order(order_no)
    panel = desk.stops.panel
    panel.buttons["release"].click()
    assert not panel.send.isEnabled(), "a release needs its reason"
    panel.note.setText("买家补了门牌号")
    panel.send.click()
    qtbot.waitUntil(lambda: all(r.order_no != order_no for r in desk.shown_stops), timeout=WAIT_MS)


def test_the_language_changes_at_once_everywhere(
    qtbot: QtBot, open_station: OpenStation, new_order: NewOrder
) -> None:
    order_no = new_order((FIRST, 1))
    bench = open_station("packing")
    desk = packing(bench)
    qtbot.waitUntil(waits(bench, order_no), timeout=WAIT_MS)
    scan(qtbot, bench, slip_code(f"{order_no}01", 1))
    assert "扫最后一件" in desk.board.hero.words()
    bench.kit.i18n.toggle()
    assert "Scan the last one" in desk.board.hero.words()
    assert desk.scan_bar.view is not None and desk.scan_bar.view.head == "Opened"
    assert bench.window.windowTitle().startswith("Packing bench")
    # our own act has just moved the hub's head: for a moment the copy may be behind it
    items = bench.window.foot.strip.items
    qtbot.waitUntil(lambda: any("up to date" in str(item.text) for item in items()), timeout=WAIT_MS)
    bench.kit.i18n.toggle()
    assert "扫最后一件" in desk.board.hero.words()


def test_ten_thousand_changes_do_not_hold_up_a_scan(
    qtbot: QtBot, open_station: OpenStation, new_order: NewOrder
) -> None:
    order_no = new_order((FIRST, 1))
    bench = open_station("packing")
    desk = packing(bench)
    qtbot.waitUntil(waits(bench, order_no), timeout=WAIT_MS)
    shown: list[object] = []
    refresh, calls = desk.refresh, 0

    def counted(topics: frozenset[str]) -> None:
        nonlocal calls
        calls += 1
        refresh(topics)

    bench.work.changed.disconnect()
    bench.work.changed.connect(counted)
    clock = QElapsedTimer()
    clock.start()
    for n in range(10_000):
        bench.work.announce({"order", f"order:OD{n}"})
        if n == 5_000:
            bench.scanner.accept(slip_code(f"{order_no}01", 1), "test")
            shown.append(desk.scan_bar.view)
    assert shown[0] is not None and desk.board.isVisible()
    qtbot.waitUntil(lambda: calls > 0, timeout=WAIT_MS)
    QTest.qWait(250)
    bench.work.changed.disconnect(counted)
    assert calls <= clock.elapsed() / REFRESH_MS + 2, "refreshes are merged to ten a second"


@pytest.mark.logs("our fault")
def test_messages_that_matter_stay_and_successes_go(qtbot: QtBot, open_station: OpenStation) -> None:
    bench = open_station("packing")
    bar = bench.window.bar
    bench.room.trouble(RuntimeError("something of ours"))
    assert bar.front is not None and bar.front.state == "stop"
    bar.success("done")
    assert bar.front is not None, "a success never covers an error"
    bar.confirm()
    assert bar.front is None


def test_nothing_opened_says_what_to_do_first(
    qtbot: QtBot, open_station: OpenStation, new_order: NewOrder
) -> None:
    new_order((FIRST, 1))
    bench = open_station("packing")
    qtbot.waitUntil(lambda: "扫一张拣货单" in packing(bench).empty_words(), timeout=WAIT_MS)
