"""What one write transaction holds of each thing: frozen values, so that a job can be taken back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec

from app.core.acts import Actor
from app.core.order import LeaseStep, Order
from app.core.tracking import Track
from app.core.values import quickly_made
from app.wire import Outcome, PrinterReport, StationView
from hub.db.tables import from_ms
from hub.orders.scope import Membership
from hub.orders.statements import Row


@dataclass(frozen=True, slots=True)
class Cause:
    """Who changed something, from where, and by which act: stands in every history row."""

    actor: str = ""
    station_id: str | None = None
    act_id: str | None = None
    made_at: datetime | None = None
    source: str = "hub"
    cause: str = ""

    @classmethod
    def of(cls, by: Actor, act_id: str | None = None, made_at: datetime | None = None) -> Cause:
        return cls(by.name, by.station_id, act_id, made_at, by.source)


CLOCK = Cause(cause="clock")


@quickly_made
@dataclass(frozen=True, slots=True)
class Held:
    """An order as this transaction sees it."""

    order: Order
    changed_at: datetime
    at: Membership
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class HeldTrack:
    track: Track
    order_no: str
    body: bytes


@dataclass(frozen=True, slots=True)
class HeldStation:
    """What the writer needs to know of a station."""

    station_id: str
    warehouse: str
    is_revoked: bool
    last_beat_at: datetime | None
    waiting_acts: int
    clock_offset: timedelta
    fed_at: datetime | None
    shown: tuple[Any, ...]
    is_silent: bool = False

    def is_online(self, now: datetime, within_s: int) -> bool:
        last = self.last_beat_at
        return not self.is_revoked and last is not None and now - last <= timedelta(seconds=within_s)


@dataclass(frozen=True, slots=True)
class HeldLease:
    """A lease whose end the hub does not know yet."""

    lease_id: str
    parcel_no: str
    order_no: str
    station_id: str
    step: LeaseStep
    until: datetime
    #: Nobody granted it here: see hub.orders.claims.
    is_presumed: bool = False


#: Stands as ``how`` in the row of an unsettled lease that is presumed.
PRESUMED = "presumed"


@quickly_made
@dataclass(frozen=True, slots=True)
class KeptAct:
    """A fact of an order that nobody has; ``order_no`` is what it called it. Both blobs are JSON."""

    act_id: str
    order_no: str
    actor: bytes
    envelope: bytes


@quickly_made
@dataclass(frozen=True, slots=True)
class HeldReceipt:
    """An answer given before, or in this group: then ``seq`` is found by order and history row."""

    act_hash: bytes
    outcome: Outcome
    reason: str
    params: dict[str, str]
    seq: int = 0
    order_no: str = ""
    history_at: int = -1
    is_new: bool = False


#: Stands for each event of a platform that was answered, unless it was about an order that we knew.
ANSWERED = HeldReceipt(b"", "applied", "", {}, is_new=True)


class Needs:
    """What the jobs of a group will read, so that it is read at once."""

    def __init__(self) -> None:
        self.order_nos: set[str] = set()
        self.parcel_nos: set[str] = set()
        self.natural: set[tuple[str, str]] = set()
        self.act_ids: set[str] = set()
        #: Keys of platforms' events, always along with the orders they are about.
        self.events: set[str] = set()
        self.skus: set[str] = set()
        #: (shop_id, channel_order_no) whose kept hints are read.
        self.kept: set[tuple[str, str]] = set()


@dataclass(frozen=True, slots=True)
class Numbers:
    """The numbers a group took. ``head`` is the feed's head after it."""

    head: int
    first_history: int
    order_seq: dict[str, int]

    def of(self, order_no: str, history_at: int = -1) -> int:
        """The seq a reader must have passed to have seen what happened to this order."""
        if order_no in self.order_seq:
            return self.order_seq[order_no]
        return self.first_history + history_at if history_at >= 0 else self.head


SELECT_STATION = (
    "SELECT station_id, warehouse, is_revoked, last_beat_at, waiting_acts, clock_offset_ms, fed_at,"
    " printers, sign_on, seq_seen, silent_at FROM station WHERE station_id"
)
SELECT_STATION_VIEW = (
    "SELECT station_id, name, kind, warehouse, is_revoked, last_beat_at, seq_seen, waiting_acts, printers,"
    " sign_on, oldest_waiting_at, silent_at FROM station WHERE station_id"
)


def station_view(row: Row) -> StationView:
    """The fed body of a station, from a row of :data:`SELECT_STATION_VIEW`."""
    return StationView(
        station_id=row[0],
        name=row[1],
        kind=row[2],
        warehouse=row[3],
        is_revoked=bool(row[4]),
        last_beat_at=None if row[5] is None else from_ms(row[5]),
        seq_seen=row[6],
        waiting_acts=row[7],
        printers=msgspec.json.decode(row[8], type=list[PrinterReport]),
        sign_on=row[9],
        oldest_waiting_at=from_ms(row[10]) if row[10] else None,
        silent_at=from_ms(row[11]) if row[11] else None,
    )


def station_of(row: Row) -> HeldStation:
    """From a row of :data:`SELECT_STATION`."""
    return HeldStation(
        station_id=row[0],
        warehouse=row[1],
        is_revoked=bool(row[2]),
        last_beat_at=None if row[3] is None else from_ms(row[3]),
        waiting_acts=row[4],
        clock_offset=timedelta(milliseconds=row[5]),
        fed_at=None if row[6] is None else from_ms(row[6]),
        shown=(bytes(row[7]), row[8], row[4] > 0),
        is_silent=row[10] is not None,
    )
