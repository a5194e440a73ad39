"""The watch list against a stand-in that speaks kuaidi100's protocol over HTTP and locks whoever asks too often."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from app.core.order import Order, OrderState
from app.core.tracking import NodeKind
from hub.config import Carrier
from hub.connectors.line.courier_sources import Lacking, Source, open_sources
from hub.connectors.line.track_rows import RENEW
from hub.connectors.line.tracks import Tracks
from hub.connectors.line.watch import Health
from hub.connectors.shapes import BadSignature
from hub.db.engine import make_engine
from hub.orders.writer import Writer
from rehearsal import courier
from rehearsal.courier import Waybill
from rehearsal.kuaidi100 import Kuaidi100, Telling
from rehearsal.server import Manner, Server, serving
from tests.helpers.builders import Core, Ids, a_channel_order, a_core
from tests.helpers.databases import NewDatabase
from tests.hub.connectors.kuaidi100.pushes import SALT, node, param, signed

pytestmark = pytest.mark.anyio

CALLBACK = "http://127.0.0.1:9/v1/webhooks/carrier/kuaidi100"
NUMBER, COMPANY = "YT1234567890123", "yuantong"
HOUR = timedelta(hours=1)


@dataclass
class World:
    core: Core
    platform: Kuaidi100
    server: Server
    tracks: Tracks

    async def step(self, **later: float) -> None:
        if later:
            self.core.clock.go(**later)
        await self.tracks.step(self.core.clock.now())

    async def sent(self, number: str = NUMBER, company: str = COMPANY, n: int = 1) -> Order:
        """An order whose parcel was handed over with this number."""
        [order] = await self.core.given(a_channel_order(n, lines=1))
        await self.core.packed(order)
        await self.core.do("waybill_bound", order, waybill_no=number, carrier=company)
        await self.core.do("handed_over", order, carrier=company)
        return self.core.order(order.order_no)

    def watch(self) -> list[tuple[str, str, str]]:
        return [
            (row[0], row[1], row[2])
            for row in self.core.rows(
                "SELECT waybill_no, carrier, state FROM track_watch ORDER BY parcel_no, waybill_no"
            )
        ]

    def health(self) -> Health:
        return self.tracks.healths()["kuaidi100"].health

    def alarms(self) -> list[tuple[str, str, str]]:
        """Those about couriers that nobody put away yet."""
        return [
            (one.kind, one.level, one.params["connector"])
            for one in self.core.lookup.alarms()
            if one.kind.startswith("courier_") and one.acked_at is None
        ]

    async def push(self, told: object, *, nu: str = NUMBER, salt: str = SALT) -> bytes:
        return await self.tracks.push("kuaidi100", signed(told, salt), nu)

    def nodes(self, order: Order) -> list[str]:
        return [
            row.params["node"] for row in self.core.lookup.story(order.order_no) if row.kind == "track_node"
        ]


def sources_of(
    url: str, callback: str = CALLBACK, key: str = "k"
) -> tuple[dict[str, Source], tuple[Lacking, ...]]:
    carrier = Carrier(
        connector="kuaidi100", base_url=url, customer="c", key=key, salt=SALT, callback_url=callback
    )
    return open_sources(
        [carrier], lambda timeout_s: httpx.AsyncClient(trust_env=False, verify=False, timeout=timeout_s)
    )


@asynccontextmanager
async def a_world(core: Core, callback: str = CALLBACK, key: str = "k") -> AsyncIterator[World]:
    platform = Kuaidi100("c", "k", core.clock)
    with serving(platform.app) as server:
        sources, lacking = sources_of(server.url, callback, key)
        assert not lacking
        tracks = Tracks(core.engine, core.writer, core.lookup, core.vault, core.clock, sources)
        yield World(core, platform, server, tracks)
        await tracks.stop()


@pytest.fixture
async def core(tmp_path: Path, anyio_backend: str) -> AsyncIterator[Core]:
    async with a_core(tmp_path) as made:
        yield made


@pytest.fixture
async def world(core: Core) -> AsyncIterator[World]:
    async with a_world(core) as made:
        yield made


@pytest.fixture
async def asking(core: Core) -> AsyncIterator[World]:
    """A hub that no push can reach."""
    async with a_world(core, callback="") as made:
        yield made


# -------------------------------------------------------------------------------------------- subscribing


async def test_a_waybill_is_subscribed_once_it_is_on_a_parcel(world: World) -> None:
    await world.step()
    assert world.watch() == []
    await world.sent()
    await world.step()
    made = world.platform.subscriptions[NUMBER]
    assert (made.company, made.salt, made.advanced) == (COMPANY, SALT, True)
    assert made.callback_url == f"{CALLBACK}?nu={NUMBER}"
    assert world.watch() == [(NUMBER, COMPANY, "watched")]
    await world.step(seconds=10)
    assert world.platform.refused == [], "subscribed once, not at every look"


async def test_a_lost_answer_is_asked_again_and_a_repeated_subscription_is_no_error(world: World) -> None:
    world.platform.manners.next(Manner.lost)
    await world.sent()
    await world.step()
    assert world.watch() == [(NUMBER, COMPANY, "wanted")] and NUMBER in world.platform.subscriptions
    for bad in (Manner.broken, Manner.throttled):
        world.platform.manners.next(bad)
        await world.step(minutes=10)
        assert world.watch() == [(NUMBER, COMPANY, "wanted")]
    await world.step(minutes=10)
    assert world.watch() == [(NUMBER, COMPANY, "watched")]
    assert ("501", NUMBER) in world.platform.refused


async def test_two_processes_subscribe_a_number_once(world: World) -> None:
    await world.sent()
    other = Tracks(
        world.core.engine,
        world.core.writer,
        world.core.lookup,
        world.core.vault,
        world.core.clock,
        sources_of(world.server.url)[0],
    )
    now = world.core.clock.now()
    await asyncio.gather(world.tracks.step(now), other.step(now), world.tracks.step(now))
    assert world.platform.refused == [] and world.watch() == [(NUMBER, COMPANY, "watched")]
    await other.stop()


async def test_with_the_courier_job_stopped_orders_go_on_and_their_parcels_are_watched_afterwards(
    world: World,
) -> None:
    """GOV-06, the courier's job in routing's place."""
    await world.tracks.stop()
    numbers = [f"YT{n:013d}" for n in range(1, 6)]
    orders = [await world.sent(number, n=n) for n, number in enumerate(numbers, 1)]
    assert {order.order_state for order in orders} == {OrderState.handed_over}
    assert world.platform.subscriptions == {}
    core = world.core
    world.tracks = Tracks(
        core.engine, core.writer, core.lookup, core.vault, core.clock, sources_of(world.server.url)[0]
    )
    await world.step(hours=1)
    assert sorted(world.platform.subscriptions) == numbers
    await world.push(param(numbers[0], node("2026-11-21 10:30:00", "已揽收", "103")), nu=numbers[0])
    assert world.nodes(orders[0]) == ["picked_up"]
    await world.tracks.stop()


async def test_another_number_on_the_parcel_is_watched_and_the_old_one_no_more(world: World) -> None:
    order = await world.sent()
    await world.step()
    [other] = await world.core.given(a_channel_order(2, lines=1))
    await world.core.do("waybill_bound", other, waybill_no="YT1", carrier=COMPANY)
    await world.core.do("waybill_bound", other, waybill_no="YT2222222222222", carrier=COMPANY)
    await world.step()
    assert set(world.platform.subscriptions) == {NUMBER, "YT2222222222222"}
    assert order.order_no != other.order_no


async def test_a_company_the_source_refuses_is_asked_instead(world: World) -> None:
    world.platform.refused_companies.add(COMPANY)
    world.platform.carry(Waybill(NUMBER, COMPANY), start=world.core.clock.now() - 5 * HOUR)
    order = await world.sent()
    await world.step()
    assert world.watch() == [(NUMBER, COMPANY, "asked")]
    await world.step(minutes=31)
    assert "picked_up" in world.nodes(order) and world.platform.locked == []


@pytest.mark.logs("courier_source_refuses")
async def test_a_wrong_key_stops_all_calls_for_a_while_and_nothing_is_lost(core: Core) -> None:
    async with a_world(core, key="wrong") as world:
        await world.sent()
        for _ in range(5):
            await world.step(seconds=30)
        assert world.platform.refused == [("601", NUMBER)]
        await world.step(minutes=20)
        assert len(world.platform.refused) == 2 and world.watch() == [(NUMBER, COMPANY, "wanted")]


@pytest.mark.logs("courier_source_refuses")
async def test_a_wrong_key_is_said_once_at_the_third_failure_and_so_is_that_it_works_again(
    core: Core,
) -> None:
    """ING-07, for couriers: three numbers that fail in one moment are one failure."""
    async with a_world(core, key="wrong") as world:
        for n in range(3):
            await world.sent(f"YT123456789012{n}", n=n + 1)
        await world.step(seconds=30)
        assert world.health().failures == 1 and world.alarms() == []
        await world.step(minutes=6)
        assert world.health().failures == 2 and world.alarms() == []
        for _ in range(2):
            await world.step(minutes=20)
        assert world.health().failures == 4 and world.health().trouble == "sign_in_again"
        assert world.alarms() == [("courier_sign_in_again", "major", "kuaidi100")]
    async with a_world(core) as mended:
        assert mended.health().failures == 4, "another life of the hub knows it"
        await mended.step(minutes=20)
        await mended.step(minutes=20)
        assert (mended.health().failures, mended.health().trouble) == (0, "")
        assert mended.alarms() == [("courier_recovered", "info", "kuaidi100")]


async def test_a_connection_that_is_tested_says_why_not_and_heals_its_source(core: Core) -> None:
    async with a_world(core, key="another") as world:
        found = await world.tracks.check("kuaidi100")
        assert found.trouble == "wrong_settings" and "503" in found.word
        assert world.health() == Health(), "who only tested it has not failed"
        world.platform.manners.next(Manner.throttled)
        assert (await world.tracks.check("kuaidi100")).trouble == "later"
    async with a_world(core) as world:
        world.platform.manners.next(Manner.throttled, Manner.throttled, Manner.throttled)
        await world.sent()
        for _ in range(3):
            await world.step(minutes=10)
        assert world.health().failures == 3
        assert (await world.tracks.check("kuaidi100")).trouble == ""
        assert world.health().failures == 0 and world.alarms() == [("courier_recovered", "info", "kuaidi100")]


async def test_a_source_that_is_away_is_said_at_the_third_failure_in_a_row(world: World) -> None:
    await world.sent()
    for bad in (Manner.broken, Manner.throttled):
        world.platform.manners.next(bad)
        await world.step(minutes=10)
    assert world.health().failures == 2 and world.alarms() == []
    await world.step(minutes=10)
    assert world.health().failures == 0, "it answered between"
    await world.sent("YT1234567890124", n=2)
    for n in range(3):
        assert len(world.alarms()) == 0, n
        world.platform.manners.next(Manner.broken)
        await world.step(minutes=10)
    assert world.alarms() == [("courier_later", "major", "kuaidi100")]
    await world.step(minutes=20)
    assert world.alarms() == [("courier_recovered", "info", "kuaidi100")]


async def test_a_number_that_is_refused_is_no_failure_of_its_source(world: World) -> None:
    world.platform.refused_companies.add(COMPANY)
    await world.sent()
    for _ in range(4):
        await world.step(minutes=40)
    assert world.health().failures == 0 and world.health().last_good_at and world.alarms() == []


async def test_silence_is_subscribed_anew_before_the_source_gives_up(world: World) -> None:
    await world.sent()
    await world.step()
    await world.step(hours=59)
    assert world.platform.refused == []
    await world.step(hours=2)
    assert timedelta(days=3) > RENEW
    assert world.platform.refused[0] == ("501", NUMBER) and len(world.platform.asked[NUMBER]) == 1


async def test_a_watch_that_was_given_up_is_made_anew(world: World) -> None:
    await world.sent()
    await world.step()
    told = {"status": "abort", "message": "3天查询无记录", "comOld": "", "comNew": "", "lastResult": {}}
    assert json.loads(await world.push(told))["result"] is True
    world.platform._ended(NUMBER)
    assert world.watch() == [(NUMBER, COMPANY, "given_up")]
    await world.step(minutes=61)
    assert NUMBER in world.platform.subscriptions and world.watch() == [(NUMBER, COMPANY, "watched")]


async def test_the_right_company_is_watched_once_the_source_has_found_it(world: World) -> None:
    order = await world.sent()
    await world.step()
    told = param(NUMBER, node("2026-11-21 10:30:00", "已揽收", "103"), status="updateall")
    await world.push(told | {"autoCheck": "1", "comOld": COMPANY, "comNew": "ems"})
    assert world.watch() == [(NUMBER, "ems", "watched")]
    [(body,)] = world.core.rows("SELECT body FROM track")
    assert json.loads(bytes(body))["carrier"] == "ems"
    assert world.core.order(order.order_no).parcels[0].carrier == COMPANY, "what was written on the box stays"


async def test_what_is_delivered_or_cancelled_or_too_old_is_watched_no_more(asking: World) -> None:
    delivered = await asking.sent()
    await asking.push(
        param(
            NUMBER,
            node("2026-11-21 19:30:00", "已签收", "301"),
            node("2026-11-21 10:30:00", "已揽收", "103"),
        )
    )
    assert asking.core.order(delivered.order_no).order_state is OrderState.delivered
    await asking.sent("YT9999999999999", n=2)
    await asking.step()
    assert [row[2] for row in asking.watch()] == ["over", "asked"]
    await asking.step(hours=61 * 24)
    assert [row[2] for row in asking.watch()] == ["over", "over"]


# ------------------------------------------------------------------------------------------------- asking


async def test_two_processes_on_one_database_ask_a_number_once_in_thirty_minutes(
    tmp_path: Path, new_postgres: NewDatabase
) -> None:
    async with a_core(tmp_path, new_postgres()) as core, a_world(core, callback="") as one:
        engine = make_engine(core.engine.url.render_as_string(hide_password=False), tmp_path)
        writer = Writer(engine, core.clock, Ids("other"), core.vault, core.settings)
        writer.start(asyncio.get_running_loop())
        two = Tracks(engine, writer, core.lookup, core.vault, core.clock, sources_of(one.server.url, "")[0])
        one.platform.carry(Waybill(NUMBER, COMPANY), start=core.clock.now() - 5 * HOUR)
        order = await one.sent()
        await one.step()
        for _ in range(13):
            core.clock.go(minutes=5)
            now = core.clock.now()
            refreshes = (tracks.refresh(f"{order.order_no}01") for tracks in (one.tracks, two))
            await asyncio.gather(one.tracks.step(now), two.step(now), *refreshes)
        assert one.platform.locked == [] and 2 <= len(one.platform.asked[NUMBER]) <= 3
        await two.stop()
        await writer.stop()
        engine.dispose()


async def test_a_number_is_asked_once_in_thirty_minutes_whoever_asks(asking: World) -> None:
    asking.platform.carry(Waybill(NUMBER, COMPANY), start=asking.core.clock.now() - 5 * HOUR)
    order = await asking.sent()
    parcel_no = f"{order.order_no}01"
    other = Tracks(
        asking.core.engine,
        asking.core.writer,
        asking.core.lookup,
        asking.core.vault,
        asking.core.clock,
        sources_of(asking.server.url, "")[0],
    )
    await asking.step()
    first_at = asking.core.clock.now()
    for _ in range(120):
        asking.core.clock.go(minutes=1)
        now = asking.core.clock.now()
        said = await asyncio.gather(
            asking.tracks.step(now),
            other.step(now),
            asking.tracks.refresh(parcel_no),
            other.refresh(parcel_no),
        )
        assert said[2].allowed_at is not None and said[2].allowed_at > now
    asked = asking.platform.asked[NUMBER]
    assert asking.platform.locked == [] and 4 <= len(asked) <= 5 and asked[0] == first_at
    await other.stop()


async def test_two_parcels_with_one_number_share_its_floor(asking: World) -> None:
    await asking.sent()
    await asking.sent(n=2)
    for _ in range(10):
        await asking.step(minutes=7)
    assert asking.platform.locked == [] and len(asking.platform.asked[NUMBER]) >= 2


async def test_a_refresh_says_when_it_is_allowed_next(world: World) -> None:
    world.platform.carry(Waybill(NUMBER, COMPANY), start=world.core.clock.now() - 5 * HOUR)
    order = await world.sent()
    parcel_no = f"{order.order_no}01"
    assert (await world.tracks.refresh(parcel_no)).trouble == "no_waybill", "not on the list yet"
    await world.step()
    first = await world.tracks.refresh(parcel_no)
    allowed_at = world.core.clock.now() + timedelta(minutes=30)
    assert first.asked and first.new_nodes >= 5 and first.allowed_at == allowed_at
    world.core.clock.go(minutes=12)
    again = await world.tracks.refresh(parcel_no)
    assert (again.asked, again.allowed_at) == (False, allowed_at)
    world.core.clock.go(minutes=18)
    assert (await world.tracks.refresh(parcel_no)).asked and world.platform.locked == []


async def test_trouble_on_a_refresh_is_said_in_one_word(world: World) -> None:
    order = await world.sent()
    await world.step()
    world.platform.manners.next(Manner.broken)
    assert (await world.tracks.refresh(f"{order.order_no}01")).trouble == "later"
    assert (await world.tracks.refresh("XX01")).trouble == "no_waybill"


async def test_companies_that_want_a_phone_tail_get_it_and_nobody_else(asking: World) -> None:
    number = "75300000000001"
    asking.platform.carry(Waybill(number, "zhongtong"), start=asking.core.clock.now() - 5 * HOUR)
    order = await asking.sent(number, "zhongtong")
    await asking.step()
    assert ("408", number) not in asking.platform.refused and asking.nodes(order)


# ------------------------------------------------------------------------------------------------ hearing


async def test_the_same_push_thrice_is_one_node_each_one_state_change_one_file(world: World) -> None:
    order = await world.sent()
    await world.step()
    told = param(
        NUMBER,
        node("2026-11-21 12:00:00", "快件离开 杭州中转部 已发往 苏州中转部", "1002"),
        node("2026-11-21 10:30:00", "西溪营业部 已揽收", "103"),
    )
    for _ in range(3):
        assert json.loads(await world.push(told)) == {"result": True, "returnCode": "200", "message": "成功"}
    assert world.nodes(order) == ["picked_up", "hub_departed"]
    kinds = world.core.kinds(order)
    assert kinds.count("state_followed") == 1, "one event a parcel, not one a push"
    assert world.core.order(order.order_no).order_state is OrderState.in_transit


async def test_delivered_first_is_flagged_and_put_right_when_the_rest_comes(world: World) -> None:
    order = await world.sent()
    await world.step()
    await world.push(param(NUMBER, node("2026-11-21 19:30:00", "已签收", "301")))
    assert world.core.order(order.order_no).order_state is OrderState.handed_over
    assert [a.kind for a in world.core.lookup.alarms()] == ["jump"]
    await world.push(param(NUMBER, node("2026-11-21 10:30:00", "已揽收", "103")))
    assert world.core.order(order.order_no).order_state is OrderState.delivered


async def test_a_new_word_is_kept_raw_and_told_once(world: World) -> None:
    first, second = await world.sent(), await world.sent("YT2222222222222", n=2)
    for number in (NUMBER, "YT2222222222222", NUMBER):
        odd = node("2026-11-21 11:00:00", f"无人机改为骑手配送 {number}", "977", "无人机派送")
        await world.push(param(number, odd), nu=number)
    assert world.nodes(first) == world.nodes(second) == [str(NodeKind.other)]
    said = [(a.kind, a.params["word"]) for a in world.core.lookup.alarms()]
    assert said == [("strange_node", "statusCode=977")]
    assert world.core.order(first.order_no).order_state is OrderState.handed_over


async def test_a_push_that_is_not_signed_changes_nothing(world: World) -> None:
    order = await world.sent()
    await world.step()
    told = param(NUMBER, node("2026-11-21 10:30:00", "已揽收", "103"))
    for bad in (signed(told, "another salt"), signed(told, sign=""), b"", b"param=%7B%7D"):
        with pytest.raises(BadSignature):
            await world.tracks.push("kuaidi100", bad, NUMBER)
    assert world.nodes(order) == []


@pytest.mark.logs("courier_words_unreadable")
async def test_signed_and_unreadable_is_kept_sealed_and_answered_as_taken(world: World) -> None:
    order = await world.sent()
    await world.step()
    taken = json.dumps({"result": True, "returnCode": "200", "message": "成功"}, ensure_ascii=False)
    assert json.loads(await world.push(b"{not json")) == json.loads(taken)
    told = param(NUMBER, node("no time", "电话 13800001111"), node("2026-11-21 10:30:00", "已揽收", "103"))
    await world.push(told)
    assert world.nodes(order) == ["picked_up"]
    kept = world.core.rows("SELECT quarantine_id, what, blob_pii FROM quarantine ORDER BY quarantine_id")
    assert [row[1] for row in kept] == ["track_push", "track_push"]
    assert all(b"13800001111" not in bytes(row[2]) for row in kept)
    opened = world.core.vault.open(bytes(kept[1][2]), kept[1][0])
    assert "13800001111" in opened["kept"][0]


async def test_pushes_of_one_moment_are_noted_together_known_numbers_and_new_ones(world: World) -> None:
    numbers = [f"YT000000000000{n}" for n in range(1, 7)]
    orders = [await world.sent(number, n=n) for n, number in enumerate(numbers[:3], 1)]
    await world.step()
    orders += [await world.sent(number, n=n) for n, number in enumerate(numbers[3:], 4)]
    seen = node("2026-11-21 10:30:00", "已揽收", "103")
    await asyncio.gather(*(world.push(param(number, seen), nu=number) for number in numbers * 2))
    assert [row[0] for row in world.watch()] == numbers
    assert [row[2] for row in world.watch()] == ["watched"] * 3 + ["wanted"] * 3
    for order in orders:
        assert world.nodes(order) == ["picked_up"] and len(world.tracks.raws(order.order_no)) == 1


async def test_a_number_that_is_not_ours_is_taken_and_forgotten(world: World) -> None:
    await world.push(param("SF0000000000000", node("2026-11-21 10:30:00", "已揽收", "103")), nu="")
    assert world.core.rows("SELECT count(*) FROM track") == [(0,)]


async def test_the_raw_answer_and_its_fetch_time_are_kept_sealed_for_each_node(world: World) -> None:
    order = await world.sent()
    await world.step()
    seen = node("2026-11-21 10:30:00", "李某某 已揽收，电话：13800001111", "103")
    await world.push(param(NUMBER, seen))
    fetched_at = world.core.clock.now()
    world.core.clock.go(minutes=5)
    await world.push({"status": "abort", "lastResult": {}})
    [(key, raw)] = world.tracks.raws(order.order_no)[f"{order.order_no}01"].items()
    assert key[1] == "李某某 已揽收，电话：138****1111" and raw.fetched_at == fetched_at
    assert json.loads(raw.text)["statusCode"] == "103" and "13800001111" not in raw.text
    [(blob,)] = world.core.rows("SELECT blob_pii FROM track_watch")
    assert b"13800001111" not in bytes(blob)


async def test_a_node_told_again_keeps_the_moment_its_piece_was_first_fetched(world: World) -> None:
    order = await world.sent()
    first = node("2026-11-21 10:30:00", "已揽收", "103")
    await world.push(param(NUMBER, first))
    came = [world.core.clock.now()]
    world.core.clock.go(minutes=40)
    await world.push(param(NUMBER, node("2026-11-21 11:00:00", "到达杭州", "1002"), first))
    came.append(world.core.clock.now())
    kept = world.tracks.raws(order.order_no)[f"{order.order_no}01"]
    assert {text: raw.fetched_at for (_, text), raw in kept.items()} == dict(
        zip(("已揽收", "到达杭州"), came, strict=True)
    )


async def test_raw_words_of_finished_parcels_go_after_thirty_days(world: World) -> None:
    order = await world.sent()
    await world.push(param(NUMBER, node("2026-11-21 10:30:00", "已揽收", "103"), status="shutdown"))
    await world.step(days=29)
    assert world.tracks.raws(order.order_no)
    await world.step(days=2)
    assert world.tracks.raws(order.order_no) == {} and world.nodes(order) == ["picked_up"]


# ------------------------------------------------------------------------------------------- a whole course


@pytest.mark.parametrize(
    "telling",
    [
        Telling(),
        Telling(doubled=True, reordered=True),
        Telling(doubled=True, delivered_first=True, partial=True),
        Telling(partial=True, reordered=True),
    ],
    ids=["good", "doubled and reordered", "delivered first, piece by piece", "reordered, piece by piece"],
)
async def test_a_journey_in_any_manner_becomes_the_same_track(world: World, telling: Telling) -> None:
    order = await world.sent()
    await world.step()
    start = world.core.clock.now() + HOUR
    nodes = world.platform.carry(
        Waybill(NUMBER, COMPANY), 7, courier.Manners(pace_s=1800, odd_words=True), start
    )
    subscription = world.platform.subscriptions[NUMBER]
    for told in world.platform._params(subscription, telling):
        await world.push(told)
    assert sorted(world.nodes(order)) == sorted(str(n.kind) for n in nodes)
    after = world.core.order(order.order_no)
    assert after.order_state is OrderState.delivered
    assert world.watch() == [(NUMBER, COMPANY, "over")]
    [alarm] = [a for a in world.core.lookup.alarms() if a.kind == "strange_node"]
    assert alarm.params["word"] == "statusCode=977"


def test_a_source_without_its_key_is_named_at_start() -> None:
    made = open_sources(
        [Carrier(connector="kuaidi100", customer="c", key="k"), Carrier(connector="rehearsal", key="r")],
        lambda timeout_s: httpx.AsyncClient(trust_env=False, verify=False, timeout=timeout_s),
    )
    assert made == ({}, (Lacking("kuaidi100", "salt"),))
