"""A titled list in a card, or what it teaches while it is empty."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtWidgets import QSizePolicy, QStackedWidget

from ui.kit import Kit
from ui.models.rows import RowsModel
from ui.screens.form_parts import titled
from ui.screens.row_list import RowDelegate, RowList
from ui.widgets.card import Card
from ui.widgets.empty_state import EmptyState
from ui.widgets.layout import row
from ui.widgets.plain_label import PlainLabel


class ListCard(Card):
    """A titled list, or what it teaches while it is empty."""

    def __init__(
        self, kit: Kit, title_key: str, delegate: RowDelegate, fetch: Callable[[int, str], Any], key: str
    ) -> None:
        super().__init__(kit, margin="space.m", gap="space.s")
        self._kit = kit
        self._title, self._note = PlainLabel(role="title"), PlainLabel(role="muted")
        head = row(kit, self._title, self._note)
        head.setStretch(0, 1)
        self.list: RowList[Any] = RowList(
            kit, RowsModel(fetch, lambda r: getattr(r, key), str), delegate, ticks=True
        )
        self._is_quiet = False
        self._pages = QStackedWidget()
        self._pages.addWidget(self.list)
        self.body.addLayout(head)
        self.body.addWidget(self._pages, 1)
        kit.i18n.bind(self, lambda: self._title.setText(kit.i18n.tr(title_key)))

    def teach(self, icon: str, title_key: str, text_key: str) -> None:
        say = self._kit.i18n.say
        self._pages.addWidget(EmptyState(self._kit, icon, say(title_key), say(text_key)))

    def teach_quietly(self, text_key: str) -> None:
        """A sentence instead of the empty list, and no more room than it needs."""
        self._pages.addWidget(titled(self._kit, text_key, "muted", wrap=True))
        self._is_quiet = True

    def refresh(self, note: str) -> None:
        self._note.setText(note)
        self.list.refresh()
        if self._pages.count() > 1:
            is_empty = not self.list.rows.rowCount()
            self._pages.setCurrentIndex(1 if is_empty else 0)
            if self._is_quiet:
                high = QSizePolicy.Policy.Maximum if is_empty else QSizePolicy.Policy.Expanding
                self.setSizePolicy(QSizePolicy.Policy.Preferred, high)
