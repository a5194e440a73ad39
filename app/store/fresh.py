"""A new outbox, made in one stroke: what the migrations make of an empty file, without the libraries they need.

A computer's very first start would wait longer for those than for all the rest. A test holds the two together.
"""

from __future__ import annotations

import sqlite3

from app.store.cachefile import writing

_TABLES = (
    """CREATE TABLE alembic_version (
        version_num VARCHAR(32) NOT NULL,
        CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
    )""",
    """CREATE TABLE act (
        n INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
        act_id TEXT NOT NULL,
        kind TEXT NOT NULL,
        order_no TEXT NOT NULL,
        parcel_no TEXT,
        envelope BLOB NOT NULL,
        state TEXT NOT NULL,
        receipt BLOB,
        settled_seq INTEGER,
        epoch TEXT,
        session TEXT DEFAULT '' NOT NULL,
        made_at TEXT NOT NULL,
        settled_at TEXT,
        CONSTRAINT act_state CHECK (state IN ('waiting', 'settled', 'needs_person')),
        UNIQUE (act_id)
    )""",
    "CREATE INDEX act_state ON act (state, n)",
    "CREATE INDEX act_order ON act (order_no, n)",
    """CREATE TABLE scan (
        n INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
        scan_id TEXT NOT NULL,
        at TEXT NOT NULL,
        raw TEXT NOT NULL,
        scan_class TEXT NOT NULL,
        result TEXT NOT NULL,
        order_no TEXT NOT NULL,
        parcel_no TEXT NOT NULL,
        act_id TEXT NOT NULL,
        source TEXT DEFAULT '' NOT NULL,
        UNIQUE (scan_id)
    )""",
    "CREATE INDEX scan_at ON scan (at)",
    """CREATE TABLE print_job (
        n INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
        job_id TEXT NOT NULL,
        job_key TEXT NOT NULL,
        copy INTEGER NOT NULL,
        printer TEXT NOT NULL,
        parcel_no TEXT NOT NULL,
        state TEXT NOT NULL,
        body BLOB NOT NULL,
        UNIQUE (job_id)
    )""",
    "CREATE INDEX print_job_state ON print_job (printer, state, n)",
    "CREATE INDEX print_job_parcel ON print_job (parcel_no)",
    "CREATE UNIQUE INDEX print_job_once ON print_job (job_key, copy) WHERE state NOT IN ('pulled', 'expired')",
    """CREATE TABLE need (
        n INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
        act_id TEXT NOT NULL,
        envelope BLOB NOT NULL,
        receipt BLOB NOT NULL,
        at TEXT NOT NULL,
        answer TEXT DEFAULT '' NOT NULL,
        answered_by TEXT DEFAULT '' NOT NULL,
        answered_at TEXT,
        UNIQUE (act_id)
    )""",
    "CREATE INDEX need_answered ON need (answer, answered_at)",
    """CREATE TABLE setting (
        "key" TEXT NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY ("key")
    ) WITHOUT ROWID""",
)


def make(db: sqlite3.Connection, version: str) -> None:
    """All or nothing, in a file without a table. Raises sqlite3.Error."""
    with writing(db):
        for statement in _TABLES:
            db.execute(statement)
        db.execute("INSERT INTO alembic_version VALUES (?)", (version,))
