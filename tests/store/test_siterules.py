"""The rules of the site in the copy: fed, lacking, or from a hub that knows more than we do."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from app.core.freeze import Rules
from app.store.cache import Cache
from app.store.siterules import SiteBook
from tests.helpers.station import a_page, change


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[Cache]:
    made = Cache(tmp_path / "cache.sqlite")
    yield made
    made.close()


def test_a_hub_that_feeds_no_rules_means_the_defaults(cache: Cache) -> None:
    book = SiteBook(cache, Rules())
    assert book.rules("main") == Rules()
    assert book.zone("main").key == "Asia/Shanghai"


def test_each_warehouse_is_judged_by_its_own_rules(cache: Cache) -> None:
    said = {"timezone": "Asia/Tokyo", "last_gate": "close", "countdown_s": 40, "auto_release": False}
    cache.apply_page(a_page([change(1, "setting", "rules:east", said)]))
    book = SiteBook(cache, Rules())
    assert book.rules("east") == Rules(countdown=timedelta(seconds=40), last_gate="close", auto_release=False)
    assert book.zone("east").key == "Asia/Tokyo"
    assert book.rules("main") == Rules()


def test_a_rule_is_looked_up_again_when_the_copy_has_changed(cache: Cache) -> None:
    book = SiteBook(cache, Rules())
    assert book.rules("main").last_gate == "handover"
    cache.apply_page(a_page([change(1, "setting", "rules:main", {"last_gate": "close"})]))
    book.forget()
    assert book.rules("main").last_gate == "close"


@pytest.mark.parametrize(
    "said",
    [{"last_gate": "courier"}, {"countdown_s": "soon"}, {"timezone": "Mars/Base"}, {"timezone": "../x"}],
)
def test_words_of_a_newer_hub_leave_the_defaults(cache: Cache, said: dict[str, str]) -> None:
    cache.apply_page(a_page([change(1, "setting", "rules:main", said)]))
    book = SiteBook(cache, Rules())
    assert book.rules("main") == Rules()
    assert book.zone("main").key == "Asia/Shanghai"
