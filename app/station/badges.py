"""Badges at one station: on, off, handed over to another, and what they are worth while the hub is away.

The hub alone decides whose badge it is (design 6). Offline a badge that was taken here in the last days is known
again by its hash: its person is greeted, but nothing is done in their name until the hub has looked at the badge.
Until then the station acts as itself, so a badge taken away meanwhile signs nothing. The code of the badge itself is
kept in memory only, until it was looked at.
"""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from app.core.values import dataclass
from app.ports import HubAway, HubTrouble
from app.station.bench import Bench, SignedOn
from app.wire import Session, SignIn

SETTING = "badges"
#: A badge that was not taken by the hub for so long is as good as unknown here.
KNOWN = timedelta(days=7)
_KNOWN_MOST = 60
#: One pull of the trigger may read twice, and the second read would sign off again.
_ONE_READ_S = 2.0


class BadgeResult(StrEnum):
    """What became of a scanned badge. ``unchecked``: known here, to be looked at by the hub when it is back;
    ``unknown_now``: never seen here and nobody can look now; ``again``: the same read once more."""

    on = "on"
    off = "off"
    unchecked = "unchecked"
    unknown_now = "unknown_now"
    again = "again"


@dataclass(frozen=True, slots=True)
class BadgeRead:
    result: BadgeResult
    name: str = ""


class _Known(msgspec.Struct, frozen=True, kw_only=True):
    """A badge that the hub took here: its hash, whose it is, and when."""

    hash: str
    name: str
    role: str
    at: datetime


class Badges:
    """Takes one badge at a time. ``sign_in`` and ``leave`` are the station's own."""

    def __init__(
        self,
        bench: Bench,
        sign_in: Callable[[SignIn], Awaitable[Session]],
        leave: Callable[[], Awaitable[None]],
        greet: Callable[[SignedOn], None],
    ) -> None:
        """``leave``: nobody is signed on any more, HubTrouble where the hub could not be told. ``greet``: somebody
        is here whom the hub has not looked at."""
        self._bench, self._sign_in, self._leave, self._greet = bench, sign_in, leave, greet
        self._lock = threading.Lock()
        self._last = ("", -_ONE_READ_S)
        self._on: tuple[str, SignedOn] | None = None
        self._owed = ""

    async def scanned(self, secret: str) -> BadgeRead:
        """A badge was read at this station. Raises HubTrouble where the hub does not know it or takes none now."""
        digest = _hash_of(secret)
        if self._is_same_read(digest):
            return BadgeRead(BadgeResult.again)
        if self._on is not None and self._on == (digest, self._bench.person):
            name = self._on[1].name
            await self._leave_quietly()
            return BadgeRead(BadgeResult.off, name)
        return await self._asked(secret, digest)

    def is_on(self, secret: str) -> bool:
        """Whether this badge is the one its person is signed on with."""
        return self._on is not None and self._on == (_hash_of(secret), self._bench.person)

    def is_known_as(self, secret: str, now: datetime) -> SignedOn | None:
        """Whose badge this is, as far as this station remembers."""
        known = next((k for k in self._read(now) if k.hash == _hash_of(secret)), None)
        return SignedOn(name=known.name, role=known.role, is_checked=False) if known else None

    @property
    def owes(self) -> bool:
        """Whether the hub has yet to look at the badge of who is here."""
        if self._owed and (self._bench.person is None or self._bench.person.is_checked):
            self._owed = ""  # gone, or signed on in another way
        return bool(self._owed)

    async def settle(self) -> bool:
        """The hub is back: it looks at the badge of who is here. False: it does not know it, nobody is here any
        more. Raises HubAway where it went away again."""
        secret = self._owed
        try:
            await self._asked(secret, _hash_of(secret))
        except HubAway:
            raise
        except HubTrouble:
            await self._leave_quietly()
            return False
        return True

    def forget(self) -> None:
        """Another hub: its badges are others."""
        self._on, self._owed = None, ""
        self._bench.outbox.set_setting(SETTING, "[]")

    async def _asked(self, secret: str, digest: str) -> BadgeRead:
        was = self._bench.person
        try:
            session = await self._sign_in(SignIn(badge=secret))
        except HubAway as away:
            if away.text or (was is not None and self._owed == secret):
                raise  # it is there, but takes no badge now; or it is gone again
            return await self._without_hub(secret, digest)
        except HubTrouble:
            self._keep([known for known in self._read(self._bench.clock.now()) if known.hash != digest])
            raise
        person = self._bench.person
        self._owed = ""
        if person is not None:
            self._on = (digest, person)
            self._remember(
                _Known(hash=digest, name=person.name, role=session.role, at=self._bench.clock.now())
            )
        return BadgeRead(BadgeResult.on, person.name if person else session.user)

    async def _without_hub(self, secret: str, digest: str) -> BadgeRead:
        """Whoever was signed on is not who stands here now: from here on nothing is done in their name."""
        person = self.is_known_as(secret, self._bench.clock.now())
        await self._leave_quietly()
        if person is None:
            return BadgeRead(BadgeResult.unknown_now)
        self._on, self._owed = (digest, person), secret
        self._greet(person)
        return BadgeRead(BadgeResult.unchecked, person.name)

    async def _leave_quietly(self) -> None:
        """The hub hears of it with the next sign-on where it cannot be told now."""
        self._on, self._owed = None, ""
        if self._bench.person is not None:
            try:
                await self._leave()
            except HubTrouble:
                return

    def _is_same_read(self, digest: str) -> bool:
        now = self._bench.clock.monotonic()
        with self._lock:
            (last, at), self._last = self._last, (digest, now)
        return last == digest and now - at < _ONE_READ_S

    def _remember(self, known: _Known) -> None:
        others = [one for one in self._read(known.at) if one.hash != known.hash]
        self._keep([known, *others][:_KNOWN_MOST])

    def _read(self, now: datetime) -> list[_Known]:
        try:
            every = msgspec.json.decode(self._bench.outbox.setting(SETTING, "[]"), type=list[_Known])
        except msgspec.MsgspecError:
            return []
        return [known for known in every if now - known.at < KNOWN]

    def _keep(self, known: list[_Known]) -> None:
        self._bench.outbox.set_setting(SETTING, msgspec.json.encode(known).decode())


def _hash_of(secret: str) -> str:
    """128 random bits cannot be guessed, so a plain hash keeps them."""
    import hashlib  # no start waits for it

    return hashlib.sha256(b"orderdock station\x00" + secret.strip().upper().encode()).hexdigest()
