"""Why not: every refusal has a name here and its words, sound and colour in resources/texts/reasons.toml."""

from __future__ import annotations

from dataclasses import field
from enum import StrEnum

from app.core.values import dataclass


class Reason(StrEnum):
    # at the scan (scan_result of the glossary)
    wrong_item = "wrong_item"
    over_quantity = "over_quantity"
    duplicate_read = "duplicate_read"
    frozen = "frozen"
    not_ours = "not_ours"
    unknown_code = "unknown_code"
    outdated_label = "outdated_label"
    outdated_slip = "outdated_slip"
    on_hold = "on_hold"
    no_lease = "no_lease"
    already_handed_over = "already_handed_over"
    nothing_open = "nothing_open"
    no_single = "no_single"
    not_finished = "not_finished"
    same_unit = "same_unit"
    doubtful_label = "doubtful_label"
    too_light = "too_light"
    too_heavy = "too_heavy"
    label_apart = "label_apart"
    several_slips = "several_slips"
    several_labels = "several_labels"
    not_kept = "not_kept"
    # in the life of an order
    order_unknown = "order_unknown"
    parcel_unknown = "parcel_unknown"
    line_unknown = "line_unknown"
    stop_unknown = "stop_unknown"
    not_released = "not_released"
    not_paid = "not_paid"
    not_complete = "not_complete"
    not_packed = "not_packed"
    nothing_packed = "nothing_packed"
    nothing_to_split = "nothing_to_split"
    already_packed = "already_packed"
    already_cancelled = "already_cancelled"
    already_delivered = "already_delivered"
    being_cancelled = "being_cancelled"
    nothing_to_change = "nothing_to_change"
    note_required = "note_required"
    waybill_missing = "waybill_missing"
    refund_asked = "refund_asked"
    # on the wire
    id_reused = "id_reused"
    too_old = "too_old"
    our_fault = "our_fault"
    bad_body = "bad_body"
    not_allowed = "not_allowed"
    not_supported = "not_supported"
    hub_unreachable = "hub_unreachable"
    not_here_yet = "not_here_yet"
    needs_hub = "needs_hub"


@dataclass(frozen=True, slots=True)
class Refused:
    """An answer, never a blockage. ``params`` fill the reason's sentence."""

    reason: Reason
    params: dict[str, str] = field(default_factory=dict)
