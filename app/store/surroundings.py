"""What the store can say no with: never a fault of ours, always one sentence and what to do."""

from __future__ import annotations

import sqlite3
from typing import Any


class StoreTrouble(Exception):
    """The surroundings of a file say no. ``key`` names the sentence in the texts, ``params`` fill it."""

    def __init__(self, key: str, **params: Any) -> None:
        super().__init__(key, params)
        self.key = key
        self.params = params


class DiskFull(StoreTrouble):
    """Nothing more can be written; what was written before is safe."""


class NewerOutbox(StoreTrouble):
    """The outbox was written by a newer program; it was not touched."""


class DamagedOutbox(StoreTrouble):
    """The outbox cannot be read; it was not touched."""


_DAMAGE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_NO_ROOM = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR})


def _primary_code(error: sqlite3.Error) -> int:
    return int(getattr(error, "sqlite_errorcode", 0) or 0) & 0xFF


def is_damage(error: sqlite3.Error) -> bool:
    """Whether the file itself is broken, as opposed to busy, full or asked wrongly."""
    return _primary_code(error) in _DAMAGE


def is_no_room(error: sqlite3.Error) -> bool:
    """Whether the disk is full or does not take the write."""
    return _primary_code(error) in _NO_ROOM
