"""The courier in the story: what each step took, the courier's own words on a touch, the raw answer on a second."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from app.core.tracking import NodeKind as K
from rehearsal import shop
from rehearsal.courier import Node
from tests.helpers.real_hub import RealHub
from ui.screens.service import ServiceScreen
from ui.station import Station

WAIT_MS = 15_000
FIRST = next(iter(shop.GOODS)).sku_code

OpenStation = Callable[[str], Station]
NewOrder = Callable[..., str]


def told(hub: RealHub, order_no: str) -> list[Node]:
    """A hand-over and three nodes, the last a quarter of an hour old."""
    now = datetime.now(UTC).replace(microsecond=0)
    act = {
        "act_id": f"over-{order_no}",
        "kind": "handed_over",
        "order_no": order_no,
        "parcel_no": f"{order_no}01",
        "made_at": (now - timedelta(hours=6)).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "body": {"carrier": "zhongtong"},
    }
    [receipt] = hub.api("POST", "/v1/acts", [act])
    assert receipt["outcome"] in ("applied", "clash"), receipt
    waybill = hub.api("GET", f"/v1/orders/{order_no}")["parcels"][0]["waybill_no"]
    nodes = [
        Node(now - timedelta(hours=5), K.picked_up, "【杭州西湖区】快递员已揽收", "杭州"),
        Node(now - timedelta(hours=2), K.hub_arrived, "快件到达【杭州转运中心】", "杭州"),
        Node(now - timedelta(minutes=15), K.hub_departed, "快件离开【杭州转运中心】，发往【苏州】", "杭州"),
    ]
    hub.courier_says(waybill, *nodes)
    return nodes


def desk_at(qtbot: QtBot, station: Station, order_no: str) -> ServiceScreen:
    desk = station.desk
    assert isinstance(desk, ServiceScreen)
    qtbot.waitUntil(lambda: len(station.core.read.tracks(order_no)) == 1, timeout=WAIT_MS)
    desk.show_order(order_no)
    return desk


def touch(desk: ServiceScreen, text: str) -> None:
    """A finger on the entry with these words."""
    story = desk.view.story
    model = story.story
    for at in range(model.rowCount()):
        index = model.index(at)
        if text in str(index.data(Qt.ItemDataRole.DisplayRole)):
            story.scrollTo(index)
            QTest.mouseClick(
                story.viewport(), Qt.MouseButton.LeftButton, pos=story.visualRect(index).center()
            )
            return
    raise AssertionError(text)


def test_a_couriers_own_words_stand_beside_the_story_on_a_touch(
    qtbot: QtBot, hub: RealHub, open_station: OpenStation, new_order: NewOrder
) -> None:
    """TRK-06, TRK-14."""
    order_no = new_order((FIRST, 1))
    told(hub, order_no)
    desk = desk_at(qtbot, open_station("service"), order_no)
    assert "物流 " in desk.view._freshness.words() and desk.view._freshness.words().endswith("更新")
    assert not desk.view._silence.isVisible()
    assert desk.view.fields.isVisible() and not desk.view.raw.isVisible()

    touch(desk, "到达分拨中心")
    assert desk.view.raw.isVisible() and not desk.view.fields.isVisible()
    words = desk.view.raw.words()
    assert "快件到达【杭州转运中心】" in words
    assert "收到时间" in words and "发生时间" in words and "演练快递" in words
    assert "到下一步: 1 小时 45 分" in words
    assert "发往【苏州】" in desk.view.answer.reply, "the sentence tells the newest node"

    touch(desk, "到达分拨中心")
    assert desk.view.fields.isVisible(), "the same touch goes back"


def test_the_raw_answer_is_asked_of_the_hub_and_its_absence_said(
    qtbot: QtBot, hub: RealHub, open_station: OpenStation, new_order: NewOrder
) -> None:
    order_no = new_order((FIRST, 1))
    told(hub, order_no)
    station = open_station("service")
    desk = desk_at(qtbot, station, order_no)
    touch(desk, "已揽收")
    desk.view.raw.ask.click()
    qtbot.waitUntil(lambda: "没有保存原始应答" in desk.view.raw.words(), timeout=WAIT_MS)
    station.kit.i18n.toggle()
    assert "No raw answer is kept" in desk.view.raw.words()
    station.kit.i18n.toggle()
    touch(desk, "离开分拨中心")
    assert "没有保存" not in desk.view.raw.words(), "what was said about another node is gone"


def test_an_order_with_a_chosen_node_gives_way_to_the_next_order(
    qtbot: QtBot, hub: RealHub, open_station: OpenStation, new_order: NewOrder
) -> None:
    order_no, other = new_order((FIRST, 1)), new_order((FIRST, 1))
    told(hub, order_no)
    station = open_station("service")
    desk = desk_at(qtbot, station, order_no)
    touch(desk, "已揽收")
    desk.show_order(other)
    assert desk.view.fields.isVisible() and not desk.view.raw.isVisible()
    assert desk.view._freshness.words() == ""


def test_what_is_typed_finds_and_enter_opens_the_best(
    qtbot: QtBot, open_station: OpenStation, new_order: NewOrder
) -> None:
    first, second = new_order((FIRST, 1), name="司马相如"), new_order((FIRST, 1), name="司马相如")
    station = open_station("service")
    desk = station.desk
    assert isinstance(desk, ServiceScreen)
    qtbot.waitUntil(lambda: station.core.read.order(second) is not None, timeout=WAIT_MS)
    for n in range(1, len(first) - 2):
        desk.search.setText(first[:n])  # each key, faster than anybody types
    qtbot.waitUntil(lambda: desk.hits.rows.rowCount() > 1, timeout=WAIT_MS)
    assert desk.shown_order == "", "several may be meant: nothing opens by itself"
    desk.search.setText(first)
    qtbot.waitUntil(lambda: desk.shown_order == first, timeout=WAIT_MS)
    desk.search.setText(first[:-1])
    desk.search.setFocus()
    QTest.keyClick(desk.search, Qt.Key.Key_Return)
    assert desk.shown_order == desk.hits.rows.row(0).order_no  # type: ignore[union-attr]


def test_a_raw_answer_is_laid_out_and_other_text_left_alone() -> None:
    from ui.screens.raw_panel import _laid_out

    laid = _laid_out('{"status":"3","context":"已签收"}')
    assert json.loads(laid) == {"status": "3", "context": "已签收"} and "\n" in laid
    assert _laid_out("<xml/>") == "<xml/>"
