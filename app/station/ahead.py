"""Work goes on while the copy is being loaded: what a scan needs is asked of the hub ahead of its page (design 3.1)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from app.core.reasons import Reason
from app.core.scan import Scan, ScanClass
from app.ports import HubTrouble
from app.station.outcome import Done, Light, Outcome, Sound
from app.station.worktop import Worktop
from app.wire import Rows

CameAhead = Callable[[Rows], None]

#: A copy that is not whole may say these of a number that the hub knows.
_MAY_BE_THERE = frozenset({Reason.order_unknown, Reason.parcel_unknown, Reason.not_ours})


class Ahead:
    """Asks for single orders while the copy is not whole; a whole copy needs nobody to be asked."""

    def __init__(self, top: Worktop) -> None:
        self._top = top
        self._bench = top.bench
        #: Takes the rows that came; blocks while they are written.
        self.came: CameAhead = _nowhere

    def _is_whole(self) -> bool:
        return self._bench.status.facts.is_whole

    def lacks(self, scan: Scan, outcome: Outcome) -> str:
        """The number to ask for, or "": nothing is missing, or nobody can be asked."""
        if outcome.result not in _MAY_BE_THERE or self._is_whole() or not self._bench.is_online:
            return ""
        own = scan.first(ScanClass.order_qr, ScanClass.order_no)
        return outcome.params.get("parcel_no") or (own.key if own else scan.text)

    def asks(self, outcome: Outcome, scan: Scan, number: str) -> Outcome:
        """Amber in the place of a refusal: the hub is asked first."""
        return Outcome(
            scan_id=outcome.scan_id,
            done=Done.asked,
            light=Light.amber,
            sound=Sound.none,
            params={"number": number, "raw": scan.text, "order_no": "", "parcel_no": ""},
            follow="fetch",
        )

    def with_goods(self, outcome: Outcome) -> Outcome:
        """A box that was opened before its goods have come: they are asked for, and nothing waits."""
        if outcome.done is not Done.opened or self._is_whole() or not self._bench.is_online:
            return outcome
        order, _parcel = self._top.lying()
        are_here = order is None or all(self._top.read.item(line.sku_code) for line in order.lines)
        return outcome if are_here else replace(outcome, follow="goods")

    async def fetch(self, number: str) -> bool:
        """False where the hub cannot be asked; True also where it knows nothing of the number."""
        import asyncio

        hub = self._bench.hub
        if hub is None:
            return False
        try:
            rows = await hub.rows(number)
        except HubTrouble:
            return False
        if rows.changes:
            await asyncio.to_thread(self.came, rows)
        return True


def _nowhere(_rows: Rows) -> None:
    pass
