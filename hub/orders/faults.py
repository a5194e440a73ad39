"""Whose fault a database error is: the surroundings' (ask again later), a key somebody else wrote first, or ours."""

from __future__ import annotations

import sqlite3
from enum import Enum, auto

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoneFree


class Trouble(Enum):
    surroundings = auto()
    """Locked, full, away: no verdict, ask again."""
    key_met = auto()
    """Another process wrote this key first: run the group again, it will be found."""
    ours = auto()


_SQLITE_SURROUNDINGS = frozenset({
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_INTERRUPT,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_NOTADB,
})
_SQLITE_KEYS = frozenset({sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY})

#: Classes of SQLSTATE: connection, transaction rollback, resources, operator, system.
_POSTGRESQL_SURROUNDINGS = ("08", "40", "53", "57", "58")
_LATER = ("55P03", "25P03")  # a lock held too long; a transaction that idled too long
_UNIQUE_VIOLATION = "23505"


def trouble_of(error: BaseException) -> Trouble:
    """Anything that is no database error is ours."""
    if isinstance(error, NoneFree):
        return Trouble.surroundings  # no connection was free
    if not isinstance(error, DBAPIError):
        return Trouble.ours
    if isinstance(error.orig, sqlite3.Error):
        return _of_sqlite(getattr(error.orig, "sqlite_errorcode", sqlite3.SQLITE_ERROR))
    return _of_postgresql(error)


def _of_sqlite(code: int) -> Trouble:
    if code in _SQLITE_KEYS:
        return Trouble.key_met
    return Trouble.surroundings if code & 0xFF in _SQLITE_SURROUNDINGS else Trouble.ours


def _of_postgresql(error: DBAPIError) -> Trouble:
    state = getattr(error.orig, "sqlstate", None)
    if state == _UNIQUE_VIOLATION:
        return Trouble.key_met
    if error.connection_invalidated or state in _LATER:
        return Trouble.surroundings
    if state is None:  # the driver lost the server before it could say anything
        return Trouble.surroundings
    return Trouble.surroundings if state[:2] in _POSTGRESQL_SURROUNDINGS else Trouble.ours
