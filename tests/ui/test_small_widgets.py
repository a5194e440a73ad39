"""Chips, counters, deadlines, strip, empty state, search field."""

from __future__ import annotations

from datetime import timedelta

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QFontMetricsF
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from tests.helpers.qt import FixedClock
from ui.kit import Kit
from ui.tokens import STATES, State
from ui.widgets.counter_label import CounterLabel, counter_state
from ui.widgets.deadline_label import DeadlineLabel, deadline_view
from ui.widgets.empty_state import EmptyState
from ui.widgets.page import Page
from ui.widgets.search_field import SearchField
from ui.widgets.state_chip import StateChip, Tone
from ui.widgets.strip import Strip, StripItem

# -- chips


@pytest.mark.parametrize("tone", ["soft", "solid", "bare"])
@pytest.mark.parametrize("state", STATES)
def test_a_chip_has_colour_shape_and_word(qtbot: QtBot, kit: Kit, state: State, tone: Tone) -> None:
    chip = StateChip(kit, state, kit.i18n.say(f"ui.state_{state}"), tone=tone)
    qtbot.addWidget(chip)
    assert chip.words() == chip.accessibleName() == kit.i18n.tr(f"ui.state_{state}")
    chip.resize(chip.sizeHint())
    picture = chip.grab().toImage()
    ink = kit.theme.colour(f"on_{state}" if tone == "solid" else f"{state}_text")
    across = [
        x
        for x in range(picture.width())
        if any(picture.pixelColor(x, y) == ink for y in range(picture.height()))
    ]
    assert min(across) < picture.width() * 0.35, "the shape stands in front"
    assert max(across) > picture.width() * 0.6, "the word behind it"


def test_a_chip_follows_the_language(qtbot: QtBot, kit: Kit) -> None:
    chip = StateChip(kit, "ok", kit.i18n.say("ui.state_ok"))
    qtbot.addWidget(chip)
    width = chip.sizeHint().width()
    kit.i18n.switch("en")
    assert chip.words() == "Done" and chip.sizeHint().width() != width


# -- counters


@pytest.mark.parametrize(
    ("done", "of", "state"),
    [(0, 3, "idle"), (2, 3, "idle"), (3, 3, "ok"), (4, 3, "stop"), (0, 0, "idle"), (1, 0, "stop")],
)
def test_a_counter_is_done_when_complete_and_red_when_over(done: int, of: int, state: State) -> None:
    assert counter_state(done, of) == state


def test_counting_up_moves_nothing_beside_it(qtbot: QtBot, kit: Kit) -> None:
    counter = CounterLabel(kit)
    qtbot.addWidget(counter)
    widths = set()
    for done in range(13):
        counter.show_count(done, 12)
        widths.add(counter.sizeHint().width())
    assert len(widths) == 1
    assert counter.words() == "12 / 12" and counter.accessibleName() == "已扫 12 件，共 12 件"


@pytest.mark.parametrize("scale", [0.84, 1.0, 1.41])
def test_a_counter_is_at_least_28_px_high_on_every_screen(qtbot: QtBot, kit: Kit, scale: float) -> None:
    kit.theme.set_scale(scale)
    counter = CounterLabel(kit)
    qtbot.addWidget(counter)
    counter.show_count(2, 3)
    counter.resize(counter.sizeHint())
    picture = counter.grab().toImage()
    ground = picture.pixelColor(0, 0)
    rows = [
        y
        for y in range(picture.height())
        if any(picture.pixelColor(x, y) != ground for x in range(picture.width()))
    ]
    assert QFontMetricsF(kit.theme.font("counter")).height() >= 28
    assert max(rows) - min(rows) >= 24


# -- deadlines


@pytest.mark.parametrize(
    ("left_s", "state"),
    [(7200, "idle"), (3601, "idle"), (3600, "wait"), (1, "wait"), (0, "stop"), (-5, "stop")],
)
def test_a_deadline_is_amber_in_its_last_hour_and_red_from_the_moment_it_passes(
    left_s: int, state: State
) -> None:
    now = FixedClock().now()
    assert deadline_view(now + timedelta(seconds=left_s), now).state == state


def test_a_deadline_runs_down_by_itself_in_both_languages(
    qtbot: QtBot, kit: Kit, kit_clock: FixedClock
) -> None:
    label = DeadlineLabel(kit)
    qtbot.addWidget(label)
    assert label.words() == "无截止时间"
    label.show_deadline(kit_clock.now() + timedelta(minutes=61))
    assert (label.words(), label.state) == ("剩 1 小时 1 分", "idle")
    kit_clock.move(20 * 60)
    kit.ticker.tick.emit()
    assert (label.words(), label.state) == ("剩 41 分", "wait")
    kit_clock.move(44 * 60)
    kit.ticker.tick.emit()
    assert (label.words(), label.state) == ("超时 3 分", "stop")
    kit.i18n.switch("en")
    assert label.words() == "3 min late"
    label.show_deadline(None)
    assert (label.words(), label.state) == ("No deadline", "idle")


# -- strip


def items(kit: Kit) -> list[StripItem]:
    return [
        StripItem("hub", "wait", "离线 2 分钟，4 条扫描安全保存在本机"),
        StripItem("printer", "ok", "小票打印机 A 正常工作，纸张充足"),
        StripItem("scanner", "ok", kit.i18n.say("ui.scanner_ready")),
        StripItem("outbox", "idle", "没有等待上传的扫描记录"),
    ]


def test_in_little_room_quiet_statements_shrink_and_trouble_keeps_its_words(qtbot: QtBot, kit: Kit) -> None:
    strip = Strip(kit)
    qtbot.addWidget(strip)
    strip.show_items(items(kit))
    strip.resize(1300, 34)
    strip.show()
    assert not any(view.short for view in strip._views.values())
    strip.resize(480, 34)
    short = {key for key, view in strip._views.items() if view.short}
    assert "hub" not in short and {"outbox", "scanner"} <= short
    assert strip._views["outbox"].toolTip().strip("</qt>") == "没有等待上传的扫描记录"
    strip.resize(1300, 34)
    assert not any(view.short for view in strip._views.values())


def test_a_statement_that_changes_keeps_its_place_and_says_what_was_touched(qtbot: QtBot, kit: Kit) -> None:
    strip = Strip(kit)
    qtbot.addWidget(strip)
    strip.resize(1300, 34)
    strip.show_items(items(kit))
    before = strip._views["hub"]
    strip.show_items([StripItem("hub", "ok", "3 秒前更新"), *items(kit)[1:]])
    assert strip._views["hub"] is before and strip.items()[0].state == "ok"
    strip.show_items(items(kit)[:2])
    assert [item.key for item in strip.items()] == ["hub", "printer"]
    with qtbot.waitSignal(strip.pressed) as pressed:
        strip._views["printer"].click()
    assert pressed.args == ["printer"]


# -- empty state


def test_an_empty_screen_teaches_the_first_step(qtbot: QtBot, kit: Kit) -> None:
    empty = EmptyState(kit, "box", kit.i18n.say("ui.table_empty_title"), kit.i18n.say("ui.search_hint"))
    qtbot.addWidget(empty)
    steps: list[str] = []
    button = empty.offer("ui.search_clear", lambda: steps.append("taken"), main=True)
    empty.resize(600, 400)
    empty.show()
    button.click()
    assert steps == ["taken"]
    kit.i18n.switch("en")
    assert empty._title.words() == "Nothing here yet" and button.words() == "Clear"


# -- search field


def test_a_search_is_asked_after_the_last_key_and_at_once_on_enter(qtbot: QtBot, kit: Kit) -> None:
    field = SearchField(kit)
    qtbot.addWidget(field)
    asked: list[str] = []
    field.asked.connect(asked.append)
    for char in "2807":
        QTest.keyClicks(field, char)
    assert asked == []
    qtbot.waitUntil(lambda: asked == ["2807"])
    QTest.keyClicks(field, "1 ")
    QTest.keyClick(field, Qt.Key.Key_Return)
    assert asked == ["2807", "28071"]
    qtbot.wait(150)
    assert asked == ["2807", "28071"]
    QTest.keyClick(field, Qt.Key.Key_Escape)
    assert asked[-1] == "" and field.text() == ""


# -- page


def test_a_page_rests_the_keyboard_on_itself_and_has_no_input_method(qtbot: QtBot, kit: Kit) -> None:
    page = Page()
    layout = QVBoxLayout(page)
    button, field = QPushButton("press"), QWidget()
    layout.addWidget(button)
    layout.addWidget(field)
    qtbot.addWidget(page)
    with qtbot.waitActive(page):
        page.show()
        page.activateWindow()
    assert page.focusWidget() is page and not button.hasFocus()
    assert not page.testAttribute(Qt.WidgetAttribute.WA_InputMethodEnabled)
    assert page.grab().toImage().pixelColor(2, 2) == kit.theme.colour("canvas")
