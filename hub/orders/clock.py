"""What time alone does: countdowns end, silent benches are named, orders leave scopes, old rows go."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select, update

from app.core import freeze
from hub.db import tables as t
from hub.db.tables import to_ms
from hub.orders.apply import apply
from hub.orders.held import CLOCK, Needs
from hub.orders.jobs import Answer, Job
from hub.orders.scope import membership
from hub.orders.work import Work

#: Due orders in one go; more wait for the next tick.
MOST = 200
#: A due order that failed on our side is tried again after so long.
_LATER = timedelta(hours=1)
#: Rows swept in one go, so that no sweep holds the line up.
_SWEPT = 1_000

RECEIPTS_KEPT = timedelta(days=45)
GONE_KEPT = timedelta(days=30)
QUARANTINE_KEPT = timedelta(days=30)


class DueJob(Job[None]):
    """One order whose time has come."""

    what = "due"

    def __init__(self, order_no: str, now: datetime) -> None:
        self.order_no = order_no
        self.now = now

    def needs(self, needs: Needs) -> None:
        needs.order_nos.add(self.order_no)

    def run(self, work: Work) -> Answer[None]:
        held = work.held[self.order_no]
        order, rules = held.order, work.rules_of(held.order)
        ticked, entries = freeze.tick(order, self.now, rules)
        if ticked is not order:
            apply(work, ticked, entries, CLOCK)
            return lambda numbers: None
        at = membership(order, held.changed_at, self.now, rules)
        work.put(work.held, self.order_no, replace(held, at=at))
        work.put(work.moved, self.order_no, None)
        return lambda numbers: None

    def fault(self, work: Work, error: Exception) -> Answer[None]:
        """Kept for a person; the order is looked at again later, so that it does not block the others."""
        order = work.order(self.order_no)
        work.quarantine(self.what, self.order_no, error, {"order_no": self.order_no})
        work.raise_alarm("our_fault", "major", order, "", {"order_no": self.order_no})
        work.row(work.sql.due_later, (to_ms(work.now + _LATER), self.order_no))
        return lambda numbers: None


class DueListJob(Job[list[str]]):
    """Orders whose time has come, the longest overdue first."""

    what = "due list"

    def __init__(self, now: datetime) -> None:
        self.now = now

    def run(self, work: Work) -> Answer[list[str]]:
        due_at = t.orders.c.due_at
        asked = select(t.orders.c.order_no).where(due_at <= self.now).order_by(due_at).limit(MOST)
        order_nos = list(work.conn.execute(asked).scalars())
        return lambda numbers: order_nos


class NextDueJob(Job[datetime | None]):
    """When the clock has something to do next, asked inside the writer: nothing can slip in between."""

    what = "next due"
    is_alone = True

    def run(self, work: Work) -> Answer[datetime | None]:
        due = work.conn.execute(select(func.min(t.orders.c.due_at))).scalar_one()
        return lambda numbers: due


class SweepJob(Job[int]):
    """Removes what nobody needs any more; gives how many rows went."""

    what = "sweep"
    is_alone = True

    def run(self, work: Work) -> Answer[int]:
        swept = self._gone(work)
        for table, key, column, kept in (
            (t.receipt, t.receipt.c.act_id, t.receipt.c.at, RECEIPTS_KEPT),
            (t.quarantine, t.quarantine.c.quarantine_id, t.quarantine.c.at, QUARANTINE_KEPT),
        ):
            old = select(key).where(column < work.now - kept).limit(_SWEPT)
            swept += work.conn.execute(delete(table).where(key.in_(old))).rowcount
        return lambda numbers: swept

    def _gone(self, work: Work) -> int:
        """Cursors older than the newest swept tombstone must begin at 0 from now on."""
        old = select(t.gone.c.seq).where(t.gone.c.at < work.now - GONE_KEPT)
        newest = work.conn.execute(select(func.max(old.subquery().c.seq))).scalar_one()
        if newest is None:
            return 0
        floor = t.feed_head.c.gone_floor
        work.conn.execute(update(t.feed_head).where(floor < newest).values(gone_floor=newest))
        return work.conn.execute(delete(t.gone).where(t.gone.c.at < work.now - GONE_KEPT)).rowcount
