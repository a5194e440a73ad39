"""A group's way into the database: read, judge, take numbers, write, commit, and what happens when that fails.

Nothing here knows who asks or waits; :mod:`hub.orders.writer` does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Protocol

import structlog
from sqlalchemy import Connection, Engine, select
from sqlalchemy.exc import SQLAlchemyError

from app.ports import Clock, NewId
from hub.db import tables as t
from hub.db.engine import WRITE, WRITER_CACHE_KB
from hub.db.postgresql import each_by_itself, look_up_by_keys, session_of
from hub.db.wal import INLINE_PAGES, WalKeeper
from hub.orders import clock as clocked
from hub.orders.ahead import AWAY, Ahead, Judged
from hub.orders.faults import Trouble, trouble_of
from hub.orders.flush import Flush
from hub.orders.held import Needs, Numbers
from hub.orders.jobs import Answer, Failed, Job
from hub.orders.results import Committed, HubBusy, Sealer
from hub.orders.settings import LineSettings
from hub.orders.statements import Statements
from hub.orders.work import Work

log = structlog.get_logger(__name__)

#: Answers of a group, as many as were judged, and what was committed.
Answered = tuple[list[Any], Committed | None]

#: Runs of a group that keeps meeting keys of another process before its jobs run one by one.
_KEYS_MET = 3


class Line(Protocol):
    """Who waits behind the group that is being written."""

    def is_hurried(self) -> bool:
        """Whether somebody in a hurry waits."""

    def is_calm(self) -> bool:
        """Whether nobody in a hurry is served just now."""

    def following(self) -> list[Job[Any]]:
        """The jobs of the next group, to be judged ahead; none where nothing may be."""


class Transactions:
    """Writes groups, one after the other, on one connection. All calls come from one thread."""

    def __init__(
        self,
        engine: Engine,
        clock: Clock,
        new_id: NewId,
        vault: Sealer,
        settings: LineSettings,
        line: Line,
        waits: Sequence[float],
        pause: Callable[[float], object],
        *,
        threaded: bool = True,
    ) -> None:
        """``waits``: seconds between tries while the database says "not now"; ``pause`` waits so long.

        ``threaded``: some of the work may be done beside the calls.
        """
        self._engine = engine
        self._clock = clock
        self._new_id = new_id
        self._vault = vault
        self._settings = settings
        self._line = line
        self._waits = tuple(waits)
        self._pause = pause
        self._sql = Statements(engine.dialect.name)
        self._ahead = Ahead(line.is_calm)
        self._conn: Connection | None = None
        self._wal = WalKeeper(engine) if threaded and engine.dialect.name == "sqlite" else None
        #: The number that PostgreSQL gives the connection it commits on; 0 elsewhere.
        self.session = 0
        #: The last number committed that this process knows of.
        self.head = 0
        #: When something falls due: never too late, perhaps early.
        self.next_due: datetime | None = None

    def begin(self) -> None:
        """Learn where the database stands."""
        self.next_due = self._clock.now()
        with self._engine.connect() as conn:
            self.head = conn.execute(select(t.feed_head.c.seq)).scalar_one()

    @property
    def ahead(self) -> int:
        """Jobs of the group judged ahead; 0 without one."""
        return self._ahead.size

    def stop(self) -> None:
        self._ahead.stop()
        if self._wal is not None:
            self._wal.stop()
        self.let_go()

    def answers(self, jobs: Sequence[Job[Any]]) -> Answered:
        """Answers to the first jobs, or to all. Raises :class:`HubBusy`, and what the caller's own job raises."""
        return self._patiently(lambda: self._transaction(jobs))

    def blamed(self, job: Job[Any], error: Exception) -> tuple[list[Any], Committed | None]:
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
                self.let_go()
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
                self._pause(wait)

    def _transaction(
        self, jobs: Sequence[Job[Any]], blamed: tuple[Job[Any], Exception] | None = None
    ) -> tuple[list[Any], Committed | None]:
        """Read, judge, take numbers, write, commit; the answers come after."""
        conn, known = self._connection(), None
        if blamed is None and self._sql.has_others and jobs and all(job.is_brief for job in jobs):
            known = self._known(conn, jobs)
            if not known.natural:
                if (answered := self._at_once(conn, known, jobs)) is not None:
                    return answered
                known = None  # it was judged: anew, then, in a transaction
        with conn.begin():
            work, pending = self._group_judged(conn, jobs, known)
            if blamed is not None:
                pending.append(_tried(work, lambda: blamed[0].fault(work, blamed[1])))
            # from here on the group's rows and counters stand still: the next may count on from them
            if jobs and jobs[0].may_go_ahead and len(pending) == len(jobs):
                self._look_ahead(work)
            is_numbered = blamed is not None or any(job.is_numbered for job in jobs)
            numbers, committed = Flush(work, None if is_numbered else self.head).run()
        if self._wal is not None:
            self._wal.committed(len(pending))
        self.head = max(self.head, numbers.head)
        self._learn_due(work, jobs, pending, numbers)
        return [answer(numbers) for answer in pending], committed

    def _known(self, conn: Connection, jobs: Sequence[Job[Any]]) -> Work:
        """What the database knows of what brief jobs are about."""
        work = self._work(conn)
        with each_by_itself(conn):
            work.know(_needs(jobs))
        return work

    def _at_once(self, conn: Connection, work: Work, jobs: Sequence[Job[Any]]) -> Answered | None:
        """Judge brief jobs about what nobody has, and write what they leave; None where it needs a transaction.

        One statement has read, one writes, and each is a transaction of its own: nothing holds them together, and
        nothing has to. Of two statements in one transaction the second sees what others committed in between just
        the same; and where another process was quicker to write the same event, its key is met as ever.
        """
        with each_by_itself(conn):
            pending = self._all_judged(work, jobs)
            numbers, said = Flush(work, self.head).as_one()
            if said is None:
                return None
            conn.exec_driver_sql(*said)
        return [answer(numbers) for answer in pending], None

    def _work(self, conn: Connection) -> Work:
        return Work(conn, self._now(), self._settings, self._vault, self._new_id, self._sql)

    def _group_judged(self, conn: Connection, jobs: Sequence[Job[Any]], known: Work | None = None) -> Judged:
        """``known``: where its reading has begun already."""
        needs = _needs(jobs)
        ahead = self._ahead.take(jobs)
        if ahead is not None and ahead[0].still_holds(conn, needs.natural):
            return ahead
        work = known or self._work(conn)
        work.load(needs)
        return work, self._all_judged(work, jobs)

    def _all_judged(self, work: Work, jobs: Sequence[Job[Any]]) -> list[Answer[Any]]:
        """Answers of all jobs, or of the first."""
        judged = self._judged_apart if len(jobs) > 1 and jobs[0].is_alone else self._judged
        answers: list[Answer[Any]] = []
        for job in jobs:
            if answers and self._line.is_hurried():
                break  # what is judged is written now, the rest comes again
            answers.append(judged(work, job))
        return answers

    def _look_ahead(self, work: Work) -> None:
        """Have the page that waits behind this one judged while this one is written and committed."""
        if self.ahead:
            return
        jobs = self._line.following()
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
            self.next_due = pending[0](numbers)
            return
        moments = [*work.dues(), *([self.next_due] if self.next_due else [])]
        self.next_due = min(moments, default=None)

    def _now(self) -> datetime:
        """Whole milliseconds: what is stored and what is answered are then the same moment."""
        now = self._clock.now()
        return now.replace(microsecond=now.microsecond // 1000 * 1000)

    def _connection(self) -> Connection:
        if self._conn is None:
            self._conn = self._engine.connect().execution_options(**WRITE)
            if self._sql.has_others:
                self._conn.detach()  # its habits are not for readers of the pool
                look_up_by_keys(self._conn)
            if self._wal is not None:
                for pragma in (f"wal_autocheckpoint = {INLINE_PAGES}", f"cache_size = -{WRITER_CACHE_KB}"):
                    self._conn.connection.cursor().execute(f"PRAGMA {pragma}")
            self.session = session_of(self._conn)
        return self._conn

    def let_go(self) -> None:
        if self._conn is not None:
            self._conn.close()
            self._conn = None


def _needs(jobs: Sequence[Job[Any]]) -> Needs:
    needs = Needs()
    for job in jobs:
        job.needs(needs)
    return needs


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


def _cause(error: SQLAlchemyError) -> str:
    return str(getattr(error, "orig", None) or error)
