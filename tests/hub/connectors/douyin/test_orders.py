"""What Douyin says about an order becomes ours, with money exact, ids whole and receivers masked."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from app.core import masks
from app.core.order import RefundState
from hub.connectors.channels.douyin.mapping import to_order, told
from hub.connectors.payload import Payload
from hub.connectors.shapes import BadPayload
from tests.hub.connectors.douyin.shop import OUTSIDE, SHOP, detail, payload

R = RefundState


def test_a_paid_order_is_read_whole() -> None:
    order = to_order(detail("paid"), SHOP)
    assert (order.channel, order.shop_id) == ("douyin", "douyin-main")
    assert (order.channel_order_no, order.channel_state) == ("6920001188776655101", "待发货")
    assert (order.is_paid, order.is_shipped, order.is_cancelled, order.is_risk) == (True, False, False, False)
    assert (order.paid_fen, order.coupon_fen, order.freight_fen) == (7260, 500, 0)
    assert order.ordered_at == datetime.fromtimestamp(1793203090, UTC)
    assert order.paid_at == datetime.fromtimestamp(1793203100, UTC)
    assert order.modified_at == datetime.fromtimestamp(1793203101, UTC)
    assert order.ship_by_at == datetime.fromtimestamp(1793375900, UTC)
    assert order.refund_state is R.none
    assert (order.buyer_remark, order.seller_remark) == (
        "到了请打电话，不要放驿站！！！",
        "老客户，赠品放一个",
    )
    first, gift = order.lines
    assert (first.sku_code, first.qty, first.price_fen) == ("LS-XHT-500", 2, 3880)
    assert (first.title, first.spec) == ("西湖藕粉桂花莲子羹 独立小袋 冲泡即食", "桂花味 / 500g（20袋）")
    assert (gift.sku_code, gift.qty, gift.price_fen) == ("ZP-BD-1", 1, 0)


def test_what_only_douyin_has_is_kept_with_ids_as_texts() -> None:
    extra = to_order(detail("paid"), SHOP).extra
    assert extra["influencer_id"] == "4195355415549012345"
    assert (extra["influencer_name"], extra["commission_rate"]) == ("小满在直播", "20.00")
    assert (extra["influencer_cost_fen"], extra["live_room_id"]) == (120, "7436690111222333444")
    assert (extra["open_address_id"], extra["seller_flag"]) == ("#2fb8c0d1e7a94f6db1#", 5)
    assert extra["doudian_open_id"] == "1@#vQy0m7rWcD3xq1Yp8g=="
    first, gift = extra["sub_orders"]
    assert (first["product_id"], first["sku_id"]) == ("3473196049974326301", "1789012345678901234")
    assert first["influencer_id"] == "4195355415549012345"
    assert gift == {
        "sub_order_no": "6920001188776655102",
        "product_id": "3480000000000000013",
        "sku_id": "1790000000000000017",
    }


def test_a_receiver_is_shown_as_the_platform_masks_it_and_never_as_cipher() -> None:
    order = to_order(detail("paid"), SHOP)
    shown = masks.consignee(order.consignee)
    assert (order.consignee.name, order.consignee.phone) == ("生***", "1********20")
    assert (shown.name, shown.phone) == ("生**", "1********20")
    assert (shown.province, shown.city, shown.district) == ("浙江省", "杭州市", "西湖区")
    assert (order.consignee.address, shown.address) == ("文新街道文*****", "****")
    everything = repr(order)
    for cipher in ("$$", "##", "kWc1vJ0m", "kZ1gq0bU", "p4f9bPq0"):
        assert cipher not in everything
    assert b"kWc1vJ0m" in told(detail("paid"), SHOP).raw  # where it may be sealed


def test_without_mask_forms_a_cipher_is_shown_as_nothing() -> None:
    said = dict(detail("paid").value)
    for name in ("mask_post_receiver", "mask_post_tel", "mask_post_addr"):
        del said[name]
    consignee = to_order(Payload(said), SHOP).consignee
    assert (consignee.name, consignee.phone, consignee.address) == ("", "", "文新街道")


@pytest.mark.parametrize(
    ("name", "state", "flags", "refund"),
    [
        ("under_check", "已支付，平台审核中", "paid risk", R.none),
        ("refund_asked", "待发货", "paid", R.asked),
        ("one_line_refunded", "待发货", "paid", R.part),
        ("refunded_before_shipping", "发货前已退款", "cancelled", R.done),
        ("cancelled_unpaid", "已取消", "cancelled", R.none),
        ("shipped", "已发货", "paid shipped", R.none),
        ("refunded_after_receipt", "收货后已退款", "paid shipped", R.done),
        ("unknown_numbers", "神秘状态", "", None),
    ],
)
def test_states(name: str, state: str, flags: str, refund: R | None) -> None:
    order = to_order(detail(name), SHOP)
    known = [f for f in ("paid", "risk", "shipped", "cancelled") if getattr(order, f"is_{f}")]
    assert (order.channel_state, " ".join(known), order.refund_state) == (state, flags, refund)


@pytest.mark.parametrize(
    ("order_status", "main_status", "flags"),
    [
        (1, 1, ""),
        (1, 103, ""),  # the deposit is paid, the rest is not
        (2, 2, "paid"),
        (101, 101, "paid"),
        (5, 5, "paid shipped"),
        (3, 22, "paid shipped"),
        (2, 21, "cancelled"),
        (2, 9999, "paid"),
        (9999, 2, "paid"),
        (9999, 9999, ""),
        ("2", "2", "paid"),
    ],
)
def test_either_state_may_tell(order_status: Any, main_status: Any, flags: str) -> None:
    said = {**detail("paid").value, "order_status": order_status, "main_status": main_status}
    order = to_order(Payload(said), SHOP)
    known = [f for f in ("paid", "risk", "shipped", "cancelled") if getattr(order, f"is_{f}")]
    assert " ".join(known) == flags


def test_each_line_says_what_became_of_its_money() -> None:
    refunded = [line.refund_state for line in to_order(detail("one_line_refunded"), SHOP).lines]
    assert sorted(refunded, key=str) == [R.done, R.none], refunded
    assert None in [line.refund_state for line in to_order(detail("unknown_numbers"), SHOP).lines]


def test_unknown_numbers_are_named_and_kept() -> None:
    found = told(detail("unknown_numbers"), SHOP)
    assert found.unknown == ("after_sale_status=99", "main_status=78", "order_status=77")
    assert told(detail("paid"), SHOP).unknown == ()


def test_a_waybill_comes_with_the_carrier_under_our_code() -> None:
    order = to_order(detail("shipped"), SHOP)
    assert (order.carrier, order.waybill_no) == ("debangkuaidi", "777123456789012")


def test_an_exchange_is_no_refund() -> None:
    said = payload("order_detail__refund_asked")["data"]["shop_order_detail"]
    said["sku_order_list"][0]["after_sale_info"]["after_sale_type"] = 3
    assert to_order(Payload(said), SHOP).refund_state is R.none


def test_who_says_nothing_of_refunds_says_nothing() -> None:
    said = payload("order_detail__paid")["data"]["shop_order_detail"]
    for line in said["sku_order_list"]:
        del line["after_sale_info"]
    assert to_order(Payload(said), SHOP).refund_state is None


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("order_id", ""),
        ("order_id", None),
        ("order_id", "4.78E+18"),
        ("order_id", "1; drop table"),
        ("pay_amount", "12.5"),
        ("pay_amount", -1),
        ("pay_amount", 2**70),
        ("sku_order_list", []),
        ("sku_order_list", None),
        ("sku_order_list", "none"),
        ("update_time", "soon"),
    ],
)
def test_what_cannot_be_read_is_named_by_its_path(path: str, value: Any) -> None:
    with pytest.raises(BadPayload) as refused:
        to_order(Payload({**detail("paid").value, path: value}), SHOP)
    assert path in refused.value.path


@pytest.mark.parametrize(("path", "value"), [("item_num", 0), ("item_num", "two"), ("origin_amount", 1.5)])
def test_a_line_that_cannot_be_read_takes_the_order_with_it(path: str, value: Any) -> None:
    said = payload("order_detail__paid")["data"]["shop_order_detail"]
    said["sku_order_list"][1][path] = value
    text = json.dumps(said)
    with pytest.raises(BadPayload) as refused:
        to_order(Payload.read(text), SHOP)
    assert refused.value.path == f"sku_order_list[1].{path}"


def test_the_official_sample_of_a_list() -> None:
    file = OUTSIDE / "api" / "OrderSearchListResponse.json"
    if not file.is_file():
        pytest.skip("the samples of outside are not on this machine")
    (said,) = Payload.read(file.read_bytes()).items("data.shop_order_list")
    found = told(said, SHOP)
    order = found.order
    assert (order.channel_order_no, order.channel_state, found.unknown) == (
        "4781320682406083640",
        "已发货",
        (),
    )
    assert (order.is_paid, order.is_shipped, order.refund_state) == (True, True, R.asked)
    assert (order.paid_fen, order.coupon_fen, order.freight_fen) == (500, 1000, 10)
    (line,) = order.lines
    assert (line.sku_code, line.spec, line.qty, line.price_fen) == ("djfafj", "蓝", 2, 100)
    assert (order.carrier, order.waybill_no) == ("shunfeng", "3617355413")
    assert order.extra["influencer_id"] == "324234453"
    assert order.extra["sub_orders"][0]["product_id"] == "3473196049974326300"
    shown = masks.consignee(order.consignee)
    assert (shown.name, shown.phone, shown.address) == ("张**", "123****8911", "****")
