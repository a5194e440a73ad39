"""Several hub processes on one PostgreSQL: each hears the others, one leads, nothing is lost with the database."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from app.ports import SystemClock
from hub.db.engine import make_engine, open_database
from hub.db.leading import Leader
from hub.db.postgresql import alone
from hub.keys import KEY_FILE
from hub.surroundings import Surroundings
from rehearsal.postgres import OwnPostgres
from tests.helpers.builders import Ids
from tests.helpers.databases import NewDatabase
from tests.helpers.hub import TOML, HubClient, RunningHub, a_channel_order, hub_in_thread, hub_process
from tests.helpers.station import until as until_soon
from tests.hub.api.test_stream import listening


def until(is_so: Callable[[], object], what: str) -> None:
    until_soon(is_so, what, seconds=20)


@contextmanager
def _two(folder: Path, db: str, toml: str = TOML) -> Iterator[tuple[RunningHub, RunningHub]]:
    """Two hubs of one shop; the second got the key of the first."""
    with hub_in_thread(folder / "one", toml, db=db) as one:
        (folder / "two").mkdir()
        shutil.copy(folder / "one" / KEY_FILE, folder / "two" / KEY_FILE)
        with hub_in_thread(folder / "two", toml, db=db) as two:
            yield one, two


def _both(one: RunningHub, two: RunningHub, client: HubClient) -> HubClient:
    """The same caller, speaking to the other process."""
    return two.client(client.token)


def _silenced(engine: Any, like: str) -> None:
    """The server ends every session that lately said something like this."""
    with alone(engine) as conn:
        conn.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE %s",
            (like,),
        )


# ------------------------------------------------------------------------------------- hearing each other


def test_a_station_hears_at_once_of_a_stop_that_another_process_took(
    tmp_path: Path, new_postgres: NewDatabase
) -> None:
    with _two(tmp_path, new_postgres()) as (one, two):
        bench, rep, order = one.station(), one.person("cs_rep"), one.given()
        far = _both(one, two, bench)
        until(lambda: far.changes().head == bench.changes().head, "the other process is behind")
        with listening(two, far) as heard:
            assert rep.act("cancel", order.order_no).outcome == "applied"
            urgent = heard.next("urgent")
            assert (urgent.data["order_no"], urgent.data["is_frozen"]) == (order.order_no, True)
            assert heard.next_order()["body"]["order_no"] == order.order_no, "and the feed follows"
        # pages are shared for a moment, by each process for itself
        until(lambda: far.changes() == bench.changes(), "the two processes feed different things")


def test_without_a_notice_the_head_is_looked_at(
    tmp_path: Path, new_postgres: NewDatabase, expect_logs: Any
) -> None:
    expect_logs("others_not_heard")
    with _two(tmp_path, new_postgres()) as (one, two):
        bench = one.station()
        head = two.app.doors.out.broadcast.head
        _silenced(one.app.doors.orders.engine, "LISTEN%")
        _silenced(one.app.doors.orders.engine, "SELECT seq FROM feed_head")
        order = one.given()
        until(lambda: two.app.doors.out.broadcast.head > head, "the other process never looked")
        with listening(two, _both(one, two, bench), after=1, epoch=bench.changes().epoch) as heard:
            assert heard.next_order()["key"] == order.order_no


def test_a_countdown_set_at_a_process_that_follows_ends_in_time(
    tmp_path: Path, new_postgres: NewDatabase
) -> None:
    """The one that leads hears of it; it would look by itself after half a minute only."""
    with _two(tmp_path, new_postgres()) as (one, two):
        leading, following = _led(one, two)
        order = following.given(a_channel_order("T1"))
        due = leading.app.doors.orders.writer
        until(lambda: leading.app._order_clock._look_at is not None, "the clock is not at work")
        assert following.person("cs_rep").act("cancel", order.order_no).outcome == "applied"
        until(lambda: _countdown_known(due), "the countdown was not heard of")


def _countdown_known(writer: Any) -> bool:
    due = writer._transactions.next_due
    return due is not None and (due - SystemClock().now()).total_seconds() < 16


# ----------------------------------------------------------------------------------------------- the lead


def _led(one: RunningHub, two: RunningHub) -> tuple[RunningHub, RunningHub]:
    """(who leads, who follows); never two."""
    until(lambda: one.app._leader.is_leading or two.app._leader.is_leading, "nobody leads")
    assert not (one.app._leader.is_leading and two.app._leader.is_leading)
    return (one, two) if one.app._leader.is_leading else (two, one)


def test_one_leads_and_another_takes_over_when_it_stops(tmp_path: Path, new_postgres: NewDatabase) -> None:
    db = new_postgres()
    with hub_in_thread(tmp_path / "one", db=db) as one:
        (tmp_path / "two").mkdir()
        shutil.copy(tmp_path / "one" / KEY_FILE, tmp_path / "two" / KEY_FILE)
        until(lambda: one.app._leader.is_leading, "nobody leads")
        second = hub_in_thread(tmp_path / "two", db=db)
        two = second.__enter__()
        until(lambda: (one.app._leader.is_leading, two.app._leader.is_leading) == (True, False), "two lead")
    try:
        until(lambda: two.app._leader.is_leading, "nobody took over")
    finally:
        second.__exit__(None, None, None)


def test_another_leads_when_the_one_that_led_is_killed(tmp_path: Path, new_postgres: NewDatabase) -> None:
    """As by the system when memory runs out: nothing is said, nothing is given up."""
    db = new_postgres()
    with hub_process(tmp_path / "one", f'[hub]\ndb = "{db}"\n{TOML}') as one:
        (tmp_path / "two").mkdir()
        shutil.copy(tmp_path / "one" / KEY_FILE, tmp_path / "two" / KEY_FILE)
        with hub_in_thread(tmp_path / "two", db=db) as two:
            leader = two.app._leader
            assert not leader.is_leading and _lock_is_held(leader._engine)
            one.process.kill()
            one.process.wait(timeout=20)
            until(lambda: leader.is_leading, "nobody took over")


def test_whatever_ends_a_leader_another_leads_within_ten_seconds(
    tmp_path: Path, new_postgres: NewDatabase
) -> None:
    """The times that add up to it, read from a running hub: a busy machine cannot tell how long it really takes.

    A process that is gone is missed at once. One that hangs, or whose machine is gone, is ended by the server when its
    session has said nothing for so long; whoever follows asks again and again, and has the lead with the first answer.
    """
    with _two(tmp_path, new_postgres()) as (one, two):
        leading, following = _led(one, two)
        session = leading.app._leader._conn
        assert session is not None
        row = session.execute("SELECT setting::int FROM pg_settings WHERE name = 'idle_session_timeout'")
        [silent_ms] = row.fetchone() or [0]
        [asks] = [job.trigger.interval for job in following.app._jobs.get_jobs() if job.name == "Hub._lead"]
        assert 0 < silent_ms / 1000 + 2 * asks.total_seconds() <= 10
        assert silent_ms / 1000 > believed_s(leading.app._leader), "two would lead"


def believed_s(leader: Leader) -> float:
    """How long it believes that it leads after it was last shown."""
    watch = _Watch()
    leader = Leader(leader._engine, watch)
    leader._holds = True
    while leader.is_leading:
        watch.seconds += 0.5
    return watch.seconds


def _lock_is_held(engine: Any) -> bool:
    with alone(engine) as conn:
        return bool(conn.execute("SELECT 1 FROM pg_locks WHERE locktype = 'advisory'").fetchall())


@pytest.mark.anyio
@pytest.mark.logs("lead_lost")
async def test_a_lead_is_lost_with_its_session_and_never_held_twice(new_postgres: NewDatabase) -> None:
    engine, clock = open_database(new_postgres(), Path(), Ids()), SystemClock()
    one, two = Leader(engine, clock), Leader(engine, clock)
    await one.step()
    await two.step()
    assert (one.is_leading, two.is_leading) == (True, False)
    with alone(engine) as conn:
        conn.execute("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'")
    while not two.is_leading:
        await two.step()
    await one.step()
    assert (one.is_leading, two.is_leading) == (False, True)
    await two.stop()
    while not one.is_leading:
        await one.step()
    assert not two.is_leading
    await one.stop()
    engine.dispose()


@pytest.mark.anyio
@pytest.mark.logs("lead_lost")
async def test_who_hangs_stops_believing_before_another_may_lead(new_postgres: NewDatabase) -> None:
    engine = open_database(new_postgres(), Path(), Ids())
    hung_clock = _Watch()
    hung = Leader(engine, hung_clock, silence_s=1)
    other = Leader(engine, SystemClock())
    await hung.step()
    assert hung.is_leading
    hung_clock.seconds = 4.9
    assert hung.is_leading
    hung_clock.seconds = 5.0
    assert not hung.is_leading, "nobody showed that it still holds"
    end = time.monotonic() + 15
    while not other.is_leading and time.monotonic() < end:
        await other.step()
    assert other.is_leading, "the server ended the silent session"
    await hung.step()
    await hung.step()
    assert not hung.is_leading
    for leader in (hung, other):
        await leader.stop()
    engine.dispose()


class _Watch(SystemClock):
    seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds


# --------------------------------------------------------------------------------------------- the start


def test_a_process_without_the_key_refuses_to_start(tmp_path: Path, new_postgres: NewDatabase) -> None:
    db = new_postgres()
    with hub_in_thread(tmp_path / "one", db=db):
        for folder in ("two", "three"):
            with pytest.raises(Surroundings) as no, hub_in_thread(tmp_path / folder, db=db):
                pass
            assert no.value.key == "key_missing"
            assert not (tmp_path / folder / KEY_FILE).exists()


def test_two_that_start_at_once_on_an_empty_database_make_one(
    postgres: OwnPostgres, request: pytest.FixtureRequest
) -> None:
    url = postgres.new_database("at_once")
    request.addfinalizer(lambda: postgres.drop("at_once"))
    epochs: list[str] = []

    def start(name: str) -> None:
        engine = open_database(url, Path(), Ids(name))
        with engine.connect() as conn:
            epochs.append(conn.exec_driver_sql("SELECT epoch FROM feed_head").scalar_one())
        engine.dispose()

    threads = [threading.Thread(target=start, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(epochs) == 3 and len(set(epochs)) == 1


def test_texts_compare_byte_by_byte_whatever_the_server_sorts_by(new_postgres: NewDatabase) -> None:
    engine = open_database(new_postgres(), Path(), Ids())
    with engine.connect() as conn:
        assert conn.exec_driver_sql("SELECT 'a' < 'B'").scalar_one(), "the server sorts as a language does"
        conn.exec_driver_sql("INSERT INTO day_counter VALUES ('a', 1), ('B', 2), ('~', 3), ('订', 4)")
        found = conn.exec_driver_sql("SELECT day FROM day_counter ORDER BY day").scalars().all()
    assert found == ["B", "a", "~", "订"]
    engine.dispose()


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "EUC_CN"])
def test_a_database_that_cannot_hold_chinese_is_refused(
    postgres: OwnPostgres, request: pytest.FixtureRequest, encoding: str
) -> None:
    postgres.run(
        f"CREATE DATABASE narrow ENCODING '{encoding}' LOCALE_PROVIDER libc LOCALE 'C' TEMPLATE template0"
    )
    request.addfinalizer(lambda: postgres.drop("narrow"))
    with pytest.raises(Surroundings) as no:
        open_database(postgres.url("narrow"), Path(), Ids())
    assert (no.value.key, no.value.params["cause"]) == ("db_not_utf8", encoding)


def test_a_commit_reaches_the_disk_whatever_the_server_is_set_to(new_postgres: NewDatabase) -> None:
    engine = make_engine(new_postgres(), Path())
    with engine.connect() as conn:
        assert conn.exec_driver_sql("SHOW synchronous_commit").scalar_one() == "on"
    engine.dispose()


# -------------------------------------------------------------------------------------- the database away


def test_a_database_that_goes_is_said_and_its_return_needs_nobody(tmp_path: Path, expect_logs: Any) -> None:
    expect_logs(
        "busy|database_says_no|step_waits|others_not_heard|lead_lost|step_failed|no_page|clock_waits|reset"
    )
    with OwnPostgres.started() as server, hub_in_thread(tmp_path, db=server.new_database("shop")) as hub:
        bench, order = hub.station(), hub.given()
        act = {
            "act_id": "A1",
            "kind": "opened",
            "order_no": order.order_no,
            "made_at": "2026-11-21T00:00:00Z",
        }
        server.stop()
        health = hub.client().get("/healthz")
        assert (health.status_code, health.json()["error"]["code"]) == (503, "database_away")
        refused = bench.post("/v1/acts", json=[act], timeout=30)
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "busy")
        assert refused.json()["error"]["text"] and int(refused.headers["retry-after"]) > 0
        server.start()
        until(lambda: hub.client().get("/healthz").status_code == 200, "it did not come back")
        answers: list[Any] = []
        until(lambda: _taken(bench, act, answers), "the act was not taken")
        assert (answers[-1]["outcome"], hub.app.doors.orders.lookup.order(order.order_no)) != (
            "refused",
            None,
        )
        until(lambda: hub.app._leader.is_leading, "the lead was not taken again")


def _taken(bench: HubClient, act: dict[str, Any], answers: list[Any]) -> bool:
    answer = bench.post("/v1/acts", json=[act], timeout=30)
    if answer.status_code == 200:
        answers += answer.json()
    return answer.status_code == 200
