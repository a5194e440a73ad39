"""What the doors of one hub are made of. Joined in hub/main.py, read everywhere in hub/api."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from litestar.di import NamedDependency
from sqlalchemy import Engine

from app.core.texts import Lang, Texts
from app.core.values import quickly_made
from app.ports import Clock, NewId
from hub.api.http import ApiError, Request
from hub.api.metrics import Metrics
from hub.api.pages import Pages
from hub.api.stream import Broadcast
from hub.auth.callers import Caller, Callers
from hub.auth.people import Passwords
from hub.config import Settings
from hub.connectors.line.courier_sources import Lacking
from hub.connectors.line.line import Line
from hub.connectors.line.tracks import Tracks
from hub.orders.feed import Feed
from hub.orders.lookup import Lookup
from hub.orders.writer import Writer


class Tries:
    """Counts failures per key in memory and says when to wait: guessing is slow, a typo costs nothing."""

    def __init__(self, clock: Clock, most: int, within: timedelta) -> None:
        self._clock = clock
        self._most = most
        self._within = within
        self._failed: dict[str, list[datetime]] = {}

    def check(self, key: str) -> None:
        """Raises :class:`ApiError` 429 after too many failures."""
        recent = self._recent(key)
        if len(recent) >= self._most:
            wait = recent[0] + self._within - self._clock.now()
            seconds = max(1, round(wait.total_seconds()))
            raise ApiError(429, "too_many_tries", retry_after_s=seconds, minutes=-(-seconds // 60))

    def failed(self, key: str) -> None:
        if len(self._failed) > 10_000:
            self._failed = {k: v for k in list(self._failed) if (v := self._recent(k))}
        self._failed.setdefault(key, []).append(self._clock.now())

    def succeeded(self, key: str) -> None:
        self._failed.pop(key, None)

    def forgiven(self, key: str) -> None:
        """The last of the failures was none."""
        if failed := self._failed.get(key):
            failed.pop()

    def _recent(self, key: str) -> list[datetime]:
        since = self._clock.now() - self._within
        kept = [at for at in self._failed.get(key, []) if at > since]
        if kept:
            self._failed[key] = kept
        else:
            self._failed.pop(key, None)
        return kept


def in_ms(moment: datetime) -> datetime:
    """Whole milliseconds, as all times on the wire."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


@dataclass(slots=True)
class SetUpCode:
    """The hash of the code that makes the first administrator; None once there is one."""

    code_hash: bytes | None = None


@dataclass(frozen=True, slots=True)
class World:
    """What comes in from outside."""

    settings: Settings
    clock: Clock
    new_id: NewId
    texts: Texts

    def now(self) -> datetime:
        """The moment as the wire tells it: whole milliseconds."""
        return in_ms(self.clock.now())


@dataclass(frozen=True, slots=True)
class Orders:
    """The one writer, its readers, and the database for what has no reader of its own."""

    engine: Engine
    writer: Writer
    feed: Feed
    lookup: Lookup


@dataclass(frozen=True, slots=True)
class Auth:
    """Who is who."""

    callers: Callers
    passwords: Passwords
    tries: Tries
    """By name and computer."""
    host_tries: Tries
    """By computer alone, whatever the names."""
    set_up: SetUpCode
    ca_sha256: str = ""


@dataclass(frozen=True, slots=True)
class Out:
    """What goes out to many."""

    pages: Pages
    broadcast: Broadcast
    metrics: Metrics


@dataclass(frozen=True, slots=True)
class Doors:
    """All parts of the surface."""

    world: World
    orders: Orders
    auth: Auth
    out: Out
    tracks: Tracks | None = None
    """The watch list of courier sources; None where hub.toml names none."""
    couriers_lacking: tuple[Lacking, ...] = ()
    """Courier sources of hub.toml that cannot work as they are set."""
    line: Line | None = None
    """The shops on platforms; None where hub.toml names none."""


@quickly_made
@dataclass(frozen=True, slots=True)
class Call:
    """One request that passed the gate: who asks, in which language, with which parts of the path."""

    request: Request
    caller: Caller | None
    path: dict[str, str]

    @property
    def lang(self) -> Lang:
        return self.request.lang

    @property
    def known(self) -> Caller:
        """The caller of a route that is not open to everybody."""
        if self.caller is None:
            raise ApiError(401, "sign_in")
        return self.caller


#: How Litestar hands these to a handler.
GivenDoors = NamedDependency[Doors]
GivenCall = NamedDependency[Call]
