"""A signed list of events becomes hints, each element by itself."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from hub.connectors.channels.douyin.mapping import read_push
from hub.connectors.shapes import Hint, HintKind, Push
from tests.helpers.clock import T0
from tests.hub.connectors.douyin.shop import OUTSIDE, SHOP, payload, signed

K = HintKind


def read(events: Any) -> Push:
    body = json.dumps(events, ensure_ascii=False).encode() if not isinstance(events, bytes) else events
    return read_push(body, signed(body), SHOP, T0)


def one(tag: Any, **data: Any) -> Hint:
    (hint,) = read([{"tag": tag, "msg_id": "m", "data": {"p_id": 1, **data}}]).hints
    return hint


def test_a_list_of_every_kind_loses_nothing() -> None:
    push = read(payload("push__nine_of_every_kind"))
    assert [(h.channel_order_no, h.kind, h.word, h.is_known) for h in push.hints] == [
        ("6920001188776655101", K.changed, "101", True),
        ("6920001188776655333", K.cancelled, "106", True),
        ("6920001188776655101", K.refund_asked, "200", True),
        ("6920001188776655101", K.refund_over, "207", True),
        ("6920001188776655101", K.changed, "901", False),
    ]
    assert [json.loads(text)["msg_id"] for text in push.damaged] == ["torn-1", "torn-2"]
    assert (push.answer, push.content_type) == (b'{"code":0,"msg":"success"}', "application/json")


def test_times_are_told_where_the_event_tells_them() -> None:
    push = read(payload("push__nine_of_every_kind"))
    seconds = [1793203100, 1793203111, 1793203701, 1793203801]
    assert [h.at for h in push.hints] == [*(datetime.fromtimestamp(s, UTC) for s in seconds), None]
    assert one("106", cancel_time="who knows", create_time=1793203100).at is not None
    assert one("106", cancel_time="who knows").at is None


@pytest.mark.parametrize(
    ("tag", "kind"),
    [
        *((tag, K.changed) for tag in (100, 101, 102, 103, 104, 108, 109, 112, 113, 126, 202, 203, 209, 211)),
        *((tag, K.changed) for tag in (212, 215, 218, 224, 227)),
        *((tag, K.address_asked) for tag in (105, 111)),
        *((tag, K.refund_asked) for tag in (200, 201, 208)),
        *((tag, K.refund_over) for tag in (204, 205, 206, 207)),
        (106, K.cancelled),
    ],
)
def test_tags_as_numbers_and_as_texts(tag: int, kind: K) -> None:
    for said in (tag, str(tag), f" {tag} "):
        hint = one(said)
        assert (hint.kind, hint.is_known, hint.word) == (kind, True, str(tag))


def test_110_is_pending_unless_it_says_that_it_was_paid_and_released() -> None:
    assert one(110, order_status=105, pay_time=1793203100).kind is K.risk
    assert one(110).kind is K.risk
    assert one(110, order_status=2, pay_time=1793203100).kind is K.changed
    assert one(110, order_status="two", pay_time=1793203100).kind is K.risk


def test_0_is_the_address_check_unless_it_has_an_order() -> None:
    said: tuple[Any, ...] = ("2026-11-11 00:00:05", "{}", {}, None, "")
    for data in said:
        push = read([{"tag": "0", "msg_id": "0", "data": data}])
        assert (push.hints, push.damaged, push.answer) == ((), (), b'{"code":0,"msg":"success"}')
    assert one(0, order_status=2).kind is K.risk


def test_money_that_went_back_before_shipping_stops_the_goods() -> None:
    assert one(206, aftersale_type=2).kind is K.refund_asked
    assert one(206, aftersale_type=0).kind is K.refund_over


def test_ids_above_2_53_keep_every_digit_as_number_and_as_text() -> None:
    body = (
        b'[{"tag":"106","msg_id":"a","data":"{\\"p_id\\":4781320682406083641}"},'
        b'{"tag":106,"msg_id":"b","data":{"p_id":"4781320682406083643"}}]'
    )
    numbers = [hint.channel_order_no for hint in read(body).hints]
    assert numbers == ["4781320682406083641", "4781320682406083643"]


def test_the_same_event_has_the_same_id_whatever_comes_around_it() -> None:
    event = {"tag": "106", "msg_id": "m-1", "data": '{"p_id":7}'}
    alone, among = read([event]), read([event, {**event, "msg_id": "m-2"}, {**event, "tag": 106}])
    ids = [hint.event_id for hint in among.hints]
    assert ids[0] == ids[2] == alone.hints[0].event_id != ids[1]


def test_one_message_id_for_two_events_makes_two() -> None:
    same = [{"tag": t, "msg_id": "m", "data": {"p_id": p}} for t, p in ((106, 1), (106, 2), (200, 1))]
    assert len({hint.event_id for hint in read(same).hints}) == 3


def test_an_event_without_an_id_is_known_by_what_it_says() -> None:
    event = {"tag": "106", "data": {"p_id": 7, "cancel_time": 1793203100}}
    first, again, other = read([event, event, {**event, "data": {"p_id": 8}}]).hints
    assert first.event_id == again.event_id != other.event_id
    assert one(106).event_id == "m/106/1"


def test_one_event_outside_a_list_is_read_as_one() -> None:
    assert [hint.kind for hint in read({"tag": 106, "msg_id": "m", "data": {"p_id": 1}}).hints] == [
        K.cancelled
    ]


@pytest.mark.parametrize("body", [b"", b"\xff\xfe\x00", b"[1,", b"[NaN]", b"[" * 100_000, b"9" * 5000])
def test_a_body_that_is_no_json_is_kept_as_it_came_and_taken(body: bytes) -> None:
    push = read(body)
    assert (push.hints, len(push.damaged), push.answer) == ((), 1, b'{"code":0,"msg":"success"}')


def test_every_official_event() -> None:
    if not OUTSIDE.is_dir():
        pytest.skip("the samples of outside are not on this machine")
    files = sorted((OUTSIDE / "events").glob("*.json"))
    events = [json.loads(file.read_text(encoding="utf-8")) for file in files]
    push = read(events)
    assert (len(push.hints), push.damaged) == (len(events), ())
    kinds = {file.stem.removesuffix("Event"): hint.kind for file, hint in zip(files, push.hints, strict=True)}
    assert {name: kind for name, kind in kinds.items() if kind is not K.changed} == {
        "RefundCreated": K.refund_asked,
        "RefundModified": K.refund_asked,
        "RefundRefused": K.refund_over,
        "RefundReturnAgreed": K.refund_asked,
        "RefundReturnApplyRefused": K.refund_over,
        "TradeAddressChangeApplied": K.address_asked,
        "TradePending": K.risk,
    }
    assert all(hint.is_known for hint in push.hints)
    texts = [{**event, "tag": str(event["tag"]), "data": json.dumps(event["data"])} for event in events]
    assert [h.kind for h in read(texts).hints] == [h.kind for h in push.hints]
