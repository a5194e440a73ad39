"""C51, PCK-03 at the supervisor's desk: a scan opens the order, and a stop comes before what somebody looks at."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from app.core.qr import slip_code
from rehearsal import shop
from rehearsal.processes import call
from tests.helpers.real_hub import RealHub, this_moment
from tests.ui.screens.test_desks import scan
from ui.screens.supervisor import SupervisorScreen
from ui.station import Station

WAIT_MS = 15_000
SKU = shop.GOODS[0].sku_code


def test_a_scan_opens_an_order_that_nothing_stops_until_a_stop_comes(
    qtbot: QtBot, hub: RealHub, open_station: Callable[[str], Station], new_order: Callable[..., str]
) -> None:
    looked_at, stopped = new_order((SKU, 1)), new_order((SKU, 1))
    station = open_station("supervisor")
    desk = station.desk
    assert isinstance(desk, SupervisorScreen)
    qtbot.waitUntil(lambda: station.core.read.order(stopped) is not None, timeout=WAIT_MS)

    scan(qtbot, station, slip_code(f"{looked_at}01", 1))
    assert desk.order.shown_order == looked_at
    assert looked_at in desk.order.view.fields.words()
    assert "¥" not in desk.order.view.fields.words(), "the floor is told no sums, and 0 would be untrue"
    acts = desk.order.view.acts
    assert acts.hold.isVisible() and acts.rush.isVisible()
    assert not acts.cancel.isVisible() and not acts.remark.isVisible(), "those are the service desk's"
    handle = station.window.windowHandle()
    assert handle is not None
    QTest.keyClick(handle, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: desk.order.shown_order == "" and desk.stops.isVisible(), timeout=WAIT_MS)

    scan(qtbot, station, f"{looked_at}01")
    assert desk.order.shown_order == looked_at
    hub.cancel(stopped, f"cancel-{stopped}", this_moment(), reason="buyer")
    qtbot.waitUntil(lambda: any(r.order_no == stopped for r in desk.shown_stops), timeout=WAIT_MS)
    qtbot.waitUntil(lambda: desk.order.shown_order == "" and desk.stops.isVisible(), timeout=WAIT_MS)
    scan(qtbot, station, stopped)
    assert desk.order.shown_order == "", "a stopped one is shown among the stops"

    scan(qtbot, station, "NOBODYS-CODE-1")
    assert desk.order.shown_order == ""
    assert "NOBODYS-CODE-1" in station.window.bar.words()


def a_bench_holds(hub: RealHub, parcel_no: str) -> None:
    """Another bench begins this parcel: a cancel of it is then the most pressing of all."""
    joined = call(hub.url, "POST", "/v1/stations", {"code": hub.code("packing"), "name": "别的台"})
    asked = {"parcel_nos": [parcel_no], "step": "print"}
    [lease] = call(hub.url, "POST", "/v1/leases", asked, token=joined["token"])
    assert lease["granted"], lease


def moves_over(widget: QWidget) -> None:
    """A pointer moves over it, at once: QTest would turn the event loop before the widget heard of it."""
    at = QPointF(widget.rect().center())
    none = Qt.MouseButton.NoButton
    move = QMouseEvent(
        QEvent.Type.MouseMove,
        at,
        widget.mapToGlobal(at),
        none,
        none,
        Qt.KeyboardModifier.NoModifier,
    )
    QApplication.sendEvent(widget, move)


def test_no_row_moves_while_a_finger_is_over_the_stops(
    qtbot: QtBot, hub: RealHub, open_station: Callable[[str], Station], new_order: Callable[..., str]
) -> None:
    """A cancel is more pressing than a hold and belongs above it: but not while somebody is about to touch the hold."""
    held, cancelled = new_order((SKU, 1)), new_order((SKU, 1))
    station = open_station("supervisor")
    desk = station.desk
    assert isinstance(desk, SupervisorScreen)
    qtbot.waitUntil(lambda: station.core.read.order(cancelled) is not None, timeout=WAIT_MS)
    act = {"act_id": f"hold-{held}", "kind": "hold", "order_no": held, "made_at": this_moment()}
    hub.api("POST", "/v1/acts", [{**act, "body": {"reason": "address", "note": ""}}])

    def order_nos() -> list[str]:
        return [row.order_no for row in desk.shown_stops]

    qtbot.waitUntil(lambda: held in order_nos(), timeout=WAIT_MS)
    desk._hold.rest_for(60_000)  # however long a busy machine takes, the finger is still there
    moves_over(desk.stops.list.viewport())
    before = order_nos()
    a_bench_holds(hub, f"{cancelled}01")
    hub.cancel(cancelled, f"cancel-{cancelled}", this_moment(), reason="buyer")
    qtbot.waitUntil(lambda: cancelled in order_nos(), timeout=WAIT_MS)
    shown = order_nos()
    assert shown[: len(before)] == before, "all else stays where it was"
    assert shown.index(cancelled) >= len(before), "what comes stands behind"
    desk._hold.rest_for(0)
    # what others left stopped at this hub may stand higher still
    qtbot.waitUntil(lambda: order_nos().index(cancelled) < order_nos().index(held), timeout=WAIT_MS)
    release = {**act, "act_id": f"free-{held}", "kind": "release"}
    hub.api("POST", "/v1/acts", [{**release, "body": {"stop_id": f"hold-{held}", "note": "买家补了"}}])
    qtbot.waitUntil(lambda: held not in order_nos(), timeout=WAIT_MS)
