"""Commands: asked of the hub, shown as asked until it has answered (habit 8)."""

from __future__ import annotations

from dataclasses import field
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from app.core.acts import ActKind, Body
from app.core.reasons import Reason
from app.core.values import dataclass
from app.station.bench import Bench
from app.store.outbox import Outbox
from app.store.surroundings import StoreTrouble
from app.wire import Receipt

if TYPE_CHECKING:
    from concurrent.futures import Future

#: So long the person waits for the hub's word; afterwards the command goes on by itself.
ANSWER_WITHIN_S = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """``sent``: it is safe here and goes to the hub as soon as possible; nobody has said yes yet.

    Refused: ``reason`` is a code of app.core.reasons, ``params`` fill its sentence.
    """

    act_id: str
    state: Literal["sent", "applied", "refused"]
    reason: str = ""
    params: dict[str, str] = field(default_factory=dict)


class Asking:
    """Records a command and waits a little for the receipt."""

    def __init__(self, bench: Bench, outbox: Outbox) -> None:
        self._bench = bench
        self._outbox = outbox

    async def ask(
        self, kind: ActKind, order_no: str, now: datetime, body: Body, parcel_no: str | None = None
    ) -> Asked:
        """One command to the hub. Never raises for weather: the outbox keeps it."""
        import asyncio

        act = self._bench.act(kind, order_no, now, parcel_no, body)
        answered: Future[Receipt] = self._outbox.when_answered(act.act_id)
        try:
            await asyncio.wrap_future(self._bench.record(act))
        except StoreTrouble as trouble:
            return Asked(
                act_id=act.act_id, state="refused", reason=Reason.not_kept, params={"cause": trouble.key}
            )
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                receipt = await asyncio.wrap_future(answered)
        except TimeoutError:
            return Asked(act_id=act.act_id, state="sent")
        if receipt.outcome == "refused":
            act_by = self._bench.actor().name
            # the person who asked reads the reason now: nobody else has to look at it
            await asyncio.to_thread(self._outbox.dismiss, act.act_id, "shown", act_by, now)
            return Asked(
                act_id=act.act_id, state="refused", reason=receipt.reason, params=dict(receipt.params)
            )
        return Asked(act_id=act.act_id, state="applied")
