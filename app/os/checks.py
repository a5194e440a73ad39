"""What the doctor says of this machine: room and speed of the disk our files are on, clock and time zones."""

from __future__ import annotations

import os
import tempfile
import time
from datetime import UTC
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from app.core.findings import Finding
from app.os.disk import free_bytes, is_low
from app.ports import Clock

#: A scan is green when it is on disk: slower than this, and hands feel it.
SLOW_MS = 100.0
_WRITES = 40
_BLOCK = b"\0" * 4096
#: Writing for longer than this tells nothing new.
_LONGEST_S = 3.0
#: No clock of a machine that runs this program can honestly stand outside these years.
_YEARS = range(2026, 2080)


def disk(folder: Path) -> list[Finding]:
    """``folder`` is a data folder; where it does not exist yet, the nearest folder above it is looked at."""
    return _disk(_existing(folder))


def _existing(folder: Path) -> Path:
    folder = folder.resolve()
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    return folder


def _disk(folder: Path) -> list[Finding]:
    free_gb = f"{free_bytes(folder) / 1e9:.1f}"
    room = Finding(
        "room_low" if is_low(folder) else "room", "warn" if is_low(folder) else "ok", {"gb": free_gb}
    )
    try:
        seconds = fsync_seconds(folder)
    except OSError:
        return [room, Finding("folder_closed", "bad", {"path": str(folder)})]
    p50, p99 = (seconds[int((len(seconds) - 1) * share)] * 1000 for share in (0.5, 0.99))
    is_slow = p99 > SLOW_MS
    speed = {"p50": f"{p50:.1f}", "p99": f"{p99:.1f}"}
    return [room, Finding("disk_slow" if is_slow else "disk", "warn" if is_slow else "ok", speed)]


def fsync_seconds(folder: Path) -> list[float]:
    """How long it takes until 4 KB are safe on the disk of ``folder``, shortest first. Raises OSError."""
    seconds: list[float] = []
    with tempfile.TemporaryFile(dir=folder) as file:
        end = time.monotonic() + _LONGEST_S
        while len(seconds) < _WRITES and (not seconds or time.monotonic() < end):
            began = time.perf_counter()
            file.write(_BLOCK)
            file.flush()
            os.fsync(file.fileno())
            seconds.append(time.perf_counter() - began)
    return sorted(seconds)


def time_of(clock: Clock) -> list[Finding]:
    """The clock, and the time zones that platforms' texts need."""
    now = clock.now()
    shown = {"clock": f"{now.astimezone():%Y-%m-%d %H:%M:%S}", "utc": f"{now.astimezone(UTC):%H:%M}"}
    found = [Finding("clock", "ok", shown) if now.year in _YEARS else Finding("clock_wrong", "bad", shown)]
    try:
        ZoneInfo("Asia/Shanghai")
    except ZoneInfoNotFoundError:
        found.append(Finding("zones_missing", "bad"))
    return found
