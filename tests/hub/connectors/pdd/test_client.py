"""The client asks Pinduoduo as it wants to be asked: over real HTTP, of a stand-in that refuses what it would."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import httpx
import msgspec
import pytest

from app.core.order import RefundState
from hub.config import Shop
from hub.connectors.channels.pdd import settings
from hub.connectors.channels.pdd.client import Messages, PddShop, open_listener, open_shop
from hub.connectors.shapes import (
    BadPayload,
    Hint,
    HintKind,
    Later,
    NoPermission,
    NotTaken,
    Seen,
    Shipment,
    ShopTrouble,
    SignInAgain,
    TokenExpired,
    WrongSettings,
)
from rehearsal.book import Book
from rehearsal.pdd import PATH, Pdd, numbering
from rehearsal.server import Call, Manner, Manners, Reply, Server, app_of, serving
from tests.helpers.clock import FakeClock
from tests.hub.connectors.pdd.given import NO, payload

pytestmark = pytest.mark.anyio


@dataclass
class Stage:
    """A platform with its book and clock, and a shop of ours on it."""

    clock: FakeClock
    book: Book
    pdd: Pdd
    server: Server
    shop: Shop

    @asynccontextmanager
    async def door(self, shop: Shop | None = None) -> AsyncIterator[PddShop]:
        async with httpx.AsyncClient(trust_env=False, verify=False, timeout=20) as http:
            yield open_shop(shop or self.shop, http, self.clock)

    def listener(self, heartbeat_s: float = 5) -> Messages:
        return Messages(self.shop, self.server.ws_url, self.clock, 15, heartbeat_s)


@pytest.fixture
def stage() -> Iterator[Stage]:
    clock = FakeClock()
    book = Book(clock, numbering)
    pdd = Pdd(book, clock, Manners(slow_s=0.05), resend_s=20)
    with serving(pdd.app()) as server:
        account = pdd.account
        shop = Shop(
            id="pdd-main",
            connector="pdd",
            base_url=server.url + PATH,
            message_url=server.ws_url,
            app_key=account.client_id,
            app_secret=account.secret,
            access_token=account.access_token,
            refresh_token=account.refresh_token,
        )
        yield Stage(clock, book, pdd, server, shop)


async def all_changed(door: PddShop, since: datetime, until: datetime) -> list[Seen]:
    async with aclosing(door.changed(since, until)) as pages:
        return [seen async for page in pages for seen in page]


# -------------------------------------------------------------------------------------------------- orders


async def test_every_order_of_a_span_longer_than_half_an_hour_comes_whole(stage: Stage) -> None:
    since = stage.clock.now()
    for _ in range(9):
        stage.book.buy(30)
        stage.clock.go(minutes=10)
    async with stage.door() as door:
        seen = await all_changed(door, since, stage.clock.now() - door.paces.behind)
    assert {one.channel_order_no for one in seen} == {order.order_no for order in stage.book.orders()}
    told = {one.channel_order_no: one.told for one in seen}
    for order in stage.book.orders():
        found = told[order.order_no]
        assert found is not None and found.unknown == ()
        assert (found.order.paid_fen, found.order.coupon_fen) == (order.paid_fen, order.coupon_fen)
        assert [(line.sku_code, line.qty, line.price_fen) for line in found.order.lines] == [
            (good.sku_code, qty, good.price_fen) for good, qty in order.lines
        ]
        assert order.person.name not in repr(found.order.consignee)
        assert found.modified_at == order.modified_at


async def test_orders_that_change_while_pages_are_read_move_no_other_out_of_sight(stage: Stage) -> None:
    since = stage.clock.now()
    bought = [order.order_no for _ in range(25) for order in stage.book.buy(10)]
    stage.clock.go(minutes=10)
    until = stage.clock.now() - timedelta(minutes=3)
    found: set[str] = set()
    async with stage.door() as door, aclosing(door.changed(since, until)) as pages:
        n = 0
        async for page in pages:
            found |= {one.channel_order_no for one in page}
            for order_no in bought[n * 40 : n * 40 + 40]:  # they leave the span: the list gets shorter
                stage.book.remark(order_no, "急")
            n += 1
        late = await all_changed(door, stage.clock.now(), stage.clock.go(minutes=5))
    assert n == 3 and found | {one.channel_order_no for one in late} == set(bought)


async def test_doubled_and_reordered_lists_lose_nothing(stage: Stage) -> None:
    since = stage.clock.now()
    stage.book.buy(120)
    stage.clock.go(minutes=6)
    stage.pdd.manners.often(Manner.doubled, Manner.reordered, one_in=1)
    async with stage.door() as door:
        seen = await all_changed(door, since, stage.clock.now() - door.paces.behind)
    assert {one.channel_order_no for one in seen} == {order.order_no for order in stage.book.orders()}


async def test_an_empty_span_is_no_trouble_and_none_at_all_asks_nothing(stage: Stage) -> None:
    now = stage.clock.now()
    async with stage.door() as door:
        assert await all_changed(door, now - timedelta(minutes=30), now) == []
        assert await all_changed(door, now, now) == []


async def test_a_detail_follows_the_order_through_refund_and_risk(stage: Stage) -> None:
    [order] = stage.book.buy()
    async with stage.door() as door:

        async def detail() -> tuple[RefundState | None, bool, bool]:
            told = await door.order(order.order_no)
            assert told is not None
            return told.order.refund_state, told.order.is_risk, told.order.is_cancelled

        assert await detail() == (RefundState.none, False, False)
        stage.book.find_risk(order.order_no)
        assert await detail() == (RefundState.none, True, False)
        stage.book.clear_risk(order.order_no)
        stage.book.ask_refund(order.order_no)
        assert await detail() == (RefundState.asked, False, False)
        stage.book.finish_refund(order.order_no)
        assert await detail() == (RefundState.done, False, True)
        assert await door.order("") is None
        with pytest.raises(NotTaken):
            await door.order("261121-000000000000000")


# ------------------------------------------------------------------------------------------------ shipping


async def test_a_waybill_is_told_once_and_again_without_harm(stage: Stage) -> None:
    one, two = stage.book.buy(2)
    async with stage.door() as door:
        shipment = Shipment(channel_order_no=one.order_no, carrier="zhongtong", waybill_no="78412600913355")
        await door.ship(shipment)
        await door.ship(shipment)
        shipped = stage.book.find(one.order_no)
        assert shipped is not None and (shipped.carrier, shipped.waybill_no) == (
            "zhongtong",
            "78412600913355",
        )
        with pytest.raises(NotTaken):
            await door.ship(Shipment(channel_order_no=one.order_no, carrier="yunda", waybill_no="2"))
        with pytest.raises(NotTaken, match="@no_company"):
            await door.ship(Shipment(channel_order_no=two.order_no, carrier="pigeon", waybill_no="3"))


async def test_a_shipment_whose_answer_was_lost_is_known_when_told_again(stage: Stage) -> None:
    [order] = stage.book.buy()
    shipment = Shipment(channel_order_no=order.order_no, carrier="shunfeng", waybill_no="SF1604552381077")
    stage.pdd.manners.next(Manner.lost, on="online.send")
    async with stage.door() as door:
        with pytest.raises(Later):
            await door.ship(shipment)
        await door.ship(shipment)


# -------------------------------------------------------------------------------------- tokens and trouble


async def test_an_expired_token_is_refreshed_and_a_withdrawn_one_is_not(stage: Stage) -> None:
    [order] = stage.book.buy()
    stage.pdd.account.expires_at = stage.clock.now()
    async with stage.door() as door:
        with pytest.raises(TokenExpired):
            await door.order(order.order_no)
        tokens = await door.refresh(stage.shop.refresh_token)
        assert tokens.expires_at == stage.clock.now() + timedelta(days=1)
        renewed = door.with_token(tokens.access_token)
        assert await renewed.order(order.order_no) is not None
        with pytest.raises(SignInAgain):
            await door.refresh(stage.shop.refresh_token)  # used up
        with pytest.raises(SignInAgain):
            await door.refresh("")
        stage.pdd.account.is_withdrawn = True
        with pytest.raises(SignInAgain):
            await renewed.order(order.order_no)
        with pytest.raises(SignInAgain):
            await door.refresh(tokens.refresh_token)


async def test_the_connection_test_tells_key_secret_token_and_right_apart(stage: Stage) -> None:
    async with stage.door() as door:
        await door.check()
        stage.pdd.account.lacking.add("pdd.order.number.list.increment.get")
        with pytest.raises(NoPermission):
            await door.check()
    for wrong in ({"app_key": "another"}, {"app_secret": "another"}, {"base_url": stage.server.url + "/x"}):
        async with stage.door(msgspec.structs.replace(stage.shop, **wrong)) as door:
            with pytest.raises(WrongSettings):
                await door.check()
    async with stage.door(msgspec.structs.replace(stage.shop, access_token="another")) as door:
        with pytest.raises(SignInAgain):
            await door.check()


@pytest.mark.parametrize("name", ["app_key", "app_secret", "access_token"])
async def test_a_shop_that_lacks_something_has_no_door_and_says_what(stage: Stage, name: str) -> None:
    lacking = msgspec.structs.replace(stage.shop, **{name: ""})
    with pytest.raises(WrongSettings, match=name):
        async with stage.door(lacking):
            pass
    if name != "access_token":  # messages belong to the app
        with pytest.raises(WrongSettings, match=name):
            await heard(Messages(lacking, stage.server.ws_url, stage.clock, 15), 1)


async def test_a_clock_that_is_far_off_is_a_wrong_setting_and_not_a_lost_order(stage: Stage) -> None:
    [order] = stage.book.buy()
    async with stage.door() as door:
        far = FakeClock(stage.clock.now() + timedelta(hours=1))
        with pytest.raises(WrongSettings):
            await PddShop(door.shop, door.http, far, door.token, door.timeout_s).order(order.order_no)


@pytest.mark.parametrize("manner", [Manner.broken, Manner.lost, Manner.throttled, Manner.refused])
async def test_weather_is_later_and_passes(stage: Stage, manner: Manner) -> None:
    [order] = stage.book.buy()
    stage.pdd.manners.next(manner)
    async with stage.door() as door:
        with pytest.raises(Later) as caught:
            await door.order(order.order_no)
        assert (caught.value.after == settings.TOO_OFTEN_AFTER) == (manner is Manner.throttled)
        assert await door.order(order.order_no) is not None


async def test_a_platform_that_is_too_slow_or_away_is_later(stage: Stage) -> None:
    stage.pdd.manners.slow_s = 0.5
    stage.pdd.manners.next(Manner.slow)
    async with stage.door() as door:
        with pytest.raises(Later, match="@timeout"):
            await PddShop(door.shop, door.http, door.clock, door.token, 0.05).check()
        stage.server.stop()
        with pytest.raises(Later):
            await door.check()


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(b"<html>sign in to the hotel's net</html>"), BadPayload),
        (Reply(b"", 302, headers={"location": "http://127.0.0.1:9/"}), WrongSettings),
        (Reply(b"", 404), WrongSettings),
        (Reply(b"", 429), Later),
        (Reply(b"{}"), BadPayload),
        (Reply(payload("order_under_risk")), BadPayload),  # another order than was asked for
    ],
)
async def test_what_is_no_answer_of_the_platform_is_trouble_of_its_kind(
    reply: Reply, kind: type[ShopTrouble]
) -> None:
    async def answer(call: Call) -> Reply:
        assert (call.method, call.path) == ("POST", "/api/router")
        assert call.form()["order_sn"] == NO
        return reply

    with serving(app_of(answer, Manners())) as server:
        shop = Shop(
            id="p", connector="pdd", base_url=server.url + PATH, app_key="k", app_secret="s", access_token="t"
        )
        async with httpx.AsyncClient(trust_env=False, verify=False, timeout=20) as http:
            with pytest.raises(kind):
                await open_shop(shop, http, FakeClock()).order(NO)


async def test_elements_without_a_number_are_given_as_they_are() -> None:
    body = json.loads(payload("increment_page"))
    del body["order_sn_increment_get_response"]["order_sn_list"][0]["order_sn"]

    async def answer(call: Call) -> Reply:
        return Reply.told(body)

    with serving(app_of(answer, Manners())) as server:
        shop = Shop(
            id="p", connector="pdd", base_url=server.url + PATH, app_key="k", app_secret="s", access_token="t"
        )
        async with httpx.AsyncClient(trust_env=False, verify=False, timeout=20) as http:
            clock = FakeClock()
            door = open_shop(shop, http, clock)
            span = door.changed(clock.now() - timedelta(minutes=20), clock.now())
            [page] = [page async for page in span]
            assert [bool(seen.damaged) for seen in page] == [True, False, False]
            assert page[0].path.endswith("order_sn_list[0]") and "goods_name" in page[0].damaged


async def test_nothing_of_a_shop_can_be_read_in_its_repr(stage: Stage) -> None:
    async with stage.door() as door:
        said = repr(door) + repr(stage.listener()) + repr(door.with_token("another-secret"))
    for secret in (stage.shop.app_secret, stage.shop.access_token, "another-secret"):
        assert secret not in said


# ------------------------------------------------------------------------------------------------ messages


async def until(is_so: object) -> None:
    assert callable(is_so)
    async with asyncio.timeout(20):
        while not is_so():
            await asyncio.sleep(0.01)


async def heard(listener: Messages, count: int) -> list[Hint]:
    """So many hints, every one of them taken, and the line closed behind them."""
    hints: list[Hint] = []
    async with asyncio.timeout(20), aclosing(listener.hints()) as coming:
        async for some in coming:
            hints += some
            if len(hints) >= count:
                break
    return hints


async def test_a_message_is_answered_only_when_the_next_is_asked_for(stage: Stage) -> None:
    one, two = stage.book.buy(2)
    coming = stage.listener().hints()
    [first] = await anext(coming)
    assert (first.channel_order_no, first.kind) == (one.order_no, HintKind.changed)
    assert stage.pdd.unanswered == 2
    [second] = await anext(coming)
    await until(lambda: stage.pdd.unanswered == 1)
    await coming.aclose()  # the hub went down before it had written the second one
    [again] = await heard(stage.listener(), 1)
    assert again.event_id == second.event_id and int(again.event_id) > 2**53
    assert (again.channel_order_no, stage.pdd.wrong_acks) == (two.order_no, 0)


async def test_every_kind_of_message_comes_as_it_happens(stage: Stage) -> None:
    [order] = stage.book.buy()
    stage.book.find_risk(order.order_no)
    stage.book.clear_risk(order.order_no)
    stage.book.change_address(order.order_no)
    stage.book.ask_refund(order.order_no)
    stage.book.close_refund(order.order_no)
    stage.book.ship(order.order_no, "yunda", "1")
    hints = await heard(stage.listener(), 7)
    assert [hint.kind for hint in hints] == [
        HintKind.changed,
        HintKind.risk,
        HintKind.risk,
        HintKind.address_asked,
        HintKind.refund_asked,
        HintKind.refund_over,
        HintKind.changed,
    ]
    assert {hint.channel_order_no for hint in hints} == {order.order_no}


async def test_what_happens_while_the_line_is_open_comes_at_once(stage: Stage) -> None:
    [order] = stage.book.buy()
    async with asyncio.timeout(20), aclosing(stage.listener().hints()) as coming:
        await anext(coming)
        stage.book.ask_refund(order.order_no)
        [hint] = await anext(coming)
        assert hint.kind is HintKind.refund_asked


async def test_a_line_that_goes_down_is_later_and_what_it_had_not_taken_comes_again(stage: Stage) -> None:
    orders = stage.book.buy(5)
    stage.pdd.manners.often(Manner.doubled, Manner.reordered, one_in=2, on="messages")
    stage.pdd.manners.next(Manner.lost, Manner.lost, Manner.lost, on="messages")
    found: dict[str, str] = {}

    async def listen() -> None:
        while True:
            with contextlib.suppress(Later):
                async with aclosing(stage.listener().hints()) as coming:
                    async for hints in coming:
                        found.update({hint.event_id: hint.channel_order_no for hint in hints})

    listening = asyncio.create_task(listen())
    await until(lambda: stage.pdd.unanswered == 0)
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)
    assert sorted(found.values()) == sorted(order.order_no for order in orders)
    assert stage.pdd.wrong_acks == 0 and stage.pdd.lines_opened >= 4


async def test_the_line_is_kept_up_by_a_heartbeat_while_nothing_happens(stage: Stage) -> None:
    async with aclosing(stage.listener(heartbeat_s=0.05).hints()) as coming:
        first = asyncio.ensure_future(anext(coming))
        await until(lambda: stage.pdd.heartbeats >= 5)
        [order] = stage.book.buy()
        [hint] = await asyncio.wait_for(first, 20)
        assert hint.channel_order_no == order.order_no and stage.pdd.lines_opened == 1


async def test_a_line_without_heartbeat_is_cut_by_the_platform_and_that_is_later(stage: Stage) -> None:
    stage.server.stop()
    with serving(Pdd(stage.book, stage.clock, quiet_s=0.2).app()) as server:
        stage.server = server
        with pytest.raises(Later, match="closed"):
            await heard(stage.listener(heartbeat_s=600), 1)


async def test_a_digest_the_platform_does_not_know_is_a_wrong_setting(stage: Stage) -> None:
    wrong = msgspec.structs.replace(stage.shop, app_secret="another")
    with pytest.raises(WrongSettings, match="@not_theirs"):
        await heard(Messages(wrong, stage.server.ws_url, stage.clock, 15), 1)
    stage.server.stop()
    with pytest.raises(Later):
        await heard(stage.listener(), 1)
    with pytest.raises(WrongSettings):
        await heard(Messages(stage.shop, "no address", stage.clock, 15), 1)


def test_a_shop_pointed_elsewhere_listens_only_where_it_is_told_to() -> None:
    clock = FakeClock()
    own = open_listener(Shop(id="p", connector="pdd"), clock)
    assert own is not None and own.url == settings.MESSAGES
    assert open_listener(Shop(id="p", connector="pdd", base_url="http://127.0.0.1:1/x"), clock) is None
    told = open_listener(Shop(id="p", connector="pdd", message_url="ws://127.0.0.1:1"), clock)
    assert told is not None and told.url == "ws://127.0.0.1:1"
