"""What exists only on this station until the hub has it: acts, scans, print jobs, settings. Loses nothing.

    outbox = Outbox(folder / "outbox.sqlite", channel_ref=cache.channel_ref)
    durable = outbox.record(act, scan=row, job=job)      # one transaction; shown at once, safe when done

One thread writes (:mod:`app.store.outboxfile`); acts and scans are in :mod:`app.store.actbox`, print jobs here.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from app.core.acts import Act
from app.core.printjob import PULLABLE, PrintJob, PrintState, may_move
from app.store import needs
from app.store.actbox import KEEP_SETTLED, ActBox, ScanRow, insert_act, insert_job
from app.store.outboxfile import text_of
from app.wire import envelope_of

if TYPE_CHECKING:
    from concurrent.futures import Future

__all__ = ["Outbox", "ScanRow"]

#: Scans and print jobs that nobody waits for any more stay so long.
KEEP_SCANS = timedelta(days=30)


class Outbox(ActBox):
    """Safe to call from any thread; see the module's text."""

    def add_job(self, job: PrintJob) -> Future[bool]:
        """A paper to be printed. The answer's False means: this very copy has a job already."""

        def write(db: sqlite3.Connection) -> bool:
            query = "SELECT 1 FROM print_job WHERE job_key = ? AND copy = ? AND state NOT IN ('pulled', 'expired')"
            if db.execute(query, (job.job_key, job.copy)).fetchone():
                return False
            insert_job(db, job)
            return True

        done = self.run(write)
        done.add_done_callback(lambda _answer: self._tell("print"))
        return done

    def claim_next(self, printer: str, now: datetime) -> PrintJob | None:
        """Moves the oldest waiting job that has not expired to ``checking_device``."""

        def write(db: sqlite3.Connection) -> PrintJob | None:
            rows = db.execute(
                "SELECT body FROM print_job WHERE printer = ? AND state = 'waiting' ORDER BY n", (printer,)
            ).fetchall()
            jobs = (msgspec.json.decode(row[0], type=PrintJob) for row in rows)
            job = next((j for j in jobs if j.expires_at > now), None)
            return _moved(db, job, PrintState.checking_device, job.cause, now) if job else None

        job = self.run(write).result()
        if job is not None:
            self._tell("print")
        return job

    def set_state(
        self,
        job_id: str,
        state: PrintState,
        cause: str,
        at: datetime,
        expected: Collection[PrintState],
        act: Act | None = None,
    ) -> bool:
        """Moves one job if it is where ``expected`` says, the fact with it in the same transaction."""
        try:
            moved = self.run(self._move(job_id, state, cause, at, expected, act)).result()
        except Exception:
            self._not_moved(act)
            raise
        if moved:
            self._told_of(act)
        return moved

    def set_state_soon(
        self,
        job_id: str,
        state: PrintState,
        cause: str,
        at: datetime,
        expected: Collection[PrintState],
        act: Act | None = None,
    ) -> Future[bool]:
        """The same without waiting for the disk."""
        done = self.run(self._move(job_id, state, cause, at, expected, act))

        def written(answer: Future[bool]) -> None:
            if answer.exception() is not None:
                self._not_moved(act)
            elif answer.result():
                self._told_of(act)

        done.add_done_callback(written)
        return done

    def _not_moved(self, act: Act | None) -> None:
        if act is not None:
            with self._lock:
                self._pending.pop(act.act_id, None)

    def _told_of(self, act: Act | None) -> None:
        if act is not None:
            self._tell("print", "outbox", "order", f"order:{act.order_no}")
        else:
            self._tell("print")

    def _move(
        self,
        job_id: str,
        state: PrintState,
        cause: str,
        at: datetime,
        expected: Collection[PrintState],
        act: Act | None,
    ) -> Callable[[sqlite3.Connection], bool]:
        data = msgspec.json.encode(envelope_of(act, self._channel_ref(act.order_no))) if act else b""
        session = self.session

        def write(db: sqlite3.Connection) -> bool:
            row = db.execute("SELECT body FROM print_job WHERE job_id = ?", (job_id,)).fetchone()
            job = msgspec.json.decode(row[0], type=PrintJob) if row else None
            if job is None or job.state not in expected:
                return False
            if job.state is not state and not may_move(job.state, state):
                return False
            _moved(db, job, state, cause, at)
            if act is not None:
                insert_act(db, act, data, session)
                self._waits(act)
            return True

        return write

    def jobs(self, printer: str, states: Collection[PrintState]) -> Sequence[PrintJob]:
        """This printer's jobs in these states, oldest first."""
        marks = ", ".join("?" * len(states))
        return self._jobs(f"printer = ? AND state IN ({marks})", (printer, *states))

    def jobs_of(self, parcel_no: str) -> Sequence[PrintJob]:
        """Every paper of one parcel, oldest first."""
        return self._jobs("parcel_no = ?", (parcel_no,))

    def open_jobs(self) -> Sequence[PrintJob]:
        """Every job somebody waits for, any printer."""
        return self._jobs("state IN ('waiting', 'checking_device', 'sending', 'uncertain')", ())

    def _jobs(self, where: str, params: Iterable[str]) -> Sequence[PrintJob]:
        with self._reads.lock:
            rows = self._reads.db.execute(
                f"SELECT body FROM print_job WHERE {where} ORDER BY n", tuple(params)
            ).fetchall()
        return [msgspec.json.decode(row[0], type=PrintJob) for row in rows]

    def pull(self, parcel_no: str, cause: str, at: datetime) -> Future[int]:
        """Takes every paper of this parcel that has not left for the device out of the queue. How many."""

        def write(db: sqlite3.Connection) -> int:
            rows = db.execute("SELECT body FROM print_job WHERE parcel_no = ?", (parcel_no,)).fetchall()
            jobs = [msgspec.json.decode(row[0], type=PrintJob) for row in rows]
            caught = [job for job in jobs if job.state in PULLABLE]
            for job in caught:
                _moved(db, job, PrintState.pulled, cause, at)
            return len(caught)

        done = self.run(write)
        done.add_done_callback(lambda _answer: self._tell("print"))
        return done

    def tidy(self, now: datetime) -> None:
        """Lets go of what is settled and old. What waits or needs a person stays for ever."""
        acts, rest = text_of(now - KEEP_SETTLED), text_of(now - KEEP_SCANS)

        def write(db: sqlite3.Connection) -> None:
            db.execute("DELETE FROM act WHERE state = 'settled' AND settled_at < ?", (acts,))
            db.execute("DELETE FROM scan WHERE at < ?", (rest,))
            needs.tidy(db, rest)
            db.execute(
                "DELETE FROM print_job WHERE state IN ('printed', 'confirmed', 'failed', 'pulled', 'expired') "
                "AND json_extract(CAST(body AS TEXT), '$.created_at') < ?",
                (rest,),
            )

        self.run(write).result()


def _moved(db: sqlite3.Connection, job: PrintJob, state: PrintState, cause: str, at: datetime) -> PrintJob:
    job = replace(job, state=state, cause=cause, state_at=at)
    db.execute(
        "UPDATE print_job SET state = ?, body = ? WHERE job_id = ?",
        (state, msgspec.json.encode(job), job.job_id),
    )
    return job
