"""Pages of new orders judged while the one before is committed: the same orders, numbers and faults as without."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from app.core.channel import ChannelOrder
from hub.orders.ahead import AWAY, Ahead, NotPlain
from hub.orders.intake import IntakeJob
from hub.orders.jobs import Answer
from hub.orders.lanes import BULK_GROUP
from hub.orders.results import Taken, View
from hub.orders.statements import Statements
from hub.orders.work import Work
from hub.vault import Vault
from tests.helpers.builders import LEAD, Core, a_channel_order, a_core
from tests.helpers.feed import read_pages

PAGES = 4
MANY = PAGES * BULK_GROUP


def _orders(first: int = 1) -> list[ChannelOrder]:
    return [a_channel_order(n) for n in range(first, first + MANY)]


def _number(n: int) -> str:
    return f"OD20261121{n:03d}" if n <= 999 else f"OD20261121{n:06d}"


class _Watched:
    """A vault that remembers which thread sealed each order."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self.threads: dict[str, list[str]] = {}
        self.blind = vault.blind
        self.open = vault.open

    def seal(self, value: dict[str, Any], context: str) -> bytes:
        self.threads.setdefault(context, []).append(threading.current_thread().name.partition("_")[0])
        return self._vault.seal(value, context)


@pytest.fixture
async def core(tmp_path: Path, anyio_backend: str) -> AsyncIterator[Core]:
    async with a_core(tmp_path, wrap=_Watched) as made:
        yield made


def _sealed_by(core: Core, order_no: str) -> list[str]:
    threads: dict[str, list[str]] = core.vault.threads  # type: ignore[attr-defined]
    return threads[order_no]


async def test_pages_judged_ahead_are_numbered_and_fed_like_all_others(core: Core) -> None:
    taken = await core.writer.intake(_orders(), LEAD, bulk=True)
    assert [t.order_no for t in taken] == [_number(n) for n in range(1, MANY + 1)]
    assert {t.outcome for t in taken} == {"new"}
    assert [_sealed_by(core, t.order_no) for t in taken[::BULK_GROUP]] == [
        ["writer"],
        *[["ahead"]] * (PAGES - 1),
    ]
    changes, _ = read_pages(core.feed, View("all"), limit=500)
    assert [c.seq for c in changes] == list(range(1, 3 * MANY + 1)), "two rows of history and the order"
    assert core.rows("SELECT count(*) FROM sealed") == [(MANY,)]
    assert core.rows("SELECT n FROM day_counter") == [(MANY,)]


async def test_an_order_of_the_page_before_is_known(core: Core) -> None:
    orders = _orders()
    orders[BULK_GROUP + 5] = orders[3]
    taken = await core.writer.intake(orders, LEAD, bulk=True)
    assert (taken[3].outcome, taken[BULK_GROUP + 5].outcome) == ("new", "same")
    assert taken[BULK_GROUP + 5].order_no == taken[3].order_no
    assert _sealed_by(core, taken[BULK_GROUP].order_no) == ["ahead", "writer"], "judged anew"
    assert core.rows("SELECT n FROM day_counter") == [(MANY - 1,)]


async def test_an_order_that_comes_between_two_pages_gets_a_number_of_its_own(core: Core) -> None:
    importing = asyncio.ensure_future(core.writer.intake(_orders(), LEAD, bulk=True))
    live: list[Taken] = []
    while not importing.done():
        live += await core.writer.intake([a_channel_order(10_000 + len(live))], LEAD)
    taken = [*await importing, *live]
    assert {t.outcome for t in taken} == {"new"}
    assert {t.order_no for t in taken} == {_number(n) for n in range(1, len(taken) + 1)}


async def test_a_page_that_could_not_be_committed_leaves_no_hole(core: Core) -> None:
    commits = 0

    def full(_: Any) -> None:
        nonlocal commits
        commits += 1
        if commits == 2:
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise OperationalError("COMMIT", {}, error)

    event.listen(core.engine, "commit", full)
    taken = await core.writer.intake(_orders(), LEAD, bulk=True)
    assert [t.order_no for t in taken] == [_number(n) for n in range(1, MANY + 1)]
    assert commits == len(core.heard) + 1 and core.rows("SELECT count(*) FROM orders") == [(MANY,)]


@pytest.mark.logs("job_failed")
async def test_a_bad_order_in_a_page_judged_ahead_is_kept_out_alone(core: Core) -> None:
    orders = _orders()
    bad = BULK_GROUP + 7
    orders[bad] = a_channel_order(bad + 1, buyer_remark="\ud800")
    taken = await core.writer.intake(orders, LEAD, bulk=True)
    assert [n for n, t in enumerate(taken) if t.outcome != "new"] == [bad]
    assert taken[bad].outcome == "failed" and core.rows("SELECT count(*) FROM quarantine") == [(1,)]
    assert taken[-1].order_no == _number(MANY - 1), "it cost no number"


async def test_what_needs_the_database_is_left_to_its_transaction(core: Core) -> None:
    def work() -> Work:
        return Work(AWAY, core.clock.now(), core.settings, core.vault, core.new_id, Statements("sqlite"))

    with pytest.raises(NotPlain):
        work().next_number()
    jobs = IntakeJob.all([a_channel_order()], LEAD)
    ahead = Ahead()
    ahead.begin(jobs, work())
    assert ahead.size == 1 and ahead.take(IntakeJob.all([a_channel_order()], LEAD)) is None, "other jobs"
    assert ahead.take(jobs) is None, "no page before it has read the day's counter"
    assert ahead.size == 0
    ahead.stop()


async def test_while_somebody_is_in_a_hurry_nothing_is_judged_ahead_unless_it_is_waited_for(
    core: Core,
) -> None:
    judged = threading.Event()

    class Plain(IntakeJob):
        def run(self, work: Work) -> Answer[Taken]:
            judged.set()
            return lambda numbers: Taken("", "same", 0)

    def work() -> Work:
        return Work(AWAY, core.clock.now(), core.settings, core.vault, core.new_id, Statements("sqlite"))

    is_calm = threading.Event()
    ahead, jobs = Ahead(is_calm.is_set), Plain.all([a_channel_order()], LEAD)
    ahead.begin(jobs, work())
    assert not judged.wait(0.05)
    is_calm.set()
    assert judged.wait(15), "the command has ended"
    is_calm.clear()
    judged.clear()
    ahead.begin(jobs, work())
    found = await asyncio.wait_for(asyncio.to_thread(ahead.take, jobs), 15)
    assert found is not None and judged.is_set(), "the writer itself waits for it"
    ahead.stop()
