"""Pinduoduo over the network: the router's calls and the message line. All that is read or signed is in mapping.py."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, InvalidURI, WebSocketException

from app.ports import Clock
from hub.config import Shop
from hub.connectors.channels.pdd import mapping, settings
from hub.connectors.contract import manifest_of
from hub.connectors.http import posted
from hub.connectors.shapes import (
    BadPayload,
    Cause,
    Hint,
    Later,
    NotTaken,
    Paces,
    Seen,
    Shipment,
    SignInAgain,
    TokenExpired,
    Tokens,
    Told,
    WrongSettings,
)


def open_shop(shop: Shop, http: httpx.AsyncClient, clock: Clock) -> PddShop:
    """One shop. ``shop.base_url`` "" means the platform's own router. Raises :class:`WrongSettings` naming what is
    missing."""
    for name in ("app_key", "app_secret", "access_token"):
        if not getattr(shop, name):
            raise WrongSettings(Cause.lacks.of(name))
    timeout_s = manifest_of(Path(__file__).parent).timeout_s
    return PddShop(shop, http, clock, shop.access_token, timeout_s)


def open_listener(shop: Shop, clock: Clock) -> Messages | None:
    """The shop's messages; None where its router was pointed elsewhere and no address for messages was given."""
    url = shop.message_url or ("" if shop.base_url not in ("", settings.ROUTER) else settings.MESSAGES)
    return Messages(shop, url, clock, manifest_of(Path(__file__).parent).timeout_s) if url else None


@dataclass(frozen=True, slots=True, repr=False)  # a repr would tell secrets
class PddShop:
    """A :class:`hub.connectors.shapes.ShopDoor`."""

    shop: Shop
    http: httpx.AsyncClient
    clock: Clock
    token: str
    timeout_s: float
    paces: Paces = settings.PACES

    async def changed(self, since: datetime, until: datetime) -> AsyncIterator[Sequence[Seen]]:
        """Pages from the last to the first: what leaves the span meanwhile moves others forward, to pages that are
        still to come."""
        while since < until:
            end = min(until, since + self.paces.window)
            first = await self._page(since, end, 1)
            pages = -(-first.total // settings.PAGE_SIZE)
            if pages > settings.PAGES_MAX:
                raise BadPayload("total_count")
            for number in range(pages, 0, -1):
                page = first if pages == 1 else await self._page(since, end, number)
                if page.seen:
                    yield page.seen
            since = end

    async def order(self, channel_order_no: str) -> Told | None:
        if not channel_order_no:
            return None
        raw = await self._call("pdd.order.information.get", {"order_sn": channel_order_no})
        return mapping.told_of(raw, channel_order_no, self.shop)

    async def ship(self, shipment: Shipment) -> None:
        """Refused although the platform has this very number: it took it before, and the answer was lost."""
        company = settings.COMPANIES.get(shipment.carrier)
        if company is None:
            raise NotTaken(Cause.no_company)
        try:
            sent: dict[str, str | int] = {
                "order_sn": shipment.channel_order_no,
                "logistics_id": company,
                "tracking_number": shipment.waybill_no,
            }
            raw = await self._call("pdd.logistics.online.send", sent)
            if not mapping.answer_of(raw, "logistics_online_send_response").flag("is_success"):
                raise NotTaken(Cause.not_accepted)
        except NotTaken:
            told = await self.order(shipment.channel_order_no)
            if told is None or told.order.waybill_no != shipment.waybill_no:
                raise

    async def refresh(self, refresh_token: str) -> Tokens:
        if not refresh_token:
            raise SignInAgain(Cause.no_refresh)
        try:
            asked = {"refresh_token": refresh_token}
            raw = await self.with_token("")._call("pdd.pop.auth.token.refresh", asked)
            return mapping.tokens_of(raw)
        except (TokenExpired, NotTaken) as error:
            raise SignInAgain(error.word) from error

    async def check(self) -> None:
        """One order of a minute: needs app, secret, token and the right to read orders."""
        until = self.clock.now() - self.paces.behind
        raw = await self._changes(until - timedelta(minutes=1), until, 1, 1)
        mapping.page_of(raw, self.shop)

    def with_token(self, access_token: str) -> PddShop:
        return replace(self, token=access_token)

    async def _page(self, since: datetime, until: datetime, number: int) -> mapping.Page:
        return mapping.page_of(await self._changes(since, until, number, settings.PAGE_SIZE), self.shop)

    async def _changes(self, since: datetime, until: datetime, page: int, page_size: int) -> bytes:
        asked = mapping.changes_of(since, until, page, page_size)
        return await self._call("pdd.order.number.list.increment.get", asked)

    async def _call(self, method: str, business: Mapping[str, str | int]) -> bytes:
        """The body of an answer with status 200; errors inside it are for mapping.py."""
        params = mapping.request(method, self.shop, self.token, self.clock.now(), business)
        return await posted(self.http, self.shop.base_url or settings.ROUTER, self.timeout_s, data=params)


@dataclass(frozen=True, slots=True, repr=False)  # a repr would tell secrets
class Messages:
    """A :class:`hub.connectors.shapes.Listener`: one connection, opened by us. It lasts until something ends it."""

    shop: Shop
    url: str
    clock: Clock
    timeout_s: float
    heartbeat_s: float = settings.HEARTBEAT_S

    async def hints(self) -> AsyncIterator[Sequence[Hint]]:
        """A message is answered when its hints were taken, that is when the next ones are asked for."""
        for name in ("app_key", "app_secret"):
            if not getattr(self.shop, name):
                raise WrongSettings(Cause.lacks.of(name))
        try:
            async with await self._connected() as line:
                beating = asyncio.create_task(self._beat(line))
                try:
                    while True:
                        message = mapping.read_message(_text(await line.recv()))
                        if message is None:
                            continue
                        if message.hints:
                            yield message.hints
                        await line.send(message.ack)
                finally:
                    beating.cancel()
                    with suppress(asyncio.CancelledError, ConnectionClosed):
                        await beating
        except ConnectionClosed as error:
            raise Later(Cause.line_closed) from error

    async def _connected(self) -> ClientConnection:
        path = mapping.message_path(self.shop.app_key, self.shop.app_secret, self.clock.now())
        try:
            return await connect(
                self.url.rstrip("/") + path,
                open_timeout=self.timeout_s,
                close_timeout=1,
                ping_interval=settings.PING_S,
                ping_timeout=settings.PING_S,
                max_size=settings.FRAME_MAX,
                proxy=None,
            )
        except InvalidURI as error:
            raise WrongSettings(Cause.bad_address) from error
        except InvalidStatus as error:
            if 400 <= error.response.status_code < 500:
                raise WrongSettings(Cause.not_theirs) from error
            raise Later(Cause.busy) from error
        except TimeoutError as error:
            raise Later(Cause.timeout) from error
        except (OSError, WebSocketException) as error:
            raise Later(Cause.no_connection) from error

    async def _beat(self, line: ClientConnection) -> None:
        while True:
            await line.send(mapping.HEARTBEAT)
            await asyncio.sleep(self.heartbeat_s)


def _text(frame: str | bytes) -> str:
    return frame if isinstance(frame, str) else frame.decode("utf-8", "replace")
