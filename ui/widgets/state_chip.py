"""A state in one word, never by colour alone: shape, colour and word together."""

from __future__ import annotations

from typing import Literal

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QFont, QFontMetricsF, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from ui.kit import Kit
from ui.say import Say, said
from ui.theme import state_icon
from ui.tokens import State
from ui.widgets.plain_label import visible

Tone = Literal["soft", "solid", "bare"]


class StateChip(QWidget):
    """A pill with the state's shape and a word.

    `tone` "soft" for lists, "solid" for the one that matters, "bare" for shape and word without a field.
    `size` is a type token. Give the word as `i18n.say(key)` and it follows the language.
    """

    def __init__(
        self,
        kit: Kit,
        state: State = "idle",
        text: str | Say = "",
        *,
        tone: Tone = "soft",
        size: str = "caption",
    ) -> None:
        super().__init__()
        self._kit = kit
        self._state: State = state
        self._text = text
        self._tone: Tone = tone
        self._size = size
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        kit.theme.bind(self, self._measure)
        kit.i18n.bind(self, self._measure)

    def show_state(self, state: State, text: str | Say) -> None:
        """Shows another state; nothing is drawn anew when it is the same."""
        if (state, text) != (self._state, self._text):
            self._state, self._text = state, text
            self._measure()

    @property
    def state(self) -> State:
        return self._state

    def words(self) -> str:
        return visible(said(self._text))

    def sizeHint(self) -> QSize:
        metrics = QFontMetricsF(self._font())
        side, gap = self._icon_side(), self._kit.theme.px("space.xs")
        return QSize(
            round(metrics.horizontalAdvance(self.words()) + side + gap * 1.5 + 2 * self._inset()) + 1,
            round(metrics.height() + gap * 1.5),
        )

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        paint_chip(
            painter, self._kit, QRectF(self.rect()), self._state, self.words(), self._tone, self._font()
        )
        painter.end()

    def _font(self) -> QFont:
        return self._kit.theme.font(self._size, bold=self._tone == "solid")

    def _icon_side(self) -> int:
        return _icon_side(self._font())

    def _inset(self) -> int:
        return 0 if self._tone == "bare" else self._kit.theme.px("space.s")

    def _measure(self) -> None:
        self.setAccessibleName(self.words())
        self.updateGeometry()
        self.update()


def _icon_side(font: QFont) -> int:
    return round(font.pixelSize() * 1.12)


def chip_width(kit: Kit, text: str, font: QFont) -> float:
    """How wide `paint_chip` draws a soft chip, for delegates that place it."""
    inset, gap = kit.theme.px("space.s"), kit.theme.px("space.xs")
    return QFontMetricsF(font).horizontalAdvance(text) + _icon_side(font) + gap * 1.5 + 2 * inset + 1


def paint_chip(
    painter: QPainter, kit: Kit, rect: QRectF, state: State, text: str, tone: Tone, font: QFont
) -> None:
    """Draws a chip into `rect`; also for item delegates."""
    theme = kit.theme
    ink = f"on_{state}" if tone == "solid" else f"{state}_text"
    inset = 0 if tone == "bare" else theme.px("space.s")
    if tone != "bare":
        edge = f"{state}_edge" if tone == "soft" else state
        painter.setPen(QPen(theme.colour(edge), 1))
        painter.setBrush(theme.colour(f"{state}_soft" if tone == "soft" else state))
        field = rect.adjusted(0.5, 0.5, -0.5, -0.5)
        painter.drawRoundedRect(field, field.height() / 2, field.height() / 2)
    side = _icon_side(font)
    theme.paint_icon(
        painter, state_icon(state), ink, QRectF(rect.left() + inset, rect.center().y() - side / 2, side, side)
    )
    painter.setFont(font)
    painter.setPen(theme.colour(ink))
    left = rect.left() + inset + side + theme.px("space.xs") * 1.5
    words = QRectF(left, rect.top(), rect.right() - left - inset + 1, rect.height())
    shown = QFontMetricsF(font).elidedText(text, Qt.TextElideMode.ElideRight, words.width() + 1)
    painter.drawText(words, int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft), shown)
