"""One cache file: its connections, and pages written into it. :mod:`app.store.cache` says which is read."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import msgspec

from app.core.digest import DigestSum, bucket_of
from app.core.values import dataclass
from app.store import rows, trimming, upserts
from app.store.opening import Opening
from app.store.tables import STATEMENTS
from app.store.upserts import ReadyPage, Row, row_of
from app.wire import Change, ChangePage, Repair, Urgent

T = TypeVar("T")

#: The number of the tables in :mod:`app.store.tables`, kept in the file.
SCHEMA = 5
#: A body of 2 KB leaves half of a page of 4 KB empty: a quarter less on disk, and loaded a quarter sooner.
_PAGE_SIZE = 8192
#: Orders written in one go: their bodies stand twice in memory meanwhile.
_AT_ONCE = 250
#: More changed orders than this are reported as the topic "order" alone.
NAMED_ORDERS_MAX = 100


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far the copy goes. ``epoch`` is empty before the first page."""

    epoch: str = ""
    seq: int = 0


class Link:
    """One kept connection and its lock."""

    def __init__(self, opening: Opening) -> None:
        self.lock = threading.Lock()
        self.is_closed = False
        self.db = opening.connect()

    def close(self) -> None:
        self.is_closed = True
        self.db.close()


class FileClosed(Exception):
    """The file was closed meanwhile: ask the one that took its place."""


@contextmanager
def writing(db: sqlite3.Connection) -> Iterator[None]:
    """One transaction: all or nothing."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")  # may fail as well (a full disk), and must not leave the transaction open
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


_URGENT_UPSERT = (
    "INSERT INTO urgent (order_no, seq, body) VALUES (?, ?, ?) ON CONFLICT (order_no) DO UPDATE SET "
    "seq = excluded.seq, body = excluded.body WHERE excluded.seq > urgent.seq"
)


class CacheFile:
    """One SQLite file that holds one epoch's copy up to its cursor."""

    def __init__(self, path: Path) -> None:
        """Opens or makes the file. Raises sqlite3.DatabaseError when it is no cache of ours."""
        self.path = path
        self._opening = Opening(path, "NORMAL", _PAGE_SIZE)
        self._links: dict[int, Link] = {}
        self._links_lock = threading.Lock()
        self._is_closed = False
        self._is_trimming = False
        #: The size of a copy that is too large though nothing is left that may go; 0: it is not.
        self.over_bytes = 0
        #: The files of the last page had to go again at once, and so would those of the next.
        self._is_full = False
        self._writer: Link | None = None
        try:
            self._writer = Link(self._opening)
            self._prepare(self._writer.db)
            self.cursor = self._read_cursor(self._writer.db)
            self.is_cut = bool(self._writer.db.execute("SELECT is_cut FROM cursor").fetchone()[0])
        except BaseException:
            self.close()
            raise

    @staticmethod
    def _prepare(db: sqlite3.Connection) -> None:
        if db.execute("PRAGMA user_version").fetchone()[0] == SCHEMA:
            return
        if db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            raise sqlite3.DatabaseError("a cache of another schema")
        with writing(db):
            for statement in STATEMENTS:
                db.execute(statement)
            db.execute("INSERT INTO cursor (id, epoch, seq, found_seq) VALUES (1, '', 0, 0)")
            db.execute(f"PRAGMA user_version = {SCHEMA}")

    @staticmethod
    def _read_cursor(db: sqlite3.Connection) -> Cursor:
        epoch, seq = db.execute("SELECT epoch, seq FROM cursor").fetchone()
        return Cursor(epoch, seq)

    # ---------------------------------------------------------------------------------- reading

    def read(self, call: Callable[[sqlite3.Connection], T]) -> T:
        """Runs ``call`` on this thread's kept connection. Raises FileClosed after :meth:`close`."""
        link = self._links.get(threading.get_ident()) or self._new_link()
        with link.lock:
            if link.is_closed:
                raise FileClosed(self.path)
            return call(link.db)

    def _new_link(self) -> Link:
        with self._links_lock:
            if self._is_closed:
                raise FileClosed(self.path)
            link = self._links[threading.get_ident()] = Link(self._opening)
            return link

    def close(self) -> None:
        """Closes every connection, waiting for reads under way."""
        with self._links_lock:
            links, self._links = list(self._links.values()), {}
            self._is_closed = True
        for link in [*links, *([self._writer] if self._writer else [])]:
            with link.lock:
                link.close()

    # ---------------------------------------------------------------------------------- writing

    def _write(self, call: Callable[[sqlite3.Connection], T]) -> T:
        assert self._writer is not None
        with self._writer.lock:
            if self._writer.is_closed:
                raise FileClosed(self.path)
            with writing(self._writer.db):
                return call(self._writer.db)

    def apply_page(self, page: ChangePage) -> frozenset[str]:
        """Rows and cursor in one transaction; what the cursor has passed changes nothing. Returns topics.

        A page that begins further on than the copy stands changes nothing either: it was asked for a copy that has
        been thrown away since, and would leave a gap in this one.
        """
        topics: set[str] = set()

        def write(db: sqlite3.Connection) -> Cursor:
            at = self._read_cursor(db)
            if at.epoch not in ("", page.epoch):
                raise ValueError(f"page of epoch {page.epoch} for a cache of {at.epoch}")
            if page.after is not None and page.after > at.seq:
                return at
            news = [change for change in page.changes if change.seq > at.seq]
            made = page.rows if isinstance(page, ReadyPage) else {}
            topics.update(self._apply(db, news, made, with_files=not self._is_full))
            moved = Cursor(page.epoch, max(at.seq, page.next))
            db.execute("UPDATE cursor SET epoch = ?, seq = ?", (moved.epoch, moved.seq))
            return moved

        self.cursor = self._write(write)
        return frozenset(topics)

    def _apply(
        self,
        db: sqlite3.Connection,
        changes: Sequence[Change],
        made: Mapping[int, Row],
        *,
        with_files: bool = True,
    ) -> Iterable[str]:
        """``made``: rows by their seq, as far as they are ready."""
        by_kind: dict[str, list[Change]] = {}
        for change in changes:
            by_kind.setdefault(change.kind, []).append(change)
        for kind, group in by_kind.items():
            came = [change for change in group if not change.gone]
            left = [change for change in group if change.gone]
            match kind:
                case "order":
                    _put_orders(db, came, made)
                    _drop_orders(db, left)
                case "history":
                    if with_files:
                        upserts.HISTORY.write(db, _rows_of(came, made))
                    db.executemany(
                        "DELETE FROM history WHERE id = ? AND seq < ?", [(int(c.key), c.seq) for c in left]
                    )
                case "track":
                    if with_files:
                        upserts.TRACKS.write(db, _rows_of(came, made))
                    db.executemany(
                        "DELETE FROM track WHERE parcel_no = ? AND seq < ?", [(c.key, c.seq) for c in left]
                    )
                case _:
                    _put_things(db, kind, came)
                    _drop_things(db, kind, left)
        orders = {change.key for change in by_kind.get("order", ())}
        named = {f"order:{no}" for no in orders} if len(orders) <= NAMED_ORDERS_MAX else set()
        return {*by_kind, *named}

    def put_ahead(self, changes: Sequence[Change]) -> frozenset[str]:
        """Rows ahead of their page, which will change nothing of them; the cursor stays. Returns topics."""
        return frozenset(self._write(lambda db: self._apply(db, changes, {})))

    def apply_urgent(self, urgent: Urgent) -> frozenset[str]:
        """Keeps a stop that came ahead of its row; older words change nothing."""

        def write(db: sqlite3.Connection) -> bool:
            row = db.execute('SELECT seq FROM "order" WHERE order_no = ?', (urgent.order_no,)).fetchone()
            if row and row[0] >= urgent.seq:
                return False
            values = (urgent.order_no, urgent.seq, msgspec.json.encode(urgent))
            return db.execute(_URGENT_UPSERT, values).rowcount > 0

        return frozenset({"order", f"order:{urgent.order_no}"}) if self._write(write) else frozenset()

    def index_some(self, limit: int) -> bool:
        """Brings the search index up to date by ``limit`` orders; True when more wait."""

        def write(db: sqlite3.Connection) -> bool:
            (at,) = db.execute("SELECT found_seq FROM cursor").fetchone()
            news = db.execute(
                'SELECT id, order_no, numbers, names, seq FROM "order" WHERE seq > ? '
                "AND seq <= (SELECT seq FROM cursor) ORDER BY seq LIMIT ?",  # not what came ahead of its page
                (at, limit),
            ).fetchall()
            for row_id, order_no, numbers, names, _seq in news:
                _find_again(db, row_id, rows.searched_numbers(order_no, numbers, names), names)
            if news:
                db.execute("UPDATE cursor SET found_seq = ?", (news[-1][4],))
            return len(news) == limit

        return self._write(write)

    def trim_some(self, most_bytes: int) -> bool:
        """Makes the file smaller by a little where it grows too large; True when there is more to do."""

        def write(db: sqlite3.Connection) -> trimming.Trimmed:
            trimmed = trimming.trim(db, most_bytes)
            if trimmed.is_cut:
                db.execute("UPDATE cursor SET is_cut = 1")
            return trimmed

        if not self._is_trimming and not self.read(lambda db: trimming.is_large(db, most_bytes)):
            self.over_bytes = 0
            self._is_full = False
            return False
        trimmed = self._write(write)
        self._is_trimming = trimmed.is_more
        self._is_full = trimmed.is_full
        self.is_cut = self.is_cut or trimmed.is_cut
        self.over_bytes = trimmed.over_bytes
        return trimmed.is_more

    def repair(self, right: Repair) -> frozenset[str]:
        """Rows as they are right at the cursor, whatever stands in their place. Returns topics."""

        def write(db: sqlite3.Connection) -> bool:
            at = self._read_cursor(db)
            if (at.epoch, at.seq) != (right.epoch, right.seq):
                return False
            for change in right.changes:
                _forget_order(db, change.key)
            came = [change for change in right.changes if not change.gone]
            _put_orders(db, came, {})
            for change in came:  # the index goes on by seq, and these are older than where it stands
                row = db.execute(
                    'SELECT id, numbers, names FROM "order" WHERE order_no = ?', (change.key,)
                ).fetchone()
                _find_again(db, row[0], rows.searched_numbers(change.key, row[1], row[2]), row[2])
            return bool(right.changes)

        is_changed = self._write(write)
        return frozenset({"order", *(f"order:{c.key}" for c in right.changes)}) if is_changed else frozenset()

    # ---------------------------------------------------------------------------------- digest

    def digest(self) -> tuple[Cursor, list[tuple[int, int, str]]]:
        """The cursor and the buckets of the orders held, from one moment."""

        def add(db: sqlite3.Connection) -> tuple[Cursor, list[tuple[int, int, str]]]:
            db.execute("BEGIN")
            try:
                at = self._read_cursor(db)
                total = DigestSum()
                for kind, key, seq in db.execute(_ALL_ROWS):
                    total.add(kind, key, seq)
                return at, total.buckets()
            finally:
                db.execute("COMMIT")

        return self.read(add)


_ALL_ROWS = "SELECT 'order', order_no, seq FROM \"order\""


def _rows_of(came: Iterable[Change], made: Mapping[int, Row]) -> Iterable[Row]:
    return (made.get(change.seq) or row_of(change) for change in came)


def _put_orders(db: sqlite3.Connection, came: Sequence[Change], made: Mapping[int, Row]) -> None:
    for start in range(0, len(came), _AT_ONCE):
        some = came[start : start + _AT_ONCE]
        _put_some_orders(db, dict(zip((change.key for change in some), _rows_of(some, made), strict=True)))


def _put_some_orders(db: sqlite3.Connection, new: Mapping[str, Row]) -> None:
    old = _numbers_of(db, list(new))
    upserts.ORDERS.write(db, new.values())
    add: list[rows.NumberRow] = []
    drop: list[rows.NumberRow] = []
    for order_no, row in new.items():
        known = old.get(order_no)
        if known is None:
            add += rows.number_rows(row[9], order_no)
        elif row[1] > known[1] and row[9] != known[0]:
            before, after = set(rows.number_rows(known[0], order_no)), set(rows.number_rows(row[9], order_no))
            add += after - before
            drop += before - after
    if drop:
        db.executemany(_NUMBER_DELETE, drop)
    upserts.NUMBERS.write(db, add)
    if db.execute("SELECT 1 FROM urgent LIMIT 1").fetchone():
        over = [(no, row[1]) for no, row in new.items()]
        db.executemany("DELETE FROM urgent WHERE order_no = ? AND seq <= ?", over)


_NUMBER_DELETE = "DELETE FROM number WHERE number = ? AND kind = ? AND order_no = ? AND parcel_no = ?"


def _numbers_of(db: sqlite3.Connection, order_nos: Sequence[str]) -> dict[str, tuple[str, int]]:
    """What is held now of these orders: their ``numbers`` column and seq."""
    marks = ", ".join("?" * len(order_nos))
    held = db.execute(f'SELECT order_no, numbers, seq FROM "order" WHERE order_no IN ({marks})', order_nos)
    return {no: (numbers, seq) for no, numbers, seq in held}


def seqs_in(db: sqlite3.Connection, buckets: Collection[int]) -> dict[str, int]:
    """Seq by order number of the orders held in these buckets of the digest."""
    rows_held = db.execute('SELECT order_no, seq FROM "order"')
    return {no: seq for no, seq in rows_held if bucket_of("order", no) in buckets}


def _forget_order(db: sqlite3.Connection, order_no: str) -> None:
    """The row and its numbers alone; its story stays."""
    row = db.execute('SELECT id, numbers FROM "order" WHERE order_no = ?', (order_no,)).fetchone()
    if row is not None:
        db.executemany(_NUMBER_DELETE, rows.number_rows(row[1], order_no))
        db.execute("DELETE FROM find_number WHERE rowid = ?", (row[0],))
        db.execute("DELETE FROM find_name WHERE rowid = ?", (row[0],))
        db.execute('DELETE FROM "order" WHERE id = ?', (row[0],))


def _drop_orders(db: sqlite3.Connection, left: Sequence[Change]) -> None:
    for change in left:
        row = db.execute(
            'SELECT id, numbers FROM "order" WHERE order_no = ? AND seq < ?', (change.key, change.seq)
        ).fetchone()
        if row is not None:
            db.executemany(_NUMBER_DELETE, rows.number_rows(row[1], change.key))
            db.execute("DELETE FROM find_number WHERE rowid = ?", (row[0],))
            db.execute("DELETE FROM find_name WHERE rowid = ?", (row[0],))
            db.execute('DELETE FROM "order" WHERE id = ?', (row[0],))
        # also without its row: a page may have ended between an order's history and the order itself
        db.execute("DELETE FROM history WHERE order_no = ? AND seq < ?", (change.key, change.seq))
        db.execute("DELETE FROM track WHERE order_no = ? AND seq < ?", (change.key, change.seq))
        db.execute("DELETE FROM urgent WHERE order_no = ? AND seq <= ?", (change.key, change.seq))


def _put_things(db: sqlite3.Connection, kind: str, came: Sequence[Change]) -> None:
    upserts.THINGS.write(db, [(kind, c.key, c.seq, bytes(c.body)) for c in came])
    if kind == "item":
        db.executemany("DELETE FROM item_code WHERE sku_code = ?", [(c.key,) for c in came])
        codes = [row for c in came for row in rows.item_codes(bytes(c.body))]
        db.executemany("INSERT OR REPLACE INTO item_code (code, sku_code, pack_qty) VALUES (?, ?, ?)", codes)


def _drop_things(db: sqlite3.Connection, kind: str, left: Sequence[Change]) -> None:
    gone = [(kind, c.key, c.seq) for c in left]
    db.executemany("DELETE FROM thing WHERE kind = ? AND key = ? AND seq < ?", gone)
    if kind == "item":
        still = "SELECT key FROM thing WHERE kind = 'item'"
        orphan = f"DELETE FROM item_code WHERE sku_code = ? AND sku_code NOT IN ({still})"
        db.executemany(orphan, [(c.key,) for c in left])


def _find_again(db: sqlite3.Connection, row_id: int, numbers: str, names: str) -> None:
    held = db.execute("SELECT numbers FROM find_number WHERE rowid = ?", (row_id,)).fetchone()
    if held is None or held[0] != numbers:
        db.execute("INSERT OR REPLACE INTO find_number (rowid, numbers) VALUES (?, ?)", (row_id, numbers))
    found_by = rows.searched_names(names)
    held = db.execute("SELECT names FROM find_name WHERE rowid = ?", (row_id,)).fetchone()
    if held is None or held[0] != found_by:
        db.execute("INSERT OR REPLACE INTO find_name (rowid, names) VALUES (?, ?)", (row_id, found_by))
