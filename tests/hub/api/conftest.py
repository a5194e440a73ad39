"""Real hubs for the tests of its doors."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.hub import TOML, RunningHub, hub_in_thread

TWO_HOUSES = TOML + '[[warehouse]]\nid = "main"\n[[warehouse]]\nid = "north"\n'


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[RunningHub]:
    with hub_in_thread(tmp_path / "张 三") as running:
        yield running


@pytest.fixture(scope="module")
def lasting_hub(tmp_path_factory: pytest.TempPathFactory, lasting_db: str) -> Iterator[RunningHub]:
    """One hub for a whole file of tests that leave each other alone; the file runs on both databases."""
    with hub_in_thread(tmp_path_factory.mktemp("hub"), TWO_HOUSES, db=lasting_db) as running:
        yield running
