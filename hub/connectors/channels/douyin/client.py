"""The one place that speaks to Douyin's gateway."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import httpx
import msgspec

from app.ports import Clock
from hub.config import Shop
from hub.connectors.channels.douyin import mapping
from hub.connectors.channels.douyin import settings as say
from hub.connectors.http import posted
from hub.connectors.payload import Payload, as_json
from hub.connectors.shapes import (
    BadPayload,
    Cause,
    NotTaken,
    Paces,
    Seen,
    Shipment,
    ShopDoor,
    ShopTrouble,
    SignInAgain,
    TokenExpired,
    Tokens,
    Told,
    WrongSettings,
)


def open_shop(shop: Shop, http: httpx.AsyncClient, clock: Clock) -> ShopDoor:
    """The door to one shop. ``http`` is shared and stays its owner's. Raises :class:`WrongSettings` without a key."""
    for name in ("app_key", "app_secret"):
        if not getattr(shop, name):
            raise WrongSettings(Cause.lacks.of(name))
    return DouyinShop(shop, http, clock)


class DouyinShop:
    """See :class:`hub.connectors.shapes.ShopDoor`."""

    paces: Paces = say.PACES

    def __init__(self, shop: Shop, http: httpx.AsyncClient, clock: Clock) -> None:
        self._shop = shop
        self._http = http
        self._clock = clock
        self._base = (shop.base_url or say.GATEWAY).rstrip("/")

    def with_token(self, access_token: str) -> ShopDoor:
        return DouyinShop(
            msgspec.structs.replace(self._shop, access_token=access_token), self._http, self._clock
        )

    async def changed(self, since: datetime, until: datetime) -> AsyncIterator[Sequence[Seen]]:
        """Pages of whole orders by time of change, the last page first: an order that changes while we read leaves
        the span, and those behind it move to pages that are still to come."""
        first, last = math.floor(since.timestamp()), math.ceil(until.timestamp())
        oldest = math.ceil((self._clock.now() - self.paces.keeps + timedelta(minutes=5)).timestamp())
        async for page in self._span(max(first, oldest), last):
            yield page

    async def _span(self, first: int, last: int) -> AsyncIterator[Sequence[Seen]]:
        if first >= last:
            return
        answer = await self._page(first, last, 0)
        total = answer.whole("total", 0)
        if total > say.ROWS_MAX and last - first > 1:
            middle = (first + last) // 2
            for half in ((first, middle), (middle, last)):
                async for page in self._span(*half):
                    yield page
            return
        for number in range((total - 1) // say.PAGE, 0, -1):
            yield self._seen(await self._page(first, last, number))
        yield self._seen(await self._page(first, last, 0) if total > say.PAGE else answer)

    async def _page(self, first: int, last: int, page: int) -> Payload:
        params = {
            "page": page,
            "size": say.PAGE,
            "order_by": "update_time",
            "order_asc": True,
            "update_time_start": first,
            "update_time_end": last,
        }
        answer = await self._ask("order.searchList", params)
        return answer.need("data")

    def _seen(self, page: Payload) -> Sequence[Seen]:
        """All orders of a page. One that cannot be read comes with its number alone: its detail is asked for. One
        without a number comes as it is."""
        return [self._one(order) for order in page.items("shop_order_list")]

    def _one(self, order: Payload) -> Seen:
        try:
            told = mapping.told(order, self._shop)
        except BadPayload:
            return self._torn(order)
        return Seen(channel_order_no=told.order.channel_order_no, modified_at=told.modified_at, told=told)

    def _torn(self, order: Payload) -> Seen:
        try:
            return Seen(channel_order_no=mapping.order_no_of(order))
        except BadPayload:
            return Seen(channel_order_no="", damaged=as_json(order.value), path=order.at)

    async def order(self, channel_order_no: str) -> Told | None:
        detail = await self._detail(channel_order_no)
        return None if detail is None else mapping.told(detail, self._shop)

    async def _detail(self, channel_order_no: str) -> Payload | None:
        try:
            answer = await self._ask("order.orderDetail", {"shop_order_id": channel_order_no})
        except NotTaken as error:
            if any(words in error.word for words in say.NO_SUCH_ORDER):
                return None
            raise
        return answer.get("data.shop_order_detail")

    async def ship(self, shipment: Shipment) -> None:
        """Tells the waybill of the whole order. After "no" the order is asked whether it has that number already."""
        params = {
            "order_id": shipment.channel_order_no,
            "company_code": say.COMPANY_OF.get(shipment.carrier, shipment.carrier),
            "logistics_code": shipment.waybill_no,
        }
        try:
            await self._ask("order.logisticsAdd", params)
        except NotTaken:
            detail = await self._detail(shipment.channel_order_no)
            if detail is None or not mapping.has_waybill(detail, shipment.waybill_no):
                raise

    async def refresh(self, refresh_token: str) -> Tokens:
        params = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        try:
            answer = await self._ask("token.refresh", params, token="")
        except (NotTaken, TokenExpired) as error:
            raise SignInAgain(error.word) from error
        data = answer.need("data")
        return Tokens(
            access_token=data.text("access_token"),
            refresh_token=data.text("refresh_token", ""),
            expires_at=self._clock.now() + timedelta(seconds=min(data.whole("expires_in", 0), 10**9)),
        )

    async def check(self) -> None:
        now = int(self._clock.now().timestamp())
        params = {"page": 0, "size": 1, "order_by": "update_time", "order_asc": False}
        params |= {"update_time_start": now - 3600, "update_time_end": now}
        await self._ask("order.searchList", params)

    async def _ask(self, method: str, params: dict[str, Any], token: str | None = None) -> Payload:
        """A good answer as a whole, or the trouble it told."""
        body = mapping.param_json(params)
        token = self._shop.access_token if token is None else token
        query = mapping.query(self._shop, method, body, self._clock.now(), token)
        raw = await self._post(f"{self._base}/{method.replace('.', '/')}", query, body.encode())
        answer = Payload.read(raw)
        if found := mapping.trouble(answer):
            raise self._without_secrets(found)
        return answer

    async def _post(self, url: str, query: dict[str, str], body: bytes) -> bytes:
        headers = {"content-type": "application/json;charset=UTF-8"}
        return await posted(
            self._http,
            url,
            say.TIMEOUT_S,
            after=say.WAIT_ELSE,
            params=query,
            content=body,
            headers=headers,
        )

    def _without_secrets(self, found: ShopTrouble) -> ShopTrouble:
        for secret in (self._shop.app_secret, self._shop.access_token, self._shop.refresh_token):
            if len(secret) >= 4:
                found.word = found.word.replace(secret, "***")
        found.args = (found.word,)
        return found
