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
from datetime import datetime
from typing import Protocol

from app.core.acts import Act
from app.core.printjob import PrintJob, PrintState
from app.core.reasons import Refused


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

    def printed(self, job: PrintJob, at: datetime) -> Act | None:
        """The fact to record together with ``printed`` (see ``printjob.printed_act``)."""
