"""What the frames of a camera say, in turn: single reads, and pictures that hold a slip and a label at once.

    telling = Telling()
    for said in telling.hear(look.codes, look.fresh, look.at_s): ...     # a Single or a Pair
    for said in telling.rest(): ...                                      # the camera ended

A slip or a label that comes into the picture alone is held back for a moment: a hand brings both, and the slip must not
open its parcel before the label beside it was looked at. Goods are told at once.
"""

from __future__ import annotations

from collections.abc import Sequence

from app.codes.reader import Code
from app.core.frame import InPicture, in_picture
from app.core.values import dataclass

HOLD_S = 0.25
"""So long a slip or a label waits for the other one: three looks."""
AGAIN_S = 1.2
"""A pair that was out of sight for so long is another one."""


@dataclass(frozen=True, slots=True)
class Single:
    """One read."""

    text: str


@dataclass(frozen=True, slots=True)
class Pair:
    """One picture to be judged. ``fresh``: what counts as read by it, where nobody judges."""

    seen: InPicture
    fresh: tuple[str, ...]


class Telling:
    """Moments are seconds of the camera's time."""

    def __init__(self) -> None:
        self._held: dict[str, float] = {}
        self._told: frozenset[str] = frozenset()
        self._told_s = float("-inf")
        self._is_crowd = False

    def hear(self, codes: Sequence[Code], fresh: Sequence[Code], at_s: float) -> list[Single | Pair]:
        """What a frame adds; ``fresh`` are those of its codes that have just come into the picture."""
        seen = in_picture((code.text, code.format) for code in codes)
        new = [code.text for code in fresh]
        if seen.is_pair:
            return self._pair(seen, new, at_s)
        if self._is_crowd and at_s - self._told_s > AGAIN_S:
            # of several slips all but one were taken away: the one that stays is what was meant
            self._is_crowd = False
            new = [*new, *(text for text in dict.fromkeys(seen.slips) if text not in new)]
        papers = {code.text for code in codes if in_picture([(code.text, code.format)]).texts}
        self._held |= dict.fromkeys((text for text in new if text in papers), at_s)
        over = [text for text, since_s in self._held.items() if at_s - since_s >= HOLD_S]
        for text in over:
            del self._held[text]
        return [Single(text) for text in (*over, *(text for text in new if text not in papers))]

    def rest(self) -> list[Single | Pair]:
        """What was still held back."""
        rest = [Single(text) for text in self._held]
        self._held.clear()
        return [*rest]

    def _pair(self, seen: InPicture, new: list[str], at_s: float) -> list[Single | Pair]:
        """Told once while it stays; anew when something else joins it."""
        held = [text for text in self._held if text not in new]
        self._held.clear()
        is_told = seen.texts <= self._told and at_s - self._told_s <= AGAIN_S
        self._told_s = at_s
        if is_told:
            # a paper's other codes are no reads of their own while it is judged as one
            return [Single(text) for text in new if text not in seen.texts]
        self._told, self._is_crowd = seen.texts, len(set(seen.slips)) > 1
        return [Pair(seen, (*held, *new))]
