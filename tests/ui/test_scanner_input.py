"""Scans come out of one door, whatever has the focus; what a person types stays where it was meant."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit, QPushButton, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from tests.helpers.qt import FixedClock
from ui.hand import type_as_scanner
from ui.key_burst import WedgeSettings
from ui.scanner_input import ScannerInput, ScanRead

SLIP = "S1OD2026112100101007K"


class Window(QWidget):
    def __init__(self) -> None:
        super().__init__()
        self.search, self.button = QLineEdit(), QPushButton("close parcel")
        layout = QVBoxLayout(self)
        layout.addWidget(self.search)
        layout.addWidget(self.button)
        self.pressed = 0
        self.button.clicked.connect(self._press)

    def _press(self) -> None:
        self.pressed += 1

    def scan(self, text: str) -> None:
        """Keys at a scanner's speed, as the system would send them."""
        handle = self.windowHandle()
        assert handle is not None
        type_as_scanner(handle, text)

    def type_slowly(self, text: str) -> None:
        """A person's keys: each has reached the field before the next comes, however busy this machine is."""
        for char in text:
            wanted = self.search.text() + char
            self.scan(char)
            QTest.qWait(70)
            end = time.monotonic() + 10
            while self.search.text() != wanted and time.monotonic() < end:
                QTest.qWait(5)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def scanner(qapp: QApplication, clock: FixedClock) -> Iterator[ScannerInput]:
    made = ScannerInput(clock)
    made.listen(qapp)
    yield made
    made.deafen(qapp)


@pytest.fixture
def reads(scanner: ScannerInput) -> list[ScanRead]:
    seen: list[ScanRead] = []
    scanner.scanned.connect(seen.append)
    return seen


@pytest.fixture
def window(qtbot: QtBot) -> Window:
    made = Window()
    qtbot.addWidget(made)
    with qtbot.waitActive(made):
        made.show()
        made.activateWindow()
    return made


def test_a_scan_needs_no_focus(window: Window, reads: list[ScanRead], clock: FixedClock) -> None:
    window.scan(SLIP + "\r")
    assert [(read.text, read.source, read.at) for read in reads] == [(SLIP, "keyboard", clock.now())]
    assert window.pressed == 0


def test_after_a_search_scans_are_neither_ignored_nor_typed_into_the_field(
    window: Window, reads: list[ScanRead]
) -> None:
    window.search.setFocus()
    window.type_slowly("wei")
    assert window.search.text() == "wei"
    window.scan(SLIP + "\r")
    assert [read.text for read in reads] == [SLIP]
    assert window.search.text() == "wei"
    window.type_slowly(" 28")
    assert window.search.text() == "wei 28"
    window.scan("6901234567892\r")
    assert [read.text for read in reads] == [SLIP, "6901234567892"]


def test_a_scan_presses_no_button_though_it_ends_in_enter(window: Window, reads: list[ScanRead]) -> None:
    window.button.setFocus()
    window.button.setDefault(True)
    window.scan(SLIP + "\r")
    assert window.pressed == 0 and len(reads) == 1


def test_a_scan_without_enter_ends_by_silence(qtbot: QtBot, window: Window, reads: list[ScanRead]) -> None:
    window.search.setFocus()
    window.scan(SLIP)
    assert not reads
    qtbot.waitUntil(lambda: [read.text for read in reads] == [SLIP])
    assert window.search.text() == ""
    window.scan("\r")
    assert window.pressed == 0


def test_a_single_letter_typed_appears_though_no_other_key_follows(
    qtbot: QtBot, window: Window, reads: list[ScanRead]
) -> None:
    window.search.setFocus()
    window.scan("w")
    qtbot.waitUntil(lambda: window.search.text() == "w")
    assert not reads


def test_a_scan_triggers_no_shortcut_of_letters(window: Window, reads: list[ScanRead]) -> None:
    fired: list[str] = []
    for key in ("S", "1", "K", "Return"):
        QShortcut(QKeySequence(key), window, lambda key=key: fired.append(key))  # type: ignore[misc]
    QShortcut(QKeySequence("F9"), window, lambda: fired.append("F9"))
    window.scan(SLIP + "\r")
    assert [read.text for read in reads] == [SLIP] and not fired
    handle = window.windowHandle()
    assert handle is not None
    QTest.keyClick(handle, Qt.Key.Key_F9)
    assert fired == ["F9"]


def test_editing_keys_keep_their_order_among_typed_ones(window: Window, reads: list[ScanRead]) -> None:
    window.search.setFocus()
    handle = window.windowHandle()
    assert handle is not None
    window.scan("ab")
    QTest.keyClick(handle, Qt.Key.Key_Left)
    window.scan("X")
    QTest.keyClick(handle, Qt.Key.Key_Backspace)
    window.scan("c")
    QTest.keyClick(handle, Qt.Key.Key_End)
    assert window.search.text() == "acb" and not reads


def test_the_same_code_within_300_ms_is_marked_as_one_read_twice(
    scanner: ScannerInput, reads: list[ScanRead], clock: FixedClock
) -> None:
    scanner.accept("6901234567892", "serial:A")
    clock.move(0.2)
    scanner.accept("6901234567892", "serial:A")
    scanner.accept("6901234567892", "serial:B")
    clock.move(0.4)
    scanner.accept("6901234567892", "serial:A")
    assert [read.repeated for read in reads] == [False, True, False, False]


def test_a_code_glued_to_itself_comes_out_once_and_says_so(window: Window, reads: list[ScanRead]) -> None:
    window.scan(SLIP + SLIP + "\r")
    [read] = reads
    assert (read.text, read.raw, read.doubled) == (SLIP, SLIP + SLIP, True)


def test_group_separators_of_gs1_codes_arrive(window: Window, reads: list[ScanRead]) -> None:
    window.scan("0106901234567892\x1d10LOT7\r")
    assert [read.text.replace("\x1d", "|") for read in reads] == ["0106901234567892|10LOT7"]


def test_new_settings_hold_at_once(window: Window, scanner: ScannerInput, reads: list[ScanRead]) -> None:
    scanner.configure(WedgeSettings(prefix="~"))
    window.search.setFocus()
    window.scan("~" + SLIP + "\r")
    window.scan("QUICKLYTYPED")
    scanner.configure(WedgeSettings())
    assert [read.text for read in reads] == [SLIP] and window.search.text() == "QUICKLYTYPED"


def test_a_check_hears_every_key_whatever_its_speed_and_nothing_is_typed_or_scanned(
    window: Window, scanner: ScannerInput, reads: list[ScanRead]
) -> None:
    window.search.setFocus()
    keys: list[tuple[str, int]] = []
    scanner.tap(lambda char, at_ms, _: keys.append((char, at_ms)))
    window.scan("AB\x1dc\r")
    window.type_slowly("x")
    assert "".join(char for char, _ in keys) == "AB\x1dc\rx"
    assert [at - keys[0][1] for _, at in keys[:5]] == [0, 1, 2, 3, 4]
    assert not reads and window.search.text() == "" and window.pressed == 0
    fired: list[str] = []
    QShortcut(QKeySequence("F9"), window, lambda: fired.append("F9"))
    handle = window.windowHandle()
    assert handle is not None
    QTest.keyClick(handle, Qt.Key.Key_F9)
    assert fired == ["F9"] and len(keys) == 6
    scanner.tap(None)
    window.scan(SLIP + "\r")
    assert [read.text for read in reads] == [SLIP]


def test_an_enter_that_comes_late_is_told(
    qtbot: QtBot, window: Window, scanner: ScannerInput, reads: list[ScanRead]
) -> None:
    late: list[int] = []
    scanner.ended_late.connect(late.append)
    handle = window.windowHandle()
    assert handle is not None
    type_as_scanner(handle, SLIP + "\r", pause_before={"\r": 120})
    qtbot.waitUntil(lambda: bool(reads))
    assert late == [121]


def test_an_unheard_scanner_is_known_to_be_unheard(
    window: Window, scanner: ScannerInput, clock: FixedClock
) -> None:
    assert scanner.last_read_at is None
    window.scan(SLIP + "\r")
    assert scanner.last_read_at == clock.now()
