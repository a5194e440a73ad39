"""Persons and their sessions: the writing side. Everything here runs inside the writer's transaction.

Passwords are hashed with argon2id before the transaction begins, in a thread: it takes 20-40 ms on purpose.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import ColumnElement, delete, func, insert, literal, not_, select, update

from app.wire import Role
from hub.auth.tokens import hash_of
from hub.db import tables as t
from hub.orders.desk import Tx

PASSWORD_MIN, PASSWORD_MAX = 8, 256
SESSION = timedelta(hours=12)
#: Ended sessions still vouch for facts that were made before; acts are refused as too old after 30 days.
SESSION_KEPT = timedelta(days=45)


class NameTaken(Exception):
    """Somebody of this name is there already."""


class NoSuchPerson(Exception):
    """Nobody of this name is there."""


class NotTheirs(Exception):
    """Whose badge it is, the one who asks may not speak for."""


class LastAdmin(Exception):
    """The hub would be left without an administrator."""


R = TypeVar("R")
_AT_ONCE = 2


class Passwords:
    """Argon2id at the strength OWASP asks for: 19 MiB, two passes. Weaker ones are for hubs whose users are made up."""

    def __init__(self, *, passes: int = 2, memory_kib: int = 19_456) -> None:
        self._hasher = PasswordHasher(time_cost=passes, memory_cost=memory_kib, parallelism=1)
        #: Verified when there is nobody of that name, so that both answers take the same time.
        self._nobody = self._hasher.hash("nobody knows this")
        #: A flood of sign-ins must not take the threads that read orders.
        self._threads = ThreadPoolExecutor(_AT_ONCE, "passwords")

    async def apart(self, work: Callable[[], R]) -> R:
        """Runs what hashes in a thread of its own, a few at once; the others wait."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def close(self) -> None:
        """Ends the threads once they are idle."""
        self._threads.shutdown(wait=False)

    def hash(self, password: str) -> str:
        return self._hasher.hash(password)

    def fits(self, stored: str | None, password: str) -> bool:
        try:
            return self._hasher.verify(stored or self._nobody, password) and stored is not None
        except (VerificationError, InvalidHashError):
            return False


def add_person(
    name: str, role: Role, password_hash: str | None, warehouse: str | None = None
) -> Callable[[Tx], str]:
    """Adds somebody; gives the person_id. Raises :class:`NameTaken`."""

    def fn(tx: Tx) -> str:
        if tx.conn.execute(select(t.person.c.name).where(is_named(name))).first():
            raise NameTaken(name)
        person_id = tx.new_id()
        tx.conn.execute(
            insert(t.person).values(
                person_id=person_id,
                name=name,
                role=role.value,
                warehouse=warehouse,
                password_hash=password_hash,
                made_at=tx.now,
            )
        )
        return person_id

    return fn


def add_first(name: str, password_hash: str) -> Callable[[Tx], bool]:
    """The first administrator; False when there is somebody already."""

    def fn(tx: Tx) -> bool:
        if tx.conn.execute(select(t.person.c.person_id).limit(1)).first():
            return False
        add_person(name, Role.admin, password_hash)(tx)
        return True

    return fn


def set_password(name: str, password_hash: str) -> Callable[[Tx], None]:
    """A new password; sessions of the old one end. Raises :class:`NoSuchPerson`."""

    def fn(tx: Tx) -> None:
        _change(tx, name, password_hash=password_hash)
        _end_sessions_of(tx, name)

    return fn


def set_role(name: str, role: Role, *, is_disabled: bool = False) -> Callable[[Tx], None]:
    """Another role; the person's sessions end (design 3.1). Raises :class:`NoSuchPerson`, :class:`LastAdmin`."""

    def fn(tx: Tx) -> None:
        if role is not Role.admin or is_disabled:
            others = select(func.count()).where(
                t.person.c.role == Role.admin.value,
                t.person.c.is_disabled.is_(False),
                not_(is_named(name)),
            )
            if tx.conn.execute(others).scalar_one() == 0:
                raise LastAdmin
        _change(tx, name, role=role.value, is_disabled=is_disabled)
        _end_sessions_of(tx, name)

    return fn


def set_badge(
    name: str, badge_secret: str, roles: Collection[Role], warehouse: str | None = None
) -> Callable[[Tx], None]:
    """A new badge; the old one is worthless from now on. Raises :class:`NoSuchPerson`, :class:`NotTheirs`.

    ``roles`` are those the one who asks may make badges for, ``warehouse`` the only one they see, or None.
    """

    def fn(tx: Tx) -> None:
        _check_theirs(tx, name, roles, warehouse)
        _change(tx, name, badge_hash=hash_of(badge_secret))

    return fn


def take_badge(name: str, roles: Collection[Role], warehouse: str | None = None) -> Callable[[Tx], None]:
    """A lost badge signs nobody on any more, and who may be signed on with it is signed off. Raises as
    :func:`set_badge` does."""

    def fn(tx: Tx) -> None:
        _check_theirs(tx, name, roles, warehouse)
        _change(tx, name, badge_hash=None)
        _end_sessions_of(tx, name)

    return fn


def _check_theirs(tx: Tx, name: str, roles: Collection[Role], warehouse: str | None) -> None:
    p = t.person.c
    found = tx.conn.execute(select(p.role, p.warehouse).where(is_named(name))).first()
    if found is not None and (
        Role(found.role) not in roles or (warehouse and found.warehouse not in (None, "", warehouse))
    ):
        raise NotTheirs(name)


def open_session(person_id: str, role: str, token: str, station_id: str | None) -> Callable[[Tx], datetime]:
    """Begins a session; gives the moment it expires. At a station it ends the one before."""

    def fn(tx: Tx) -> datetime:
        if station_id is not None:
            _end(tx, t.session.c.station_id == station_id)
        expires_at = tx.now + SESSION
        tx.conn.execute(
            insert(t.session).values(
                token_hash=hash_of(token),
                person_id=person_id,
                role=role,
                station_id=station_id,
                made_at=tx.now,
                expires_at=expires_at,
            )
        )
        return expires_at

    return fn


def end_session(token_hash: bytes) -> Callable[[Tx], None]:
    """Signs off. Nothing happens when it had ended."""

    def fn(tx: Tx) -> None:
        _end(tx, t.session.c.token_hash == token_hash)

    return fn


def end_sessions_at(station_id: str) -> Callable[[Tx], None]:
    """Signs off whoever is signed on at a station."""

    def fn(tx: Tx) -> None:
        _end(tx, t.session.c.station_id == station_id)

    return fn


def sweep(tx: Tx) -> None:
    """Forgets sessions and pairing codes that nobody can need any more."""
    tx.conn.execute(delete(t.session).where(t.session.c.expires_at < tx.now - SESSION_KEPT))
    tx.conn.execute(delete(t.pairing_code).where(t.pairing_code.c.expires_at < tx.now - timedelta(days=1)))


def is_named(name: str) -> ColumnElement[bool]:
    """Both sides folded by the database: SQLite's ``lower`` knows ASCII alone, ours would know more."""
    return func.lower(t.person.c.name) == func.lower(literal(name))


def _change(tx: Tx, name: str, **values: Any) -> None:
    if tx.conn.execute(update(t.person).where(is_named(name)).values(**values)).rowcount == 0:
        raise NoSuchPerson(name)


def _end_sessions_of(tx: Tx, name: str) -> None:
    _end(tx, t.session.c.person_id.in_(select(t.person.c.person_id).where(is_named(name))))


def _end(tx: Tx, which: Any) -> None:
    tx.conn.execute(update(t.session).where(which, t.session.c.ended_at.is_(None)).values(ended_at=tx.now))
