"""A slip and a label in one picture of a camera: what our copy knows of them, and what is said when they do not match.

A mismatch stands: until somebody has seen to it, or the right pair was shown, nothing is opened, handed over or
closed on this bench.
"""

from __future__ import annotations

from collections.abc import Sequence

from app.core.frame import InPicture, Judged, LabelSeen, SlipSeen, Verdict, judge
from app.core.order import OrderState, Parcel
from app.core.reasons import Reason, Refused
from app.core.scan import ScanClass, as_label, parse
from app.core.values import dataclass
from app.station.outcome import Done, Outcome, refusal
from app.station.worktop import Worktop
from app.store.views import Target


@dataclass(frozen=True, slots=True)
class Standing:
    """What did not match and is not put right yet."""

    refused: Refused
    order_no: str
    parcel_no: str
    parcels: frozenset[str]


class Frames:
    """Called with the worktop's lock held."""

    def __init__(self, top: Worktop) -> None:
        self._top = top
        self._read = top.read
        self.standing: Standing | None = None

    def judged(self, seen: InPicture) -> Judged:
        """What this station knows of one picture."""
        slips = self._slips(seen.slips)
        first = self._parcel(slips[0].parcel_no) if slips else None
        carrier = first.carrier if first is not None else ""
        labels = [label for text in seen.labels if (label := self._label(text, carrier)) is not None]
        return judge(slips, labels)

    def refused(self, judged: Judged, scan_id: str, slips: Sequence[str]) -> Outcome | None:
        """The outcome of what does not match; None where nothing is said against it. ``slips``: texts of all codes."""
        slip, label = judged.slip, judged.label
        if slip is None:
            return None
        params = {"slip": slip.parcel_no}
        match judged.verdict:
            case Verdict.several_slips:
                numbers = dict.fromkeys(one.parcel_no for one in self._slips(slips))
                return refusal(
                    scan_id,
                    Refused(Reason.several_slips, {"slips": " ".join(numbers)}),
                    parcel_no=slip.parcel_no,
                )
            case Verdict.apart | Verdict.several_labels if label is not None:
                is_apart = judged.verdict is Verdict.apart
                reason = Reason.label_apart if is_apart else Reason.several_labels
                params |= {"label_of": next(iter(label.parcels), ""), "waybill": label.waybill_no}
                return self._stands(judged, Refused(reason, params), scan_id, slip.order_no, slip.parcel_no)
            case Verdict.stopped if judged.is_apart:
                if slip.is_stopped or label is None:
                    order_no, parcel_no = slip.order_no, slip.parcel_no
                else:
                    order_no, parcel_no = label.order_no, next(iter(label.parcels), "")
                refused = Refused(Reason.frozen, params | {"order_no": order_no})
                return self._stands(judged, refused, scan_id, order_no, parcel_no)
            case _:
                return None

    def again(self, scan_id: str) -> Outcome | None:
        """What stands, said once more; None: nothing does."""
        if (told := self.standing) is None:
            return None
        return refusal(scan_id, told.refused, order_no=told.order_no, parcel_no=told.parcel_no)

    def put_right(self, parcel_no: str) -> None:
        """A pair that belongs together was shown: was it about this one?"""
        if self.standing is not None and parcel_no in self.standing.parcels:
            self.standing = None

    def seen_to(self, scan_id: str) -> Outcome | None:
        """A person has seen to what stands; None: nothing does."""
        told, self.standing = self.standing, None
        if told is None:
            return None
        params = {"order_no": told.order_no, "parcel_no": told.parcel_no}
        return Outcome(
            scan_id=scan_id,
            done=Done.pair_seen,
            params=params,
            order_no=told.order_no,
            parcel_no=told.parcel_no,
        )

    def _stands(
        self, judged: Judged, refused: Refused, scan_id: str, order_no: str, parcel_no: str
    ) -> Outcome:
        about = {judged.slip.parcel_no} if judged.slip else set()
        about |= set(judged.label.parcels) if judged.label else set()
        self.standing = Standing(refused, order_no, parcel_no, frozenset(about))
        return refusal(scan_id, refused, order_no=order_no, parcel_no=parcel_no)

    # ---------------------------------------------------------------------------------- what is known

    def _slips(self, texts: Sequence[str]) -> list[SlipSeen]:
        return [self._slip(text, texts.count(text)) for text in dict.fromkeys(texts)]

    def _slip(self, text: str, times: int) -> SlipSeen:
        scan = parse(text)
        target = self._read.resolve(scan, "parcel")
        parcel = self._parcel(target.parcel_no) if target.kind == "parcel" else None
        if parcel is None:
            return SlipSeen(text=text, parcel_no=scan.guesses[0].key, times=times, is_known=False)
        version = target.guess.slip_version
        return SlipSeen(
            text=text,
            parcel_no=parcel.parcel_no,
            order_no=target.order_no,
            waybill_no=parcel.waybill_no,
            times=times,
            is_stopped=_is_stopped(parcel),
            is_outdated=version is not None and version % 100 != parcel.slip_version % 100,
            has_own_label=parcel.label_count > 0,
        )

    def _label(self, text: str, carrier: str) -> LabelSeen | None:
        """None: goods, or nothing that is known or looks like a label."""
        scan = parse(text)
        target = self._read.resolve(scan, "parcel")
        if target.kind == "parcel" and target.guess.scan_class is ScanClass.waybill:
            return self._known_label(text, target)
        label = as_label(scan, carrier) if target.kind == "unknown" else None
        if label is None:
            return None
        return LabelSeen(text=text, waybill_no=label[0].key, is_sure=label[1])

    def _known_label(self, text: str, target: Target) -> LabelSeen:
        numbers = (target.parcel_no, *target.others)
        parcels = [parcel for no in numbers if (parcel := self._parcel(no)) is not None]
        return LabelSeen(
            text=text,
            waybill_no=target.guess.key,
            parcels=numbers,
            order_no=target.order_no,
            is_stopped=bool(parcels) and all(map(_is_stopped, parcels)),
        )

    def _parcel(self, parcel_no: str) -> Parcel | None:
        return self._top.found(parcel_no)[1] if parcel_no else None


def _is_stopped(parcel: Parcel) -> bool:
    return parcel.is_frozen or parcel.state is OrderState.cancelled


def shows_mismatch(outcome: Outcome) -> bool:
    """Whether the picture behind an outcome is a proof: a slip and a label that do not belong together."""
    return not outcome.is_ok and "slip" in outcome.params
