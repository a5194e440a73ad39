"""Who counts at leisure gives way while somebody's command is on its way.

Threads share one interpreter, and it knows no ranks: a page of the feed takes as much of it as the cancel that
should have stopped a parcel a moment ago. So whoever builds pages asks between two steps whether to wait.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from app.ports import Clock

#: How long readers wait at most, and how long they go on then: commands that take long, or come one after the
#: other, leave them a third of the time. A hub at work needs some 20 to 40 ms for one, on a machine that has other
#: things to do 100 and more: who went on in the midst of it made it take twice as long.
MOST_S = 0.12
FREE_S = 0.06
#: How long a thread that counts may keep the interpreter from one that waits for it. A cancel goes from the event
#: loop to the writer, who asks the database some ten times, and back: with Python's own 5 ms each of these steps
#: waits that long while somebody builds a page. But turns this short cost everybody else, so they end with it.
#: At other times a group's statements (three trips each) go down beside the thread that judges the next group:
#: with 1 ms both get on, with 5 ms the writer stood and waited for more than half of its time.
HURRIED_TURN_S = 0.0002
CALM_TURN_S = 0.001
#: While a stop goes out to all stations the event loop keeps the interpreter: it would give it away after each few
#: of them.
SENDING_TURN_S = 0.01
#: Who was in a hurry so lately will be again: whoever has much to count rests as long as he counts.
LATELY_S = 1.0


class Hurry:
    """Commands under way; :meth:`give_way` may be called from any thread, :meth:`under_way` in the event loop."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._free_until = 0.0
        self._last = -LATELY_S
        self._count = 0
        self._calm = threading.Event()
        self._calm.set()
        #: Held by who counts for some milliseconds, as a page or a small file takes: two at a time would be done no
        #: sooner, and whoever is in a hurry would have two to wait for at each of its steps.
        self.counting = threading.Lock()
        #: Who waits in the event loop, and what lets them go when it takes too long.
        self._resting: list[asyncio.Future[None]] = []
        self._enough: asyncio.TimerHandle | None = None
        sys.setswitchinterval(CALM_TURN_S)

    @property
    def is_calm(self) -> bool:
        return self._calm.is_set()

    @property
    def was_lately(self) -> bool:
        """Whether a command is under way or was a moment ago."""
        return not self.is_calm or self._clock.monotonic() - self._last < LATELY_S

    @contextmanager
    def under_way(self) -> Iterator[None]:
        """From the moment a command waits until everybody was told what became of it."""
        self._count += 1
        self._calm.clear()
        sys.setswitchinterval(HURRIED_TURN_S)
        try:
            yield
        finally:
            self._count -= 1
            self._last = self._clock.monotonic()
            if not self._count:
                self._calm.set()
                sys.setswitchinterval(CALM_TURN_S)
                self._go_on()

    @contextmanager
    def sending(self) -> Iterator[None]:
        """While the event loop writes to everybody, which takes it some milliseconds."""
        before = sys.getswitchinterval()
        sys.setswitchinterval(SENDING_TURN_S)
        try:
            yield
        finally:
            sys.setswitchinterval(before)

    async def at_leisure(self) -> None:
        """Waits while a command is under way, as long as :meth:`give_way` does: for what the event loop itself does
        for somebody who can wait. Who has just waited is not asked to again.
        """
        if self._calm.is_set() or self._clock.monotonic() < self._free_until:
            return
        loop = asyncio.get_running_loop()
        if self._enough is None:
            self._enough = loop.call_later(MOST_S, self._too_long)
        resting = loop.create_future()
        self._resting.append(resting)
        await resting

    def _too_long(self) -> None:
        self._free_until = self._clock.monotonic() + FREE_S
        self._go_on()

    def _go_on(self) -> None:
        if self._enough is not None:
            self._enough.cancel()
            self._enough = None
        resting, self._resting = self._resting, []
        for one in resting:
            if not one.done():
                one.set_result(None)

    def give_way(self) -> None:
        """Between two steps of something that can wait."""
        if self._calm.is_set() or self._clock.monotonic() < self._free_until:
            return
        if not self._calm.wait(MOST_S):
            self._free_until = self._clock.monotonic() + FREE_S
