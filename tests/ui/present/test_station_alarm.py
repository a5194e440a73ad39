"""The red screen and the voice say what has happened: a changed address is no cancel."""

from __future__ import annotations

from typing import get_args

import pytest

from app.core.acts import ActKind
from app.core.hints import _STOPS
from app.core.texts import Lang
from tests.helpers.shop_orders import NOW
from tests.ui.present.test_packing_view import an_alarm, words
from ui.present.station_alarm import Happened, alarm_words, happened, spoken_clip
from ui.resources import resource_dir
from ui.voice import ClipBook, join_clips, spoken_stop

CANCELLED = {"zh": "取消", "en": "cancel"}

CASES: list[tuple[str, str, str, str, str]] = [
    ("cancel", "", "已取消", "cancelled", "cancelled_stop"),
    ("cancel", "毛巾 × 1", "有商品不发：毛巾 × 1", "毛巾 × 1 must not go", "stop"),
    ("refund", "", "申请退款", "refund", "on_hold"),
    ("refund", "毛巾 × 1", "在退款：毛巾 × 1", "refund", "stop"),
    ("change_address", "", "改地址", "address", "address_changed"),
    ("change_remark", "", "备注", "remark", "read_remark"),
    ("hold", "", "先不要发", "must wait", "on_hold"),
    ("risk", "", "先不要发", "must wait", "on_hold"),
    ("marked_abnormal", "", "先不要发", "must wait", "on_hold"),
    ("something_newer", "", "已冻结", "frozen", "stop"),
]


@pytest.mark.parametrize(("command", "items", "zh", "en", "clip"), CASES)
def test_the_red_screen_and_the_voice_say_what_happened(
    command: str, items: str, zh: str, en: str, clip: str
) -> None:
    alarm = an_alarm(command=command, items=items)
    said: dict[Lang, str] = {"zh": zh, "en": en}
    for lang, wanted in said.items():
        sentence = alarm_words(alarm, None, NOW, words(lang)).sentence
        assert wanted in sentence and "OD20261121001" in sentence
        if command != "cancel" or items:
            assert CANCELLED[lang] not in sentence.lower()
    assert spoken_clip(alarm) == clip


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_ending_has_a_clip_in_both_languages(lang: Lang) -> None:
    clips = ClipBook(resource_dir() / "sounds" / "voice")
    endings = {spoken_clip(an_alarm(command=command, items=items)) for command, items, *_ in CASES}
    for what in endings:
        assert len(join_clips(spoken_stop("OD1", lang, what=what), lang, clips)) > 20_000


def test_everything_that_can_stop_an_order_is_told_by_its_name() -> None:
    """A person's command that stops, and every hint of a platform: none falls back to the bare word."""
    commands = {rule.command for rule in _STOPS.values()} | {
        ActKind.cancel,
        ActKind.hold,
        ActKind.change_address,
        ActKind.change_remark,
        ActKind.marked_abnormal,
    }
    told = {happened(an_alarm(command=str(command))) for command in commands}
    assert "freeze" not in told and told <= set(get_args(Happened))


def test_a_parcel_that_goes_on_later_is_kept_and_not_put_in_the_red_tote() -> None:
    asked = an_alarm(command="change_address")
    assert "红色周转箱" not in alarm_words(asked, None, NOW, words()).todo
    assert "红色周转箱" in alarm_words(an_alarm(command="refund"), None, NOW, words()).todo
    packed = alarm_words(an_alarm(command="change_address", is_packed=True), None, NOW, words())
    assert "待交接区" in packed.todo
