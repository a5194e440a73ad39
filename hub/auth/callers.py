"""Who is calling: a person, a paired station, or a person at a station.

Tokens are looked up in the database and remembered for half a second, so whatever one process revokes, every
process refuses within a second; :meth:`Callers.forget` makes it at once in this one. All that are remembered are
looked up anew together: five hundred stations that pull must not be a thousand questions a second. Who comes
meanwhile does not wait for that: a cancel stood behind it for ten milliseconds and more, one time in ten.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, select, union_all

from app.core.acts import Actor
from app.ports import Clock
from app.wire import Role
from hub.auth import rights
from hub.auth.tokens import hash_of
from hub.db import tables as t
from hub.orders.results import View

#: How long an answer of the database about a token is good; and how long it is believed while it is looked up anew.
FRESH_S = 0.5
BELIEVED_S = 0.8
#: Who has not come for so long is not looked for again with the others.
_FORGOTTEN_S = 30.0
_MEMORY_MAX = 20_000
#: Tokens in one IN list.
_CHUNK = 500
#: Of more tokens than this all stations are read: a list of some hundreds costs ten times what the rows do.
_FEW = 20

_SCOPE_OF = {"packing": "packing", "service": "service"}


@dataclass(frozen=True, slots=True, kw_only=True)
class StationId:
    """A paired station. ``warehouse`` "" sees all of them."""

    station_id: str
    name: str
    kind: str
    warehouse: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A session: who signed on, and where. ``ended_at`` is set when it vouches for old facts only."""

    person_id: str
    name: str
    role: Role
    warehouse: str | None
    station_id: str | None
    expires_at: datetime
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """One caller with its effective role; ``role`` None: a station whose shop requires sign-on, nobody there."""

    role: Role | None
    person: Person | None = None
    station: StationId | None = None
    token_hash: bytes = b""

    @property
    def station_kind(self) -> str | None:
        return self.station.kind if self.station else None

    @property
    def name(self) -> str:
        """The person, else the station itself: where sign-on is skipped, its name is all that is known."""
        if self.person is not None:
            return self.person.name
        return self.station.name if self.station else "hub"

    @property
    def actor(self) -> Actor:
        """Who acts, as history names them."""
        station_id = self.station.station_id if self.station else None
        source = f"station:{station_id}" if station_id else "hub"
        role = self.person.role.value if self.person else "operator"
        return Actor(name=self.name, role=role, station_id=station_id, source=source)

    def at(self, made_at: datetime) -> Caller:
        """Who did something then: after a session's end it is the station itself, with nobody signed on."""
        if self.person is None or self.person.ended_at is None or made_at <= self.person.ended_at:
            return self
        return replace(self, role=None, person=None)

    @property
    def mask(self) -> rights.Mask:
        return rights.mask_of(self.role, self.station_kind)

    @property
    def warehouse(self) -> str | None:
        """The only warehouse this caller sees, or None for all."""
        if self.station is not None:
            return self.station.warehouse or None
        return self.person.warehouse if self.person else None

    @property
    def view(self) -> View:
        """Scope and mask of what it is fed: the station's where there is one, else the session's."""
        scope = _SCOPE_OF.get(self.station_kind or "", "all")
        return View(scope=scope, warehouse=self.warehouse, mask=self.mask)  # type: ignore[arg-type]

    def may_act(self, kind: str, made_at: datetime) -> bool:
        """Whether an act of this kind is taken from this caller; an ended session vouches for what was before.

        What came after it is taken as from a bench at which nobody is signed on: a fact has happened, and the
        bench's clock may be ahead of ours.
        """
        return rights.may_act(self.at(made_at).role, kind, self.station_kind)


_Found = StationId | Person | None


@dataclass(slots=True)
class _Known:
    """What the database said of a token, and when; and when somebody last came with it."""

    found: _Found
    read_at: float
    asked_at: float


class Callers:
    """Tokens to callers."""

    def __init__(self, engine: Engine, clock: Clock, *, sign_on_required: bool = False) -> None:
        self._engine = engine
        self._clock = clock
        self._sign_on_required = sign_on_required
        self._memory: dict[bytes, _Known] = {}
        self._renewing: asyncio.Task[None] | None = None

    async def who(self, bearer: str, session: str = "", *, for_acts: bool = False) -> Caller | None:
        """The caller of a request: its Bearer token and, at a station, the session of who is signed on.

        None: unknown, revoked, expired or, for a session, of another station. With ``for_acts`` an ended session
        still counts at its station, as a caller with ``person.ended_at``: the outbox there may hold what was done
        before. A session without its station's token is worth nothing once it has ended.
        """
        token_hash = hash_of(bearer)
        found = await self._found(token_hash)
        if isinstance(found, Person):
            return None if found.ended_at else await self._person_alone(found, token_hash)
        if found is None:
            return None
        person: Person | None = None
        if session:
            seen = await self._found(hash_of(session))
            if not isinstance(seen, Person) or seen.station_id != found.station_id:
                return None
            if seen.ended_at and not for_acts:
                return None
            person = seen
        return Caller(role=self._role(person, found), person=person, station=found, token_hash=token_hash)

    async def live(self, token_hashes: Collection[bytes]) -> frozenset[bytes]:
        """Which of these tokens are still good: one look at the database for all long requests together."""
        return (
            await asyncio.to_thread(self._read_live, frozenset(token_hashes)) if token_hashes else frozenset()
        )

    def forget(self) -> None:
        """Believe the database again from now on; what is being read just now is not believed either."""
        self._memory, self._renewing = {}, None

    async def _person_alone(self, person: Person, token_hash: bytes) -> Caller | None:
        station: StationId | None = None
        if person.station_id is not None:
            station = await asyncio.to_thread(self._station_by_id, person.station_id)
            if station is None:
                return None
        return Caller(role=person.role, person=person, station=station, token_hash=token_hash)

    def _role(self, person: Person | None, station: StationId) -> Role | None:
        if person is not None:
            return person.role
        return None if self._sign_on_required else rights.OPERATOR[station.kind]

    async def _found(self, token_hash: bytes) -> _Found:
        memory, now = self._memory, self._clock.monotonic()
        if (known := memory.get(token_hash)) is not None:
            known.asked_at = now
            if (age := now - known.read_at) >= FRESH_S:
                renewing = self._renewed()
                if age >= BELIEVED_S:
                    await asyncio.shield(renewing)
            if memory is self._memory:
                return self._unexpired(known.found)
        memory, now = self._memory, self._clock.monotonic()
        found = await asyncio.to_thread(self._read, token_hash)
        if len(memory) > _MEMORY_MAX:
            memory.clear()
        memory[token_hash] = _Known(found, now, now)
        return self._unexpired(found)

    def _renewed(self) -> asyncio.Task[None]:
        """One look at the database for all who came lately, however many of them ask for it."""
        if self._renewing is None:
            self._renewing = asyncio.create_task(self._renew(self._memory))
            self._renewing.add_done_callback(_heard)
        return self._renewing

    async def _renew(self, memory: dict[bytes, _Known]) -> None:
        now = self._clock.monotonic()
        try:
            for token_hash in [one for one, known in memory.items() if now - known.asked_at > _FORGOTTEN_S]:
                del memory[token_hash]
            found = await asyncio.to_thread(self._read_all, list(memory))
            for token_hash, one in found.items():
                if (known := memory.get(token_hash)) is not None:
                    known.found, known.read_at = one, now
        finally:
            if memory is self._memory:
                self._renewing = None

    def _unexpired(self, found: _Found) -> _Found:
        is_over = isinstance(found, Person) and not found.ended_at and found.expires_at <= self._clock.now()
        if isinstance(found, Person) and is_over:
            return _ended(found, found.expires_at)
        return found

    def _read_live(self, token_hashes: frozenset[bytes]) -> frozenset[bytes]:
        s, on = t.station, t.session
        paired = select(s.c.token_hash).where(s.c.is_revoked.is_(False))
        revoked = select(s.c.station_id).where(s.c.is_revoked)
        signed_on = select(on.c.token_hash).where(
            on.c.ended_at.is_(None),
            on.c.expires_at > self._clock.now(),
            on.c.station_id.is_(None) | on.c.station_id.not_in(revoked),
        )
        with self._engine.connect() as conn:
            good = {bytes(found) for found in conn.execute(union_all(paired, signed_on)).scalars()}
        return token_hashes & good

    def _read(self, token_hash: bytes) -> _Found:
        return self._read_all([token_hash])[token_hash]

    def _read_all(self, token_hashes: Sequence[bytes]) -> dict[bytes, _Found]:
        found: dict[bytes, _Found] = dict.fromkeys(token_hashes)
        with self._engine.connect() as conn:
            found |= _stations(conn, token_hashes)
            missing = [one for one in token_hashes if found[one] is None]
            for at in range(0, len(missing), _CHUNK):
                found |= _sessions(conn, missing[at : at + _CHUNK])
        return found

    def _station_by_id(self, station_id: str) -> StationId | None:
        s = t.station
        query = select(s.c.station_id, s.c.name, s.c.kind, s.c.warehouse).where(
            s.c.station_id == station_id, s.c.is_revoked.is_(False)
        )
        with self._engine.connect() as conn:
            row = conn.execute(query).first()
        return StationId(**row._mapping) if row else None


def _heard(renewing: asyncio.Task[None]) -> None:
    """A look that failed: who waited for it hears of it, and who did not asks again."""
    if not renewing.cancelled():
        renewing.exception()


def _stations(conn: Connection, token_hashes: Sequence[bytes]) -> dict[bytes, _Found]:
    s, asked = t.station, frozenset(token_hashes)
    query = select(s.c.token_hash, s.c.station_id, s.c.name, s.c.kind, s.c.warehouse).where(
        s.c.is_revoked.is_(False)
    )
    if len(asked) <= _FEW:
        query = query.where(s.c.token_hash.in_(token_hashes))
    found: dict[bytes, _Found] = {}
    for token_hash, station_id, name, kind, warehouse in conn.execute(query):
        if (token := bytes(token_hash)) in asked:
            found[token] = StationId(station_id=station_id, name=name, kind=kind, warehouse=warehouse)
    return found


def _sessions(conn: Connection, token_hashes: Sequence[bytes]) -> dict[bytes, _Found]:
    on, p = t.session, t.person
    query = (
        select(
            on.c.token_hash,
            p.c.person_id,
            p.c.name,
            on.c.role,
            p.c.warehouse,
            on.c.station_id,
            on.c.expires_at,
            on.c.ended_at,
        )
        .join(p, p.c.person_id == on.c.person_id)
        .where(on.c.token_hash.in_(token_hashes))
    )
    return {bytes(one.token_hash): _person(one) for one in conn.execute(query)}


def _person(row: Any) -> Person:
    return Person(
        person_id=row.person_id,
        name=row.name,
        role=Role(row.role),
        warehouse=row.warehouse,
        station_id=row.station_id,
        expires_at=row.expires_at,
        ended_at=row.ended_at,
    )


def _ended(person: Person, at: datetime) -> Person:
    return Person(
        person_id=person.person_id,
        name=person.name,
        role=person.role,
        warehouse=person.warehouse,
        station_id=person.station_id,
        expires_at=person.expires_at,
        ended_at=at,
    )
