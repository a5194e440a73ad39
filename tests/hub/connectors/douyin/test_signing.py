"""Requests and pushes carry the signatures that the platform makes."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime

import pytest

from hub.connectors.channels.douyin import mapping
from hub.connectors.shapes import BadSignature
from tests.helpers.clock import T0
from tests.hub.connectors.douyin.shop import OUTSIDE, SHOP, signed


def test_parameters_are_compact_sorted_and_unescaped() -> None:
    params = {
        "z": {"b": 1, "a": "收件人 <A&B>"},
        "page": 0,
        "amount": 500.0,
        "rate": 1.5,
        "list": [{"y": 2.0, "x": None}],
    }
    expected = '{"amount":500,"list":[{"x":null,"y":2}],"page":0,"rate":1.5,"z":{"a":"收件人 <A&B>","b":1}}'
    assert mapping.param_json(params) == expected


def test_a_request_is_signed_over_what_is_sent_and_not_over_its_token() -> None:
    now = datetime(2026, 11, 10, 16, 0, 5, tzinfo=UTC)
    params = mapping.param_json({"shop_order_id": "4782860977949521619"})
    query = mapping.query(SHOP, "order.orderDetail", params, now, "a token")
    text = (
        f"{SHOP.app_secret}app_key{SHOP.app_key}methodorder.orderDetailparam_json{params}"
        f"timestamp2026-11-11 00:00:05v2{SHOP.app_secret}"
    )
    expected = hmac.new(SHOP.app_secret.encode(), text.encode(), hashlib.sha256).hexdigest()
    assert query["sign"] == expected == mapping.query(SHOP, "order.orderDetail", params, now, "x")["sign"]
    assert (query["timestamp"], query["v"]) == ("2026-11-11 00:00:05", "2")
    assert (query["sign_method"], query["access_token"]) == ("hmac-sha256", "a token")
    assert "access_token" not in mapping.query(SHOP, "token.refresh", "{}", now, "")


def test_every_vector_of_outside() -> None:
    file = OUTSIDE / "sign_vectors.json"
    if not file.is_file():
        pytest.skip("the vectors of outside are not on this machine")
    seen = set()
    for vector in json.loads(file.read_text(encoding="utf-8")):
        seen.add(vector["kind"])
        key, secret = vector["app_key"], vector["app_secret"]
        if vector["kind"] == "push":
            sign = mapping.push_signature(key, secret, vector["raw_body"].encode())
            assert sign == vector["expected_event_sign"]
            continue
        params = mapping.param_json(vector["param"])
        assert params == vector["param_json"]
        sign = mapping.signature(key, secret, vector["method"], params, vector["timestamp"])
        assert sign == vector["expected_sign"]
    assert seen == {"request", "push"}


BODY = '[{"tag":"106","msg_id":"m1","data":"{\\"p_id\\":4781320682406083640,\\"why\\":\\"不想要了\\"}"}]'.encode()


def test_a_push_is_believed_by_its_signature_alone() -> None:
    headers = {name.title(): value.upper() for name, value in signed(BODY).items()}
    assert len(mapping.read_push(BODY, headers, SHOP, T0).hints) == 1


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"event-sign": ""},
        {"event-sign": "0" * 32},
        {"event-sign": "签名"},
        signed(BODY + b" "),
        signed(BODY[1:]),
    ],
)
def test_a_push_without_the_right_signature_is_refused_before_it_is_read(headers: dict[str, str]) -> None:
    for body in (BODY, b"\xff not json"):
        with pytest.raises(BadSignature):
            mapping.read_push(body, headers, SHOP, T0)


def test_a_shop_without_secret_believes_nobody() -> None:
    nobody = type(SHOP)(id="x", connector="douyin", app_key=SHOP.app_key)
    with pytest.raises(BadSignature):
        mapping.read_push(BODY, signed(BODY, nobody), nobody, T0)
