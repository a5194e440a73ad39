"""Brings an outbox file to this program's version, or refuses it untouched."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from app.store import fresh
from app.store.opening import Opening
from app.store.surroundings import DamagedOutbox, NewerOutbox, is_damage

#: The newest file of app/store/migrations/versions.
HEAD = "0003"


def version_of(path: Path) -> str | None:
    """The version a file says it has; None for a new or empty one. The file is not changed."""
    if not path.exists() or path.stat().st_size == 0:
        return None
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as db:
            tables = db.execute(
                "SELECT count(*) FROM sqlite_master WHERE name = 'alembic_version'"
            ).fetchone()
            row = db.execute("SELECT version_num FROM alembic_version").fetchone() if tables[0] else None
    except sqlite3.DatabaseError as error:
        if is_damage(error):
            raise DamagedOutbox("outbox_damaged", path=str(path)) from error
        raise
    return str(row[0]) if row else None


def _make_new(opening: Opening) -> bool:
    """Fills a file that holds no table; False for any other, whose migrations know what to do."""
    with closing(opening.connect()) as db:
        if db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            return False
        fresh.make(db, HEAD)
    return True


def upgrade(opening: Opening) -> None:
    """Raises NewerOutbox for a version this program does not know, DamagedOutbox for a broken file, else
    sqlite3.Error."""
    path = opening.path
    found = version_of(path)
    if found == HEAD:
        return
    if found is None and _make_new(opening):
        return
    # With SQLAlchemy Alembic takes longer to import than a window to open: only when there is something to do.
    import sqlalchemy as sa
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if found is not None and found not in known:
        raise NewerOutbox("outbox_newer", path=str(path))
    engine = opening.engine()
    try:
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except sa.exc.DBAPIError as error:
        raise (error.orig if isinstance(error.orig, sqlite3.Error) else error) from error
    finally:
        engine.dispose()
