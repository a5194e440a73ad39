"""What an element string of GS1 says of the goods it stands on: which, how many, lot, serial number, expiry.

The reading is biip's. It is loaded when the first such code comes: with its tables it takes a fifth of a second, and
most warehouses never see one.
"""

from __future__ import annotations

import re
from datetime import date

from app.core.values import dataclass

#: The number of the goods at the beginning, in brackets or not.
_NUMBER_FIRST = re.compile(r"(?:\(01\)|01)\d{14}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Goods:
    """``gtin`` as 13 digits where it is of a single unit, 14 for an outer pack; empty where only ``sscc`` is said.

    ``qty``: how many of ``gtin`` a logistic unit holds (AI 37 beside AI 02), else 1.
    """

    gtin: str = ""
    qty: int = 1
    lot: str = ""
    serial_no: str = ""
    expires_on: date | None = None
    sscc: str = ""

    @property
    def code(self) -> str:
        """What to look up, and what stays the same from unit to unit."""
        return self.gtin or self.sscc


def read(text: str) -> Goods | None:
    """The goods of an element string (separated by U+001D, or with its identifiers in brackets); None: it is none.

    Never raises, whatever the text. A maker's fault behind the number of the goods (a 31st of June) does not keep the
    number from being heard; how many a unit holds is never guessed.
    """
    said = _elements(text) or _elements(_number_first(text))
    if "02" in said and "37" not in said:
        return None
    gtin = said.get("01") or said.get("02", "")
    expires = said.get("17", "")
    goods = Goods(
        gtin=gtin.removeprefix("0") if len(gtin) == 14 else gtin,
        qty=int(said["37"]) if "02" in said else 1,
        lot=said.get("10", ""),
        serial_no=said.get("21", ""),
        expires_on=date.fromisoformat(expires) if expires else None,
        sscc=said.get("00", ""),
    )
    return goods if goods.code and goods.qty > 0 else None


def _number_first(text: str) -> str:
    match = _NUMBER_FIRST.match(text)
    return match[0] if match else ""


def _elements(text: str) -> dict[str, str]:
    """Identifier to value, with dates as ISO 8601; empty where the text is no element string."""
    if not text:
        return {}
    from biip import ParseError
    from biip.gs1_messages import GS1Message

    try:
        message = GS1Message.parse_hri(text) if text.startswith("(") else GS1Message.parse(text)
    except (ParseError, ValueError):  # a day that no calendar has is a ValueError
        return {}
    elements = message.element_strings
    if any(e.gtin_error or e.sscc_error for e in elements):
        return {}
    return {e.ai.ai: e.date.isoformat() if e.date else e.value for e in elements}
