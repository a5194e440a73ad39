"""What a bench scale sends, as readings: the forms of common indicators, in pieces as a cable brings them.

    frames = ScaleFrames()
    for reading in frames.take(chunk): ...     # bytes as they come

Understood: ``ST,GS,+  1.234kg`` and ``US,NT,...``, ``OL`` (A&D and most others); ``+001.234 kg``, ``wn0001.23kg``
(plain, continuous); ``S S   100.00 g``, ``S D ...`` (SICS); ``12.3 g ?`` (OHAUS); the twelve-byte frame of STX, sign,
six digits, place of the point, checksum, ETX. Units: g, kg, jin or 斤 (500 g), lb, oz. Anything else is nothing.
"""

from __future__ import annotations

import re
from typing import Literal

from app.core.values import dataclass

#: A frame is never longer; what is was not sent by a scale.
MOST_BYTES = 256
Steadiness = Literal["stable", "moving", "unsaid"]

_GRAMS = {
    "g": 1.0,
    "kg": 1000.0,
    "jin": 500.0,
    "斤": 500.0,
    "市斤": 500.0,
    "lb": 453.59237,
    "oz": 28.349523125,
}
_FRAME = re.compile(rb"\x02([+-])([0-9]{6})([0-4])([0-9A-Fa-f]{2})\x03")
_END = re.compile(rb"[\r\n\x03]+")
_BEYOND = re.compile(r"^(OL|UL|EL)\b|^S [+\-I]$|ERR|-{4,}", re.IGNORECASE)
_STATE = re.compile(r"^(ST|US|S S|S D|SD|QT)\b", re.IGNORECASE)
_WEIGHT = re.compile(
    r"(?P<sign>[+\-])?\s*(?P<number>\d{1,7}(?:\.\d{1,4})?)\s*(?P<unit>kg|g|jin|市斤|斤|lb|oz)?(?![\w.])",
    re.IGNORECASE,
)
_HEAD = re.compile(r"^[A-Za-z ,:=]*")


@dataclass(frozen=True, slots=True)
class Reading:
    """Grams (below zero where the scale says so), and what was said of its rest. None: over or under its range."""

    weight_g: int | None
    steadiness: Steadiness


class ScaleFrames:
    """Puts pieces together. One for each cable."""

    def __init__(self) -> None:
        self._held = b""

    def clear(self) -> None:
        """The cable was pulled: half a frame is none."""
        self._held = b""

    def take(self, chunk: bytes) -> list[Reading]:
        """The readings that are whole now, oldest first."""
        *whole, self._held = _split(self._held + chunk)
        self._held = self._held[-MOST_BYTES:]
        return [reading for frame in whole if (reading := read_frame(frame)) is not None]


def _split(held: bytes) -> list[bytes]:
    """Frames by their ends, the last one not ended yet."""
    pieces, start = [], 0
    for end in _END.finditer(held):
        pieces.append(held[start : end.end()])
        start = end.end()
    return [*pieces, held[start:]]


def read_frame(frame: bytes) -> Reading | None:
    """What one frame says; None where it is no weight."""
    if len(frame) > MOST_BYTES:
        return None
    if (binary := _FRAME.search(frame)) is not None:
        return _of_digits(binary)
    text = _text(frame)
    if not text:
        return None
    if _BEYOND.search(text):
        return Reading(None, "moving")
    state = _STATE.match(text)
    steadiness: Steadiness = "unsaid"
    if state is not None:
        steadiness = "stable" if state[1].upper() in ("ST", "S S", "QT") else "moving"
        text = text[state.end() :]
    if text.endswith("?"):  # OHAUS: not at rest
        steadiness, text = "moving", text[:-1]
    return _of_text(text, steadiness)


def _of_text(text: str, steadiness: Steadiness) -> Reading | None:
    head = _HEAD.match(text)
    found = _WEIGHT.match(text, head.end() if head else 0)
    if found is None:
        return None
    number, unit = float(found["number"]), (found["unit"] or "").lower()
    # without a unit: whole numbers are grams, a point is one of kilograms
    grams = number * _GRAMS[unit] if unit else number * (1000.0 if "." in found["number"] else 1.0)
    return Reading(round(-grams if found["sign"] == "-" else grams), steadiness)


def _of_digits(frame: re.Match[bytes]) -> Reading | None:
    """Kilograms in six digits; its checksum is all bytes before it, one over the other."""
    said, check = frame[1] + frame[2] + frame[3], 0
    for byte in said:
        check ^= byte
    if check != int(frame[4], 16):
        return None
    grams = int(frame[2]) * 1000 / 10 ** int(frame[3])
    return Reading(round(-grams if frame[1] == b"-" else grams), "unsaid")


def _text(frame: bytes) -> str:
    bare = frame.strip(b"\x02\x03\r\n\x00 \t")
    try:
        return bare.decode("utf-8").strip()
    except UnicodeDecodeError:
        return bare.decode("gb18030", "replace").strip()
