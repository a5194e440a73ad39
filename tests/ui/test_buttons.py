"""Things to press: by finger, key and mouse, once."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from ui.kit import Kit
from ui.widgets.big_button import BigButton
from ui.widgets.switches import LanguageButton, ThemeButton


def shown(qtbot: QtBot, *widgets: QWidget) -> QWidget:
    window = QWidget()
    layout = QVBoxLayout(window)
    for widget in widgets:
        layout.addWidget(widget)
    qtbot.addWidget(window)
    with qtbot.waitActive(window):
        window.show()
        window.activateWindow()
    return window


@pytest.mark.parametrize("scale", [0.84, 1.0, 1.41])
@pytest.mark.parametrize("role", ["main", "plain", "quiet", "stop"])
def test_a_button_is_never_smaller_than_a_finger(qtbot: QtBot, kit: Kit, scale: float, role: str) -> None:
    kit.theme.set_scale(scale)
    button = BigButton(kit, "ui.message_ack", role=role)  # type: ignore[arg-type]
    qtbot.addWidget(button)
    hint = button.minimumSizeHint()
    assert hint.width() >= 48 and hint.height() >= 48


def test_the_key_on_the_button_presses_it(qtbot: QtBot, kit: Kit) -> None:
    button = BigButton(kit, "ui.message_ack", key="F6")
    window = shown(qtbot, button)
    handle = window.windowHandle()
    assert handle is not None
    presses: list[bool] = []
    button.clicked.connect(lambda: presses.append(True))
    QTest.keyClick(handle, Qt.Key.Key_F6)
    assert len(presses) == 1, "at once, not when an animation ends"


def test_a_forbidden_button_stays_off_and_says_why(qtbot: QtBot, kit: Kit) -> None:
    button = BigButton(kit, "ui.message_ack", key="F6")
    window = shown(qtbot, button)
    button.forbid(kit.i18n.say("station.may_sign_on"))
    assert not button.isEnabled() and button.toolTip() == "请先登录再操作"
    button.setEnabled(True)
    button.unlock()
    assert not button.isEnabled(), "whatever else is wanted"
    kit.i18n.switch("en")
    assert button.toolTip() == "Sign in first"
    handle = window.windowHandle()
    assert handle is not None
    with qtbot.assertNotEmitted(button.clicked):
        QTest.keyClick(handle, Qt.Key.Key_F6)
    button.forbid(None)
    assert button.isEnabled() and button.toolTip() == ""
    button.setEnabled(False)
    button.forbid(None)
    assert not button.isEnabled()


def test_a_button_that_locks_takes_one_press_until_it_is_unlocked(qtbot: QtBot, kit: Kit) -> None:
    button = BigButton(kit, "ui.message_ack", locks=True)
    window = shown(qtbot, button)
    assert window.isVisible()
    presses: list[int] = []
    button.clicked.connect(lambda: presses.append(1))
    for _ in range(12):
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert len(presses) == 1 and button.locked
    button.unlock()
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert len(presses) == 2


def test_the_words_follow_the_language_and_the_state(qtbot: QtBot, kit: Kit) -> None:
    button = BigButton(kit, "ui.message_ack")
    qtbot.addWidget(button)
    assert button.words() == button.accessibleName() == "知道了"
    kit.i18n.switch("en")
    assert button.words() == "Got it"
    button.set_text("ui.message_times", count=3)
    assert button.words() == "3 times"


def test_the_focus_ring_is_seen_and_only_with_focus(qtbot: QtBot, kit: Kit) -> None:
    button, other = BigButton(kit, "ui.message_ack", role="main"), BigButton(kit, "ui.message_ack")
    window = shown(qtbot, button, other)
    assert window.isActiveWindow()
    other.setFocus()
    without = button.grab().toImage()
    button.setFocus()
    ring = button.grab().toImage()
    middle = ring.height() // 2
    assert ring.pixelColor(1, middle) == kit.theme.colour("focus") != without.pixelColor(1, middle)


def test_the_switches_switch(qtbot: QtBot, kit: Kit) -> None:
    language, theme = LanguageButton(kit), ThemeButton(kit)
    window = shown(qtbot, language, theme)
    assert window.isVisible()
    assert language.text() == "EN"
    language.click()
    assert (kit.i18n.lang, language.text(), theme.toolTip()) == ("en", "中", "Switch to dark")
    theme.click()
    assert (kit.theme.mode, theme.toolTip()) == ("dark", "Switch to light")
    for button in (language, theme):
        assert button.width() >= 48 and button.height() >= 48
