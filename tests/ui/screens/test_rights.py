"""Buttons follow the role as the hub tells it; a code can be bound to its goods, an order held, a box put aside."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from app.core.acts import ActKind
from app.core.qr import slip_code
from rehearsal import shop
from tests.helpers.real_hub import RealHub, this_moment
from ui.screens.packing import PackingScreen
from ui.screens.service import ServiceScreen
from ui.screens.supervisor import SupervisorScreen
from ui.station import Station

WAIT_MS = 15_000
GOODS = {good.sku_code: shop.barcode(good) for good in shop.GOODS}
FIRST, SECOND = list(GOODS)[:2]
OpenStation = Callable[..., Station]
NewOrder = Callable[..., str]
_PASSWORD = "some-pass-1"


def _person(hub: RealHub, name: str, role: str) -> None:
    if all(user["name"] != name for user in hub.api("GET", "/v1/users")["users"]):
        hub.api("POST", "/v1/users", {"name": name, "role": role, "password": _PASSWORD})


def _signs_on(qtbot: QtBot, station: Station, name: str) -> None:
    station.work.run(lambda: station.core.sign_in(name, _PASSWORD))
    qtbot.waitUntil(lambda: station.window.foot.person.words() == name, timeout=WAIT_MS)


def _strip(station: Station) -> str:
    return " | ".join(str(item.text) for item in station.window.foot.strip.items())


def test_what_a_role_may_not_do_is_off_with_its_reason(
    qtbot: QtBot, hub: RealHub, open_station: OpenStation, new_order: NewOrder
) -> None:
    _person(hub, "小包", "packer")
    _person(hub, "客服 阿丽", "cs_rep")
    order_no = new_order((FIRST, 1))
    station = open_station("service")
    desk = station.desk
    assert isinstance(desk, ServiceScreen)
    qtbot.waitUntil(lambda: station.core.read.order(order_no) is not None, timeout=WAIT_MS)
    desk.show_order(order_no)
    acts = desk.view.acts
    qtbot.waitUntil(lambda: station.core.rights.acts is not None, timeout=WAIT_MS)
    assert acts.cancel.isEnabled() and acts.cancel.toolTip() == ""

    _signs_on(qtbot, station, "小包")
    qtbot.waitUntil(lambda: not acts.cancel.isEnabled(), timeout=WAIT_MS)
    assert "小包（拣货/打包员）没有这个权限" in acts.cancel.toolTip()
    assert not acts.hold.isEnabled() and not acts.rush.isEnabled()
    qtbot.waitUntil(lambda: "拣货/打包员在这里只能查看" in _strip(station), timeout=WAIT_MS)
    station.kit.i18n.toggle()
    assert "may not do this" in acts.cancel.toolTip()
    station.kit.i18n.toggle()

    _signs_on(qtbot, station, "客服 阿丽")
    qtbot.waitUntil(acts.cancel.isEnabled, timeout=WAIT_MS)
    assert acts.cancel.toolTip() == ""
    qtbot.waitUntil(lambda: "只能查看" not in _strip(station), timeout=WAIT_MS)


def test_a_session_the_hub_ends_is_said_and_the_bench_works_on(
    qtbot: QtBot, hub: RealHub, open_station: OpenStation
) -> None:
    _person(hub, "客服 短时", "cs_rep")
    bench = open_station("packing")
    desk = bench.desk
    assert isinstance(desk, PackingScreen)
    _signs_on(qtbot, bench, "客服 短时")
    qtbot.waitUntil(lambda: "没有这个权限" in desk._print_button.toolTip(), timeout=WAIT_MS)
    assert not desk._handover_button.isEnabled()
    hub.api("POST", f"/v1/users/{quote('客服 短时')}/role", {"role": "finance"})
    watch = next(engine for engine in bench.core.engines() if engine.name == "rights")
    bench.work.run(lambda: watch.step(bench.room.now()))
    qtbot.waitUntil(lambda: bench.core.person == "", timeout=WAIT_MS)
    qtbot.waitUntil(lambda: "登录已结束" in bench.window.bar.words(), timeout=WAIT_MS)
    qtbot.waitUntil(desk._handover_button.isEnabled, timeout=WAIT_MS)


def test_an_unknown_code_is_bound_to_the_goods_the_packer_touches(
    qtbot: QtBot, hub: RealHub, open_station: OpenStation, new_order: NewOrder
) -> None:
    order_no = new_order((FIRST, 1), (SECOND, 2))
    bench = open_station("packing")
    desk = bench.desk
    assert isinstance(desk, PackingScreen)
    qtbot.waitUntil(lambda: bench.core.read.order(order_no) is not None, timeout=WAIT_MS)
    bench.scan("X-NEU-0815")
    assert desk.scan_bar.offer.isHidden(), "with nothing open there is nothing to bind it to"
    bench.scan(slip_code(f"{order_no}01", 1))
    bench.scan("X-NEU-0815")
    assert desk.scan_bar.view is not None and desk.scan_bar.view.head == "不认识的条码"
    assert desk.scan_bar.offer.isVisible() and not desk.board.hero.pick.isVisible()

    handle = bench.window.windowHandle()
    assert handle is not None
    QTest.keyClick(handle, Qt.Key.Key_F12)
    assert desk.board.hero.pick.isVisible()
    assert "X-NEU-0815" in desk._which.words()
    second = desk.board.lines._rows[0]
    second.pick.click()
    assert desk.scan_bar.view.state == "ok" or desk.scan_bar.view.head == "正确"
    assert not desk.board.hero.pick.isVisible() and desk.scan_bar.offer.isHidden()
    qtbot.wait(320)
    bench.scan("X-NEU-0815")
    assert desk.scan_bar.view.head == "正确"
    order = bench.core.read.order(order_no)
    assert order is not None and [line.qty_packed for line in order.parcels[0].lines] == [0, 2]

    bench.scan("X-NEU-9999")
    desk.scan_bar.offer.click()
    assert desk.board.hero.pick.isVisible()
    bench.scan(GOODS[FIRST])
    assert not desk.board.hero.pick.isVisible(), "the next scan goes before the question"
    desk._aside_button.click()
    assert bench.core.packing.view().parcel is None and not desk._aside_button.isEnabled()


def test_the_supervisor_finds_an_order_and_holds_it(
    qtbot: QtBot, open_station: OpenStation, new_order: NewOrder
) -> None:
    order_no = new_order((FIRST, 1))
    station = open_station("supervisor")
    desk = station.desk
    assert isinstance(desk, SupervisorScreen)
    qtbot.waitUntil(lambda: station.core.read.order(order_no) is not None, timeout=WAIT_MS)
    qtbot.waitUntil(lambda: bool(station.core.read.search(order_no, 2)), timeout=WAIT_MS)
    desk.look_up(order_no)
    assert desk.order.shown_order == order_no
    acts = desk.order.view.acts
    acts.hold.click()
    acts.choose("stock", "等补货")
    acts.send.click()
    qtbot.waitUntil(lambda: any(row.order_no == order_no for row in desk.shown_stops), timeout=WAIT_MS)
    qtbot.waitUntil(desk.stops.isVisible, timeout=WAIT_MS)
    desk.look_up(order_no)
    assert desk.order.shown_order == ""
    assert "等补货" in desk.stops.panel._number.words()


def test_a_closed_box_is_put_aside_and_counts_as_stopped(
    qtbot: QtBot, hub: RealHub, open_station: OpenStation, new_order: NewOrder
) -> None:
    order_no = new_order((FIRST, 1))
    parcel_no = f"{order_no}01"
    bodies = (
        (ActKind.opened, {}),
        (ActKind.line_packed, {"line_no": 1}),
        (ActKind.parcel_closed, {}),
        (ActKind.cancel, {"reason": "buyer"}),
    )
    for kind, body in bodies:
        act = {"act_id": f"{kind}-{order_no}", "kind": kind.value, "order_no": order_no, "body": body}
        act |= {"made_at": this_moment()}
        act |= {} if kind is ActKind.cancel else {"parcel_no": parcel_no}
        [receipt] = hub.api("POST", "/v1/acts", [act])
        assert receipt["outcome"] == "applied", receipt
    station = open_station("supervisor")
    desk = station.desk
    assert isinstance(desk, SupervisorScreen)
    qtbot.waitUntil(lambda: any(row.order_no == order_no for row in desk.shown_stops), timeout=WAIT_MS)
    desk.stops.choose_order(order_no)
    panel = desk.stops.panel
    assert "已封箱" in panel._advice.words() and panel.buttons["pulled"].isVisible()
    panel.buttons["pulled"].click()
    assert panel.send.isEnabled(), "words are welcome but not needed"
    panel.send.click()
    told = f"/v1/orders/{order_no}"
    qtbot.waitUntil(
        lambda: hub.api("GET", told)["parcels"][0]["intercept_result"] == "stopped", timeout=WAIT_MS
    )
    qtbot.waitUntil(lambda: not panel.buttons["pulled"].isVisible(), timeout=WAIT_MS)
