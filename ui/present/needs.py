"""What the hub did not take as it came, in one sentence each."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from app.core.values import dataclass
from app.station.needs import NeedView
from ui.present.states import Chip
from ui.present.words import Words


@dataclass(frozen=True, slots=True)
class NeedRow:
    """One row of the list. ``answer`` "" is one that waits."""

    act_id: str
    text: str
    order_no: str
    at: datetime
    chip: Chip
    can_again: bool
    can_ask: bool
    answer: str = ""


def need_rows(views: Iterable[NeedView], words: Words) -> tuple[NeedRow, ...]:
    return tuple(need_row(view, words) for view in views)


def need_row(view: NeedView, words: Words) -> NeedRow:
    key = "needs.clash_text" if view.is_clash else "needs.refused_text"
    chip = Chip("wait", words.tr("needs.clash" if view.is_clash else "needs.refused"))
    answered = view.answered_at is not None
    return NeedRow(
        act_id=view.act_id,
        text=words.tr(key, what=kind_words(view.kind, words), why=why_words(view.reason, words)),
        order_no=view.order_no,
        at=view.answered_at or view.at,
        chip=Chip("idle", chip.text) if answered else chip,
        can_again=view.can_again,
        can_ask=view.can_ask,
        answer=words.maybe(f"needs.by_{view.answer}", "", who=view.by) if answered else "",
    )


def kind_words(kind: str, words: Words) -> str:
    """What was done, in two or three words."""
    return words.maybe(f"needs.kind_{kind}", words.tr("needs.kind_other"))


def why_words(reason: str, words: Words) -> str:
    """Why the hub knew it otherwise, in a few words."""
    return words.maybe(f"needs.why_{reason}", words.tr("needs.why_other"))
