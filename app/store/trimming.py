"""A copy stays below a size: old computers have small disks (design 7).

What goes first is what a bench needs least: the files of orders it has nothing more to do with, then those orders
themselves (a scan asks the hub for them), then the files of the others. Orders with work or a stop on them stay,
whatever the size.
"""

from __future__ import annotations

import sqlite3

from app.core.values import dataclass
from app.store import rows

#: Orders in one go.
BATCH = 500
#: Trimming begins at so much of the limit, and goes on until so much is left.
_HIGH, _LOW = 0.9, 0.8

_DONE = "queue_key IS NULL AND packed_key IS NULL AND stop_since IS NULL"


@dataclass(frozen=True, slots=True)
class Trimmed:
    """``is_cut``: whole orders went. ``is_more``: there is more to do, and something left that may go.

    ``is_full``: nothing is left that may go, and files that came now would have to go at once. ``over_bytes``: the copy
    is too large, by its whole size, and nothing is left that may go.
    """

    is_cut: bool = False
    is_more: bool = False
    is_full: bool = False
    over_bytes: int = 0


def used_bytes(db: sqlite3.Connection) -> int:
    """What the rows take; pages that were freed are used again before the file grows."""
    (pages,), (free,), (size,) = (
        db.execute(f"PRAGMA {name}").fetchone() for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * size)


def is_large(db: sqlite3.Connection, most_bytes: int) -> bool:
    """Whether trimming has to begin."""
    return used_bytes(db) > most_bytes * _HIGH


def trim(db: sqlite3.Connection, most_bytes: int) -> Trimmed:
    """One batch, inside a transaction."""
    for is_whole, oldest in ((False, _done_with_files), (True, _done), (False, _with_files)):
        found = oldest(db)
        if not found:
            continue
        for table in ("history", "track"):
            db.executemany(f"DELETE FROM {table} WHERE order_no = ?", [(no,) for _, no, _ in found])
        if is_whole:
            _forget(db, found)
        return Trimmed(is_whole, used_bytes(db) > most_bytes * _LOW)
    used = used_bytes(db)
    return Trimmed(is_full=used > most_bytes * _HIGH, over_bytes=used if used > most_bytes else 0)


#: Of an order: id, number and ``numbers``.
_Found = list[tuple[int, str, str]]
_OF_ORDER = "WHERE order_no = o.order_no"
_HAS_FILE = f"(EXISTS (SELECT 1 FROM history {_OF_ORDER}) OR EXISTS (SELECT 1 FROM track {_OF_ORDER}))"


def _done_with_files(db: sqlite3.Connection) -> _Found:
    return _oldest(db, f"{_DONE} AND {_HAS_FILE}")


def _done(db: sqlite3.Connection) -> _Found:
    return _oldest(db, _DONE)


def _oldest(db: sqlite3.Connection, where: str) -> _Found:
    asked = f'SELECT id, order_no, numbers FROM "order" o WHERE {where} ORDER BY seq LIMIT ?'
    return db.execute(asked, (BATCH,)).fetchall()


def _with_files(db: sqlite3.Connection) -> _Found:
    """By the files: few are left where this is asked again and again. Numbers of orders begin with their day."""
    for table in ("history", "track"):
        asked = f"SELECT 0, order_no, '' FROM {table} GROUP BY order_no ORDER BY order_no LIMIT ?"
        if found := db.execute(asked, (BATCH,)).fetchall():
            return found
    return []


def _forget(db: sqlite3.Connection, found: _Found) -> None:
    numbers = [row for _, no, text in found for row in rows.number_rows(text, no)]
    db.executemany(
        "DELETE FROM number WHERE number = ? AND kind = ? AND order_no = ? AND parcel_no = ?", numbers
    )
    for table, column in (("find_number", "rowid"), ("find_name", "rowid"), ('"order"', "id")):
        db.executemany(f"DELETE FROM {table} WHERE {column} = ?", [(row_id,) for row_id, _, _ in found])
