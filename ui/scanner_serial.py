"""Scanners on a serial port (or USB posing as one). They need no focus and no keyboard, and survive being unplugged.

serial = SerialScanner(scanner_input, "COM3")        # "/dev/ttyUSB0" elsewhere
serial.state_changed.connect(strip.show_scanner)
serial.start()
"""

from __future__ import annotations

from typing import Literal

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtSerialPort import QSerialPort, QSerialPortInfo

from ui.scanner_input import ScannerInput

PortState = Literal["ready", "missing"]

IDLE_END_MS = 60
"""A code without line end is complete when the line was quiet for so long."""
_BACK_OFF_S = (1, 2, 5, 10)
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


class SerialScanner(QObject):
    """Reads one port and hands its codes to the scanner door; opens it again by itself after it was unplugged.

    `state_changed(state, retry_s)`: "ready", or "missing" with the seconds to the next try.
    """

    state_changed = Signal(str, int)

    def __init__(self, door: ScannerInput, port: str, baud: int = 9600) -> None:
        super().__init__(door)
        self._door = door
        self._name = port
        self._buffer = bytearray()
        self._failures = 0
        self.state: PortState = "missing"
        self._port = QSerialPort(port, self)
        self._port.setBaudRate(baud)
        self._port.readyRead.connect(self._on_bytes)
        self._port.errorOccurred.connect(self._on_error)
        self._idle = QTimer(self, singleShot=True, interval=IDLE_END_MS)
        self._idle.timeout.connect(self._end_code)
        self._retry = QTimer(self, singleShot=True)
        self._retry.timeout.connect(self.start)

    def start(self) -> None:
        """Opens the port, or tries again later: after 1, 2, 5, then every 10 seconds."""
        self._retry.stop()
        if self._port.isOpen():
            return
        if self._port.open(QSerialPort.OpenModeFlag.ReadOnly):
            self._failures = 0
            self._buffer.clear()
            self._say("ready", 0)
        else:
            self._try_later()

    def stop(self) -> None:
        self._retry.stop()
        self._idle.stop()
        self._port.close()

    def _on_bytes(self) -> None:
        self._buffer += self._port.readAll().data()
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
            self._door.accept(text, f"serial:{self._name}")

    def _on_error(self, error: QSerialPort.SerialPortError) -> None:
        # After an unplug the port still calls itself open. It is closed at the next turn: not under its own feet.
        if error in (QSerialPort.SerialPortError.ResourceError, QSerialPort.SerialPortError.ReadError):
            QTimer.singleShot(0, self, self._lose)

    def _lose(self) -> None:
        if self._port.isOpen():
            self._port.close()
            self._try_later()

    def _try_later(self) -> None:
        wait_s = _BACK_OFF_S[min(self._failures, len(_BACK_OFF_S) - 1)]
        self._failures += 1
        self._retry.start(wait_s * 1000)
        self._say("missing", wait_s)

    def _say(self, state: PortState, retry_s: int) -> None:
        self.state = state
        self.state_changed.emit(state, retry_s)
