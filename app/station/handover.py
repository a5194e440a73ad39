"""Handing boxes over to the courier, and the stopped box that turns up in somebody's hands."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Literal

from app.core import freeze
from app.core.acts import ActKind, HandedOver, ParcelPulled
from app.core.order import InterceptResult, Order, OrderState, Parcel
from app.core.reasons import Reason, Refused
from app.ports import HubTrouble
from app.station.gate import Gate
from app.station.outcome import Done, Light, Outcome, Sound, refusal
from app.station.van import Van
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
        self.van = Van(top)

    def over(self, order: Order, parcel: Parcel, row: ScanRow, now: datetime) -> Outcome:
        """By the own rule; where that says yes, what is left to ask is in ``follow``.

        A box that another bench has is asked for: a hub gives it to whoever has it in the hand, where it may.
        """
        refused = freeze.go_check(order, parcel.parcel_no, "handover", self._bench.station_id)
        if refused is None:
            amber = Outcome(scan_id=row.scan_id, done=Done.asked, light=Light.amber, sound=Sound.none)
            return self._top.about(replace(amber, follow="handover"), order, parcel)
        if refused.reason is Reason.no_lease and self._bench.is_online:
            params = self._top.named(refused).params
            amber = Outcome(
                scan_id=row.scan_id,
                done=Done.asked_holder,
                light=Light.amber,
                sound=Sound.none,
                params=params,
                follow="handover",
            )
            return self._top.about(amber, order, parcel)
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
        refused = await self._asked_holder(outcome) if outcome.done is Done.asked_holder else None
        refused = refused or await self._gate.may_go(outcome.parcel_no, "handover")
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
            said = self._top.do(ActKind.handed_over, order, parcel, body, done, None, now)
            if said.is_ok:
                self._top.leases.done(parcel.parcel_no)
                self.van.went(parcel)
            return self._top.said(said)

    async def _asked_holder(self, outcome: Outcome) -> Refused | None:
        """The box from the bench that has it; None: it is ours."""
        no = outcome.parcel_no
        try:
            refused = (await self._top.leases.ask([no], "handover")).get(no)
        except HubTrouble:
            return Refused(Reason.hub_unreachable, {"order_no": outcome.order_no, "parcel_no": no})
        return self._top.named(refused) if refused else None
