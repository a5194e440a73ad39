"""Payloads that others recorded or Pinduoduo published are read for what they are."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime

import pytest

from app.core.order import Consignee, RefundState
from hub.connectors.channels.pdd import mapping, settings
from hub.connectors.payload import Payload
from hub.connectors.shapes import HintKind, Later, WrongSettings
from tests.hub.connectors.pdd.given import SHOP, recorded


def test_every_sign_vector_comes_out() -> None:
    vectors = json.loads(recorded("sign_vectors.json"))
    for vector in vectors:
        if vector["kind"] == "request":
            assert mapping.sign(vector["params"], vector["secret"]) == vector["expected_sign"]
        else:
            said = mapping.digest(vector["client_id"], vector["timestamp_ms"], vector["client_secret"])
            assert said == vector["expected_digest"]
    assert {vector["kind"] for vector in vectors} == {"request", "ws_path"}


def test_the_published_order_information() -> None:
    told = mapping.told_of(recorded("order_information_get_response__1.json"), "180831-481803633911509", SHOP)
    assert told is not None and told.unknown == ()
    came = told.order
    assert (came.paid_fen, came.coupon_fen, came.freight_fen) == (1101, 0, 0)
    assert (came.channel_state, came.refund_state, came.is_paid) == ("待发货", RefundState.none, True)
    assert came.consignee == Consignee(
        name="展护卫",
        phone="18634100248",
        province="上海市",
        city="上海市",
        district="长宁区",
        address="娄山关路533号金虹桥国际中心28楼拼多多",
    )
    [line] = came.lines
    assert (line.sku_code, line.qty, line.price_fen) == ("51972265894", 1, 1101)
    assert came.ship_by_at == datetime(2018, 9, 2, 2, 42, 33, tzinfo=UTC)
    assert came.extra["inner_transaction_id"] == "XP0018083110200983094646005030"


def test_the_published_order_list() -> None:
    body = Payload.read(recorded("order_list_get_response__1.json"))
    [info] = body.items("order_list_get_response.order_list")
    came = mapping.to_order(info, SHOP)
    assert (came.channel_order_no, came.paid_fen) == ("180810-364770100011509", 450)
    assert (came.is_shipped, came.waybill_no, came.carrier) == (True, "111122223333", "shentong")
    assert (came.extra["is_pre_sale"], came.extra["pre_sale_time"]) == (1, "2018-08-18 23:59:59")
    assert came.consignee.phone == "1866716****"


def test_an_aggregators_order_with_empty_receiver_misspelt_number_and_times_with_t() -> None:
    info = Payload.read(recorded("agiso_order_information__1.json")).need("Data.order_info")
    came = mapping.to_order(info, SHOP)
    assert (came.channel_order_no, came.paid_fen) == ("200601-338104320801429", 10)
    assert came.modified_at == datetime(2020, 6, 1, 11, 0, 37, tzinfo=UTC)
    assert (came.consignee, came.waybill_no, came.carrier) == (Consignee(), "", "")
    assert came.lines[0].sku_code == "tes-01" and not came.is_risk


def test_published_errors_are_told_apart() -> None:
    kinds = {10016: WrongSettings, 52001: Later}
    for case in json.loads(recorded("error_responses.json")):
        kind = kinds[case["body"]["error_response"]["error_code"]]
        with pytest.raises(kind):
            mapping.answer_of(json.dumps(case["body"]).encode(), "anything")


def test_the_answer_to_a_shipment_and_the_company_list() -> None:
    said = mapping.answer_of(
        recorded("logistics_online_send_response__1.json"), "logistics_online_send_response"
    )
    assert said.flag("is_success")
    companies = Payload.read(recorded("logistics_companies_get_response__1.json"))
    [company] = companies.items("logistics_companies_get_response.logistics_companies")
    assert settings.COMPANIES["shentong"] == company.whole("id")


def test_a_recorded_message_is_answered_as_recorded() -> None:
    frame = recorded("push_ws_frame__TradeConfirmed_1.json").decode("utf-8")
    ack = json.loads(recorded("push_ws_ack__for_TradeConfirmed_1.json"))
    message = mapping.read_message(frame)
    assert message is not None and json.loads(message.ack) == ack
    assert list(json.loads(message.ack)) == list(ack)
    [hint] = message.hints
    assert (hint.event_id, hint.channel_order_no, hint.kind) == (
        "9007199254740993",
        "order-test",
        HintKind.changed,
    )
    assert mapping.read_message(recorded("push_ws_heartbeat.json").decode("utf-8")) is None
    assert json.loads(recorded("push_ws_heartbeat.json")) == json.loads(mapping.HEARTBEAT)


def test_the_recorded_content_of_a_refund_push_asks_for_a_refund() -> None:
    content = recorded("push_refund__agiso_1.json").decode("utf-8")
    frame = json.dumps({
        "id": 9007199254740995,
        "commandType": "Common",
        "sendTime": 1556356041000,
        "message": {"type": "pdd_refund_RefundCreated", "mallID": 9112588, "content": content},
    })
    message = mapping.read_message(frame)
    assert message is not None
    [hint] = message.hints
    assert (hint.channel_order_no, hint.kind) == ("190427-391328563312668", HintKind.refund_asked)
    assert hint.at == datetime(2019, 4, 27, 9, 7, 20, tzinfo=UTC)


def test_the_published_list_of_after_sales_states_is_the_one_we_know() -> None:
    rows = list(csv.DictReader(recorded("after_sales_status.csv").decode("utf-8").splitlines()))
    assert {int(row["after_sales_status"]) for row in rows} == settings.AFTER_SALES
    wanted = {int(row["after_sales_status"]) for row in rows if "退款中" in row["meaning"]}
    assert wanted <= settings.REFUND_WANTED
