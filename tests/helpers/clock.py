"""A clock that stands still until a test moves it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

T0 = datetime(2026, 11, 21, 1, 0, tzinfo=UTC)


class FakeClock:
    """``now`` and ``monotonic`` move together, by :meth:`go` alone."""

    def __init__(self, now: datetime = T0) -> None:
        self._now = now
        self._monotonic = 1000.0

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    def go(self, **by: float) -> datetime:
        """``clock.go(seconds=5)``: the moment after it."""
        step = timedelta(**by)
        self._now += step
        self._monotonic += step.total_seconds()
        return self._now

    def set(self, now: datetime) -> None:
        self._now = now
