"""Hundreds of stations at once: one page, one look at the database, and nobody stands before a cancel."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, update

from app.wire import Urgent
from hub.api.http import Message
from hub.api.pages import FULL_SHARED_S, SHORT, TOLD_SHARED_S, Pages
from hub.api.stream import GROUP, TICK_CHANGES, Broadcast
from hub.auth.callers import Caller, Callers
from hub.auth.masks import MASKS
from hub.auth.tokens import hash_of
from hub.db import tables as t
from hub.orders.desk import Tx
from hub.orders.feed import MOST, Feed
from hub.orders.hurry import LATELY_S
from hub.orders.results import Committed, Page, UrgentFor, View
from tests.helpers.builders import LEAD, Core, a_channel_order, a_core
from tests.helpers.clock import FakeClock

pytestmark = pytest.mark.anyio

BENCH = View("packing", "main")


@pytest.fixture
async def core(tmp_path: Path, anyio_backend: str) -> AsyncIterator[Core]:
    async with a_core(tmp_path) as core:
        yield core


# ------------------------------------------------------------------------------------------------- pages


@pytest.fixture
def pages(core: Core) -> Iterator[Pages]:
    pages = Pages(Feed(core.engine, MASKS), core.clock)
    yield pages
    pages.stop()


async def test_all_who_were_told_of_the_same_head_get_the_same_page(core: Core, pages: Pages) -> None:
    await core.given()
    pages.told = core.feed.head()
    first, second = await asyncio.gather(*(pages.page(BENCH, 0, 1000, "zstd") for _ in range(2)))
    assert first is second
    await core.given(a_channel_order(2))
    core.clock.go(seconds=TOLD_SHARED_S / 2)
    assert await pages.page(BENCH, 0, 1000, "zstd") is first, "the slowest of them too"
    pages.told = core.feed.head()
    newer = await pages.page(BENCH, 0, 1000, "zstd")
    assert newer.page.next == core.feed.head() > first.page.next
    core.clock.go(seconds=TOLD_SHARED_S)
    assert await pages.page(BENCH, 0, 1000, "zstd") is not newer


async def test_a_full_page_serves_all_first_loads_of_the_moment(core: Core, pages: Pages) -> None:
    await core.given(*(a_channel_order(n) for n in range(4)))
    first = await pages.page(BENCH, 0, 3)
    await core.given(a_channel_order(9))
    pages.told = core.feed.head()
    core.clock.go(seconds=FULL_SHARED_S / 2)
    assert await pages.page(BENCH, 0, 3) is first
    core.clock.go(seconds=FULL_SHARED_S)
    assert await pages.page(BENCH, 0, 3) is not first


class _SlowFeed(Feed):
    """Each page takes it a while."""

    clock: FakeClock

    def page(self, view: View, after: int, limit: int) -> Page:
        self.clock.go(seconds=_PAGE_S)
        return super().page(view, after, limit)


_PAGE_S = 0.05


async def test_who_loads_everything_rests_after_each_page_while_commands_come(core: Core) -> None:
    await core.given(*(a_channel_order(n) for n in range(4)))
    feed, hurry = _SlowFeed(core.engine, MASKS), core.writer.hurry
    feed.clock = core.clock
    pages = Pages(feed, core.clock, hurry)
    assert not hurry.was_lately
    with hurry.under_way():
        assert hurry.was_lately
    assert hurry.was_lately
    began = time.monotonic()
    first = await pages.page(BENCH, 0, 3)
    assert first.page.next < first.page.head
    assert time.monotonic() - began >= _PAGE_S * 0.9
    core.clock.go(seconds=LATELY_S)
    assert not hurry.was_lately
    pages.stop()


class _AskedFeed(Feed):
    """Notes how long a page was to be."""

    asked: tuple[int, ...] = ()

    def page(self, view: View, after: int, limit: int) -> Page:
        self.asked += (limit,)
        return super().page(view, after, limit)


async def test_pages_are_shorter_while_commands_come(core: Core) -> None:
    await core.given(*(a_channel_order(n) for n in range(2)))
    core.clock.go(seconds=LATELY_S)
    feed, hurry = _AskedFeed(core.engine, MASKS), core.writer.hurry
    pages = Pages(feed, core.clock, hurry)
    await pages.page(BENCH, 0, MOST)
    with hurry.under_way():
        pass
    await pages.page(BENCH, 1, MOST)
    await pages.page(BENCH, 1, 5)
    assert feed.asked == (MOST, SHORT, 5)
    pages.stop()


async def test_a_page_is_built_when_nobody_else_counts(core: Core) -> None:
    await core.given()
    hurry = core.writer.hurry
    pages = Pages(Feed(core.engine, MASKS), core.clock, hurry)
    with hurry.counting:
        page = asyncio.create_task(pages.page(BENCH, 0, 10))
        await asyncio.sleep(0.05)
        assert not page.done()
    assert (await asyncio.wait_for(page, 15)).page.count
    pages.stop()


async def test_a_page_without_anything_is_asked_for_again(core: Core, pages: Pages) -> None:
    await core.given()
    head = pages.told = core.feed.head()
    empty = await pages.page(BENCH, head, 10)
    assert (empty.page.count, empty.page.next) == (0, head)
    await core.given(a_channel_order(2))
    assert (await pages.page(BENCH, head, 10)).page.count > 0


# ------------------------------------------------------------------------------------------------ callers


@contextmanager
def asked(core: Core) -> Iterator[list[str]]:
    """What the database is asked meanwhile."""
    statements: list[str] = []

    def note(conn: Any, cursor: Any, statement: str, *_: Any) -> None:
        statements.append(statement)

    event.listen(core.engine, "before_cursor_execute", note)
    yield statements
    event.remove(core.engine, "before_cursor_execute", note)


async def test_a_hundred_stations_are_looked_up_anew_together_and_the_revoked_one_is_not_known(
    core: Core,
) -> None:
    tokens = [f"token-{n}" for n in range(100)]
    for n, token in enumerate(tokens):
        await core.a_station(f"bench-{n}")
        await core.writer.run(_with_token(f"bench-{n}", token))
    callers = Callers(core.engine, core.clock)

    async def who() -> list[Caller | None]:
        return await asyncio.gather(*(callers.who(token) for token in tokens))

    assert all(await who())
    with asked(core) as statements:
        assert all(await who())
        assert statements == [], "half a second is remembered"
        core.clock.go(seconds=0.9)
        names = [one.name if one else "" for one in await who()]
        assert len([s for s in statements if "FROM station" in s]) == 1
    assert names[7] == "bench-7"
    await core.writer.run(_revoked("bench-7"))
    core.clock.go(seconds=0.9)
    assert [n for n, one in enumerate(await who()) if one is None] == [7]


async def test_who_comes_while_callers_are_looked_up_anew_does_not_wait_for_it(core: Core) -> None:
    await core.a_station("bench-1")
    await core.writer.run(_with_token("bench-1", "token"))
    callers, may_look = Callers(core.engine, core.clock), threading.Event()
    assert await callers.who("token")

    def held_up(*_: Any) -> None:
        may_look.wait(15)

    event.listen(core.engine, "before_cursor_execute", held_up)
    try:
        core.clock.go(seconds=0.6)
        for _ in range(2):
            assert await asyncio.wait_for(callers.who("token"), 10)
        core.clock.go(seconds=0.3)
        too_old = asyncio.create_task(callers.who("token"))
        await asyncio.sleep(0.01)
        assert not too_old.done(), "what was revoked a second ago is no longer believed"
    finally:
        may_look.set()
    assert await asyncio.wait_for(too_old, 15)


def _with_token(station_id: str, token: str) -> Any:
    def fn(tx: Tx) -> None:
        s = t.station
        tx.conn.execute(
            update(s).where(s.c.station_id == station_id).values(token_hash=hash_of(token), name=station_id)
        )

    return fn


def _revoked(station_id: str) -> Any:
    def fn(tx: Tx) -> None:
        tx.conn.execute(update(t.station).where(t.station.c.station_id == station_id).values(is_revoked=True))

    return fn


# ------------------------------------------------------------------------------------------------- heads


class _Line:
    """The server's side of one stream: what was written, in order."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.hung_up = asyncio.Event()

    async def send(self, message: Message) -> None:
        for one in message.get("body", b"").decode().split("\n\n"):
            if one:
                rows = dict(row.split(": ", 1) for row in one.split("\n"))
                self.events.append((rows["event"], json.loads(rows["data"])))

    async def receive(self) -> Message:
        await self.hung_up.wait()
        return {"type": "http.disconnect"}


@asynccontextmanager
async def listening(core: Core, pages: Pages, count: int) -> AsyncIterator[tuple[Broadcast, list[_Line]]]:
    bench, hurry = await _a_bench(core), core.writer.hurry
    broadcast = Broadcast(pages, Callers(core.engine, core.clock), core.clock, core.feed.head(), hurry)
    lines = [_Line() for _ in range(count)]
    served = [asyncio.create_task(broadcast.serve(bench, 0, line.receive, line.send)) for line in lines]
    while not all(line.events for line in lines):
        await asyncio.sleep(0.01)
    for line in lines:
        line.events.clear()
    yield broadcast, lines
    for line in lines:
        line.hung_up.set()
    await asyncio.gather(*served)


async def _a_bench(core: Core) -> Caller:
    await core.a_station("bench-1")
    await core.writer.run(_with_token("bench-1", "token"))
    caller = await Callers(core.engine, core.clock).who("token")
    assert caller is not None
    return caller


async def test_heads_are_told_in_groups_and_a_stop_goes_between_them(core: Core, pages: Pages) -> None:
    async with listening(core, pages, 2 * GROUP + 5) as (broadcast, lines):
        await core.writer.intake([a_channel_order(n) for n in range(TICK_CHANGES)], LEAD)
        broadcast.look(head := core.feed.head())
        tick = asyncio.create_task(broadcast.tick())
        while not any(line.events for line in lines):
            await asyncio.sleep(0)
        assert len([line for line in lines if line.events]) == GROUP
        stop = Urgent(seq=head, order_no="OD1", stops=(), is_frozen=True)
        broadcast.committed(Committed(head, head, (UrgentFor("main", stop),)))
        assert all(line.events[-1][0] == "urgent" for line in lines), "nobody waits for his turn"
        await tick
        kinds = [[kind for kind, _ in line.events] for line in lines]
        assert sorted(kinds, key=str).count(["head", "urgent"]) == GROUP
        assert sorted(kinds, key=str).count(["urgent", "head"]) == GROUP + 5
        told = {data["head"] for line in lines for kind, data in line.events if kind == "head"}
        assert told == {head}, "all of one head: they pull one page"


async def test_nobody_is_sent_to_pull_while_a_command_is_under_way_but_never_for_long(
    core: Core, pages: Pages
) -> None:
    async with listening(core, pages, GROUP + 1) as (broadcast, lines):
        await core.writer.intake([a_channel_order(n) for n in range(TICK_CHANGES)], LEAD)
        broadcast.look(core.feed.head())
        with core.writer.hurry.under_way():
            tick = asyncio.create_task(broadcast.tick())
            for _ in range(5):
                await asyncio.sleep(0)
            assert not any(line.events for line in lines)
        await tick
        assert all(line.events[-1][0] == "head" for line in lines)
        await core.writer.intake([a_channel_order(100 + n) for n in range(TICK_CHANGES)], LEAD)
        broadcast.look(head := core.feed.head())
        with core.writer.hurry.under_way():
            await broadcast.tick()
        assert {line.events[-1][1]["head"] for line in lines} == {head}


async def test_a_few_changes_go_to_all_in_the_stream_itself(core: Core, pages: Pages) -> None:
    async with listening(core, pages, GROUP + 1) as (broadcast, lines):
        start = core.feed.head()
        await core.given()
        broadcast.look(core.feed.head())
        await broadcast.tick()
        for line in lines:
            [(kind, page)] = line.events
            assert (kind, page["after"], page["next"]) == ("changes", start, core.feed.head())
