"""What scans made at work tell of the scanner, for the honest strip.

    watch = ScannerWatch(scanner)
    watch.changed.connect(strip.show)
    watch.fault            # "doubled", "ime", "late_suffix" or None

One odd scan is nobody's fault; a second one is told, and so many right ones in a row take it back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from ui.scanner_input import ScannerInput, ScanRead

if TYPE_CHECKING:  # what names faults is not needed before there is one
    from app.core.scanner_check import Fault

TOLD_AT = 2
RIGHT_AGAIN = 20


class ScannerWatch(QObject):
    """Signal `changed` when `fault` is another."""

    changed = Signal()

    def __init__(self, scanner: ScannerInput) -> None:
        super().__init__(scanner)
        self.fault: Fault | None = None
        self._seen: dict[Fault, int] = {}
        self._right = 0
        scanner.scanned.connect(self._scanned)
        scanner.ended_late.connect(lambda _: self._met("late_suffix"))

    def forget(self) -> None:
        """A check has been made: what was seen before it counts no more."""
        self._seen.clear()
        self._tell(None)

    def _scanned(self, read: ScanRead) -> None:
        if read.raw.isascii():
            self._met("doubled" if read.doubled else None)
            return
        from app.core.scanner_check import seen_at_work

        self._met(seen_at_work(read.raw, doubled=read.doubled))

    def _met(self, fault: Fault | None) -> None:
        if fault is None:
            self._right += 1
            if self._right >= RIGHT_AGAIN:
                self._seen.clear()
                self._tell(None)
            return
        self._right = 0
        self._seen[fault] = self._seen.get(fault, 0) + 1
        if self._seen[fault] >= TOLD_AT:
            self._tell(fault)

    def _tell(self, fault: Fault | None) -> None:
        if fault != self.fault:
            self.fault = fault
            self.changed.emit()
