"""The box is full: what is counted stays in it, the rest goes into one of its own. The hub gives it its number."""

from __future__ import annotations

from datetime import datetime

from app.core import boxes, freeze
from app.core.acts import ActKind, Nothing
from app.core.order import Order, Parcel
from app.core.reasons import Reason, Refused
from app.station.asking import Asked, Asking
from app.station.outcome import Done, Light, Outcome
from app.station.worktop import Worktop


class Splitting:
    """The open parcel in two."""

    def __init__(self, top: Worktop, asking: Asking) -> None:
        self._top = top
        self._asking = asking

    async def split(self, now: datetime, scan_id: str) -> Outcome:
        """Asks for the second box. Without the hub nothing is asked: two benches could give one number."""
        with self._top.lock:
            found = self._top.on_bench(scan_id)
            if isinstance(found, Outcome):
                return self._top.said(found)
            order, parcel = found
            if (refused := self._why_not(order, parcel)) is not None:
                return self._top.said(self._top.no(scan_id, order, parcel, refused))
        asked = await self._asking.ask(ActKind.split_parcel, order.order_no, now, Nothing(), parcel.parcel_no)
        with self._top.lock:
            if asked.state == "refused":
                return self._top.said(self._top.no(scan_id, order, parcel, _said_no(asked)))
            is_done = asked.state == "applied"
            return self._top.said(
                Outcome(
                    scan_id=scan_id,
                    done=Done.parcel_split if is_done else Done.split_asked,
                    light=Light.green if is_done else Light.amber,
                    params={"order_no": order.order_no, "parcel_no": parcel.parcel_no},
                    order_no=order.order_no,
                    parcel_no=parcel.parcel_no,
                )
            )

    def _why_not(self, order: Order, parcel: Parcel) -> Refused | None:
        if blocked := freeze.blocks(order, parcel, None):
            return blocked
        parted = boxes.split(order, parcel)
        if isinstance(parted, Refused):
            return parted
        return None if self._top.bench.is_online else Refused(Reason.needs_hub)


def _said_no(asked: Asked) -> Refused:
    try:
        return Refused(Reason(asked.reason), asked.params)
    except ValueError:  # a newer hub knows reasons that we do not
        return Refused(Reason.not_supported)
