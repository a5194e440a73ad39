"""Scans of single keyboards: the device is known, whatever has the focus and whatever layout is chosen."""

from __future__ import annotations

import itertools

from pytestqt.qtbot import QtBot

from app.core.qr import slip_code
from app.os.rawinput import RawKey
from tests.helpers.qt import FixedClock
from ui.key_burst import Burst, WedgeSettings
from ui.raw_keys import DeviceScan, Keyboards
from ui.scanner_input import ScannerInput, ScanRead
from ui.scanner_raw import RawScanner
from ui.us_keys import us_char

SLIP = slip_code("ZY2026112100101", 1)
GUN, BOARD = "05e0:1200", "046d:c31c"
SHIFT, ALT, CONTROL, ENTER = 0x2A, 0x38, 0x1D, 0x1C


def strokes(text: str) -> list[tuple[int, bool]]:
    """(scan code, came up) of a scanner that types ``text``, "\\r" is Enter and "\\x1d" Ctrl+]."""
    keys: list[tuple[int, bool]] = []
    for char in text:
        if char == "\r":
            keys += [(ENTER, False), (ENTER, True)]
        elif char == "\x1d":
            keys += [(CONTROL, False), (0x1B, False), (0x1B, True), (CONTROL, True)]
        else:
            shift, code = next(
                (shift, code)
                for shift in (False, True)
                for code in range(2, 0x3A)
                if us_char(code, shift=shift) == char
            )
            held = [(SHIFT, False)] if shift else []
            keys += [*held, (code, False), (code, True), *((SHIFT, True) for _ in held)]
    return keys


class Bench:
    """Several keyboards and a clock of stamps."""

    def __init__(self, *scanners: str) -> None:
        self.boards = Keyboards(WedgeSettings(), scanners)
        self.scans: list[tuple[str, str]] = []
        self.now_ms = 1000

    def play(
        self, device: str, keys: list[tuple[int, bool]], gap_ms: int = 1, *, is_front: bool = True
    ) -> None:
        for code, is_up in keys:
            self.now_ms += gap_ms
            self._note(self.boards.key(device, code, is_up, self.now_ms, is_front=is_front))

    def rest(self) -> None:
        self.now_ms += 500
        for scan in self.boards.silence():
            self._note(scan)

    def _note(self, found: DeviceScan | None) -> None:
        if found is not None:
            self.scans.append((found.device, found.scan.text))


def test_each_scan_says_which_device_it_came_from() -> None:
    bench = Bench()
    bench.play(GUN, strokes(SLIP + "\r"))
    bench.play(BOARD, strokes("wang wei"), gap_ms=60)
    bench.play("1eab:8003", strokes("6901234567892"))
    bench.rest()
    assert bench.scans == [(GUN, SLIP), ("1eab:8003", "6901234567892")]


def test_two_scanners_at_once_do_not_mix() -> None:
    bench = Bench()
    other = "1eab:8003"
    for one, two in itertools.zip_longest(strokes("6901234567892\r"), strokes("4006381333931\r")):
        bench.play(GUN, [one])
        bench.play(other, [two])
    assert sorted(bench.scans) == [(GUN, "6901234567892"), (other, "4006381333931")]


def test_behind_another_window_only_what_was_seen_to_scan_is_heard() -> None:
    bench = Bench()
    bench.play(GUN, strokes(SLIP + "\r"), is_front=False)
    assert not bench.scans, "nobody knows yet what this is"
    bench.play(GUN, strokes(SLIP + "\r"))
    bench.play(GUN, strokes(SLIP + "\r"), is_front=False)
    bench.play(BOARD, strokes("secret99word\r"), is_front=False)
    assert bench.scans == [(GUN, SLIP)] * 2 and bench.boards.scanners == {GUN}
    kept = Bench(GUN)
    kept.play(GUN, strokes("6901234567892\r"), is_front=False)
    assert kept.scans == [(GUN, "6901234567892")], "and the next day too"


def test_separators_and_signs_typed_by_their_number_are_understood() -> None:
    bench = Bench()
    bench.play(GUN, strokes("0106901234567892\x1d10LOT7\r"))
    pad = dict(zip("7894561230", (0x47, 0x48, 0x49, 0x4B, 0x4C, 0x4D, 0x4F, 0x50, 0x51, 0x52), strict=True))
    for char in "Ab-690123\r":
        digits = [(pad[digit], up) for digit in f"{ord(char):04d}" for up in (False, True)]
        bench.play(GUN, [(ALT, False), *digits, (ALT, True)])
    assert bench.scans == [(GUN, "0106901234567892\x1d10LOT7"), (GUN, "Ab-690123")]


def test_a_scan_that_comes_both_ways_is_told_once_and_a_second_piece_counts(qtbot: QtBot) -> None:
    clock, reads = FixedClock(), list[ScanRead]()
    door = ScannerInput(clock)
    door.scanned.connect(reads.append)
    first, second = Burst(SLIP, 1000, 1040), Burst(SLIP, 1900, 1940)
    door.accept_below(first, f"usb:{GUN}")
    door._wedge._report(first)
    door._wedge._report(second)
    door.accept_below(second, f"usb:{GUN}")
    assert [(read.text, read.source) for read in reads] == [(SLIP, f"usb:{GUN}"), (SLIP, "keyboard")]


def test_a_scanner_set_up_for_the_computers_layout_is_heard_in_the_windows_alone(qtbot: QtBot) -> None:
    door, reads = ScannerInput(FixedClock(), WedgeSettings(layout="typed")), list[ScanRead]()
    door.scanned.connect(reads.append)
    door.accept_below(Burst("yebra-8", 1000, 1040), f"usb:{GUN}")
    door._wedge._report(Burst("zebra-8", 1000, 1040, keys="yebra-8"))
    assert [(read.text, read.source) for read in reads] == [("zebra-8", "keyboard")]


def test_keys_told_by_the_system_come_out_of_the_door_and_the_device_is_remembered(qtbot: QtBot) -> None:
    door, reads, kept = ScannerInput(FixedClock()), list[ScanRead](), list[frozenset[str]]()
    door.scanned.connect(reads.append)
    raw = RawScanner(door, (), kept.append)
    raw.start()
    for n, (code, is_up) in enumerate(strokes("6901234567892")):
        raw.hear(RawKey(7, code, is_up), GUN, 1000 + n, True)
        raw.hear(RawKey(0, code, is_up), "", 1000 + n, True)
    qtbot.waitUntil(lambda: bool(reads), timeout=15_000)
    raw.stop()
    assert [(read.text, read.source) for read in reads] == [("6901234567892", f"usb:{GUN}")]
    assert kept == [frozenset({GUN})]
