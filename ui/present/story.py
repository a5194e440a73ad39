"""The story of an order as a person reads it: one line per happening, with who, where and how long it stood."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from app.core.history import HistoryKind
from app.core.order import InterceptResult, OrderState
from app.core.tracking import NodeKind
from app.core.values import dataclass
from app.store.story import StoryLine
from ui.present import states
from ui.present.packing import Bench
from ui.present.states import State
from ui.present.words import Words

K = HistoryKind

_ICONS = {"channel": "shop", "station": "box", "carrier": "truck", "hub": "sync"}
_STATES: dict[str, State] = {
    K.cancel_asked: "stop",
    K.cancel_took_effect: "stop",
    K.shipped_despite_cancel: "stop",
    K.clash: "stop",
    K.refused: "wait",
    K.stop_set: "wait",
    K.marked_abnormal: "wait",
    K.jump_flagged: "wait",
    K.freeze_acked: "ok",
    K.parcel_pulled: "ok",
    K.parcel_closed: "ok",
    K.handed_over: "ok",
    K.paid: "ok",
}
_ANSWERS: dict[str, State] = {
    InterceptResult.trying: "wait",
    InterceptResult.stopped: "ok",
    InterceptResult.too_late: "stop",
    InterceptResult.at_station_offline: "wait",
}
_NODES: dict[str, State] = {
    NodeKind.delivered: "ok",
    NodeKind.delivery_problem: "stop",
    NodeKind.returning: "wait",
    NodeKind.customs_held: "stop",
}


@dataclass(frozen=True, slots=True)
class StoryRow:
    """One line. ``lasted_s`` is the time until the next line, of a courier's node until the next node of its parcel;
    None for the last. ``early`` is older than the order. ``opens``: there is more to read behind it, a courier's words
    in full; ``heard_at`` is when they came, ``name`` what the node means, ``place`` who told it."""

    at: datetime
    state: State
    icon: str
    text: str
    who: str
    detail: str
    raw: str
    lasted_s: float | None
    pending: bool
    early: bool
    opens: bool = False
    parcel_no: str = ""
    heard_at: datetime | None = None
    name: str = ""
    place: str = ""


def story_rows(
    lines: Sequence[StoryLine], bench: Bench, words: Words, *, ordered_at: datetime | None = None
) -> tuple[StoryRow, ...]:
    """All lines of a story, oldest first. Courier's news older than the order are kept and marked."""
    return tuple(_row(line, bench, words, ordered_at) for line in lines)


def _row(line: StoryLine, bench: Bench, words: Words, ordered_at: datetime | None) -> StoryRow:
    where = line.source.partition(":")[0]
    is_node = line.kind == K.track_node
    return StoryRow(
        at=line.at,
        state=_state(line),
        icon=_ICONS.get(where, "sync"),
        text=_text(line, bench, words),
        who=_who_and_how_long(line, bench, words),
        detail=_detail(line, words),
        raw=line.raw_text,
        lasted_s=line.lasted.total_seconds() if line.lasted is not None else None,
        pending=line.pending,
        early=bool(ordered_at and is_node and line.at < ordered_at),
        opens=is_node,
        parcel_no=line.parcel_no or "",
        heard_at=line.heard_at,
        name=node_name(line.params, words) if is_node else "",
        place=_who(line, bench, words),
    )


def _state(line: StoryLine) -> State:
    if line.kind == K.intercept_answered:
        return _ANSWERS.get(str(line.params.get("result")), "idle")
    if line.kind == K.track_node:
        return _NODES.get(_node_kind(line.params), "idle")
    return _STATES.get(line.kind, "idle")


def _text(line: StoryLine, bench: Bench, words: Words) -> str:
    if line.kind == K.track_node:
        return _node_text(line.params, words)
    said = words.maybe(
        f"history.{line.kind}", words.tr("service.story_unknown"), **_named(line, bench, words)
    )
    return " ".join(said.split())


def _node_text(params: Mapping[str, Any], words: Words) -> str:
    kind = node_name(params, words)
    told = str(params.get("text") or "")
    return f"{kind} · {told}" if told and told != kind else kind


def node_name(params: Mapping[str, Any], words: Words) -> str:
    """What a courier's node means, in a word of ours."""
    return words.maybe(f"states.node_{_node_kind(params)}", words.tr("states.node_other"))


def _node_kind(params: Mapping[str, Any]) -> str:
    """Tracks call it ``kind``, lines of history ``node``."""
    return str(params.get("kind") or params.get("node") or "other")


def _named(line: StoryLine, bench: Bench, words: Words) -> dict[str, Any]:
    """The params with codes turned into the names people know."""
    params = dict(line.params)
    if "channel" in params:
        params["channel"] = states.channel_name(str(params["channel"]), words)
    if params.get("carrier"):
        params["carrier"] = states.carrier_name(str(params["carrier"]), words)
    for role in ("holder", "from", "to", "station"):
        if params.get(role):
            params[role] = bench.name_of(str(params[role]), words)
    if "result" in params:
        params["result_text"] = words.maybe(f"history.result_{params['result']}", "")
    if not params.get("note") and params.get("reason") and line.kind in (K.stop_set, K.marked_abnormal):
        params["note"] = states.hold_reason(str(params["reason"]), words)
    return params


def _who_and_how_long(line: StoryLine, bench: Bench, words: Words) -> str:
    """Behind a courier's node stands how long this step took (TRK-06)."""
    who = _who(line, bench, words)
    if line.kind != K.track_node or line.lasted is None or line.lasted.total_seconds() < 1:
        return who
    return f"{who} · {words.tr('service.story_step', span=words.duration(line.lasted.total_seconds()))}"


def _who(line: StoryLine, bench: Bench, words: Words) -> str:
    where, _, name = line.source.partition(":")
    match where:
        case "station":
            place = bench.name_of(name or line.station_id, words)
        case "carrier":
            place = states.courier_source(name, words)
        case "channel":
            place = words.tr("states.source_shop", shop=name)
        case "hub":
            place = words.tr("states.source_hub")
        case _:
            place = words.tr("states.source_api")
    # A station at which nobody is signed on acts in its own name: it is named once.
    nobody = ("", "hub", "operator", name, line.station_id, place)
    actor = "" if line.actor in nobody else line.actor
    if where == "carrier":
        actor = states.carrier_name(actor, words) if actor else ""
        actor = "" if actor == place else actor
    return " · ".join(part for part in (actor, place) if part)


#: Fields of before/after that people understand, with their names.
_FIELDS = {
    "seller_remark": "service.field_seller_remark",
    "buyer_remark": "service.field_buyer_remark",
    "waybill_no": "service.field_waybill",
    "carrier": "service.field_carrier",
    "paid_fen": "service.field_paid",
    "ship_by_at": "service.field_ship_by",
    "promised_at": "service.field_promised",
    "refund_state": "service.field_refund_state",
    "state": "service.field_state",
    "delivery_method": "service.field_delivery",
}


def _detail(line: StoryLine, words: Words) -> str:
    """What was before and what is now, for the fields people know."""
    before, after = line.before or {}, line.after or {}
    changed = [f for f in _FIELDS if (f in before or f in after) and before.get(f) != after.get(f)]
    if line.kind in (K.opened, K.parcel_closed, K.handed_over):
        return ""
    return "\n".join(
        f"{words.tr(_FIELDS[f])}: {_value(f, before.get(f), words)} → {_value(f, after.get(f), words)}"
        for f in changed
    )


def _value(field: str, value: Any, words: Words) -> str:
    if value in (None, ""):
        return words.tr("service.unknown")
    if field == "paid_fen" and isinstance(value, int):
        return words.money(value)
    if field == "carrier":
        return states.carrier_name(str(value), words)
    if field == "refund_state":
        return words.maybe(f"states.refund_{value}", words.tr("service.unknown"))
    if field == "state" and str(value) in OrderState.__members__:
        return states.order_chip(OrderState(str(value)), words).text
    if field.endswith("_at"):
        return words.moment(datetime.fromisoformat(str(value)))
    return str(value)
