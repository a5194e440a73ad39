"""A table of any length that reads only what is on the screen.

    model = PagedModel(kit, columns, source, key=lambda row: row.order_no)
    table = PagedTable(kit, model, empty=EmptyState(...))
    model.refresh()                                   # the source has changed: same place, same choice
    table.opened.connect(lambda row: ...)

Rows have one height and columns their widths: nothing is ever measured by looking at all rows. A source
answers `fetch(first, n)` at once or with None ("later") and then calls `model.deliver`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from typing import Any, Generic, Protocol, TypeVar

from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QPersistentModelIndex,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QFontMetricsF, QPainter, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from app.core.values import dataclass
from ui.kit import Kit
from ui.tokens import State
from ui.widgets.plain_label import plain_tip, visible
from ui.widgets.state_chip import chip_width, paint_chip

PAGE = 200
PAGES_KEPT = 50
_Index = QModelIndex | QPersistentModelIndex

Row = TypeVar("Row")
Row_co = TypeVar("Row_co", covariant=True)


class Source(Protocol[Row_co]):
    """Where rows come from. Both calls are made in the window's thread and must take milliseconds."""

    def count(self) -> int:
        """How many rows there are now."""

    def fetch(self, first: int, n: int) -> Sequence[Row_co] | None:
        """Rows `first` ... `first + n - 1` (fewer at the end), or None when they will be delivered later."""


@dataclass(frozen=True, slots=True)
class Column(Generic[Row]):
    """One column. `text` gives the words of a cell; `state` makes it a chip with colour and shape."""

    title_key: str
    text: Callable[[Row], str]
    width: int = 0
    """Pixels at scale 1; 0 for the columns that share what is left."""
    state: Callable[[Row], State] | None = None
    right: bool = False
    """Numbers stand at the right."""
    sort: str = ""
    """What `sort_asked` says when the head is touched; "" for columns nobody sorts by."""


class PagedModel(QAbstractTableModel, Generic[Row]):
    """Pages of a source, the last 50 kept. `key` names a row, so that a choice outlives a refresh."""

    RowRole = int(Qt.ItemDataRole.UserRole)
    refreshed = Signal()

    def __init__(
        self, kit: Kit, columns: Sequence[Column[Row]], source: Source[Row], key: Callable[[Row], Hashable]
    ) -> None:
        super().__init__()
        self._kit = kit
        self.columns = tuple(columns)
        self._source = source
        self.key = key
        self._pages: OrderedDict[int, Sequence[Row]] = OrderedDict()
        self._count = source.count()
        kit.i18n.bind(self, self._retitle)

    def refresh(self) -> None:
        """The source has changed: forgets what was read. Views keep their place and their choice."""
        count = self._source.count()
        self._pages.clear()
        if count == self._count:
            self._tell(0, count)
        elif count > self._count:
            self.beginInsertRows(QModelIndex(), self._count, count - 1)
            self._count = count
            self.endInsertRows()
            self._tell(0, count)
        else:
            self.beginRemoveRows(QModelIndex(), count, self._count - 1)
            self._count = count
            self.endRemoveRows()
            self._tell(0, count)
        self.refreshed.emit()

    def deliver(self, first: int, rows: Sequence[Row]) -> None:
        """Rows that `fetch` had promised for later; `first` is the first row of a page."""
        self._keep(first // PAGE, rows)
        self._tell(first, first + len(rows))

    def row(self, at: int) -> Row | None:
        """A row, None while it is not there yet."""
        if not 0 <= at < self._count:
            return None
        page = self._page(at // PAGE)
        offset = at % PAGE
        return page[offset] if page is not None and offset < len(page) else None

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        return 0 if parent.isValid() else self._count

    def columnCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        return 0 if parent.isValid() else len(self.columns)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        wanted = (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole, self.RowRole)
        if not index.isValid() or role not in wanted:
            return None
        row = self.row(index.row())
        if role == self.RowRole:
            return row
        if row is None:
            return self._kit.i18n.tr("ui.table_loading")
        return visible(self.columns[index.column()].text(row))

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        if orientation != Qt.Orientation.Horizontal or not 0 <= section < len(self.columns):
            return None
        column = self.columns[section]
        if role == Qt.ItemDataRole.DisplayRole:
            return self._kit.i18n.tr(column.title_key)
        if role == Qt.ItemDataRole.TextAlignmentRole:
            across = Qt.AlignmentFlag.AlignRight if column.right else Qt.AlignmentFlag.AlignLeft
            return int(across | Qt.AlignmentFlag.AlignVCenter)
        return None

    def _page(self, number: int) -> Sequence[Row] | None:
        if number in self._pages:
            self._pages.move_to_end(number)
            return self._pages[number]
        rows = self._source.fetch(number * PAGE, PAGE)
        if rows is not None:
            self._keep(number, rows)
        return rows

    def _keep(self, number: int, rows: Sequence[Row]) -> None:
        self._pages[number] = rows
        self._pages.move_to_end(number)
        while len(self._pages) > PAGES_KEPT:
            self._pages.popitem(last=False)

    def _tell(self, first: int, end: int) -> None:
        last = min(end, self._count) - 1
        if last >= first and self.columns:
            self.dataChanged.emit(self.index(first, 0), self.index(last, len(self.columns) - 1))

    def _retitle(self) -> None:
        if self.columns:
            self.headerDataChanged.emit(Qt.Orientation.Horizontal, 0, len(self.columns) - 1)
            self._tell(0, self._count)


class PagedTable(QTableView, Generic[Row]):
    """The view. `opened(row)` on touch or Enter, `sort_asked(name, ascending)` on a head; `empty` shows
    while no row is."""

    opened = Signal(object)
    sort_asked = Signal(str, bool)

    def __init__(self, kit: Kit, model: PagedModel[Row], empty: QWidget | None = None) -> None:
        super().__init__()
        self._kit = kit
        self._paged = model
        self._empty = empty
        self._chosen: Hashable = None
        self._sorted: tuple[str, bool] = ("", True)
        self.setModel(model)
        self.setItemDelegate(_CellDelegate(kit, self))
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setCornerButtonEnabled(False)
        self.setTabKeyNavigation(False)
        self.setMouseTracking(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.verticalHeader().hide()
        head = self.horizontalHeader()
        head.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        head.setHighlightSections(False)
        head.setSectionsClickable(True)
        head.sectionClicked.connect(self._on_head)
        self.activated.connect(self._on_opened)
        self.clicked.connect(self._on_opened)
        self.selectionModel().currentRowChanged.connect(self._on_current)
        model.refreshed.connect(self._after_refresh)
        if empty is not None:
            empty.setParent(self.viewport())
        kit.theme.bind(self, self._measure)

    def choose(self, key: Hashable, near: int) -> None:
        """Keeps `key` chosen, looked for in the page round row `near`."""
        self._chosen = key
        self._choose_again(near)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._share_width()
        self._show_empty()

    def _measure(self) -> None:
        theme = self._kit.theme
        rows = self.verticalHeader()
        rows.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        rows.setMinimumSectionSize(1)
        rows.setDefaultSectionSize(theme.px("size.row"))
        self.horizontalHeader().setFixedHeight(theme.px("size.row"))
        self._share_width()

    def _share_width(self) -> None:
        scale = self._kit.theme.scale
        fixed = [round(column.width * scale) for column in self._paged.columns]
        open_ones = fixed.count(0)
        rest = max(self.viewport().width() - sum(fixed), 60 * open_ones)
        for at, width in enumerate(fixed):
            self.setColumnWidth(at, width or rest // max(open_ones, 1))

    def _on_opened(self, index: QModelIndex) -> None:
        if (row := self._paged.row(index.row())) is not None:
            self.opened.emit(row)

    def _on_head(self, section: int) -> None:
        name = self._paged.columns[section].sort
        if not name:
            return
        ascending = not self._sorted[1] if self._sorted[0] == name else True
        self._sorted = (name, ascending)
        head = self.horizontalHeader()
        head.setSortIndicatorShown(True)
        head.setSortIndicator(
            section, Qt.SortOrder.AscendingOrder if ascending else Qt.SortOrder.DescendingOrder
        )
        self.sort_asked.emit(name, ascending)

    def _on_current(self, current: QModelIndex, before: QModelIndex) -> None:
        row = self._paged.row(current.row())
        self._chosen = self._paged.key(row) if row is not None else None

    def _after_refresh(self) -> None:
        if self._chosen is not None:
            self._choose_again(self.currentIndex().row())
        self._show_empty()

    def _choose_again(self, near: int) -> None:
        """Rows may have moved: finds the chosen one near where it was; gone is gone, and nothing else is
        chosen for it."""
        chosen = self._chosen
        first = max(0, near - PAGE)
        for at in sorted(range(first, min(self._paged.rowCount(), near + PAGE)), key=lambda n: abs(n - near)):
            row = self._paged.row(at)
            if row is not None and self._paged.key(row) == chosen:
                self.selectRow(at)
                self._chosen = chosen
                return
        self.clearSelection()
        self.setCurrentIndex(QModelIndex())
        self._chosen = None

    def _show_empty(self) -> None:
        if self._empty is not None:
            self._empty.setGeometry(self.viewport().rect())
            self._empty.setVisible(self._paged.rowCount() == 0)


class _CellDelegate(QStyledItemDelegate):
    def __init__(self, kit: Kit, table: PagedTable[Any]) -> None:
        super().__init__(table)
        self._kit = kit
        self._table = table

    def sizeHint(self, option: QStyleOptionViewItem, index: _Index) -> QSize:
        return QSize(0, self._kit.theme.px("size.row"))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        theme = self._kit.theme
        rect = QRectF(option.rect)
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        over = bool(option.state & QStyle.StateFlag.State_MouseOver)
        painter.save()
        if chosen or over:
            painter.fillRect(rect, theme.colour("selected" if chosen else "hover"))
        painter.fillRect(QRectF(rect.left(), rect.bottom(), rect.width(), 1), theme.colour("line"))
        model = self._table._paged
        column, row = model.columns[index.column()], model.row(index.row())
        inner = rect.adjusted(theme.px("space.m"), 0, -theme.px("space.m"), 0)
        words = str(index.data())
        if row is not None and column.state is not None:
            self._paint_chip(painter, inner, column.state(row), words)
        else:
            self._paint_words(painter, inner, words, right=column.right, quiet=row is None)
        painter.restore()

    def helpEvent(self, event: Any, view: Any, option: QStyleOptionViewItem, index: _Index) -> bool:
        """A tip with the whole text where the cell shows only part of it."""
        words = str(index.data())
        metrics = QFontMetricsF(self._kit.theme.font("body"))
        room = option.rect.width() - 2 * self._kit.theme.px("space.m")
        view.setToolTip(plain_tip(words) if metrics.horizontalAdvance(words) > room else "")
        return super().helpEvent(event, view, option, index)

    def _paint_chip(self, painter: QPainter, rect: QRectF, state: State, words: str) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        font = self._kit.theme.font("caption")
        high = font.pixelSize() * 1.75
        width = min(chip_width(self._kit, words, font), rect.width())
        chip = QRectF(rect.left(), rect.center().y() - high / 2, width, high)
        paint_chip(painter, self._kit, chip, state, words, "soft", font)

    def _paint_words(self, painter: QPainter, rect: QRectF, words: str, *, right: bool, quiet: bool) -> None:
        font = self._kit.theme.font("body")
        painter.setFont(font)
        painter.setPen(self._kit.theme.colour("faint" if quiet else "text"))
        across = Qt.AlignmentFlag.AlignRight if right else Qt.AlignmentFlag.AlignLeft
        shown = QFontMetricsF(font).elidedText(
            words.replace("\n", " "), Qt.TextElideMode.ElideRight, rect.width()
        )
        painter.drawText(rect, int(Qt.AlignmentFlag.AlignVCenter | across), shown)
