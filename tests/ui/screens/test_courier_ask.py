"""The rep asks the courier now, by a press; too early is no question, it is a time on the button (C48)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from app.core.tracking import NodeKind
from rehearsal.courier import Manners as Journey
from rehearsal.courier import Waybill
from rehearsal.kuaidi100 import Kuaidi100
from rehearsal.server import Manner, serving
from tests.helpers.hub import ADMIN, PASSWORD, TOML, RunningHub, a_channel_order, hub_in_thread
from tests.helpers.ports import held_port
from ui.present.story import StoryRow
from ui.screens.ops import OpsScreen
from ui.screens.service import ServiceScreen
from ui.station import Station
from ui.widgets.story_view import _entry_at

WAIT_MS = 20_000
NUMBER, COMPANY = "YT1234567890123", "yuantong"


class Hub:
    """What the stations' fixture asks of a hub; couriers are asked, none can push."""

    def __init__(self, running: RunningHub, source: Kuaidi100) -> None:
        self.running, self.source = running, source
        self.url = running.url

    def api(self, method: str, path: str, body: Any = None) -> Any:
        return self.running.admin().request(method, path, json=body).json()

    def code(self, kind: str) -> str:
        return str(self.api("POST", "/v1/pairing_codes", {"kind": kind, "warehouse": "main"})["code"])


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    source = Kuaidi100("c", "k")
    folder: Path = tmp_path_factory.mktemp("courier ask") / "中枢"
    with serving(source.app) as server, held_port() as nobody:
        toml = (
            f'{TOML}[[carrier]]\nconnector = "kuaidi100"\nbase_url = "{server.url}"\ncustomer = "c"\nkey = "k"\n'
            f'salt = "s"\ncallback_url = "http://127.0.0.1:{nobody}/"\n'
        )
        with hub_in_thread(folder, toml) as running:
            yield Hub(running, source)


def handed_over(hub: Hub, number: str, no: str) -> str:
    """The number of an order whose parcel has left with this waybill, and is watched."""
    order = hub.running.given(a_channel_order(no, lines=1))
    bench = hub.running.station("packing")
    for kind, body in (
        ("line_packed", {"line_no": 1, "qty": 1}),
        ("parcel_closed", {"weight_g": 500}),
        ("waybill_bound", {"waybill_no": number, "carrier": COMPANY}),
        ("handed_over", {"carrier": COMPANY}),
    ):
        assert bench.act(kind, order.order_no, f"{order.order_no}01", body=body).outcome == "applied"
    return order.order_no


def service_desk(qtbot: QtBot, station: Station, order_no: str) -> ServiceScreen:
    station.work.run(lambda: station.core.sign_in(ADMIN, PASSWORD))
    desk = station.desk
    assert isinstance(desk, ServiceScreen)
    qtbot.waitUntil(lambda: station.core.read.order(order_no) is not None, timeout=WAIT_MS)
    desk.show_order(order_no)
    return desk


def test_the_courier_is_asked_once_and_then_the_button_says_when_it_may_be_again(
    qtbot: QtBot, hub: Hub, open_station: Callable[[str], Station]
) -> None:
    hub.source.carry(Waybill(NUMBER, COMPANY), 3, Journey(pace_s=0.01, until=NodeKind.out_for_delivery))
    order_no = handed_over(hub, NUMBER, "K1")
    qtbot.waitUntil(lambda: NUMBER in hub.source.subscriptions, timeout=WAIT_MS)
    station = open_station("service")
    desk = service_desk(qtbot, station, order_no)
    button = desk.view.courier.button
    qtbot.waitUntil(lambda: button.isVisible() and button.isEnabled(), timeout=WAIT_MS)
    assert "催问快递" in button.words()
    button.click()
    qtbot.waitUntil(lambda: "已向快递查询" in station.window.bar.words(), timeout=WAIT_MS)
    qtbot.waitUntil(lambda: "后可再问" in button.words() and not button.isEnabled(), timeout=WAIT_MS)
    qtbot.waitUntil(lambda: bool(station.core.service.tracks(order_no)), timeout=WAIT_MS)
    assert len(hub.source.asked[NUMBER]) == 1 and hub.source.locked == [], "nobody got the account locked"

    a_way_of_nine_nodes_is_told_with_durations_and_its_raw_answers(qtbot, hub, station)


def a_way_of_nine_nodes_is_told_with_durations_and_its_raw_answers(
    qtbot: QtBot, hub: Hub, station: Station
) -> None:
    """TRK-06, at a window that is open already."""
    number, began = "YT1234567890124", datetime.now(UTC) - timedelta(hours=12)
    nodes = hub.source.carry(Waybill(number, COMPANY), 3, Journey(pace_s=3600), began)
    assert len(nodes) == 9
    order_no = handed_over(hub, number, "K2")
    qtbot.waitUntil(lambda: number in hub.source.subscriptions, timeout=WAIT_MS)
    assert hub.api("POST", f"/v1/parcels/{order_no}01/track")["new_nodes"] == 9
    desk = service_desk(qtbot, station, order_no)

    def told() -> list[StoryRow]:
        return [row for row in desk.view.story._entries if row.opens]

    qtbot.waitUntil(lambda: len(told()) == 9, timeout=WAIT_MS)
    steps = [(late.at - soon.at).total_seconds() for soon, late in pairwise(nodes)]
    assert [row.lasted_s for row in told()] == [*(pytest.approx(step, abs=1) for step in steps), None]
    at = 4
    touch(desk, told()[at])
    panel = desk.view.raw
    assert nodes[at].text in panel.words() and "收到时间" in panel.words() and "到下一步" in panel.words()
    panel.ask.click()
    qtbot.waitUntil(lambda: '"statusCode"' in panel.words(), timeout=WAIT_MS)
    raw = json.loads(panel.answer.toPlainText())
    assert raw["context"] == nodes[at].text, "the courier's own answer, of this node alone"


def test_a_courier_source_that_was_tested_is_asked_for_again_at_once(
    qtbot: QtBot, hub: Hub, open_station: Callable[[str], Station]
) -> None:
    """The ops desk shows what the test changed, and does not wait for its next round."""
    number = "YT1234567890126"
    hub.source.carry(Waybill(number, COMPANY), 3, Journey(pace_s=3600))
    order_no = handed_over(hub, number, "K3")
    qtbot.waitUntil(lambda: number in hub.source.subscriptions, timeout=WAIT_MS)
    station = open_station("ops")
    station.work.run(lambda: station.core.sign_in(ADMIN, PASSWORD))
    desk = station.desk
    assert isinstance(desk, OpsScreen)
    station.kit.ticker.tick.disconnect(desk._tick)  # no round by the clock: what comes now was asked for

    def state() -> str:
        return next((row.chip.state for row in desk.shown_shops if row.shop_id == "@kuaidi100"), "")

    hub.source.manners.often(Manner.throttled, one_in=1)
    try:
        assert hub.api("POST", f"/v1/parcels/{order_no}01/track")["trouble"] == "later"
        desk.ask()
        qtbot.waitUntil(lambda: state() == "wait", timeout=WAIT_MS)
    finally:
        hub.source.manners.good()
    desk.show_shop("@kuaidi100")
    qtbot.waitUntil(desk.shop.check.isEnabled, timeout=WAIT_MS)
    desk.shop.check.click()
    qtbot.waitUntil(lambda: "连接正常" in station.window.bar.words(), timeout=WAIT_MS)
    qtbot.waitUntil(lambda: state() == "ok", timeout=WAIT_MS)
    assert desk.shop._chip.words() == "正常"


def touch(desk: ServiceScreen, row: StoryRow) -> None:
    """A finger on this line of the story."""
    story = desk.view.story
    lines = (story.story.index(at) for at in range(story.story.rowCount()))
    index = next(line for line in lines if _entry_at(line) is row)
    story.scrollTo(index)
    QTest.mouseClick(story.viewport(), Qt.MouseButton.LeftButton, pos=story.visualRect(index).center())
