"""Waybill numbers of the pool: the same parcel gets the same number, a void gives it back (design 2.10)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec

from app.core.history import Entry, HistoryKind
from app.core.order import Order, OrderState, Parcel
from hub.orders.held import Cause
from hub.orders.statements import Row
from hub.orders.work import Work

#: At so few numbers left a supervisor is told.
LOW = 20
#: Numbers read ahead: the largest lease request and those that make it low.
_AHEAD = 200 + LOW + 1

_FREE, _TAKEN, _VOID = "free", "taken", "void"


def taken(work: Work, order: Order, parcel: Parcel) -> tuple[Order, list[Entry]]:
    """The order with a waybill number on this parcel: its own, the one it had before, or a new one.

    Unchanged, with an alarm, when the pool has none for its carrier.
    """
    if parcel.waybill_no:
        return order, []
    found = _of_parcel(work, parcel) or (None if _is_locked(work, order) else _next(work, order, parcel))
    if found is None:
        return order, []
    carrier, waybill_no, routing_code = found[:3]
    parcel = replace(parcel, carrier=carrier, waybill_no=waybill_no, routing_code=routing_code)
    work.row(work.sql.pool_state, (_TAKEN, parcel.parcel_no, work.now_ms, carrier, waybill_no))
    params = {"waybill_no": waybill_no, "carrier": carrier}
    entry = Entry(kind=HistoryKind.waybill_taken, parcel_no=parcel.parcel_no, params=params)
    return order.with_parcel(parcel), [entry]


def _is_locked(work: Work, order: Order) -> bool:
    """After a restore nobody knows which numbers are on labels, until the stations have said (design 3.11)."""
    restored = work.restored()
    if restored is None or not restored.is_locked:
        return False
    names = ", ".join(late.name for late in restored.waiting)
    work.raise_alarm("waybills_locked", "major", None, "", {"names": names}, order.warehouse)
    return True


def on_label(work: Work, order_no: str, parcel_no: str, waybill_no: str, why: Cause) -> None:
    """A label was printed with this number: it is the parcel's, and nobody else gets it.

    Changes something only after a restore, where the number was taken in another life.
    """
    order = work.order(order_no)
    parcel = order.parcel(parcel_no) if order else None
    if order is None or parcel is None or parcel.waybill_no == waybill_no:
        return
    rows = work.sql.fetch(
        work.conn,
        "SELECT carrier, routing_code, pool_state, parcel_no FROM waybill_pool WHERE waybill_no",
        [waybill_no],
    )
    carrier, routing_code, state, owner = rows[0] if rows else (parcel.carrier, "", "", None)
    if state == _TAKEN and owner not in (None, parcel_no):
        said = {"waybill_no": waybill_no, "other": owner}
        work.raise_alarm("waybill_twice", "critical", order, parcel_no, said)
        return
    if parcel.waybill_no:
        return  # it has another by now: the label that was printed is void, and was void before
    if state == _FREE:
        work.row(work.sql.pool_state, (_TAKEN, parcel_no, work.now_ms, carrier, waybill_no))
        work.put(work.pool_used, (carrier, waybill_no), None)
    bound = replace(parcel, waybill_no=waybill_no, carrier=carrier, routing_code=routing_code)
    params = {"waybill_no": waybill_no, "carrier": carrier}
    entry = Entry(kind=HistoryKind.waybill_taken, parcel_no=parcel_no, params=params)
    work.change(order.with_parcel(bound))
    work.write(order_no, [entry], why)


def given_back(work: Work, before: Order, order: Order) -> tuple[Order, list[Entry]]:
    """After a change: numbers of parcels that got cancelled or another number return to the pool.

    A number that was printed on a label is void: it must not come to a second parcel.
    """
    entries: list[Entry] = []
    for parcel in order.parcels:
        old = before.parcel(parcel.parcel_no)
        if old is None or not old.waybill_no:
            continue
        is_cancelled = parcel.state is OrderState.cancelled and old.state is not OrderState.cancelled
        if not is_cancelled and parcel.waybill_no == old.waybill_no:
            continue
        if _of_parcel(work, old) is None:
            continue
        state = _VOID if old.label_count else _FREE
        owner = old.parcel_no if old.label_count else None
        work.row(work.sql.pool_state, (state, owner, work.now_ms, old.carrier, old.waybill_no))
        if is_cancelled and state == _FREE:
            order = order.with_parcel(replace(parcel, waybill_no="", routing_code=""))
        params = {"waybill_no": old.waybill_no, "carrier": old.carrier}
        entries.append(Entry(kind=HistoryKind.waybill_voided, parcel_no=old.parcel_no, params=params))
    return order, entries


def print_data(work: Work, parcel: Parcel) -> dict[str, Any]:
    """What the carrier's template needs beside the address; empty when the number is not of the pool."""
    rows = work.sql.fetch(
        work.conn,
        "SELECT carrier, print_data FROM waybill_pool WHERE waybill_no",
        [parcel.waybill_no],
    )
    data = next((row[1] for row in rows if row[0] == parcel.carrier), b"{}")
    return msgspec.json.decode(data, type=dict[str, Any])


def _of_parcel(work: Work, parcel: Parcel) -> Row | None:
    rows = work.sql.fetch(
        work.conn,
        "SELECT carrier, waybill_no, routing_code FROM waybill_pool"
        f" WHERE pool_state = '{_TAKEN}' AND parcel_no",
        [parcel.parcel_no],
    )
    return rows[0] if rows else None


def _next(work: Work, order: Order, parcel: Parcel) -> Row | None:
    key = (parcel.carrier, order.warehouse)
    if key not in work.pools:
        work.pools[key] = _free(work, *key)
    read = work.pools[key]
    left = [row for row in read if row[:2] not in work.pool_used]
    if len(read) < _AHEAD and len(left) <= LOW + 1:
        _tell(work, order, left[0][0] if left else parcel.carrier, len(left) - 1)
    if not left:
        return None
    work.put(work.pool_used, left[0][:2], None)
    return left[0]


def _free(work: Work, carrier: str, warehouse: str) -> tuple[Row, ...]:
    rows = _asked_free(work, carrier, warehouse)
    if len(rows) < _AHEAD and work.sql.has_others:
        # what another process took while this one waited for its rows is left out: now there is nobody to wait for
        return _asked_free(work, carrier, warehouse)
    return rows


def _asked_free(work: Work, carrier: str, warehouse: str) -> tuple[Row, ...]:
    mark = work.sql.mark
    rows = work.conn.exec_driver_sql(
        "SELECT carrier, waybill_no, routing_code FROM waybill_pool"
        f" WHERE pool_state = '{_FREE}' AND (carrier = {mark} OR {mark} = '') AND warehouse IN ('', {mark})"
        f" ORDER BY carrier, waybill_no LIMIT {_AHEAD}{work.sql.for_update}",
        (carrier, carrier, warehouse),
    )
    return tuple(tuple(row) for row in rows)


def _tell(work: Work, order: Order, carrier: str, left: int) -> None:
    """Raise the alarm, unless this shop never filled a pool for the carrier."""
    if left >= 0:
        params = {"carrier": carrier, "n": str(left)}
        work.raise_alarm("waybills_low", "minor", None, "", params, order.warehouse)
    elif work.sql.fetch(work.conn, "SELECT 1 FROM waybill_pool WHERE carrier", [carrier], " LIMIT 1"):
        work.raise_alarm("waybills_out", "major", None, "", {"carrier": carrier}, order.warehouse)
