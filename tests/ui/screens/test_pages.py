"""The first start, signing on, the settings: one window, no dialog anywhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.os.folderlock import FolderLock
from app.station.slips import paper_mm
from rehearsal.processes import StepFailed
from tests.helpers.real_hub import RealHub
from tests.helpers.ui_joint import PaperTray, joint
from ui.app import build_station, run_station
from ui.screens.packing import PackingScreen
from ui.screens.welcome import address_trouble
from ui.station import Station

WAIT_MS = 15_000
OpenStation = Callable[[str], Station]


@pytest.fixture
def fresh(qapp: QApplication, tmp_path: Path) -> Station:
    """A station that belongs to no hub yet."""
    return build_station(qapp, joint(), "packing", tmp_path / "新 工位", lang="zh")


def test_the_first_start_teaches_and_joins_a_hub(qtbot: QtBot, fresh: Station, hub: RealHub) -> None:
    fresh.open()
    welcome = fresh.welcome
    assert welcome is not None and fresh.desk is None
    welcome.show_join()
    welcome.address.edit.setText(hub.url + "/")
    welcome.code.edit.setText("ABC")
    welcome.join.click()
    assert "8 位" in welcome.code.trouble, "nothing was sent"
    welcome.scan(hub.code("packing"))
    welcome.name.edit.setText("打包台 7")
    welcome.join.click()
    qtbot.waitUntil(lambda: isinstance(fresh.desk, PackingScreen), timeout=WAIT_MS)
    assert fresh.window.windowTitle() == "打包台 · 打包台 7"
    fresh.close()


def test_a_wrong_code_is_said_beside_the_field(qtbot: QtBot, fresh: Station, hub: RealHub) -> None:
    fresh.open()
    welcome = fresh.welcome
    assert welcome is not None
    welcome.show_join()
    welcome.address.edit.setText(hub.url)
    welcome.code.edit.setText("WRNGCODE")
    welcome.name.edit.setText("打包台 8")
    welcome.join.click()
    qtbot.waitUntil(lambda: "不对或已过期" in welcome.code.trouble, timeout=WAIT_MS)
    assert fresh.desk is None
    fresh.close()


def test_a_hub_of_its_own_that_does_not_start_is_told_with_its_log(qtbot: QtBot, fresh: Station) -> None:
    fresh.open()
    welcome = fresh.welcome
    assert welcome is not None
    welcome.show_alone()
    welcome.password.edit.setText("short")
    welcome.start.click()
    assert "至少 8 位" in welcome.password.trouble
    welcome.password.edit.setText("long enough 1")
    welcome.start.click()
    qtbot.waitUntil(lambda: fresh.window.bar.front is not None, timeout=WAIT_MS)
    assert "hub.log" in fresh.window.bar.words()
    fresh.close()


@pytest.mark.parametrize(
    ("address", "trouble"),
    [
        ("http://127.0.0.1:8620", ""),
        ("http://localhost:8620", ""),
        ("http://[::1]:8620", ""),
        ("https://hub.example.cn", ""),
        ("http://192.168.1.5:8620", "station.address_plain"),
        ("192.168.1.5:8620", "station.address_bad"),
        ("ftp://127.0.0.1", "station.address_bad"),
        ("http://", "station.address_bad"),
        ("", "station.address_bad"),
    ],
)
def test_plain_http_is_for_this_computer_only(address: str, trouble: str) -> None:
    assert address_trouble(address) == trouble


def test_one_window_per_data_folder(
    qapp: QApplication, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with FolderLock(tmp_path, "station.lock"):
        assert run_station(joint(), None, "packing", tmp_path, "zh") == 1
    said = capsys.readouterr().err
    assert "已有一个 Orderdock 在运行" in said and said.count("\n") == 1


def test_a_badge_signs_on_wherever_it_is_read(
    qtbot: QtBot, hub: RealHub, open_station: OpenStation, new_order: Callable[..., str]
) -> None:
    name = "王芳"
    hub.api("POST", "/v1/users", {"name": name, "role": "packer", "password": "packer-pass-1"})
    badge = hub.api("POST", f"/v1/users/{quote(name)}/badge", {})["code"]
    lying = new_order(("SKU-1", 1))
    bench = open_station("packing")
    qtbot.waitUntil(lambda: bench.core.read.order(lying) is not None, timeout=WAIT_MS)
    bench.scan(badge)
    qtbot.waitUntil(lambda: bench.core.person == name, timeout=WAIT_MS)
    qtbot.waitUntil(lambda: bench.window.foot.person.words() == name, timeout=WAIT_MS)
    assert bench.window.at_desk

    other = "李娜"
    hub.api("POST", "/v1/users", {"name": other, "role": "packer", "password": "packer-pass-1"})
    bench.scan(f"{lying}01")
    qtbot.waitUntil(lambda: bench.core.packing.open_parcel_no() == f"{lying}01", timeout=WAIT_MS)
    bench.scan(hub.api("POST", f"/v1/users/{quote(other)}/badge", {})["code"])
    qtbot.waitUntil(lambda: bench.window.foot.person.words() == other, timeout=WAIT_MS)
    assert bench.core.packing.open_parcel_no() == f"{lying}01", "the work goes on where it was"
    assert bench.window.at_desk

    bench.pages.show_sign_on()
    page = bench.pages.sign_on.form
    page.user.edit.setText(name)
    page.password.edit.setText("not hers")
    page.go.click()
    qtbot.waitUntil(lambda: "不对" in page.password.trouble, timeout=WAIT_MS)
    page.password.edit.setText("packer-pass-1")
    page.go.click()
    # the hub has taken it: a right password forgives all guesses that were made until then
    qtbot.waitUntil(lambda: page.password.edit.text() == "" and not page.go.locked, timeout=WAIT_MS)
    assert bench.window.at_desk
    assert page.password.trouble == "", "what was wrong before is not, now"

    for _ in range(5):
        with pytest.raises(StepFailed):
            hub.api("POST", "/v1/sessions", {"user": name, "password": "guessed"})
    bench.pages.show_sign_on()
    page.user.edit.setText(name)
    page.password.edit.setText("packer-pass-1")
    page.go.click()
    qtbot.waitUntil(lambda: "5 分钟后再试" in page.password.trouble, timeout=WAIT_MS)


def test_settings_keep_the_printer_and_show_what_a_scanner_sends(
    qtbot: QtBot, open_station: OpenStation
) -> None:
    bench = open_station("packing")
    bench.pages.show_settings()
    page = bench.pages.settings
    assert page is not None
    page.printer.address.edit.setText("next to the door")
    page.printer.save.click()
    assert "tcp://" in page.printer.address.trouble
    page.printer.address.edit.setText("tcp:127.0.0.1:9100")
    page.printer.save.click()
    tray = bench.printers
    assert isinstance(tray, PaperTray) and tray.address == "tcp:127.0.0.1:9100"
    bench.scan("6901234567892")
    assert "6901234567892（13 位）" in page.words_of_scanner()
    assert bench.core.packing.view().last is None, "a scan on this page is looked at, not worked on"


def said(text: str | Callable[[], str]) -> str:
    return text if isinstance(text, str) else text()


def test_the_printer_is_set_up_on_one_card_and_kept(qtbot: QtBot, open_station: OpenStation) -> None:
    """Address as it stands on the device, width of its paper, a test with what stands in the field."""
    bench = open_station("packing")
    tray, outbox = bench.printers, bench.core.outbox
    assert isinstance(tray, PaperTray)
    bench.pages.show_settings()
    assert bench.pages.settings is not None
    card = bench.pages.settings.printer
    assert (card.state, card.wide.isChecked(), card.narrow.isChecked()) == ("还没有打印机", True, False)
    card.address.edit.setText("192.168.1.50")
    card.narrow.click()
    tray.state = "paper_out"
    tray.trouble = "paper_out"
    card.test.click()
    qtbot.waitUntil(card.test.isEnabled, timeout=WAIT_MS)
    assert tray.address == outbox.setting("printer_address") == "tcp://192.168.1.50"
    assert card.state == "打印机：缺纸"
    assert bench.window.bar.front is not None and "缺纸" in said(bench.window.bar.front.text)

    tray.trouble = ""
    card.keep.click()
    card.test.click()
    qtbot.waitUntil(card.test.isEnabled, timeout=WAIT_MS)
    assert tray.address == f"folder:{bench.folder / 'papers'}"
    assert (bench.folder / "papers").is_dir()
    assert bench.window.bar.front is None, "the test that came out takes the trouble away"

    bench.pages.show_settings()
    bench.pages.back()
    bench.pages.show_settings()
    again = bench.pages.settings.printer
    assert (again.wide.isChecked(), again.narrow.isChecked()) == (False, True)
    assert again.address.text == f"folder:{bench.folder / 'papers'}"
    assert paper_mm(outbox) == 58
