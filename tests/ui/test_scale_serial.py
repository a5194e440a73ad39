"""A scale on a serial port, on a pair of pseudo terminals."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.core.scale import Reading
from app.ports import SystemClock
from ui.scale_serial import SerialScale

if sys.platform == "win32":
    pytest.skip("pseudo terminals are a thing of Unix", allow_module_level=True)

import pty
import tty

WAIT_MS = 15_000


class Cable:
    """A scale's end of a serial line; the port's end has a name that survives unplugging."""

    def __init__(self, name: Path) -> None:
        self.name = name
        self.is_plugged = False
        self.plug()

    def plug(self) -> None:
        self._scale, self._port = pty.openpty()
        tty.setraw(self._scale)
        self.name.unlink(missing_ok=True)
        self.name.symlink_to(os.ttyname(self._port))
        self.is_plugged = True

    def send(self, data: bytes) -> None:
        os.write(self._scale, data)

    def unplug(self) -> None:
        self.name.unlink()
        os.close(self._port)
        os.close(self._scale)
        self.is_plugged = False


@pytest.fixture
def cable(tmp_path: Path) -> Iterator[Cable]:
    made = Cable(tmp_path / "电子秤")
    yield made
    if made.is_plugged:
        made.unplug()


@pytest.fixture
def heard() -> list[Reading]:
    return []


@pytest.fixture
def scale(qtbot: QtBot, cable: Cable, heard: list[Reading]) -> Iterator[SerialScale]:
    def take(reading: Reading, at: datetime) -> None:
        assert at.tzinfo is not None
        heard.append(reading)

    made = SerialScale(None, str(cable.name), 9600, SystemClock(), take)
    made.start()
    assert made.state == "ready"
    yield made
    made.stop()


def test_each_frame_of_a_busy_scale_is_heard_once_and_in_order(
    qtbot: QtBot, scale: SerialScale, cable: Cable, heard: list[Reading]
) -> None:
    stream = b"".join(b"US,GS,+  0.%03dkg\r\n" % n for n in range(40)) + b"ST,GS,+  0.040kg\r\n"
    for at in range(0, len(stream), 11):
        cable.send(stream[at : at + 11])
    qtbot.waitUntil(lambda: len(heard) == 41, timeout=WAIT_MS)
    assert heard == [*(Reading(n, "moving") for n in range(40)), Reading(40, "stable")]
    assert scale.last == Reading(40, "stable")


def test_an_unplugged_scale_is_said_to_be_missing_and_weighs_again_when_plugged_in(
    qtbot: QtBot, scale: SerialScale, cable: Cable, heard: list[Reading]
) -> None:
    said: list[tuple[str, int]] = []
    scale.state_changed.connect(lambda state, retry_s: said.append((state, retry_s)))
    cable.send(b"ST,GS,+  9")
    cable.unplug()
    qtbot.waitUntil(lambda: said[:1] == [("missing", 1)], timeout=WAIT_MS)
    cable.plug()
    qtbot.waitUntil(lambda: said[-1] == ("ready", 0), timeout=WAIT_MS)
    cable.send(b"ST,GS,+  1.234kg\r\n")
    qtbot.waitUntil(lambda: heard == [Reading(1234, "stable")], timeout=WAIT_MS)
