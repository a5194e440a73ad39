"""The alarms of a desk as a list; the chosen one is read whole below it and taken in hand with one press."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

from PySide6.QtCore import QRectF, Signal

from ui.present.supervisor import AlarmRow, alarm_row
from ui.screens.list_card import ListCard
from ui.screens.room import Room
from ui.screens.row_list import Brush, RowDelegate
from ui.widgets.big_button import BigButton
from ui.widgets.plain_label import PlainLabel


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


class AlarmCard(ListCard):
    """``picked`` gives the alarm that was touched. Acknowledging needs the hub, and the right to."""

    picked = Signal(object)

    def __init__(self, room: Room) -> None:
        super().__init__(room.kit, "supervisor.alarms", AlarmDelegate(room.kit), self._fetch, "alarm_id")
        self._room = room
        self._chosen = ""
        self.teach("bell", "supervisor.no_alarms_title", "supervisor.no_alarms_text")
        self._text = PlainLabel(role="body", wrap=True)
        self._text.hide()
        self.ack = BigButton(room.kit, "supervisor.act_ack", icon="check", locks=True)
        self.ack.setEnabled(False)
        self.ack.clicked.connect(self._take)
        self.body.addWidget(self._text)
        self.body.addWidget(self.ack)
        self.list.chosen.connect(self._choose)

    def show_alarms(self) -> None:
        """As the hub tells them now."""
        alarms = self._room.core.supervisor.alarms()
        still_open = sum(alarm.acked_at is None for alarm in alarms)
        self.refresh(self._room.words().tr("supervisor.alarms_open", n=still_open) if still_open else "")
        self._room.allow(self.ack, "ack_alarm")

    def _fetch(self, n: int, after: str) -> tuple[Sequence[AlarmRow], str]:
        words = self._room.words()
        return [alarm_row(view, words) for view in self._room.core.supervisor.alarms()], ""

    def _choose(self, view: AlarmRow) -> None:
        self._chosen = "" if view.acked else view.alarm_id
        self.list.mark(view.alarm_id)
        self.ack.setEnabled(bool(self._chosen))
        self._text.setText(view.text)
        self._text.show()
        self.picked.emit(view)

    def _take(self) -> None:
        alarm_id, desk = self._chosen, self._room.core.supervisor
        self._room.work.run(lambda: desk.ack_alarm(alarm_id), self._taken, self._failed, owner=self)

    def _taken(self, _: None) -> None:
        self.ack.unlock()
        self.ack.setEnabled(False)
        self._text.hide()
        self._room.bar.success(self._room.kit.i18n.say("supervisor.alarm_done"))

    def _failed(self, error: Exception) -> None:
        self.ack.unlock()
        self._room.trouble(error)
