"""Lists under Qt's own model tester, and what a refresh tells their views."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from PySide6.QtCore import QModelIndex
from PySide6.QtTest import QAbstractItemModelTester
from pytestqt.qtbot import QtBot

from ui.models.rows import PAGE, RowsModel


@dataclass(frozen=True)
class Row:
    key: int
    text: str = ""


class Shelf:
    """Rows as a read model gives them: page by page, the cursor is the last key."""

    def __init__(self, n: int) -> None:
        self.rows = [Row(k) for k in range(n)]
        self.asked = 0

    def fetch(self, n: int, after: str) -> tuple[Sequence[Row], str]:
        self.asked += 1
        start = next((i + 1 for i, r in enumerate(self.rows) if str(r.key) == after), 0) if after else 0
        page = self.rows[start : start + n]
        return page, str(page[-1].key) if len(page) == n else ""


def made(shelf: Shelf) -> RowsModel[Row]:
    model: RowsModel[Row] = RowsModel(shelf.fetch, lambda r: r.key, lambda r: r.text)
    QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Warning, model)
    model.refresh()
    return model


def keys(model: RowsModel[Row]) -> list[int]:
    rows = [model.row(i) for i in range(model.rowCount())]
    return [row.key for row in rows if row is not None]


def test_a_long_list_is_read_page_by_page(qtbot: QtBot) -> None:
    shelf = Shelf(100_000)
    model = made(shelf)
    read = model.rowCount()
    # The tester fetches more itself, a page at a time.
    assert PAGE <= read <= 10 * PAGE
    model.fetchMore(QModelIndex())
    assert model.rowCount() >= read + PAGE
    assert keys(model) == list(range(model.rowCount()))
    model.refresh(PAGE)
    assert keys(model)[:PAGE] == list(range(PAGE))


CHANGES: list[tuple[str, list[int], int]] = [
    ("one gone", [0, 1, 3, 4], 0),
    ("one came first", [9, 0, 1, 2, 3, 4], 0),
    ("one came last", [0, 1, 2, 3, 4, 9], 0),
    ("gone and come", [0, 9, 2, 4, 8], 0),
    ("all others", [7, 8, 9], 0),
    ("none left", [], 0),
    ("another order", [4, 3, 2, 1, 0], 1),
]


@pytest.mark.parametrize(("after", "resets"), [c[1:] for c in CHANGES], ids=[c[0] for c in CHANGES])
def test_a_refresh_tells_only_what_differs(qtbot: QtBot, after: list[int], resets: int) -> None:
    shelf = Shelf(5)
    model = made(shelf)
    seen: list[None] = []
    model.modelReset.connect(lambda: seen.append(None))
    shelf.rows = [Row(k) for k in after]
    model.refresh()
    assert keys(model) == after
    assert len(seen) == resets


def test_a_row_with_other_words_is_drawn_again_and_the_rest_is_not(qtbot: QtBot) -> None:
    shelf = Shelf(5)
    model = made(shelf)
    shelf.rows[2] = Row(2, "new")
    changed: list[int] = []
    model.dataChanged.connect(lambda first, last: changed.extend(range(first.row(), last.row() + 1)))
    model.refresh()
    assert changed == [2]
    model.refresh()
    assert changed == [2], "the same again says nothing"
