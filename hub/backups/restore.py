"""Brings a hub back from a backup: another life of the same hub, which says so to everybody (design 3.11).

Whatever lay in the data dir is put aside, never deleted. The database gets a new epoch and the next numbering
series before it gets its place, so that no hub ever runs on a copy that passes for the original.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
from sqlalchemy import Connection, Engine, delete, func, insert, select

from app.ports import NewId
from app.wire import LateStation, Restored
from hub import datadir, keys
from hub.backups.container import Backup
from hub.backups.make import SETTINGS_FILE, TLS_FILES, sqlite_path
from hub.config import Settings
from hub.db import tables as t
from hub.db.engine import WRITE, new_epoch, open_database, shown
from hub.orders.reading import RESTORED
from hub.surroundings import Surroundings
from hub.vault import Vault

#: Stations heard of in so many days before the backup may have acts for us (they keep them as long).
HEARD_WITHIN = timedelta(days=7)
_ASIDE = "replaced-"
_SUFFIXES = ("", "-wal", "-shm")


@dataclass(frozen=True, slots=True)
class Done:
    """What a restore did. ``aside`` is None where nothing had to make room."""

    restored: Restored
    series: str
    orders: int
    aside: Path | None


def restore(
    file: Path, settings: Settings, open_key: Callable[[Backup], bytes], now: datetime, new_id: NewId
) -> Done:
    """The backup in ``file`` takes the place of what is in the data dir; ``open_key`` gets the master key out of it.

    Raises :class:`Surroundings` for everything that can be in the way; then all is as it was.
    """
    data_dir, place = settings.data_dir, sqlite_path(settings)
    if place is None:
        raise Surroundings("restore_not_sqlite", file=file)
    try:
        with datadir.occupied(data_dir):
            backup = Backup(file)
            if not backup.has_database:
                raise Surroundings("backup_no_database", path=file)
            key = open_key(backup)
            rest = backup.rest(key)
            staging = data_dir / datadir.RESTORING
            shutil.rmtree(staging, ignore_errors=True)  # ours, of a restore that did not end
            try:
                staging.mkdir()
                done = _prepared(backup, staging, key, _series_used(data_dir, place), now, new_id)
            except BaseException:
                shutil.rmtree(staging, ignore_errors=True)
                raise
            _put_files(staging, rest.files)
            aside = _put_aside(data_dir, place, rest.files, key, now)
            _put_in_place(data_dir, place, staging, rest.files, key)
            shutil.rmtree(staging)
            return Done(done.restored, done.series, done.orders, aside)
    except OSError as error:
        raise datadir.no(error, data_dir) from error


def new_life(settings: Settings, now: datetime, new_id: NewId) -> Done:
    """Only the epoch: for a database that its own tools brought back (``pg_restore``, a snapshot of the machine).

    The moment the backup shows is that of the newest row. Raises :class:`Surroundings`.
    """
    with datadir.occupied(settings.data_dir):
        engine = open_database(settings.db_url, settings.data_dir, new_id)
        try:
            with engine.connect().execution_options(**WRITE) as conn, conn.begin():
                return _begun(conn, _newest(conn) or now, now, new_id, "")
        finally:
            engine.dispose()


# ---------------------------------------------------------------------------------------------- the database


def _prepared(
    backup: Backup, staging: Path, key: bytes, series_used: str, now: datetime, new_id: NewId
) -> Done:
    """The database unpacked, checked, brought up to date and in its new life."""
    path = staging / "orderdock.db"
    backup.unpack(path)
    engine = open_database(f"sqlite:///{path.resolve().as_posix()}", staging, new_id)
    try:
        with engine.connect().execution_options(**WRITE) as conn, conn.begin():
            known = msgspec.json.decode(
                conn.execute(select(t.setting.c.value).where(t.setting.c.key == keys.KEY_ID)).scalar_one(),
                type=str,
            )
            if known != Vault(key).key_id:
                raise Surroundings("key_other", key_id=known, own=Vault(key).key_id)
            done = _begun(conn, backup.head.made_at, now, new_id, series_used)
        _checked(engine)
    finally:
        engine.dispose()
    return done


def _checked(engine: Engine) -> None:
    with engine.connect() as conn:
        said = conn.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
    if said != "ok":
        raise Surroundings("db_damaged", db=shown(engine.url), cause=str(said))


def _begun(conn: Connection, backup_at: datetime, now: datetime, new_id: NewId, series_used: str) -> Done:
    """The new epoch and series, and what everybody has to know of it; the hub tells it when it starts."""
    epoch = new_epoch(conn, new_id, series_used)
    station = t.station.c
    late = conn.execute(
        select(station.station_id, station.name)
        .where(~station.is_revoked, station.last_beat_at >= backup_at - HEARD_WITHIN)
        .order_by(station.name)
    ).all()
    restored = Restored(
        epoch=epoch,
        backup_at=backup_at,
        restored_at=now,
        waiting=[LateStation(station_id=row.station_id, name=row.name) for row in late],
    )
    body = msgspec.json.encode(restored)
    conn.execute(delete(t.setting).where(t.setting.c.key == RESTORED))
    conn.execute(insert(t.setting).values(key=RESTORED, value=body, body=body, changed_at=now, seq=0))
    series = conn.execute(select(t.feed_head.c.series)).scalar_one()
    orders = conn.execute(select(func.count()).select_from(t.orders)).scalar_one()
    return Done(restored, series, orders, None)


def _newest(conn: Connection) -> datetime | None:
    moments = [
        conn.execute(select(func.max(column))).scalar_one()
        for column in (t.orders.c.changed_at, t.receipt.c.at, t.station.c.last_beat_at)
    ]
    return max((moment for moment in moments if moment is not None), default=None)


def _series_used(data_dir: Path, place: Path) -> str:
    """The furthest series of any life that left its database here: a second restore of one backup repeats none."""
    found = [place, *(folder / place.name for folder in data_dir.glob(f"{_ASIDE}*"))]
    return max((_series_of(path) for path in found), default="")


def _series_of(path: Path) -> str:
    """Of a database that may be damaged, or none at all: that is why there is a restore."""
    if not path.is_file():
        return ""
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=2)) as db:
            row = db.execute("SELECT series FROM feed_head").fetchone()
    except sqlite3.Error:
        return ""
    return str(row[0]) if row else ""


# ------------------------------------------------------------------------------------------------- the files


def _put_files(staging: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        if name not in (SETTINGS_FILE, *TLS_FILES):
            continue  # a newer version may keep more
        path = staging / name
        path.parent.mkdir(exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(handle, "w", encoding="utf-8") as target:
            target.write(text)


def _put_aside(data_dir: Path, place: Path, files: Iterable[str], key: bytes, now: datetime) -> Path | None:
    """What is about to be replaced; hub.toml stays, for somebody may have written it for this very machine."""
    moving = [place.with_name(place.name + suffix) for suffix in _SUFFIXES]
    if any(name in TLS_FILES for name in files):
        moving.append(data_dir / "tls")
    had = keys.read_key(data_dir)
    if had is not None and had != key:
        moving.append(data_dir / keys.KEY_FILE)
    found = [path for path in moving if path.exists()]
    if not found:
        return None
    aside = _new_folder(data_dir, f"{_ASIDE}{now:%Y%m%dT%H%M%SZ}")
    for path in found:
        path.rename(aside / path.name) if path.parent == data_dir else shutil.move(path, aside / path.name)
    return aside


def _new_folder(data_dir: Path, name: str) -> Path:
    """A folder that was not there: two restores may fall into one second."""
    for number in range(1, 100):
        folder = data_dir / (name if number == 1 else f"{name}-{number}")
        if not folder.exists():
            folder.mkdir()
            return folder
    raise FileExistsError(name)


def _put_in_place(data_dir: Path, place: Path, staging: Path, files: Iterable[str], key: bytes) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    for suffix in _SUFFIXES:
        if (came := staging / f"orderdock.db{suffix}").exists():
            shutil.move(came, place.with_name(place.name + suffix))
    keys.write_key(data_dir, key)
    if (staging / "tls").is_dir():
        (staging / "tls").rename(data_dir / "tls")
    mine = data_dir / SETTINGS_FILE
    if SETTINGS_FILE in files and not mine.exists():
        (staging / SETTINGS_FILE).rename(mine)
