"""The thin column at the side: what waits, the most urgent first, with its time running down."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from PySide6.QtCore import QRectF, Qt, Signal
from PySide6.QtWidgets import QFrame, QSizePolicy

from ui.kit import Kit
from ui.models.rows import Fetch, RowsModel
from ui.present.packing import QueueView
from ui.present.states import Chip
from ui.screens.row_list import Brush, RowDelegate, RowList
from ui.widgets.deadline_label import deadline_view
from ui.widgets.layout import column, row
from ui.widgets.plain_label import PlainLabel


class QueueDelegate(RowDelegate):
    """Two short lines a parcel: number and time left, goods and what keeps it."""

    def key_of(self, view: Any) -> Hashable:
        return view.parcel_no if isinstance(view, QueueView) else None

    def paint_row(self, brush: Brush, rects: list[QRectF], view: Any) -> None:
        if not isinstance(view, QueueView):
            return
        upper, lower = rects
        rest = brush.left(upper, view.tail, "lead", bold=True)
        if view.is_rush:
            brush.chip_left(rest, Chip("wait", self.kit.i18n.tr("packing.rush")))
        if view.deadline is not None:
            left = deadline_view(view.deadline, self.kit.ticker.now())
            span = self.kit.i18n.duration(left.left_s)
            late = left.state == "stop"
            brush.state_right(
                upper, left.state, self.kit.i18n.tr("ui.deadline_over", span=span) if late else span
            )
        if view.chip is not None:
            lower = brush.chip_right(lower, view.chip)
        brush.left(lower, view.goods, "caption", "muted")


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
        rows: RowsModel[QueueView] = RowsModel(fetch, lambda r: r.parcel_no, lambda r: f"{r.tail} {r.goods}")
        self.list = RowList(kit, rows, QueueDelegate(kit, self), ticks=True)
        self.list.chosen.connect(lambda view: self.chosen.emit(view.parcel_no))
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
        self._count.setText(
            tr("packing.queue_count_more" if self._more else "packing.queue_count", n=self._n)
        )
        self._empty.setText(tr(empty_key))
        self.list.setVisible(self._n > 0)
        self._empty.setVisible(self._n == 0)

    def _measure(self) -> None:
        self.setFixedWidth(self._kit.theme.px("type.body") * 20)
