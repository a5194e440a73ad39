"""What a scanner meant, whatever layout the computer has. No Qt here.

A keyboard-type scanner presses keys: those that would give its code on a US keyboard. With another layout chosen
(French, German, Russian, ...) or CapsLock on, other characters come out; which keys were pressed still says what
was meant. A scanner that is set up for the computer's own layout is right as it is. Which of the two it is shows
in codes that prove themselves: ours carry check characters, articles a check digit. What was proved last holds
for codes that prove nothing.
"""

from __future__ import annotations

from typing import Literal

from app.core.qr import has_valid_check
from app.core.values import dataclass

Layout = Literal["auto", "us", "typed"]
LAYOUTS: tuple[Layout, ...] = ("auto", "us", "typed")
"""How this shop's scanners type: found out, as on a US keyboard, or as the computer's layout has it."""

_ROWS = {
    # the scan code of the first key of a row, as keyboards send it since 1984; plain, with Shift
    0x02: ("1234567890-=", "!@#$%^&*()_+"),
    0x10: ("qwertyuiop[]", "QWERTYUIOP{}"),
    0x1E: ("asdfghjkl;'`", 'ASDFGHJKL:"~'),
    0x2B: ("\\zxcvbnm,./", "|ZXCVBNM<>?"),
    0x39: (" ", " "),
}
_KEYPAD = {0x37: "*", 0x4A: "-", 0x4E: "+"} | dict(zip(range(0x47, 0x4A), "789", strict=True))
_KEYPAD |= dict(zip(range(0x4B, 0x4E), "456", strict=True)) | dict(
    zip(range(0x4F, 0x54), "1230.", strict=True)
)
#: The keypad's slash, as Windows and as X11 count it.
_KEYPAD |= {0x135: "/", 0x62: "/"}
_GTIN = {8, 12, 13, 14}


def us_char(scan_code: int, *, shift: bool) -> str | None:
    """The character of a key on a US keyboard; None for keys without one. ``scan_code``: of set 1 (0x1E is A)."""
    for first, (plain, shifted) in _ROWS.items():
        if first <= scan_code < first + len(plain):
            return (shifted if shift else plain)[scan_code - first]
    return _KEYPAD.get(scan_code)


def proves_itself(text: str) -> bool:
    """Whether check characters or a check digit say that these characters were meant."""
    if len(text) >= 6 and text[:2].upper() in {"S1", "C1", "B1"} and has_valid_check(text.upper()):
        return True
    if len(text) not in _GTIN or not (text.isascii() and text.isdigit()):
        return False
    return sum(int(c) * (3 if n % 2 else 1) for n, c in enumerate(reversed(text))) % 10 == 0


@dataclass(slots=True)
class Meant:
    """Decides between what came out and what the keys say. One for each keyboard that is listened to."""

    layout: Layout = "auto"
    is_us: bool | None = None
    """What codes have proved so far; None before any did."""

    @property
    def is_own_layout(self) -> bool:
        """Whether scanners are known to type as the computer's own layout has it."""
        return self.layout == "typed" or (self.layout == "auto" and self.is_us is False)

    def text(self, typed: str, keys: str | None) -> str:
        """``typed`` as it came out, ``keys`` as on a US keyboard (None where a key has no place on it)."""
        if keys is None or keys == typed or self.layout == "typed":
            return typed
        if self.layout == "us":
            return keys
        if typed.upper() == keys.upper():
            return keys  # CapsLock turns cases round: Shift still says which was meant
        if (proof := proves_itself(keys)) != proves_itself(typed):
            self.is_us = proof
        # until anything is proved: no code is written in Cyrillic or with accents where the keys say plain letters
        is_us = not typed.isascii() if self.is_us is None else self.is_us
        return keys if is_us else typed
