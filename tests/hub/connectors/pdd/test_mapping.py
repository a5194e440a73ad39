"""Pinduoduo's orders, errors and messages are read as they are meant; what nobody knows stays unknown and is said."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.core.channel import ChannelOrder
from app.core.order import Consignee, RefundState
from hub.connectors import shapes
from hub.connectors.channels.pdd import mapping, settings
from hub.connectors.payload import Payload
from hub.connectors.shapes import BadPayload, Cause, HintKind, Later, NoPermission, Told
from tests.hub.connectors.pdd.given import NO, SHOP, loaded, payload


def told(name: str) -> Told:
    body = loaded(name)
    found = mapping.told_of(payload(name), body["order_info_get_response"]["order_info"]["order_sn"], SHOP)
    assert found is not None
    return found


def order(name: str) -> ChannelOrder:
    return told(name).order


def with_info(**more: Any) -> bytes:
    body = loaded("order_to_ship")
    body["order_info_get_response"]["order_info"].update(more)
    return json.dumps(body).encode()


def read(**more: Any) -> ChannelOrder:
    found = mapping.told_of(with_info(**more), more.get("order_sn", NO), SHOP)
    assert found is not None
    return found.order


# ----------------------------------------------------------------------------------------------- questions


def test_a_question_is_signed_over_all_it_says_with_the_secret_around_it() -> None:
    now = datetime(2016, 11, 29, 8, 58, 45, tzinfo=UTC)
    params = mapping.request("pdd.order.information.get", SHOP, "token", now, {"order_sn": NO, "n": 5})
    assert params["sign"] == mapping.sign(params, SHOP.app_secret)
    assert {name: params[name] for name in ("type", "client_id", "timestamp", "access_token", "n")} == {
        "type": "pdd.order.information.get",
        "client_id": "app0key",
        "timestamp": "1480409925",
        "access_token": "token",
        "n": "5",
    }
    assert "access_token" not in mapping.request("pdd.pop.auth.token.refresh", SHOP, "", now, {})


def test_the_official_example_of_a_signature_and_the_published_digest_of_the_message_line() -> None:
    params = {
        "access_token": "asd78172s8ds9a921j9qqwda12312w1w21211",
        "client_id": "1",
        "data_type": "XML",
        "order_status": "1",
        "page": "1",
        "page_size": "10",
        "timestamp": "1480411125",
        "type": "pdd.order.number.list.get",
    }
    assert mapping.sign(params, "testSecret") == "E4DE3ED21002510DED352819E7AE6775"
    wanted = "OTgxODMwNDI2NWZiN2NiNzA2NzIxOTI0ZjJlMDMxMjE="
    assert mapping.digest("app", "1700000000000", "secret") == wanted
    at = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
    assert mapping.message_path("app", "secret", at) == "/message/app/1700000000000/" + wanted.replace(
        "=", "%3D"
    )


# -------------------------------------------------------------------------------------------------- orders


def test_an_order_to_ship_says_all_that_a_packer_and_a_bookkeeper_need() -> None:
    seen = told("order_to_ship")
    came = seen.order
    assert (came.channel, came.shop_id, came.channel_order_no) == ("pdd", "pdd-main", NO)
    assert (came.channel_state, came.refund_state) == ("待发货", RefundState.none)
    assert (came.is_paid, came.is_shipped, came.is_cancelled, came.is_risk) == (True, False, False, False)
    assert (came.paid_fen, came.coupon_fen, came.freight_fen) == (13569, 1001, 0)
    assert [(line.sku_code, line.qty, line.price_fen, line.spec) for line in came.lines] == [
        ("LS-XZ-5J", 2, 5290, "5A级,500g"),
        ("840777314606", 1, 3990, "黛蓝,45×45cm"),  # without a code of the seller's, the platform's own
    ]
    assert came.ordered_at == datetime(2026, 11, 21, 1, 12, 59, tzinfo=UTC)
    assert came.paid_at == datetime(2026, 11, 21, 1, 13, 0, tzinfo=UTC)
    assert came.ship_by_at == datetime(2026, 11, 23, 1, 13, 1, tzinfo=UTC)
    assert came.modified_at == seen.modified_at == datetime(2026, 11, 21, 1, 43, tzinfo=UTC)
    assert (came.buyer_remark, came.seller_remark) == ("送人的，不要放价格单", "老客户，赠品放一个")
    assert seen.raw == payload("order_to_ship") and seen.unknown == ()


def test_what_is_peculiar_to_the_channel_is_kept() -> None:
    extra = order("order_to_ship").extra
    assert extra == {
        "group_status": 1,
        "is_lucky_flag": 1,
        "free_sf": 1,
        "platform_discount_fen": 1,
        "seller_discount_fen": 1000,
        "depot_code": "HZ-1",
        "order_tags": "no_trace_delivery,free_sf",
    }
    bargain = order("order_in_group").extra
    assert (bargain["is_lucky_flag"], bargain["capital_free_discount_fen"]) == (2, 350)


def test_ciphers_are_never_shown_only_their_masks_and_the_raw_answer_keeps_them() -> None:
    seen = told("order_to_ship")
    assert seen.order.consignee == Consignee(
        name="张*桐",
        phone="1*********7",
        province="浙江省",
        city="杭州市",
        district="西湖区",
        address="文三路*号华星时代广场B座",
    )
    assert b"NAMEcipher" in seen.raw
    unmasked = read(
        receiver_name_mask="", receiver_phone_mask=None, receiver_address_mask="", address_mask=""
    )
    assert unmasked.consignee == Consignee(province="浙江省", city="杭州市", district="西湖区")


def test_an_address_in_the_open_loses_the_regions_it_repeats_and_nothing_else() -> None:
    came = read(
        receiver_name="张雨桐",
        receiver_phone="13800001207",
        receiver_address="",
        receiver_address_mask="",
        address="浙江省杭州市西湖区文三路 478 号",
    )
    assert came.consignee.address == "文三路 478 号"
    assert (came.consignee.name, came.consignee.phone) == ("张雨桐", "13800001207")


def test_an_order_under_risk_control_waits_and_its_empty_receiver_stays_empty() -> None:
    came = order("order_under_risk")
    assert came.is_risk and came.is_paid and came.consignee == Consignee()
    assert came.extra["risk_control_status"] == 1


def test_an_order_the_platform_asks_to_hold_waits() -> None:
    assert order("order_held").is_risk


def test_a_refund_in_progress_and_one_that_is_paid_are_told_apart() -> None:
    asked, done = order("order_refund_asked"), order("order_refunded")
    assert (asked.refund_state, asked.is_cancelled) == (RefundState.asked, False)
    assert (done.refund_state, done.is_cancelled) == (RefundState.done, True)


@pytest.mark.parametrize(
    ("refund_status", "after_sales", "state"),
    [
        (1, 0, RefundState.none),
        (1, 11, RefundState.none),
        (2, 0, RefundState.asked),
        (3, 4, RefundState.asked),
        (1, 2, RefundState.asked),  # the stricter of the two counts
        (4, 10, RefundState.done),
        (1, 14, RefundState.none),  # an exchange gives no money back
        (9, 0, None),
        (1, 77, None),
    ],
)
def test_both_fields_that_speak_of_refunds_are_heard(
    refund_status: int, after_sales: int, state: RefundState | None
) -> None:
    assert read(refund_status=refund_status, after_sales_status=after_sales).refund_state is state


def test_a_shipped_order_that_is_refunded_is_not_cancelled() -> None:
    came = read(order_status=2, refund_status=4, after_sales_status=10)
    assert came.is_shipped and not came.is_cancelled


def test_a_shipped_order_names_its_carrier_and_number_and_an_empty_time_is_none() -> None:
    came = order("order_shipped")
    assert (came.is_shipped, came.carrier, came.waybill_no) == (True, "zhongtong", "78412600913355")
    assert read(logistics_id="999", traking_number="1", tracking_number=None).waybill_no == "1"
    assert read(logistics_id=999).carrier == ""


@pytest.mark.parametrize("name", ["order_in_group", "order_deposit"])
def test_a_group_that_is_not_full_and_a_balance_that_is_open_are_not_paid(name: str) -> None:
    came = order(name)
    assert not came.is_paid and not came.is_cancelled


@pytest.mark.parametrize(
    ("status", "paid", "cancelled"),
    [(0, False, False), ("0", False, False), (1, True, False), (2, False, True)],
)
def test_how_far_a_group_is_decides_and_is_kept(status: int | str, paid: bool, cancelled: bool) -> None:
    came = read(group_status=status)
    assert (came.is_paid, came.is_cancelled, came.extra["group_status"]) == (paid, cancelled, int(status))


def test_an_order_of_no_group_says_nothing_of_one() -> None:
    came = read(group_status=None)
    assert came.is_paid and "group_status" not in came.extra


def test_the_key_of_an_address_is_kept_where_it_is_told() -> None:
    assert "open_address_id" not in order("order_to_ship").extra
    assert "open_address_id" not in read(open_address_id="").extra
    assert read(open_address_id="A1==").extra["open_address_id"] == "A1=="


@pytest.mark.parametrize("more", [{"group_status": 2}, {"confirm_status": 2}])
def test_a_group_that_failed_and_an_order_called_off_are_cancelled(more: dict[str, int]) -> None:
    assert read(**more).is_cancelled


def test_words_nobody_knows_stay_unknown_are_said_and_hold_the_order() -> None:
    seen = told("order_unknown_words")
    assert seen.unknown == ("order_status=7", "refund_status=9", "after_sales_status=77")
    assert seen.order.channel_state == "order_status=7"
    assert seen.order.is_risk and not seen.order.is_shipped and seen.order.refund_state is None


def test_goods_that_leave_the_mainland_are_told() -> None:
    assert not order("order_to_ship").is_cross_border
    assert read(country="日本").is_cross_border and read(province="香港特别行政区").is_cross_border


@pytest.mark.parametrize(
    ("more", "path"),
    [
        ({"pay_amount": 11.015}, "pay_amount"),
        ({"pay_amount": "NaN"}, "pay_amount"),
        ({"order_sn": ""}, "order_sn"),
        ({"item_list": []}, "item_list"),
        ({"item_list": None}, "item_list"),
        ({"item_list": [{"goods_count": 0}]}, "item_list[0].goods_count"),
        ({"updated_at": "yesterday"}, "updated_at"),
        ({"order_status": [1]}, "order_status"),
        ({"order_sn": "261121-0"}, "order_sn"),  # another order than was asked for
    ],
)
def test_what_cannot_be_read_is_named_by_its_path(more: dict[str, Any], path: str) -> None:
    with pytest.raises(BadPayload) as caught:
        mapping.told_of(with_info(**more), NO, SHOP)
    assert caught.value.path == f"order_info_get_response.order_info.{path}"


def test_an_order_the_platform_does_not_know_is_none() -> None:
    assert mapping.told_of(b'{"order_info_get_response":{"order_info":null}}', NO, SHOP) is None
    assert mapping.told_of(b'{"order_info_get_response":{}}', NO, SHOP) is None


# ---------------------------------------------------------------------------------------------- increments


def test_a_page_brings_orders_whole_and_one_that_is_damaged_by_its_number() -> None:
    page = mapping.page_of(payload("increment_page"), SHOP)
    assert page.total == 3 and not any(seen.damaged for seen in page.seen)
    assert [(seen.channel_order_no, seen.told is not None) for seen in page.seen] == [
        (NO, True),
        ("261121-100000000000003", True),
        ("261121-100000000000010", False),
    ]
    first = page.seen[0].told
    assert first is not None and first.order == order("order_to_ship")
    again = mapping.to_order(Payload.read(first.raw), SHOP)
    assert again == first.order and b"NAMEcipher" in first.raw


def test_an_element_without_a_number_is_said_and_takes_no_other_with_it() -> None:
    body = loaded("increment_page")
    del body["order_sn_increment_get_response"]["order_sn_list"][1]["order_sn"]
    page = mapping.page_of(json.dumps(body).encode(), SHOP)
    assert [seen.path for seen in page.seen] == ["", "order_sn_increment_get_response.order_sn_list[1]", ""]
    assert [bool(seen.channel_order_no) for seen in page.seen] == [True, False, True]


def test_a_page_without_a_list_is_empty_and_one_without_a_count_is_damaged() -> None:
    empty = b'{"order_sn_increment_get_response":{"total_count":0,"order_sn_list":null}}'
    assert mapping.page_of(empty, SHOP).seen == ()
    for bad in (b"{}", b"<html>", b'{"order_sn_increment_get_response":{"total_count":1,"order_sn_list":5}}'):
        with pytest.raises(BadPayload):
            mapping.page_of(bad, SHOP)


def test_the_increment_is_asked_for_every_state() -> None:
    since = datetime(2026, 11, 21, 1, 0, tzinfo=UTC)
    assert mapping.changes_of(since, since + timedelta(minutes=30), 3, 100) == {
        "start_updated_at": 1795222800,
        "end_updated_at": 1795224600,
        "order_status": 5,
        "refund_status": 5,
        "is_lucky_flag": 0,
        "page": 3,
        "page_size": 100,
    }


# -------------------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    "case", loaded("errors"), ids=lambda case: str(case["body"]["error_response"]["error_code"])
)
def test_errors_inside_status_200_are_told_apart_by_their_numbers(case: dict[str, Any]) -> None:
    kind = getattr(shapes, case["kind"])
    for words in (case["body"]["error_response"]["error_msg"], "other words", ""):
        error = {**case["body"]["error_response"], "sub_msg": words, "error_msg": words}
        for code in (error["error_code"], str(error["error_code"])):
            with pytest.raises(kind) as caught:
                mapping.answer_of(
                    json.dumps({"error_response": {**error, "error_code": code}}).encode(), "anything"
                )
            assert caught.value.word.startswith(str(code))


def test_what_is_lacking_and_how_long_to_wait_are_told() -> None:
    def trouble(code: int) -> Exception:
        with pytest.raises(shapes.ShopTrouble) as caught:
            mapping.answer_of(json.dumps({"error_response": {"error_code": code}}).encode(), "x")
        return caught.value

    lacking, often = trouble(20005), trouble(70031)
    assert isinstance(lacking, NoPermission) and lacking.permission == Cause.right_ip
    assert isinstance(often, Later) and often.after == timedelta(seconds=10)


def test_an_error_that_repeats_a_token_or_a_phone_tells_neither() -> None:
    said = "access_token 0123456789abcdef0123456789abcdef 已过期，联系 13800001207"
    body = json.dumps({"error_response": {"error_code": 10019, "error_msg": said}}).encode()
    with pytest.raises(shapes.TokenExpired) as caught:
        mapping.answer_of(body, "x")
    assert "0123456789abcdef" not in caught.value.word and "13800001207" not in caught.value.word


def test_refreshed_tokens_tell_when_they_end() -> None:
    tokens = mapping.tokens_of(payload("token"))
    assert tokens.access_token.startswith("f7a1new0access") and tokens.refresh_token.startswith("f7a1new0ref")
    assert tokens.expires_at == datetime(2026, 11, 21, 0, 0, tzinfo=UTC)


# ------------------------------------------------------------------------------------------------ messages


@pytest.mark.parametrize("case", loaded("messages"), ids=lambda case: case["frame"]["message"]["type"])
def test_every_topic_hints_at_its_order_and_its_ack_repeats_it_digit_for_digit(case: dict[str, Any]) -> None:
    frame = case["frame"]
    message = mapping.read_message(json.dumps(frame))
    assert message is not None
    [hint] = message.hints
    assert (hint.kind, hint.channel_order_no, hint.event_id) == (case["kind"], NO, str(frame["id"]))
    assert (hint.word, hint.is_known, hint.damaged) == (frame["message"]["type"], True, "")
    assert json.loads(message.ack) == {
        "id": frame["id"],
        "commandType": "Ack",
        "sendTime": frame["sendTime"],
        "type": frame["message"]["type"],
        "mallID": 100,
    }
    assert f'"id":{frame["id"]},' in message.ack


def test_a_refund_tells_the_second_in_which_it_happened() -> None:
    frame = next(case["frame"] for case in loaded("messages") if case["kind"] == "refund_asked")
    message = mapping.read_message(json.dumps(frame))
    assert message is not None
    assert message.hints[0].at == datetime(2025, 11, 21, 1, 42, 59, tzinfo=UTC)


def frame_of(topic: str, content: Any, **more: Any) -> str:
    said = content if isinstance(content, str) else json.dumps(content)
    message = {"type": topic, "mallID": 100, "content": said}
    return json.dumps({
        "id": 9007199254740993,
        "commandType": "Common",
        "sendTime": 1,
        "message": message,
        **more,
    })


def test_a_topic_nobody_knows_has_its_order_fetched_and_is_said() -> None:
    message = mapping.read_message(frame_of("pdd_trade_TradeTeleported", {"tid": NO}))
    assert message is not None
    [hint] = message.hints
    assert (hint.kind, hint.is_known, hint.channel_order_no) == (HintKind.changed, False, NO)


def test_a_message_about_goods_is_answered_and_hints_at_nothing() -> None:
    message = mapping.read_message(frame_of("pdd_goods_GoodsOffShelf", {"goods_id": 1}))
    assert message is not None and message.hints == () and '"Ack"' in message.ack


@pytest.mark.parametrize("content", ["", "not json", "{}", '{"tid":[1]}', "[]"])
def test_a_damaged_message_about_an_order_is_handed_on_whole_and_answered(content: str) -> None:
    frame = frame_of("pdd_refund_RefundCreated", content)
    message = mapping.read_message(frame)
    assert message is not None and '"id":9007199254740993,' in message.ack
    [hint] = message.hints
    assert (hint.channel_order_no, hint.damaged) == ("", frame)


def test_one_damaged_piece_of_a_message_takes_no_other_with_it() -> None:
    content = {"tid": NO, "modified": "soon", "bill_type": {}}
    message = mapping.read_message(frame_of("pdd_refund_RefundCreated", content, sendTime=None))
    assert message is not None
    [hint] = message.hints
    assert (hint.kind, hint.channel_order_no, hint.at) == (HintKind.refund_asked, NO, None)


@pytest.mark.parametrize(
    "frame",
    [mapping.HEARTBEAT, "", "null", "[]", '{"commandType":"Common"}', '{"commandType":"Ack","id":1}', "ä"],
)
def test_what_is_no_message_wants_no_answer(frame: str) -> None:
    assert mapping.read_message(frame) is None


def test_every_courier_has_one_company_and_every_company_one_courier() -> None:
    assert len(set(settings.COMPANIES.values())) == len(settings.COMPANIES)
