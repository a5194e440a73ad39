"""What differs by system: one process per folder, a clock that counts sleep, room on the disk."""

from __future__ import annotations

import stat
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest

from app.os import detached, disk
from app.os.clock import StationClock
from app.os.folderlock import FolderLock, FolderTaken

ROOT = Path(__file__).resolve().parents[2]


def test_one_process_works_in_a_folder_and_its_end_frees_it(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from app.os.folderlock import FolderLock\n"
        f"lock = FolderLock(Path({str(tmp_path)!r})); print('held', flush=True); sys.stdin.read()"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )
    assert other.stdout is not None
    assert other.stdout.readline().strip() == "held"
    with pytest.raises(FolderTaken):
        FolderLock(tmp_path)
    other.kill()
    other.communicate()
    with FolderLock(tmp_path) as lock:
        lock.close()
        lock.close()


def test_the_clock_is_utc_and_its_seconds_go_on() -> None:
    clock = StationClock()
    before, mark = clock.monotonic(), clock.now()
    assert mark.utcoffset() == timedelta(0)
    time.sleep(0.01)
    assert clock.monotonic() - before >= 0.009
    if sys.platform == "linux":
        before = time.clock_gettime(time.CLOCK_BOOTTIME)
        assert before <= clock.monotonic() <= time.clock_gettime(time.CLOCK_BOOTTIME)


def test_room_is_told_for_folders_that_do_not_exist_yet(tmp_path: Path) -> None:
    assert disk.free_bytes(tmp_path / "not" / "yet") > 0
    assert isinstance(disk.is_low(tmp_path), bool)


@pytest.mark.filterwarnings(
    "ignore:subprocess .* is still running:ResourceWarning"
)  # it is meant to outlive us
@pytest.mark.skipif(sys.platform == "win32", reason="the folder's own rights hold there")
def test_what_a_program_of_its_own_says_is_for_its_owner_alone(tmp_path: Path) -> None:
    log = tmp_path / "中枢" / "hub.log"
    detached.start([sys.executable, "-c", "print('recovery code')"], log)
    end = time.monotonic() + 20
    while not log.read_text(encoding="utf-8") and time.monotonic() < end:
        time.sleep(0.02)
    assert log.read_text(encoding="utf-8") == "recovery code\n"
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
