"""Single orders asked for at their platform: what stops goes first, what fails is tried again later and later."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from hub.connectors.line import records
from hub.connectors.line.aside import Aside
from hub.connectors.line.ground import Ground, Lane
from hub.connectors.line.records import Wanted
from hub.connectors.line.shops import ShopLine
from hub.connectors.line.watch import trouble_of
from hub.connectors.shapes import BadPayload, Later, ShopTrouble, Told
from hub.orders.results import Taken
from hub.orders.said import SayJob
from hub.orders.told import Detail

log = structlog.get_logger(__name__)

#: More orders of a shop than this wait for their fetch in the database alone.
_FETCHES_WAIT = 2_000
#: An order that its platform does not know after so long is given up, and said.
FETCH_FOR = timedelta(hours=24)
_BACK_OFF_S = (5, 10, 20, 40, 60, 120, 300, 600)


class Fetches:
    """Fetches of all shops, a few at a time of each."""

    def __init__(self, ground: Ground, aside: Aside) -> None:
        self._ground = ground
        self._writer = ground.tools.writer
        self._clock = ground.tools.clock
        self._aside = aside

    def soon(
        self, shop: ShopLine, channel_order_no: str, wanted: Wanted | None, *, stops: bool = False
    ) -> None:
        """An order's turn comes when one of its shop's places is free; asked for twice it is fetched once more."""
        state = self._ground.states[shop.id]
        under_way, lane = state.under_way, state.stops if stops else state.fetches
        if stops and channel_order_no in state.fetches.waiting:
            state.fetches.waiting.pop(channel_order_no)  # it goes before all that only changed
        elif channel_order_no in under_way:
            under_way[channel_order_no] = under_way[channel_order_no] or wanted is None
            return
        if len(lane.waiting) >= _FETCHES_WAIT and not stops:
            return  # the wish is in the database: its turn comes
        under_way[channel_order_no] = False
        lane.waiting[channel_order_no] = wanted
        self._next(shop, lane)

    def _next(self, shop: ShopLine, lane: Lane) -> None:
        while lane.waiting and lane.running < lane.places and not self._ground.tasks.is_stopping:
            channel_order_no, wanted = lane.waiting.popitem(last=False)
            name = f"fetch {shop.id} {channel_order_no}"
            if self._ground.tasks.spawn(name, self._fetch(shop, lane, channel_order_no, wanted)):
                lane.running += 1
            else:  # its last fetch has ended, its task not yet: the wish in the database brings it again
                del self._ground.states[shop.id].under_way[channel_order_no]

    async def _fetch(self, shop: ShopLine, lane: Lane, channel_order_no: str, wanted: Wanted | None) -> None:
        under_way = self._ground.states[shop.id].under_way
        try:
            again = True
            while again:
                under_way[channel_order_no] = False
                await self._fetch_once(shop, channel_order_no, wanted)
                again = under_way[channel_order_no]
        finally:
            under_way.pop(channel_order_no, None)
            lane.running -= 1
            self._next(shop, lane)

    async def _fetch_once(self, shop: ShopLine, channel_order_no: str, wanted: Wanted | None) -> None:
        now = self._clock.now()
        tries = wanted.tries if wanted else 0
        later = now + timedelta(seconds=_BACK_OFF_S[min(tries, len(_BACK_OFF_S) - 1)])
        try:
            taken = await self.fetch(shop.id, channel_order_no)
        except BadPayload as bad_payload:
            await self._aside.order(shop, channel_order_no, bad_payload)
            await self._writer.run(records.fetch_given_up(shop.id, channel_order_no, now))
            return
        except ShopTrouble as trouble:
            after = trouble.after if isinstance(trouble, Later) else timedelta(0)
            log.info("fetch_waits", shop=shop.id, trouble=trouble_of(trouble))
            await self._put_off(shop, channel_order_no, max(later, now + after), wanted, now)
            return
        if taken is None:
            await self._put_off(shop, channel_order_no, later, wanted, now)

    async def _put_off(
        self, shop: ShopLine, channel_order_no: str, due_at: datetime, wanted: Wanted | None, now: datetime
    ) -> None:
        if wanted is not None and now - wanted.heard_at > FETCH_FOR:
            await self._writer.run(records.fetch_given_up(shop.id, channel_order_no, now))
            params = {"shop_id": shop.id, "channel_order_no": channel_order_no}
            await self._writer.say(SayJob("fetch_given_up", "major", params, shop.shop.warehouse))
            return
        await self._writer.run(records.fetch_later(shop.id, channel_order_no, due_at))

    async def fetch(self, shop_id: str, channel_order_no: str, cause: str = "fetch") -> Taken | None:
        """Ask for one order and take it; None where the platform does not know it. Raises :class:`ShopTrouble`."""
        shop = self._ground.shop(shop_id)
        asked_at = self._clock.now()
        told = await shop.call(lambda door: door.order(channel_order_no))
        if told is None:
            return None
        [taken] = await self._writer.told([detail_of(told, asked_at)], cause)
        return taken


def detail_of(told: Told, asked_at: datetime) -> Detail:
    order = told.order
    if told.modified_at is not None and told.modified_at != order.modified_at:
        order = replace(order, modified_at=told.modified_at)
    return Detail(order=order, fetched_at=asked_at, raw=told.raw, unknown=told.unknown)
