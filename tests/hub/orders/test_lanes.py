"""Lanes: who is in a hurry goes first, a long group ends for him, and nobody waits for ever."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import event

from hub.orders.hurry import FREE_S, MOST_S, Hurry
from hub.orders.jobs import Answer, Job
from hub.orders.lanes import (
    AHEAD_GROUP,
    BULK_GROUP,
    HASTY_GROUP,
    LIVE_GROUP,
    TURN,
    Asked,
    Lane,
    Lanes,
    Waiting,
    lane_of,
)
from hub.orders.work import Work
from tests.helpers.builders import LEAD, Core, a_channel_order, an_actor
from tests.helpers.clock import FakeClock

pytestmark = pytest.mark.anyio


class _Job(Job[str]):
    def __init__(self, name: str, *, is_urgent: bool = False, is_alone: bool = False) -> None:
        self.name = name
        self.is_urgent = is_urgent
        self.is_alone = is_alone

    def run(self, work: Work) -> Answer[str]:
        return lambda numbers: self.name


@pytest.fixture
def done() -> Iterator[asyncio.Future[list[Any]]]:
    loop = asyncio.new_event_loop()
    yield loop.create_future()
    loop.close()


def _waiting(done: asyncio.Future[list[Any]], *names: str) -> list[Waiting]:
    jobs = [_Job(name) for name in names]
    asked = Asked(jobs, done)
    return [Waiting(job, asked, place) for place, job in enumerate(jobs)]


def _names(group: list[Waiting]) -> list[str]:
    return [one.job.name for one in group if isinstance(one.job, _Job)]


def test_who_is_in_a_hurry_goes_before_benches_and_benches_before_files(
    done: asyncio.Future[list[Any]],
) -> None:
    lanes = Lanes()
    for lane in (Lane.BULK, Lane.LIVE, Lane.URGENT):
        lanes.put(lane, _waiting(done, lane.name))
    assert [_names(lanes.take(100)) for _ in range(3)] == [["URGENT"], ["LIVE"], ["BULK"]]
    assert len(lanes) == 0 and lanes.take(100) == []


def test_no_lane_waits_for_ever(done: asyncio.Future[list[Any]]) -> None:
    lanes = Lanes()
    lanes.put(Lane.BULK, _waiting(done, *["file"] * 20))
    lanes.put(Lane.LIVE, _waiting(done, *["bench"] * 2 * LIVE_GROUP))
    order = []
    for _ in range(3 * TURN):
        lanes.put(Lane.URGENT, _waiting(done, "cancel"))
        order.append(_names(lanes.take(10))[0])
    assert order[: TURN + 2] == [*["cancel"] * TURN, "bench", "file"]
    assert order.count("file") == order.count("bench") == 2


def test_what_a_group_did_not_get_to_is_first_of_its_lane_again(done: asyncio.Future[list[Any]]) -> None:
    lanes = Lanes()
    lanes.put(Lane.BULK, _waiting(done, "1", "2", "3", "4"))
    group = lanes.take(3)
    assert not lanes.is_hurried()
    lanes.put(Lane.URGENT, _waiting(done, "cancel"))
    assert lanes.is_hurried() and lanes.following() == []
    lanes.put_back(group[1:])
    assert _names(lanes.take(100)) == ["cancel"] and not lanes.is_hurried()
    assert [job.name for job in lanes.following() if isinstance(job, _Job)] == ["2", "3", "4"]
    assert _names(lanes.take(100)) == ["2", "3", "4"]


def test_what_one_bench_did_stays_in_its_order() -> None:
    fact, stop = _Job("packed"), _Job("hold", is_urgent=True)
    assert lane_of([fact, stop, fact], is_bulk=False) is Lane.URGENT
    assert lane_of([fact] * 3, is_bulk=False) is Lane.LIVE
    assert lane_of([stop], is_bulk=True) is Lane.BULK
    assert lane_of([*[fact] * 100, stop], is_bulk=False) is Lane.LIVE, "a whole outbox is no emergency"


def test_groups_of_a_file_are_small_for_a_while_after_somebody_was_in_a_hurry(
    done: asyncio.Future[list[Any]],
) -> None:
    lanes = Lanes()
    lanes.put(Lane.BULK, _waiting(done, *["row"] * 10_000))
    assert len(lanes.take()) == BULK_GROUP and len(lanes.following()) == AHEAD_GROUP
    lanes.put(Lane.URGENT, _waiting(done, "cancel"))
    lanes.take()
    assert len(lanes.following()) == HASTY_GROUP
    sizes = [len(lanes.take()) for _ in range(150)]
    assert set(sizes[:90]) == {HASTY_GROUP} and set(sizes[110:]) == {BULK_GROUP}
    assert sizes == sorted(sizes) and len(lanes.following()) == AHEAD_GROUP


async def test_a_cancel_ends_the_group_that_is_being_judged_and_the_rest_is_taken_after_it(
    core: Core,
) -> None:
    """The file's group is held while it asks what is known of its orders, until the cancel waits."""
    [order] = await core.given()
    reached, go_on = threading.Event(), threading.Event()

    @event.listens_for(core.engine, "before_cursor_execute")
    def held(conn: Any, cursor: Any, statement: str, *_: Any) -> None:
        if "WHERE channel_order_no" in statement and not reached.is_set():
            reached.set()
            assert go_on.wait(15)

    file = asyncio.create_task(
        core.writer.intake([a_channel_order(n, lines=1) for n in range(100, 160)], LEAD, bulk=True)
    )
    assert await asyncio.to_thread(reached.wait, 15)
    cancel = asyncio.create_task(
        core.writer.acts([core.envelope("cancel", order)], an_actor("desk", "cs_rep"))
    )
    await asyncio.sleep(0)
    go_on.set()
    [receipt] = await cancel
    event.remove(core.engine, "before_cursor_execute", held)
    assert receipt.outcome == "applied"
    taken = await file
    assert [one.outcome for one in taken] == ["new"] * 60
    assert receipt.seq is not None
    assert taken[0].seq < receipt.seq < taken[1].seq, "one order, the cancel, all others"
    assert [one.order_no for one in taken] == sorted(one.order_no for one in taken)


def test_who_counts_at_leisure_waits_for_a_command_but_never_long() -> None:
    clock = FakeClock()
    hurry = Hurry(clock)

    def waited() -> bool:
        began = time.monotonic()
        hurry.give_way()
        return time.monotonic() - began >= MOST_S * 0.9

    hurry.give_way()
    with hurry.under_way(), hurry.under_way():
        assert waited()
        hurry.give_way()
        clock.go(seconds=FREE_S / 2)
        hurry.give_way()
        clock.go(seconds=FREE_S)
        assert waited(), "then it is the command's turn again"
    assert hurry.is_calm
