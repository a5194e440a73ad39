"""A slip and a label in one picture: what is said of them, from what is known."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from app.core.frame import InPicture, Judged, LabelSeen, SlipSeen, Verdict, in_picture, judge
from app.core.qr import badge_code, command_code, slip_code

V = Verdict
A, B = "OD2026112100100101", "OD2026112100100201"


def a_slip(parcel_no: str = A, waybill: str = "SF0000000000001", **known: object) -> SlipSeen:
    return SlipSeen(text=slip_code(parcel_no, 1), parcel_no=parcel_no, waybill_no=waybill, **known)  # type: ignore[arg-type]


def a_label(
    waybill: str = "SF0000000000001", *parcels: str, sure: bool = True, stopped: bool = False
) -> LabelSeen:
    return LabelSeen(text=waybill, waybill_no=waybill, parcels=parcels, is_sure=sure, is_stopped=stopped)


OWN, OTHER, STRANGE = a_label("SF0000000000001", A), a_label("SF0000000000002", B), a_label("SF0000000000009")


@pytest.mark.parametrize(
    ("slips", "labels", "verdict"),
    [
        ([a_slip()], [OWN], V.belongs),
        ([a_slip()], [a_label("SF0000000000001", B, A)], V.belongs),
        ([a_slip()], [OTHER], V.apart),
        ([a_slip()], [OWN, OTHER], V.apart),
        ([a_slip()], [OTHER, OWN], V.apart),
        ([a_slip()], [STRANGE], V.apart),
        ([a_slip()], [OWN, STRANGE], V.belongs),
        ([a_slip()], [a_label("KY4000123456789", sure=False)], V.half),
        ([a_slip()], [], V.half),
        ([], [OWN], V.half),
        ([a_slip(waybill="")], [STRANGE], V.unbound),
        ([a_slip(waybill="")], [OTHER], V.apart),
        ([a_slip(waybill="")], [STRANGE, a_label("SF0000000000008")], V.several_labels),
        ([a_slip(is_known=False)], [OTHER], V.apart),
        ([a_slip(is_known=False)], [STRANGE], V.half),
        ([a_slip(), a_slip(B)], [], V.several_slips),
        ([a_slip(), a_slip(B)], [STRANGE], V.several_slips),
        ([a_slip(), a_slip(B)], [OTHER], V.apart),
        ([a_slip(is_outdated=True)], [OWN], V.outdated),
        ([a_slip(is_stopped=True)], [OWN], V.stopped),
        ([a_slip(is_stopped=True)], [OTHER], V.stopped),
        ([a_slip()], [a_label("SF0000000000002", B, stopped=True)], V.stopped),
        ([a_slip(is_stopped=True)], [], V.half),
        ([a_slip(has_own_label=True)], [OWN], V.half),
        ([a_slip(has_own_label=True, times=2)], [OWN], V.belongs),
    ],
)
def test_what_is_said_of_a_picture(slips: list[SlipSeen], labels: list[LabelSeen], verdict: Verdict) -> None:
    assert judge(slips, labels).verdict is verdict


def test_nothing_is_said_to_belong_but_the_parcels_own_number() -> None:
    """Every mixture of slips and labels of three parcels and of strangers."""
    parcels = [A, B, "OD2026112100100301"]
    slips = [a_slip(no, f"SF{n}" if has else "") for n, no in enumerate(parcels) for has in (True, False)]
    labels = [a_label(f"SF{n}", no) for n, no in enumerate(parcels)] + [
        STRANGE,
        replace(STRANGE, is_sure=False),
    ]
    for some in itertools.chain(itertools.combinations(slips, 1), itertools.combinations(slips, 2)):
        for n in range(4):
            for beside in itertools.permutations(labels, n):
                if judge(some, beside).verdict is V.belongs:
                    owners = {no for label in beside for no in label.parcels}
                    assert owners == {some[0].parcel_no} == {slip.parcel_no for slip in some}


def test_a_mismatch_names_both_and_stays_one_when_a_stop_is_louder() -> None:
    apart = judge([a_slip()], [OTHER])
    assert (apart.slip, apart.label, apart.is_apart) == (a_slip(), OTHER, True)
    stopped = judge([a_slip(is_stopped=True)], [OTHER])
    assert (stopped.verdict, stopped.is_apart) == (V.stopped, True)
    assert judge([a_slip(is_stopped=True)], [OWN]) == Judged(V.stopped, a_slip(is_stopped=True), OWN)
    two = judge([a_slip(), a_slip(B)], [OTHER])
    assert two.slip is not None and two.slip.parcel_no == A, "the label's own code is not the slip"


def test_goods_commands_and_badges_are_no_papers() -> None:
    slip = slip_code(A, 1)
    goods = [
        ("6901234567892", "ean13"),
        ("16901234567899", "itf"),
        ("]C1010690123456789210LOT", "code128"),
        (command_code("CLOSE"), "qrcode"),
        (badge_code("A" * 26), "qrcode"),
        ("https://a.example/1", "qrcode"),
    ]
    assert in_picture([(slip, "qrcode"), *goods]) == InPicture((slip,))
    seen = in_picture([(slip, "qrcode"), (slip, "qrcode"), ("SF1234567890123", "code128")])
    assert seen == InPicture((slip, slip), ("SF1234567890123",)) and seen.is_pair
    assert not in_picture([(slip, "qrcode"), (slip, "qrcode")]).is_pair
