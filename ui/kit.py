"""What nearly every widget needs: look, words and the passing of time. Made once by whoever joins the parts.

kit = make_kit(app, resource_dir(), SystemClock(), lang="zh", mode="light", scale=1.0)
card = Card(kit)
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from PySide6.QtCore import QObject, Qt, QTimer, Signal
from PySide6.QtWidgets import QApplication

from app.core import texts
from app.core.texts import Lang
from app.core.values import dataclass
from app.ports import Clock
from ui.i18n import I18n
from ui.theme import Theme, load_fonts
from ui.tokens import Mode


class Ticker(QObject):
    """One timer for everything that shows time passing: `tick` once a second, and the moment itself."""

    tick = Signal()

    def __init__(self, clock: Clock, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._clock = clock
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.CoarseTimer)
        self._timer.timeout.connect(self.tick)
        self._timer.start(1000)

    def now(self) -> datetime:
        return self._clock.now()


@dataclass(frozen=True, slots=True)
class Kit:
    theme: Theme
    i18n: I18n
    ticker: Ticker


def make_kit(
    app: QApplication,
    resources: Path,
    clock: Clock,
    *,
    lang: Lang = "zh",
    mode: Mode = "light",
    scale: float = 1.0,
) -> Kit:
    """Loads font, tokens and texts and dresses the application; FontMissing, BadTokens when files are
    damaged."""
    theme = Theme(app, resources, load_fonts(resources), mode=mode, scale=scale)
    i18n = I18n(texts.load(resources / "texts"), lang, parent=app)
    return Kit(theme, i18n, Ticker(clock, app))
