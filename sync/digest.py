"""Equality is checked, not hoped for (design 3.11): an idle station compares its copy with the hub's."""

from __future__ import annotations

from datetime import datetime, timedelta

from app.ports import HubTrouble
from app.store.status import SyncState
from sync.client import HubClient
from sync.feed import Feed, Waker
from sync.pull import Puller

EVERY = timedelta(minutes=15)
_SOON = timedelta(seconds=30)


class DigestCheck(Waker):
    """Engine. Works only while nothing else does."""

    name = "digest"

    def __init__(self, hub: HubClient, feed: Feed, puller: Puller) -> None:
        super().__init__()
        self._hub = hub
        self._parts = feed.parts
        self._puller = puller
        self._first = True

    async def step(self, now: datetime) -> datetime:
        import asyncio

        if self._first:
            self._first = False
            return now + _SOON
        cache = self._parts.cache
        is_idle = self._parts.status.facts.state is SyncState.live and not cache.is_filling_anew
        if not is_idle or self._parts.outbox.pending_count():
            return now + _SOON
        try:
            theirs = await self._hub.digest()
        except HubTrouble:
            return now + _SOON
        ours = await asyncio.to_thread(cache.digest)
        if (ours.epoch, ours.seq) != (theirs.epoch, theirs.seq):
            return now + _SOON  # something came in between
        wrong = {b.bucket for b in set(ours.buckets) ^ set(theirs.buckets)}
        if not wrong:
            return now + EVERY
        # Brings what colours a console along, and a window waits for neither: not before there is a word to say.
        import structlog

        structlog.get_logger("sync").warning("copy_differs", buckets=len(wrong), seq=ours.seq)
        await asyncio.to_thread(cache.begin_again)
        self._parts.status.loading_anew(True)
        self._puller.behind()
        return now + _SOON
