"""The search box over the copy: any number, what begins so, a tail or a name, a part of a number."""

from __future__ import annotations

import sqlite3

from app.store.rows import spaced


def search(db: sqlite3.Connection, text: str, n: int) -> list[str]:
    """Order numbers, best first: that very number, what begins so, a tail or name, what holds it anywhere."""
    found: list[str] = []
    for look in (_is_exactly, _begins, _is_called, _holds):
        found += look(db, text, n)
        if len(found) >= n:
            break
    return list(dict.fromkeys(found))


def _is_exactly(db: sqlite3.Connection, text: str, n: int) -> list[str]:
    query = (
        'SELECT order_no FROM "order" WHERE order_no IN (?, ?) '
        "UNION SELECT order_no FROM number WHERE number IN (?, ?)"
    )
    upper = text.upper()
    return [row[0] for row in db.execute(query, (upper, upper[:-2], text, upper))]


def _begins(db: sqlite3.Connection, text: str, n: int) -> list[str]:
    first = "".join(text.split()).upper()
    span = (first, first + "\U0010ffff", n)
    own = 'SELECT order_no FROM "order" WHERE order_no >= ? AND order_no < ? ORDER BY order_no DESC LIMIT ?'
    other = "SELECT DISTINCT order_no FROM number WHERE number >= ? AND number < ? LIMIT ?"
    return [row[0] for query in (own, other) for row in db.execute(query, span)]


def _is_called(db: sqlite3.Connection, text: str, n: int) -> list[str]:
    """By the tail of a phone, or by the characters of a name one after the other.

    Longer texts of digits and Latin letters are left to the trigrams: single letters stand in every second order.
    """
    if len(text) == TAIL and text.isdecimal():
        return _found(db, "find_name", "names", text, n)
    if len(text) < TRIGRAM or not any(c.isascii() and c.isalnum() for c in text):
        return _found(db, "find_name", "names", spaced(text), n)
    return []


def _holds(db: sqlite3.Connection, text: str, n: int) -> list[str]:
    """Anywhere in a number or nickname, from three characters on.

    The index intersects the places of every three characters of a phrase, and the beginning of a long number
    stands in all orders of its year: so only its end is asked for, and the rest is compared.
    """
    if len(text) < TRIGRAM:
        return []
    if len(text) <= _END:
        return _found(db, "find_number", "numbers", text, n)
    query = "SELECT rowid, numbers FROM find_number WHERE numbers MATCH ? ORDER BY rowid DESC LIMIT ?"
    candidates = db.execute(query, (_quoted(text[-_END:]), _CANDIDATES)).fetchall()
    wanted = text.casefold()
    hits = [row_id for row_id, numbers in candidates if wanted in numbers.casefold()][:n]
    if len(hits) < n and len(candidates) == _CANDIDATES:
        return _found(db, "find_number", "numbers", text, n)  # its end is too common to tell
    marks = ", ".join("?" * len(hits))
    orders = f'SELECT order_no FROM "order" WHERE id IN ({marks}) ORDER BY id DESC'
    return [row[0] for row in db.execute(orders, hits)]


#: Digits of a phone that people name; the least a trigram index can find; how much of a long text is asked for.
TAIL, TRIGRAM, _END = 4, 3, 5
_CANDIDATES = 1000


def _quoted(phrase: str) -> str:
    return '"' + phrase.replace('"', '""') + '"'


def _found(db: sqlite3.Connection, table: str, column: str, phrase: str, n: int) -> list[str]:
    query = (
        'SELECT o.order_no FROM "order" o JOIN '
        f"(SELECT rowid AS id FROM {table} WHERE {column} MATCH ? ORDER BY rowid DESC LIMIT ?) f ON o.id = f.id"
    )
    return [row[0] for row in db.execute(query, (_quoted(phrase), n))]
