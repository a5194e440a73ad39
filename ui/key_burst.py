"""Which keys came from a scanner and which from a hand. No Qt here.

A keyboard-type scanner types faster than any hand. Keys are therefore held back for the blink of an eye:
if the next ones follow at a scanner's speed they are a scan, else they are given back as typed, in order
and none lost. Times are those the system stamped on the keys, never those of our own clock: a busy window
sees keys late, but stamped right.
"""

from __future__ import annotations

from dataclasses import field
from itertools import pairwise
from typing import Any, Literal

from app.core.values import dataclass
from ui.us_keys import Layout

LATE_SUFFIX_MS = 250
"""An Enter or Tab that follows a scan within this time still belongs to it."""
MOST_CHARS = 4000
_PAUSE_MS = 20
_FINGERS = 40
"""Among so many of the last keys one that is still down is looked for."""

_ENDS = {"\r": "enter", "\n": "enter", "\t": "tab"}


@dataclass(frozen=True, slots=True)
class WedgeSettings:
    """How this shop's scanners type."""

    gap_ms: int = 40
    """The longest time between two keys of one scan. Scanners need 1 to 30 ms, fast typists 60 and more."""
    least: int = 5
    """Shorter bursts are typing."""
    suffix: Literal["auto", "enter", "tab", "none"] = "auto"
    """What ends a scan: "auto" takes Enter, Tab or silence; "enter" and "tab" insist on it; "none" takes
    silence."""
    prefix: str = ""
    """What each scan begins with where the scanner is set up so; taken off."""
    layout: Layout = "auto"
    """Which keyboard the scanner believes to be: see `ui.us_keys`."""


@dataclass(slots=True)
class Key:
    """One key held back: `key_id` is the same for press and release, `events` is what the caller needs to
    give them
    back."""

    char: str
    at_ms: int
    key_id: object
    events: list[Any]
    down: bool = True
    plain: str | None = None
    """What the key is on a US keyboard, None where it has no place there."""
    hand: bool = False
    """Still down after two later keys had come up: scanners never do that, hands always."""


@dataclass(frozen=True, slots=True)
class Burst:
    """A scan: its text without prefix and suffix, and when it began and ended by the system's stamps. ``keys`` is
    the same as a US keyboard has it, None where that is not known."""

    text: str
    began_ms: int
    ended_ms: int
    keys: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do, in this order: give back `typed`, report `scan`, then keep the present key (`swallow`)
    or let it pass. `late_ms`: it is the Enter or Tab of the scan before, so long after its last key."""

    typed: tuple[Key, ...] = ()
    scan: Burst | None = None
    swallow: bool = False
    late_ms: int | None = None


@dataclass(slots=True)
class KeyBurst:
    """The judge. Feed it every key press and release of one keyboard stream, and `silence()` when none
    came for a while."""

    settings: WedgeSettings = field(default_factory=WedgeSettings)
    _held: list[Key] = field(default_factory=list)
    _idle_end_ms: int | None = None
    _has_end: bool = False

    @property
    def holding(self) -> bool:
        return bool(self._held)

    def continues(self, key_id: object) -> bool:
        """Whether the last key held is this one, for presses the system calls auto-repeats.

        X11 calls any press an auto-repeat that comes in the same millisecond as the release before it: so "11" of a
        fast scanner. A key truly held down has been given back long before its first repeat.
        """
        return bool(self._held) and self._held[-1].key_id == key_id

    def press(
        self, char: str, at_ms: int, key_id: object = None, event: Any = None, plain: str | None = None
    ) -> Verdict:
        """A key that types `char` (one character, or "\\r", "\\t") went down at `at_ms`; on a US keyboard it would
        type `plain`."""
        late = bool(self._held) and at_ms - self._held[-1].at_ms > self.settings.gap_ms
        before = self._close() if late else Verdict()
        if char in _ENDS:
            return self._end_key(char, at_ms, before)
        self._idle_end_ms = None
        self._held.append(Key(char, at_ms, key_id, [event], plain=plain))
        if len(self._held) > MOST_CHARS:
            last = self._close()
            return Verdict(before.typed + last.typed, last.scan or before.scan, True)
        return Verdict(before.typed, before.scan, True)

    def release(self, key_id: object, event: Any = None) -> bool:
        """A key came up. True when its press is being held back, so that its release must be too."""
        recent = self._held[-_FINGERS:]
        key = next((k for k in recent if k.down and k.key_id == key_id), None)
        if key is None:
            return False
        key.down = False
        key.events.append(event)
        later_up = 0
        for one in reversed(recent):
            if one.down and later_up >= 2:
                one.hand = True
            later_up += not one.down
        return True

    def silence(self) -> Verdict:
        """No key for longer than the gap: decides what is held."""
        return self._close()

    def interrupt(self) -> Verdict:
        """A key that belongs to no scan (an arrow, a shortcut) is coming: decides what is held before it."""
        return self._close()

    def _end_key(self, char: str, at_ms: int, before: Verdict) -> Verdict:
        wanted = self.settings.suffix in ("auto", _ENDS[char])
        if wanted and (scan := self._as_scan()) is not None:
            # some scanners send two; the second must press no button
            self._idle_end_ms, self._has_end = at_ms, True
            return Verdict(before.typed + self._hands(), scan, True)
        if self._idle_end_ms is not None and at_ms - self._idle_end_ms <= LATE_SUFFIX_MS:
            late_ms = None if self._has_end else at_ms - self._idle_end_ms
            self._idle_end_ms = None
            return Verdict(before.typed, before.scan, True, late_ms)
        self._idle_end_ms = None
        return Verdict(before.typed + self._take(), before.scan, False)

    def _close(self) -> Verdict:
        by_silence = self.settings.suffix in ("auto", "none") or self.settings.prefix
        if by_silence and (scan := self._as_scan()) is not None:
            self._idle_end_ms, self._has_end = scan.ended_ms, False
            return Verdict(self._hands(), scan)
        return Verdict(self._take())

    def _as_scan(self) -> Burst | None:
        self._mark_first()
        keys = [key for key in self._held if not key.hand]
        text = "".join(key.char for key in keys)
        plains = [key.plain for key in keys if key.plain]
        plain = "".join(plains) if len(plains) == len(keys) else None
        prefix = self.settings.prefix
        # another layout makes other characters of the prefix as well, but not more
        if not text.startswith(prefix) and not (plain or "").startswith(prefix):
            return None
        code = text[len(prefix) :]
        if len(code) < self.settings.least or _is_held_down(keys):
            return None
        return Burst(code, keys[0].at_ms, keys[-1].at_ms, plain[len(prefix) :] if plain else None)

    def _mark_first(self) -> None:
        """A key struck just before the scanner began: the one pause of the burst comes right after it."""
        gaps = [late.at_ms - soon.at_ms for soon, late in pairwise(self._held)]
        if len(gaps) > self.settings.least and gaps[0] >= _PAUSE_MS and gaps[0] >= 3 * max(gaps[1:]):
            self._held[0].hand = True

    def _hands(self) -> tuple[Key, ...]:
        return tuple(key for key in self._take() if key.hand)

    def _take(self) -> tuple[Key, ...]:
        keys, self._held = tuple(self._held), []
        return keys


def _is_held_down(keys: list[Key]) -> bool:
    """One key that repeats: not every system says so, and some repeat it 25 to 30 times a second."""
    is_one = all(key.key_id == keys[0].key_id and key.char == keys[0].char for key in keys)
    return is_one and keys[-1].at_ms - keys[0].at_ms >= _PAUSE_MS * (len(keys) - 1)


def undoubled(text: str, least_half: int = 8) -> str | None:
    """The half of a code that came twice in one piece ("ABC...ABC..."), None for anything else.

    Halves shorter than `least_half` are left alone: short codes may well repeat a pattern.
    """
    half, odd = divmod(len(text), 2)
    return text[:half] if not odd and half >= least_half and text[:half] == text[half:] else None
