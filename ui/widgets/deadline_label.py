"""Time running out, counted by the clock of the kit."""

from __future__ import annotations

from datetime import datetime

from app.core.values import dataclass
from ui.kit import Kit
from ui.tokens import State
from ui.widgets.state_chip import StateChip, Tone

WARN_S = 3600.0
"""From here on a deadline is amber unless the caller says otherwise."""


@dataclass(frozen=True, slots=True)
class DeadlineView:
    state: State
    left_s: float
    """Seconds left; below zero: late."""


def deadline_view(deadline: datetime, now: datetime, warn_s: float = WARN_S) -> DeadlineView:
    """What a deadline is at a moment: quiet, amber within `warn_s` seconds, red from the moment it has
    passed."""
    left = (deadline - now).total_seconds()
    return DeadlineView("stop" if left <= 0 else "wait" if left <= warn_s else "idle", left)


class DeadlineLabel(StateChip):
    """A chip that counts a deadline down ("剩 12 分") and up again once it is missed ("超时 3 分")."""

    def __init__(
        self, kit: Kit, *, tone: Tone = "soft", size: str = "caption", warn_s: float = WARN_S
    ) -> None:
        self._warn_s = warn_s
        self._deadline: datetime | None = None
        self._shown = ""
        super().__init__(kit, "idle", self._left, tone=tone, size=size)
        kit.ticker.tick.connect(self.recount)

    def show_deadline(self, deadline: datetime | None) -> None:
        self._deadline = deadline
        self._state = "idle"
        self._shown = ""
        self.recount()

    def recount(self) -> None:
        """Shows the time left now; the ticker calls it each second, tests call it by hand."""
        if self._deadline is not None:
            self._state = deadline_view(self._deadline, self._kit.ticker.now(), self._warn_s).state
        if (words := self._left()) != self._shown:
            self._shown = words
            self._measure()

    def _left(self) -> str:
        i18n = self._kit.i18n
        if self._deadline is None:
            return i18n.tr("ui.deadline_none")
        left_s = (self._deadline - self._kit.ticker.now()).total_seconds()
        return i18n.tr("ui.deadline_over" if left_s <= 0 else "ui.deadline_left", span=i18n.duration(left_s))
