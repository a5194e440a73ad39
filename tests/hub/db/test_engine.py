"""The database opens, is up to date, says what is wrong in the surroundings' words, and keeps no secret."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import insert, select

from hub.db import tables as t
from hub.db.engine import make_engine, new_epoch, open_database
from hub.surroundings import Surroundings
from tests.helpers.builders import Ids


def test_a_new_database_is_the_tables_and_has_an_epoch(tmp_path: Path) -> None:
    folder = tmp_path / "张 三"
    folder.mkdir()
    engine = open_database("sqlite:///orderdock.db", folder, Ids("epoch"))
    assert (folder / "orderdock.db").exists()
    with engine.connect() as conn:
        context = MigrationContext.configure(conn, opts={"compare_type": True})
        assert compare_metadata(context, t.metadata) == []
        assert conn.execute(select(t.feed_head.c.epoch)).scalar_one() == "epoch00000001"
        assert conn.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"
        assert conn.exec_driver_sql("PRAGMA synchronous").scalar_one() == 2
        assert conn.exec_driver_sql("PRAGMA foreign_keys").scalar_one() == 1
    engine.dispose()


def test_opened_again_it_keeps_its_epoch(tmp_path: Path) -> None:
    for _ in range(2):
        engine = open_database("sqlite:///orderdock.db", tmp_path, Ids("epoch"))
        with engine.connect() as conn:
            assert conn.execute(select(t.feed_head.c.epoch)).scalar_one() == "epoch00000001"
        engine.dispose()


def test_an_absolute_path_stays_where_it_is(tmp_path: Path) -> None:
    engine = make_engine(f"sqlite:///{tmp_path / 'there.db'}", tmp_path / "elsewhere")
    assert engine.url.database == str(tmp_path / "there.db")


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://localhost/x"])
def test_other_databases_are_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(ValueError, match=r"file|ours"):
        make_engine(url, tmp_path)


def test_postgresql_is_opened_with_our_driver_and_shows_no_password(tmp_path: Path) -> None:
    engine = make_engine("postgresql://orderdock:geheim@127.0.0.1:1/orderdock?connect_timeout=1", tmp_path)
    assert engine.dialect.driver == "psycopg"
    with pytest.raises(Surroundings) as caught:
        open_database("postgresql+psycopg://orderdock:geheim@127.0.0.1:1/orderdock", tmp_path, Ids())
    assert caught.value.key == "db_cannot_open" and "geheim" not in str(caught.value.params)


def test_a_file_that_is_no_database_is_damaged(tmp_path: Path) -> None:
    (tmp_path / "orderdock.db").write_bytes(b"this is not a database at all" * 100)
    with pytest.raises(Surroundings) as caught:
        open_database("sqlite:///orderdock.db", tmp_path, Ids())
    assert caught.value.key == "db_damaged"


def test_a_folder_that_is_not_there_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(Surroundings) as caught:
        open_database("sqlite:///no/such/folder.db", tmp_path, Ids())
    assert (caught.value.key, "folder.db" in caught.value.params["db"]) == ("db_cannot_open", True)


def test_a_database_from_a_newer_program_is_left_alone(tmp_path: Path) -> None:
    engine = open_database("sqlite:///orderdock.db", tmp_path, Ids())
    with engine.begin() as conn:
        conn.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    engine.dispose()
    with pytest.raises(Surroundings) as caught:
        open_database("sqlite:///orderdock.db", tmp_path, Ids())
    assert caught.value.key == "db_too_new"


def test_there_are_letters_for_26_restores(tmp_path: Path) -> None:
    engine = open_database("sqlite:///orderdock.db", tmp_path, Ids())
    with engine.begin() as conn:
        epochs = {new_epoch(conn, Ids(f"{n}-")) for n in range(26)}
        assert len(epochs) == 26
        assert conn.execute(select(t.feed_head.c.series)).scalar_one() == "Z"
        with pytest.raises(Surroundings, match="series_used_up"):
            new_epoch(conn, Ids())
    engine.dispose()


def test_moments_are_kept_as_utc_milliseconds(tmp_path: Path) -> None:
    engine = open_database("sqlite:///orderdock.db", tmp_path, Ids())
    shanghai = timezone(timedelta(hours=8))
    at = datetime(2026, 11, 21, 9, 0, 0, 123456, tzinfo=shanghai)
    with engine.begin() as conn:
        conn.execute(insert(t.setting).values(key="k", value=b"1", changed_at=at))
        stored = conn.execute(select(t.setting.c.changed_at)).scalar_one()
        assert stored == datetime(2026, 11, 21, 1, 0, 0, 123000, tzinfo=UTC)
    engine.dispose()


def test_an_error_does_not_tell_what_was_written(tmp_path: Path) -> None:
    engine = open_database("sqlite:///orderdock.db", tmp_path, Ids())
    with pytest.raises(Exception, match="FOREIGN KEY") as caught, engine.begin() as conn:
        conn.exec_driver_sql("INSERT INTO parcel (parcel_no, order_no) VALUES (?, ?)", ("13800138000", "x"))
    assert "13800138000" not in str(caught.value)
    engine.dispose()
