"""Alarms as values: what happened, how grave, since when, what to do, and who took it in hand."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from app.core import alarms
from app.core.alarms import Audience
from app.core.values import dataclass
from app.wire import AlarmView
from ui.present import states
from ui.present.needs import kind_words, why_words
from ui.present.states import Chip, State
from ui.present.words import Words

_LEVELS: dict[str, State] = {"info": "info", "minor": "wait", "major": "wait", "critical": "stop"}
_RANKS = {"critical": 0, "major": 1, "minor": 2, "info": 3}


@dataclass(frozen=True, slots=True)
class AlarmRow:
    """``acked`` says who took it in hand, "" for nobody yet; ``shop_id`` the shop it is about, "" for none."""

    alarm_id: str
    order_no: str
    chip: Chip
    text: str
    raised_at: datetime
    acked: str
    todo: str = ""
    shop_id: str = ""
    needs_person: bool = False


def alarm_rows(
    views: Sequence[AlarmView], words: Words, audience: Audience | None = None
) -> tuple[AlarmRow, ...]:
    """The alarms of one audience, the gravest open one first; ``None``: everybody's, newest first, those of the floor
    before the others."""
    if audience is not None:
        mine = [view for view in views if alarms.concerns(view.kind, audience)]
        mine.sort(key=lambda view: (view.acked_at is not None, _RANKS.get(view.level, 3)))
    else:
        mine = sorted(
            views, key=lambda view: (view.acked_at is not None, not alarms.concerns(view.kind, "floor"))
        )
    return tuple(alarm_row(view, words) for view in mine)


def alarm_row(view: AlarmView, words: Words) -> AlarmRow:
    params = _params(view, words)
    level = view.level if view.level in _LEVELS else "info"
    acked = view.acked_at is not None
    return AlarmRow(
        alarm_id=view.alarm_id,
        order_no=view.order_no,
        chip=Chip("idle" if acked else _LEVELS[level], words.tr(f"states.level_{level}")),
        text=words.maybe(f"alarms.{view.kind}", words.tr("supervisor.alarm_unknown"), **params),
        raised_at=view.raised_at,
        acked=_acked(view, words) if acked else "",
        todo=words.maybe(f"alarm_todo.{view.kind}", words.tr("supervisor.alarm_unknown_todo")),
        shop_id=view.params.get("shop_id", "") or _courier_key(view),
        needs_person=alarms.needs_person(level, is_acked=acked),
    )


def _acked(view: AlarmView, words: Words) -> str:
    """The hub puts away by itself what is over."""
    if view.acked_by == "hub":
        return words.tr("supervisor.alarm_over")
    return words.tr("supervisor.alarm_acked", who=view.acked_by)


def _courier_key(view: AlarmView) -> str:
    """A source of courier news stands in the list of shops under this name."""
    connector = view.params.get("connector", "")
    return f"@{connector}" if connector else ""


def _params(view: AlarmView, words: Words) -> dict[str, object]:
    params: dict[str, object] = dict(view.params)
    params.setdefault("order_no", view.order_no)
    if "connector" in view.params:
        params["courier"] = states.courier_source(view.params["connector"], words)
    params["carrier"] = states.carrier_name(view.params.get("carrier", ""), words)
    if view.params.get("n", "").isdigit():
        params["n"] = int(view.params["n"])
    if "what" in view.params:
        params["what"] = why_words(view.params["what"], words)
        params["kind"] = kind_words(view.params.get("kind", ""), words)
        station, person = view.params.get("station", ""), view.params.get("person", "")
        params["where"] = station if person in ("", station) else f"{station} {person}".strip()
    return params
