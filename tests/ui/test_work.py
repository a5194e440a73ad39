"""The door for work off the window's thread."""

from __future__ import annotations

import asyncio
import threading
import time
import weakref
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from PySide6.QtCore import QElapsedTimer, QObject, QTimer
from pytestqt.qtbot import QtBot

from app.ports import SystemClock, seconds_until
from ui.work import BATCH_MS, LEISURE_MS, URGENT_WITHIN_S, CrashReport, Work

PATIENCE_S = 20.0


@pytest.fixture
def crashes() -> list[CrashReport]:
    return []


@pytest.fixture
def work(qtbot: QtBot, crashes: list[CrashReport]) -> Iterator[Work]:
    made = Work(SystemClock(), crashes.append)
    yield made
    assert made.stop(PATIENCE_S)


class Counting:
    """An engine that counts its steps and comes back when told."""

    def __init__(self, due: float | timedelta = 3600.0) -> None:
        self.steps = 0
        self.due = due
        self.fault: Exception | None = None

    async def step(self, now: datetime) -> datetime | float:
        self.steps += 1
        if self.fault is not None:
            raise self.fault
        return now + self.due if isinstance(self.due, timedelta) else self.due


class SetClock(SystemClock):
    """A clock that somebody sets."""

    def __init__(self) -> None:
        self.off = timedelta(0)

    def now(self) -> datetime:
        return super().now() + self.off


def test_regression_a_clock_set_back_keeps_no_engine_asleep(qtbot: QtBot, crashes: list[CrashReport]) -> None:
    """The stream nearly always waits for its next event: set back by an hour, it was not heard for an hour."""
    clock = SetClock()

    class Waiting(Counting):
        async def step(self, now: datetime) -> datetime:
            self.steps += 1
            clock.off = timedelta(hours=-1)  # while it is under way
            return now + timedelta(milliseconds=20)

    work, engine = Work(clock, crashes.append), Waiting()
    work.loop(engine, "stream")
    qtbot.waitUntil(lambda: engine.steps > 2, timeout=15_000)
    assert work.stop(PATIENCE_S)


@pytest.mark.parametrize("set_by", [timedelta(hours=-1), timedelta(0), timedelta(hours=5)])
def test_an_engine_rests_no_longer_than_it_asked_for(set_by: timedelta) -> None:
    began = datetime(2026, 11, 21, tzinfo=UTC)
    after = began + timedelta(seconds=2) + set_by
    for due in (began + timedelta(seconds=10), after + timedelta(seconds=8)):
        assert seconds_until(due, began, 2.0, after) <= 8.0


def test_a_result_comes_to_the_windows_thread(qtbot: QtBot, work: Work) -> None:
    seen: list[tuple[int, bool]] = []

    async def call() -> int:
        await asyncio.sleep(0)
        assert threading.current_thread() is not threading.main_thread()
        return 7

    work.run(call, lambda n: seen.append((n, threading.current_thread() is threading.main_thread())))
    qtbot.waitUntil(lambda: seen == [(7, True)])


class Page:
    """Something that listens to signals, as pages do, and says in which thread it died."""

    def __init__(self, died: list[threading.Thread]) -> None:
        weakref.finalize(self, lambda: died.append(threading.current_thread()))

    async def ask(self) -> Page:
        await asyncio.sleep(0.02)
        return self

    async def fail(self) -> None:
        await asyncio.sleep(0.02)
        raise ValueError("not today")

    def hear(self, _: object) -> None:
        pass


@pytest.mark.parametrize("how", ["done", "failed", "cancelled", "stopped"])
def test_a_page_whose_last_holder_is_a_call_dies_in_the_windows_thread(
    how: str, qtbot: QtBot, work: Work
) -> None:
    died: list[threading.Thread] = []
    for _ in range(20):
        page = Page(died)
        job = work.run(page.fail if how == "failed" else page.ask, page.hear, page.hear)
        del page
        if how == "cancelled":
            qtbot.wait(1)
            job.cancel()
        del job
    if how == "stopped":
        assert work.stop(PATIENCE_S)
    qtbot.waitUntil(lambda: len(died) == 20, timeout=15_000)
    assert set(died) == {threading.main_thread()}


def test_an_error_goes_to_who_asked_and_otherwise_to_the_crash_report(
    qtbot: QtBot, work: Work, crashes: list[CrashReport]
) -> None:
    failed: list[Exception] = []

    async def call() -> None:
        raise ValueError("not today")

    work.run(call, failed=failed.append)
    qtbot.waitUntil(lambda: len(failed) == 1)
    assert not crashes
    work.run(call)
    qtbot.waitUntil(lambda: len(crashes) == 1)
    assert isinstance(crashes[0].error, ValueError) and "not today" in crashes[0].trace


def test_a_faulty_callback_is_reported_and_the_next_one_still_runs(
    qtbot: QtBot, work: Work, crashes: list[CrashReport]
) -> None:
    seen: list[str] = []

    def faulty() -> None:
        raise KeyError("ours")

    work.hand(faulty)
    work.hand(lambda: seen.append("next"))
    qtbot.waitUntil(lambda: seen == ["next"])
    assert [type(c.error) for c in crashes] == [KeyError]


def test_nothing_is_called_for_an_owner_that_is_gone_or_a_job_that_was_cancelled(
    qtbot: QtBot, work: Work
) -> None:
    seen: list[str] = []
    owner = QObject()
    gate = threading.Event()

    async def call() -> str:
        while not gate.is_set():
            await asyncio.sleep(0.005)
        return "x"

    work.run(call, seen.append, owner=owner)
    job = work.run(call, seen.append)
    last = work.run(call, lambda _: seen.append("last"))
    job.cancel()
    owner.deleteLater()
    qtbot.wait(30)
    gate.set()
    qtbot.waitUntil(lambda: last.finished)
    assert seen == ["last"]


def test_a_blocking_call_leaves_the_loop_free(qtbot: QtBot, work: Work) -> None:
    seen: list[str] = []
    gate = threading.Event()

    async def quick() -> str:
        return "quick"

    work.blocking(lambda: gate.wait(20) and "slow", lambda word: seen.append(str(word)))
    work.run(quick, seen.append)
    qtbot.waitUntil(lambda: seen == ["quick"])
    gate.set()
    qtbot.waitUntil(lambda: seen == ["quick", "slow"])


def test_results_keep_their_order_and_ten_thousand_do_not_freeze_the_window(qtbot: QtBot, work: Work) -> None:
    seen: list[int] = []
    at_beats: set[int] = set()
    beat = QTimer(interval=5)
    beat.timeout.connect(lambda: at_beats.add(len(seen)))

    def flood() -> None:
        for n in range(10_000):
            work.hand(lambda n=n: (time.sleep(0.00002), seen.append(n)))  # type: ignore[misc]

    beat.start()
    thread = threading.Thread(target=flood)
    thread.start()
    thread.join()
    qtbot.waitUntil(lambda: len(seen) == 10_000, timeout=60_000)
    beat.stop()
    assert seen == list(range(10_000))
    # All lies there when the window begins: worked off in one piece it would have beaten before and after alone.
    assert len(at_beats - {0, 10_000}) >= 3


def test_batches_are_at_least_fifty_ms_apart_and_urgent_ones_do_not_wait(qtbot: QtBot, work: Work) -> None:
    begun: list[int] = []

    def next_one() -> None:
        begun.append(work._since_batch.msecsSinceReference())
        if len(begun) < 5:
            QTimer.singleShot(0, lambda: work.hand(next_one))  # there at once, and yet not run at once

    work.hand(next_one)
    qtbot.waitUntil(lambda: len(begun) == 5)
    assert all(late - soon >= BATCH_MS - 2 for soon, late in pairwise(begun)), begun  # timers count whole ms

    order: list[str] = []

    async def call() -> None:
        work.urgent(lambda: order.append("urgent"))

    work.run(call, lambda _: order.append("done"))
    qtbot.waitUntil(lambda: order == ["urgent", "done"])


def test_the_background_stands_still_until_what_is_urgent_was_run(qtbot: QtBot, work: Work) -> None:
    """Not for ever: a window that is too busy for it is waited for no longer than it is said."""
    order: list[str] = []
    stood: list[float] = []

    async def call() -> None:
        work.urgent(lambda: order.append("red"))
        began = time.monotonic()
        work.let_pass()
        stood.append(time.monotonic() - began)
        order.append("paperwork")

    work.run(call)
    qtbot.waitUntil(lambda: len(order) == 2)
    assert order == ["red", "paperwork"] or stood[0] >= URGENT_WITHIN_S * 0.9


def test_what_is_urgent_runs_between_two_parts_of_something_long(qtbot: QtBot, work: Work) -> None:
    order: list[str] = []
    work.urgent(lambda: order.append("red"))
    work.let_pass()  # here nobody else could run it: it does not wait
    order.append("one part")
    work.run_urgent()
    order.append("the other")
    qtbot.wait(20)
    assert order == ["one part", "red", "the other"], "and not once more at the next turn"


def test_topics_are_merged_to_at_most_ten_refreshes_a_second(qtbot: QtBot, work: Work) -> None:
    told: list[frozenset[str]] = []
    work.changed.connect(told.append)

    async def call() -> None:
        for n in range(300):
            work.announce({f"order:{n % 7}", "queue"})
            if n % 10 == 0:
                await asyncio.sleep(0.01)

    clock = QElapsedTimer()
    clock.start()
    work.run(call)
    qtbot.waitUntil(lambda: frozenset().union(*told) >= {"queue", *(f"order:{n}" for n in range(7))})
    qtbot.wait(150)
    assert 1 <= len(told) <= clock.elapsed() / 100 + 1


def test_what_nobody_waits_for_is_told_twice_a_second_and_with_whatever_somebody_waits_for(
    qtbot: QtBot, work: Work
) -> None:
    told: list[tuple[int, frozenset[str]]] = []
    clock = QElapsedTimer()
    work.changed.connect(lambda topics: told.append((clock.elapsed(), topics)))
    clock.start()
    work.announce({"order"}, at_leisure=True)
    qtbot.waitUntil(lambda: len(told) == 1)
    work.announce({"history"}, at_leisure=True)
    qtbot.waitUntil(lambda: len(told) == 2)
    assert told[1][0] - told[0][0] >= LEISURE_MS * 0.9
    work.announce({"order"}, at_leisure=True)
    work.announce({"desk"})
    work.announce({"track"}, at_leisure=True)
    qtbot.waitUntil(lambda: len(told) == 3)
    assert [topics for _, topics in told] == [{"order"}, {"history"}, {"order", "desk", "track"}]


def test_an_engine_is_stepped_when_it_asked_to_be_and_when_woken(qtbot: QtBot, work: Work) -> None:
    often, rarely = Counting(timedelta(milliseconds=10)), Counting(3600.0)
    work.loop(often, "often")
    handle = work.loop(rarely, "rarely")
    qtbot.waitUntil(lambda: often.steps >= 5 and rarely.steps == 1)
    handle.wake()
    qtbot.waitUntil(lambda: rarely.steps == 2)


def test_a_failing_engine_is_reported_once_stepped_again_and_its_recovery_is_known(
    qtbot: QtBot, work: Work, crashes: list[CrashReport]
) -> None:
    engine = Counting()
    engine.fault = RuntimeError("broken")
    handle = work.loop(engine, "pull")
    for n in (1, 2, 3):
        qtbot.waitUntil(lambda n=n: engine.steps >= n)  # type: ignore[misc]
        handle.wake()
    qtbot.waitUntil(lambda: len(crashes) == 1)
    assert crashes[0].where == "pull" and handle.failing is not None
    engine.fault = None
    handle.wake()
    qtbot.waitUntil(lambda: handle.failing is None)
    assert len(crashes) == 1


def test_stopping_one_engine_leaves_the_others(qtbot: QtBot, work: Work) -> None:
    one, other = Counting(0.01), Counting(0.01)
    handle = work.loop(one, "one")
    work.loop(other, "other")
    qtbot.waitUntil(lambda: one.steps > 1 and other.steps > 1)
    handle.stop()
    qtbot.waitUntil(lambda: handle._task is not None and handle._task.done())
    steps, others = one.steps, other.steps
    qtbot.waitUntil(lambda: other.steps > others + 3)
    assert one.steps == steps


def test_an_engine_that_is_woken_and_stopped_in_one_moment_ends(qtbot: QtBot, work: Work) -> None:
    """Before Python 3.12 a wait that has just come to its end swallows a cancellation."""
    engine = Counting()
    handle = work.loop(engine, "pull")
    qtbot.waitUntil(lambda: engine.steps == 1)

    async def both() -> None:
        handle.wake()
        handle.stop()

    work.run(both)
    qtbot.waitUntil(lambda: handle._task is not None and handle._task.done())
    assert engine.steps == 1


def test_stop_cancels_what_is_under_way_and_joins(qtbot: QtBot, crashes: list[CrashReport]) -> None:
    work = Work(SystemClock(), crashes.append)
    ended: list[str] = []
    begun = threading.Event()

    async def call() -> None:
        begun.set()
        try:
            await asyncio.sleep(3600)
        finally:
            ended.append("cancelled")

    work.run(call, lambda _: ended.append("done"))
    assert begun.wait(20)
    assert work.stop(PATIENCE_S)
    qtbot.wait(20)
    assert ended == ["cancelled"] and not crashes
    work.run(call)
    work.hand(lambda: ended.append("late"))
    work.urgent(lambda: ended.append("late"))
    qtbot.wait(20)
    assert ended == ["cancelled"]
