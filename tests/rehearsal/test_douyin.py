"""The stand-in for Douyin checks us as the platform would, and our own connector gets along with it."""

from __future__ import annotations

import json
import threading
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

import httpx
import msgspec
import pytest

from hub.config import Shop
from hub.connectors.channels.douyin.client import open_shop
from hub.connectors.channels.douyin.mapping import read_push
from hub.connectors.shapes import (
    BadSignature,
    Hint,
    HintKind,
    Later,
    NoPermission,
    NotTaken,
    Shipment,
    ShopDoor,
    SignInAgain,
    TokenExpired,
    Told,
    WrongSettings,
)
from rehearsal.courier import NotHere
from rehearsal.douyin import Douyin
from rehearsal.douyin_pushes import Pusher
from rehearsal.server import Call, Manner, Manners, Reply, app_of, serving
from tests.helpers.clock import T0, FakeClock

pytestmark = pytest.mark.anyio
K = HintKind


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def platform(clock: FakeClock) -> Douyin:
    return Douyin(clock)


@pytest.fixture
def url(platform: Douyin) -> Iterator[str]:
    with serving(platform.app) as server:
        yield server.url


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False, verify=False, timeout=20) as client:
        yield client


def shop_of(platform: Douyin, url: str) -> Shop:
    return Shop(
        id="douyin-main",
        connector="douyin",
        base_url=url,
        app_key=platform.app_key,
        app_secret=platform.app_secret,
        access_token=platform.access_token,
    )


@pytest.fixture
def door(platform: Douyin, url: str, http: httpx.AsyncClient, clock: FakeClock) -> ShopDoor:
    return open_shop(shop_of(platform, url), http, clock)


async def changed(door: ShopDoor, clock: FakeClock) -> list[Told]:
    """All that changed in the last two hours, as often as it was told."""
    pages = door.changed(clock.now() - timedelta(hours=2), clock.now())
    return [seen.told async for page in pages for seen in page if seen.told is not None]


async def test_every_order_is_told_whole_and_once(platform: Douyin, door: ShopDoor, clock: FakeClock) -> None:
    bought = {order.order_no: order for order in platform.book.buy(230)}
    found = await changed(door, clock)
    assert sorted(told.order.channel_order_no for told in found) == sorted(bought)
    for told in found:
        ours, theirs = told.order, bought[told.order.channel_order_no]
        assert (ours.paid_fen, ours.freight_fen, ours.is_paid) == (theirs.paid_fen, theirs.freight_fen, True)
        assert [(line.sku_code, line.qty) for line in ours.lines] == [
            (good.sku_code, qty) for good, qty in theirs.lines
        ]
        assert told.unknown == () and told.modified_at == T0
        assert theirs.person.phone not in repr(ours) and theirs.person.name not in repr(ours)
    assert platform.asked == ["order.searchList"] * 4


async def test_the_life_of_an_order_is_read_at_every_step(platform: Douyin, door: ShopDoor) -> None:
    book = platform.book
    number = book.place().order_no

    async def seen() -> tuple[str, str, str]:
        told = await door.order(number)
        assert told is not None and told.unknown == ()
        flags = [f for f in ("paid", "risk", "shipped", "cancelled") if getattr(told.order, f"is_{f}")]
        return told.order.channel_state, " ".join(flags), str(told.order.refund_state)

    assert await seen() == ("待付款", "", "none")
    book.pay(number)
    assert await seen() == ("待发货", "paid", "none")
    book.find_risk(number)
    assert await seen() == ("已支付，平台审核中", "paid risk", "none")
    book.clear_risk(number)
    book.ask_refund(number)
    assert await seen() == ("待发货", "paid", "asked")
    book.close_refund(number)
    assert await seen() == ("待发货", "paid", "none")
    await door.ship(Shipment(channel_order_no=number, carrier="zhongtong", waybill_no="75312345678901"))
    assert await seen() == ("已发货", "paid shipped", "none")
    book.receive(number)
    book.ask_refund(number)
    book.finish_refund(number)
    assert await seen() == ("收货后已退款", "paid shipped", "done")


async def test_a_cancelled_order_is_over(platform: Douyin, door: ShopDoor) -> None:
    paid, unpaid = platform.book.buy()[0].order_no, platform.book.place().order_no
    for number, state in ((paid, "发货前已退款"), (unpaid, "已取消")):
        platform.book.cancel(number)
        told = await door.order(number)
        assert told is not None and told.order.is_cancelled and told.order.channel_state == state
    assert await door.order("6900000000000000000") is None


async def test_a_waybill_whose_answer_was_lost_is_told_again_without_harm(
    platform: Douyin, door: ShopDoor
) -> None:
    number = platform.book.buy()[0].order_no
    shipment = Shipment(channel_order_no=number, carrier="debangkuaidi", waybill_no="DPK210000000001")
    platform.manners.next(Manner.lost, on="order.logisticsAdd")
    with pytest.raises(Later):
        await door.ship(shipment)
    await door.ship(shipment)
    found = platform.book.find(number)
    assert found is not None and (found.carrier, found.waybill_no) == ("debangwuliu", "DPK210000000001")
    told = await door.order(number)
    assert told is not None and told.order.carrier == "debangkuaidi"
    with pytest.raises(NotTaken, match="60021"):
        await door.ship(Shipment(channel_order_no=number, carrier="yunda", waybill_no="3900000000001"))


async def test_what_may_not_be_shipped_is_refused(platform: Douyin, door: ShopDoor) -> None:
    number = platform.book.buy()[0].order_no
    platform.book.ask_refund(number)
    with pytest.raises(NotTaken, match="60040"):
        await door.ship(Shipment(channel_order_no=number, carrier="yunda", waybill_no="3900000000001"))
    with pytest.raises(NotTaken, match="60018"):
        await door.ship(Shipment(channel_order_no=number, carrier="pigeon", waybill_no="1"))


async def test_token_right_authorisation_and_settings_are_four_kinds_of_trouble(
    platform: Douyin, url: str, http: httpx.AsyncClient, clock: FakeClock, door: ShopDoor
) -> None:
    await door.check()
    platform.expire()
    with pytest.raises(TokenExpired):
        await door.check()
    tokens = await door.refresh("douyin-refresh-0")
    assert tokens.expires_at == T0 + timedelta(days=7)
    with pytest.raises(SignInAgain):
        await door.refresh("douyin-refresh-0")
    door = door.with_token(tokens.access_token)
    await door.check()
    platform.without_right.add("order.searchList")
    with pytest.raises(NoPermission):
        await door.check()
    platform.is_withdrawn = True
    with pytest.raises(SignInAgain):
        await door.check()
    platform.is_withdrawn = False
    platform.without_right.clear()
    shop = shop_of(platform, url)
    for wrong in ({"app_secret": "another"}, {"app_key": "7000000000000000002"}, {"base_url": url + "/v2"}):
        with pytest.raises(WrongSettings):
            await open_shop(msgspec.structs.replace(shop, **wrong), http, clock).check()


async def test_a_clock_that_is_wrong_is_named(platform: Douyin, url: str, http: httpx.AsyncClient) -> None:
    late = FakeClock(T0 - timedelta(hours=8))
    with pytest.raises(WrongSettings, match="timestamp"):
        await open_shop(shop_of(platform, url), http, late).check()


@pytest.mark.parametrize("spelling", ["old", "new", "both"])
async def test_either_spelling_is_understood(platform: Douyin, door: ShopDoor, spelling: Any) -> None:
    platform.spelling = spelling
    await door.check()
    platform.expire()
    with pytest.raises(TokenExpired):
        await door.check()
    tokens = await door.refresh(platform.refresh_token)
    platform.manners.next(Manner.throttled)
    with pytest.raises(Later):
        await door.with_token(tokens.access_token).check()


@pytest.mark.parametrize("manner", [Manner.broken, Manner.lost, Manner.throttled, Manner.refused])
async def test_bad_manners_are_trouble_that_passes(platform: Douyin, door: ShopDoor, manner: Manner) -> None:
    platform.manners.next(manner)
    with pytest.raises(Later):
        await door.check()
    await door.check()


async def test_a_list_doubled_and_out_of_order_misses_nothing(
    platform: Douyin, door: ShopDoor, clock: FakeClock
) -> None:
    bought = {order.order_no for order in platform.book.buy(120)}
    platform.manners.often(Manner.doubled, Manner.reordered, one_in=1)
    assert {told.order.channel_order_no for told in await changed(door, clock)} == bought


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"page": -1, "update_time_start": 1}, "10035"),
        ({"size": 101, "update_time_start": 1}, "20008"),
        ({"page": 501, "size": 100, "update_time_start": 1}, "20013"),
        ({}, "20011"),
        ({"update_time_start": 1}, "20022"),
        ({"combine_status": [{}, {}], "update_time_start": 1}, "20012"),
    ],
)
async def test_questions_the_platform_does_not_answer(platform: Douyin, params: Any, code: str) -> None:
    body = json.dumps(params, separators=(",", ":"), sort_keys=True)
    query = {
        "app_key": platform.app_key,
        "method": "order.searchList",
        "timestamp": "2026-11-21 09:00:00",
        "v": "2",
        "sign_method": "hmac-sha256",
        "sign": platform.sign("order.searchList", body, "2026-11-21 09:00:00"),
        "access_token": platform.access_token,
    }
    reply = await platform.answer(Call("POST", "/order/searchList", query, {}, body.encode()))
    assert json.loads(reply.body)["sub_code"].endswith(code)


# --------------------------------------------------------------------------------------------------- pushes


class Hub:
    """Takes pushes as a hub does: believes the signature, answers in time, may be away."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.hints: list[Hint] = []
        self.damaged: list[str] = []
        self.refused = 0
        self.is_away = False
        self._lock = threading.Lock()

    async def answer(self, call: Call) -> Reply:
        if self.is_away:
            return Reply(b"<html>502</html>", 502)
        try:
            push = read_push(call.body, call.headers, self.shop, T0)
        except BadSignature:
            self.refused += 1
            return Reply(b"", 401)
        with self._lock:
            self.hints += push.hints
            self.damaged += push.damaged
        return Reply(push.answer)


@pytest.fixture
def hub(platform: Douyin) -> Hub:
    return Hub(shop_of(platform, ""))


@pytest.fixture
def pusher(platform: Douyin, hub: Hub) -> Iterator[Pusher]:
    with serving(app_of(hub.answer, Manners())) as server:
        pusher = Pusher(platform, f"{server.url}/v1/webhooks/douyin-main", retry_s=0.05)
        yield pusher
        pusher.stop()


async def test_it_pushes_to_this_machine_only(platform: Douyin) -> None:
    with pytest.raises(NotHere):
        Pusher(platform, "https://hub.example.com/v1/webhooks/x")


async def test_the_address_is_checked_before_it_is_used(pusher: Pusher, hub: Hub) -> None:
    assert pusher.check_address().is_taken
    hub.is_away = True
    assert not pusher.check_address().is_taken


async def test_what_happens_is_pushed_and_understood(platform: Douyin, pusher: Pusher, hub: Hub) -> None:
    book = platform.book
    number = book.place().order_no
    book.pay(number)
    book.find_risk(number)
    book.clear_risk(number)
    book.ask_address(number)
    book.change_address(number)
    book.remark(number, "改发顺丰")
    book.ask_refund(number)
    book.close_refund(number)
    book.cancel(number)
    assert pusher.round() == 0
    kinds = [K.changed, K.changed, K.risk, K.changed, K.address_asked, K.address_asked, K.changed]
    kinds += [K.refund_asked, K.refund_over, K.cancelled]
    assert [hint.kind for hint in hub.hints] == kinds
    assert {hint.channel_order_no for hint in hub.hints} == {number}
    assert all(hint.is_known and hint.at == T0 for hint in hub.hints) and not hub.damaged


async def test_a_push_comes_again_until_it_is_taken(platform: Douyin, pusher: Pusher, hub: Hub) -> None:
    platform.book.buy(3)
    hub.is_away = True
    assert pusher.round() == 1 and pusher.round() == 1
    hub.is_away = False
    platform.manners.next(Manner.lost, on="push")
    assert pusher.round() == 1  # taken, but the answer was not heard
    assert pusher.round() == 0
    assert len(hub.hints) == 12
    assert len({hint.event_id for hint in hub.hints}) == 6


async def test_pushes_with_bad_manners_lose_nothing(platform: Douyin, pusher: Pusher, hub: Hub) -> None:
    manners = platform.manners
    manners.often(Manner.doubled, Manner.reordered, one_in=2, on="push")
    manners.often(Manner.slow, Manner.lost, Manner.refused, one_in=4, on="push")
    pusher.most = 3
    for _ in range(10):
        for order in platform.book.buy(2):
            platform.book.cancel(order.order_no)
        pusher.round()
    manners.good()
    while pusher.round():
        pass
    assert len({hint.event_id for hint in hub.hints}) == 60 < len(hub.hints)
    assert {Manner.doubled, Manner.reordered, Manner.slow, Manner.lost, Manner.refused} <= set(manners.met)
    assert hub.refused == manners.met[Manner.refused]


async def test_a_late_push_comes_after_those_that_came_later(
    platform: Douyin, pusher: Pusher, hub: Hub
) -> None:
    platform.manners.next(Manner.slow, on="push")
    first = platform.book.place().order_no
    assert pusher.round() == 1
    second = platform.book.place().order_no
    assert pusher.round() == 0
    assert [hint.channel_order_no for hint in hub.hints] == [second, first]


async def test_a_running_pusher_sends_by_itself(platform: Douyin, pusher: Pusher, hub: Hub) -> None:
    pusher.start()
    platform.book.buy(5)
    patience = threading.Event()
    for _ in range(1500):
        if len(hub.hints) == 10:
            break
        patience.wait(0.01)
    assert len(hub.hints) == 10
