"""One thread, one clock that jumps, and processes that can be killed at any moment.

:class:`SimLoop` is an asyncio loop whose time stands still while somebody works and jumps to the next thing due.
What a program gives to a thread (``asyncio.to_thread``) runs in the loop a little later, so that everything else
can come in between. A :class:`Process` is a set of tasks and callbacks that stop for ever when it is killed: no
``finally`` runs, as with ``kill -9``.
"""

from __future__ import annotations

import asyncio
import contextvars
import itertools
import random
from asyncio import events
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from typing import Any, TypeVar

T = TypeVar("T")

#: 09:00 in Shanghai.
MORNING = datetime(2026, 11, 21, 1, 0, tzinfo=UTC)


class Killed(BaseException):
    """The process has ended at this very point."""


class Stuck(AssertionError):
    """Nobody waits for anything any more."""


class Process:
    """One program on one machine. ``dice`` are its own, so that what others do does not change its throws."""

    def __init__(self, loop: SimLoop, name: str, dice: random.Random) -> None:
        self.loop, self.name, self.dice = loop, name, dice
        self.is_alive = True
        loop.processes.append(self)
        self._context = contextvars.copy_context()
        self._context.run(_PROCESS.set, self)

    def spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """A task of this process; what it raises fails the run."""
        task = self.loop.create_task(work, context=self._context.copy())
        task.add_done_callback(self.loop.look_at)
        return task

    def run(self, call: Callable[..., T], *args: Any) -> T:
        """Here and now, as this process."""
        return self._context.copy().run(call, *args)

    def kill(self) -> None:
        self.is_alive = False


_PROCESS: ContextVar[Process | None] = ContextVar("process", default=None)
#: Belongs to no process: the wire, the weather, those who watch.
OUTSIDE = Context()


def _guarded(process: Process, call: Callable[..., Any], args: tuple[Any, ...]) -> None:
    if process.is_alive:
        call(*args)


class SimLoop(asyncio.BaseEventLoop):
    """See the module's text. ``failures`` holds what no part of the product may raise."""

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0
        self._soon: deque[events.Handle] = deque()
        #: What waits for its time: when, order of asking, what.
        self._due: list[tuple[float, int, events.TimerHandle]] = []
        self._asked = itertools.count()
        self.processes: list[Process] = []
        self.failures: list[BaseException] = []
        self.tasks: list[asyncio.Task[Any]] = []
        self.set_task_factory(self._kept)
        self.set_exception_handler(self._heard)

    def time(self) -> float:
        return self._now

    def _run_once(self) -> None:
        """asyncio's own turn without what a world of one thread has no use for: nothing to wait for but time."""
        soon, due = self._soon, self._due
        if not soon and not self._stopping:  # type: ignore[attr-defined]
            while due and due[0][2].cancelled():
                heappop(due)
            if not due:
                raise Stuck("nobody waits for anything any more")
            self._now = max(self._now, due[0][0])
        while due and due[0][0] <= self._now:
            soon.append(heappop(due)[2])
        for _ in range(len(soon)):
            handle = soon.popleft()
            if not handle.cancelled():
                handle._run()

    def _write_to_self(self) -> None:
        pass

    def _timer_handle_cancelled(self, handle: events.TimerHandle) -> None:
        """It goes when its time comes."""

    def _kept(
        self, loop: asyncio.AbstractEventLoop, work: Any, context: Context | None = None
    ) -> asyncio.Task[Any]:
        """Tasks of a killed process must not be collected: that would run their ``finally``."""
        task = asyncio.Task(work, loop=loop, context=context)
        self.tasks.append(task)
        return task

    # ------------------------------------------------------------------------------------ processes

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> events.Handle:
        process = _PROCESS.get() if context is None else context.get(_PROCESS)
        if process is not None:
            callback, args = _guarded, (process, callback, args)
        handle = events.Handle(callback, args, self, context)
        self._soon.append(handle)
        return handle

    def call_soon_threadsafe(  # type: ignore[override]
        self, callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> events.Handle:
        return self.call_soon(callback, *args, context=context)

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> events.TimerHandle:
        process = _PROCESS.get() if context is None else context.get(_PROCESS)
        if process is not None:
            callback, args = _guarded, (process, callback, args)
        timer = events.TimerHandle(when, callback, args, self, context)
        heappush(self._due, (when, next(self._asked), timer))
        return timer

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> events.TimerHandle:
        return self.call_at(self._now + delay, callback, *args, context=context)

    def run_in_executor(self, executor: Any, func: Callable[..., T], *args: Any) -> asyncio.Future[T]:  # type: ignore[override]
        """Later, in this thread: a thread pool never runs anything at once."""
        answer: asyncio.Future[T] = self.create_future()
        process = _PROCESS.get()
        wait = process.dice.random() * 0.003 if process else 0.0

        def run() -> None:
            if answer.cancelled():
                return
            try:
                value = func(*args)
            except Killed:
                raise
            except BaseException as error:  # noqa: BLE001 - it belongs to who asked
                if not answer.done():
                    answer.set_exception(error)
            else:
                if not answer.done():
                    answer.set_result(value)

        self.call_later(wait, run)
        return answer

    # ------------------------------------------------------------------------------------- failures

    def look_at(self, task: asyncio.Task[Any]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, Killed):
            self.failures.append(error)

    def _heard(self, loop: asyncio.AbstractEventLoop, said: dict[str, Any]) -> None:
        error = said.get("exception")
        if error is not None and not isinstance(error, Killed):
            self.failures.append(error)

    def end(self) -> None:
        """It is over: whatever is left is cancelled and closed in order, killed processes too.

        Left to the collector, half-run coroutines would be closed at some later moment; that crashes CPython 3.11.
        """
        self.set_exception_handler(lambda _loop, _said: None)
        for process in self.processes:
            process.is_alive = True
        left = [task for task in self.tasks if not task.done()]
        for task in left:
            task.cancel()
        try:
            self.run_until_complete(self._over(left))
        finally:
            for task in left:
                if not task.done():  # it waited for what had come while it was dead
                    task._log_destroy_pending = False  # type: ignore[attr-defined]
                    _closed(task.get_coro())
                elif not task.cancelled():
                    task.exception()
            self.run_until_complete(self.shutdown_asyncgens())
            self.tasks.clear()
            self.close()

    async def _over(self, left: list[asyncio.Task[Any]]) -> None:
        if left:
            await asyncio.wait(left, timeout=5)


def _closed(work: Any) -> None:
    try:
        work.close()
    except BaseException:  # noqa: BLE001 - it is over
        pass


class SimClock:
    """The clock of one machine: ``skew`` is how far it is ahead of the true time."""

    def __init__(self, loop: SimLoop, skew: timedelta = timedelta(0)) -> None:
        self._loop = loop
        self.skew = skew

    def now(self) -> datetime:
        return MORNING + timedelta(microseconds=round(self._loop.time() * 1e6)) + self.skew

    def monotonic(self) -> float:
        return 1000.0 + self._loop.time()


class SimIds:
    """New ids in order of making, never twice in one world. 26 characters."""

    def __init__(self, tag: str) -> None:
        self._tag = tag
        self._count = itertools.count(1)

    def __call__(self) -> str:
        return f"{self._tag:0>8}{next(self._count):018d}"
