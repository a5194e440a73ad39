"""The station's copy of what the hub feeds it. May be deleted at any time; then it is loaded anew.

cache = Cache(folder / "cache.sqlite")
topics = cache.apply_page(page)          # rows and cursor in one transaction
cache.begin_again(); ...; cache.swap()   # another epoch: filled beside, put in place when caught up
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path
from typing import TypeVar

from app.store.cachefile import CacheFile, Cursor, FileClosed, seqs_in
from app.store.surroundings import DiskFull, is_damage, is_no_room
from app.wire import BucketDigest, ChangePage, ChannelRef, Digest, Repair, Rows, Urgent

T = TypeVar("T")

#: Rows of history, track and orders that one look may return; a look is never endless.
LOOK_MAX = 5000
#: So many changes that wait at the hub are no matter of a moment.
FAR = 3000
#: Batches trimmed after one page at most: a page brings less than these take.
_TRIMS = 40


class Cache:
    """Reads come from the file in place; pages go to the file being filled. Safe to call from any thread."""

    def __init__(self, path: Path) -> None:
        """Opens or makes the cache. A damaged file or one of another schema is deleted; see :attr:`was_damaged`."""
        self._path = path
        self._new_path = path.with_name(path.stem + ".new" + path.suffix)
        self._swap_lock = threading.RLock()
        self._on_lost: Callable[[], None] | None = None
        self._hot: dict[str, Urgent] = {}
        self._most_bytes: int | None = None
        #: Whether the hub had much more to say after the page that came last.
        self.is_far_behind = False
        self.was_damaged = False
        self._file = self._opened()
        self._filling: CacheFile | None = self._half_filled()

    def _opened(self) -> CacheFile:
        try:
            return CacheFile(self._path)
        except sqlite3.DatabaseError as error:
            if is_no_room(error):
                raise DiskFull("cache_disk_full", path=str(self._path)) from error
            self.was_damaged = is_damage(error)
            _delete(self._path)
            return CacheFile(self._path)

    def _half_filled(self) -> CacheFile | None:
        """What was being filled when the program ended goes on where it was; a hub of another life answers 410."""
        if not self._new_path.exists():
            return None
        try:
            file = CacheFile(self._new_path)
        except sqlite3.DatabaseError:
            _delete(self._new_path)
            return None
        if file.cursor.epoch:
            return file
        file.close()
        _delete(self._new_path)
        return None

    def on_lost(self, call: Callable[[], None]) -> None:
        """``call`` when the file turned out damaged while running and an empty one took its place."""
        self._on_lost = call

    def close(self) -> None:
        with self._swap_lock:
            self._file.close()
            if self._filling is not None:
                self._filling.close()

    # ---------------------------------------------------------------------------------- feed

    @property
    def cursor(self) -> Cursor:
        """Where the feed goes on: the cursor of the file being filled."""
        return (self._filling or self._file).cursor

    @property
    def shown(self) -> Cursor:
        """The cursor of what is read; receipts are compared with it."""
        return self._file.cursor

    @property
    def is_filling_anew(self) -> bool:
        return self._filling is not None

    def apply_page(self, page: ChangePage) -> frozenset[str]:
        """Stores rows and cursor in one transaction and says which topics changed on screen.

        Applied twice or late it changes nothing. Raises DiskFull; the page may be applied again later.
        """
        with self._swap_lock:
            filling = self._filling
            topics = self._written(lambda: (filling or self._file).apply_page(page))
            self.is_far_behind = page.head - page.next > FAR
            self._trim(filling or self._file)
            return frozenset() if filling is not None else topics

    def put_ahead(self, rows: Rows) -> frozenset[str]:
        """An order that somebody needs before its page has come. Topics; empty where it fits into nothing held.

        Beside a copy that is being filled anew it goes into the old one, which is shown and soon thrown away.
        """
        with self._swap_lock:
            if self._filling is None and self._file.cursor.epoch not in ("", rows.epoch):
                return frozenset()
            return self._written(lambda: self._file.put_ahead(rows.changes))

    def keep_below(self, most_bytes: int | None) -> None:
        """From now on what a bench needs least goes when the copy comes near this size; None: it may grow."""
        self._most_bytes = most_bytes

    @property
    def is_cut(self) -> bool:
        """Whether orders were left out of what is shown: it cannot be compared with the hub, which is to be asked."""
        return self._file.is_cut

    @property
    def over_bytes(self) -> int:
        """The size of the copy where open work alone takes more than it may; 0: it fits."""
        return (self._filling or self._file).over_bytes

    def _trim(self, file: CacheFile) -> None:
        most = self._most_bytes
        if most is not None:
            for _ in range(_TRIMS):
                if not self._written(partial(file.trim_some, most)):
                    return

    def heard(self, urgent: Urgent) -> frozenset[str]:
        """The fast lane's first step: shown at once, whatever is being written; :meth:`apply_urgent` keeps it."""
        known = self._hot.get(urgent.order_no)
        if known is not None and known.epoch == urgent.epoch and known.seq >= urgent.seq:
            return frozenset()
        self._hot[urgent.order_no] = urgent
        return frozenset({"order", f"order:{urgent.order_no}"})

    def hot(self, order_no: str, row_seq: int) -> Urgent | None:
        """A stop heard of but not yet fed in a row; forgotten once the row is as new."""
        urgent = self._hot.get(order_no)
        if urgent is not None and urgent.seq <= row_seq and _is_of(urgent, self._file):
            self._hot.pop(order_no, None)
            return None
        return urgent

    def apply_urgent(self, urgent: Urgent) -> frozenset[str]:
        """The fast lane: into both files, moving no cursor; a file of another epoch cannot compare its number."""
        with self._swap_lock:
            filling = self._filling
            if filling is not None and _is_of(urgent, filling):
                self._written(lambda: filling.apply_urgent(urgent))
            if not _is_of(urgent, self._file):
                return frozenset()
            return self._written(lambda: self._file.apply_urgent(urgent))

    def begin_again(self) -> None:
        """Another epoch, or a cursor too old: fills a new file beside the old, which stays on screen."""
        with self._swap_lock:
            if self._filling is not None:
                self._filling.close()
            _delete(self._new_path)
            self._filling = CacheFile(self._new_path)

    def swap(self) -> frozenset[str]:
        """Puts the new file in place of the old. Everything on screen may have changed."""
        with self._swap_lock:
            if self._filling is None:
                return frozenset()
            self._filling.close()
            self._file.close()
            _delete(self._path)
            self._new_path.replace(self._path)
            self._file, self._filling = CacheFile(self._path), None
            self._hot.clear()  # seqs of another epoch mean nothing; the new file has its own urgent rows
        return ALL_TOPICS

    def start_over(self) -> None:
        """Deletes the copy, for a damaged file or a revoked station."""
        with self._swap_lock:
            self._file.close()
            if self._filling is not None:
                self._filling.close()
            _delete(self._new_path)
            _delete(self._path)
            self._file, self._filling = CacheFile(self._path), None
            self._hot.clear()

    def index_some(self, limit: int = 500) -> bool:
        """Brings the search index nearer to the rows; True when more wait."""
        with self._swap_lock:
            is_more = self._written(lambda: self._file.index_some(limit))
            self._trim(self._file)
            return is_more

    def waits_for_index(self) -> bool:
        return self.read(lambda db: bool(db.execute(_UNFOUND).fetchone()))

    def digest(self) -> Digest:
        """Count and hash per bucket of what is held, at the cursor it was taken."""
        with self._swap_lock:
            at, buckets = self._file.digest()
        return Digest(
            epoch=at.epoch,
            seq=at.seq,
            buckets=[BucketDigest(bucket=b, count=count, hash=value) for b, count, value in buckets],
        )

    def seqs_in(self, buckets: Collection[int]) -> dict[str, int]:
        """Seq by order number of the orders held in these buckets of the digest."""
        return self.read(lambda db: seqs_in(db, buckets)) if buckets else {}

    def repair(self, right: Repair) -> frozenset[str]:
        """Puts rows right in which the copy differed; nothing where it has moved on meanwhile."""
        with self._swap_lock:
            if self._filling is not None:
                return frozenset()
            return self._written(lambda: self._file.repair(right))

    # ---------------------------------------------------------------------------------- reading

    def read(self, call: Callable[[sqlite3.Connection], T]) -> T:
        """Runs ``call`` on this thread's connection; a damaged file is replaced by an empty one and asked again."""
        while True:
            file = self._file
            try:
                return file.read(call)
            except FileClosed:
                with self._swap_lock:  # another thread is putting the next file in its place
                    if file is self._file:
                        raise
            except sqlite3.DatabaseError as error:
                if not is_damage(error):
                    raise
                self._lose(file)

    def _written(self, call: Callable[[], T]) -> T:
        try:
            return call()
        except sqlite3.DatabaseError as error:
            if is_no_room(error):
                raise DiskFull("cache_disk_full", path=str(self._path)) from error
            if is_damage(error):
                self._lose(self._file)
            raise

    def _lose(self, file: CacheFile) -> None:
        with self._swap_lock:
            if file is not self._file:
                return
            self.was_damaged = True
            self.start_over()
        if self._on_lost is not None:
            self._on_lost()

    def channel_ref(self, order_no: str) -> ChannelRef | None:
        """What every act carries so that a restored hub can find its order again (design 3.11)."""
        row = self.read(lambda db: db.execute(_CHANNEL_REF, (order_no,)).fetchone())
        return ChannelRef(shop_id=row[0], channel_order_no=row[1]) if row and row[0] else None


ALL_TOPICS = frozenset({
    "order",
    "history",
    "track",
    "alarm",
    "station",
    "item",
    "person",
    "setting",
    "ticket",
})

_UNFOUND = (
    'SELECT 1 FROM "order" WHERE seq > (SELECT found_seq FROM cursor) '
    "AND seq <= (SELECT seq FROM cursor) LIMIT 1"
)
_CHANNEL_REF = (
    "SELECT json_extract(CAST(body AS TEXT), '$.shop_id'), json_extract(CAST(body AS TEXT), '$.channel_order_no') "
    'FROM "order" WHERE order_no = ?'
)


def _is_of(urgent: Urgent, file: CacheFile) -> bool:
    """Whether its number compares with those of the file; an empty file takes any."""
    return not urgent.epoch or file.cursor.epoch in ("", urgent.epoch)


def _delete(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
