"""One shop on its platform: the folder opened, its token kept fresh and sealed, every call through one door."""

from __future__ import annotations

import asyncio
import hashlib
import importlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

import httpx
import structlog

from app.ports import Clock
from hub.config import Shop
from hub.connectors.contract import Manifest, folders, manifest_of
from hub.connectors.line import records
from hub.connectors.line.watch import trouble_of, word_of
from hub.connectors.shapes import (
    Cause,
    Later,
    Listener,
    Push,
    ShopDoor,
    ShopTrouble,
    SignInAgain,
    TokenExpired,
    Tokens,
    WrongSettings,
)
from hub.orders.results import Sealer
from hub.orders.writer import Writer

T = TypeVar("T")
HttpOf = Callable[[float], httpx.AsyncClient]
ReadPush = Callable[[bytes, Mapping[str, str], Shop, datetime], Push]

log = structlog.get_logger(__name__)

#: A token that ends so soon is refreshed before it does.
_SOON = timedelta(minutes=10)
#: Nobody waits longer than this for "test connection".
CHECK_S = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """What the line uses of a platform's folder."""

    manifest: Manifest
    open_shop: Callable[[Shop, httpx.AsyncClient, Clock], ShopDoor]
    read_push: ReadPush | None = None
    open_listener: Callable[[Shop, Clock], Listener | None] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What "test connection" found: ``trouble`` "" is all well."""

    trouble: str = ""
    word: str = ""


def folder_of(connector: str) -> Folder | None:
    """The folder of a channel that speaks to a network; None for files and for platforms not built yet."""
    for place in folders():
        if place.name != connector or place.parent.name != "channels":
            continue
        manifest = manifest_of(place)
        if manifest.timeout_s <= 0:
            return None
        client: Any = importlib.import_module(f"hub.connectors.channels.{connector}.client")
        mapping: Any = importlib.import_module(f"hub.connectors.channels.{connector}.mapping")
        return Folder(
            manifest=manifest,
            open_shop=client.open_shop,
            read_push=getattr(mapping, "read_push", None),
            open_listener=getattr(client, "open_listener", None),
        )
    return None


class ShopLine:
    """A shop's door with its token."""

    def __init__(
        self, shop: Shop, folder: Folder, clock: Clock, writer: Writer, vault: Sealer, http_of: HttpOf
    ) -> None:
        self.shop = shop
        self.folder = folder
        self._clock = clock
        self._writer = writer
        self._vault = vault
        self._http = http_of(folder.manifest.timeout_s)
        self._turn = asyncio.Lock()
        self._tokens = Tokens(access_token=shop.access_token, refresh_token=shop.refresh_token)
        self._door: ShopDoor | None = None
        self._read: Callable[[str], records.SealedToken | None] = lambda shop_id: None

    @property
    def id(self) -> str:
        return self.shop.id

    @property
    def door(self) -> ShopDoor:
        """Raises :class:`WrongSettings` where hub.toml lacks something."""
        return self._open()

    def _open(self) -> ShopDoor:
        if self._door is None:
            door = self.folder.open_shop(self.shop, self._http, self._clock)
            is_files = self._tokens.access_token == self.shop.access_token
            self._door = door if is_files else door.with_token(self._tokens.access_token)
        return self._door

    @property
    def behind(self) -> timedelta:
        """How far behind the clock its changes are asked for; nothing where hub.toml lacks something."""
        try:
            return self._open().paces.behind
        except WrongSettings:
            return timedelta(0)

    def can(self, capability: str) -> bool:
        return capability in self.folder.manifest.capabilities

    def listener(self) -> Listener | None:
        """The connection that we open, where the platform has one. Raises :class:`WrongSettings` as :attr:`door`."""
        if self.folder.open_listener is None:
            return None
        self._open()
        return self.folder.open_listener(self.shop, self._clock)

    async def load(self, read: Callable[[str], records.SealedToken | None]) -> None:
        """The token of a refresh before wins until the value in hub.toml changes."""
        self._read = read
        await self._take_kept()

    async def _take_kept(self) -> bool:
        """Whether the database has another token than this process: another one may have refreshed it."""
        kept = await asyncio.to_thread(self._read, self.id)
        if kept is None or kept.file_mark != self._file_mark():
            return False
        secret = self._vault.open(kept.blob, f"token {self.id}")
        expires = secret.get("expires_at")
        before = self._tokens.access_token
        self._tokens = Tokens(
            access_token=str(secret["access_token"]),
            refresh_token=str(secret["refresh_token"]),
            expires_at=datetime.fromisoformat(expires) if expires else None,
        )
        self._door = None
        return self._tokens.access_token != before

    async def call(self, ask: Callable[[ShopDoor], Awaitable[T]]) -> T:
        """``ask(door)``, with a fresh token where the one we have is over; it may then be asked twice."""
        await self._refresh_soon()
        door = self.door
        try:
            return await ask(door)
        except TokenExpired as expired:
            await self._refresh(door, expired)
            return await ask(self.door)

    async def check(self) -> Checked:
        """Key, secret, token and rights tried with the cheapest call, within five seconds (ING-14)."""
        try:
            async with asyncio.timeout(CHECK_S - 0.5):
                await self.call(lambda door: door.check())
        except TimeoutError:
            return Checked(trouble="later", word=Cause.timeout)
        except ShopTrouble as trouble:
            return Checked(trouble=trouble_of(trouble), word=word_of(trouble))
        return Checked()

    async def close(self) -> None:
        await self._http.aclose()

    async def _refresh_soon(self) -> None:
        ends = self._tokens.expires_at
        if ends is None or ends - self._clock.now() > _SOON or not self._tokens.refresh_token:
            return
        try:
            await self._refresh(self.door, TokenExpired())
        except Later:
            log.warning("token_refresh_waits", shop=self.id)  # the old one still holds

    async def _refresh(self, door: ShopDoor, expired: TokenExpired) -> None:
        async with self._turn:
            if self._door is not door:
                return  # somebody else has just done it
            if await self._take_kept():
                return  # so has another process
            if not self._tokens.refresh_token:
                raise SignInAgain(expired.word or Cause.no_refresh)
            fresh = await door.refresh(self._tokens.refresh_token)
            self._tokens = Tokens(
                access_token=fresh.access_token,
                refresh_token=fresh.refresh_token or self._tokens.refresh_token,
                expires_at=fresh.expires_at,
            )
            ends = self._tokens.expires_at
            secret = {
                "access_token": self._tokens.access_token,
                "refresh_token": self._tokens.refresh_token,
                "expires_at": ends.isoformat() if ends else "",
            }
            blob = self._vault.seal(secret, f"token {self.id}")
            await self._writer.run(records.token_kept(self.id, self._file_mark(), blob))
            self._door = door.with_token(fresh.access_token)
            log.info("token_refreshed", shop=self.id)

    def _file_mark(self) -> bytes:
        """Tells whether hub.toml still says what it said, without saying it."""
        said = f"{self.shop.access_token}\0{self.shop.refresh_token}"
        return self._vault.blind("token", hashlib.sha256(said.encode()).hexdigest())
