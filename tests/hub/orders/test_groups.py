"""Groups: a fault touches nothing but its own job, the surroundings give no verdict, no reader finds a gap."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import event, insert
from sqlalchemy.exc import IntegrityError, OperationalError

from app.core.channel import ChannelLine, ChannelOrder
from app.core.order import Item
from app.core.tracking import NodeKind, TrackNode
from app.core.waybills import PoolNumber
from app.wire import LeaseAsk
from hub.db import tables as t
from hub.db.engine import open_database
from hub.orders.desk import Tx
from hub.orders.results import Committed, HubBusy, OurFault, View
from hub.orders.settings import LineSettings
from hub.orders.writer import WAITS, Writer
from hub.vault import Vault
from tests.helpers.builders import KEY, LEAD, Core, Ids, a_channel_order, a_core, an_actor
from tests.helpers.clock import FakeClock
from tests.helpers.databases import only_sqlite
from tests.helpers.feed import applied, read_pages

pytestmark = pytest.mark.anyio

BROKEN = "half a \ud800 character"  # no JSON of ours holds it
FITS_JSON_NOT_SQL = 2**63


def _with_qty(n: int, qty: int) -> ChannelOrder:
    return ChannelOrder(
        channel="file",
        shop_id="shop-1",
        channel_order_no=f"bad-{n}",
        lines=(ChannelLine(sku_code="X", qty=qty),),
    )


@pytest.mark.logs("job_failed")
async def test_a_poisoned_act_gets_our_fault_and_its_neighbours_go_on(core: Core) -> None:
    orders = await core.given(*(a_channel_order(n, lines=1) for n in range(3)))
    for order in orders:
        await core.do("line_packed", order, line_no=1)
    reasons = ("wet", BROKEN, "torn")
    acts = [core.envelope("marked_abnormal", o, reason=r) for o, r in zip(orders, reasons, strict=True)]
    head = core.feed.head()
    receipts = await core.writer.acts(acts, an_actor("bench-1"))
    assert [(r.outcome, r.reason) for r in receipts] == [
        ("applied", ""),
        ("refused", "our_fault"),
        ("applied", ""),
    ]
    assert [len(core.order(o.order_no).stops) for o in orders] == [1, 0, 1]
    assert core.kinds(orders[1])[-1] == "line_packed", "nothing of it stays"
    assert sorted(a.kind for a in core.lookup.alarms()) == ["abnormal", "abnormal", "our_fault"]

    [(blob, key, what)] = core.rows("SELECT blob_pii, quarantine_id, what FROM quarantine")
    assert what == "act" and ascii(BROKEN)[1:-1] in core.vault.open(blob, key)["ascii"]
    [again] = await core.writer.acts(acts[1:2], an_actor("bench-1"))
    assert (again.reason, again.replayed) == ("our_fault", True)
    assert core.feed.head() > head


@pytest.mark.logs("job_failed", "group_failed")
async def test_when_the_bulk_write_fails_only_the_guilty_one_is_kept_out(core: Core) -> None:
    bad = _with_qty(1, FITS_JSON_NOT_SQL)
    taken = await core.writer.intake([a_channel_order(1), bad, a_channel_order(2)], LEAD)
    assert [t.outcome for t in taken] == ["new", "failed", "new"]
    assert [t.order_no for t in taken] == ["OD20261121001", "", "OD20261121002"]
    assert core.rows("SELECT count(*) FROM orders") == [(2,)]
    [(blob, key)] = core.rows("SELECT blob_pii, quarantine_id FROM quarantine")
    assert core.vault.open(blob, key)["order"]["channel_order_no"] == "bad-1"
    assert [a.params["order_no"] for a in core.lookup.alarms()] == ["bad-1"]


@pytest.mark.logs("job_failed", "group_failed")
async def test_even_what_cannot_be_kept_gets_an_answer(core: Core) -> None:
    [order] = await core.given()
    bad = core.envelope("opened", order, act_id="lone \ud800 surrogate")
    good = core.envelope("opened", order)
    receipts = await core.writer.acts([bad, good], an_actor("bench-1"))
    assert [(r.outcome, r.reason) for r in receipts] == [("refused", "our_fault"), ("applied", "")]


@pytest.mark.logs("job_failed")
async def test_each_door_answers_for_its_own_faults(tmp_path: Path, db: str) -> None:
    async with a_core(tmp_path, db, wrap=_Mute) as core:
        [order] = await core.given()
        core.vault.is_mute = True  # type: ignore[attr-defined]
        [failed] = await core.writer.intake([a_channel_order(2)], LEAD)
        assert (failed.outcome, failed.order_no) == ("failed", "")
        lease = await core.lease(order, step="print")
        assert (lease.granted, lease.reason) == (False, "our_fault")
        core.vault.is_mute = False  # type: ignore[attr-defined]
        assert (await core.lease(order, step="print")).granted
        core.vault.is_mute = True  # type: ignore[attr-defined]
        label = await core.writer.label(f"{order.order_no}01", an_actor("bench-1"))
        assert (label.granted, label.reason) == (False, "our_fault")
        core.vault.is_mute = False  # type: ignore[attr-defined]

        big = {"n": BROKEN}
        assert await core.writer.items([Item(sku_code="A", title=BROKEN), Item(sku_code="B")]) == [
            "failed",
            "new",
        ]
        assert await core.writer.waybills([PoolNumber(waybill_no="1", print_data=big)]) == ["failed"]
        node = TrackNode(at=core.clock.now(), kind=NodeKind.picked_up, raw_text=BROKEN)
        with pytest.raises(OurFault, match="track"):
            await core.writer.track(f"{order.order_no}01", [node], "sf", "carrier:sf")
        kept = {what for (what,) in core.rows("SELECT what FROM quarantine")}
        assert kept == {"intake", "item", "waybill", "track"}


@pytest.mark.logs("job_failed")
async def test_a_vault_that_fails_altogether_is_answered(tmp_path: Path, db: str) -> None:
    async with a_core(tmp_path, db, wrap=_Dead) as core:
        taken = await core.writer.intake([a_channel_order(1), a_channel_order(2)], LEAD)
        assert [t.outcome for t in taken] == ["failed", "failed"]
        assert core.rows("SELECT count(*) FROM quarantine") == [(0,)]


@pytest.mark.logs("job_failed", "group_failed")
async def test_a_table_that_is_lost_spoils_only_what_needs_it(core: Core) -> None:
    await core.change("ALTER TABLE waybill_pool RENAME TO lost")
    assert await core.writer.waybills([PoolNumber(waybill_no="1")]) == ["failed"]
    assert core.rows("SELECT what FROM quarantine") == [("waybill",)]
    await core.change("ALTER TABLE alarm RENAME TO gone_too")
    bad = a_channel_order(1, buyer_remark=BROKEN)
    taken = await core.writer.intake([bad, a_channel_order(2)], LEAD)
    assert [t.outcome for t in taken] == ["failed", "new"]


@pytest.mark.logs("job_failed", "group_failed")
async def test_an_order_whose_time_has_come_but_fails_does_not_block_the_others(core: Core) -> None:
    bad, good = await core.given(a_channel_order(1), a_channel_order(2))
    for order in (bad, good):
        await core.command("cancel", order)
    broken = core.rows(f"SELECT body FROM orders WHERE order_no = '{bad.order_no}'")[0][0]
    wrong = broken.replace(b'"version":2', b'"version":%d' % (2**64 - 1))
    await core.change("UPDATE orders SET body = :body WHERE order_no = :no", body=wrong, no=bad.order_no)
    due = await core.tick(seconds=15)
    assert core.order(good.order_no).order_state == "cancelled"
    assert core.order(bad.order_no).order_state == "released"
    assert due is not None and (due - core.clock.now()).total_seconds() == 3600
    assert [a.kind for a in core.lookup.alarms()] == ["our_fault"]


@only_sqlite
@pytest.mark.logs("database_says_no")
async def test_a_full_disk_is_no_verdict(core: Core) -> None:
    [order] = await core.given(a_channel_order(1, lines=1))
    head = core.feed.head()
    many = [a_channel_order(n) for n in range(2, 60)]
    [(pages,)] = core.rows("PRAGMA page_count")
    async with _limited(core, f"PRAGMA max_page_count = {pages}", "PRAGMA max_page_count = 1073741823"):
        with pytest.raises(HubBusy, match="full"):
            await core.writer.intake(many, LEAD)
        assert core.order(order.order_no) == order, "it can still be read"
    assert core.feed.head() == head and core.rows("SELECT count(*) FROM quarantine") == [(0,)]
    assert {t.outcome for t in await core.writer.intake(many, LEAD)} == {"new"}
    assert (await core.do("opened", order)).outcome == "applied"


@only_sqlite
async def test_who_waits_behind_a_full_disk_is_told_with_the_first(
    core: Core, expect_logs: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    """One patience for a whole file of many groups, and for all who stand behind it."""
    expect_logs("database_says_no")
    [order] = await core.given(a_channel_order(1, lines=1))
    [(pages,)] = core.rows("PRAGMA page_count")
    many = [a_channel_order(n) for n in range(2, 400)]
    asked = (
        core.writer.intake(many, LEAD, bulk=True),
        core.writer.acts([core.envelope("opened", order)], an_actor("bench-1")),
        core.writer.intake(many, LEAD, bulk=True),
    )
    async with _limited(core, f"PRAGMA max_page_count = {pages}", "PRAGMA max_page_count = 1073741823"):
        answers = await asyncio.gather(*asked, return_exceptions=True)
    assert sum(isinstance(one, HubBusy) for one in answers) >= 2, answers
    assert sum("database_says_no" in record.getMessage() for record in caplog.records) <= 2
    assert {t.outcome for t in await core.writer.intake(many, LEAD, bulk=True)} == {"new"}


@only_sqlite
@pytest.mark.logs("database_says_no")
async def test_a_locked_database_is_asked_again_then_the_hub_is_busy(core: Core) -> None:
    [order] = await core.given()
    opened = core.envelope("opened", order)
    async with _limited(core, "PRAGMA busy_timeout = 5", "PRAGMA busy_timeout = 5000"):
        raw = core.engine.raw_connection()
        raw.cursor().execute("BEGIN IMMEDIATE")
        with pytest.raises(HubBusy, match="locked"):
            await core.writer.acts([opened], an_actor("bench-1"))
        raw.rollback()
        raw.close()
    [receipt] = await core.writer.acts([opened], an_actor("bench-1"))
    assert (receipt.outcome, receipt.replayed) == ("applied", False)


@only_sqlite
async def test_a_short_lock_is_waited_out(core: Core) -> None:
    [order] = await core.given()
    raw = core.engine.raw_connection()
    raw.cursor().execute("BEGIN IMMEDIATE")
    release = threading.Timer(0.2, raw.rollback)
    release.start()
    assert (await core.do("opened", order)).outcome == "applied"
    release.join()
    raw.close()


async def test_a_stopped_or_flooded_writer_says_busy(tmp_path: Path) -> None:
    async with a_core(tmp_path) as core:
        page = [a_channel_order(1)] * 50_001
        with pytest.raises(HubBusy, match="queue_full"):
            await core.writer.intake(page, LEAD)
        [order] = await core.given()
        last = asyncio.ensure_future(core.do("opened", order))
        await asyncio.sleep(0)
        await core.writer.stop()
        assert (await last).outcome == "applied", "what waited is finished"
        with pytest.raises(HubBusy, match="stopped"):
            await core.do("opened", order)


async def test_live_work_goes_before_an_import_and_the_import_still_ends(core: Core) -> None:
    [order] = await core.given(a_channel_order(0, qty=500))
    imported = asyncio.ensure_future(
        core.writer.intake([a_channel_order(n) for n in range(1, 1001)], LEAD, bulk=True)
    )
    await asyncio.sleep(0)
    heads = []
    for _ in range(10):
        receipt = await core.do("line_packed", order, line_no=1)
        heads.append((receipt.outcome, imported.done()))
    assert heads[0] == ("applied", False)
    assert {t.outcome for t in await imported} == {"new"}


async def test_without_a_thread_groups_run_in_the_loop(tmp_path: Path) -> None:
    async with a_core(tmp_path, threaded=False) as core:
        before = threading.active_count()
        orders = await core.given(*(a_channel_order(n) for n in range(5)))
        await core.command("cancel", orders[0])
        await core.tick(seconds=15)
        assert core.order(orders[0].order_no).order_state == "cancelled"
        assert threading.active_count() == before and core.heard


async def test_a_function_in_the_writer_sees_what_was_asked_before_it(tmp_path: Path, db: str) -> None:
    async with a_core(tmp_path, db, threaded=False) as core:
        [order] = await core.given()

        def count(tx: Tx) -> int:
            return int(tx.conn.exec_driver_sql("SELECT count(*) FROM history").scalar_one())

        _, between, _ = await asyncio.gather(
            core.do("opened", order), core.writer.run(count), core.do("opened", order)
        )
        assert (between, await core.writer.run(count)) == (3, 4)


async def test_who_stopped_waiting_disturbs_nobody(core: Core) -> None:
    gone = asyncio.ensure_future(core.writer.intake([a_channel_order(1)], LEAD))
    stays = asyncio.ensure_future(core.writer.intake([a_channel_order(2)], LEAD))
    await asyncio.sleep(0)
    gone.cancel()
    assert [t.outcome for t in await stays] == ["new"]
    await core.writer.tick(core.clock.now())
    assert core.rows("SELECT count(*) FROM orders") == [(2,)], "it was asked for"


@pytest.mark.logs("loop_closed")
def test_a_loop_that_closed_early_loses_answers_not_orders(tmp_path: Path) -> None:
    engine = open_database("sqlite:///orderdock.db", tmp_path, Ids())
    writer = Writer(engine, FakeClock(), Ids(), Vault(KEY), LineSettings())
    loop = asyncio.new_event_loop()
    raw = engine.raw_connection()
    raw.cursor().execute("BEGIN IMMEDIATE")

    async def leave_early() -> None:
        asked = asyncio.ensure_future(writer.intake([a_channel_order()], LEAD))
        await asyncio.sleep(0)
        asked.cancel()
        await asyncio.wait([asked])

    writer.start(loop)
    loop.run_until_complete(leave_early())
    loop.close()
    raw.rollback()
    raw.close()
    asyncio.run(writer.stop())
    with engine.connect() as conn:
        assert conn.exec_driver_sql("SELECT count(*) FROM orders").scalar_one() == 1
    engine.dispose()


@pytest.mark.logs("listener_failed")
async def test_a_listener_that_fails_silences_nobody(core: Core) -> None:
    heard: list[Committed] = []

    def broken(committed: Committed) -> None:
        raise RuntimeError("broken listener")

    core.writer.subscribe(broken)
    leave = core.writer.subscribe(heard.append)
    await core.given()
    assert len(heard) == 1 and heard[0].count == 3 and core.writer.head == heard[0].seq_to == 3
    leave()
    await core.given(a_channel_order(2))
    assert len(heard) == 1


async def test_a_function_in_the_writer_is_fed_or_undone(core: Core) -> None:
    await core.a_station("bench-1")
    changes, _ = read_pages(core.feed, View("packing", "main"))
    assert [(c.kind, c.key) for c in changes] == [("station", "bench-1")]

    def fails(tx: Tx) -> None:
        tx.conn.execute(insert(t.setting).values(key="a", value=b"1", changed_at=tx.now))
        raise LookupError("no such thing")

    with pytest.raises(LookupError, match="no such thing"):
        await core.writer.run(fails)
    with pytest.raises(IntegrityError):
        await core.a_station("bench-1")
    assert core.rows("SELECT count(*) FROM setting") == [(0,)]

    def sets(tx: Tx) -> str:
        tx.conn.execute(insert(t.setting).values(key="a", value=b"1", changed_at=tx.now, body=b'{"a":1}'))
        tx.changed("setting", "a")
        return tx.new_id()

    assert await core.writer.run(sets)
    changes, _ = read_pages(core.feed, View("all"))
    assert [(c.kind, c.body) for c in changes][-1] == ("setting", msgspec.Raw(b'{"a":1}'))


@pytest.mark.logs("group_failed")
async def test_functions_that_wait_share_a_commit_and_a_bad_one_takes_back_its_own(
    tmp_path: Path, db: str
) -> None:
    async with a_core(tmp_path, db, threaded=False) as core:
        commits = 0

        def count(_: Any) -> None:
            nonlocal commits
            commits += 1

        def sets(key: str) -> Callable[[Tx], int]:
            def function(tx: Tx) -> int:
                tx.conn.execute(insert(t.setting).values(key=key, value=b"1", changed_at=tx.now, body=b"{}"))
                tx.changed("setting", key)
                if key == "bad":
                    raise LookupError("no such thing")
                return int(tx.conn.exec_driver_sql("SELECT count(*) FROM setting").scalar_one())

            return function

        await core.writer.run(lambda tx: None)  # the connection is made ready by a commit of its own
        event.listen(core.engine, "commit", count)
        functions = [core.writer.run(sets(key)) for key in ("a", "bad", "b", "c")]
        done = await asyncio.gather(*functions, return_exceptions=True)
        assert (done[0], done[2:], type(done[1])) == (1, [2, 3], LookupError)
        assert commits == 1 and core.rows("SELECT key FROM setting ORDER BY key") == [("a",), ("b",), ("c",)]
        changes, _ = read_pages(core.feed, View("all"))
        assert sorted(c.key for c in changes) == ["a", "b", "c"]

        again = [core.writer.run(sets(key)) for key in ("d", "a", "e")]
        done = await asyncio.gather(*again, return_exceptions=True)
        assert isinstance(done[1], IntegrityError), "a key that is taken spoils its neighbours' transaction"
        assert core.rows("SELECT count(*) FROM setting") == [(5,)], "which are run by themselves"


@only_sqlite
async def test_a_writer_as_it_is_waits_out_what_passes_and_says_busy_within_seconds(core: Core) -> None:
    """Its own pauses: one is not enough for a deadlock or a server that starts again, a minute too long for a bench."""
    assert list(WAITS) == sorted(WAITS) and WAITS[0] <= 0.1, "most of what is in the way is gone at once"
    assert 2 <= sum(WAITS) <= 5, "a door says 'busy' before the bench hangs up"
    [order] = await core.given(a_channel_order(1, lines=1))
    writer = Writer(core.engine, core.clock, Ids("as-it-is"), core.vault, core.settings)
    writer.start(asyncio.get_running_loop())
    commits = 0

    def locked_three_times(_: Any) -> None:
        nonlocal commits
        commits += 1
        if commits <= 3:
            error = sqlite3.OperationalError("database is locked")
            error.sqlite_errorcode = sqlite3.SQLITE_BUSY
            raise OperationalError("COMMIT", {}, error)

    event.listen(core.engine, "commit", locked_three_times)
    try:
        [receipt] = await writer.acts([core.envelope("opened", order)], an_actor("bench-1"))
    finally:
        await writer.stop()
    assert (receipt.outcome, receipt.replayed) == ("applied", False)
    assert core.kinds(order).count("opened") == 1


async def test_leases_know_their_limits(core: Core) -> None:
    with pytest.raises(ValueError, match="station"):
        await core.writer.leases(LeaseAsk(parcel_nos=["x"]), LEAD)
    with pytest.raises(ValueError, match="200"):
        await core.writer.leases(LeaseAsk(parcel_nos=["x"] * 201), an_actor("bench-1"))
    [answer] = await core.writer.leases(LeaseAsk(parcel_nos=["x"]), an_actor("bench-1"))
    assert (answer.granted, answer.reason) == (False, "parcel_unknown")


async def test_two_slow_writers_and_one_fast_reader_leave_no_gap(tmp_path: Path, db: str) -> None:
    """Two hub processes on one database: numbers come in commit order, so a cursor never steps over a row."""
    async with a_core(tmp_path, db, wrap=_Slow) as core:
        other = Writer(core.engine, core.clock, Ids("other"), core.vault, core.settings, waits=(0.01,) * 50)
        other.start(asyncio.get_running_loop())
        seen: list[Any] = []
        done = threading.Event()
        reader = threading.Thread(target=_follow, args=(core, seen, done))
        reader.start()
        try:
            await asyncio.gather(*(_shift(writer, n) for n, writer in enumerate((core.writer, other))))
        finally:
            done.set()
            await asyncio.to_thread(reader.join)
            await other.stop()
        fresh, head = read_pages(core.feed, View("all"), limit=1000)
        assert applied({}, seen) == applied({}, fresh)
        assert max(c.seq for c in seen) == head
        assert core.rows("SELECT count(*) FROM orders") == [(60,)]
        assert core.rows("SELECT count(*), max(id) FROM history") == [(120, 120)]
        assert core.rows("SELECT n FROM day_counter") == [(60,)]


async def _shift(writer: Writer, n: int) -> None:
    for page in range(6):
        orders = [a_channel_order(100 * n + 10 * page + i) for i in range(5)]
        assert {t.outcome for t in await writer.intake(orders, LEAD)} == {"new"}


def _follow(core: Core, seen: list[Any], done: threading.Event) -> None:
    after = 0
    while True:
        is_last = done.is_set()
        changes, after = read_pages(core.feed, View("all"), after, limit=5)
        seen += changes
        if is_last:
            return


async def test_a_key_met_by_another_process_is_found_on_the_second_run(core: Core) -> None:
    """Both wrote the same order: the one that came second sees it as known, not as a fault."""
    other = Writer(core.engine, core.clock, Ids("other"), core.vault, core.settings)
    other.start(asyncio.get_running_loop())
    answers = await asyncio.gather(
        *(w.intake([a_channel_order(n) for n in range(30)], LEAD) for w in (core.writer, other))
    )
    await other.stop()
    assert sorted(t.outcome for page in answers for t in page) == ["new"] * 30 + ["same"] * 30


@asynccontextmanager
async def _limited(core: Core, pragma: str, undo: str) -> AsyncIterator[None]:
    """``pragma`` on every connection, the writer's own included; ``undo`` afterwards."""

    async def everywhere(sql: str) -> Any:
        def listener(dbapi: Any, record: Any, proxy: Any) -> None:
            dbapi.execute(sql)

        def now(tx: Tx) -> None:
            tx.conn.exec_driver_sql(sql)

        event.listen(core.engine, "checkout", listener)
        await core.writer.run(now)
        return listener

    listener = await everywhere(pragma)
    yield
    event.remove(core.engine, "checkout", listener)
    await everywhere(undo)


class _Mute:
    """A vault that fails when told to."""

    def __init__(self, vault: Any) -> None:
        self._vault = vault
        self.is_mute = False

    def seal(self, value: dict[str, Any], context: str) -> bytes:
        if self.is_mute and "consignee" in value:
            raise RuntimeError("mute")
        return bytes(self._vault.seal(value, context))

    def open(self, blob: bytes, context: str) -> dict[str, Any]:
        if self.is_mute:
            raise RuntimeError("mute")
        return dict(self._vault.open(blob, context))

    def blind(self, kind: str, text: str) -> bytes:
        return bytes(self._vault.blind(kind, text))


class _Dead(_Mute):
    """A vault that seals nothing."""

    def seal(self, value: dict[str, Any], context: str) -> bytes:
        raise RuntimeError("dead")


class _Slow(_Mute):
    """A vault that takes its time, inside the writer's transaction."""

    def seal(self, value: dict[str, Any], context: str) -> bytes:
        time.sleep(0.002)
        return super().seal(value, context)
