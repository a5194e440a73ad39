"""Scanner text to meaning. Never raises, whatever the text.

A pattern gives *guesses*, best first: a number of 12 digits may be a waybill of four couriers and an article
code at once. The station asks its cache for each guess in the order its expected step prefers.
"""

from __future__ import annotations

import re
from enum import StrEnum

from app.core.qr import has_valid_check
from app.core.values import dataclass


class ScanClass(StrEnum):
    order_qr = "order_qr"
    order_no = "order_no"
    waybill = "waybill"
    item = "item"
    outer_pack = "outer_pack"
    bin = "bin"
    tote = "tote"
    command = "command"
    badge = "badge"
    unknown = "unknown"


@dataclass(frozen=True, slots=True)
class Guess:
    """One reading: ``key`` is what to look up (parcel_no, order_no, waybill_no, item code, verb ...)."""

    scan_class: ScanClass
    key: str
    slip_version: int | None = None
    is_parcel: bool = False


@dataclass(frozen=True, slots=True)
class Scan:
    """``text`` is the cleaned text; ``guesses`` are never empty (the last resort is ``unknown``)."""

    raw: str
    text: str
    guesses: tuple[Guess, ...]

    def first(self, *classes: ScanClass) -> Guess | None:
        return next((g for g in self.guesses if g.scan_class in classes), None)


# prefix, business day, optional letter of a restored series, counter of 3 or 6, optional parcel number of 2
_DAY = r"20\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"
_OWN_NO = re.compile(rf"[A-Z]{{1,4}}({_DAY})[A-Z]?(\d{{3}}|\d{{6}})(\d{{2}})?")
_WAYBILL = re.compile(r"[A-Z0-9]{8,24}(-\d{1,2}-\d{1,2}-?)?")
_ITEM = re.compile(r"[0-9A-Za-z][0-9A-Za-z._/+\- ]{1,47}")
# control characters, zero-width and byte-order marks that scanners and input methods leave behind
_NOISE = re.compile("[\u0000-\u001f\u007f\u200b-\u200f\u2028-\u202e\ufeff]")


def clean(raw: str) -> str:
    """Without scanner noise; full-width letters and digits (an input method's work) made plain."""
    text = _NOISE.sub("", raw).strip()
    return "".join(chr(ord(c) - 0xFEE0) if 0xFF01 <= ord(c) <= 0xFF5E else c for c in text)


def parse(raw: str) -> Scan:
    """All readings of one scan, most certain first."""
    text = clean(raw)
    upper = text.upper()
    guesses = _checked(upper) or [*_own_number(upper), *_waybill(upper), *_item(text)]
    return Scan(raw, text, tuple(guesses) or (Guess(ScanClass.unknown, text),))


def _checked(upper: str) -> list[Guess]:
    """Codes of ours that carry check characters: certain, so no further guess is needed."""
    if len(upper) < 6 or not has_valid_check(upper):
        return []
    body = upper[2:-2]
    if upper.startswith("S1") and _OWN_NO.fullmatch(body[:-2]) and body[-2:].isdigit():
        return [Guess(ScanClass.order_qr, body[:-2], int(body[-2:]), is_parcel=True)]
    if upper.startswith("C1"):
        return [Guess(ScanClass.command, body)]
    if upper.startswith("B1") and len(body) >= 20:
        return [Guess(ScanClass.badge, body)]
    return []


def _own_number(upper: str) -> list[Guess]:
    match = _OWN_NO.fullmatch(upper)
    return [Guess(ScanClass.order_no, upper, is_parcel=match.group(3) is not None)] if match else []


def _waybill(upper: str) -> list[Guess]:
    if not _WAYBILL.fullmatch(upper) or not any(c.isdigit() for c in upper):
        return []
    # JD prints "waybill-1-1-" for box 1 of 1; the waybill is the part before it
    return [Guess(ScanClass.waybill, upper.split("-")[0])]


def _item(text: str) -> list[Guess]:
    return [Guess(ScanClass.item, text)] if _ITEM.fullmatch(text) else []
