"""What who works here has done today: their own figures, small, under the queue. Nobody is compared with anybody."""

from __future__ import annotations

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QFrame

from app.ports import HubTrouble
from app.station.myday import DayView
from ui.present.words import Words
from ui.screens.room import Room
from ui.widgets.layout import column
from ui.widgets.plain_label import PlainLabel

#: The hub is asked so often; what is done here is added at once.
ASK_EVERY_MS = 10 * 60 * 1000
REFRESH_AFTER_MS = 400
TOPICS = frozenset({"outbox", "person", "rights"})


def day_words(view: DayView, words: Words) -> tuple[str, str]:
    """Two short lines: what was packed, and what went well."""
    if not view.parcels:
        return words.tr("packing.day_title", who=view.who), words.tr("packing.day_none")
    minutes = -(-round(view.seconds) // 60)
    did = words.tr("packing.day_did", parcels=view.parcels, units=view.units, minutes=minutes)
    well = [words.tr("packing.day_right", n=view.right)] if view.right else []
    if view.saved:
        well.append(words.tr("packing.day_saved", n=view.saved))
    return did, " · ".join(well)


class MyDayLine(QFrame):
    """Shows and asks by itself. Asked anew when somebody else works here."""

    def __init__(self, room: Room) -> None:
        super().__init__()
        self._room = room
        self._who = ""
        self._first, self._second = PlainLabel(role="body", wrap=True), PlainLabel(role="caption", wrap=True)
        self.setLayout(column(room.kit, self._first, self._second, gap="space.xs"))
        self._timer = QTimer(self, interval=ASK_EVERY_MS)
        self._timer.timeout.connect(self.ask)
        self._timer.start()
        # A scan says that the outbox has changed, twice: its colour comes first, the figures when it is quiet.
        self._soon = QTimer(self, singleShot=True, interval=REFRESH_AFTER_MS)
        self._soon.timeout.connect(self.refresh)
        room.work.changed.connect(self._changed)
        room.kit.i18n.bind(self, self.refresh)
        self.ask()

    def ask(self) -> None:
        """Has the hub count; without it the figures of this bench go on."""
        core = self._room.core
        self._room.work.run(core.my_days.ask, lambda _: self.refresh(), self._not_asked, owner=self)

    def refresh(self) -> None:
        view = self._room.core.my_days.of(self._room.core.bench.clock.now())
        first, second = day_words(view, self._room.words())
        self._first.setText(first)
        self._second.setText(second)
        self._second.setVisible(bool(second))
        self.setToolTip(self._room.words().tr("packing.day_tip" if view.is_whole else "packing.day_tip_here"))

    def words(self) -> str:
        """Both lines as they stand there."""
        return f"{self._first.words()}\n{self._second.words()}"

    def _changed(self, topics: frozenset[str]) -> None:
        if not topics & TOPICS:
            return
        who = self._room.core.bench.actor().name
        if who != self._who:
            self._who = who
            self.ask()
            self.refresh()
        elif not self._soon.isActive():
            self._soon.start()

    def _not_asked(self, error: Exception) -> None:
        if not isinstance(error, HubTrouble):
            self._room.trouble(error)
