"""The supervisor's desk: what can still be saved, first; the benches; the alarms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QRectF
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QWidget

from app.core.order import Order
from app.core.scan import parse
from ui.present.alarms import AlarmRow
from ui.present.supervisor import BenchRow, StopRow, bench_row, keep_places, stop_row
from ui.screens.alarm_card import AlarmCard
from ui.screens.list_card import ListCard
from ui.screens.order_page import OrderPage
from ui.screens.pointer_hold import PointerHold
from ui.screens.restored_card import RestoredCard
from ui.screens.room import Room
from ui.screens.row_list import Brush, RowDelegate
from ui.screens.stops_card import StopsCard
from ui.widgets.big_button import BigButton
from ui.widgets.layout import column, pad
from ui.widgets.page import Page

TOPICS = frozenset({"order", "station", "alarm", "setting", "status", "outbox", "rights", "person"})


class BenchDelegate(RowDelegate):
    """Name and whether it is there; what waits in it and its printers."""

    lines = ("lead", "caption")

    def paint_row(self, brush: Brush, rects: list[QRectF], view: Any) -> None:
        if not isinstance(view, BenchRow):
            return
        upper, lower = rects
        upper = brush.chip_right(upper, view.chip, "bare")
        rest = brush.left(upper, view.name, "lead", bold=True)
        brush.left(rest, " · ".join(part for part in (view.kind, view.who) if part), "caption", "muted")
        colour = "wait_text" if view.waiting_state == "wait" else "muted"
        rest = brush.left(lower, view.waiting, "caption", colour)
        if view.copy is not None:
            rest = brush.chip_left(rest, view.copy, "bare")
        for printer in view.printers:
            rest = brush.chip_left(rest, printer, "bare")


class SupervisorScreen(Page):
    """Open stops at the left with what can be done about the chosen one; benches and alarms at the right."""

    def __init__(self, room: Room) -> None:
        super().__init__()
        self._room = room
        self._shown: tuple[StopRow, ...] = ()
        self._benches: tuple[BenchRow, ...] = ()
        self.stops = StopsCard(room, self._fetch_stops)
        self._hold = PointerHold(self)
        self._hold.watch(self.stops.list.viewport(), *self.stops.panel.buttons.values())
        self._hold.released.connect(self._show_stops)
        self.stops.search.returnPressed.connect(lambda: self.look_up(self.stops.search.text()))
        self.benches = ListCard(
            room.kit, "supervisor.benches", BenchDelegate(room.kit), self._fetch_benches, "station_id"
        )
        self.benches.teach("person", "supervisor.no_benches_title", "supervisor.no_benches_text")
        self.alarms = AlarmCard(room)
        self.alarms.picked.connect(self._show_stop_of)
        self.work = BigButton(room.kit, "work.open", icon="list", key="F6")
        self.work.clicked.connect(room.open_work)
        side = column(room.kit, self.benches, self.alarms, self.work, gap="space.m")
        side.setStretch(0, 1)
        side.setStretch(1, 1)
        board = QWidget()
        layout = QHBoxLayout(board)
        pad(room.kit, layout, gap="space.m")
        layout.addWidget(self.stops, 5)
        layout.addLayout(side, 3)
        self.order = OrderPage(room, self.show_board)
        self._pages = QStackedWidget()
        self._pages.addWidget(board)
        self._pages.addWidget(self.order)
        self.restored = RestoredCard(room, "go", room.core.supervisor.restored_go)
        self.setLayout(column(room.kit, self.restored, self._pages, margin="space.m", gap="space.m"))
        room.kit.i18n.changed.connect(self.refresh)
        room.kit.ticker.tick.connect(self._tick)
        self.refresh()

    def scan(self, raw: str) -> None:
        """A scanned parcel is looked for among the stops; where nothing stops it, its order opens."""
        read, scan = self._room.core.read, parse(raw)
        target = read.resolve(scan)
        order = read.order(target.order_no) if target.order_no else None
        if order is None:
            self._room.bar.note(self._room.kit.i18n.say("supervisor.scan_unknown", code=scan.text))
        else:
            self._open(order)

    def look_up(self, text: str) -> None:
        """A number typed by hand: ours, the platform's, the waybill, or as much of it as one order alone has."""
        wanted = text.strip()
        found = self._room.core.read.search(wanted, 2) if wanted else []
        say = self._room.kit.i18n.say
        if len(found) == 1 or (found and wanted.upper() in (found[0].order_no, found[0].channel_order_no)):
            self.stops.search.clear()
            self._open(found[0])
        elif found:
            self._room.bar.note(say("supervisor.find_more", text=wanted))
        elif wanted:
            self._room.bar.note(say("supervisor.scan_unknown", code=wanted))

    def _open(self, order: Order) -> None:
        """Among the stops where there is one over it, else as a page of its own."""
        if self.stops.choose_order(order.order_no):
            self.show_board()
        else:
            self.order.show_order(order)
            self._pages.setCurrentWidget(self.order)

    def show_board(self) -> None:
        """Stops, benches and alarms."""
        self._pages.setCurrentIndex(0)

    def refresh(self, topics: frozenset[str] = TOPICS) -> None:
        if not topics & TOPICS:
            return
        self._show_stops()
        self.order.refresh()
        self._show_benches()
        self.alarms.show_alarms()
        self.restored.refresh()
        self._room.allow(self.work, "work")

    def _show_benches(self) -> None:
        now, words = self._room.now(), self._room.words()
        views = self._room.core.supervisor.stations(now)
        self._benches = tuple(bench_row(view, words, now) for view in views)
        online = sum(view.is_online for view in views)
        self.benches.refresh(words.tr("supervisor.benches_online", on=online, of=len(views)) if views else "")

    def _show_stops(self) -> None:
        """Every stop as it is now; no row leaves its place while somebody's finger is over them."""
        now, words = self._room.now(), self._room.words()
        wanted = tuple(stop_row(view, words, now) for view in self._room.core.supervisor.stops(now))
        known = {stop.key for stop in self._shown}
        self._shown = keep_places(self._shown, wanted) if self._hold.is_held else wanted
        self.stops.show_rows(self._shown)
        if any(stop.key not in known for stop in self._shown):
            self.show_board()  # what can still be saved comes before what somebody looks at

    @property
    def shown_stops(self) -> tuple[StopRow, ...]:
        return self._shown

    def _tick(self) -> None:
        # Silence of a bench is a matter of time alone: no topic tells it.
        if self.isVisible():
            self._show_stops()
            self._show_benches()

    def _fetch_stops(self, n: int, after: str) -> tuple[Sequence[StopRow], str]:
        return self._shown, ""

    def _fetch_benches(self, n: int, after: str) -> tuple[Sequence[BenchRow], str]:
        return self._benches, ""

    def _show_stop_of(self, alarm: AlarmRow) -> None:
        if alarm.order_no:
            self.stops.choose_order(alarm.order_no)
