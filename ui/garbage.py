"""Python's garbage is collected in the window's thread, nowhere else.

    garbage = WindowGarbage()
    garbage.begin()                # from now on; what was made before stays
    garbage.end()

Left to itself Python looks for garbage in whichever thread happens to make the next object, mostly the one that reads
the wire. There it would let windows and whatever listens to their signals die: Qt wants its objects deleted by the
thread that made them, and PySide forgets a dead listener in a table that it changes, without a lock, also while the
window's thread connects another: two threads at that table at once can end the program or make it stand still.
For the same reason what the background holds is let go of in the window's thread (ui.work.Job).
"""

from __future__ import annotations

import gc

from PySide6.QtCore import QObject, QTimer

LOOK_EVERY_MS = 500
_FULL_AT_MOST_EVERY = 240
"""Looks between two full collections (two minutes): a full one takes some ten milliseconds."""


class WindowGarbage(QObject):
    """Make it, begin and end it in the window's thread."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._since_full = 0
        self._timer = QTimer(self, interval=LOOK_EVERY_MS)
        self._timer.timeout.connect(self._look)

    def begin(self) -> None:
        """Collects from now on. What was made before stays: looking through it takes 100 ms."""
        gc.disable()
        gc.freeze()
        self._timer.start()

    def end(self) -> None:
        self._timer.stop()

    def _look(self) -> None:
        """As Python itself would: the youngest often, the older ones the more rarely."""
        self._since_full += 1
        young, middle, old = gc.get_count()
        many, often, seldom = gc.get_threshold()
        if young <= many:
            return
        if middle <= often:
            gc.collect(0)
        elif old <= seldom or self._since_full < _FULL_AT_MOST_EVERY:
            gc.collect(1)
        else:
            self._since_full = 0
            gc.collect()
