"""Whatever comes instead of the true thing: trouble that has a name, and no element lost."""

from __future__ import annotations

import json
import re
from contextlib import aclosing
from datetime import timedelta
from decimal import Decimal
from typing import Any

import anyio
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hub.connectors.channels.douyin.mapping import read_push, told
from hub.connectors.payload import Payload
from hub.connectors.shapes import BadPayload, Seen, ShopTrouble
from tests.helpers.clock import T0
from tests.hub.connectors.douyin.shop import PAYLOADS, SHOP, Gateway, payload, raw, signed

ORDERS = [
    payload(path.stem)["data"]["shop_order_detail"]
    for path in sorted(PAYLOADS.glob("order_detail__*.json"))
    if "data" in payload(path.stem)
]
EVENTS = payload("push__nine_of_every_kind")
_NUMBERS = st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
_TEXTS = st.text(max_size=12) | st.sampled_from([
    "",
    "0",
    "1e999999999",
    "\x00",
    "\ud800",
    "null",
    "{}",
    "[1]",
    "NaN",
])
_LEAVES = st.none() | st.booleans() | _NUMBERS | _TEXTS
_JUNK = st.recursive(
    _LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3)
)


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


def _paths(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where something stands in a JSON value, the whole included."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(path for key, one in inner for path in _paths(one, (*at, key)))]


def _mutated(value: Any, path: tuple[Any, ...], junk: Any) -> Any:
    if not path:
        return junk
    changed = dict(value) if isinstance(value, dict) else list(value)
    changed[path[0]] = _mutated(value[path[0]], path[1:], junk)
    return changed


@st.composite
def orders(draw: st.DrawFn) -> Any:
    """A recorded order with up to three of its pieces replaced."""
    order = draw(st.sampled_from(ORDERS))
    for _ in range(draw(st.integers(1, 3))):
        order = _mutated(order, draw(st.sampled_from(_paths(order))), draw(_JUNK))
    return order


@st.composite
def pushes(draw: st.DrawFn) -> list[Any]:
    """Recorded events with pieces replaced, inside their data too, among some that are whole."""
    events = []
    for event in draw(st.lists(st.sampled_from(EVENTS), min_size=1, max_size=5)):
        torn = draw(st.booleans())
        if torn and isinstance(event["data"], str) and draw(st.booleans()):
            text = event["data"]
            cut = draw(st.integers(0, len(text)))
            torn_text = text[:cut] + draw(_TEXTS) + text[cut + draw(st.integers(0, 5)) :]
            event = {**event, "data": torn_text}
        elif torn:
            event = _mutated(event, draw(st.sampled_from(_paths(event))), draw(_JUNK))
        events.append(event)
    return events


@given(orders())
def test_a_torn_order_is_an_order_or_bad_payload(order: Any) -> None:
    text = json.dumps(order)
    try:
        found = told(Payload.read(text), SHOP)
    except BadPayload:
        return
    assert found.order.channel_order_no and found.order.lines and found.order.paid_fen >= 0
    assert all(type(line.price_fen) is int and line.qty > 0 for line in found.order.lines)
    found.raw.decode("ascii")
    json.dumps([found.order.extra, found.order.channel_state, found.unknown], ensure_ascii=False).encode()


@given(pushes())
def test_of_a_torn_push_every_element_is_a_hint_or_kept(events: list[Any]) -> None:
    body = json.dumps(events).encode()
    push = read_push(body, signed(body), SHOP, T0)
    without_order = sum(
        isinstance(event, dict) and str(event.get("tag")).strip() in ("0", "400", "417") for event in events
    )
    assert len(events) - without_order <= len(push.hints) + len(push.damaged) <= len(events)
    came = json.loads(body, parse_float=lambda number: str(Decimal(number)))
    for text in push.damaged:
        assert json.loads(text) in came
    for hint in push.hints:
        json.dumps([hint.event_id, hint.channel_order_no, hint.word], ensure_ascii=False).encode()
        assert 0 < len(hint.event_id) < 300 and hint.channel_order_no


@given(pushes())
def test_an_event_says_the_same_whether_it_is_read_at_once_or_piece_by_piece(events: list[Any]) -> None:
    """A blank before its id sends an event the long way."""
    longer = [
        {**event, "msg_id": f" {event['msg_id']}"}
        if isinstance(event, dict) and re.fullmatch(r"[0-9a-z:]{1,128}", str(event.get("msg_id")))
        else event
        for event in events
    ]
    quick, slow = [read_push(body, signed(body), SHOP, T0) for body in (_json(events), _json(longer))]
    assert quick.hints == slow.hints and len(quick.damaged) == len(slow.damaged)


@given(st.binary(max_size=200) | st.text(max_size=80).map(str.encode) | _JUNK.map(json.dumps).map(str.encode))
@example(b'[{"tag":"106"}' + b"," * 50)
@example(b'{"tag":' + b"[" * 5000)
def test_of_any_signed_bytes_something_is_kept(body: bytes) -> None:
    push = read_push(body, signed(body), SHOP, T0)
    if push.hints or push.damaged:
        return
    nothing = json.loads(body)
    events = nothing if isinstance(nothing, list) else [nothing]
    assert all(str(event["tag"]).strip() in ("0", "400", "417") for event in events)


@given(st.binary(max_size=200), st.dictionaries(st.sampled_from(["event-sign", "app-id", "x"]), st.text()))
def test_unsigned_bytes_only_ever_raise_shop_trouble(body: bytes, headers: dict[str, str]) -> None:
    with pytest.raises(ShopTrouble):
        read_push(body, headers, SHOP, T0)


_ANSWERS = [json.loads(raw(path.stem)) for path in sorted(PAYLOADS.glob("*.json")) if "push" not in path.stem]


@given(st.data())
def test_torn_answers_only_ever_raise_shop_trouble(data: st.DataObject) -> None:
    answer = data.draw(st.sampled_from(_ANSWERS))
    torn = _mutated(answer, data.draw(st.sampled_from(_paths(answer))), data.draw(_JUNK))
    body = json.dumps(torn).encode()
    if data.draw(st.booleans()):
        body = body[: data.draw(st.integers(0, len(body)))]
    calls = ("order", "refresh", "check", "changed")
    anyio.run(_asked, Gateway(body), data.draw(st.sampled_from(calls)))


async def _asked(gateway: Gateway, call: str) -> None:
    door = gateway.door()
    try:
        if call == "changed":
            async with aclosing(door.changed(T0 - timedelta(hours=1), T0)) as pages:  # type: ignore[type-var]
                async for page in pages:
                    assert all(isinstance(seen, Seen) for seen in page)
                    break
        elif call == "check":
            await door.check()
        else:
            await getattr(door, call)("6920001188776655101")
    except ShopTrouble:
        pass
