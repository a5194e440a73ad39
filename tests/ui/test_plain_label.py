"""What a buyer typed is shown, never obeyed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QFontMetricsF
from PySide6.QtWidgets import QLabel, QWidget
from pytestqt.qtbot import QtBot

from ui.kit import Kit
from ui.widgets.plain_label import PlainLabel, breakable, lay_lines, plain_tip, visible

EVIL = '<b>gift</b> & <img src="http://127.0.0.1/x.png"> <a href="file:///">click</a>'


def test_html_is_shown_letter_by_letter(qtbot: QtBot, kit: Kit) -> None:
    label, plain, rich = PlainLabel(EVIL), QLabel(), QLabel(EVIL)
    plain.setTextFormat(Qt.TextFormat.PlainText)
    plain.setText(EVIL)
    for widget in (label, plain, rich):
        qtbot.addWidget(widget)
    assert label.words() == EVIL
    assert label.sizeHint().width() == plain.sizeHint().width()
    # Qt's own guess would have eaten the tags: the reason for this class.
    assert rich.sizeHint().width() < label.sizeHint().width()


def test_an_ampersand_stays_an_ampersand(qtbot: QtBot, kit: Kit) -> None:
    one, other = PlainLabel("A & B"), PlainLabel("A  B")
    qtbot.addWidget(one)
    qtbot.addWidget(other)
    assert one.sizeHint().width() > other.sizeHint().width()


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("5\u202e00.1\u202c 元", "500.1 元"),
        ("a\u200bb\u2066c\u2069", "abc"),
        ("two\r\nlines\tand\x00more\x07", "two\nlines and more "),
        ("王䶮 ℃ 🎁", "王䶮 ℃ 🎁"),
    ],
)
def test_marks_that_trick_the_eye_are_taken_out(typed: str, shown: str) -> None:
    assert visible(typed) == shown


@given(st.text())
def test_nothing_visible_is_lost_and_nothing_is_a_control(text: str) -> None:
    shown = visible(text)
    assert all(c == "\n" or c.isprintable() or not c.isascii() for c in shown)
    assert visible(shown) == shown
    assert breakable(shown).replace("\u200b", "") == shown


def test_a_long_code_breaks_instead_of_widening_the_window(qtbot: QtBot, kit: Kit) -> None:
    label = PlainLabel("https://example.invalid/" + "a" * 400, wrap=True)
    qtbot.addWidget(label)
    assert label.minimumSizeHint().width() < 400
    assert label.heightForWidth(300) > label.heightForWidth(1200)


def test_a_remark_of_any_length_keeps_to_its_lines_and_is_whole_in_the_tip(qtbot: QtBot, kit: Kit) -> None:
    remark = "请在周六送货，" * 300
    label = PlainLabel(remark, lines=2)
    label.resize(300, label.sizeHint().height())
    qtbot.addWidget(label)
    label.grab()
    one_line = PlainLabel("字", lines=1)
    qtbot.addWidget(one_line)
    assert label.sizeHint().height() <= one_line.sizeHint().height() * 2 + 2
    assert remark in label.toolTip() and label.words() == remark
    label.setText("短")
    label.grab()
    assert label.toolTip() == ""


def test_a_tip_is_as_plain_as_the_label() -> None:
    assert plain_tip("<b>&") == "<qt>&lt;b&gt;&amp;</qt>"
    assert plain_tip("") == ""


def test_lines_are_cut_only_when_they_do_not_fit(kit: Kit) -> None:
    font = kit.theme.font("body")
    assert lay_lines("一二三", font, 500, 1)[1] is False
    assert lay_lines("一二三" * 50, font, 100, 2)[1] is True
    assert lay_lines("a\nb\nc", font, 500)[0].lineCount() == 3


def test_a_clamped_label_paints_in_the_colour_of_its_state(qtbot: QtBot, kit: Kit) -> None:
    holder = QWidget()
    qtbot.addWidget(holder)
    label = PlainLabel("停停停停", "display", lines=1, parent=holder)
    label.set_state("stop")
    label.resize(300, 60)
    holder.show()
    picture = label.grab().toImage()
    inks = {picture.pixelColor(x, y).name() for x in range(picture.width()) for y in range(picture.height())}
    assert QColor(kit.theme.colour("stop_text")).name() in inks


def test_a_wrapped_text_in_a_row_too_low_for_it_ends_in_dots_and_no_letter_is_cut(
    qtbot: QtBot, kit: Kit
) -> None:
    label = PlainLabel("定胜糕龙井茶酥绿豆糕 杭州特产伴手礼糕点", "heading", wrap=True)
    qtbot.addWidget(label)
    label.ensurePolished()
    line = QFontMetricsF(label.font()).lineSpacing()
    label.resize(200, round(line * 1.5))
    low = label.grab().toImage()
    assert "手礼糕点" in label.toolTip()
    above = [low.pixelColor(x, y) for x in range(low.width()) for y in (0, 1, low.height() - 2)]
    assert len({colour.rgb() for colour in above}) == 1, "letters reach over the edge"
    label.resize(200, label.heightForWidth(200))
    assert label.grab().toImage() != low
