"""Design tokens as values: colours per scheme, lengths, times. No Qt here.

`resources/tokens.toml` is the only file that knows a colour or a size; `ui/theme.py` turns the values into
what Qt draws.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from app.core import plaintoml
from app.core.values import dataclass

Mode = Literal["light", "dark"]
State = Literal["ok", "wait", "stop", "info", "idle"]
"""What a colour may mean: done, waiting, stop, information, nothing in particular."""

STATES: tuple[State, ...] = ("ok", "wait", "stop", "info", "idle")

# The window the lengths of tokens.toml were drawn for, and how far scaling goes either way.
BASE_WIDTH, BASE_HEIGHT = 1366, 768
SCALE_LEAST, SCALE_MOST = 0.84, 1.5

_COLOUR = re.compile(r"#[0-9A-Fa-f]{6}")
_LENGTHS = ("type", "space", "radius", "size")


class BadTokens(ValueError):
    """tokens.toml or style.qss says something we cannot draw; the text names the line's key."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """All design tokens. `colours[mode][name]` is `#RRGGBB`; `lengths["type.body"]` pixels at scale 1;
    `floors` the least pixels after scaling; `times["fade"]` milliseconds."""

    colours: Mapping[Mode, Mapping[str, str]]
    lengths: Mapping[str, int]
    floors: Mapping[str, int]
    times: Mapping[str, int]

    def px(self, name: str, scale: float) -> int:
        """The length `name` ("type.body", "space.m", ...) in whole pixels at `scale`; KeyError for unknown
        names."""
        return max(round(self.lengths[name] * scale), self.floors.get(name, 0))


def load_tokens(path: Path) -> Tokens:
    """Reads tokens.toml; BadTokens when the schemes do not name the same colours or a value is no colour."""
    raw = plaintoml.loads(path.read_text(encoding="utf-8"))
    colours: dict[Mode, Mapping[str, str]] = {"light": raw["light"], "dark": raw["dark"]}
    if odd := set(raw["light"]) ^ set(raw["dark"]):
        raise BadTokens(f"in one scheme only: {', '.join(sorted(odd))}")
    for mode, scheme in colours.items():
        for name, value in scheme.items():
            if not _COLOUR.fullmatch(value):
                raise BadTokens(f"{mode}.{name} = {value!r} is no #RRGGBB")
    lengths = {f"{area}.{name}": int(px) for area in _LENGTHS for name, px in raw[area].items()}
    floors = {str(name): int(px) for name, px in raw["floor"].items()}
    if odd := set(floors) - set(lengths):
        raise BadTokens(f"[floor] names no length: {', '.join(sorted(odd))}")
    return Tokens(colours, lengths, floors, raw["time"])


def luminance(colour: str) -> float:
    """Relative luminance of `#RRGGBB` after WCAG 2.1, 0 black ... 1 white."""
    parts = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    red, green, blue = (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours after WCAG 2.1, 1 ... 21."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def scale_for(width: int, height: int) -> float:
    """How much larger than drawn everything is to be in a window of this size (logical pixels).

    1093x614 (a small screen at 125 %) gives 0.84, 1366x768 gives 1, 1920x1080 gives 1.41: numerals that
    can be read at arm's length on the small screen can be read from two steps back on the large one.
    """
    fit = min(width / BASE_WIDTH, height / BASE_HEIGHT)
    return round(min(max(fit, SCALE_LEAST), SCALE_MOST), 2)


_PLACE = re.compile(r"(@)([a-z_]+)|(\$)([a-z]+\.[a-z_]+)")

_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)


def fill_style(sheet: str, tokens: Tokens, mode: Mode, scale: float, words: Mapping[str, str]) -> str:
    """`sheet` with `@name` made a colour of the scheme, `$area.name` a scaled length ("17px") and `@word`
    one of `words`.

    BadTokens for a name nobody knows: a silent hole in a style sheet would drop the whole rule.
    """

    def value(match: re.Match[str]) -> str:
        name = match[2] or match[4]
        if match[3] and name in tokens.lengths:
            return f"{tokens.px(name, scale)}px"
        if match[1] and name in words:
            return words[name]
        if match[1] and name in tokens.colours[mode]:
            return tokens.colours[mode][name]
        raise BadTokens(f"style.qss names {match.group()}")

    return _PLACE.sub(value, _COMMENT.sub("", sheet))
