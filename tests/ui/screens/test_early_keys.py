"""Who scans before all is loaded: the window comes first, wire, printer and sound after it, and nothing is lost."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.core.acts import Act, ActKind
from app.core.qr import slip_code
from tests.helpers.real_hub import RealHub
from tests.helpers.ui_joint import joint
from tests.ui.screens.test_desks import FIRST, GOODS, SECOND, packing
from ui.app import build_station
from ui.hand import type_as_scanner
from ui.station import Station

WAIT_MS = 15_000


@contextmanager
def started(qapp: QApplication, folder: Path, load_rest: Callable[[], None]) -> Iterator[Station]:
    """The program started again on a folder that was used before, its window asked for and not yet painted."""
    rest = replace(joint(), load_rest=load_rest)
    station = build_station(qapp, rest, "packing", folder, lang="zh")
    try:
        yield station
    finally:
        station.close()


def keys(station: Station, text: str) -> None:
    handle = station.window.windowHandle()
    assert handle is not None
    type_as_scanner(handle, text + "\r")


@pytest.fixture
def used(
    qapp: QApplication, qtbot: QtBot, hub: RealHub, tmp_path: Path, new_order: Callable[..., str]
) -> tuple[Path, str]:
    """The folder of a bench that had an order in its copy when its window was closed."""
    order_no = new_order((FIRST, 1), (SECOND, 1))
    with started(qapp, tmp_path / "工位", lambda: None) as bench:
        bench.open()
        code = hub.code("packing")
        bench.work.run(lambda: bench.core.pair(hub.url, code, "早班台"))
        qtbot.waitUntil(lambda: bench.core.read.order(order_no) is not None, timeout=WAIT_MS)
    return tmp_path / "工位", order_no


def test_what_is_scanned_before_all_is_loaded_is_kept_shown_and_answered(
    qapp: QApplication, qtbot: QtBot, hub: RealHub, used: tuple[Path, str]
) -> None:
    folder, order_no = used
    loaded, opened = threading.Event(), threading.Event()

    def held() -> None:
        assert loaded.wait(120)

    with started(qapp, folder, held) as bench:
        desk = packing(bench)
        bench.open(opened.set)
        keys(bench, slip_code(f"{order_no}01", 1))  # not one turn of the loop since: no picture, no wire
        assert bench.core.packing.open_parcel_no() == f"{order_no}01"
        keys(bench, GOODS[FIRST])
        qtbot.waitUntil(lambda: desk.board.isVisible(), timeout=WAIT_MS)
        assert not opened.is_set()

        QTest.qWait(50)  # libraries are being loaded now, and go on being loaded
        keys(bench, GOODS[SECOND])
        view = bench.core.packing.view()
        assert view.parcel is not None and view.parcel.qty_packed == 2
        assert desk.scan_bar.view is not None and desk.scan_bar.view.head == "齐了"
        qtbot.waitUntil(lambda: len(on_disk(bench)) == 2, timeout=WAIT_MS)
        assert not opened.is_set()

        loaded.set()
        qtbot.waitUntil(opened.is_set, timeout=WAIT_MS)
        qtbot.waitUntil(lambda: bench.core.outbox.pending_count() == 0, timeout=WAIT_MS)
    packed = hub.api("GET", f"/v1/orders/{order_no}")["parcels"][0]["lines"]
    assert [line["qty_packed"] for line in packed] == [1, 1]


def on_disk(station: Station) -> list[Act]:
    return list(station.core.outbox.acts_of_kind((ActKind.line_packed,)))


@pytest.mark.logs("our fault")
def test_a_library_that_is_missing_is_said_and_the_scan_is_answered_all_the_same(
    qapp: QApplication, qtbot: QtBot, used: tuple[Path, str]
) -> None:
    folder, order_no = used

    def missing() -> None:
        raise ImportError("printing.raster")

    opened = threading.Event()
    with started(qapp, folder, missing) as bench:
        bench.open(opened.set)
        keys(bench, slip_code(f"{order_no}01", 1))
        qtbot.waitUntil(opened.is_set, timeout=WAIT_MS)
        assert bench.core.packing.open_parcel_no() == f"{order_no}01"
        assert bench.window.bar.front is not None
