"""What an order was before a change and what it is after it, for its file (FRZ-10, MAP-06). Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from app.core.history import Entry
from app.core.order import Order


def with_change(entry: Entry, before: Order, after: Order) -> Entry:
    """The entry with the old and new values of what differs, of its parcel where it names one.

    The very same entry when nothing a person would ask about has changed.
    """
    old, new = _watched(before, entry.parcel_no), _watched(after, entry.parcel_no)
    differing = [name for name in new if old.get(name) != new[name]]
    if not differing:
        return entry
    return replace(
        entry,
        before={name: old.get(name) for name in differing},
        after={name: new[name] for name in differing},
    )


def _watched(order: Order, parcel_no: str | None) -> dict[str, Any]:
    if parcel_no is None:
        return {
            "state": order.order_state,
            "is_paid": order.is_paid,
            "is_frozen": order.is_frozen,
            "is_rush": order.is_rush,
            "stops": [stop.command for stop in order.stops],
        }
    parcel = order.parcel(parcel_no)
    if parcel is None:
        return {}
    return {
        "state": parcel.state,
        "is_frozen": parcel.is_frozen,
        "holder": parcel.holder or "",
        "intercept_result": parcel.intercept_result or "",
    }
