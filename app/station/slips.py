"""Slips of the packing desk: asked for, asked for again, seen in somebody's hand (C11)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from app.core import freeze
from app.core.order import Order, Parcel
from app.core.printjob import (
    NEVER_SENT,
    TIME_TO_LIVE,
    PrintJob,
    PrintState,
    job_key,
    next_copy,
    paper_seen,
    printed_act,
)
from app.core.reasons import Reason, Refused
from app.ports import HubTrouble
from app.station.outcome import Done, Outcome, refusal
from app.station.worktop import Worktop
from app.store.outbox import Outbox
from app.store.surroundings import StoreTrouble

#: Rolls a slip printer may hold, by their width in mm; the first one is meant where nobody chose.
PAPERS_MM = (80, 58)
#: What a person chose, by its name in the outbox file.
PAPER_MM = "paper_mm"


def paper_mm(outbox: Outbox) -> int:
    """How wide the roll in this station's slip printer is, in mm."""
    chosen = outbox.setting(PAPER_MM)
    return next((mm for mm in PAPERS_MM if str(mm) == chosen), PAPERS_MM[0])


class Slips:
    """Puts pick slips into the queue of the printer, one of each version unless somebody says why not."""

    def __init__(self, top: Worktop) -> None:
        self._top = top
        self._bench = top.bench

    async def print(self, parcel_nos: Sequence[str], now: datetime, reason: str = "") -> list[Outcome]:
        """Queues a pick slip for each parcel that may go. A second paper needs a ``reason``."""
        answers: dict[str, Refused | None] = {}
        if self._bench.is_online:
            try:
                answers = await self._top.leases.ask(parcel_nos, "print")
            except HubTrouble:
                answers = {}
        return [await self._print(no, answers, now, reason) for no in parcel_nos]

    async def _print(
        self, parcel_no: str, answers: dict[str, Refused | None], now: datetime, reason: str
    ) -> Outcome:
        import asyncio

        scan_id = self._bench.new_id()
        order, parcel = self._top.found(parcel_no)
        if order is None or parcel is None:
            return refusal(scan_id, Refused(Reason.parcel_unknown, {"parcel_no": parcel_no}))
        refused = freeze.go_check(order, parcel_no, "print", self._bench.station_id) or answers.get(parcel_no)
        if refused is None and parcel_no not in answers and not self._top.book.is_valid(parcel_no, "print"):
            refused = Refused(Reason.hub_unreachable, {"order_no": order.order_no, "parcel_no": parcel_no})
        if refused is not None:
            return self._top.no(scan_id, order, parcel, self._top.named(refused))
        key = job_key(parcel_no, "slip", parcel.slip_version)
        earlier = tuple(job for job in self._bench.outbox.jobs_of(parcel_no) if job.job_key == key)
        copy = next_copy(earlier, reason)
        if isinstance(copy, Refused):
            return self._top.no(scan_id, order, parcel, copy)
        job = self._job(order, parcel, key, copy, reason, now)
        try:
            await self._not_out(earlier, now)
            is_new = await asyncio.wrap_future(self._bench.outbox.add_job(job))
        except StoreTrouble as trouble:
            return self._top.no(scan_id, order, parcel, Refused(Reason.not_kept, {"cause": trouble.key}))
        if not is_new:
            return self._top.no(scan_id, order, parcel, Refused(Reason.nothing_to_change))
        return self._top.about(Outcome(scan_id=scan_id, done=Done.printing), order, parcel)

    async def _not_out(self, earlier: Sequence[PrintJob], now: datetime) -> None:
        """Who asks for a slip again says that the one in doubt is no use. Raises StoreTrouble."""
        import asyncio

        for job in earlier:
            if job.state is PrintState.uncertain:
                failed = PrintState.failed
                moving = self._bench.outbox.set_state_soon(
                    job.job_id, failed, "not_out", now, {PrintState.uncertain}
                )
                await asyncio.wrap_future(moving)

    def has_paper(self, parcel_no: str) -> bool:
        """Whether a slip of this parcel is out or may be: another one needs a reason."""
        _order, parcel = self._top.found(parcel_no)
        jobs = self._bench.outbox.jobs_of(parcel_no)
        return bool(parcel and parcel.slip_count) or any(job.state not in NEVER_SENT for job in jobs)

    def _job(self, order: Order, parcel: Parcel, key: str, copy: int, reason: str, now: datetime) -> PrintJob:
        setting = self._bench.outbox.setting
        return PrintJob(
            job_id=self._bench.new_id(),
            job_key=key,
            document="slip",
            order_no=order.order_no,
            parcel_no=parcel.parcel_no,
            printer=setting("slip_printer", "slip"),
            version=parcel.slip_version,
            copy=copy,
            reason=reason,
            lang="en" if setting("lang") == "en" else "zh",
            created_at=now,
            expires_at=now + TIME_TO_LIVE,
            actor=self._bench.actor().name,
        )

    def paper_seen(self, parcel: Parcel, now: datetime) -> None:
        """Whoever scans a slip holds it in the hand: its job came out, whatever the printer said (C11)."""
        outbox = self._bench.outbox
        key = job_key(parcel.parcel_no, "slip", parcel.slip_version)
        job = paper_seen(outbox.jobs_of(parcel.parcel_no), key)
        if job is None:
            return
        # a printed one has its fact already; of a stopped parcel nothing more is reported as printed
        is_news = job.state is PrintState.uncertain and not parcel.is_frozen
        act = printed_act(job, self._bench.new_id(), now) if is_news else None
        done = outbox.set_state_soon(job.job_id, PrintState.confirmed, "", now, {job.state}, act)
        done.add_done_callback(lambda answer: None if answer.exception() else self._bench.push_soon())
