"""The promises (P1-P6), each said in plain words when it is broken. Watchers look; they change nothing."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from app.core.acts import ActKind, LinePacked, LineUnpacked
from app.core.order import GONE_STATES, InterceptResult, Order, Parcel, StopKind
from app.core.printjob import PrintJob
from app.station.outcome import Done, Outcome
from app.wire import Envelope, GoAnswer, GoAsk, LeaseAnswer, Urgent, act_of
from hub.connectors.shapes import HintKind
from tests.sim.heard import Heard
from tests.sim.looks import Broken, Look
from tests.sim.station import SimStation

if TYPE_CHECKING:
    from tests.sim.world import World

_order = msgspec.json.Decoder(Order)
#: A go check's word is good for the step it was asked for, not for later.
_GO_LASTS_S = 5.0
#: The whole history is looked through again after so many looks.
_HISTORY_EVERY = 20


class Watch:
    """All that is looked at while the world runs."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._seq = 0
        self._version = -1
        self._looks = 0
        self._history: dict[int, bytes] = {}
        self._stops: dict[str, Order] = {}
        self._shown: dict[tuple[str, str], frozenset[str]] = {}
        self._started: Counter[tuple[str, str, int]] = Counter()
        self._leased: dict[tuple[str, str], float] = {}
        self._went: dict[tuple[str, str], float] = {}
        self.accepted: set[str] = set()
        self.restored = False
        self._heard = Heard()

    # -------------------------------------------------------------------------- what happens at once

    def leaves(self, station: SimStation, path: str, body: bytes) -> None:
        """A request leaves a station: what it tells must be on its disk."""
        if path != "/v1/acts":
            return
        for envelope in msgspec.json.decode(body, type=list[Envelope]):
            if not station.kept.rows("SELECT 1 FROM act WHERE act_id = ?", (envelope.act_id,)):
                raise Broken(
                    f"P1: {station.name} told the hub of {envelope.kind} before it was on its own disk"
                )

    def answered(self, station: SimStation, path: str, body: bytes, status: int, answer: bytes) -> None:
        """An answer arrives at a station: what it may do from now on."""
        if status != 200:
            return
        now = self._world.loop.time()
        if path == "/v1/leases":
            for lease in msgspec.json.decode(answer, type=list[LeaseAnswer]):
                if lease.granted and lease.seconds:
                    self._leased[(station.name, lease.parcel_no)] = now + lease.seconds
        elif path == "/v1/go_checks":
            asked = msgspec.json.decode(body, type=GoAsk)
            said = msgspec.json.decode(answer, type=GoAnswer)
            if said.ok or said.reason in ("not_complete", "not_packed", "already_packed"):
                self._went[(station.name, asked.parcel_no)] = now

    def hears(self, station: SimStation, urgent: Urgent) -> None:
        """A stop has just come by the fast lane."""
        self._heard.hears(station, urgent)

    def paged(self, station: SimStation) -> None:
        """A page has just gone into a copy."""
        self._heard.look(station)

    def told(self, seq: int) -> None:
        """The hub tells everybody of a change."""
        (head,) = self._hub().rows("SELECT seq FROM feed_head")[0]
        if head < seq:
            raise Broken(f"P1: the hub tells of change {seq} before it is on its disk ({head})")

    def begin_again(self) -> None:
        """The hub was restored: what it knows now is an older day, and from there on everything holds anew."""
        self.restored = True
        self._seq, self._version = 0, -1
        self._history, self._stops = {}, {}
        self._shown.clear()

    def _is_of_this_life(self, station: SimStation) -> bool:
        """Whether a copy has already heard of the restore."""
        if not self.restored:
            return True
        (epoch,) = self._hub().rows("SELECT epoch FROM feed_head")[0]
        return bool(station.core.cache.shown.epoch == epoch)

    def restarted(self, station: SimStation) -> None:
        """Leases end with the program, and what was only in memory is forgotten."""
        self._heard.forget(station)
        for known in (self._leased, self._went):
            for key in [key for key in known if key[0] == station.name]:
                del known[key]
        for key in [key for key in self._shown if key[0] == station.name]:
            del self._shown[key]

    def done(self, station: SimStation, outcome: Outcome) -> None:
        """A hand has done something that cannot be undone: somebody must have said that it may."""
        if not outcome.is_ok or outcome.done not in (Done.closed, Done.handed_over):
            return
        key, now = (station.name, outcome.parcel_no), self._world.loop.time()
        may = self._leased.get(key, 0.0) >= now or self._went.get(key, -99.0) + _GO_LASTS_S >= now
        if not may:
            what = f"{station.name} did '{outcome.done}' to {outcome.parcel_no}"
            raise Broken(f"P3: {what} with neither the hub's word nor a lease")

    def prints(self, station: SimStation, job: PrintJob) -> None:
        """The first byte of a paper leaves."""
        key = (station.name, job.job_key, job.copy)
        self._started[key] += 1
        if self._started[key] > 1:
            raise Broken(
                f"P2: {station.name} printed copy {job.copy} of {job.job_key} a second time by itself"
            )
        order = station.core.read.order(job.order_no)
        parcel = order.parcel(job.parcel_no) if order else None
        if parcel is not None and parcel.is_frozen:
            raise Broken(
                f"P4: {station.name} printed a slip of {job.parcel_no} though it knew it was stopped"
            )

    # ------------------------------------------------------------------------------ after each step

    def step(self) -> None:
        self._looks += 1
        if self._looks % _HISTORY_EVERY == 0:
            self.history_grows()
        self._look_at_hub()
        for station in self._world.stations:
            if station.is_on:
                self._look_at_station(station)

    def _look_at_hub(self) -> None:
        hub, version = self._hub(), self._hub().version()
        if version == self._version:
            return
        self._version = version
        for order_no, seq, body in hub.rows(
            "SELECT order_no, seq, body FROM orders WHERE seq > ?", (self._seq,)
        ):
            self._seq = max(self._seq, seq)
            order = _order.decode(body)
            self._look_at_order(order)
            self._stops[order_no] = order

    def _hub(self) -> Look:
        return self._world.hub.look

    def _look_at_order(self, order: Order) -> None:
        for parcel in order.parcels:
            self._look_at_parcel(order, parcel)
            if any(line.qty_packed > line.qty or line.qty_packed < 0 for line in parcel.lines):
                raise Broken(f"P2: {parcel.parcel_no} holds more than was bought")
        before = self._stops.get(order.order_no)
        if before is not None:
            for stop in before.stops:
                if stop.hint is not None and all(s.stop_id != stop.stop_id for s in order.stops):
                    self._lifted(order, stop.stop_id, HintKind(stop.hint.kind), stop.hint.at)

    def _look_at_parcel(self, order: Order, parcel: Parcel) -> None:
        box = self._world.floor.boxes.get(parcel.parcel_no)
        if box is None or box.left_at is None:
            return
        if parcel.intercept_result is InterceptResult.stopped and not self.restored:
            raise Broken(f"P3: {parcel.parcel_no} has left, and the hub says 'stopped'")

    def _lifted(self, order: Order, stop_id: str, kind: HintKind, at: datetime) -> None:
        """A stop that a platform's word had set is gone: a person, a later truth or its effect did that."""
        if order.order_state in ("cancelled", "shipped_despite_cancel"):
            return
        rows = self._hub().rows(
            "SELECT kind FROM history WHERE order_no = ? ORDER BY id DESC LIMIT 8", (order.order_no,)
        )
        if any(row[0] in ("stop_lifted", "cancel_withdrawn") for row in rows):
            return
        if self._world.platform.stood(order.channel_order_no, kind, at):
            raise Broken(
                f"P3: the stop {kind} of {order.order_no} was lifted though the platform never took it back"
            )

    def changed(self, station: SimStation) -> None:
        """A copy has just changed: a stop that goes for a moment only is gone all the same."""
        self._look_at_hub()
        self._look_at_stops(station)

    def _look_at_station(self, station: SimStation) -> None:
        self._heard.look(station)
        self._look_at_stops(station)
        if station.kind == "packing":
            self._shows_own_work(station)

    def _look_at_stops(self, station: SimStation) -> None:
        if not self._is_of_this_life(station):
            return
        read = station.core.read
        for stop in read.open_stops():
            order = stop.order
            key = station.name, order.order_no
            frozen = frozenset(s.stop_id for s in order.stops if s.kind is StopKind.freeze)
            self._shown[key] = self._shown.get(key, frozenset()) | frozen
        for (name, order_no), known in list(self._shown.items()):
            if name == station.name:
                self._forgets_no_stop(station, order_no, known)

    def _forgets_no_stop(self, station: SimStation, order_no: str, known: frozenset[str]) -> None:
        shown = station.core.read.order(order_no)
        if shown is None:
            return
        lost = known - {s.stop_id for s in shown.stops}
        self._shown[(station.name, order_no)] = known - lost
        if not lost:
            return
        there = self._stops.get(order_no)
        still = {s.stop_id for s in there.stops} & lost if there else set()
        if not still or there is None or not there.is_frozen:
            return
        # a bench that has pulled the box shows the cancel's end before the hub does: frozen it stays
        if not shown.is_frozen or not station.core.outbox.pending_of(order_no):
            raise Broken(f"P3: {station.name} knew that {order_no} was stopped and no longer shows it")

    def _shows_own_work(self, station: SimStation) -> None:
        """What the bench counted stands on its screen until the hub says otherwise."""
        view = station.core.packing.view()
        if view.order is None or view.parcel is None or self.restored:
            return
        no = view.parcel.parcel_no
        done = [act for act in self._world.packed_at(station) if act.parcel_no == no]
        others = [s for s in self._world.stations if s is not station and s.kind == "packing"]
        if any(act.parcel_no == no for s in others for act in self._world.packed_at(s)):
            return
        mine: Counter[int] = Counter()
        for act in done:
            if isinstance(act.body, LinePacked):
                mine[act.body.line_no] += act.body.qty
            elif isinstance(act.body, LineUnpacked):
                mine[act.body.line_no] -= act.body.qty
        shown = {line.line_no: line.qty_packed for line in view.parcel.lines}
        for line_no, qty in mine.items():
            seen = shown.get(line_no, 0)
            # a clash is kept and counts at every bench, though a person is asked what to do about it
            has_clashed = seen > qty and any(no in self._world.clashed_at(s) for s in (station, *others))
            if seen != qty and not has_clashed:
                raise Broken(f"P1: {station.name} counted {qty} of line {line_no} of {no} and shows {seen}")

    # ---------------------------------------------------------------------------------- at the end

    def history_grows(self) -> None:
        """Rows seen once stay as they were."""
        rows = dict(self._hub().rows("SELECT id, body FROM history"))
        for row_id, body in self._history.items():
            if rows.get(row_id) != body:
                raise Broken(f"P6: row {row_id} of the history is gone or another")
        self._history = rows
        for body in rows.values():
            said = msgspec.json.decode(body)
            if not said.get("actor") and not said.get("cause"):
                raise Broken(f"P6: a change without an actor or a cause: {said}")
            if not said.get("at"):
                raise Broken(f"P6: a change without a time: {said}")

    def after(self) -> None:
        """Everything has healed and settled: nothing was lost, nothing counts twice, everybody knows the same."""
        self.history_grows()
        self._nothing_lost()
        self._nothing_twice()
        self._what_left_is_shown()

    def _nothing_lost(self) -> None:
        hub = self._hub()
        told = [msgspec.json.decode(row[0]) for row in hub.rows("SELECT body FROM history")]
        receipts = {row[0] for row in hub.rows("SELECT act_id FROM receipt")}
        receipts |= {row["act_id"] for row in told if row.get("act_id")}
        orders = {row[0] for row in hub.rows("SELECT channel_order_no FROM orders")}
        for station in self._world.stations:
            needing = {n.act.act_id for n in station.core.outbox.needs_person()}
            for act_id in sorted(self._world.floor.green.get(station.name, ())):
                if act_id not in receipts and act_id not in needing:
                    raise Broken(
                        f"P1: {act_id} was green at {station.name} and the hub has never heard of it"
                    )
        for no in sorted(self._world.platform.acknowledged):
            if no not in orders:
                raise Broken(f"P1: the hub acknowledged a push of {no} and has no such order")
        for no in self._world.platform.sales:
            if no not in orders:
                raise Broken(
                    f"P1: {no} was sold and never came in, though the platform was asked again and again"
                )

    def _nothing_twice(self) -> None:
        hub = self._hub()
        rows = hub.rows("SELECT order_no, parcel_no, kind, body FROM history ORDER BY id")
        bodies = [row[0] for row in hub.rows("SELECT body FROM orders")]
        keys = Counter(hub.rows("SELECT shop_id, channel_order_no FROM orders"))
        if twice := [key for key, n in keys.items() if n > 1]:
            raise Broken(f"P2: orders counted twice: {twice}")
        acts: Counter[tuple[Any, ...]] = Counter()
        packed: Counter[tuple[str, int]] = Counter()
        for _order_no, parcel_no, kind, body in rows:
            said = msgspec.json.decode(body)
            if said.get("act_id") and kind not in ("stop_set", "intercept_answered", "clash"):
                acts[(said["act_id"], kind, parcel_no)] += 1
            if kind in (ActKind.line_packed, ActKind.line_unpacked):
                sign = 1 if kind == ActKind.line_packed else -1
                packed[(parcel_no, said["params"]["line_no"])] += sign * said["params"]["qty"]
        if twice := [key for key, n in acts.items() if n > 1]:
            raise Broken(f"P2: one act has counted more than once: {twice[0]}")
        for body in bodies:
            for parcel in _order.decode(body).parcels:
                for line in parcel.lines:
                    if packed[(parcel.parcel_no, line.line_no)] != line.qty_packed:
                        raise Broken(
                            f"P2: {parcel.parcel_no} holds {line.qty_packed}, its history tells otherwise"
                        )

    def _what_left_is_shown(self) -> None:
        bodies = [row[0] for row in self._hub().rows("SELECT body FROM orders")]
        parcels = {p.parcel_no: p for body in bodies for p in _order.decode(body).parcels}
        for box in self._world.floor.boxes.values():
            parcel = parcels.get(box.parcel_no)
            if box.left_at is not None and (parcel is None or parcel.state not in GONE_STATES):
                raise Broken(f"P3: {box.parcel_no} has left and the hub does not show it")

    # ------------------------------------------------------------------------------------- converged

    def differs(self, station: SimStation) -> str:
        """Why this copy is not what the hub would tell it anew; empty when it is."""
        if not station.is_on:
            return "off"
        if station.core.outbox.pending_count():
            return "acts wait"
        cache, hub = station.core.cache, self._world.hub
        if cache.is_filling_anew:
            return "loading"
        feed = hub.doors.orders.feed
        if (cache.shown.epoch, cache.shown.seq) != (feed.epoch(), feed.head()):
            return f"at {cache.shown.seq} of {feed.head()}"
        fresh = self._world.fresh_copy(station)
        return _compared(fresh, self._world.copy_of(station)) or self._shows_other_stops(station, fresh)

    def _shows_other_stops(self, station: SimStation, fresh: dict[tuple[str, str], Any]) -> str:
        """What came by the fast lane must not outlive what the hub says."""
        for kind, key in sorted(fresh):
            shown = station.core.read.order(key) if kind == "order" else None
            told = {stop["stop_id"] for stop in fresh[(kind, key)][1]["stops"]} if shown else set()
            if shown is not None and {stop.stop_id for stop in shown.stops} != told:
                return f"shows other stops of {key}"
        return ""


def _compared(fresh: dict[tuple[str, str], Any], held: dict[tuple[str, str], Any]) -> str:
    for key in sorted(fresh.keys() | held.keys()):
        if key not in held:
            return f"lacks {key}"
        if key not in fresh:
            return f"still holds {key}"
        if fresh[key] != held[key]:
            return f"holds another {key}"
    return ""


COUNTS = (ActKind.line_packed, ActKind.line_unpacked)


def clashed_in(kept: Look) -> set[str]:
    """Parcels with a fact that the hub would have refused: it is kept all the same."""
    rows = kept.rows(
        "SELECT DISTINCT parcel_no FROM act WHERE json_extract(CAST(receipt AS TEXT), '$.outcome') = 'clash'"
    )
    return {row[0] for row in rows}


def acts_in(kept: Look) -> list[Any]:
    """Counts in an outbox that the hub took or has not answered."""
    rows = kept.rows(
        "SELECT envelope FROM act WHERE kind IN ('line_packed', 'line_unpacked') AND (state = 'waiting' OR "
        "(state = 'settled' AND json_extract(CAST(receipt AS TEXT), '$.outcome') = 'applied')) ORDER BY n"
    )
    return [act_of(msgspec.json.decode(row[0], type=Envelope)) for row in rows]
