"""The remark is said once when its parcel is opened: wishes by recorded clips, free text by the system's voice."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from app.core.texts import Lang
from tests.helpers.printers import an_order
from ui.resources import resource_dir
from ui.sounds import Player
from ui.speech import RemarkSpeech, SystemVoice, system_voice
from ui.voice import PAUSE, RATE, ClipBook, join_clips, spoken_remark

SOUNDS = resource_dir() / "sounds"
WAIT_MS = 15_000


class Loudspeaker(Player):
    """A player whose loudspeaker is a list."""

    def __init__(self, folder: Path) -> None:
        super().__init__(SOUNDS, folder)
        self.state = "ready"
        self.said: list[tuple[list[str], Lang]] = []

    def say(self, parts: list[str], lang: Lang) -> None:
        self.said.append((parts, lang))


@pytest.fixture
def player(qtbot: QtBot, tmp_path: Path) -> Loudspeaker:
    return Loudspeaker(tmp_path / "voice")


def test_wishes_are_said_by_name_and_anything_more_is_to_be_read() -> None:
    assert spoken_remark(["礼品包装；箱里不要放发票"]) == [PAUSE, "gift_wrap", PAUSE, "no_invoice"]
    assert spoken_remark(["要生日贺卡，不要放发票，写给妈妈"])[-1] == "read_remark"
    assert spoken_remark(["发顺丰", "礼品包装"]) == [PAUSE, "gift_wrap", PAUSE, "read_remark"]
    assert spoken_remark(["不要礼品包装"]) == [PAUSE, "read_remark"]
    assert spoken_remark(["", "  "]) == []


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_remark_is_heard_within_four_tenths_of_a_second(lang: Lang) -> None:
    """The tone of the scan comes first; then there is no more silence than a short rest."""
    wav = join_clips(spoken_remark(["礼品包装；不要放发票"]), lang, ClipBook(SOUNDS / "voice"))
    samples = np.frombuffer(wav[44:], "<i2") / 32768
    assert np.flatnonzero(np.abs(samples) > 0.02)[0] / RATE < 0.4


def test_a_remark_is_said_in_the_language_of_the_screen(player: Loudspeaker) -> None:
    speech = RemarkSpeech(player, None)
    speech.opened(an_order(buyer_remark="gift wrap; no invoice in the box"), "zh")
    assert player.said == [([PAUSE, "gift_wrap", PAUSE, "no_invoice"], "zh")]
    speech.opened(an_order(buyer_remark=" "), "zh")
    assert len(player.said) == 1, "nobody wrote anything"


def test_nothing_is_said_over_an_alarm_or_without_a_loudspeaker(player: Loudspeaker) -> None:
    speech = RemarkSpeech(player, SystemVoice("mock"))
    player.alarm("OD7", "zh")
    speech.opened(an_order(buyer_remark="易碎"), "zh")
    player.silence()
    player.state = "no_device"
    speech.opened(an_order(buyer_remark="please ring twice"), "en")
    assert [parts for parts, _ in player.said if "order" not in parts] == []


def test_free_text_is_read_out_by_the_systems_voice_and_clips_help_where_it_has_none(
    qtbot: QtBot, player: Loudspeaker
) -> None:
    voice = SystemVoice("mock")
    speech = RemarkSpeech(player, voice)
    speech.opened(an_order(buyer_remark="please write happy birthday"), "zh")
    assert voice.is_speaking and player.said == []
    speech.opened(an_order(buyer_remark="写上生日快乐"), "zh")
    assert player.said == [([PAUSE, "read_remark"], "zh")], "that voice knows no Chinese"
    speech.opened(an_order(buyer_remark="please " * 40), "zh")
    assert len(player.said) == 2, "nobody waits for a long text"
    speech.stop()
    qtbot.waitUntil(lambda: not voice.is_speaking, timeout=WAIT_MS)


def test_the_systems_voice_is_asked_for_only_where_it_may_know_mandarin() -> None:
    assert system_voice("linux") is None
    assert system_voice("win32") is not None and system_voice("darwin") is not None
