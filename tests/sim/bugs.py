"""Known bugs, put back one at a time through the world's own wiring: a simulation that finds none proves nothing.

Each is a class or a trigger that does what the product must not do; the product itself is never changed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from datetime import datetime
from typing import Any

import msgspec

from app.core.acts import Act
from app.core.order import LeaseStep, Order, settled
from app.core.printjob import PrintJob
from app.core.reasons import Refused
from app.station.core import StationCore
from app.store.outbox import ScanRow
from app.wire import ChangePage, Envelope, Receipt, Urgent, envelope_of
from hub.connectors.shapes import HintKind
from hub.orders.flush import Flush
from hub.orders.told import Heard, HintAnswer
from sync.link import HubLink
from tests.sim.hub import StepWriter
from tests.sim.station import Parts, StepCache, StepOutbox
from tests.sim.world import Bug, Result, run


def first_found(bug: Bug, seeds: Iterable[int]) -> Result | None:
    """The first of these seeds that notices; None when none does."""
    for seed in seeds:
        result = run(seed, bug)
        if result.broken:
            return result
    return None


# ------------------------------------------------------------------------------------------- the hub


class _PublishesFirst(StepWriter):
    """Tells everybody before the commit."""

    def _transaction(self, jobs: Sequence[Any], blamed: Any = None) -> Any:
        conn = self._connection()
        with conn.begin():
            work, pending = self._group_judged(conn, jobs)
            numbers, committed = Flush(work).run()
            if committed is not None:
                for listener in list(self._listeners):
                    listener(committed)
        self._head = numbers.head
        self._learn_due(work, jobs, pending, numbers)
        return [answer(numbers) for answer in pending], None


class _BelievesPushes(StepWriter):
    """A push that says "it is over" lifts the stop, without asking the platform."""

    async def hints(self, shop_id: str, heard: Sequence[Heard]) -> list[HintAnswer]:
        answers = await super().hints(shop_id, heard)
        for one, answer in zip(heard, answers, strict=True):
            if one.kind in (HintKind.changed, HintKind.refund_over) and answer.order_no:
                await self.run(lambda tx, no=answer.order_no: _lift(tx, no))
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


# --------------------------------------------------------------------------------------- the station


class _DropsEarly(StepOutbox):
    """An act leaves the screen with its receipt, before the feed has brought its effect."""

    def settle(self, receipts: Sequence[Receipt], epoch: str, now: datetime) -> None:
        super().settle(receipts, epoch, now)
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


def _steps_over(link: HubLink) -> None:
    """A page of the stream goes in wherever the copy stands."""
    stream = link.stream

    async def page(came: ChangePage) -> None:
        if came.epoch == stream._parts.cache.cursor.epoch:
            await stream._feed.apply(came)

    stream._page = page  # type: ignore[method-assign]


def _asks_nobody(core: StationCore) -> None:
    """Offline, every bench may finish everything."""

    async def may_go(parcel_no: str, step: LeaseStep) -> Refused | None:
        refused = await asked(parcel_no, step)
        return None if refused is not None and refused.reason == "hub_unreachable" else refused

    asked, core.packing.may_go = core.packing.may_go, may_go  # type: ignore[method-assign]


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


BUGS: dict[str, Bug] = {
    bug.name: bug
    for bug in (
        Bug("publish before commit", writer=_PublishesFirst),
        Bug("stop lifted by a push", writer=_BelievesPushes),
        Bug("receipt not kept", prepare=_forgets_receipts),
        Bug("receipt dropped early", _parts(outbox=_DropsEarly)),
        Bug("sent before on disk", _parts(outbox=_SendsEarly, started=_sends_at_once)),
        Bug("green before on disk", _parts(outbox=_GreenTooSoon)),
        Bug("urgent lost in catch-up", _parts(cache=_LosesUrgent)),
        Bug("cursor before rows", _parts(cache=_CursorFirst)),
        Bug("stream steps over a gap", _parts(joined=_steps_over)),
        Bug("lease not checked", _parts(started=_asks_nobody)),
        Bug("printed again after a crash", _parts(started=_prints_again)),
    )
}
