"""Taking a box onto the bench: by its slip, by a click, after asking who else has it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from app.core import freeze, lines
from app.core.acts import ActKind, Nothing
from app.core.order import Order, OrderState, Parcel
from app.core.reasons import Reason, Refused
from app.ports import HubTrouble
from app.station.alarms import AlarmWatch
from app.station.handover import HandOver
from app.station.outcome import Done, Light, Outcome, Sound, refusal
from app.station.worktop import Worktop
from app.store.outbox import ScanRow

S = OrderState


class Opening:
    """Which box lies on the bench. The one before is let go of; its counts stay counted."""

    def __init__(self, top: Worktop, alarms: AlarmWatch, over: HandOver) -> None:
        self._top = top
        self._bench = top.bench
        self._read = top.read
        self._alarms = alarms
        self._over = over

    def open_parcel(self, parcel_no: str, now: datetime) -> Outcome:
        """A click in the queue: the same as a scan of its slip."""
        with self._top.lock:
            row = self._top.row(parcel_no, now, "order_no")
            order, parcel = self._top.found(parcel_no)
            if (alarm := self._alarms.current) is not None:
                outcome = refusal(
                    row.scan_id, Refused(Reason.frozen, {"order_no": alarm.order_no, "by": alarm.by})
                )
            elif order is None or parcel is None:
                outcome = refusal(row.scan_id, Refused(Reason.parcel_unknown, {"parcel_no": parcel_no}))
            else:
                outcome = self.opens(order, parcel, row, now, is_in_hand=False)
            return self._top.said(outcome)

    def opens(
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
            return self._top.about(replace(amber, follow="open"), order, parcel)
        if refused.reason is Reason.frozen and is_in_hand:
            self._over.pulled(order, parcel, "found", now)
        if refused.reason is Reason.frozen and lines.may_take_out(order, parcel):
            return self._opened_to_take_out(order, parcel, row)
        return self._top.no(row.scan_id, order, parcel, refused)

    def _opened_to_take_out(self, order: Order, parcel: Parcel, row: ScanRow) -> Outcome:
        """On the bench, though stopped: what no longer goes has to come out. No lease is to be had for that."""
        if self._top.opened != (order.order_no, parcel.parcel_no):
            self._top.leave()
            self._top.opened = order.order_no, parcel.parcel_no
        self._top.is_to_lease = True
        return self._top.about(Outcome(scan_id=row.scan_id, done=Done.to_take_out), order, parcel)

    def _opened(self, order: Order, parcel: Parcel, row: ScanRow, now: datetime) -> Outcome:
        opened = Outcome(scan_id=row.scan_id, done=Done.opened)
        if self._top.opened == (order.order_no, parcel.parcel_no):
            return self._top.about(opened, order, parcel)
        self._top.leave()
        self._top.opened = order.order_no, parcel.parcel_no
        if not self._top.book.is_valid(parcel.parcel_no):
            self._top.leases.want(parcel.parcel_no, "close")
        return self._top.do(ActKind.opened, order, parcel, Nothing(), opened, row, now)

    async def after_asking(self, outcome: Outcome, now: datetime) -> Outcome:
        """A box that another bench held: opened once the hub has given it to us."""
        no = outcome.parcel_no
        try:
            refused = (await self._top.leases.ask([no], "close")).get(no)
        except HubTrouble:
            refused = Refused(Reason.hub_unreachable, {"parcel_no": no})
        with self._top.lock:
            order = self._read.order(outcome.order_no)
            parcel = order.parcel(no) if order else None
            if refused is not None or order is None or parcel is None:
                why = self._top.named(refused or Refused(Reason.parcel_unknown, {"parcel_no": no}))
                return self._top.said(refusal(outcome.scan_id, why, order_no=outcome.order_no, parcel_no=no))
            row = replace(self._top.row(no, now, "order_no"), scan_id=outcome.scan_id)
            if blocked := freeze.blocks(order, parcel, self._bench.station_id):
                return self._top.said(self._top.no(outcome.scan_id, order, parcel, blocked))
            self._top.leave()
            self._top.opened = order.order_no, no
            opened = Outcome(scan_id=row.scan_id, done=Done.opened)
            return self._top.said(self._top.do(ActKind.opened, order, parcel, Nothing(), opened, None, now))
