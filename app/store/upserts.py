"""Rows of a page on their way into the copy's tables: made of bodies by the interpreter, written by the database.

The two are kept apart, so that one page can be written while the rows of the next are made (:func:`ready`). What is
older than what stands there changes nothing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

from app.store import rows
from app.wire import Change, ChangePage

#: One row of a table, in the order of its statement here.
Row = tuple[Any, ...]


class ReadyPage(ChangePage, frozen=True, kw_only=True):
    """A page with the rows of orders, history and tracks made, by their seq."""

    rows: dict[int, Row]


def ready(page: ChangePage) -> ReadyPage:
    """The same page; nothing but time is spent on it. Raises msgspec.ValidationError as writing it would."""
    made = {c.seq: row_of(c) for c in page.changes if not c.gone and c.kind in _MAKERS}
    return ReadyPage(
        epoch=page.epoch, head=page.head, next=page.next, changes=page.changes, after=page.after, rows=made
    )


def row_of(change: Change) -> Row:
    """The row of an order, a history entry or a track."""
    return _MAKERS[change.kind](change)


def _order_row(change: Change) -> Row:
    return rows.order_row(change.body, change.seq)


def _history_row(change: Change) -> Row:
    return int(change.key), change.seq, rows.order_no_of(change.body), bytearray(change.body)


def _track_row(change: Change) -> Row:
    return change.key, change.seq, rows.order_no_of(change.body), bytearray(change.body)


_MAKERS = {"order": _order_row, "history": _history_row, "track": _track_row}


class Many:
    """A statement that writes many rows at a time.

    The driver gives the interpreter away at each statement, and waits for its turn to get it back: a thousand rows
    one by one would wait a thousand times for whoever paints the window.
    """

    #: Rows of one statement.
    _ROWS = 50

    def __init__(self, begin: str, marks: str, end: str = "") -> None:
        self._one = begin + marks + end
        self._many = begin + ", ".join([marks] * self._ROWS) + end

    def write(self, db: sqlite3.Connection, values: Iterable[Row]) -> None:
        """Writes them in their order."""
        rest: Sequence[Row] = list(values)
        whole = len(rest) - len(rest) % self._ROWS
        for at in range(0, whole, self._ROWS):
            db.execute(self._many, list(chain.from_iterable(rest[at : at + self._ROWS])))
        db.executemany(self._one, rest[whole:])


ORDERS = Many(
    f'INSERT INTO "order" ({", ".join(rows.ORDER_COLUMNS)}) VALUES ',
    f"({', '.join(rows.ORDER_MARKS)})",
    " ON CONFLICT (order_no) DO UPDATE SET "
    + ", ".join(f"{c} = excluded.{c}" for c in rows.ORDER_COLUMNS[1:])
    + ' WHERE excluded.seq > "order".seq',
)
_FOUR = "(?, ?, ?, ?)"
_NEWER = "seq = excluded.seq, order_no = excluded.order_no, body = excluded.body WHERE excluded.seq"
HISTORY = Many(
    "INSERT INTO history (id, seq, order_no, body) VALUES ",
    _FOUR,
    f" ON CONFLICT (id) DO UPDATE SET {_NEWER} > history.seq",
)
TRACKS = Many(
    "INSERT INTO track (parcel_no, seq, order_no, body) VALUES ",
    _FOUR,
    f" ON CONFLICT (parcel_no) DO UPDATE SET {_NEWER} > track.seq",
)
THINGS = Many(
    "INSERT INTO thing (kind, key, seq, body) VALUES ",
    _FOUR,
    " ON CONFLICT (kind, key) DO UPDATE SET seq = excluded.seq, body = excluded.body"
    " WHERE excluded.seq > thing.seq",
)
NUMBERS = Many("INSERT OR REPLACE INTO number (number, kind, order_no, parcel_no) VALUES ", _FOUR)
