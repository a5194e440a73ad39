"""A disk that fills up is said on the strip before anything fails, in either language, and clears by itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.os import disk
from app.store.surroundings import DiskFull
from tests.helpers.ui_joint import joint
from ui.app import build_station
from ui.station import Station

WAIT_MS = 15_000


def said(station: Station) -> str:
    return next((item.text for item in station.window.foot.strip.items() if item.key == "disk_low"), "")


def test_a_disk_that_fills_up_is_said_and_clears_by_itself(
    qapp: QApplication, qtbot: QtBot, tmp_path: Path
) -> None:
    asked: list[Path] = []
    full = [True]

    def is_low(folder: Path) -> bool:
        asked.append(folder)
        return full[0]

    station = build_station(
        qapp, replace(joint(), disk_is_low=is_low), "packing", tmp_path / "工位", lang="zh"
    )
    try:
        station.open()
        assert said(station) == "本机磁盘快满了，请清理"
        assert set(asked) == {tmp_path / "工位"}
        station.kit.i18n.switch("en")
        qtbot.waitUntil(lambda: said(station) == "this computer's disk is nearly full", timeout=WAIT_MS)
        full[0] = False
        qtbot.waitUntil(lambda: said(station) == "", timeout=WAIT_MS)
    finally:
        station.close()


def test_a_disk_found_full_in_the_background_is_said_with_what_to_do(
    qapp: QApplication, qtbot: QtBot, tmp_path: Path
) -> None:
    """The queue of a printer keeps where each paper is, and finds no room for it."""

    async def no_room() -> None:
        raise DiskFull("outbox_disk_full", path="D:")

    station = build_station(qapp, joint(), "packing", tmp_path / "工位", lang="zh")
    try:
        station.open()
        station.work.run(no_room)
        bar = station.window.bar
        qtbot.waitUntil(lambda: bar.front is not None, timeout=WAIT_MS)
        assert bar.front is not None and callable(bar.front.text)
        assert bar.front.text() == "磁盘满了：D:。请清理出空间再继续，做过的都还在。"
    finally:
        station.close()


def test_a_disk_that_cannot_be_asked_is_not_called_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(_: object) -> None:
        raise PermissionError

    monkeypatch.setattr("shutil.disk_usage", refuses)
    assert disk.is_low(tmp_path) is False
