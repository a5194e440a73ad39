"""What puller and stream share: how a page gets into the copy, and who has to hear of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from app.ports import HubTrouble, NotThatHub, SignInFailed, UpdateMe
from app.store.link import LinkParts
from app.store.surroundings import DiskFull
from app.wire import ChangePage, Urgent

if TYPE_CHECKING:
    import asyncio


class Waker:
    """``on_wake``/``wake`` of an engine."""

    def __init__(self) -> None:
        self._call: Callable[[], None] | None = None

    def on_wake(self, call: Callable[[], None]) -> None:
        self._call = call

    def wake(self) -> None:
        if self._call is not None:
            self._call()


class Feed:
    """Pages go in one after another; what changed is told once it is on disk."""

    def __init__(self, parts: LinkParts) -> None:
        self.parts = parts
        self._lock: asyncio.Lock | None = None
        #: False while the stream is open but nothing comes through: somebody buffers it.
        self.stream_is_heard = True
        self._is_revoked = False
        #: Asks the pusher for a step; it says how.
        self.resend: Callable[[], None] = _nothing
        #: Asks for a beat now; the beater says how.
        self.beat_soon: Callable[[], None] = _nothing

    async def apply(self, page: ChangePage) -> bool:
        """Stores a page. False: there is no room on the disk; the page has to be applied again later."""
        import asyncio

        cache, status = self.parts.cache, self.parts.status
        self._lock = self._lock or asyncio.Lock()
        async with self._lock:
            try:
                topics = await asyncio.to_thread(cache.apply_page, page)
                if cache.is_filling_anew and page.next >= page.head:
                    topics = await asyncio.to_thread(cache.swap)
                    status.loading_anew(False)
            except DiskFull:
                status.needs("cache_disk_full")
                return False
        if status.facts.needs == "cache_disk_full":
            status.needs("")
        status.at(cache.cursor.seq, page.head)
        status.cut(cache.is_cut, cache.over_bytes)
        self.parts.changed(topics)
        return True

    async def urgent(self, urgent: Urgent) -> None:
        """A stop: seen and told before anything is written."""
        import asyncio

        topics = self.parts.cache.heard(urgent)
        if topics:
            self.parts.changed(topics)
        try:
            await asyncio.to_thread(self.parts.cache.apply_urgent, urgent)
        except DiskFull:
            pass  # it is shown; the row that follows says the same

    def heard(self, now: datetime) -> None:
        """The hub answered: what was wrong with it as such is over."""
        status = self.parts.status
        if status.facts.needs in (UpdateMe.key, NotThatHub.key):
            status.needs("")
        status.heard(now)

    def trouble(self, trouble: HubTrouble, now: datetime) -> None:
        """The wire did not do what it should: said to the person where one is needed, else "offline"."""
        status = self.parts.status
        if isinstance(trouble, SignInFailed):
            self._revoked()
        elif isinstance(trouble, UpdateMe | NotThatHub):
            status.needs(trouble.key)
        else:
            status.lost(now)

    def _revoked(self) -> None:
        if not self._is_revoked:
            self._is_revoked = True
            self.parts.revoked()
            self.parts.status.needs("revoked")


def _nothing() -> None:
    pass
