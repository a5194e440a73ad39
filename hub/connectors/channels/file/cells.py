"""One cell becomes one value, or says why not. What Excel damaged is refused, never repaired by guessing."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from hub.connectors.channels.file.table import Cell, Column, Fault, Number

#: Ten million yuan: more is a slip of the keyboard, and far below what the wire carries.
MONEY_MAX_FEN = 1_000_000_000
QTY_MAX = 9999
WEIGHT_MAX_G = 1_000_000


class BadCell(Exception):
    """``key`` and ``params`` are rendered by ``imports.<key>``."""

    def __init__(self, key: str, **params: Any) -> None:
        super().__init__(key, params)
        self.key = key
        self.params = params


#: What people write for "nothing" in columns that are not free text.
_NOTHING = frozenset({
    "-",
    "--",
    "—",
    "/",
    "\\",
    "无",
    "null",
    "none",
    "nil",
    "n/a",
    "nan",
    "0000-00-00",
    "0000-00-00 00:00:00",
})
_SCIENTIFIC = re.compile(r"[+-]?[0-9](\.[0-9]+)?[eE]\+[0-9]{1,3}")
_QUOTED = re.compile(r"'(?=[=+\-@0-9])")


def text_of(cell: Cell, column: Column) -> str:
    """A short text on one line, blanks at both ends gone. "" when empty."""
    return re.sub(r"\s*[\r\n\u2028\u2029]+\s*|\t", " ", note_of(cell, column))


def note_of(cell: Cell, column: Column) -> str:
    """A text that may have line breaks (as ``\\n``)."""
    text = _clean(_as_text(cell))
    if len(text) > column.max:
        raise BadCell("text_too_long", max=column.max, length=len(text))
    return text


def id_of(cell: Cell, column: Column) -> str:
    """A number that is a name. Refuses what a spreadsheet has turned into a float or a date."""
    if isinstance(cell, Number):
        if cell.is_date:
            raise BadCell("id_became_date")
        text = _whole(cell.text)
        if len(text.lstrip("-")) > 15 or "." in text:
            raise BadCell("id_damaged", value=f"{float(cell.text):.14E}")
    else:
        text = _id_text(_as_text(cell))
    if _SCIENTIFIC.fullmatch(text):
        raise BadCell("id_damaged", value=text)
    if len(text) > column.max:
        raise BadCell("text_too_long", max=column.max, length=len(text))
    return "" if text.casefold() in _NOTHING else text


def phone_of(cell: Cell, column: Column) -> str:
    """A phone as it was given; only a number that went through a float is refused."""
    if isinstance(cell, Number) and not cell.is_date:
        text = _whole(cell.text)
        if len(text) > 15 or "." in text:
            raise BadCell("phone_damaged", value=cell.text)
    else:
        text = _id_text(_as_text(cell), keep_blanks=True)
    if _SCIENTIFIC.fullmatch(text):
        raise BadCell("phone_damaged", value=text)
    if len(text) > column.max:
        raise BadCell("text_too_long", max=column.max, length=len(text))
    return "" if text.casefold() in _NOTHING else text


_MONEY = re.compile(
    r"(?P<minus>[-(])?(?P<yuan>[0-9]{1,12}|[0-9]{1,3}(?:,[0-9]{3}){1,3})(?:\.(?P<rest>[0-9]{0,12}))?\)?"
)


def money_of(cell: Cell, column: Column) -> int | None:
    """Yuan as written -> fen, exactly. None when empty."""
    text = _number_text(cell)
    if text is None:
        return None
    bare = re.sub(r"(?i)^(cny|rmb)|[¥￥元\s]|(cny|rmb)$", "", text)
    match = _MONEY.fullmatch(bare)
    if match is None:
        raise BadCell("money_unreadable", value=text)
    rest = (match["rest"] or "").rstrip("0")
    if len(rest) > 2:
        raise BadCell("money_below_fen", value=text)
    fen = int(match["yuan"].replace(",", "")) * 100 + int(rest.ljust(2, "0") or 0)
    if match["minus"] and fen:
        raise BadCell("money_negative", value=text)
    if fen > MONEY_MAX_FEN:
        raise BadCell("money_too_large", value=text)
    return fen


def count_of(cell: Cell, column: Column) -> int | None:
    """A whole number of pieces, 1 to 9999. None when empty."""
    text = _number_text(cell)
    if text is None:
        return None
    match = re.fullmatch(r"(-?)([0-9]{1,9})(?:\.0*)?", text)
    if match is None:
        raise BadCell("qty_unreadable", value=text)
    value = int(match[2])
    if match[1] and value:
        raise BadCell("qty_negative", value=text)
    if not 1 <= value <= QTY_MAX:
        raise BadCell("qty_range", value=text, max=QTY_MAX)
    return value


def grams_of(cell: Cell, column: Column) -> int | None:
    """A weight in whole grams. None when empty."""
    text = _number_text(cell)
    if text is None:
        return None
    match = re.fullmatch(r"([0-9]{1,9})(?:\.0*)?(?:g|克)?", text, re.IGNORECASE)
    if match is None or int(match[1]) > WEIGHT_MAX_G:
        raise BadCell("weight_unreadable", value=text)
    return int(match[1])


def words_of(cell: Cell, column: Column) -> tuple[str, ...]:
    """A list of words: ``易碎、礼品``."""
    text = text_of(cell, column)
    return tuple(dict.fromkeys(word for part in re.split(r"[,，、;；|]", text) if (word := part.strip())))


# ---------------------------------------------------------------------------------------------- times

_EXCEL_DAY_0 = datetime(1899, 12, 30)  # noqa: DTZ001 - a wall-clock base, the zone comes after
_DATE = (
    r"(?:(?P<y>(?:19|20)[0-9]{2})(?P<sep>[-/.年])(?P<m>[0-9]{1,2})(?:(?P=sep)|月)(?P<d>[0-9]{1,2})日?"
    r"|(?P<y8>20[0-9]{2})(?P<m8>[0-9]{2})(?P<d8>[0-9]{2})"
    r"|(?P<ms>[0-9]{1,2})(?:-|月)(?P<ds>[0-9]{1,2})日?)"
)
_TIME = (
    r"(?P<half>上午|下午|晚上|中午|凌晨)?\s*(?P<H>[0-9]{1,2})\s*[:时点]\s*(?P<M>[0-9]{1,2})?(?:\s*[:分]\s*(?:(?P<S>[0-9]{1,2})(?:\.(?P<f>[0-9]{1,9}))?\s*秒?)?)?"
    r"\s*(?P<ampm>[AaPp]\.?[Mm]\.?)?|(?P<H6>[0-9]{2})(?P<M6>[0-9]{2})(?P<S6>[0-9]{2})"
)
_ZONE = r"(?P<zone>Z|UTC|[+-][0-9]{2}:?[0-9]{2})"
_WHEN = re.compile(rf"{_DATE}(?:[T\s]*(?:{_TIME})\s*{_ZONE}?)?")
_AMBIGUOUS = re.compile(r"[0-9]{1,2}[/.-][0-9]{1,2}[/.-][0-9]{2}(?:[0-9]{2})?\b.*")
_SERIAL = re.compile(r"[0-9]{5}(?:\.[0-9]+)?")


def time_of(cell: Cell, zone: ZoneInfo, today: date) -> datetime | None:
    """A moment in UTC, whole milliseconds. Texts without a zone are wall-clock time of ``zone``.

    ``today`` gives the year to a date written without one: the latest that is not more than a week ahead.
    """
    if isinstance(cell, Number):
        return _from_serial(float(cell.text), cell.text, zone)
    text = unicodedata.normalize("NFKC", _id_text(_as_text(cell), keep_blanks=True))
    if not text or text.casefold() in _NOTHING:
        return None
    if _SERIAL.fullmatch(text):
        return _from_serial(float(text), text, zone)
    match = _WHEN.fullmatch(text)
    if match is None:
        raise BadCell("time_ambiguous" if _AMBIGUOUS.fullmatch(text) else "time_unreadable", value=text)
    try:
        return _in_utc(_wall_clock(match, today), match["zone"], zone)
    except ValueError as error:
        raise BadCell("time_unreadable", value=text) from error


def _from_serial(days: float, text: str, zone: ZoneInfo) -> datetime:
    if not 36_526 <= days < 73_051:  # 2000 to 2099
        raise BadCell("time_unreadable", value=text)
    # A day count of 15 digits is good to a tenth of a millisecond: whole milliseconds are what was meant.
    return _in_utc(_EXCEL_DAY_0 + timedelta(milliseconds=round(days * 86_400_000)), None, zone)


def _wall_clock(match: re.Match[str], today: date) -> datetime:
    part = match.groupdict()
    hour, minute, second = (int(part[k] or part[k + "6"] or 0) for k in "HMS")
    half = (part["half"] or part["ampm"] or "").casefold().replace(".", "")
    if half in ("下午", "晚上", "pm") and hour < 12:
        hour += 12
    elif half in ("上午", "凌晨", "am") and hour == 12:
        hour = 0
    micro = int((part["f"] or "0").ljust(6, "0")[:6])
    month, day = int(part["m"] or part["m8"] or part["ms"]), int(part["d"] or part["d8"] or part["ds"])
    year = int(part["y"] or part["y8"] or 0) or _year_of(month, day, today)
    if not 2000 <= year < 2100:
        raise ValueError(year)
    return datetime(year, month, day, hour, minute, second, micro)  # noqa: DTZ001 - the zone comes after


def _year_of(month: int, day: int, today: date) -> int:
    for year in (today.year + 1, today.year):
        try:
            if date(year, month, day) <= today + timedelta(days=7):
                return year
        except ValueError:
            continue  # 29 February of a year that has none
    return today.year - 1


def _in_utc(wall: datetime, said: str | None, zone: ZoneInfo) -> datetime:
    wall = wall.replace(microsecond=wall.microsecond // 1000 * 1000)
    if said is None:
        return wall.replace(tzinfo=zone).astimezone(UTC)
    if said in ("Z", "UTC"):
        return wall.replace(tzinfo=UTC)
    sign = -1 if said[0] == "-" else 1
    digits = said[1:].replace(":", "")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    if offset >= timedelta(hours=15):
        raise ValueError(said)
    return wall.replace(tzinfo=UTC) - sign * offset


# ---------------------------------------------------------------------------------------------- rounding


def looks_rounded(text: str) -> bool:
    """A long number that ends in three zeros or more: what Excel, true to 15 digits, leaves of an id."""
    return len(text) >= 16 and text.isascii() and text.isdigit() and text.endswith("000")


def rounded_ids(ids: list[str]) -> frozenset[str]:
    """Which ids of one CSV column Excel has rounded to 15 digits.

    One long id in a thousand ends in three zeros by chance, so among a hundred or more of them a lone one is
    believed. Ids of 16 or 17 digits lose only one or two digits: they are refused when the column has three
    or more long ids and every one of them looks that way, which chance cannot explain.
    """
    long_ids = {text for text in ids if len(text) >= 16 and text.isascii() and text.isdigit()}
    cut = {text for text in long_ids if not text[15:].strip("0")}
    if len(long_ids) >= 3 and cut == long_ids:
        return frozenset(cut)
    zeros = {text for text in long_ids if looks_rounded(text)}
    if len(long_ids) >= 100 and len(zeros) * 100 <= len(long_ids):
        return frozenset()
    return frozenset(zeros)


# ---------------------------------------------------------------------------------------------- small parts


def _as_text(cell: Cell) -> str:
    if isinstance(cell, Fault):
        raise BadCell("cell_formula" if cell.kind == "formula" else "cell_error", value=cell.text)
    if isinstance(cell, Number):
        if cell.is_date:
            moment = _EXCEL_DAY_0 + timedelta(milliseconds=round(float(cell.text) * 86_400_000))
            return moment.isoformat(" ", "seconds")
        return _whole(cell.text)
    return _QUOTED.sub("", cell, count=1) if cell.startswith("'") else cell


def _whole(text: str) -> str:
    """A number cell as people see it: 15 digits, no ``.0``, no exponent."""
    value = Decimal(format(float(text), ".15g")) if not re.fullmatch(r"-?[0-9]+", text) else Decimal(text)
    return format(value.normalize() if value % 1 else value.quantize(Decimal(1)), "f")


_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def _clean(text: str) -> str:
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = text.strip("\ufeff\u200b \t\n\u3000\xa0")
    if found := _CONTROL.search(text):
        raise BadCell("control_character", code=f"U+{ord(found.group()):04X}")
    return text


def _id_text(text: str, *, keep_blanks: bool = False) -> str:
    """Without what copying leaves behind: marks nobody sees, full-width digits, blanks at the ends."""
    text = _clean(text)
    if not text.isascii():
        text = (
            "".join(char for char in text if unicodedata.category(char) != "Cf").replace("\xa0", " ").strip()
        )
        folded = unicodedata.normalize("NFKC", text)
        text = folded if folded.isascii() else text
    if not keep_blanks and re.search(r"\s", text):
        raise BadCell("id_with_blank", value=text)
    return text


def _number_text(cell: Cell) -> str | None:
    """A number as text, half-width, None when empty."""
    if isinstance(cell, Number) and cell.is_date:
        raise BadCell("number_became_date")
    text = unicodedata.normalize("NFKC", _clean(_as_text(cell))).strip()
    return None if not text or text.casefold() in _NOTHING else text


class Reader(Protocol):
    def __call__(self, cell: Cell, column: Column) -> Any: ...


READERS: dict[str, Reader] = {
    "id": id_of,
    "text": text_of,
    "note": note_of,
    "phone": phone_of,
    "money": money_of,
    "count": count_of,
    "grams": grams_of,
    "words": words_of,
}
