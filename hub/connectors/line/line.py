"""The line to the platforms: pushes and messages in, changes polled, details fetched, waybills told back.

Everything here may die at any moment: what was accepted is in the database, and a cursor moves only behind orders
that are committed, so what was under way is done again (and counts once, ING-06).
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy.exc import SQLAlchemyError

from app.core import hints
from app.ports import Clock, Dice, dice
from hub.connectors.line import records
from hub.connectors.line.live import Live
from hub.connectors.line.notices import Notices
from hub.connectors.line.records import Records, ShopRow, Wanted
from hub.connectors.line.ship_backs import ShipBacks
from hub.connectors.line.shops import ShopLine
from hub.connectors.line.watch import SAID_AT, Health, bad, good, trouble_of, word_of
from hub.connectors.shapes import (
    BadPayload,
    Hint,
    Later,
    NotTaken,
    Push,
    Seen,
    ShopDoor,
    ShopTrouble,
    Told,
)
from hub.orders.results import HubBusy, Sealer, Taken
from hub.orders.said import SayJob
from hub.orders.told import Detail, Heard, HintAnswer
from hub.orders.writer import Writer

log = structlog.get_logger(__name__)

#: How often the line looks at what is due.
LOOK = timedelta(milliseconds=500)
#: A shop that was never polled begins so far back.
FIRST = timedelta(days=3)
#: Polls while a bench works and no push reaches us (design 3.7); a failed poll is tried again after so long at most.
WORK_S = 60
RETRY = timedelta(seconds=30)
#: A push so long ago proves no more that pushes reach us.
PUSHED = timedelta(hours=1)
#: Details fetched at a time of one shop; those of stopping hints have places of their own.
FETCHES, STOPS = 4, 4
#: More orders of a shop than this wait for their fetch in the database alone.
_FETCHES_WAIT = 2_000
#: Nobody waits longer than this for "test connection" (ING-14).
CHECK_S = 5
#: An order that its platform does not know after so long is given up, and said.
FETCH_FOR = timedelta(hours=24)
#: The sweep looks at so much, at this hour of the shop's day.
SWEEP_HOUR, SWEPT = 9, timedelta(hours=24)
_BACK_OFF_S = (5, 10, 20, 40, 60, 120, 300, 600)
_LISTEN_S = (1, 2, 5, 10, 30, 60)
#: A connection that lasted so long was a good one.
_LASTED_S = 60.0
#: A connection of ours that has lasted so long is one.
_CONNECTED = timedelta(seconds=5)
_DUE = 50
#: How the reference of a list that was put aside begins.
_WINDOW = "list:"
#: What came by itself and may name no order: the changes around its coming are asked for instead.
_CALLED = frozenset({"push", "message"})
_AROUND = timedelta(minutes=10)

_FAILING = (
    "shop_later",
    "shop_no_permission",
    "shop_sign_in_again",
    "shop_wrong_settings",
    "shop_bad_payload",
    "shop_refused",
)


class NoSuchShop(Exception):
    """No shop of this id speaks to a platform."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What the line stands on."""

    writer: Writer
    records: Records
    vault: Sealer
    clock: Clock
    notices: Notices
    zone: ZoneInfo
    dice: Dice = dice


@dataclass(slots=True)
class Lane:
    """Fetches of one shop that wait for one of their few places; nothing but a name is kept of each."""

    places: int
    waiting: OrderedDict[str, Wanted | None] = field(default_factory=OrderedDict)
    running: int = 0


@dataclass(slots=True, kw_only=True)
class State:
    """What the line knows of a shop while it runs; all that must last is in the database."""

    row: ShopRow = field(default_factory=ShopRow)
    pushed_at: datetime | None = None
    listening_since: datetime | None = None
    fetches: Lane = field(default_factory=lambda: Lane(FETCHES))
    stops: Lane = field(default_factory=lambda: Lane(STOPS))
    poll_turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    unreadable: tuple[datetime, int] | None = None
    """The window whose list cannot be read, and how often it was tried."""
    under_way: dict[str, bool] = field(default_factory=dict)
    """Orders being fetched, or waiting for it; True where another hint came meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What "test connection" found: ``trouble`` "" is all well."""

    trouble: str = ""
    word: str = ""


class Line:
    """All shops of hub.toml whose platform we speak to."""

    def __init__(self, shops: Sequence[ShopLine], tools: Tools) -> None:
        self.shops = {shop.id: shop for shop in shops}
        self.states = {shop.id: State() for shop in shops}
        self._tools = tools
        self._writer = tools.writer
        self._records = tools.records
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._is_work_open = False
        self._looked_at: datetime | None = None
        self._is_stopping = False
        self._is_leading = False
        self._live = Live(self.fetch, tools.clock)
        self.ship_backs = ShipBacks(self.shops, tools.writer, tools.records, tools.clock)

    # ---------------------------------------------------------------------------------------------------- life

    async def start(self) -> None:
        """Read where each shop stands; its connections are opened by the first step that leads."""
        for shop in self.shops.values():
            self.states[shop.id].row = await asyncio.to_thread(self._records.shop, shop.id)
            await shop.load(self._records.token)

    async def _lead(self) -> None:
        """From now on this process walks the line: as the one before it left it."""
        self._is_leading = True
        await self.start()
        for shop in self.shops.values():
            if shop.folder.open_listener is not None:
                self._spawn(f"listen {shop.id}", self._listen(shop))

    async def _follow(self) -> None:
        """Another process walks the line; what is under way here ends and is done again there."""
        self._is_leading = False
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _look_around(self, now: datetime) -> None:
        """What others may have changed: the pace of a shop; for who only follows, all there is to show."""
        if self._looked_at is not None and now - self._looked_at < timedelta(seconds=10):
            return
        self._looked_at = now
        self._is_work_open = await asyncio.to_thread(self._records.is_work_open, now)
        for shop_id, state in self.states.items():
            before, row = state.row, await asyncio.to_thread(self._records.shop, shop_id)
            if state.row is before:  # else it was changed here meanwhile
                state.row = replace(before, poll_s=row.poll_s) if self._is_leading else row

    async def stop(self) -> None:
        """What is under way ends where it is: it is done again after the next start."""
        self._is_stopping = True
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._live.stop()
        for shop in self.shops.values():
            await shop.close()

    async def step(self, now: datetime, *, is_leading: bool = True) -> None:
        """Begin what is due, where this process leads; nothing here waits for a platform."""
        if not self.shops or self._is_stopping:
            return
        if is_leading != self._is_leading:
            await (self._lead() if is_leading else self._follow())
        await self._look_around(now)
        if not is_leading:
            return
        for shop in self.shops.values():
            if shop.can("orders_poll") and self.next_poll_at(shop.id, now) <= now:
                self._spawn(f"poll {shop.id}", self._poll_step(shop))
            if shop.can("orders_poll") and self._is_sweep_due(shop, now):
                self._spawn(f"sweep {shop.id}", self._sweep_step(shop))
        for wanted in await asyncio.to_thread(self._records.wanted, now, self.shops, _DUE):
            self._fetch_soon(self.shops[wanted.shop_id], wanted.channel_order_no, wanted)
        self._spawn("ship", self.ship_backs.step())

    def state(self, shop_id: str) -> State:
        if shop_id not in self.states:
            raise NoSuchShop(shop_id)
        return self.states[shop_id]

    # -------------------------------------------------------------------------------------------------- pushes

    async def push(self, shop_id: str, raw: bytes, headers: Mapping[str, str]) -> Push:
        """A platform's call: everything in it is committed when this returns, its fetches are on their way.

        Raises :class:`NoSuchShop` and what the folder's ``read_push`` raises (``BadSignature``).
        """
        shop = self.shops.get(shop_id)
        if shop is None or shop.folder.read_push is None:
            raise NoSuchShop(shop_id)
        now = self._tools.clock.now()
        push = shop.folder.read_push(raw, headers, shop.shop, now)
        self.states[shop_id].pushed_at = now
        await self._take_hints(shop, push.hints)
        if push.damaged:
            await self._keep(shop, "push", "", "BadPayload", [{"text": text} for text in push.damaged])
        return push

    async def _take_hints(self, shop: ShopLine, come: Sequence[Hint]) -> None:
        """Each goes to the shop of its seller; those of sellers we do not work for are taken by nobody."""
        by_shop: dict[str, list[Hint]] = {}
        for hint in come:
            if (target := self._shop_of(shop, hint.seller)) is not None:
                by_shop.setdefault(target.id, []).append(hint)
            else:
                log.info("hint_of_another_seller", shop=shop.id, word=hint.word)
        for shop_id, of_shop in by_shop.items():
            await self._take_own(self.shops[shop_id], of_shop)

    def _shop_of(self, shop: ShopLine, seller: str) -> ShopLine | None:
        """One app may work for several sellers, and all their messages come by any of its connections."""
        given = shop.shop
        if not seller or seller == given.seller_id:
            return shop
        for other in self.shops.values():
            it = other.shop
            if (it.connector, it.app_key, it.seller_id) == (given.connector, given.app_key, seller):
                return other
        return None if given.seller_id else shop

    async def _take_own(self, shop: ShopLine, come: Sequence[Hint]) -> None:
        whole = [hint for hint in come if hint.channel_order_no]
        heard = [
            Heard(
                event_id=hint.event_id,
                channel_order_no=hint.channel_order_no,
                kind=hint.kind,
                at=hint.at,
                word=hint.word,
                is_known=hint.is_known,
            )
            for hint in whole
        ]
        answers = await self._writer.hints(shop.id, heard) if heard else []
        if torn := [{"text": hint.damaged} for hint in come if hint.damaged]:
            await self._keep(shop, "message", "", "BadPayload", torn)
        told = zip(whole, answers, strict=True)
        for hint, answer in sorted(told, key=_stops_first) if len(whole) > 1 else told:
            if answer.is_new and self._is_leading:  # else the process that leads finds it wanted
                self._fetch_soon(shop, hint.channel_order_no, None, stops=hints.stops(hint.kind))

    async def _listen(self, shop: ShopLine) -> None:
        """The connection that we open: opened again for ever, later and later while it fails."""
        state, tries = self.states[shop.id], 0
        while not self._is_stopping:
            began, got = self._tools.clock.monotonic(), False
            try:
                listener = shop.listener()
                if listener is None:
                    return
                state.listening_since = self._tools.clock.now()
                async for come in listener.hints():
                    await self._take_hints(shop, come)
                    got = True
            except ShopTrouble as trouble:
                log.info("listener_closed", shop=shop.id, trouble=trouble_of(trouble))
            except (HubBusy, SQLAlchemyError) as error:
                log.warning("listener_waits", shop=shop.id, error=type(error).__name__)
            state.listening_since = None
            tries = calmer(tries, got=got, lasted_s=self._tools.clock.monotonic() - began)
            await asyncio.sleep(listen_wait_s(tries, self._tools.dice()))

    # ------------------------------------------------------------------------------------------------- fetches

    def _fetch_soon(
        self, shop: ShopLine, channel_order_no: str, wanted: Wanted | None, *, stops: bool = False
    ) -> None:
        state = self.states[shop.id]
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
        self._next_fetch(shop, lane)

    def _next_fetch(self, shop: ShopLine, lane: Lane) -> None:
        while lane.waiting and lane.running < lane.places and not self._is_stopping:
            channel_order_no, wanted = lane.waiting.popitem(last=False)
            name = f"fetch {shop.id} {channel_order_no}"
            if self._spawn(name, self._fetch(shop, lane, channel_order_no, wanted)):
                lane.running += 1
            else:  # its last fetch has ended, its task not yet: the wish in the database brings it again
                del self.states[shop.id].under_way[channel_order_no]

    async def _fetch(self, shop: ShopLine, lane: Lane, channel_order_no: str, wanted: Wanted | None) -> None:
        under_way = self.states[shop.id].under_way
        try:
            again = True
            while again:
                under_way[channel_order_no] = False
                await self._fetch_once(shop, channel_order_no, wanted)
                again = under_way[channel_order_no]
        finally:
            under_way.pop(channel_order_no, None)
            lane.running -= 1
            self._next_fetch(shop, lane)

    async def _fetch_once(self, shop: ShopLine, channel_order_no: str, wanted: Wanted | None) -> None:
        now = self._tools.clock.now()
        tries = wanted.tries if wanted else 0
        later = now + timedelta(seconds=_BACK_OFF_S[min(tries, len(_BACK_OFF_S) - 1)])
        try:
            taken = await self.fetch(shop.id, channel_order_no)
        except BadPayload as bad_payload:
            await self._unreadable(shop, channel_order_no, bad_payload)
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
        shop = self._shop(shop_id)
        asked_at = self._tools.clock.now()
        told = await shop.call(lambda door: door.order(channel_order_no))
        if told is None:
            return None
        [taken] = await self._writer.told([_detail(told, asked_at)], cause)
        return taken

    # -------------------------------------------------------------------------------------------------- polling

    def poll_s(self, shop_id: str) -> int:
        """The pace that people set."""
        return self.state(shop_id).row.poll_s or self.shops[shop_id].shop.poll_s

    def next_poll_at(self, shop_id: str, now: datetime) -> datetime:
        state = self.state(shop_id)
        last = state.row.polled_at
        if last is None or last > now:  # a clock that was set back must not silence a shop
            return now
        pace = timedelta(seconds=self.poll_s(shop_id))
        if self._is_work_open and not self._is_reached(shop_id, now):
            pace = min(pace, timedelta(seconds=WORK_S))
        return last + (min(pace, RETRY) if state.row.health.failures else pace)

    def is_listening(self, shop_id: str) -> bool:
        since = self.state(shop_id).listening_since
        return since is not None and self._tools.clock.now() - since > _CONNECTED

    def _is_reached(self, shop_id: str, now: datetime) -> bool:
        """Whether the platform's words come to us by themselves."""
        pushed = self.states[shop_id].pushed_at
        return self.is_listening(shop_id) or (pushed is not None and now - pushed < PUSHED)

    def must_ask(self, shop_id: str) -> bool:
        """Whether a last question has to be put to this shop's platform: nothing of it reaches us by itself."""
        shop = self.shops.get(shop_id)
        if shop is None or self._is_stopping or not shop.can("order_detail"):
            return False
        return not self._is_reached(shop_id, self._tools.clock.now())

    def must_ask_in(self, warehouse: str | None) -> bool:
        """The same of any shop of this warehouse; None: of any at all."""
        return any(
            warehouse in (None, shop.shop.warehouse) and self.must_ask(shop.id)
            for shop in self.shops.values()
        )

    async def ask_now(self, orders: Iterable[tuple[str, str]]) -> bool:
        """See :meth:`Live.ask`."""
        return await self._live.ask(orders)

    async def _poll_step(self, shop: ShopLine) -> None:
        with suppress(ShopTrouble):
            await self.poll(shop.id)

    async def poll(self, shop_id: str) -> int:
        """Take all changes up to now; gives how many orders came or changed.

        What fails is remembered, said once at the third time, and raised.
        """
        shop, state = self._shop(shop_id), self.states[shop_id]
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
        state, now = self.states[shop.id], self._tools.clock.now()
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
        state = self.states[shop.id]
        tries = state.unreadable[1] + 1 if state.unreadable and state.unreadable[0] == begin else 1
        state.unreadable = (begin, tries)
        if tries < SAID_AT:
            raise bad_payload
        state.unreadable = None
        span = _span(since, until)
        content = {"shop_id": shop.id, "since": since.isoformat(), "until": until.isoformat()}
        await self._keep(shop, "list", span, f"BadPayload {bad_payload.path}"[:200], [content])

    def _window_of(
        self, shop: ShopLine, since: datetime, until: datetime
    ) -> Callable[[ShopDoor], Awaitable[int]]:
        async def window(door: ShopDoor) -> int:
            taken, pages, span = 0, aiter(door.changed(since, until)), _span(since, until)
            while True:
                asked_at = self._tools.clock.now()
                page = await anext(pages, None)
                if page is None:
                    return taken
                taken += await self._take_page(shop, door, page, asked_at, span)

        return window

    async def _take_page(
        self, shop: ShopLine, door: ShopDoor, page: Sequence[Seen], asked_at: datetime, span: str
    ) -> int:
        """The details of a page, those of unchanged orders left out, in one commit."""
        torn, page = [seen for seen in page if seen.damaged], [seen for seen in page if not seen.damaged]
        for seen in torn:
            await self._keep_torn(shop, seen, span)
        known = await asyncio.to_thread(
            self._records.modified, shop.id, [seen.channel_order_no for seen in page]
        )
        places = asyncio.Semaphore(FETCHES)

        async def detail(seen: Seen) -> Detail | None:
            if seen.told is not None:
                return _detail(seen.told, asked_at)
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
        began = self._tools.clock.now()
        try:
            told = await door.order(channel_order_no)
        except BadPayload as bad_payload:
            await self._unreadable(shop, channel_order_no, bad_payload)
            return None
        except NotTaken:
            return None
        return _detail(told, began) if told is not None else None

    async def _polled(self, shop: ShopLine, trouble: ShopTrouble | None) -> None:
        now, state = self._tools.clock.now(), self.states[shop.id]
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
        self._spawn(f"notice {shop.id} {key}", notice)

    async def _notice(self, key: str, shop_id: str, health: Health, word: str) -> None:
        await self._tools.notices.send(
            key, shop_id=shop_id, trouble=health.trouble, failures=health.failures, word=word
        )

    async def set_poll_s(self, shop_id: str, poll_s: int) -> None:
        """Another pace from now on, without a restart (ING-02)."""
        state = self.state(shop_id)
        await self._writer.run(records.shop_kept(shop_id, poll_s=poll_s))
        state.row = replace(state.row, poll_s=poll_s)

    async def check(self, shop_id: str) -> Checked:
        """Key, secret, token and rights tried with the cheapest call, within five seconds."""
        shop = self._shop(shop_id)
        try:
            async with asyncio.timeout(CHECK_S - 0.5):
                await shop.call(lambda door: door.check())
        except TimeoutError:
            return Checked(trouble="later", word="")
        except ShopTrouble as trouble:
            return Checked(trouble=trouble_of(trouble), word=word_of(trouble))
        return Checked()

    # ------------------------------------------------------------------------------------------- morning sweep

    def _is_sweep_due(self, shop: ShopLine, now: datetime) -> bool:
        here = now.astimezone(self._tools.zone)
        row = self.states[shop.id].row
        is_well = row.cursor is not None and not row.health.failures
        return is_well and here.hour >= SWEEP_HOUR and row.swept_day != f"{here:%Y%m%d}"

    async def _sweep_step(self, shop: ShopLine) -> None:
        try:
            await self.sweep(shop.id)
        except ShopTrouble as trouble:
            log.info("sweep_waits", shop=shop.id, trouble=trouble_of(trouble))
            await asyncio.sleep(RETRY.total_seconds())

    async def sweep(self, shop_id: str) -> list[str]:
        """The platform's whole list of the last 24 hours against ours: what we lack is listed, not taken (ING-09).

        It looks no further than polls have reached: what the line will come to by itself is not missed.
        """
        shop, now = self._shop(shop_id), self._tools.clock.now()
        paces, reached = shop.door.paces, self.states[shop_id].row.cursor
        end, begin = min(now - paces.behind, reached or now), now - SWEPT
        listed: dict[str, None] = {}
        while begin < end:
            until = min(begin + paces.window, end)
            listed.update(dict.fromkeys(await shop.call(_names(begin, until))))
            begin = until
        known = await asyncio.to_thread(self._records.known, shop_id, listed)
        missing = [no for no in listed if no not in known]
        day = f"{now.astimezone(self._tools.zone):%Y%m%d}"
        await self._writer.run(records.swept(shop_id, day, missing))
        state = self.states[shop_id]
        state.row = replace(state.row, swept_day=day)
        if missing:
            params = {"shop_id": shop_id, "n": str(len(missing))}
            await self._writer.say(
                SayJob("orders_missed", "major", params, shop.shop.warehouse, ("orders_missed",))
            )
        return await asyncio.to_thread(self._records.missed, shop_id)

    async def take_missed(self, shop_id: str) -> tuple[int, int]:
        """Fetch what the sweep listed; gives how many were taken and how many are left. Raises ShopTrouble."""
        shop = self._shop(shop_id)
        listed = await asyncio.to_thread(self._records.missed, shop_id)
        done: list[str] = []
        try:
            for no in listed:
                taken = await self.fetch(shop_id, no, "sweep")
                if taken is not None and taken.outcome != "failed":
                    done.append(no)
        finally:
            if done:
                await self._writer.run(records.missed_taken(shop_id, done))
        if len(done) == len(listed):
            over = SayJob("", "info", {"shop_id": shop_id}, shop.shop.warehouse, over=("orders_missed",))
            await self._writer.say(over)
        return len(done), len(listed) - len(done)

    # --------------------------------------------------------------------------------------- what desks ask for

    def counts(self, day_prefix: str) -> dict[str, dict[str, Any]]:
        """Blocks: per shop, as :meth:`Records.counts`."""
        return self._records.counts(day_prefix)

    def missed(self, shop_id: str) -> list[str]:
        """Blocks."""
        return self._records.missed(shop_id)

    def quarantine(self) -> list[records.Kept]:
        """Blocks: the newest first."""
        return self._records.quarantine()

    def can_retry(self, kept: records.Kept) -> bool:
        shop_id, _, channel_order_no = kept.ref.partition(" ")
        return shop_id in self.shops and (bool(channel_order_no) or kept.what in _CALLED)

    # --------------------------------------------------------------------------------------------- quarantine

    async def _unreadable(self, shop: ShopLine, channel_order_no: str, bad_payload: BadPayload) -> None:
        content = {"shop_id": shop.id, "channel_order_no": channel_order_no, "path": bad_payload.path}
        await self._keep(shop, "detail", channel_order_no, f"BadPayload {bad_payload.path}"[:200], [content])

    async def _keep_torn(self, shop: ShopLine, seen: Seen, span: str) -> None:
        """One element of a list: put aside alone, once however often the list brings it, beside its span to ask for."""
        content = {"shop_id": shop.id, "text": seen.damaged}
        error = f"BadPayload {seen.path}"[:200]
        await self._keep(shop, "element", f"{span}#{_mark(seen)}", error, [content])

    async def _keep(
        self, shop: ShopLine, what: str, channel_order_no: str, error: str, contents: Sequence[dict[str, Any]]
    ) -> None:
        """Sealed, listed, and said while nobody has seen the last one."""
        ref = f"{shop.id} {channel_order_no}".rstrip()
        await self._writer.run(records.quarantined(self._tools.vault, what, ref, error, contents))
        await self._writer.say(SayJob("quarantined", "major", {"shop_id": shop.id}, shop.shop.warehouse))

    async def retry(self, quarantine_id: str) -> bool | None:
        """Ask the platform again for what was put aside. None: there is no such thing, or it names no order.

        Raises :class:`ShopTrouble`.
        """
        found = await asyncio.to_thread(self._records.quarantined, quarantine_id)
        if found is None or not self.can_retry(found):
            return None
        shop_id, _, channel_order_no = found.ref.partition(" ")
        if channel_order_no.startswith(_WINDOW) or not channel_order_no:
            is_taken = await self._retry_span(self._shop(shop_id), found, channel_order_no)
        else:
            taken = await self.fetch(shop_id, channel_order_no, "retry")
            is_taken = taken is not None and taken.outcome != "failed"
        if is_taken:
            await self._writer.run(records.quarantine_over(quarantine_id))
        return is_taken

    async def _retry_span(self, shop: ShopLine, found: records.Kept, span: str) -> bool:
        """Ask again for all changes of a span; of a push or message that named no order, those around its coming.

        False: the element is still as it was.
        """
        if span:
            times, _, mark = span.removeprefix(_WINDOW).partition("#")
            since, until = map(datetime.fromisoformat, times.split("/"))
        else:
            since, until, mark = found.at - _AROUND, min(found.at + _AROUND, self._tools.clock.now()), ""
        still: list[str] = []

        async def window(door: ShopDoor) -> None:
            still.clear()
            async for page in door.changed(since, until):
                still.extend(_mark(seen) for seen in page if seen.damaged)
                await self._take_page(shop, door, page, self._tools.clock.now(), _span(since, until))

        await shop.call(window)
        return mark not in still

    # ------------------------------------------------------------------------------------------------- tasks

    def _shop(self, shop_id: str) -> ShopLine:
        shop = self.shops.get(shop_id)
        if shop is None:
            raise NoSuchShop(shop_id)
        return shop

    def _spawn(self, name: str, work: Coroutine[Any, Any, None]) -> bool:
        """Begin it unless one of this name is at it; a fault of ours in it is logged and ends it alone."""
        if name in self._tasks or self._is_stopping:
            work.close()
            return False
        task = asyncio.create_task(work, name=name)
        self._tasks[name] = task
        task.add_done_callback(lambda done: self._ended(name, done))
        return True

    def _ended(self, name: str, task: asyncio.Task[None]) -> None:
        del self._tasks[name]
        error = None if task.cancelled() else task.exception()
        what = name.partition(" ")[0]
        if isinstance(error, HubBusy | SQLAlchemyError):
            log.warning("line_waits", what=what, error=type(error).__name__)
        elif error is not None:
            log.error("line_fault", what=what, error=type(error).__name__, exc_info=error)


def calmer(tries: int, *, got: bool, lasted_s: float) -> int:
    """How often in a row a connection of ours ended badly, now that it has ended once more.

    One that lasted is forgotten. One that brought messages and broke counts half: the next comes soon, and still a
    platform that hangs up after each message is not called without a pause.
    """
    if lasted_s > _LASTED_S:
        return 0
    return tries // 2 + 1 if got else tries + 1


def listen_wait_s(tries: int, dice: float) -> float:
    """Seconds before the next connection: half to one and a half of the step, so that not all hubs call at once."""
    return _LISTEN_S[max(0, min(tries, len(_LISTEN_S)) - 1)] * (0.5 + dice)


def _detail(told: Told, asked_at: datetime) -> Detail:
    order = told.order
    if told.modified_at is not None and told.modified_at != order.modified_at:
        order = replace(order, modified_at=told.modified_at)
    return Detail(order=order, fetched_at=asked_at, raw=told.raw, unknown=told.unknown)


def _stops_first(told: tuple[Hint, HintAnswer]) -> bool:
    return not hints.stops(told[0].kind)


def _span(since: datetime, until: datetime) -> str:
    return f"{_WINDOW}{since.isoformat()}/{until.isoformat()}"


def _mark(seen: Seen) -> str:
    """Tells a damaged element from others, however often it comes."""
    return hashlib.sha256(seen.damaged.encode()).hexdigest()[:16]


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
