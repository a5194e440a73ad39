"""Speaks to kuaidi100: subscribe and query. Everything the other side does comes out as ShopTrouble."""

from __future__ import annotations

from contextlib import suppress
from urllib.parse import urlencode

import httpx

from hub.connectors.carriers.kuaidi100 import mapping
from hub.connectors.carriers.kuaidi100.settings import (
    CHECKED_AS,
    PHONE_COMPANIES,
    TIMEOUT_S,
    WAYBILL_MAX,
    Account,
    Given,
)
from hub.connectors.couriers import CourierDoor, News, Parcel
from hub.connectors.http import posted
from hub.connectors.shapes import Cause, NotTaken

_FORM = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
_ANSWER_MAX = 2_000_000


def open_courier(carrier: Given, http: httpx.AsyncClient) -> CourierDoor:
    """Raises :class:`hub.connectors.shapes.WrongSettings` where key, customer or salt are missing."""
    return Kuaidi100(Account.of(carrier), http)


class Kuaidi100:
    """A :class:`CourierDoor` of one account."""

    def __init__(self, account: Account, http: httpx.AsyncClient) -> None:
        self._account = account
        self._http = http

    @property
    def takes_subscriptions(self) -> bool:
        return bool(self._account.callback_url)

    def needs_phone(self, carrier: str) -> bool:
        return carrier in PHONE_COMPANIES

    async def subscribe(self, parcel: Parcel) -> None:
        _check(parcel)
        mapping.read_subscribed(await self._post("/poll", mapping.subscribe_form(self._account, parcel)))

    async def query(self, parcel: Parcel) -> News:
        _check(parcel)
        raw = await self._post("/poll/query.do", mapping.query_form(self._account, parcel))
        return mapping.read_answer(raw, parcel.waybill_no)

    async def check(self, waybill_no: str) -> None:
        """Customer and key sign every question; a question without a result costs nothing."""
        with suppress(NotTaken):
            await self.query(Parcel(waybill_no=waybill_no, carrier=CHECKED_AS))

    async def _post(self, path: str, form: dict[str, str]) -> bytes:
        """The answer's body. Redirects are not followed: a form with a key goes where it was sent, nowhere else."""
        body = urlencode(form, encoding="utf-8").encode("ascii")
        url = self._account.base_url + path
        return await posted(self._http, url, TIMEOUT_S, size_max=_ANSWER_MAX, content=body, headers=_FORM)


def _check(parcel: Parcel) -> None:
    if not 4 <= len(parcel.waybill_no) <= WAYBILL_MAX:
        raise NotTaken(Cause.bad_number)
