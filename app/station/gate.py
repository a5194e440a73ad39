"""The last question before an irreversible step (design 3.5, 3.7)."""

from __future__ import annotations

from app.core import freeze
from app.core.order import LeaseStep
from app.core.reasons import Reason, Refused
from app.ports import HubTrouble
from app.station.worktop import Worktop


class Gate:
    """Asks before print, close and hand-over."""

    def __init__(self, top: Worktop) -> None:
        self._top = top
        self._bench = top.bench

    async def may_go(self, parcel_no: str, step: LeaseStep) -> Refused | None:
        """The last question before an irreversible step: own rule, then the hub, else the own lease. None: go."""
        order, _parcel = self._top.found(parcel_no)
        if order is None:
            return Refused(Reason.parcel_unknown, {"parcel_no": parcel_no})
        if refused := freeze.go_check(order, parcel_no, step, self._bench.station_id):
            return self._top.named(refused)
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
                return self._top.named(Refused(reason, dict(answer.params)))
        is_gate = freeze.is_gate(step, self._top.rules(order.warehouse))
        if not is_gate or self._top.book.is_valid(parcel_no, step):
            return None
        return Refused(Reason.hub_unreachable, {"order_no": order.order_no, "parcel_no": parcel_no})


def _reason(code: str) -> Reason:
    try:
        return Reason(code)
    except ValueError:  # a newer hub knows reasons that we do not
        return Reason.not_supported
