"""For tests of windows: a clock moved by hand, a kit, and figures read from pictures."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class FixedClock:
    """A clock that stands until it is moved."""

    def __init__(self, now: datetime | None = None) -> None:
        self._now = now if now is not None else datetime(2026, 11, 21, 6, 0, tzinfo=UTC)
        self._run_s = 0.0

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._run_s

    def move(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)
        self._run_s += seconds
