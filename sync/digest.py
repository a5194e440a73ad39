"""Equality is checked, not hoped for (design 3.11): an idle station compares its copy with the hub's."""

from __future__ import annotations

from datetime import datetime, timedelta

from app.ports import HubTrouble
from app.store.status import SyncState
from app.wire import RepairAsk
from sync.client import HubClient
from sync.feed import Feed, Waker
from sync.pull import Puller

EVERY = timedelta(minutes=15)
_SOON = timedelta(seconds=30)
#: More buckets than this (an eighth of all), and the copy is not worth mending.
FEW = 8


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
        is_whole = not cache.is_filling_anew and not cache.is_cut  # else it differs on purpose
        is_idle = self._parts.status.facts.state is SyncState.live and is_whole
        if not is_idle or self._parts.outbox.pending_count():
            return now + _SOON
        try:
            theirs = await self._hub.digest()
        except HubTrouble:
            return now + _SOON
        ours = await asyncio.to_thread(cache.digest)
        if (ours.epoch, ours.seq) != (theirs.epoch, theirs.seq):
            return now + _SOON  # something came in between
        wrong = sorted({b.bucket for b in set(ours.buckets) ^ set(theirs.buckets)})
        if not wrong:
            return now + EVERY
        await self._put_right(wrong, ours.seq)
        return now + _SOON

    async def _put_right(self, wrong: list[int], seq: int) -> None:
        """The rows that differ where they are few, else the whole copy; either is said, for neither should be."""
        import asyncio

        # Brings what colours a console along, and a window waits for neither: not before there is a word to say.
        import structlog

        log, cache = structlog.get_logger("sync"), self._parts.cache
        buckets = wrong if len(wrong) <= FEW else []
        held = await asyncio.to_thread(cache.seqs_in, buckets)
        try:
            right = await self._hub.repair(RepairAsk(seq=seq, buckets=buckets, held=held))
        except HubTrouble:
            return  # looked at again soon
        rows = [change.key for change in right.changes]
        log.warning("copy_differs", buckets=wrong, rows=rows[:20], seq=seq)
        if buckets and right.is_whole:
            if topics := await asyncio.to_thread(cache.repair, right):
                self._parts.changed(topics)
            return
        await asyncio.to_thread(cache.begin_again)
        self._parts.status.loading_anew(True)
        self._puller.behind()
