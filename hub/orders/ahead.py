"""A page of new orders is judged while the one before it is written and on its way to the disk.

Only what is plain is judged ahead: orders that need no row of the database but the day's counter, which goes on
from where the page before leaves it. Whatever asks for more, or fails, is left to its own transaction. Nothing
is believed either: the transaction that takes the page asks the database whether it still fits, see
:meth:`hub.orders.work.Work.still_holds`, and judges it anew where it does not.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, cast

from sqlalchemy import Connection

from hub.orders.jobs import Answer, Job
from hub.orders.work import Work

#: Seconds between two looks at whether somebody is in a hurry still.
_REST_S = 0.005

#: A group judged: its changes in memory, and an answer for each of its jobs.
Judged = tuple[Work, list[Answer[Any]]]


class NotPlain(Exception):
    """A job asked the database for something."""


class _Away:
    """In the place of a connection: what is judged ahead reads nothing."""

    def exec_driver_sql(self, *_: Any) -> Any:
        raise NotPlain


AWAY = cast(Connection, _Away())


class Ahead:
    """At most one group judged ahead, in a thread of its own. All calls come from the writer's thread."""

    def __init__(self, is_calm: Callable[[], bool] = lambda: True) -> None:
        """``is_calm``: nobody is in a hurry; else the next job waits, until the writer itself waits for the group."""
        self._is_calm = is_calm
        self._wanted = threading.Event()
        self._thread = ThreadPoolExecutor(1, "ahead")
        self._jobs: list[Job[Any]] = []
        self._judged: Future[list[Answer[Any]]] | None = None
        self._work: Work | None = None

    @property
    def size(self) -> int:
        """Jobs of the group judged ahead; 0 without one."""
        return len(self._jobs)

    def begin(self, jobs: Sequence[Job[Any]], work: Work) -> None:
        """Judge the jobs in ``work``, which goes on from the group that is being written now."""
        self._jobs, self._work = list(jobs), work
        self._wanted.clear()
        self._judged = self._thread.submit(_plainly_judged, self._jobs, work, self._rest)

    def take(self, jobs: Sequence[Job[Any]]) -> Judged | None:
        """What was judged for these very jobs, once; None: they are to be judged as always."""
        if not self._jobs or self._jobs != list(jobs) or self._judged is None or self._work is None:
            return None
        work, judged = self._work, self._judged
        self._wanted.set()
        self.forget()
        # what is not plain, or fails, is judged again in its own transaction, which finds out why and says so
        return None if judged.exception() is not None else (work, judged.result())

    def _rest(self) -> None:
        """Between two jobs. The interpreter is one for all, and who waits for us would be waited for by a cancel."""
        while not self._is_calm() and not self._wanted.wait(_REST_S):
            pass

    def forget(self) -> None:
        """What was judged is not wanted, or taken already."""
        self._wanted.set()
        self._jobs, self._judged, self._work = [], None, None

    def stop(self) -> None:
        self._wanted.set()
        self._thread.shutdown()


def _plainly_judged(jobs: list[Job[Any]], work: Work, rest: Callable[[], None]) -> list[Answer[Any]]:
    answers = []
    for job in jobs:
        rest()
        work.begin_job()
        answers.append(job.run(work))
        work.end_job()
    return answers
