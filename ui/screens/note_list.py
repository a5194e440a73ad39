"""A titled list of notes, each what it is and how it stands."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

from PySide6.QtCore import QRectF

from ui.kit import Kit
from ui.models.rows import RowsModel
from ui.present.shops import NoteRow
from ui.screens.form_parts import titled
from ui.screens.row_list import Brush, RowDelegate, RowList
from ui.widgets.card import Card
from ui.widgets.layout import give_way, row
from ui.widgets.plain_label import PlainLabel


class NoteDelegate(RowDelegate):
    """What it is and how it stands; small print below."""

    lines = ("body", "caption")

    def key_of(self, view: Any) -> Hashable:
        return view.key if isinstance(view, NoteRow) else None

    def paint_row(self, brush: Brush, rects: list[QRectF], view: Any) -> None:
        if not isinstance(view, NoteRow):
            return
        upper, lower, *below = rects
        if view.chip is not None:
            upper = brush.chip_right(upper, view.chip, "bare")
        brush.left(upper, view.text, "body")
        brush.left(lower, view.note, "caption", "muted")
        for rect in below:
            brush.left(rect, view.why, "caption", "stop_text")


class RefusedDelegate(NoteDelegate):
    """A note that was refused says why in a line of its own: beside the number there is no room for it."""

    is_even = False

    def lines_of(self, view: Any) -> tuple[str, ...]:
        return (*self.lines, "caption") if isinstance(view, NoteRow) and view.why else self.lines


class NumberDelegate(RowDelegate):
    """A number alone."""

    lines = ("body",)

    def paint_row(self, brush: Brush, rects: list[QRectF], view: Any) -> None:
        if isinstance(view, NoteRow):
            brush.left(rects[0], view.text, "body")


class NoteList(Card):
    """A titled list; one quiet sentence while it is empty. It gives way to what stands above it."""

    def __init__(
        self, kit: Kit, name: str, delegate: RowDelegate, fetch: Callable[[], tuple[NoteRow, ...]]
    ) -> None:
        super().__init__(kit, margin="space.m", gap="space.s")
        self._count = PlainLabel(role="muted")
        head = row(kit, titled(kit, f"ops.{name}"), self._count)
        head.setStretch(0, 1)
        rows: RowsModel[NoteRow] = RowsModel(
            lambda n, after: (fetch(), ""), lambda r: r.key, lambda r: f"{r.text} {r.note}"
        )
        self.list: RowList[NoteRow] = RowList(kit, rows, delegate, ticks=True)
        give_way(self.list)
        self._none = titled(kit, f"ops.{name}_none", "muted", wrap=True)
        self.body.addLayout(head)
        self.body.addWidget(self._none)
        self.body.addWidget(self.list, 1)

    def refresh(self, count: str) -> None:
        self._count.setText(count)
        self.list.refresh()
        self._none.setVisible(not self.list.rows.rowCount())
