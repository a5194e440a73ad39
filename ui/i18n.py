"""Words of the screens in Chinese or English, switched at once, and figures as people here write them.

    i18n = I18n(texts.load(resources / "texts"), "zh")
    i18n.bind(label, lambda: label.setText(i18n.tr("packing.next_item", n=3)))   # now, and again at each
    switch i18n.switch("en")

A widget never keeps a finished text: it keeps key and parameters (or the value shown) and renders in `bind`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from PySide6.QtCore import QObject, Signal

from app.core.texts import Lang, Texts
from app.core.values import dataclass
from ui.binding import bind
from ui.present.words import Words
from ui.say import Say

LANGS: tuple[Lang, ...] = ("zh", "en")


@dataclass(frozen=True, slots=True)
class _Later:
    """A key with its parameters, said when called. Two of the same are equal, so widgets need not draw
    again."""

    i18n: I18n
    key: str
    params: tuple[tuple[str, Any], ...]

    def __call__(self) -> str:
        return self.i18n.tr(self.key, **dict(self.params))


class I18n(QObject):
    """The language of this station. Signal `changed` after each switch."""

    changed = Signal()

    def __init__(
        self, texts: Texts, lang: Lang = "zh", *, zone: tzinfo | None = None, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._texts = texts
        self._lang: Lang = lang
        self.zone: tzinfo = zone if zone is not None else ZoneInfo("Asia/Shanghai")

    @property
    def lang(self) -> Lang:
        return self._lang

    def switch(self, lang: Lang) -> None:
        """Shows everything in `lang` from now on."""
        if lang != self._lang:
            self._lang = lang
            self.changed.emit()

    def move(self, zone: tzinfo) -> None:
        """Reads every clock there from now on."""
        if zone != self.zone:
            self.zone = zone
            self.changed.emit()

    def toggle(self) -> None:
        self.switch("en" if self._lang == "zh" else "zh")

    def tr(self, key: str, /, **params: Any) -> str:  # type: ignore[override]
        """The words of `<area>.<key>` in the present language; KeyError where no text file has the key."""
        return self._texts.text(key, self._lang, **params)

    def bind(self, owner: QObject, render: Callable[[], object]) -> None:
        """Calls `render` now and after every switch for as long as `owner` lives."""
        bind(self.changed, owner, render)

    def say(self, key: str, /, **params: Any) -> Say:
        """`tr` for later: hand it to widgets that keep a text (messages, alarms, chips), and it follows a
        switch."""
        return _Later(self, key, tuple(params.items()))

    @property
    def words(self) -> Words:
        """Words and figures in the present language, for the functions of `ui.present`. A value: ask anew
        after
        a switch."""
        return Words(self._texts, self._lang, self.zone)

    # The figures widgets need most, in the present language; see Words for what each gives.

    def duration(self, seconds: float) -> str:
        return self.words.duration(seconds)

    def ago(self, seconds: float) -> str:
        return self.words.ago(seconds)

    def clock(self, at: datetime, now: datetime | None = None) -> str:
        return self.words.clock(at, now)

    def date(self, at: datetime) -> str:
        return self.words.date(at)
