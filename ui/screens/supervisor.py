"""The supervisor's desk: what can still be saved, first; the benches; the alarms."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Hashable, Sequence
from typing import Any

from PySide6.QtCore import QRectF, Qt
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QStackedWidget, QVBoxLayout, QWidget

from app.core.acts import ActKind
from app.core.order import Order
from app.core.scan import parse
from app.station.asking import Asked
from ui.kit import Kit
from ui.models.rows import RowsModel
from ui.present.supervisor import AlarmRow, BenchRow, StopRow, alarm_row, bench_row, keep_places, stop_row
from ui.screens.asked import say_asked
from ui.screens.first_orders import first_orders
from ui.screens.order_page import OrderPage
from ui.screens.pointer_hold import PointerHold
from ui.screens.restored_card import RestoredCard
from ui.screens.room import Room
from ui.screens.row_list import Brush, RowDelegate, RowList
from ui.widgets.big_button import BigButton
from ui.widgets.card import Card
from ui.widgets.empty_state import EmptyState
from ui.widgets.layout import column, pad, row
from ui.widgets.page import Page
from ui.widgets.plain_label import PlainLabel
from ui.widgets.search_field import SearchField
from ui.widgets.state_chip import StateChip

TOPICS = frozenset({"order", "station", "alarm", "setting", "status", "outbox", "rights", "person"})
#: What each button asks of the hub.
_ACTS = {
    "pulled": ActKind.parcel_pulled,
    "release": ActKind.release,
    "withdraw": ActKind.release,
    "take_over": ActKind.take_over,
}
#: Words are welcome but not needed.
_NOTE_OPTIONAL = frozenset({"pulled"})

_ACT_KEYS = {
    "pulled": ("supervisor.act_pulled", "supervisor.note_pulled"),
    "release": ("supervisor.act_release", "supervisor.note_release"),
    "withdraw": ("supervisor.act_withdraw", "supervisor.note_release"),
    "take_over": ("supervisor.act_take_over", "supervisor.note_take_over"),
}


class StopDelegate(RowDelegate):
    """What it is, which parcel, how old; where it is, in what hands, and how the answer stands."""

    lines = ("title", "body")

    def key_of(self, view: Any) -> Hashable:
        return view.key if isinstance(view, StopRow) else None

    def paint_row(self, brush: Brush, rects: list[QRectF], view: Any) -> None:
        if not isinstance(view, StopRow):
            return
        upper, lower = rects
        rest = brush.chip_left(upper, view.what, "solid" if view.is_savable else "soft")
        rest = brush.left(rest, view.tail, "title", bold=True)
        rest = self._paint_age(brush, rest, view)
        brush.left(rest, view.goods, "body", "muted")
        if view.answer is not None:
            lower = brush.chip_right(lower, view.answer, "solid" if view.is_savable else "soft")
        where_icon = "offline" if view.where_state == "wait" else "box"
        lower = brush.icon_left(lower, where_icon, "wait_text" if view.where_state == "wait" else "muted")
        lower = brush.left(lower, view.where, "body", bold=view.is_savable)
        lower = brush.left(lower, view.stage, "body", "muted")
        lower = brush.left(lower, self._last_scan(view), "body", "wait_text" if view.is_savable else "muted")
        brush.left(lower, view.why, "body", "faint")

    def _last_scan(self, view: StopRow) -> str:
        if view.scanned_at is None:
            return ""
        ago = self.kit.i18n.words.since(view.scanned_at, self.kit.ticker.now())
        return self.kit.i18n.tr("supervisor.last_scan", ago=ago)

    def _paint_age(self, brush: Brush, rect: QRectF, view: StopRow) -> QRectF:
        kit, now = self.kit, self.kit.ticker.now()
        left = (view.counting_until - now).total_seconds() if view.counting_until else 0.0
        if left > 0:
            words = kit.i18n.tr("supervisor.counting", n=max(1, round(left)))
            return brush.state_right(rect, "wait", words, "body")
        age = kit.i18n.words.since(view.since, now)
        return brush.state_right(rect, "stop" if view.is_savable else "idle", age, "body")


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


class AlarmDelegate(RowDelegate):
    """What happened, how grave, when, and who took care."""

    lines = ("body", "caption")

    def key_of(self, view: Any) -> Hashable:
        return view.alarm_id if isinstance(view, AlarmRow) else None

    def paint_row(self, brush: Brush, rects: list[QRectF], view: Any) -> None:
        if not isinstance(view, AlarmRow):
            return
        upper, lower = rects
        brush.left(upper, view.text, "body", "muted" if view.acked else "text")
        ago = self.kit.i18n.words.since(view.raised_at, self.kit.ticker.now())
        rest = brush.chip_left(lower, view.chip, "bare")
        rest = brush.left(rest, ago, "caption", "muted")
        brush.left(rest, view.acked, "caption", "faint")


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
        self.alarms = ListCard(
            room.kit, "supervisor.alarms", AlarmDelegate(room.kit), self._fetch_alarms, "alarm_id"
        )
        self.benches.teach("person", "supervisor.no_benches_title", "supervisor.no_benches_text")
        self.alarms.teach("bell", "supervisor.no_alarms_title", "supervisor.no_alarms_text")
        self._ack = BigButton(room.kit, "supervisor.act_ack", icon="check", locks=True)
        self._ack.clicked.connect(self._ack_alarm)
        self._ack.setEnabled(False)
        self._alarm_text = PlainLabel(role="body", wrap=True)
        self._alarm_text.hide()
        self.alarms.body.addWidget(self._alarm_text)
        self.alarms.body.addWidget(self._ack)
        self.alarms.list.chosen.connect(self._choose_alarm)
        self._alarm_id = ""
        side = column(room.kit, self.benches, self.alarms, gap="space.m")
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
        words = self._room.words()
        self._show_stops()
        self.order.refresh()
        self._show_benches()
        alarms = self._room.core.supervisor.alarms()
        still_open = sum(alarm.acked_at is None for alarm in alarms)
        self.alarms.refresh(words.tr("supervisor.alarms_open", n=still_open) if still_open else "")
        self._room.allow(self._ack, "ack_alarm")
        self.restored.refresh()

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

    def _fetch_alarms(self, n: int, after: str) -> tuple[Sequence[AlarmRow], str]:
        words = self._room.words()
        return [alarm_row(view, words) for view in self._room.core.supervisor.alarms()], ""

    def _choose_alarm(self, view: AlarmRow) -> None:
        self._alarm_id = "" if view.acked else view.alarm_id
        self.alarms.list.mark(view.alarm_id)
        self._ack.setEnabled(bool(self._alarm_id))
        self._alarm_text.setText(view.text)
        self._alarm_text.show()
        if view.order_no:
            self.stops.choose_order(view.order_no)

    def _ack_alarm(self) -> None:
        alarm_id, desk = self._alarm_id, self._room.core.supervisor
        self._room.work.run(lambda: desk.ack_alarm(alarm_id), self._acked, self._ack_failed, owner=self)

    def _acked(self, _: None) -> None:
        self._ack.unlock()
        self._ack.setEnabled(False)
        self._alarm_text.hide()
        self._room.bar.success(self._room.kit.i18n.say("supervisor.alarm_done"))

    def _ack_failed(self, error: Exception) -> None:
        self._ack.unlock()
        self._room.trouble(error)


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
        self._pages = QStackedWidget()
        self._pages.addWidget(self.list)
        self.body.addLayout(head)
        self.body.addWidget(self._pages, 1)
        kit.i18n.bind(self, lambda: self._title.setText(kit.i18n.tr(title_key)))

    def teach(self, icon: str, title_key: str, text_key: str) -> None:
        say = self._kit.i18n.say
        self._pages.addWidget(EmptyState(self._kit, icon, say(title_key), say(text_key)))

    def refresh(self, note: str) -> None:
        self._note.setText(note)
        self.list.refresh()
        if self._pages.count() > 1:
            self._pages.setCurrentIndex(0 if self.list.rows.rowCount() else 1)


class StopsCard(Card):
    """Open stops, and below them what can be done about the chosen one: no window ever comes in between."""

    def __init__(self, room: Room, fetch: Callable[[int, str], tuple[Sequence[StopRow], str]]) -> None:
        super().__init__(room.kit, margin="space.m", gap="space.s")
        self._room = room
        kit = room.kit
        self._chosen: StopRow | None = None
        self._title, self._count = PlainLabel(role="title"), PlainLabel(role="muted")
        self._savable = StateChip(kit, "stop", "", tone="solid", size="body")
        self.search = SearchField(kit, "supervisor.find_hint")
        head = row(kit, self._title, self._savable, self._count, self.search)
        head.setStretch(0, 1)
        kit.theme.bind(self, lambda: self.search.setFixedWidth(kit.theme.px("type.body") * 15))
        self.list: RowList[StopRow] = RowList(
            kit,
            RowsModel(fetch, lambda r: r.key, lambda r: f"{r.tail} {r.what.text}"),
            StopDelegate(kit, self),
            ticks=True,
        )
        self.list.chosen.connect(self._choose)
        say = kit.i18n.say
        calm = EmptyState(kit, "state_ok", say("supervisor.calm_title"), say("supervisor.calm_text"))
        self.first = first_orders(room)
        self._pages = QStackedWidget()
        for page in (self.list, calm, self.first):
            self._pages.addWidget(page)
        self.panel = StopPanel(room)
        self.body.addLayout(head)
        self.body.addWidget(self._pages, 1)
        self.body.addWidget(self.panel)

    def show_rows(self, rows: Sequence[StopRow]) -> None:
        tr = self._room.kit.i18n.tr
        savable = sum(row.is_savable for row in rows)
        self._title.setText(tr("supervisor.stops"))
        self._count.setText(tr("supervisor.stops_count", n=len(rows)) if rows else "")
        self._savable.setVisible(bool(savable))
        self._savable.show_state("stop", tr("supervisor.savable", n=savable))
        self.list.refresh()
        self._pages.setCurrentIndex(0 if rows else 1 if self._room.has_orders() else 2)
        chosen = self._chosen.key if self._chosen else None
        self._show_chosen(next((row for row in rows if row.key == chosen), rows[0] if rows else None))

    def choose_order(self, order_no: str) -> bool:
        """Whether there is a stop over this order; then it is in front."""
        for at in range(self.list.rows.rowCount()):
            view = self.list.rows.row(at)
            if view is not None and view.order_no == order_no:
                self._show_chosen(view)
                self.list.scrollTo(self.list.rows.index(at))
                return True
        return False

    def _choose(self, view: StopRow) -> None:
        self._show_chosen(view)

    def _show_chosen(self, view: StopRow | None) -> None:
        self._chosen = view
        self.list.mark(view.key if view else None)
        self.panel.show_stop(view)


class StopPanel(QWidget):
    """The advice for one stop and its buttons; an act that needs a reason asks for it in the same place."""

    def __init__(self, room: Room) -> None:
        super().__init__()
        self._room = room
        self._view: StopRow | None = None
        self._act = ""
        kit = room.kit
        self._pages = QStackedWidget()
        self._advice = PlainLabel(role="lead", wrap=True)
        self._number = PlainLabel(role="caption")
        self.buttons = {name: BigButton(kit, keys[0]) for name, keys in _ACT_KEYS.items()}
        acts = row(kit, gap="space.s")
        for name, button in self.buttons.items():
            button.clicked.connect(lambda _=False, name=name: self._ask_why(name))
            acts.addWidget(button)
        self.note = QLineEdit()
        self.note.setMaxLength(200)
        self.note.setAcceptDrops(False)
        self.send = BigButton(kit, "supervisor.act_send", role="main", locks=True)
        back = BigButton(kit, "supervisor.act_never_mind", role="quiet")
        self.send.clicked.connect(self._do)
        self.note.returnPressed.connect(self.send.click)
        self.note.textChanged.connect(self._check)
        back.clicked.connect(lambda: self._pages.setCurrentIndex(0))
        kit.i18n.changed.connect(self._say_question)
        first, second = QWidget(), QWidget()
        line = QHBoxLayout(first)
        pad(kit, line, gap="space.m")
        words = column(kit, self._number, self._advice, gap="space.xs")
        line.addLayout(words, 1)
        line.addLayout(acts)
        ask = row(kit, self.note, self.send, back, gap="space.s")
        second.setLayout(ask)
        self._pages.addWidget(first)
        self._pages.addWidget(second)
        layout = QVBoxLayout(self)
        pad(kit, layout, gap="space.s")
        layout.addWidget(self._pages)

    def show_stop(self, view: StopRow | None) -> None:
        if self._view is not None and (view is None or view.key != self._view.key):
            self._pages.setCurrentIndex(0)
        self._view = view
        self.setVisible(view is not None)
        if view is None:
            return
        command = view.command.text if view.command else ""
        self._number.setText("  ·  ".join(p for p in (view.order_no, command, view.why) if p))
        self._advice.setText(view.advice)
        for name, button in self.buttons.items():
            button.setVisible(name in view.acts)
            is_first = name in ("pulled", "release") and name == next(iter(view.acts), "")
            button.set_role("main" if is_first else "plain")
            self._room.allow(button, _ACTS[name])

    def _check(self) -> None:
        is_told = bool(self.note.text().strip()) or self._act in _NOTE_OPTIONAL
        self.send.setEnabled(is_told and not self.send.locked)

    def _ask_why(self, act: str) -> None:
        self._act = act
        self.note.clear()
        self._say_question()
        self._check()
        self._pages.setCurrentIndex(1)
        self.note.setFocus(Qt.FocusReason.OtherFocusReason)

    def _say_question(self) -> None:
        if self._act:
            self.note.setPlaceholderText(self._room.kit.i18n.tr(_ACT_KEYS[self._act][1]))

    def _do(self) -> None:
        view, note = self._view, self.note.text().strip()
        if view is None or (not note and self._act not in _NOTE_OPTIONAL):
            self.send.unlock()
            return
        act = self._act
        self._room.work.run(lambda: self._asking(view, act, note), self._answered, self._failed, owner=self)

    def _asking(self, view: StopRow, act: str, note: str) -> Coroutine[Any, Any, Asked]:
        desk, now = self._room.core.supervisor, self._room.now()
        if act == "take_over":
            return desk.take_over(view.parcel_no, note, now)
        if act == "pulled":
            return desk.pulled(view.parcel_no, note, now)
        return desk.release(view.order_no, view.stop_id, note, now)

    def _answered(self, asked: Asked) -> None:
        self.send.unlock()
        self._pages.setCurrentIndex(0)
        say_asked(self._room, asked)

    def _failed(self, error: Exception) -> None:
        self.send.unlock()
        self._room.trouble(error)
