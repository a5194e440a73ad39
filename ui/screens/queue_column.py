"""The thin column at the side: what waits, the most urgent first, with its time running down."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetricsF, QPainter, QPen
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QListView,
    QSizePolicy,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from ui.kit import Kit
from ui.models.rows import PAGE, VIEW_ROLE, Fetch, RowsModel
from ui.present.packing import QueueView
from ui.theme import state_icon
from ui.tokens import State
from ui.widgets.deadline_label import deadline_view
from ui.widgets.layout import column, row
from ui.widgets.plain_label import PlainLabel
from ui.widgets.state_chip import chip_width, paint_chip

AnyIndex = QModelIndex | QPersistentModelIndex
LEFT = int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft)
RIGHT = int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight)


class QueueDelegate(QStyledItemDelegate):
    """Two short lines a parcel: number and time left, goods and what keeps it."""

    def __init__(self, kit: Kit, parent: QWidget) -> None:
        super().__init__(parent)
        self._kit = kit
        self.open_parcel = ""

    def sizeHint(self, option: QStyleOptionViewItem, index: AnyIndex) -> QSize:
        theme = self._kit.theme
        return QSize(
            0,
            round(theme.px("type.lead") * 1.3 + theme.px("type.caption") * 1.9)
            + theme.px("space.l")
            + theme.px("space.xs"),
        )

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: AnyIndex) -> None:
        view = index.data(VIEW_ROLE)
        if not isinstance(view, QueueView):
            return
        theme = self._kit.theme
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        field = QRectF(option.rect).adjusted(0, 1, 0, -1)
        self._paint_field(painter, option, field, is_open=view.parcel_no == self.open_parcel)
        inner = field.adjusted(
            theme.px("space.m"), theme.px("space.s"), -theme.px("space.m"), -theme.px("space.s")
        )
        upper = QRectF(inner.left(), inner.top(), inner.width(), theme.px("type.lead") * 1.3)
        lower = QRectF(inner.left(), upper.bottom(), inner.width(), inner.bottom() - upper.bottom())
        self._paint_number(painter, upper, view)
        self._paint_goods(painter, lower, view)
        painter.restore()

    def _paint_field(
        self, painter: QPainter, option: QStyleOptionViewItem, field: QRectF, *, is_open: bool
    ) -> None:
        theme = self._kit.theme
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        over = bool(option.state & QStyle.StateFlag.State_MouseOver)
        if is_open or chosen or over:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.colour("selected" if is_open or chosen else "hover"))
            painter.drawRoundedRect(field, theme.px("radius.m"), theme.px("radius.m"))
        if is_open:
            mark = QRectF(
                field.left(), field.top() + field.height() * 0.2, theme.px("space.xs"), field.height() * 0.6
            )
            painter.setBrush(theme.colour("ink"))
            painter.drawRoundedRect(mark, mark.width() / 2, mark.width() / 2)

    def _paint_number(self, painter: QPainter, rect: QRectF, view: QueueView) -> None:
        theme = self._kit.theme
        font = theme.font("lead", bold=True)
        painter.setFont(font)
        painter.setPen(theme.colour("text"))
        painter.drawText(rect, LEFT, view.tail)
        left = rect.left() + QFontMetricsF(font).horizontalAdvance(view.tail) + theme.px("space.s")
        if view.is_rush:
            words = self._kit.i18n.tr("packing.rush")
            small = theme.font("caption", bold=True)
            width = chip_width(self._kit, words, small)
            high = theme.px("type.caption") * 1.6
            chip = QRectF(left, rect.center().y() - high / 2, width, high)
            paint_chip(painter, self._kit, chip, "wait", words, "soft", small)
        if view.deadline is not None:
            self._paint_left(painter, rect, view)

    def _paint_left(self, painter: QPainter, rect: QRectF, view: QueueView) -> None:
        if view.deadline is None:
            return
        kit = self._kit
        left = deadline_view(view.deadline, kit.ticker.now())
        span = kit.i18n.duration(left.left_s)
        words = kit.i18n.tr("ui.deadline_over", span=span) if left.state == "stop" else span
        self._right_words(painter, rect, left.state, words)

    def _right_words(self, painter: QPainter, rect: QRectF, state: State, words: str) -> None:
        theme = self._kit.theme
        font = theme.font("body", bold=state in ("stop", "wait"))
        painter.setFont(font)
        painter.setPen(theme.colour("muted" if state == "idle" else f"{state}_text"))
        painter.drawText(rect, RIGHT, words)
        if state != "idle":
            side = theme.px("type.body")
            right = rect.right() - QFontMetricsF(font).horizontalAdvance(words) - theme.px("space.xs")
            icon = QRectF(right - side, rect.center().y() - side / 2, side, side)
            theme.paint_icon(painter, state_icon(state), f"{state}_text", icon)

    def _paint_goods(self, painter: QPainter, rect: QRectF, view: QueueView) -> None:
        theme = self._kit.theme
        small = theme.font("caption")
        room = rect.width()
        if view.chip is not None:
            width = min(chip_width(self._kit, view.chip.text, small), rect.width() * 0.55)
            high = theme.px("type.caption") * 1.6
            chip = QRectF(rect.right() - width, rect.center().y() - high / 2, width, high)
            paint_chip(painter, self._kit, chip, view.chip.state, view.chip.text, "soft", small)
            room -= width + theme.px("space.s")
        painter.setFont(small)
        painter.setPen(QPen(theme.colour("muted")))
        shown = QFontMetricsF(small).elidedText(view.goods, Qt.TextElideMode.ElideRight, room)
        painter.drawText(QRectF(rect.left(), rect.top(), room, rect.height()), LEFT, shown)


class ParcelList(QListView):
    """Parcels in the delegate's two lines; ``chosen`` when one is touched or entered."""

    chosen = Signal(str)

    def __init__(self, kit: Kit, fetch: Fetch[QueueView]) -> None:
        super().__init__()
        self._kit = kit
        self.rows: RowsModel[QueueView] = RowsModel(
            fetch, lambda r: r.parcel_no, lambda r: f"{r.tail} {r.goods}"
        )
        self._delegate = QueueDelegate(kit, self)
        self.setModel(self.rows)
        self.setItemDelegate(self._delegate)
        self.setUniformItemSizes(True)
        self.setMouseTracking(True)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.clicked.connect(self._on_chosen)
        self.activated.connect(self._on_chosen)
        kit.ticker.tick.connect(self._tick)
        kit.theme.changed.connect(self.doItemsLayout)
        kit.i18n.changed.connect(self.refresh)

    def refresh(self) -> None:
        """Brings what is on the screen, and a page more, up to date."""
        last = self.indexAt(self.viewport().rect().bottomLeft() - self.viewport().rect().topLeft())
        seen = last.row() + 1 if last.isValid() else 0
        self.rows.refresh(seen + PAGE)

    def mark_open(self, parcel_no: str) -> None:
        if self._delegate.open_parcel != parcel_no:
            self._delegate.open_parcel = parcel_no
            self.viewport().update()

    def _on_chosen(self, index: QModelIndex) -> None:
        if (chosen := self.rows.row(index.row())) is not None:
            self.chosen.emit(chosen.parcel_no)

    def _tick(self) -> None:
        # Times left run down where they are seen; a hidden or minimised list costs nothing.
        if self.isVisible():
            self.viewport().update()


class QueueColumn(QFrame):
    """Head with the count, and the list; ``empty_key`` is said when there is nothing."""

    chosen = Signal(str)

    def __init__(self, kit: Kit, title_key: str, empty_key: str, fetch: Fetch[QueueView]) -> None:
        super().__init__()
        self._kit = kit
        self._keys = (title_key, empty_key)
        self._n, self._more = 0, False
        self.setProperty("role", "card")
        self._title = PlainLabel(role="title")
        self._count = PlainLabel(role="muted")
        self._empty = PlainLabel(role="muted", wrap=True)
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.list = ParcelList(kit, fetch)
        self.list.chosen.connect(self.chosen)
        head = row(kit, self._title, self._count, gap="space.s")
        head.setStretch(0, 1)
        self.body = column(kit, margin="space.m", gap="space.s")
        self.body.addLayout(head)
        self.body.addWidget(self.list, 1)
        self.body.addWidget(self._empty, 1)
        self.setLayout(self.body)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Expanding)
        kit.theme.bind(self, self._measure)
        kit.i18n.bind(self, self._render)

    def show_count(self, n: int, *, more: bool = False) -> None:
        """``more``: at least so many."""
        if (n, more) != (self._n, self._more):
            self._n, self._more = n, more
            self._render()

    def _render(self) -> None:
        tr = self._kit.i18n.tr
        title_key, empty_key = self._keys
        self._title.setText(tr(title_key))
        self._count.setText(tr("packing.queue_count_more" if self._more else "packing.queue_count", n=self._n))
        self._empty.setText(tr(empty_key))
        self.list.setVisible(self._n > 0)
        self._empty.setVisible(self._n == 0)

    def _measure(self) -> None:
        self.setFixedWidth(self._kit.theme.px("type.body") * 20)
