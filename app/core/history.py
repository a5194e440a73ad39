"""History kinds: what can stand in an order's file. Stored as kind + params; text is made on reading."""

from __future__ import annotations

from dataclasses import field
from datetime import datetime
from enum import StrEnum
from typing import Any

from app.core.values import dataclass, quickly_made


class HistoryKind(StrEnum):
    """Words in resources/texts/history.toml, one entry per kind."""

    received = "received"
    paid = "paid"
    updated = "updated"
    released = "released"
    opened = "opened"
    leased = "leased"
    lease_returned = "lease_returned"
    lease_moved = "lease_moved"
    line_packed = "line_packed"
    line_unpacked = "line_unpacked"
    parcel_closed = "parcel_closed"
    parcel_reopened = "parcel_reopened"
    parcel_split = "parcel_split"
    slip_printed = "slip_printed"
    label_printed = "label_printed"
    waybill_taken = "waybill_taken"
    waybill_bound = "waybill_bound"
    waybill_voided = "waybill_voided"
    stop_set = "stop_set"
    stop_lifted = "stop_lifted"
    hinted = "hinted"
    hint_cleared = "hint_cleared"
    request_took_effect = "request_took_effect"
    address_changed = "address_changed"
    cancel_asked = "cancel_asked"
    cancel_took_effect = "cancel_took_effect"
    cancel_withdrawn = "cancel_withdrawn"
    lines_cancel_asked = "lines_cancel_asked"
    lines_cancelled = "lines_cancelled"
    lines_refunded = "lines_refunded"
    stop_covers = "stop_covers"
    intercept_answered = "intercept_answered"
    freeze_shown = "freeze_shown"
    freeze_acked = "freeze_acked"
    parcel_pulled = "parcel_pulled"
    put_back = "put_back"
    handed_over = "handed_over"
    shipped_despite_cancel = "shipped_despite_cancel"
    marked_abnormal = "marked_abnormal"
    rushed = "rushed"
    remark_changed = "remark_changed"
    barcode_learned = "barcode_learned"
    revealed = "revealed"
    taken_over = "taken_over"
    message_queued = "message_queued"
    message_sent = "message_sent"
    message_failed = "message_failed"
    track_node = "track_node"
    state_followed = "state_followed"
    jump_flagged = "jump_flagged"
    clash = "clash"
    refused = "refused"


@quickly_made
@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One row to be written: params are plain JSON values and never hold personal data."""

    kind: HistoryKind
    parcel_no: str | None = None
    params: dict[str, Any] = field(default_factory=dict)
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryRow:
    """One row as it is fed: the body of feed kind ``history``, key = str(id)."""

    id: int
    order_no: str
    parcel_no: str | None = None
    kind: str
    params: dict[str, Any] = field(default_factory=dict)
    at: datetime
    made_at: datetime | None = None
    actor: str = ""
    station_id: str | None = None
    act_id: str | None = None
    cause: str = ""
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None
    source: str = "hub"
