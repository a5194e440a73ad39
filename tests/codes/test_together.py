"""Slip and label of one picture are one thing to say; each alone is a read, a moment later."""

from __future__ import annotations

from collections.abc import Callable

from app.codes import Code
from app.codes.together import AGAIN_S, HOLD_S, Pair, Single, Telling
from app.core.qr import slip_code

SLIP = Code("qrcode", slip_code("OD2026112100100101", 1), "zxing")
LABEL = Code("code128", "SF1234567890123", "zxing")
GOODS = Code("ean13", "6901234567892", "zxing")


def hear(telling: Telling) -> Callable[..., list[Single | Pair]]:
    known: set[str] = set()

    def look(at_s: float, *codes: Code) -> list[Single | Pair]:
        fresh = [code for code in codes if code.text not in known]
        known.update(code.text for code in codes)
        return telling.hear(codes, fresh, at_s)

    return look


def test_a_slip_whose_label_comes_a_moment_later_is_no_read_of_its_own() -> None:
    look = hear(Telling())
    assert look(0.0, SLIP) == []
    [pair] = look(0.1, SLIP, LABEL)
    assert isinstance(pair, Pair) and set(pair.fresh) == {SLIP.text, LABEL.text}
    assert look(0.2, SLIP, LABEL) == look(0.3, SLIP) == look(0.4, LABEL, SLIP) == [], "it stays"
    assert look(9.0) == []


def test_alone_a_slip_is_told_after_a_moment_and_goods_at_once() -> None:
    look = hear(Telling())
    assert look(0.0, SLIP, GOODS) == [Single(GOODS.text)]
    assert look(HOLD_S / 2) == []
    assert look(HOLD_S + 0.01) == [Single(SLIP.text)]
    assert look(1.0, SLIP, LABEL) != [], "a label beside it is looked at all the same"


def test_another_label_in_the_same_picture_is_judged_anew() -> None:
    look, other = hear(Telling()), Code("code128", "SF1234567890999", "zxing")
    look(0.0, SLIP, LABEL)
    [pair] = look(0.5, SLIP, LABEL, other)
    assert isinstance(pair, Pair) and pair.seen.labels == (LABEL.text, other.text)
    assert look(0.6, SLIP, GOODS, LABEL) == [Single(GOODS.text)]
    assert look(0.6 + AGAIN_S + 0.1, SLIP, LABEL) != [], "it was away"


def test_of_several_slips_the_one_that_stays_is_read_when_the_others_are_gone() -> None:
    look, other = hear(Telling()), Code("qrcode", slip_code("OD2026112100100201", 1), "zxing")
    assert look(0.0, SLIP) == [] and look(HOLD_S, SLIP) == [Single(SLIP.text)]
    [pair] = look(1.0, SLIP, other)
    assert isinstance(pair, Pair)
    assert look(1.2, other) == look(1.0 + AGAIN_S, other) == [], "a blurred frame takes no slip away"
    assert look(1.1 + AGAIN_S, other) == []
    assert look(1.2 + AGAIN_S + HOLD_S, other) == [Single(other.text)]
    assert look(9.0, other) == []


def test_what_was_held_back_is_told_when_the_camera_ends() -> None:
    telling = Telling()
    hear(telling)(0.0, SLIP)
    assert telling.rest() == [Single(SLIP.text)] and telling.rest() == []
