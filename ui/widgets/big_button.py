"""Something to press: with a finger, a key or a scan."""

from __future__ import annotations

from typing import Any, Literal

from PySide6.QtCore import QEvent, QRectF, QSize, Qt
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontMetricsF,
    QKeySequence,
    QPainter,
    QPaintEvent,
    QPen,
    QShortcutEvent,
)
from PySide6.QtWidgets import QAbstractButton, QSizePolicy

from ui.kit import Kit
from ui.say import Say, said

Role = Literal["main", "plain", "quiet", "stop", "alarm", "calm"]

# Room round the button for the focus ring, so that it is seen against any fill.
_RING_GAP = 3


class BigButton(QAbstractButton):
    """A button of at least 48 px with its key shown on it.

    `text_key` is a text key with `params`; `role` "main" for the one thing to do now, "plain" and "quiet"
    for the rest, "stop" for what stops or cancels ("alarm" and "calm" belong to the alarm sheets). `tall`
    is for the bench. `key` ("F9") is both shown and obeyed. With `locks=True` a press locks the button
    until `unlock()`: an impatient second press does nothing.
    """

    def __init__(
        self,
        kit: Kit,
        text_key: str,
        *,
        role: Role = "plain",
        icon: str = "",
        key: str = "",
        locks: bool = False,
        tall: bool = False,
    ) -> None:
        super().__init__()
        self._kit = kit
        self._text_key = text_key
        self._params: dict[str, Any] = {}
        self._words = ""
        self._role: Role = role
        self._icon = icon
        self._key = key
        self._locks = locks
        self._locked = False
        self._tall = tall
        self._wanted = True
        self._forbidden: Say | None = None
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.setShortcut(QKeySequence(key))
        self.clicked.connect(self._on_clicked)
        kit.i18n.bind(self, self._render)
        kit.theme.bind(self, self.updateGeometry)

    def set_text(self, text_key: str, **params: Any) -> None:
        """Other words, for a button whose meaning follows the state."""
        self._text_key, self._params = text_key, params
        self._render()

    def set_role(self, role: Role) -> None:
        self._role = role
        self.update()

    def words(self) -> str:
        """The words on the button."""
        return self._words

    def forbid(self, why: Say | None) -> None:
        """With a reason the button stays off whatever else is wanted, and its tip says why; None lifts it."""
        if why == self._forbidden:
            return
        self._forbidden = why
        self.setToolTip(said(why) if why is not None else "")
        super().setEnabled(self._wanted and why is None)

    def setEnabled(self, enabled: bool) -> None:
        self._wanted = enabled
        super().setEnabled(enabled and self._forbidden is None)

    @property
    def locked(self) -> bool:
        return self._locked

    def unlock(self) -> None:
        """Makes a locked button ready again; call it when the answer is there."""
        self._locked = False
        self.setEnabled(True)

    def sizeHint(self) -> QSize:
        theme = self._kit.theme
        inset = theme.px("space.l")
        width = QFontMetricsF(self._font()).horizontalAdvance(self._words) + 2 * inset
        if self._icon:
            width += theme.px("size.icon_m") + theme.px("space.s")
        if self._key:
            width += self._cap_width() + theme.px("space.m")
        height = round(theme.px("size.touch") * (1.4 if self._tall else 1))
        return QSize(round(max(width, height)) + 2 * _RING_GAP, height + 2 * _RING_GAP)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        field = QRectF(self.rect()).adjusted(_RING_GAP, _RING_GAP, -_RING_GAP, -_RING_GAP)
        ink = self._paint_field(painter, field)
        self._paint_inside(painter, field, ink)
        painter.end()

    def event(self, event: QEvent) -> bool:
        # Qt would press the button for show and act a tenth of a second later: at the bench a key acts at once.
        if isinstance(event, QShortcutEvent) and not event.isAmbiguous():
            self.click()
            return True
        return super().event(event)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        self.update()

    def _render(self) -> None:
        # Not setText: Qt would take an "&" in it for a mnemonic.
        self._words = self._kit.i18n.tr(self._text_key, **self._params)
        self.setAccessibleName(self._words)
        if self._forbidden is not None:
            self.setToolTip(said(self._forbidden))
        self.updateGeometry()
        self.update()

    def _on_clicked(self) -> None:
        if self._locks:
            self._locked = True
            self.setEnabled(False)

    def _font(self) -> QFont:
        return self._kit.theme.font(
            "title" if self._tall else "body", bold=self._role not in ("plain", "quiet")
        )

    def _cap_width(self) -> float:
        font = self._kit.theme.font("caption")
        return max(
            QFontMetricsF(font).horizontalAdvance(self._key) + self._kit.theme.px("space.m"),
            font.pixelSize() * 2,
        )

    def _paint_field(self, painter: QPainter, field: QRectF) -> str:
        """Draws field, border and ring; gives the colour token for what stands on it."""
        theme = self._kit.theme
        radius = theme.px("radius.m")
        pressed, over = self.isDown() or self.isChecked(), self.underMouse() and self.isEnabled()
        fill, edge, ink = _COLOURS[self._role][2 if pressed else 1 if over else 0]
        if not self.isEnabled():
            fill, edge, ink = ("sunken", "line", "faint")
        if self.hasFocus():
            painter.setPen(QPen(theme.colour("focus"), theme.px("size.ring")))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            ring = QRectF(self.rect()).adjusted(1, 1, -1, -1)
            painter.drawRoundedRect(ring, radius + _RING_GAP - 1, radius + _RING_GAP - 1)
        painter.setPen(QPen(theme.colour(edge), 1) if edge else Qt.PenStyle.NoPen)
        painter.setBrush(theme.colour(fill) if fill else Qt.BrushStyle.NoBrush)
        body = field.adjusted(0.5, 0.5, -0.5, -0.5) if edge else field
        painter.drawRoundedRect(body, radius, radius)
        return ink

    def _paint_inside(self, painter: QPainter, field: QRectF, ink: str) -> None:
        theme = self._kit.theme
        cap = self._cap_width() if self._key else 0
        font, side, gap, key_gap = self._fitting(field.width(), cap)
        room = field.width() - 2 * gap - (cap + key_gap if cap else 0)
        metrics = QFontMetricsF(font)
        beside = side + gap if side else 0
        shown = metrics.elidedText(self._words, Qt.TextElideMode.ElideRight, room - beside + 1)
        words = metrics.horizontalAdvance(shown)
        total = beside + words + (cap + key_gap if cap else 0)
        x = field.left() + max((field.width() - total) / 2, gap)
        if side:
            theme.paint_icon(painter, self._icon, ink, QRectF(x, field.center().y() - side / 2, side, side))
            x += beside
        painter.setFont(font)
        painter.setPen(theme.colour(ink))
        painter.drawText(
            QRectF(x, field.top(), words + 2, field.height()), int(Qt.AlignmentFlag.AlignVCenter), shown
        )
        if cap:
            self._paint_cap(painter, QRectF(x + words + key_gap, field.top(), cap, field.height()), ink)

    def _fitting(self, width: float, cap: float) -> tuple[QFont, int, int, int]:
        """Font, size of the picture, gaps beside the words and before the key: the words stay whole rather than the
        picture, and rather than large."""
        theme = self._kit.theme
        own, icon = self._font(), theme.px("size.icon_m") if self._icon else 0
        small = theme.font("body", bold=self._role not in ("plain", "quiet"))
        least, less, much = theme.px("space.xs"), theme.px("space.s"), theme.px("space.m")
        ways = ((own, icon, less, much), (own, 0, less, much), (small, 0, least, less))
        for font, side, gap, key_gap in ways:
            beside = 2 * gap + (side + gap if side else 0) + (cap + key_gap if cap else 0)
            if QFontMetricsF(font).horizontalAdvance(self._words) + beside <= width:
                return font, side, gap, key_gap
        return ways[-1]

    def _paint_cap(self, painter: QPainter, room: QRectF, ink: str) -> None:
        theme = self._kit.theme
        font = theme.font("caption")
        height = font.pixelSize() * 1.7
        cap = QRectF(room.left(), room.center().y() - height / 2, room.width(), height)
        colour = theme.colour(ink)
        line = QColor(colour)
        line.setAlphaF(0.45)
        painter.setPen(QPen(line, 1))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(
            cap.adjusted(0.5, 0.5, -0.5, -0.5), theme.px("radius.s") - 1, theme.px("radius.s") - 1
        )
        painter.setPen(colour)
        painter.setFont(font)
        painter.drawText(cap, int(Qt.AlignmentFlag.AlignCenter), self._key)


# role -> (at rest, under the pointer, pressed), each (fill, edge, ink) as colour tokens, "" for none
_COLOURS: dict[Role, tuple[tuple[str, str, str], ...]] = {
    "main": (("ink", "", "on_ink"), ("ink_hover", "", "on_ink"), ("ink", "", "on_ink")),
    "plain": (
        ("surface", "line_strong", "text"),
        ("hover", "line_strong", "text"),
        ("selected", "line_strong", "text"),
    ),
    "quiet": (("", "", "muted"), ("hover", "", "text"), ("selected", "", "text")),
    "alarm": (("alarm_panel", "", "on_alarm_panel"),) * 3,
    "calm": (("calm_panel", "", "on_calm_panel"),) * 3,
    "stop": (("stop", "", "on_stop"), ("alarm_deep", "", "on_alarm"), ("stop", "", "on_stop")),
}
