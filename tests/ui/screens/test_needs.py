"""The list of what needs somebody, at a bench joined to a real hub, opened and answered by hand."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from app.core.acts import ActKind, LinePacked, ParcelClosed
from tests.ui.screens.conftest import WAIT_MS
from ui.screens.needs_page import NeedsPage
from ui.screens.supervisor import SupervisorScreen
from ui.station import Station

OpenStation = Callable[[str], Station]


def test_one_key_shows_what_needs_you_and_each_has_its_ways_on(
    qtbot: QtBot, open_station: OpenStation, new_order: Callable[..., str]
) -> None:
    order_no = new_order(("SKU-N", 2))
    desk, station = open_station("supervisor"), open_station("packing")
    core = station.core
    qtbot.waitUntil(lambda: core.read.order(order_no) is not None, timeout=WAIT_MS)
    now = core.bench.clock.now()
    clash = core.bench.act(ActKind.parcel_closed, order_no, now, f"{order_no}01", ParcelClosed())
    packed = LinePacked(line_no=1, qty=1, code="SKU-N")
    old = core.bench.act(ActKind.line_packed, order_no, now.replace(year=2024), f"{order_no}01", packed)
    for act in (clash, old):
        core.outbox.record(act).result()
    core.bench.push_soon()
    qtbot.waitUntil(lambda: len(core.needs.open()) == 2, timeout=WAIT_MS)
    qtbot.waitUntil(
        lambda: any("2 条要您处理" in str(item.text) for item in station.window.foot.strip.items()),
        timeout=WAIT_MS,
    )

    QTest.keyClick(station.window, Qt.Key.Key_F1)
    page = station.pages.needs
    assert isinstance(page, NeedsPage)
    assert page.isVisible()
    assert [row.text for row in page.shown] == [
        "“封箱”已记下，但商品没扫齐。请核对实物。",
        "“扫码装箱”没有记上：记录放了 30 天以上。",
    ]
    assert page.understood.isEnabled()
    assert not page.again.isEnabled(), "what has happened is not done again"
    page.understood.click()
    qtbot.waitUntil(lambda: len(page.shown) == 1 and page.again.isEnabled(), timeout=WAIT_MS)
    assert "已知道" in page.shown_answers[0].answer
    page.again.click()
    qtbot.waitUntil(lambda: not page.shown and len(page.shown_answers) == 2, timeout=WAIT_MS)
    QTest.keyClick(station.window, Qt.Key.Key_F1)
    assert station.window.at_desk

    board = desk.desk
    assert isinstance(board, SupervisorScreen)
    told = [f"订单 {order_no}：packing 2“封箱”已做，但商品没扫齐。"]
    told.append(f"订单 {order_no}：packing 2“扫码装箱”没有记上，记录放了 30 天以上。")

    def alarms() -> list[str]:
        return [row.text for row in board.alarms.shown]

    qtbot.waitUntil(lambda: len([text for text in alarms() if order_no in text]) == 2, timeout=WAIT_MS)
    assert set(alarms()) >= set(told)
