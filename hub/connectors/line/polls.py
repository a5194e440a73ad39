"""A shop asked for what has changed: window after window behind its cursor, at the pace that people set.

What fails is remembered, said once at the third time, and said again when it is over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

from hub.connectors.line import records
from hub.connectors.line.aside import Aside, span_of
from hub.connectors.line.fetches import detail_of
from hub.connectors.line.ground import FETCHES, Ground
from hub.connectors.line.pushes import Pushes
from hub.connectors.line.shops import ShopLine
from hub.connectors.line.watch import SAID_AT, Health, bad, good
from hub.connectors.shapes import BadPayload, NotTaken, Seen, ShopDoor, ShopTrouble
from hub.orders.said import SayJob
from hub.orders.told import Detail

#: A shop that was never polled begins so far back.
FIRST = timedelta(days=3)
#: Polls while a bench works and no push reaches us (design 3.7); a failed poll is tried again after so long at most.
WORK_S = 60
RETRY = timedelta(seconds=30)

_FAILING = (
    "shop_later",
    "shop_no_permission",
    "shop_sign_in_again",
    "shop_wrong_settings",
    "shop_bad_payload",
    "shop_refused",
)


class Polls:
    """Polls of all shops."""

    def __init__(self, ground: Ground, pushes: Pushes, aside: Aside) -> None:
        self._ground = ground
        self._writer = ground.tools.writer
        self._records = ground.tools.records
        self._clock = ground.tools.clock
        self._pushes = pushes
        self._aside = aside

    def poll_s(self, shop_id: str) -> int:
        """The pace that people set."""
        return self._ground.state(shop_id).row.poll_s or self._ground.shops[shop_id].shop.poll_s

    def next_poll_at(self, shop_id: str, now: datetime) -> datetime:
        """The pace is how late an order may be (ING-02): where the platform is asked some minutes behind the clock,
        it is asked as much sooner, unless that were most of the pace."""
        state = self._ground.state(shop_id)
        last = state.row.polled_at
        if last is None or last > now:  # a clock that was set back must not silence a shop
            return now
        pace, behind = timedelta(seconds=self.poll_s(shop_id)), self._ground.shop(shop_id).behind
        if pace > 2 * behind:
            pace -= behind
        if self._ground.is_work_open and not self._pushes.reaches(shop_id, now):
            pace = min(pace, timedelta(seconds=WORK_S))
        return last + (min(pace, RETRY) if state.row.health.failures else pace)

    async def step(self, shop: ShopLine) -> None:
        """A poll in the background: its trouble is kept and said, and ends there."""
        with suppress(ShopTrouble):
            await self.poll(shop.id)

    async def poll(self, shop_id: str) -> int:
        """Take all changes up to now; gives how many orders came or changed.

        What fails is remembered, said once at the third time, and raised.
        """
        shop, state = self._ground.shop(shop_id), self._ground.states[shop_id]
        async with state.poll_turn:
            try:
                taken = await self._windows(shop)
            except ShopTrouble as trouble:
                await self._polled(shop, trouble)
                raise
            await self._polled(shop, None)
            return taken

    async def _windows(self, shop: ShopLine) -> int:
        """Window after window behind the cursor, which moves when a window's orders are committed."""
        state, now = self._ground.states[shop.id], self._clock.now()
        paces = shop.door.paces
        end, taken = now - paces.behind, 0
        begin = max(state.row.cursor or end - FIRST, now - paces.keeps)
        while True:
            until = max(min(begin + paces.window - paces.overlap, end), begin)
            try:
                taken += await shop.call(self._window_of(shop, begin - paces.overlap, until))
            except BadPayload as bad_payload:
                await self._window_failed(shop, begin, begin - paces.overlap, until, bad_payload)
            if until > begin:
                await self._writer.run(records.shop_kept(shop.id, cursor=until))
                state.row = replace(state.row, cursor=until)
            if until >= end:
                return taken
            begin = until

    async def _window_failed(
        self, shop: ShopLine, begin: datetime, since: datetime, until: datetime, bad_payload: BadPayload
    ) -> None:
        """A list that stays unreadable must not hold up all orders after it: it is put aside, to be tried again."""
        state = self._ground.states[shop.id]
        tries = state.unreadable[1] + 1 if state.unreadable and state.unreadable[0] == begin else 1
        state.unreadable = (begin, tries)
        if tries < SAID_AT:
            raise bad_payload
        state.unreadable = None
        await self._aside.window(shop, since, until, bad_payload)

    def _window_of(
        self, shop: ShopLine, since: datetime, until: datetime
    ) -> Callable[[ShopDoor], Awaitable[int]]:
        async def window(door: ShopDoor) -> int:
            taken, pages, span = 0, aiter(door.changed(since, until)), span_of(since, until)
            while True:
                asked_at = self._clock.now()
                page = await anext(pages, None)
                if page is None:
                    return taken
                taken += await self.take_page(shop, door, page, asked_at, span)

        return window

    async def take_page(
        self, shop: ShopLine, door: ShopDoor, page: Sequence[Seen], asked_at: datetime, span: str
    ) -> int:
        """The details of a page, those of unchanged orders left out, in one commit."""
        torn, page = [seen for seen in page if seen.damaged], [seen for seen in page if not seen.damaged]
        for seen in torn:
            await self._aside.element(shop, seen, span)
        known = await asyncio.to_thread(
            self._records.modified, shop.id, [seen.channel_order_no for seen in page]
        )
        places = asyncio.Semaphore(FETCHES)

        async def detail(seen: Seen) -> Detail | None:
            if seen.told is not None:
                return detail_of(seen.told, asked_at)
            ours = known.get(seen.channel_order_no)
            if ours is not None and seen.modified_at is not None and ours >= seen.modified_at:
                return None
            async with places:
                return await self._listed(shop, door, seen.channel_order_no)

        found = await asyncio.gather(*(detail(seen) for seen in page))
        details = [one for one in found if one is not None]
        done = await self._writer.told(details, "poll", bulk=len(details) > 20) if details else []
        return sum(one.outcome in ("new", "changed") for one in done)

    async def _listed(self, shop: ShopLine, door: ShopDoor, channel_order_no: str) -> Detail | None:
        """The detail of an order in a list; None for one that is put aside, or that the platform will not tell."""
        began = self._clock.now()
        try:
            told = await door.order(channel_order_no)
        except BadPayload as bad_payload:
            await self._aside.order(shop, channel_order_no, bad_payload)
            return None
        except NotTaken:
            return None
        return detail_of(told, began) if told is not None else None

    async def _polled(self, shop: ShopLine, trouble: ShopTrouble | None) -> None:
        now, state = self._clock.now(), self._ground.states[shop.id]
        known = state.row.health
        health, news = good(known, now) if trouble is None else bad(known, trouble, now)
        values = records.health_values(health)
        await self._writer.run(records.shop_kept(shop.id, polled_at=now, **values))
        state.row = replace(state.row, polled_at=now, health=health)
        if news:
            await self._say(shop, health, news)

    async def _say(self, shop: ShopLine, health: Health, news: str) -> None:
        """Once when it fails, once when it is over: an alarm in the house, a notice outside."""
        word = health.word
        if news == "failing":
            params = {"shop_id": shop.id, "word": word}
            said = SayJob(f"shop_{health.trouble}", "critical", params, shop.shop.warehouse)
        else:
            said = SayJob("shop_recovered", "info", {"shop_id": shop.id}, shop.shop.warehouse, over=_FAILING)
        await self._writer.say(said)
        key = f"shop_{news}"
        notice = self._notice(key, shop.id, health, word)
        self._ground.tasks.spawn(f"notice {shop.id} {key}", notice)

    async def _notice(self, key: str, shop_id: str, health: Health, word: str) -> None:
        await self._ground.tools.notices.send(
            key, shop_id=shop_id, trouble=health.trouble, failures=health.failures, word=word
        )

    async def set_poll_s(self, shop_id: str, poll_s: int) -> None:
        """Another pace from now on, without a restart (ING-02)."""
        state = self._ground.state(shop_id)
        await self._writer.run(records.shop_kept(shop_id, poll_s=poll_s))
        state.row = replace(state.row, poll_s=poll_s)
