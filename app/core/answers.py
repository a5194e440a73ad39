"""The cancel's answer, parcel by parcel: who may give it and how it stands in the file (design 3.8). Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from app.core.history import Entry, HistoryKind
from app.core.order import (
    GONE_STATES,
    CommandState,
    CommandView,
    InterceptResult,
    Order,
    Parcel,
    Stop,
)

R = InterceptResult
#: Nobody has said yet where the box is.
UNANSWERED = (R.trying, R.at_station_offline)


def calls_back(stop: Stop) -> bool:
    """Whether goods are being called back by it: a cancel, or a refund of lines that took effect."""
    return stop.command == "cancel" or stop.took_effect_at is not None


def first_answer(parcel: Parcel, now: datetime, *, has_stopped: bool = False) -> Parcel:
    """The parcel with the answer that stands at the very moment of the call.

    ``has_stopped``: whoever holds it has acknowledged already and stands still.
    """
    if parcel.state in GONE_STATES:
        answer = R.too_late
    elif parcel.is_boxed or (parcel.is_claimed and not has_stopped):
        answer = R.trying
    else:
        answer = R.stopped
    return replace(parcel, intercept_result=answer, intercept_since=now)


def answer_entry(parcel: Parcel, before: Order) -> Entry:
    """The row that tells of a parcel's new answer."""
    was = before.parcel(parcel.parcel_no)
    return Entry(
        kind=HistoryKind.intercept_answered,
        parcel_no=parcel.parcel_no,
        params={"result": parcel.intercept_result, "holder": parcel.holder or ""},
        before={"intercept_result": (was.intercept_result or "") if was else ""},
        after={"intercept_result": parcel.intercept_result},
    )


def with_command_state(
    commands: tuple[CommandView, ...], act_id: str, state: CommandState
) -> tuple[CommandView, ...]:
    """The commands with one of them moved on."""
    return tuple(replace(c, state=state) if c.act_id == act_id else c for c in commands)
