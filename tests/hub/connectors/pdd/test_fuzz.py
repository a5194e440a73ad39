"""However a payload of Pinduoduo is damaged: nothing but a refusal is raised, and no id that can be read is lost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hub.connectors.channels.pdd import mapping
from hub.connectors.shapes import ShopTrouble
from tests.hub.connectors.pdd.given import NO, PAYLOADS, RECORDED, SHOP

_ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=12),
    st.just([]),
    st.just({}),
    st.just([[{}]]),
    st.just("\ud800"),
    st.just("\x00"),
    st.just(10**40),
    st.just("1e999999999"),
    st.just("0000-00-00 00:00:00"),
    st.just("9999-12-31 23:59:59"),
)


def _places(value: Any, at: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if at:
        yield at
    pieces = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, piece in pieces:
        yield from _places(piece, (*at, key))


def _put(value: Any, at: tuple[str | int, ...], new: Any) -> Any:
    """A copy with another piece at a place that is there."""
    if not at:
        return new
    try:
        copy = dict(value) if isinstance(value, dict) else list(value)
        copy[at[0]] = _put(copy[at[0]], at[1:], new)  # type: ignore[index]
    except (TypeError, KeyError, IndexError, ValueError):
        return value  # an earlier damage took the place away
    return copy


@st.composite
def _damaged(draw: st.DrawFn, whole: Any) -> Any:
    places = list(_places(whole))
    for _ in range(draw(st.integers(1, 4))):
        whole = _put(whole, draw(st.sampled_from(places)), draw(_ODD))
    return whole


def _all(*starts: str) -> list[Any]:
    folders = [PAYLOADS, RECORDED] if RECORDED.is_dir() else [PAYLOADS]
    found = [path for folder in folders for path in sorted(folder.glob("*.json"))]
    return [json.loads(path.read_bytes()) for path in found if path.name.startswith(starts)]


ANSWERS = _all("order_", "refund_", "logistics_", "increment_", "token", "ship_answer", "agiso")
FRAMES = [case["frame"] for [*cases] in _all("messages") for case in cases] + _all("push_ws_frame")


def _read_all(raw: bytes) -> None:
    for read in (
        lambda: mapping.told_of(raw, NO, SHOP),
        lambda: mapping.page_of(raw, SHOP),
        lambda: mapping.tokens_of(raw),
        lambda: mapping.answer_of(raw, "logistics_online_send_response").flag("is_success"),
    ):
        try:
            read()
        except ShopTrouble:
            continue


@given(data=st.data(), whole=st.sampled_from(ANSWERS))
def test_a_damaged_answer_raises_nothing_but_trouble(data: st.DataObject, whole: Any) -> None:
    _read_all(json.dumps(data.draw(_damaged(whole))).encode("utf-8", "surrogatepass"))


@given(raw=st.binary(max_size=60))
@example(raw=b"[" * 100_000)
@example(raw=b'{"error_response":' * 2_000)
@example(raw=b'{"order_info_get_response":{"order_info":{"order_sn":1e400}}}')
@example(raw=b"\xff\xfe{}")
@example(raw=b"9" * 5_000)
@example(raw=b'{"order_info_get_response":{"order_info":{"order_sn":NaN}}}')
def test_any_bytes_raise_nothing_but_trouble(raw: bytes) -> None:
    _read_all(raw)


@given(data=st.data())
def test_no_order_number_of_a_damaged_page_is_lost(data: st.DataObject) -> None:
    [page] = [
        whole for whole in _all("increment_page") if whole["order_sn_increment_get_response"]["order_sn_list"]
    ]
    entries = page["order_sn_increment_get_response"]["order_sn_list"]
    damaged = [data.draw(_damaged(entry)) for entry in entries]
    for entry, was in zip(damaged, entries, strict=True):
        if isinstance(entry, dict):
            entry["order_sn"] = was["order_sn"]
    page["order_sn_increment_get_response"]["order_sn_list"] = damaged
    raw = json.dumps(page).encode("utf-8", "surrogatepass")
    read = mapping.page_of(raw, SHOP)
    assert [seen.channel_order_no for seen in read.seen] == [entry["order_sn"] for entry in damaged]


@given(data=st.data(), whole=st.sampled_from(FRAMES))
def test_a_damaged_message_with_an_id_is_always_answered_and_its_order_never_lost(
    data: st.DataObject, whole: Any
) -> None:
    inner = data.draw(_damaged(json.loads(whole["message"]["content"])))
    order_no = json.loads(whole["message"]["content"]).get("tid")
    damaged = data.draw(_damaged(whole["message"]))
    content = {**inner, "tid": order_no} if isinstance(inner, dict) and order_no else inner
    if isinstance(damaged, dict) and data.draw(st.booleans()):
        damaged["content"] = json.dumps(content)
    frame = {**whole, "message": damaged, "sendTime": data.draw(_ODD)}
    message = mapping.read_message(json.dumps(frame))
    assert message is not None and json.loads(message.ack)["id"] == whole["id"]
    is_whole = isinstance(damaged, dict) and damaged.get("content") == json.dumps(content)
    if is_whole and isinstance(content, dict) and order_no:
        assert [hint.channel_order_no for hint in message.hints] == [order_no]


@given(frame=st.text(max_size=80))
@pytest.mark.parametrize("start", ["", '{"commandType":"Common","id":1,"message":'])
def test_any_text_on_the_message_line_raises_nothing(start: str, frame: str) -> None:
    mapping.read_message(start + frame)
