"""The packing desk: what a scan does, online or not (design 3.5, 3.7; PCK-03, FRZ-05).

Deciding is :mod:`app.core`; here the scan is understood, asked and recorded. Nothing in :meth:`PackingDesk.on_scan`
waits for the network: what must be asked first comes back with ``outcome.follow``.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Literal

from app.core import freeze, lines
from app.core.acts import (
    Act,
    ActKind,
    BarcodeLearned,
    Body,
    HandedOver,
    LinePacked,
    LineUnpacked,
    MarkedAbnormal,
    Nothing,
    ParcelClosed,
    ParcelPulled,
    WaybillBound,
)
from app.core.decide import Accepted, decide
from app.core.freeze import Rules
from app.core.order import InterceptResult, LeaseStep, Order, OrderState, Parcel, ParcelLine
from app.core.packing import ItemCode, match_item
from app.core.printjob import (
    NEVER_SENT,
    TIME_TO_LIVE,
    PrintJob,
    PrintState,
    job_key,
    next_copy,
    paper_seen,
    printed_act,
)
from app.core.reasons import Reason, Refused
from app.core.scan import Scan, ScanClass, parse
from app.core.values import dataclass
from app.ports import HubTrouble
from app.station.alarms import AlarmWatch, StationAlarm
from app.station.bench import Bench
from app.station.leasing import LeaseKeeper
from app.station.outcome import Done, Follow, Light, Outcome, Sound, refusal
from app.store.leases import LeaseBook
from app.store.outbox import ScanRow
from app.store.readmodel import ReadModel, Target
from app.store.surroundings import StoreTrouble

S = OrderState
Mode = Literal["packing", "handover"]

#: The same code again within so short a time is one read of a nervous scanner (setting ``duplicate_ms``).
DUPLICATE_MS = 300
#: How many counts back UNDO goes.
UNDO_MAX = 50
_STILL_ASKED = frozenset({InterceptResult.trying, InterceptResult.at_station_offline})


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskView:
    """What stands on the bench now. ``is_leased``: the parcel could be finished without the hub."""

    mode: Mode
    order: Order | None
    parcel: Parcel | None
    alarm: StationAlarm | None
    alarms_waiting: int
    is_online: bool
    is_leased: bool
    can_undo: bool
    last: Outcome | None


@dataclass(frozen=True, slots=True)
class _Count:
    parcel_no: str
    line_no: int
    qty: int


class PackingDesk:
    """One bench. Synchronous methods are quick; one scan at a time is handled, whatever thread it comes from."""

    def __init__(
        self,
        bench: Bench,
        read: ReadModel,
        leases: LeaseKeeper,
        book: LeaseBook,
        alarms: AlarmWatch,
        rules: Rules,
    ) -> None:
        self._bench = bench
        self._read = read
        self._leases = leases
        self._book = book
        self._alarms = alarms
        self._rules = rules
        self._lock = threading.RLock()
        self._listeners: list[Callable[[Outcome], None]] = []
        self._mode: Mode = "packing"
        self._open: tuple[str, str] | None = None
        self._counts: list[_Count] = []
        self._is_to_lease = False
        self._learned: dict[str, ItemCode] = {}
        self._last: Outcome | None = None
        self._last_lock = threading.Lock()
        self._writing: dict[str, Future[Any]] = {}
        self._last_read: tuple[str, datetime] | None = None
        self._changed: Callable[[], None] = _nothing
        leases.refused = self._lease_refused
        leases.open_parcel = alarms.open_parcel = self.open_parcel_no

    # ---------------------------------------------------------------------------------- looking

    def on_outcome(self, call: Callable[[Outcome], None]) -> None:
        """``call`` with later words about an outcome: on disk (green), not kept (red), refused by the hub."""
        self._listeners.append(call)

    def on_changed(self, call: Callable[[], None]) -> None:
        """``call`` when what stands on the bench is another."""
        self._changed = call

    def open_parcel_no(self) -> str:
        """The parcel on the bench, or empty."""
        opened = self._open
        return opened[1] if opened else ""

    def view(self) -> DeskView:
        opened = self._open
        order = self._read.order(opened[0]) if opened else None
        parcel = order.parcel(opened[1]) if order and opened else None
        return DeskView(
            mode=self._mode,
            order=order if parcel else None,
            parcel=parcel,
            alarm=self._alarms.current,
            alarms_waiting=self._alarms.waiting,
            is_online=self._bench.is_online,
            is_leased=parcel is not None and self._book.is_valid(parcel.parcel_no),
            can_undo=bool(self._counts) or (parcel is not None and bool(self._out_of(order, parcel))),
            last=self._last,
        )

    # ---------------------------------------------------------------------------------- scanning

    def on_scan(self, raw: str, now: datetime, repeated: bool | None = None) -> Outcome:
        """What one read does. Amber means taken; green (or red) follows through :meth:`on_outcome`.

        ``repeated``: the scanner door saw by its own time stamps whether this is one pull of the trigger read
        twice; None where nobody knows, then ``now`` decides.
        """
        with self._lock:
            scan = parse(raw)
            target = self._target(scan)
            row = ScanRow(
                scan_id=self._bench.new_id(),
                at=now,
                raw=raw,
                scan_class=target.guess.scan_class,
                result="ok",
            )
            outcome = self._scanned(scan, target, row, now, repeated)
            if not outcome.act_id:
                self._keep(row, outcome)
            return self._said(outcome)

    def _target(self, scan: Scan) -> Target:
        """What the scan means on this bench: goods first while a parcel is open."""
        order = self._read.order(self._open[0]) if self._open else None
        if order is None:
            self._leave()  # it may have left our scope while it lay here
            return self._read.resolve(scan, "parcel")
        own = self._own_meaning(scan.text, order)
        guess = scan.first(ScanClass.item, ScanClass.outer_pack)
        if own is not None and guess is not None:
            return Target(kind="item", key=scan.text, guess=guess, meanings=(own,))
        return self._read.resolve(scan, "item")

    def _own_meaning(self, code: str, order: Order) -> ItemCode | None:
        """Codes known without the hub's items: a sku_code scans as itself, and what was learned here just now."""
        if self._read.items_for_code(code):
            return None
        if any(line.sku_code == code for line in order.lines):
            return ItemCode(code)
        return self._learned.get(code)

    def _scanned(
        self, scan: Scan, target: Target, row: ScanRow, now: datetime, repeated: bool | None
    ) -> Outcome:
        in_time = self._is_duplicate(scan.text, now)
        if in_time if repeated is None else repeated:
            return refusal(row.scan_id, Refused(Reason.duplicate_read))
        if target.kind == "command" and target.key == "ACK":
            return self._acked("scan", now, row.scan_id)
        if (alarm := self._alarms.current) is not None:
            params = {"order_no": alarm.order_no, "by": alarm.by}
            return refusal(
                row.scan_id,
                Refused(Reason.frozen, params),
                order_no=alarm.order_no,
                parcel_no=alarm.parcel_no,
            )
        match target.kind:
            case "command":
                return self._commanded(target.key, row, now)
            case "badge":
                return Outcome(
                    scan_id=row.scan_id,
                    done=Done.badge,
                    light=Light.amber,
                    params={"badge": target.key},
                    follow="badge",
                )
            case "item":
                return self._goods(target, row, now)
            case "parcel":
                return self._parcel(target, row, now)
            case _:
                return self._stranger(scan, row, now)

    def _is_duplicate(self, text: str, now: datetime) -> bool:
        last, self._last_read = self._last_read, (text, now)
        if last is None or text != last[0]:
            return False
        limit = int(self._bench.outbox.setting("duplicate_ms", str(DUPLICATE_MS)))
        return now - last[1] < timedelta(milliseconds=limit)

    def _keep(self, row: ScanRow, outcome: Outcome) -> None:
        kept = replace(row, result=outcome.result, order_no=outcome.order_no, parcel_no=outcome.parcel_no)
        done = self._bench.outbox.keep_scan(kept)
        done.add_done_callback(lambda answer: self._on_disk(outcome, answer) if answer.exception() else None)

    def _commanded(self, verb: str, row: ScanRow, now: datetime) -> Outcome:
        match verb:
            case "CLOSE":
                return self._asks("close", row.scan_id)
            case "PRINT":
                return self._asks("print", row.scan_id)
            case "UNDO":
                return self._undo(row.scan_id, now, row)
            case "ABNORMAL":
                return self._abnormal("manual", "", row.scan_id, now, row)
            case "HANDOVER":
                return self._to_mode("handover", row.scan_id)
            case "PACKING":
                return self._to_mode("packing", row.scan_id)
            case "ASIDE":
                return self._put_aside(row.scan_id)
            case _:
                return refusal(row.scan_id, Refused(Reason.unknown_code, {"code": verb}))

    def _asks(self, follow: Follow, scan_id: str) -> Outcome:
        """What must be asked of the hub before it is done."""
        if self._open is None:
            return refusal(scan_id, Refused(Reason.nothing_open))
        order_no, parcel_no = self._open
        return Outcome(
            scan_id=scan_id,
            done=Done.asked,
            light=Light.amber,
            sound=Sound.none,
            params={"order_no": order_no, "parcel_no": parcel_no},
            order_no=order_no,
            parcel_no=parcel_no,
            follow=follow,
        )

    # ---------------------------------------------------------------------------------- opening

    def _parcel(self, target: Target, row: ScanRow, now: datetime) -> Outcome:
        order = self._read.order(target.order_no)
        parcel = order.parcel(target.parcel_no) if order else None
        if order is None or parcel is None:
            params = {"order_no": target.order_no, "parcel_no": target.parcel_no or target.key}
            reason = Reason.not_released if order and not order.parcels else Reason.parcel_unknown
            return refusal(row.scan_id, Refused(reason, params))
        version = target.guess.slip_version
        is_old = version is not None and version % 100 != parcel.slip_version % 100
        if is_old and not lines.may_take_out(order, parcel):
            return self._no(row.scan_id, order, parcel, Refused(Reason.outdated_slip))
        if version is not None and not is_old:
            self._paper_seen(parcel, now)
        if self._mode == "handover":
            return self._over(order, parcel, row, now)
        return self._opens(order, parcel, row, now)

    def _paper_seen(self, parcel: Parcel, now: datetime) -> None:
        """Whoever scans a slip holds it in the hand: its job came out, whatever the printer said (C11)."""
        outbox = self._bench.outbox
        key = job_key(parcel.parcel_no, "slip", parcel.slip_version)
        job = paper_seen(outbox.jobs_of(parcel.parcel_no), key)
        if job is None:
            return
        # a printed one has its fact already; of a stopped parcel nothing more is reported as printed
        is_news = job.state is PrintState.uncertain and not parcel.is_frozen
        act = printed_act(job, self._bench.new_id(), now) if is_news else None
        done = outbox.set_state_soon(job.job_id, PrintState.confirmed, "", now, {job.state}, act)
        done.add_done_callback(lambda answer: None if answer.exception() else self._bench.push_soon())

    def _no(self, scan_id: str, order: Order, parcel: Parcel, refused: Refused) -> Outcome:
        return refusal(scan_id, refused, order_no=order.order_no, parcel_no=parcel.parcel_no)

    def _opens(
        self, order: Order, parcel: Parcel, row: ScanRow, now: datetime, *, is_in_hand: bool = True
    ) -> Outcome:
        """``is_in_hand``: its code was read, so it lies here; a click tells nothing of where the box is."""
        refused = freeze.blocks(order, parcel, self._bench.station_id)
        if refused is None and parcel.state is S.packed:
            refused = Refused(Reason.already_packed, {"parcel_no": parcel.parcel_no})
        if refused is None:
            return self._opened(order, parcel, row, now)
        if refused.reason is Reason.no_lease and self._bench.is_online:
            amber = Outcome(scan_id=row.scan_id, done=Done.asked, light=Light.amber, sound=Sound.none)
            return self._about(replace(amber, follow="open"), order, parcel)
        if refused.reason is Reason.frozen and is_in_hand:
            self._pulled(order, parcel, "found", now)
        if refused.reason is Reason.frozen and lines.may_take_out(order, parcel):
            return self._opened_to_take_out(order, parcel, row)
        return self._no(row.scan_id, order, parcel, refused)

    def _opened_to_take_out(self, order: Order, parcel: Parcel, row: ScanRow) -> Outcome:
        """On the bench, though stopped: what no longer goes has to come out. No lease is to be had for that."""
        if self._open != (order.order_no, parcel.parcel_no):
            self._leave()
            self._open = order.order_no, parcel.parcel_no
        self._is_to_lease = True
        return self._about(Outcome(scan_id=row.scan_id, done=Done.to_take_out), order, parcel)

    def _about(self, outcome: Outcome, order: Order, parcel: Parcel) -> Outcome:
        known = {"order_no": order.order_no, "parcel_no": parcel.parcel_no}
        return replace(
            outcome, order_no=order.order_no, parcel_no=parcel.parcel_no, params=known | outcome.params
        )

    def _opened(self, order: Order, parcel: Parcel, row: ScanRow, now: datetime) -> Outcome:
        opened = Outcome(scan_id=row.scan_id, done=Done.opened)
        if self._open == (order.order_no, parcel.parcel_no):
            return self._about(opened, order, parcel)
        self._leave()
        self._open = order.order_no, parcel.parcel_no
        if not self._book.is_valid(parcel.parcel_no):
            self._leases.want(parcel.parcel_no, "close")
        return self._do(ActKind.opened, order, parcel, Nothing(), opened, row, now)

    def _leave(self) -> None:
        """Lets go of the parcel on the bench; its lease goes back once its acts are at the hub."""
        if self._open is not None:
            parcel_no = self._open[1]
            self._open = None
            self._counts.clear()
            self._leases.give_back(parcel_no)
            self._changed()

    def _lease_refused(self, parcel_no: str, refused: Refused) -> None:
        """The hub gave the opened parcel to somebody else: the bench lets go of it and says who has it."""
        with self._lock:
            if self._open is None or self._open[1] != parcel_no:
                return
            order_no = self._open[0]
            self._open = None
            self._counts.clear()
        self._tell(
            refusal(self._bench.new_id(), self._named(refused), order_no=order_no, parcel_no=parcel_no)
        )
        self._changed()

    def _named(self, refused: Refused) -> Refused:
        """The holder by its name instead of its id."""
        holder = refused.params.get("holder", "")
        station = self._read.station(holder) if holder else None
        if station is None:
            return refused
        return Refused(refused.reason, {**refused.params, "holder": station.name})

    def open_parcel(self, parcel_no: str, now: datetime) -> Outcome:
        """A click in the queue: the same as a scan of its slip."""
        with self._lock:
            row = self._row(parcel_no, now, "order_no")
            order_no = self._read.parcel_order_no(parcel_no)
            order = self._read.order(order_no) if order_no else None
            parcel = order.parcel(parcel_no) if order else None
            if (alarm := self._alarms.current) is not None:
                outcome = refusal(
                    row.scan_id, Refused(Reason.frozen, {"order_no": alarm.order_no, "by": alarm.by})
                )
            elif order is None or parcel is None:
                outcome = refusal(row.scan_id, Refused(Reason.parcel_unknown, {"parcel_no": parcel_no}))
            else:
                outcome = self._opens(order, parcel, row, now, is_in_hand=False)
            return self._said(outcome)

    def _row(self, raw: str, now: datetime, scan_class: str) -> ScanRow:
        return ScanRow(scan_id=self._bench.new_id(), at=now, raw=raw, scan_class=scan_class, result="ok")

    # ---------------------------------------------------------------------------------- counting

    def _goods(self, target: Target, row: ScanRow, now: datetime) -> Outcome:
        if (out := self._goods_out(target, row, now)) is not None:
            return out
        found = self._on_bench(row.scan_id, target.key)
        if isinstance(found, Outcome):
            return found
        order, parcel = found
        if self._is_to_lease:  # the rest of it goes on here
            self._is_to_lease = False
            self._leases.want(parcel.parcel_no, "close")
        hit = match_item(order, parcel, target.key, target.meanings)
        if isinstance(hit, Refused):
            return self._no(row.scan_id, order, parcel, hit)
        body = LinePacked(line_no=hit.line_no, qty=hit.qty, code=target.key)
        return self._counted(order, parcel, body, row, now)

    def _goods_out(self, target: Target, row: ScanRow, now: datetime) -> Outcome | None:
        """Goods that no longer go, scanned out of the open box; None where nothing has to come out."""
        order = self._read.order(self._open[0]) if self._open else None
        parcel = order.parcel(self._open[1]) if order and self._open else None
        if order is None or parcel is None or not (out := self._out_of(order, parcel)):
            return None
        named = {line.line_no: line for line in order.lines}
        for pl in out:
            meaning = next((m for m in target.meanings if m.sku_code == named[pl.line_no].sku_code), None)
            if meaning is not None:
                return self._take_out(order, parcel, pl, meaning.pack_qty, row.scan_id, row, now)
        if not parcel.is_frozen:
            return None
        expected = lines.named(
            order, [pl.line_no for pl in out], {pl.line_no: pl.qty_packed - pl.qty for pl in out}
        )
        params = {"code": target.key, "expected": expected}
        return self._no(row.scan_id, order, parcel, Refused(Reason.wrong_item, params))

    def _out_of(self, order: Order | None, parcel: Parcel) -> tuple[ParcelLine, ...]:
        """Own lines of the open box that have to come out of it first."""
        if order is None:
            return ()
        return tuple(pl for pl in lines.may_take_out(order, parcel) if pl.order_no == order.order_no)

    def _take_out(
        self,
        order: Order,
        parcel: Parcel,
        line: ParcelLine,
        qty: int,
        scan_id: str,
        row: ScanRow | None,
        now: datetime,
    ) -> Outcome:
        bought = order.line(line.line_no)
        left = line.qty_packed - line.qty
        params = {
            "title": (bought.title or bought.sku_code) if bought else "",
            "left": str(max(0, left - qty)),
        }
        outcome = Outcome(scan_id=scan_id, done=Done.taken_out, line_no=line.line_no, params=params)
        body = LineUnpacked(line_no=line.line_no, qty=min(qty, left))
        self._counts.clear()  # what was counted before is not to be taken back a second time
        return self._do(ActKind.line_unpacked, order, parcel, body, outcome, row, now)

    def _on_bench(self, scan_id: str, code: str = "") -> tuple[Order, Parcel] | Outcome:
        """The open parcel if it may be worked on, else why not."""
        if self._open is None:
            return refusal(scan_id, Refused(Reason.nothing_open, {"code": code}))
        order = self._read.order(self._open[0])
        parcel = order.parcel(self._open[1]) if order else None
        if order is None or parcel is None:
            self._leave()
            return refusal(scan_id, Refused(Reason.nothing_open, {"code": code}))
        if refused := freeze.blocks(order, parcel, self._bench.station_id):
            return self._no(scan_id, order, parcel, self._named(refused))
        return order, parcel

    def _counted(
        self,
        order: Order,
        parcel: Parcel,
        body: LinePacked,
        row: ScanRow | None,
        now: datetime,
        scan_id: str = "",
    ) -> Outcome:
        outcome = Outcome(scan_id=row.scan_id if row else scan_id, done=Done.counted, line_no=body.line_no)
        outcome = self._do(ActKind.line_packed, order, parcel, body, outcome, row, now)
        if not outcome.is_ok:
            return outcome
        self._counts = [*self._counts[-UNDO_MAX:], _Count(parcel.parcel_no, body.line_no, body.qty)]
        after = self._read.order(order.order_no)
        packed = after.parcel(parcel.parcel_no) if after else None
        line = next((pl for pl in packed.lines if pl.line_no == body.line_no), None) if packed else None
        bought = order.line(body.line_no)
        got, qty = (line.qty_packed, line.qty) if line else (0, 0)
        params = {
            "title": (bought.title or bought.sku_code) if bought else "",
            "got": str(got),
            "qty": str(qty),
            "left": str(packed.qty - packed.qty_packed) if packed else "",
        }
        is_complete = packed is not None and packed.is_complete
        follow: Follow | None = None
        if is_complete and self._bench.outbox.setting("auto_close") == "yes":
            follow = "close"
        done = Done.complete if is_complete else Done.counted
        return replace(outcome, params=outcome.params | params, done=done, follow=follow)

    def count_by_hand(self, line_no: int, now: datetime, qty: int = 1) -> Outcome:
        """Goods without a readable code, by a click on their line."""
        with self._lock:
            scan_id = self._bench.new_id()
            found = self._on_bench(scan_id)
            if isinstance(found, Outcome):
                return self._said(found)
            body = LinePacked(line_no=line_no, qty=qty, by_hand=True)
            return self._said(self._counted(*found, body, None, now, scan_id))

    def undo_last(self, now: datetime) -> Outcome:
        """Takes the last count back."""
        with self._lock:
            return self._said(self._undo(self._bench.new_id(), now, None))

    def _undo(self, scan_id: str, now: datetime, row: ScanRow | None) -> Outcome:
        order = self._read.order(self._open[0]) if self._open else None
        parcel = order.parcel(self._open[1]) if order and self._open else None
        if order is not None and parcel is not None and (out := self._out_of(order, parcel)):
            return self._take_out(order, parcel, out[0], 1, scan_id, row, now)
        if self._open is None or not self._counts:
            return refusal(scan_id, Refused(Reason.nothing_packed))
        found = self._on_bench(scan_id)
        if isinstance(found, Outcome):
            return found
        count = self._counts[-1]
        body = LineUnpacked(line_no=count.line_no, qty=count.qty)
        outcome = Outcome(scan_id=scan_id, done=Done.uncounted, line_no=count.line_no)
        outcome = self._do(ActKind.line_unpacked, *found, body, outcome, row, now)
        if outcome.is_ok:
            self._counts.pop()
        return outcome

    def learn_code(self, code: str, line_no: int, now: datetime) -> Outcome:
        """Binds an unknown code to a line of the open parcel and counts the unit it was read from."""
        with self._lock:
            scan_id = self._bench.new_id()
            found = self._on_bench(scan_id, code)
            if isinstance(found, Outcome):
                return self._said(found)
            order, parcel = found
            line = order.line(line_no)
            if line is None:
                return self._said(
                    self._no(scan_id, order, parcel, Refused(Reason.line_unknown, {"line_no": str(line_no)}))
                )
            learned = BarcodeLearned(code=code, sku_code=line.sku_code)
            self._bench.record(
                self._bench.act(ActKind.barcode_learned, order.order_no, now, parcel.parcel_no, learned)
            )
            self._learned[code] = ItemCode(line.sku_code)
            body = LinePacked(line_no=line_no, code=code)
            return self._said(self._counted(order, parcel, body, None, now, scan_id))

    def _stranger(self, scan: Scan, row: ScanRow, now: datetime) -> Outcome:
        """A code nobody here knows: on a full box without a number it is a ready label to be bound."""
        waybill = scan.first(ScanClass.waybill)
        if waybill is not None and self._open is not None:
            found = self._on_bench(row.scan_id, scan.text)
            if not isinstance(found, Outcome) and found[1].is_complete and not found[1].waybill_no:
                bound = Outcome(
                    scan_id=row.scan_id, done=Done.waybill_bound, params={"waybill_no": waybill.key}
                )
                body = WaybillBound(waybill_no=waybill.key)
                return self._do(ActKind.waybill_bound, *found, body, bound, row, now)
        if (own := scan.first(ScanClass.order_qr, ScanClass.order_no)) is not None:
            return refusal(row.scan_id, Refused(Reason.order_unknown, {"order_no": own.key}))
        reason = Reason.unknown_code if self._open else Reason.not_ours
        return refusal(row.scan_id, Refused(reason, {"code": scan.text}))

    # ---------------------------------------------------------------------------------- doing

    def _do(
        self,
        kind: ActKind,
        order: Order,
        parcel: Parcel,
        body: Body,
        outcome: Outcome,
        row: ScanRow | None,
        now: datetime,
    ) -> Outcome:
        """Judges, records and shows a fact: amber now, green when it is on disk."""
        act = self._bench.act(kind, order.order_no, now, parcel.parcel_no, body)
        verdict = decide(order, act, self._bench.actor(), now, self._rules)
        if not isinstance(verdict, Accepted):
            return self._no(outcome.scan_id, order, parcel, verdict)
        outcome = self._about(replace(outcome, light=Light.amber, act_id=act.act_id), order, parcel)
        self._record(act, outcome, row)
        return outcome

    def _record(self, act: Act, outcome: Outcome, row: ScanRow | None) -> None:
        kept = (
            replace(row, order_no=act.order_no, parcel_no=act.parcel_no or "", act_id=act.act_id)
            if row
            else None
        )
        self._writing[outcome.scan_id] = self._bench.record(act, scan=kept)

    def _on_disk(self, outcome: Outcome, answer: Future[Any]) -> None:
        """Called by the writing thread: takes no lock that waits for it."""
        error = answer.exception()
        if error is None:
            self._tell(replace(outcome, light=Light.green, sound=Sound.none, follow=None))
            return
        key = error.key if isinstance(error, StoreTrouble) else "outbox_failed"
        refused = Refused(Reason.not_kept, {"cause": key})
        self._tell(refusal(outcome.scan_id, refused, order_no=outcome.order_no, parcel_no=outcome.parcel_no))

    def _said(self, outcome: Outcome) -> Outcome:
        """The first word about a scan; what is being written reports when it is on disk."""
        with self._last_lock:
            self._last = outcome
        self._changed()
        durable = self._writing.pop(outcome.scan_id, None)
        if durable is not None:
            durable.add_done_callback(lambda answer: self._on_disk(outcome, answer))
        return outcome

    def _tell(self, outcome: Outcome) -> None:
        with self._last_lock:
            if self._last is not None and self._last.scan_id == outcome.scan_id:
                self._last = outcome
        for listener in self._listeners:
            listener(outcome)

    # ---------------------------------------------------------------------------------- asked first

    async def follow(self, outcome: Outcome, now: datetime) -> Outcome:
        """Does what an outcome left to be asked first. Never raises for weather."""
        match outcome.follow:
            case "open":
                return await self._open_after_asking(outcome, now)
            case "close":
                return await self.close(now, scan_id=outcome.scan_id)
            case "handover":
                return await self._hand_over(outcome, now)
            case "print":
                done = await self.print_slips([outcome.parcel_no], now)
                return done[0] if done else outcome
            case _:
                return outcome

    async def _open_after_asking(self, outcome: Outcome, now: datetime) -> Outcome:
        no = outcome.parcel_no
        try:
            refused = (await self._leases.ask([no], "close")).get(no)
        except HubTrouble:
            refused = Refused(Reason.hub_unreachable, {"parcel_no": no})
        with self._lock:
            order = self._read.order(outcome.order_no)
            parcel = order.parcel(no) if order else None
            if refused is not None or order is None or parcel is None:
                why = self._named(refused or Refused(Reason.parcel_unknown, {"parcel_no": no}))
                return self._said(refusal(outcome.scan_id, why, order_no=outcome.order_no, parcel_no=no))
            row = replace(self._row(no, now, "order_no"), scan_id=outcome.scan_id)
            if blocked := freeze.blocks(order, parcel, self._bench.station_id):
                return self._said(self._no(outcome.scan_id, order, parcel, blocked))
            self._leave()
            self._open = order.order_no, no
            opened = Outcome(scan_id=row.scan_id, done=Done.opened)
            return self._said(self._do(ActKind.opened, order, parcel, Nothing(), opened, None, now))

    async def may_go(self, parcel_no: str, step: LeaseStep) -> Refused | None:
        """The last question before an irreversible step: own rule, then the hub, else the own lease. None: go."""
        order_no = self._read.parcel_order_no(parcel_no)
        order = self._read.order(order_no) if order_no else None
        if order is None:
            return Refused(Reason.parcel_unknown, {"parcel_no": parcel_no})
        if refused := freeze.go_check(order, parcel_no, step, self._bench.station_id):
            return self._named(refused)
        hub = self._bench.hub
        if hub is not None and self._bench.is_online:
            try:
                answer = await hub.go_check(parcel_no, step, self._bench.status.facts.go_check_s)
            except HubTrouble:
                pass  # no answer in time: the lease decides
            else:
                if answer.platform:
                    silent_at = self._bench.clock.now() if answer.platform == "silent" else None
                    self._bench.status.platform_silent(silent_at)
                reason = _reason(answer.reason)
                if answer.ok or reason in freeze.PROGRESS:
                    return None
                return self._named(Refused(reason, dict(answer.params)))
        if self._book.is_valid(parcel_no):
            return None
        return Refused(Reason.hub_unreachable, {"order_no": order.order_no, "parcel_no": parcel_no})

    async def close(self, now: datetime, *, weight_g: int = 0, scan_id: str = "") -> Outcome:
        """Closes the open parcel if it is complete and may go."""
        scan_id = scan_id or self._bench.new_id()
        with self._lock:
            found = self._on_bench(scan_id)
        if isinstance(found, Outcome):
            return self._said(found)
        order, parcel = found
        refused = await self.may_go(parcel.parcel_no, "close")
        with self._lock:
            if refused is not None:
                return self._said(self._no(scan_id, order, parcel, refused))
            found = self._on_bench(scan_id)  # the answer took its time: look again
            if isinstance(found, Outcome):
                return self._said(found)
            closed = Outcome(scan_id=scan_id, done=Done.closed)
            outcome = self._do(
                ActKind.parcel_closed, *found, ParcelClosed(weight_g=weight_g), closed, None, now
            )
            if outcome.is_ok:
                self._open = None
                self._counts.clear()
                self._book.drop(parcel.parcel_no)
            return self._said(outcome)

    # ---------------------------------------------------------------------------------- hand-over

    def set_mode(self, mode: Mode) -> Outcome:
        """Between packing and hand-over."""
        with self._lock:
            return self._said(self._to_mode(mode, self._bench.new_id()))

    def _to_mode(self, mode: Mode, scan_id: str) -> Outcome:
        if mode != self._mode:
            self._leave()
        self._mode = mode
        return Outcome(scan_id=scan_id, done=Done.mode_handover if mode == "handover" else Done.mode_packing)

    def _over(self, order: Order, parcel: Parcel, row: ScanRow, now: datetime) -> Outcome:
        refused = freeze.go_check(order, parcel.parcel_no, "handover", self._bench.station_id)
        if refused is None:
            amber = Outcome(scan_id=row.scan_id, done=Done.asked, light=Light.amber, sound=Sound.none)
            return self._about(replace(amber, follow="handover"), order, parcel)
        if refused.reason is Reason.frozen:
            self._pulled(order, parcel, "handover_refused", now)
        return self._no(row.scan_id, order, parcel, self._named(refused))

    def _pulled(
        self, order: Order, parcel: Parcel, how: Literal["found", "handover_refused"], now: datetime
    ) -> None:
        """A stopped box in our hands is a box that does not leave: the hub may say "stopped" (design 3.8)."""
        is_box = parcel.is_boxed or parcel.state in (S.packed, S.cancelled)
        if is_box and parcel.intercept_result in _STILL_ASKED:
            body = ParcelPulled(how=how)
            self._bench.record(
                self._bench.act(ActKind.parcel_pulled, order.order_no, now, parcel.parcel_no, body)
            )

    async def _hand_over(self, outcome: Outcome, now: datetime) -> Outcome:
        refused = await self.may_go(outcome.parcel_no, "handover")
        with self._lock:
            order = self._read.order(outcome.order_no)
            parcel = order.parcel(outcome.parcel_no) if order else None
            if order is None or parcel is None:
                refused = Refused(Reason.parcel_unknown, {"parcel_no": outcome.parcel_no})
                return self._said(refusal(outcome.scan_id, refused))
            if refused is not None:
                if refused.reason is Reason.frozen:
                    self._pulled(order, parcel, "handover_refused", now)
                return self._said(self._no(outcome.scan_id, order, parcel, refused))
            done = Outcome(scan_id=outcome.scan_id, done=Done.handed_over)
            body = HandedOver(carrier=parcel.carrier)
            return self._said(self._do(ActKind.handed_over, order, parcel, body, done, None, now))

    # ---------------------------------------------------------------------------------- printing

    async def print_slips(self, parcel_nos: Sequence[str], now: datetime, reason: str = "") -> list[Outcome]:
        """Queues a pick slip for each parcel that may go. A second paper needs a ``reason``."""
        answers: dict[str, Refused | None] = {}
        if self._bench.is_online:
            try:
                answers = await self._leases.ask(parcel_nos, "print")
            except HubTrouble:
                answers = {}
        return [await self._print(no, answers, now, reason) for no in parcel_nos]

    async def _print(
        self, parcel_no: str, answers: dict[str, Refused | None], now: datetime, reason: str
    ) -> Outcome:
        import asyncio

        scan_id = self._bench.new_id()
        order_no = self._read.parcel_order_no(parcel_no)
        order = self._read.order(order_no) if order_no else None
        parcel = order.parcel(parcel_no) if order else None
        if order is None or parcel is None:
            return refusal(scan_id, Refused(Reason.parcel_unknown, {"parcel_no": parcel_no}))
        refused = freeze.go_check(order, parcel_no, "print", self._bench.station_id) or answers.get(parcel_no)
        if refused is None and parcel_no not in answers and not self._book.is_valid(parcel_no):
            refused = Refused(Reason.hub_unreachable, {"order_no": order.order_no, "parcel_no": parcel_no})
        if refused is not None:
            return self._no(scan_id, order, parcel, self._named(refused))
        key = job_key(parcel_no, "slip", parcel.slip_version)
        earlier = tuple(job for job in self._bench.outbox.jobs_of(parcel_no) if job.job_key == key)
        copy = next_copy(earlier, reason)
        if isinstance(copy, Refused):
            return self._no(scan_id, order, parcel, copy)
        job = self._job(order, parcel, key, copy, reason, now)
        try:
            await self._not_out(earlier, now)
            is_new = await asyncio.wrap_future(self._bench.outbox.add_job(job))
        except StoreTrouble as trouble:
            return self._no(scan_id, order, parcel, Refused(Reason.not_kept, {"cause": trouble.key}))
        if not is_new:
            return self._no(scan_id, order, parcel, Refused(Reason.nothing_to_change))
        return self._about(Outcome(scan_id=scan_id, done=Done.printing), order, parcel)

    async def _not_out(self, earlier: Sequence[PrintJob], now: datetime) -> None:
        """Who asks for a slip again says that the one in doubt is no use. Raises StoreTrouble."""
        import asyncio

        for job in earlier:
            if job.state is PrintState.uncertain:
                failed = PrintState.failed
                moving = self._bench.outbox.set_state_soon(
                    job.job_id, failed, "not_out", now, {PrintState.uncertain}
                )
                await asyncio.wrap_future(moving)

    def has_paper(self, parcel_no: str) -> bool:
        """Whether a slip of this parcel is out or may be: another one needs a reason."""
        order_no = self._read.parcel_order_no(parcel_no)
        order = self._read.order(order_no) if order_no else None
        parcel = order.parcel(parcel_no) if order else None
        jobs = self._bench.outbox.jobs_of(parcel_no)
        return bool(parcel and parcel.slip_count) or any(job.state not in NEVER_SENT for job in jobs)

    def _job(self, order: Order, parcel: Parcel, key: str, copy: int, reason: str, now: datetime) -> PrintJob:
        setting = self._bench.outbox.setting
        return PrintJob(
            job_id=self._bench.new_id(),
            job_key=key,
            document="slip",
            order_no=order.order_no,
            parcel_no=parcel.parcel_no,
            printer=setting("slip_printer", "slip"),
            version=parcel.slip_version,
            copy=copy,
            reason=reason,
            lang="en" if setting("lang") == "en" else "zh",
            created_at=now,
            expires_at=now + TIME_TO_LIVE,
            actor=self._bench.actor().name,
        )

    # ---------------------------------------------------------------------------------- setting aside

    def put_aside(self, now: datetime) -> Outcome:
        """Nothing is open any more; what was counted stays counted."""
        with self._lock:
            return self._said(self._put_aside(self._bench.new_id()))

    def _put_aside(self, scan_id: str) -> Outcome:
        self._leave()
        return Outcome(scan_id=scan_id, done=Done.put_aside, sound=Sound.none)

    def mark_abnormal(self, reason: str, now: datetime, note: str = "") -> Outcome:
        """Something is wrong with the open parcel: it goes on hold for the supervisor and leaves the bench."""
        with self._lock:
            return self._said(self._abnormal(reason, note, self._bench.new_id(), now, None))

    def _abnormal(self, reason: str, note: str, scan_id: str, now: datetime, row: ScanRow | None) -> Outcome:
        found = self._on_bench(scan_id)
        if isinstance(found, Outcome):
            return found
        body = MarkedAbnormal(reason=reason, note=note)
        outcome = Outcome(scan_id=scan_id, done=Done.abnormal)
        outcome = self._do(ActKind.marked_abnormal, *found, body, outcome, row, now)
        if outcome.is_ok:
            self._leave()
        return outcome

    # ---------------------------------------------------------------------------------- the alarm

    def ack_stop(self, how: Literal["key", "click", "scan"], now: datetime) -> Outcome:
        """A person has seen the alarm on top. A stopped parcel leaves the bench; the stop itself stays."""
        with self._lock:
            return self._said(self._acked(how, now, self._bench.new_id()))

    def _is_about_lines(self) -> bool:
        """Whether all that freezes the open box is about single lines: it stays here, the rest of it goes on."""
        order = self._read.order(self._open[0]) if self._open else None
        parcel = order.parcel(self._open[1]) if order and self._open else None
        if order is None or parcel is None or parcel.state is S.cancelled:
            return False
        return all(s.line_nos for s in order.stops_over(parcel))

    def _acked(self, how: str, now: datetime, scan_id: str) -> Outcome:
        alarm = self._alarms.ack(how, now)
        if alarm is None:
            return refusal(scan_id, Refused(Reason.nothing_to_change))
        if not alarm.is_lifted and self.open_parcel_no() == alarm.parcel_no:
            if self._is_about_lines():
                self._is_to_lease = True
            else:
                self._leave()
        return Outcome(
            scan_id=scan_id,
            done=Done.acknowledged,
            sound=Sound.none,
            params={"order_no": alarm.order_no, "parcel_no": alarm.parcel_no},
            order_no=alarm.order_no,
            parcel_no=alarm.parcel_no,
        )


def _reason(code: str) -> Reason:
    try:
        return Reason(code)
    except ValueError:  # a newer hub knows reasons that we do not
        return Reason.not_supported


def _nothing() -> None:
    pass
