"""A device on a serial port (or USB posing as one): its bytes, and whether it is there. It survives being unplugged."""

from __future__ import annotations

from typing import Literal

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtSerialPort import QSerialPort

PortState = Literal["ready", "missing"]

_BACK_OFF_S = (1, 2, 5, 10)


class SerialLine(QObject):
    """One port, opened again by itself after it was lost. Who inherits it takes the bytes in :meth:`came`.

    `state_changed(state, retry_s)`: "ready", or "missing" with the seconds to the next try.
    """

    state_changed = Signal(str, int)

    def __init__(self, parent: QObject | None, port: str, baud: int) -> None:
        super().__init__(parent)
        self.name = port
        self.state: PortState = "missing"
        self._failures = 0
        self._port = QSerialPort(port, self)
        self._port.setBaudRate(baud)
        self._port.readyRead.connect(self._on_bytes)
        self._port.errorOccurred.connect(self._on_error)
        self._retry = QTimer(self, singleShot=True)
        self._retry.timeout.connect(self.start)

    def came(self, data: bytes) -> None:
        """What the device sent, in pieces as the cable brings them."""
        raise NotImplementedError

    def opened(self) -> None:
        """The port is open: half of what came before is nothing any more."""

    def start(self) -> None:
        """Opens the port, or tries again later: after 1, 2, 5, then every 10 seconds."""
        self._retry.stop()
        if self._port.isOpen():
            return
        if self._port.open(QSerialPort.OpenModeFlag.ReadOnly):
            self._failures = 0
            self.opened()
            self._say("ready", 0)
        else:
            self._try_later()

    def stop(self) -> None:
        self._retry.stop()
        self._port.close()

    def _on_bytes(self) -> None:
        self.came(bytes(self._port.readAll().data()))

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
