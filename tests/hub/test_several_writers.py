"""Several hub processes on one PostgreSQL: writers that meet, readers beside them, transactions of somebody else."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import event

from hub.db.postgresql import alone
from hub.orders.results import View
from hub.orders.writer import Writer
from tests.helpers.builders import LEAD, Core, Ids, a_channel_order, a_core, an_actor
from tests.helpers.databases import NewDatabase
from tests.helpers.feed import applied, read_pages

pytestmark = pytest.mark.anyio

ROUNDS = 12


def another(core: Core, waits: tuple[float, ...] = (0.01,) * 50) -> Writer:
    """The writer of another process on the same database."""
    writer = Writer(core.engine, core.clock, Ids("other"), core.vault, core.settings, waits=waits)
    writer.start(asyncio.get_running_loop())
    return writer


async def test_two_processes_that_count_into_one_parcel_lose_no_unit(
    tmp_path: Path, new_postgres: NewDatabase
) -> None:
    """Each reads the order, adds a unit and writes it back whole: who comes second has to see the first."""
    async with a_core(tmp_path, new_postgres()) as core:
        [order] = await core.given(a_channel_order(1, lines=1, qty=2 * ROUNDS))
        other = another(core)

        async def count(writer: Writer, bench: str) -> None:
            for _ in range(ROUNDS):
                act = core.envelope("line_packed", order, line_no=1, qty=1)
                [receipt] = await writer.acts([act], an_actor(bench))
                assert receipt.outcome == "applied", receipt

        await asyncio.gather(count(core.writer, "bench-1"), count(other, "bench-2"))
        await other.stop()
        assert core.order(order.order_no).parcels[0].qty_packed == 2 * ROUNDS
        assert core.kinds(order).count("line_packed") == 2 * ROUNDS


async def test_a_deadlock_with_somebody_else_is_run_again_and_nobody_hears_of_it(
    tmp_path: Path, new_postgres: NewDatabase
) -> None:
    """Somebody holds the second order and then wants the first, which our group took: one of both must go back."""
    async with a_core(tmp_path, new_postgres(), waits=(0.01,) * 50) as core:
        orders = await core.given(a_channel_order(1, qty=3), a_channel_order(2, qty=3))
        first, second = sorted(order.order_no for order in orders)
        with alone(core.engine) as conn:
            conn.execute(
                "SET deadlock_timeout = '30s'"
            )  # not theirs: it is our session that finds the deadlock
            conn.execute("BEGIN")
            conn.execute("SELECT 1 FROM orders WHERE order_no = %s FOR UPDATE", (second,))
            acts = [core.envelope("opened", no) for no in (first, second)]
            asked = asyncio.ensure_future(core.writer.acts(acts, an_actor("bench-1")))
            await _until_somebody_waits(core)
            await asyncio.to_thread(
                conn.execute, "SELECT 1 FROM orders WHERE order_no = %s FOR UPDATE", (first,)
            )
            conn.execute("COMMIT")
        assert [receipt.outcome for receipt in await asked] == ["applied", "applied"]
        assert [core.kinds(no).count("opened") for no in (first, second)] == [1, 1]


async def _until_somebody_waits(core: Core) -> None:
    """A session of ours stands before a lock."""
    for _ in range(1500):
        if core.rows("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"):
            return
        await asyncio.sleep(0.01)
    raise AssertionError("nobody waits")


async def test_a_transaction_that_somebody_forgot_holds_no_reader_up(
    tmp_path: Path, new_postgres: NewDatabase
) -> None:
    """Idle in a transaction that wrote something of its own: numbers and pages go on as if it were not there."""
    db = new_postgres()
    async with a_core(tmp_path, db) as core:
        conninfo = core.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(conninfo) as forgotten:
            forgotten.execute("CREATE TABLE of_somebody (n int)")
            forgotten.execute("INSERT INTO of_somebody VALUES (1)")
            assert forgotten.info.transaction_status is psycopg.pq.TransactionStatus.INTRANS
            [order] = await core.given()
            changes, head = read_pages(core.feed, View("all"))
            assert order.order_no in {change.key for change in changes}
            assert head == max(change.seq for change in changes) == core.feed.head()
            forgotten.rollback()


async def test_a_reader_between_two_processes_skips_no_number(
    tmp_path: Path, new_postgres: NewDatabase
) -> None:
    """Their commits are held up on purpose, each by another time: a number that is seen is the last one given."""
    async with a_core(tmp_path, new_postgres()) as core:
        other = another(core)
        event.listen(core.engine, "commit", _Uneven())
        seen: list[Any] = []
        over = threading.Event()
        reader = threading.Thread(target=_follow, args=(core, seen, over))
        reader.start()
        try:
            await asyncio.gather(*(_orders(writer, n) for n, writer in enumerate((core.writer, other))))
        finally:
            over.set()
            await asyncio.to_thread(reader.join)
            await other.stop()
        fresh, head = read_pages(core.feed, View("all"), limit=1000)
        assert applied({}, seen) == applied({}, fresh)
        assert max(change.seq for change in seen) == head


class _Uneven:
    """Every second commit takes longer."""

    def __init__(self) -> None:
        self._count = 0

    def __call__(self, conn: Any) -> None:
        self._count += 1
        if self._count % 2:
            threading.Event().wait(0.01)


async def _orders(writer: Writer, n: int) -> None:
    for at in range(ROUNDS):
        taken = await writer.intake([a_channel_order(100 * n + at)], LEAD)
        assert [one.outcome for one in taken] == ["new"]


def _follow(core: Core, seen: list[Any], over: threading.Event) -> None:
    after = 0
    while True:
        is_last = over.is_set()
        changes, after = read_pages(core.feed, View("all"), after, limit=3)
        seen += changes
        if is_last:
            return
