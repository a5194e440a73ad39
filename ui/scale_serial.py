"""A scale on a serial port. What it says goes to the desk; the settings show the last of it.

scale = SerialScale(parent, "COM4", 9600, clock, core.packing.weighing.heard)
scale.state_changed.connect(strip.show_scale)
scale.start()
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from PySide6.QtCore import QObject, Signal

from app.core.scale import Reading, ScaleFrames
from app.ports import Clock
from ui.serial_line import SerialLine


class SerialScale(SerialLine):
    """`weighed()` when what it shows is another. ``last``: its last reading, None while nothing was understood."""

    weighed = Signal()

    def __init__(
        self,
        parent: QObject | None,
        port: str,
        baud: int,
        clock: Clock,
        heard: Callable[[Reading, datetime], object],
    ) -> None:
        """``heard`` takes each reading with the time it came."""
        super().__init__(parent, port, baud)
        self._clock = clock
        self._heard = heard
        self._frames = ScaleFrames()
        self.last: Reading | None = None

    def opened(self) -> None:
        self._frames.clear()

    def came(self, data: bytes) -> None:
        before = self.last
        for reading in self._frames.take(data):
            self.last = reading
            self._heard(reading, self._clock.now())
        if self.last != before:
            self.weighed.emit()
