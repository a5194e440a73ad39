"""A scripted platform over real HTTP for tests of the line: orders, tokens, pushes, and bad manners on demand."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import threading
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from app.core.channel import ChannelLine, ChannelOrder
from app.core.hints import HintKind
from app.core.order import Consignee, RefundState
from app.ports import Clock
from hub.config import Shop
from hub.connectors.contract import Manifest
from hub.connectors.line.shops import Folder
from hub.connectors.shapes import (
    BadPayload,
    BadSignature,
    Hint,
    Later,
    NoPermission,
    NotTaken,
    Paces,
    Push,
    Seen,
    Shipment,
    SignInAgain,
    TokenExpired,
    Tokens,
    Told,
    WrongSettings,
)

SECRET = "platform secret"
PACES = Paces(window=timedelta(hours=12), behind=timedelta(0), overlap=timedelta(seconds=2))
MANIFEST = Manifest(
    name="rehearsal",
    kind="channel",
    title_zh="排练平台",
    title_en="Rehearsal platform",
    capabilities=["orders_poll", "orders_push", "order_detail", "ship_back"],
    timeout_s=20.0,  # a busy machine is no platform that never answers
    secrets=["app_secret", "access_token", "refresh_token"],
)
#: What an answer's code means, as the platform's own manual would say.
_CODES: dict[str, Any] = {
    "expired": TokenExpired,
    "sign_in": SignInAgain,
    "permission": NoPermission,
    "key": WrongSettings,
    "busy": Later,
    "no": NotTaken,
}


@dataclass
class Platform:
    """What the platform holds. Change it from the test; the server reads it under no lock (one word at a time)."""

    orders: dict[str, dict[str, Any]] = field(default_factory=dict)
    hidden: set[str] = field(default_factory=set)
    """In no list and no push: the case of the morning sweep."""
    token: str = "t1"
    refresh_tokens: dict[str, str] = field(default_factory=lambda: {"r1": "t2"})
    trouble: str = ""
    """A code every call is answered with; "500" as a status."""
    garbled: set[str] = field(default_factory=set)
    refuses_ship: str = ""
    shipped: list[tuple[str, str]] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    spans: list[tuple[datetime, datetime]] = field(default_factory=list)
    die_after_pages: int = -1
    garbled_lists: bool = False
    torn: set[str] = field(default_factory=set)
    """Orders that lists bring without their number."""
    held_up: set[str] = field(default_factory=set)
    """Orders told only when ``let_go`` is set."""
    let_go: threading.Event = field(default_factory=threading.Event)
    messages: list[dict[str, Any]] = field(default_factory=list)
    """Events that wait for whoever listens; the first goes when it was acknowledged."""
    acknowledged: list[str] = field(default_factory=list)
    url: str = ""

    def put(self, no: str, modified_at: datetime | None = None, **says: Any) -> None:
        """An order, changed now unless said otherwise."""
        at = modified_at or datetime.now(UTC)
        self.orders[no] = {"no": no, "modified": at.isoformat(), **self.orders.get(no, {}), **says}
        self.orders[no]["modified"] = at.isoformat()

    def count(self, call: str) -> int:
        return sum(one == call for one in self.calls)

    # ----------------------------------------------------------------------------------------- over HTTP

    def answer(self, path: str, query: Mapping[str, str], token: str) -> tuple[int, Any]:
        self.calls.append(path)
        if self.trouble == "500":
            return 500, {}
        if self.trouble:
            return 200, {"code": self.trouble}
        if path == "/refresh":
            fresh = self.refresh_tokens.get(query["refresh_token"])
            if fresh is None:
                return 200, {"code": "sign_in"}
            self.token = fresh
            return 200, {"access_token": fresh, "refresh_token": "r2"}
        if token != self.token:
            return 200, {"code": "expired"}
        if path == "/messages":
            if ack := query.get("ack"):
                self.acknowledged.append(ack)
                self.messages = [event for event in self.messages if event["id"] != ack]
            return 200, {"event": self.messages[0] if self.messages else None}
        if path == "/changed":
            return self._changed(query)
        if path == "/order":
            if query["no"] in self.held_up:
                self.let_go.wait(20)
            if query["no"] in self.garbled:
                return 200, {"order": {"no": 1}}
            return 200, {"order": self.orders.get(query["no"])}
        if path == "/ship":
            if self.refuses_ship:
                return 200, {"code": self.refuses_ship}
            self.shipped.append((query["no"], query["waybill_no"]))
        return 200, {}

    def _changed(self, query: Mapping[str, str]) -> tuple[int, Any]:
        since, until = (datetime.fromisoformat(query[name]) for name in ("since", "until"))
        page = int(query["page"])
        if page == 0:
            self.spans.append((since, until))
        if 0 <= self.die_after_pages <= page:
            return 500, {}
        found = sorted(
            (order["modified"], no)
            for no, order in self.orders.items()
            if no not in self.hidden and since <= datetime.fromisoformat(order["modified"]) < until
        )
        if self.garbled_lists:
            return 200, {"rows": [{"no": 7}], "more": False}
        rows = [
            {"no": None if no in self.torn else no, "modified": at}
            for at, no in found[page * 5 : page * 5 + 5]
        ]
        return 200, {"rows": rows, "more": len(found) > page * 5 + 5}

    def push(self, *events: dict[str, Any], secret: str = SECRET) -> tuple[bytes, dict[str, str]]:
        """A signed push: its body and headers."""
        raw = json.dumps(list(events)).encode()
        sign = hmac.new(secret.encode(), raw, hashlib.sha256).hexdigest()
        return raw, {"X-Sign": sign, "Content-Type": "application/json"}


def an_event(
    event_id: str, no: str, kind: HintKind | str = "changed", at: datetime | None = None
) -> dict[str, Any]:
    return {"id": event_id, "no": no, "kind": str(kind), "at": (at or datetime.now(UTC)).isoformat()}


@contextmanager
def platform_serving(platform: Platform | None = None) -> Iterator[Platform]:
    """The platform on a free port of loopback."""
    served = platform or Platform()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            status, body = served.answer(parts.path, query, self.headers.get("X-Token", ""))
            raw = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *said: Any) -> None:
            """Nobody reads it."""

    class Server(ThreadingHTTPServer):
        #: Five, as it is, are fewer than ask at once: the others would knock again after seconds.
        request_queue_size = 128

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    served.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=10)


# ------------------------------------------------------------------------------------- its folder on our side


@dataclass(frozen=True)
class Door:
    """A :class:`hub.connectors.shapes.ShopDoor`."""

    shop: Shop
    http: httpx.AsyncClient
    token: str
    paces: Paces = PACES

    async def changed(self, since: datetime, until: datetime) -> AsyncIterator[Sequence[Seen]]:
        page, more = 0, True
        while more:
            span = {"since": since.isoformat(), "until": until.isoformat(), "page": str(page)}
            said = await self._get("/changed", span)
            if any(isinstance(row["no"], int) for row in said["rows"]):
                raise BadPayload("rows.no")
            yield [_seen(row) for row in said["rows"]]
            page, more = page + 1, said["more"]

    async def order(self, channel_order_no: str) -> Told | None:
        said = (await self._get("/order", {"no": channel_order_no}))["order"]
        return _told(said, self.shop) if said else None

    async def ship(self, shipment: Shipment) -> None:
        await self._get("/ship", {"no": shipment.channel_order_no, "waybill_no": shipment.waybill_no})

    async def refresh(self, refresh_token: str) -> Tokens:
        said = await self._get("/refresh", {"refresh_token": refresh_token})
        return Tokens(access_token=said["access_token"], refresh_token=said["refresh_token"])

    async def check(self) -> None:
        await self._get("/check", {})

    def with_token(self, access_token: str) -> Door:
        return replace(self, token=access_token)

    async def _get(self, path: str, query: dict[str, str]) -> dict[str, Any]:
        try:
            answer = await self.http.get(
                self.shop.base_url + path, params=query, headers={"X-Token": self.token}
            )
        except httpx.HTTPError as error:
            raise Later(type(error).__name__) from error
        if answer.status_code != 200:
            raise Later(f"HTTP {answer.status_code}")
        said: dict[str, Any] = answer.json()
        if code := said.get("code"):
            raise _CODES[code](code)
        return said


def _seen(row: dict[str, Any]) -> Seen:
    if row["no"] is None:
        return Seen(channel_order_no="", damaged=json.dumps(row), path="rows.no")
    return Seen(channel_order_no=row["no"], modified_at=_at(row["modified"]))


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _told(said: dict[str, Any], shop: Shop) -> Told:
    if not isinstance(said["no"], str):
        raise BadPayload("order.no")
    order = ChannelOrder(
        channel="rehearsal",
        shop_id=shop.id,
        channel_order_no=said["no"],
        channel_state=said.get("state", "paid"),
        refund_state=RefundState(said.get("refund", "none")),
        is_cancelled=said.get("state") == "cancelled",
        is_risk=said.get("risk", False),
        paid_at=_at(said["modified"]),
        ship_by_at=_at(said["ship_by"]) if said.get("ship_by") else None,
        paid_fen=5900,
        lines=(ChannelLine(sku_code="SKU-1", title="毛巾", qty=1, price_fen=5900),),
        consignee=Consignee(
            name="林小明", phone="18300012807", address=said.get("address", "杭州市西湖区文三路1号")
        ),
    )
    return Told(
        order=order, modified_at=_at(said["modified"]), raw=b"{}", unknown=tuple(said.get("unknown", ()))
    )


def read_push(raw: bytes, headers: Mapping[str, str], shop: Shop, now: datetime) -> Push:
    given = {name.lower(): value for name, value in headers.items()}.get("x-sign", "")
    expected = hmac.new(shop.app_secret.encode(), raw, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(given.encode(), expected.encode()):
        raise BadSignature("x-sign")
    hints, damaged = [], []
    for event in json.loads(raw):
        try:
            hints.append(_hint(event))
        except (KeyError, ValueError, TypeError):
            damaged.append(json.dumps(event))
    return Push(hints=tuple(hints), answer=b'{"taken":true}', damaged=tuple(damaged))


def _hint(event: dict[str, Any]) -> Hint:
    return Hint(
        event_id=event["id"],
        channel_order_no=event["no"],
        kind=HintKind(event["kind"]),
        at=_at(event["at"]),
        word=event["kind"],
        seller=event.get("seller", ""),
    )


def open_shop(shop: Shop, http: httpx.AsyncClient, clock: Clock) -> Door:
    if not shop.base_url:
        raise WrongSettings("base_url")
    return Door(shop, http, shop.access_token)


@dataclass(frozen=True)
class Messages:
    """A :class:`hub.connectors.shapes.Listener`: asks again and again, acknowledges with the next question."""

    shop: Shop

    async def hints(self) -> AsyncIterator[Sequence[Hint]]:
        taken = ""
        async with httpx.AsyncClient(trust_env=False, verify=False, timeout=20) as http:
            while True:
                door = Door(self.shop, http, self.shop.access_token)
                event = (await door._get("/messages", {"ack": taken} if taken else {}))["event"]
                taken = ""
                if event is None:
                    await asyncio.sleep(0.02)
                    continue
                yield [_hint(event)]
                taken = event["id"]


def open_listener(shop: Shop, clock: Clock) -> Messages:
    return Messages(shop)


FOLDER = Folder(manifest=MANIFEST, open_shop=open_shop, read_push=read_push)


LISTENING = replace(FOLDER, open_listener=open_listener)


def folders(connector: str) -> Folder | None:
    return FOLDER if connector == "rehearsal" else None


def listening_folders(connector: str) -> Folder | None:
    return LISTENING if connector == "rehearsal" else None


def toml_of(platform: Platform, shop_id: str = "shop-1", **more: Any) -> str:
    """The [[shop]] of a hub.toml that speaks to this platform."""
    given = {
        "id": shop_id,
        "connector": "rehearsal",
        "base_url": platform.url,
        "app_secret": SECRET,
        "access_token": "t1",
        "refresh_token": "r1",
        "poll_s": 86_400,
        **more,
    }
    return "[[shop]]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in given.items())
