"""What has to be done now and then on a station: search index, old rows and pictures, a second look at alarms."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from app.station.alarms import AlarmWatch
from app.station.proofs import Proofs
from app.store.cache import Cache
from app.store.outbox import Outbox
from app.store.surroundings import StoreTrouble

_IDLE = timedelta(seconds=60)
_TIDY = timedelta(hours=6)
#: While page after page comes in, they come first: both at once keep each other waiting, and the window.
_LOADING = timedelta(seconds=1)
#: Orders whose search words are made in one go: a few milliseconds each time.
INDEX_BATCH = 300


class Chores:
    """An engine without network."""

    name = "chores"

    def __init__(self, cache: Cache, outbox: Outbox, alarms: AlarmWatch, proofs: Proofs) -> None:
        self._cache = cache
        self._outbox = outbox
        self._alarms = alarms
        self.learn: Callable[[datetime], object] = _nothing_at
        """Learns what boxes weigh, when nothing else waits."""
        self._proofs = proofs
        self._look_at: datetime | None = None
        self._tidy_at: datetime | None = None
        self._seen_seq = 0
        self._wake: Callable[[], None] = _nothing

    def on_wake(self, call: Callable[[], None]) -> None:
        self._wake = call

    def wake(self) -> None:
        self._wake()

    async def step(self, now: datetime) -> datetime:
        # an alarm that stood when we ended does not wait for the index; later ones come with what is fed
        import asyncio

        if self._look_at is None or now >= self._look_at:
            await asyncio.to_thread(self._alarms.check_all, now)
            self._look_at = now + _IDLE
        if self._is_loading():
            return now + _LOADING
        try:
            if await asyncio.to_thread(self._cache.index_some, INDEX_BATCH):
                return now + timedelta(milliseconds=20)
            if self._tidy_at is None or now >= self._tidy_at:
                await asyncio.to_thread(self._outbox.tidy, now)
                await asyncio.to_thread(self._proofs.clean, now)
                self._tidy_at = now + _TIDY
            await asyncio.to_thread(self.learn, now)
        except StoreTrouble:
            pass  # said by whoever meets it while working; tried again with the next round
        return now + _IDLE

    def _is_loading(self) -> bool:
        """Whether the copy is far behind and has come nearer since the last look; cut off half way, it is searched."""
        before, self._seen_seq = self._seen_seq, self._cache.cursor.seq
        return self._cache.is_far_behind and self._seen_seq > before


def _nothing() -> None:
    pass


def _nothing_at(_now: datetime) -> None:
    pass
