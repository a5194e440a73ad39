"""The hand-over screen says how many boxes may leave while the hub is away, and why others must wait."""

from __future__ import annotations

from collections.abc import Callable

from pytestqt.qtbot import QtBot

from app.core.qr import slip_code
from rehearsal import shop
from tests.helpers.real_hub import RealHub
from tests.ui.screens.conftest import put_to_rest
from ui.screens.packing import PackingScreen
from ui.station import Station

WAIT_MS = 20_000
SKU, CODE = next((good.sku_code, shop.barcode(good)) for good in shop.GOODS)


def test_what_the_bench_closed_may_leave_without_the_hub_and_the_screen_says_so(
    qtbot: QtBot, hub: RealHub, open_station: Callable[..., Station], new_order: Callable[..., str]
) -> None:
    order_no = new_order((SKU, 1))
    bench = open_station("packing")
    desk = bench.desk
    assert isinstance(desk, PackingScreen)
    qtbot.waitUntil(lambda: bench.core.read.order(order_no) is not None, timeout=WAIT_MS)
    bench.scan(slip_code(f"{order_no}01", 1))
    qtbot.waitUntil(lambda: bench.core.leases.is_valid(f"{order_no}01"), timeout=WAIT_MS)
    bench.scan(CODE)
    desk._close_button.click()
    qtbot.waitUntil(lambda: bench.core.packing.view().parcel is None, timeout=WAIT_MS)
    desk._handover_button.click()
    card = desk._handover.van
    qtbot.waitUntil(lambda: card.title.words() == "万一中枢断开，本台还能交接 1 个包裹", timeout=WAIT_MS)
    put_to_rest(qtbot, bench)  # or the next word of the hub says that it is there
    bench.core.status.lost(bench.room.now())
    card.refresh()
    qtbot.waitUntil(lambda: card.title.words() == "中枢断开，本台还能交接 1 个包裹", timeout=WAIT_MS)
    bench.kit.i18n.toggle()
    qtbot.waitUntil(lambda: "may still be handed over" in card.title.words(), timeout=WAIT_MS)
    bench.kit.i18n.toggle()
