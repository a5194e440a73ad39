"""The one writer: a queue, groups of whatever waits, one commit a group, answers after it (design 3.2, 3.3)."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, TypeVar

import structlog
from sqlalchemy import Connection, Engine, select
from sqlalchemy.exc import SQLAlchemyError

from app.core.acts import Actor
from app.core.channel import ChannelOrder
from app.core.order import Item, Order
from app.core.reasons import Reason
from app.core.tracking import TrackNode
from app.core.waybills import PoolNumber
from app.ports import Clock, NewId
from app.wire import AlarmView, Beat, Envelope, LeaseAnswer, LeaseAsk, Receipt, Restored
from hub.db import tables as t
from hub.db.engine import WRITE
from hub.db.postgresql import session_of
from hub.orders import clock as clocked
from hub.orders import leases as leased
from hub.orders.acts import ActJob
from hub.orders.ahead import AWAY, Ahead, Judged
from hub.orders.beats import BeatJob
from hub.orders.coming import Come, Coming
from hub.orders.desk import AckJob, RunJob, Tx
from hub.orders.faults import Trouble, trouble_of
from hub.orders.flush import Flush
from hub.orders.held import Needs, Numbers
from hub.orders.hurry import Hurry
from hub.orders.intake import IntakeJob
from hub.orders.items import ItemJob, PoolJob
from hub.orders.jobs import Answer, Failed, Job
from hub.orders.lanes import Asked, Lane, Lanes, Waiting, lane_of
from hub.orders.messages import MessageJob
from hub.orders.restored import AnnounceJob, BroughtJob, GoJob
from hub.orders.results import Committed, HubBusy, Outcome, Sealer, Taken, Tracked
from hub.orders.said import SayJob
from hub.orders.settings import LineSettings
from hub.orders.statements import Statements
from hub.orders.told import Detail, Heard, HintAnswer, HintJob, TellJob
from hub.orders.tracks import TrackJob
from hub.orders.work import Work

T = TypeVar("T")

log = structlog.get_logger(__name__)

#: Jobs that may wait; more are told to come back.
_WAITING = 50_000
#: Seconds between tries while the database says "not now".
WAITS = (0.05, 0.1, 0.2, 0.4, 0.8, 1.5)
#: Runs of a group that keeps meeting keys of another process before its jobs run one by one.
_KEYS_MET = 3
_SWEEP_EVERY = timedelta(hours=1)


class Writer:
    """All doors that write. Made and started in the event loop; groups run in a thread of their own."""

    def __init__(
        self,
        engine: Engine,
        clock: Clock,
        new_id: NewId,
        vault: Sealer,
        settings: LineSettings,
        *,
        threaded: bool = True,
        waits: Sequence[float] = WAITS,
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._new_id = new_id
        self._vault = vault
        self._settings = settings
        self._threaded = threaded
        self._waits = tuple(waits)
        self._sql = Statements(engine.dialect.name)
        self._lanes = Lanes()
        #: Readers ask it whether to give way.
        self.hurry = Hurry(clock)
        self._wake = threading.Condition()
        self._stopping = threading.Event()
        self._is_open = False
        self._coming = Coming(clock, self._hand_over)
        self._thread: threading.Thread | None = None
        self._ahead = Ahead()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._conn: Connection | None = None
        self._session = 0
        self._listeners: list[Callable[[Committed], None]] = []
        self._head = 0
        self._next_due: datetime | None = None
        self._heard_at: datetime | None = None
        self._swept_at: datetime | None = None

    # --------------------------------------------------------------------------------------- life

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Open the doors. ``loop`` is where doors are awaited and listeners run."""
        self._loop = loop
        self._next_due = self._clock.now()
        with self._engine.connect() as conn:
            self._head = conn.execute(select(t.feed_head.c.seq)).scalar_one()
        self._is_open = True
        if self._threaded:
            self._thread = threading.Thread(target=self._live_on, name="writer", daemon=True)
            self._thread.start()

    async def stop(self) -> None:
        """Close the doors, finish what waits, let the database go."""
        self._is_open = False
        self._coming.hand_over()
        with self._wake:
            self._stopping.set()
            self._wake.notify()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join)
            await asyncio.sleep(0)  # the last answers are on their way into the loop
        else:
            self._drain()
            self._let_go()

    def subscribe(self, listener: Callable[[Committed], None]) -> Callable[[], None]:
        """Hear of every commit that changed something, in the event loop. Gives the way out."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def heard(self, committed: Committed) -> None:
        """Another process committed this: whoever hears of commits hears of it. In the event loop."""
        self._head = max(self._head, committed.seq_to)
        self._heard_at = self._clock.now()
        self._announce(committed)

    @property
    def head(self) -> int:
        """The last number committed that this process knows of."""
        return self._head

    @property
    def session(self) -> int:
        """The number that PostgreSQL gives the connection it commits on; 0 elsewhere."""
        return self._session

    @property
    def next_due(self) -> datetime | None:
        """When :meth:`tick` has something to do: never too late, perhaps early."""
        return self._heard_at or self._next_due

    # -------------------------------------------------------------------------------------- doors

    async def acts(self, envelopes: Sequence[Envelope], by: Actor) -> list[Receipt]:
        answers = await self._ask([ActJob(envelope, by) for envelope in envelopes])
        return [
            self._faulty(envelope) if isinstance(answer, Failed) else answer
            for envelope, answer in zip(envelopes, answers, strict=True)
        ]

    async def intake(self, orders: Sequence[ChannelOrder], by: Actor, *, bulk: bool = False) -> list[Taken]:
        answers = await self._ask(IntakeJob.all(orders, by), bulk)
        return [Taken("", "failed", self._head) if isinstance(a, Failed) else a for a in answers]

    async def hints(self, shop_id: str, heard: Sequence[Heard]) -> list[HintAnswer]:
        """A platform's hints: each event once, its stop and the wish to fetch in one commit."""
        return await self._ask_whole(HintJob.all(shop_id, heard))

    async def told(
        self, details: Sequence[Detail], cause: str = "fetch", *, bulk: bool = False
    ) -> list[Taken]:
        """Fetched details, one answer each in their order; they alone lift what hints have stopped."""
        answers = await self._ask([TellJob(detail, cause) for detail in details], bulk)
        return [Taken("", "failed", self._head) if isinstance(a, Failed) else a for a in answers]

    async def say(self, said: SayJob) -> None:
        """An alarm about a source of orders, or its end."""
        await self._ask_whole([said])

    async def message(self, job: MessageJob) -> Order | None:
        """A message to the buyer moves on; None where it already has."""
        return (await self._ask_whole([job]))[0]

    async def leases(self, ask: LeaseAsk, by: Actor) -> list[LeaseAnswer]:
        if by.station_id is None:
            raise ValueError("a lease belongs to a station")
        if len(ask.parcel_nos) > leased.MOST:
            raise ValueError(f"at most {leased.MOST} parcels in one request")
        jobs = [leased.LeaseJob(no, ask.step, ask.give_back, by) for no in ask.parcel_nos]
        return await self._ask_whole(jobs)

    async def label(self, parcel_no: str, by: Actor) -> LeaseAnswer:
        return (await self._ask_whole([leased.LabelJob(parcel_no, by)]))[0]

    async def items(self, items: Sequence[Item]) -> list[Outcome]:
        answers = await self._ask([ItemJob(item) for item in items], bulk=True)
        return _or_failed(answers)

    async def waybills(self, numbers: Sequence[PoolNumber]) -> list[Outcome]:
        answers = await self._ask([PoolJob(number) for number in numbers], bulk=True)
        return _or_failed(answers)

    async def track(
        self,
        parcel_no: str,
        nodes: Sequence[TrackNode],
        carrier: str,
        source: str,
        strange: Sequence[str] = (),
    ) -> Tracked:
        return (await self._ask_whole([TrackJob(parcel_no, nodes, carrier, source, strange)]))[0]

    async def beat(self, station_id: str, beat: Beat) -> bool:
        return (await self._ask_whole([BeatJob(station_id, beat)]))[0]

    async def alarm_ack(self, alarm_id: str, by: Actor) -> AlarmView | None:
        return (await self._ask_whole([AckJob(alarm_id, by)]))[0]

    async def restored(self, job: AnnounceJob | GoJob | BroughtJob) -> Restored | None:
        """A step of a restored hub; None where it never was restored."""
        answers: list[Restored | None] = await self._ask_whole([job])
        return answers[0]

    async def run(self, fn: Callable[[Tx], T]) -> T:
        return (await self._ask_whole([RunJob(fn)]))[0]

    async def tick(self, now: datetime) -> datetime | None:
        self._heard_at = None
        # each due order gets a later moment, none, or (a fault) an hour's delay: this comes to an end
        while due := (await self._ask_whole([clocked.DueListJob(now)]))[0]:
            await self._ask_whole([clocked.DueJob(order_no, now) for order_no in due])
        if self._swept_at is None or now - self._swept_at >= _SWEEP_EVERY:
            self._swept_at = now
            await self._ask_whole([clocked.SweepJob()])
        await self._ask_whole([clocked.NextDueJob()])
        return self._next_due

    # ------------------------------------------------------------------------------------- asking

    async def _ask(self, jobs: Sequence[Job[T]], bulk: bool = False) -> list[T | Failed]:
        """Queue the jobs and wait for all answers. Raises :class:`HubBusy` when one got none."""
        if not jobs:
            return []
        asked, lane = self._queued(jobs, bulk)
        if lane is Lane.URGENT:
            with self.hurry.under_way():
                answers = await asked.done
        else:
            answers = await asked.done
        for answer in answers:
            if isinstance(answer, Failed) and isinstance(answer.error, HubBusy):
                raise answer.error
        return answers

    def _queued(self, jobs: Sequence[Job[Any]], bulk: bool) -> tuple[Asked, Lane]:
        """Have the jobs handed to the writer, whatever else is asked meanwhile along with them."""
        if not self._is_open:
            raise HubBusy("stopped")
        if len(self._lanes) + len(self._coming) + len(jobs) > _WAITING:
            raise HubBusy("queue_full")
        loop = asyncio.get_running_loop()
        asked, lane = Asked(jobs, loop.create_future()), lane_of(jobs, is_bulk=bulk)
        self._coming.put(lane, [Waiting(job, asked, place) for place, job in enumerate(jobs)], loop)
        return asked, lane

    def _hand_over(self, come: list[Come]) -> None:
        with self._wake:
            for lane, waiting in come:
                self._lanes.put(lane, waiting)
            self._wake.notify()
        if not self._threaded and self._loop is not None:
            self._loop.call_soon(self._drain)

    async def _ask_whole(self, jobs: Sequence[Job[T]]) -> list[T]:
        """All answers, or the first fault raised."""
        answers = await self._ask(jobs)
        return _whole(answers)

    def _faulty(self, envelope: Envelope) -> Receipt:
        """The answer to an act that not even a receipt could be kept for."""
        return Receipt(act_id=envelope.act_id, outcome="refused", reason=Reason.our_fault, seq=self._head)

    # ------------------------------------------------------------------------------------- groups

    def _live_on(self) -> None:
        """The thread: groups until stopped and nothing waits."""
        while True:
            with self._wake:
                while not self._lanes:
                    if self._stopping.is_set():
                        self._ahead.stop()
                        self._let_go()
                        return
                    self._wake.wait()
            with _no_collecting():
                self._run(self._next_group())

    def _drain(self) -> None:
        while self._lanes:
            with _no_collecting():
                self._run(self._next_group())

    def _next_group(self) -> list[Waiting]:
        with self._wake:
            return self._lanes.take(self._ahead.size)

    def _run(self, group: list[Waiting]) -> None:
        """Judge a group, or as much of it as there is time for, and see that everybody gets an answer."""
        jobs = [waiting.job for waiting in group]
        try:
            answers, committed = self._answers(jobs)
        except Exception as error:  # noqa: BLE001 - one bad job must not take its group along
            if len(group) == 1 and jobs[0].is_callers:
                self._deliver(group, [Failed(error)], None)
                return
            log.warning("group_failed", jobs=len(jobs), error=type(error).__name__)
            self._run_apart(group)
        else:
            done = len(answers)
            with self._wake:
                self._lanes.put_back(group[done:])
            self._deliver(group[:done], answers, committed)

    def _run_apart(self, group: Sequence[Waiting]) -> None:
        """Each job of a group that failed by itself, until the surroundings say "not now" to one: that is for all."""
        for place, waiting in enumerate(group):
            answers, committed = self._alone(waiting.job)
            self._deliver([waiting], answers, committed)
            if _is_busy(answers):
                rest = group[place + 1 :]
                self._deliver(rest, answers * len(rest), None)
                return

    def _alone(self, job: Job[Any]) -> tuple[list[Any], Committed | None]:
        """One job of a group that failed, in a transaction of its own; it is to blame if it fails again."""
        try:
            return self._answers([job])
        except Exception as error:  # noqa: BLE001 - see above
            return ([Failed(error)], None) if job.is_callers else self._blamed(job, error)

    def _answers(self, jobs: Sequence[Job[Any]]) -> tuple[list[Any], Committed | None]:
        try:
            return self._patiently(lambda: self._transaction(jobs))
        except HubBusy as busy:
            self._turn_away(busy)
            return [Failed(busy)] * len(jobs), None

    def _turn_away(self, busy: HubBusy) -> None:
        """Whoever waited behind a group that the database had no room or time for has waited as long: it hears the
        same now, instead of after a patience of its own (an import of many groups would outlast its caller).
        """
        with self._wake:
            waiting = self._lanes.empty()
        if waiting:
            self._deliver(waiting, [Failed(busy)] * len(waiting), None)

    def _blamed(self, job: Job[Any], error: Exception) -> tuple[list[Any], Committed | None]:
        """The job's own answer to its fault, kept in a transaction without its changes."""
        log.error("job_failed", what=job.what, exc_info=error)
        try:
            return self._patiently(lambda: self._transaction([], blamed=(job, error)))
        except Exception as last:  # noqa: BLE001 - the caller hears of it
            return [Failed(last)], None

    def _patiently(
        self, transaction: Callable[[], tuple[list[Any], Committed | None]]
    ) -> tuple[list[Any], Committed | None]:
        """Try again while the surroundings say "not now"; raises :class:`HubBusy` when they keep saying it."""
        waits, keys_met = iter(self._waits), 0
        while True:
            try:
                return transaction()
            except SQLAlchemyError as error:
                self._let_go()
                self._ahead.forget()  # it goes on from what is not written
                kind = trouble_of(error)
                if kind is Trouble.key_met:
                    keys_met += 1
                    if keys_met < _KEYS_MET:
                        continue
                if kind is not Trouble.surroundings:
                    raise
                wait = next(waits, None)
                if wait is None:
                    log.warning("database_says_no", cause=_cause(error))
                    raise HubBusy(_cause(error)) from error
                self._stopping.wait(wait)

    def _transaction(
        self, jobs: Sequence[Job[Any]], blamed: tuple[Job[Any], Exception] | None = None
    ) -> tuple[list[Any], Committed | None]:
        """Read, judge, take numbers, write, commit; the answers come after."""
        conn = self._connection()
        with conn.begin():
            work, pending = self._group_judged(conn, jobs)
            if blamed is not None:
                pending.append(_tried(work, lambda: blamed[0].fault(work, blamed[1])))
            # from here on the group's rows and counters stand still: the next may count on from them
            if jobs and jobs[0].may_go_ahead and len(pending) == len(jobs):
                self._look_ahead(work)
            numbers, committed = Flush(work).run()
        self._head = max(self._head, numbers.head)
        self._learn_due(work, jobs, pending, numbers)
        return [answer(numbers) for answer in pending], committed

    def _group_judged(self, conn: Connection, jobs: Sequence[Job[Any]]) -> Judged:
        needs = Needs()
        for job in jobs:
            job.needs(needs)
        ahead = self._ahead.take(jobs)
        if ahead is not None and ahead[0].still_holds(conn, needs.natural):
            return ahead
        work = Work(conn, self._now(), self._settings, self._vault, self._new_id, self._sql)
        work.load(needs)
        judged = self._judged_apart if len(jobs) > 1 and jobs[0].is_alone else self._judged
        answers: list[Answer[Any]] = []
        for job in jobs:
            if answers and self._lanes.is_hurried():
                break  # what is judged is written now, the rest comes again
            answers.append(judged(work, job))
        return work, answers

    def _look_ahead(self, work: Work) -> None:
        """Have the page that waits behind this one judged while this one is written and committed."""
        with self._wake:
            if not self._threaded or self._ahead.size:
                return
            jobs = self._lanes.following()
        if jobs and all(job.may_go_ahead for job in jobs):
            self._ahead.begin(jobs, work.following(AWAY, self._now()))

    def _judged(self, work: Work, job: Job[Any]) -> Answer[Any]:
        """The job's answer; a fault of ours takes back what it did and asks it for its answer to that."""
        try:
            return _tried(work, lambda: job.run(work))
        except SQLAlchemyError:
            raise  # the transaction itself is spoilt
        except Exception as error:
            if job.is_callers:
                raise
            log.error("job_failed", what=job.what, exc_info=error)
            return self._judged_fault(work, job, error)

    def _judged_apart(self, work: Work, job: Job[Any]) -> Answer[Any]:
        """The answer of a job that shares its transaction with others of its kind: what it raises undoes it alone."""
        savepoint = work.conn.begin_nested()
        try:
            answer = _tried(work, lambda: job.run(work))
        except SQLAlchemyError:
            raise  # perhaps the transaction itself is spoilt: each by itself, then
        except Exception as error:  # noqa: BLE001 - the caller hears of it
            savepoint.rollback()
            failed = Failed(error)
            return lambda numbers: failed
        savepoint.commit()
        return answer

    def _judged_fault(self, work: Work, job: Job[Any], error: Exception) -> Answer[Any]:
        try:
            return _tried(work, lambda: job.fault(work, error))
        except SQLAlchemyError:
            raise
        except Exception as last:  # noqa: BLE001 - the caller hears of it
            failed = Failed(last)
            return lambda numbers: failed

    def _learn_due(
        self, work: Work, jobs: Sequence[Job[Any]], pending: list[Answer[Any]], numbers: Numbers
    ) -> None:
        if len(jobs) == 1 and isinstance(jobs[0], clocked.NextDueJob):
            self._next_due = pending[0](numbers)
            return
        moments = [*work.dues(), *([self._next_due] if self._next_due else [])]
        self._next_due = min(moments, default=None)

    def _now(self) -> datetime:
        """Whole milliseconds: what is stored and what is answered are then the same moment."""
        now = self._clock.now()
        return now.replace(microsecond=now.microsecond // 1000 * 1000)

    def _connection(self) -> Connection:
        if self._conn is None:
            self._conn = self._engine.connect().execution_options(**WRITE)
            self._session = session_of(self._conn)
        return self._conn

    def _let_go(self) -> None:
        if self._conn is not None:
            self._conn.close()
            self._conn = None

    # ------------------------------------------------------------------------------------ answers

    def _deliver(self, group: Sequence[Waiting], answers: Sequence[Any], committed: Committed | None) -> None:
        if self._threaded and self._loop is not None:
            try:
                self._loop.call_soon_threadsafe(self._tell, group, answers, committed)
            except RuntimeError:
                log.warning("loop_closed", answers=len(answers))
        else:
            self._tell(group, answers, committed)

    def _tell(self, group: Sequence[Waiting], answers: Sequence[Any], committed: Committed | None) -> None:
        """In the event loop: listeners first (a stop is in a hurry), then those who asked."""
        if committed is not None:
            self._announce(committed)
        for waiting, answer in zip(group, answers, strict=True):
            waiting.asked.answer(waiting.place, answer)

    def _announce(self, committed: Committed) -> None:
        for listener in list(self._listeners):
            try:
                listener(committed)
            except Exception:
                log.exception("listener_failed")


@contextmanager
def _no_collecting() -> Iterator[None]:
    """The cycle collector waits until a group is written: it would walk the group's rows again and again
    (measured: 2 % of an import), and nothing of them can go before the commit.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _tried(work: Work, judge: Callable[[], Answer[Any]]) -> Answer[Any]:
    """Run inside the journal: raising takes everything back."""
    work.begin_job()
    try:
        answer = judge()
        work.end_job()
    except BaseException:
        work.undo_job()
        raise
    return answer


def _is_busy(answers: Sequence[Any]) -> bool:
    return any(isinstance(answer, Failed) and isinstance(answer.error, HubBusy) for answer in answers)


def _whole(answers: Iterable[T | Failed]) -> list[T]:
    """The answers, or the first fault raised."""
    whole: list[T] = []
    for answer in answers:
        if isinstance(answer, Failed):
            raise answer.error
        whole.append(answer)
    return whole


def _or_failed(answers: Iterable[Outcome | Failed]) -> list[Outcome]:
    return ["failed" if isinstance(answer, Failed) else answer for answer in answers]


def _cause(error: SQLAlchemyError) -> str:
    return str(getattr(error, "orig", None) or error)
