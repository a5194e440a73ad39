"""What comes in from outside: clock, ids. Only the edges know the real ones."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    def now(self) -> datetime:
        """The moment, aware UTC."""

    def monotonic(self) -> float:
        """Seconds that never run backwards."""


class NewId(Protocol):
    def __call__(self) -> str:
        """A new random id: 26 characters, letters and digits, roughly in order of making."""


class Engine(Protocol):
    """Work that is stepped, not free-running: in life by a loop, in tests by the test."""

    @property
    def name(self) -> str:
        """For logs and the step loop."""

    async def step(self, now: datetime) -> datetime:
        """Does what is due and says when to call again. Weather (network, 5xx) is no exception here."""

    def on_wake(self, call: Callable[[], None]) -> None:
        """``call`` may come from any thread and asks for a step at once."""


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        import time

        return time.monotonic()


_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


class Ulid:
    """ULIDs: 48 bits of milliseconds and 80 random bits in Crockford base 32."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def __call__(self) -> str:
        millis = int(self._clock.now().timestamp() * 1000)
        value = (millis << 80) | secrets.randbits(80)
        return "".join(_CROCKFORD[(value >> shift) & 31] for shift in range(125, -1, -5))
