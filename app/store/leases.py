"""What this station may finish on its own, counted on a clock that goes on while the computer sleeps."""

from __future__ import annotations

import threading

from app.core.order import LeaseStep, Parcel
from app.core.values import dataclass
from app.ports import Clock


@dataclass(frozen=True, slots=True)
class Lease:
    """``until`` is a moment of ``Clock.monotonic``. ``before`` is who held the parcel when it was granted."""

    parcel_no: str
    step: LeaseStep
    until: float
    before: str | None = None
    is_seen: bool = False


class LeaseBook:
    """Leases of this run of the program: a restart ends them (design 3.7). Safe to call from any thread."""

    def __init__(self, clock: Clock) -> None:
        """``clock.monotonic`` must count sleep as well."""
        self._clock = clock
        self._lock = threading.Lock()
        self._leases: dict[str, Lease] = {}

    def granted(
        self, parcel_no: str, step: LeaseStep, sent: float, seconds: int, before: str | None = None
    ) -> None:
        """``seconds`` counts from ``sent``, the clock when the request left (30 s less are already in it)."""
        with self._lock:
            self._leases[parcel_no] = Lease(parcel_no, step, sent + seconds, before)

    def drop(self, parcel_no: str) -> None:
        with self._lock:
            self._leases.pop(parcel_no, None)

    def clear(self) -> None:
        with self._lock:
            self._leases.clear()

    def is_valid(self, parcel_no: str) -> bool:
        """Whether this station may take the parcel's next step without asking."""
        with self._lock:
            lease = self._leases.get(parcel_no)
            return lease is not None and self._clock.monotonic() < lease.until

    def left_s(self, parcel_no: str) -> float:
        """Seconds left, 0 when there is none."""
        with self._lock:
            lease = self._leases.get(parcel_no)
            return max(0.0, lease.until - self._clock.monotonic()) if lease else 0.0

    def held(self) -> dict[str, Lease]:
        """Every lease that has not run out."""
        now = self._clock.monotonic()
        with self._lock:
            return {no: lease for no, lease in self._leases.items() if now < lease.until}

    def seen(self, parcel: Parcel, station_id: str) -> bool:
        """The feed shows who holds the parcel. True when our lease has moved to another station and is dropped.

        The row may be older than our grant: only a holder other than the one before us, or any other once
        the feed has shown us as holder, takes the lease away.
        """
        with self._lock:
            lease = self._leases.get(parcel.parcel_no)
            if lease is None:
                return False
            if parcel.holder == station_id:
                self._leases[parcel.parcel_no] = Lease(lease.parcel_no, lease.step, lease.until, None, True)
                return False
            if parcel.holder is None or (parcel.holder == lease.before and not lease.is_seen):
                return False
            del self._leases[parcel.parcel_no]
            return True
