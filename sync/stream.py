"""Listening: stops at once, everything else in small pages (design 3.6)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from app.ports import FeedGone, HubAway, HubTrouble
from app.wire import ChangePage, Head, Urgent
from sync.backoff import Backoff
from sync.client import HubClient, StreamEvent
from sync.feed import Feed, Waker
from sync.pull import Puller

if TYPE_CHECKING:
    import asyncio

T = TypeVar("T")

#: So many streams that opened but stayed silent: something on the way buffers them.
BUFFERED_AFTER = 2
#: After polling for so long the stream is tried again.
_TRY_AGAIN = timedelta(minutes=2)


class _Closed(Exception):
    """The reader was closed while a step waited."""


class StreamReader(Waker):
    """Engine. Each step opens the stream or waits for one event; silence of 12 s is "offline"."""

    name = "stream"

    def __init__(self, hub: HubClient, feed: Feed, puller: Puller) -> None:
        super().__init__()
        self._hub = hub
        self._feed = feed
        self._parts = feed.parts
        self._puller = puller
        self._backoff = Backoff(feed.parts.dice)
        self._open: AsyncExitStack | None = None
        self._events: AsyncIterator[StreamEvent] | None = None
        self._waiting: asyncio.Task[Any] | None = None
        self._silent = 0
        self._has_heard = False

    async def close(self) -> None:
        """Lets go of the stream; a step that waits for it ends first."""
        await self._let_go()
        opened, self._open, self._events = self._open, None, None
        if opened is not None:
            await opened.aclose()

    async def step(self, now: datetime) -> datetime:
        try:
            if self._events is None:
                await self._held(self._begin())
                return now
            event = await self._held(_next_of(self._events))
            if event is None:  # a step was cancelled in the middle of one
                raise HubAway(hint="stream ended")
        except _Closed:
            return now + self._backoff.next()
        except FeedGone:
            await self._end()
            self._puller.behind()  # it meets the same 410 and begins anew
            return now + self._backoff.next()
        except HubTrouble as trouble:
            return await self._lost(trouble, now)
        await self._came(event)
        return now

    async def _held(self, wait: Coroutine[Any, Any, T]) -> T:
        """Waits in a task of its own: a generator cannot be asked or closed while somebody waits for its next event.
        ``close`` ends that waiting first (then _Closed is raised), and so does the step after a cancelled one."""
        import asyncio

        await self._let_go()
        task: asyncio.Task[T] = asyncio.create_task(wait)
        self._waiting = task
        try:
            await asyncio.wait({task})
        finally:
            task.cancel()  # with the step, where that is cancelled
        if task.cancelled():
            raise _Closed
        return task.result()

    async def _let_go(self) -> None:
        import asyncio

        waiting, self._waiting = self._waiting, None
        if waiting is None:
            return
        if not waiting.done():
            waiting.cancel()
            await asyncio.wait({waiting})
        if not waiting.cancelled():
            waiting.exception()  # a step that was cancelled in the same moment could not look at it

    async def _begin(self) -> None:
        cursor = self._parts.cache.cursor
        stack = AsyncExitStack()
        self._events = await stack.enter_async_context(self._hub.stream(cursor.seq, cursor.epoch))
        self._open = stack
        self._has_heard = False

    async def _end(self) -> None:
        try:
            await self.close()
        except HubTrouble:
            pass  # leaving a broken stream may meet the break once more

    async def _lost(self, trouble: HubTrouble, now: datetime) -> datetime:
        was_silent = self._events is not None and not self._has_heard
        await self._end()
        if isinstance(trouble, HubAway) and was_silent:
            self._silent += 1
            if self._silent >= BUFFERED_AFTER:
                self._feed.stream_is_heard = False
                self._puller.wake()
                return now + _TRY_AGAIN
        self._feed.trouble(trouble, self._parts.clock.now())
        return now + self._backoff.next(trouble.retry_after_s if isinstance(trouble, HubAway) else None)

    async def _came(self, event: StreamEvent) -> None:
        now = self._parts.clock.now()
        self._has_heard, self._feed.stream_is_heard, self._silent = True, True, 0
        self._backoff.reset()
        self._feed.heard(now)
        match event:
            case Urgent():
                await self._urgent(event)
            case ChangePage():
                await self._page(event)
            case Head():
                self._parts.status.hub_time(event.now, now)
                self._at_head(event.head)

    async def _urgent(self, urgent: Urgent) -> None:
        """A stop of another epoch has numbers that mean nothing here: what it says comes with the new copy."""
        epoch = self._parts.cache.cursor.epoch
        if urgent.epoch and epoch and urgent.epoch != epoch:
            self._puller.behind()
            return
        await self._feed.urgent(urgent)

    async def _page(self, came: ChangePage) -> None:
        """A page that begins where we stand goes in; any other is pulled, so that nothing is stepped over."""
        cursor = self._parts.cache.cursor
        fits = came.epoch == cursor.epoch and came.after is not None and came.after <= cursor.seq
        if not fits or not await self._feed.apply(came):
            self._at_head(came.head)

    def _at_head(self, head: int) -> None:
        cursor = self._parts.cache.cursor
        self._parts.status.at(cursor.seq, head)
        if head > cursor.seq:
            self._puller.behind()


async def _next_of(events: AsyncIterator[StreamEvent]) -> StreamEvent | None:
    """None at the end of the stream."""
    return await anext(events, None)
