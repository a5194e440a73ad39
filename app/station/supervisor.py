"""The supervisor's desk: open stops by what can still be saved, the benches, the alarms."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from app.core.acts import ActKind, ParcelPulled, Release, TakeOver
from app.core.order import (
    GONE_STATES,
    CommandState,
    InterceptResult,
    Order,
    OrderState,
    Parcel,
    Stop,
    StopKind,
)
from app.core.values import dataclass
from app.ports import HubAway
from app.station.asking import Asked, Asking
from app.station.bench import Bench
from app.store.readmodel import ReadModel
from app.store.views import OpenStop
from app.wire import AlarmView, PrinterReport, Restored, StationView

S = OrderState
R = InterceptResult

#: The hub names a bench whose beats stay away within 15 s. Where it could not, a bench that has not beaten for so
#: long is shown as offline all the same; the feed tells of beats every 30 s only.
SILENT_AFTER = timedelta(seconds=60)

#: So many changes may be on their way to a bench that keeps up.
_IN_FLIGHT = 50

#: What can still be done, best chance first.
Chance = Literal["at_bench", "packed", "safe", "held", "gone"]
_CHANCES: tuple[Chance, ...] = ("at_bench", "packed", "held", "safe", "gone")


@dataclass(frozen=True, slots=True, kw_only=True)
class StopView:
    """One parcel under one stop. ``stage``: waiting, picking, packing, packed, gone. ``age`` counts from the stop.
    ``scanned_at``: the last scan of this parcel at a bench, by the hub's clock.

    ``chance``: at_bench = hands are on it now; packed = in a closed box, not gone; held = a planned stop;
    safe = nobody works on it; gone = too late here.
    """

    order_no: str
    parcel_no: str
    stop: Stop
    age: timedelta
    stage: Literal["waiting", "picking", "packing", "packed", "gone"]
    chance: Chance
    intercept_result: InterceptResult | None
    holder: str
    holder_name: str
    holder_online: bool
    is_acked: bool
    command_state: CommandState | None
    order: Order
    scanned_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchView:
    """One station as it last reported itself.

    ``behind``: changes its copy lacked at that moment, 0 for a copy that was up to date, None while only one report
    lags: a station that has just started reports before it has loaded. ``oldest_waiting_at``: since when the oldest
    of its acts waits for the hub.
    """

    station_id: str
    name: str
    kind: str
    is_online: bool
    is_revoked: bool
    last_beat_at: datetime | None
    waiting_acts: int
    printers: tuple[PrinterReport, ...]
    sign_on: str
    stops_here: int
    behind: int | None = 0
    oldest_waiting_at: datetime | None = None


class SupervisorDesk:
    def __init__(self, bench: Bench, read: ReadModel, asking: Asking) -> None:
        self._bench = bench
        self._read = read
        self._asking = asking
        #: Stations whose reports lag, with the seq of the first report that did.
        self._lagging: dict[str, int] = {}

    def stops(self, now: datetime) -> list[StopView]:
        """What can still be saved first; among equals where hands moved last, for there it goes on soonest."""
        hub_now = now + self._bench.status.facts.offset
        views = [view for found in self._read.open_stops() for view in self._views(found, hub_now)]
        return sorted(views, key=_urgency)

    def _views(self, found: OpenStop, now: datetime) -> list[StopView]:
        return [self._view(found.order, found.stop, parcel, now) for parcel in found.parcels]

    def _view(self, order: Order, stop: Stop, parcel: Parcel, now: datetime) -> StopView:
        holder = parcel.alarm_holder or ""
        station = self._read.station(holder) if holder else None
        command = next((c for c in order.commands if c.act_id == stop.stop_id), None)
        return StopView(
            order_no=order.order_no,
            parcel_no=parcel.parcel_no,
            stop=stop,
            age=max(timedelta(0), now - stop.since),
            stage=_stage(parcel),
            chance=_chance(stop, parcel),
            intercept_result=parcel.intercept_result,
            holder=holder,
            holder_name=station.name if station else holder,
            holder_online=station is not None and _is_online(station, now),
            is_acked=parcel.parcel_no in stop.acked,
            command_state=command.state if command else None,
            order=order,
            scanned_at=parcel.last_scan_at,
        )

    def stations(self, now: datetime) -> list[BenchView]:
        """Every bench of the scope: those with something wrong first."""
        hub_now = now + self._bench.status.facts.offset
        stops = [parcel.alarm_holder for found in self._read.open_stops() for parcel in found.parcels]
        seqs = self._read.station_seqs()
        views = [
            BenchView(
                station_id=s.station_id,
                name=s.name,
                kind=s.kind,
                is_online=not s.is_revoked and _is_online(s, hub_now),
                is_revoked=s.is_revoked,
                last_beat_at=s.last_beat_at,
                waiting_acts=s.waiting_acts,
                printers=tuple(s.printers),
                sign_on=s.sign_on,
                stops_here=stops.count(s.station_id),
                behind=self._behind(s.station_id, seqs.get(s.station_id, 0), s.seq_seen),
                oldest_waiting_at=s.oldest_waiting_at if s.waiting_acts else None,
            )
            for s in self._read.stations()
        ]
        return sorted(views, key=lambda v: (v.is_revoked, v.is_online, v.name))

    def _behind(self, station_id: str, reported_at_seq: int, seq_seen: int) -> int | None:
        """A report has a seq of its own, and what went out in the same moment is on its way: that is no lag."""
        lacking = reported_at_seq - seq_seen
        if lacking <= _IN_FLIGHT:
            self._lagging.pop(station_id, None)
            return 0
        return lacking if self._lagging.setdefault(station_id, reported_at_seq) != reported_at_seq else None

    def alarms(self) -> list[AlarmView]:
        """Where a station is concerned, ``params["station"]`` is its name."""
        names = {station.station_id: station.name for station in self._read.stations()}
        return [_with_name(alarm, names) for alarm in self._read.alarms()]

    async def ack_alarm(self, alarm_id: str) -> None:
        """Somebody takes care of it. Raises HubTrouble: this needs the hub."""
        if self._bench.hub is None:
            raise HubAway
        await self._bench.hub.ack_alarm(alarm_id)

    def restored(self) -> Restored | None:
        """What the hub says of its restore from a backup; None where it never was restored."""
        return self._read.restored()

    async def restored_go(self) -> None:
        """Waybill numbers are given again, whoever has not come back. Raises HubTrouble: this needs the hub."""
        if self._bench.hub is None:
            raise HubAway
        await self._bench.hub.restored_go()

    async def take_over(self, parcel_no: str, statement: str, now: datetime) -> Asked:
        """Ends the lease of a bench that cannot be reached, on the word of a person who looked."""
        order_no = self._read.parcel_order_no(parcel_no) or parcel_no[:-2]
        return await self._asking.ask(
            ActKind.take_over, order_no, now, TakeOver(statement=statement), parcel_no
        )

    async def pulled(self, parcel_no: str, note: str, now: datetime) -> Asked:
        """Somebody holds the stopped box in their hands and has put it aside: it does not leave."""
        order_no = self._read.parcel_order_no(parcel_no) or parcel_no[:-2]
        body = ParcelPulled(how="found", note=note)
        return await self._asking.ask(ActKind.parcel_pulled, order_no, now, body, parcel_no)

    async def release(self, order_no: str, stop_id: str, note: str, now: datetime) -> Asked:
        """Lifts one stop; without ``stop_id`` lets an order that waits for its audit go to the floor."""
        return await self._asking.ask(ActKind.release, order_no, now, Release(stop_id=stop_id, note=note))


def _with_name(alarm: AlarmView, names: Mapping[str, str]) -> AlarmView:
    station_id = alarm.params.get("station", "")
    if station_id not in names:
        return alarm
    return msgspec.structs.replace(alarm, params=alarm.params | {"station": names[station_id]})


def _urgency(view: StopView) -> tuple[int, bool, float, timedelta]:
    scanned = view.scanned_at
    return (
        _CHANCES.index(view.chance),
        scanned is None,
        -scanned.timestamp() if scanned else 0.0,
        -view.age,
    )


def _is_online(station: StationView, now: datetime) -> bool:
    last = station.last_beat_at
    return station.silent_at is None and last is not None and now - last <= SILENT_AFTER


def _stage(parcel: Parcel) -> Literal["waiting", "picking", "packing", "packed", "gone"]:
    if parcel.state in GONE_STATES:
        return "gone"
    if parcel.state is S.packed or (parcel.state is S.cancelled and parcel.is_boxed):
        return "packed"
    if parcel.state is S.packing or parcel.qty_packed:
        return "packing"
    return "picking" if parcel.state is S.picking or parcel.slip_count else "waiting"


def _chance(stop: Stop, parcel: Parcel) -> Chance:
    if parcel.state in GONE_STATES:
        return "gone"
    if stop.kind is StopKind.hold:
        return "held"
    if parcel.intercept_result is R.stopped:
        return "safe"
    if _stage(parcel) == "packed":
        return "packed"
    is_asked = parcel.intercept_result in (R.trying, R.at_station_offline)
    return "at_bench" if is_asked or parcel.is_claimed else "safe"
