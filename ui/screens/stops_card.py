"""Open stops as rows, and below them what can be done about the chosen one."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Hashable, Sequence
from typing import Any

from PySide6.QtCore import QRectF, Qt
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QStackedWidget, QVBoxLayout, QWidget

from app.core.acts import ActKind
from app.station.asking import Asked
from ui.models.rows import RowsModel
from ui.present.supervisor import StopRow
from ui.screens.asked import say_asked
from ui.screens.first_orders import first_orders
from ui.screens.room import Room
from ui.screens.row_list import Brush, RowDelegate, RowList
from ui.widgets.big_button import BigButton
from ui.widgets.card import Card
from ui.widgets.empty_state import EmptyState
from ui.widgets.layout import column, give_way, pad, row
from ui.widgets.plain_label import PlainLabel
from ui.widgets.search_field import SearchField
from ui.widgets.state_chip import StateChip

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
        give_way(self.list)
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
        back.clicked.connect(lambda: self._ask(False))
        kit.i18n.changed.connect(self._say_question)
        # One of two that is shown, not a stack: that would not let the advice have the lines it needs.
        self._told, self._asked = QWidget(), QWidget()
        line = QHBoxLayout(self._told)
        pad(kit, line, gap="space.m")
        words = column(kit, self._number, self._advice, gap="space.xs")
        line.addLayout(words, 1)
        line.addLayout(acts)
        ask = row(kit, self.note, self.send, back, gap="space.s")
        self._asked.setLayout(ask)
        self._asked.hide()
        layout = QVBoxLayout(self)
        pad(kit, layout, gap="space.s")
        layout.addWidget(self._told)
        layout.addWidget(self._asked)

    def _ask(self, is_asking: bool) -> None:
        """The question why in place of the advice, or the advice again."""
        self._told.setVisible(not is_asking)
        self._asked.setVisible(is_asking)

    def show_stop(self, view: StopRow | None) -> None:
        if self._view is not None and (view is None or view.key != self._view.key):
            self._ask(False)
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
        self._ask(True)
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
        self._ask(False)
        say_asked(self._room, asked)

    def _failed(self, error: Exception) -> None:
        self.send.unlock()
        self._room.trouble(error)
