"""Whether somebody's finger or pointer is at work on something right now: nothing moves under it (design 7)."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QTimer, Signal
from PySide6.QtWidgets import QWidget

#: A pointer that rests for so long no longer holds anything.
HOLD_MS = 2000
_AT_WORK = frozenset({
    QEvent.Type.MouseMove,
    QEvent.Type.MouseButtonPress,
    QEvent.Type.MouseButtonRelease,
    QEvent.Type.HoverMove,
    QEvent.Type.Wheel,
    QEvent.Type.TouchBegin,
    QEvent.Type.TouchUpdate,
})


class PointerHold(QObject):
    """``is_held`` while a pointer moves or presses over one of the watched widgets, and two seconds longer;
    ``released`` when that is over."""

    released = Signal()

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._timer = QTimer(self, singleShot=True, interval=HOLD_MS)
        self._timer.timeout.connect(self.released)

    @property
    def is_held(self) -> bool:
        return self._timer.isActive()

    def rest_for(self, ms: int) -> None:
        """Another time for which a pointer that rests still holds; one that rests now begins it anew."""
        self._timer.setInterval(ms)

    def watch(self, *widgets: QWidget) -> None:
        for widget in widgets:
            widget.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() in _AT_WORK:
            self._timer.start()
        return False
