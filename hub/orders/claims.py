"""Who may still be at work on a parcel: leases as they are written, and those a restored hub has to reckon with.

A hub brought back from a backup lacks what it granted since. Until a station that it waits for has spoken (sent
everything again, asked again for what it holds), or a supervisor has answered for it, a parcel of its warehouse that
is called back counts as claimed by it: as if it were leased up to the hand-over (design 3.7, 3.8, 3.11).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from app.core.history import Entry
from app.core.order import InterceptResult, LeaseStep, Order, Parcel
from hub.db.tables import to_ms
from hub.orders.held import PRESUMED, HeldLease
from hub.orders.work import Work

Rule = Callable[[Order], tuple[Order, list[Entry]]]


def new_lease(
    work: Work,
    parcel: Parcel,
    order_no: str,
    station_id: str,
    step: LeaseStep,
    until: datetime,
    how: str = "",
) -> None:
    """One more unsettled lease of this parcel; the leases it has are read."""
    is_presumed = how == PRESUMED
    lease = HeldLease(work.new_id(), parcel.parcel_no, order_no, station_id, step, until, is_presumed)
    work.put(work.leases, parcel.parcel_no, (*work.leases.get(parcel.parcel_no, ()), lease))
    head = (lease.lease_id, parcel.parcel_no, order_no, station_id, step)
    work.row(work.sql.lease, (*head, work.now_ms, to_ms(until), how))


def is_waited_for(work: Work, station_id: str) -> bool:
    """Whether a restored hub has not yet got back what this station did before: nothing of it is settled."""
    restored = work.restored()
    if restored is None or not restored.is_locked:
        return False
    return any(late.station_id == station_id for late in restored.waiting)


def presumed(work: Work, before: Order, called: Order) -> Order | None:
    """The order as it has to be judged again; None: what was decided stands.

    Something is to be judged again when parcels are called "stopped" only because nobody is known to hold them, and
    stations are waited for that may.
    """
    unclaimed = [p for p in before.parcels if _only_unclaimed(p, called.parcel(p.parcel_no))]
    restored = work.restored() if unclaimed else None
    if restored is None or not restored.is_locked:
        return None
    late = [one.station_id for one in restored.waiting if _is_of(work, one.station_id, before.warehouse)]
    if not late:
        return None
    until = restored.restored_at + timedelta(seconds=work.settings.lease_s)
    for parcel in unclaimed:
        work.load_leases([parcel.parcel_no])
        for station_id in late:
            new_lease(work, parcel, before.order_no, station_id, "handover", until, PRESUMED)
        held = replace(parcel, holder=late[-1], lease_until=until, lease_step="handover")
        before = before.with_parcel(held)
    return before


def judged(work: Work, before: Order, rule: Rule) -> tuple[Order, list[Entry]]:
    """What ``rule`` makes of the order, once more where parcels have to count as claimed."""
    order, entries = rule(before)
    claimed = presumed(work, before, order)
    return (order, entries) if claimed is None else rule(claimed)


def _only_unclaimed(was: Parcel, now: Parcel | None) -> bool:
    is_stopped = now is not None and now.intercept_result is InterceptResult.stopped
    return is_stopped and was.intercept_result is None and not was.is_claimed


def _is_of(work: Work, station_id: str, warehouse: str) -> bool:
    station = work.station(station_id)
    return station is not None and not station.is_revoked and station.warehouse == warehouse
