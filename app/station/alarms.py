"""The strong alarm at the bench (FRZ-05): raised once per stop, gone only when somebody acknowledged it.

The fact ``freeze_shown`` is what tells the hub that the stop has arrived at the hand; ``freeze_acked`` that a
person has seen it. Waiting papers of the parcel are pulled.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime

from app.core import lines
from app.core.acts import ActKind, FreezeSeen
from app.core.order import GONE_STATES, CommandState, Order, Parcel, Stop, StopKind
from app.core.reasons import Reason
from app.core.values import dataclass
from app.station.bench import Bench
from app.store.leases import LeaseBook
from app.store.outbox import Outbox
from app.store.readmodel import ReadModel
from app.store.views import stopped_parcels


@dataclass(frozen=True, slots=True, kw_only=True)
class StationAlarm:
    """One stopped parcel this bench is responsible for. ``spoken_no`` is what the voice says, digit by digit.

    ``is_lifted``: the stop was taken back meanwhile; the packer still acknowledges and goes on.
    ``items``: the goods it is about, "" for all of them. ``is_open_here``: the parcel lies on this bench now.
    """

    order_no: str
    parcel_no: str
    spoken_no: str
    stop_ids: tuple[str, ...]
    command: str
    since: datetime
    by: str = ""
    reason: str = ""
    note: str = ""
    is_open_here: bool = False
    is_packed: bool = False
    is_lifted: bool = False
    items: str = ""


class AlarmWatch:
    """Looks at changed orders and keeps the alarms that wait to be acknowledged, oldest first."""

    def __init__(self, bench: Bench, read: ReadModel, outbox: Outbox, leases: LeaseBook) -> None:
        self._bench = bench
        self._read = read
        self._outbox = outbox
        self._leases = leases
        self._lock = threading.RLock()
        self._alarms: dict[str, StationAlarm] = {}
        self._shown = _seen_in(outbox, ActKind.freeze_shown)
        self._acked = _seen_in(outbox, ActKind.freeze_acked)
        self._listeners: list[Callable[[StationAlarm | None], None]] = []
        self._told: StationAlarm | None = None
        #: Called without our lock once red was told and before anything that follows from it, from any thread: who
        #: shows it may let its picture go before.
        self.let_pass: Callable[[], object] = _nothing
        #: The parcel on the bench now; the packing desk says so.
        self.open_parcel: Callable[[], str] = str

    def on_alarm(self, call: Callable[[StationAlarm | None], None]) -> None:
        """``call`` with the alarm on top, or None when the bench is free again. From any thread."""
        self._listeners.append(call)

    @property
    def current(self) -> StationAlarm | None:
        with self._lock:
            return next(iter(self._alarms.values()), None)

    @property
    def waiting(self) -> int:
        """How many more wait behind the one on top."""
        with self._lock:
            return max(0, len(self._alarms) - 1)

    def check(self, order_nos: Iterable[str], now: datetime) -> None:
        """Looks at these orders; raises, renews or marks as lifted what is due."""
        raised: list[StationAlarm] = []
        with self._lock:
            for order_no in order_nos:
                if (order := self._read.order(order_no)) is not None:
                    for parcel in order.parcels:
                        if (alarm := self._check(order, parcel, now)) is not None:
                            raised.append(alarm)
            self._tell()
        if raised:  # red first, then the paperwork
            self.let_pass()
        for alarm in raised:
            self._write_down(alarm, now)

    def check_all(self, now: datetime) -> None:
        """Looks at everything this bench may be responsible for: after a start or a large page."""
        stopped = {stop.order.order_no for stop in self._read.open_stops()}
        mine = {no for parcel in self._parcels_here() if (no := self._read.parcel_order_no(parcel))}
        self.check(sorted(stopped | mine), now)

    def _parcels_here(self) -> set[str]:
        here = set(self._leases.held()) | {job.parcel_no for job in self._outbox.open_jobs()}
        with self._lock:
            here |= set(self._alarms)
        return {no for no in here | {self.open_parcel()} if no}

    def _check(self, order: Order, parcel: Parcel, now: datetime) -> StationAlarm | None:
        """An alarm that was raised just now."""
        standing = self._alarms.get(parcel.parcel_no)
        if not parcel.is_frozen or parcel.state in GONE_STATES:
            if standing and not standing.is_lifted:
                self._alarms[parcel.parcel_no] = replace(standing, is_lifted=True)
            return None
        is_here = parcel.parcel_no == self.open_parcel() or self._leases.is_valid(parcel.parcel_no)
        has_paper = any(job.parcel_no == parcel.parcel_no for job in self._outbox.open_jobs())
        stops = [s for s in order.stops if s.kind is StopKind.freeze and parcel in stopped_parcels(order, s)]
        ids = {s.stop_id for s in stops} or (_done_cancels(order) if is_here or has_paper else set())
        if not (is_here or has_paper or self._is_concerned(parcel)):
            return None
        new = {(stop_id, parcel.parcel_no) for stop_id in ids} - self._acked
        is_news = standing is None or standing.is_lifted or {i for i, _ in new} - set(standing.stop_ids)
        if new and is_news:
            return self._raise(order, parcel, stops, tuple(sorted(i for i, _ in new)), now)
        return None

    def _is_concerned(self, parcel: Parcel) -> bool:
        """Whether the box may lie here. Leased for the van, it may still stand at the bench that closed it."""
        is_for_van = parcel.is_boxed and parcel.lease_step == "handover"
        return self._bench.station_id in (parcel.alarm_holder, parcel.handled_by if is_for_van else None)

    def _raise(
        self, order: Order, parcel: Parcel, stops: list[Stop], ids: tuple[str, ...], now: datetime
    ) -> StationAlarm:
        stop = next((s for s in stops if s.stop_id in ids), None)
        alarm = StationAlarm(
            order_no=order.order_no,
            parcel_no=parcel.parcel_no,
            spoken_no=order.order_no[-4:],
            stop_ids=ids,
            command=stop.command if stop else "cancel",
            since=stop.since if stop else now,
            by=stop.actor if stop else "",
            reason=stop.reason if stop else "",
            note=stop.note if stop else "",
            is_open_here=parcel.parcel_no == self.open_parcel(),
            is_packed=parcel.state == "packed" or parcel.is_boxed,
            items=lines.named(order, stop.line_nos) if stop else "",
        )
        self._alarms[parcel.parcel_no] = alarm
        self._tell()
        return alarm

    def _write_down(self, alarm: StationAlarm, now: datetime) -> None:
        """The fact that it was shown; papers of the parcel that wait to be printed are pulled."""
        with self._lock:
            unshown = tuple(i for i in alarm.stop_ids if (i, alarm.parcel_no) not in self._shown)
            self._shown |= {(i, alarm.parcel_no) for i in unshown}
        if unshown:
            self._seen(ActKind.freeze_shown, alarm, unshown, "", now)
        self._outbox.pull(alarm.parcel_no, Reason.frozen, now)

    def ack(self, how: str, now: datetime) -> StationAlarm | None:
        """A person has seen the alarm on top. Returns it; the next one, if any, takes its place."""
        with self._lock:
            alarm = self.current
            if alarm is None:
                return None
            del self._alarms[alarm.parcel_no]
            self._acked |= {(stop_id, alarm.parcel_no) for stop_id in alarm.stop_ids}
        self._seen(ActKind.freeze_acked, alarm, alarm.stop_ids, how, now)
        self._tell()
        return alarm

    def _seen(
        self, kind: ActKind, alarm: StationAlarm, stop_ids: tuple[str, ...], how: str, now: datetime
    ) -> None:
        body = FreezeSeen(stop_ids=stop_ids, how=how)
        self._bench.record(self._bench.act(kind, alarm.order_no, now, alarm.parcel_no, body))

    def _tell(self) -> None:
        current = self.current
        if current == self._told:
            return
        self._told = current
        for listener in self._listeners:
            listener(current)


def _nothing() -> None:
    """Nobody has a picture to wait for."""


def _seen_in(outbox: Outbox, kind: ActKind) -> set[tuple[str, str]]:
    seen = set()
    for act in outbox.acts_of_kind((kind,)):
        if isinstance(act.body, FreezeSeen):
            seen |= {(stop_id, act.parcel_no or "") for stop_id in act.body.stop_ids}
    return seen


def _done_cancels(order: Order) -> set[str]:
    """Cancels that took effect and whose stops are gone: a bench that still works on the parcel must hear."""
    over = (CommandState.done, CommandState.failed)
    done = {c.act_id for c in order.commands if c.kind == ActKind.cancel and c.state in over}
    return done or {"cancelled"}
