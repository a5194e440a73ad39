"""The stand-in of kuaidi100 beside the watch list for a scripted hour in which much goes wrong in both directions."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from app.core.order import Order, OrderState
from rehearsal import courier
from rehearsal.courier import Waybill
from rehearsal.kuaidi100 import push
from rehearsal.server import Call, Manner, Manners, Reply, app_of, serving
from tests.helpers.builders import a_core
from tests.hub.connectors.kuaidi100.test_watch import COMPANY, World, a_world

pytestmark = pytest.mark.anyio

#: Parcels that are pushed about, and those of a company that kuaidi100 watches nobody's parcels of: they are asked for.
WATCHED = tuple(f"YT7000000000{n:02d}" for n in range(6))
ASKED, REFUSES = ("JD7000000000001", "JD7000000000002"), "jd"
BAD = (Manner.slow, Manner.broken, Manner.lost, Manner.throttled, Manner.refused)


class Pushing:
    """kuaidi100's own end of the pushes: some come twice, some in another order; what nobody took is sent again."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._told: dict[str, int] = {}
        self._waiting: list[tuple[str, int]] = []

    async def round(self) -> None:
        """All that happened by now, and what was not taken before."""
        platform = self._world.platform
        for number in platform.subscriptions:
            known, happened = self._told.get(number, 0), len(platform.happened(number))
            self._waiting += [(number, n) for n in range(known, happened)]
            self._told[number] = happened
        batch, self._waiting = platform.manners.outgoing("pushes", self._waiting), []
        for number, n in batch:
            if not await self._is_taken(number, n):
                self._waiting.append((number, n))

    @property
    def is_done(self) -> bool:
        return not self._waiting

    async def _is_taken(self, number: str, n: int) -> bool:
        made = self._world.platform.subscriptions[number]
        param = self._world.platform.happened(number)[n]
        try:
            status, answer = await asyncio.to_thread(push, made.callback_url, param, made.salt)
        except OSError:  # our answer was lost
            return False
        return status == 200 and '"result":true' in answer


async def test_an_hour_of_bad_manners_loses_no_node_and_doubles_none(tmp_path: Path) -> None:
    loop, ours = asyncio.get_running_loop(), Manners(seed=7, slow_s=0.01)
    worlds: list[World] = []

    async def heard(call: Call) -> Reply:
        """The hub's door for pushes, in the loop of its watch list."""
        taking = worlds[0].tracks.push("kuaidi100", call.body, call.query["nu"])
        return Reply(await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(taking, loop)))

    with serving(app_of(heard, ours)) as door:
        async with a_core(tmp_path) as core, a_world(core, callback=f"{door.url}/push") as world:
            worlds.append(world)
            await _an_hour(world, ours)


async def _an_hour(world: World, ours: Manners) -> None:
    platform, theirs = world.platform, world.platform.manners
    theirs.slow_s = 0.01
    platform.refused_companies.add(REFUSES)
    parcels: dict[str, Order] = {}
    for n, number in enumerate((*WATCHED, *ASKED), 1):
        company = COMPANY if number in WATCHED else REFUSES
        parcels[number] = await world.sent(number, company, n)
        platform.carry(Waybill(number, company), n, courier.Manners(pace_s=300))
    for path in ("/poll", "/poll/query.do"):
        theirs.next(*BAD, on=path)  # each at least once, however the dice fall
    theirs.next(Manner.doubled, Manner.reordered, on="pushes")
    theirs.often(*BAD, one_in=8, on="/poll")
    theirs.often(Manner.doubled, Manner.reordered, one_in=2, on="pushes")
    ours.next(Manner.lost, Manner.broken, Manner.slow)
    ours.often(Manner.lost, Manner.broken, one_in=6)
    pushing = Pushing(world)
    for _ in range(20):
        await world.step(minutes=3)
        await pushing.round()
    assert set(BAD) | {Manner.doubled, Manner.reordered} <= set(theirs.met)
    theirs.good()
    ours.good()
    for _ in range(12):  # what was put off falls due: a number is asked once in half an hour
        await world.step(minutes=15)
        await pushing.round()
        if pushing.is_done and all(state == "over" for _, _, state in world.watch()):
            break
    for number, order in parcels.items():
        wanted = [str(node.kind) for node in platform.carried(number)]
        assert len(wanted) == 9 and world.nodes(order) == wanted, number
        assert world.core.order(order.order_no).order_state is OrderState.delivered, number
    assert platform.locked == [], "nobody got the account locked"
