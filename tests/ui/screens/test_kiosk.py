"""A kiosk: closed by who runs the warehouse, by a code, by holding on where nothing else is left; never a trap."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.station.kiosk import Kiosk
from app.store.outbox import Outbox
from main import station_asked
from tests.helpers.real_hub import RealHub
from tests.helpers.ui_joint import joint
from ui.app import build_station
from ui.screens.leave_page import LeavePage
from ui.station import Station

WAIT_MS = 15_000
OpenStation = Callable[..., Station]


def _badge(hub: RealHub, name: str, role: str) -> str:
    hub.api("POST", "/v1/users", {"name": name, "role": role, "password": "people-pass-1"})
    return str(hub.api("POST", f"/v1/users/{quote(name)}/badge", {})["code"])


def _asked_out(station: Station) -> LeavePage:
    station.window.close()
    assert station.window.isVisible(), "it stays"
    page = station.pages.leave
    assert page is not None and station.window.pages.currentWidget() is page
    return page


def _opened(qapp: QApplication, qtbot: QtBot, folder: Path, *, kiosk: bool = False) -> Station:
    station = build_station(qapp, joint(), "packing", folder, lang="zh", kiosk=kiosk)
    opened: list[None] = []
    station.open(lambda: opened.append(None))
    qtbot.waitUntil(lambda: bool(opened), timeout=WAIT_MS)
    return station


def test_a_kiosk_has_no_title_bar_and_a_supervisor_closes_it(
    qtbot: QtBot, hub: RealHub, open_station: OpenStation
) -> None:
    packer, supervisor = _badge(hub, "关工", "packer"), _badge(hub, "关长", "supervisor")
    bench = open_station("packing", kiosk=True)
    window = bench.window
    assert window.windowFlags() & Qt.WindowType.FramelessWindowHint
    assert window.windowFlags() & Qt.WindowType.WindowStaysOnTopHint
    before = window.windowState()
    window.toggle_full_screen()
    assert window.windowState() == before, "the key for full screen is no way out"

    page = _asked_out(bench)
    assert not page.hold.isVisible() and not page.code.isVisible(), (
        "the hub is there: who may close can sign on"
    )
    bench.scan(packer)
    qtbot.waitUntil(lambda: "不能关闭工位" in page.form.password.trouble, timeout=WAIT_MS)
    assert window.isVisible()
    bench.scan(supervisor)
    qtbot.waitUntil(lambda: not window.isVisible(), timeout=WAIT_MS)


def test_without_a_hub_and_without_a_code_holding_the_button_closes(
    qapp: QApplication, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ui.screens.leave_page.HOLD_MS", 150)
    bench = _opened(qapp, qtbot, tmp_path, kiosk=True)
    page = _asked_out(bench)
    assert page.hold.isVisible()
    QTest.mouseClick(page.hold, Qt.MouseButton.LeftButton)
    assert bench.window.isVisible(), "a touch is not enough"
    QTest.mousePress(page.hold, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not bench.window.isVisible(), timeout=WAIT_MS)
    bench.close()


def test_the_code_closes_where_nobody_can_sign_on(qapp: QApplication, qtbot: QtBot, tmp_path: Path) -> None:
    bench = _opened(qapp, qtbot, tmp_path, kiosk=True)
    assert bench.kiosk.set_code("2580", "salt") and not bench.kiosk.set_code("12", "salt")
    assert "2580" not in bench.core.outbox.setting("kiosk_code")
    page = _asked_out(bench)
    assert page.code.isVisible() and not page.hold.isVisible()
    for digit in "2581":
        page.code.type(digit)
    page.code.go.click()
    assert "不对" in page.code.trouble and bench.window.isVisible()
    for digit in "2580":
        page.code.type(digit)
    page.code.go.click()
    assert not bench.window.isVisible()
    bench.close()


def test_wrong_codes_have_to_wait_and_the_right_one_with_them(tmp_path: Path) -> None:
    box = Outbox(tmp_path / "outbox.sqlite")
    kiosk = Kiosk(box, asked=True)
    kiosk.set_code("2580", "salt")
    assert [kiosk.fits("0000", float(at)) for at in range(6)] == [False] * 5 + [None]
    assert kiosk.fits("2580", 30.0) is None
    assert kiosk.fits("2580", 70.0) is True
    box.close()


def test_after_a_fault_it_opens_as_an_ordinary_window_once(
    qapp: QApplication, qtbot: QtBot, tmp_path: Path
) -> None:
    """A program that dies in a kiosk, and dies again at its start, would lock people out of their computer."""
    first = _opened(qapp, qtbot, tmp_path)
    first.kiosk.want(True)
    first.close()
    killed = _opened(qapp, qtbot, tmp_path)
    assert killed.kiosk.is_on
    killed.core.outbox.set_setting("kiosk_open", "1")
    killed.kiosk.closed = lambda: None  # type: ignore[method-assign] # it ends without a word
    killed.close()
    after = _opened(qapp, qtbot, tmp_path)
    assert not after.kiosk.is_on and not after.window.windowFlags() & Qt.WindowType.FramelessWindowHint
    assert "普通窗口" in after.window.bar.words()
    after.window.close()
    assert not after.window.isVisible(), "and is closed by anybody"
    after.close()
    again = _opened(qapp, qtbot, tmp_path)
    assert again.kiosk.is_on
    again.close()


def test_a_kiosk_is_asked_for_by_a_word_of_the_command() -> None:
    asked = station_asked(["station", "--kiosk", "--kind", "packing"])
    assert asked is not None and asked.kiosk
    asked = station_asked(["station"])
    assert asked is not None and not asked.kiosk


def test_in_a_kiosk_only_who_may_close_it_changes_that(
    qtbot: QtBot, hub: RealHub, open_station: OpenStation
) -> None:
    bench = open_station("packing", kiosk=True)
    bench.pages.show_settings()
    assert bench.pages.settings is not None
    card = bench.pages.settings.kiosk
    assert card.close_now.isVisible() and not card.on.isEnabled()
    card.close_now.click()
    assert bench.window.isVisible() and bench.window.pages.currentWidget() is bench.pages.leave
