"""What doors ask in the same moment makes one group; who is in a hurry waits for nobody."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from app.core.hints import HintKind
from hub.orders.coming import MOST_S, Come, Coming
from hub.orders.lanes import Asked, Lane, Waiting
from hub.orders.told import Heard, HintJob
from tests.helpers.builders import LEAD, Core, a_channel_order
from tests.helpers.clock import FakeClock
from tests.helpers.databases import only_sqlite

pytestmark = pytest.mark.anyio


class _Door:
    def __init__(self, clock: FakeClock) -> None:
        self.handed: list[int] = []
        self.coming = Coming(clock, self._take)

    def _take(self, come: list[Come]) -> None:
        self.handed.append(sum(len(waiting) for _, waiting in come))

    def ask(self, kind: HintKind = HintKind.changed, lane: Lane = Lane.LIVE) -> None:
        jobs = HintJob.all("shop-1", [Heard(event_id="", channel_order_no="1", kind=kind)])
        loop = asyncio.get_running_loop()
        done: asyncio.Future[list[Any]] = loop.create_future()
        self.coming.put(lane, [Waiting(job, Asked(jobs, done), 0) for job in jobs], loop)


async def test_turns_of_the_loop_that_bring_more_are_handed_over_together() -> None:
    door = _Door(FakeClock())
    for _ in range(3):
        door.ask()
        door.ask()
        assert door.handed == []
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert door.handed == [6] and len(door.coming) == 0
    door.ask()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert door.handed == [6, 1], "alone it waits for no more than the next turn"


async def test_however_much_comes_the_first_waits_for_a_few_milliseconds_at_most() -> None:
    clock = FakeClock()
    door = _Door(clock)
    for _ in range(12):
        door.ask()
        clock.go(seconds=MOST_S / 2)
        await asyncio.sleep(0)
    assert door.handed and max(door.handed) <= 3


async def test_who_is_in_a_hurry_goes_at_once_and_takes_the_others_along() -> None:
    door = _Door(FakeClock())
    door.ask()
    door.ask(HintKind.refund_asked, Lane.URGENT)
    assert door.handed == [2]
    await asyncio.sleep(0)
    assert door.handed == [2]


def test_of_a_platforms_hints_those_that_stop_are_in_a_hurry() -> None:
    jobs = [
        HintJob.all("shop-1", [Heard(event_id="", channel_order_no="1", kind=kind)])[0] for kind in HintKind
    ]
    assert {job.heard.kind for job in jobs if job.is_urgent} == {
        HintKind.cancelled,
        HintKind.refund_asked,
        HintKind.address_asked,
        HintKind.risk,
    }


@only_sqlite
async def test_what_is_asked_in_one_moment_is_committed_at_once(core: Core) -> None:
    before = len(core.heard)
    asked = [core.writer.intake([a_channel_order(n)], LEAD) for n in range(20)]
    taken = await asyncio.gather(*asked)
    assert [one[0].outcome for one in taken] == ["new"] * 20
    assert len(core.heard) == before + 1
