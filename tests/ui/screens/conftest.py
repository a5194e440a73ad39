"""One real hub for the windows' tests, with the sample shop's goods; stations joined to it over HTTP."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from app.station.core import StationCore
from rehearsal import shop
from tests.helpers.real_hub import RealHub, real_hub
from tests.helpers.ui_joint import PaperTray, joint
from ui.app import build_station
from ui.joint import Printers
from ui.screens.window import StationWindow
from ui.station import Station
from ui.widgets.alarm import AlarmSheet

WAIT_MS = 15_000

_ORDER_HEADINGS = (
    "channel_order_no",
    "paid_at",
    "consignee_name",
    "consignee_phone",
    "consignee_address",
    "sku_code",
    "title",
    "qty",
    "paid",
    "buyer_remark",
    "carrier",
    "waybill_no",
)


@pytest.fixture(scope="session")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealHub]:
    with real_hub(tmp_path_factory.mktemp("ui hub") / "中枢") as made:
        made.take("items", shop.ITEM_HEADINGS, shop.item_rows())
        yield made


@pytest.fixture(scope="session")
def new_order(hub: RealHub) -> Callable[..., str]:
    """Brings one order in and gives its number: ``new_order((sku, qty), ..., remark="")``."""
    count = itertools.count(1)

    def make(*lines: tuple[str, int], remark: str = "", name: str = "林小明") -> str:
        n = next(count)
        channel_no = f"26112148359{n:08d}"
        buyer = ("2026-11-21 10:00:00", name, f"1831234{7000 + n:04d}", "浙江省杭州市西湖区文三路1号")
        parcel = (remark, "zhongtong", f"7812{n:010d}")
        rows = [
            (channel_no, *buyer, sku, f"{sku} 商品", qty, "10.00" if at == 0 else "", *parcel)
            for at, (sku, qty) in enumerate(lines)
        ]
        hub.take("orders", _ORDER_HEADINGS, rows)
        found = hub.api("GET", f"/v1/orders?q={channel_no}")["orders"]
        return str(found[0]["order_no"])

    return make


@pytest.fixture
def open_station(
    qapp: QApplication, qtbot: QtBot, hub: RealHub, tmp_path: Path
) -> Iterator[Callable[..., Station]]:
    """A joined station of a kind, its window shown, its copy up to date."""
    made: list[Station] = []

    def make(
        kind: str, printers: Callable[[StationCore], Printers] = PaperTray, *, kiosk: bool = False
    ) -> Station:
        folder = tmp_path / f"工位 {len(made)}"
        station = build_station(qapp, joint(printers=printers), kind, folder, lang="zh", kiosk=kiosk)
        made.append(station)
        code = hub.code(kind)
        station.open()
        station.work.run(lambda: station.core.pair(hub.url, code, f"{kind} {len(made)}"))
        head = hub.api("GET", "/healthz")["seq"]
        qtbot.waitUntil(lambda: station.core.cache.shown.seq >= head, timeout=WAIT_MS)
        qtbot.waitUntil(lambda: station.desk is not None, timeout=WAIT_MS)
        with qtbot.waitActive(station.window, timeout=WAIT_MS):
            station.window.activateWindow()
        return station

    yield make
    for station in made:
        station.close()


def put_to_rest(qtbot: QtBot, station: Station) -> None:
    """Nothing works in the background of this station any more: what a test does to its files stays as it is."""
    for loop in station._loops:
        loop.stop()
    heard: list[None] = []

    async def hear() -> None:
        """What was asked of the background before has been done there."""

    station.work.run(hear, heard.append)
    qtbot.waitUntil(lambda: bool(heard), timeout=WAIT_MS)
    tasks = [loop._task for loop in station._loops if loop._task is not None]
    qtbot.waitUntil(lambda: all(task.done() for task in tasks), timeout=WAIT_MS)


class _Strays(QObject):
    """Remembers every widget that was shown as a window of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Show and isinstance(watched, QWidget) and watched.isWindow():
            known = isinstance(watched, StationWindow | AlarmSheet)
            popup = watched.windowFlags() & Qt.WindowType.Popup == Qt.WindowType.Popup
            if not known and not popup:
                self.seen.append(type(watched).__name__)
        return False


@pytest.fixture(autouse=True)
def _no_stray_windows(qapp: QApplication) -> Iterator[None]:
    """Regression: a row shown before it had a parent was a window for a moment and took the keys away.

    The picture of a second kind of goods did that; after it F4 closed nothing any more.
    """
    strays = _Strays()
    qapp.installEventFilter(strays)
    yield
    qapp.removeEventFilter(strays)
    assert strays.seen == []
