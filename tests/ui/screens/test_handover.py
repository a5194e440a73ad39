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
    no = f"{order_no}01"
    bench.scan(slip_code(no, 1))
    qtbot.waitUntil(lambda: bench.core.leases.is_valid(no), timeout=WAIT_MS)
    qtbot.waitUntil(lambda: bench.core.packing.view().parcel is not None, timeout=WAIT_MS)
    bench.scan(CODE)
    qtbot.waitUntil(lambda: _packed(bench, order_no) == 1, timeout=WAIT_MS)
    desk._close_button.click()
    qtbot.waitUntil(lambda: bench.core.packing.view().parcel is None, timeout=WAIT_MS)
    desk._handover_button.click()
    card = desk._handover.van
    qtbot.waitUntil(lambda: bench.core.leases.is_valid(no, "handover"), timeout=WAIT_MS)
    qtbot.waitUntil(lambda: card.title.words().startswith("万一中枢断开，本台还能交接 "), timeout=WAIT_MS)
    put_to_rest(qtbot, bench)  # or the next word of the hub says that it is there
    # the hub is shared: boxes that others closed for the same courier may have been leased before ours was known here
    may_go = bench.core.packing.van().may_go
    card.refresh()
    qtbot.waitUntil(
        lambda: card.title.words() == f"万一中枢断开，本台还能交接 {may_go} 个包裹", timeout=WAIT_MS
    )
    bench.core.status.lost(bench.room.now())
    card.refresh()
    qtbot.waitUntil(lambda: card.title.words() == f"中枢断开，本台还能交接 {may_go} 个包裹", timeout=WAIT_MS)
    bench.kit.i18n.toggle()
    qtbot.waitUntil(lambda: "may still be handed over" in card.title.words(), timeout=WAIT_MS)
    bench.kit.i18n.toggle()


def _packed(bench: Station, order_no: str) -> int:
    """Units of the order in its box, as the bench shows them."""
    order = bench.core.read.order(order_no)
    return sum(line.qty_packed for parcel in order.parcels for line in parcel.lines) if order else 0
