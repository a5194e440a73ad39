"""Bringing a file in from the window: dropped or chosen, checked at once, imported by who may, told in words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from tests.helpers.real_hub import PASSWORD, SHOP, RealHub
from tests.ui.screens.conftest import put_to_rest
from ui.screens.import_page import ImportPage
from ui.screens.packing import PackingScreen
from ui.screens.service import ServiceScreen
from ui.screens.supervisor import SupervisorScreen
from ui.station import Station

WAIT_MS = 15_000
OpenStation = Callable[[str], Station]
_HEAD = "平台单号,付款时间,收货人,手机,收货地址,商品编码,数量,实付金额,备用栏\n"
_LINE = "{no},2026-11-21 10:00:00,林小明,18312340001,浙江省杭州市西湖区文三路1号,SKU-1,{qty},12.50,x\n"


def _file(folder: Path, name: str, *rows: tuple[str, str]) -> Path:
    path = folder / name
    lines = "".join(_LINE.format(no=no, qty=qty) for no, qty in rows)
    path.write_text(_HEAD + lines, encoding="gb18030")
    return path


def _page(station: Station) -> ImportPage:
    assert station.pages.intake is not None
    return station.pages.intake


def _drop(station: Station, file: Path) -> QDropEvent:
    """A file dragged over the window and let go, as the window system sends it."""
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(file))])
    copy, left, none = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    QApplication.sendEvent(station.window, QDragEnterEvent(QPoint(300, 300), copy, data, left, none))
    event = QDropEvent(QPointF(300, 300), copy, data, left, none)
    QApplication.sendEvent(station.window, event)
    return event


def _sign_on(qtbot: QtBot, station: Station, user: str = "admin", password: str = PASSWORD) -> None:
    form = _page(station).sign_on.form
    form.user.edit.setText(user)
    form.password.edit.setText(password)
    form.go.click()
    qtbot.waitUntil(lambda: station.core.person == user, timeout=WAIT_MS)


def test_a_dropped_file_is_checked_after_signing_on_and_imported_by_one_press(
    qtbot: QtBot, hub: RealHub, open_station: OpenStation, tmp_path: Path
) -> None:
    desk = open_station("supervisor")
    qtbot.waitUntil(lambda: not desk.core.rights.may_call("import"), timeout=WAIT_MS)
    file = _file(tmp_path, "十一月 订单.csv", ("UI-IMP-1", "2"), ("UI-IMP-2", "两件"))
    _drop(desk, file)
    page = _page(desk)
    assert desk.window.pages.currentWidget() is page
    assert page.sign_on.isVisible() and not page.choice.isVisible(), "nobody is signed on who may"
    assert page.report is None

    _sign_on(qtbot, desk)
    qtbot.waitUntil(lambda: page.report is not None, timeout=WAIT_MS)
    assert page.choice.isVisible()
    said = page.result.words()
    assert "有 1 行要退回，其余可以导入" in said
    assert "总行数 2" in said and "可以收下 1" in said and "退回 1" in said
    assert "订单 1 个，实付合计 ¥12.50" in said
    assert "第 3 行" in said and "数量" in said
    assert "备用栏" in said, "columns nobody used are named"
    assert page.choice.go.words() == "导入这 1 行"
    assert hub.api("GET", "/v1/orders?q=UI-IMP-1")["orders"] == [], "a check changes nothing"

    desk.kit.i18n.toggle()
    assert "1 row would be refused" in page.result.words()
    desk.kit.i18n.toggle()
    page.choice.go.click()
    qtbot.waitUntil(lambda: page.report is not None and not page.report.is_dry_run, timeout=WAIT_MS)
    assert "已收下 1" in page.result.words()
    assert page.choice.go.isHidden()
    [order] = hub.api("GET", "/v1/orders?q=UI-IMP-1")["orders"]
    assert (order["shop_id"], order["paid_fen"]) == (SHOP, 1250)
    assert "十一月 订单.csv 导入完成" in str(desk.window.bar.words())

    refused = tmp_path / "退回 的.xlsx"
    page.save_refused(refused)
    sheet = openpyxl.load_workbook(refused).active
    assert sheet is not None and "UI-IMP-2" in [str(cell.value) for row in sheet.iter_rows() for cell in row]
    page.save_refused(tmp_path / "no such folder" / "x.xlsx")
    assert "没有保存成功" in desk.window.bar.words()


def test_what_cannot_be_imported_is_said_on_the_page(
    qtbot: QtBot, open_station: OpenStation, tmp_path: Path
) -> None:
    desk = open_station("ops")
    desk.pages.show_import()
    page = _page(desk)
    qtbot.waitUntil(page.choice.isVisible, timeout=WAIT_MS)
    assert "先选一份表格" in page.result.words()

    def refused(file: Path, words: str) -> None:
        page.take(file)
        qtbot.waitUntil(lambda: words in page.result.words(), timeout=WAIT_MS)
        assert not page.is_busy and page.choice.go.isHidden()

    notes = tmp_path / "笔记.csv"
    notes.write_text("今天,天气\n好,晴\n", encoding="utf-8")
    refused(notes, "找不到表头")
    refused(tmp_path / "gone.xlsx", "找不到文件")
    refused(_file(tmp_path, "全错.csv", ("UI-BAD-1", "x")), "没有一行能导入")
    goods = tmp_path / "商品.csv"
    goods.write_text("商品编码,商品名称,货位\nUI-SKU-9,长袖衬衫,A-01-9\n", encoding="utf-8-sig")
    page.take(goods)
    qtbot.waitUntil(lambda: "检查通过" in page.result.words(), timeout=WAIT_MS)
    assert page.report is not None and page.report.kind == "items"
    page._room.kit.i18n.toggle()
    assert page.choice.go.words() == "Import this row"
    page._room.kit.i18n.toggle()

    page.choice._kinds["orders"].click()
    qtbot.waitUntil(lambda: "缺少这些列" in page.result.words(), timeout=WAIT_MS)


def test_a_long_import_shows_how_far_it_is_and_can_be_stopped(
    qtbot: QtBot, hub: RealHub, open_station: OpenStation, tmp_path: Path
) -> None:
    desk = open_station("ops")
    desk.pages.show_import()
    page = _page(desk)
    qtbot.waitUntil(page.choice.isVisible, timeout=WAIT_MS)
    page.take(_file(tmp_path, "大促.csv", *((f"UI-LONG-{n:05d}", "1") for n in range(5000))))
    qtbot.waitUntil(lambda: page.report is not None, timeout=WAIT_MS)
    page.choice.go.click()
    qtbot.waitUntil(lambda: "正在导入" in page.result.words(), timeout=WAIT_MS)
    desk.pages.back()
    assert desk.window.at_desk, "the desk can be used meanwhile"
    page.result.stop.click()
    qtbot.waitUntil(lambda: not page.is_busy, timeout=WAIT_MS)
    assert "已停止" in page.result.words() and "不会重复" in page.result.words()
    assert len(hub.api("GET", "/v1/orders?q=UI-LONG-00000")["orders"]) == 1


def test_only_tables_are_taken_when_dropped(open_station: OpenStation, tmp_path: Path) -> None:
    desk = open_station("supervisor")
    photo = tmp_path / "box.png"
    photo.write_bytes(b"no table")
    assert not _drop(desk, photo).isAccepted()
    assert desk.pages.intake is None and desk.window.at_desk
    desk.window.dragEnterEvent(_over(photo))
    assert "只能导入" in desk.window._drop_hint.words() and desk.window._drop_hint.isVisible()
    desk.window.dragLeaveEvent(None)  # type: ignore[arg-type]
    assert desk.window._drop_hint.isHidden()


def _over(file: Path) -> QDragEnterEvent:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(file))])
    event = QDragEnterEvent(
        QPoint(9, 9),
        Qt.DropAction.CopyAction,
        data,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    event.keep = data  # type: ignore[attr-defined]
    return event


@pytest.mark.parametrize("kind", ["packing", "supervisor", "service"])
def test_before_the_first_order_each_desk_offers_the_import(
    kind: str, qtbot: QtBot, open_station: OpenStation
) -> None:
    station = open_station(kind)
    put_to_rest(qtbot, station)
    station.core.cache.start_over()
    desk = station.desk
    assert desk is not None
    desk.refresh()
    match desk:
        case PackingScreen():
            shown, words = desk.import_offer.isVisible(), desk.empty_words()
        case SupervisorScreen():
            shown, words = desk.stops.first.isVisible(), desk.stops.first.words()
        case _:
            assert isinstance(desk, ServiceScreen)
            shown, words = desk.first.isVisible(), desk.first.words()
    assert shown and "还没有订单" in words


def test_the_settings_lead_to_the_import(open_station: OpenStation) -> None:
    desk = open_station("supervisor")
    desk.pages.show_settings()
    assert desk.pages.settings is not None
    desk.pages.settings.import_wanted.emit()
    assert desk.window.pages.currentWidget() is _page(desk)
    _page(desk).finished.emit()
    assert desk.window.at_desk
