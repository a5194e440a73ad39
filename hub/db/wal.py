"""What was committed to SQLite is moved from its log into its file beside the writer, not by it.

SQLite lets the commit that fills the log do that as well, and waits for the disk twice more: whoever cancelled just
then waited with it. A thread of its own does the same beside the commits of others.
"""

from __future__ import annotations

import sqlite3
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing

import structlog
from sqlalchemy import Engine

log = structlog.get_logger(__name__)

#: After so many commits, or so many orders and acts in them, it is time.
COMMITS, JOBS = 32, 800
#: Seconds before it begins: the stop that the last commit held is on its way to all stations just now.
REST_S = 0.03
#: Pages of the log at which a commit does it all the same: while groups come without a pause, the log grows.
INLINE_PAGES = 4_000


class WalKeeper:
    """One for the one connection that writes. Calls come from the writer's thread."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._thread = ThreadPoolExecutor(1, "wal")
        self._under_way: Future[None] | None = None
        self._commits = self._jobs = 0
        self._stopped = threading.Event()

    def committed(self, jobs: int) -> None:
        """A group of so many jobs is on the disk."""
        self._commits += 1
        self._jobs += jobs
        is_time = self._commits >= COMMITS or self._jobs >= JOBS
        if is_time and (self._under_way is None or self._under_way.done()):
            self._commits = self._jobs = 0
            self._under_way = self._thread.submit(self._move)

    def stop(self) -> None:
        self._stopped.set()
        self._thread.shutdown()

    def _move(self) -> None:
        self._stopped.wait(REST_S)
        try:
            with closing(self._engine.raw_connection()) as connection:
                connection.cursor().execute("PRAGMA wal_checkpoint(PASSIVE)")
        except sqlite3.Error as error:
            # a full disk, a file that is gone: the next commit says so to a person
            log.info("log_not_moved", cause=str(error))
