"""A day's work in figures: one's own, and a warehouse's down to each act. Seconds are seconds of packing."""

from __future__ import annotations

from datetime import datetime

import msgspec


class MyDay(msgspec.Struct, frozen=True, kw_only=True):
    """What the caller did today: who is signed on, else the station. ``seq``: acts up to here are counted in."""

    day: str
    user: str
    seq: int
    parcels: int = 0
    units: int = 0
    seconds: int = 0
    saved: int = 0
    right: int = 0


class WorkRow(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One person (or a station acting as itself) at one bench; ``who`` "" is a whole warehouse.

    ``right``: parcels right at once. ``scanned_orders`` of ``orders`` were confirmed by scans alone.
    """

    warehouse: str
    who: str = ""
    station_id: str = ""
    station: str = ""
    is_station: bool = False
    parcels: int = 0
    units: int = 0
    seconds: int = 0
    saved: int = 0
    right: int = 0
    handed_over: int = 0
    orders: int = 0
    scanned_orders: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None


class OutboundRow(msgspec.Struct, frozen=True, kw_only=True):
    """Orders whose last parcel went in this hour of the day (None: the whole day): from payment to hand-over."""

    warehouse: str
    hour: int | None
    orders: int
    mean_s: int
    p90_s: int


class WorkDay(msgspec.Struct, frozen=True, kw_only=True):
    """``day`` YYYYMMDD in the hub's time zone. ``houses`` are the sums of ``people``, one a warehouse."""

    day: str
    today: str
    houses: list[WorkRow]
    people: list[WorkRow]
    outbound: list[OutboundRow]
    span_cap_s: int
    paperless_aim: float


class WorkAct(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One act at a bench, in the caller's words; ``text`` is empty of people to whom those are no business."""

    at: datetime
    kind: str
    text: str
    order_no: str
    parcel_no: str = ""
    who: str = ""
    station: str = ""
    seconds: int | None = None


class WorkActs(msgspec.Struct, frozen=True, kw_only=True):
    """Oldest first; ``next`` is the ``after`` of the following page, "" at the end."""

    acts: list[WorkAct]
    next: str = ""
