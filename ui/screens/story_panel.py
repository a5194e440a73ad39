"""The story of an order: time, what happened, who; silence drawn as a gap."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from PySide6.QtWidgets import QVBoxLayout, QWidget

from ui.kit import Kit
from ui.models.rows import RowsModel
from ui.present.story import StoryRow
from ui.screens.row_list import Brush, RowDelegate, RowList


class StoryPanel(QWidget):
    def __init__(self, kit: Kit) -> None:
        super().__init__()
        self._rows: Sequence[StoryRow] = ()
        model: RowsModel[StoryRow] = RowsModel(lambda n, a: (self._rows, ""), id, lambda r: r.text)
        self.list = RowList(kit, model, _Delegate(kit, self))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.list)

    def show_rows(self, rows: Sequence[StoryRow], now: datetime) -> None:
        self._rows = rows
        self.list.rows.refresh(len(rows))


class _Delegate(RowDelegate):
    lines = ("body", "caption")

    def paint_row(self, brush: Brush, rects, view) -> None:
        brush.left(rects[0], view.text)
        brush.left(rects[1], f"{self.kit.i18n.clock(view.at)} {view.who}", "caption", "muted")
