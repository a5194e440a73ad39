"""The packing desk: what a scan does, online or not (design 3.5, 3.7; PCK-03, FRZ-05).

Deciding is :mod:`app.core`; here the scan is understood, asked and recorded. Nothing in :meth:`PackingDesk.on_scan`
waits for the network: what must be asked first comes back with ``outcome.follow``. What the desk does with boxes
lies beside it: opening, counting, slips, handover, and the gate before what cannot be taken back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Literal

from app.core import lines
from app.core.acts import ActKind, MarkedAbnormal, ParcelClosed
from app.core.frame import InPicture, Judged, Verdict
from app.core.freeze import Rules
from app.core.order import LeaseStep, Order, OrderState, Parcel
from app.core.reasons import Reason, Refused
from app.core.scan import Scan, ScanClass, parse
from app.core.values import dataclass
from app.station.ahead import Ahead, CameAhead
from app.station.alarms import AlarmWatch, StationAlarm
from app.station.asking import Asking
from app.station.bench import Bench
from app.station.counting import Counting
from app.station.frames import Frames
from app.station.gate import Gate
from app.station.handover import HandOver
from app.station.leasing import LeaseKeeper
from app.station.opening import Opening
from app.station.outcome import Done, Follow, Light, Outcome, Sound, refusal
from app.station.single import SingleLane
from app.station.slips import Slips
from app.station.splitting import Splitting
from app.station.van import VanView
from app.station.weighing import Weighing
from app.station.worktop import Worktop
from app.store.leases import LeaseBook
from app.store.outbox import Outbox, ScanRow
from app.store.readmodel import ReadModel
from app.store.views import Target

S = OrderState
Mode = Literal["packing", "handover"]

#: The same code again within so short a time is one read of a nervous scanner (setting ``duplicate_ms``).
DUPLICATE_MS = 300


def duplicate_ms(outbox: Outbox) -> int:
    """How soon a second read is the same pull of the trigger, in ms: as this station is set, or the usual."""
    chosen = outbox.setting("duplicate_ms")
    return int(chosen) if chosen.isascii() and chosen.isdigit() else DUPLICATE_MS


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskView:
    """What stands on the bench now. ``is_leased``: the parcel could be finished without the hub; ``is_apart``: a slip
    and a label did not match, and nobody has seen to it."""

    mode: Mode
    order: Order | None
    parcel: Parcel | None
    alarm: StationAlarm | None
    alarms_waiting: int
    is_online: bool
    is_leased: bool
    can_undo: bool
    is_apart: bool
    last: Outcome | None


class PackingDesk:
    """One bench. Synchronous methods are quick; one scan at a time is handled, whatever thread it comes from."""

    def __init__(
        self,
        bench: Bench,
        read: ReadModel,
        leases: LeaseKeeper,
        book: LeaseBook,
        alarms: AlarmWatch,
        rules: Callable[[str], Rules],
    ) -> None:
        """``rules`` of a warehouse, as the hub feeds them."""
        self._bench = bench
        self._read = read
        self._alarms = alarms
        self._top = Worktop(bench, read, leases, book, rules)
        self._gate = Gate(self._top)
        self._slips = Slips(self._top)
        self._ahead = Ahead(self._top)
        self.weighing = Weighing(read)
        """The scale beside the bench, and what it has learned."""
        self._counting = Counting(self._top, lambda: self.weighing.is_on)
        self._frames = Frames(self._top)
        self._splitting = Splitting(self._top, Asking(bench, bench.outbox))
        self._over = HandOver(self._top, self._gate)
        self._opening = Opening(self._top, alarms, self._over)
        self._single = SingleLane(self._top, self._gate, self._slips, self.close)
        self._mode: Mode = "packing"
        self._last_read: tuple[str, datetime] | None = None
        leases.refused = self._top.lease_refused
        leases.open_parcel = alarms.open_parcel = self.open_parcel_no
        leases.for_van = self._for_van

    @property
    def came_ahead(self) -> CameAhead:
        """Takes the rows of an order that was asked for before its page came."""
        return self._ahead.came

    @came_ahead.setter
    def came_ahead(self, call: CameAhead) -> None:
        self._ahead.came = call

    # ---------------------------------------------------------------------------------- looking

    def on_outcome(self, call: Callable[[Outcome], None]) -> None:
        """``call`` with later words about an outcome: on disk (green), not kept (red), refused by the hub."""
        self._top.listeners.append(call)

    def on_changed(self, call: Callable[[], None]) -> None:
        """``call`` when what stands on the bench is another."""
        self._top.changed = call

    def open_parcel_no(self) -> str:
        """The parcel on the bench, or empty."""
        return self._top.open_parcel_no()

    def view(self) -> DeskView:
        """What the screen shows."""
        order, parcel = self._top.lying()
        return DeskView(
            mode=self._mode,
            order=order if parcel else None,
            parcel=parcel,
            alarm=self._alarms.current,
            alarms_waiting=self._alarms.waiting,
            is_online=self._bench.is_online,
            is_leased=parcel is not None and self._top.book.is_valid(parcel.parcel_no),
            can_undo=bool(self._top.counts) or (parcel is not None and bool(self._top.out_of(order, parcel))),
            is_apart=self._frames.standing is not None,
            last=self._top.last,
        )

    # ---------------------------------------------------------------------------------- scanning

    def on_scan(
        self, raw: str, now: datetime, repeated: bool | None = None, source: str = "", came: str = ""
    ) -> Outcome:
        """What one read does. Amber means taken; green (or red) follows through :meth:`on_outcome`.

        ``repeated``: the scanner door saw by its own time stamps whether this is one pull of the trigger read
        twice; None where nobody knows, then ``now`` decides. ``source``: the device that read it. ``came``: all
        that came, where ``raw`` is what the door made of it.
        """
        with self._top.lock:
            scan = parse(raw)
            target = self._target(scan)
            row = ScanRow(
                scan_id=self._bench.new_id(),
                at=now,
                raw=came or raw,
                scan_class=target.guess.scan_class,
                result="ok",
                source=source,
            )
            outcome = self._scanned(scan, target, row, now, repeated)
            if number := self._ahead.lacks(scan, outcome):
                outcome = self._ahead.asks(outcome, scan, number)
                self._keep(row, outcome)
                return self._top.said(outcome)
            if not outcome.act_id:
                self._keep(row, outcome)
            return self._top.said(self._ahead.with_goods(outcome))

    def on_frame(self, seen: InPicture, now: datetime, source: str = "") -> Outcome | None:
        """What a camera saw in one picture, as one read. None: there is nothing to judge, its codes are ordinary scans.

        What belongs together does what its slip does; what does not opens and closes nothing, and stands.
        """
        with self._top.lock:
            judged = self._frames.judged(seen)
            if judged.slip is None or judged.verdict is Verdict.half or self._alarms.current is not None:
                return None
            scan = parse(judged.slip.text)
            raw = " ".join(dict.fromkeys((*seen.slips, *seen.labels)))
            row = replace(self._top.row(raw, now, scan.guesses[0].scan_class), source=source)
            outcome = self._frames.refused(judged, row.scan_id, seen.slips)
            if outcome is None:
                self._frames.put_right(judged.slip.parcel_no)
                outcome = self._frames.again(row.scan_id) or self._together(judged, scan, row, now)
            if not outcome.act_id:
                self._keep(row, outcome)
            return self._top.said(self._ahead.with_goods(outcome))

    def _together(self, judged: Judged, scan: Scan, row: ScanRow, now: datetime) -> Outcome:
        """A slip and its own label: a box without a number takes the label as a scan of it would; one that lies open,
        or is closed, is confirmed."""
        assert judged.slip is not None, "nothing is together without a slip"
        order, parcel = self._top.found(judged.slip.parcel_no)
        is_open = self._top.open_parcel_no() == judged.slip.parcel_no
        is_packing = self._mode == "packing" and order is not None and parcel is not None
        if is_packing and judged.verdict is Verdict.unbound and is_open and judged.label is not None:
            assert parcel is not None
            if parcel.is_complete:
                return self._counting.stranger(parse(judged.label.text), row, now)
        if is_packing and judged.verdict is Verdict.belongs:
            assert order is not None and parcel is not None
            if is_open or parcel.state is S.packed:
                return self._top.about(Outcome(scan_id=row.scan_id, done=Done.pair_right), order, parcel)
        return self._parcel(self._read.resolve(scan, "parcel"), row, now)

    def pair_seen_to(self) -> Outcome | None:
        """A person has seen to a slip and a label that do not match; None: nothing of that kind stands."""
        with self._top.lock:
            outcome = self._frames.seen_to(self._bench.new_id())
            return self._top.said(outcome) if outcome is not None else None

    def _again(self, raw: str, scan_id: str, now: datetime) -> Outcome:
        """The same read once more, now that what it means may be here."""
        with self._top.lock:
            scan = parse(raw)
            target = self._target(scan)
            row = replace(self._top.row(raw, now, target.guess.scan_class), scan_id=scan_id)
            outcome = self._meant(scan, target, row, now)
            if not outcome.act_id:
                self._keep(row, outcome)
            return self._top.said(outcome)

    def _target(self, scan: Scan) -> Target:
        """What the scan means on this bench: goods first while a parcel is open."""
        order = self._read.order(self._top.opened[0]) if self._top.opened else None
        if order is None:
            self._top.leave()  # it may have left our scope while it lay here
            found = self._read.resolve(scan, "parcel")
            return self._counting.by_gs1(scan, None) or found if found.kind == "unknown" else found
        own = self._counting.own_meaning(scan.text, order)
        guess = scan.first(ScanClass.item, ScanClass.outer_pack)
        if own is not None and guess is not None:
            return Target(kind="item", key=scan.text, guess=guess, meanings=(own,))
        found = self._read.resolve(scan, "item")
        return self._counting.by_gs1(scan, order) or found if found.kind == "unknown" else found

    def _scanned(
        self, scan: Scan, target: Target, row: ScanRow, now: datetime, repeated: bool | None
    ) -> Outcome:
        if (stands := self._not_put_right(target, row)) is not None:
            return stands
        in_time = self._is_duplicate(scan.text, now)
        if in_time if repeated is None else repeated:
            return refusal(row.scan_id, Refused(Reason.duplicate_read))
        return self._meant(scan, target, row, now)

    def _not_put_right(self, target: Target, row: ScanRow) -> Outcome | None:
        """A slip and a label that do not match come before anything but a stop, a badge and the word of a person."""
        if self._alarms.current is not None or target.kind == "badge":
            return None
        if target.kind == "command" and target.key in ("ACK", "ASIDE", "ABNORMAL"):
            return self._frames.seen_to(row.scan_id) if target.key == "ACK" else None
        return self._frames.again(row.scan_id)

    def _meant(self, scan: Scan, target: Target, row: ScanRow, now: datetime) -> Outcome:
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
        if self._mode == "packing" and (goods := self._single.goods(target)) is not None:
            return self._single.asked(goods, row.scan_id)
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
                return self._counting.goods(target, row, now)
            case "parcel":
                return self._parcel(target, row, now)
            case _:
                return self._counting.stranger(scan, row, now)

    def _is_duplicate(self, text: str, now: datetime) -> bool:
        last, self._last_read = self._last_read, (text, now)
        if last is None or text != last[0]:
            return False
        return now - last[1] < timedelta(milliseconds=duplicate_ms(self._bench.outbox))

    def _keep(self, row: ScanRow, outcome: Outcome) -> None:
        kept = replace(row, result=outcome.result, order_no=outcome.order_no, parcel_no=outcome.parcel_no)
        done = self._bench.outbox.keep_scan(kept)
        done.add_done_callback(
            lambda answer: self._top.on_disk(outcome, answer) if answer.exception() else None
        )

    def _commanded(self, verb: str, row: ScanRow, now: datetime) -> Outcome:
        match verb:
            case "CLOSE":
                return self._asks("close", row.scan_id)
            case "PRINT":
                return self._asks("print", row.scan_id)
            case "UNDO":
                return self._counting.undo(row.scan_id, now, row)
            case "ABNORMAL":
                return self._abnormal("manual", "", row.scan_id, now, row)
            case "HANDOVER":
                return self._to_mode("handover", row.scan_id)
            case "PACKING":
                return self._to_mode("packing", row.scan_id)
            case "BOX":
                return self._asks("split", row.scan_id)
            case "ASIDE":
                return self._put_aside(row.scan_id)
            case _:
                return refusal(row.scan_id, Refused(Reason.unknown_code, {"code": verb}))

    def _asks(self, follow: Follow, scan_id: str) -> Outcome:
        """What must be asked of the hub before it is done."""
        if self._top.opened is None:
            return refusal(scan_id, Refused(Reason.nothing_open))
        order_no, parcel_no = self._top.opened
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
            return self._top.no(row.scan_id, order, parcel, Refused(Reason.outdated_slip))
        if version is not None and not is_old:
            self._slips.paper_seen(parcel, now)
        if self._mode == "handover":
            return self._over.over(order, parcel, row, now)
        return self._opening.opens(order, parcel, row, now)

    def open_parcel(self, parcel_no: str, now: datetime) -> Outcome:
        """A click in the queue: the same as a scan of its slip."""
        with self._top.lock:
            if (stands := self._frames.again(self._bench.new_id())) is not None:
                return self._top.said(stands)
        return self._opening.open_parcel(parcel_no, now)

    def count_by_hand(self, line_no: int, now: datetime, qty: int = 1) -> Outcome:
        """Goods without a readable code, by a click on their line."""
        return self._counting.count_by_hand(line_no, now, qty)

    def undo_last(self, now: datetime) -> Outcome:
        """Takes the last count back."""
        return self._counting.undo_last(now)

    def learn_code(self, code: str, line_no: int, now: datetime) -> Outcome:
        """Binds an unknown code to a line of the open parcel and counts the unit it was read from."""
        return self._counting.learn_code(code, line_no, now)

    # ---------------------------------------------------------------------------------- asked first

    async def follow(self, outcome: Outcome, now: datetime) -> Outcome:
        """Does what an outcome left to be asked first. Never raises for weather."""
        match outcome.follow:
            case "open":
                return await self._opening.after_asking(outcome, now)
            case "close":
                return await self.close(now, scan_id=outcome.scan_id)
            case "handover":
                return await self._over.hand_over(outcome, now)
            case "print":
                done = await self._slips.print([outcome.parcel_no], now)
                return done[0] if done else outcome
            case "split":
                return await self.split(now, scan_id=outcome.scan_id)
            case "fetch":
                return await self._fetched(outcome, now)
            case "single":
                return await self._single.take(outcome, now)
            case "goods":
                await self._ahead.fetch(outcome.parcel_no)
                return outcome
            case _:
                return outcome

    async def _fetched(self, outcome: Outcome, now: datetime) -> Outcome:
        if not await self._ahead.fetch(outcome.params["number"]):
            refused = Refused(Reason.not_here_yet, {"code": outcome.params["number"]})
            return self._top.said(refusal(outcome.scan_id, refused))
        again = self._again(outcome.params["raw"], outcome.scan_id, now)
        return await self.follow(again, now) if again.follow else again

    async def may_go(self, parcel_no: str, step: LeaseStep) -> Refused | None:
        """The last question before an irreversible step: own rule, then the hub, else the own lease. None: go."""
        return await self._gate.may_go(parcel_no, step)

    async def print_slips(self, parcel_nos: Sequence[str], now: datetime, reason: str = "") -> list[Outcome]:
        """Queues a pick slip for each parcel that may go. A second paper needs a ``reason``."""
        return await self._slips.print(parcel_nos, now, reason)

    def has_paper(self, parcel_no: str) -> bool:
        """Whether a slip of this parcel is out or may be: another one needs a reason."""
        return self._slips.has_paper(parcel_no)

    async def close(
        self, now: datetime, *, weight_g: int = 0, scan_id: str = "", told: Outcome | None = None
    ) -> Outcome:
        """Closes the open parcel if it is complete, may go and weighs what it should.

        ``weight_g``: 0 takes what lies on the scale. ``told``: said of it instead of "closed", by who closes a box that
        is not packed yet: then nothing is weighed.
        """
        scan_id = scan_id or self._bench.new_id()
        weight_g = weight_g or (0 if told else self.weighing.weight_g(now))
        with self._top.lock:
            found = self._frames.again(scan_id) or self._top.on_bench(scan_id)
        if isinstance(found, Outcome):
            return self._top.said(found)
        order, parcel = found
        refused = await self._gate.may_go(parcel.parcel_no, "close")
        with self._top.lock:
            if refused is not None:
                return self._top.said(self._top.no(scan_id, order, parcel, _lacking(refused, order, parcel)))
            # the answer took its time: look again
            found = self._frames.again(scan_id) or self._top.on_bench(scan_id)
            if isinstance(found, Outcome):
                return self._top.said(found)
            weighed = self.weighing.judged(*found, weight_g, now)
            if isinstance(weighed, Refused):
                return self._top.said(self._top.no(scan_id, *found, weighed))
            closed = told or Outcome(scan_id=scan_id, done=Done.closed)
            body = ParcelClosed(weight_g=weighed.weight_g, by_hand=weighed.is_confirmed)
            outcome = self._top.do(ActKind.parcel_closed, *found, body, closed, None, now)
            if outcome.is_ok:
                self.weighing.closed(*found, weighed.weight_g)
                self._top.opened = None
                self._top.counts.clear()
                self._top.leases.done(parcel.parcel_no)
            return self._top.said(outcome)

    async def split(self, now: datetime, *, scan_id: str = "") -> Outcome:
        """The box is full: what was not counted yet goes into another one."""
        return await self._splitting.split(now, scan_id or self._bench.new_id())

    # ---------------------------------------------------------------------------------- setting aside

    def set_mode(self, mode: Mode) -> Outcome:
        """Between packing and hand-over."""
        with self._top.lock:
            return self._top.said(self._to_mode(mode, self._bench.new_id()))

    def _to_mode(self, mode: Mode, scan_id: str) -> Outcome:
        if mode != self._mode:
            self._top.leave()
            if mode == "handover":
                self._over.van.begin()
            self._mode = mode
            if mode == "packing":
                self._top.leases.leave_van()
            self._top.leases.wake()
        return Outcome(scan_id=scan_id, done=Done.mode_handover if mode == "handover" else Done.mode_packing)

    def set_single_lane(self, is_on: bool) -> Outcome:
        """Whether goods that are read with nothing open go into the most urgent box of one unit (C58)."""
        with self._top.lock:
            self._single.switch(is_on)
            done = Done.single_on if is_on else Done.single_off
            return self._top.said(Outcome(scan_id=self._bench.new_id(), done=done))

    @property
    def is_single_lane(self) -> bool:
        return self._single.is_on

    def van(self) -> VanView:
        """How many of the boxes that wait may leave while the hub is away. Not for the thread that paints."""
        return self._over.van.view()

    def _for_van(self) -> list[str] | None:
        """What may go to the van without the hub; None while no box goes there."""
        return self._over.van.boxes() if self._mode == "handover" else None

    def put_aside(self, now: datetime) -> Outcome:
        """Nothing is open any more; what was counted stays counted."""
        with self._top.lock:
            return self._top.said(self._put_aside(self._bench.new_id()))

    def _put_aside(self, scan_id: str) -> Outcome:
        self._top.leave()
        return Outcome(scan_id=scan_id, done=Done.put_aside, sound=Sound.none)

    def mark_abnormal(self, reason: str, now: datetime, note: str = "") -> Outcome:
        """Something is wrong with the open parcel: it goes on hold for the supervisor and leaves the bench."""
        with self._top.lock:
            return self._top.said(self._abnormal(reason, note, self._bench.new_id(), now, None))

    def _abnormal(self, reason: str, note: str, scan_id: str, now: datetime, row: ScanRow | None) -> Outcome:
        found = self._top.on_bench(scan_id)
        if isinstance(found, Outcome):
            return found
        body = MarkedAbnormal(reason=reason, note=note)
        outcome = Outcome(scan_id=scan_id, done=Done.abnormal)
        outcome = self._top.do(ActKind.marked_abnormal, *found, body, outcome, row, now)
        if outcome.is_ok:
            self._top.leave()
        return outcome

    # ---------------------------------------------------------------------------------- the alarm

    def ack_stop(self, how: Literal["key", "click", "scan"], now: datetime) -> Outcome:
        """A person has seen the alarm on top. A stopped parcel leaves the bench; the stop itself stays."""
        with self._top.lock:
            return self._top.said(self._acked(how, now, self._bench.new_id()))

    def _is_about_lines(self) -> bool:
        """Whether all that freezes the open box is about single lines: it stays here, the rest of it goes on."""
        order, parcel = self._top.lying()
        if order is None or parcel is None or parcel.state is S.cancelled:
            return False
        return all(s.line_nos for s in order.stops_over(parcel))

    def _acked(self, how: str, now: datetime, scan_id: str) -> Outcome:
        alarm = self._alarms.ack(how, now)
        if alarm is None:
            return refusal(scan_id, Refused(Reason.nothing_to_change))
        if not alarm.is_lifted and self._top.open_parcel_no() == alarm.parcel_no:
            if self._is_about_lines():
                self._top.is_to_lease = True
            else:
                self._top.leave()
        return Outcome(
            scan_id=scan_id,
            done=Done.acknowledged,
            sound=Sound.none,
            params={"order_no": alarm.order_no, "parcel_no": alarm.parcel_no},
            order_no=alarm.order_no,
            parcel_no=alarm.parcel_no,
        )


def _lacking(refused: Refused, order: Order, parcel: Parcel) -> Refused:
    """A box that is not complete says what it still wants (``expected``)."""
    left = {pl.line_no: pl.qty - pl.qty_packed for pl in parcel.lines if pl.qty_packed < pl.qty}
    if refused.reason is not Reason.not_complete or not left:
        return refused
    return Refused(refused.reason, refused.params | {"expected": lines.named(order, left, left)})
