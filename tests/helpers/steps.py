"""What a reading costs the database, whatever the machine is busy with."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

#: Of the database's own instructions, so many are one step.
EACH = 100


class Steps:
    """``taken``: hundreds of instructions of the database so far."""

    def __init__(self) -> None:
        self.taken = 0

    def _count(self) -> int:
        self.taken += 1
        return 0  # go on


@contextmanager
def counted(db: sqlite3.Connection) -> Iterator[Steps]:
    """Counts what this connection does until the end of the block."""
    steps = Steps()
    db.set_progress_handler(steps._count, EACH)
    try:
        yield steps
    finally:
        db.set_progress_handler(None, EACH)
