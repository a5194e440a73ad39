"""The rep asks the courier now, by a press; too early is no question, it is a time on the button (C48)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from app.core.tracking import NodeKind
from rehearsal.courier import Manners as Journey
from rehearsal.courier import Waybill
from rehearsal.kuaidi100 import Kuaidi100
from rehearsal.server import serving
from tests.helpers.hub import ADMIN, PASSWORD, TOML, RunningHub, a_channel_order, hub_in_thread
from tests.helpers.ports import held_port
from ui.app import Station
from ui.screens.service import ServiceScreen

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


def test_the_courier_is_asked_once_and_then_the_button_says_when_it_may_be_again(
    qtbot: QtBot, hub: Hub, open_station: Callable[[str], Station]
) -> None:
    hub.source.carry(Waybill(NUMBER, COMPANY), 3, Journey(pace_s=0.01, until=NodeKind.out_for_delivery))
    order = hub.running.given(a_channel_order("K1", lines=1))
    bench = hub.running.station("packing")
    for kind, body in (
        ("line_packed", {"line_no": 1, "qty": 1}),
        ("parcel_closed", {"weight_g": 500}),
        ("waybill_bound", {"waybill_no": NUMBER, "carrier": COMPANY}),
        ("handed_over", {"carrier": COMPANY}),
    ):
        assert bench.act(kind, order.order_no, f"{order.order_no}01", body=body).outcome == "applied"
    qtbot.waitUntil(lambda: NUMBER in hub.source.subscriptions, timeout=WAIT_MS)
    station = open_station("service")
    station.work.run(lambda: station.core.sign_in(ADMIN, PASSWORD))
    desk = station.desk
    assert isinstance(desk, ServiceScreen)
    qtbot.waitUntil(lambda: station.core.read.order(order.order_no) is not None, timeout=WAIT_MS)
    desk.show_order(order.order_no)
    button = desk.view.courier.button
    qtbot.waitUntil(lambda: button.isVisible() and button.isEnabled(), timeout=WAIT_MS)
    assert "催问快递" in button.words()
    button.click()
    qtbot.waitUntil(lambda: "已向快递查询" in station.window.bar.words(), timeout=WAIT_MS)
    qtbot.waitUntil(lambda: "后可再问" in button.words() and not button.isEnabled(), timeout=WAIT_MS)
    qtbot.waitUntil(lambda: bool(station.core.service.tracks(order.order_no)), timeout=WAIT_MS)
    assert len(hub.source.asked[NUMBER]) == 1 and hub.source.locked == [], "nobody got the account locked"
