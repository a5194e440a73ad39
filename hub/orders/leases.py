"""Leases: the right of a station to take a parcel's next step, and how the hub learns its end (design 3.7, 3.8)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from app.core import freeze
from app.core.acts import Actor
from app.core.freeze import LEASE_GRACE, blocks
from app.core.history import Entry, HistoryKind
from app.core.order import GONE_STATES, InterceptResult, LeaseStep, Order, Parcel
from app.core.reasons import Reason, Refused
from app.wire import LabelData, LeaseAnswer, LeaseAsk
from hub.db.tables import to_ms
from hub.orders import pool
from hub.orders.apply import apply
from hub.orders.claims import is_waited_for, new_lease
from hub.orders.held import Cause, HeldLease, Needs
from hub.orders.jobs import Answer, Job
from hub.orders.lookup import personal_of
from hub.orders.work import Work

#: Parcels in one request.
MOST = 200
#: The station counts from sending its request, so it is granted this much less.
MARGIN_S = 30

#: How far each lease goes; one for a later step covers those before it.
_REACH: dict[LeaseStep, int] = {"print": 0, "close": 1, "handover": 2}
_UNANSWERED = (InterceptResult.trying, InterceptResult.at_station_offline)


class LeaseJob(Job[LeaseAnswer]):
    """One parcel of a request. ``by.station_id`` is set."""

    what = "lease"

    def __init__(self, parcel_no: str, ask: LeaseAsk, by: Actor) -> None:
        self.parcel_no = parcel_no
        self.step: LeaseStep = ask.step
        self.give_back = ask.give_back
        self.only_free = ask.only_free
        self.by = by
        self.station_id = by.station_id or ""

    def needs(self, needs: Needs) -> None:
        needs.parcel_nos.add(self.parcel_no)

    def run(self, work: Work) -> Answer[LeaseAnswer]:
        order = work.owner_of(self.parcel_no)
        parcel = order.parcel(self.parcel_no) if order else None
        if order is None or parcel is None:
            return self._no(Refused(Reason.parcel_unknown, {"parcel_no": self.parcel_no}))
        if self.give_back:
            return self._given_back(work, order, parcel)
        if refused := self._refusal(work, order, parcel):
            return self._no(refused)
        return self._granted(work, order, parcel)

    def fault(self, work: Work, error: Exception) -> Answer[LeaseAnswer]:
        return self._no(Refused(Reason.our_fault))

    def _given_back(self, work: Work, order: Order, parcel: Parcel) -> Answer[LeaseAnswer]:
        if parcel.holder != self.station_id:
            return self._no(Refused(Reason.no_lease, {"parcel_no": parcel.parcel_no}))
        lease = _own(work, parcel, self.station_id)
        if lease is not None and is_waited_for(work, self.station_id):
            _until(work, lease, work.now)  # it does not know yet that what it did is to be sent again
        else:
            settle(work, order, parcel, lease, Cause.of(self.by), "given_back")
        return lambda numbers: LeaseAnswer(parcel_no=self.parcel_no, granted=True)

    def _refusal(self, work: Work, order: Order, parcel: Parcel) -> Refused | None:
        """Why the lease is not to be had. Another holder's lease is no reason when it can be moved."""
        if refused := blocks(order, parcel, None):
            return refused
        holder = parcel.holder
        is_begun = parcel.slip_count > 0 or parcel.qty_packed > 0
        if self.only_free and (holder not in (None, self.station_id) or is_begun):
            return Refused(Reason.no_lease, {"parcel_no": parcel.parcel_no, "holder": holder or ""})
        if holder is None or holder == self.station_id:
            return None
        station = work.station(holder)
        if station is not None and station.is_online(work.now, work.settings.online_s):
            return None
        ended = parcel.lease_until is None or parcel.lease_until + LEASE_GRACE <= work.now
        # who may have sent it out of the house is waited for, however long ago the time was up
        by_time = ended and not lets_out(work, order, parcel.lease_step)
        if station is None or station.is_revoked or by_time:
            return None
        return Refused(Reason.no_lease, {"parcel_no": parcel.parcel_no, "holder": holder})

    def _granted(self, work: Work, order: Order, parcel: Parcel) -> Answer[LeaseAnswer]:
        until = work.now + timedelta(seconds=work.settings.lease_s)
        entries = self._entries(work, parcel)
        self._moved(work, order, parcel)
        own = _own(work, parcel, self.station_id)
        if own is None:
            new_lease(work, parcel, order.order_no, self.station_id, self.step, until)
        else:
            # an answer may get lost: the station then goes on by what it was granted before
            _until(work, replace(own, step=_further(own.step, self.step)), until)
        step = _further(*(lease.step for lease in work.leases[parcel.parcel_no]))
        held = replace(parcel, holder=self.station_id, lease_until=until, lease_step=step)
        order = order.with_parcel(held)
        if self.step == "print":
            order, more = pool.taken(work, order, held)
            entries += more
        apply(work, order, entries, Cause.of(self.by))
        label = label_of(work, order, self.parcel_no) if self.step == "print" else None
        seconds = max(0, work.settings.lease_s - MARGIN_S)
        no = order.order_no
        return lambda numbers: LeaseAnswer(
            parcel_no=self.parcel_no, granted=True, seconds=seconds, seq=numbers.of(no), label=label
        )

    def _entries(self, work: Work, parcel: Parcel) -> list[Entry]:
        if parcel.holder == self.station_id:
            return []
        minutes = work.settings.lease_s // 60
        params = {"minutes": minutes, "station": self.station_id, "step": self.step}
        leased = Entry(kind=HistoryKind.leased, parcel_no=parcel.parcel_no, params=params)
        if parcel.holder is None:
            return [leased]
        said = {"from": parcel.holder, "to": self.station_id}
        return [Entry(kind=HistoryKind.lease_moved, parcel_no=parcel.parcel_no, params=said), leased]

    def _moved(self, work: Work, order: Order, parcel: Parcel) -> None:
        """An online holder gives it back at once, unasked: nothing of its is still on the way.

        An offline holder's lease ended by time only; it stays unsettled until its acts are in. One that may send
        the parcel out of the house ends now, and is settled by the holder's next word: "online" may be half a minute
        old.
        """
        holder = parcel.holder
        if holder is None or holder == self.station_id:
            return
        station = work.station(holder)
        lease = _own(work, parcel, holder)
        is_online = station is not None and station.is_online(work.now, work.settings.online_s)
        if lease is None or not is_online:
            return
        if lets_out(work, order, lease.step):
            _until(work, lease, min(lease.until, work.now + LEASE_GRACE))
        elif station is not None and station.waiting_acts == 0 and not is_waited_for(work, holder):
            work.settle_lease(lease, "moved")

    def _no(self, refused: Refused) -> Answer[LeaseAnswer]:
        return lambda numbers: LeaseAnswer(
            parcel_no=self.parcel_no, granted=False, reason=refused.reason, params=refused.params
        )


class LabelJob(Job[LeaseAnswer]):
    """Label data for one print: for the holder of the lease, when the parcel may go; stands in its file."""

    what = "label"

    def __init__(self, parcel_no: str, by: Actor) -> None:
        self.parcel_no = parcel_no
        self.by = by

    def needs(self, needs: Needs) -> None:
        needs.parcel_nos.add(self.parcel_no)

    def run(self, work: Work) -> Answer[LeaseAnswer]:
        order = work.owner_of(self.parcel_no)
        if order is None:
            return self._no(Refused(Reason.parcel_unknown, {"parcel_no": self.parcel_no}))
        if refused := freeze.go_check(order, self.parcel_no, "print", self.by.station_id):
            return self._no(refused)
        parcel = order.parcel(self.parcel_no)
        if parcel is None or parcel.holder is None or parcel.holder != self.by.station_id:
            return self._no(Refused(Reason.no_lease, {"parcel_no": self.parcel_no}))
        order, entries = pool.taken(work, order, parcel)
        entries.append(Entry(kind=HistoryKind.revealed, parcel_no=self.parcel_no, params={"reason": "label"}))
        apply(work, order, entries, Cause.of(self.by))
        label = label_of(work, order, self.parcel_no)
        until = parcel.lease_until or work.now
        seconds = max(0, int((until - work.now).total_seconds()) - MARGIN_S)
        return lambda numbers: LeaseAnswer(
            parcel_no=self.parcel_no, granted=True, seconds=seconds, label=label
        )

    def fault(self, work: Work, error: Exception) -> Answer[LeaseAnswer]:
        return self._no(Refused(Reason.our_fault))

    def _no(self, refused: Refused) -> Answer[LeaseAnswer]:
        return lambda numbers: LeaseAnswer(
            parcel_no=self.parcel_no, granted=False, reason=refused.reason, params=refused.params
        )


def settle(work: Work, order: Order, parcel: Parcel, lease: HeldLease | None, why: Cause, how: str) -> None:
    """The hub knows how this lease ended: give it up, and answer a cancel that waited for it (design 3.8)."""
    if lease is not None:
        work.settle_lease(lease, how)
    if lease is not None and parcel.holder != lease.station_id:
        return
    params = {"station": parcel.holder or "", "how": how}
    entries = [Entry(kind=HistoryKind.lease_returned, parcel_no=parcel.parcel_no, params=params)]
    free = replace(parcel, holder=None, lease_until=None, lease_step=None)
    order = order.with_parcel(free)
    waits = free.intercept_result in _UNANSWERED and not free.is_boxed and free.state not in GONE_STATES
    if waits and not work.leases.get(parcel.parcel_no, ()):
        order, more = freeze.answer(order, free, InterceptResult.stopped, work.now)
        entries += more
    apply(work, order, entries, why)


def label_of(work: Work, order: Order, parcel_no: str) -> LabelData:
    """All that one label needs, full consignee included."""
    parcel = next(p for p in order.parcels if p.parcel_no == parcel_no)
    who = personal_of(work.conn, work.vault, order.order_no).consignee
    region = "".join(part for part in (who.province, who.city, who.district) if part not in who.address)
    return LabelData(
        parcel_no=parcel_no,
        waybill_no=parcel.waybill_no,
        carrier=parcel.carrier,
        routing_code=parcel.routing_code,
        consignee_name=who.name,
        consignee_phone=who.phone,
        consignee_address=region + who.address,
        print_data=pool.print_data(work, parcel) if parcel.waybill_no else {},
    )


def _further(*steps: LeaseStep) -> LeaseStep:
    return max(steps, key=_REACH.__getitem__)


def lets_out(work: Work, order: Order, step: LeaseStep | None) -> bool:
    """Whether its holder may do the step after which nobody can stop the parcel."""
    return step == "handover" or work.rules_of(order).last_gate != "handover"


def _until(work: Work, lease: HeldLease, until: datetime) -> None:
    """The lease, step and all, as it stands from now on."""
    others = tuple(le for le in work.leases[lease.parcel_no] if le.lease_id != lease.lease_id)
    work.put(work.leases, lease.parcel_no, (*others, replace(lease, until=until)))
    work.row(work.sql.lease_longer, (lease.step, to_ms(until), lease.lease_id))


def _own(work: Work, parcel: Parcel, station_id: str) -> HeldLease | None:
    work.load_leases([parcel.parcel_no])
    known = work.leases.get(parcel.parcel_no, ())
    return next((lease for lease in known if lease.station_id == station_id), None)
