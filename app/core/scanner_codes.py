"""The codes of the scanner's test sheet, and what a scanner that is set up wrong makes of them. Pure.

Each text holds capital and small letters that move on foreign keyboards (A Q Z W Y M), figures, and two signs that
move as well; so one read is enough to tell a keyboard from an input method.
"""

from __future__ import annotations

from collections.abc import Iterator

from app.core.values import dataclass

GS = "\x1d"
"""What parts the fields of a GS1 code (FNC1 inside it)."""


@dataclass(frozen=True, slots=True)
class SheetCode:
    """One code of the sheet. ``kind`` is qrcode, code128, ean13, itf, code39 or gs1; ``text`` what a scanner that is
    set up right sends for it."""

    no: int
    kind: str
    text: str


SHEET_CODES = (
    SheetCode(1, "qrcode", "OD1-QaZwYm/2580"),
    SheetCode(2, "code128", "OD2-WmAqYz/1379"),
    SheetCode(3, "ean13", "2901357924682"),
    SheetCode(4, "itf", "13579086421350"),
    SheetCode(5, "code39", "OD5-QAZWYM/4680"),
    SheetCode(6, "gs1", f"010468013579246710OD6QaZ-24{GS}21WyM71357"),
)

GS1_SHOWN = "(01)04680135792467(10)OD6QaZ-24(21)WyM71357"
"""The last code as people write it, and as scanners send it that are set to show the fields."""


@dataclass(frozen=True, slots=True)
class Variant:
    """What comes for ``code`` where the letters suffer from ``fault`` ("" for none) and the separators from
    ``separator`` ("" where they came as they should). ``keyboard`` names the layout."""

    code: SheetCode
    text: str
    fault: str = ""
    keyboard: str = ""
    separator: str = ""


#: Keys from the left to the right, row by row: first alone, then with Shift.
_KEYBOARDS = {
    "us": (
        "`1234567890-=qwertyuiop[]\\asdfghjkl;'zxcvbnm,./",
        '~!@#$%^&*()_+QWERTYUIOP{}|ASDFGHJKL:"ZXCVBNM<>?',
    ),
    "fr": (
        "²&é\"'(-è_çà)=azertyuiop^$*qsdfghjklmùwxcvbn,;:!",
        "~1234567890°+AZERTYUIOP¨£µQSDFGHJKLM%WXCVBN?./§",
    ),
    "de": (
        "^1234567890ß´qwertzuiopü+#asdfghjklöäyxcvbnm,.-",
        "°!\"§$%&/()=?`QWERTZUIOPÜ*'ASDFGHJKLÖÄYXCVBNM;:_",
    ),
    "es": (
        "º1234567890'¡qwertyuiop`+çasdfghjklñ´zxcvbnm,.-",
        'ª!"·$%&/()=?¿QWERTYUIOP^*ÇASDFGHJKLÑ¨ZXCVBNM;:_',
    ),
    "ru": (
        "ё1234567890-=йцукенгшщзхъ\\фывапролджэячсмитьбю.",
        'Ё!"№;%:?*()_+ЙЦУКЕНГШЩЗХЪ/ФЫВАПРОЛДЖЭЯЧСМИТЬБЮ,',
    ),
    "dvorak": (
        "`1234567890[]',.pyfgcrl/=\\aoeuidhtns-;qjkxbmwvz",
        '~!@#$%^&*(){}"<>PYFGCRL?+|AOEUIDHTNS_:QJKXBMWVZ',
    ),
}
#: What separators become where a scanner or a program in between replaces them; "" where they are lost.
_SEPARATORS = ("", "|", "~", "^", "#", " ", "<GS>", "{GS}", "[GS]", "^]", "]", "\\x1D")
_WIDE_FROM, _WIDE_TO = 0x21, 0x7E
_WIDE_SHIFT = 0xFEE0


def wide(text: str) -> str:
    """As an input method in its full-width mode writes it."""
    return "".join(chr(ord(c) + _WIDE_SHIFT) if _WIDE_FROM <= ord(c) <= _WIDE_TO else c for c in text)


def is_wide(char: str) -> bool:
    return _WIDE_FROM + _WIDE_SHIFT <= ord(char) <= _WIDE_TO + _WIDE_SHIFT


def is_chinese(char: str) -> bool:
    """A Chinese character or a sign of Chinese writing: no scanner types one, an input method does."""
    return "\u3000" <= char <= "\u9fff" or char in "…—‘’“”"


def retyped(text: str, scanner: str, computer: str) -> str:
    """``text`` from a scanner set to one keyboard, at a computer set to another."""
    came: dict[str, str] = {}
    for theirs, ours in zip(_KEYBOARDS[scanner], _KEYBOARDS[computer], strict=True):
        came |= {key: ours[at] for at, key in enumerate(theirs) if key not in came}
    return "".join(came.get(char, char) for char in text)


def is_other_keyboard(text: str, code: SheetCode) -> bool:
    """Whether ``text`` may be this code from a keyboard we do not know: figures in their places, letters all others."""
    if len(text) != len(code.text):
        return False
    pairs = list(zip(code.text, text, strict=True))
    letters = [(wanted, came) for wanted, came in pairs if wanted.isalpha()]
    rest = [(wanted, came) for wanted, came in pairs if wanted.isdigit()]
    is_steady = len({came for _, came in letters}) == len({wanted for wanted, _ in letters})
    return (
        bool(letters) and is_steady and all(w == c for w, c in rest) and all(c.isalpha() for _, c in letters)
    )


def variants() -> Iterator[Variant]:
    """Everything a scanner may send for the codes of the sheet, the likeliest first."""
    for code in SHEET_CODES:
        for separator, parted in _parted(code.text):
            for fault, keyboard, text in _spoilt(parted):
                yield Variant(code, text, fault, keyboard, separator)


def _parted(text: str) -> Iterator[tuple[str, str]]:
    yield "", text
    if GS in text:
        for sign in _SEPARATORS:
            yield sign or "lost", text.replace(GS, sign)
        yield "()", GS1_SHOWN


def _spoilt(text: str) -> Iterator[tuple[str, str, str]]:
    """(fault, keyboard, what comes)."""
    yield "", "", text
    if any(char.isalpha() for char in text):
        yield "caps", "", text.swapcase()
        yield "caps", "", text.upper()
        yield "caps", "", text.lower()
        yield "ime", "", "".join(char for char in text if not char.isalpha())
    yield "ime", "", wide(text)
    for other in _KEYBOARDS:
        if other == "us":
            continue
        for came in dict.fromkeys((retyped(text, "us", other), retyped(text, other, "us"))):
            yield "layout", other, came
            yield "layout", other, came.swapcase()
