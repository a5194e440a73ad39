"""The acts of this station until the hub has them, and the scans that led to them.

An act is *pending* from :meth:`ActBox.record` on (even before it is on disk) until the feed has passed its receipt's
seq, so that a packer's work never flickers away.
"""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from app.core.acts import Act
from app.core.printjob import PrintJob
from app.core.values import dataclass
from app.store import needs
from app.store.cachefile import Cursor
from app.store.needs import AnsweredNeed, NeedsPerson
from app.store.outboxfile import OutboxFile, keep_setting, text_of
from app.wire import ChannelRef, Envelope, Receipt, act_of, envelope_of

if TYPE_CHECKING:
    from concurrent.futures import Future

#: Settled acts stay so long and are sent again to a restored hub (design 3.5).
KEEP_SETTLED = timedelta(days=7)

#: What a restored hub gets back: all that had an effect. What was refused had none, and shall have none now.
_GIVEN_BACK = (
    "state = 'settled' AND settled_at >= ? AND epoch <> ? "
    "AND json_extract(CAST(receipt AS TEXT), '$.outcome') <> 'refused'"
)

#: What is kept of a badge: who reads this file must not be able to sign on with it.
_BADGE = "B1"

ActState = Literal["waiting", "settled", "needs_person"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanRow:
    """One read, kept whatever came of it. ``raw`` is all that came, ``source`` the device it came from ("keyboard",
    "serial:COM3", "camera:0"; empty for a click that stands for a read)."""

    scan_id: str
    at: datetime
    raw: str
    scan_class: str
    result: str
    order_no: str = ""
    parcel_no: str = ""
    act_id: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Pending:
    """An own act the screen must show although the copy does not hold it yet."""

    act: Act
    state: ActState
    epoch: str = ""
    settled_seq: int = 0

    def is_in(self, cursor: Cursor) -> bool:
        """Whether a copy at this cursor holds the act's effect."""
        return self.state == "settled" and self.epoch == cursor.epoch and self.settled_seq <= cursor.seq


class ActBox(OutboxFile):
    """Acts and scans, those that wait and those that are settled."""

    def __init__(
        self, path: Path, *, channel_ref: Callable[[str], ChannelRef | None] = lambda _no: None
    ) -> None:
        """Opens, makes or migrates the file. Raises NewerOutbox, DamagedOutbox or DiskFull, the file untouched."""
        self._channel_ref = channel_ref
        self._answers: dict[str, Future[Receipt]] = {}
        #: The session of who is signed on; acts are sent in the name of who did them.
        self.session = ""
        super().__init__(path)

    def _remember(self, db: sqlite3.Connection) -> None:
        self._pending = _read_pending(db)
        self._needing = needs.read_open(db)

    def record(self, act: Act, *, scan: ScanRow | None = None, job: PrintJob | None = None) -> Future[None]:
        """Act, scan and print job in one transaction. The act is pending at once; the answer means "on disk".

        The answer's DiskFull means it is not kept: the act is no longer pending then.
        """
        data = msgspec.json.encode(envelope_of(act, self._channel_ref(act.order_no)))
        session = self.session

        def write(db: sqlite3.Connection) -> None:
            insert_act(db, act, data, session)
            if scan is not None:
                _insert_scan(db, scan)
            if job is not None:
                insert_job(db, job)

        with self._lock:
            self._pending[act.act_id] = Pending(act, "waiting")
        done = self.run(write)
        done.add_done_callback(lambda answer: self._recorded(act, answer))
        self._tell("outbox", f"order:{act.order_no}", "order")
        return done

    def _recorded(self, act: Act, answer: Future[None]) -> None:
        if answer.exception() is not None:
            with self._lock:
                self._pending.pop(act.act_id, None)
        self._tell("outbox", f"order:{act.order_no}", "order")

    def keep_scan(self, scan: ScanRow) -> Future[None]:
        """A read that led to no act is kept as well. Kept again it says what came of it in the end."""
        return self.run(lambda db: _insert_scan(db, scan))

    def waiting(self, limit: int = 100) -> list[Envelope]:
        """The oldest acts on disk that the hub has not answered."""
        return [envelope for _session, envelope in self._waiting(limit)]

    def batch(self, limit: int) -> tuple[str, list[Envelope]]:
        """The oldest of them that one person did, and that person's session (empty: the station itself)."""
        rows = self._waiting(limit)
        session = rows[0][0] if rows else ""
        return session, [envelope for _, envelope in itertools.takewhile(lambda row: row[0] == session, rows)]

    def _waiting(self, limit: int) -> list[tuple[str, Envelope]]:
        with self._reads.lock:
            rows = self._reads.db.execute(
                "SELECT session, envelope FROM act WHERE state = 'waiting' ORDER BY n LIMIT ?", (limit,)
            ).fetchall()
        return [(session, msgspec.json.decode(data, type=Envelope)) for session, data in rows]

    def settle(self, receipts: Sequence[Receipt], epoch: str, now: datetime, life: str | None = None) -> None:
        """Keeps the hub's answers. Refused acts need a person; the others stay pending until the feed has them.

        ``epoch`` is that of the copy; while a new copy is still empty it has none, then the last known one counts.
        ``life``: :attr:`epoch` as it was when the acts were sent. Where it is another by now the hub was restored
        meanwhile, and what it said before says nothing any more: the acts wait on and are sent again.
        """
        epoch = epoch or self.setting("epoch")
        with self._lock:
            known = {r.act_id: self._pending.get(r.act_id) for r in receipts}
        moment = text_of(now)

        def write(db: sqlite3.Connection) -> bool:
            lives = db.execute("SELECT value FROM setting WHERE key = 'epoch'").fetchone()
            if life is not None and life != (lives[0] if lives else ""):
                return False
            db.executemany(
                "UPDATE act SET state = ?, receipt = ?, settled_seq = ?, epoch = ?, settled_at = ?, session = '' "
                "WHERE act_id = ? AND state = 'waiting'",
                [(_state_after(r), msgspec.json.encode(r), r.seq, epoch, moment, r.act_id) for r in receipts],
            )
            needs.keep(db, receipts, moment)
            return True

        if not self.run(write).result():
            return
        if any(needs.needs(receipt) for receipt in receipts):
            self._look_at_needs()
        with self._lock:
            for receipt in receipts:
                pending = known[receipt.act_id]
                if pending is None:
                    continue
                if receipt.outcome == "refused":
                    self._pending.pop(receipt.act_id, None)
                else:
                    self._pending[receipt.act_id] = Pending(pending.act, "settled", epoch, receipt.seq)
            waiters = [(self._answers.pop(r.act_id, None), r) for r in receipts]
        for waiter, receipt in waiters:
            if waiter is not None and waiter.set_running_or_notify_cancel():
                waiter.set_result(receipt)
        self._tell("outbox", "order", *(f"order:{p.act.order_no}" for p in known.values() if p))

    def settled_seqs(self, act_ids: Sequence[str]) -> dict[str, int]:
        """The seq of the receipt of those of these acts that the hub has answered; -1 where it refused."""
        known = msgspec.json.encode(list(act_ids)).decode()
        query = (
            "SELECT act_id, CASE state WHEN 'settled' THEN settled_seq ELSE -1 END FROM act "
            "WHERE state <> 'waiting' AND act_id IN (SELECT value FROM json_each(?))"
        )
        with self._reads.lock:
            return {act_id: int(seq) for act_id, seq in self._reads.db.execute(query, (known,))}

    def when_answered(self, act_id: str) -> Future[Receipt]:
        """Done when the hub has answered this act; ask before recording it."""
        from concurrent.futures import Future

        with self._lock:
            return self._answers.setdefault(act_id, Future())

    def passed(self, cursor: Cursor, is_late: Callable[[Pending], bool] = lambda _: False) -> None:
        """The copy stands at ``cursor``: what it holds is no longer pending, but where an order's row ``is_late``."""
        with self._lock:
            behind = [p for p in self._pending.values() if p.is_in(cursor)]
        held = [p.act.act_id for p in behind if not is_late(p)]
        with self._lock:
            for act_id in held:
                if (pending := self._pending.get(act_id)) is not None and pending.is_in(cursor):
                    del self._pending[act_id]

    def reopen(self, epoch: str, now: datetime) -> int:
        """Another epoch: every settled act of the last days waits again, so that a restored hub gets it back.

        Nothing happens when the outbox already knows this epoch. Returns how many wait again.
        """
        since = text_of(now - KEEP_SETTLED)

        def write(db: sqlite3.Connection) -> int:
            known = db.execute("SELECT value FROM setting WHERE key = 'epoch'").fetchone()
            if known and known[0] == epoch:
                return 0
            keep_setting(db, "epoch", epoch)
            again = db.execute(f"SELECT envelope FROM act WHERE {_GIVEN_BACK}", (since, epoch)).fetchall()
            db.execute(
                f"UPDATE act SET state = 'waiting', receipt = NULL, settled_seq = NULL WHERE {_GIVEN_BACK}",
                (since, epoch),
            )
            for row in again:
                self._waits(act_of(msgspec.json.decode(row[0], type=Envelope)))
            return len(again)

        again = self.run(write).result()
        if again:
            self._tell("outbox", "order")
        return again

    @property
    def epoch(self) -> str:
        """The hub's life to which everything settled before was opened again; "" before the first."""
        return self.setting("epoch")

    def _waits(self, act: Act) -> None:
        """Called before the act's row can be seen: an answer that comes at once must find it pending."""
        with self._lock:
            self._pending[act.act_id] = Pending(act, "waiting")

    def dismiss(
        self, act_id: str, answer: needs.Answer = "shown", by: str = "", at: datetime | None = None
    ) -> None:
        """A person has seen what the hub did not take, and what they made of it."""
        moment = text_of(at) if at is not None else ""
        self.run(lambda db: needs.answer(db, act_id, answer, by, moment)).result()
        self._look_at_needs()
        self._tell("outbox")

    def answered_needs(self, limit: int) -> list[AnsweredNeed]:
        """What people answered here in the last days, the latest first."""
        with self._reads.lock:
            return needs.read_answered(self._reads.db, limit)

    def _look_at_needs(self) -> None:
        with self._reads.lock:
            needing = needs.read_open(self._reads.db)
        with self._lock:
            self._needing = needing

    def answer_of(self, act_id: str) -> Receipt | None:
        """The hub's answer to one act, as long as it is kept."""
        with self._reads.lock:
            row = self._reads.db.execute("SELECT receipt FROM act WHERE act_id = ?", (act_id,)).fetchone()
        return msgspec.json.decode(row[0], type=Receipt) if row and row[0] else None

    def pending_of(self, order_no: str) -> list[Pending]:
        """Own acts on this order that the copy does not show yet, in the order they were made."""
        with self._lock:
            return [p for p in self._pending.values() if p.act.order_no == order_no]

    def pending_orders(self) -> set[str]:
        with self._lock:
            return {p.act.order_no for p in self._pending.values()}

    def pending_count(self) -> int:
        """How many acts the hub has not answered yet."""
        with self._lock:
            return sum(p.state == "waiting" for p in self._pending.values())

    def oldest_pending(self) -> datetime | None:
        with self._lock:
            return min((p.act.made_at for p in self._pending.values() if p.state == "waiting"), default=None)

    def needs_person(self) -> list[NeedsPerson]:
        with self._lock:
            return list(self._needing.values())

    def recent(self, limit: int) -> list[tuple[str, str, datetime]]:
        """(order_no, kind, made_at) of the latest act on each of the last handled orders, newest first."""
        with self._reads.lock:
            rows = self._reads.db.execute(
                "SELECT order_no, kind, made_at FROM act WHERE n IN (SELECT max(n) FROM (SELECT n, order_no FROM act "
                "ORDER BY n DESC LIMIT 500) GROUP BY order_no) ORDER BY n DESC LIMIT ?",
                (limit,),
            ).fetchall()
        return [(no, kind, datetime.fromisoformat(at)) for no, kind, at in rows]

    def acts_of_kind(self, kinds: Collection[str], limit: int = 1000) -> list[Act]:
        """The latest kept acts of these kinds, oldest first (what this station has shown, acknowledged ...)."""
        marks = ", ".join("?" * len(kinds))
        with self._reads.lock:
            rows = self._reads.db.execute(
                f"SELECT envelope FROM act WHERE kind IN ({marks}) ORDER BY n DESC LIMIT ?", (*kinds, limit)
            ).fetchall()
        return [act_of(msgspec.json.decode(row[0], type=Envelope)) for row in reversed(rows)]


def _state_after(receipt: Receipt) -> ActState:
    return "needs_person" if receipt.outcome == "refused" else "settled"


def insert_act(db: sqlite3.Connection, act: Act, data: bytes, session: str) -> None:
    db.execute(
        "INSERT INTO act (act_id, kind, order_no, parcel_no, envelope, state, session, made_at) "
        "VALUES (?, ?, ?, ?, ?, 'waiting', ?, ?)",
        (act.act_id, act.kind, act.order_no, act.parcel_no, data, session, text_of(act.made_at)),
    )


def _insert_scan(db: sqlite3.Connection, scan: ScanRow) -> None:
    db.execute(
        "INSERT INTO scan (scan_id, at, raw, scan_class, result, order_no, parcel_no, act_id, source) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (scan_id) DO UPDATE SET scan_class = excluded.scan_class, "
        "result = excluded.result, order_no = excluded.order_no, parcel_no = excluded.parcel_no, "
        "act_id = excluded.act_id",
        (
            scan.scan_id,
            text_of(scan.at),
            _BADGE if scan.scan_class == "badge" else scan.raw,
            scan.scan_class,
            scan.result,
            scan.order_no,
            scan.parcel_no,
            scan.act_id,
            scan.source,
        ),
    )


def insert_job(db: sqlite3.Connection, job: PrintJob) -> None:
    db.execute(
        "INSERT INTO print_job (job_id, job_key, copy, printer, parcel_no, state, body) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (job.job_id, job.job_key, job.copy, job.printer, job.parcel_no, job.state, msgspec.json.encode(job)),
    )


def _read_pending(db: sqlite3.Connection) -> dict[str, Pending]:
    """What waits, and what is settled but maybe not fed back; the first page that comes sorts the latter out."""
    rows = db.execute(
        "SELECT envelope, state, epoch, settled_seq FROM act WHERE state = 'waiting' OR (state = 'settled' "
        "AND n > (SELECT coalesce(max(n), 0) - 1000 FROM act) AND settled_seq > 0) ORDER BY n"
    )
    pending = {}
    for data, state, epoch, seq in rows:
        act = act_of(msgspec.json.decode(data, type=Envelope))
        pending[act.act_id] = Pending(act, state, epoch or "", seq or 0)
    return pending
