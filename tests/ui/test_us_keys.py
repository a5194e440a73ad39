"""Which keys were pressed says what a scanner meant, whatever layout the computer has."""

from __future__ import annotations

import pytest

from app.core.qr import slip_code
from ui.us_keys import Layout, Meant, proves_itself, us_char

SLIP = slip_code("ZY2026112100101", 1)
GERMAN = str.maketrans("yzYZ-/", "zyZYß-")
FRENCH = str.maketrans("qwazQWAZ1234567890-", "azqwAZQW&é\"'(-è_çà)")
RUSSIAN = str.maketrans("qazQAZ.", "йфяЙФЯю")


def test_every_sign_of_a_code_has_its_key() -> None:
    found = {us_char(code, shift=shift) for code in range(0x200) for shift in (False, True)}
    assert {chr(n) for n in range(0x20, 0x7F)} <= found
    assert us_char(0x1E, shift=False) == "a" and us_char(0x2C, shift=True) == "Z"
    assert us_char(0x1C, shift=False) is None, "Enter types no sign"


@pytest.mark.parametrize("layout", [GERMAN, FRENCH, RUSSIAN], ids=["de", "fr", "ru"])
def test_a_code_that_proves_itself_says_which_reading_holds_for_the_next(layout: dict[int, int]) -> None:
    meant = Meant()
    assert meant.text(SLIP.translate(layout), SLIP) == SLIP
    assert meant.text("QZ-77Y/a".translate(layout), "QZ-77Y/a") == "QZ-77Y/a"


def test_a_scanner_set_up_for_the_computers_own_layout_is_right_as_it_is() -> None:
    """It presses the keys of a German keyboard: on a US one they would be others."""
    meant = Meant()
    assert meant.text(SLIP, SLIP.translate(GERMAN)) == SLIP
    assert meant.text("QZ-77Y/A", "QY'77Z&A") == "QZ-77Y/A"


def test_what_is_set_by_a_person_needs_no_proof() -> None:
    def text(layout: Layout) -> str:
        return Meant(layout).text("zebra-8", "yebra-8")

    assert [text(layout) for layout in ("us", "typed", "auto")] == ["yebra-8", "zebra-8", "zebra-8"]


def test_digits_of_an_article_come_out_under_a_layout_without_plain_digits() -> None:
    ean = "6901234567892"
    assert Meant().text(ean.translate(FRENCH), ean) == ean


def test_capslock_turns_cases_round_and_the_keys_say_which_was_meant() -> None:
    assert Meant().text("AbC-7", "aBc-7") == "aBc-7"
    assert Meant(is_us=False).text("AbC-7", "aBc-7") == "aBc-7"


def test_where_no_key_is_known_what_came_out_counts() -> None:
    assert Meant("us").text("订单8", None) == "订单8"


@pytest.mark.parametrize(
    ("text", "is_proof"),
    [(SLIP, True), (SLIP[:-1] + "0", False), ("6901234567892", True), ("6901234567893", False)],
)
def test_check_characters_and_digits_are_proof(text: str, is_proof: bool) -> None:
    assert proves_itself(text) is is_proof
