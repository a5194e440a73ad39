"""Each call is built, sent to its address, and its answer and its error read."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import msgspec
import pytest

from hub.connectors import shapes
from hub.connectors.channels.douyin import mapping
from hub.connectors.channels.douyin import settings as say
from hub.connectors.contract import manifest_of
from hub.connectors.payload import Payload
from hub.connectors.shapes import BadPayload, Later, NotTaken, Seen, Shipment, SignInAgain, WrongSettings
from tests.helpers.clock import T0, FakeClock
from tests.helpers.source import ROOT
from tests.hub.connectors.douyin.shop import OUTSIDE, SHOP, Gateway, payload, raw

pytestmark = pytest.mark.anyio
HOUR = timedelta(hours=1)
ORDER_NO = "6920001188776655101"
WAYBILL = Shipment(channel_order_no=ORDER_NO, carrier="debangkuaidi", waybill_no="777123456789012")


async def _pages(pages: AsyncIterator[Any]) -> list[list[Seen]]:
    async with aclosing(pages) as open_pages:  # type: ignore[type-var]
        return [list(page) async for page in open_pages]


def test_the_manifest_and_the_client_give_up_at_the_same_time() -> None:
    assert manifest_of(ROOT / "hub/connectors/channels/douyin").timeout_s == say.TIMEOUT_S <= 5


async def test_a_call_goes_to_the_path_of_its_method_signed_as_sent() -> None:
    gateway = Gateway(raw("order_detail__paid"))
    told = await gateway.door().order(ORDER_NO)
    assert told is not None and told.order.channel_order_no == ORDER_NO
    assert b"kWc1vJ0m" in told.raw
    (asked,) = gateway.asked
    assert (asked.method, asked.url.host) == ("POST", "openapi-fxg.jinritemai.com")
    assert asked.url.path == "/order/orderDetail"
    assert asked.content == f'{{"shop_order_id":"{ORDER_NO}"}}'.encode()
    query = dict(asked.url.params)
    assert query["access_token"] == SHOP.access_token
    assert query["timestamp"] == "2026-11-21 09:00:00"
    assert query["sign"] == mapping.signature(
        SHOP.app_key, SHOP.app_secret, "order.orderDetail", asked.content.decode(), query["timestamp"]
    )


async def test_a_shop_may_have_its_own_gateway_and_another_token() -> None:
    gateway = Gateway(raw("search_list__none"))
    shop = type(SHOP)(id="x", connector="douyin", app_key="k", app_secret="s", base_url="http://127.0.0.1:1/")
    await gateway.door(shop).with_token("another").check()
    assert str(gateway.asked[0].url).startswith("http://127.0.0.1:1/order/searchList?")
    assert gateway.asked[0].url.params["access_token"] == "another"


@pytest.mark.parametrize("name", ["app_key", "app_secret"])
def test_a_shop_without_its_key_has_no_door(name: str) -> None:
    with pytest.raises(WrongSettings, match=name):
        Gateway(b"").door(msgspec.structs.replace(SHOP, **{name: ""}))


async def test_an_order_the_platform_does_not_know_is_none() -> None:
    assert await Gateway(raw("order_detail__not_known")).door().order("1") is None
    nothing = b'{"data":{"shop_order_detail":null},"err_no":0,"message":"success"}'
    assert await Gateway(nothing).door().order("1") is None


async def test_changes_are_asked_for_by_the_time_of_change_from_page_0() -> None:
    gateway = Gateway(raw("search_list__three_one_torn"))
    (page,) = await _pages(gateway.door().changed(T0 - HOUR, T0 + timedelta(milliseconds=1)))
    assert gateway.asked[0].url.path == "/order/searchList"
    assert gateway.params() == {
        "page": 0,
        "size": 100,
        "order_by": "update_time",
        "order_asc": True,
        "update_time_start": int(T0.timestamp()) - 3600,
        "update_time_end": int(T0.timestamp()) + 1,
    }
    whole, torn, other = page
    assert whole.told is not None and whole.modified_at == datetime.fromtimestamp(1793203101, UTC)
    assert (torn.channel_order_no, torn.told) == ("6920001188776650000", None)
    assert other.told is not None and other.channel_order_no == "6920001188776655999"


async def test_an_order_without_a_number_is_given_as_it_is_and_takes_no_other_with_it() -> None:
    said = payload("search_list__three_one_torn")
    said["data"]["shop_order_list"][0]["order_id"] = None
    [page] = await _pages(Gateway(json.dumps(said).encode()).door().changed(T0 - HOUR, T0))
    assert [(one.channel_order_no, bool(one.damaged)) for one in page] == [
        ("", True),
        ("6920001188776650000", False),
        ("6920001188776655999", False),
    ]
    assert json.loads(page[0].damaged)["order_id"] is None and page[0].path


class _Moving:
    """A list of orders that change while they are read: after each page one of the first leaves the span."""

    def __init__(self, numbers: list[str], *, leaving: bool = False) -> None:
        self.numbers, self.leaving = numbers, leaving
        self.order = payload("order_detail__paid")["data"]["shop_order_detail"]
        self.pages: list[int] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        asked = json.loads(request.content)
        self.pages.append(asked["page"])
        start = asked["page"] * asked["size"]
        orders = [{**self.order, "order_id": n} for n in self.numbers[start : start + asked["size"]]]
        data = {"page": asked["page"], "total": len(self.numbers), "size": 100, "shop_order_list": orders}
        if self.leaving:
            del self.numbers[0]
        return httpx.Response(200, json={"data": data, "code": 10000})


async def test_pages_are_read_from_the_last_to_the_first_and_none_is_missed() -> None:
    numbers = [str(n) for n in range(1000, 1250)]
    platform = _Moving(numbers)
    pages = await _pages(Gateway(platform).door().changed(T0 - HOUR, T0))
    assert platform.pages == [0, 2, 1, 0]
    assert [len(page) for page in pages] == [50, 100, 100]
    assert {seen.channel_order_no for page in pages for seen in page} == set(numbers)


async def test_orders_that_change_while_pages_are_read_hide_no_other() -> None:
    numbers = [str(n) for n in range(1000, 1300)]
    platform = _Moving(list(numbers), leaving=True)
    pages = await _pages(Gateway(platform).door().changed(T0 - HOUR, T0))
    seen = {one.channel_order_no for page in pages for one in page}
    left_before_their_page = set(numbers[:3])  # they changed again: the next span brings them
    assert seen >= set(numbers) - left_before_their_page


async def test_a_span_too_full_for_one_question_is_asked_in_halves() -> None:
    def platform(request: httpx.Request) -> httpx.Response:
        asked = json.loads(request.content)
        span = asked["update_time_end"] - asked["update_time_start"]
        data = {"total": span * 20, "shop_order_list": []}
        return httpx.Response(200, json={"data": data, "err_no": 0})

    gateway = Gateway(platform)
    door = gateway.door()
    async with aclosing(door.changed(T0 - HOUR, T0)) as pages:  # type: ignore[type-var]
        async for _ in pages:
            break
    first, half = gateway.params(0), gateway.params(1)
    assert first["update_time_start"] == half["update_time_start"]
    assert half["update_time_end"] - half["update_time_start"] == 1800


async def test_nothing_older_than_90_days_is_asked_for() -> None:
    gateway = Gateway(raw("search_list__none"))
    assert await _pages(gateway.door().changed(T0 - timedelta(days=400), T0)) == [[]]
    assert gateway.params()["update_time_start"] > (T0 - timedelta(days=90)).timestamp()
    assert await _pages(gateway.door().changed(T0 - timedelta(days=400), T0 - timedelta(days=300))) == []
    assert len(gateway.asked) == 1


async def test_a_waybill_is_told_under_the_platforms_code() -> None:
    gateway = Gateway(raw("logistics_add__ok"))
    await gateway.door().ship(WAYBILL)
    assert gateway.asked[0].url.path == "/order/logisticsAdd"
    assert gateway.params() == {
        "order_id": ORDER_NO,
        "company_code": "debangwuliu",
        "logistics_code": "777123456789012",
    }


async def test_the_same_waybill_again_is_no_error_and_another_is() -> None:
    answers = raw("logistics_add__wrong_state"), raw("order_detail__shipped")
    await Gateway(*answers).door().ship(WAYBILL)
    other = Shipment(channel_order_no=ORDER_NO, carrier="yunda", waybill_no="3900000000001")
    with pytest.raises(NotTaken, match="60021"):
        await Gateway(*answers).door().ship(other)
    with pytest.raises(NotTaken, match="60040"):
        await (
            Gateway(raw("logistics_add__refund_open"), raw("order_detail__refund_asked")).door().ship(WAYBILL)
        )


async def test_a_token_is_refreshed_without_a_token() -> None:
    gateway = Gateway(raw("token_refresh__ok"))
    tokens = await gateway.door().refresh("refresh-1")
    assert tokens.access_token == "11112222-3333-4444-5555-666677778888"
    assert tokens.refresh_token == "aaaabbbb-cccc-dddd-eeee-ffff00001111"
    assert tokens.expires_at == T0 + timedelta(days=7)
    assert gateway.asked[0].url.path == "/token/refresh"
    assert "access_token" not in gateway.asked[0].url.params
    assert gateway.params() == {"grant_type": "refresh_token", "refresh_token": "refresh-1"}


@pytest.mark.parametrize("sub_code", ["isv.business-failed:31009", "isv.business-failed:1"])
async def test_a_refresh_that_is_refused_means_that_a_person_must_authorise(sub_code: str) -> None:
    refused = json.dumps({"code": 50002, "msg": "业务处理失败", "sub_code": sub_code}).encode()
    with pytest.raises(SignInAgain):
        await Gateway(refused).door().refresh("over")


async def test_every_official_answer_to_a_token() -> None:
    file = OUTSIDE / "api" / "TokenCreateResponse.json"
    if not file.is_file():
        pytest.skip("the samples of outside are not on this machine")
    tokens = await Gateway(file.read_bytes()).door().refresh("x")
    assert (tokens.access_token, tokens.refresh_token) == ("ACCESS_TOKEN", "REFRESH_TOKEN")
    assert tokens.expires_at == T0 + timedelta(seconds=530808)


# --------------------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize("case", payload("errors"), ids=lambda case: case["meaning"].replace(" ", "_"))
async def test_each_error_is_the_trouble_it_means(case: dict[str, Any]) -> None:
    body = json.dumps(case["body"]).encode()
    with pytest.raises(shapes.ShopTrouble) as found:
        await Gateway(body).door().check()
    assert type(found.value).__name__ == case["kind"]
    assert str(case["body"].get("code") or "40") in found.value.word or "err_no" in case["body"]
    if isinstance(found.value, Later):
        assert found.value.after >= timedelta(seconds=5)
    if isinstance(found.value, shapes.NoPermission):
        assert found.value.permission


async def test_the_errors_of_outside() -> None:
    file = OUTSIDE / "error_responses.json"
    if not file.is_file():
        pytest.skip("the samples of outside are not on this machine")
    cases = json.loads(file.read_text(encoding="utf-8"))
    found = [mapping.trouble(Payload(case["body"])) for case in cases]
    assert [type(one) for one in found] == [NotTaken, Later]
    rows = (OUTSIDE / "error_codes__order_searchList.csv").read_text(encoding="utf-8").splitlines()[1:]
    kinds = {"10000": type(None), "40004": NotTaken, "20000": Later, "50002": NotTaken}
    for row in rows:
        code, sub_code = row.split(",")[:2]
        assert type(mapping.trouble(Payload({"code": int(code), "sub_code": sub_code}))) is kinds[code], row


@pytest.mark.parametrize(
    "body",
    [
        {"code": 10000, "msg": "success"},
        {"err_no": 0, "message": "success"},
        {"code": "10000", "err_no": "0"},
        {"code": 0, "msg": "success"},
    ],
)
def test_either_spelling_of_success(body: dict[str, Any]) -> None:
    assert mapping.trouble(Payload(body)) is None


@pytest.mark.parametrize(
    ("status", "kind"), [(500, Later), (502, Later), (429, Later), (404, WrongSettings), (302, WrongSettings)]
)
async def test_what_the_web_says(status: int, kind: type[Exception]) -> None:
    gateway = Gateway(lambda request: httpx.Response(status, text="<html>no</html>"))
    with pytest.raises(kind, match="@"):
        await gateway.door().check()


@pytest.mark.parametrize(
    "error",
    [httpx.ConnectError, httpx.ReadTimeout, httpx.RemoteProtocolError, httpx.ReadError, httpx.ConnectTimeout],
)
async def test_a_broken_line_is_asked_again(error: type[httpx.RequestError]) -> None:
    def broken(request: httpx.Request) -> httpx.Response:
        raise error(f"at {request.url}", request=request)

    with pytest.raises(Later) as found:
        await Gateway(broken).door().check()
    assert SHOP.access_token not in str(found.value) and "http" not in str(found.value)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"1", b"null", b'{"code":10000}', b"\xff\xfe"])
async def test_an_answer_that_is_none_is_bad_payload_or_none(body: bytes) -> None:
    with pytest.raises(BadPayload):
        await _pages(Gateway(body).door().changed(T0 - HOUR, T0))


async def test_no_secret_stands_in_any_word_or_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    secrets = SHOP.app_secret, SHOP.access_token, SHOP.refresh_token
    said = json.dumps({"code": 40003, "msg": f"bad {' '.join(secrets)}"}).encode()
    with pytest.raises(WrongSettings) as found:
        await Gateway(said).door().check()
    for secret in secrets:
        assert secret not in str(found.value) + repr(found.value)
        assert secret not in "".join(r.getMessage() for r in caplog.records if r.name.startswith("hub"))


async def test_a_clock_is_the_only_time_there_is() -> None:
    gateway, clock = Gateway(raw("search_list__none")), FakeClock()
    door = gateway.door(clock=clock)
    await door.check()
    clock.go(hours=2)
    await door.check()
    stamps = [request.url.params["timestamp"] for request in gateway.asked]
    assert stamps == ["2026-11-21 09:00:00", "2026-11-21 11:00:00"]
