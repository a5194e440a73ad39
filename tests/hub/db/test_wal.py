"""What was committed gets into SQLite's file beside the writer, and the log stays small."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Engine

from app.ports import SystemClock, Ulid
from hub.db.engine import open_database
from hub.db.wal import COMMITS, JOBS, WalKeeper


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = open_database("sqlite:///hub.db", tmp_path, Ulid(SystemClock()))
    with made.connect() as conn:
        conn.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    yield made
    made.dispose()


def _day(engine: Engine, day: str) -> None:
    with engine.begin() as conn:
        conn.exec_driver_sql("INSERT INTO day_counter (day, n) VALUES (?, 1)", (day,))


def _in_file(folder: Path) -> list[str]:
    """The days that the file holds by itself, without its log."""
    bare = folder / "bare.db"
    shutil.copyfile(folder / "hub.db", bare)
    with closing(sqlite3.connect(bare)) as db, db:
        days = [day for (day,) in db.execute("SELECT day FROM day_counter ORDER BY day")]
    db.close()
    return days


@pytest.mark.parametrize(("commits", "jobs"), [(COMMITS, 1), (1, JOBS)])
def test_after_so_many_commits_or_orders_the_log_is_moved_into_the_file(
    engine: Engine, tmp_path: Path, commits: int, jobs: int
) -> None:
    keeper = WalKeeper(engine)
    _day(engine, "A")
    for _ in range(commits - 1):
        keeper.committed(jobs)
    keeper.stop()
    assert _in_file(tmp_path) == []
    keeper = WalKeeper(engine)
    for _ in range(commits):
        keeper.committed(jobs)
    keeper.stop()
    assert _in_file(tmp_path) == ["A"]


def test_a_reader_that_stays_and_a_file_that_is_gone_disturb_nobody(engine: Engine, tmp_path: Path) -> None:
    with engine.connect() as reader, reader.begin():
        reader.exec_driver_sql("SELECT count(*) FROM day_counter")
        _day(engine, "A")
        keeper = WalKeeper(engine)
        keeper.committed(JOBS)
        keeper.stop()
        _day(engine, "B")
    keeper = WalKeeper(engine)
    keeper.committed(JOBS)
    keeper.stop()
    assert _in_file(tmp_path) == ["A", "B"]
    engine.dispose()
    for file in tmp_path.glob("hub.db*"):
        file.unlink()
    tmp_path.joinpath("hub.db").mkdir()
    keeper = WalKeeper(engine)
    keeper.committed(JOBS)
    keeper.stop()
