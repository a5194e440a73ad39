"""Courier nodes: the 12 kinds, merging answers into one track, and what they do to a parcel's state."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

from app.core.lifecycle import may_become
from app.core.order import OrderState
from app.core.values import dataclass

S = OrderState


class NodeKind(StrEnum):
    label_created = "label_created"
    awaiting_pickup = "awaiting_pickup"
    picked_up = "picked_up"
    origin_departed = "origin_departed"
    hub_arrived = "hub_arrived"
    hub_departed = "hub_departed"
    dest_arrived = "dest_arrived"
    out_for_delivery = "out_for_delivery"
    at_pickup_point = "at_pickup_point"
    delivered = "delivered"
    delivery_problem = "delivery_problem"
    returning = "returning"
    customs_pending = "customs_pending"
    customs_cleared = "customs_cleared"
    customs_held = "customs_held"
    other = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackNode:
    """One event of a courier. ``raw_text`` is the courier's own words with phones masked."""

    at: datetime
    kind: NodeKind
    raw_text: str = ""
    place: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """Feed kind ``track``: all nodes of one parcel, oldest first."""

    parcel_no: str
    order_no: str
    carrier: str = ""
    waybill_no: str = ""
    nodes: tuple[TrackNode, ...] = ()
    synced_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Follow:
    """What a node does to the parcel: its new state, and whether the jump was impossible (MAP-08)."""

    state: OrderState
    is_jump: bool


_MOVING = frozenset(set(NodeKind) - {NodeKind.label_created, NodeKind.awaiting_pickup, NodeKind.other})
_TARGET = {NodeKind.delivered: S.delivered, NodeKind.returning: S.returning}


def merge_nodes(known: Iterable[TrackNode], came: Iterable[TrackNode]) -> tuple[TrackNode, ...]:
    """Both lists as one, doubles gone, by time; two nodes of one second keep the order they came in."""
    merged: dict[tuple[datetime, NodeKind, str], TrackNode] = {}
    for node in (*known, *came):
        merged.setdefault((node.at, node.kind, node.raw_text), node)
    return tuple(sorted(merged.values(), key=lambda node: node.at))


def follow(state: OrderState, kind: NodeKind) -> Follow:
    """The parcel's state after a node. An impossible jump keeps the state and is flagged."""
    if kind not in _MOVING or state is S.shipped_despite_cancel:
        return Follow(state, is_jump=False)
    target = _TARGET.get(kind, S.in_transit)
    if target is S.in_transit and state in (S.in_transit, S.delivered, S.closed, S.returning, S.returned):
        return Follow(state, is_jump=False)
    if may_become(state, target):
        return Follow(target, is_jump=False)
    return Follow(state, is_jump=True)
