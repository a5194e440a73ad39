"""Both databases for tests: SQLite in the test's folder, or a fresh database of a real PostgreSQL of our own.

A test that takes ``db`` (or anything made from it) runs once on each; :data:`only_sqlite` and :data:`only_postgresql`
keep it on one. Where no PostgreSQL can be started its runs are skipped, saying what to install.
"""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from hub.db.engine import make_engine, migrate
from rehearsal.postgres import NoPostgres, OwnPostgres

SQLITE = "sqlite:///orderdock.db"
_TEMPLATE = "migrated"
_numbers = itertools.count(1)

only_sqlite = pytest.mark.parametrize("db", ["sqlite"], indirect=True)
only_postgresql = pytest.mark.parametrize("db", ["postgresql"], indirect=True)
NewDatabase = Callable[[], str]


@cache
def _migrated() -> bytes:
    """An SQLite file whose tables stand, made by the migrations once in this process."""
    with tempfile.TemporaryDirectory() as folder:
        engine = make_engine(SQLITE, Path(folder))
        migrate(engine)
        engine.dispose()
        return (Path(folder) / "orderdock.db").read_bytes()


def with_tables(folder: Path, db: str) -> None:
    """Saves the SQLite file of a new core its migrations: it finds the tables as a second start does."""
    if db == SQLITE and not (folder / "orderdock.db").exists():
        (folder / "orderdock.db").write_bytes(_migrated())


@pytest.fixture(scope="session")
def postgres() -> Iterator[OwnPostgres]:
    """A running server that holds a migrated database to be copied."""
    try:
        with OwnPostgres.started() as server:
            engine = make_engine(server.new_database(_TEMPLATE), Path())
            migrate(engine)
            engine.dispose()
            yield server
    except NoPostgres as no:
        pytest.skip(str(no))


@pytest.fixture(scope="module")
def new_postgres(postgres: OwnPostgres) -> Iterator[NewDatabase]:
    """``new_postgres()``: the URL of a fresh database, migrated and empty, gone with the file of tests."""
    made: list[str] = []

    def new() -> str:
        made.append(f"test{next(_numbers)}")
        return postgres.new_database(made[-1], _TEMPLATE)

    yield new
    for name in made:
        postgres.drop(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def db(request: pytest.FixtureRequest) -> str:
    """The URL of an empty database: a file in the folder given to the hub, or one of PostgreSQL."""
    return SQLITE if request.param == "sqlite" else request.getfixturevalue("new_postgres")()


@pytest.fixture(params=["sqlite", "postgresql"], scope="module")
def lasting_db(request: pytest.FixtureRequest) -> str:
    """The same for a hub that a whole file of tests shares."""
    return SQLITE if request.param == "sqlite" else request.getfixturevalue("new_postgres")()
