"""What the hub did not take as it came, at the bench it came from: what happened, and the ways on (P8).

Nothing waits for an answer: whatever is behind goes its way. The supervisor's desk is told by the hub itself.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from app.core.acts import Act, ActKind, MarkedAbnormal
from app.core.order import GONE_STATES
from app.core.reasons import Reason
from app.core.values import dataclass
from app.station.bench import Bench
from app.store.needs import Answer, NeedsPerson
from app.store.outbox import Outbox
from app.store.readmodel import ReadModel

#: Answered ones that are shown.
HISTORY = 50
#: The same act would be refused again, whatever changed.
_HOPELESS = frozenset({Reason.bad_body, Reason.id_reused})


@dataclass(frozen=True, slots=True, kw_only=True)
class NeedView:
    """One act. ``is_clash``: it has happened and counts, but against what the hub knew; else it does not count.

    ``reason`` and ``params`` are those of ``reasons.<value>``. ``answered_at`` None: nobody has answered.
    """

    act_id: str
    kind: str
    order_no: str
    parcel_no: str
    at: datetime
    made_at: datetime
    is_clash: bool
    reason: str
    params: dict[str, str]
    can_again: bool = False
    can_ask: bool = False
    answer: Answer | str = ""
    by: str = ""
    answered_at: datetime | None = None


class NeedsDesk:
    """The list that the strip counts, and its answers."""

    def __init__(self, bench: Bench, outbox: Outbox, read: ReadModel) -> None:
        self._bench = bench
        self._outbox = outbox
        self._read = read

    def open(self) -> list[NeedView]:
        """Those that wait for a person, the oldest first."""
        return [self._view(need) for need in self._outbox.needs_person()]

    def answered(self) -> list[NeedView]:
        """What people here answered, the latest first."""
        return [
            replace(
                self._view(done.need),
                can_again=False,
                can_ask=False,
                answer=done.answer,
                by=done.by,
                answered_at=done.answered_at,
            )
            for done in self._outbox.answered_needs(HISTORY)
        ]

    async def understood(self, act_id: str, now: datetime) -> None:
        """Somebody has read it and has nothing to do, or has done it."""
        await self._answer(act_id, "understood", now)

    async def again(self, act_id: str, now: datetime) -> None:
        """The same thing once more, as something done now by whoever is here now."""
        need = self._need(act_id)
        if need is None:
            return
        act = need.act
        await self._record(self._bench.act(act.kind, act.order_no, now, act.parcel_no, act.body))
        await self._answer(act_id, "again", now)

    async def ask_supervisor(self, act_id: str, note: str, now: datetime) -> None:
        """The parcel stays where it is until a supervisor has looked; ``note`` tells them what this is about."""
        need = self._need(act_id)
        if need is None:
            return
        body = MarkedAbnormal(reason="other", note=note)
        await self._record(
            self._bench.act(ActKind.marked_abnormal, need.act.order_no, now, need.act.parcel_no, body)
        )
        await self._answer(act_id, "asked", now)

    def _need(self, act_id: str) -> NeedsPerson | None:
        return next((need for need in self._outbox.needs_person() if need.act.act_id == act_id), None)

    async def _record(self, act: Act) -> None:
        import asyncio

        await asyncio.wrap_future(self._bench.record(act))

    async def _answer(self, act_id: str, answer: Answer, now: datetime) -> None:
        import asyncio

        by = self._bench.actor().name
        await asyncio.to_thread(self._outbox.dismiss, act_id, answer, by, now)

    def _view(self, need: NeedsPerson) -> NeedView:
        act, receipt = need.act, need.receipt
        is_clash = receipt.outcome == "clash"
        order = self._read.order(act.order_no)
        parcel = order.parcel(act.parcel_no) if order and act.parcel_no else None
        is_here = order is not None and (parcel is None or parcel.state not in GONE_STATES)
        return NeedView(
            act_id=act.act_id,
            kind=str(act.kind),
            order_no=act.order_no,
            parcel_no=act.parcel_no or "",
            at=need.at or act.made_at,
            made_at=act.made_at,
            is_clash=is_clash,
            reason=receipt.reason,
            params={"order_no": act.order_no, "parcel_no": act.parcel_no or "", **receipt.params},
            can_again=not is_clash and is_here and receipt.reason not in _HOPELESS,
            can_ask=is_here,
        )
