"""How many of how many, readable at arm's length."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QFont, QFontMetricsF, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from ui.kit import Kit
from ui.theme import state_icon
from ui.tokens import State


def counter_state(done: int, of: int) -> State:
    """Complete is done, more than asked is stop; anything between is no alarm and has no colour."""
    if done > of:
        return "stop"
    return "ok" if done == of and of > 0 else "idle"


class CounterLabel(QWidget):
    """ "2 / 3" in large numerals, with the shape of done (or too many) behind it. `size` is a type token."""

    def __init__(self, kit: Kit, *, size: str = "counter") -> None:
        super().__init__()
        self._kit = kit
        self._size = size
        self._done = self._of = 0
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        kit.theme.bind(self, self._measure)
        kit.i18n.bind(self, self._measure)

    def show_count(self, done: int, of: int) -> None:
        if (done, of) != (self._done, self._of):
            self._done, self._of = done, of
            self._measure()

    @property
    def state(self) -> State:
        return counter_state(self._done, self._of)

    def words(self) -> str:
        return f"{self._done} / {self._of}"

    def sizeHint(self) -> QSize:
        metrics = QFontMetricsF(self._font(bold=True))
        # Room for the larger of both in front, so that counting up never moves what stands beside it.
        digits = "0" * max(len(str(self._done)), len(str(self._of)))
        side = self._icon_side() + self._gap()
        return QSize(
            round(metrics.horizontalAdvance(f"{digits} / {self._of}") + side) + 4,
            round(metrics.height() * 0.94),
        )

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:
        theme, state = self._kit.theme, self.state
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        of = f" / {self._of}"
        of_width = QFontMetricsF(self._font()).horizontalAdvance(of)
        rect = QRectF(self.rect())
        right = rect.right() - 1
        side = self._icon_side()
        if state != "idle":
            icon = QRectF(rect.left(), rect.center().y() - side / 2, side, side)
            theme.paint_icon(painter, state_icon(state), f"{state}_text", icon)
        ends = int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight)
        painter.setFont(self._font())
        painter.setPen(theme.colour("muted"))
        painter.drawText(QRectF(rect.left(), rect.top(), right - rect.left(), rect.height()), ends, of)
        painter.setFont(self._font(bold=True))
        painter.setPen(theme.colour("text" if state == "idle" else f"{state}_text"))
        painter.drawText(
            QRectF(rect.left(), rect.top(), right - of_width - rect.left(), rect.height()),
            ends,
            str(self._done),
        )
        painter.end()

    def _font(self, *, bold: bool = False) -> QFont:
        return self._kit.theme.font(self._size, bold=bold)

    def _icon_side(self) -> int:
        return round(self._font().pixelSize() * 0.72)

    def _gap(self) -> int:
        return self._kit.theme.px("space.s")

    def _measure(self) -> None:
        self.setAccessibleName(self._kit.i18n.tr("ui.counter_says", done=self._done, of=self._of))
        self.updateGeometry()
        self.update()
