"""Numbers of goods (GTIN): their check digit, and the ways in which one number is written.

UPC-A (12), EAN-13, EAN-8 and the 14 digits of an outer pack are one family: a shorter number is a longer one with
zeros before it. A first digit of 1 to 9 before the 13 others names another pack, never the same unit.
"""

from __future__ import annotations

_LENGTHS = (8, 12, 13, 14)


def check_digit(body: str) -> str:
    """The last digit of a number whose others are ``body`` (digits only)."""
    weighted = sum(int(digit) * (1 if n % 2 else 3) for n, digit in enumerate(reversed(body)))
    return str(-weighted % 10)


def is_checked(digits: str) -> bool:
    """Whether this is all digits and the last one checks the others."""
    return digits.isascii() and digits.isdigit() and check_digit(digits[:-1]) == digits[-1]


def is_gtin(code: str) -> bool:
    """Whether a scanned text is a number of goods by its length and its check digit."""
    return len(code) in _LENGTHS and is_checked(code)


def spellings(code: str) -> tuple[str, ...]:
    """All ways in which this code may be written down, as it was read first; other codes have one."""
    if not is_gtin(code):
        return (code,)
    whole = code.zfill(14)
    shorter = (whole[14 - n :] for n in _LENGTHS if not whole[: 14 - n].strip("0"))
    return tuple(dict.fromkeys((code, *shorter)))
