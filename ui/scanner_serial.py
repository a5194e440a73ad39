"""Scanners on a serial port (or USB posing as one). They need no focus and no keyboard, and survive being unplugged.

serial = SerialScanner(scanner_input, "COM3")        # "/dev/ttyUSB0" elsewhere
serial.state_changed.connect(strip.show_scanner)
serial.start()
"""

from __future__ import annotations

from PySide6.QtCore import QTimer
from PySide6.QtSerialPort import QSerialPortInfo

from ui.scanner_input import ScannerInput
from ui.serial_line import SerialLine

IDLE_END_MS = 60
"""A code without line end is complete when the line was quiet for so long."""
_MOST_BYTES = 8192
_ENDS = (b"\r", b"\n", b"\x03")


def decode(raw: bytes) -> str:
    """The text of a code: UTF-8, else GB18030 as Chinese scanners send it, with framing bytes taken off."""
    raw = raw.strip(b"\x02\x03\r\n\x00")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("gb18030", "replace")


def ports() -> tuple[str, ...]:
    """The names of the serial ports of this machine, for settings."""
    return tuple(info.portName() for info in QSerialPortInfo.availablePorts())


class SerialScanner(SerialLine):
    """Reads one port and hands its codes to the scanner door."""

    def __init__(self, door: ScannerInput, port: str, baud: int = 9600) -> None:
        super().__init__(door, port, baud)
        self._door = door
        self._buffer = bytearray()
        self._idle = QTimer(self, singleShot=True, interval=IDLE_END_MS)
        self._idle.timeout.connect(self._end_code)

    def opened(self) -> None:
        self._buffer.clear()

    def stop(self) -> None:
        self._idle.stop()
        super().stop()

    def came(self, data: bytes) -> None:
        self._buffer += data
        while (end := min((i for e in _ENDS if (i := self._buffer.find(e)) >= 0), default=-1)) >= 0:
            code, self._buffer = bytes(self._buffer[:end]), self._buffer[end + 1 :]
            self._hand_over(code)
        # A scanner gone mad must not fill the memory.
        del self._buffer[:-_MOST_BYTES]
        if self._buffer:
            self._idle.start()

    def _end_code(self) -> None:
        code = bytes(self._buffer)
        self._buffer.clear()
        self._hand_over(code)

    def _hand_over(self, raw: bytes) -> None:
        self._idle.stop()
        if text := decode(raw):
            self._door.accept(text, f"serial:{self.name}")
