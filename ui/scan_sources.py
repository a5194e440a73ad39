"""Where this station's scans come from: keyboard-type scanners, one on a serial port, a camera; and its scale.

    sources = ScanSources(scanner_input, outbox, clock, core.report_scanner)
    sources.open()                        # what a person turned on in the settings, never before the first picture
    sources.use_camera(True, "0")         # at once, and kept
    sources.changed.connect(page.refresh)

Libraries of a source come with its first use: a bench with a keyboard-type scanner never loads them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from app.core.scan import ScanClass, parse
from app.core.values import dataclass
from app.ports import Clock
from app.store.outbox import Outbox
from ui.kept import (
    CAMERA,
    CAMERA_ON,
    LAYOUT,
    PROOFS,
    PROOFS_ALL,
    SCALE_BAUD,
    SCALE_ON,
    SCALE_PORT,
    SCANNER_DEVICES,
    SERIAL_BAUD,
    SERIAL_ON,
    SERIAL_PORT,
)
from ui.scanner_input import KEYBOARD, ScannerInput, ScanRead
from ui.us_keys import LAYOUTS, Layout

if TYPE_CHECKING:
    from app.core.scale import Reading
    from ui.scale_serial import SerialScale
    from ui.scanner_camera import CameraScanner
    from ui.scanner_raw import RawScanner
    from ui.scanner_serial import SerialScanner

BAUD = 9600


@dataclass(frozen=True, slots=True)
class LastRead:
    """What one source read last. A badge's secret is not among it: ``text`` is empty then."""

    text: str
    at: datetime


class ScanSources(QObject):
    """`changed()` when a source came, went, was turned on or off; `heard()` when one read something."""

    changed = Signal()
    heard = Signal()

    def __init__(
        self,
        door: ScannerInput,
        outbox: Outbox,
        clock: Clock,
        report: Callable[[bool | None], object],
        report_scale: Callable[[bool | None], object] = lambda _: None,
        weighed: Callable[[Reading, datetime], object] = lambda _reading, _at: None,
    ) -> None:
        """``report``, ``report_scale``: a scanner (a scale) on a port is there, is not, or there is none to be had.

        ``weighed`` takes what the scale says.
        """
        super().__init__(door)
        self._door, self._outbox, self._clock, self._report = door, outbox, clock, report
        self._report_scale, self._weighed = report_scale, weighed
        self._last: dict[str, LastRead] = {}
        self.serial: SerialScanner | None = None
        self.scale: SerialScale | None = None
        self.camera: CameraScanner | None = None
        self._raw: RawScanner | None = None
        self.retry_s: dict[str, int] = {}
        """Seconds between the last try and the next, of sources that are missing."""
        door.scanned.connect(self._remember)

    # -- what is set ---------------------------------------------------------------------------------------

    @property
    def layout(self) -> Layout:
        kept = self._outbox.setting(LAYOUT, "auto")
        return next((layout for layout in LAYOUTS if layout == kept), "auto")

    @property
    def serial_port(self) -> str:
        return self._outbox.setting(SERIAL_PORT)

    @property
    def serial_baud(self) -> int:
        kept = self._outbox.setting(SERIAL_BAUD)
        return int(kept) if kept.isdecimal() else BAUD

    @property
    def scale_port(self) -> str:
        return self._outbox.setting(SCALE_PORT)

    @property
    def scale_baud(self) -> int:
        kept = self._outbox.setting(SCALE_BAUD)
        return int(kept) if kept.isdecimal() else BAUD

    @property
    def camera_name(self) -> str:
        """ "0" is the first camera of this computer; anything else the address of a stream."""
        return self._outbox.setting(CAMERA, "0")

    @property
    def keeps_all_proofs(self) -> bool:
        """Whether pictures of slips and labels are kept that do belong together, too."""
        return self._outbox.setting(PROOFS) == PROOFS_ALL

    def keep_all_proofs(self, is_on: bool) -> None:
        self._outbox.set_setting(PROOFS, PROOFS_ALL if is_on else "")
        self.changed.emit()

    def last(self, kind: str) -> LastRead | None:
        """What was read last by "keyboard", "serial" or "camera"; None while nothing was."""
        return self._last.get(kind)

    # -- turning on and off ---------------------------------------------------------------------------------

    def open(self) -> None:
        """Starts what is turned on and was not started in the settings before; returns at once."""
        if self.layout != self._door.settings.layout:
            self._door.configure(replace(self._door.settings, layout=self.layout))
        if sys.platform == "win32" and self._raw is None:
            self._start_raw()
        if self.serial is None and self._outbox.setting(SERIAL_ON) and self.serial_port:
            self._start_serial()
        if self.scale is None and self._outbox.setting(SCALE_ON) and self.scale_port:
            self._start_scale()
        if self.camera is None and self._outbox.setting(CAMERA_ON):
            self._start_camera()

    def close(self) -> None:
        """Lets go of ports and camera."""
        self._stop_serial()
        self._stop_scale()
        self._stop_camera()
        if self._raw is not None:
            self._raw.stop()

    def use_layout(self, layout: Layout) -> None:
        self._outbox.set_setting(LAYOUT, layout)
        self._door.configure(replace(self._door.settings, layout=layout))
        self.changed.emit()

    def use_serial(self, is_on: bool, port: str, baud: int = BAUD) -> None:
        for key, value in ((SERIAL_PORT, port), (SERIAL_BAUD, str(baud)), (SERIAL_ON, "1" if is_on else "")):
            self._outbox.set_setting(key, value)
        self._stop_serial()
        if is_on:
            self._start_serial()
        self.changed.emit()

    def use_scale(self, is_on: bool, port: str, baud: int = BAUD) -> None:
        """A scale on another port: it weighs the box that is closed."""
        for key, value in ((SCALE_PORT, port), (SCALE_BAUD, str(baud)), (SCALE_ON, "1" if is_on else "")):
            self._outbox.set_setting(key, value)
        self._stop_scale()
        if is_on:
            self._start_scale()
        self.changed.emit()

    def use_camera(self, is_on: bool, name: str) -> None:
        self._outbox.set_setting(CAMERA, name)
        self._outbox.set_setting(CAMERA_ON, "1" if is_on else "")
        self._stop_camera()
        if is_on:
            self._start_camera()
        self.changed.emit()

    # -- at work ---------------------------------------------------------------------------------------------

    def _start_raw(self) -> None:
        from ui.scanner_raw import RawScanner

        known = self._outbox.setting(SCANNER_DEVICES).splitlines()
        self._raw = RawScanner(self._door, known, self._devices_seen)
        self._raw.start()

    def _devices_seen(self, names: frozenset[str]) -> None:
        self._outbox.set_setting(SCANNER_DEVICES, "\n".join(sorted(names)))

    def _start_serial(self) -> None:
        from ui.scanner_serial import SerialScanner

        self.serial = SerialScanner(self._door, self.serial_port, self.serial_baud)
        self.serial.state_changed.connect(self._serial_said)
        self.serial.start()

    def _stop_serial(self) -> None:
        if self.serial is not None:
            self.serial.stop()
            self.serial.deleteLater()
            self.serial = None
            self._report(None)

    def _serial_said(self, state: str, retry_s: int) -> None:
        self.retry_s["serial"] = retry_s
        self._report(state == "ready")
        self.changed.emit()

    def _start_scale(self) -> None:
        from ui.scale_serial import SerialScale

        self.scale = SerialScale(self, self.scale_port, self.scale_baud, self._clock, self._weighed)
        self.scale.state_changed.connect(self._scale_said)
        self.scale.weighed.connect(self.heard)
        self.scale.start()

    def _stop_scale(self) -> None:
        if self.scale is not None:
            self.scale.stop()
            self.scale.deleteLater()
            self.scale = None
            self._report_scale(None)

    def _scale_said(self, state: str, retry_s: int) -> None:
        self.retry_s["scale"] = retry_s
        self._report_scale(state == "ready")
        self.changed.emit()

    def _start_camera(self) -> None:
        from ui.scanner_camera import CameraScanner

        self.camera = CameraScanner(self._door, self.camera_name, self._clock)
        self.camera.state_changed.connect(self._camera_said)
        self.camera.start()

    def _stop_camera(self) -> None:
        if self.camera is not None:
            self.camera.state_changed.disconnect(self._camera_said)
            self.camera.stop()
            self.camera.deleteLater()
            self.camera = None

    def _camera_said(self, _state: str, retry_s: int) -> None:
        self.retry_s["camera"] = retry_s
        self.changed.emit()

    def _remember(self, read: ScanRead) -> None:
        is_secret = parse(read.text).first(ScanClass.badge) is not None
        kind = read.source.partition(":")[0]
        self._last[kind if kind in ("serial", "camera") else KEYBOARD] = LastRead(
            "" if is_secret else read.text, read.at
        )
        self.heard.emit()
