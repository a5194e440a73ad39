"""The outbox's file: one thread writes, each group of waiting calls in one transaction with ``synchronous=FULL``."""

from __future__ import annotations

import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from app.core.values import dataclass
from app.store import migrate
from app.store.cachefile import Link, writing
from app.store.opening import Opening
from app.store.surroundings import DamagedOutbox, DiskFull, is_damage, is_no_room

if TYPE_CHECKING:  # takes as long to import as the file to open
    from concurrent.futures import Future

T = TypeVar("T")


@dataclass(slots=True)
class _Call:
    run: Callable[[sqlite3.Connection], Any]
    answer: Future[Any]


class OutboxFile:
    """Opened, written and closed, and what is set in it. Safe to call from any thread."""

    def __init__(self, path: Path) -> None:
        """Opens, makes or migrates the file. Raises NewerOutbox, DamagedOutbox or DiskFull, the file untouched."""
        self._path = path
        self._lock = threading.Lock()
        self._listeners: list[Callable[[frozenset[str]], None]] = []
        self._calls: queue.SimpleQueue[_Call | None] = queue.SimpleQueue()
        opening = Opening(path, "FULL")
        try:
            migrate.upgrade(opening)
            self._link = Link(opening)
        except sqlite3.Error as error:
            raise self._said(error) from error
        try:
            self._remember(self._link.db)
            self._reads = Link(opening)
        except sqlite3.Error as error:
            self._link.close()
            raise self._said(error) from error
        self._is_closed = False
        self._begin()

    def _remember(self, db: sqlite3.Connection) -> None:
        """Reads what is kept in memory beside the file, before anything is written."""

    def on_changed(self, call: Callable[[frozenset[str]], None]) -> None:
        """``call`` with topics (outbox, print, order:<no>) from any thread."""
        self._listeners.append(call)

    def close(self) -> None:
        """Finishes what waits and closes the file."""
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
        self._end()
        self._link.close()
        with self._reads.lock:
            self._reads.close()

    def _begin(self) -> None:
        """From now on what is called for is written; a stepped world writes in its own time."""
        self._thread = threading.Thread(target=self._write_all, name="outbox", daemon=True)
        self._thread.start()

    def _end(self) -> None:
        """Returns when everything called for is written."""
        self._calls.put(None)
        self._thread.join()

    def run(self, call: Callable[[sqlite3.Connection], T]) -> Future[T]:
        """``call(db)`` inside the writer's transaction; the answer comes after it is on disk."""
        from concurrent.futures import Future

        answer: Future[T] = Future()
        answer.set_running_or_notify_cancel()  # who no longer waits takes nothing back: it is written all the same
        with self._lock:
            if self._is_closed:
                raise RuntimeError("the outbox is closed")
            self._calls.put(_Call(call, answer))
        return answer

    def _write_all(self) -> None:
        ended = False
        while not ended:
            group = [self._calls.get()]
            while not self._calls.empty():
                group.append(self._calls.get())
            ended = None in group
            self._write([call for call in group if call is not None])

    def _write(self, group: Sequence[_Call]) -> None:
        """One transaction for all that waits; if that fails, one each, so that nobody suffers for another."""
        try:
            with self._link.lock, writing(self._link.db):
                answers = [call.run(self._link.db) for call in group]
        except Exception as error:  # noqa: BLE001 - it goes to whoever asked; the one writer must live on
            if len(group) == 1:
                group[0].answer.set_exception(self._said(error))
                return
            for call in group:
                self._write([call])
        else:
            for call, answer in zip(group, answers, strict=True):
                call.answer.set_result(answer)

    def _said(self, error: Exception) -> Exception:
        if isinstance(error, sqlite3.Error) and is_no_room(error):
            return DiskFull("outbox_disk_full", path=str(self._path))
        if isinstance(error, sqlite3.Error) and is_damage(error):
            return DamagedOutbox("outbox_damaged", path=str(self._path))
        return error

    def _tell(self, *topics: str) -> None:
        for listener in self._listeners:
            listener(frozenset(topics))

    # ---------------------------------------------------------------------------------- settings

    def setting(self, key: str, default: str = "") -> str:
        with self._reads.lock:
            row = self._reads.db.execute("SELECT value FROM setting WHERE key = ?", (key,)).fetchone()
        return str(row[0]) if row else default

    def set_setting(self, key: str, value: str) -> None:
        self.run(lambda db: keep_setting(db, key, value)).result()


def text_of(at: datetime) -> str:
    """Sortable, always with the same number of characters."""
    return at.isoformat(timespec="milliseconds")


def keep_setting(db: sqlite3.Connection, key: str, value: str) -> None:
    db.execute(
        "INSERT INTO setting (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        (key, value),
    )
