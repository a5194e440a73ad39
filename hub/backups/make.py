"""Makes a backup while the hub runs and takes orders: one snapshot, verified before it gets its name."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path

import msgspec
from sqlalchemy import Connection, func, select
from sqlalchemy.exc import SQLAlchemyError

from hub import keys
from hub.backups.container import FORMAT, FULL_EFFORT, Backup, Effort, Head, Rest, write
from hub.config import Settings
from hub.db import tables as t
from hub.db.engine import make_engine, shown
from hub.surroundings import Surroundings
from hub.vault import Vault

#: The certificates stations have pinned, and where hub.toml lies in the data dir.
TLS_FILES = ("tls/ca.pem", "tls/ca.key")
SETTINGS_FILE = "hub.toml"

#: Pages of SQLite that are copied before the other threads of the machine get their turn.
_PAGES = 4_096


def make(
    to: Path,
    settings: Settings,
    config_path: Path | None,
    passphrase: str,
    now: datetime,
    version: str,
    effort: Effort = FULL_EFFORT,
) -> Backup:
    """The backup at ``to``, whole, read back and under its name only then. What was under the name before is replaced.

    On PostgreSQL the file holds all but the database. Raises :class:`Surroundings` for all that can be in the way.
    """
    key = _key(settings.data_dir)
    _may_replace(to)
    copy, fresh = to.with_name(f".{to.name}.db"), to.with_name(f".{to.name}.part")
    try:
        for leftover in (copy, fresh):
            leftover.unlink(missing_ok=True)
        copy.touch()
        source = sqlite_path(settings)
        if source is not None:
            _copied(source, copy)
        head = _head(settings, copy if source is not None else None, now, version)
        if head.key_id != Vault(key).key_id:
            raise Surroundings("key_other", key_id=head.key_id, own=Vault(key).key_id)
        rest = _rest(settings.data_dir, config_path)
        write(fresh, head, key, passphrase, rest, copy if source is not None else None, effort)
        made = Backup(fresh)
        made.verify()
        if made.key(passphrase) != key or made.rest(key) != rest:
            raise Surroundings("backup_changed", path=fresh)
        _to_disk(fresh)
        fresh.replace(to)
        _to_disk(to.parent)
    except OSError as error:
        raise Surroundings("backup_cannot_write", path=to, cause=error.strerror or str(error)) from error
    finally:
        for leftover in (copy, fresh):
            leftover.unlink(missing_ok=True)
    return Backup(to)


def sqlite_path(settings: Settings) -> Path | None:
    """The database's file; None where the database is no file of ours."""
    engine = make_engine(settings.db_url, settings.data_dir)
    try:
        return Path(engine.url.database or "") if engine.dialect.name == "sqlite" else None
    finally:
        engine.dispose()


def _key(data_dir: Path) -> bytes:
    key = keys.read_key(data_dir)
    if key is None:
        raise Surroundings("backup_no_hub", path=data_dir)
    return key


def _may_replace(to: Path) -> None:
    """An older backup may be replaced, nothing else."""
    if not to.exists():
        return
    try:
        Backup(to)
    except Surroundings as error:
        raise Surroundings("backup_in_the_way", path=to) from error


def _copied(source: Path, copy: Path) -> None:
    """One snapshot of a database that others write to; they need not wait.

    The read transaction keeps the snapshot, so that the copy never has to begin anew however much is written.
    """
    uri = f"{source.resolve().as_uri()}?mode=rw"
    try:
        with (
            closing(sqlite3.connect(uri, uri=True, isolation_level=None, timeout=10)) as ours,
            closing(sqlite3.connect(copy)) as theirs,
        ):
            ours.execute("BEGIN")
            ours.execute("SELECT seq FROM feed_head").fetchone()
            ours.backup(theirs, pages=_PAGES, sleep=0)
            ours.execute("COMMIT")
            theirs.execute("PRAGMA journal_mode = DELETE")
            said = theirs.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.Error as error:
        raise Surroundings("db_cannot_open", db=source, cause=str(error)) from error
    if said != "ok":
        raise Surroundings("db_damaged", db=source, cause=said)


def _head(settings: Settings, copy: Path | None, now: datetime, version: str) -> Head:
    """What the copy itself says: not what the hub has meanwhile."""
    url = settings.db_url if copy is None else f"sqlite:///{copy.resolve().as_posix()}"
    engine = make_engine(url, settings.data_dir)
    try:
        with engine.connect() as conn:
            return _read_head(conn, now, version)
    except SQLAlchemyError as error:
        raise Surroundings("db_cannot_open", db=shown(engine.url), cause=str(error)) from error
    finally:
        engine.dispose()
        if copy is not None:
            for suffix in ("-wal", "-shm"):
                copy.with_name(copy.name + suffix).unlink(missing_ok=True)


def _read_head(conn: Connection, now: datetime, version: str) -> Head:
    head = conn.execute(select(t.feed_head.c.epoch, t.feed_head.c.series, t.feed_head.c.seq)).one()
    key_id = conn.execute(select(t.setting.c.value).where(t.setting.c.key == keys.KEY_ID)).scalar_one()
    return Head(
        format=FORMAT,
        made_at=now,
        version=version,
        key_id=msgspec.json.decode(key_id, type=str),
        epoch=head.epoch,
        series=head.series,
        seq=head.seq,
        orders=conn.execute(select(func.count()).select_from(t.orders)).scalar_one(),
    )


def _rest(data_dir: Path, config_path: Path | None) -> Rest:
    """hub.toml, wherever it lies, and the authority the stations have pinned."""
    files: dict[str, str] = {}
    for name, path in [
        (SETTINGS_FILE, config_path or data_dir / SETTINGS_FILE),
        *((name, data_dir / name) for name in TLS_FILES),
    ]:
        if path.is_file():
            files[name] = path.read_text(encoding="utf-8")
    return Rest(files=files)


def _to_disk(path: Path) -> None:
    """What stands under this name outlives a power cut."""
    if path.is_dir() and os.name != "posix":
        return
    handle = os.open(path, os.O_RDONLY if path.is_dir() or os.name == "posix" else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
