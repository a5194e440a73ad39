"""What a packer and a rep are promised at their own windows, in pixels: FRZ-05, TRK-14, C20, D5."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from PySide6.QtCore import QPoint, QRect
from PySide6.QtGui import QColor
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QLabel, QWidget
from pytestqt.qtbot import QtBot

from app.core.qr import slip_code
from app.core.tracking import NodeKind
from rehearsal import shop
from rehearsal.courier import Node
from tests.helpers.real_hub import RealHub, this_moment
from tests.ui.screens.test_desks import packing, scan, waits
from ui.screens.service import ServiceScreen
from ui.station import Station

WAIT_MS = 15_000
FIRST, SECOND = (good.sku_code for good in shop.GOODS[:2])
OpenStation = Callable[[str], Station]
NewOrder = Callable[..., str]
_ids = itertools.count(1)


def act(hub: RealHub, kind: str, order_no: str, parcel_no: str | None = None, **body: Any) -> None:
    told = {
        "act_id": f"rows-{next(_ids)}-{order_no}",
        "kind": kind,
        "order_no": order_no,
        "made_at": this_moment(),
        "body": body,
    }
    [receipt] = hub.api("POST", "/v1/acts", [told | ({"parcel_no": parcel_no} if parcel_no else {})])
    assert receipt["outcome"] == "applied", receipt


def is_red(colour: QColor) -> bool:
    return colour.red() > 110 and colour.green() < 70 and colour.blue() < 70


def test_the_whole_window_is_red_and_heard_until_acknowledged(
    qtbot: QtBot, hub: RealHub, open_station: OpenStation, new_order: NewOrder
) -> None:
    """FRZ-05: red over the full width, the sentence with its number, the alarm sounding, nothing else answering.

    That there is no loudspeaker here changes nothing; what is heard where there is one: tests/ui/test_sounds.py.
    """
    order_no = new_order((FIRST, 2))
    bench = open_station("packing")
    desk = packing(bench)
    qtbot.waitUntil(waits(bench, order_no), timeout=WAIT_MS)
    scan(qtbot, bench, slip_code(f"{order_no}01", 1))
    qtbot.waitUntil(lambda: bench.core.leases.is_valid(f"{order_no}01"), timeout=WAIT_MS)

    hub.cancel(order_no, f"cancel-{order_no}", this_moment(), reason="buyer")
    qtbot.waitUntil(lambda: bench.alarm.active is not None, timeout=WAIT_MS)
    assert bench.player.alarming
    [sheet] = bench.alarm.sheets()
    assert f"订单 {order_no} 已取消，请停手！" in sheet.words()
    assert QRect(sheet.mapToGlobal(QPoint(0, 0)), sheet.size()).contains(
        QRect(bench.window.mapToGlobal(QPoint(0, 0)), bench.window.size())
    )
    shown = sheet.grab().toImage()
    across = [shown.pixelColor(x, 4) for x in range(2, shown.width() - 2, 50)]
    assert all(is_red(colour) for colour in across), [c.name() for c in across]
    before = desk.scan_bar.view
    scan(qtbot, bench, FIRST)
    assert bench.alarm.active is not None and bench.player.alarming
    order = bench.core.read.order(order_no)
    assert order is not None and order.parcels[0].qty_packed == 0
    assert before is not None


def test_one_screen_tells_every_own_step_from_the_copy(
    qtbot: QtBot, hub: RealHub, open_station: OpenStation, new_order: NewOrder
) -> None:
    """TRK-14: payment, release, slip, packing, closing, hand-over, the courier, after-sales, stops and alarms; by
    order number, waybill and the tail of the phone; the hub is not asked."""
    other, order_no = new_order((FIRST, 1)), new_order((FIRST, 1), (SECOND, 1), name="欧阳海棠")
    body = hub.api("GET", f"/v1/orders/{order_no}")
    parcel_no, waybill_no = body["parcels"][0]["parcel_no"], body["parcels"][0]["waybill_no"]
    act(hub, "hold", order_no, reason="address", note="门牌号不全")
    stop_id = hub.api("GET", f"/v1/orders/{order_no}")["stops"][0]["stop_id"]
    act(hub, "release", order_no, stop_id=stop_id, note="已补全")
    act(hub, "slip_printed", order_no, parcel_no, job_key="k")
    act(hub, "opened", order_no, parcel_no)
    act(hub, "line_packed", order_no, parcel_no, line_no=1)
    act(hub, "line_packed", order_no, parcel_no, line_no=2)
    act(hub, "parcel_closed", order_no, parcel_no)
    act(hub, "handed_over", order_no, parcel_no)
    act(hub, "marked_abnormal", order_no, parcel_no, reason="damaged", note="外箱破损")
    hub.courier_says(waybill_no, Node(datetime.now(UTC), NodeKind.picked_up, "【杭州】快递员已揽收", "杭州"))
    act(hub, "cancel", order_no, reason="buyer", note="买家不要了")
    station = open_station("service")
    desk = station.desk
    assert isinstance(desk, ServiceScreen)
    whole = {"marked_abnormal", "track_node", "cancel_asked"}
    qtbot.waitUntil(lambda: whole <= set(_kinds(station, order_no)), timeout=WAIT_MS)
    qtbot.waitUntil(lambda: not station.core.cache.index_some(1), timeout=WAIT_MS)
    station.core.bench.hub = None  # whatever is asked of it now would fail
    for asked in (order_no, waybill_no, f"{order_no}01", body["consignee"]["phone"][-4:]):
        desk.show_order(other)
        desk.search.setText(asked)
        desk.search.returnPressed.emit()
        assert desk.shown_order == order_no, asked
    lines = desk.view.story.model()
    story = [str(lines.index(n, 0).data()) for n in range(lines.rowCount())]
    for step in (
        *("收到订单", "审核放行", "设置停止标记", "解除停止标记", "打印拣货单", "打开包裹"),
        *("扫码装入", "封箱完成", "已交接给快递", "标记异常", "已揽收", "取消"),
    ):
        assert any(step in line for line in story), (step, story)
    [paid] = [line for line in desk.view.fields.words().splitlines() if line.startswith("付款时间: ")]
    assert any(c.isdigit() for c in paid), paid


def _kinds(station: Station, order_no: str) -> list[str]:
    return [line.kind for line in station.core.service.story(order_no)]


def test_what_may_go_out_is_one_answer_shown_with_its_parts(
    qtbot: QtBot, hub: RealHub, open_station: OpenStation, new_order: NewOrder
) -> None:
    """C20: paid, our state, the refund and the stops, each by itself."""
    order_no = new_order((FIRST, 1))
    station = open_station("service")
    desk = station.desk
    assert isinstance(desk, ServiceScreen)
    qtbot.waitUntil(waits(station, order_no), timeout=WAIT_MS)
    desk.show_order(order_no)
    assert _may_go(desk) == ("可以发货", ["付款", "订单状态", "退款", "停止标记"])
    act(hub, "hold", order_no, reason="risk")
    qtbot.waitUntil(lambda: _may_go(desk)[0] == "不能发货", timeout=WAIT_MS)
    order = station.core.read.order(order_no)
    assert order is not None
    assert {part.name: part.ok for part in order.may_go.parts} == {
        "paid": True,
        "order_state": True,
        "refund_state": True,
        "stops": False,
    }


def _may_go(desk: ServiceScreen) -> tuple[str, list[str]]:
    answer, *parts = desk.view.head.may_go()
    return answer, parts


@pytest.mark.parametrize("kind", ["packing", "supervisor", "service", "ops"])
def test_every_desk_fits_the_smallest_screen(
    qtbot: QtBot, open_station: OpenStation, new_order: NewOrder, kind: str
) -> None:
    """D5: 1366 x 768 at 125 % leaves 1093 x 614; nothing people press or read lies outside, in either language."""
    order_no = new_order((FIRST, 2), (SECOND, 1), remark="请尽快发货，生日礼物！不要放价格单。" * 3)
    station = open_station(kind)
    qtbot.waitUntil(waits(station, order_no), timeout=WAIT_MS)
    scan(qtbot, station, slip_code(f"{order_no}01", 1))
    station.window.resize(1093, 614)
    for lang in ("zh", "en"):
        station.kit.i18n.switch(lang)
        QTest.qWait(300)
        assert not _outside(station), lang


def _outside(station: Station) -> list[str]:
    assert (station.window.width(), station.window.height()) == (1093, 614), "it can be made as small"
    window = QRect(0, 0, 1093, 614)
    return [
        f"{type(w).__name__} {_words(w)!r} {_place(w, station.window)}"
        for w in station.window.findChildren(QWidget)
        if isinstance(w, QAbstractButton | QLabel)
        and w.isVisible()
        and not w.visibleRegion().isEmpty()
        and not window.contains(_place(w, station.window))
        and not _scrolls(w)
    ]


def _words(widget: QWidget) -> str:
    text = getattr(widget, "words", None) or getattr(widget, "text", None)
    return str(text()) if callable(text) else ""


def _place(widget: QWidget, window: QWidget) -> QRect:
    return QRect(widget.mapTo(window, QPoint(0, 0)), widget.size())


def _scrolls(widget: QWidget) -> bool:
    """Inside a list or page that is scrolled."""
    parent = widget.parentWidget()
    while parent is not None:
        if parent.objectName() == "qt_scrollarea_viewport":
            return True
        parent = parent.parentWidget()
    return False
