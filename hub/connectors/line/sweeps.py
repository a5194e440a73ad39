"""The morning sweep: a platform's own list of the last day against ours, and what we lack taken in (ING-09)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from hub.connectors.line import records
from hub.connectors.line.fetches import Fetches
from hub.connectors.line.ground import Ground
from hub.connectors.line.polls import RETRY
from hub.connectors.line.shops import ShopLine
from hub.connectors.line.watch import trouble_of
from hub.connectors.shapes import BadPayload, ShopDoor, ShopTrouble
from hub.orders.said import SayJob

log = structlog.get_logger(__name__)

#: The sweep looks at so much, at this hour of the shop's day.
SWEEP_HOUR, SWEPT = 9, timedelta(hours=24)


class Sweeps:
    """Sweeps of all shops."""

    def __init__(self, ground: Ground, fetches: Fetches) -> None:
        self._ground = ground
        self._writer = ground.tools.writer
        self._records = ground.tools.records
        self._clock = ground.tools.clock
        self._fetches = fetches

    def is_due(self, shop: ShopLine, now: datetime) -> bool:
        here = now.astimezone(self._ground.tools.zone)
        row = self._ground.states[shop.id].row
        is_well = row.cursor is not None and not row.health.failures
        return is_well and here.hour >= SWEEP_HOUR and row.swept_day != f"{here:%Y%m%d}"

    async def step(self, shop: ShopLine) -> None:
        try:
            await self.sweep(shop.id)
        except ShopTrouble as trouble:
            log.info("sweep_waits", shop=shop.id, trouble=trouble_of(trouble))
            await asyncio.sleep(RETRY.total_seconds())

    async def sweep(self, shop_id: str) -> list[str]:
        """The platform's whole list of the last 24 hours against ours: what we lack is listed, not taken (ING-09).

        It looks no further than polls have reached: what the line will come to by itself is not missed.
        """
        shop, now = self._ground.shop(shop_id), self._clock.now()
        paces, reached = shop.door.paces, self._ground.states[shop_id].row.cursor
        end, begin = min(now - paces.behind, reached or now), now - SWEPT
        listed: dict[str, None] = {}
        while begin < end:
            until = min(begin + paces.window, end)
            listed.update(dict.fromkeys(await shop.call(_names(begin, until))))
            begin = until
        known = await asyncio.to_thread(self._records.known, shop_id, listed)
        missing = [no for no in listed if no not in known]
        day = f"{now.astimezone(self._ground.tools.zone):%Y%m%d}"
        await self._writer.run(records.swept(shop_id, day, missing))
        state = self._ground.states[shop_id]
        state.row = replace(state.row, swept_day=day)
        if missing:
            params = {"shop_id": shop_id, "n": str(len(missing))}
            await self._writer.say(
                SayJob("orders_missed", "major", params, shop.shop.warehouse, ("orders_missed",))
            )
        return await asyncio.to_thread(self._records.missed, shop_id)

    async def take_missed(self, shop_id: str) -> tuple[int, int]:
        """Fetch what the sweep listed; gives how many were taken and how many are left. Raises ShopTrouble."""
        shop = self._ground.shop(shop_id)
        listed = await asyncio.to_thread(self._records.missed, shop_id)
        done: list[str] = []
        try:
            for no in listed:
                taken = await self._fetches.fetch(shop_id, no, "sweep")
                if taken is not None and taken.outcome != "failed":
                    done.append(no)
        finally:
            if done:
                await self._writer.run(records.missed_taken(shop_id, done))
        if len(done) == len(listed):
            over = SayJob("", "info", {"shop_id": shop_id}, shop.shop.warehouse, over=("orders_missed",))
            await self._writer.say(over)
        return len(done), len(listed) - len(done)


def _names(since: datetime, until: datetime) -> Callable[[ShopDoor], Awaitable[list[str]]]:
    async def names(door: ShopDoor) -> list[str]:
        found: list[str] = []
        try:
            async for page in door.changed(since, until):
                found += [seen.channel_order_no for seen in page if not seen.damaged]
        except BadPayload as bad_payload:  # polls say it; what could be read is compared all the same
            log.info("sweep_unreadable", path=bad_payload.path)
        return found

    return names
