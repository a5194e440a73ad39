"""The message to the buyer at the service desk (TRK-08): a rep sends it by hand and says so, once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from PySide6.QtGui import QGuiApplication
from pytestqt.qtbot import QtBot

from app import resources
from app.core.messages import lang_of, queued
from app.core.order import MessageState, OrderState
from app.core.tracking import NodeKind
from rehearsal.courier import Node
from tests.helpers.real_hub import PASSWORD, RealHub
from tests.helpers.shop_orders import NOW, an_order, on_parcel
from ui.present.words import Words
from ui.screens.buyer_message import message_text
from ui.screens.service import ServiceScreen
from ui.station import Station

WAIT_MS = 20_000
WAYBILL = "75528000117799"


def _picked_up(hub: RealHub, order_no: str) -> None:
    """Packed elsewhere, given away, and collected."""
    now = datetime.now(UTC).replace(microsecond=0)
    made = (now - timedelta(hours=2)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    act = {"order_no": order_no, "parcel_no": f"{order_no}01", "made_at": made}
    bound = {"waybill_no": WAYBILL, "carrier": "zhongtong"}
    for kind, body in (("waybill_bound", bound), ("handed_over", {"carrier": "zhongtong"})):
        hub.api("POST", "/v1/acts", [{**act, "act_id": f"{kind}-{order_no}", "kind": kind, "body": body}])
    hub.courier_says(WAYBILL, Node(now - timedelta(hours=1), NodeKind.picked_up, "【杭州】快递员已揽收", ""))


def test_a_rep_copies_the_message_sends_it_and_says_so_once(
    qtbot: QtBot, hub: RealHub, open_station: Callable[[str], Station], new_order: Callable[..., str]
) -> None:
    order_no = new_order(("MT-014", 1), name="林小明")
    _picked_up(hub, order_no)
    first, second = open_station("service"), open_station("service")
    for station in (first, second):
        station.work.run(lambda station=station: station.core.sign_in("admin", PASSWORD))
        desk = station.desk
        assert isinstance(desk, ServiceScreen)
        qtbot.waitUntil(
            lambda station=station: bool((o := station.core.read.order(order_no)) and o.messages),
            timeout=WAIT_MS,
        )
        desk.show_order(order_no)
        qtbot.waitUntil(desk.view.message.sent.isEnabled, timeout=WAIT_MS)
        assert desk.view.message.isVisible()

    row = first.desk.view.message  # type: ignore[union-attr]
    said = row.words.words()
    order = first.core.read.order(order_no)
    assert order is not None
    assert said.startswith("您好") and WAYBILL in said and order.channel_order_no in said
    assert "林" not in said, "nothing of the person"
    row.copy_button.click()
    assert QGuiApplication.clipboard().text() == said
    first.kit.i18n.toggle()
    assert row.words.words() == said, "the buyer's language, whatever is spoken at the desk"
    first.kit.i18n.toggle()

    row.sent.click()
    assert not row.sent.isEnabled(), "one press is one message"
    for station in (first, second):
        qtbot.waitUntil(
            lambda station=station: not station.desk.view.message.isVisible(),  # type: ignore[union-attr]
            timeout=WAIT_MS,
        )
    [message] = order.messages if (order := first.core.read.order(order_no)) else []
    assert (message.state, message.channel) == (MessageState.sent, "by_hand")
    story = hub.api("GET", f"/v1/orders/{order_no}/story")
    assert [line["kind"] for line in story].count("message_sent") == 1


def test_a_chinese_desk_sends_english_across_the_border() -> None:
    order = replace(
        on_parcel(an_order(), state=OrderState.in_transit, carrier="zhongtong", waybill_no=WAYBILL),
        is_cross_border=True,
    )
    order, _ = queued(order, order.parcels[0].parcel_no, "picked_up", NOW)
    said = message_text(order, order.messages[0], Words(resources.texts(), "zh", ZoneInfo("Asia/Shanghai")))
    assert said.startswith("Hello") and WAYBILL in said and "中通" not in said
    assert lang_of(replace(order, is_cross_border=False), "en") == "en"
    assert lang_of(replace(order, is_cross_border=False)) == "zh"
