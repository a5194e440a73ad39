"""A list read page by page: what is on the screen and a little more, never everything."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, Generic, TypeVar

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, Qt

Row = TypeVar("Row")
Fetch = Callable[[int, str], tuple[Sequence[Row], str]]
"""(how many, after which cursor) to the rows and the cursor behind them; "" is the beginning, and the end."""

AnyIndex = QModelIndex | QPersistentModelIndex

PAGE = 60
VIEW_ROLE = int(Qt.ItemDataRole.UserRole)


class RowsModel(QAbstractListModel, Generic[Row]):
    """Rows with a key each. ``refresh`` brings them up to date and tells views only what differs, so that a
    list under a finger neither jumps nor flickers; a page more is fetched when the view nears the end."""

    def __init__(self, fetch: Fetch[Row], key: Callable[[Row], Hashable], text: Callable[[Row], str]) -> None:
        super().__init__()
        self._fetch, self._key, self._text = fetch, key, text
        self._rows: list[Row] = []
        self._next = ""

    def rowCount(self, parent: AnyIndex = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        return 0 if parent.isValid() else len(self._rows)

    def data(self, index: AnyIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or index.row() >= len(self._rows):
            return None
        row = self._rows[index.row()]
        if role == VIEW_ROLE:
            return row
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return self._text(row)
        return None

    def canFetchMore(self, parent: AnyIndex) -> bool:
        return not parent.isValid() and bool(self._next)

    def fetchMore(self, parent: AnyIndex) -> None:
        if not self.canFetchMore(parent):
            return
        rows, behind = self._fetch(PAGE, self._next)
        self._next = ""  # one page at a time, also where a view asks while it hears of this one
        known = {self._key(row) for row in self._rows}
        fresh = [row for row in rows if self._key(row) not in known]
        if fresh:
            self.beginInsertRows(QModelIndex(), len(self._rows), len(self._rows) + len(fresh) - 1)
            self._rows += fresh
            self.endInsertRows()
        self._next = behind

    @property
    def has_more(self) -> bool:
        """Whether rows wait behind those read so far."""
        return bool(self._next)

    def row(self, at: int) -> Row | None:
        return self._rows[at] if 0 <= at < len(self._rows) else None

    def find(self, key: Hashable) -> int:
        """Where the row with this key stands among those read so far; -1 when it is not there."""
        return next((i for i, row in enumerate(self._rows) if self._key(row) == key), -1)

    def refresh(self, least: int = PAGE) -> None:
        """Reads the first ``least`` rows anew; what lies further down is dropped and read when it is scrolled to."""
        rows, behind = self._fetch(max(least, PAGE), "")
        self._next = ""  # nobody may fetch more while the rows are being changed
        self._change_to(list(rows))
        self._next = behind

    def redraw(self) -> None:
        """The same rows in other words (a switch of language)."""
        if self._rows:
            self.dataChanged.emit(self.index(0), self.index(len(self._rows) - 1))

    def _change_to(self, new: list[Row]) -> None:
        wanted = {self._key(row) for row in new}
        for first, last in reversed(_runs([self._key(row) not in wanted for row in self._rows])):
            self.beginRemoveRows(QModelIndex(), first, last)
            del self._rows[first : last + 1]
            self.endRemoveRows()
        known = {self._key(row) for row in self._rows}
        if [self._key(r) for r in self._rows] != [self._key(r) for r in new if self._key(r) in known]:
            self.beginResetModel()
            self._rows = new
            self.endResetModel()
            return
        for first, last in _runs([self._key(row) not in known for row in new]):
            self.beginInsertRows(QModelIndex(), first, last)
            self._rows[first:first] = new[first : last + 1]
            self.endInsertRows()
        for first, last in _runs([old != row for old, row in zip(self._rows, new, strict=True)]):
            self._rows[first : last + 1] = new[first : last + 1]
            self.dataChanged.emit(self.index(first), self.index(last))


def _runs(marks: Sequence[bool]) -> list[tuple[int, int]]:
    """First and last index of each unbroken run of marks."""
    runs: list[tuple[int, int]] = []
    for at, marked in enumerate(marks):
        if marked and runs and runs[-1][1] == at - 1:
            runs[-1] = (runs[-1][0], at)
        elif marked:
            runs.append((at, at))
    return runs
