"""JSON from outside, tamed: asked piece by piece, wrong pieces named by their path, no float ever.

``Payload.read(raw).text("order_info.order_sn")``. Paths are keys joined by dots; ``items`` walks a list.
A piece that is asked for, is missing or of another type, and has no default, raises :class:`BadPayload` with its path.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import msgspec

from app.core.values import quickly_made
from hub.connectors.shapes import BadPayload

_SURE: Final = object()
#: Larger than any true moment, amount or id; longer texts of digits are no numbers of ours (design 3.3).
_MOST = 2**63 - 1
#: Unix seconds beyond this are milliseconds.
_LAST_SECOND = 100_000_000_000
_ZERO = datetime(1970, 1, 1, tzinfo=UTC)


@quickly_made
@dataclass(frozen=True, slots=True)
class Payload:
    """One JSON value and where it stands in the whole."""

    value: Any
    at: str = ""

    @classmethod
    def read(cls, raw: bytes | str, at: str = "") -> Payload:
        """Decimal fractions stay exact; integers keep every digit. Raises :class:`BadPayload`."""
        try:
            return cls(QUICK_READER.decode(raw), at)
        except (ValueError, RecursionError, ArithmeticError):
            return cls(_read_slowly(raw, at), at)

    def get(self, path: str) -> Payload | None:
        """The piece at ``path``; None where there is none or it is null."""
        value = self._value(path)
        return None if value is None else Payload(value, self._path(path))

    def has(self, path: str) -> bool:
        """Whether anything stands at ``path``; null is nothing."""
        return self._value(path) is not None

    def need(self, path: str) -> Payload:
        found = self.get(path)
        if found is None:
            raise BadPayload(self._path(path))
        return found

    def text(self, path: str, default: Any = _SURE) -> str:
        """A text, or a number written as one: ids are texts here and numbers there."""
        found = self._value(path)
        if type(found) is str and found.isascii() and "\x00" not in found:
            return found.strip()
        found = self._found(path, default)
        if found is None:
            return str(default)
        if isinstance(found, bool) or not isinstance(found, str | int | Decimal):
            raise BadPayload(self._path(path))
        said = str(found)
        if not is_text(said):
            raise BadPayload(self._path(path))
        return said.strip()

    def whole(self, path: str, default: Any = _SURE) -> int:
        """An integer, as a number or as text; "" counts as missing."""
        found = self._value(path)
        if type(found) is int and -_MOST <= found <= _MOST:
            return found
        found = self._found(path, default, blank=True)
        if found is None:
            return int(default)
        number = _decimal(found)
        if number is None or number != number.to_integral_value() or abs(number) > _MOST:
            raise BadPayload(self._path(path))
        return int(number)

    def flag(self, path: str, default: Any = _SURE) -> bool:
        """true/false, 1/0, "1"/"0"."""
        found = self._found(path, default, blank=True)
        if found is None:
            return bool(default)
        if isinstance(found, bool):
            return found
        if str(found) in ("0", "1"):
            return str(found) == "1"
        raise BadPayload(self._path(path))

    def fen_of_yuan(self, path: str, default: Any = _SURE) -> int:
        """An amount told in yuan, as number or text, in fen. More than two decimals are no amount."""
        found = self._found(path, default, blank=True)
        if found is None:
            return int(default)
        number = _decimal(found)
        if number is None or abs(number) > _MOST // 100 or number * 100 != (number * 100).to_integral_value():
            raise BadPayload(self._path(path))
        return int(number * 100)

    def unix(self, path: str) -> datetime | None:
        """A moment told in Unix seconds or milliseconds; None where it is missing, "" or 0."""
        number = self.whole(path, 0)
        if number == 0:
            return None
        try:
            return _ZERO + timedelta(milliseconds=number if number > _LAST_SECOND else number * 1000)
        except OverflowError as error:
            raise BadPayload(self._path(path)) from error

    def local(self, path: str, zone: tzinfo) -> datetime | None:
        """A moment told as "2026-11-21 10:00:00" (or with T) on the clock of ``zone``; None where missing or ""."""
        said = self.text(path, "")
        if not said or said.startswith("0000"):
            return None
        try:
            moment = datetime.fromisoformat(said)
            return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
        except (ValueError, OverflowError) as error:
            raise BadPayload(self._path(path)) from error

    def items(self, path: str = "") -> Iterator[Payload]:
        """The elements of a list; none where it is missing."""
        found = self.get(path) if path else self
        if found is None:
            return
        if not isinstance(found.value, list):
            raise BadPayload(found.at)
        for n, value in enumerate(found.value):
            yield Payload(value, f"{found.at}[{n}]")

    def _found(self, path: str, default: Any, *, blank: bool = False) -> Any:
        value = self._value(path)
        if value is None or (blank and value == ""):
            if default is _SURE:
                raise BadPayload(self._path(path))
            return None
        return value

    def _value(self, path: str) -> Any:
        """What stands at ``path``; None where there is nothing."""
        value: Any = self.value
        if "." not in path:
            return value.get(path) if isinstance(value, dict) else None
        for key in path.split("."):
            value = value.get(key) if isinstance(value, dict) else None
            if value is None:
                return None
        return value

    def _path(self, path: str) -> str:
        return f"{self.at}.{path}" if self.at else path


def _read_slowly(raw: bytes | str, at: str) -> Any:
    """What the quick reader would not have: marks of byte order, halves of letters, and all that is no JSON."""
    try:
        text = raw if isinstance(raw, str) else raw.decode(json.detect_encoding(raw))
        return _READER.decode(text)
    except (ValueError, RecursionError, ArithmeticError) as error:
        # the last one: 0E99999999999999999999 is JSON, and no Decimal
        raise BadPayload(at or "json") from error


def as_json(value: Any) -> str:
    """A value from outside as JSON again, in ASCII: whatever stood in it can be written and read."""
    try:
        return json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    except RecursionError:
        return '"deep"'


def _decimal(value: Any) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        return None
    try:
        number = Decimal(value.strip()) if isinstance(value, str) else Decimal(value)
    except InvalidOperation:
        return None
    # a huge exponent would make a number of a million digits out of ten characters
    return number if number.is_finite() and -30 <= number.adjusted() <= 30 else None


def is_text(found: object) -> bool:
    """Whether it is a text that any database takes: no NUL, no half of a surrogate pair."""
    if type(found) is not str or "\x00" in found:
        return False
    return found.isascii() or not any("\ud800" <= char <= "\udfff" for char in found)


def _no_number(word: str) -> Any:
    raise ValueError(word)


#: Reads nearly all, in a quarter of the time; where it refuses, the other is asked.
QUICK_READER = msgspec.json.Decoder(float_hook=Decimal)
_READER = json.JSONDecoder(parse_float=Decimal, parse_constant=_no_number)
