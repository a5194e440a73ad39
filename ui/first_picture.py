"""The moment after the first picture: what nobody waits for is opened then."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, QTimer
from PySide6.QtWidgets import QWidget

#: What opens after the first picture opens also where no picture is asked for: a window on another desktop.
_UNSEEN_MS = 1000


class FirstPicture(QObject):
    """Calls once, when the window has been painted for the first time, or a second has gone by without that."""

    def __init__(self, window: QWidget, then: Callable[[], object]) -> None:
        super().__init__(window)
        self._window, self._then = window, then
        window.installEventFilter(self)
        self._unseen = QTimer(self, singleShot=True, interval=_UNSEEN_MS)
        self._unseen.timeout.connect(self._call)
        self._unseen.start()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Paint:
            QTimer.singleShot(0, self, self._call)  # after this picture, not before it
        return False

    def _call(self) -> None:
        if self._unseen.isActive():
            self._unseen.stop()
            self._window.removeEventFilter(self)
            self._then()
