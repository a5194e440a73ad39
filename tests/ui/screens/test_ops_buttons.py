"""What is done at the ops desk, by its buttons, against a hub and a scripted platform over HTTP: compare, bring in,
try again, tell again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from pytestqt.qtbot import QtBot

from hub.orders.results import View
from tests.helpers.hub import ADMIN, PASSWORD, TOML, RunningHub, hub_in_thread
from tests.helpers.platform import Platform, an_event, folders, platform_serving, toml_of
from ui.screens.ops import OpsScreen
from ui.screens.packing import PackingScreen
from ui.station import Station

WAIT_MS = 20_000


@dataclass
class Hub:
    """What the stations' fixture asks of a hub, and its one shop's platform."""

    running: RunningHub
    platform: Platform

    @property
    def url(self) -> str:
        return self.running.url

    def api(self, method: str, path: str, body: Any = None) -> Any:
        return self.running.admin().request(method, path, json=body).json()

    def code(self, kind: str) -> str:
        return str(self.api("POST", "/v1/pairing_codes", {"kind": kind, "warehouse": "main"})["code"])

    def push(self, *events: dict[str, Any]) -> None:
        raw, headers = self.platform.push(*events)
        assert (
            self.running.client().post("/v1/webhooks/shop-1", content=raw, headers=headers).status_code == 200
        )

    def orders(self) -> list[str]:
        found = self.api("GET", "/v1/orders?q=")["orders"]
        return sorted(order["channel_order_no"] for order in found)

    def parcels(self, no: str) -> list[str]:
        """The numbers of an order's parcels; none while the order is not here."""
        found = self.api("GET", f"/v1/orders?q={no}")["orders"]
        return [p["parcel_no"] for one in found if one["channel_order_no"] == no for p in one["parcels"]]

    def leave(self, no: str) -> None:
        """The order is packed and handed over."""
        self.push(an_event(f"e-{no}", no))
        [order] = self.running.do(_here(self, no))
        bench = self.running.station("packing", name=f"台 {no}")
        parcel_no = order["parcels"][0]["parcel_no"]
        for kind, body in (
            ("waybill_bound", {"waybill_no": f"SF-{no}", "carrier": "shunfeng"}),
            ("line_packed", {"line_no": 1, "qty": 1}),
            ("parcel_closed", {}),
            ("handed_over", {}),
        ):
            assert bench.act(kind, order["order_no"], parcel_no, body=body).outcome == "applied"


async def _here(hub: Hub, no: str) -> list[dict[str, Any]]:
    line = hub.running.app.doors.line
    assert line is not None
    await line.fetches.fetch("shop-1", no)
    lookup = hub.running.app.doors.orders.lookup
    return [dict(msgspec.to_builtins(order)) for order in lookup.orders(no, View(scope="all")).orders]


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    folder = tmp_path_factory.mktemp("ops buttons") / "中枢"
    with platform_serving() as platform:
        toml = TOML + toml_of(platform)
        with hub_in_thread(folder, toml, folders=folders) as running:
            made = Hub(running, platform)
            end = time.monotonic() + WAIT_MS / 1000
            while not made.api("GET", "/v1/shops")["shops"][0]["health"]["last_good_at"]:
                assert time.monotonic() < end, "the first poll was never done"
                time.sleep(0.05)
            yield made


@pytest.fixture
def desk(qtbot: QtBot, hub: Hub, open_station: Callable[[str], Station]) -> OpsScreen:
    """The ops desk with an administrator at it, the platform's shop in front."""
    station = open_station("ops")
    station.work.run(lambda: station.core.sign_in(ADMIN, PASSWORD))
    screen = station.desk
    assert isinstance(screen, OpsScreen)
    qtbot.waitUntil(lambda: "shop-1" in {row.shop_id for row in screen.shown_shops}, timeout=WAIT_MS)
    screen.show_shop("shop-1")
    qtbot.waitUntil(screen.shop.sweep.isEnabled, timeout=WAIT_MS)
    return screen


def said(desk: OpsScreen) -> str:
    return desk._room.bar.words()


def test_compare_lists_what_we_lack_and_one_press_brings_it_in(
    qtbot: QtBot, hub: Hub, desk: OpsScreen
) -> None:
    """ING-09."""
    for n in range(3):
        hub.platform.put(f"M{n}", datetime.now(UTC) - timedelta(minutes=n + 1))
    desk.shop.sweep.click()
    qtbot.waitUntil(lambda: "3" in said(desk), timeout=WAIT_MS)
    qtbot.waitUntil(lambda: desk.shop.missed.list.rows.rowCount() == 3, timeout=WAIT_MS)
    assert not set(hub.orders()) & {"M0", "M1", "M2"}, "it lists; a person brings in"
    qtbot.waitUntil(lambda: desk.shop.take.isVisible() and desk.shop.take.isEnabled(), timeout=WAIT_MS)
    desk.shop.take.click()
    qtbot.waitUntil(lambda: {"M0", "M1", "M2"} <= set(hub.orders()), timeout=WAIT_MS)
    qtbot.waitUntil(lambda: desk.shop.missed.list.rows.rowCount() == 0, timeout=WAIT_MS)
    assert not desk.shop.take.isVisible()


def test_what_could_not_be_read_is_tried_again_by_a_press(qtbot: QtBot, hub: Hub, desk: OpsScreen) -> None:
    hub.platform.put("G1")
    hub.platform.garbled = {"G1"}
    hub.push(an_event("e-G1", "G1"))
    qtbot.waitUntil(lambda: bool(hub.api("GET", "/v1/quarantine")["things"]), timeout=WAIT_MS)
    desk.shop.ask()
    qtbot.waitUntil(lambda: desk.shop.aside.list.rows.rowCount() == 1, timeout=WAIT_MS)
    assert not desk.shop.retry.isEnabled(), "nothing is chosen yet"
    desk.shop.aside.list.chosen.emit(desk.shop.aside.list.rows.row(0))
    qtbot.waitUntil(desk.shop.retry.isEnabled, timeout=WAIT_MS)
    hub.platform.garbled = set()
    desk.shop.retry.click()
    qtbot.waitUntil(lambda: "G1" in hub.orders(), timeout=WAIT_MS)
    qtbot.waitUntil(lambda: desk.shop.aside.list.rows.rowCount() == 0, timeout=WAIT_MS)


def test_a_refused_waybill_shows_the_platforms_words_and_is_told_again_by_a_press(
    qtbot: QtBot, hub: Hub, desk: OpsScreen
) -> None:
    """C45."""
    hub.platform.put("S1")
    hub.platform.refuses_ship = "no"
    hub.leave("S1")
    qtbot.waitUntil(
        lambda: any(b["state"] == "refused" for b in hub.api("GET", "/v1/ship_backs")["ship_backs"]),
        timeout=WAIT_MS,
    )
    desk.shop.ask()
    qtbot.waitUntil(lambda: desk.shop.backs.list.rows.rowCount() == 1, timeout=WAIT_MS)
    assert not desk.shop.tell.isEnabled(), "nothing is chosen yet"
    desk.shop.backs.list.chosen.emit(desk.shop.backs.list.rows.row(0))
    qtbot.waitUntil(desk.shop.tell.isEnabled, timeout=WAIT_MS)
    # the desk may have asked while it still waited to be told; what was asked last is on its way
    qtbot.waitUntil(lambda: "平台原话：no" in desk.shop._back_said.words(), timeout=WAIT_MS)
    desk.shop.tell.click()
    qtbot.waitUntil(lambda: "平台没有答应" in said(desk), timeout=WAIT_MS)
    qtbot.waitUntil(lambda: not desk.shop.tell.locked and desk.shop.tell.isEnabled(), timeout=WAIT_MS)
    hub.platform.refuses_ship = ""
    desk.shop.tell.click()
    qtbot.waitUntil(lambda: hub.platform.shipped == [("S1", "SF-S1")], timeout=WAIT_MS)
    qtbot.waitUntil(lambda: desk.shop.backs.list.rows.rowCount() == 0, timeout=WAIT_MS)
    assert not desk.shop.tell.isVisible()


def test_a_pushed_order_is_in_the_packing_queue_without_anybody_refreshing(
    qtbot: QtBot, hub: Hub, open_station: Callable[[str], Station]
) -> None:
    """ING-05."""
    station = open_station("packing")
    screen = station.desk
    assert isinstance(screen, PackingScreen)

    def queued() -> set[str]:
        rows = screen.queue.list.rows
        return {str(rows.row(at).parcel_no) for at in range(rows.rowCount())}

    assert hub.parcels("Q1") == [], "nobody could have queued it"
    before = queued()
    hub.platform.put("Q1")
    hub.push(an_event("e-Q1", "Q1"))
    qtbot.waitUntil(lambda: len(hub.parcels("Q1")) == 1, timeout=WAIT_MS)
    [parcel_no] = hub.parcels("Q1")
    # others' orders may come in as well: it is this very parcel that is waited for
    qtbot.waitUntil(lambda: parcel_no in queued(), timeout=WAIT_MS)
    assert parcel_no not in before
