"""A rounded field that holds what belongs together."""

from __future__ import annotations

from PySide6.QtWidgets import QFrame, QVBoxLayout, QWidget

from ui.kit import Kit
from ui.theme import restate
from ui.tokens import State
from ui.widgets.layout import column


class Card(QFrame):
    """A card; fill `card.body` (a vertical layout with margins from the tokens). `set_state` tints it,
    None is plain."""

    def __init__(
        self, kit: Kit, *, margin: str = "space.l", gap: str = "space.m", parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setProperty("role", "card")
        self.body: QVBoxLayout = column(kit, margin=margin, gap=gap)
        self.setLayout(self.body)

    def set_state(self, state: State | None) -> None:
        restate(self, "state", state or "")
