"""What somebody wrote, said aloud when its parcel is opened: once, and never over an alarm.

    speech = RemarkSpeech(player, system_voice())
    speech.opened(order, "zh")

Wishes that are certain are said with recorded clips ("gift wrap; no invoice in the box"). Where there is more to it the
system's own voice reads the text, if it has one of that language; else the packer is told to read the remark, which
stands on the screen in any case. Without a loudspeaker nothing is said, and the strip says that.
"""

from __future__ import annotations

import re
import sys
from typing import Any

from app.core.order import Order
from app.core.texts import Lang
from ui.sounds import Player
from ui.voice import spoken_remark

#: What is longer is read by the packer: nobody waits for a voice.
LONGEST = 60
_CHINESE = re.compile(r"[\u3400-\u9fff]")
#: Where the system's voices are worth asking for. Elsewhere they know no Mandarin, and asking may hang.
_WITH_VOICES = ("win32", "darwin")


class SystemVoice:
    """The system's speech, looked for when something is first said. ``engine`` "" is the system's own choice."""

    def __init__(self, engine: str = "") -> None:
        self._engine = engine
        self._speech: Any = None
        self._is_missing = False

    def speak(self, text: str, lang: Lang) -> bool:
        """Says a text in its language; False where the system has no voice for it."""
        speech = self._opened()
        locale = _locale(speech.availableLocales(), lang) if speech is not None else None
        if speech is None or locale is None:
            return False
        speech.setLocale(locale)
        speech.say(text)
        return True

    def stop(self) -> None:
        if self._speech is not None:
            self._speech.stop()

    @property
    def is_speaking(self) -> bool:
        return self._speech is not None and self._speech.state() == type(self._speech).State.Speaking

    def _opened(self) -> Any:
        if self._speech is None and not self._is_missing:
            try:
                from PySide6.QtTextToSpeech import QTextToSpeech
            except ImportError:  # its system library is missing
                self._is_missing = True
                return None
            self._speech = QTextToSpeech(self._engine) if self._engine else QTextToSpeech()
        return self._speech


def system_voice(platform: str = sys.platform) -> SystemVoice | None:
    """The voice of this system, None where it is of no use."""
    return SystemVoice() if platform in _WITH_VOICES else None


class RemarkSpeech:
    """``system``: the voice for free text, None where there is none."""

    def __init__(self, player: Player, system: SystemVoice | None) -> None:
        self._player, self._system = player, system

    def opened(self, order: Order, lang: Lang) -> None:
        """A parcel of this order was opened: says its remarks, if there is anything to say and to hear it."""
        remarks = [remark.strip() for remark in (order.buyer_remark, order.seller_remark) if remark.strip()]
        if self._system is not None:
            self._system.stop()
        if not remarks or self._player.alarming or self._player.state != "ready":
            return
        parts = spoken_remark(remarks)
        if "read_remark" in parts and self._read_out("；".join(remarks)):
            return
        self._player.say(parts, lang)

    def stop(self) -> None:
        """An alarm is more important."""
        if self._system is not None:
            self._system.stop()

    def _read_out(self, text: str) -> bool:
        lang: Lang = "zh" if _CHINESE.search(text) else "en"
        return self._system is not None and len(text) <= LONGEST and self._system.speak(text, lang)


def _locale(locales: list[Any], lang: Lang) -> Any:
    """A voice for the language; of Chinese only Mandarin."""
    from PySide6.QtCore import QLocale

    if lang == "en":
        return next((one for one in locales if one.language() == QLocale.Language.English), None)
    mandarin = (QLocale.Country.China, QLocale.Country.Singapore, QLocale.Country.Taiwan)
    chinese = [one for one in locales if one.language() == QLocale.Language.Chinese]
    return next((one for place in mandarin for one in chinese if one.territory() == place), None)
