"""What a scan or a key did, as a person is told: one value for screen, sound and voice."""

from __future__ import annotations

from dataclasses import field
from enum import StrEnum
from typing import Literal

from app.core.reasons import Reason, Refused
from app.core.values import dataclass


class Light(StrEnum):
    """Colour of the scan bar. Amber: taken, not yet on disk or still being asked; green: safe here."""

    amber = "amber"
    green = "green"
    red = "red"
    blue = "blue"


class Sound(StrEnum):
    """The four meanings of sound, and silence."""

    ok = "ok"
    wrong = "wrong"
    too_many = "too_many"
    stop = "stop"
    none = "none"


class Done(StrEnum):
    """What was done; the words are ``station.done_<value>`` of the texts. ``nothing`` goes with a refusal."""

    nothing = "nothing"
    opened = "opened"
    counted = "counted"
    complete = "complete"
    uncounted = "uncounted"
    taken_out = "taken_out"
    to_take_out = "to_take_out"
    closed = "closed"
    single_packed = "single_packed"
    single_on = "single_on"
    single_off = "single_off"
    handed_over = "handed_over"
    printing = "printing"
    waybill_bound = "waybill_bound"
    learned = "learned"
    abnormal = "abnormal"
    acknowledged = "acknowledged"
    put_aside = "put_aside"
    parcel_split = "parcel_split"
    split_asked = "split_asked"
    pair_right = "pair_right"
    pair_seen = "pair_seen"
    mode_packing = "mode_packing"
    mode_handover = "mode_handover"
    badge = "badge"
    asked = "asked"
    asked_holder = "asked_holder"


#: What still has to be asked of the hub; hand the outcome to ``PackingDesk.follow``.
Follow = Literal["open", "close", "handover", "print", "badge", "fetch", "goods", "split", "single"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """``result`` is "ok" or the value of a Reason (``reasons.<value>`` of the texts, filled by ``params``).

    The same ``scan_id`` comes again through ``on_outcome`` when amber has become green or red.
    ``params`` always holds ``order_no`` and ``parcel_no`` where they are known; for ``counted``: title, got, qty.
    """

    scan_id: str
    result: str = "ok"
    light: Light = Light.green
    sound: Sound = Sound.ok
    done: Done = Done.nothing
    params: dict[str, str] = field(default_factory=dict)
    order_no: str = ""
    parcel_no: str = ""
    line_no: int | None = None
    act_id: str = ""
    follow: Follow | None = None

    @property
    def is_ok(self) -> bool:
        return self.result == "ok"

    @property
    def reason(self) -> Reason | None:
        return None if self.is_ok else Reason(self.result)


_STOPPING = frozenset({Reason.frozen, Reason.not_kept})
#: Nothing was done wrong: it is so already, or a word is missing.
_SILENT = frozenset({
    Reason.duplicate_read,
    Reason.stop_unknown,
    Reason.nothing_packed,
    Reason.nothing_to_split,
    Reason.already_packed,
    Reason.already_cancelled,
    Reason.already_delivered,
    Reason.nothing_to_change,
    Reason.note_required,
    Reason.too_old,
    Reason.not_supported,
})


def sound_of(reason: Reason) -> Sound:
    """The sound of a refusal; ``resources/texts/reasons.toml`` says the same (tested)."""
    if reason in _STOPPING:
        return Sound.stop
    if reason in (Reason.over_quantity, Reason.same_unit, Reason.too_heavy):
        return Sound.too_many
    return Sound.none if reason in _SILENT else Sound.wrong


def refusal(scan_id: str, refused: Refused, *, order_no: str = "", parcel_no: str = "") -> Outcome:
    """A red outcome (amber for a code read twice) with the reason's words and sound."""
    known = {"order_no": order_no, "parcel_no": parcel_no}
    return Outcome(
        scan_id=scan_id,
        result=refused.reason,
        light=Light.amber if refused.reason is Reason.duplicate_read else Light.red,
        sound=sound_of(refused.reason),
        params={k: v for k, v in known.items() if v} | refused.params,
        order_no=order_no,
        parcel_no=parcel_no,
    )
