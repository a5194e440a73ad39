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
from sqlalchemy import Engine

from app.core.acts import Actor
from app.core.channel import ChannelOrder
from app.core.order import Item, Order
from app.core.reasons import Reason
from app.core.tracking import TrackNode
from app.core.waybills import PoolNumber
from app.ports import Clock, NewId
from app.wire import AlarmView, Beat, Envelope, LeaseAnswer, LeaseAsk, Receipt, Restored
from hub.orders import clock as clocked
from hub.orders import leases as leased
from hub.orders.acts import ActJob
from hub.orders.beats import BeatJob
from hub.orders.coming import Come, Coming
from hub.orders.desk import AckJob, NotedJob, RunJob, Tx
from hub.orders.hurry import Hurry
from hub.orders.intake import IntakeJob
from hub.orders.items import ItemJob, PoolJob
from hub.orders.jobs import Failed, Job
from hub.orders.lanes import Asked, Lane, Lanes, Waiting, lane_of
from hub.orders.messages import MessageJob
from hub.orders.restored import AnnounceJob, BroughtJob, GoJob
from hub.orders.results import Committed, HubBusy, Outcome, Sealer, Taken, Tracked
from hub.orders.revoked import RevokedJob
from hub.orders.said import SayJob
from hub.orders.settings import LineSettings
from hub.orders.told import Detail, Heard, HintAnswer, HintJob, TellJob
from hub.orders.tracks import TrackJob
from hub.orders.transactions import Answered, Transactions

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
        self._clock = clock
        self._threaded = threaded
        self._lanes = Lanes()
        #: Readers ask it whether to give way.
        self.hurry = Hurry(clock)
        self._wake = threading.Condition()
        self._stopping = threading.Event()
        self._is_open = False
        self._coming = Coming(clock, self._hand_over)
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._listeners: list[Callable[[Committed], None]] = []
        self._transactions = Transactions(
            engine, clock, new_id, vault, settings, self, waits, self._stopping.wait, threaded=threaded
        )
        self._heard_at: datetime | None = None
        self._swept_at: datetime | None = None

    # --------------------------------------------------------------------------------------- life

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Open the doors. ``loop`` is where doors are awaited and listeners run."""
        self._loop = loop
        self._transactions.begin()
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
            self._transactions.let_go()

    def subscribe(self, listener: Callable[[Committed], None]) -> Callable[[], None]:
        """Hear of every commit that changed something, in the event loop. Gives the way out."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def heard(self, committed: Committed) -> None:
        """Another process committed this: whoever hears of commits hears of it. In the event loop."""
        self._transactions.head = max(self._transactions.head, committed.seq_to)
        self._heard_at = self._clock.now()
        self._announce(committed)

    @property
    def head(self) -> int:
        """The last number committed that this process knows of."""
        return self._transactions.head

    @property
    def session(self) -> int:
        """The number that PostgreSQL gives the connection it commits on; 0 elsewhere."""
        return self._transactions.session

    @property
    def next_due(self) -> datetime | None:
        """When :meth:`tick` has something to do: never too late, perhaps early."""
        return self._heard_at or self._transactions.next_due

    # -------------------------------------------------------------------------------------- doors

    async def acts(self, envelopes: Sequence[Envelope], by: Actor) -> list[Receipt]:
        answers = await self._ask([ActJob(envelope, by) for envelope in envelopes])
        return [
            self._faulty(envelope) if isinstance(answer, Failed) else answer
            for envelope, answer in zip(envelopes, answers, strict=True)
        ]

    async def intake(self, orders: Sequence[ChannelOrder], by: Actor, *, bulk: bool = False) -> list[Taken]:
        answers = await self._ask(IntakeJob.all(orders, by), bulk)
        return [Taken("", "failed", self.head) if isinstance(a, Failed) else a for a in answers]

    async def hints(self, shop_id: str, heard: Sequence[Heard]) -> list[HintAnswer]:
        """A platform's hints: each event once, its stop and the wish to fetch in one commit."""
        return await self._ask_whole(HintJob.all(shop_id, heard))

    async def told(
        self, details: Sequence[Detail], cause: str = "fetch", *, bulk: bool = False
    ) -> list[Taken]:
        """Fetched details, one answer each in their order; they alone lift what hints have stopped."""
        answers = await self._ask([TellJob(detail, cause) for detail in details], bulk)
        return [Taken("", "failed", self.head) if isinstance(a, Failed) else a for a in answers]

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
        jobs = [leased.LeaseJob(no, ask, by) for no in ask.parcel_nos]
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

    async def noted(self, job: NotedJob) -> None:
        """A file came in: in the list of imports, behind what it brought."""
        answers: list[Failed | None] = await self._ask([job], bulk=True)
        _whole(answers)

    async def restored(self, job: AnnounceJob | GoJob | BroughtJob) -> Restored | None:
        """A step of a restored hub; None where it never was restored."""
        answers: list[Restored | None] = await self._ask_whole([job])
        return answers[0]

    async def revoked(self, station_id: str, by: Actor) -> None:
        """What the station held is free; after its token was taken away."""
        await self._ask_whole([RevokedJob(station_id, by)])

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
        return self._transactions.next_due

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
        return Receipt(act_id=envelope.act_id, outcome="refused", reason=Reason.our_fault, seq=self.head)

    # ------------------------------------------------------------------------------------- groups

    def is_hurried(self) -> bool:
        """Whether somebody in a hurry waits behind the group that is being written."""
        return self._lanes.is_hurried()

    def is_calm(self) -> bool:
        """Whether no command is under way, in the writer or on its way out."""
        return self.hurry.is_calm

    def following(self) -> list[Job[Any]]:
        """The jobs that come next, to be judged ahead: where a thread of ours writes meanwhile."""
        with self._wake:
            return self._lanes.following() if self._threaded else []

    def _live_on(self) -> None:
        """The thread: groups until stopped and nothing waits."""
        while True:
            with self._wake:
                while not self._lanes:
                    if self._stopping.is_set():
                        self._transactions.stop()
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
            return self._lanes.take(self._transactions.ahead)

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

    def _alone(self, job: Job[Any]) -> Answered:
        """One job of a group that failed, in a transaction of its own; it is to blame if it fails again."""
        try:
            return self._answers([job])
        except Exception as error:  # noqa: BLE001 - see above
            return ([Failed(error)], None) if job.is_callers else self._transactions.blamed(job, error)

    def _answers(self, jobs: Sequence[Job[Any]]) -> Answered:
        try:
            return self._transactions.answers(jobs)
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
