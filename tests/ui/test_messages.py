"""Errors stay until a person confirms them, successes fade, everything can be looked up."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from PySide6.QtCore import QAbstractAnimation, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from ui.kit import Kit
from ui.message_log import KEPT, MessageLog
from ui.widgets.message_bar import MessageBar, MessagePanel
from ui.widgets.plain_label import PlainLabel

NOW = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)


# -- the log, without Qt


def test_errors_wait_for_a_person_and_the_gravest_comes_first() -> None:
    log = MessageLog()
    log.add(NOW, "ok", "saved")
    log.add(NOW, "wait", "paper low")
    log.add(NOW, "stop", "wrong item")
    log.add(NOW, "wait", "clock is off")
    assert [m.text for m in log.waiting()] == ["wrong item", "clock is off", "paper low"]
    log.confirm(log.waiting()[0].no)
    assert [m.text for m in log.waiting()] == ["clock is off", "paper low"]
    assert [m.text for m in log.history()] == ["clock is off", "wrong item", "paper low", "saved"]


def test_the_same_trouble_is_counted_not_repeated_and_ends_by_itself() -> None:
    log = MessageLog()
    for n in range(3):
        log.add(NOW, "stop", f"printer A does not answer ({n})", "printer:a")
    [waiting] = log.waiting()
    assert (waiting.times, waiting.text) == (3, "printer A does not answer (2)")
    assert log.resolve("printer:a") and not log.waiting()
    assert not log.resolve("printer:a")
    log.add(NOW, "stop", "again", "printer:a")
    assert log.waiting()[0].times == 1 and len(log.history()) == 2


def test_history_is_bounded_and_never_drops_what_still_waits() -> None:
    log = MessageLog()
    log.add(NOW, "stop", "read me")
    for n in range(KEPT * 2):
        log.add(NOW, "ok", str(n))
    assert len(log.history()) == KEPT
    assert [m.text for m in log.waiting()] == ["read me"]


# -- the bar


@pytest.fixture
def bar(qtbot: QtBot, kit: Kit) -> MessageBar:
    made = MessageBar(kit)
    qtbot.addWidget(made)
    made.resize(1200, made.height())
    with qtbot.waitActive(made):
        made.show()
        made.activateWindow()
    return made


def test_an_error_stays_until_its_key_is_pressed(qtbot: QtBot, bar: MessageBar) -> None:
    counts: list[int] = []
    bar.waiting_changed.connect(counts.append)
    bar.error("不是本单商品")
    bar.error("数量多了")
    bar.success("已保存")
    assert bar.front is not None and bar.words() == "数量多了"
    qtbot.wait(50)
    handle = bar.windowHandle()
    assert handle is not None
    QTest.keyClick(handle, Qt.Key.Key_F8)
    qtbot.waitUntil(lambda: bar.words() == "不是本单商品")
    QTest.keyClick(handle, Qt.Key.Key_F8)
    qtbot.waitUntil(lambda: bar.front is None)
    assert counts[-1] == 0


def test_a_success_fades_by_itself_and_an_error_beside_it_does_not(
    qtbot: QtBot, bar: MessageBar, kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(kit.theme.tokens.times, "fade_after", 60)  # type: ignore[arg-type]
    monkeypatch.setitem(kit.theme.tokens.times, "fade", 60)  # type: ignore[arg-type]
    states: list[QAbstractAnimation.State] = []
    bar._note._fade.stateChanged.connect(lambda now, before: states.append(now))
    bar.success("已保存")
    assert bar.words() == "已保存" and states == []
    qtbot.waitUntil(lambda: bar.words() == "")
    assert QAbstractAnimation.State.Running in states, "it faded, it was not cut off"
    bar.error("纸用完了")
    bar.success("已保存")
    qtbot.wait(200)
    assert bar.words() == "纸用完了"


def test_nothing_moves_when_the_bar_speaks_or_falls_silent(bar: MessageBar) -> None:
    silent = bar.height()
    bar.error("很长的话，" * 60)
    assert bar.height() == silent
    bar.confirm()
    assert bar.height() == silent


def test_trouble_that_is_over_leaves_the_bar_but_not_the_history(bar: MessageBar) -> None:
    bar.error("打印机 A 没有回答", key="printer:a")
    bar.error("打印机 A 没有回答", key="printer:a")
    assert bar.words() == "打印机 A 没有回答  (2 次)"
    bar.resolve("printer:a")
    assert bar.front is None and len(bar.log.history()) == 1


def test_past_messages_open_above_the_bar_in_the_language_of_now(
    qtbot: QtBot, bar: MessageBar, kit: Kit
) -> None:
    bar.note(kit.i18n.say("ui.just_now"))
    bar.error("<b>not bold</b>")
    kit.i18n.switch("en")
    bar.show_history()
    panel = bar._panel
    assert isinstance(panel, MessagePanel) and panel.isVisible()
    words = [label.words() for label in panel.findChildren(PlainLabel)]
    assert words == ["Messages", "<b>not bold</b>", "To confirm", "just now"]
    panel.close()


def test_the_bar_shows_its_state_by_field_and_shape(bar: MessageBar, kit: Kit) -> None:
    bar.warn("纸快用完了")
    picture = bar.grab().toImage()
    assert picture.pixelColor(2, picture.height() // 2) == kit.theme.colour("wait_soft")
    assert bar._shape.state == "wait"
    bar.confirm()
    assert bar.grab().toImage().pixelColor(2, picture.height() // 2) == kit.theme.colour("surface")
