"""How long to wait after the hub did not answer: longer each time, never the same for two stations."""

from __future__ import annotations

from datetime import timedelta

from app.ports import Dice

FIRST_S = 0.2
MOST_S = 5.0


class Backoff:
    """0.2 s doubling up to 5 s, each between half and whole of it."""

    def __init__(self, dice: Dice) -> None:
        self._dice = dice
        self._failures = 0

    def next(self, at_least_s: float | None = None) -> timedelta:
        """The wait after one more failure; ``at_least_s`` is what the hub asked for itself."""
        full = min(MOST_S, FIRST_S * 2 ** min(self._failures, 10))
        self._failures += 1
        return timedelta(seconds=max(at_least_s or 0.0, full * (0.5 + self._dice() / 2)))

    def reset(self) -> None:
        self._failures = 0
