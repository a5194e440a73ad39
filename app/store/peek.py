"""One look into a station's own file from outside, while the station may be at work: nothing is made or changed."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path


def setting(folder: Path, key: str) -> str:
    """What is set in the outbox of a station's data folder; "" when it is not, or there is no such file."""
    path = (folder / "outbox.sqlite").resolve()
    if not path.exists():
        return ""
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=1)) as db:
            row = db.execute("SELECT value FROM setting WHERE key = ?", (key,)).fetchone()
    except sqlite3.Error:  # damaged or of another version: the station itself says so when it opens it
        return ""
    return str(row[0]) if row else ""
