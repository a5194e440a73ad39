"""One line that answers before anything is read: does something need a person?"""

from __future__ import annotations

from ui.kit import Kit
from ui.present.ops import Glance
from ui.widgets.card import Card
from ui.widgets.layout import row
from ui.widgets.plain_label import PlainLabel
from ui.widgets.state_chip import StateChip


class GlanceCard(Card):
    """The answer as state and word, and what it is about beside it."""

    def __init__(self, kit: Kit) -> None:
        super().__init__(kit, margin="space.s", gap="space.s")
        self._chip, self._note = (
            StateChip(kit, "idle", "", tone="solid", size="lead"),
            PlainLabel(role="body", lines=1),
        )
        line = row(kit, self._chip, self._note, gap="space.m")
        line.setStretch(1, 1)
        self.body.addLayout(line)

    def show_glance(self, glance: Glance) -> None:
        self.set_state(glance.state if glance.state != "idle" else None)
        self._chip.show_state(glance.state, glance.head)
        self._note.setText(glance.note)

    def words(self) -> str:
        return f"{self._chip.words()} {self._note.words()}".strip()
