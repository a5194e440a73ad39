"""The open parcel filling the screen. It shows a PackView and knows nothing of where it comes from."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

from ui.kit import Kit
from ui.present.packing import PackView, Remark
from ui.screens.pack_parts import Hero, LineList, ParcelHead, RemarkBox, drop
from ui.widgets.card import Card
from ui.widgets.layout import column, pad


class PackBoard(QWidget):
    """Head, remarks, what to do now, and the goods below it; only the list of goods scrolls.

    After ``ask_which(True)`` a touch on one kind of goods gives its line: ``picked``.
    """

    picked = Signal(int)

    def __init__(self, kit: Kit) -> None:
        super().__init__()
        self._kit = kit
        self._parcel_no = ""
        self._remarks: list[RemarkBox] = []
        self.head = ParcelHead(kit)
        self.hero = Hero(kit)
        self.lines = LineList(kit)
        self._remark_box = column(kit, gap="space.s")
        self._scroll = QScrollArea(widgetResizable=True)
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._scroll.setWidget(self.lines)
        self._below = Card(kit, margin="space.s")
        self._below.body.addWidget(self._scroll)
        layout = QVBoxLayout(self)
        pad(kit, layout, gap="space.m")
        layout.addWidget(self.head)
        layout.addLayout(self._remark_box)
        layout.addWidget(self.hero, 1)
        layout.addWidget(self._below, 3)
        self.lines.folded.connect(self._fit)
        self.lines.picked.connect(self.picked)
        self.hero.pick.picked.connect(self.picked)
        kit.theme.changed.connect(self._fit)

    def ask_which(self, asks: bool) -> None:
        self.hero.pick.setVisible(asks)
        self.lines.ask_which(asks)
        self._fit()

    def show_view(self, view: PackView) -> None:
        line = next((line for line in view.lines if line.is_next), None)
        self.head.show_view(view)
        self._show_remarks(view.remarks)
        self.hero.show_view(view.prompt, line)
        others = [other for other in view.lines if other is not line]
        self.lines.show_lines(others, view.done_lines)
        self._below.setVisible(bool(others or view.done_lines))
        self._fit()
        if view.parcel_no != self._parcel_no:
            self._parcel_no = view.parcel_no
            self._scroll.verticalScrollBar().setValue(0)

    def _fit(self) -> None:
        """What is next fills the screen; the other goods take no more than they need."""
        need = self.lines.sizeHint().height() + 2 * self._kit.theme.px("space.s") + 2
        self._below.setMaximumHeight(need)

    def _show_remarks(self, remarks: Sequence[Remark]) -> None:
        while len(self._remarks) < len(remarks):
            self._remarks.append(box := RemarkBox(self._kit))
            self._remark_box.addWidget(box)
        while len(self._remarks) > len(remarks):
            drop(self._remarks.pop())
        for widget, remark in zip(self._remarks, remarks, strict=True):
            widget.show_remark(remark)
