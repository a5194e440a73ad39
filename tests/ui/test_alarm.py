"""An alarm covers everything, is acknowledged by a person, and lets nothing else through."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QKeySequence, QShortcut
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit, QMenu, QPushButton, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from tests.helpers.qt import FixedClock
from ui.hand import type_as_scanner
from ui.kit import Kit
from ui.scanner_input import ScannerInput, ScanRead
from ui.widgets.alarm import Alarm, AlarmView


def view(alarm_id: str = "a1", *, calm: bool = False) -> AlarmView:
    return AlarmView(
        alarm_id, "停！", f"订单 OD20261121001 已取消 {alarm_id}", "请停手", ("买家 8 秒前取消",), calm
    )


class Bench(QWidget):
    def __init__(self) -> None:
        super().__init__()
        self.presses: list[str] = []
        self.button, self.field = QPushButton("close parcel"), QLineEdit()
        layout = QVBoxLayout(self)
        layout.addWidget(self.button)
        layout.addWidget(self.field)
        self.button.clicked.connect(lambda: self.presses.append("button"))
        for key in ("F5", "F9", "Ctrl+P"):
            QShortcut(QKeySequence(key), self, lambda key=key: self.presses.append(key))  # type: ignore[misc]
        self.resize(900, 600)

    def press(self, key: Qt.Key, held: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
        handle = self.windowHandle()
        assert handle is not None
        QTest.keyClick(handle, key, held)

    def ground(self) -> QColor:
        picture = self.grab().toImage()
        return picture.pixelColor(picture.width() - 4, picture.height() - 4)


@pytest.fixture
def bench(qtbot: QtBot, kit: Kit) -> Bench:
    made = Bench()
    qtbot.addWidget(made)
    with qtbot.waitActive(made):
        made.show()
        made.activateWindow()
    return made


@pytest.fixture
def alarm(kit: Kit, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Iterator[Alarm]:
    monkeypatch.setitem(kit.theme.tokens.times, "arm", 0)  # type: ignore[arg-type]
    made = Alarm(kit)
    yield made
    for one in made.waiting:
        made.withdraw(one.alarm_id)


def is_red(colour: QColor) -> bool:
    return colour.red() > 120 and colour.green() < 40 and colour.blue() < 40


def test_the_whole_window_is_red_at_once_and_says_what_happened(alarm: Alarm, bench: Bench, kit: Kit) -> None:
    painted: list[str] = []
    alarm.painted.connect(painted.append)
    alarm.raise_alarm(view())
    assert painted == ["a1"], (
        "no turn of the event loop in between; its seconds are a benchmark's (red_pixels)"
    )
    [sheet] = alarm.sheets()
    assert sheet.geometry() == bench.rect()
    assert sheet.words().splitlines()[:3] == ["停！", "订单 OD20261121001 已取消 a1", "请停手"]
    picture = bench.grab().toImage()
    for x, y in ((1, 1), (picture.width() - 2, 1), (1, picture.height() - 2), (picture.width() // 2, 3)):
        assert is_red(picture.pixelColor(x, y))


def test_it_pulses_below_three_flashes_a_second(qtbot: QtBot, alarm: Alarm, bench: Bench, kit: Kit) -> None:
    assert kit.theme.ms("pulse") > 334
    alarm.raise_alarm(view())
    seen: set[str] = set()
    qtbot.waitUntil(lambda: bool(seen.add(bench.ground().name())) or len(seen) >= 3)
    assert all(is_red(QColor(name)) for name in seen)


def test_every_window_of_ours_is_covered_also_one_that_opens_later(
    qtbot: QtBot, alarm: Alarm, bench: Bench
) -> None:
    other = Bench()
    qtbot.addWidget(other)
    other.show()
    alarm.raise_alarm(view())
    assert {sheet.parentWidget() for sheet in alarm.sheets()} == {bench, other}
    late = Bench()
    qtbot.addWidget(late)
    late.show()
    qtbot.waitUntil(lambda: late in {sheet.parentWidget() for sheet in alarm.sheets()})
    assert is_red(late.ground())
    alarm.acknowledge("scan")
    assert alarm.sheets() == ()


def test_it_follows_the_window_when_that_is_resized(qtbot: QtBot, alarm: Alarm, bench: Bench) -> None:
    alarm.raise_alarm(view())
    bench.resize(1200, 700)
    qtbot.waitUntil(lambda: alarm.sheets()[0].size() == bench.size())


def test_nothing_else_takes_a_key_a_press_or_a_shortcut(qtbot: QtBot, alarm: Alarm, bench: Bench) -> None:
    bench.field.setFocus()
    alarm.raise_alarm(view())
    for key in (Qt.Key.Key_F5, Qt.Key.Key_A, Qt.Key.Key_Return, Qt.Key.Key_Space, Qt.Key.Key_Escape):
        bench.press(key)
    bench.press(Qt.Key.Key_P, Qt.KeyboardModifier.ControlModifier)
    qtbot.mouseClick(bench.button, Qt.MouseButton.LeftButton)
    qtbot.keyClicks(bench.field, "typed")
    assert bench.presses == [] and bench.field.text() == "" and alarm.active is not None


def test_f9_acknowledges_and_everything_works_again(qtbot: QtBot, alarm: Alarm, bench: Bench) -> None:
    done: list[tuple[str, str]] = []
    quiet: list[str] = []
    alarm.acknowledged.connect(lambda alarm_id, by: done.append((alarm_id, by)))
    alarm.silent.connect(lambda: quiet.append("quiet"))
    alarm.raise_alarm(view())
    bench.press(Qt.Key.Key_F9)
    assert done == [("a1", "key")] and quiet == ["quiet"] and bench.presses == []
    qtbot.mouseClick(bench.button, Qt.MouseButton.LeftButton)
    bench.press(Qt.Key.Key_F5)
    assert bench.presses == ["button", "F5"]
    assert not is_red(bench.ground())


def test_a_finger_acknowledges_by_the_button(qtbot: QtBot, alarm: Alarm, bench: Bench) -> None:
    done: list[str] = []
    alarm.acknowledged.connect(lambda alarm_id, by: done.append(by))
    alarm.raise_alarm(view())
    [sheet] = alarm.sheets()
    assert sheet._button.height() >= 48
    qtbot.mouseClick(sheet._button, Qt.MouseButton.LeftButton)
    assert done == ["touch"]


def test_scans_still_arrive_and_enter_of_a_scan_acknowledges_nothing(
    qapp: QApplication, alarm: Alarm, bench: Bench
) -> None:
    scanner = ScannerInput(FixedClock())
    scanner.listen(qapp)
    reads: list[ScanRead] = []
    scanner.scanned.connect(reads.append)
    alarm.raise_alarm(view())
    handle = bench.windowHandle()
    assert handle is not None
    type_as_scanner(handle, "S1OD2026112100101007K\r")  # stamped as a scanner's, however busy this machine is
    scanner.deafen(qapp)
    assert [read.text for read in reads] == ["S1OD2026112100101007K"]
    assert alarm.active is not None
    assert alarm.acknowledge("scan") and alarm.active is None


def test_a_press_meant_for_something_else_does_not_acknowledge(
    qtbot: QtBot, kit: Kit, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = kit.theme.tokens.times
    monkeypatch.setitem(times, "arm", 60_000)  # type: ignore[arg-type] # no machine is so busy
    alarm = Alarm(kit)
    alarm.raise_alarm(view())
    bench.press(Qt.Key.Key_F9)
    assert alarm.active is not None
    monkeypatch.setitem(times, "arm", 20)  # type: ignore[arg-type]
    qtbot.wait(30)
    bench.press(Qt.Key.Key_F9)
    assert alarm.active is None


def test_two_alarms_are_acknowledged_one_by_one(alarm: Alarm, bench: Bench) -> None:
    raised: list[str] = []
    alarm.raised.connect(lambda one: raised.append(one.alarm_id))
    alarm.raise_alarm(view("a1"))
    alarm.raise_alarm(view("a2"))
    alarm.raise_alarm(view("a1"))
    assert [one.alarm_id for one in alarm.waiting] == ["a1", "a2"]
    assert alarm.sheets()[0].words().endswith("第 1 条，共 2 条\n按 F9、点按钮或扫“确认”指令码")
    bench.press(Qt.Key.Key_F9)
    assert alarm.active is not None and alarm.active.alarm_id == "a2"
    assert is_red(bench.ground())
    bench.press(Qt.Key.Key_F9)
    assert alarm.active is None and raised == ["a1", "a2"]


def test_a_calm_alarm_is_amber_and_gives_way_to_a_red_one(alarm: Alarm, bench: Bench, kit: Kit) -> None:
    alarm.raise_alarm(view("calm", calm=True))
    assert bench.ground() == kit.theme.colour("calm")
    assert alarm.sheets()[0]._button.words() == "我已看到"
    alarm.raise_alarm(view("red"))
    assert is_red(bench.ground()) and alarm.sheets()[0]._button.words() == "我已停手"
    alarm.acknowledge("scan")
    assert bench.ground() == kit.theme.colour("calm")


def test_an_alarm_lifted_elsewhere_goes_away_unacknowledged(alarm: Alarm, bench: Bench) -> None:
    done: list[str] = []
    alarm.acknowledged.connect(lambda alarm_id, by: done.append(by))
    alarm.raise_alarm(view())
    alarm.withdraw("a1")
    alarm.withdraw("a1")
    assert alarm.active is None and done == [] and alarm.sheets() == ()


def test_withdrawing_one_that_waits_does_not_ring_the_one_in_front_again(alarm: Alarm, bench: Bench) -> None:
    raised: list[str] = []
    alarm.raised.connect(lambda one: raised.append(one.alarm_id))
    alarm.raise_alarm(view("a1"))
    alarm.raise_alarm(view("a2"))
    alarm.withdraw("a2")
    assert raised == ["a1"] and "第 1 条" not in alarm.sheets()[0].words()


def test_the_keyboard_rests_where_it_was_before(qtbot: QtBot, alarm: Alarm, bench: Bench) -> None:
    bench.field.setFocus()
    alarm.raise_alarm(view())
    assert not bench.field.hasFocus()
    bench.press(Qt.Key.Key_F9)
    assert bench.field.hasFocus()


def test_a_window_that_closes_under_the_alarm_takes_its_sheet_along(
    qtbot: QtBot, alarm: Alarm, bench: Bench
) -> None:
    other = Bench()
    other.show()
    alarm.raise_alarm(view())
    assert len(alarm.sheets()) == 2
    with qtbot.waitSignal(other.destroyed):
        other.deleteLater()
    qtbot.wait(120)
    assert [sheet.parentWidget() for sheet in alarm.sheets()] == [bench]
    bench.press(Qt.Key.Key_F9)
    assert alarm.active is None


def test_a_prepared_window_shows_nothing_until_there_is_an_alarm(alarm: Alarm, bench: Bench) -> None:
    painted: list[str] = []
    alarm.painted.connect(painted.append)
    alarm.prepare(bench)
    assert alarm.sheets() == () and painted == [] and not is_red(bench.ground())
    for n in range(3):
        alarm.raise_alarm(view(f"a{n}"))
        alarm.acknowledge("scan")
    assert painted == ["a0", "a1", "a2"]


def test_a_monitor_that_shows_no_window_of_ours_turns_red_too(tmp_path: Path) -> None:
    """Two monitors need a platform of their own, so a program of its own."""
    monitors = [
        {"name": n, "x": x, "y": 0, "width": 800, "height": 600} for n, x in (("one", 0), ("two", 800))
    ]
    config = tmp_path / "screens.json"
    config.write_text(json.dumps({"screens": monitors}), encoding="utf-8")
    env = {**os.environ, "QT_QPA_PLATFORM": f"offscreen:configfile={config}"}
    ran = subprocess.run(
        [sys.executable, "-m", "tests.helpers.two_monitors"],
        env=env,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == {"during": [["one", 500, 400], ["two", 800, 600]], "after": []}


def test_an_open_menu_does_not_hide_or_outlive_the_alarm(qtbot: QtBot, alarm: Alarm, bench: Bench) -> None:
    menu = QMenu(bench)
    menu.addAction("print")
    menu.popup(bench.mapToGlobal(bench.rect().center()))
    alarm.raise_alarm(view())
    assert not menu.isVisible() and is_red(bench.ground())


def test_the_words_follow_the_language_while_it_stands(alarm: Alarm, bench: Bench, kit: Kit) -> None:
    alarm.raise_alarm(AlarmView("x", kit.i18n.say("ui.state_stop"), "s", "t"))
    kit.i18n.switch("en")
    assert alarm.sheets()[0].words().splitlines()[0] == "Stop"
    assert alarm.sheets()[0]._button.words() == "I have stopped"
