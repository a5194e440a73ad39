"""What is PostgreSQL's alone: connections that notice a dead server, locks between processes, bytewise order."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Any, cast

import psycopg
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL

from hub.surroundings import Surroundings

OLDEST = 15

#: How long a connection is tried, and how long a server that stopped answering is waited for, and in what characters
#: we speak; what the address of the database says wins.
_HABITS = {
    "connect_timeout": "5",
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "12000",
    "client_encoding": "utf8",
}
#: A lock that somebody else holds longer is "not now": the group runs again (hub.orders.faults).
_LOCK_TIMEOUT = "5s"
#: A hub that stopped in the middle of a transaction must not hold up the others for ever.
_IDLE_IN_TRANSACTION = "60s"


#: Where every commit that took numbers is told to other processes: "<head> <order_no>,<order_no>", the orders
#: being those whose stops changed.
CHANNEL = "orderdock"
#: So many of them fit into one notice; stations hear of the others with the feed.
TOLD = 300


class Alone(Enum):
    """What one process at a time does; each is an advisory lock of this database."""

    starting = "starting"
    leading = "leading"
    alarms = "alarms"
    """Raising or ending what concerns no order: two processes must not do it twice."""
    items = "items"
    """Making an item that nobody knows yet."""

    @property
    def number(self) -> int:
        digest = hashlib.sha256(f"orderdock {self.value}".encode()).digest()
        return int.from_bytes(digest[:8], "big", signed=True)


def engine(url: URL, **options: Any) -> Engine:
    """The engine on an address; nothing is opened yet."""
    wanted = {name: value for name, value in _HABITS.items() if name not in url.query}
    made = create_engine(
        url.set(drivername="postgresql+psycopg"),
        pool_size=10,
        max_overflow=20,
        pool_pre_ping=True,
        pool_timeout=10,
        connect_args=wanted,
        **options,
    )

    @event.listens_for(made, "connect")
    def _opened(dbapi: psycopg.Connection[Any], record: Any) -> None:
        try:
            _set_up(dbapi)
        except psycopg.Error:
            dbapi.close()
            raise

    return made


def _set_up(dbapi: psycopg.Connection[Any]) -> None:
    """What was answered as taken must outlive a power cut, whatever the server's own setting."""
    dbapi.execute(
        "SELECT set_config('lock_timeout', %s, false),"
        " set_config('idle_in_transaction_session_timeout', %s, false),"
        " set_config('synchronous_commit',"
        "  CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on'"
        "  ELSE current_setting('synchronous_commit') END, false)",
        (_LOCK_TIMEOUT, _IDLE_IN_TRANSACTION),
    )
    dbapi.commit()


def look_up_by_keys(conn: Connection) -> None:
    """Have the statements of this connection, outside any transaction, find rows by their indexes, for ever.

    A statement is planned once and then kept. Planned while its table was all but empty it would read the whole table
    for each group until the server looks at its statistics again, minutes and 20,000 rows later (measured: three
    quarters of what a push cost). A plan without an index then seems so dear that it would be compiled: never.
    """
    conn.exec_driver_sql("SELECT set_config('enable_seqscan', 'off', false), set_config('jit', 'off', false)")
    conn.commit()


@contextmanager
def each_by_itself(conn: Connection) -> Iterator[None]:
    """Each statement is a transaction of its own, committed when it returns: no trip to the server for its begin,
    none for its end. No transaction must have begun.
    """
    dbapi = cast("psycopg.Connection[Any]", conn.connection.dbapi_connection)
    dbapi.autocommit = True
    try:
        with conn.begin():
            yield
    finally:
        if not dbapi.closed:
            dbapi.autocommit = False


def session_of(conn: Connection) -> int:
    """The server's number of this connection, as notices name their sender."""
    dbapi = conn.connection.dbapi_connection
    return dbapi.info.backend_pid if isinstance(dbapi, psycopg.Connection) else 0


def hold(conn: Connection, what: Alone) -> None:
    """Until this transaction ends nobody else holds ``what``; waits for who does."""
    conn.exec_driver_sql("SELECT pg_advisory_xact_lock(%s)", (what.number,))


def check(engine: Engine) -> None:
    """Raises :class:`Surroundings` ``db_too_old`` or ``db_not_utf8``, and what connecting raises."""
    shown = engine.url.render_as_string(hide_password=True)
    with engine.connect() as conn:
        version = conn.exec_driver_sql("SHOW server_version").scalar_one()
        encoding = conn.exec_driver_sql("SHOW server_encoding").scalar_one()
    if int(str(version).partition(".")[0].partition(" ")[0]) < OLDEST:
        raise Surroundings("db_too_old", db=shown, cause=f"PostgreSQL {version}", oldest=OLDEST)
    if encoding != "UTF8":
        raise Surroundings("db_not_utf8", db=shown, cause=encoding)


def compare_bytewise(conn: Connection) -> None:
    """Texts compare byte by byte, as on SQLite, whatever language the database was made for.

    Called when the tables were brought up to date: only columns that are new then have another order.
    """
    found = conn.exec_driver_sql(
        "SELECT table_name, column_name FROM information_schema.columns"
        " WHERE table_schema = current_schema() AND data_type = 'text' AND collation_name IS DISTINCT FROM 'C'"
        " ORDER BY table_name, ordinal_position"
    ).all()
    changes: dict[str, list[str]] = {}
    for table, column in found:
        changes.setdefault(table, []).append(f'ALTER COLUMN {column} TYPE text COLLATE "C"')
    for table, columns in changes.items():
        conn.execute(text(f"ALTER TABLE {table} {', '.join(columns)}"))


def alone(engine: Engine) -> psycopg.Connection[Any]:
    """A connection outside the pool, each statement a transaction of its own. Raises ``SQLAlchemyError``."""
    pooled = engine.raw_connection()
    dbapi = cast("psycopg.Connection[Any]", pooled.dbapi_connection)
    pooled.detach()
    try:
        dbapi.autocommit = True
    except psycopg.Error:
        dbapi.close()
        raise
    return dbapi
