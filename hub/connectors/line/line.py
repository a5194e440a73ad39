"""The line to the platforms: pushes and messages in, changes polled, details fetched, waybills told back.

Everything here may die at any moment: what was accepted is in the database, and a cursor moves only behind orders
that are committed, so what was under way is done again (and counts once, ING-06).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from hub.connectors.line.aside import Aside
from hub.connectors.line.fetches import Fetches
from hub.connectors.line.ground import Ground, State, Tools
from hub.connectors.line.live import Live
from hub.connectors.line.polls import Polls
from hub.connectors.line.pushes import Pushes
from hub.connectors.line.retries import Retries
from hub.connectors.line.ship_backs import ShipBacks
from hub.connectors.line.shops import ShopLine
from hub.connectors.line.sweeps import Sweeps

#: How often the line looks at what is due.
LOOK = timedelta(milliseconds=500)
_DUE = 50


class Line:
    """All shops of hub.toml whose platform we speak to; its parts are doors of their own."""

    def __init__(self, shops: Sequence[ShopLine], tools: Tools) -> None:
        self.shops = {shop.id: shop for shop in shops}
        self.records = tools.records
        self._ground = Ground(shops=self.shops, tools=tools)
        self._clock = tools.clock
        self._looked_at: datetime | None = None
        aside = Aside(tools)
        self.fetches = Fetches(self._ground, aside)
        self.pushes = Pushes(self._ground, self.fetches, aside)
        self.polls = Polls(self._ground, self.pushes, aside)
        self.sweeps = Sweeps(self._ground, self.fetches)
        self.retries = Retries(self._ground, self.fetches, self.polls)
        self.ship_backs = ShipBacks(self.shops, tools.writer, tools.ship_backs, tools.clock)
        self._live = Live(self.fetches.fetch, tools.clock)

    async def start(self) -> None:
        """Read where each shop stands; its connections are opened by the first step that leads."""
        for shop in self.shops.values():
            state = self._ground.states[shop.id]
            before, row = state.row, await asyncio.to_thread(self.records.shop, shop.id)
            if state.row is before:  # else a person had it polled meanwhile: what was read is older
                state.row = row
            await shop.load(self.records.token)

    async def _lead(self) -> None:
        """From now on this process walks the line: as the one before it left it."""
        self._ground.is_leading = True
        await self.start()
        for shop in self.shops.values():
            if shop.folder.open_listener is not None:
                self._ground.tasks.spawn(f"listen {shop.id}", self.pushes.listen(shop))

    async def _follow(self) -> None:
        """Another process walks the line; what is under way here ends and is done again there."""
        self._ground.is_leading = False
        await self._ground.tasks.cancel()

    async def _look_around(self, now: datetime) -> None:
        """What others may have changed: the pace of a shop; for who only follows, all there is to show."""
        if self._looked_at is not None and now - self._looked_at < timedelta(seconds=10):
            return
        self._looked_at = now
        self._ground.is_work_open = await asyncio.to_thread(self.records.is_work_open, now)
        for shop_id, state in self._ground.states.items():
            before, row = state.row, await asyncio.to_thread(self.records.shop, shop_id)
            if state.row is before:  # else it was changed here meanwhile
                state.row = replace(before, poll_s=row.poll_s) if self._ground.is_leading else row

    async def stop(self) -> None:
        """What is under way ends where it is: it is done again after the next start."""
        self._ground.tasks.is_stopping = True
        await self._ground.tasks.cancel()
        await self._live.stop()
        for shop in self.shops.values():
            await shop.close()

    async def step(self, now: datetime, *, is_leading: bool = True) -> None:
        """Begin what is due, where this process leads; nothing here waits for a platform."""
        if not self.shops or self._ground.tasks.is_stopping:
            return
        if is_leading != self._ground.is_leading:
            await (self._lead() if is_leading else self._follow())
        await self._look_around(now)
        if not is_leading:
            return
        for shop in self.shops.values():
            if shop.can("orders_poll") and self.polls.next_poll_at(shop.id, now) <= now:
                self._ground.tasks.spawn(f"poll {shop.id}", self.polls.step(shop))
            if shop.can("orders_poll") and self.sweeps.is_due(shop, now):
                self._ground.tasks.spawn(f"sweep {shop.id}", self.sweeps.step(shop))
        for wanted in await asyncio.to_thread(self.records.wanted, now, self.shops, _DUE):
            self.fetches.soon(self.shops[wanted.shop_id], wanted.channel_order_no, wanted)
        self._ground.tasks.spawn("ship", self.ship_backs.step())

    def state(self, shop_id: str) -> State:
        """Raises :class:`NoSuchShop`."""
        return self._ground.state(shop_id)

    def must_ask(self, shop_id: str) -> bool:
        """Whether a last question has to be put to this shop's platform: nothing of it reaches us by itself."""
        shop = self.shops.get(shop_id)
        if shop is None or self._ground.tasks.is_stopping or not shop.can("order_detail"):
            return False
        return not self.pushes.reaches(shop_id, self._clock.now())

    def must_ask_in(self, warehouse: str | None) -> bool:
        """The same of any shop of this warehouse; None: of any at all."""
        return any(
            warehouse in (None, shop.shop.warehouse) and self.must_ask(shop.id)
            for shop in self.shops.values()
        )

    async def ask_now(self, orders: Iterable[tuple[str, str]]) -> bool:
        """See :meth:`Live.ask`."""
        return await self._live.ask(orders)
