"""The alarms of a desk as a list, and the chosen one in full: what happened, since when, what to do, taken in hand."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

from PySide6.QtCore import QRectF, Signal
from PySide6.QtWidgets import QWidget

from app.core.alarms import Audience
from ui.present.alarms import AlarmRow, alarm_rows
from ui.screens.form_parts import titled
from ui.screens.list_card import ListCard
from ui.screens.room import Room
from ui.screens.row_list import Brush, RowDelegate
from ui.widgets.big_button import BigButton
from ui.widgets.layout import column, row
from ui.widgets.plain_label import PlainLabel
from ui.widgets.state_chip import StateChip


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


class AlarmList(ListCard):
    """The alarms of one audience (``None``: everybody's). ``picked`` gives the one that was touched."""

    picked = Signal(object)

    def __init__(self, room: Room, audience: Audience | None) -> None:
        super().__init__(room.kit, "supervisor.alarms", AlarmDelegate(room.kit), self._fetch, "alarm_id")
        self._room = room
        self._audience = audience
        self.shown: tuple[AlarmRow, ...] = ()
        self.list.chosen.connect(self.picked)

    def show_alarms(self) -> None:
        """As the hub tells them now."""
        alarms = self._room.core.supervisor.alarms()
        self.shown = alarm_rows(alarms, self._room.words(), self._audience)
        still_open = sum(not row.acked for row in self.shown)
        self.refresh(self._room.words().tr("supervisor.alarms_open", n=still_open) if still_open else "")

    def row(self, alarm_id: str) -> AlarmRow | None:
        return next((row for row in self.shown if row.alarm_id == alarm_id), None)

    def _fetch(self, n: int, after: str) -> tuple[Sequence[AlarmRow], str]:
        return self.shown, ""


class AlarmDetail(QWidget):
    """One alarm, read whole. Taking it in hand needs the hub, and the right to; ``taken`` when the hub has it."""

    taken = Signal()

    def __init__(self, room: Room, *, size: str = "body") -> None:
        """``size``: how large the sentence stands, a role of labels."""
        super().__init__()
        self._room = room
        self._row: AlarmRow | None = None
        kit = room.kit
        self._chip, self._age = StateChip(kit, "idle", ""), PlainLabel(role="caption", lines=1)
        self._text = PlainLabel(role="body" if size == "body" else "title", wrap=True)
        self._todo = PlainLabel(role="muted" if size == "body" else "lead", wrap=True)
        self.ack = BigButton(kit, "supervisor.act_ack", icon="check", role="main", locks=True)
        self.ack.clicked.connect(self._take)
        head = row(kit, self._chip, self._age, gap="space.s")
        head.setStretch(1, 1)
        self.buttons = row(kit, self.ack, gap="space.s")
        self._body = column(kit, gap="space.s")
        if size != "body":
            self._body.addLayout(head)
            self._body.addWidget(self._text)
            self._body.addWidget(titled(kit, "supervisor.alarm_todo", "caption"))
            self.buttons.addStretch(1)
        else:
            self._chip.hide()
            self._age.hide()
            self._body.addWidget(self._text)
        self._body.addWidget(self._todo)
        self._body.addLayout(self.buttons)
        self.setLayout(self._body)
        kit.ticker.tick.connect(self._tick)
        self.hide()

    @property
    def alarm_id(self) -> str:
        """The alarm that stands here, "" for none."""
        return self._row.alarm_id if self._row is not None else ""

    def words(self) -> str:
        """All that is said of it."""
        return "\n".join((self._chip.words(), self._age.words(), self._text.words(), self._todo.words()))

    def show_alarm(self, alarm: AlarmRow | None) -> None:
        self._row = alarm
        self.setVisible(alarm is not None)
        if alarm is None:
            return
        self._chip.show_state(alarm.chip.state, alarm.chip.text)
        self._text.setText(alarm.text)
        self._todo.setText(alarm.todo)
        self.ack.setVisible(not alarm.acked)
        self.ack.setEnabled(not self.ack.locked)
        self._room.allow(self.ack, "ack_alarm")
        self._tick()

    def _tick(self) -> None:
        """Age is a matter of time alone."""
        if (alarm := self._row) is not None:
            ago = self._room.words().since(alarm.raised_at, self._room.now())
            self._age.setText("  ·  ".join(part for part in (ago, alarm.acked) if part))

    def _take(self) -> None:
        alarm_id, desk = self.alarm_id, self._room.core.supervisor
        self._room.work.run(lambda: desk.ack_alarm(alarm_id), self._taken, self._failed, owner=self)

    def _taken(self, _: None) -> None:
        self.ack.unlock()
        self._room.bar.success(self._room.kit.i18n.say("supervisor.alarm_done"))
        self.taken.emit()

    def _failed(self, error: Exception) -> None:
        self.ack.unlock()
        self._room.trouble(error)


class AlarmCard(AlarmList):
    """The list with the chosen alarm in full below it."""

    def __init__(self, room: Room, audience: Audience | None = None) -> None:
        super().__init__(room, audience)
        self.teach("bell", "supervisor.no_alarms_title", "supervisor.no_alarms_text")
        self.detail = AlarmDetail(room)
        self.detail.taken.connect(lambda: self._choose(None))
        self.body.addWidget(self.detail)
        self.picked.connect(self._choose)

    @property
    def ack(self) -> BigButton:
        return self.detail.ack

    def show_alarms(self) -> None:
        super().show_alarms()
        if self.detail.alarm_id:
            self._choose(self.row(self.detail.alarm_id))

    def _choose(self, alarm: AlarmRow | None) -> None:
        self.list.mark(alarm.alarm_id if alarm else None)
        self.detail.show_alarm(alarm)
