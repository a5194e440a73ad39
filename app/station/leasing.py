"""Asks the hub for leases in batches, gives back what is left, and knows what may be finished offline."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from app.core.order import LeaseStep
from app.core.reasons import Reason, Refused
from app.ports import HubTrouble
from app.station.bench import Bench
from app.store.leases import Lease, LeaseBook
from app.wire import LabelData, LeaseAnswer, LeaseAsk

if TYPE_CHECKING:
    import asyncio

#: Parcels in one request (design 3.7).
BATCH = 200
#: A lease with less left than this is asked for again while its parcel is open.
RENEW_S = 600
_IDLE = timedelta(seconds=30)
#: Offline: so long a lease that ran out may still lie in memory.
_SWEEP = timedelta(seconds=5)
_AGAIN = timedelta(seconds=2)
#: While boxes go to the van: so soon it is looked which more of them may be leased.
_AT_VAN = timedelta(seconds=5)
#: The end of the program waits no longer for the hub.
_FAREWELL_S = 1.0


class LeaseKeeper:
    """An engine: what is wanted is asked for at the next step, and again until the hub has answered."""

    name = "leases"

    def __init__(self, bench: Bench, book: LeaseBook, moved: Callable[[str], str | None]) -> None:
        """``moved`` drops the lease of a parcel that the copy shows with another station, and names that one."""
        self._bench = bench
        self._book = book
        self._moved = moved
        self._lock = threading.Lock()
        self._calls: asyncio.Lock | None = None
        self._wanted: dict[str, LeaseStep] = {}
        self._left: dict[str, LeaseStep] = {}
        self._vans_left = 0
        self._wake: Callable[[], None] = _nothing
        #: Told of a parcel the hub did not grant.
        self.refused: Callable[[str, Refused], None] = _ignore
        #: The parcel on the bench: its lease is renewed.
        self.open_parcel: Callable[[], str] = str
        #: While the desk hands over: what it may send out of the house without its hub. None: it does not.
        self.for_van: Callable[[], Sequence[str] | None] = _no_van

    def on_wake(self, call: Callable[[], None]) -> None:
        self._wake = call

    def wake(self) -> None:
        self._wake()

    def want(self, parcel_no: str, step: LeaseStep) -> None:
        """Ask soon, without waiting for the answer."""
        with self._lock:
            self._wanted[parcel_no] = step
            self._left.pop(parcel_no, None)
        self._wake()

    def give_back(self, parcel_no: str) -> None:
        """The bench has let go of the parcel; the hub hears once nothing of it waits here."""
        self._leave([parcel_no])

    def leave_van(self) -> None:
        """Boxes that were to be handed over stay in the house: others may have them again."""
        with self._lock:
            self._vans_left += 1
            wanted = {no for no, step in self._wanted.items() if step == "handover"}
        held = {no for no, lease in self._book.held().items() if lease.step == "handover"}
        self._leave(sorted(wanted | held))

    def _leave(self, parcel_nos: Sequence[str]) -> None:
        held = self._book.held()
        with self._lock:
            for parcel_no in parcel_nos:
                self._wanted.pop(parcel_no, None)
                if parcel_no in held:
                    self._left[parcel_no] = held[parcel_no].step
        for parcel_no in parcel_nos:
            self._book.drop(parcel_no)
        self._wake()

    def done(self, parcel_no: str) -> None:
        """An act of ours ends the lease at the hub as well, as soon as it is heard."""
        with self._lock:
            self._wanted.pop(parcel_no, None)
        self._book.drop(parcel_no)

    def label(self, parcel_no: str) -> LabelData | None:
        """Label data that came with a lease; gone with it."""
        return self._book.label(parcel_no)

    def owes(self, epoch: str) -> bool:
        """Whether leases of another life of the hub are held that were not asked for again (design 3.11)."""
        return any(lease.epoch not in ("", epoch) for lease in self._book.held().values())

    async def ask(
        self, parcel_nos: Sequence[str], step: LeaseStep, *, only_free: bool = False
    ) -> dict[str, Refused | None]:
        """Asks now and waits. Raises HubTrouble. None: granted."""
        answers: dict[str, Refused | None] = {}
        for start in range(0, len(parcel_nos), BATCH):
            part = list(parcel_nos[start : start + BATCH])
            for answer in await self._ask(part, step, only_free):
                answers[answer.parcel_no] = None if answer.granted else _refusal(answer)
        return answers

    def _in_turn(self) -> asyncio.Lock:
        """One request after the other: what is given back and taken again must reach the hub in that order."""
        if self._calls is None:
            import asyncio

            self._calls = asyncio.Lock()
        return self._calls

    async def _ask(
        self, parcel_nos: list[str], step: LeaseStep, only_free: bool = False
    ) -> list[LeaseAnswer]:
        if self._bench.hub is None:
            return []
        async with self._in_turn():
            epoch, sent = self._bench.outbox.epoch, self._bench.clock.monotonic()
            ask = LeaseAsk(parcel_nos=parcel_nos, step=step, only_free=only_free)
            answers = await self._bench.hub.leases(ask)
            for answer in answers:
                if not answer.granted:
                    self._book.drop(answer.parcel_no)
                    continue
                no = answer.parcel_no
                self._book.granted(
                    no, step, sent, answer.seconds, label=answer.label, epoch=epoch, seq=answer.seq
                )
                self.look(no)  # the feed may have been quicker than this answer
        return answers

    def look(self, parcel_no: str) -> None:
        """The copy has changed: a lease that moved on to another station is none any more."""
        if holder := self._moved(parcel_no):
            self.refused(parcel_no, Refused(Reason.no_lease, {"parcel_no": parcel_no, "holder": holder}))

    async def step(self, now: datetime) -> datetime:
        """Asks for what is wanted and gives back what was left."""
        held = self._book.held()  # what has run out is forgotten here, its label too
        if not self._bench.is_online:
            return now + (_AGAIN if self._wanted or self._left else _SWEEP)
        self._renew(held)
        is_at_van = await self._want_for_van()
        try:
            await self._ask_wanted()
            await self._give_back_left()
        except HubTrouble:
            return now + _AGAIN
        with self._lock:
            if self._wanted or self._left:
                return now + _AGAIN
        return now + (_AT_VAN if is_at_van else _IDLE)

    def _renew(self, held: Mapping[str, Lease]) -> None:
        """Before it ends, while its parcel is open; and whatever another life of the hub has granted."""
        open_parcel, epoch = self.open_parcel(), self._bench.outbox.epoch
        with self._lock:
            if open_parcel and self._book.is_to_renew(open_parcel, RENEW_S):
                self._wanted.setdefault(
                    open_parcel, held[open_parcel].step if open_parcel in held else "close"
                )
            for lease in held.values():
                if lease.epoch not in ("", epoch):
                    self._wanted.setdefault(lease.parcel_no, lease.step)

    async def _want_for_van(self) -> bool:
        """Whether the desk hands over. The hub has to hear first what was done: that a box was closed ends a lease."""
        import asyncio

        with self._lock:
            left = self._vans_left
        boxes = await asyncio.to_thread(self.for_van)  # reads many rows: a stop must not wait for them
        if boxes is None:
            return False
        for_long = [
            no
            for no in boxes[:BATCH]
            if not self._book.is_valid(no, "handover") or self._book.is_to_renew(no, RENEW_S)
        ]
        ready = [no for no in for_long if not self._has_waiting(no)]
        with self._lock:
            if left == self._vans_left:  # else the hand-over has ended meanwhile
                for parcel_no in ready:
                    self._wanted.setdefault(parcel_no, "handover")
        return True

    async def _ask_wanted(self) -> None:
        steps: tuple[LeaseStep, ...] = ("print", "close", "handover")
        for step in steps:
            with self._lock:
                part = [no for no, wanted in self._wanted.items() if wanted == step][:BATCH]
            if not part:
                continue
            answers = await self._ask(part, step)
            with self._lock:
                dropped = [no for no in part if self._wanted.pop(no, None) is None]
            for parcel_no in dropped:
                self.give_back(parcel_no)  # the bench let go of it while the answer was on its way
            for answer in answers:
                if not answer.granted:
                    self.refused(answer.parcel_no, _refusal(answer))

    async def _give_back_left(self) -> None:
        async with self._in_turn():
            held = self._book.held()
            with self._lock:
                for parcel_no in self._left.keys() & held.keys():
                    del self._left[parcel_no]  # it was taken again since
                ready = [no for no in self._left if not self._has_waiting(no)][:BATCH]
            if ready and self._bench.hub is not None:
                await self._bench.hub.leases(LeaseAsk(parcel_nos=ready, give_back=True))
                with self._lock:
                    for parcel_no in ready:
                        self._left.pop(parcel_no, None)

    async def farewell(self) -> None:
        """The program ends, and its leases with it: what was to go to the van is free for other benches at once."""
        if not self._bench.is_online or not any(le.step == "handover" for le in self._book.held().values()):
            return
        import asyncio

        self.leave_van()
        with suppress(HubTrouble, TimeoutError):
            async with asyncio.timeout(_FAREWELL_S):
                await self._give_back_left()

    def _has_waiting(self, parcel_no: str) -> bool:
        return any(p.state == "waiting" for p in self._bench.outbox.pending_of(parcel_no[:-2]))


def _refusal(answer: LeaseAnswer) -> Refused:
    try:
        return Refused(Reason(answer.reason), dict(answer.params))
    except ValueError:  # a newer hub knows reasons that we do not
        return Refused(Reason.no_lease, {"parcel_no": answer.parcel_no, **answer.params})


def _no_van() -> None:
    return None


def _nothing() -> None:
    pass


def _ignore(_parcel_no: str, _refused: Refused) -> None:
    pass
