"""The honest strip as words: how fresh, what waits, which printer; trouble clears by itself."""

from __future__ import annotations

from collections.abc import Sequence

from app.core.acts import ActKind
from app.core.values import dataclass
from app.station.rights import Rights
from app.station.status import Level, StripItem
from ui.present import states
from ui.present.states import State
from ui.present.words import Words

_LEVELS: dict[Level, State] = {"ok": "ok", "busy": "info", "warn": "wait", "bad": "stop"}


@dataclass(frozen=True, slots=True)
class StripView:
    key: str
    state: State
    text: str


def strip_views(items: Sequence[StripItem], words: Words) -> tuple[StripView, ...]:
    """One statement each, in the order given. Offline already says what waits: it is not said twice."""
    is_away = any(item.key.startswith("offline") or item.key == "not_paired" for item in items)
    shown = [item for item in items if not (is_away and item.key in _WAITING)]
    return tuple(StripView(_key(item), _LEVELS[item.level], _text(item, words)) for item in shown)


_WAITING = frozenset({"waiting", "waiting_old", "nothing_waiting"})


def _key(item: StripItem) -> str:
    """Two printers speak under two keys."""
    return f"printer:{item.params['name']}" if item.key == "printer" else item.key


def _text(item: StripItem, words: Words) -> str:
    params: dict[str, object] = dict(item.params)
    if "seconds" in item.params:
        params["span"] = words.duration(float(item.params["seconds"]))
    if item.params.get("n", "").isdigit():
        params["n"] = int(item.params["n"])
    if item.key == "needs_you":
        params["what"] = words.maybe(f"strip.needs_{item.params.get('what')}", words.tr("strip.needs_other"))
    if item.key == "printer":
        params["name"] = words.maybe(f"strip.printer_{item.params['name']}", item.params["name"])
        params["state"] = states.printer_chip(item.params["state"], words).text
        return words.tr("strip.printer_jobs" if params["n"] else "strip.printer", **params)
    return words.maybe(f"strip.{item.key}", words.tr("strip.problem"), **params)


#: What a desk is for: who may do none of it may only look.
_MEANT_FOR: dict[str, tuple[ActKind, ...]] = {
    "packing": (ActKind.line_packed, ActKind.parcel_closed),
    "supervisor": (ActKind.release, ActKind.take_over),
    "service": (ActKind.cancel, ActKind.hold),
    "ops": (ActKind.release, ActKind.hold),
}


def rights_view(rights: Rights, kind: str, role: str, words: Words) -> StripView | None:
    """What the hub lets nobody do here now; None when the desk can be worked at."""
    if rights.wants_sign_on:
        return StripView("sign_on_first", "wait", words.tr("strip.sign_on_first"))
    if any(rights.may(act) for act in _MEANT_FOR.get(kind, ())):
        return None
    who = words.maybe(f"roles.{role or 'operator'}", role)
    return StripView("look_only", "info", words.tr("strip.look_only", role=who))
