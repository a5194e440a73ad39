"""The sources of scans at a bench: turned on and off in the settings, kept, said in words, each read told apart."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.core.qr import badge_code
from tests.helpers.films import bench as empty_bench
from tests.helpers.films import film, shown
from tests.ui.screens.conftest import WAIT_MS
from ui.hand import type_as_scanner
from ui.screens.scanner_card import ScannerCard
from ui.station import Station

OpenStation = Callable[..., Station]
SLIP = "S1OD2026112100101007K"


@pytest.fixture
def bench(open_station: OpenStation) -> Station:
    return open_station("packing")


@pytest.fixture
def card(bench: Station) -> ScannerCard:
    bench.pages.show_settings()
    assert bench.pages.settings is not None
    return bench.pages.settings.scanner


@pytest.fixture
def cable() -> Iterator[tuple[int, str]]:
    if sys.platform == "win32":
        pytest.skip("pseudo terminals are a thing of Unix")
    import pty
    import tty

    scanner, port = pty.openpty()
    tty.setraw(scanner)
    yield scanner, os.ttyname(port)
    os.close(scanner)
    os.close(port)


def scans(station: Station) -> list[tuple[str, str, str]]:
    """What was kept: device, all that came, what came of it."""
    query = "SELECT source, raw, result FROM scan ORDER BY n"
    return station.core.outbox.run(lambda db: db.execute(query).fetchall()).result(20)


def on_strip(station: Station) -> dict[str, str]:
    return {item.key: str(item.text) for item in station.window.foot.strip.items()}


def test_without_a_port_and_a_camera_a_bench_works_and_says_so(card: ScannerCard, bench: Station) -> None:
    assert (card.state("serial"), card.state("camera")) == ("未启用", "未启用")
    assert {card.last(kind) for kind in ("keyboard", "serial", "camera")} == {"还没有读到"}
    assert not {"scanner", "scanner_away", "camera"} & set(on_strip(bench))
    card.serial_on.click()
    assert "COM3" in card.port.trouble and bench.sources().serial is None


def test_a_serial_scanner_is_turned_on_read_kept_and_turned_off(
    qtbot: QtBot, card: ScannerCard, bench: Station, cable: tuple[int, str]
) -> None:
    scanner, port = cable
    card.port.edit.setText(port)
    card.serial_on.click()
    assert card.state("serial") == f"正常（{port}）"
    qtbot.waitUntil(lambda: "scanner" in on_strip(bench), timeout=WAIT_MS)
    os.write(scanner, b"6901234567892\r")
    qtbot.waitUntil(lambda: "6901234567892" in card.last("serial"), timeout=WAIT_MS)
    assert "6901234567892（13 位）" in card.read.words() and card.last("keyboard") == "还没有读到"
    assert scans(bench) == [(f"serial:{port}", "6901234567892", "shown")]
    card.serial_off.click()
    assert card.state("serial") == "未启用" and bench.sources().serial_port == port
    qtbot.waitUntil(lambda: "scanner" not in on_strip(bench), timeout=WAIT_MS)


def test_a_port_that_is_not_there_is_said_and_tried_again(
    qtbot: QtBot, card: ScannerCard, bench: Station, tmp_path: Path
) -> None:
    card.port.edit.setText(str(tmp_path / "COM3"))
    card.serial_on.click()
    assert "已断开，1 秒后重连" in card.state("serial")
    qtbot.waitUntil(lambda: "scanner_away" in on_strip(bench), timeout=WAIT_MS)


def test_a_scale_is_turned_on_its_weight_goes_to_the_desk_and_its_absence_is_said(
    qtbot: QtBot, card: ScannerCard, bench: Station, cable: tuple[int, str], tmp_path: Path
) -> None:
    assert bench.pages.settings is not None
    of_scale, (scale, port) = bench.pages.settings.scale, cable
    of_scale.turn_on.click()
    assert "COM4" in of_scale.port.trouble and bench.sources().scale is None
    of_scale.port.edit.setText(port)
    of_scale.turn_on.click()
    assert of_scale.state() == f"正常（{port}）"
    qtbot.waitUntil(lambda: "scale" in on_strip(bench), timeout=WAIT_MS)
    os.write(scale, b"US,GS,+ 0.650kg\r\nST,GS,+ 0.782kg\r\n")
    qtbot.waitUntil(lambda: of_scale.lies() == "782 克", timeout=WAIT_MS)
    assert bench.core.packing.weighing.weight_g(bench.room.now()) == 782
    of_scale.port.edit.setText(str(tmp_path / "COM9"))
    of_scale.turn_on.click()
    assert "已断开" in of_scale.state() and of_scale.lies() == ""
    qtbot.waitUntil(lambda: "scale_away" in on_strip(bench), timeout=WAIT_MS)
    assert bench.core.packing.weighing.weight_g(bench.room.now()) == 0
    of_scale.turn_off.click()
    assert of_scale.state() == "未启用" and not bench.core.packing.weighing.is_on
    qtbot.waitUntil(lambda: not {"scale", "scale_away"} & set(on_strip(bench)), timeout=WAIT_MS)


def test_a_camera_reads_and_its_absence_is_said_with_a_way_to_try_again(
    qtbot: QtBot, card: ScannerCard, bench: Station, tmp_path: Path
) -> None:
    path = tmp_path / "slip.avi"
    card.camera.edit.setText(str(path))
    card.camera_on.click()
    qtbot.waitUntil(lambda: "打不开摄像头" in card.state("camera"), timeout=WAIT_MS)
    assert "camera" in on_strip(bench) and card.again.isVisible()
    film(path, [empty_bench(), *(shown(SLIP, seed=n) for n in range(4))])
    card.again.click()
    qtbot.waitUntil(lambda: SLIP in card.last("camera"), timeout=WAIT_MS)
    assert (f"camera:{path}", SLIP, "shown") in scans(bench)
    card.camera_off.click()
    assert card.state("camera") == "未启用" and not card.again.isVisible()
    assert bench.core.outbox.setting("camera_on") == ""


def test_what_was_turned_on_is_opened_at_the_next_start(bench: Station, cable: tuple[int, str]) -> None:
    for key, value in (("serial_port", cable[1]), ("serial_on", "1"), ("scanner_layout", "us")):
        bench.core.outbox.set_setting(key, value)
    bench.sources().open()
    serial = bench.sources().serial
    assert serial is not None and serial.state == "ready"
    bench.sources().open()
    assert bench.sources().serial is serial, (
        "who was quicker in the settings than the start is not started twice"
    )
    assert bench.scanner.settings.layout == "us"


def test_the_layout_of_the_keys_is_chosen_and_kept(card: ScannerCard, bench: Station) -> None:
    card.layouts["us"].click()
    assert bench.core.outbox.setting("scanner_layout") == "us" and bench.scanner.settings.layout == "us"
    assert [layout for layout, button in card.layouts.items() if button.isChecked()] == ["us"]


def test_a_read_of_the_keyboard_is_kept_with_its_source_and_a_badge_without_its_secret(
    qtbot: QtBot, bench: Station
) -> None:
    handle = bench.window.windowHandle()
    assert handle is not None
    type_as_scanner(handle, "6901234567892\r")
    qtbot.waitUntil(lambda: len(scans(bench)) == 1, timeout=WAIT_MS)
    [(source, raw, result)] = scans(bench)
    assert (source, raw) == ("keyboard", "6901234567892") and result != "shown"
    type_as_scanner(handle, badge_code("SECRET" * 4) + "\r")
    qtbot.waitUntil(lambda: len(scans(bench)) == 2, timeout=WAIT_MS)
    assert scans(bench)[1] == ("keyboard", "B1", "badge")
    last = bench.sources().last("keyboard")
    assert last is None or last.text == ""
