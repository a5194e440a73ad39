"""The hub's stepped jobs: each is called at the moment it last named, and says when it wants to be called again."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Engine

from hub.orders.beats import SILENT_AFTER, are_silent, name_silent
from hub.orders.results import HubBusy
from hub.orders.writer import Writer

log = structlog.get_logger(__name__)

#: A countdown that somebody sets right after a step is at most this late in being looked at.
_LONGEST = timedelta(seconds=1)
#: Other processes on the same database set countdowns too, and what they say of it may be lost.
_LOOK_AGAIN = timedelta(seconds=30)


class BeatWatch:
    """Names benches whose beats stay away, so that supervisors know within 15 s."""

    def __init__(self, engine: Engine, writer: Writer) -> None:
        self._engine = engine
        self._writer = writer
        self._from: datetime | None = None

    async def step(self, now: datetime) -> None:
        """Every second. A hub that has just started has heard of nobody yet and gives them time for a beat."""
        if self._from is None:
            self._from = now + SILENT_AFTER
        if now >= self._from and await asyncio.to_thread(self._are_silent, now):
            await self._writer.run(name_silent)

    def _are_silent(self, now: datetime) -> bool:
        with self._engine.connect() as conn:
            return are_silent(conn, now)


class OrderClock:
    """What time does to orders: countdowns, silent benches, scopes, old rows."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._look_at: datetime | None = None

    async def step(self, now: datetime) -> datetime:
        """Do what is due at ``now``; gives when to call again, a second at the latest."""
        due = self._writer.next_due
        try:
            if self._look_at is None or self._look_at <= now or (due is not None and due <= now):
                due = await self._writer.tick(now)
                self._look_at = now + _LOOK_AGAIN
        except HubBusy as busy:
            log.warning("order_clock_waits", cause=busy.cause)
            self._look_at = None
            return now + _LONGEST
        return now + _LONGEST if due is None else max(now, min(due, now + _LONGEST))
