"""When the hand must stop: the gates that station and hub share, and what time alone changes.

:func:`go_check` is the last question before an irreversible step; :func:`tick` is what the clock does
(countdowns end, silent benches are named). Both are pure.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from app.core import lines
from app.core.answers import answer_entry, calls_back, with_command_state
from app.core.changes import with_change
from app.core.history import Entry, HistoryKind
from app.core.order import (
    FLOOR_STATES,
    GONE_STATES,
    CommandState,
    CommandView,
    InterceptResult,
    LastGate,
    LeaseStep,
    Order,
    OrderState,
    Parcel,
    RefundState,
    Stop,
    StopKind,
    settled,
)
from app.core.reasons import Reason, Refused
from app.core.values import dataclass

S = OrderState
R = InterceptResult

#: Without freeze_shown for so long, the answer becomes "station offline" (design 3.8).
SHOWN_WITHIN = timedelta(seconds=5)
#: Grace after a lease ended before the hub settles it by time.
LEASE_GRACE = timedelta(seconds=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Shop settings the core needs."""

    countdown: timedelta = timedelta(seconds=15)
    last_gate: LastGate = "handover"
    auto_release: bool = True


DEFAULT_RULES = Rules()


def is_gate(step: LeaseStep, rules: Rules) -> bool:
    """Whether nobody may take this step unasked. Where closing is the last gate, a closed box goes out as it is."""
    return step != "handover" or rules.last_gate == "handover"


def blocks(order: Order, parcel: Parcel, station_id: str | None) -> Refused | None:
    """Why no work may be done on this parcel now, or None. The loudest reason comes first."""
    if parcel.is_frozen:
        freeze = next((s for s in order.stops_over(parcel) if s.kind is StopKind.freeze), None)
        return Refused(Reason.frozen, {"order_no": order.order_no, "by": freeze.actor if freeze else ""})
    if parcel.state in GONE_STATES:
        return Refused(Reason.already_handed_over, {"parcel_no": parcel.parcel_no})
    if parcel.state is S.new:
        return Refused(Reason.not_released, {"order_no": order.order_no})
    hold = next(iter(order.stops_over(parcel)), None)
    if hold is not None:
        return Refused(Reason.on_hold, {"order_no": order.order_no, "note": hold.note, "why": hold.reason})
    if _refund_stands(order, parcel):
        return Refused(Reason.refund_asked, {"order_no": order.order_no})
    if station_id and parcel.holder and parcel.holder != station_id:
        return Refused(Reason.no_lease, {"parcel_no": parcel.parcel_no, "holder": parcel.holder})
    return None


def _refund_stands(order: Order, parcel: Parcel) -> bool:
    """Whether money is being asked back for what lies in this box; of the whole order where no line is named."""
    if order.refund_state in (RefundState.none, RefundState.part):
        return False
    asked = {line.line_no for line in order.lines if line.refund_state is RefundState.asked}
    if order.refund_state is RefundState.done or not asked:
        return True
    return any(pl.order_no == order.order_no and pl.line_no in asked and pl.qty for pl in parcel.lines)


#: What only says how far a parcel got: the bench knows better than a hub that has not heard its acts yet.
PROGRESS = frozenset({Reason.not_complete, Reason.not_packed, Reason.already_packed})


def go_check(order: Order, parcel_no: str, step: LeaseStep, station_id: str | None) -> Refused | None:
    """May this parcel take its next irreversible step now? None means go.

    Offline, the station also asks its own lease clock; that is not known here.
    """
    parcel = order.parcel(parcel_no)
    if parcel is None:
        return Refused(Reason.parcel_unknown, {"parcel_no": parcel_no})
    if refused := blocks(order, parcel, station_id):
        return refused
    if step == "close" and not parcel.is_complete:
        return Refused(Reason.not_complete, {"packed": str(parcel.qty_packed), "qty": str(parcel.qty)})
    if step == "handover" and parcel.state is not S.packed:
        return Refused(Reason.not_packed, {"parcel_no": parcel_no})
    return None


def set_stop(order: Order, stop: Stop, now: datetime) -> tuple[Order, list[Entry]]:
    """Lay a stop over the order. A cancel's freeze also answers per parcel (design 3.8).

    A parcel that another cancel already covers keeps the answer that stands.
    """
    order = replace(order, stops=(*order.stops, stop))
    entries = [lines.stop_entry(order, stop)]
    if stop.command == "cancel":
        order, more = lines.call_back(order, stop, now)
        entries += more
    return settled(order), entries


def answer(order: Order, parcel: Parcel, result: InterceptResult, now: datetime) -> tuple[Order, list[Entry]]:
    """Give the cancel's answer for one parcel; nothing happens when it already stands."""
    if parcel.intercept_result is result:
        return order, []
    before = order
    parcel = replace(parcel, intercept_result=result, intercept_since=now)
    order = _closed_stops(order.with_parcel(parcel))
    return settled(order), [answer_entry(parcel, before)]


def _closed_stops(order: Order) -> Order:
    """A cancel's stop goes when it took effect and every parcel has its last answer."""
    done = {R.stopped, R.too_late, None}
    if order.order_state not in (S.cancelled, S.shipped_despite_cancel):
        return order
    if any(p.intercept_result not in done for p in order.parcels):
        return order
    stops = tuple(s for s in order.stops if not calls_back(s) or s.counting_down_until is not None)
    return replace(order, stops=stops)


def take_effect(order: Order, stop: Stop, now: datetime) -> tuple[Order, list[Entry]]:
    """The countdown is over (or the word was final): the cancel becomes true (design 3.9, 2.1)."""
    if stop.line_nos:
        return lines.take_effect(order, stop, now)
    before = order
    parcels = []
    entries: list[Entry] = []
    for parcel in order.parcels:
        if parcel.state in (S.handed_over, S.in_transit):
            parcel = replace(parcel, state=S.shipped_despite_cancel, intercept_result=R.too_late)
            entries.append(Entry(kind=HistoryKind.shipped_despite_cancel, parcel_no=parcel.parcel_no))
        elif parcel.state in FLOOR_STATES or parcel.state is S.new:
            parcel = replace(parcel, state=S.cancelled)
        parcels.append(parcel)
    cancels = {s.stop_id for s in order.stops if s.command == "cancel" and not s.line_nos} | {stop.stop_id}
    stops = tuple(
        replace(s, counting_down_until=None) if s.stop_id in cancels else s
        for s in order.stops
        if s.hint is None or s.stop_id in cancels  # what else the platform asked has no object any more
    )
    failed = any(p.intercept_result is R.too_late for p in parcels)
    final = CommandState.failed if failed else CommandState.done
    gone = tuple(replace(line, qty_cancelled=line.qty - line.qty_refunded) for line in order.lines)
    commands = order.commands
    for stop_id in cancels:
        commands = with_command_state(commands, stop_id, final)
    order = replace(
        order,
        parcels=tuple(parcels),
        stops=stops,
        lines=gone,
        commands=commands,
        order_state=S.cancelled if not parcels else order.order_state,
    )
    order = settled(_closed_stops(settled(order)))
    effect = Entry(kind=HistoryKind.cancel_took_effect, params={"actor": stop.actor, "note": stop.note})
    return order, [with_change(effect, before, order), *entries]


def _request_stands(order: Order, stop: Stop) -> tuple[Order, list[Entry]]:
    """A request's countdown is over: its stop stays until the platform's last word (design 3.9)."""
    standing = replace(stop, counting_down_until=None)
    stops = tuple(standing if s is stop else s for s in order.stops)
    return replace(order, stops=stops), [
        Entry(kind=HistoryKind.request_took_effect, params={"command": stop.command})
    ]


def withdrawn(order: Order, stop: Stop) -> Order:
    """The order without this cancel: nothing is being called back unless another cancel lies over it."""
    order = replace(order, stops=tuple(s for s in order.stops if s is not stop))
    parcels = lines.withdrawn_answers(order)
    commands = with_command_state(order.commands, stop.stop_id, CommandState.overtaken)
    return settled(replace(order, parcels=parcels, commands=commands))


def final_cancel(order: Order, shop_id: str, now: datetime) -> tuple[Order, list[Entry]]:
    """The channel says "cancelled": its last word, in effect at once; nothing changes where it already is."""
    if order.order_state in (
        S.cancelled,
        S.shipped_despite_cancel,
        S.delivered,
        S.closed,
        S.returning,
        S.returned,
    ):
        return order, []
    entries: list[Entry] = []
    stop = next((s for s in order.stops if s.command == "cancel" and not s.line_nos), None)
    if stop is None:
        stop_id = f"{order.order_no}-{shop_id}-{order.version}"
        stop = Stop(stop_id=stop_id, kind=StopKind.freeze, command="cancel", since=now, actor=shop_id)
        asked = CommandView(
            act_id=stop_id, kind="cancel", state=CommandState.received, asked_at=now, actor=shop_id
        )
        entries.append(Entry(kind=HistoryKind.cancel_asked))
        order, more = set_stop(replace(order, commands=(*order.commands, asked)), stop, now)
        entries += more
    order, more = take_effect(order, stop, now)
    return order, entries + more


def due_at(order: Order, rules: Rules = DEFAULT_RULES) -> datetime | None:
    """When time alone will next change this order, or None. The hub keeps it beside the row."""
    moments = [s.counting_down_until for s in order.stops if s.counting_down_until]
    for parcel in order.parcels:
        if due := _parcel_due(parcel, rules):
            moments.append(due)
    return min(moments, default=None)


def _parcel_due(parcel: Parcel, rules: Rules) -> datetime | None:
    if parcel.intercept_since is None or parcel.is_boxed:
        return None  # only the hand that pulls it can tell
    if parcel.intercept_result is R.trying:
        return parcel.intercept_since + SHOWN_WITHIN
    if parcel.intercept_result is not R.at_station_offline or parcel.lease_until is None:
        return None
    if parcel.lease_step == "handover" or rules.last_gate != "handover":
        return None  # only the holder or a person can tell where it is
    return parcel.lease_until + LEASE_GRACE


def tick(order: Order, now: datetime, rules: Rules) -> tuple[Order, list[Entry]]:
    """What the clock does to this order up to ``now``: the same order and no entries when nothing is due."""
    entries: list[Entry] = []
    while (due := due_at(order, rules)) and due <= now:
        order, more = _next_due(order, due, now, rules)
        entries += more
    return order, entries


def _next_due(order: Order, due: datetime, now: datetime, rules: Rules) -> tuple[Order, list[Entry]]:
    for stop in order.stops:
        if stop.counting_down_until == due:
            return take_effect(order, stop, now) if stop.command == "cancel" else _request_stands(order, stop)
    parcel = next(p for p in order.parcels if _parcel_due(p, rules) == due)
    silent = parcel.intercept_result is R.trying
    return answer(order, parcel, R.at_station_offline if silent else R.stopped, now)
