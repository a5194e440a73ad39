"""The check of a scanner at the station: faulty scanners type the sheet, each fault is named with its cure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from PySide6.QtCore import QObject, Qt, QUrl, Slot
from PySide6.QtGui import QDesktopServices
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.core.scanner_codes import GS, SHEET_CODES, SheetCode, retyped, wide
from tests.helpers.ui_joint import joint
from ui.app import build_station
from ui.hand import type_as_scanner
from ui.screens.scanner_check import OVER_MS, ScannerCheckPage
from ui.station import Station

WAIT_MS = 15_000


@dataclass
class VirtualScanner:
    """A keyboard-type scanner: what it makes of a code (None: it does not beep), its Enter, its speed."""

    makes: Callable[[SheetCode], str | None] = lambda code: code.text
    end: str = "\r"
    gap_ms: int = 2
    pause_before: dict[str, int] = field(default_factory=dict)
    now_ms: int = 1_000_000

    def scan_sheet(self, station: Station) -> None:
        """From 1 to 6, a second and a half apart as the system stamps it."""
        for code in SHEET_CODES:
            self.scan(station, self.makes(code))

    def scan(self, station: Station, text: str | None) -> None:
        window = station.window.windowHandle()
        assert window is not None
        if text is not None:
            self.now_ms = type_as_scanner(
                window,
                text + self.end,
                gap_ms=self.gap_ms,
                pause_before=self.pause_before,
                at_ms=self.now_ms + 1500,
            )


@pytest.fixture
def station(qapp: QApplication, qtbot: QtBot, tmp_path: Path) -> Iterator[Station]:
    """A station with its window; the check needs no hub."""
    made = build_station(qapp, joint(), "packing", tmp_path / "工 位", lang="zh")
    made.open()
    with qtbot.waitActive(made.window, timeout=WAIT_MS):
        made.window.activateWindow()
    yield made
    made.close()


def opened(station: Station) -> ScannerCheckPage:
    station.pages.show_scanner_check()
    page = station.pages.scanner_check
    assert page is not None and page.isVisible()
    return page


def named(qtbot: QtBot, station: Station, scanner: VirtualScanner) -> list[str]:
    """The names of the faults, after the sheet was scanned and F3 pressed."""
    page = station.pages.scanner_check or opened(station)
    page.restart()
    scanner.scan_sheet(station)
    # the last code may wait for the Enter that does not come
    qtbot.waitUntil(lambda: not page._rest.isActive(), timeout=WAIT_MS)
    press(station, Qt.Key.Key_F3)
    assert page.view is not None
    return [fault.name for fault in page.view.faults]


def press(station: Station, key: Qt.Key) -> None:
    window = station.window.windowHandle()
    assert window is not None
    QTest.keyClick(window, key)


def without(kind: str) -> Callable[[SheetCode], str | None]:
    return lambda code: None if code.kind == kind else code.text


def eaten(code: SheetCode) -> str:
    return "".join(char for char in code.text if not char.isalpha())


FAULTY = {
    "键盘布局不对": VirtualScanner(lambda code: retyped(code.text, "us", "fr")),
    "输入法开着": VirtualScanner(lambda code: wide(code.text)),
    "大小写反了": VirtualScanner(lambda code: code.text.swapcase()),
    "不发回车": VirtualScanner(end=""),
    "发的是 Tab 不是回车": VirtualScanner(end="\t"),
    "一次扫码发两遍": VirtualScanner(lambda code: code.text * 2),
    "发码太慢": VirtualScanner(gap_ms=70),
    "码前多了字符": VirtualScanner(lambda code: "~" + code.text),
    "码后多了字符": VirtualScanner(lambda code: code.text + "#"),
    "回车来得太晚": VirtualScanner(pause_before={"\r": 320}),
    "回车发了两个": VirtualScanner(end="\r\r"),
    "GS1 分隔符丢了": VirtualScanner(lambda code: code.text.replace(GS, "")),
    "读不了二维码": VirtualScanner(without("qrcode")),
    "读不了 EAN-13": VirtualScanner(without("ean13")),
    "读不了 GS1-128": VirtualScanner(without("gs1")),
}


def test_faulty_scanners_are_told_each_fault_by_its_name_and_no_other(qtbot: QtBot, station: Station) -> None:
    told = {name: named(qtbot, station, scanner) for name, scanner in FAULTY.items()}
    assert told == {name: [name] for name in FAULTY}
    assert named(qtbot, station, VirtualScanner(eaten)) == ["输入法开着"]
    assert named(qtbot, station, VirtualScanner()) == []


def test_a_right_scanner_is_called_right_at_once(qtbot: QtBot, station: Station) -> None:
    page = opened(station)
    assert "扫体检页上的 1 号码" in page.words()
    VirtualScanner().scan_sheet(station)
    assert page.view is not None and page.view.faults == () and page.view.fix is None
    assert "没有毛病" in page.words() and not page.done.isVisible()
    assert {step.state for step in page.view.steps} == {"ok"}
    station.kit.i18n.switch("en")
    assert "set up right" in page.words()


def test_no_key_of_the_sheet_types_or_presses_anything(qtbot: QtBot, station: Station) -> None:
    page = opened(station)
    page.back.setFocus()
    VirtualScanner(gap_ms=150, end="\t").scan_sheet(station)
    VirtualScanner(gap_ms=150, end="\r").scan_sheet(station)
    assert station.pages.scanner_check is page and page.back.hasFocus()
    press(station, Qt.Key.Key_Escape)
    assert station.pages.scanner_check is None


def test_the_verdict_comes_by_itself_ten_seconds_after_the_first_code(qtbot: QtBot, station: Station) -> None:
    assert OVER_MS == 10_000
    page = opened(station)
    page._over_ms = 150
    VirtualScanner(without("itf")).scan_sheet(station)
    qtbot.waitUntil(lambda: "读不了 ITF-14" in page.words(), timeout=WAIT_MS)


def test_what_this_computer_can_mend_is_mended_with_one_key_and_kept(qtbot: QtBot, station: Station) -> None:
    scanner = VirtualScanner(lambda code: "~" + code.text, gap_ms=55)
    assert named(qtbot, station, scanner) == ["发码太慢", "码前多了字符"]
    press(station, Qt.Key.Key_F4)
    page = station.pages.scanner_check
    assert page is not None and "本机已改好" in page.words()
    scanner.scan_sheet(station)
    assert "没有毛病" in page.words()
    press(station, Qt.Key.Key_Escape)
    reads: list[str] = []
    station.scanner.scanned.connect(lambda read: reads.append(read.text))
    scanner.scan(station, "~6901234567892")
    assert reads == ["6901234567892"], "the desk takes its scans now"
    from ui import wedge_settings

    kept = wedge_settings.read(station.core.outbox)
    assert (kept.prefix, kept.gap_ms) == ("~", station.scanner.settings.gap_ms)


def test_scans_at_work_that_show_a_fault_are_named_in_the_strip_and_lead_to_the_check(
    qtbot: QtBot, station: Station
) -> None:
    def said() -> str:
        return " ".join(item.text for item in station.window.foot.strip.items() if isinstance(item.text, str))

    scanner = VirtualScanner()
    scanner.scan(station, "6901234567892")
    scanner.scan(station, "6901234567892" * 2)
    assert "扫码枪：" not in said(), "one odd scan is nobody's fault"
    scanner.scan(station, "6901234567885" * 2)
    assert "扫码枪：一次扫码发两遍" in said()
    station.window.foot.strip.pressed.emit("scanner_fault")
    page = station.pages.scanner_check
    assert page is not None and page.isVisible()
    scanner.scan_sheet(station)
    assert "没有毛病" in page.words() and "扫码枪：" not in said()
    press(station, Qt.Key.Key_Escape)
    for _ in range(2):
        scanner.scan(station, wide("OD2026112100101"))
    assert "扫码枪：输入法开着" in said()
    for number in range(20):
        scanner.scan(station, f"69012345{number:05d}")
    assert "扫码枪：" not in said(), "it clears by itself"


class _Opener(QObject):
    """Takes what would be opened by the desktop."""

    def __init__(self) -> None:
        super().__init__()
        self.files: list[Path] = []

    @Slot(QUrl)
    def opened(self, url: QUrl) -> None:
        self.files.append(Path(url.toLocalFile()))


@pytest.fixture
def opener(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[_Opener]:
    monkeypatch.setenv("HOME", str(tmp_path / "家"))
    taking = _Opener()
    QDesktopServices.setUrlHandler("file", taking, "opened")
    yield taking
    QDesktopServices.unsetUrlHandler("file")


def test_the_sheet_is_saved_as_a_pdf_and_opened_without_a_dialog(station: Station, opener: _Opener) -> None:
    opened(station)
    press(station, Qt.Key.Key_F2)
    [file] = opener.files
    assert file.read_bytes().startswith(b"%PDF-") and "scanner-test-zh" in file.name
    assert str(file) in station.window.bar.words()
    file.unlink()
    station.kiosk.is_on = True
    press(station, Qt.Key.Key_F2)
    assert file.exists() and len(opener.files) == 1, "a kiosk opens no other program"
    station.kiosk.is_on = False


def test_command_codes_come_from_the_slip_printer_and_from_a_file_where_there_is_none(
    qtbot: QtBot, station: Station, opener: _Opener
) -> None:
    from tests.helpers.ui_joint import PaperTray

    station._print_sheet("codes", on_slip=True)
    assert [file.name for file in opener.files] == ["orderdock-codes-zh.pdf"]
    tray = station.printers
    assert isinstance(tray, PaperTray)
    tray.use("tcp:127.0.0.1:9100")
    station._print_sheet("codes", on_slip=True)
    qtbot.waitUntil(lambda: tray.commands_printed == 1, timeout=WAIT_MS)
    tray.trouble = "paper_out"
    station._print_sheet("codes", on_slip=True)
    qtbot.waitUntil(lambda: "小票机没有打出来" in station.window.bar.words(), timeout=WAIT_MS)
    assert len(opener.files) == 1
