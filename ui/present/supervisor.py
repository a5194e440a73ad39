"""The supervisor's desk as values: what can still be saved, the benches."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from app.core import lines
from app.core.order import InterceptResult, OrderState, StopKind
from app.core.values import dataclass
from app.station.supervisor import BenchView, Chance, StopView
from ui.present import states
from ui.present.packing import cut
from ui.present.states import Chip, State
from ui.present.words import Words

R = InterceptResult

Act = Literal["pulled", "release", "withdraw", "take_over"]

_STAGES = {
    "waiting": "released",
    "picking": "picking",
    "packing": "packing",
    "packed": "packed",
    "gone": "handed_over",
}
_GROUPS: dict[Chance, str] = {
    "at_bench": "group_save",
    "packed": "group_save",
    "held": "group_hold",
    "safe": "group_done",
    "gone": "group_late",
}


@dataclass(frozen=True, slots=True)
class StopRow:
    """One parcel under one stop. ``since`` and ``scanned_at`` tick on the screen; ``acts`` are what makes sense to do
    about it."""

    key: str
    order_no: str
    parcel_no: str
    stop_id: str
    group: str
    is_savable: bool
    tail: str
    what: Chip
    answer: Chip | None
    stage: str
    where: str
    where_state: State
    goods: str
    why: str
    since: datetime
    counting_until: datetime | None
    command: Chip | None
    advice: str
    acts: tuple[Act, ...]
    scanned_at: datetime | None = None


def stop_row(view: StopView, words: Words, now: datetime) -> StopRow:
    order, stop = view.order, view.stop
    parcel = order.parcel(view.parcel_no)
    first = order.lines[0] if order.lines else None
    title = cut((first.title or first.sku_code) if first else "")
    done, of = (parcel.qty_packed, parcel.qty) if parcel else (0, 0)
    goods = words.tr("service.hit_goods" if len(order.lines) > 1 else "service.hit_good", title=title, n=of)
    if stop.line_nos:
        goods = words.tr("supervisor.only_lines", items=lines.named(order, stop.line_nos))
    stage = words.tr(f"states.order_{_STAGES[view.stage]}")
    return StopRow(
        key=f"{stop.stop_id}/{view.parcel_no}",
        order_no=view.order_no,
        parcel_no=view.parcel_no,
        stop_id=stop.stop_id,
        group=words.tr(f"supervisor.{_GROUPS[view.chance]}"),
        is_savable=view.chance in ("at_bench", "packed"),
        tail=states.short(view.parcel_no),
        what=states.stop_chip(stop, words),
        answer=states.intercept_chip(view.intercept_result, words) if view.intercept_result else None,
        stage=words.tr("supervisor.stage", state=stage, done=done, of=of),
        where=_where(view, words),
        where_state=_where_state(view),
        goods=goods,
        why=_why(view, words),
        since=stop.since,
        counting_until=stop.counting_down_until,
        command=states.command_chip(view.command_state, words) if view.command_state else None,
        advice=_advice(view, words),
        acts=_acts(view, now),
        scanned_at=view.scanned_at if view.stage != "gone" else None,
    )


def keep_places(shown: Sequence[StopRow], wanted: Sequence[StopRow]) -> tuple[StopRow, ...]:
    """The wanted rows without moving one that is shown: what is new stands at the end, and what is over stays where
    it was. For the moment a finger is over the list."""
    fresh = {row.key: row for row in wanted}
    kept = [fresh.pop(row.key, row) for row in shown]
    return (*kept, *fresh.values())


def _where(view: StopView, words: Words) -> str:
    if view.stage == "gone":
        return words.tr("supervisor.where_left")
    return view.holder_name or words.tr("supervisor.where_nobody")


def _where_state(view: StopView) -> State:
    if not view.holder or view.stage == "gone":
        return "idle"
    return "ok" if view.holder_online else "wait"


def _why(view: StopView, words: Words) -> str:
    stop = view.stop
    why = stop.note or (states.hold_reason(stop.reason, words) if stop.reason else "")
    who = words.tr("supervisor.asked_by", who=stop.actor) if stop.actor else ""
    return " · ".join(part for part in (why, who) if part) or words.tr("supervisor.no_reason")


def _advice(view: StopView, words: Words) -> str:
    tr = words.tr
    parcel = view.order.parcel(view.parcel_no)
    if view.chance == "gone":
        carrier = states.carrier_name(parcel.carrier if parcel else "", words)
        return tr("supervisor.advice_too_late", carrier=carrier, waybill=parcel.waybill_no if parcel else "")
    if view.chance == "held":
        return tr("supervisor.advice_hold")
    if view.chance == "packed":
        return tr("supervisor.advice_packed")
    if parcel is not None and lines.may_take_out(view.order, parcel):
        out = lines.to_take_out(view.order, parcel)
        items = lines.named(
            view.order, [pl.line_no for pl in out], {pl.line_no: pl.qty_packed - pl.qty for pl in out}
        )
        return tr("supervisor.advice_take_out", items=items)
    if view.intercept_result is R.at_station_offline:
        return tr("supervisor.advice_offline", station=view.holder_name)
    if view.intercept_result is R.trying:
        return tr("supervisor.advice_trying", station=view.holder_name)
    return tr("supervisor.advice_countdown" if view.stop.counting_down_until else "supervisor.advice_stopped")


def _acts(view: StopView, now: datetime) -> tuple[Act, ...]:
    acts: list[Act] = []
    stop = view.stop
    if view.order.order_state not in (OrderState.cancelled, OrderState.shipped_despite_cancel):
        if stop.command == "cancel":
            if stop.counting_down_until and stop.counting_down_until > now:
                acts.append("withdraw")
        else:
            acts.append("release")
    is_silent = view.intercept_result in (R.trying, R.at_station_offline) and stop.kind is StopKind.freeze
    if view.chance == "packed" and view.intercept_result is not R.stopped:
        acts.insert(0, "pulled")
    elif is_silent and view.stage != "gone":
        acts.append("take_over")
    return tuple(acts)


# -- benches -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class BenchRow:
    """One station: is it there, what waits in it, its printers, who works at it."""

    station_id: str
    name: str
    kind: str
    chip: Chip
    waiting: str
    waiting_state: State
    copy: Chip | None
    printers: tuple[Chip, ...]
    who: str
    stops: int


def bench_row(view: BenchView, words: Words, now: datetime) -> BenchRow:
    tr = words.tr
    if view.is_revoked:
        chip = Chip("idle", tr("supervisor.bench_revoked"))
    elif view.is_online:
        chip = Chip("ok", tr("supervisor.bench_online"))
    elif view.last_beat_at is None:
        chip = Chip("idle", tr("supervisor.bench_never"))
    else:
        span = words.duration((now - view.last_beat_at).total_seconds())
        chip = Chip("wait", tr("supervisor.bench_offline", span=span))
    printers = []
    for report in view.printers:
        state = states.printer_chip(report.state, words)
        name = words.maybe(f"strip.printer_{report.name}", report.name)
        key = "strip.printer_jobs" if report.waiting else "strip.printer"
        printers.append(Chip(state.state, tr(key, name=name, state=state.text, n=report.waiting)))
    return BenchRow(
        station_id=view.station_id,
        name=view.name,
        kind=words.maybe(f"states.kind_{view.kind}", ""),
        chip=chip,
        waiting=_waiting(view, words, now),
        waiting_state="wait" if view.waiting_acts else "idle",
        copy=_copy(view, words),
        printers=tuple(printers),
        who=view.sign_on,
        stops=view.stops_here,
    )


def _waiting(view: BenchView, words: Words, now: datetime) -> str:
    if not view.waiting_acts:
        return words.tr("supervisor.bench_no_waiting")
    if view.oldest_waiting_at is None:
        return words.tr("supervisor.bench_waiting", n=view.waiting_acts)
    ago = words.since(view.oldest_waiting_at, now)
    return words.tr("supervisor.bench_waiting_since", n=view.waiting_acts, ago=ago)


def _copy(view: BenchView, words: Words) -> Chip | None:
    """How old its copy is; of a bench that is away its last word says that already."""
    if not view.is_online or view.is_revoked or view.behind is None:
        return None
    if view.behind:
        return Chip("wait", words.tr("supervisor.bench_behind", n=view.behind))
    return Chip("ok", words.tr("supervisor.bench_fresh"))
