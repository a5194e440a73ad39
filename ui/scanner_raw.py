"""Keyboard-type scanners on Windows, device by device: the scans of `ui.raw_keys` come out of the scanner door.

    raw = RawScanner(scanner_input, known, remember)
    raw.start()                                        # does nothing where there is no Raw Input

What the focus, a layout or an input method does to a scan is of no matter here. The same keys still reach our own
windows, where the door takes them out as ever; a scan that came both ways is told once.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable

from PySide6.QtCore import QObject, Qt, QTimer, Signal

from app.os.rawinput import RawKey, RawKeyboards
from ui.raw_keys import DeviceScan, Keyboards
from ui.scanner_input import ScannerInput

_SILENCE_MARGIN_MS = 20


class RawScanner(QObject):
    """``remember(names)`` when another device was seen to scan."""

    _heard = Signal(object, str, int, bool)

    def __init__(
        self, door: ScannerInput, known: Iterable[str], remember: Callable[[frozenset[str]], object]
    ) -> None:
        super().__init__(door)
        self._door = door
        self._remember = remember
        self._keyboards = Keyboards(door.settings, known)
        self._thread: RawKeyboards | None = None
        self._silence = QTimer(self, singleShot=True, timerType=Qt.TimerType.PreciseTimer)
        self._silence.timeout.connect(self._on_silence)
        self._heard.connect(self.hear)

    def start(self) -> None:
        if sys.platform == "win32" and self._thread is None:
            self._thread = RawKeyboards(self._heard.emit)
            self._thread.start()

    def stop(self) -> None:
        self._silence.stop()
        if self._thread is not None:
            self._thread.stop()
            self._thread = None

    def hear(self, key: RawKey, device: str, at_ms: int, is_front: bool) -> None:
        """One key, in the window's thread. Keys made by software have no device: the door alone judges them."""
        if not key.device:
            return
        self._silence.start(self._door.settings.gap_ms + _SILENCE_MARGIN_MS)
        known = len(self._keyboards.scanners)
        found = self._keyboards.key(device, key.scan_code, key.is_up, at_ms, is_front=is_front)
        self._tell([found] if found is not None else [], known)

    def _on_silence(self) -> None:
        known = len(self._keyboards.scanners)
        self._tell(self._keyboards.silence(), known)

    def _tell(self, found: list[DeviceScan], known: int) -> None:
        for one in found:
            self._door.accept_below(one.scan, f"usb:{one.device}")
        if len(self._keyboards.scanners) > known:
            self._remember(frozenset(self._keyboards.scanners))
