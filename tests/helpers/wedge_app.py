"""A window with a text field behind the scanner door, for tests that press real keys on a real X server.

    python -m tests.helpers.wedge_app OUT.json GAP_MS [--busy]

Writes what was scanned and what stands in the field to OUT.json whenever either changes; `--busy` blocks the window's
thread 150 ms of every 200.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QLineEdit, QVBoxLayout, QWidget

from app.ports import SystemClock
from ui.key_burst import WedgeSettings
from ui.scanner_input import ScannerInput, ScanRead


def main(out: Path, *, gap_ms: int, busy: bool) -> None:
    app = QApplication([])
    window = QWidget()
    window.setWindowTitle("wedge")
    field = QLineEdit()
    QVBoxLayout(window).addWidget(field)
    scanner = ScannerInput(SystemClock(), WedgeSettings(gap_ms=gap_ms))
    scanner.listen(app)
    scans: list[str] = []

    def note() -> None:
        made = out.with_suffix(".new")
        made.write_text(json.dumps({"scans": scans, "field": field.text()}), encoding="utf-8")
        made.replace(out)

    def on_scan(read: ScanRead) -> None:
        scans.append(read.text)
        note()

    scanner.scanned.connect(on_scan)
    field.textChanged.connect(note)
    if busy:
        block = QTimer(window, interval=200)
        block.timeout.connect(lambda: time.sleep(0.15))
        block.start()
    window.show()
    window.activateWindow()
    field.setFocus()
    QTimer.singleShot(0, note)
    app.exec()


if __name__ == "__main__":
    main(Path(sys.argv[1]), gap_ms=int(sys.argv[2]), busy="--busy" in sys.argv)
