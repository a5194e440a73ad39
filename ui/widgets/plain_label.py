"""The one label for words, above all for words from outside: what a buyer typed is shown, never obeyed."""

from __future__ import annotations

import re
import unicodedata
from typing import Literal

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QFont, QFontMetricsF, QPainter, QPaintEvent, QTextLayout, QTextOption
from PySide6.QtWidgets import QLabel, QSizePolicy, QWidget

from ui.theme import restate
from ui.tokens import State

Role = Literal["body", "caption", "muted", "lead", "title", "heading", "display", "banner", "hero", "alarm"]

# Marks that turn the reading direction round or hide letters: they can make a remark read as something else.
_TRICKS = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2069\u061c\ufeff]")
_UNBROKEN = re.compile(r"[^\s\u2e80-\uffef]{24,}")
_BREAK = "\u200b"


def visible(text: str) -> str:
    """`text` as it may be shown: line breaks kept, other control characters blank, marks that reorder or
    hide taken out."""
    text = _TRICKS.sub("", text.replace("\r\n", "\n").replace("\u2028", "\n").replace("\u2029", "\n"))
    return "".join(c if c == "\n" or unicodedata.category(c) not in ("Cc", "Cs") else " " for c in text)


def breakable(text: str) -> str:
    """`text` with places to break put into long runs without blanks (links, codes), for show only."""
    return _UNBROKEN.sub(lambda run: _BREAK.join(run[0][i : i + 12] for i in range(0, len(run[0]), 12)), text)


def plain_tip(text: str) -> str:
    """A tool tip that shows `text` as it is. Qt guesses whether a tip is HTML, so it is given HTML with
    every sign escaped."""
    if not text:
        return ""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\n", "<br>")
    return f"<qt>{escaped}</qt>"


class PlainLabel(QLabel):
    """A label that shows characters as they are: no HTML, no mnemonics, no direction tricks.

    `role` chooses size and weight (see style.qss), `set_state` one of the state colours. `wrap` breaks
    lines, also inside long codes. `lines=n` keeps to n lines, ends the last in "…" and gives the whole
    text as tip; so does a wrapped text in a row too low for it: no letter is cut in half. `words()` gives
    the text back.
    """

    def __init__(
        self,
        text: str = "",
        role: Role = "body",
        *,
        wrap: bool = False,
        lines: int = 0,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._words = ""
        self._lines = lines
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setProperty("role", role)
        self.setWordWrap(wrap)
        if wrap or lines:
            self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.setText(text)

    def setText(self, text: str) -> None:
        self._words = visible(text)
        super().setText(breakable(self._words) if self.wordWrap() else self._words)

    def words(self) -> str:
        """The text shown, without the marks put in for breaking."""
        return self._words

    def set_state(self, state: State | None) -> None:
        restate(self, "state", state or "")

    def set_role(self, role: Role) -> None:
        restate(self, "role", role)

    def set_tone(self, tone: Literal["", "alarm", "calm"]) -> None:
        """For words on the sheets of an alarm."""
        restate(self, "tone", tone)

    def sizeHint(self) -> QSize:
        hint = super().sizeHint()
        return QSize(hint.width(), self._height()) if self._lines else hint

    def minimumSizeHint(self) -> QSize:
        hint = super().minimumSizeHint()
        return QSize(min(hint.width(), 40), self._height()) if self._lines else hint

    def paintEvent(self, event: QPaintEvent) -> None:
        lines = self._lines or self._lines_left()
        if not lines:
            super().paintEvent(event)
            return
        painter = QPainter(self)
        painter.setPen(self.palette().color(self.foregroundRole()))
        cut = draw_lines(painter, QRectF(self.contentsRect()), self._words, self.font(), lines)
        painter.end()
        if (tip := plain_tip(self._words) if cut else "") != self.toolTip():
            self.setToolTip(tip)

    def _lines_left(self) -> int:
        """How many lines of a wrapped text there is room for; 0: for all of it."""
        if not self.wordWrap() or not self.alignment() & Qt.AlignmentFlag.AlignLeft:
            return 0
        room = self.contentsRect().height()
        if self.heightForWidth(self.width()) <= self.height() + 2:
            return 0
        return max(1, int((room + 2) / QFontMetricsF(self.font()).lineSpacing()))

    def _height(self) -> int:
        return round(QFontMetricsF(self.font()).lineSpacing() * self._lines) + 1


def lay_lines(text: str, font: QFont, width: float, lines: int = 0) -> tuple[QTextLayout, bool]:
    """`text` broken to `width`, at most `lines` lines (0: all). True when something had to be left out."""
    option = QTextOption()
    option.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
    layout = QTextLayout(text.replace("\n", "\u2028"), font)
    layout.setTextOption(option)
    layout.setCacheEnabled(True)
    spacing, used, cut = QFontMetricsF(font).lineSpacing(), 0, False
    layout.beginLayout()
    while (line := layout.createLine()).isValid():
        if lines and used == lines:
            cut = True
            break
        line.setLineWidth(width)
        line.setPosition(QPointF(0, used * spacing))
        used += 1
    layout.endLayout()
    return layout, cut


def draw_lines(painter: QPainter, rect: QRectF, text: str, font: QFont, lines: int) -> bool:
    """Draws at most `lines` lines of `text`, the last ending in "…" when more would follow, centred up and
    down."""
    metrics = QFontMetricsF(font)
    painter.setFont(font)
    layout, cut = lay_lines(text, font, rect.width(), lines)
    used = min(layout.lineCount(), lines)
    top = rect.top() + max(0.0, (rect.height() - used * metrics.lineSpacing()) / 2)
    for i in range(used):
        line = layout.lineAt(i)
        start = line.textStart()
        end = len(text) if cut and i == used - 1 else start + line.textLength()
        part = text[start:end].replace("\n", " " if cut and i == used - 1 else "").rstrip()
        shown = metrics.elidedText(part, Qt.TextElideMode.ElideRight, rect.width()) if i == used - 1 else part
        row = QRectF(rect.left(), top + i * metrics.lineSpacing(), rect.width(), metrics.lineSpacing())
        painter.drawText(row, int(Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine), shown)
    return cut
