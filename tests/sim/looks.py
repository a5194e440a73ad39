"""Kept connections for those who watch: opening a database costs more than most of what is looked up in it."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any


class Broken(AssertionError):
    """A promise was not kept; the text says which and how."""


class Look:
    """One database as it lies there, whoever writes it. It sees only what is committed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db: sqlite3.Connection | None = None

    @property
    def db(self) -> sqlite3.Connection:
        if self._db is None:
            self._db = sqlite3.connect(self._path, isolation_level=None)
        return self._db

    def rows(self, query: str, values: Sequence[Any] = ()) -> list[Any]:
        return self.db.execute(query, values).fetchall()

    def version(self) -> int:
        """Another number whenever somebody has committed something since."""
        return int(self.db.execute("PRAGMA data_version").fetchone()[0])

    def close(self) -> None:
        """Also before another file takes the place of this one: it is opened anew when next looked at."""
        if self._db is not None:
            self._db.close()
            self._db = None
