"""What was put aside is asked for once more: by its order, or by the span it stood in."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from hub.connectors.line import records
from hub.connectors.line.aside import WINDOW, mark_of, span_of
from hub.connectors.line.fetches import Fetches
from hub.connectors.line.ground import Ground
from hub.connectors.line.polls import Polls
from hub.connectors.line.shops import ShopLine
from hub.connectors.shapes import ShopDoor

#: What came by itself and may name no order: the changes around its coming are asked for instead.
_CALLED = frozenset({"push", "message"})
_AROUND = timedelta(minutes=10)


class Retries:
    """A person's "try again"."""

    def __init__(self, ground: Ground, fetches: Fetches, polls: Polls) -> None:
        self._ground = ground
        self._writer = ground.tools.writer
        self._records = ground.tools.records
        self._clock = ground.tools.clock
        self._fetches = fetches
        self._polls = polls

    def can_retry(self, kept: records.Kept) -> bool:
        shop_id, _, channel_order_no = kept.ref.partition(" ")
        return shop_id in self._ground.shops and (bool(channel_order_no) or kept.what in _CALLED)

    async def retry(self, quarantine_id: str) -> bool | None:
        """Ask the platform again for what was put aside. None: there is no such thing, or it names no order.

        Raises :class:`ShopTrouble`.
        """
        found = await asyncio.to_thread(self._records.quarantined, quarantine_id)
        if found is None or not self.can_retry(found):
            return None
        shop_id, _, channel_order_no = found.ref.partition(" ")
        if channel_order_no.startswith(WINDOW) or not channel_order_no:
            is_taken = await self._retry_span(self._ground.shop(shop_id), found, channel_order_no)
        else:
            taken = await self._fetches.fetch(shop_id, channel_order_no, "retry")
            is_taken = taken is not None and taken.outcome != "failed"
        if is_taken:
            await self._writer.run(records.quarantine_over(quarantine_id))
        return is_taken

    async def _retry_span(self, shop: ShopLine, found: records.Kept, span: str) -> bool:
        """Ask again for all changes of a span; of a push or message that named no order, those around its coming.

        False: the element is still as it was.
        """
        if span:
            times, _, mark = span.removeprefix(WINDOW).partition("#")
            since, until = map(datetime.fromisoformat, times.split("/"))
        else:
            since, until, mark = found.at - _AROUND, min(found.at + _AROUND, self._clock.now()), ""
        still: list[str] = []

        async def window(door: ShopDoor) -> None:
            still.clear()
            async for page in door.changed(since, until):
                still.extend(mark_of(seen) for seen in page if seen.damaged)
                await self._polls.take_page(shop, door, page, self._clock.now(), span_of(since, until))

        await shop.call(window)
        return mark not in still
