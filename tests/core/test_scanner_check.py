"""The scanner's check names what is set up wrong, from reads of the sheet alone."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from app.core.scanner_check import FAULTS, MOST_GAP_MS, Check, Fix, Report, seen_at_work
from app.core.scanner_codes import GS, GS1_SHOWN, SHEET_CODES, SheetCode, retyped, variants, wide

Sends = Callable[[SheetCode], str | None]
AIM = {"qrcode": "]Q1", "code128": "]C0", "ean13": "]E0", "itf": "]I1", "code39": "]A0", "gs1": "]C1"}


def checked(sends: Sends, *, gap: int = 4, end: str = "\r", end_after: int = 4, **settings: object) -> Report:
    """A scanner reads the sheet from its first code to its last; None is a code it does not read."""
    check = Check(**settings)  # type: ignore[arg-type]
    now = 1000
    for code in SHEET_CODES:
        for char in sends(code) or "":
            now += gap
            check.key(char, now)
        for char in end if sends(code) else "":
            now += end_after
            check.key(char, now)
        now += 900
        check.rest(now)
    return check.report(is_over=True)


def names(report: Report) -> list[str]:
    return [named.fault for named in report.faults]


def test_a_scanner_that_is_set_up_right_has_no_fault() -> None:
    report = checked(lambda code: code.text)
    assert report.faults == () and report.is_complete and report.fix() is None
    assert report.right == {1, 2, 3, 4, 5, 6}


@pytest.mark.parametrize(
    ("sends", "fault"),
    [
        (lambda code: retyped(code.text, "us", "fr"), "layout"),
        (lambda code: retyped(code.text, "de", "us"), "layout"),
        (lambda code: code.text.translate(str.maketrans("QaZwYmWAqyzODM", "BcDeFgHIjklXTV")), "layout"),
        (lambda code: code.text.swapcase(), "caps"),
        (lambda code: code.text.upper(), "caps"),
        (lambda code: wide(code.text), "ime"),
        (lambda code: "".join(char for char in code.text if not char.isalpha()), "ime"),
        (lambda code: code.text.replace("OD", "哦").replace("/", "、"), "ime"),
        (lambda code: code.text * 2, "doubled"),
        (lambda code: "~" + code.text, "prefix"),
        (lambda code: AIM[code.kind] + code.text, "aim"),
        (lambda code: code.text + "#", "extra"),
        (lambda code: code.text[:-1] if code.kind in ("ean13", "itf") else code.text, "cut"),
        (lambda code: code.text.replace(GS, ""), "gs1_lost"),
        (lambda code: code.text.replace(GS, "|"), "gs1_changed"),
        (lambda code: GS1_SHOWN if code.kind == "gs1" else code.text, "gs1_changed"),
    ],
)
def test_each_fault_of_the_signs_is_named_and_no_other(sends: Sends, fault: str) -> None:
    assert names(checked(sends)) == [fault]


@pytest.mark.parametrize("kind", [code.kind for code in SHEET_CODES])
def test_a_kind_of_code_that_is_switched_off_is_named(kind: str) -> None:
    report = checked(lambda code: None if code.kind == kind else code.text)
    assert names(report) == [f"off_{kind}"]


@pytest.mark.parametrize(
    ("how", "fault"),
    [
        ({"end": ""}, "no_suffix"),
        ({"end": "\t"}, "tab_suffix"),
        ({"end_after": 150}, "late_suffix"),
        ({"end_after": 700}, "late_suffix"),
        ({"end": "\r\r"}, "double_suffix"),
        ({"gap": 60}, "slow"),
        ({"gap": 150}, "slow"),
        ({"end": "\t", "suffix": "enter"}, "other_suffix"),
        ({"prefix": "~"}, "no_prefix"),
    ],
)
def test_each_fault_of_the_keys_is_named(how: dict[str, object], fault: str) -> None:
    assert names(checked(lambda code: code.text, **how))[0] == fault  # type: ignore[arg-type]


def test_a_code_that_comes_twice_with_its_enter_is_doubled_and_two_pulls_are_not() -> None:
    text = SHEET_CODES[0].text
    for pause, doubled in ((40, ["doubled"]), (900, [])):
        check, now = Check(), 1000
        for _ in range(2):
            for char in text + "\r":
                now += 3
                check.key(char, now)
            now += pause
        assert names(check.report(is_over=False)) == doubled


def test_faults_that_come_together_are_all_named() -> None:
    report = checked(lambda code: "~" + code.text.swapcase(), end="", gap=60)
    assert names(report) == ["caps", "slow", "no_suffix", "prefix"]
    assert report.fix() == Fix(gap_ms=75, prefix="~")


def test_what_this_computer_cannot_be_set_to_is_left_to_the_scanner() -> None:
    too_slow = checked(lambda code: code.text, gap=MOST_GAP_MS + 1)
    assert names(too_slow) == ["slow"] and too_slow.fix() is None
    assert checked(lambda code: AIM[code.kind] + code.text).fix() is None
    mixed = checked(lambda code: ("~" if code.no % 2 else "!") + code.text)
    assert names(mixed) == ["prefix"] and mixed.fix() is None


def test_what_a_device_sends_whole_cannot_be_mended_here() -> None:
    check = Check(prefix="~")
    for code in SHEET_CODES:
        check.whole("~" + code.text, "serial:COM3")
    report = check.report(is_over=True)
    assert names(report) == ["prefix"] and report.fix() is None


def test_after_the_fix_the_check_finds_nothing() -> None:
    before = checked(lambda code: "~" + code.text, gap=55)
    fix = before.fix()
    assert fix is not None and fix.prefix == "~" and fix.gap_ms is not None
    after = checked(lambda code: "~" + code.text, gap=55, gap_ms=fix.gap_ms, prefix=fix.prefix)
    assert after.faults == () and after.is_complete


@pytest.mark.parametrize("came", [lambda text: retyped(text, "us", "fr"), wide, str.swapcase])
def test_where_the_keys_say_what_was_meant_this_computer_can_go_by_them(came: Callable[[str], str]) -> None:
    def scanned(*, by_keys: bool) -> Report:
        check, now = Check(by_keys=by_keys), 1000
        for code in SHEET_CODES:
            for plain, char in zip(code.text, came(code.text), strict=True):
                check.key(char, now := now + 2, None if plain == GS else plain)
            check.key("\r", now := now + 2)
            now += 900
        return check.report(is_over=True)

    before = scanned(by_keys=False)
    assert len(before.faults) == 1 and before.fix() == Fix(layout="us")
    assert scanned(by_keys=True).faults == ()


def test_nothing_is_called_missing_before_the_end() -> None:
    check = Check()
    check.whole(SHEET_CODES[2].text, "serial:COM3")
    assert check.report(is_over=False).faults == ()
    assert names(check.report(is_over=True))[:1] == ["off_qrcode"]
    assert Check().report(is_over=True).faults == (), "nothing was scanned at all"


def test_something_else_is_not_taken_for_a_fault() -> None:
    check = Check()
    check.whole("6901234567892", "keyboard")
    report = check.report(is_over=True)
    assert (report.faults, report.strange, report.seen) == ((), 1, frozenset())


def test_no_two_codes_can_be_mistaken_for_each_other_however_spoilt() -> None:
    of: dict[str, set[int]] = {}
    for variant in variants():
        of.setdefault(variant.text, set()).add(variant.code.no)
    assert [text for text, codes in of.items() if len(codes) > 1] == []


def test_a_scan_at_work_tells_of_full_width_letters_and_doubles() -> None:
    assert seen_at_work("ＯＤ１２３", doubled=False) == "ime"
    assert seen_at_work("OD123OD123", doubled=True) == "doubled"
    assert seen_at_work("OD123", doubled=False) is None
    assert {"ime", "doubled", "late_suffix"} <= set(FAULTS)
