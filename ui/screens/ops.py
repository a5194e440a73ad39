"""The ops desk: how every shop does, why one fails, and what can be done about it from here."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from datetime import datetime
from typing import Any

from PySide6.QtCore import QRectF, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QStackedWidget

from app.ports import HubTrouble
from app.wire import ShopView
from ui.models.rows import RowsModel
from ui.present.shops import ShopRow, shop_rows
from ui.screens.form_parts import titled
from ui.screens.restored_card import RestoredCard
from ui.screens.room import Room
from ui.screens.row_list import Brush, RowDelegate, RowList
from ui.screens.shop_card import ShopCard, hub_now
from ui.widgets.big_button import BigButton
from ui.widgets.card import Card
from ui.widgets.empty_state import EmptyState
from ui.widgets.layout import column, row
from ui.widgets.page import Page
from ui.widgets.plain_label import PlainLabel

TOPICS = frozenset({"rights", "person", "status"})
#: The hub is asked so often while this page is looked at.
ASK_EVERY_S = 5


class ShopDelegate(RowDelegate):
    """Name and state; when it was asked last and will be next; what came today and what waits."""

    lines = ("body", "caption", "caption")

    def key_of(self, view: Any) -> Hashable:
        return view.shop_id if isinstance(view, ShopRow) else None

    def paint_row(self, brush: Brush, rects: list[QRectF], view: Any) -> None:
        if not isinstance(view, ShopRow):
            return
        first, second, third = rects
        first = brush.chip_right(first, view.chip)
        brush.left(first, view.name, "body", bold=True)
        brush.left(second, view.when, "caption", "muted")
        brush.left(third, view.counts, "caption", "muted")


class OpsScreen(Page):
    """All shops at the left, the chosen one beside them. ``finished`` where it was opened from another desk."""

    finished = Signal()

    def __init__(self, room: Room, *, is_desk: bool = True) -> None:
        super().__init__()
        self._room = room
        self._shops: tuple[ShopView, ...] = ()
        self._rows: tuple[ShopRow, ...] = ()
        self._chosen = ""
        self._asked_at: datetime | None = None
        self._heard_at: datetime | None = None
        self._asking = False
        kit = room.kit
        self._note = PlainLabel(role="caption", wrap=True)
        rows: RowsModel[ShopRow] = RowsModel(
            lambda n, after: (self._rows, ""), lambda r: r.shop_id, lambda r: f"{r.name} {r.chip.text}"
        )
        self.list = RowList(kit, rows, ShopDelegate(kit, self))
        self.list.chosen.connect(lambda view: self.show_shop(view.shop_id))
        self.shop = ShopCard(room, self.ask)
        say = kit.i18n.say
        self._empty = EmptyState(kit, "shop", say("ops.none_title"), say("ops.none_text"))
        self._pages = QStackedWidget()
        self._pages.addWidget(self._empty)
        self._pages.addWidget(self.shop)
        side = Card(kit, margin="space.m", gap="space.s")
        side.body.addWidget(titled(kit, "ops.title"))
        side.body.addWidget(self._note)
        side.body.addWidget(self.list, 1)
        if not is_desk:
            back = BigButton(kit, "station.back_to_desk", key="Esc")
            back.clicked.connect(self.finished)
            side.body.addWidget(back)
        layout = row(kit, side, self._pages)
        layout.setStretch(1, 1)
        self.restored = RestoredCard(room, "brought", room.core.shops.restored_brought)
        whole = column(kit, self.restored, margin="space.m", gap="space.m")
        whole.addLayout(layout, 1)
        self.setLayout(whole)
        kit.theme.bind(self, lambda: side.setFixedWidth(kit.theme.px("type.body") * 21))
        kit.i18n.changed.connect(self._render)
        kit.ticker.tick.connect(self._tick)
        self._render()

    @property
    def shown_shops(self) -> tuple[ShopRow, ...]:
        return self._rows

    @property
    def chosen_shop(self) -> str:
        """The shop in front, "" for none."""
        return self._chosen

    def words(self) -> str:
        """What is said over the list."""
        return self._note.words()

    def scan(self, raw: str) -> None:
        """Nothing is scanned here."""

    def refresh(self, topics: frozenset[str] = TOPICS) -> None:
        if topics & {"rights", "person"}:
            self.ask()
        if topics & TOPICS:
            self.shop.allow()
        if topics & {"setting", "rights", "person"}:
            self.restored.refresh()

    def show_shop(self, shop_id: str) -> None:
        self._chosen = shop_id
        self._render()
        self.shop.ask()

    def ask(self) -> None:
        """How all shops do now; one question at a time."""
        if self._asking or self._room.core.identity is None:
            return
        self._asking, self._asked_at = True, self._room.now()
        self._room.work.run(self._room.core.shops.overview, self._answered, self._failed, owner=self)
        self.shop.ask()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.restored.refresh()
        self.ask()

    def _answered(self, shops: Sequence[ShopView]) -> None:
        self._asking = False
        self._shops, self._heard_at = tuple(shops), self._room.now()
        self._render()

    def _failed(self, error: Exception) -> None:
        """The weather is said over the list, which stays as it was; other trouble like everywhere."""
        self._asking = False
        if not isinstance(error, HubTrouble):
            self._room.trouble(error)
        self._heard_at = None
        self._render()

    def _tick(self) -> None:
        if not self.isVisible():
            return
        self._render()
        asked = self._asked_at
        if asked is None or (self._room.now() - asked).total_seconds() >= ASK_EVERY_S:
            self.ask()

    def _render(self) -> None:
        words, now = self._room.words(), hub_now(self._room)
        self._rows = shop_rows(self._shops, words, now)
        if self._chosen not in {shop.shop_id for shop in self._shops}:
            self._chosen = self._rows[0].shop_id if self._rows else ""
            self.shop.ask()
        self.list.rows.refresh()
        self.list.mark(self._chosen)
        self._note.setText(self._said())
        chosen = next((shop for shop in self._shops if shop.shop_id == self._chosen), None)
        self.shop.show_shop(chosen)
        self._pages.setCurrentIndex(1 if chosen is not None else 0)

    def _said(self) -> str:
        words = self._room.words()
        if self._heard_at is None:
            return words.tr("ops.away") if self._shops else ""
        bad = sum(row.rank < 2 for row in self._rows)
        of = sum(shop.health is not None for shop in self._shops)
        if bad:
            return words.tr("ops.count_trouble", n=bad)
        return words.tr("ops.count_fine", n=of) if of else ""
