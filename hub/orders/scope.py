"""Who still sees an order: packing benches while there is work or news, service desks for half a year."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from app.core import freeze
from app.core.freeze import Rules
from app.core.order import GONE_STATES, SETTLED_STATES, Order

#: Ages count from the last change at the hub (design 3.1).
PACKING_KEEPS = timedelta(days=3)
SERVICE_KEEPS = timedelta(days=180)

_OFF_THE_FLOOR = GONE_STATES | SETTLED_STATES


@dataclass(frozen=True, slots=True)
class Membership:
    """Stored beside the order; ``due_at`` is when time alone next changes the order or this."""

    in_packing: bool
    in_service: bool
    due_at: datetime | None


_ON_THE_FLOOR = Membership(in_packing=True, in_service=True, due_at=None)


def membership(order: Order, changed_at: datetime, now: datetime, rules: Rules) -> Membership:
    """Where the order belongs at ``now``, given its last change."""
    due = freeze.due_at(order, rules)
    if _has_floor_work(order):
        return Membership(True, True, due) if due else _ON_THE_FLOOR
    leaves_packing = changed_at + PACKING_KEEPS
    leaves_service = changed_at + SERVICE_KEEPS
    in_packing, in_service = now < leaves_packing, now < leaves_service
    leaves = leaves_packing if in_packing else leaves_service if in_service else None
    moments = [moment for moment in (due, leaves) if moment is not None]
    return Membership(in_packing, in_service, min(moments, default=None))


def _has_floor_work(order: Order) -> bool:
    """Somebody may still have to lay a hand on it: a box in the house, or a stop not answered yet."""
    if order.stops:
        return True
    return any([parcel.state not in _OFF_THE_FLOOR for parcel in order.parcels])  # noqa: C419 - quicker for one
