"""Which keys came from a scanner and which from a hand."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from ui.key_burst import KeyBurst, WedgeSettings, undoubled

SLIP = "S1OD2026112100101007K"


@dataclass
class Field:
    """A text field and a scan list behind a judge, with keys played by the clock."""

    burst: KeyBurst = field(default_factory=KeyBurst)
    typed: str = ""
    scans: list[str] = field(default_factory=list)
    now_ms: int = 1000
    last_ms: int = 0

    def key(self, char: str, after_ms: int, *, hold: bool = False) -> None:
        self.now_ms += after_ms
        if self.burst.holding and self.now_ms - self.last_ms > self.burst.settings.gap_ms + 20:
            self._obey(self.burst.silence())
        self.last_ms = self.now_ms
        verdict = self.burst.press(char, self.now_ms, char)
        self._obey(verdict)
        if not verdict.swallow:
            self.typed += char
        if not hold:
            self.burst.release(char)

    def keys(self, text: str, gap_ms: int) -> None:
        for char in text:
            self.key(char, gap_ms)

    def rest(self) -> None:
        self.now_ms += 500
        self._obey(self.burst.silence())

    def _obey(self, verdict: object) -> None:
        self.typed += "".join(key.char for key in verdict.typed)  # type: ignore[attr-defined]
        if verdict.scan is not None:  # type: ignore[attr-defined]
            self.scans.append(verdict.scan.text)  # type: ignore[attr-defined]


@pytest.mark.parametrize("gap_ms", [0, 1, 2, 5, 12, 30, 40])
@pytest.mark.parametrize("suffix", ["\r", "\t", ""])
def test_a_scan_at_any_scanner_speed_is_a_scan_and_types_nothing(gap_ms: int, suffix: str) -> None:
    bench = Field()
    bench.keys(SLIP + suffix, gap_ms)
    bench.rest()
    assert (bench.scans, bench.typed) == ([SLIP], "")


@pytest.mark.parametrize("gap_ms", [45, 60, 90, 150, 400])
def test_typing_at_any_human_speed_is_typed_with_its_enter(gap_ms: int) -> None:
    bench = Field()
    bench.keys("wang wei 2807\r", gap_ms)
    bench.rest()
    assert (bench.scans, bench.typed) == ([], "wang wei 2807\r")


@pytest.mark.parametrize(
    ("gap_ms", "is_scan"), [(1, True), (12, True), (25, False), (33, False), (40, False)]
)
def test_a_key_held_down_is_no_scan_where_the_system_does_not_call_it_repeated(
    gap_ms: int, is_scan: bool
) -> None:
    bench = Field()
    bench.keys("0000000000", gap_ms)
    bench.rest()
    assert (bench.scans, bench.typed) == ((["0000000000"], "") if is_scan else ([], "0000000000"))


def test_two_keys_struck_together_are_still_typed() -> None:
    bench = Field()
    bench.keys("th", 8)
    bench.keys("e", 120)
    bench.keys("re", 15)
    bench.rest()
    assert (bench.scans, bench.typed) == ([], "there")


def test_scans_and_typing_may_alternate() -> None:
    bench = Field()
    bench.keys("wa", 120)
    bench.now_ms += 25
    bench.keys(SLIP + "\r", 2)
    bench.keys("ng", 120)
    bench.now_ms += 300
    bench.keys("6901234567892\r", 5)
    bench.rest()
    assert (bench.scans, bench.typed) == ([SLIP, "6901234567892"], "wang")


def test_a_finger_on_a_key_while_the_scanner_types_is_told_apart() -> None:
    bench = Field()
    bench.key("w", 0, hold=True)
    bench.keys(SLIP[:6], 3)
    bench.key("x", 3, hold=True)
    bench.keys(SLIP[6:], 3)
    bench.key("\r", 3)
    bench.rest()
    assert (bench.scans, bench.typed) == ([SLIP], "wx")


def test_a_scanner_that_pauses_between_packets_keeps_its_first_key() -> None:
    bench = Field()
    for n, char in enumerate(SLIP):
        bench.key(char, 25 if n % 4 == 1 else 0)
    bench.rest()
    assert (bench.scans, bench.typed) == ([SLIP], "")


def test_a_key_of_the_scanner_that_comes_up_one_late_is_still_the_scanners() -> None:
    bench = Field()
    previous = ""
    for char in "ABCDEFGHIJ":
        bench.key(char, 4, hold=True)
        if previous:
            bench.burst.release(previous)
        previous = char
    bench.key("\r", 4)
    assert (bench.scans, bench.typed) == (["ABCDEFGHIJ"], "")


def test_an_enter_that_comes_late_does_not_press_a_button() -> None:
    bench = Field()
    bench.keys(SLIP, 2)
    bench.now_ms += 90
    bench._obey(bench.burst.silence())
    bench.key("\r", 60)
    assert (bench.scans, bench.typed) == ([SLIP], "")
    bench.key("\r", 400)
    assert bench.typed == "\r"


def test_a_second_enter_of_the_scanner_does_not_press_a_button() -> None:
    bench = Field()
    bench.keys(SLIP + "\r\r", 3)
    assert (bench.scans, bench.typed) == ([SLIP], "")
    bench.key("\r", 5)
    assert bench.typed == "\r", "a third is somebody's"


def test_how_late_an_enter_came_is_told() -> None:
    bench = Field()
    bench.keys(SLIP, 2)
    late = bench.burst.press("\r", bench.now_ms + 150, "\r")
    assert late.late_ms == 150 and late.scan is not None and late.swallow
    bench.keys("6901234567892\r\r", 2)
    assert bench.burst.press("\r", bench.now_ms + 900, "\r").late_ms is None


def test_a_suffix_that_is_insisted_on_guards_against_fast_typing() -> None:
    bench = Field(KeyBurst(WedgeSettings(suffix="enter")))
    bench.keys("abcdefgh", 10)
    bench.rest()
    assert (bench.scans, bench.typed) == ([], "abcdefgh")
    bench.keys("abcdefgh\r", 10)
    assert bench.scans == ["abcdefgh"]


def test_a_prefix_marks_scans_and_is_taken_off() -> None:
    bench = Field(KeyBurst(WedgeSettings(prefix="~")))
    bench.keys("~" + SLIP + "\r", 2)
    bench.keys("fastfast\r", 2)
    bench.rest()
    assert (bench.scans, bench.typed) == ([SLIP], "fastfast\r")


def test_what_interrupts_gives_back_first() -> None:
    bench = Field()
    bench.keys("ab", 5)
    verdict = bench.burst.interrupt()
    assert [key.char for key in verdict.typed] == ["a", "b"] and verdict.scan is None
    assert not bench.burst.holding
    bench.keys(SLIP, 2)
    verdict = bench.burst.interrupt()
    assert verdict.scan is not None and verdict.scan.text == SLIP, "a scanner may end in any key"


def test_a_stream_without_end_is_cut_and_nothing_is_lost() -> None:
    bench = Field()
    bench.keys("x" * 9000, 1)
    bench.rest()
    assert "".join(bench.scans) + bench.typed == "x" * 9000


strokes = st.lists(
    st.tuples(st.sampled_from("abc1 \r\t"), st.integers(0, 200), st.booleans()), min_size=1, max_size=60
)


@given(strokes, st.sampled_from(["auto", "enter", "none"]))
def test_no_key_is_ever_lost_or_told_twice(strokes: list[tuple[str, int, bool]], suffix: str) -> None:
    bench = Field(KeyBurst(WedgeSettings(suffix=suffix)))  # type: ignore[arg-type]
    for char, after_ms, hold in strokes:
        bench.key(char, after_ms, hold=hold)
    bench.rest()
    event(f"scans: {min(len(bench.scans), 3)}")
    said = sorted(c for c in bench.typed + "".join(bench.scans) if c not in "\r\t")
    assert said == sorted(char for char, _, _ in strokes if char not in "\r\t")


@given(st.lists(st.tuples(st.sampled_from("abc1 \r\t"), st.integers(41, 300)), min_size=1, max_size=40))
def test_what_a_hand_types_arrives_whole_and_in_order(strokes: list[tuple[str, int]]) -> None:
    bench = Field()
    for char, after_ms in strokes:
        bench.key(char, after_ms)
    bench.rest()
    assert (bench.scans, bench.typed) == ([], "".join(char for char, _ in strokes))


@pytest.mark.parametrize(
    ("text", "half"),
    [
        (SLIP + SLIP, SLIP),
        ("6901234567892" * 2, "6901234567892"),
        ("11111111", None),
        ("12341234", None),
        (SLIP, None),
        (SLIP + SLIP + "X", None),
        ("", None),
    ],
)
def test_a_code_glued_to_itself_is_halved(text: str, half: str | None) -> None:
    assert undoubled(text) == half
