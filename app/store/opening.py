"""How the station's files are opened, whoever opens them: plainly for the day's work, by SQLAlchemy for migrations."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

from app.core.values import dataclass

if TYPE_CHECKING:
    import sqlalchemy as sa


@dataclass(frozen=True, slots=True)
class Opening:
    """One SQLite file in WAL mode; its connections may move between threads (we lock them).

    ``page_size`` in bytes counts when the file is made. Both doors raise sqlite3.Error.
    """

    path: Path
    synchronous: str
    page_size: int = 4096

    def connect(self) -> sqlite3.Connection:
        """The driver's own connection: where a statement's time counts, nothing stands between."""
        db = sqlite3.connect(self.path, timeout=5.0, check_same_thread=False, isolation_level=None)
        try:
            db.execute(f"PRAGMA page_size={self.page_size}")  # before the first page is written
            db.execute("PRAGMA journal_mode=WAL")
            db.execute(f"PRAGMA synchronous={self.synchronous}")
            db.execute("PRAGMA cache_size=-8000")
        except BaseException:
            db.close()
            raise
        return db

    def engine(self) -> sa.Engine:
        """The same under SQLAlchemy, for what changes tables; it is imported here alone, for it takes long."""
        import sqlalchemy as sa
        from sqlalchemy.pool import NullPool

        return sa.create_engine("sqlite://", creator=self.connect, poolclass=NullPool)
