"""The one door for work off the window's thread, and the only place that starts threads.

    work = Work(clock, on_crash)
    work.run(lambda: api.search(text), done=self.show_found, failed=self.say_why, owner=self)   # one call
    handle = work.loop(puller, "pull")       # an engine stepped for ever: async step(now) -> when to call
    again handle.wake()                            # now, please
    work.changed.connect(screen.refresh)     # topics that changed, at most ten times a second
    work.stop()                              # cancels, joins

One background thread runs one asyncio loop. What is ready there comes to the window's thread in batches,
at most one batch each 50 ms, so that ten thousand results cannot freeze the scan field; `urgent` ones come
at once and may overtake a batch. All callbacks run in the window's thread.
"""

from __future__ import annotations

import sys
import threading
import traceback
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import shiboken6
from PySide6.QtCore import QElapsedTimer, QObject, Qt, QTimer, Signal

from app.core.values import dataclass
from app.ports import Clock, seconds_until

if TYPE_CHECKING:  # takes a third of the time a window takes to open, and nothing runs here before that
    import asyncio
    from concurrent.futures import ThreadPoolExecutor

T = TypeVar("T")

BATCH_MS = 50
"""Least time between two batches of results."""
REFRESH_MS = 100
"""Least time between two `changed`: ten refreshes a second."""
LEISURE_MS = 500
"""The same for what nobody waits for: each time the screens read their lists and count anew."""
_BUDGET_MS = 8
"""So long may one batch keep the window's thread before it lets keys and paint through."""
TURN_S = 0.001
"""How long a thread of the background may keep the interpreter from the window's. While a picture is painted the window
gives it back and asks for it again at every widget: with Python's own 5 ms each of these steps waited that long."""
URGENT_TURN_S = 0.0002
"""The same while a stop is on its way to the screen."""
URGENT_WITHIN_S = 0.05
"""So long at most the background stands still for it."""
_LEAST_S, _MOST_S = 0.001, 3600.0
_RETRY_S = (1.0, 2.0, 5.0, 15.0, 60.0)


class Engine(Protocol):
    """Something that works in steps. Trouble in its surroundings it deals with itself; what it raises is
    our fault."""

    async def step(self, now: datetime) -> datetime | float:
        """Does what is due and says when to be called again: a moment, or seconds from now."""


@dataclass(frozen=True, slots=True)
class CrashReport:
    """A fault of ours: where it happened, the error, and its traceback as text for the log."""

    where: str
    error: BaseException
    trace: str


class Job:
    """One call under way. `cancel()` from the window's thread: neither `done` nor `failed` is called after
    it.

    What it was asked with and what came of it stays with it until the background is through, and is let go of in the
    window's thread: a page whose last holder is a call that has just ended must not die over there (see ui.garbage).
    """

    def __init__(
        self,
        call: Callable[[], Awaitable[Any]],
        done: Callable[[Any], object] | None,
        failed: Callable[[Exception], object] | None,
        owner: QObject | None,
    ) -> None:
        self._call: Callable[[], Awaitable[Any]] | None = call
        self._done, self._failed, self._owner = done, failed, owner
        self._result: Any = None
        self._error: Exception | None = None
        self._stop: Callable[[], None] | None = None
        self.cancelled = False
        self.finished = False

    def _let_go(self) -> None:
        self._call = self._done = self._failed = self._owner = self._result = self._error = self._stop = None

    def cancel(self) -> None:
        self.cancelled = True
        if self._stop is not None:
            self._stop()


class EngineLoop:
    """An engine being stepped. Both methods may be called from any thread."""

    def __init__(self, name: str, soon: Callable[[Callable[[], object]], None]) -> None:
        self.name = name
        self.failing: BaseException | None = None
        """The error of the last step while it keeps failing, None when all is well."""
        self._soon = soon
        self._woken: asyncio.Event | None = None
        self._task: asyncio.Task[None] | None = None
        self._stopped = False

    def wake(self) -> None:
        """Steps the engine now, or again at once if a step is under way."""
        self._soon(self._wake)

    def stop(self) -> None:
        """Ends this engine alone; a step under way is cancelled."""
        self._stopped = True
        self._soon(self._cancel)

    def _wake(self) -> None:
        if self._woken is not None:
            self._woken.set()

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()


class Work(QObject):
    """Background work of one window program. Make it in the window's thread. The background begins with the first
    thing to do there."""

    changed = Signal(frozenset)
    """Topics (names) that changed since the last time, for screens to look up what concerns them."""
    _ready = Signal()
    _topics_ready = Signal()
    _at_once = Signal()

    def __init__(
        self, clock: Clock, on_crash: Callable[[CrashReport], None], parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._clock = clock
        self._on_crash = on_crash
        self._lock = threading.Lock()
        self._handed: deque[Callable[[], object]] = deque()
        self._poked = False
        self._topics: set[str] = set()
        self._is_at_leisure = False
        self._tasks: set[asyncio.Task[Any]] = set()
        self._jobs: set[Job] = set()
        self._pool: ThreadPoolExecutor | None = None
        self._batch, self._since_batch = self._throttle(self._flush), QElapsedTimer()
        self._refresh, self._since_refresh = self._throttle(self._tell_topics), QElapsedTimer()
        queued = Qt.ConnectionType.QueuedConnection
        self._ready.connect(self._on_ready, queued)
        self._topics_ready.connect(self._on_topics, queued)
        self._at_once.connect(self.run_urgent, queued)
        self._window_thread = threading.get_ident()
        self._urgent: deque[Callable[[], object]] = deque()
        self._calm = threading.Event()
        self._calm.set()
        sys.setswitchinterval(TURN_S)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._early: list[Callable[[], object]] = []
        self._end: asyncio.Event | None = None
        self._stopping = False
        self._thread: threading.Thread | None = None

    # -- for the window's thread ---------------------------------------------------------------------------

    def run(
        self,
        call: Callable[[], Awaitable[T]],
        done: Callable[[T], object] | None = None,
        failed: Callable[[Exception], object] | None = None,
        *,
        owner: QObject | None = None,
    ) -> Job:
        """Awaits `call()` in the background, then calls `done` with its result or `failed` with its error.

        An error without `failed` is a crash report. With `owner`, nothing is called once that object is gone.
        """
        job = Job(call, done, failed, owner)
        if not self._stopping:
            self._jobs.add(job)
        self._soon(lambda: self._spawn(job))
        return job

    def blocking(
        self,
        call: Callable[[], T],
        done: Callable[[T], object] | None = None,
        failed: Callable[[Exception], object] | None = None,
        *,
        owner: QObject | None = None,
    ) -> Job:
        """The same for a plain function that blocks (files, databases): it runs in one of two threads kept
        for that."""

        async def in_thread() -> T:
            import asyncio

            return await asyncio.get_running_loop().run_in_executor(self._blocking_pool(), call)

        return self.run(in_thread, done, failed, owner=owner)

    def loop(self, engine: Engine, name: str) -> EngineLoop:
        """Steps `engine` from now until `stop`. A step that raises is reported once and tried again, ever
        more slowly."""
        handle = EngineLoop(name, self._soon)
        self._soon(lambda: self._spawn_engine(handle, engine))
        return handle

    def stop(self, timeout_s: float = 5.0) -> bool:
        """Cancels everything, joins the thread and drops results not yet handed over. False if it did not
        end in time."""
        thread = self._thread
        if thread is not None:
            self._soon(self._finish)
        self._stopping = True
        if thread is not None:
            thread.join(timeout_s)
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
        self._batch.stop()
        self._refresh.stop()
        self._handed.clear()
        self._urgent.clear()
        self._calm.set()
        for job in self._jobs:
            job._let_go()
        self._jobs.clear()
        return thread is None or not thread.is_alive()

    def run_urgent(self) -> None:
        """Runs what is urgent now. Called by itself at the next turn of the window's loop, and by whoever shows much
        between two parts of it."""
        if self._calm.is_set():
            return
        while self._urgent:
            self._guarded(self._urgent.popleft())
        with self._lock:
            if not self._urgent:
                self._calm.set()
                sys.setswitchinterval(TURN_S)

    # -- for any thread ------------------------------------------------------------------------------------

    def hand(self, call: Callable[[], object]) -> None:
        """Has `call` run in the window's thread with the next batch, in the order handed."""
        with self._lock:
            self._handed.append(call)
            poke, self._poked = not self._poked, True
        if poke and not self._stopping:
            self._ready.emit()

    def urgent(self, call: Callable[[], object]) -> None:
        """Has `call` run in the window's thread at once: for stops, nothing else."""
        if self._stopping:
            return
        with self._lock:
            self._urgent.append(call)
            self._calm.clear()
            sys.setswitchinterval(URGENT_TURN_S)
        self._at_once.emit()

    def let_pass(self) -> None:
        """In the background, before what comes after something urgent: returns when that is on the screen, at the
        latest after `URGENT_WITHIN_S`. In the window's thread, which nobody else could wait for: at once."""
        if threading.get_ident() != self._window_thread:
            self._calm.wait(URGENT_WITHIN_S)

    def announce(self, topics: Iterable[str], *, at_leisure: bool = False) -> None:
        """Says that what these topics name has changed; `changed` goes out merged, twice a second where nothing else
        than what is announced `at_leisure` has changed."""
        with self._lock:
            first = not self._topics
            self._topics.update(topics)
            hurried = self._is_at_leisure and not at_leisure
            self._is_at_leisure = at_leisure and (first or self._is_at_leisure)
            some = bool(self._topics)
        if (first or hurried) and some and not self._stopping:
            self._topics_ready.emit()

    # -- the window's side ---------------------------------------------------------------------------------

    def _throttle(self, call: Callable[[], None]) -> QTimer:
        timer = QTimer(self, singleShot=True, timerType=Qt.TimerType.PreciseTimer)
        timer.timeout.connect(call)
        return timer

    def _on_ready(self) -> None:
        _start(self._batch, self._since_batch, BATCH_MS)

    def _on_topics(self) -> None:
        with self._lock:
            gap_ms = LEISURE_MS if self._is_at_leisure else REFRESH_MS
        _start(self._refresh, self._since_refresh, gap_ms)

    def _flush(self) -> None:
        """Runs what was handed over, but not so long that a key would have to wait."""
        self._since_batch.start()
        with self._lock:
            self._poked = False
        while self._handed:
            self.run_urgent()
            self._guarded(self._handed.popleft())
            if self._since_batch.elapsed() >= _BUDGET_MS and self._handed:
                self._batch.start(1)
                return

    def _tell_topics(self) -> None:
        self.run_urgent()
        self._since_refresh.start()
        with self._lock:
            topics, self._topics = frozenset(self._topics), set()
            self._is_at_leisure = False
        if topics:
            self.changed.emit(topics)

    def _guarded(self, call: Callable[[], object]) -> None:
        try:
            call()
        except Exception as error:  # noqa: BLE001 - the work door: no callback may end the program
            self._report("callback", error)

    def _report(self, where: str, error: BaseException) -> None:
        self._on_crash(CrashReport(where, error, "".join(traceback.format_exception(error))))

    # -- the background's side -----------------------------------------------------------------------------

    def _thread_main(self) -> None:
        import asyncio

        asyncio.run(self._main())

    async def _main(self) -> None:
        import asyncio

        loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._on_loop_error)
        self._end = asyncio.Event()
        with self._lock:
            self._loop = loop
            for call in self._early:
                loop.call_soon(call)
            self._early.clear()
        await self._end.wait()
        # asyncio.run cancels what is left and waits for it.

    def _finish(self) -> None:
        if self._end is not None:
            self._end.set()

    def _blocking_pool(self) -> ThreadPoolExecutor:
        """The two threads, made when the first call goes there."""
        if self._pool is None:
            from concurrent.futures import ThreadPoolExecutor

            self._pool = ThreadPoolExecutor(max_workers=2, thread_name_prefix="orderdock-blocking")
        return self._pool

    def _on_loop_error(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception") or RuntimeError(str(context.get("message")))
        if not self._stopping:
            self.hand(lambda: self._report("loop", error))

    def _soon(self, call: Callable[[], object]) -> None:
        """Has `call` run on the loop, which is begun where it is not there yet; nothing after `stop`."""
        with self._lock:
            if self._loop is None:
                if not self._stopping:
                    self._early.append(call)
                    self._begin()
                return
        if not self._loop.is_closed():
            try:
                self._loop.call_soon_threadsafe(call)
            except RuntimeError:
                # The loop closed in between: after stop() nothing is run, by contract.
                pass

    def _begin(self) -> None:
        """Its libraries are imported in there too: keys are not held up by that."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._thread_main, name="orderdock-work", daemon=True)
            self._thread.start()

    def _keep(self, task: asyncio.Task[Any]) -> None:
        # asyncio itself holds tasks only weakly.
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _spawn(self, job: Job) -> None:
        import asyncio

        if job.cancelled:
            self._over(job)
            return
        task = asyncio.get_running_loop().create_task(self._run(job))
        job._stop = lambda: self._soon(task.cancel)
        # By then nothing of the call is left over here.
        task.add_done_callback(lambda _: self._over(job))
        self._keep(task)

    async def _run(self, job: Job) -> None:
        import asyncio

        call = job._call
        if call is None:
            return
        try:
            job._result = await call()
        except asyncio.CancelledError:
            return  # kept with the task, it would keep all that the call held
        except Exception as error:  # noqa: BLE001 - the work door: every error goes to whoever asked
            job._error = error
        self.hand(lambda: self._tell(job))

    def _over(self, job: Job) -> None:
        self.hand(lambda: self._forget(job))

    # In the window's thread again.

    def _tell(self, job: Job) -> None:
        job.finished = True
        owner = job._owner
        if job.cancelled or (owner is not None and not shiboken6.isValid(owner)):
            return
        if job._error is None:
            if job._done is not None:
                job._done(job._result)
        elif job._failed is not None:
            job._failed(job._error)
        else:
            self._report("run", job._error)

    def _forget(self, job: Job) -> None:
        job._let_go()
        self._jobs.discard(job)

    def _spawn_engine(self, handle: EngineLoop, engine: Engine) -> None:
        import asyncio

        if handle._stopped:
            return
        handle._task = asyncio.get_running_loop().create_task(self._step_for_ever(handle, engine))
        self._keep(handle._task)

    async def _step_for_ever(self, handle: EngineLoop, engine: Engine) -> None:
        import asyncio

        woken = handle._woken = asyncio.Event()
        failures = 0
        # Looked at each time: before Python 3.12 a wait that was woken in the same moment swallows its cancellation.
        while not (handle._stopped or self._stopping):
            woken.clear()
            began, at = self._clock.now(), self._clock.monotonic()
            try:
                due = await engine.step(began)
            except Exception as error:  # noqa: BLE001 - the step loop outlives one bad step
                wait_s = _RETRY_S[min(failures, len(_RETRY_S) - 1)]
                failures += 1
                self._note_failure(handle, error)
            else:
                failures = 0
                handle.failing = None
                wait_s = self._wait_s(due, began, at)
            try:
                await asyncio.wait_for(woken.wait(), wait_s)
            except TimeoutError:
                pass

    def _wait_s(self, due: datetime | float, began: datetime, at: float) -> float:
        seconds = (
            seconds_until(due, began, self._clock.monotonic() - at, self._clock.now())
            if isinstance(due, datetime)
            else float(due)
        )
        return min(max(seconds, _LEAST_S), _MOST_S)

    def _note_failure(self, handle: EngineLoop, error: Exception) -> None:
        """Reports a failing engine once, and again only when it fails in another way."""
        said = handle.failing
        handle.failing = error
        if said is None or (type(said), str(said)) != (type(error), str(error)):
            self.hand(lambda: self._report(handle.name, error))


def _start(timer: QTimer, since: QElapsedTimer, gap_ms: int) -> None:
    """Lets `timer` fire at once, or when `gap_ms` have passed since the last time."""
    waited = since.elapsed() if since.isValid() else gap_ms
    left_ms = max(0, gap_ms - waited)
    if not timer.isActive() or timer.remainingTime() > left_ms:
        timer.start(left_ms)
