"""Scanner text to meaning. Never raises, whatever the text.

A pattern gives *guesses*, best first: a number of 12 digits may be a waybill of four couriers and an article
code at once. The station asks its cache for each guess in the order its expected step prefers. What nobody has heard
of is taken for a label only as :func:`as_label` says: goods must never become the number of a parcel.
"""

from __future__ import annotations

import re
from enum import StrEnum

from app.core.gtin import is_checked, is_gtin
from app.core.qr import has_valid_check
from app.core.values import dataclass
from app.core.waybillforms import KNOWN_COURIERS, couriers_of, looks_like_a_label


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
    """One reading: ``key`` is what to look up (parcel_no, order_no, waybill_no, item code, verb ...).

    ``couriers``: whose waybill it may be by its form alone (company codes).
    """

    scan_class: ScanClass
    key: str
    slip_version: int | None = None
    is_parcel: bool = False
    couriers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Scan:
    """``text`` is the cleaned text; ``guesses`` are never empty (the last resort is ``unknown``).

    ``gs1``: the same as an element string of GS1, its separators kept, where it may be one; else empty.
    """

    raw: str
    text: str
    guesses: tuple[Guess, ...]
    gs1: str = ""

    def first(self, *classes: ScanClass) -> Guess | None:
        return next((g for g in self.guesses if g.scan_class in classes), None)


# prefix, business day, optional letter of a restored series, counter of 3 or 6, optional parcel number of 2
_DAY = r"20\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"
_OWN_NO = re.compile(rf"[A-Z]{{1,4}}({_DAY})[A-Z]?(\d{{3}}|\d{{6}})(\d{{2}})?")
_WAYBILL = re.compile(r"[A-Z0-9]{8,24}(-\d{1,2}-\d{1,2}-?)?")
_ITEM = re.compile(r"[0-9A-Za-z][0-9A-Za-z._/+\- ]{1,47}")
#: What a scanner that was told to says first: which kind of code it read. Those of the first kind hold GS1 data.
_KIND_GS1 = r"\](?:C1|d2|e[0-3]|J1|Q3)"
_KIND = r"\][A-Za-z][0-9A-Za-z]"
#: The separator of GS1 as some scanners spell it for programs that cannot take a control character.
_SPELLED = r"<GS>|\{GS\}|\[GS\]"
_BRACKETED = r"\(\d{2,4}\)[^()]"
# control characters, zero-width and byte-order marks that scanners and input methods leave behind
_NOISE = re.compile("[\u0000-\u001f\u007f\u200b-\u200f\u2028-\u202e\ufeff]")


def clean(raw: str) -> str:
    """Without scanner noise; full-width letters and digits (an input method's work) made plain."""
    text = _NOISE.sub("", raw).strip()
    return "".join(chr(ord(c) - 0xFEE0) if 0xFF01 <= ord(c) <= 0xFF5E else c for c in text)


def parse(raw: str) -> Scan:
    """All readings of one scan, most certain first."""
    plain, gs1 = _kinds(raw)
    text = clean(plain)
    upper = text.upper()
    guesses = _checked(upper)
    if not guesses:
        numbers, goods = [*_own_number(upper), *_waybill(upper)], _item(text)
        is_goods = bool(gs1) or is_gtin(text)
        guesses = [*goods, *numbers] if is_goods else [*numbers, *goods]
        guesses = [*_element_string(text, gs1), *guesses]
    return Scan(raw, text, tuple(guesses) or (Guess(ScanClass.unknown, text),), gs1)


def as_label(scan: Scan, carrier: str) -> tuple[Guess, bool] | None:
    """The waybill that a code nobody knows may be, and whether its form leaves no doubt; None: it is none.

    ``carrier``: the courier of the parcel that waits for its label, or empty. A number of goods is none unless the
    form of that very courier is the same.
    """
    guess = scan.first(ScanClass.waybill)
    if guess is None or scan.gs1:
        return None
    is_goods = is_gtin(scan.text)
    if carrier in guess.couriers:
        return guess, True
    if is_goods:
        return (guess, False) if guess.couriers else None
    is_unlisted = bool(carrier) and carrier not in KNOWN_COURIERS
    return guess, is_unlisted or looks_like_a_label(guess.key)


def _kinds(raw: str) -> tuple[str, str]:
    """The text without the scanner's word for the kind of code, and its element string where it is one of GS1."""
    text = re.sub(_SPELLED, "\x1d", raw.strip("\r\n\t \x00\x02\x03\x04"))
    if match := re.match(_KIND_GS1, text):
        rest = text[match.end() :]
        return rest, rest.lstrip("\x1d")
    if match := re.match(_KIND, text):
        return text[match.end() :], ""
    if "\x1d" in text or re.match(_BRACKETED, text) or _begins_as_gs1(text):
        return text, text.lstrip("\x1d")
    return text, ""


def _begins_as_gs1(text: str) -> bool:
    """An element string that says so by nothing but its first number and that number's check digit."""
    if text[:2] in ("01", "02"):
        return len(text) >= 16 and is_checked(text[2:16])
    return text[:2] == "00" and len(text) == 20 and is_checked(text[2:])


def _element_string(text: str, gs1: str) -> list[Guess]:
    if not gs1:
        return []
    is_pack = gs1.removeprefix("(").startswith(("00", "02"))
    return [Guess(ScanClass.outer_pack if is_pack else ScanClass.item, text)]


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
    # JD prints "waybill-1-1-" for box 1 of 1 beside the waybill alone; the waybill is the part before it
    number = upper.split("-")[0]
    return [Guess(ScanClass.waybill, number, couriers=couriers_of(number))]


def _item(text: str) -> list[Guess]:
    return [Guess(ScanClass.item, text)] if _ITEM.fullmatch(text) else []
