"""The one rule of the line: what an act does to an order. The same function at the bench and in the hub.

``decide(order, act, by, now, rules)`` answers :class:`Accepted` (the new order and what to write in its
file) or :class:`Refused`. ``happened`` is for facts that the hub's later knowledge would refuse: they have
taken place, so their physical effect is kept and the caller records a clash.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from app.core import boxes, freeze, lines, messages
from app.core.acts import (
    Act,
    ActKind,
    Actor,
    BarcodeLearned,
    Cancel,
    ChangeRemark,
    Explained,
    FreezeSeen,
    HandedOver,
    Hold,
    LinePacked,
    LineUnpacked,
    MarkedAbnormal,
    MessageSent,
    ParcelClosed,
    ParcelPulled,
    Printed,
    PutBack,
    Release,
    Rush,
    TakeOver,
    WaybillBound,
)
from app.core.answers import UNANSWERED, calls_back
from app.core.changes import with_change
from app.core.freeze import Rules
from app.core.history import Entry, HistoryKind
from app.core.order import (
    FLOOR_STATES,
    GONE_STATES,
    CommandState,
    CommandView,
    InterceptResult,
    MessageState,
    Order,
    OrderState,
    Parcel,
    Stop,
    StopKind,
    settled,
)
from app.core.reasons import Reason, Refused
from app.core.values import dataclass

S = OrderState
K = HistoryKind


@dataclass(frozen=True, slots=True)
class Accepted:
    order: Order
    entries: list[Entry]


Verdict = Accepted | Refused

#: What only makes sense on a parcel nobody stopped.
_WORK = frozenset({
    ActKind.opened,
    ActKind.line_packed,
    ActKind.parcel_closed,
    ActKind.slip_printed,
    ActKind.label_printed,
    ActKind.handed_over,
    ActKind.waybill_bound,
    ActKind.split_parcel,
})


_ANSWERED_AT_THE_BENCH = (InterceptResult.stopped, InterceptResult.at_station_offline)


def decide(order: Order, act: Act, by: Actor, now: datetime, rules: Rules) -> Verdict:
    """Judge one act on one order. Never raises for anything a person or a machine can send."""
    if act.parcel_no is None:
        return _on_order(order, act, by, now, rules)
    parcel = order.parcel(act.parcel_no)
    if parcel is None:
        return Refused(Reason.parcel_unknown, {"parcel_no": act.parcel_no})
    if act.kind in _WORK and (refused := freeze.blocks(order, parcel, by.station_id)):
        return refused
    return _on_parcel(order, parcel, act, by, now, rules)


def happened(order: Order, act: Act, by: Actor, now: datetime, rules: Rules) -> Accepted:
    """The effect of a fact that cannot be undone by refusing it (habit 8); the caller marks the clash."""
    parcel = order.parcel(act.parcel_no) if act.parcel_no else None
    if parcel is None:
        return Accepted(order, [])
    if isinstance(act.body, HandedOver) and parcel.state not in GONE_STATES:
        return _left_anyway(order, parcel, now)
    if act.kind in _WORK and parcel.state in GONE_STATES:
        return Accepted(order, [])
    if isinstance(act.body, LinePacked):
        return _packed_anyway(order, parcel, act.body, now)
    if isinstance(act.body, ParcelClosed) and lines.to_take_out(order, parcel):
        return _closed_anyway(order, parcel, by, now)
    verdict = _on_parcel(order, parcel, act, by, now, rules)
    return verdict if isinstance(verdict, Accepted) else Accepted(order, [])


def _left_anyway(order: Order, parcel: Parcel, now: datetime) -> Accepted:
    was_cancelled = parcel.state is S.cancelled or any(calls_back(s) for s in order.stops_over(parcel))
    state = S.shipped_despite_cancel if parcel.state is S.cancelled else S.handed_over
    parcel = _returned(replace(parcel, state=state))
    order = settled(order.with_parcel(parcel))
    entries = [Entry(kind=K.handed_over, parcel_no=parcel.parcel_no)]
    if was_cancelled:
        order, more = freeze.answer(order, parcel, InterceptResult.too_late, now)
        entries += more
    if state is S.shipped_despite_cancel:
        entries.append(Entry(kind=K.shipped_despite_cancel, parcel_no=parcel.parcel_no))
    return Accepted(order, entries)


def _packed_anyway(order: Order, parcel: Parcel, body: LinePacked, now: datetime) -> Accepted:
    """Counted into the box although its line no longer goes: it lies in there and has to come out."""
    line = order.line(body.line_no)
    asked_for = sum(
        pl.qty
        for p in order.parcels
        for pl in p.lines
        if _is_line(order, pl.order_no, pl.line_no, body.line_no)
    )
    off = max(0, line.qty - asked_for) if line else 0
    verdict = _line_packed(order, parcel, body, now, off)
    if isinstance(verdict, Refused):
        return Accepted(order, [])
    filled = verdict.order.parcel(parcel.parcel_no)
    if filled is None or filled.state is not S.packed or not lines.to_take_out(verdict.order, filled):
        return verdict
    # closed by who knew, and yet one more in it: a box somebody has to open again
    reopened = Entry(kind=K.parcel_reopened, parcel_no=parcel.parcel_no)
    return _changed(verdict.order, replace(filled, state=S.packing), *verdict.entries, reopened)


def _closed_anyway(order: Order, parcel: Parcel, by: Actor, now: datetime) -> Accepted:
    """Closed with units that no longer go: a box somebody has to find and open."""
    if any(pl.qty_packed < pl.qty for pl in parcel.lines) or parcel.is_boxed:
        return Accepted(order, [])
    boxed = _boxed(parcel, by, now)
    if any(calls_back(s) for s in order.stops_over(parcel)):
        boxed = replace(boxed, intercept_result=InterceptResult.trying, intercept_since=now)
    entry = Entry(
        kind=K.parcel_closed, parcel_no=parcel.parcel_no, params={"weight_g": 0, "qty": parcel.qty_packed}
    )
    return _changed(order, boxed, entry)


def _returned(parcel: Parcel) -> Parcel:
    """The parcel without its lease."""
    return replace(parcel, holder=None, lease_until=None, lease_step=None)


def _boxed(parcel: Parcel, by: Actor, now: datetime) -> Parcel:
    """Closed: it holds no lease any more and stands at the bench that closed it."""
    return _returned(replace(parcel, packed_at=now, handled_by=by.station_id or parcel.handled_by))


def _changed(order: Order, parcel: Parcel, *entries: Entry) -> Accepted:
    return Accepted(settled(order.with_parcel(parcel)), list(entries))


def _on_parcel(order: Order, parcel: Parcel, act: Act, by: Actor, now: datetime, rules: Rules) -> Verdict:
    no = parcel.parcel_no
    match act.body:
        case LinePacked() as body:
            return _line_packed(order, parcel, body, now)
        case LineUnpacked() as body:
            return _line_unpacked(order, parcel, body, by, now)
        case ParcelClosed() as body:
            return _closed(order, parcel, body, by, now)
        case Printed() as body:
            return _printed(order, parcel, act.kind, body, by)
        case FreezeSeen() as body:
            return _freeze_seen(order, parcel, act.kind, body, by, now)
        case ParcelPulled() as body:
            entry = Entry(kind=K.parcel_pulled, parcel_no=no, params={"how": body.how, "note": body.note})
            return _stopped_now(_acked(order, parcel), parcel, entry, now)
        case PutBack() as body:
            params = {"line_no": body.line_no, "qty": body.qty, "bin": body.bin}
            return Accepted(order, [Entry(kind=K.put_back, parcel_no=no, params=params)])
        case WaybillBound() as body:
            return _waybill_bound(order, parcel, body)
        case HandedOver() as body:
            return _handed_over(order, parcel, body)
        case MarkedAbnormal() as body:
            return _held(order, act, by, now, body.reason, body.note, (), K.marked_abnormal)
        case BarcodeLearned() as body:
            params = {"code": body.code, "sku_code": body.sku_code, "pack_qty": body.pack_qty}
            return Accepted(order, [Entry(kind=K.barcode_learned, parcel_no=no, params=params)])
        case MessageSent() as body:
            told = messages.moved(order, no, body.message, MessageState.sent, messages.BY_HAND, now)
            return Refused(Reason.nothing_to_change) if told is None else Accepted(*told)
        case TakeOver() as body:
            if not body.statement.strip():
                return Refused(Reason.note_required)
            return _taken_over(order, parcel, body, now)
        case _:
            pass
    if act.kind is ActKind.opened:
        return _opened(order, parcel, now)
    if act.kind is ActKind.split_parcel:
        parted = boxes.split(order, parcel)
        return parted if isinstance(parted, Refused) else Accepted(parted[0], [parted[1]])
    return _on_order(order, act, by, now, rules)


def _taken_over(order: Order, parcel: Parcel, body: TakeOver, now: datetime) -> Verdict:
    params = {"holder": parcel.holder or "", "note": body.statement}
    entry = Entry(kind=K.taken_over, parcel_no=parcel.parcel_no, params=params)
    free = _returned(parcel)
    without = settled(_acked(order.with_parcel(free), free))
    return _stopped_now(without, free, with_change(entry, order, without), now)


def _opened(order: Order, parcel: Parcel, now: datetime) -> Verdict:
    entry = Entry(kind=K.opened, parcel_no=parcel.parcel_no, before={"state": parcel.state})
    state = S.packing if parcel.state in (S.released, S.picking) else parcel.state
    return _changed(
        order, replace(parcel, state=state, last_scan_at=now), replace(entry, after={"state": state})
    )


def _line_packed(order: Order, parcel: Parcel, body: LinePacked, now: datetime, off: int = 0) -> Verdict:
    """``off``: so many units of the line no longer go and may yet have been packed by who did not know."""
    target = next((pl for pl in parcel.lines if _is_line(order, pl.order_no, pl.line_no, body.line_no)), None)
    if target is None:
        return Refused(Reason.line_unknown, {"line_no": str(body.line_no)})
    line = order.line(body.line_no)
    title = line.title or line.sku_code if line else ""
    if body.qty < 1 or target.qty_packed + body.qty > target.qty + off:
        return Refused(
            Reason.over_quantity, {"title": title, "qty": str(target.qty), "got": str(target.qty_packed)}
        )
    packed = replace(target, qty_packed=target.qty_packed + body.qty)
    lines = tuple(packed if pl is target else pl for pl in parcel.lines)
    state = S.packing if parcel.state in (S.released, S.picking) else parcel.state
    entry = Entry(
        kind=K.line_packed,
        parcel_no=parcel.parcel_no,
        params={
            "line_no": body.line_no,
            "qty": body.qty,
            "title": title,
            "by_hand": body.by_hand,
            "code": body.code,
        },
        before={"qty_packed": target.qty_packed},
        after={"qty_packed": packed.qty_packed},
    )
    return _changed(order, replace(parcel, lines=lines, state=state, last_scan_at=now), entry)


def _is_line(order: Order, order_no: str, line_no: int, wanted: int) -> bool:
    return order_no == order.order_no and line_no == wanted


def _line_unpacked(order: Order, parcel: Parcel, body: LineUnpacked, by: Actor, now: datetime) -> Verdict:
    if parcel.state in GONE_STATES:
        return Refused(Reason.already_handed_over, {"parcel_no": parcel.parcel_no})
    target = next((pl for pl in parcel.lines if _is_line(order, pl.order_no, pl.line_no, body.line_no)), None)
    if target is None or body.qty < 1 or target.qty_packed < body.qty:
        return Refused(Reason.nothing_packed)
    left = replace(target, qty_packed=target.qty_packed - body.qty)
    lines_left = tuple(left if pl is target else pl for pl in parcel.lines)
    was_packed = parcel.state is S.packed
    state = S.packing if was_packed else parcel.state
    is_opened = parcel.is_boxed and state in FLOOR_STATES
    packed_at = None if is_opened else parcel.packed_at
    entry = Entry(
        kind=K.line_unpacked,
        parcel_no=parcel.parcel_no,
        params={"line_no": body.line_no, "qty": body.qty},
        before={"qty_packed": target.qty_packed},
        after={"qty_packed": left.qty_packed},
    )
    reopened = replace(parcel, lines=lines_left, state=state, packed_at=packed_at, last_scan_at=now)
    order = settled(order.with_parcel(reopened))
    if not lines.to_take_out(order, reopened) and parcel.holder in (None, by.station_id):
        order = _acked(order, reopened, only_in_effect=True)
    if is_opened and any(s.took_effect_at for s in order.stops_over(parcel)):
        # whoever takes out what no longer goes has the box in hand
        return _stopped_now(order, reopened, entry, now)
    return Accepted(order, [entry])


def _closed(order: Order, parcel: Parcel, body: ParcelClosed, by: Actor, now: datetime) -> Verdict:
    if parcel.state is S.packed:
        return Refused(Reason.already_packed, {"parcel_no": parcel.parcel_no})
    if not parcel.is_complete:
        return Refused(Reason.not_complete, {"packed": str(parcel.qty_packed), "qty": str(parcel.qty)})
    state = S.packed if parcel.state in FLOOR_STATES else parcel.state
    boxed = _boxed(parcel, by, now)
    closed = replace(boxed, state=state, weight_g=body.weight_g or parcel.weight_g)
    if parcel.intercept_result in _ANSWERED_AT_THE_BENCH:
        # closed although stopped (only a clashing fact gets here): somebody has to pull the box now
        closed = replace(closed, intercept_result=InterceptResult.trying, intercept_since=now)
    by_hand = {"by_hand": True} if body.by_hand else {}
    entry = Entry(
        kind=K.parcel_closed,
        parcel_no=parcel.parcel_no,
        params={"weight_g": body.weight_g, "qty": parcel.qty, **by_hand},
        before={"state": parcel.state},
        after={"state": state},
    )
    return _changed(order, closed, entry)


def _printed(order: Order, parcel: Parcel, kind: ActKind, body: Printed, by: Actor) -> Verdict:
    params = {"copy": body.copy, "version": body.version, "reason": body.reason}
    if kind is ActKind.slip_printed:
        state = S.picking if parcel.state is S.released else parcel.state
        changed = replace(parcel, state=state, slip_count=parcel.slip_count + 1)
        entry = Entry(kind=K.slip_printed, parcel_no=parcel.parcel_no, params=params)
    else:
        changed = replace(parcel, label_count=parcel.label_count + 1)
        params["waybill_no"] = body.waybill_no
        entry = Entry(kind=K.label_printed, parcel_no=parcel.parcel_no, params=params)
    changed = replace(changed, handled_by=by.station_id or changed.handled_by)
    return _changed(order, changed, with_change(entry, order, order.with_parcel(changed)))


def _freeze_seen(
    order: Order, parcel: Parcel, kind: ActKind, body: FreezeSeen, by: Actor, now: datetime
) -> Verdict:
    history_kind = K.freeze_shown if kind is ActKind.freeze_shown else K.freeze_acked
    entry = Entry(kind=history_kind, parcel_no=parcel.parcel_no, params={"how": body.how})
    if kind is ActKind.freeze_acked:
        stops = tuple(
            replace(s, acked=(*s.acked, parcel.parcel_no))
            if s.stop_id in body.stop_ids and parcel.parcel_no not in s.acked
            else s
            for s in order.stops
        )
        order = replace(order, stops=stops)
    waits = parcel.intercept_result in UNANSWERED
    # a late word about an earlier cancel says nothing about this one
    saw_it = any(calls_back(s) and s.stop_id in body.stop_ids for s in order.stops)
    by_holder = parcel.holder is None or parcel.holder == by.station_id
    if waits and saw_it and by_holder and not parcel.is_boxed and parcel.state not in GONE_STATES:
        return _stopped_now(order, parcel, entry, now)
    return Accepted(settled(order), [entry])


def _acked(order: Order, parcel: Parcel, *, only_in_effect: bool = False) -> Order:
    """Somebody stands at the parcel and knows: every stop over it counts as acknowledged there."""
    over = {s.stop_id for s in order.stops_over(parcel) if s.took_effect_at or not only_in_effect}
    stops = tuple(
        replace(s, acked=(*s.acked, parcel.parcel_no))
        if s.stop_id in over and s.line_nos and parcel.parcel_no not in s.acked
        else s
        for s in order.stops
    )
    return order if stops == order.stops else replace(order, stops=stops)


def _stopped_now(order: Order, parcel: Parcel, entry: Entry, now: datetime) -> Accepted:
    if parcel.intercept_result is None or parcel.state in GONE_STATES:
        return Accepted(settled(order), [entry])
    order, more = freeze.answer(order, parcel, InterceptResult.stopped, now)
    return Accepted(order, [entry, *more])


def _waybill_bound(order: Order, parcel: Parcel, body: WaybillBound) -> Verdict:
    if not body.waybill_no.strip():
        return Refused(Reason.waybill_missing)
    entry = Entry(
        kind=K.waybill_bound,
        parcel_no=parcel.parcel_no,
        before={"waybill_no": parcel.waybill_no, "carrier": parcel.carrier},
        after={"waybill_no": body.waybill_no, "carrier": body.carrier or parcel.carrier},
    )
    bound = replace(parcel, waybill_no=body.waybill_no, carrier=body.carrier or parcel.carrier)
    return _changed(order, bound, entry)


def _handed_over(order: Order, parcel: Parcel, body: HandedOver) -> Verdict:
    if parcel.state is not S.packed:
        return Refused(Reason.not_packed, {"parcel_no": parcel.parcel_no})
    carrier = body.carrier or parcel.carrier
    entry = Entry(
        kind=K.handed_over,
        parcel_no=parcel.parcel_no,
        params={"carrier": carrier, "waybill_no": parcel.waybill_no},
        before={"state": parcel.state},
        after={"state": S.handed_over},
    )
    return _changed(order, _returned(replace(parcel, state=S.handed_over, carrier=carrier)), entry)


def _on_order(order: Order, act: Act, by: Actor, now: datetime, rules: Rules) -> Verdict:
    match act.body:
        case Cancel() as body:
            return _cancel(order, act, body, by, now, rules)
        case Hold() as body:
            return _held(order, act, by, now, body.reason, body.note, body.line_nos, K.stop_set)
        case MarkedAbnormal() as body:
            return _held(order, act, by, now, body.reason, body.note, (), K.marked_abnormal)
        case Release() as body:
            return _release(order, body, by)
        case Rush() as body:
            return _rush(order, body)
        case ChangeRemark() as body:
            if body.seller_remark == order.seller_remark:
                return Refused(Reason.nothing_to_change)
            entry = Entry(
                kind=K.remark_changed,
                before={"seller_remark": order.seller_remark},
                after={"seller_remark": body.seller_remark},
            )
            return Accepted(replace(order, seller_remark=body.seller_remark), [entry])
        case Explained() as body if act.kind is ActKind.reveal:
            if not body.reason.strip():
                return Refused(Reason.note_required)
            return Accepted(order, [Entry(kind=K.revealed, params={"reason": body.reason})])
        case BarcodeLearned() as body:
            params = {"code": body.code, "sku_code": body.sku_code, "pack_qty": body.pack_qty}
            return Accepted(order, [Entry(kind=K.barcode_learned, params=params)])
        case _:
            return Refused(Reason.not_supported)


def _cancel(order: Order, act: Act, body: Cancel, by: Actor, now: datetime, rules: Rules) -> Verdict:
    if order.order_state in (S.cancelled, S.shipped_despite_cancel):
        return Refused(Reason.already_cancelled, {"order_no": order.order_no})
    if order.order_state in (S.delivered, S.closed, S.returning, S.returned):
        return Refused(Reason.already_delivered, {"order_no": order.order_no})
    line_nos = _lines_to_cancel(order, body.line_nos)
    if isinstance(line_nos, Refused):
        return line_nos
    # a platform's hint may turn out to be nothing: a rep's own word is kept beside it
    if _is_being_cancelled(order, line_nos):
        return Refused(Reason.being_cancelled, {"order_no": order.order_no})
    stop = Stop(
        stop_id=act.act_id,
        kind=StopKind.freeze,
        command="cancel",
        reason=body.reason,
        note=body.note,
        line_nos=line_nos,
        since=now,
        counting_down_until=None if body.is_final else now + rules.countdown,
        actor=by.name,
    )
    asked = CommandView(
        act_id=act.act_id,
        kind=ActKind.cancel,
        state=CommandState.counting_down,
        asked_at=now,
        actor=by.name,
        note=body.note,
        line_nos=line_nos,
    )
    asking = Entry(kind=K.cancel_asked, params={"reason": body.reason, "note": body.note})
    if line_nos:
        left = {n: lines.wanted(order, n) for n in line_nos}
        asking = replace(
            asking,
            kind=K.lines_cancel_asked,
            params=asking.params | {"items": lines.named(order, line_nos, left)},
        )
    before = order
    order = replace(order, commands=(*order.commands, asked))
    order, more = freeze.set_stop(order, stop, now)
    entries = [with_change(asking, before, order), *more]
    if body.is_final:
        order, more = freeze.take_effect(order, stop, now)
        entries += more
    return Accepted(order, entries)


def _lines_to_cancel(order: Order, asked: tuple[int, ...]) -> tuple[int, ...] | Refused:
    """The lines that are asked about; none where it is the whole order after all."""
    line_nos = tuple(sorted(set(asked)))
    for line_no in line_nos:
        line = order.line(line_no)
        if line is None:
            return Refused(Reason.line_unknown, {"line_no": str(line_no)})
        if line.qty_left <= 0:
            return Refused(Reason.already_cancelled, {"order_no": order.order_no})
    is_all = {line.line_no for line in order.lines if line.qty_left > 0} <= set(line_nos)
    return () if is_all else line_nos


def _is_being_cancelled(order: Order, line_nos: tuple[int, ...]) -> bool:
    """Whether a person's cancel of the same is under way: of all of it, or of every line that is asked about."""
    under_way = [s for s in order.stops if s.command == "cancel" and s.hint is None]
    if any(not s.line_nos for s in under_way):
        return True
    covered = {n for s in under_way for n in s.line_nos}
    return bool(line_nos) and set(line_nos) <= covered


def _held(
    order: Order,
    act: Act,
    by: Actor,
    now: datetime,
    reason: str,
    note: str,
    line_nos: tuple[int, ...],
    kind: HistoryKind,
) -> Verdict:
    stop = Stop(
        stop_id=act.act_id,
        kind=StopKind.hold,
        command=act.kind,
        reason=reason,
        note=note,
        line_nos=line_nos,
        since=now,
        actor=by.name,
    )
    params = {"kind": StopKind.hold, "command": act.kind, "reason": reason, "note": note}
    held = settled(replace(order, stops=(*order.stops, stop)))
    # the stop lies over the order, also where somebody stood at one of its boxes
    entry = with_change(Entry(kind=kind, params=params), order, held)
    return Accepted(held, [replace(entry, parcel_no=act.parcel_no)])


def _release(order: Order, body: Release, by: Actor) -> Verdict:
    if not body.stop_id:
        return _released(order)
    stop = next((s for s in order.stops if s.stop_id == body.stop_id), None)
    if stop is None:
        return Refused(Reason.stop_unknown)
    if stop.took_effect_at is not None:
        return Refused(Reason.already_cancelled, {"order_no": order.order_no})
    if stop.command == "cancel":
        if stop.counting_down_until is None and stop.hint is None:
            return Refused(Reason.already_cancelled, {"order_no": order.order_no})
        return _withdrawn(order, stop, body)
    lifted = settled(replace(order, stops=tuple(s for s in order.stops if s is not stop)))
    params = {"kind": stop.kind, "command": stop.command, "note": body.note}
    return Accepted(lifted, [with_change(Entry(kind=K.stop_lifted, params=params), order, lifted)])


def _withdrawn(order: Order, stop: Stop, body: Release) -> Verdict:
    withdrawn = freeze.withdrawn(order, stop)
    entry = Entry(kind=K.cancel_withdrawn, params={"note": body.note})
    return Accepted(withdrawn, [with_change(entry, order, withdrawn)])


def _released(order: Order) -> Verdict:
    if not order.is_paid:
        return Refused(Reason.not_paid, {"order_no": order.order_no})
    if not any(p.state is S.new for p in order.parcels):
        return Refused(Reason.nothing_to_change)
    parcels = tuple(replace(p, state=S.released) if p.state is S.new else p for p in order.parcels)
    released = settled(replace(order, parcels=parcels))
    return Accepted(released, [with_change(Entry(kind=K.released), order, released)])


def _rush(order: Order, body: Rush) -> Verdict:
    if order.order_state in GONE_STATES or order.order_state is S.cancelled:
        return Refused(Reason.already_handed_over, {"parcel_no": order.order_no})
    if any(s.command == "cancel" and not s.line_nos for s in order.stops):
        return Refused(Reason.being_cancelled, {"order_no": order.order_no})
    if order.is_rush == body.is_rush:
        return Refused(Reason.nothing_to_change)
    entry = Entry(kind=K.rushed, params={"is_rush": body.is_rush, "note": body.note})
    rushed = replace(order, is_rush=body.is_rush)
    return Accepted(rushed, [with_change(entry, order, rushed)])
