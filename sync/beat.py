"""The beat: what this station says of itself every 10 s, and what it learns: clock, head, epoch."""

from __future__ import annotations

from datetime import datetime, timedelta

from app.ports import HubTrouble
from sync.client import HubClient
from sync.feed import Feed, Waker
from sync.pull import Puller

EVERY = timedelta(seconds=10)
_AGAIN = timedelta(seconds=3)


class Beater(Waker):
    """Engine."""

    name = "beat"

    def __init__(self, hub: HubClient, feed: Feed, puller: Puller) -> None:
        super().__init__()
        self._hub = hub
        self._feed = feed
        self._parts = feed.parts
        self._puller = puller
        self._known = tuple(feed.parts.addresses)
        feed.beat_soon = self.wake

    async def step(self, now: datetime) -> datetime:
        sent_at = self._parts.clock.now()
        try:
            answer = await self._hub.beat(self._parts.beat(sent_at))
        except HubTrouble as trouble:
            self._feed.trouble(trouble, now)
            return now + _AGAIN
        came_at = self._parts.clock.now()
        status, cursor = self._parts.status, self._parts.cache.cursor
        status.heard(came_at)
        status.hub_time(answer.now, sent_at + (came_at - sent_at) / 2)
        status.go_check_within(answer.go_check_ms / 1000)
        if answer.addresses and tuple(answer.addresses) != self._known:
            self._known = tuple(answer.addresses)
            self._hub.also_at(self._known)
            self._parts.told_addresses(self._known)
        if cursor.epoch and answer.epoch != cursor.epoch:
            self._puller.behind()
        elif answer.head > cursor.seq:
            status.at(cursor.seq, answer.head)
            self._puller.behind()
        return now + EVERY
