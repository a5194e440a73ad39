"""kuaidi100's texts become ours, and ours become its: signatures byte for byte, every state, every trap."""

from __future__ import annotations

import csv
import hashlib
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.masks import phones_in
from app.core.tracking import NodeKind as K
from hub.connectors.carriers.kuaidi100 import mapping
from hub.connectors.carriers.kuaidi100.settings import Account
from hub.connectors.carriers.kuaidi100.words import CODES, kind_of
from hub.connectors.couriers import Parcel, Watching
from hub.connectors.shapes import (
    BadPayload,
    BadSignature,
    Later,
    NotTaken,
    ShopTrouble,
    SignInAgain,
    WrongSettings,
)
from tests.hub.connectors.kuaidi100.pushes import (
    SALT,
    answer,
    node,
    outside,
    outside_json,
    param,
    payloads,
    signed,
    traces,
)

ACCOUNT = Account(
    base_url="http://127.0.0.1:1",
    customer="MY_COMPANY",
    key="KEY_FROM_KUAIDI100",
    salt=SALT,
    callback_url="https://hub.example/v1/webhooks/carrier/kuaidi100",
)
_FULL_PHONE = re.compile(r"(?<!\d)1[3-9]\d{9}(?!\d)")


# ------------------------------------------------------------------------------------------- signatures


def test_every_recorded_signature_comes_out() -> None:
    for one in outside_json("kuaidi100", "sign_vectors.json"):
        if one["kind"] == "query":
            sign = mapping.query_sign(one["param"], one["key"], one["customer"])
            assert sign == one["expected_sign"], one["name"]
        else:
            sign = mapping.push_sign(one["param"].encode(), one["salt"])
            assert sign.lower() == one["expected_sign"].lower(), one["name"]


def test_the_same_values_written_otherwise_have_another_signature() -> None:
    raw = '{"com":"ems","num":"V030344422","from":"广东省深圳市南山区"}'
    escaped = json.dumps(json.loads(raw), separators=(",", ":"))
    assert json.loads(raw) == json.loads(escaped)
    assert mapping.query_sign(raw, "k", "c") != mapping.query_sign(escaped, "k", "c")


def test_the_text_signed_is_the_text_sent() -> None:
    form = mapping.query_form(
        ACCOUNT, Parcel(waybill_no="SF1234567890123", carrier="shunfeng", phone_tail="2807")
    )
    expected = hashlib.md5((form["param"] + ACCOUNT.key + ACCOUNT.customer).encode()).hexdigest().upper()
    assert form["sign"] == expected and form["customer"] == "MY_COMPANY"
    told = json.loads(form["param"])
    assert told == {"com": "shunfeng", "num": "SF1234567890123", "resultv2": "4", "phone": "2807"}


def test_a_subscription_carries_callback_salt_and_advanced_states() -> None:
    form = mapping.subscribe_form(ACCOUNT, Parcel(waybill_no="75300000000001", carrier="zhongtong"))
    assert form["schema"] == "json"
    assert json.loads(form["param"]) == {
        "company": "zhongtong",
        "number": "75300000000001",
        "key": "KEY_FROM_KUAIDI100",
        "parameters": {
            "callbackurl": ACCOUNT.callback_url + "?nu=75300000000001",
            "salt": SALT,
            "resultv2": "4",
            "autoCom": "0",
        },
    }


def test_without_a_company_the_source_finds_out() -> None:
    form = mapping.subscribe_form(ACCOUNT, Parcel(waybill_no="773027491214552", carrier=""))
    assert json.loads(form["param"])["parameters"]["autoCom"] == "1"


@pytest.mark.parametrize("missing", ["customer", "key", "salt"])
def test_an_account_without_key_customer_or_salt_is_said_at_start(missing: str) -> None:
    class Given:
        base_url, customer, key, salt, callback_url = "", "c", "k", "s", ""

    given = Given()
    setattr(given, missing, "")
    with pytest.raises(WrongSettings, match=missing):
        Account.of(given)


# ----------------------------------------------------------------------------------------------- pushes


def test_the_recorded_push_is_taken_with_its_sign_and_refused_with_a_wrong_one() -> None:
    good = outside("kuaidi100", "push_form_body__good_sign.txt").read_bytes()
    news = mapping.read_push(good, "V030344422")
    assert [n.kind for n in news.nodes] == [K.hub_arrived, K.hub_departed]
    assert news.waybill_no == "V030344422" and news.corrected == "ems"
    bad = outside("kuaidi100", "push_form_body__bad_sign.txt").read_bytes()
    with pytest.raises(BadSignature):
        mapping.read_push(bad, "V030344422")
    with pytest.raises(BadSignature):
        mapping.read_push(good, "another salt")


def test_a_sign_counts_in_either_case() -> None:
    told = json.dumps(param("75300000000001")).encode()
    for sign in (mapping.push_sign(told, SALT).upper(), mapping.push_sign(told, SALT).lower()):
        mapping.read_push(signed(told, sign=sign), SALT)


@pytest.mark.parametrize("sign", ["", "BAD", "0" * 32, "ｍ" * 32])
def test_an_unsigned_or_wrongly_signed_push_is_refused(sign: str) -> None:
    with pytest.raises(BadSignature):
        mapping.read_push(signed(param("75300000000001"), sign=sign), SALT)


def test_without_a_salt_no_push_is_taken_not_even_a_fitting_one() -> None:
    with pytest.raises(WrongSettings):
        mapping.read_push(signed(param("75300000000001"), ""), "")


@pytest.mark.parametrize("body", [b"", b"param", b"sign=1&param=", b"&" * 100, b"\xff\xfe", b"a=b;c=d" * 50])
def test_a_body_that_is_no_form_is_refused(body: bytes) -> None:
    with pytest.raises(BadSignature):
        mapping.read_push(body, SALT)


def test_a_journey_has_its_kinds_places_and_times_in_utc() -> None:
    news = mapping.read_param(dict(payloads())["push_journey"])
    assert [n.kind for n in news.nodes] == [
        K.label_created,
        K.awaiting_pickup,
        K.picked_up,
        K.origin_departed,
        K.hub_arrived,
        K.hub_departed,
        K.dest_arrived,
        K.out_for_delivery,
        K.at_pickup_point,
        K.delivered,
    ]
    assert news.nodes[-1].at == datetime(2026, 11, 22, 10, 12, 9, tzinfo=UTC)
    assert news.nodes[-1].place == "江苏,苏州市,姑苏区" and news.nodes[0].place == ""
    assert news.nodes[-2].raw_text == "【苏州市】快件已暂存至平江路菜鸟驿站，如有疑问请联系138****1111"
    assert news.watching is Watching.over and news.carrier == "zhongtong" and not news.unknown


def test_an_abort_without_a_result_still_says_whose_it_is_and_which_company_is_right() -> None:
    news = mapping.read_param(dict(payloads())["push_abort"], "75300000000001")
    assert news.watching is Watching.given_up and news.waybill_no == "75300000000001"
    assert news.nodes == () and news.corrected == "yuantong"
    nothings: tuple[Any, ...] = (None, "", {}, [], "null", 0)
    for nothing in nothings:
        told = {"status": "abort", "message": "60天无变化时", "lastResult": nothing}
        assert mapping.read_param(json.dumps(told).encode(), "75300000000001").nodes == ()
    assert mapping.read_param(b'{"status":"abort"}', "X1").waybill_no == "X1"


def test_steps_at_customs_are_three_kinds() -> None:
    news = mapping.read_param(dict(payloads())["push_customs"])
    assert [n.kind for n in news.nodes] == [K.customs_pending, K.customs_held, K.customs_cleared]


@pytest.mark.parametrize(
    ("status", "watching"),
    [
        ("polling", Watching.goes_on),
        ("updateall", Watching.goes_on),
        ("shutdown", Watching.over),
        ("abort", Watching.given_up),
    ],
)
def test_what_the_source_says_of_its_own_watch(status: str, watching: Watching) -> None:
    news = mapping.read_param(json.dumps(param("75300000000001", status=status)).encode())
    assert news.watching is watching and news.unknown == ()


def test_a_status_nobody_knows_is_named_and_nothing_is_lost() -> None:
    told = param("75300000000001", node("2026-11-21 10:00:00", "已揽收", "103"), status="paused")
    news = mapping.read_param(json.dumps(told).encode())
    assert news.unknown == ("push.status=paused",) and len(news.nodes) == 1


def test_a_result_that_comes_as_text_is_read_too() -> None:
    told = param("75300000000001", node("2026-11-21 10:00:00", "已揽收", "103"))
    told["lastResult"] = json.dumps(told["lastResult"])
    assert [n.kind for n in mapping.read_param(json.dumps(told).encode()).nodes] == [K.picked_up]


def test_a_damaged_node_takes_no_other_along() -> None:
    told = param(
        "75300000000001",
        node("2026-11-21 10:00:00", "已揽收", "103"),
        node("not a time", "已发往"),
        node("1026-11-21 10:00:00", "a thousand years ago"),
        node("2026-11-21 11:00:00", "a\x00b"),
    )
    told["lastResult"]["data"] += [None, 7, {"context": "no time"}]
    news = mapping.read_param(json.dumps(told).encode())
    assert len(news.nodes) == 1 and len(news.damaged) == 6


def test_two_nodes_of_one_second_keep_their_order_and_the_piece_they_came_from() -> None:
    told = param(
        "75300000000001",
        node("2026-11-21 10:00:00", "快件离开 杭州中转部 已发往 苏州中转部"),
        node("2026-11-21 10:00:00", "快件已到达 杭州中转部"),
        node("2026-11-21 09:00:00", "西溪营业部 已揽收"),
    )
    news = mapping.read_param(json.dumps(told).encode())
    assert [n.kind for n in news.nodes] == [K.picked_up, K.hub_arrived, K.hub_departed]
    assert [json.loads(raw)["context"] for raw in news.raws][1] == "快件已到达 杭州中转部"


# ---------------------------------------------------------------------------------------------- answers


def test_a_good_answer_and_those_without_a_result() -> None:
    news = mapping.read_answer(
        outside("kuaidi100", "poll_query_response__ok.json").read_bytes(), "V030344422"
    )
    assert (news.waybill_no, news.carrier, len(news.nodes)) == ("V030344422", "yuantong", 2)
    for name in ("poll_query_response__201_no_such_number.json", "poll_query_response__failure_500.json"):
        empty = mapping.read_answer(outside("kuaidi100", name).read_bytes(), "V030344422")
        assert (empty.waybill_no, empty.nodes) == ("V030344422", ())


@pytest.mark.parametrize(
    ("code", "trouble"),
    [
        ("400", NotTaken),
        ("408", NotTaken),
        ("501", NotTaken),
        ("502", Later),
        ("503", WrongSettings),
        ("601", SignInAgain),
        ("999", Later),
    ],
)
def test_a_refused_question_says_whose_turn_it_is(code: str, trouble: type[ShopTrouble]) -> None:
    with pytest.raises(trouble, match=code):
        mapping.read_answer(json.dumps({"result": False, "returnCode": code, "message": "x"}).encode(), "N")


def test_subscriptions_taken_repeated_and_refused() -> None:
    mapping.read_subscribed(outside("kuaidi100", "subscribe_response__ok.json").read_bytes())
    mapping.read_subscribed(b'{"result":false,"returnCode":"501","message":"\xe9\x87\x8d\xe5\xa4\x8d"}')
    with pytest.raises(NotTaken, match="701"):
        mapping.read_subscribed(outside("kuaidi100", "subscribe_response__701.json").read_bytes())
    for code, trouble in (("500", Later), ("600", SignInAgain), ("700", WrongSettings), ("702", NotTaken)):
        with pytest.raises(trouble):
            mapping.read_subscribed(json.dumps({"result": False, "returnCode": code}).encode())


def test_the_answer_to_a_push_is_the_one_that_is_required() -> None:
    assert json.loads(mapping.TAKEN) == outside_json("kuaidi100", "push_ack__required.json")


# ------------------------------------------------------------------------------------------------ kinds


def test_every_state_of_the_list_is_known_by_number_and_by_word() -> None:
    with outside("kuaidi100", "state_codes.csv").open(encoding="utf-8", newline="") as rows:
        for row in csv.DictReader(rows):
            kind, unknown = kind_of(row["state"], row["name"], "")
            assert unknown == "" and kind is not K.other, row
            assert CODES[row["name"]] == row["state"] and kind_of("", row["name"], "") == (kind, "")


@pytest.mark.parametrize(
    ("code", "here", "at_kdniao"),
    [
        ("202", K.delivery_problem, K.out_for_delivery),
        ("204", K.delivery_problem, K.hub_arrived),
        ("201", K.delivery_problem, K.dest_arrived),
        ("401", K.delivery_problem, None),
        ("3", K.delivered, None),
        ("4", K.returning, K.delivery_problem),
        ("5", K.out_for_delivery, K.hub_departed),
    ],
)
def test_numbers_mean_what_they_mean_here_not_at_kdniao(code: str, here: K, at_kdniao: K | None) -> None:
    assert kind_of(code, "", "")[0] is here
    assert here is not at_kdniao


@pytest.mark.parametrize(
    ("code", "word", "text", "kind"),
    [
        ("0", "在途", "您的快件正在派送中，请您准备签收", K.out_for_delivery),
        ("", "", "已签收,签收人是: 转EMS1133969112997", K.hub_departed),
        ("3", "签收", "已签收,签收人是: 转EMS1133969112997", K.hub_departed),
        ("304", "投柜或站签收", "您的快件已由快递驿站代收", K.delivered),
        ("3", "签收", "查无结果", K.other),
        ("1", "揽收", "揽收任务已分配给王某某", K.awaiting_pickup),
        ("", "", "某公司 失败签收录入 于某某", K.delivery_problem),
        ("", "", "已签收, 签收人凭取货码签收", K.delivered),
        ("", "", "快件已退回，正在发往 杭州市", K.returning),
        ("0", "在途", "", K.origin_departed),
        ("", "", "快件已被热心邻居抱走", K.other),
    ],
)
def test_state_and_text_are_read_together(code: str, word: str, text: str, kind: K) -> None:
    assert kind_of(code, word, text) == (kind, "")


@pytest.mark.parametrize("code", ["977", "-1", "3O1", "０"])
def test_a_code_nobody_knows_stays_unknown_whatever_the_text_says(code: str) -> None:
    assert kind_of(code, "签收", "已签收") == (K.other, f"statusCode={code}")
    assert kind_of("", "无人机派送", "已签收") == (K.other, "status=无人机派送")


# ----------------------------------------------------------------------------------------------- traces


@pytest.mark.parametrize(("file", "shape"), traces() or [("traces_index.csv", "")])
def test_every_recorded_trace_is_read_whole(file: str, shape: str) -> None:
    raw = outside(*Path(file).parts).read_bytes()
    told = json.loads(raw)
    if shape == "kuaidi100_push":
        news, result = mapping.read_param(raw), told["lastResult"]
    else:
        news, result = mapping.read_answer(raw, told["nu"]), told
    assert news.waybill_no == result["nu"] and not news.damaged and not news.unknown
    assert len(news.nodes) == len(result["data"]) == len(news.raws)
    assert list(news.nodes) == sorted(news.nodes, key=lambda n: n.at)
    assert not any(n.kind is K.other for n in news.nodes), "every sentence of these is known"
    shown = " ".join(n.raw_text + n.place for n in news.nodes)
    assert not _FULL_PHONE.search(shown) and phones_in(shown) == shown


def test_the_recorded_hand_over_to_another_courier_is_no_delivery() -> None:
    raw = outside("shentong", "kuaidi100_push__221014000145.json").read_bytes()
    assert [n.kind for n in mapping.read_param(raw).nodes] == [K.out_for_delivery, K.hub_departed]


def test_two_recorded_snapshots_of_one_parcel_say_the_same_of_the_same_event() -> None:
    first, second = (
        mapping.read_answer(outside("yuantong", f"kuaidi100_query__700074134800{n}.json").read_bytes(), "")
        for n in ("", "_b")
    )
    kinds = {(n.at, n.raw_text): n.kind for n in first.nodes}
    shared = [n for n in second.nodes if (n.at, n.raw_text) in kinds]
    assert len(shared) == 4 and all(kinds[n.at, n.raw_text] is n.kind for n in shared)


# ------------------------------------------------------------------------------------------------- fuzz

_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@st.composite
def mutated(draw: st.DrawFn) -> Any:
    """A push with a few of its values, somewhere in it, replaced, removed or doubled."""
    told = json.loads(draw(st.sampled_from([raw for _, raw in payloads()])))
    for _ in range(draw(st.integers(1, 5))):
        holder = told
        while True:
            keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
            if not keys:
                break
            key = draw(st.sampled_from(keys))
            inner = holder[key]
            if isinstance(inner, dict | list) and inner and draw(st.integers(0, 4)):
                holder = inner
                continue
            holder[key] = draw(_json)
            break
    return told


@given(mutated())
def test_whatever_a_signed_push_holds_it_is_read_or_refused_as_trouble(told: Any) -> None:
    try:
        news = mapping.read_push(signed(told), SALT, "N1")
    except ShopTrouble as trouble:
        assert isinstance(trouble, BadPayload)
        return
    assert len(news.nodes) == len(news.raws)
    result = told.get("lastResult")
    if isinstance(result, dict) and isinstance(result.get("data"), list):
        assert len(news.nodes) + len(news.damaged) == len(result["data"]), "nothing is lost"


@given(st.binary(max_size=300))
def test_whatever_bytes_come_they_are_trouble_or_news(raw: bytes) -> None:
    for read in (
        lambda: mapping.read_push(raw, SALT),
        lambda: mapping.read_push(signed(raw), SALT),
        lambda: mapping.read_answer(raw, "N1"),
        lambda: mapping.read_subscribed(raw),
    ):
        try:
            read()
        except ShopTrouble:
            pass


def test_json_too_deep_is_trouble_not_a_crash() -> None:
    for text in (b"[" * 100_000, b'{"lastResult":' * 50_000, b'{"a":' + b"1" * 9_999 + b"}"):
        with pytest.raises(ShopTrouble):
            mapping.read_push(signed(text), SALT)


@given(_json)
def test_whatever_an_answer_holds_it_is_news_or_trouble(told: Any) -> None:
    for text in (json.dumps(told).encode(), answer("N1", message=told, state=told, com=told)):
        try:
            mapping.read_answer(text, "N1")
        except ShopTrouble:
            pass


def test_a_form_decodes_to_what_was_signed() -> None:
    [(_, sign), (_, text)] = parse_qsl(signed(param("75300000000001")).decode())
    assert mapping.push_sign(text.encode(), SALT) == sign
