"""What covers the bench when the hand must stop (FRZ-05), as values: what happened, what to do, what is heard."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from app.core.order import Order, Parcel
from app.core.values import dataclass
from app.station.alarms import StationAlarm
from ui.present import states
from ui.present.packing import KEYS
from ui.present.words import Words

#: What has happened to the order, as far as hands on a parcel must know.
Happened = Literal["cancel", "refund", "address", "remark", "hold", "lines", "lines_refund", "freeze"]

_BY_COMMAND: dict[str, Happened] = {
    "cancel": "cancel",
    "refund": "refund",
    "change_address": "address",
    "change_remark": "remark",
    "hold": "hold",
    "risk": "hold",
    "marked_abnormal": "hold",
}
#: The clip that ends the spoken sentence (see ui.voice): it never says more than is true.
_CLIPS: dict[Happened, str] = {
    "cancel": "cancelled_stop",
    "refund": "on_hold",
    "address": "address_changed",
    "remark": "read_remark",
    "hold": "on_hold",
    "lines": "stop",
    "lines_refund": "stop",
    "freeze": "stop",
}


@dataclass(frozen=True, slots=True)
class AlarmWords:
    """``spoken`` is the number as it is read aloud; ``calm`` is for a stop that was taken back before anybody
    acknowledged it."""

    title: str
    sentence: str
    todo: str
    facts: tuple[str, ...]
    spoken: str
    calm: bool = False


def happened(alarm: StationAlarm) -> Happened:
    """What the stop in front is about; a kind of a newer hub is a freeze, which says no more than "stop"."""
    if alarm.items:
        return "lines_refund" if alarm.command == "refund" else "lines"
    return _BY_COMMAND.get(alarm.command, "freeze")


def spoken_clip(alarm: StationAlarm) -> str:
    """The clip that is heard after the order's number."""
    return _CLIPS[happened(alarm)]


def alarm_words(alarm: StationAlarm, order: Order | None, now: datetime, words: Words) -> AlarmWords:
    """What happened, what to do with this parcel (on the bench, in a closed box, only a slip yet), and who asked."""
    tr = words.tr
    if alarm.is_lifted:
        sentence = tr("packing.alarm_lifted", number=alarm.order_no)
        todo = tr("packing.alarm_lifted_todo", key=KEYS.ack)
        return AlarmWords(tr("packing.alarm_lifted_title"), sentence, todo, (), alarm.spoken_no, calm=True)
    parcel = order.parcel(alarm.parcel_no) if order is not None else None
    facts = [tr("packing.alarm_label")] if parcel and parcel.label_count else []
    if alarm.by:
        facts.append(tr("packing.alarm_by", who=alarm.by, ago=words.since(alarm.since, now)))
    if why := alarm.note or (states.hold_reason(alarm.reason, words) if alarm.reason else ""):
        facts.append(why)
    return AlarmWords(
        title=tr("packing.alarm_title"),
        sentence=tr(f"packing.alarm_{happened(alarm)}", number=alarm.order_no, items=alarm.items),
        todo=tr(_todo_key(alarm, parcel), key=KEYS.ack),
        facts=tuple(facts),
        spoken=alarm.spoken_no,
    )


def _todo_key(alarm: StationAlarm, parcel: Parcel | None) -> str:
    if alarm.items:
        return "packing.alarm_todo_lines_packed" if alarm.is_packed else "packing.alarm_todo_lines"
    if happened(alarm) in ("address", "remark"):  # it will go on, in the same box
        return "packing.alarm_todo_wait_packed" if alarm.is_packed else "packing.alarm_todo_wait"
    if alarm.is_packed:
        return "packing.alarm_todo_packed"
    if parcel is not None and parcel.slip_count and not parcel.qty_packed and not alarm.is_open_here:
        return "packing.alarm_todo_printed"
    return "packing.alarm_todo"
