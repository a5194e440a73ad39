"""Opens the hub's database: SQLite in WAL with synchronous FULL, or PostgreSQL; migrates it at start."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, create_engine, event, insert, select, update
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from app.ports import NewId
from hub.db import postgresql
from hub.db import tables as t
from hub.surroundings import Surroundings

#: How long a connection waits for another process's lock before it says "locked".
BUSY_TIMEOUT_MS = 5_000
#: Kilobytes of the file that a connection may keep in memory. There are up to fifteen readers, and what they read again
#: and again the system keeps for them as well.
READER_CACHE_KB, WRITER_CACHE_KB = 8_000, 32_000

_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}",
    "PRAGMA foreign_keys = ON",
    "PRAGMA temp_store = MEMORY",
    f"PRAGMA cache_size = -{READER_CACHE_KB}",
)

#: Errors are logged; what was written must not stand in them.
_QUIET: dict[str, Any] = {"hide_parameters": True}

#: Options of a connection that will write: on SQLite the lock is taken at BEGIN.
WRITE = {"orderdock_write": True}


def open_database(url: str, data_dir: Path, new_id: NewId) -> Engine:
    """An engine on a database that is there, up to date and has an epoch.

    A relative SQLite path is relative to ``data_dir``. Raises :class:`Surroundings` ``db_cannot_open``,
    ``db_damaged``, ``db_too_new``, ``db_too_old`` or ``db_not_utf8``, each with ``db`` and ``cause``.
    """
    engine = make_engine(url, data_dir)
    try:
        if engine.dialect.name == "postgresql":
            postgresql.check(engine)
        migrate(engine)
        with engine.connect().execution_options(**WRITE) as conn, conn.begin():
            one_at_a_time(conn)
            _first_epoch(conn, new_id)
    except Surroundings:
        engine.dispose()
        raise
    except CommandError as error:
        engine.dispose()
        raise Surroundings("db_too_new", db=shown(engine.url), cause=str(error)) from error
    except SQLAlchemyError as error:
        engine.dispose()
        raise Surroundings(_key_of(error), db=shown(engine.url), cause=_cause_of(error)) from error
    return engine


def make_engine(url: str, data_dir: Path) -> Engine:
    """The engine alone, nothing opened yet. Raises ``ValueError`` for other kinds of database."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return _sqlite(_placed(parsed, data_dir))
    if parsed.get_backend_name() == "postgresql":
        return postgresql.engine(parsed, **_QUIET)
    raise ValueError(f"not a database of ours: {parsed.drivername}")


def migrate(engine: Engine) -> None:
    """Bring the tables up to date, one process at a time.

    Raises ``alembic.util.CommandError`` when they are newer than we are.
    """
    config = Config()
    config.set_main_option("script_location", "hub.db:migrations")
    config.set_main_option("path_separator", "os")
    script = ScriptDirectory.from_config(config)
    with engine.connect().execution_options(**WRITE) as conn, conn.begin():
        one_at_a_time(conn)
        config.attributes["connection"] = conn
        command.upgrade(config, script.get_current_head() or "head")
        if conn.dialect.name == "postgresql":
            postgresql.compare_bytewise(conn)


def one_at_a_time(conn: Connection) -> None:
    """Whatever else starts on this database waits until this transaction ends (on SQLite it waits anyway)."""
    if conn.dialect.name == "postgresql":
        postgresql.hold(conn, postgresql.Alone.starting)


def new_epoch(conn: Connection, new_id: NewId, series_used: str = "") -> str:
    """A new epoch and the next numbering series: after a restore (design 3.11). Gives the epoch.

    ``series_used``: the furthest series known of another life. Raises :class:`Surroundings` ``series_used_up``.
    """
    series = max(conn.execute(select(t.feed_head.c.series).with_for_update()).scalar_one(), series_used)
    epoch = new_id()
    following = chr(ord(series) + 1) if series else "A"
    if following > "Z":
        raise Surroundings("series_used_up")
    conn.execute(update(t.feed_head).values(epoch=epoch, series=following))
    return epoch


def snapshot(engine: Engine) -> Connection:
    """A connection whose reads all see one moment, once :meth:`Connection.begin` was called."""
    conn = engine.connect()
    if engine.dialect.name == "postgresql":
        return conn.execution_options(isolation_level="REPEATABLE READ")
    return conn


def shown(url: URL) -> str:
    """The address as a person may see it: without a password."""
    return url.render_as_string(hide_password=True)


def _placed(url: URL, data_dir: Path) -> URL:
    if not url.database or url.database == ":memory:":
        raise ValueError("a hub keeps its orders in a file, not in memory")
    return url.set(database=str(data_dir / url.database))  # an absolute path stays what it is


def _sqlite(url: URL) -> Engine:
    engine = create_engine(url, connect_args={"check_same_thread": False}, pool_size=10, **_QUIET)

    @event.listens_for(engine, "connect")
    def _opened(dbapi: sqlite3.Connection, record: Any) -> None:
        dbapi.isolation_level = None  # we say BEGIN ourselves: the driver's own idea of it breaks snapshots
        for pragma in _PRAGMAS:
            dbapi.execute(pragma)

    @event.listens_for(engine, "begin")
    def _begun(conn: Connection) -> None:
        is_writing = conn.get_execution_options().get("orderdock_write", False)
        conn.exec_driver_sql("BEGIN IMMEDIATE" if is_writing else "BEGIN")

    return engine


def _first_epoch(conn: Connection, new_id: NewId) -> None:
    if conn.execute(select(t.feed_head.c.epoch)).first() is None:
        conn.execute(insert(t.feed_head).values(id=1, epoch=new_id()))


def _key_of(error: SQLAlchemyError) -> str:
    text = str(error).lower()
    damaged = "not a database" in text or "malformed" in text
    return "db_damaged" if damaged else "db_cannot_open"


def _cause_of(error: SQLAlchemyError) -> str:
    return str(error.orig) if isinstance(error, DBAPIError) else str(error)
