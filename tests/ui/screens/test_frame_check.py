"""A slip and a label before a real camera (a film): checked at the packing desk, in words, with a proof."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from benchmarks.frame_scene import FONT, label_paper, scene, slip_paper
from printing.raster import Studio
from rehearsal import shop
from tests.helpers.films import film
from tests.ui.screens.conftest import WAIT_MS
from ui.screens.packing import PackingScreen
from ui.station import Station

SKU = shop.item_rows()[0][0]


@pytest.fixture
def orders(new_order: Callable[..., str]) -> list[str]:
    return [new_order((SKU, 1)), new_order((SKU, 1))]


@pytest.fixture
def bench(open_station: Callable[..., Station], orders: list[str]) -> Station:
    return open_station("packing")


@pytest.fixture
def desk(bench: Station) -> PackingScreen:
    assert isinstance(bench.desk, PackingScreen)
    return bench.desk


def waybill(bench: Station, order_no: str) -> str:
    order = bench.core.read.order(order_no)
    assert order is not None
    return order.parcels[0].waybill_no


def show(
    qtbot: QtBot, bench: Station, desk: PackingScreen, slip: str, label: str, head: str, path: Path
) -> None:
    """Holds both papers before the camera until the bar says ``head``."""
    studio = Studio(FONT)
    papers = [slip_paper(studio, f"{slip}01"), label_paper(label)]
    film(path, [scene(papers, seed) for seed in range(4)])
    bench.sources().use_camera(True, str(path))
    try:
        qtbot.waitUntil(
            lambda: desk.scan_bar.view is not None and desk.scan_bar.view.head == head, timeout=WAIT_MS
        )
    finally:
        bench.sources().use_camera(False, str(path))
        for thread in threading.enumerate():
            if thread.name == "camera":
                thread.join(20)


def test_a_swapped_label_is_red_until_seen_to_and_the_right_pair_opens_its_parcel(
    qtbot: QtBot, bench: Station, desk: PackingScreen, orders: list[str], tmp_path: Path
) -> None:
    one, other = orders
    show(qtbot, bench, desk, one, waybill(bench, other), "单和面单不符", tmp_path / "swapped.avi")
    view = desk.scan_bar.view
    assert view is not None and view.state == "stop"
    assert one[-3:] in view.text and other[-3:] in view.text and waybill(bench, other) in view.text
    assert bench.core.packing.open_parcel_no() == ""
    proofs = bench.folder / "proofs"
    qtbot.waitUntil(lambda: proofs.is_dir() and len(list(proofs.iterdir())) >= 1, timeout=WAIT_MS)
    query = "SELECT scan_id, source FROM scan WHERE result = 'label_apart' ORDER BY n"
    kept = bench.core.outbox.run(lambda db: db.execute(query).fetchall()).result(20)
    qtbot.waitUntil(lambda: bench.core.proofs.picture(kept[0][0]) is not None, timeout=WAIT_MS)
    assert (
        kept[0][1].startswith("camera:") and (bench.core.proofs.picture(kept[0][0]) or b"")[:2] == b"\xff\xd8"
    )
    bench.scan(f"{one}01")
    assert bench.core.packing.open_parcel_no() == "", "nothing opens while it stands"
    qtbot.keyClick(bench.window, Qt.Key.Key_F9)
    assert not bench.core.packing.view().is_apart
    assert desk.scan_bar.view is not None and desk.scan_bar.view.head == "已确认"
    show(qtbot, bench, desk, one, waybill(bench, one), "已打开", tmp_path / "right.avi")
    assert bench.core.packing.open_parcel_no() == f"{one}01"
    mine = len(list(proofs.iterdir()))
    bench.sources().keep_all_proofs(True)
    show(qtbot, bench, desk, one, waybill(bench, one), "一致", tmp_path / "again.avi")
    qtbot.waitUntil(lambda: len(list(proofs.iterdir())) > mine, timeout=WAIT_MS)
