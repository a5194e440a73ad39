"""A station whose token was taken away: it beats no more, so nothing it holds would ever settle by itself."""

from __future__ import annotations

from app.core.acts import Actor
from hub.orders.held import Cause
from hub.orders.jobs import Answer, Job
from hub.orders.leases import lets_out, settle
from hub.orders.work import Work


class RevokedJob(Job[None]):
    """What it held is free at once, and a cancel that waited for it is answered.

    Whatever it may have let out of the house goes to who asks for it, but is called "stopped" on a person's word
    alone, as with any bench that does not come back (design 3.8).
    """

    what = "revoked"

    def __init__(self, station_id: str, by: Actor) -> None:
        self.station_id = station_id
        self.by = by

    def run(self, work: Work) -> Answer[None]:
        for lease in work.leases_of_station(self.station_id):
            order = work.order(lease.order_no)
            parcel = order.parcel(lease.parcel_no) if order else None
            if order is None or parcel is None:
                work.settle_lease(lease, "revoked")
            elif not lets_out(work, order, lease.step):
                settle(work, order, parcel, lease, Cause.of(self.by), "revoked")
        return lambda numbers: None
