"""The ops desk against a real hub with a shop whose platform cannot be reached, and one that files go to."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from rehearsal.processes import StepFailed
from tests.helpers.real_hub import PASSWORD, RealHub, real_hub
from ui.screens.ops import OpsScreen
from ui.screens.settings import SettingsPage
from ui.station import Station

WAIT_MS = 20_000
#: Nobody listens on port 9 of this machine: the true answer of a platform that is away.
PLATFORM = """[[shop]]
id = "pdd-main"
connector = "pdd"
base_url = "http://127.0.0.1:9"
app_key = "only-for-tests"
app_secret = "only-for-tests"
access_token = "only-for-tests"

[[carrier]]
connector = "kuaidi100"
base_url = "http://127.0.0.1:9"
customer = "only-for-tests"
key = "only-for-tests"
salt = "only-for-tests"
"""

OpenStation = Callable[[str], Station]


@pytest.fixture(scope="session")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealHub]:
    with real_hub(tmp_path_factory.mktemp("ops hub") / "中枢", PLATFORM) as made:
        end = time.monotonic() + WAIT_MS / 1000
        while not _health(made).get("trouble"):
            assert time.monotonic() < end, "the platform was never asked"
            time.sleep(0.05)
        yield made


def _health(hub: RealHub) -> dict[str, Any]:
    """How the shop with a platform does."""
    shops = hub.api("GET", "/v1/shops")["shops"]
    return dict(next(shop["health"] for shop in shops if shop["shop_id"] == "pdd-main") or {})


def desk_of(qtbot: QtBot, station: Station) -> OpsScreen:
    desk = station.desk
    assert isinstance(desk, OpsScreen)
    qtbot.waitUntil(lambda: len(desk.shown_shops) == 3, timeout=WAIT_MS)
    return desk


def chip(desk: OpsScreen, shop_id: str) -> tuple[str, str]:
    row = next(row for row in desk.shown_shops if row.shop_id == shop_id)
    return row.chip.state, row.chip.text


def test_the_shop_that_cannot_be_reached_stands_first_with_the_cause_and_what_to_do(
    qtbot: QtBot, open_station: OpenStation
) -> None:
    station = open_station("ops")
    desk = desk_of(qtbot, station)
    qtbot.waitUntil(lambda: chip(desk, "pdd-main")[1] == "连不上平台", timeout=WAIT_MS)
    assert desk.shown_shops[0].shop_id == "pdd-main"
    assert desk.chosen_shop == "pdd-main"
    words = desk.shop.words()
    assert "平台繁忙、限流或连不上" in words and "会自动重试" in words
    assert "上次拉到: 还没有" in words and "今天进单: 0 单" in words
    assert "only-for-tests" not in words, "no secret is ever shown"
    assert any(said in desk.words() for said in ("自动重试", "件事要处理")), desk.words()

    station.window.resize(
        1093, 614
    )  # the smallest window: what the platform said leaves its lists room for rows
    room = station.kit.theme.px("size.touch") * 4.4
    qtbot.waitUntil(lambda: desk.shop.missed.height() >= room, timeout=WAIT_MS)
    assert "会自动重试" in desk.shop.words(), "and what to do is still said"


def test_a_connection_is_tested_and_the_plain_cause_said(qtbot: QtBot, open_station: OpenStation) -> None:
    """ING-14."""
    station = open_station("ops")
    desk = desk_of(qtbot, station)
    desk.show_shop("pdd-main")
    qtbot.waitUntil(desk.shop.check.isEnabled, timeout=WAIT_MS)
    desk.shop.check.click()
    # what the desk says by itself of a shop that fails sounds much the same: only the press says this
    qtbot.waitUntil(lambda: "连接不通：" in station.window.bar.words(), timeout=WAIT_MS)
    assert "连不上" in station.window.bar.words()
    assert "不用处理，会自动重试" in station.window.bar.words()
    qtbot.waitUntil(lambda: not desk.shop.check.locked, timeout=WAIT_MS)

    desk.show_shop("@kuaidi100")  # and so is that of a courier source, which has no other button
    assert desk.shop.check.isVisible() and not desk.shop.poll.isVisible()
    assert not any(pace.isVisible() for pace in desk.shop.paces.values())
    desk.shop.check.click()
    qtbot.waitUntil(lambda: "快递100 · " in station.window.bar.words(), timeout=WAIT_MS)
    assert "连接不通：" in station.window.bar.words() and "不影响发货" in station.window.bar.words()
    qtbot.waitUntil(lambda: not desk.shop.check.locked, timeout=WAIT_MS)


def test_a_pace_is_set_by_an_administrator_alone(
    qtbot: QtBot, hub: RealHub, open_station: OpenStation
) -> None:
    """ING-02: by the window, without a new start."""
    station = open_station("ops")
    desk = desk_of(qtbot, station)
    desk.show_shop("pdd-main")
    five = desk.shop.paces[300]
    qtbot.waitUntil(lambda: not five.isEnabled(), timeout=WAIT_MS)
    assert five.toolTip(), "and the button says why"
    station.work.run(lambda: station.core.sign_in("admin", PASSWORD))
    qtbot.waitUntil(five.isEnabled, timeout=WAIT_MS)
    five.click()
    qtbot.waitUntil(lambda: "以后每 5 分拉一次" in station.window.bar.words(), timeout=WAIT_MS)
    assert _health(hub)["poll_s"] == 300
    qtbot.waitUntil(five.isChecked, timeout=WAIT_MS)


def test_a_shop_by_file_has_no_buttons_and_says_how_its_orders_come(
    qtbot: QtBot, open_station: OpenStation
) -> None:
    station = open_station("ops")
    desk = desk_of(qtbot, station)
    desk.show_shop("mian-shiguang")
    assert "表格导入" in desk.shop.words()
    assert not desk.shop.check.isVisible() and not desk.shop.missed.isVisible()
    station.kit.i18n.toggle()
    assert "by file" in desk.shop.words()
    station.kit.i18n.toggle()


def test_the_shops_are_seen_from_the_supervisors_desk_and_left_again(
    qtbot: QtBot, open_station: OpenStation
) -> None:
    station = open_station("supervisor")
    station.pages.show_settings()
    assert isinstance(station.pages.settings, SettingsPage)
    station.pages.settings.shops_wanted.emit()
    page = station.pages.shops
    assert page is not None and page.isVisible()
    qtbot.waitUntil(lambda: len(page.shown_shops) == 3, timeout=WAIT_MS)
    page.show_shop("pdd-main")
    qtbot.waitUntil(lambda: not page.shop.check.isEnabled(), timeout=WAIT_MS)
    assert "运营主管" in page.shop._not_yours.words() or not page.shop._not_yours.isVisible()
    page.finished.emit()
    assert station.window.at_desk


def test_an_open_alarm_is_read_whole_and_taken_in_hand(
    qtbot: QtBot, hub: RealHub, open_station: OpenStation
) -> None:
    """A shop that fails three times is an alarm: in the line over all, in the list, with its age and what to do."""
    station = open_station("ops")
    desk = desk_of(qtbot, station)
    for _ in range(3):
        with pytest.raises(StepFailed):
            hub.api("POST", "/v1/shops/pdd-main/poll")
    qtbot.waitUntil(lambda: any(row.needs_person for row in desk.alarms.shown), timeout=WAIT_MS)
    qtbot.waitUntil(lambda: "件事要处理" in desk.words(), timeout=WAIT_MS)
    row = desk.alarms.shown[0]
    desk.alarms.list.clicked.emit(desk.alarms.list.rows.index(0))
    assert desk.alarm.isVisible() and not desk.shop.isVisible()
    said = desk.alarm.detail.words()
    assert "平台连不上或繁忙" in said and "自动重试" in said
    assert "刚刚" in said or "前" in said
    assert desk.alarm.see_shop.isVisible()
    desk.alarm.see_shop.click()
    assert desk.shop.isVisible() and desk.chosen_shop == "pdd-main"

    desk.show_alarm(row)
    ack = desk.alarm.detail.ack
    qtbot.waitUntil(ack.isEnabled, timeout=WAIT_MS)
    ack.click()
    qtbot.waitUntil(
        lambda: any(r.alarm_id == row.alarm_id and r.acked for r in desk.alarms.shown), timeout=WAIT_MS
    )
    assert "ops 1在处理" in desk.alarm.detail.words(), "who has it in hand"
    assert not ack.isVisible()
