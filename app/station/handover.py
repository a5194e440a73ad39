"""Handing boxes over to the courier, and the stopped box that turns up in somebody's hands."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Literal

from app.core import freeze
from app.core.acts import ActKind, HandedOver, ParcelPulled
from app.core.order import InterceptResult, Order, OrderState, Parcel
from app.core.reasons import Reason, Refused
from app.station.gate import Gate
from app.station.outcome import Done, Light, Outcome, Sound, refusal
from app.station.worktop import Worktop
from app.store.outbox import ScanRow

S = OrderState
_STILL_ASKED = frozenset({InterceptResult.trying, InterceptResult.at_station_offline})


class HandOver:
    """What a box's code does while the desk hands over."""

    def __init__(self, top: Worktop, gate: Gate) -> None:
        self._top = top
        self._bench = top.bench
        self._read = top.read
        self._gate = gate

    def over(self, order: Order, parcel: Parcel, row: ScanRow, now: datetime) -> Outcome:
        """By the own rule; where that says yes, what is left to ask is in ``follow``."""
        refused = freeze.go_check(order, parcel.parcel_no, "handover", self._bench.station_id)
        if refused is None:
            amber = Outcome(scan_id=row.scan_id, done=Done.asked, light=Light.amber, sound=Sound.none)
            return self._top.about(replace(amber, follow="handover"), order, parcel)
        if refused.reason is Reason.frozen:
            self.pulled(order, parcel, "handover_refused", now)
        return self._top.no(row.scan_id, order, parcel, self._top.named(refused))

    def pulled(
        self, order: Order, parcel: Parcel, how: Literal["found", "handover_refused"], now: datetime
    ) -> None:
        """A stopped box in our hands is a box that does not leave: the hub may say "stopped" (design 3.8)."""
        is_box = parcel.is_boxed or parcel.state in (S.packed, S.cancelled)
        if is_box and parcel.intercept_result in _STILL_ASKED:
            body = ParcelPulled(how=how)
            self._bench.record(
                self._bench.act(ActKind.parcel_pulled, order.order_no, now, parcel.parcel_no, body)
            )

    async def hand_over(self, outcome: Outcome, now: datetime) -> Outcome:
        """After :meth:`over`: asks, and hands over what may go."""
        refused = await self._gate.may_go(outcome.parcel_no, "handover")
        with self._top.lock:
            order = self._read.order(outcome.order_no)
            parcel = order.parcel(outcome.parcel_no) if order else None
            if order is None or parcel is None:
                refused = Refused(Reason.parcel_unknown, {"parcel_no": outcome.parcel_no})
                return self._top.said(refusal(outcome.scan_id, refused))
            if refused is not None:
                if refused.reason is Reason.frozen:
                    self.pulled(order, parcel, "handover_refused", now)
                return self._top.said(self._top.no(outcome.scan_id, order, parcel, refused))
            done = Outcome(scan_id=outcome.scan_id, done=Done.handed_over)
            body = HandedOver(carrier=parcel.carrier)
            return self._top.said(self._top.do(ActKind.handed_over, order, parcel, body, done, None, now))
