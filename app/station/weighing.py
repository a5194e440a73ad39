"""The scale at a bench as second witness (L5): what lies on it, and whether the open box may weigh that.

Nothing waits for a scale: without one, without a weight at rest, or where too little is known of such goods, a box is
closed as ever. A weight that cannot be right holds the close back once; to close again is to confirm it by hand.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from app.core.order import Order, Parcel
from app.core.packing import named
from app.core.reasons import Reason, Refused
from app.core.scale import Reading
from app.core.values import dataclass
from app.core.weights import Doubt, Goods, WeightBook, goods
from app.store.readmodel import ReadModel

#: A scale that does not say "stable" is so when its weight stood so long.
AT_REST = timedelta(seconds=0.5)
#: A weight that was sent once (a key on the scale) belongs to the box that is closed this soon after it.
HOLDS = timedelta(seconds=20)
#: Who closes again sooner has not read the sentence: a finger that trembled confirms nothing.
SOONEST = timedelta(seconds=1)
#: How often what boxes weigh is learned anew from the copy; the boxes closed here count at once.
LEARN_EVERY = timedelta(minutes=30)
_PAUSE = timedelta(seconds=2)
_SAME_G = 2  # a weight at rest trembles by so much
_EMPTY_G = 5


@dataclass(frozen=True, slots=True)
class _Lying:
    """What lies on the scale: grams, since when unchanged, when last heard, and whether the scale calls it stable."""

    weight_g: int
    since: datetime
    heard: datetime
    is_said: bool


@dataclass(frozen=True, slots=True)
class _Asked:
    """A close that was held back: of which box as it was then, at what weight, and when."""

    parcel_no: str
    last_scan_at: datetime | None
    doubt: Doubt
    refused: Refused
    at: datetime


@dataclass(frozen=True, slots=True)
class Weighed:
    """A weight that may be written down. ``is_confirmed``: by a person, against what was expected."""

    weight_g: int
    is_confirmed: bool = False


class Weighing:
    """One bench's scale and what it has learned. ``heard`` and ``learn`` may come from any thread."""

    def __init__(self, read: ReadModel) -> None:
        self._read = read
        self._book: WeightBook | None = None
        self._learn_at: datetime | None = None
        self._lying: _Lying | None = None
        self._used: _Lying | None = None
        self._asked: _Asked | None = None
        self.is_on = False
        """Whether a scale was turned on here: somebody then closes each box, when all of it lies on the scale."""
        self.wake: Callable[[], None] = lambda: None

    # ---------------------------------------------------------------------------------- the scale

    def turn(self, is_on: bool) -> None:
        """A scale was turned on in the settings, or off."""
        self.is_on = is_on
        if not is_on:
            self._lying = None
        self.wake()

    def lost(self) -> None:
        """The cable was pulled: what lay on the scale is not known any more."""
        self._lying = None

    def heard(self, reading: Reading, now: datetime) -> None:
        """The scale has spoken."""
        weight, before, used = reading.weight_g, self._lying, self._used
        if weight is None or reading.steadiness == "moving" or weight <= _EMPTY_G:
            self._lying = self._used = None
            return
        if used is not None:
            # the box that was closed just now, still lying there; sent anew after a pause it is the next one
            if abs(weight - used.weight_g) <= _SAME_G and now - used.heard < _PAUSE:
                self._used = _Lying(used.weight_g, used.since, now, used.is_said)
                return
            self._used = None
        is_same = before is not None and abs(weight - before.weight_g) <= _SAME_G
        since = before.since if before is not None and is_same else now
        self._lying = _Lying(weight, since, now, reading.steadiness == "stable")

    def weight_g(self, now: datetime) -> int:
        """Grams at rest on the scale now; 0 where there are none, or no scale."""
        lying = self._lying
        if lying is None or not self.is_on or now - lying.heard > HOLDS:
            return 0
        return lying.weight_g if lying.is_said or now - lying.since >= AT_REST else 0

    # ---------------------------------------------------------------------------------- learning

    def learn(self, now: datetime) -> None:
        """Learns anew what boxes weigh, when it is time to. Takes a moment: for the background."""
        if not self.is_on or (self._learn_at is not None and now < self._learn_at):
            return
        self._learn_at = now + LEARN_EVERY
        told: dict[str, int] = {}

        def shop(sku_code: str) -> int:
            if sku_code not in told:
                item = self._read.item(sku_code)
                told[sku_code] = item.weight_g if item is not None else 0
            return told[sku_code]

        self._book = WeightBook(self._read.weighed(), shop)

    # ---------------------------------------------------------------------------------- closing

    def judged(self, order: Order, parcel: Parcel, weight_g: int, now: datetime) -> Weighed | Refused:
        """Whether this box may be closed at this weight; 0: nobody weighed it."""
        asked, self._asked = self._asked, None
        if asked is not None and not _is_about(asked, parcel, weight_g):
            asked = None
        if asked is not None:
            if now - asked.at < SOONEST:
                self._asked = asked
                return asked.refused
            return Weighed(weight_g or asked.doubt.measured_g, is_confirmed=True)
        inside = self._goods(order, parcel)
        doubt = self._book.doubt(inside, weight_g) if self._book is not None and inside else None
        if doubt is None:
            return Weighed(weight_g)
        refused = _said(doubt, self._titles(order, parcel))
        self._asked = _Asked(parcel.parcel_no, parcel.last_scan_at, doubt, refused, now)
        return refused

    def closed(self, order: Order, parcel: Parcel, weight_g: int) -> None:
        """A box was closed at this weight: it is learned from, and lies on the scale until it is taken off."""
        if weight_g <= 0:
            return
        self._used, self._lying = self._lying, None
        if self._book is not None and (inside := self._goods(order, parcel)):
            self._book.add(inside, weight_g)

    def _goods(self, order: Order, parcel: Parcel) -> Goods:
        """Everything in the box; empty where an order merged into it is not here."""
        units: list[tuple[str, int]] = []
        for one in parcel.lines:
            holder = order if one.order_no == order.order_no else self._read.order(one.order_no)
            line = holder.line(one.line_no) if holder is not None else None
            if line is None:
                return ()
            units.append((line.sku_code, one.qty))
        return goods(units)

    def _titles(self, order: Order, parcel: Parcel) -> dict[str, str]:
        titles: dict[str, str] = {}
        for one in parcel.lines:
            holder = order if one.order_no == order.order_no else self._read.order(one.order_no)
            line = holder.line(one.line_no) if holder is not None else None
            if line is not None:
                titles[line.sku_code] = named(line.title or line.sku_code, line.spec)
        return titles


def _is_about(asked: _Asked, parcel: Parcel, weight_g: int) -> bool:
    """Whether this is the same box as when it was asked about: nothing scanned since, and no other weight."""
    is_box = (asked.parcel_no, asked.last_scan_at) == (parcel.parcel_no, parcel.last_scan_at)
    return is_box and (not weight_g or abs(weight_g - asked.doubt.measured_g) <= asked.doubt.band_g)


def _said(doubt: Doubt, titles: dict[str, str]) -> Refused:
    """The doubt as a refusal: grams due and there; ``likely`` goods and how many of them, where the difference fits."""
    params = {"due": str(doubt.expected_g), "weight": str(doubt.measured_g)}
    likely = [titles.get(one.sku_code, one.sku_code) for one in doubt.looks_like]
    if likely:
        params |= {"likely": "、".join(likely), "n": str(abs(doubt.looks_like[0].qty))}
    return Refused(Reason.too_heavy if doubt.is_heavy else Reason.too_light, params)
