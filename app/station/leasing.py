"""Asks the hub for leases in batches, gives back what is left, and knows what may be finished offline."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from app.core.order import LeaseStep
from app.core.reasons import Reason, Refused
from app.ports import HubTrouble
from app.station.bench import Bench
from app.store.leases import LeaseBook
from app.wire import LabelData, LeaseAnswer, LeaseAsk

#: Parcels in one request (design 3.7).
BATCH = 200
#: A lease with less left than this is asked for again while its parcel is open.
RENEW_S = 600
_IDLE = timedelta(seconds=30)
_AGAIN = timedelta(seconds=2)


class LeaseKeeper:
    """An engine: what is wanted is asked for at the next step, and again until the hub has answered."""

    name = "leases"

    def __init__(self, bench: Bench, book: LeaseBook, holder_of: Callable[[str], str | None]) -> None:
        self._bench = bench
        self._book = book
        self._holder_of = holder_of
        self._lock = threading.Lock()
        self._wanted: dict[str, LeaseStep] = {}
        self._left: dict[str, LeaseStep] = {}
        self._labels: dict[str, LabelData] = {}
        self._wake: Callable[[], None] = _nothing
        #: Told of a parcel the hub did not grant.
        self.refused: Callable[[str, Refused], None] = _ignore
        #: The parcel on the bench: its lease is renewed.
        self.open_parcel: Callable[[], str] = str

    def on_wake(self, call: Callable[[], None]) -> None:
        self._wake = call

    def want(self, parcel_no: str, step: LeaseStep) -> None:
        """Ask soon, without waiting for the answer."""
        with self._lock:
            self._wanted[parcel_no] = step
            self._left.pop(parcel_no, None)
        self._wake()

    def give_back(self, parcel_no: str) -> None:
        """The bench has let go of the parcel; the hub hears once nothing of it waits here."""
        lease = self._book.held().get(parcel_no)
        with self._lock:
            self._wanted.pop(parcel_no, None)
            self._labels.pop(parcel_no, None)
            if lease is not None:
                self._left[parcel_no] = lease.step
        self._book.drop(parcel_no)
        self._wake()

    def label(self, parcel_no: str) -> LabelData | None:
        """Label data that came with a lease; gone with it."""
        with self._lock:
            return self._labels.get(parcel_no) if self._book.is_valid(parcel_no) else None

    async def ask(self, parcel_nos: Sequence[str], step: LeaseStep) -> dict[str, Refused | None]:
        """Asks now and waits. Raises HubTrouble. None: granted."""
        answers: dict[str, Refused | None] = {}
        for start in range(0, len(parcel_nos), BATCH):
            part = list(parcel_nos[start : start + BATCH])
            for answer in await self._ask(part, step):
                answers[answer.parcel_no] = None if answer.granted else _refusal(answer)
        return answers

    async def _ask(self, parcel_nos: list[str], step: LeaseStep) -> list[LeaseAnswer]:
        if self._bench.hub is None:
            return []
        before = {no: self._holder_of(no) for no in parcel_nos}
        sent = self._bench.clock.monotonic()
        answers = await self._bench.hub.leases(LeaseAsk(parcel_nos=parcel_nos, step=step))
        for answer in answers:
            if not answer.granted:
                self._book.drop(answer.parcel_no)
                continue
            was, now = before.get(answer.parcel_no), self._holder_of(answer.parcel_no)
            if now not in (None, was, self._bench.station_id):
                # the feed was quicker than this answer: it has moved on to another station already
                self.refused(answer.parcel_no, Refused(Reason.no_lease, _moved_to(answer.parcel_no, now)))
                continue
            self._book.granted(
                answer.parcel_no, step, sent, answer.seconds, None if was == self._bench.station_id else was
            )
            if answer.label is not None:
                with self._lock:
                    self._labels[answer.parcel_no] = answer.label
        return answers

    async def step(self, now: datetime) -> datetime:
        """Asks for what is wanted and gives back what was left."""
        if not self._bench.is_online:
            return now + _AGAIN
        self._renew()
        try:
            await self._ask_wanted()
            await self._give_back_left()
        except HubTrouble:
            return now + _AGAIN
        with self._lock:
            return now + (_AGAIN if self._wanted or self._left else _IDLE)

    def _renew(self) -> None:
        open_parcel = self.open_parcel()
        if open_parcel and 0 < self._book.left_s(open_parcel) < RENEW_S:
            with self._lock:
                self._wanted.setdefault(open_parcel, "close")

    async def _ask_wanted(self) -> None:
        steps: tuple[LeaseStep, ...] = ("print", "close", "handover")
        for step in steps:
            with self._lock:
                part = [no for no, wanted in self._wanted.items() if wanted == step][:BATCH]
            if not part:
                continue
            answers = await self._ask(part, step)
            with self._lock:
                for parcel_no in part:
                    self._wanted.pop(parcel_no, None)
            for answer in answers:
                if not answer.granted:
                    self.refused(answer.parcel_no, _refusal(answer))

    async def _give_back_left(self) -> None:
        with self._lock:
            ready = [no for no in self._left if not self._has_waiting(no)][:BATCH]
        if ready and self._bench.hub is not None:
            await self._bench.hub.leases(LeaseAsk(parcel_nos=ready, give_back=True))
            with self._lock:
                for parcel_no in ready:
                    self._left.pop(parcel_no, None)

    def _has_waiting(self, parcel_no: str) -> bool:
        return any(p.state == "waiting" for p in self._bench.outbox.pending_of(parcel_no[:-2]))


def _moved_to(parcel_no: str, holder: str | None) -> dict[str, str]:
    return {"parcel_no": parcel_no, "holder": holder or ""}


def _refusal(answer: LeaseAnswer) -> Refused:
    try:
        return Refused(Reason(answer.reason), dict(answer.params))
    except ValueError:  # a newer hub knows reasons that we do not
        return Refused(Reason.no_lease, {"parcel_no": answer.parcel_no, **answer.params})


def _nothing() -> None:
    pass


def _ignore(_parcel_no: str, _refused: Refused) -> None:
    pass
