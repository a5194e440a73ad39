"""Weight as second witness: what a box of these goods weighs, learned from boxes that were closed before.

    book = WeightBook(samples, shop)           # shop: grams of one unit as the shop says, 0 where it says nothing
    doubt = book.doubt(goods, weight_g)        # None: it weighs what it should, or too little is known to say

A box that was packed before at least ``ENOUGH`` times weighs what those weighed: their median, with a band of their own
spread. Any other weighs the sum of its units, each learned from all boxes it lay in, and of the packaging that boxes of
its size have. A unit seen in fewer than ``ENOUGH_OF_UNIT`` boxes weighs what the shop says; where the shop says nothing
either, nothing is said. All middles are medians: one box in ten may have been wrong itself.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from math import ceil, sqrt
from typing import Literal

from app.core.values import dataclass

#: Article and quantity of everything in a box, by article: see :func:`goods`.
Goods = tuple[tuple[str, int], ...]
Basis = Literal["same", "units"]

#: Boxes of exactly the same goods before their own median counts.
ENOUGH = 6
#: Boxes an article lay in before its learned weight counts.
ENOUGH_OF_UNIT = 6
#: Weighed boxes of any kind before anything is said: what a packaging weighs has to be learned first.
ENOUGH_AT_ALL = 20
#: Boxes that are looked back on, of one kind; older ones were packed in another packaging.
KEPT = 40

_WIDTH = 2.8  # half a band in standard deviations
_UNSURE = 0.15  # a learned unit may be so far off and still be meant
_OF_MAD = 1.4826  # a standard deviation in median deviations
_TWO_SIDED = 15  # boxes of one kind before their far ends tell anything
_BLEND = 8  # the spread of all boxes weighs as much as so many of this kind
_LEAST_G, _LEAST_SHARE = 1.5, 0.003  # no scale is finer on a bench
_SHOP_SHARE = 0.04  # how far off a shop's own figure usually is
_BLUNT = 0.12  # a spread above this share of the weight tells nothing
_ROUNDS = 30  # units and packaging settle after some twenty
_NEAR = 25  # boxes of about the same content that tell its packaging
_END = 1.4  # standard deviations to where the last twelfth begins
_SMALL = 0.02  # boxes that a first guess counts as, where the shop says nothing
_STEP = 1.25  # an article's weight moves by no more in one round
_FIRST_USUAL, _NARROWER = 1.0, 0.8  # what error is usual: all of it at first, a fifth less with each round


@dataclass(frozen=True, slots=True)
class Likely:
    """What a difference looks like: so many units too many, or too few (negative)."""

    sku_code: str
    qty: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """Grams, and grams up and down that are still right. ``basis``: the same goods before, or unit by unit."""

    weight_g: float
    band_g: float
    basis: Basis


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """A box that weighs something else. ``looks_like``: one of these, the likeliest first; empty: no article fits."""

    expected_g: int
    measured_g: int
    band_g: int
    looks_like: tuple[Likely, ...] = ()

    @property
    def is_heavy(self) -> bool:
        return self.measured_g > self.expected_g


@dataclass(frozen=True, slots=True)
class _Box:
    """Boxes of the same goods, seen as one."""

    goods: Goods
    weight_g: float
    count: int


def goods(units: Iterable[tuple[str, int]]) -> Goods:
    """Articles and quantities as a box's own key: lines of one article are one, nothing of nought."""
    summed: dict[str, int] = defaultdict(int)
    for sku_code, qty in units:
        summed[sku_code] += qty
    return tuple(sorted((sku, qty) for sku, qty in summed.items() if qty > 0))


class WeightBook:
    """What boxes weigh here. Made in the background from all that is known; :meth:`add` keeps it fresh between."""

    def __init__(
        self, samples: Iterable[tuple[Goods, int]] = (), shop: Callable[[str], int] = lambda _: 0
    ) -> None:
        """``samples``: goods and grams of closed boxes, newest first; those without a weight are passed over."""
        self._shop = shop
        self._weights: dict[Goods, list[int]] = defaultdict(list)
        for box, weight_g in samples:
            if weight_g > 0 and box and len(self._weights[box]) < KEPT:
                self._weights[box].append(weight_g)
        boxes = [_Box(box, median(all_g), len(all_g)) for box, all_g in self._weights.items() if all_g]
        self._count = sum(box.count for box in boxes)
        self._units = _Units(boxes, shop)
        self._spread = self._own_spread()

    def __len__(self) -> int:
        """Weighed boxes that are known."""
        return self._count

    def add(self, box: Goods, weight_g: int) -> None:
        """One more box. Safe beside a reader: a kind's list is replaced, not changed."""
        if weight_g > 0 and box:
            self._weights[box] = [weight_g, *self._weights.get(box, ())][:KEPT]
            self._count += 1

    def expected(self, box: Goods) -> Expected | None:
        """What a box of these goods weighs; None where too little is known."""
        if self._count < ENOUGH_AT_ALL or not box:
            return None
        before = self._weights.get(box, [])
        if len(before) < ENOUGH:
            return self._units.expected(box)
        middle = median(before)
        own, all_boxes = _own_spread(before, middle), self._spread * middle
        n = len(before)
        spread = sqrt((n * own * own + _BLEND * all_boxes * all_boxes) / (n + _BLEND))
        return _banded(middle, spread * sqrt(1 + 1.57 / n), "same")

    def doubt(self, box: Goods, weight_g: int) -> Doubt | None:
        """What is wrong with this weight of these goods; None: nothing that is known speaks against it."""
        expected = self.expected(box) if weight_g > 0 else None
        if expected is None or abs(weight_g - expected.weight_g) <= expected.band_g:
            return None
        return Doubt(
            expected_g=round(expected.weight_g),
            measured_g=weight_g,
            band_g=round(expected.band_g),
            looks_like=self._looks_like(box, weight_g - expected.weight_g, expected.band_g),
        )

    def _looks_like(self, box: Goods, off_g: float, band_g: float) -> tuple[Likely, ...]:
        found: list[tuple[int, float, Likely]] = []
        for sku_code, qty in box:
            unit_g = self._units.unit_g(sku_code)
            count = round(off_g / unit_g) if unit_g > 0 else 0
            rest = abs(off_g - count * unit_g)
            if count and count >= -qty and rest <= max(band_g, _UNSURE * abs(off_g)):
                found.append((abs(count), rest, Likely(sku_code, count)))
        found.sort(key=lambda one: one[:2])
        fewest = [one for one in found if one[0] == found[0][0]]
        clear = [one for one in fewest if one[1] <= max(2 * fewest[0][1], band_g / 3)]
        return tuple(likely for *_, likely in clear[:2])

    def _own_spread(self) -> float:
        """How far boxes of the same goods lie apart, as a share of their weight."""
        off = [
            abs(one - middle) / middle * sqrt(len(all_g) / (len(all_g) - 1))
            for all_g in self._weights.values()
            if len(all_g) >= ENOUGH and (middle := median(all_g)) > 0
            for one in all_g
        ]
        return _OF_MAD * median(off) if len(off) >= ENOUGH_AT_ALL else 0.015


class _Units:
    """Weight of one unit of each article, and of the packaging that a box of some size has.

    Found in rounds: units by what boxes weigh without packaging and the other units, packaging by what is left of boxes
    of one size. A box that fits badly counts little, so that wrong ones draw nothing to them.
    """

    def __init__(self, boxes: list[_Box], shop: Callable[[str], int]) -> None:
        self._shop = shop
        self._boxes = boxes
        self._lay_in: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for n, box in enumerate(boxes):
            for sku_code, qty in box.goods:
                self._lay_in[sku_code].append((n, qty))
        self._seen = {sku: sum(boxes[n].count for n, _ in own) for sku, own in self._lay_in.items()}
        self._unit_g = {sku: self._first_guess(sku) for sku in self._lay_in}
        self._inside = [sum(qty * self._unit_g[sku] for sku, qty in box.goods) for box in boxes]
        self._packaging = [0.0] * len(boxes)
        self._sizes: list[float] = []
        self._left: list[float] = []
        self._trust = [1.0] * len(boxes)
        for n in range(_ROUNDS):
            self._weigh_packaging()
            self._weigh_units()
            self._weigh_trust(_FIRST_USUAL * _NARROWER**n)
        self._weigh_packaging()
        self._spread = _OF_MAD * median(self._off()) if boxes else 1.0

    def unit_g(self, sku_code: str) -> float:
        """Grams of one unit, 0 where nobody knows."""
        return self._unit_g[sku_code] if self._is_learned(sku_code) else float(self._shop(sku_code))

    def expected(self, box: Goods) -> Expected | None:
        """Unit by unit; None where one of them is not known."""
        each = [(qty * self.unit_g(sku), self._is_learned(sku)) for sku, qty in box]
        if not all(part > 0 for part, _ in each) or not self._left:
            return None
        inside = sum(part for part, _ in each)
        low, high = _ends(self._left_near(inside))
        told = sum(part for part, is_learned in each if not is_learned)
        fewest = min(self._seen.get(sku, ENOUGH_OF_UNIT) for sku, _ in box)
        far = (high - low) / 2 / _END
        if far > _BLUNT * inside:
            return None
        spread = sqrt((far * far + (self._spread * inside) ** 2) * (1 + 4 / max(fewest, ENOUGH_OF_UNIT)))
        return _banded(inside + (low + high) / 2, sqrt(spread**2 + (_SHOP_SHARE * told) ** 2), "units")

    def _is_learned(self, sku_code: str) -> bool:
        return self._seen.get(sku_code, 0) >= ENOUGH_OF_UNIT

    def _first_guess(self, sku_code: str) -> float:
        told = float(self._shop(sku_code))
        if told > 0:
            return told
        own = (self._boxes[n] for n, _ in self._lay_in[sku_code])
        return median(box.weight_g / sum(qty for _, qty in box.goods) for box in own)

    def _left_near(self, inside_g: float) -> list[float]:
        """What boxes of about this content weigh beyond it: their packaging, and what else is unsure. In order."""
        at = bisect_left(self._sizes, inside_g)
        start = max(0, min(at - _NEAR // 2, len(self._sizes) - _NEAR))
        return sorted(self._left[start : start + _NEAR])

    def _weigh_packaging(self) -> None:
        """For each box the middle of what is left over in boxes like it. A line between two packagings stays sharp."""
        order = sorted(range(len(self._boxes)), key=self._inside.__getitem__)
        self._sizes = [self._inside[n] for n in order]
        self._left = [self._boxes[n].weight_g - self._inside[n] for n in order]
        for at, n in enumerate(order):
            start = max(0, min(at - _NEAR // 2, len(order) - _NEAR))
            self._packaging[n] = max(0.0, median(self._left[start : start + _NEAR]))

    def _weigh_units(self) -> None:
        for sku_code, own in self._lay_in.items():
            before, told = self._unit_g[sku_code], float(self._shop(sku_code))
            # what the shop says counts as one box of this article alone
            pull = 1 / told**2 if told > 0 else _SMALL / before**2
            sum_of, parts = (told or before) * pull, pull
            for n, qty in own:
                box, inside = self._boxes[n], self._inside[n]
                share = box.count * self._trust[n] / box.weight_g**2
                left = box.weight_g - self._packaging[n] - inside + qty * before
                sum_of += share * qty * left
                parts += share * qty * qty
            now = min(max(sum_of / parts, before / _STEP), before * _STEP)
            self._unit_g[sku_code] = now
            for n, qty in own:
                self._inside[n] += qty * (now - before)

    def _off(self) -> list[float]:
        """How far each box lies from the sum of its units, as a share of its weight."""
        sums = (inside + packaging for inside, packaging in zip(self._inside, self._packaging, strict=True))
        return [
            abs(box.weight_g - total) / box.weight_g for box, total in zip(self._boxes, sums, strict=True)
        ]

    def _weigh_trust(self, least: float) -> None:
        """``least``: an error that is usual in this round. Who distrusts early is stuck with the first guess."""
        off = self._off()
        usual = max(2 * _OF_MAD * median(off), _LEAST_SHARE, least) if off else 1.0
        self._trust = [1 / (1 + (one / usual) ** 2) for one in off]


def median(values: Iterable[float]) -> float:
    """As the library's, whose import a station would wait for."""
    ordered = sorted(values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def _banded(weight_g: float, spread_g: float, basis: Basis) -> Expected:
    spread = sqrt(spread_g**2 + _LEAST_G**2 + (_LEAST_SHARE * weight_g) ** 2)
    return Expected(weight_g=weight_g, band_g=_WIDTH * spread, basis=basis)


def _own_spread(weights: list[int], middle: float) -> float:
    """A standard deviation of one kind. Boxes that go now into this packaging, now into that, lie on both sides."""
    usual = _OF_MAD * median(abs(one - middle) for one in weights)
    if len(weights) < _TWO_SIDED:
        return usual
    low, high = _ends(sorted(weights))
    return max(usual, (high - middle) / _END, (middle - low) / _END)


def _ends(ordered: Sequence[float]) -> tuple[float, float]:
    """Where the lowest twelfth ends and the highest begins: a box in twelve may be wrong on either side."""
    last = len(ordered) - 1
    return ordered[int(0.08 * last)], ordered[ceil(0.92 * last)]
