"""Whose fault is a database error: both databases, by their codes."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError, OperationalError

from hub.orders.faults import Trouble, trouble_of


def _sqlite(code: int | None) -> DBAPIError:
    error = sqlite3.OperationalError("x")
    if code is not None:
        error.sqlite_errorcode = code  # type: ignore[misc]
    return OperationalError("SELECT 1", {}, error)


def _postgresql(state: str | None, *, lost: bool = False) -> DBAPIError:
    error: Any = RuntimeError("x")
    error.sqlstate = state
    return DBAPIError("SELECT 1", {}, error, connection_invalidated=lost)


@pytest.mark.parametrize(
    ("error", "trouble"),
    [
        (_sqlite(sqlite3.SQLITE_BUSY), Trouble.surroundings),
        (_sqlite(sqlite3.SQLITE_BUSY_SNAPSHOT), Trouble.surroundings),
        (_sqlite(sqlite3.SQLITE_FULL), Trouble.surroundings),
        (_sqlite(sqlite3.SQLITE_IOERR_WRITE), Trouble.surroundings),
        (_sqlite(sqlite3.SQLITE_READONLY), Trouble.surroundings),
        (_sqlite(sqlite3.SQLITE_CONSTRAINT_UNIQUE), Trouble.key_met),
        (_sqlite(sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY), Trouble.key_met),
        (_sqlite(sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY), Trouble.ours),
        (_sqlite(sqlite3.SQLITE_ERROR), Trouble.ours),
        (_sqlite(None), Trouble.ours),
        (_postgresql("40P01"), Trouble.surroundings),
        (_postgresql("53100"), Trouble.surroundings),
        (_postgresql("57P01"), Trouble.surroundings),
        (_postgresql("55P03"), Trouble.surroundings),
        (_postgresql("08006"), Trouble.surroundings),
        (_postgresql(None), Trouble.surroundings),
        (_postgresql("22003", lost=True), Trouble.surroundings),
        (_postgresql("23505"), Trouble.key_met),
        (_postgresql("23503"), Trouble.ours),
        (_postgresql("42P01"), Trouble.ours),
        (ValueError("x"), Trouble.ours),
    ],
)
def test_trouble_has_an_owner(error: Exception, trouble: Trouble) -> None:
    assert trouble_of(error) is trouble
