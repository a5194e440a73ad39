"""Lists whose rows are painted: one delegate per kind of row, thousands of rows at no cost."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Generic, TypeVar

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPoint, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetricsF, QPainter, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from ui.kit import Kit
from ui.models.rows import PAGE, VIEW_ROLE, RowsModel
from ui.present.states import Chip, State
from ui.theme import state_icon
from ui.widgets.state_chip import Tone, chip_width, paint_chip

AnyIndex = QModelIndex | QPersistentModelIndex
Row = TypeVar("Row")

LEFT = int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft)
RIGHT = int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight)


class Brush:
    """A painter that knows the tokens: words, chips and icons in a rectangle, each giving back what is left."""

    def __init__(self, kit: Kit, painter: QPainter) -> None:
        self.kit, self.theme, self.painter = kit, kit.theme, painter

    def left(
        self, rect: QRectF, words: str, size: str = "body", colour: str = "text", *, bold: bool = False
    ) -> QRectF:
        """Words at the left, cut with "…" where they do not fit; gives the room right of them."""
        font = self.theme.font(size, bold=bold)
        metrics = QFontMetricsF(font)
        shown = metrics.elidedText(words, Qt.TextElideMode.ElideRight, rect.width())
        self.painter.setFont(font)
        self.painter.setPen(self.theme.colour(colour))
        self.painter.drawText(rect, LEFT, shown)
        return rect.adjusted(
            metrics.horizontalAdvance(shown) + self.theme.px("space.s") if words else 0, 0, 0, 0
        )

    def right(
        self, rect: QRectF, words: str, size: str = "body", colour: str = "text", *, bold: bool = False
    ) -> QRectF:
        """Words at the right; gives the room left of them."""
        font = self.theme.font(size, bold=bold)
        self.painter.setFont(font)
        self.painter.setPen(self.theme.colour(colour))
        self.painter.drawText(rect, RIGHT, words)
        used = QFontMetricsF(font).horizontalAdvance(words) + self.theme.px("space.s") if words else 0
        return rect.adjusted(0, 0, -used, 0)

    def chip_left(self, rect: QRectF, chip: Chip, tone: Tone = "soft") -> QRectF:
        width = min(self._chip_width(chip, tone), rect.width())
        self._chip(QRectF(rect.left(), rect.top(), width, rect.height()), chip, tone)
        return rect.adjusted(width + self.theme.px("space.s"), 0, 0, 0)

    def chip_right(self, rect: QRectF, chip: Chip, tone: Tone = "soft", most: float = 0.6) -> QRectF:
        width = min(self._chip_width(chip, tone), rect.width() * most)
        self._chip(QRectF(rect.right() - width, rect.top(), width, rect.height()), chip, tone)
        return rect.adjusted(0, 0, -width - self.theme.px("space.s"), 0)

    def state_right(self, rect: QRectF, state: State, words: str, size: str = "body") -> QRectF:
        """Words with their state's shape in front, at the right; the quiet state is grey and has no shape."""
        bold = state in ("stop", "wait")
        rest = self.right(rect, words, size, "muted" if state == "idle" else f"{state}_text", bold=bold)
        if state == "idle":
            return rest
        side = self.theme.px(f"type.{size}")
        icon = QRectF(
            rest.right() - side + self.theme.px("space.xs"), rect.center().y() - side / 2, side, side
        )
        self.theme.paint_icon(self.painter, state_icon(state), f"{state}_text", icon)
        return rest.adjusted(0, 0, -side, 0)

    def icon_left(self, rect: QRectF, icon: str, colour: str, size: str = "size.icon_s") -> QRectF:
        side = self.theme.px(size)
        at = QRectF(rect.left(), rect.center().y() - side / 2, side, side)
        self.theme.paint_icon(self.painter, icon, colour, at)
        return rect.adjusted(side + self.theme.px("space.xs"), 0, 0, 0)

    def _chip_width(self, chip: Chip, tone: Tone) -> float:
        font = self.theme.font("caption", bold=tone == "solid")
        width = chip_width(self.kit, chip.text, font)
        return width - 2 * self.theme.px("space.s") if tone == "bare" else width

    def _chip(self, rect: QRectF, chip: Chip, tone: Tone) -> None:
        high = self.theme.px("type.caption") * 1.65
        at = QRectF(rect.left(), rect.center().y() - high / 2, rect.width(), high)
        font = self.theme.font("caption", bold=tone == "solid")
        paint_chip(self.painter, self.kit, at, chip.state, chip.text, tone, font)


class RowDelegate(QStyledItemDelegate):
    """Field, hover and choice are painted here; the rest by ``paint_row`` into ``lines`` text lines."""

    #: Text lines of a row, as type tokens.
    lines: tuple[str, ...] = ("lead", "caption")
    #: Whether all rows are of one height; where not, ``lines_of`` says how high each is.
    is_even = True

    def __init__(self, kit: Kit, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.kit = kit
        self.marked: Hashable = None

    def key_of(self, view: Any) -> Hashable:
        return None

    def lines_of(self, view: Any) -> tuple[str, ...]:
        """The text lines of this row."""
        return self.lines

    def paint_row(self, brush: Brush, rects: list[QRectF], view: Any) -> None:
        raise NotImplementedError

    def sizeHint(self, option: QStyleOptionViewItem, index: AnyIndex) -> QSize:
        px = self.kit.theme.px
        lines = self.lines if self.is_even else self.lines_of(index.data(VIEW_ROLE))
        high = sum(px(f"type.{line}") * 1.65 for line in lines) + 2 * px("space.s") + 2
        return QSize(0, max(round(high), px("size.touch")))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: AnyIndex) -> None:
        view = index.data(VIEW_ROLE)
        if view is None:
            return
        theme = self.kit.theme
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        field = QRectF(option.rect).adjusted(0, 1, 0, -1)
        self._paint_field(
            painter, option, field, marked=self.marked is not None and self.key_of(view) == self.marked
        )
        inner = field.adjusted(
            theme.px("space.m"), theme.px("space.s"), -theme.px("space.m"), -theme.px("space.s")
        )
        lines = self.lines_of(view)
        total = sum(theme.px(f"type.{line}") for line in lines)
        top, rects = inner.top(), []
        for line in lines:
            high = inner.height() * theme.px(f"type.{line}") / total
            rects.append(QRectF(inner.left(), top, inner.width(), high))
            top += high
        self.paint_row(Brush(self.kit, painter), rects, view)
        painter.restore()

    def _paint_field(
        self, painter: QPainter, option: QStyleOptionViewItem, field: QRectF, *, marked: bool
    ) -> None:
        theme = self.kit.theme
        chosen = marked or bool(option.state & QStyle.StateFlag.State_Selected)
        if chosen or option.state & QStyle.StateFlag.State_MouseOver:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.colour("selected" if chosen else "hover"))
            painter.drawRoundedRect(field, theme.px("radius.m"), theme.px("radius.m"))
        if chosen:
            mark = QRectF(
                field.left(), field.top() + field.height() * 0.2, theme.px("space.xs"), field.height() * 0.6
            )
            painter.setBrush(theme.colour("ink"))
            painter.drawRoundedRect(mark, mark.width() / 2, mark.width() / 2)


class RowList(QListView, Generic[Row]):
    """A list over a RowsModel. ``chosen`` gives the row that was touched or entered."""

    chosen = Signal(object)

    def __init__(self, kit: Kit, rows: RowsModel[Row], delegate: RowDelegate, *, ticks: bool = False) -> None:
        super().__init__()
        self._kit = kit
        self.rows = rows
        self.delegate = delegate
        self.setModel(rows)
        self.setItemDelegate(delegate)
        self.setUniformItemSizes(delegate.is_even)
        self.setMouseTracking(True)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.clicked.connect(self._on_chosen)
        self.activated.connect(self._on_chosen)
        if ticks:
            kit.ticker.tick.connect(self._tick)
        kit.theme.changed.connect(self.doItemsLayout)
        kit.i18n.changed.connect(self.refresh)

    def refresh(self) -> None:
        """Brings what is on the screen, and a page more, up to date."""
        # Not by way of the viewport: Qt's binding would make all its classes of widgets known for that, 20 ms in which
        # the first picture waits.
        last = self.indexAt(QPoint(0, self.contentsRect().height() - 1))
        self.rows.refresh((last.row() + 1 if last.isValid() else 0) + PAGE)

    def mark(self, key: Hashable) -> None:
        """Shows the row with this key as the one that is open; None for none."""
        if self.delegate.marked != key:
            self.delegate.marked = key
            self.viewport().update()

    def reveal(self, key: Hashable) -> None:
        """Scrolls until the row with this key is wholly in sight."""
        index = self._index_of(key)
        if index.isValid():
            self.scrollTo(index)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """What opens beside a list takes its room: the row that is open, where it was in sight, stays there whole."""
        super().resizeEvent(event)
        index = self._index_of(self.delegate.marked)
        if index.isValid() and self.visualRect(index).intersects(QRect(QPoint(0, 0), event.oldSize())):
            self.scrollTo(index)

    def _index_of(self, key: Hashable) -> QModelIndex:
        return QModelIndex() if key is None else self.rows.index(self.rows.find(key), 0)

    def _on_chosen(self, index: QModelIndex) -> None:
        if (chosen := self.rows.row(index.row())) is not None:
            self.chosen.emit(chosen)

    def _tick(self) -> None:
        # Times run on where they are seen; a hidden or minimised list costs nothing.
        if self.isVisible():
            self.viewport().update()
