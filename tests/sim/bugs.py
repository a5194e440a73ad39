"""Known bugs, put back one at a time through the world's own wiring: a simulation that finds none proves nothing.

Each is a class or a trigger that does what the product must not do; the product itself is never changed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

import msgspec
from sqlalchemy import Connection

from app.core.acts import Act, Actor
from app.core.order import LeaseStep, Order, settled
from app.core.printjob import PrintJob
from app.core.reasons import Refused
from app.station.core import StationCore
from app.store.outbox import ScanRow
from app.wire import ChangePage, Envelope, Receipt, Urgent, envelope_of
from hub.connectors.shapes import HintKind
from hub.orders.acts import ActJob
from hub.orders.coming import Come
from hub.orders.flush import Flush
from hub.orders.jobs import Answer, Failed, Job
from hub.orders.told import Heard, HintAnswer, TellJob
from hub.orders.transactions import Transactions
from hub.orders.work import Work
from sync.link import HubLink
from tests.sim.hub import StepWriter
from tests.sim.size import WHOLE, Size
from tests.sim.station import Parts, StepCache, StepOutbox
from tests.sim.world import Bug, Result, run


def first_found(bug: Bug, seeds: Iterable[int], size: Size = WHOLE) -> Result | None:
    """The first of these seeds that notices; None when none does. Its worlds know the bug's faults alone, if any."""
    for seed in seeds:
        result = run(seed, bug, size=size)
        if result.broken:
            return result
    return None


# ------------------------------------------------------------------------------------------- the hub


class _Hasty(Transactions):
    """Tells everybody before the commit."""

    def _transaction(self, jobs: Sequence[Any], blamed: Any = None) -> Any:
        conn = self._connection()
        with conn.begin():
            work, pending = self._group_judged(conn, jobs)
            numbers, committed = Flush(work).run()
            if committed is not None:
                assert isinstance(self._line, StepWriter)
                for listener in list(self._line._listeners):
                    listener(committed)
        self.head = numbers.head
        self._learn_due(work, jobs, pending, numbers)
        return [answer(numbers) for answer in pending], None


class _PublishesFirst(StepWriter):
    transactions = _Hasty


class _BelievesPushes(StepWriter):
    """A push that says "it is over" lifts the stop, without asking the platform."""

    async def hints(self, shop_id: str, heard: Sequence[Heard]) -> list[HintAnswer]:
        answers = await super().hints(shop_id, heard)
        for one, answer in zip(heard, answers, strict=True):
            if one.kind in (HintKind.changed, HintKind.refund_over) and answer.order_no:
                await self.run(partial(_lift, order_no=answer.order_no))
        return answers


def _lift(tx: Any, order_no: str) -> None:
    """What such a hub would write: the order without its stops, with a new number."""
    conn = tx.conn
    body = conn.exec_driver_sql("SELECT body FROM orders WHERE order_no = ?", (order_no,)).scalar_one()
    order = msgspec.json.decode(body, type=Order)
    hinted = [stop for stop in order.stops if stop.hint is not None]
    if not hinted or order.order_state == "cancelled":
        return
    free = settled(replace(order, stops=tuple(stop for stop in order.stops if stop.hint is None)))
    seq = conn.exec_driver_sql("UPDATE feed_head SET seq = seq + 1 RETURNING seq").scalar_one()
    conn.exec_driver_sql(
        "UPDATE orders SET body = ?, seq = ? WHERE order_no = ?", (msgspec.json.encode(free), seq, order_no)
    )


def _forgets_receipts(db: sqlite3.Connection) -> None:
    """An act that comes again is a new one."""
    db.execute(
        "CREATE TRIGGER forgets AFTER INSERT ON receipt BEGIN DELETE FROM receipt WHERE act_id = NEW.act_id; END"
    )
    db.commit()


class _ForgetfulAct(ActJob):
    """An act that is judged whether it was judged before or not."""

    def run(self, work: Work) -> Answer[Receipt]:
        work.receipts.pop(self.envelope.act_id, None)
        return super().run(work)


class _AppliesTwice(StepWriter):
    """Receipts are kept, and nobody looks at them."""

    async def acts(self, envelopes: Sequence[Envelope], by: Actor) -> list[Receipt]:
        answers = await self._ask([_ForgetfulAct(envelope, by) for envelope in envelopes])
        return [
            self._faulty(envelope) if isinstance(answer, Failed) else answer
            for envelope, answer in zip(envelopes, answers, strict=True)
        ]


def _new_receipt_wins(db: sqlite3.Connection) -> None:
    """The table's key alone would stop the second time: here the later receipt takes the place of the first."""
    db.execute(
        "CREATE TRIGGER wins BEFORE INSERT ON receipt BEGIN DELETE FROM receipt WHERE act_id = NEW.act_id; END"
    )
    db.commit()


class _NumberedAlready(Transactions):
    """Takes back the number that was given out before, in the transaction that uses it."""

    def _group_judged(self, conn: Connection, jobs: Sequence[Job[Any]], known: Work | None = None) -> Any:
        judged = super()._group_judged(conn, jobs, known)
        assert isinstance(self._line, _NumbersFirst)
        if self._line._is_numbered:
            self._line._is_numbered = False
            conn.exec_driver_sql("UPDATE feed_head SET seq = seq - 1")
        return judged


class _NumbersFirst(StepWriter):
    """Numbers are given out in a transaction of their own; the rows that carry them come a moment later.

    SQLite has one writer: it must let go between the two for anybody to see a head whose row is not there yet.
    """

    transactions = _NumberedAlready
    _is_numbered = _is_writing = False

    def _hand_over(self, come: list[Come]) -> None:
        self._is_writing |= any(isinstance(w.job, ActJob | TellJob) for _, waiting in come for w in waiting)
        super()._hand_over(come)

    def _drain(self) -> None:
        if self._is_numbered or self._loop is None:
            return
        if not self._is_writing:
            super()._drain()
            return
        self._is_writing = False
        conn = self._transactions._connection()
        with conn.begin():
            conn.exec_driver_sql("UPDATE feed_head SET seq = seq + 1")
        self._is_numbered = True
        self._loop.call_later(0.2, super()._drain)


# --------------------------------------------------------------------------------------- the station


class _DropsEarly(StepOutbox):
    """An act leaves the screen with its receipt, before the feed has brought its effect."""

    def settle(self, receipts: Sequence[Receipt], epoch: str, now: datetime, life: str | None = None) -> None:
        super().settle(receipts, epoch, now, life)
        with self._lock:
            for receipt in receipts:
                self._pending.pop(receipt.act_id, None)


class _SendsEarly(StepOutbox):
    """Acts are sent from memory, before they are on the disk."""

    def batch(self, limit: int) -> tuple[str, list[Envelope]]:
        with self._lock:
            waiting = [p.act for p in self._pending.values() if p.state == "waiting"]
        return "", [envelope_of(act, self._channel_ref(act.order_no)) for act in waiting[:limit]]

    def record(self, act: Act, *, scan: ScanRow | None = None, job: PrintJob | None = None) -> Future[None]:
        done = super().record(act, scan=scan, job=job)
        self.push_now()
        return done

    push_now: Callable[[], None] = staticmethod(lambda: None)


class _GreenTooSoon(StepOutbox):
    """The light turns green before the commit."""

    def record(self, act: Act, *, scan: ScanRow | None = None, job: PrintJob | None = None) -> Future[None]:
        super().record(act, scan=scan, job=job)
        at_once: Future[None] = Future()
        at_once.set_result(None)
        return at_once


class _LosesUrgent(StepCache):
    """A stop that comes while the copy is behind is thrown away with the next page."""

    def apply_page(self, page: ChangePage) -> frozenset[str]:
        topics = super().apply_page(page)
        self._hot.clear()
        self._file._write(lambda db: db.execute("DELETE FROM urgent"))
        return topics


class _CursorFirst(StepCache):
    """The cursor moves in a transaction of its own, before the rows."""

    def apply_page(self, page: ChangePage) -> frozenset[str]:
        file = self._filling or self._file
        rows, head = page.changes, (page.epoch, max(page.next, file.cursor.seq))
        if rows and page.epoch == file.cursor.epoch:
            file._write(lambda db: db.execute("UPDATE cursor SET epoch = ?, seq = ?", head))
            self.crash("cache after commit")
            file._write(lambda db: db.execute("UPDATE cursor SET seq = ?", (file.cursor.seq,)))
        return super().apply_page(page)


class _IgnoresUrgent(StepCache):
    """Stops wait for their page like everything else, and are shown only then."""

    def heard(self, urgent: Urgent) -> frozenset[str]:
        return frozenset()

    def apply_urgent(self, urgent: Urgent) -> frozenset[str]:
        return frozenset()


def _steps_over(link: HubLink) -> None:
    """A page of the stream goes in wherever the copy stands."""
    stream = link.stream

    async def page(came: ChangePage) -> None:
        if came.epoch == stream._parts.cache.cursor.epoch:
            await stream._feed.apply(came)

    stream._page = page  # type: ignore[method-assign]


def _asks_nobody(core: StationCore) -> None:
    """Offline, every bench may finish everything."""
    _may_all(core, ("print", "close", "handover"))


def _closes_anything(core: StationCore) -> None:
    """Offline, every bench may close everything; the gate still asks."""
    _may_all(core, ("close",))


def _may_all(core: StationCore, steps: tuple[LeaseStep, ...]) -> None:
    async def may_go(parcel_no: str, step: LeaseStep) -> Refused | None:
        refused = await asked(parcel_no, step)
        is_alone = refused is not None and refused.reason == "hub_unreachable"
        return None if is_alone and step in steps else refused

    gate = core.packing._gate
    asked, gate.may_go = gate.may_go, may_go  # type: ignore[method-assign]


def _prints_again(core: StationCore) -> None:
    """A paper that was being sent when the machine died is simply sent again."""
    db = core.outbox._link.db
    db.execute(
        "UPDATE print_job SET state = 'waiting', body = json_set(CAST(body AS TEXT), '$.state', 'waiting') "
        "WHERE state = 'sending'"
    )


def _sends_at_once(core: StationCore) -> None:
    outbox = core.outbox
    assert isinstance(outbox, _SendsEarly)
    outbox.push_now = lambda: core.bench.push_soon()


def _parts(**given: Any) -> type[Parts]:
    return type(
        "parts", (Parts,), {k: staticmethod(v) if not isinstance(v, type) else v for k, v in given.items()}
    )


#: A bench that is started anew has no lease, and cannot ask for one.
_ALONE = ("cut", "half_open", "kill_station")
BUGS: dict[str, Bug] = {
    bug.name: bug
    for bug in (
        Bug("publish before commit", writer=_PublishesFirst),
        Bug("stop lifted by a push", writer=_BelievesPushes),
        Bug("receipt not kept", prepare=_forgets_receipts),
        Bug("act applied twice", writer=_AppliesTwice, prepare=_new_receipt_wins),
        Bug("seq before commit", writer=_NumbersFirst, faults=("cut", "kill_station", "stop_in_catch_up")),
        Bug("receipt dropped early", _parts(outbox=_DropsEarly)),
        Bug("sent before on disk", _parts(outbox=_SendsEarly, started=_sends_at_once)),
        Bug("green before on disk", _parts(outbox=_GreenTooSoon), faults=("kill_station_at",)),
        Bug("urgent lost in catch-up", _parts(cache=_LosesUrgent), faults=("stop_in_catch_up",)),
        Bug("stop shown with its page", _parts(cache=_IgnoresUrgent)),
        Bug("cursor before rows", _parts(cache=_CursorFirst), faults=("kill_station_at",)),
        Bug("stream steps over a gap", _parts(joined=_steps_over)),
        Bug("lease not checked", _parts(started=_asks_nobody), faults=_ALONE),
        Bug("lease not checked at close", _parts(started=_closes_anything), faults=_ALONE),
        Bug("printed again after a crash", _parts(started=_prints_again), faults=("kill_while_printing",)),
    )
}
