"""The honest line at the foot: how fresh, which printer, is the scanner there, what waits here."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetricsF, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QAbstractButton, QFrame, QHBoxLayout, QSizePolicy

from app.core.values import dataclass
from ui.kit import Kit
from ui.say import Say, said
from ui.tokens import State
from ui.widgets.plain_label import plain_tip, visible
from ui.widgets.state_chip import paint_chip


@dataclass(frozen=True, slots=True)
class StripItem:
    """One statement. `key` names what it is about ("hub", "printer", "scanner", "outbox", "sound"), the
    same at each showing."""

    key: str
    state: State
    text: str | Say


class Strip(QFrame):
    """Statements side by side. When room is short the quiet ones shrink to their shape; trouble keeps its
    words.

        strip.show_items([StripItem("hub", "ok", i18n.say("strip.fresh", span="3 秒")), ...])

    `pressed(key)` when somebody touches one.
    """

    pressed = Signal(str)

    def __init__(self, kit: Kit) -> None:
        super().__init__()
        self._kit = kit
        self._views: dict[str, _ItemView] = {}
        self.setProperty("role", "bar")
        self._row = QHBoxLayout(self)
        self._row.addStretch()
        kit.theme.bind(self, self._measure)
        kit.i18n.bind(self, self._fit)

    def show_items(self, items: Sequence[StripItem]) -> None:
        """Shows these statements in this order; only what differs is drawn anew."""
        if [item.key for item in items] != list(self._views):
            self._rebuild(items)
        for item in items:
            self._views[item.key].show_item(item)
        self._fit()

    def items(self) -> tuple[StripItem, ...]:
        return tuple(view.item for view in self._views.values())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def minimumSizeHint(self) -> QSize:
        return QSize(0, self._kit.theme.px("size.strip"))

    def _rebuild(self, items: Sequence[StripItem]) -> None:
        for view in self._views.values():
            self._row.removeWidget(view)
            view.deleteLater()
        self._views = {item.key: _ItemView(self._kit, item, self) for item in items}
        for i, (key, view) in enumerate(self._views.items()):
            view.clicked.connect(lambda _=False, key=key: self.pressed.emit(key))
            self._row.insertWidget(i, view)

    def _measure(self) -> None:
        theme = self._kit.theme
        self.setFixedHeight(theme.px("size.strip"))
        self._row.setContentsMargins(theme.px("space.l"), 0, theme.px("space.l"), 0)
        self._row.setSpacing(theme.px("space.l"))
        self._fit()

    def _fit(self) -> None:
        """Shrinks quiet statements from the right until all fit."""
        views = list(self._views.values())
        for view in views:
            view.set_short(False)
        theme = self._kit.theme
        room = self.width() - 2 * theme.px("space.l") - theme.px("space.l") * max(len(views) - 1, 0)
        loud = {"stop", "wait"}
        quiet_first = [v for v in views[::-1] if v.item.state not in loud] + [
            v for v in views[::-1] if v.item.state in loud
        ]
        for view in quiet_first:
            if sum(v.sizeHint().width() for v in views) <= room:
                return
            view.set_short(True)


class _ItemView(QAbstractButton):
    def __init__(self, kit: Kit, item: StripItem, parent: Strip) -> None:
        super().__init__(parent)
        self._kit = kit
        self.item = item
        self._short = False
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        kit.i18n.bind(self, self._render)

    def show_item(self, item: StripItem) -> None:
        if item != self.item:
            self.item = item
            self._render()

    def words(self) -> str:
        return visible(said(self.item.text))

    def set_short(self, short: bool) -> None:
        if short != self._short:
            self._short = short
            self.updateGeometry()
            self.update()

    @property
    def short(self) -> bool:
        return self._short

    def sizeHint(self) -> QSize:
        font = self._kit.theme.font("caption")
        side = round(font.pixelSize() * 1.12)
        words = (
            0.0
            if self._short
            else QFontMetricsF(font).horizontalAdvance(self.words()) + self._kit.theme.px("space.xs") * 1.5
        )
        return QSize(round(side + words) + 2, self._kit.theme.px("size.strip") - 2)

    def minimumSizeHint(self) -> QSize:
        return QSize(round(self._kit.theme.font("caption").pixelSize() * 1.2), 1)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        words = "" if self._short else self.words()
        paint_chip(
            painter,
            self._kit,
            QRectF(self.rect()),
            self.item.state,
            words,
            "bare",
            self._kit.theme.font("caption"),
        )
        painter.end()

    def _render(self) -> None:
        self.setToolTip(plain_tip(self.words()))
        self.setAccessibleName(self.words())
        self.updateGeometry()
        self.update()
