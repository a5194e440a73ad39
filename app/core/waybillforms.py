"""Which couriers a number may be of, by its form alone. A guess, never an answer: forms overlap and change.

Twelve digits were used by four couriers, and couriers that are not listed here have numbers too. So a form may say
"this looks like a label of ..." and must not be a reason to refuse a number that somebody imported.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

_DIGITS_12 = "shunfeng zhongtong yuantong shentong"

#: What a form begins with, how many digits follow, what it ends in, and the company codes of its couriers.
_FORMS: tuple[tuple[str, int, str, str], ...] = (
    ("SF", 13, "", "shunfeng"),
    ("SF", 12, "", "shunfeng"),
    ("YT", 13, "", "yuantong"),
    ("JT", 13, "", "jtexpress"),
    ("DPK", 12, "", "debangkuaidi"),
    ("7[3-9]", 12, "", "zhongtong"),
    ("77", 13, "", "shentong huitongkuaidi"),
    ("33", 11, "", "shentong"),
    ("[34]", 14, "", "yunda"),
    ("[134]", 12, "", "yunda"),
    ("8", 17, "", "yuantong"),
    ("1", 12, "", "ems"),
    ("9", 12, "", "youzhengguonei"),
    ("E[A-Z]", 9, "CN", "ems"),
    ("", 12, "", _DIGITS_12),
    ("", 11, "", "jd"),
)
#: Courier parcels between countries (UPU S10): one form for all posts, so no courier is named.
_INTERNATIONAL = r"[A-Z]{2}\d{9}[A-Z]{2}"
KNOWN_COURIERS = frozenset({"jd", *(courier for *_form, couriers in _FORMS for courier in couriers.split())})


@cache
def _forms() -> tuple[tuple[re.Pattern[str], tuple[str, ...]], ...]:
    """Made when the first number comes: a start waits for no pattern."""
    listed = (
        (re.compile(rf"{begin}\d{{{n}}}{end}"), tuple(couriers.split())) for begin, n, end, couriers in _FORMS
    )
    return (*listed, (re.compile(r"JD[0-9A-Z]{11,13}"), ("jd",)))


def couriers_of(number: str) -> tuple[str, ...]:
    """Company codes of the couriers whose numbers look like this one; empty: of none that is known here."""
    return tuple(dict.fromkeys(_fitting(number)))


def _fitting(number: str) -> Iterator[str]:
    for form, couriers in _forms():
        if form.fullmatch(number):
            yield from couriers


def looks_like_a_label(number: str) -> bool:
    """Whether any courier's numbers look like this, also where it is not known whose."""
    return bool(couriers_of(number)) or re.fullmatch(_INTERNATIONAL, number) is not None
