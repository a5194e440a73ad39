"""Texts as cells of sheets that people open: never a formula, and long numbers keep their last digits (C54, D4)."""

from __future__ import annotations

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
#: A spreadsheet keeps 15 digits of a number and shows 12 or more as 1.2E+11.
_SAFE_DIGITS = 11


def safe(text: str) -> str:
    """A text no spreadsheet takes for a formula, even when saved as CSV later; our reading takes the mark off."""
    return "'" + text if text.startswith(_FORMULA_STARTS) else text


def csv_cell(text: str) -> str:
    """The same for a CSV, where digits alone would be read as a number: a tab before them keeps them a text."""
    bare = text.strip()
    if bare.isdecimal() and (len(bare) > _SAFE_DIGITS or (bare.startswith("0") and len(bare) > 1)):
        return "\t" + text
    return safe(text)
