"""Every door of the hub as a call, and what can go wrong as :class:`app.ports.HubTrouble`. The client's only httpx.

httpx takes about as long to import as a window to open. It is therefore imported where a call goes out: in the
background thread, after the first window was painted.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

import msgspec

from app import wire
from app.core.order import LeaseStep
from app.ports import (
    FeedGone,
    HubAway,
    HubTrouble,
    NotAllowed,
    NotThatHub,
    Rejected,
    SignInFailed,
    UpdateMe,
)
from sync.places import Limits, Place, Places

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")

SESSION_HEADER = "x-orderdock-session"
WIRE_HEADER = "x-orderdock-wire"
#: Silence on the stream for so long means the hub is out of reach (heartbeats come every 5 s).
SILENCE_S = 12.0
_UPLOAD_S = 600.0
#: So long a call may take for which the hub asks a platform.
_PLATFORM_S = 120.0
#: What a packed page begins with (RFC 8878); a page of JSON begins with a brace.
_ZSTD = b"\x28\xb5\x2f\xfd"


StreamEvent = wire.ChangePage | wire.Urgent | wire.Head


class HubClient:
    """One hub, one station token; ``session`` is the person signed on, sent only where a person counts."""

    def __init__(
        self,
        hub_url: str,
        token: str = "",
        *,
        lang: Callable[[], str] = lambda: "zh",
        ca_pem: str = "",
        http: httpx.AsyncClient | None = None,
    ) -> None:
        """``ca_pem``: the only authority the hub's certificate may come from; empty: those the system knows.

        Raises Insecure for plain HTTP to another machine. ``http`` lets tests bring their own transport.
        """
        self._places = Places(hub_url, ca_pem, http)
        self._token = token
        self._lang = lang
        self._session = ""

    async def close(self) -> None:
        await self._places.close()

    # ---------------------------------------------------------------------------------- the wire

    async def health(self) -> wire.Health:
        return await self._call(wire.Health, "GET", "/healthz")

    async def changes(self, after: int, epoch: str, limit: int, wait_s: int = 0) -> bytes:
        """One page of the feed as it came, packed or not, for :func:`page_of` off the loop. Raises FeedGone."""
        params: dict[str, str] = {"after": str(after), "limit": str(limit)}
        if epoch and after:
            params["epoch"] = epoch
        if wait_s:
            params["wait"] = str(wait_s)
        headers = self._headers() | {"accept-encoding": "zstd"}
        timeout = _within(30.0 + wait_s)
        came: list[bytes] = []

        async def ask(place: Place) -> httpx.Response:
            url = place.url + "/v1/changes"
            async with place.opened().stream(
                "GET", url, params=params, headers=headers, timeout=timeout
            ) as answer:
                if answer.status_code == 200:
                    came.extend([part async for part in answer.aiter_raw()])
                else:
                    await answer.aread()
                return answer

        await self._answered(ask)
        return b"".join(came)

    @asynccontextmanager
    async def stream(self, after: int, epoch: str) -> AsyncIterator[AsyncIterator[StreamEvent]]:
        """The two lanes, opened: an iterator of events. Raises FeedGone; HubAway after 12 s of silence."""
        import httpx

        place = await self._places.ready()
        params = {"after": str(after)} | ({"epoch": epoch} if epoch and after else {})
        headers = self._headers() | {"accept": "text/event-stream", "accept-encoding": "identity"}
        timeout = _within(SILENCE_S)
        try:
            async with place.opened().stream(
                "GET", place.url + "/v1/stream", params=params, headers=headers, timeout=timeout
            ) as answer:
                if answer.status_code != 200:
                    await answer.aread()
                    raise self._known(trouble_of(answer), place)
                place.is_ours = True
                async with aclosing(_events(answer, lambda: self._places.lost(place))) as events:
                    yield events
        except httpx.HTTPError as error:
            self._places.lost(place)
            raise HubAway(hint=type(error).__name__) from error

    async def acts(self, envelopes: list[wire.Envelope], session: str = "") -> list[wire.Receipt]:
        """One receipt per act, whatever the outcome. ``session``: of who did them, also when it has ended."""
        headers = {SESSION_HEADER: session} if session else {}
        return await self._call(list[wire.Receipt], "POST", "/v1/acts", envelopes, headers=headers)

    async def beat(self, beat: wire.Beat) -> wire.BeatAnswer:
        return await self._call(wire.BeatAnswer, "PUT", "/v1/stations/me", beat)

    async def digest(self) -> wire.Digest:
        return await self._call(wire.Digest, "GET", "/v1/digest")

    async def repair(self, ask: wire.RepairAsk) -> wire.Repair:
        """What is right where our copy differs."""
        return await self._call(wire.Repair, "POST", "/v1/digest/repair", ask)

    async def rows(self, number: str) -> wire.Rows:
        """What the feed holds about the order of this number, ahead of the page it comes with."""
        return await self._call(wire.Rows, "GET", "/v1/rows", params={"number": number})

    async def leases(self, ask: wire.LeaseAsk) -> list[wire.LeaseAnswer]:
        return await self._call(list[wire.LeaseAnswer], "POST", "/v1/leases", ask, as_person=True)

    async def go_check(self, parcel_no: str, step: LeaseStep, timeout_s: float) -> wire.GoAnswer:
        ask = wire.GoAsk(parcel_no=parcel_no, step=step)
        return await self._call(
            wire.GoAnswer, "POST", "/v1/go_checks", ask, as_person=True, timeout=timeout_s
        )

    async def label(self, parcel_no: str) -> wire.LeaseAnswer:
        """Label data for one print."""
        path = f"/v1/parcels/{quote(parcel_no, safe='')}/label"
        return await self._call(wire.LeaseAnswer, "POST", path, {}, as_person=True)

    # ---------------------------------------------------------------------------------- who is here

    async def pair(self, code: str, name: str) -> wire.Paired:
        return await self._call(wire.Paired, "POST", "/v1/stations", wire.PairRequest(code=code, name=name))

    async def sign_in(self, sign_in: wire.SignIn) -> wire.Session:
        """From now on calls that a person answers for are this person's. Without a station token: a session alone."""
        session = await self._call(wire.Session, "POST", "/v1/sessions", sign_in)
        if self._token:
            self._session = session.token
        else:
            self._token = session.token
        return session

    async def sign_out(self) -> None:
        """The station acts as itself again, also when the hub cannot be told."""
        self._session, was = "", self._session
        if was:
            await self._asked("POST", "/v1/sessions/end", content=b"{}")

    async def me(self) -> wire.Me:
        """Who the hub takes us for."""
        return await self._call(wire.Me, "GET", "/v1/sessions/me", as_person=True)

    async def pairing_code(self, kind: wire.StationKind, warehouse: str) -> wire.PairingCode:
        """A code with which another station may join."""
        ask = wire.PairingAsk(kind=kind, warehouse=warehouse)
        return await self._call(wire.PairingCode, "POST", "/v1/pairing_codes", ask, as_person=True)

    async def set_up(self, ask: wire.SetUp) -> None:
        """Makes the first administrator of a new hub, with the code it said at its start."""
        await self._call(wire.Done, "POST", "/v1/setup", ask)

    async def users(self) -> list[wire.UserView]:
        """Everybody who may sign on."""
        return (await self._call(wire.UserList, "GET", "/v1/users", as_person=True)).users

    async def add_user(self, user: wire.NewUser) -> wire.UserView:
        return await self._call(wire.UserView, "POST", "/v1/users", user, as_person=True)

    async def set_password(self, name: str, password: str) -> None:
        """A new password; whoever is signed on with the old one is signed off."""
        ask = wire.NewPassword(password=password)
        await self._call(wire.Done, "POST", f"/v1/users/{quote(name, safe='')}/password", ask, as_person=True)

    async def set_role(self, name: str, role: str, *, is_disabled: bool = False) -> None:
        """Another role, or none any more."""
        ask = wire.NewRole(role=role, is_disabled=is_disabled)
        await self._call(wire.Done, "POST", f"/v1/users/{quote(name, safe='')}/role", ask, as_person=True)

    async def make_badge(self, name: str) -> wire.Badge:
        """A new badge: its code is told this once, the one before is worthless."""
        path = f"/v1/users/{quote(name, safe='')}/badge"
        return await self._call(wire.Badge, "POST", path, {}, as_person=True)

    async def revoke_badge(self, name: str) -> None:
        """The badge signs nobody on any more; who is signed on is signed off."""
        path = f"/v1/users/{quote(name, safe='')}/badge/revoke"
        await self._call(wire.Done, "POST", path, {}, as_person=True)

    async def revoke(self, station_id: str) -> None:
        """Takes a station's token away."""
        path = f"/v1/stations/{quote(station_id, safe='')}/revoke"
        await self._asked("POST", path, content=b"{}", as_person=True)

    # ---------------------------------------------------------------------------------- orders

    async def order(self, order_no: str) -> Any:
        from app.core.order import Order

        return await self._call(Order, "GET", f"/v1/orders/{quote(order_no, safe='')}", as_person=True)

    async def orders(self, q: str, after: str = "") -> wire.OrderList:
        params = {"q": q} | ({"after": after} if after else {})
        return await self._call(wire.OrderList, "GET", "/v1/orders", params=params, as_person=True)

    async def my_day(self) -> wire.MyDay:
        """What who is signed on, else this station, packed today."""
        return await self._call(wire.MyDay, "GET", "/v1/me/day", as_person=True)

    async def work_day(self, day: str = "") -> wire.WorkDay:
        """What was packed on a business day, by warehouse and person."""
        return await self._call(wire.WorkDay, "GET", "/v1/work", params={"day": day}, as_person=True)

    async def work_acts(self, day: str, who: str, station_id: str, after: str = "") -> wire.WorkActs:
        """The acts of one of them, oldest first."""
        params = {"day": day, "who": who, "station": station_id, "after": after}
        return await self._call(wire.WorkActs, "GET", "/v1/work/acts", params=params, as_person=True)

    async def work_csv(self, day: str) -> bytes:
        """Every act of that day as a CSV."""
        asked = await self._asked("GET", "/v1/exports/work", params={"day": day}, as_person=True)
        return asked.content

    async def story(self, order_no: str) -> list[wire.StoryEntry]:
        path = f"/v1/orders/{quote(order_no, safe='')}/story"
        return await self._call(list[wire.StoryEntry], "GET", path, as_person=True)

    async def reveal(self, order_no: str, reason: str) -> wire.Revealed:
        path = f"/v1/orders/{quote(order_no, safe='')}/reveal"
        return await self._call(wire.Revealed, "POST", path, wire.RevealAsk(reason=reason), as_person=True)

    async def ack_alarm(self, alarm_id: str) -> None:
        path = f"/v1/alarms/{quote(alarm_id, safe='')}/ack"
        await self._asked("POST", path, content=b"{}", as_person=True)

    async def restored_go(self) -> wire.Restored:
        """Waybill numbers of a restored hub are given again, whoever has not come back."""
        return await self._call(wire.Restored, "POST", "/v1/restored/go", {}, as_person=True)

    async def restored_brought(self) -> wire.Restored:
        """What came since the backup was brought in again."""
        return await self._call(wire.Restored, "POST", "/v1/restored/brought", {}, as_person=True)

    async def import_file(
        self,
        data: bytes,
        filename: str,
        kind: str = "orders",
        *,
        shop: str = "",
        map_: str = "",
        dry_run: bool = False,
        ticket: str = "",
    ) -> wire.ImportReport:
        """A file of orders, items or waybill numbers; bad rows come back in the report."""
        params = {"kind": kind, "filename": filename, "dry_run": "true" if dry_run else "false"}
        params |= {k: v for k, v in {"shop": shop, "map": map_, "ticket": ticket}.items() if v}
        headers = {"content-type": "application/octet-stream"}
        answer = await self._asked(
            "POST",
            "/v1/imports",
            params=params,
            content=data,
            headers=headers,
            as_person=True,
            timeout=_within(_UPLOAD_S),
        )
        return _decoded(answer, wire.ImportReport)

    async def import_progress(self, ticket: str) -> wire.ImportProgress:
        """Raises Rejected when no import of this ticket is under way."""
        path = f"/v1/imports/{quote(ticket, safe='')}"
        return await self._call(wire.ImportProgress, "GET", path, as_person=True)

    async def stop_import(self, ticket: str) -> None:
        path = f"/v1/imports/{quote(ticket, safe='')}/stop"
        await self._asked("POST", path, content=b"{}", as_person=True)

    async def shops(self) -> wire.ShopList:
        return await self._call(wire.ShopList, "GET", "/v1/shops", as_person=True)

    async def check_shop(self, shop_id: str) -> wire.ShopChecked:
        return await self._call(wire.ShopChecked, "POST", _shop(shop_id, "/check"), {}, as_person=True)

    async def check_courier(self, connector: str) -> wire.ShopChecked:
        path = f"/v1/couriers/{quote(connector, safe='')}/check"
        return await self._call(wire.ShopChecked, "POST", path, {}, as_person=True)

    async def poll_shop(self, shop_id: str) -> wire.ShopPolled:
        """Takes as long as the platform: minutes after a long silence."""
        path = _shop(shop_id, "/poll")
        return await self._call(
            wire.ShopPolled, "POST", path, {}, as_person=True, timeout=_within(_PLATFORM_S)
        )

    async def set_shop_pace(self, shop_id: str, poll_s: int) -> None:
        pace = wire.ShopPace(poll_s=poll_s)
        await self._call(wire.Done, "PUT", _shop(shop_id), pace, as_person=True)

    async def sweep_shop(self, shop_id: str) -> wire.MissedOrders:
        path = _shop(shop_id, "/sweep")
        return await self._call(
            wire.MissedOrders, "POST", path, {}, as_person=True, timeout=_within(_PLATFORM_S)
        )

    async def missed_orders(self, shop_id: str) -> wire.MissedOrders:
        return await self._call(wire.MissedOrders, "GET", _shop(shop_id, "/missed"), as_person=True)

    async def take_missed(self, shop_id: str) -> wire.MissedTaken:
        path = _shop(shop_id, "/missed")
        return await self._call(
            wire.MissedTaken, "POST", path, {}, as_person=True, timeout=_within(_PLATFORM_S)
        )

    async def ask_courier(self, parcel_no: str) -> wire.TrackAsked:
        path = f"/v1/parcels/{quote(parcel_no, safe='')}/track"
        return await self._call(
            wire.TrackAsked, "POST", path, {}, as_person=True, timeout=_within(_PLATFORM_S)
        )

    async def ship_backs(self) -> wire.ShipBackList:
        return await self._call(wire.ShipBackList, "GET", "/v1/ship_backs", as_person=True)

    async def retry_ship_back(self, parcel_no: str) -> bool:
        path = f"/v1/ship_backs/{quote(parcel_no, safe='')}/retry"
        done = await self._call(wire.Done, "POST", path, {}, as_person=True, timeout=_within(_PLATFORM_S))
        return done.done

    async def quarantine(self) -> wire.QuarantineList:
        return await self._call(wire.QuarantineList, "GET", "/v1/quarantine", as_person=True)

    async def retry_quarantine(self, quarantine_id: str) -> bool:
        path = f"/v1/quarantine/{quote(quarantine_id, safe='')}/retry"
        done = await self._call(wire.Done, "POST", path, {}, as_person=True, timeout=_within(_PLATFORM_S))
        return done.done

    # ---------------------------------------------------------------------------------- underneath

    def _opened(self) -> httpx.AsyncClient:
        """The connections to the present address. HubAway after `close`."""
        return self._places.current.opened()

    def also_at(self, addresses: Iterable[str]) -> None:
        """Further addresses of the same hub, as it names them."""
        self._places.know(addresses)

    @property
    def address(self) -> str:
        """Where the next call goes."""
        return self._places.current.url

    def _headers(self, as_person: bool = False) -> dict[str, str]:
        headers = {"accept-language": self._lang(), WIRE_HEADER: str(wire.WIRE)}
        if self._token:
            headers["authorization"] = f"Bearer {self._token}"
        if as_person and self._session:
            headers[SESSION_HEADER] = self._session
        return headers

    async def _call(
        self,
        shape: type[T],
        method: str,
        path: str,
        body: object = None,
        *,
        as_person: bool = False,
        **more: Any,
    ) -> T:
        if body is not None:
            more["content"] = msgspec.json.encode(body)
        return _decoded(await self._asked(method, path, as_person=as_person, **more), shape)

    async def _asked(
        self,
        method: str,
        path: str,
        *,
        as_person: bool = False,
        headers: dict[str, str] | None = None,
        **more: Any,
    ) -> httpx.Response:
        """One call. Raises HubTrouble for everything but 200."""
        kind = {"content-type": "application/json"} if "content" in more else {}
        said = self._headers(as_person) | kind | (headers or {})
        return await self._answered(
            lambda place: place.opened().request(method, place.url + path, headers=said, **more), as_person
        )

    async def _answered(
        self, ask: Callable[[Place], Awaitable[httpx.Response]], as_person: bool = False
    ) -> httpx.Response:
        """What the present place says to it. Raises HubTrouble for everything but 200."""
        import httpx

        place = await self._places.ready()
        try:
            answer = await ask(place)
        except httpx.HTTPError as error:
            # an answer that is only late may still come from there
            if isinstance(error, httpx.NetworkError | httpx.ConnectTimeout | httpx.RemoteProtocolError):
                self._places.lost(place)
            raise _no_answer(error) from error
        if answer.status_code != 200:
            raise self._noted(self._known(trouble_of(answer), place), as_person)
        place.is_ours = place.is_ours or bool(self._token)
        return answer

    def _known(self, trouble: HubTrouble, place: Place) -> HubTrouble:
        """A place that cannot serve is left; one that never took our token may be no place of this hub at all."""
        is_strange = isinstance(trouble, SignInFailed) and not place.is_ours
        if is_strange or isinstance(trouble, HubAway):
            is_other = self._places.lost(place)
            return HubAway(hint=place.url) if is_strange and is_other else trouble
        return trouble

    def _noted(self, trouble: HubTrouble, as_person: bool) -> HubTrouble:
        """An ended session is the person's, not the station's: the next call goes without it."""
        if as_person and isinstance(trouble, SignInFailed) and trouble.code == "session_ended":
            self._session = ""
        return trouble


def _shop(shop_id: str, call: str = "") -> str:
    return f"/v1/shops/{quote(shop_id, safe='')}{call}"


def _within(seconds: float) -> Limits:
    """So long for whatever comes, and no longer than usual for a connection."""
    return (4.0, seconds, seconds, seconds)


async def _events(answer: httpx.Response, lost: Callable[[], object]) -> AsyncGenerator[StreamEvent, None]:
    import httpx
    from httpx_sse import EventSource, SSEError

    try:
        async with aclosing(EventSource(answer).aiter_sse()) as events:
            async for event in events:
                shape = _SHAPES.get(event.event)
                if shape is not None:  # a newer hub may say more than we know
                    yield _parsed(event.data, shape)
    except (httpx.HTTPError, SSEError) as error:
        lost()
        raise HubAway(hint=type(error).__name__) from error
    lost()
    raise HubAway(hint="stream ended")


_SHAPES: dict[str, Any] = {"changes": wire.ChangePage, "urgent": wire.Urgent, "head": wire.Head}


def _parsed(data: str | bytes, shape: type[T]) -> T:
    try:
        return msgspec.json.decode(data, type=shape)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise HubAway(hint="not understood") from error


def _decoded(answer: httpx.Response, shape: type[T]) -> T:
    return _parsed(answer.content, shape)


def page_of(data: bytes) -> wire.ChangePage:
    """A feed page from its bytes, packed by zstd or not. Raises HubAway when something between garbled it."""
    if not data.startswith(_ZSTD):
        return _parsed(data, wire.ChangePage)
    import zstandard

    try:
        text = zstandard.ZstdDecompressor().decompress(data)
    except zstandard.ZstdError as error:
        raise HubAway(hint="not understood") from error
    return _parsed(text, wire.ChangePage)


def _no_answer(error: httpx.HTTPError) -> HubTrouble:
    """Somebody else's certificate is no weather: waiting does not help."""
    import ssl

    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return NotThatHub(hint=str(cause.verify_message))
        cause = cause.__cause__ or cause.__context__
    return HubAway(hint=type(error).__name__)


_BY_STATUS: dict[int, type[HubTrouble]] = {403: NotAllowed, 410: FeedGone}


def trouble_of(answer: httpx.Response) -> HubTrouble:
    """What a status other than 200 means, with the hub's own words."""
    try:
        said = msgspec.json.decode(answer.content, type=wire.ErrorAnswer).error
    except (msgspec.DecodeError, msgspec.ValidationError):
        said = wire.ErrorBody(code="", text="")
    status = answer.status_code
    if said.code == "update_me":
        return UpdateMe(said.text, said.hint)
    if status == 401:
        return SignInFailed(said.text, said.hint, code=said.code)
    if status >= 500 or status in (408, 429):
        return HubAway(said.text, said.hint, _retry_after(answer))
    if status in _BY_STATUS:
        return _BY_STATUS[status](said.text, said.hint)
    return Rejected(said.text, said.hint, status=status, code=said.code)


def _retry_after(answer: httpx.Response) -> float | None:
    given = answer.headers.get("retry-after", "")
    return min(float(given), 60.0) if given.isdigit() else None
