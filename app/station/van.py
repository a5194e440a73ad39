"""What goes to the courier's van: which closed boxes this desk leases, so that they leave without the hub.

A box that its packer closed is nobody's until it goes. A packer who hands over leases his own. A desk that hands over
what others closed leases, besides, all that waits free in the warehouse for the couriers whose boxes go here. What
another desk has leased is never asked for: it moves with the scan of the hand that holds it. A packer who begins
to hand over takes his own back.
"""

from __future__ import annotations

from app.core import freeze
from app.core.order import Order, Parcel
from app.core.reasons import Reason
from app.core.values import dataclass
from app.station.leasing import BATCH
from app.station.worktop import Worktop

#: So many of the boxes that wait are looked at, soonest due first.
LOOK = 1000
_Box = tuple[Order, Parcel]


@dataclass(frozen=True, slots=True, kw_only=True)
class VanView:
    """The boxes that wait for the van, counted by what becomes of each while the hub is away.

    ``may_go``: this desk lets them out by itself. ``stopped``: they may not leave, hub or no hub. ``elsewhere``: leased
    by another desk. ``free``: of no desk, nor of a courier whose boxes go here. ``later``: to be leased here,
    and not yet granted or more than one desk may have. ``is_more``: more wait than were looked at.
    """

    may_go: int = 0
    stopped: int = 0
    elsewhere: int = 0
    free: int = 0
    later: int = 0
    is_more: bool = False

    @property
    def must_wait(self) -> int:
        """Boxes that need the hub to leave here."""
        return self.elsewhere + self.free + self.later


class Van:
    """One hand-over of one desk, from its begin to its end."""

    def __init__(self, top: Worktop) -> None:
        self._top = top
        self._couriers: frozenset[str] = frozenset()
        self._is_packer = False

    @property
    def _me(self) -> str:
        return self._top.bench.station_id

    def begin(self) -> None:
        """Nothing is known yet of what goes in this hand-over."""
        self._couriers, self._is_packer = frozenset(), False

    def went(self, parcel: Parcel) -> None:
        """This box went. One that another closed tells of whose van stands at the door: the rest of it is leased."""
        if parcel.handled_by == self._me:
            self._is_packer = True
        elif parcel.carrier not in self._couriers:
            self._couriers |= {parcel.carrier}
            self._top.leases.wake()

    def boxes(self) -> list[str]:
        """What this desk should have leased, its own first; at most as many as one request takes."""
        own = [p for o, p in self._top.read.packed_by(self._me, BATCH) if self._is_own_to_lease(o, p)]
        others: list[Parcel] = []
        if len(own) < BATCH and (self._couriers or not (own or self._is_packer)):
            free = [(o, p) for o, p in self._waiting() if self._is_free(o, p)]
            couriers = self._couriers_of(free, has_own=bool(own))
            others = [p for _o, p in free if p.carrier in couriers or self._is_leased(p)]
            others.sort(
                key=lambda p: not self._is_leased(p)
            )  # what is held makes no room for what came later
        return [p.parcel_no for p in (*own, *others)][:BATCH]

    def view(self) -> VanView:
        """How many may leave without the hub, and what keeps the others. Reads up to ``LOOK`` rows: not for the
        thread that paints."""
        waiting = self._waiting()
        free = [(o, p) for o, p in waiting if self._is_free(o, p)]
        has_own = any(p.handled_by == self._me for _o, p in free)
        couriers = self._couriers_of(free, has_own=has_own)
        counts = dict.fromkeys(("may_go", "stopped", "elsewhere", "free", "later"), 0)
        for order, parcel in waiting:
            counts[self._kind(order, parcel, couriers)] += 1
        return VanView(**counts, is_more=len(waiting) >= LOOK)

    def _kind(self, order: Order, parcel: Parcel, couriers: frozenset[str]) -> str:
        refused = freeze.go_check(order, parcel.parcel_no, "handover", self._me)
        if refused is not None:
            return "elsewhere" if refused.reason is Reason.no_lease else "stopped"
        if self._is_leased(parcel) or not self._is_gate(order):
            return "may_go"
        return "later" if parcel.handled_by == self._me or parcel.carrier in couriers else "free"

    def _couriers_of(self, free: list[_Box], *, has_own: bool) -> frozenset[str]:
        """Whose boxes go here: what others closed and this desk handed over tells it.

        Before the first one, where the desk has closed nothing itself: the courier of all that waits, if it is one.
        """
        if self._couriers or has_own or self._is_packer:
            return self._couriers
        waiting = frozenset(p.carrier for _o, p in free)
        return waiting if len(waiting) == 1 else frozenset()

    def _waiting(self) -> list[_Box]:
        return self._top.read.waiting_for_van(LOOK)

    def _is_free(self, order: Order, parcel: Parcel) -> bool:
        refused = freeze.go_check(order, parcel.parcel_no, "handover", self._me)
        return refused is None and self._is_gate(order)

    def _is_own_to_lease(self, order: Order, parcel: Parcel) -> bool:
        return self._is_free(order, parcel) or self._is_to_take_back(order, parcel)

    def _is_to_take_back(self, order: Order, parcel: Parcel) -> bool:
        """Our own box that another desk leased for a van: asked for while that desk is there to give it up."""
        holder = parcel.holder
        if holder in (None, self._me) or parcel.lease_step != "handover" or not self._is_gate(order):
            return False
        if freeze.go_check(order, parcel.parcel_no, "handover", holder) is not None:
            return False
        there = self._top.read.station(holder) if holder else None
        return there is not None and there.silent_at is None

    def _is_gate(self, order: Order) -> bool:
        """Where closing is the last gate, a closed box goes out unasked."""
        return freeze.is_gate("handover", self._top.rules(order.warehouse))

    def _is_leased(self, parcel: Parcel) -> bool:
        return self._top.book.is_valid(parcel.parcel_no, "handover")
