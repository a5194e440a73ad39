"""What comes by itself: platforms' calls to us, and messages over a connection that we open.

All of it is committed before it is answered; what it is about is then fetched.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta

import structlog
from sqlalchemy.exc import SQLAlchemyError

from app.core import hints
from app.core.hints import HintKind
from hub.connectors.line.aside import Aside
from hub.connectors.line.fetches import Fetches
from hub.connectors.line.ground import Ground, NoSuchShop
from hub.connectors.line.shops import ShopLine
from hub.connectors.line.watch import trouble_of
from hub.connectors.payload import is_text
from hub.connectors.shapes import Hint, Push, ShopTrouble
from hub.orders.results import HubBusy
from hub.orders.told import Heard, HintAnswer

log = structlog.get_logger(__name__)

#: A push so long ago proves no more that pushes reach us.
PUSHED = timedelta(hours=1)
#: A connection of ours that has lasted so long is one.
_CONNECTED = timedelta(seconds=5)
_LISTEN_S = (1, 2, 5, 10, 30, 60)
#: A connection that lasted so long was a good one.
_LASTED_S = 60.0


class Pushes:
    """Hints of all shops, each taken for the shop of its seller."""

    def __init__(self, ground: Ground, fetches: Fetches, aside: Aside) -> None:
        self._ground = ground
        self._writer = ground.tools.writer
        self._clock = ground.tools.clock
        self._dice = ground.tools.dice
        self._fetches = fetches
        self._aside = aside

    async def push(self, shop_id: str, raw: bytes, headers: Mapping[str, str]) -> Push:
        """A platform's call: everything in it is committed when this returns, its fetches are on their way.

        Raises :class:`NoSuchShop` and what the folder's ``read_push`` raises (``BadSignature``).
        """
        shop = self._ground.shops.get(shop_id)
        if shop is None or shop.folder.read_push is None:
            raise NoSuchShop(shop_id)
        now = self._clock.now()
        push = shop.folder.read_push(raw, headers, shop.shop, now)
        self._ground.states[shop_id].pushed_at = now
        await self._take_hints(shop, push.hints)
        if push.damaged:
            await self._aside.keep(shop, "push", "", "BadPayload", [{"text": text} for text in push.damaged])
        return push

    async def _take_hints(self, shop: ShopLine, come: Sequence[Hint]) -> None:
        """Each goes to the shop of its seller; those of sellers we do not work for are taken by nobody."""
        come = [hint if _is_as_agreed(hint) else _put_aside(hint) for hint in come]
        if len(come) == 1 and self._shop_of(shop, come[0].seller) is shop:
            await self._take_own(shop, come)  # as nearly all
            return
        by_shop: dict[str, list[Hint]] = {}
        for hint in come:
            if (target := self._shop_of(shop, hint.seller)) is not None:
                by_shop.setdefault(target.id, []).append(hint)
            else:
                log.info("hint_of_another_seller", shop=shop.id, word=hint.word)
        for shop_id, of_shop in by_shop.items():
            await self._take_own(self._ground.shops[shop_id], of_shop)

    def _shop_of(self, shop: ShopLine, seller: str) -> ShopLine | None:
        """One app may work for several sellers, and all their messages come by any of its connections."""
        given = shop.shop
        if not seller or seller == given.seller_id:
            return shop
        for other in self._ground.shops.values():
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
            await self._aside.keep(shop, "message", "", "BadPayload", torn)
        told = zip(whole, answers, strict=True)
        for hint, answer in sorted(told, key=_stops_first) if len(whole) > 1 else told:
            if answer.is_new and self._ground.is_leading:  # else the process that leads finds it wanted
                self._fetches.soon(shop, hint.channel_order_no, None, stops=hints.stops(hint.kind))

    async def listen(self, shop: ShopLine) -> None:
        """The connection that we open: opened again for ever, later and later while it fails."""
        state, tries = self._ground.states[shop.id], 0
        while not self._ground.tasks.is_stopping:
            began, got = self._clock.monotonic(), False
            try:
                listener = shop.listener()
                if listener is None:
                    return
                state.listening_since = self._clock.now()
                async for come in listener.hints():
                    await self._take_hints(shop, come)
                    got = True
            except ShopTrouble as trouble:
                log.info("listener_closed", shop=shop.id, trouble=trouble_of(trouble))
            except (HubBusy, SQLAlchemyError) as error:
                log.warning("listener_waits", shop=shop.id, error=type(error).__name__)
            state.listening_since = None
            tries = calmer(tries, got=got, lasted_s=self._clock.monotonic() - began)
            await asyncio.sleep(listen_wait_s(tries, self._dice()))

    def is_listening(self, shop_id: str) -> bool:
        since = self._ground.state(shop_id).listening_since
        return since is not None and self._clock.now() - since > _CONNECTED

    def reaches(self, shop_id: str, now: datetime) -> bool:
        """Whether the platform's words come to us by themselves."""
        pushed = self._ground.states[shop_id].pushed_at
        return self.is_listening(shop_id) or (pushed is not None and now - pushed < PUSHED)


def _is_as_agreed(hint: Hint) -> bool:
    """Whether each of its fields is what a folder has promised: a type or a text that no database takes would turn
    the whole push away, and the platform would send it for ever."""
    at = hint.at
    return (
        is_text(hint.event_id)
        and is_text(hint.channel_order_no)
        and is_text(hint.word)
        and is_text(hint.damaged)
        and is_text(hint.seller)
        and isinstance(hint.kind, HintKind)
        and (at is None or (isinstance(at, datetime) and at.tzinfo is not None))
    )


def _put_aside(hint: Hint) -> Hint:
    """The same as one that could not be read, with all it said."""
    said = json.dumps(asdict(hint), default=ascii, skipkeys=True)
    return replace(
        hint,
        event_id="",
        channel_order_no="",
        word="",
        seller="",
        damaged=said,
        kind=HintKind.changed,
        at=None,
    )


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


def _stops_first(told: tuple[Hint, HintAnswer]) -> bool:
    return not hints.stops(told[0].kind)
