"""The hand-over as values: what may leave while the hub is away, and what keeps the others."""

from __future__ import annotations

from app.core.values import dataclass
from app.station.van import LOOK, VanView
from ui.present.states import State
from ui.present.words import Words


@dataclass(frozen=True, slots=True)
class VanWords:
    """One sentence with the number, and one for each reason why others must wait; coloured while the hub is away."""

    state: State | None
    icon: str
    title: str
    reasons: tuple[str, ...] = ()


def van_words(view: VanView, words: Words, *, is_online: bool) -> VanWords:
    """What is said below the prompt while boxes go to the courier; nothing where no box waits."""
    if not (view.may_go or view.must_wait or view.stopped):
        return VanWords(None, "", "")
    when = "online" if is_online else "offline"
    title = words.tr(f"packing.van_{when}" if view.may_go else f"packing.van_{when}_none", n=view.may_go)
    counted = {"elsewhere": view.elsewhere, "stopped": view.stopped}
    if is_online:
        counted |= {"later": view.later, "free": view.free}
    else:
        counted |= {"not_taken": view.later + view.free}
    order = ("not_taken", "free", "later", "elsewhere", "stopped")
    reasons = [words.tr(f"packing.van_{key}", n=counted[key]) for key in order if counted.get(key)]
    if view.is_more:
        reasons.append(words.tr("packing.van_more", n=LOOK))
    state: State | None = None if is_online else "wait"
    return VanWords(state, "truck" if is_online else "offline", title, tuple(reasons))
