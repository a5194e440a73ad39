"""Chinese or English, switched at once, and never a finished text kept."""

from __future__ import annotations

import string
import tomllib
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from PySide6.QtWidgets import QLabel, QWidget
from pytestqt.qtbot import QtBot

from ui.kit import Kit
from ui.resources import resource_dir

TEXTS = tomllib.loads((resource_dir() / "texts" / "ui.toml").read_text(encoding="utf-8"))


@pytest.mark.gbk
def test_a_switch_reaches_every_bound_text_and_stops_with_the_widget(qtbot: QtBot, kit: Kit) -> None:
    label, other = QLabel(), QWidget()
    qtbot.addWidget(label)
    seen: list[str] = []
    kit.i18n.bind(label, lambda: label.setText(kit.i18n.tr("ui.message_ack")))
    kit.i18n.bind(other, lambda: seen.append(kit.i18n.lang))
    assert label.text() == "知道了"
    kit.i18n.switch("en")
    assert label.text() == "Got it" and seen == ["zh", "en"]
    with qtbot.waitSignal(other.destroyed):
        other.deleteLater()
    kit.i18n.toggle()
    assert label.text() == "知道了" and seen == ["zh", "en"]


def test_a_text_said_later_follows_the_language_and_is_comparable(kit: Kit) -> None:
    later = kit.i18n.say("ui.ago", span="8 s")
    kit.i18n.switch("en")
    assert later() == "8 s ago"
    assert later == kit.i18n.say("ui.ago", span="8 s") != kit.i18n.say("ui.ago", span="9 s")


def test_clocks_are_read_in_another_zone_from_when_the_hub_says_so(qtbot: QtBot, kit: Kit) -> None:
    label = QLabel()
    qtbot.addWidget(label)
    at = datetime(2026, 1, 23, 1, 0, tzinfo=UTC)
    kit.i18n.bind(label, lambda: label.setText(kit.i18n.clock(at, at)))
    assert label.text() == "09:00"
    kit.i18n.move(ZoneInfo("Asia/Tokyo"))
    assert label.text() == "10:00"


def test_an_unknown_key_is_our_fault_and_is_said_at_once(kit: Kit) -> None:
    with pytest.raises(KeyError):
        kit.i18n.tr("ui.nobody_wrote_this")


@pytest.mark.parametrize(
    ("seconds", "zh", "en"),
    [
        (0, "0 秒", "0 s"),
        (8.4, "8 秒", "8 s"),
        (125, "2 分 5 秒", "2 min 5 s"),
        (-2520, "42 分", "42 min"),
        (7500, "2 小时 5 分", "2 h 5 min"),
        (93_600, "1 天 2 小时", "1 d 2 h"),
    ],
)
def test_spans_are_written_in_their_two_largest_units(kit: Kit, seconds: float, zh: str, en: str) -> None:
    assert kit.i18n.duration(seconds) == zh
    kit.i18n.switch("en")
    assert kit.i18n.duration(seconds) == en


def test_moments_are_those_of_the_business_not_of_this_computer(kit: Kit) -> None:
    at = datetime(2026, 11, 20, 17, 30, tzinfo=UTC)
    assert kit.i18n.clock(at) == "01:30"
    assert kit.i18n.date(at) == "2026-11-21"
    assert kit.i18n.clock(at, datetime(2026, 11, 23, tzinfo=UTC)) == "11月21日 01:30"
    assert kit.i18n.ago(1) == "刚刚" and kit.i18n.ago(8) == "8 秒前"


def test_every_text_of_the_widgets_has_both_languages_and_the_same_fields() -> None:
    def fields(text: str) -> set[str]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    for key, words in TEXTS.items():
        assert words["zh"].strip() and words["en"].strip(), key
        assert fields(words["zh"]) == fields(words["en"]), key
