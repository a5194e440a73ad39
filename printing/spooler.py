"""The queue of one printer: one job in flight, at most once, honest about what it does not know.

    spooler = Spooler("slip", printer, store, work, clock)
    due = await spooler.step(clock.now())      # does what can be done now, says when to come again

What a station gives it stands in two protocols: :class:`JobStore` (its own SQLite) and :class:`Work`
(render this job, may it print, what fact to record).

The promise (design P2, complaints C5-C11): ``sending`` is on disk before the first byte leaves. Whatever
happens after that without the device's own word - a crash, a lost link, a silent printer - ends as
``uncertain`` and waits for a person or for the scan of the paper; it is never sent again by itself.
Printer trouble before the first byte leaves the job ``waiting`` with its cause, and it prints by itself
once the trouble is gone. Nothing is handed to the operating system's own queue.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from app.core.acts import Act
from app.core.printjob import MOVES, PrinterState, PrintJob, PrintState
from app.core.reasons import Reason, Refused
from app.core.values import dataclass
from app.ports import Clock
from app.wire import PrinterReport
from printing.escpos import PrinterStatus
from printing.transports import Printer, SendResult


class JobStore(Protocol):
    """Where print jobs live; the station's outbox in SQLite. All calls are one short transaction each.

    Several threads may call it (screens add and pull jobs, the spooler moves them), so every move is a
    compare-and-set.
    """

    def claim_next(self, printer: str, now: datetime) -> PrintJob | None:
        """Move the oldest ``waiting`` job of this printer that has not expired to ``checking_device``."""

    def set_state(
        self,
        job_id: str,
        state: PrintState,
        cause: str,
        at: datetime,
        expected: Collection[PrintState],
        act: Act | None = None,
    ) -> bool:
        """Move one job, if it is in one of ``expected`` and the move stands in ``printjob.MOVES`` (staying
        in the same state to change only the cause is allowed). With ``act`` the fact is put into the
        outbox in the same transaction. False: the job was elsewhere, nothing was written."""

    def jobs(self, printer: str, states: Collection[PrintState]) -> Sequence[PrintJob]:
        """This printer's jobs in these states, oldest first."""


class Work(Protocol):
    """What the station knows and the queue does not."""

    async def render(self, job: PrintJob) -> bytes | Refused:
        """The printer's bytes for this job from the newest data, or why there is no such paper."""

    async def may_print(self, job: PrintJob) -> Refused | None:
        """The go_check for step ``print``, asked right before the first byte. None: go.
        ``Refused(Reason.hub_unreachable)`` means ask again later; any other reason pulls the job."""

    def is_stopped(self, job: PrintJob) -> bool:
        """Whether this station knows by now that the job's parcel must stop; asked with the printer's line open,
        between two bytes: it neither waits nor asks the hub."""

    def printed(self, job: PrintJob, at: datetime) -> Act | None:
        """The fact to record together with ``printed`` (see ``printjob.printed_act``)."""


#: How soon to look again: for new jobs; at a printer in trouble; at an idle printer, whose fault shows in 2 s (L18).
IDLE = timedelta(seconds=0.5)
TROUBLE = timedelta(seconds=2)
HEALTH = timedelta(seconds=1)
#: A job under way for longer without an end is worth a light (complaint C9).
SLOW = timedelta(seconds=5)
#: Each move is a write to disk: so many jobs expire in one step, the rest in the next.
_EXPIRE_AT_ONCE = 20
_OPEN = frozenset({PrintState.waiting, PrintState.checking_device, PrintState.sending})


@dataclass(frozen=True, slots=True, kw_only=True)
class Light:
    """One printer as a bench shows it; words are ``paper.printer_<state>``.

    ``waiting_since`` is the age of the oldest waiting job, ``is_slow``: a job has been at the device for more
    than five seconds, ``asks``: so many uncertain jobs wait for a person.
    """

    name: str
    status: PrinterStatus
    asked_at: datetime | None
    waiting: int
    waiting_since: datetime | None
    is_slow: bool
    asks: int

    @property
    def needs_you(self) -> bool:
        stuck = self.waiting > 0 and not self.status.can_print
        return stuck or self.is_slow or self.asks > 0

    def report(self) -> PrinterReport:
        """For the beat."""
        return PrinterReport(name=self.name, state=self.status.state, waiting=self.waiting)


class Spooler:
    """Prints one printer's jobs, one after the other. ``name`` is the printer's name in its jobs.

    Steps never overlap, so whatever a step finds under way was left by one that did not come to its end: a
    crash, or a fault of ours. What was being sent is uncertain; what was not sent waits again, once.
    """

    def __init__(self, name: str, printer: Printer, store: JobStore, work: Work, clock: Clock) -> None:
        self._name, self._printer, self._store, self._work, self._clock = name, printer, store, work, clock
        self._status = PrinterStatus(PrinterState.unknown, "not asked yet")
        self._asked_at: datetime | None = None
        self._sending_since: datetime | None = None
        self._stumbled: set[str] = set()

    async def step(self, now: datetime) -> datetime:
        """Print what can be printed, one job at most; when to come again."""
        waiting = self._swept(now)
        if not waiting:
            await self._look_after(now)
            return self._clock.now() + IDLE
        # a printer in trouble is asked before a job is touched, so that waiting costs no writing
        if self._is_in_trouble() and not (await self._ask()).can_print:
            self._tell(waiting[0], self._status.state)
            return self._clock.now() + TROUBLE
        job = self._store.claim_next(self._name, now)
        if job is None:
            return self._clock.now() + IDLE
        again = await self._print(job)
        return self._clock.now() + again

    def light(self, now: datetime) -> Light:
        """What the bench shows of this printer."""
        waiting = self._store.jobs(self._name, {PrintState.waiting, PrintState.checking_device})
        return Light(
            name=self._name,
            status=self._status,
            asked_at=self._asked_at,
            waiting=len(waiting),
            waiting_since=waiting[0].created_at if waiting else None,
            is_slow=self._sending_since is not None and now - self._sending_since > SLOW,
            asks=len(self._store.jobs(self._name, {PrintState.uncertain})),
        )

    # -- what people say about a paper (its own code, scanned at a bench, says it as well: app.station.slips)

    def came_out(self, job: PrintJob) -> bool:
        """A person looked: the paper of this uncertain job is there and whole."""
        at = self._clock.now()
        act = self._work.printed(job, at)
        return self._store.set_state(job.job_id, PrintState.printed, "", at, {PrintState.uncertain}, act)

    def not_out(self, job: PrintJob) -> bool:
        """A person looked: no usable paper came out. Printing again is a new job."""
        at = self._clock.now()
        return self._store.set_state(job.job_id, PrintState.failed, "not_out", at, {PrintState.uncertain})

    # -- one job

    async def _print(self, job: PrintJob) -> timedelta:
        """From claimed to an end, or back to waiting with the cause. How soon to come again."""
        paper = await self._work.render(job)
        if isinstance(paper, Refused):
            self._move(job, PrintState.failed, paper.reason)
            return timedelta(0)
        if not (await self._ask()).can_print:
            self._move(job, PrintState.waiting, self._status.state)
            return TROUBLE
        refused = await self._work.may_print(job)
        if refused is not None and refused.reason is Reason.hub_unreachable:
            self._move(job, PrintState.waiting, refused.reason)
            return TROUBLE
        if refused is not None:
            self._move(job, PrintState.pulled, refused.reason)
            return timedelta(0)
        # on disk before the first byte leaves; refused when somebody pulled the job meanwhile
        if not self._move(job, PrintState.sending, ""):
            return timedelta(0)
        return await self._send(job, paper)

    async def _send(self, job: PrintJob, paper: bytes) -> timedelta:
        self._sending_since = self._clock.now()
        try:
            result = await self._printer.send(paper, lambda: not self._work.is_stopped(job))
        finally:
            self._sending_since = None
        self._heard(result.status)
        return self._settle(job, result)

    def _settle(self, job: PrintJob, result: SendResult) -> timedelta:
        at = self._clock.now()
        if result.outcome == "printed":
            act = self._work.printed(job, at)
            self._store.set_state(job.job_id, PrintState.printed, "", at, {PrintState.sending}, act)
            return timedelta(0)
        if result.outcome == "held_back":
            self._move(job, PrintState.waiting, "")  # the go_check of the next round says why, and pulls it
            return timedelta(0)
        if result.outcome == "not_started":
            self._move(job, PrintState.waiting, result.cause)
            return TROUBLE
        self._move(job, PrintState.uncertain, result.cause)
        return timedelta(0) if self._status.can_print else TROUBLE

    def _move(self, job: PrintJob, state: PrintState, cause: str) -> bool:
        """To ``state`` from wherever a job may lawfully come to it: a pulled job stays pulled."""
        before = {old for old, allowed in MOVES.items() if state in allowed}
        return self._store.set_state(job.job_id, state, cause, self._clock.now(), before)

    # -- the device

    async def _ask(self) -> PrinterStatus:
        status = await self._printer.status()
        self._heard(status)
        return status

    def _heard(self, status: PrinterStatus) -> None:
        self._status, self._asked_at = status, self._clock.now()

    def _is_in_trouble(self) -> bool:
        return self._asked_at is not None and not self._status.can_print

    async def _look_after(self, now: datetime) -> None:
        """An idle printer is asked now and then, so that the light is true before somebody prints."""
        every = TROUBLE if self._is_in_trouble() else HEALTH
        if self._asked_at is None or now - self._asked_at >= every:
            await self._ask()

    # -- the queue

    def _swept(self, now: datetime) -> Sequence[PrintJob]:
        """The waiting jobs, after what earlier steps left lying was put where it belongs."""
        waiting = []
        expired = 0
        for job in self._store.jobs(self._name, _OPEN):
            if job.state is PrintState.sending:
                self._move(job, PrintState.uncertain, "restarted")
            elif job.state is PrintState.checking_device:
                waiting += [job] if self._pick_up(job) else []
            elif job.expires_at > now:
                waiting.append(job)
            elif expired < _EXPIRE_AT_ONCE:
                expired += 1
                self._move(job, PrintState.expired, "too_late")
        return waiting

    def _pick_up(self, job: PrintJob) -> bool:
        """Again, unless it is the job itself that makes us stumble: that one must not stop the others."""
        if job.job_id in self._stumbled:
            self._move(job, PrintState.failed, "cannot_draw")
            return False
        self._stumbled.add(job.job_id)
        return self._move(job, PrintState.waiting, "")

    def _tell(self, job: PrintJob, cause: str) -> None:
        """The first in the queue shows why it waits; written once, not at each look."""
        if job.cause != cause:
            self._store.set_state(
                job.job_id, PrintState.waiting, cause, self._clock.now(), {PrintState.waiting}
            )
