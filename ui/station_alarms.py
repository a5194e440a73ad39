"""What is red: the alarm over the window and the voice follow what the core says of stops, until a person has
acknowledged."""

from __future__ import annotations

from app.station.alarms import StationAlarm
from app.station.outcome import Outcome
from ui.present.station_alarm import AlarmWords, alarm_words, spoken_clip
from ui.screens.room import Room
from ui.sounds import Player
from ui.widgets.alarm import Alarm, AlarmView, By

_HOW = {"key": "key", "touch": "click", "scan": "scan"}


class StationAlarms:
    """One alarm at a time, shown and spoken."""

    def __init__(self, room: Room, sheet: Alarm, player: Player) -> None:
        self._room, self._sheet, self._player = room, sheet, player
        self._alarm_id = ""

    def follow(self, alarm: StationAlarm | None) -> None:
        """Shows this alarm instead of any other; None: nothing is to be stopped any more."""
        if alarm is None:
            if self._alarm_id:
                self._sheet.withdraw(self._alarm_id)
            self._alarm_id = ""
            self._player.silence()
            return
        alarm_id = f"{alarm.parcel_no}/{','.join(alarm.stop_ids)}"
        if self._alarm_id and self._alarm_id != alarm_id:
            self._sheet.withdraw(self._alarm_id)
        self._alarm_id = alarm_id
        self._sheet.raise_alarm(self._view(alarm_id, alarm))
        if alarm.is_lifted:
            self._player.silence()
        else:
            self._player.alarm(alarm.order_no, self._room.kit.i18n.lang, what=spoken_clip(alarm))

    def acknowledged(self, by: By) -> Outcome:
        """A key, a finger or a scan has said "I have stopped"."""
        self._alarm_id = ""
        return self._room.core.packing.ack_stop(_HOW[by], self._room.now())  # type: ignore[arg-type]

    def _view(self, alarm_id: str, alarm: StationAlarm) -> AlarmView:
        """Words that follow the language: each is asked for at each showing."""
        order = self._room.core.read.order(alarm.order_no)

        def words() -> AlarmWords:
            return alarm_words(alarm, order, self._room.now(), self._room.words())

        return AlarmView(
            alarm_id,
            title=lambda: words().title,
            sentence=lambda: words().sentence,
            todo=lambda: words().todo,
            facts=(lambda: "   ·   ".join(words().facts),) if words().facts else (),
            calm=alarm.is_lifted,
        )
