"""The ops desk: how every shop and courier source does, why one fails, and what can be done about it from here."""

from __future__ import annotations

from collections.abc import Hashable
from datetime import datetime
from typing import Any

from PySide6.QtCore import QRectF, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QStackedWidget, QWidget

from app.ports import HubTrouble
from app.wire import CourierSource, ShopList, ShopView
from ui.models.rows import RowsModel
from ui.present.alarms import AlarmRow
from ui.present.couriers import courier_page, courier_rows, key_of
from ui.present.ops import glance
from ui.present.shops import ShopRow, shop_rows
from ui.screens.alarm_card import AlarmDetail, AlarmList
from ui.screens.form_parts import titled
from ui.screens.glance import GlanceCard
from ui.screens.restored_card import RestoredCard
from ui.screens.room import Room
from ui.screens.row_list import Brush, RowDelegate, RowList
from ui.screens.shop_card import ShopCard, hub_now
from ui.widgets.big_button import BigButton
from ui.widgets.card import Card
from ui.widgets.empty_state import EmptyState
from ui.widgets.layout import column, row
from ui.widgets.page import Page

TOPICS = frozenset({"alarm", "rights", "person", "status"})
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
    """One line over all; shops and alarms at the left, the chosen one of them in full at the right. ``finished`` where
    it was opened from another desk."""

    finished = Signal()

    def __init__(self, room: Room, *, is_desk: bool = True) -> None:
        super().__init__()
        self._room = room
        self._shops: tuple[ShopView, ...] = ()
        self._couriers: tuple[CourierSource, ...] = ()
        self._rows: tuple[ShopRow, ...] = ()
        self._chosen = ""
        self._asked_at: datetime | None = None
        self._heard_at: datetime | None = None
        self._asking = self._is_stale = False
        kit = room.kit
        self.glance = GlanceCard(kit)
        rows: RowsModel[ShopRow] = RowsModel(
            lambda n, after: (self._rows, ""), lambda r: r.shop_id, lambda r: f"{r.name} {r.chip.text}"
        )
        self.list = RowList(kit, rows, ShopDelegate(kit, self))
        self.list.chosen.connect(lambda view: self.show_shop(view.shop_id))
        self.alarms = AlarmList(room, "ops")
        self.alarms.teach_quietly("ops.alarms_none")
        self.alarms.picked.connect(self.show_alarm)
        self.shop = ShopCard(room, self.ask)
        self.alarm = AlarmPage(room)
        self.alarm.shop_wanted.connect(self.show_shop)
        say = kit.i18n.say
        self._empty = EmptyState(kit, "shop", say("ops.none_title"), say("ops.none_text"))
        self._pages = QStackedWidget()
        for page in (self._empty, self.shop, self.alarm):
            self._pages.addWidget(page)
        shops = Card(kit, margin="space.m", gap="space.s")
        shops.body.addWidget(titled(kit, "ops.title"))
        shops.body.addWidget(self.list, 1)
        side = column(kit, shops, self.alarms, gap="space.m")
        side.setStretch(0, 3)
        side.setStretch(1, 2)
        self.work: BigButton | None = None
        if is_desk:
            self.work = BigButton(kit, "work.open", icon="list", key="F6")
            self.work.clicked.connect(room.open_work)
            side.addWidget(self.work)
        if not is_desk:
            back = BigButton(kit, "station.back_to_desk", key="Esc")
            back.clicked.connect(self.finished)
            side.addWidget(back)
        layout = row(kit, gap="space.m")
        layout.addLayout(side)
        layout.addWidget(self._pages, 1)
        self.restored = RestoredCard(room, "brought", room.core.shops.restored_brought)
        whole = column(kit, self.glance, self.restored, margin="space.m", gap="space.m")
        whole.addLayout(layout, 1)
        self.setLayout(whole)
        kit.theme.bind(shops, lambda: shops.setFixedWidth(kit.theme.px("type.body") * 21))
        kit.theme.bind(self.alarms, lambda: self.alarms.setFixedWidth(kit.theme.px("type.body") * 21))
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
        """What is said over all."""
        return self.glance.words()

    def scan(self, raw: str) -> None:
        """Nothing is scanned here."""

    def refresh(self, topics: frozenset[str] = TOPICS) -> None:
        if topics & {"rights", "person"}:
            self.ask()
        if topics & TOPICS:
            self.shop.allow()
            if self.work is not None:
                self._room.allow(self.work, "work")
            self._show_alarms()
            self._show_glance()
        if topics & {"setting", "rights", "person"}:
            self.restored.refresh()

    def show_shop(self, shop_id: str) -> None:
        self._chosen = shop_id
        self._close_alarm()
        self._render()
        self.shop.ask()

    def show_alarm(self, alarm: AlarmRow) -> None:
        """One alarm in front; a shop touched at the left takes its place again."""
        self.alarms.list.mark(alarm.alarm_id)
        self.list.mark(None)
        self.alarm.show_alarm(alarm)
        self._pages.setCurrentWidget(self.alarm)

    def _close_alarm(self) -> None:
        self.alarms.list.mark(None)
        self.alarm.show_alarm(None)

    def ask(self) -> None:
        """How all shops do now; one question at a time, and one more where the answer may be older than the wish."""
        if self._asking or self._room.core.identity is None:
            self._is_stale = self._asking
            return
        self._asking, self._is_stale, self._asked_at = True, False, self._room.now()
        self._room.work.run(self._room.core.shops.overview, self._answered, self._failed, owner=self)
        self.shop.ask()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.restored.refresh()
        self.ask()

    def _answered(self, told: ShopList) -> None:
        self._asking = False
        self._shops, self._couriers, self._heard_at = (
            tuple(told.shops),
            tuple(told.couriers),
            self._room.now(),
        )
        self._render()
        if self._is_stale:
            self.ask()

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
        rows = (*shop_rows(self._shops, words, now), *courier_rows(self._couriers, words, now))
        self._rows = tuple(sorted(rows, key=lambda row: row.rank))
        if self._chosen not in {row.shop_id for row in self._rows}:
            self._chosen = self._rows[0].shop_id if self._rows else ""
            self.shop.ask()
        self.list.rows.refresh()
        chosen = next((shop for shop in self._shops if shop.shop_id == self._chosen), None)
        courier = next((one for one in self._couriers if key_of(one.connector) == self._chosen), None)
        if courier is not None:
            self.shop.show_page(courier_page(courier, words, now))
        else:
            self.shop.show_shop(chosen)
        self._show_alarms()
        self._show_glance()
        if not self.alarm.alarm_id:
            self.list.mark(self._chosen)
            self._pages.setCurrentWidget(self.shop if chosen or courier else self._empty)

    def _show_alarms(self) -> None:
        self.alarms.show_alarms()
        if self.alarm.alarm_id:
            self.alarm.show_alarm(self.alarms.row(self.alarm.alarm_id))

    def _show_glance(self) -> None:
        is_online = self._room.core.bench.is_online
        self.glance.show_glance(
            glance(
                self._rows,
                self.alarms.shown,
                self._room.words(),
                is_away=not is_online or (self._heard_at is None and bool(self._shops)),
                is_known=self._heard_at is not None,
            )
        )


class AlarmPage(QWidget):
    """One alarm in full, with the way to the shop it is about."""

    shop_wanted = Signal(str)

    def __init__(self, room: Room) -> None:
        super().__init__()
        self._shop_id = ""
        self._card = Card(room.kit)
        self.detail = AlarmDetail(room, size="title")
        self.see_shop = BigButton(room.kit, "ops.alarm_shop", icon="shop")
        self.see_shop.clicked.connect(lambda: self.shop_wanted.emit(self._shop_id))
        self.detail.buttons.insertWidget(1, self.see_shop)
        self._card.body.addWidget(self.detail)
        whole = column(room.kit, self._card, gap="")
        whole.addStretch(1)
        self.setLayout(whole)

    @property
    def alarm_id(self) -> str:
        """The alarm that stands here, "" for none."""
        return self.detail.alarm_id

    def show_alarm(self, alarm: AlarmRow | None) -> None:
        self._shop_id = alarm.shop_id if alarm is not None else ""
        self.see_shop.setVisible(bool(self._shop_id))
        self.see_shop.set_text("ops.alarm_courier" if self._shop_id.startswith("@") else "ops.alarm_shop")
        self.detail.show_alarm(alarm)
        self._card.set_state(alarm.chip.state if alarm is not None and alarm.needs_person else None)
