"""The real clock of a station: its seconds go on while the computer sleeps, so that no lease outlives a nap."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime

# Windows (QueryPerformanceCounter, GetTickCount64) and macOS (mach_continuous_time behind CLOCK_MONOTONIC) count
# sleep in time.monotonic; Linux does only on the clock that counts from boot.
_BOOT = getattr(time, "CLOCK_BOOTTIME", None) if sys.platform == "linux" else None


class StationClock:
    """``app.ports.Clock`` whose ``monotonic`` counts sleep."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic() if _BOOT is None else time.clock_gettime(_BOOT)
