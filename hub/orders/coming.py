"""What doors ask in the same moment is handed to the writer together: one group, one commit, one change of threads.

While the event loop is busy reading requests the writer would fight it for the interpreter, group by small group
(seen: 64 clients made groups of 17, and half as many commits do the same). So the loop goes on as long as each of
its turns brings more, three milliseconds at most; where nothing else comes, that is the very next turn.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from app.ports import Clock
from hub.orders.lanes import Lane, Waiting

#: So long after the first of them at most.
MOST_S = 0.003

Come = tuple[Lane, list[Waiting]]


class Coming:
    """Lives in the event loop. ``hand_over`` gets what has come, never nothing."""

    def __init__(self, clock: Clock, hand_over: Callable[[list[Come]], None]) -> None:
        self._clock = clock
        self._hand_over = hand_over
        self._come: list[Come] = []
        self._jobs = 0
        self._seen = 0
        self._since = 0.0

    def __len__(self) -> int:
        """Jobs that have come."""
        return self._jobs

    def put(self, lane: Lane, waiting: list[Waiting], loop: asyncio.AbstractEventLoop) -> None:
        """Hand these over soon; who is in a hurry takes all others along at once."""
        is_first = not self._come
        self._come.append((lane, waiting))
        self._jobs += len(waiting)
        if lane is Lane.URGENT:
            self.hand_over()
        elif is_first:
            self._since = self._clock.monotonic()
            loop.call_soon(self._look, loop)

    def hand_over(self) -> None:
        come, self._come, self._jobs, self._seen = self._come, [], 0, 0
        if come:
            self._hand_over(come)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """Once a turn of the loop, behind all that it has read."""
        is_more = self._jobs > self._seen
        if is_more and self._clock.monotonic() - self._since < MOST_S:
            self._seen = self._jobs
            loop.call_soon(self._look, loop)
        else:
            self.hand_over()
