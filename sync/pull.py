"""Catching up: page after page, the next ones fetched while this one is written (design 3.1, 3.11)."""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from app.core.values import dataclass
from app.ports import FeedGone, HubAway, HubTrouble
from app.store.upserts import ready
from app.wire import ChangePage
from sync.backoff import Backoff
from sync.client import HubClient, page_of
from sync.feed import Feed, Waker

if TYPE_CHECKING:
    import asyncio

#: Rows of a page: each costs a call and its answer, and is decoded while the window stands: some milliseconds.
PAGE = 2000
#: Caught up: the stream says when there is more; this is only a second look.
_IDLE = timedelta(seconds=30)
#: Where the stream does not come through: ask with this much patience.
WAIT_S = 20
#: "Stations resend before they load": but nothing that hangs may keep the copy old for ever.
RESEND_WITHIN = timedelta(seconds=20)
_DISK_FULL = timedelta(seconds=10)
#: Pages that are fetched and made ready while one is written.
AHEAD = 2


@dataclass(frozen=True, slots=True, eq=False)
class _Ahead:
    """A page under way: where it begins."""

    after: int
    epoch: str
    task: asyncio.Task[ChangePage]


class Puller(Waker):
    """Engine. Asks when it has reason to: at the start, behind the head, called by the stream."""

    name = "pull"

    def __init__(self, hub: HubClient, feed: Feed) -> None:
        super().__init__()
        self._hub = hub
        self._feed = feed
        self._parts = feed.parts
        self._backoff = Backoff(feed.parts.dice)
        self._ahead: deque[_Ahead] = deque()
        self._wanted = True
        self._resend_until: datetime | None = None
        self._held: ChangePage | None = None

    def behind(self) -> None:
        """There is more than the copy has: pull now."""
        self._wanted = True
        self.wake()

    async def close(self) -> None:
        await self._forget_ahead()

    async def step(self, now: datetime) -> datetime:
        """One page, or nothing when caught up."""
        cursor = self._parts.cache.cursor
        behind = self._parts.status.facts.head > cursor.seq or not cursor.epoch
        polls = not self._feed.stream_is_heard
        if not (self._wanted or behind or polls):
            return now + _IDLE
        if (held := self._held) is not None:
            self._held = None
            return await self._take(held, now)
        try:
            page = await self._page(wait_s=WAIT_S if polls and not (self._wanted or behind) else 0)
        except FeedGone:
            return await self._begin_again(now)
        except HubTrouble as trouble:
            self._feed.trouble(trouble, now)
            retry = trouble.retry_after_s if isinstance(trouble, HubAway) else None
            return now + self._backoff.next(retry)
        self._backoff.reset()
        self._feed.heard(now)
        return await self._take(page, now)

    async def _take(self, page: ChangePage, now: datetime) -> datetime:
        if page.epoch != self._parts.cache.cursor.epoch and (
            wait := await self._resend_first(page.epoch, now)
        ):
            return wait
        self._wanted = page.next < page.head
        self._go_further(page)
        if not await self._feed.apply(page):
            self._wanted = True
            await self._forget_ahead()
            return now + _DISK_FULL
        return now if self._wanted or not self._feed.stream_is_heard else now + _IDLE

    async def _resend_first(self, epoch: str, now: datetime) -> datetime | None:
        """A restored hub gets its acts back before we load from it; None: go on."""
        import asyncio

        await asyncio.to_thread(self._parts.outbox.reopen, epoch, now)
        if self._resend_until is None:
            self._resend_until = now + RESEND_WITHIN
        if self._parts.outbox.pending_count() and now < self._resend_until:
            self._feed.resend()
            return now + timedelta(milliseconds=200)
        self._resend_until = None
        self._feed.beat_soon()  # the hub may be waiting to hear that everything was sent again
        return None

    async def _begin_again(self, now: datetime) -> datetime:
        """410: another epoch or a cursor too old. The old copy stays on screen while a new one is filled."""
        import asyncio

        await self._forget_ahead()
        self._held = None
        await asyncio.to_thread(self._parts.cache.begin_again)
        self._parts.status.loading_anew(True)
        self._wanted = True
        return now

    async def _page(self, wait_s: int) -> ChangePage:
        cursor = self._parts.cache.cursor
        if self._ahead:
            next_ = self._ahead.popleft()
            if next_.after <= cursor.seq and next_.epoch == cursor.epoch:
                return await next_.task
            self._ahead.appendleft(next_)
            await self._forget_ahead()
        return await self._fetch(cursor.seq, cursor.epoch, wait_s)

    async def _fetch(self, after: int, epoch: str, wait_s: int = 0) -> ChangePage:
        import asyncio

        data = await self._hub.changes(after, epoch, PAGE, wait_s)
        return await asyncio.to_thread(_ready, data, after)

    def _go_further(self, page: ChangePage | None) -> None:
        """Keeps pages coming, after the last of those under way or, where none is, after this one."""
        import asyncio

        if self._ahead:
            task = self._ahead[-1].task
            if not task.done() or task.cancelled() or task.exception() is not None:
                return  # it goes on from there, or is asked again where it failed
            page = task.result()
        if page is not None and page.next < page.head and len(self._ahead) < AHEAD:
            coming = asyncio.create_task(self._fetch(page.next, page.epoch))
            self._ahead.append(_Ahead(page.next, page.epoch, coming))
            coming.add_done_callback(lambda _: self._go_further(None))

    async def _forget_ahead(self) -> None:
        ahead = list(self._ahead)
        self._ahead.clear()
        for one in ahead:
            await _cancelled(one.task)


def _ready(data: bytes, after: int) -> ChangePage:
    """Off the loop: a page that came, with its rows made."""
    return ready(msgspec.structs.replace(page_of(data), after=after))


async def _cancelled(task: asyncio.Task[ChangePage]) -> None:
    import asyncio

    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
