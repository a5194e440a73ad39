"""What this station may finish on its own, counted on a clock that goes on while the computer sleeps."""

from __future__ import annotations

import threading

from app.core.order import GONE_STATES, LeaseStep, Parcel
from app.core.values import dataclass
from app.ports import Clock
from app.wire import LabelData


@dataclass(frozen=True, slots=True)
class Lease:
    """``until`` is a moment of ``Clock.monotonic``; of ``seconds`` was granted.

    ``label`` holds a full address: it lives here, in memory, and goes with the lease. ``epoch`` is the hub's life that
    granted it, ``seq`` the place in its feed where the order's row shows the grant.
    """

    parcel_no: str
    step: LeaseStep
    until: float
    seconds: int
    label: LabelData | None = None
    epoch: str = ""
    seq: int = 0


class LeaseBook:
    """Leases of this run of the program: a restart ends them (design 3.7). Safe to call from any thread."""

    def __init__(self, clock: Clock) -> None:
        """``clock.monotonic`` must count sleep as well."""
        self._clock = clock
        self._lock = threading.Lock()
        self._leases: dict[str, Lease] = {}

    def granted(
        self,
        parcel_no: str,
        step: LeaseStep,
        sent: float,
        seconds: int,
        *,
        label: LabelData | None = None,
        epoch: str = "",
        seq: int = 0,
    ) -> None:
        """``seconds`` counts from ``sent``, the clock when the request left (30 s less are already in it)."""
        with self._lock:
            known = self._valid(parcel_no)
            label = label or (known.label if known else None)
            if known is not None and known.epoch == epoch:
                seq = max(seq, known.seq)  # answers may come in another order than they were given
            made = Lease(parcel_no, step, sent + seconds, seconds, label, epoch, seq)
            self._leases[parcel_no] = made

    def drop(self, parcel_no: str) -> None:
        with self._lock:
            self._leases.pop(parcel_no, None)

    def clear(self) -> None:
        with self._lock:
            self._leases.clear()

    def _valid(self, parcel_no: str) -> Lease | None:
        """What has run out is forgotten, label and all."""
        lease = self._leases.get(parcel_no)
        if lease is not None and self._clock.monotonic() >= lease.until:
            del self._leases[parcel_no]
            return None
        return lease

    def is_valid(self, parcel_no: str, step: LeaseStep = "close") -> bool:
        """Whether this station may take the parcel's next step without asking; only its own lease lets it out."""
        with self._lock:
            lease = self._valid(parcel_no)
            return lease is not None and (step != "handover" or lease.step == "handover")

    def label(self, parcel_no: str) -> LabelData | None:
        """What came with the lease for the label; gone with it."""
        with self._lock:
            lease = self._valid(parcel_no)
            return lease.label if lease is not None else None

    def is_to_renew(self, parcel_no: str, within_s: float) -> bool:
        """Whether a lease that still holds ends soon: within so long, or the last third where it is a short one."""
        with self._lock:
            lease = self._valid(parcel_no)
            if lease is None:
                return False
            return lease.until - self._clock.monotonic() < min(within_s, lease.seconds / 3)

    def left_s(self, parcel_no: str) -> float:
        """Seconds left, 0 when there is none."""
        with self._lock:
            lease = self._valid(parcel_no)
            return lease.until - self._clock.monotonic() if lease else 0.0

    def held(self) -> dict[str, Lease]:
        """Every lease that has not run out; the others are forgotten."""
        with self._lock:
            return {no: lease for no in list(self._leases) if (lease := self._valid(no)) is not None}

    def seen(self, parcel: Parcel, seq: int, epoch: str, station_id: str) -> bool:
        """The feed shows who holds the parcel. True when our lease has moved to another station and is dropped.

        What has left the house needs none.

        ``seq`` is the row's, ``epoch`` the copy's. A row from before the grant tells of those who held it before us,
        and one of another life of the hub nothing.
        """
        with self._lock:
            lease = self._leases.get(parcel.parcel_no)
            if lease is None or seq < lease.seq or lease.epoch not in ("", epoch):
                return False
            is_moved = parcel.holder not in (None, station_id)
            is_gone = parcel.state in GONE_STATES
            if is_moved or is_gone:
                del self._leases[parcel.parcel_no]
            return is_moved and not is_gone
