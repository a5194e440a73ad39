"""A search box that never eats a scan and never asks at every key."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt, QTimer, Signal
from PySide6.QtGui import QAction, QKeyEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QLineEdit

from ui.kit import Kit

ASK_AFTER_MS = 120


class SearchField(QLineEdit):
    """A text field with a magnifier and a way to clear it.

    `asked(str)` comes 120 ms after the last key and at once on Enter, with blanks at both ends taken off;
    Esc clears. Scans do not arrive here: `ui.scanner_input` takes them out first. Input methods stay on,
    names are Chinese.
    """

    asked = Signal(str)

    def __init__(self, kit: Kit, hint_key: str = "ui.search_hint") -> None:
        super().__init__()
        self._kit = kit
        self._last = ""
        self.setProperty("role", "search")
        self.setMaxLength(200)
        self.setAcceptDrops(False)  # a file is dropped onto the window, not typed
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.NoContextMenu)
        self._clear = QAction(self)
        self._clear.triggered.connect(self.clear_and_ask)
        self._timer = QTimer(self, singleShot=True, interval=ASK_AFTER_MS)
        self._timer.timeout.connect(self._ask)
        self.textChanged.connect(self._on_text)
        self.returnPressed.connect(self._ask_now)
        kit.i18n.bind(self, lambda: self.setPlaceholderText(kit.i18n.tr(hint_key)))
        kit.i18n.bind(self, lambda: self._clear.setToolTip(kit.i18n.tr("ui.search_clear")))
        kit.theme.bind(self, self._dress)

    def clear_and_ask(self) -> None:
        self.clear()
        self._ask_now()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape and self.text():
            self.clear_and_ask()
            return
        super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        # Not an action of Qt's at the left: those stay 16 pixels on every screen.
        super().paintEvent(event)
        theme, side = self._kit.theme, self._kit.theme.px("size.icon_s")
        at = QRectF(theme.px("space.m"), (self.height() - side) / 2, side, side)
        painter = QPainter(self)
        theme.paint_icon(painter, "search", "muted", at)
        painter.end()

    def _dress(self) -> None:
        px = self._kit.theme.px
        self.setTextMargins(px("size.icon_s") + px("space.s"), 0, 0, 0)
        self._clear.setIcon(self._kit.theme.icon("close", "muted"))
        self.update()

    def _on_text(self, text: str) -> None:
        if text:
            self.addAction(self._clear, QLineEdit.ActionPosition.TrailingPosition)
        else:
            self.removeAction(self._clear)
        self._timer.start()

    def _ask_now(self) -> None:
        self._timer.stop()
        self._last = ""
        self._ask()

    def _ask(self) -> None:
        words = self.text().strip()
        if words != self._last or not words:
            self._last = words
            self.asked.emit(words)
