"""Sending what only we know. One act the hub cannot take never keeps the others back (habit 9)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from app.core.reasons import Reason
from app.ports import HubAway, HubTrouble, Rejected, SignInFailed
from app.store.surroundings import StoreTrouble
from app.wire import Envelope, Receipt
from sync.backoff import Backoff
from sync.client import HubClient
from sync.feed import Feed, Waker

BATCH = 100
_IDLE = timedelta(seconds=15)


class Pusher(Waker):
    """Engine. Woken by every act that is on disk."""

    name = "push"

    def __init__(self, hub: HubClient, feed: Feed) -> None:
        super().__init__()
        self._hub = hub
        self._feed = feed
        self._outbox = feed.parts.outbox
        self._backoff = Backoff(feed.parts.dice)
        feed.resend = self.wake

    async def step(self, now: datetime) -> datetime:
        """One batch of the oldest waiting acts."""
        import asyncio

        session, envelopes = await asyncio.to_thread(self._outbox.batch, BATCH)
        if not envelopes:
            return now + _IDLE
        life = self._outbox.epoch
        try:
            receipts = await self._in_the_name_of(session, envelopes)
        except HubTrouble as trouble:
            self._feed.trouble(trouble, now)
            retry = trouble.retry_after_s if isinstance(trouble, HubAway) else None
            return now + self._backoff.next(retry)
        self._backoff.reset()
        self._feed.heard(now)
        try:
            epoch = self._feed.parts.cache.cursor.epoch
            await asyncio.to_thread(self._outbox.settle, receipts, epoch, now, life)
        except StoreTrouble:
            return now + self._backoff.next()  # the same id gets the same answer again
        return now

    async def _in_the_name_of(self, session: str, envelopes: Sequence[Envelope]) -> list[Receipt]:
        try:
            return await self._sent(session, envelopes)
        except SignInFailed:
            if not session:
                raise
        return await self._sent("", envelopes)  # the hub knows nothing of that session: the station vouches

    async def _sent(self, session: str, envelopes: Sequence[Envelope]) -> list[Receipt]:
        try:
            return _answers(envelopes, await self._hub.acts(list(envelopes), session))
        except Rejected as rejected:
            if len(envelopes) == 1:
                params = {"path": rejected.text or rejected.code}
                return [
                    Receipt(
                        act_id=envelopes[0].act_id, outcome="refused", reason=Reason.bad_body, params=params
                    )
                ]
        # the hub does not like the parcel of acts as such: find the one by halves
        half = len(envelopes) // 2
        return [*await self._sent(session, envelopes[:half]), *await self._sent(session, envelopes[half:])]


def _answers(sent: Sequence[Envelope], came: Sequence[Receipt]) -> list[Receipt]:
    """Only answers to what was asked. Raises HubAway when some are missing: they will be asked again."""
    asked = {envelope.act_id for envelope in sent}
    answers = [receipt for receipt in came if receipt.act_id in asked]
    if not answers:
        raise HubAway(hint="answers do not fit")
    return answers
