"""A camera as a scanner: real films through the real capture, and cameras that fail; the window never waits."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.ports import SystemClock
from tests.helpers.films import bench, film, shown
from tests.helpers.qt import FixedClock
from ui.scanner_camera import ANSWER_S, TRIES, CameraScanner
from ui.scanner_input import ScannerInput, ScanRead

WAIT_MS = 20_000
SLIP = "S1OD2026112100101007K"
MakeCamera = Callable[[str], CameraScanner]


@pytest.fixture
def reads() -> list[ScanRead]:
    return []


@pytest.fixture
def make(qtbot: QtBot, reads: list[ScanRead]) -> Iterator[MakeCamera]:
    made: list[CameraScanner] = []

    def camera(name: str) -> CameraScanner:
        door = ScannerInput(SystemClock())
        door.scanned.connect(reads.append)
        made.append(CameraScanner(door, name, SystemClock()))
        return made[-1]

    yield camera
    for one in made:
        one.stop()
    for thread in threading.enumerate():
        if thread.name == "camera":
            thread.join(20)
            assert not thread.is_alive()


def heard(camera: CameraScanner) -> list[tuple[str, int]]:
    said: list[tuple[str, int]] = []
    camera.state_changed.connect(lambda state, retry_s: said.append((state, retry_s)))
    return said


def test_what_a_camera_sees_comes_out_of_the_scanner_door(
    qtbot: QtBot, make: MakeCamera, reads: list[ScanRead], tmp_path: Path
) -> None:
    path = film(tmp_path / "slip.avi", [bench(), *(shown(SLIP, tilt=n, seed=n) for n in range(5))])
    camera = make(str(path))
    said = heard(camera)
    camera.start()
    qtbot.waitUntil(lambda: len(said) >= 3, timeout=WAIT_MS)
    assert said[:3] == [("opening", 0), ("ready", 0), ("missing", 1)], (
        "a film that ends is a camera pulled out"
    )
    assert camera.why == "no_picture"
    assert [(read.text, read.source) for read in reads][:1] == [(SLIP, f"camera:{path}")]


def test_a_camera_that_is_not_there_is_tried_ever_more_slowly_and_given_up_after_five_tries(
    qtbot: QtBot, make: MakeCamera, tmp_path: Path
) -> None:
    camera = make(str(tmp_path / "none.avi"))
    said = heard(camera)
    for n in range(TRIES):
        camera.start()
        qtbot.waitUntil(lambda n=n: len(said) >= 2 * n + 2, timeout=WAIT_MS)  # type: ignore[misc]
    failures = [word for word in said if word[0] != "opening"]
    assert failures == [("missing", 1), ("missing", 2), ("missing", 5), ("missing", 10), ("given_up", 0)]
    assert camera.why == "not_there"
    camera.again()
    qtbot.waitUntil(lambda: ("missing", 1) in said[2 * TRIES :], timeout=WAIT_MS)


def test_a_camera_that_opens_and_fails_at_once_is_not_tried_for_ever(
    qtbot: QtBot, make: MakeCamera, tmp_path: Path
) -> None:
    camera = make(str(film(tmp_path / "short.avi", [bench()])))
    said = heard(camera)
    for n in range(TRIES):
        camera.start()
        qtbot.waitUntil(lambda n=n: len(said) >= 3 * n + 3, timeout=WAIT_MS)  # type: ignore[misc]
    assert camera.state == "given_up"


@pytest.mark.parametrize(
    ("missing", "said"),
    [("cv2", "no_library True"), ("zxingcpp", "no_library True"), ("pyzbar", "ready False")],
)
def test_without_a_library_a_station_goes_on_and_says_so(missing: str, said: str, tmp_path: Path) -> None:
    path = film(tmp_path / "long.avi", [bench()] * 200)
    program = f"""
import sys
sys.modules[{missing!r}] = None
from PySide6.QtCore import QCoreApplication
from app.ports import SystemClock
from ui.scanner_camera import CameraScanner
from ui.scanner_input import ScannerInput
app = QCoreApplication([])
camera = CameraScanner(ScannerInput(SystemClock()), {str(path)!r}, SystemClock())
camera.state_changed.connect(lambda state, _: app.exit() if state != "opening" else None)
camera.start()
app.exec()
print(camera.state, camera.has_zbar)
camera.stop()"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, encoding="utf-8", timeout=60)
    assert (done.returncode, done.stdout.strip()) == (0, said), done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="named pipes of Unix")
def test_a_camera_that_never_answers_holds_nobody_up(
    qtbot: QtBot, reads: list[ScanRead], tmp_path: Path
) -> None:
    """Opening a pipe into which nobody writes waits for ever, like a faulty driver."""
    pipe = tmp_path / "driver"
    os.mkfifo(pipe)
    clock = FixedClock()
    camera = CameraScanner(ScannerInput(clock), str(pipe), clock)
    camera.start()
    stuck = camera._eye
    said = heard(camera)
    assert stuck is not None
    clock.move(ANSWER_S + 1)
    qtbot.waitUntil(lambda: bool(said), timeout=WAIT_MS)
    assert camera.why == "no_answer"
    camera.stop()
    assert said == [("missing", 1), ("off", 0)]
    # now the driver answers after all: the thread that was left behind ends by itself
    for _ in range(200):
        if not stuck.is_alive():
            break
        end = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)
        os.write(end, b"no film" * 1000)
        os.close(end)
        stuck.join(0.1)
    assert not stuck.is_alive() and not reads
