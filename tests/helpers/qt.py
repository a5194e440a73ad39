"""For tests of windows: a clock moved by hand, a kit, and figures read from pictures."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from PySide6.QtCore import QCoreApplication, QEvent
from PySide6.QtGui import QFont, QTextLayout


class FixedClock:
    """A clock that stands until it is moved."""

    def __init__(self, now: datetime | None = None) -> None:
        self._now = now if now is not None else datetime(2026, 11, 21, 6, 0, tzinfo=UTC)
        self._run_s = 0.0

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._run_s

    def move(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)
        self._run_s += seconds


def delete_closed_windows() -> None:
    """Does at once what `deleteLater` left to an event loop; tests have none that ends."""
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)


def missing_glyphs(text: str, font: QFont) -> str:
    """The characters of `text` that `font` and what Qt falls back to would draw as an empty box."""
    layout = QTextLayout(text, font)
    layout.beginLayout()
    while layout.createLine().isValid():
        pass
    layout.endLayout()
    retrieve = QTextLayout.GlyphRunRetrievalFlag.RetrieveAll
    holes = set()
    for run in layout.glyphRuns(-1, -1, retrieve):
        holes |= {at for at, glyph in zip(run.stringIndexes(), run.glyphIndexes(), strict=True) if glyph == 0}
    units = text.encode("utf-16-le")
    return "".join(units[2 * at : 2 * at + 2].decode("utf-16-le", "replace") for at in sorted(holes))
