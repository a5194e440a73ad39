"""Acts: what a station or a rep sends. Facts have happened and are always recorded; commands are asked.

``body`` is one of the small frozen shapes below, chosen by ``kind`` (:data:`BODIES`). The wire carries it
as a JSON object of the same fields.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Literal

from app.core.values import dataclass


class ActKind(StrEnum):
    # facts
    opened = "opened"
    line_packed = "line_packed"
    line_unpacked = "line_unpacked"
    parcel_closed = "parcel_closed"
    slip_printed = "slip_printed"
    label_printed = "label_printed"
    freeze_shown = "freeze_shown"
    freeze_acked = "freeze_acked"
    parcel_pulled = "parcel_pulled"
    put_back = "put_back"
    waybill_bound = "waybill_bound"
    barcode_learned = "barcode_learned"
    handed_over = "handed_over"
    marked_abnormal = "marked_abnormal"
    # commands
    cancel = "cancel"
    change_address = "change_address"
    change_remark = "change_remark"
    rush = "rush"
    hold = "hold"
    release = "release"
    decide_conflict = "decide_conflict"
    take_over = "take_over"
    redo_label = "redo_label"
    reveal = "reveal"
    close_refund = "close_refund"
    message_sent = "message_sent"
    split_parcel = "split_parcel"


_KINDS = list(ActKind)
FACTS = frozenset(_KINDS[: _KINDS.index(ActKind.cancel)])
COMMANDS = frozenset(_KINDS) - FACTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Nothing:
    """The body of acts that say all by their kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinePacked:
    line_no: int
    qty: int = 1
    code: str = ""
    by_hand: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LineUnpacked:
    line_no: int
    qty: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ParcelClosed:
    weight_g: int = 0
    by_hand: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Printed:
    """slip_printed, label_printed. ``copy`` 1 is the first paper; later copies carry a reason."""

    job_key: str
    copy: int = 1
    version: int = 1
    reason: str = ""
    waybill_no: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FreezeSeen:
    """freeze_shown, freeze_acked: which stops the person at the bench saw; ``how`` = key, click, scan."""

    stop_ids: tuple[str, ...]
    how: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParcelPulled:
    how: Literal["found", "handover_refused"] = "found"
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PutBack:
    line_no: int
    qty: int = 1
    bin: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WaybillBound:
    waybill_no: str
    carrier: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BarcodeLearned:
    code: str
    sku_code: str
    pack_qty: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedOver:
    carrier: str = ""
    list_no: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkedAbnormal:
    reason: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageSent:
    """A person sent the buyer this message by hand."""

    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancel:
    """``is_final`` is for a platform's last word: it takes effect at once, without the countdown."""

    reason: str = ""
    note: str = ""
    line_nos: tuple[int, ...] = ()
    is_final: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeAddress:
    consignee_name: str = ""
    consignee_phone: str = ""
    consignee_address: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRemark:
    seller_remark: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rush:
    is_rush: bool = True
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    reason: str = "manual"
    note: str = ""
    line_nos: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """Without ``stop_id``: releases an order that waits for its audit; with it: lifts that one stop."""

    stop_id: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecideConflict:
    stop_id: str
    choice: Literal["cancel", "rush"]
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeOver:
    statement: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """redo_label, reveal, close_refund: asked with a reason."""

    reason: str = ""


BODIES: dict[ActKind, type] = {
    ActKind.opened: Nothing,
    ActKind.line_packed: LinePacked,
    ActKind.line_unpacked: LineUnpacked,
    ActKind.parcel_closed: ParcelClosed,
    ActKind.slip_printed: Printed,
    ActKind.label_printed: Printed,
    ActKind.freeze_shown: FreezeSeen,
    ActKind.freeze_acked: FreezeSeen,
    ActKind.parcel_pulled: ParcelPulled,
    ActKind.put_back: PutBack,
    ActKind.waybill_bound: WaybillBound,
    ActKind.barcode_learned: BarcodeLearned,
    ActKind.handed_over: HandedOver,
    ActKind.marked_abnormal: MarkedAbnormal,
    ActKind.message_sent: MessageSent,
    ActKind.cancel: Cancel,
    ActKind.change_address: ChangeAddress,
    ActKind.change_remark: ChangeRemark,
    ActKind.rush: Rush,
    ActKind.hold: Hold,
    ActKind.release: Release,
    ActKind.decide_conflict: DecideConflict,
    ActKind.take_over: TakeOver,
    ActKind.redo_label: Explained,
    ActKind.reveal: Explained,
    ActKind.close_refund: Explained,
    ActKind.split_parcel: Nothing,
}

Body = (
    Nothing
    | LinePacked
    | LineUnpacked
    | ParcelClosed
    | Printed
    | FreezeSeen
    | ParcelPulled
    | PutBack
    | WaybillBound
    | BarcodeLearned
    | HandedOver
    | MarkedAbnormal
    | MessageSent
    | Cancel
    | ChangeAddress
    | ChangeRemark
    | Rush
    | Hold
    | Release
    | DecideConflict
    | TakeOver
    | Explained
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One act. ``act_id`` is made once, where it happened, and stays on every resend."""

    act_id: str
    kind: ActKind
    order_no: str
    made_at: datetime
    parcel_no: str | None = None
    body: Body = Nothing()

    @property
    def is_fact(self) -> bool:
        return self.kind in FACTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who acts: the signed-on person (or the station itself), their role, and where."""

    name: str
    role: str
    station_id: str | None = None
    source: str = "hub"
