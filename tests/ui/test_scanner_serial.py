"""Serial scanners, on a pair of pseudo terminals."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.ports import SystemClock
from ui.scanner_input import ScannerInput, ScanRead
from ui.scanner_serial import SerialScanner, decode

if sys.platform == "win32":
    pytest.skip("pseudo terminals are a thing of Unix", allow_module_level=True)

import pty
import tty


class Cable:
    """A scanner's end of a serial line; the port's end has a name that survives unplugging."""

    def __init__(self, name: Path) -> None:
        self.name = name
        self.plug()

    def plug(self) -> None:
        self._scanner, self._port = pty.openpty()
        tty.setraw(self._scanner)
        self.name.unlink(missing_ok=True)
        self.name.symlink_to(os.ttyname(self._port))

    def send(self, data: bytes) -> None:
        os.write(self._scanner, data)

    def unplug(self) -> None:
        self.name.unlink()
        os.close(self._port)
        os.close(self._scanner)


@pytest.fixture
def cable(tmp_path: Path) -> Cable:
    return Cable(tmp_path / "扫码枪")


@pytest.fixture
def reads() -> list[ScanRead]:
    return []


@pytest.fixture
def serial(qtbot: QtBot, cable: Cable, reads: list[ScanRead]) -> Iterator[SerialScanner]:
    door = ScannerInput(SystemClock())
    door.scanned.connect(reads.append)
    made = SerialScanner(door, str(cable.name))
    made.start()
    assert made.state == "ready"
    yield made
    made.stop()


def test_codes_in_any_pieces_come_out_whole(
    qtbot: QtBot, serial: SerialScanner, cable: Cable, reads: list[ScanRead]
) -> None:
    codes = [f"69012345{n:05d}" for n in range(40)]
    stream = "\r\n".join(codes).encode("ascii") + b"\r\n"
    for at in range(0, len(stream), 7):
        cable.send(stream[at : at + 7])
    qtbot.waitUntil(lambda: len(reads) == len(codes))
    assert [read.text for read in reads] == codes
    assert {read.source for read in reads} == {f"serial:{cable.name}"}


@pytest.mark.gbk
def test_a_code_without_line_end_ends_by_silence(
    qtbot: QtBot, serial: SerialScanner, cable: Cable, reads: list[ScanRead]
) -> None:
    cable.send(b"SF12345")
    cable.send(b"67890123")
    qtbot.waitUntil(lambda: [read.text for read in reads] == ["SF1234567890123"])


def test_an_unplugged_scanner_is_said_to_be_missing_and_works_again_when_plugged_in(
    qtbot: QtBot, serial: SerialScanner, cable: Cable, reads: list[ScanRead]
) -> None:
    said: list[tuple[str, int]] = []
    serial.state_changed.connect(lambda state, retry_s: said.append((state, retry_s)))
    cable.unplug()
    qtbot.waitUntil(lambda: said[:1] == [("missing", 1)])
    cable.plug()
    qtbot.waitUntil(lambda: said[-1] == ("ready", 0))
    cable.send(b"6901234567892\r")
    qtbot.waitUntil(lambda: [read.text for read in reads] == ["6901234567892"])


def test_a_port_that_is_not_there_is_tried_ever_more_slowly(qtbot: QtBot, tmp_path: Path) -> None:
    serial = SerialScanner(ScannerInput(SystemClock()), str(tmp_path / "none"))
    said: list[tuple[str, int]] = []
    serial.state_changed.connect(lambda state, retry_s: said.append((state, retry_s)))
    for _ in range(5):
        serial.start()
    serial.stop()
    assert said == [("missing", 1), ("missing", 2), ("missing", 5), ("missing", 10), ("missing", 10)]


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"S1OD20261121", "S1OD20261121"),
        (b"\x02SF123\x03", "SF123"),
        ("订单 8".encode("gb18030"), "订单 8"),
        ("订单 8".encode(), "订单 8"),
        (b"", ""),
    ],
)
def test_bytes_of_a_scanner_are_read_as_text(raw: bytes, text: str) -> None:
    assert decode(raw) == text
