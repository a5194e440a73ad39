"""The scanner's check: reads of the printed test sheet become the names of what is set up wrong. Pure.

    check = Check(gap_ms=40)
    check.key("O", 12_000); check.key("D", 12_003); ...    # every key as the system stamped it
    check.rest(12_900)                                      # no key for a while
    check.whole("2901357924682", "serial:COM3")            # a read of a device that sends codes whole
    check.report(is_over=False).faults                      # what is certain by now

Keys are looked at before anything else takes them apart, so also what would not be taken for a scan is seen: keys
that come too slowly, letters an input method has eaten, an Enter that comes late.
"""

from __future__ import annotations

from dataclasses import field, replace
from itertools import pairwise
from typing import Literal

from app.core.scanner_codes import (
    GS,
    SHEET_CODES,
    Variant,
    is_chinese,
    is_other_keyboard,
    is_wide,
    variants,
)
from app.core.values import dataclass

Suffix = Literal["auto", "enter", "tab", "none"]
Fault = Literal[
    "ime",
    "layout",
    "caps",
    "doubled",
    "slow",
    "no_prefix",
    "other_suffix",
    "no_suffix",
    "tab_suffix",
    "late_suffix",
    "double_suffix",
    "aim",
    "prefix",
    "extra",
    "cut",
    "gs1_lost",
    "gs1_changed",
    "off_qrcode",
    "off_code128",
    "off_ean13",
    "off_itf",
    "off_code39",
    "off_gs1",
]
"""Words: ``scanner.<fault>``, what to do ``scanner.<fault>_todo``, its name in short ``scanner.<fault>_name``."""

#: What has to be mended first stands first.
FAULTS: tuple[Fault, ...] = Fault.__args__  # type: ignore[attr-defined]
#: A rest after which the next key begins another read; the slowest scanners pause a quarter of a second.
PAUSE_MS = 400
#: The same code, or a second Enter, within this time came from the same pull of the trigger.
TWICE_MS = 300
#: An Enter by itself within this time is the one the read before it lacked.
LATE_MS = 1200
#: An Enter that comes later than this may press a button of the screen.
LATE_BORNE_MS = 250
#: The longest gap this computer may be set to: above it, fast typing would be taken for a scan.
MOST_GAP_MS = 80
#: A code of fewer signs is not looked for inside a longer text.
_LEAST_INSIDE = 6
_ENDS = {"\r": "enter", "\n": "enter", "\t": "tab"}


@dataclass(frozen=True, slots=True)
class SeenRead:
    """One read as it came.

    ``end``: "enter", "tab", "none", or "" where the device sends codes whole; ``end_ms``: how long after the last sign;
    ``ends``: how many; ``gap_ms``: the longest time between two signs, 0 where nothing is known.
    """

    text: str
    source: str = "keyboard"
    end: str = ""
    end_ms: int = 0
    ends: int = 0
    gap_ms: int = 0
    began_ms: int = 0
    ended_ms: int = 0
    plain: str = ""
    """The same by its keys, as a US keyboard has them; "" where that is not known."""


@dataclass(frozen=True, slots=True)
class Fix:
    """What this computer can be set to instead; None leaves it."""

    gap_ms: int | None = None
    suffix: Suffix | None = None
    prefix: str | None = None
    layout: Literal["us"] | None = None
    """Letters are read off the keys, whatever keyboard this computer has."""


@dataclass(frozen=True, slots=True)
class Named:
    """A fault by its name. ``params`` fill its words; ``fix`` is what this computer can do about it. ``is_borne``:
    scans arrive right all the same."""

    fault: Fault
    params: dict[str, str] = field(default_factory=dict)
    fix: Fix | None = None
    is_borne: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """``seen``: numbers of the codes that were read, right or wrong; ``right``: those that came without any fault of
    their signs; ``strange`` counts reads of anything else."""

    faults: tuple[Named, ...]
    seen: frozenset[int]
    right: frozenset[int]
    strange: int = 0

    @property
    def is_complete(self) -> bool:
        return len(self.seen) == len(SHEET_CODES)

    def fix(self) -> Fix | None:
        """Everything this computer can do, in one."""
        fixes = [named.fix for named in self.faults if named.fix is not None]
        if not fixes:
            return None
        return Fix(
            gap_ms=next((fix.gap_ms for fix in fixes if fix.gap_ms is not None), None),
            suffix=next((fix.suffix for fix in fixes if fix.suffix is not None), None),
            prefix=next((fix.prefix for fix in fixes if fix.prefix is not None), None),
            layout=next((fix.layout for fix in fixes if fix.layout is not None), None),
        )


class Check:
    """One check of one scanner. ``gap_ms``, ``prefix`` and ``suffix`` are what this computer is set to now;
    ``by_keys``: letters are read off the keys."""

    def __init__(
        self, *, gap_ms: int = 40, prefix: str = "", suffix: Suffix = "auto", by_keys: bool = False
    ) -> None:
        self._gap_ms, self._prefix, self._suffix, self._by_keys = gap_ms, prefix, suffix, by_keys
        self.reads: list[SeenRead] = []
        self._keys: list[tuple[str, int, str | None]] = []
        self._variants: tuple[Variant, ...] = ()
        self._matches: dict[str, _Match | None] = {}

    # -- what comes in

    def key(self, char: str, at_ms: int, plain: str | None = None) -> bool:
        """A key typed ``char`` (one sign, or "\\r", "\\t", "\\n"); ``plain`` is what it is on a US keyboard, where that
        is known. True when there is another read, or a read is told anew."""
        before = self._keys and at_ms - self._keys[-1][1] > PAUSE_MS and self._close("none", at_ms)
        if char not in _ENDS:
            self._keys.append((char, at_ms, plain))
            return bool(before)
        if self._keys:
            return self._close(_ENDS[char], at_ms)
        return self._late(_ENDS[char], at_ms) or bool(before)

    def rest(self, now_ms: int) -> bool:
        """No key came up to now. True when a read ended by that."""
        if not self._keys or now_ms - self._keys[-1][1] <= PAUSE_MS:
            return False
        return self._close("none", now_ms)

    def whole(self, text: str, source: str, *, began_ms: int = 0, ended_ms: int = 0) -> None:
        """A read of a device that sends codes whole (a serial port, a camera)."""
        self.reads.append(SeenRead(text, source, began_ms=began_ms, ended_ms=ended_ms))

    def _close(self, end: str, at_ms: int) -> bool:
        times = [at for _, at, _ in self._keys]
        typed = "".join(char for char, _, _ in self._keys)
        # a separator is typed with Ctrl: no sign of any keyboard
        on_keys = [GS if char == GS else plain for char, _, plain in self._keys]
        plain = "".join(sign or "" for sign in on_keys) if all(on_keys) else ""
        ended = times[-1] if end == "none" else at_ms
        read = SeenRead(
            (self._by_keys and plain) or typed,
            end=end,
            end_ms=ended - times[-1],
            ends=int(end != "none"),
            gap_ms=max((late - soon for soon, late in pairwise(times)), default=0),
            began_ms=times[0],
            ended_ms=ended,
            plain=plain,
        )
        self.reads.append(read)
        self._keys = []
        return True

    def _late(self, end: str, at_ms: int) -> bool:
        """An Enter by itself: the one the last read lacked, or one too many."""
        last = self.reads[-1] if self.reads else None
        if last is None or not last.end:
            return False
        after, is_first = at_ms - last.ended_ms, last.end == "none"
        if after > (LATE_MS if is_first else TWICE_MS):
            return False
        told = replace(last, end=end, end_ms=after) if is_first else last
        self.reads[-1] = replace(told, ends=last.ends + 1, ended_ms=at_ms)
        return True

    # -- what it means

    def report(self, *, is_over: bool) -> Report:
        """What is certain by now. ``is_over``: nothing more is going to be read, so what is missing cannot be read."""
        told: list[Named] = []
        seen: set[int] = set()
        right: set[int] = set()
        prefixes: set[str] = set()
        strange = unknown = 0
        for read, twice in self._pulls():
            # a prefix is agreed on for keys alone
            text = read.text.removeprefix(self._prefix) if read.end else read.text
            match = self._best(text)
            signs = self._mendable(read, _of_signs(match, text))
            if match is None and not signs:
                strange += 1
                continue
            told += [*signs, *self._of_keys(read)]
            if twice:
                told.append(Named("doubled", is_borne=True))
            if match is None:
                unknown += 1  # letters were eaten or changed past knowing which code it was
            else:
                prefixes.add(match.before)
                seen.add(match.variant.code.no)
                if not signs:
                    right.add(match.variant.code.no)
        if is_over and seen and not unknown:
            told += [Named(_off(c.kind), {"no": str(c.no)}) for c in SHEET_CODES if c.no not in seen]
        worst = _worst(told)
        if "prefix" in worst and (len(prefixes) > 1 or self._prefix):
            # only one prefix can be agreed on
            worst["prefix"] = replace(worst["prefix"], fix=None)
        faults = tuple(worst[name] for name in FAULTS if name in worst)
        return Report(faults, frozenset(seen), frozenset(right), strange)

    def _best(self, text: str) -> _Match | None:
        """The reading of a text that supposes least; worked out once."""
        if text not in self._matches:
            self._variants = self._variants or tuple(variants())
            self._matches[text] = _best(text, self._variants)
        return self._matches[text]

    def _mendable(self, read: SeenRead, signs: list[Named]) -> list[Named]:
        """The faults of a read; where its keys say what was meant, this computer can go by them. What a device sends
        whole cannot be mended here."""
        if not read.end:
            return [replace(named, fix=None) for named in signs]
        half = len(read.plain) // 2
        plain = (
            read.plain[:half] if half >= _LEAST_INSIDE and read.plain == read.plain[:half] * 2 else read.plain
        )
        meant = self._best(plain) if plain and not self._by_keys else None
        if meant is None or meant.variant.fault:
            return signs
        return [
            replace(named, fix=Fix(layout="us")) if named.fault in ("ime", "layout", "caps") else named
            for named in signs
        ]

    def _pulls(self) -> list[tuple[SeenRead, bool]]:
        """Each pull of the trigger once, and whether it sent its code twice: glued, or one right after the other."""
        pulls: list[tuple[SeenRead, bool]] = []
        for read in self.reads:
            half = len(read.text) // 2
            if half >= _LEAST_INSIDE and read.text == read.text[:half] * 2:
                pulls.append((replace(read, text=read.text[:half]), True))
                continue
            last = pulls[-1][0] if pulls else None
            is_again = last is not None and (last.text, last.source) == (read.text, read.source)
            if is_again and last is not None and 0 < read.began_ms - last.ended_ms < TWICE_MS:
                pulls[-1] = (read, True)
            else:
                pulls.append((read, False))
        return pulls

    def _of_keys(self, read: SeenRead) -> list[Named]:
        """What is wrong with how the keys of a read came."""
        if not read.end:
            return []
        named: list[Named] = []
        if self._prefix and not read.text.startswith(self._prefix):
            named.append(Named("no_prefix", {"signs": self._prefix}, Fix(prefix="")))
        if read.gap_ms > self._gap_ms:
            wanted = read.gap_ms + max(10, read.gap_ms // 4)  # some room above what was seen
            fix = Fix(gap_ms=wanted) if wanted <= MOST_GAP_MS else None
            named.append(Named("slow", {"ms": str(read.gap_ms), "most": str(self._gap_ms)}, fix))
        if self._suffix not in ("auto", read.end):
            named.append(Named("other_suffix", {}, Fix(suffix="auto")))
        if read.end == "none":
            named.append(Named("no_suffix", is_borne=self._suffix in ("auto", "none")))
        elif read.end == "tab":
            named.append(Named("tab_suffix", is_borne=self._suffix in ("auto", "tab")))
        if read.ends > 1:
            named.append(Named("double_suffix", is_borne=True))
        # of a slow scanner the Enter is no later than its other keys
        if read.end != "none" and read.end_ms > max(self._gap_ms, read.gap_ms * 2):
            named.append(
                Named("late_suffix", {"ms": str(read.end_ms)}, is_borne=read.end_ms <= LATE_BORNE_MS)
            )
        return named


def seen_at_work(text: str, *, doubled: bool) -> Fault | None:
    """What a scan made at work tells of the scanner, None for nothing. ``text`` as it came."""
    if any(is_wide(char) or is_chinese(char) for char in text):
        return "ime"
    return "doubled" if doubled else None


@dataclass(frozen=True, slots=True)
class _Match:
    """A variant inside a read, what stood before and behind it, and how many signs are missing at an end."""

    variant: Variant
    before: str = ""
    behind: str = ""
    cut: int = 0

    @property
    def cost(self) -> tuple[int, int, int]:
        """How much has to be wrong for this reading to be right."""
        variant = self.variant
        wrong = [variant.fault, variant.separator, self.before, self.behind, self.cut, self.cut]
        strayed = len(self.before) + len(self.behind) + self.cut
        return sum(map(bool, wrong)), strayed, -len(variant.text)


def _best(text: str, known: tuple[Variant, ...]) -> _Match | None:
    """The reading of a text that supposes least."""
    matches = [match for variant in known if (match := _match(text, variant)) is not None]
    if matches:
        return min(matches, key=lambda match: match.cost)
    other = next((code for code in SHEET_CODES if is_other_keyboard(text, code)), None)
    return None if other is None else _Match(Variant(other, text, "layout", "other"))


def _match(text: str, variant: Variant) -> _Match | None:
    wanted = variant.text
    if text == wanted:
        return _Match(variant)
    if len(wanted) >= _LEAST_INSIDE and wanted in text:
        before, _, behind = text.partition(wanted)
        return _Match(variant, before, behind)
    lacking = len(wanted) - len(text)
    is_part = wanted.startswith(text) or wanted.endswith(text)
    if is_part and 0 < lacking <= 2 and len(text) >= _LEAST_INSIDE and not variant.fault:
        return _Match(variant, cut=lacking)
    return None


def _of_signs(match: _Match | None, text: str) -> list[Named]:
    """What is wrong with the signs of a read; empty for a right one, and for one that is of no code of the sheet."""
    shown = {"text": text.replace(GS, "·")}
    if any(is_chinese(char) or is_wide(char) for char in text):
        return [Named("ime", shown)]
    if match is None:
        return []
    named: list[Named] = []
    variant = match.variant
    shown["wanted"] = variant.code.text.replace(GS, "·")
    match variant.fault:
        case "layout":
            named.append(Named("layout", {**shown, "keyboard": variant.keyboard}))
        case "caps":
            named.append(Named("caps", shown))
        case "ime":
            named.append(Named("ime", shown))
    if _is_aim(match.before):
        # "]C1" before a GS1 code is how many scanners say that it is one
        if (variant.code.kind, match.before) != ("gs1", "]C1"):
            named.append(Named("aim", {"signs": match.before}))
    elif match.before:
        named.append(Named("prefix", {"signs": match.before}, Fix(prefix=match.before)))
    if match.behind:
        named.append(Named("extra", {"signs": match.behind}))
    if match.cut:
        named.append(Named("cut", {**shown, "n": str(match.cut)}))
    if variant.separator == "lost":
        named.append(Named("gs1_lost"))
    elif variant.separator:
        named.append(Named("gs1_changed", {"signs": variant.separator}))
    return named


def _is_aim(signs: str) -> bool:
    """A symbology identifier, as "]E0"."""
    return len(signs) == 3 and signs[0] == "]" and signs[1].isalpha() and signs[2].isalnum()


def _worst(told: list[Named]) -> dict[Fault, Named]:
    """Each fault once: the one that is borne least and lasted longest."""
    worst: dict[Fault, Named] = {}
    for named in told:
        before = worst.get(named.fault)
        if before is None or _weight(named) > _weight(before):
            worst[named.fault] = named
    return worst


def _weight(named: Named) -> tuple[bool, int]:
    return not named.is_borne, int(named.params.get("ms", "0"))


def _off(kind: str) -> Fault:
    return next(name for name in FAULTS if name == f"off_{kind}")
