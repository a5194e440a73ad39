"""One picture with a pick slip and a label in it: do they belong together? Pure; nothing here looks anything up.

    seen = in_picture([("S1OD20...", "qrcode"), ("SF1234567890123", "code128")])
    if seen.is_pair:
        judged = judge(slips, labels)       # each with what the station's copy knows of it

"Belongs" is said only of what is certain: the label's number is known to be that very parcel's. A code nobody knows
proves nothing in either direction, unless its form leaves no doubt that it is a label.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum

from app.core.scan import ScanClass, parse
from app.core.values import dataclass

#: What couriers print their numbers in. Goods carry EAN and UPC; kinds without a check are read wrongly too easily.
_LABEL_KINDS = frozenset({"code128", "code93", "qrcode", "datamatrix"})


@dataclass(frozen=True, slots=True)
class InPicture:
    """What one picture shows, by form alone. ``slips``: the text of each slip code, as often as it is seen."""

    slips: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()

    @property
    def texts(self) -> frozenset[str]:
        return frozenset(self.slips + self.labels)

    @property
    def is_pair(self) -> bool:
        """Whether there is more to judge than a single paper."""
        return bool(self.slips and self.labels) or len(set(self.slips)) > 1

    @property
    def is_half(self) -> bool:
        """Whether one of the two is there and the other one is not, or was not read."""
        return bool(self.slips) != bool(self.labels)


def in_picture(codes: Iterable[tuple[str, str]]) -> InPicture:
    """Sorts what was read: ``codes`` are text and kind ("qrcode", "code128" ...), each as often as it is there."""
    slips: list[str] = []
    labels: dict[str, None] = {}
    for text, kind in codes:
        scan = parse(text)
        if scan.guesses[0].scan_class is ScanClass.order_qr:
            slips.append(scan.text)
        elif kind in _LABEL_KINDS and not scan.gs1 and scan.first(ScanClass.waybill) is not None:
            labels[scan.text] = None
    return InPicture(tuple(slips), tuple(labels))


class Verdict(StrEnum):
    """``half``: one of the two was not seen or is not known here; each code is an ordinary scan then."""

    belongs = "belongs"
    unbound = "unbound"
    apart = "apart"
    several_slips = "several_slips"
    several_labels = "several_labels"
    stopped = "stopped"
    outdated = "outdated"
    half = "half"


@dataclass(frozen=True, slots=True, kw_only=True)
class SlipSeen:
    """A slip and what is known of its parcel. ``times``: in how many places of the picture its code is.

    ``has_own_label``: a label printed by us carries the same code as the slip, and may be all that was seen.
    """

    text: str
    parcel_no: str
    order_no: str = ""
    waybill_no: str = ""
    times: int = 1
    is_known: bool = True
    is_stopped: bool = False
    is_outdated: bool = False
    has_own_label: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelSeen:
    """A label's code. ``parcels`` it is known to stand for, none where nobody knows it; ``is_sure``: by its form alone
    it is a label and nothing else."""

    text: str
    waybill_no: str
    parcels: tuple[str, ...] = ()
    order_no: str = ""
    is_stopped: bool = False
    is_sure: bool = False


@dataclass(frozen=True, slots=True)
class Judged:
    """``slip`` and ``label`` it is about. ``is_apart``: also that they do not belong together, whatever is louder."""

    verdict: Verdict
    slip: SlipSeen | None = None
    label: LabelSeen | None = None
    is_apart: bool = False


_HALF = Judged(Verdict.half)


def judge(slips: Sequence[SlipSeen], labels: Sequence[LabelSeen]) -> Judged:
    """The loudest truth about one picture: a stop, then what does not belong, then what does."""
    judged = _judge(slips, [label for label in labels if label.parcels or label.is_sure])
    if judged.verdict is Verdict.half:
        return judged
    stopped_slip = next((slip for slip in slips if slip.is_stopped), None)
    stopped_label = next((label for label in labels if label.is_stopped), None)
    if stopped_slip is None and stopped_label is None:
        return judged
    is_apart = judged.verdict not in (Verdict.belongs, Verdict.unbound, Verdict.outdated)
    return Judged(Verdict.stopped, stopped_slip or judged.slip, stopped_label or judged.label, is_apart)


def _judge(slips: Sequence[SlipSeen], labels: Sequence[LabelSeen]) -> Judged:
    theirs = {no for label in labels for no in label.parcels}
    if len({slip.parcel_no for slip in slips}) > 1:
        # a label of ours carries its parcel's code: of two codes the one that is no label's is the slip's
        lonely = next((slip for slip in slips if slip.parcel_no not in theirs), None)
        owned = next((label for label in labels if label.parcels), None)
        if lonely is not None and owned is not None:
            return Judged(Verdict.apart, lonely, owned, is_apart=True)
        return Judged(Verdict.several_slips, slips[0])
    if not slips or not labels:
        return _HALF
    return _of_one_slip(slips[0], labels)


def _of_one_slip(slip: SlipSeen, labels: Sequence[LabelSeen]) -> Judged:
    foreign = next((label for label in labels if label.parcels and slip.parcel_no not in label.parcels), None)
    if foreign is not None:
        return Judged(Verdict.apart, slip, foreign, is_apart=True)
    if not slip.is_known:
        return _HALF
    own = next((label for label in labels if label.parcels), None)
    if own is not None:
        if slip.has_own_label and slip.times < 2:
            return _HALF  # it may be the label alone, with the code of its own parcel
        return Judged(Verdict.outdated if slip.is_outdated else Verdict.belongs, slip, own)
    if slip.waybill_no:
        return Judged(Verdict.apart, slip, labels[0], is_apart=True)
    if len({label.waybill_no for label in labels}) > 1:
        return Judged(Verdict.several_labels, slip, labels[0], is_apart=True)
    return Judged(Verdict.outdated if slip.is_outdated else Verdict.unbound, slip, labels[0])
