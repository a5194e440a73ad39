"""Single lines that no longer go: what a cancel or refund of lines does to boxes, and when its stop goes. Pure.

Quantities: of every line ``qty == qty_cancelled + qty_refunded + what unsent boxes want + what was sent``, where a
refund may also name what was sent. An unsent box with ``qty_packed > qty`` of a line holds units that must come
out: its stop stays until ``line_unpacked`` says so (design 2.5).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from app.core.answers import UNANSWERED, R, answer_entry, calls_back, first_answer, with_command_state
from app.core.changes import with_change
from app.core.history import Entry, HistoryKind
from app.core.order import (
    FLOOR_STATES,
    GONE_STATES,
    SETTLED_STATES,
    CommandState,
    CommandView,
    Order,
    OrderLine,
    OrderState,
    Parcel,
    ParcelAnswered,
    ParcelLine,
    RefundState,
    Stop,
    StopKind,
    settled,
)

S = OrderState
K = HistoryKind
#: A box of which the hub may still take something out.
_IN_HOUSE = FLOOR_STATES | {S.new}


def named(order: Order, line_nos: Iterable[int], qtys: dict[int, int] | None = None) -> str:
    """The lines as a person reads them: "毛巾 × 2、杯子 × 1"."""
    parts = []
    for line_no in line_nos:
        line = order.line(line_no)
        if line is not None:
            qty = (qtys or {}).get(line_no, line.qty)
            parts.append(f"{line.title or line.sku_code} × {qty}")
    return "、".join(parts)


def wanted(order: Order, line_no: int) -> int:
    """Units of this line that unsent boxes still want."""
    return sum(pl.qty for p in order.parcels if p.state in _IN_HOUSE for pl in _of(order, p, (line_no,)))


def to_take_out(order: Order, parcel: Parcel) -> tuple[ParcelLine, ...]:
    """Lines of which more lies in the box than may go; empty for boxes that have left or go nowhere."""
    if parcel.state not in _IN_HOUSE:
        return ()
    return tuple(pl for pl in parcel.lines if pl.qty_packed > pl.qty)


def may_take_out(order: Order, parcel: Parcel) -> tuple[ParcelLine, ...]:
    """What a hand may take out of the box now: nothing while another freeze lies over it, or one that may yet be
    withdrawn."""
    freezes = [s for s in order.stops_over(parcel) if s.kind is StopKind.freeze]
    return to_take_out(order, parcel) if all(s.took_effect_at for s in freezes) else ()


def waits_for_the_hub(order: Order, parcel: Parcel) -> bool:
    """Whether the box is frozen only by lines that no longer go, and nothing of them lies in it."""
    freezes = [s for s in order.stops_over(parcel) if s.kind is StopKind.freeze]
    return bool(freezes) and all(s.took_effect_at for s in freezes) and not to_take_out(order, parcel)


def off_lines(order: Order, parcel: Parcel) -> str:
    """The box's goods that no longer go, as a person reads them; "" where all of it goes."""
    off = {
        line.line_no: n
        for pl in parcel.lines
        if pl.order_no == order.order_no
        and (line := order.line(pl.line_no))
        and (n := line.qty_cancelled + line.qty_refunded)
        and pl.qty < line.qty
    }
    return named(order, off, off)


def take_effect(
    order: Order, stop: Stop, now: datetime, *, is_refund: bool = False
) -> tuple[Order, list[Entry]]:
    """What ``stop`` names no longer goes: quantities move, boxes are opened again or cancelled.

    The stop must lie over the order and name lines; it stays until :func:`lift_answered`.
    """
    before, moved, failed, entries = order, dict.fromkeys(stop.line_nos, 0), False, list[Entry]()
    parcels = []
    for parcel in order.parcels:
        changed = parcel
        mine = _of(order, parcel, stop.line_nos)
        if mine and parcel.state in _IN_HOUSE:
            for pl in mine:
                moved[pl.line_no] += pl.qty
            changed = _without(order, parcel, stop.line_nos)
        elif any(pl.qty for pl in mine) and parcel.state in (S.handed_over, S.in_transit) and not is_refund:
            failed = True
            changed, gone = _too_late(order, parcel, stop.line_nos)
            for line_no in gone:
                moved[line_no] += sum(pl.qty for pl in mine if pl.line_no == line_no)
        if parcel.state is S.packed and changed.state is S.packing:
            entries.append(Entry(kind=K.parcel_reopened, parcel_no=parcel.parcel_no))
        if changed.state is S.shipped_despite_cancel is not parcel.state:
            entries.append(Entry(kind=K.shipped_despite_cancel, parcel_no=parcel.parcel_no))
        parcels.append(changed)
    taken = replace(stop, counting_down_until=None, took_effect_at=now)
    order = replace(
        order,
        parcels=tuple(parcels),
        lines=tuple(_moved(line, moved.get(line.line_no), is_refund) for line in order.lines),
        stops=tuple(taken if s.stop_id == stop.stop_id else s for s in order.stops),
        commands=with_command_state(
            order.commands, stop.stop_id, CommandState.failed if failed else CommandState.done
        ),
    )
    order = settled(order)
    kind = K.lines_refunded if is_refund else K.lines_cancelled
    params = {
        "actor": stop.actor,
        "note": stop.note,
        "items": named(before, stop.line_nos, None if is_refund else moved),
    }
    return order, [with_change(Entry(kind=kind, params=params), before, order), *entries]


def refunded(
    order: Order, line_nos: Sequence[int], shop_id: str, now: datetime, asked: Stop | None = None
) -> tuple[Order, list[Entry]]:
    """The platform's last word: the money of these lines is back, what of them is in the house stays here.

    Where nobody has to lift a hand (nothing claimed, printed or packed) no stop is laid; else one lies until the
    hand has answered. ``asked``: the stop that lay since the money was asked for; it goes on where the hand has
    acknowledged it, so that nobody does so twice.
    """
    gives = [
        line
        for n in line_nos
        if (line := order.line(n)) and line.qty_refunded + line.qty_cancelled < line.qty
    ]
    if not gives:
        return order, []
    nos = tuple(line.line_no for line in gives)
    if asked is not None and _is_acknowledged(order, asked, nos):
        return _goes_on(order, replace(asked, line_nos=nos), now)
    stop = Stop(
        stop_id=f"{order.order_no}-refunded-{order.version}-{gives[0].line_no}",
        kind=StopKind.freeze,
        command="refund",
        reason="platform_refund",
        line_nos=nos,
        since=now,
        actor=shop_id,
        took_effect_at=now,
    )
    laid, answered = call_back(replace(order, stops=(*order.stops, stop)), stop, now)
    taken, entries = take_effect(laid, stop, now, is_refund=True)
    lifted, more = lift_answered(taken)
    if all(s.stop_id != stop.stop_id for s in lifted.stops):
        return lifted, entries + [e for e in more if e.kind is not K.stop_lifted]
    return taken, [stop_entry(taken, stop), *answered, *entries]


def _is_acknowledged(order: Order, asked: Stop, line_nos: tuple[int, ...]) -> bool:
    """Whether every hand that this refund concerns knows already, and none has to fetch a box that was closed."""
    if not asked.acked or (asked.line_nos and not set(line_nos) <= set(asked.line_nos)):
        return False
    for parcel in order.parcels:
        mine = _of(order, parcel, line_nos)
        if not mine or parcel.state not in _IN_HOUSE or parcel.alarm_holder is None:
            continue
        if parcel.parcel_no not in asked.acked or (parcel.is_boxed and any(pl.qty_packed for pl in mine)):
            return False
    return True


def _goes_on(order: Order, asked: Stop, now: datetime) -> tuple[Order, list[Entry]]:
    """The stop of a refund that was asked for takes effect: from now on only the hand's answer keeps it."""
    stop = replace(asked, hint=None, counting_down_until=None, took_effect_at=now)
    stops = tuple(stop if s.stop_id == stop.stop_id else s for s in order.stops)
    called, answered = call_back(replace(order, stops=stops), stop, now)
    taken, entries = take_effect(called, stop, now, is_refund=True)
    lifted, more = lift_answered(taken)
    return lifted, [*answered, *entries, *more]


def call_back(order: Order, stop: Stop, now: datetime) -> tuple[Order, list[Entry]]:
    """Answer for every box the stop covers; one that another call already covers keeps its answer."""
    before = order
    earlier = [s for s in order.stops if s.stop_id != stop.stop_id and calls_back(s)]

    def answered(parcel: Parcel) -> Parcel:
        over = {s.stop_id for s in order.stops_over(parcel)}
        is_called = any(s.stop_id in over for s in earlier) and parcel.intercept_result is not None
        if (
            stop.stop_id not in over
            or is_called
            or (stop.command == "refund" and parcel.state in GONE_STATES)
        ):
            return parcel
        return first_answer(parcel, now, has_stopped=parcel.parcel_no in stop.acked)

    parcels = tuple(answered(parcel) for parcel in order.parcels)
    entries = [
        answer_entry(p, before)
        for p, old in zip(parcels, before.parcels, strict=True)
        if p is not old and p.state not in SETTLED_STATES
    ]
    return settled(replace(order, parcels=parcels)), entries


def stop_entry(order: Order, stop: Stop) -> Entry:
    """The row of a stop that was laid; with the lines it names, where it names any."""
    params: dict[str, str] = {
        "kind": stop.kind,
        "command": stop.command,
        "reason": stop.reason,
        "note": stop.note,
    }
    if stop.line_nos:
        params["items"] = named(order, stop.line_nos)
    return Entry(kind=K.stop_set, params=params)


def lift_answered(order: Order) -> tuple[Order, list[Entry]]:
    """Lift the stops of lines that nobody has to answer any more: the hub's part of design 2.5.

    A stop waits while a box it names is not found, holds units that must come out, or its holder has not
    acknowledged. The very same order when nothing is to be lifted.
    """
    entries: list[Entry] = []
    for stop in order.stops:
        if stop.took_effect_at is None or any(_waits(order, stop, p) for p in order.parcels):
            continue
        order, entry = _lifted(order, stop)
        entries.append(entry)
    return order, entries


def withdrawn_answers(order: Order) -> tuple[Parcel, ...]:
    """The parcels, where nothing calls a parcel back any more without the answer to it."""
    return tuple(
        replace(p, intercept_result=None, intercept_since=None)
        if p.intercept_result is not None and not any(calls_back(s) for s in order.stops_over(p))
        else p
        for p in order.parcels
    )


def _waits(order: Order, stop: Stop, parcel: Parcel) -> bool:
    if not _of(order, parcel, stop.line_nos) or parcel.state in GONE_STATES:
        return False
    if parcel.intercept_result in UNANSWERED:
        return True
    if parcel.state not in _IN_HOUSE:
        return False
    if any(pl.qty_packed > pl.qty for pl in _of(order, parcel, stop.line_nos)):
        return True
    return parcel.alarm_holder is not None and parcel.parcel_no not in stop.acked


def _lifted(order: Order, stop: Stop) -> tuple[Order, Entry]:
    before = order
    named_by = [p for p in order.parcels if _of(order, p, stop.line_nos)]
    answers = tuple(
        ParcelAnswered(parcel_no=p.parcel_no, result=p.intercept_result)
        for p in named_by
        if p.intercept_result
    )
    order = replace(
        order,
        stops=tuple(s for s in order.stops if s.stop_id != stop.stop_id),
        commands=tuple(_answered(c, answers) if c.act_id == stop.stop_id else c for c in order.commands),
    )
    over = {p.parcel_no for p in named_by if p.state in _IN_HOUSE}
    free = {p.parcel_no: p for p in withdrawn_answers(order)}
    parcels = tuple(free[p.parcel_no] if p.parcel_no in over else p for p in order.parcels)
    order = settled(replace(order, parcels=parcels))
    params = {"kind": stop.kind, "command": stop.command, "note": "", "items": named(order, stop.line_nos)}
    return order, with_change(Entry(kind=K.stop_lifted, params=params), before, order)


def _answered(command: CommandView, answers: tuple[ParcelAnswered, ...]) -> CommandView:
    is_late = any(a.result is R.too_late for a in answers)
    return replace(command, answers=answers, state=CommandState.failed if is_late else command.state)


def _of(order: Order, parcel: Parcel, line_nos: Sequence[int]) -> list[ParcelLine]:
    return [pl for pl in parcel.lines if pl.order_no == order.order_no and pl.line_no in line_nos]


def _without(order: Order, parcel: Parcel, line_nos: Sequence[int]) -> Parcel:
    """The unsent box without these lines: cancelled when nothing is left, else open again where it was closed."""
    if not any(pl.qty for pl in _of(order, parcel, line_nos)):
        return parcel
    lines = tuple(
        replace(pl, qty=0) if pl.order_no == order.order_no and pl.line_no in line_nos else pl
        for pl in parcel.lines
    )
    parcel = replace(parcel, lines=lines)
    if not any(pl.qty for pl in lines):
        return replace(parcel, state=S.cancelled)
    # what is on the paper is wrong now; a holder may be printing it at this very moment
    if parcel.slip_count or parcel.is_claimed:
        parcel = replace(parcel, slip_version=parcel.slip_version + 1)
    if parcel.state is S.packed or (parcel.label_count and parcel.state in FLOOR_STATES):
        parcel = replace(parcel, state=S.packing)
    return parcel


def _too_late(order: Order, parcel: Parcel, line_nos: Sequence[int]) -> tuple[Parcel, set[int]]:
    """A box that has left: it is called back only when nothing in it is wanted any more."""
    late = replace(parcel, intercept_result=R.too_late)
    mine = _of(order, parcel, line_nos)
    if any(pl.qty for pl in parcel.lines if pl not in mine):
        return late, set()
    return replace(late, state=S.shipped_despite_cancel), {pl.line_no for pl in mine}


def _moved(line: OrderLine, qty: int | None, is_refund: bool) -> OrderLine:
    if qty is None:
        return line
    if is_refund:  # money: also of what was sent
        return replace(line, qty_refunded=line.qty - line.qty_cancelled, refund_state=RefundState.done)
    return replace(line, qty_cancelled=min(line.qty - line.qty_refunded, line.qty_cancelled + qty))
