"""What desks ask about one order or parcel: leases, the go check, labels, stories, courier news."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import msgspec

from app.core.order import Consignee, LeaseStep, Order


class LeaseAsk(msgspec.Struct, frozen=True, kw_only=True):
    """At most 200 parcels in one request; ``give_back`` ends the station's own leases.

    ``only_free``: nothing moves from another station, and nothing that somebody has begun is granted.
    """

    parcel_nos: list[str]
    step: LeaseStep = "close"
    give_back: bool = False
    only_free: bool = False


class LeaseAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Per parcel. ``seconds`` counts from *sending* the request, already 30 s less than granted.

    ``seq``: what the order's row carries once the feed shows the grant; a row before it tells of former holders.
    """

    parcel_no: str
    granted: bool
    seconds: int = 0
    seq: int = 0
    reason: str = ""
    params: dict[str, str] = {}
    label: LabelData | None = None


class GoAsk(msgspec.Struct, frozen=True, kw_only=True):
    parcel_no: str
    step: LeaseStep


class GoAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """``platform``: "" need not be asked (its words reach the hub by themselves), ``told`` was asked, ``silent`` could
    not be asked in time: then the hub's own state decided."""

    ok: bool
    reason: str = ""
    params: dict[str, str] = {}
    seq: int = 0
    platform: Literal["", "told", "silent"] = ""


class TrackAsked(msgspec.Struct, frozen=True, kw_only=True):
    """What became of asking a courier source for news now; ``text`` says it in the caller's language.

    ``asked`` False without ``trouble``: too early, ``allowed_at`` is when. ``trouble``: ``no_source``, ``no_waybill``,
    ``later`` (the source is away), ``not_taken`` (it refuses the number), ``settings`` (it refuses us).
    """

    asked: bool
    allowed_at: datetime | None = None
    new_nodes: int = 0
    trouble: str = ""
    text: str = ""


class LabelData(msgspec.Struct, frozen=True, kw_only=True):
    """What one label needs, full consignee included: lives in memory until the lease ends."""

    parcel_no: str
    waybill_no: str = ""
    carrier: str = ""
    routing_code: str = ""
    consignee_name: str = ""
    consignee_phone: str = ""
    consignee_address: str = ""
    print_data: dict[str, Any] = {}


class StoryEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a story, its text in the caller's language."""

    at: datetime
    kind: str
    text: str
    source: str
    actor: str = ""
    detail: dict[str, Any] = {}
    raw: str | None = None


class RevealAsk(msgspec.Struct, frozen=True, kw_only=True):
    reason: str


class Revealed(msgspec.Struct, frozen=True, kw_only=True):
    """The full consignee, once, to one person, with the reason in the order's file."""

    order_no: str
    consignee: Consignee
    buyer_nick: str = ""


class CourierNode(msgspec.Struct, frozen=True, kw_only=True):
    at: datetime
    kind: str
    text: str = ""
    place: str = ""


class CourierPush(msgspec.Struct, frozen=True, kw_only=True):
    """What the rehearsal courier pushes; real couriers have shapes of their own."""

    waybill_no: str
    carrier: str = ""
    nodes: list[CourierNode]


class CourierAnswer(msgspec.Struct, frozen=True, kw_only=True):
    known: bool
    new_nodes: int = 0


class OrderList(msgspec.Struct, frozen=True, kw_only=True):
    orders: list[Order]
    next: str = ""
