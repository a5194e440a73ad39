"""What the hub said to a command, in the message bar."""

from __future__ import annotations

from app.station.asking import Asked
from ui.screens.room import Room


def say_asked(room: Room, asked: Asked) -> None:
    """Taken: said and gone. Refused: why, until it is confirmed. Not answered yet: that it is safe here."""
    say = room.kit.i18n.say
    match asked.state:
        case "applied":
            room.bar.success(say("station.asked_applied"))
        case "refused":
            room.bar.error(say(f"reasons.{asked.reason}", **asked.params), key=f"asked-{asked.act_id}")
        case _:
            room.bar.note(say("station.asked_sent"))
