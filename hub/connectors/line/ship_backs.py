"""Waybills told back to their platforms: what left is told, what cannot be told waits beside its deadline, what a
platform refuses is kept with its words until a person has it told again, or the waybill changes (C45)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from app.ports import Clock
from hub.connectors.line import ship_back_rows
from hub.connectors.line.ship_back_rows import ShipBack, ShipBackRows
from hub.connectors.line.shops import ShopLine
from hub.connectors.line.watch import word_of
from hub.connectors.shapes import Later, NotTaken, Shipment, ShopTrouble
from hub.orders.said import SayJob
from hub.orders.writer import Writer

#: A waybill that is not told so long before the platform's deadline is an alarm.
DEADLINE_NEAR = timedelta(hours=2)
#: Seconds between tries that failed for a while.
BACK_OFF_S = (5, 10, 20, 40, 60, 120, 300, 600)
_DUE = 50
_ALARMS = ("ship_back_late", "ship_back_refused")


class ShipBacks:
    """Those of all shops that can be told."""

    def __init__(
        self, shops: Mapping[str, ShopLine], writer: Writer, rows: ShipBackRows, clock: Clock
    ) -> None:
        self._shops = {shop_id: shop for shop_id, shop in shops.items() if shop.can("ship_back")}
        self._writer = writer
        self._rows = rows
        self._clock = clock
        self._seen_head = -1
        self._turn = asyncio.Lock()

    async def step(self) -> None:
        """Take what left into the queue, tell what is due."""
        if not self._shops:
            return
        shops = frozenset(self._shops)
        if self._writer.head != self._seen_head:
            head = self._writer.head
            while await self._writer.run(ship_back_rows.enrolled(shops)):
                pass
            self._seen_head = head
        now = self._clock.now()
        due = await asyncio.to_thread(self._rows.all, "waiting", due=now, shops=shops, most=_DUE)
        for back in due:
            async with self._turn:
                await self._tell(back)

    async def again(self, parcel_no: str, warehouse: str | None) -> bool | None:
        """A person wants a parcel's waybill told once more, now. False: the platform was told already meanwhile;
        None: there is nothing of this parcel to tell in this warehouse (None: any). Raises :class:`ShopTrouble`."""
        async with self._turn:
            rows = await asyncio.to_thread(self._rows.of, parcel_no)
            rows = [
                back for back in rows if back.shop_id in self._shops and warehouse in (None, back.warehouse)
            ]
            if not rows:
                return None
            back = rows[0]
            if back.state == "told":
                return False
            if (trouble := await self._tell(back)) is not None:
                raise trouble
            return True

    def list(self, states: Sequence[str], most: int, warehouse: str | None = None) -> list[ShipBack]:
        """Blocks: the nearest deadline first."""
        rows = self._rows.all(*states, most=most)
        return [row for row in rows if warehouse in (None, row.warehouse)]

    async def _tell(self, back: ShipBack) -> ShopTrouble | None:
        """One try; what comes of it is kept, and is given where it is trouble."""
        shop, now = self._shops[back.shop_id], self._clock.now()
        shipment = Shipment(
            channel_order_no=back.channel_order_no, carrier=back.carrier, waybill_no=back.waybill_no
        )
        try:
            await shop.call(lambda door: door.ship(shipment))
        except NotTaken as no:
            word = word_of(no)
            await self._keep(back, state="refused", word=word)
            await self._alarm("ship_back_refused", shop, back, word)
            return no
        except ShopTrouble as trouble:
            word = word_of(trouble)
            wait = timedelta(seconds=BACK_OFF_S[min(back.tries, len(BACK_OFF_S) - 1)])
            after = trouble.after if isinstance(trouble, Later) else timedelta(0)
            # also one that was refused before: the platform did not say no this time
            await self._keep(back, state="waiting", due_at=now + max(wait, after), word=word)
            if back.ship_by_at is not None and back.ship_by_at - now < DEADLINE_NEAR:
                await self._alarm("ship_back_late", shop, back, word)
            return trouble
        await self._keep(back, state="told", told_at=now, word="")
        await self._writer.say(
            SayJob("", "info", {"parcel_no": back.parcel_no}, over=_ALARMS, about="parcel_no")
        )
        return None

    async def _keep(self, back: ShipBack, **values: Any) -> None:
        await self._writer.run(ship_back_rows.kept(back, tries=back.tries + 1, **values))

    async def _alarm(self, kind: str, shop: ShopLine, back: ShipBack, word: str) -> None:
        params = {
            "shop_id": shop.id,
            "parcel_no": back.parcel_no,
            "waybill_no": back.waybill_no,
            "word": word,
        }
        await self._writer.say(SayJob(kind, "major", params, back.warehouse))
