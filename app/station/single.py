"""The lane of single units (C58): goods are scanned with no parcel open, and the most urgent that waits takes them.

Each unit is one parcel: leased, asked about, counted, its slip printed, closed. What another bench has or has begun the
hub does not lease, whatever the own copy says.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from app.core import freeze
from app.core.acts import ActKind, LinePacked, Nothing
from app.core.order import Order, Parcel
from app.core.packing import ItemCode
from app.core.reasons import Reason, Refused
from app.ports import HubTrouble
from app.station.gate import Gate
from app.station.outcome import Done, Light, Outcome, Sound, refusal
from app.station.slips import Slips
from app.station.worktop import Worktop
from app.store.views import Target

if TYPE_CHECKING:
    import asyncio

#: Whether this station works so, by its name in the outbox file.
SETTING = "single_lane"
#: Boxes looked at in one go, and asked of the hub before the hand is told that others were quicker.
_PAGE, _TRIES = 10, 5
#: What another bench or a stop takes between the look and the lease: the next box is tried.
_TAKEN = frozenset({
    Reason.no_lease,
    Reason.frozen,
    Reason.on_hold,
    Reason.refund_asked,
    Reason.already_packed,
    Reason.already_handed_over,
    Reason.not_released,
})

Close = Callable[..., Awaitable[Outcome]]


class SingleLane:
    """Takes boxes of one unit. ``close``: the desk's own way to close what lies open."""

    def __init__(self, top: Worktop, gate: Gate, slips: Slips, close: Close) -> None:
        self._top = top
        self._bench = top.bench
        self._gate = gate
        self._slips = slips
        self._close = close
        self._turn: asyncio.Lock | None = None
        self._taking = 0

    @property
    def is_on(self) -> bool:
        return self._bench.outbox.setting(SETTING) == "yes"

    def switch(self, is_on: bool) -> None:
        self._bench.outbox.set_setting(SETTING, "yes" if is_on else "no")

    def goods(self, target: Target) -> Target | None:
        """What was read, where it is for the lane: nothing lies open but what the lane itself is about to close."""
        if target.kind not in ("item", "unknown") or not self.is_on:
            return None
        if self._top.opened is not None and not self._taking:
            return None
        if target.kind == "item":
            return target
        page = self._top.read.singles([target.key], 1)  # its own code, without a row of goods
        is_article = bool(page.boxes or page.next)
        return replace(target, kind="item", meanings=(ItemCode(target.key),)) if is_article else None

    def asked(self, target: Target, scan_id: str) -> Outcome:
        """Amber: which box it goes into is asked for. A code of several units opens none."""
        units = [meaning.sku_code for meaning in target.meanings if meaning.pack_qty == 1]
        if not target.meanings:
            return refusal(scan_id, Refused(Reason.unknown_code, {"code": target.key}))
        if not units:
            return refusal(scan_id, Refused(Reason.no_single, self._said(target.meanings, target.key)))
        if not self._bench.is_online:
            return refusal(scan_id, Refused(Reason.hub_unreachable))
        self._taking += 1
        params = {"code": target.key, "skus": "\n".join(units), "unit": target.unit}
        return Outcome(
            scan_id=scan_id,
            done=Done.asked,
            light=Light.amber,
            sound=Sound.none,
            params=params,
            follow="single",
        )

    def _said(self, meanings: Sequence[ItemCode], code: str) -> dict[str, str]:
        items = (self._top.read.item(meaning.sku_code) for meaning in meanings)
        return {"code": code, "title": next((item.title for item in items if item and item.title), code)}

    async def take(self, outcome: Outcome, now: datetime) -> Outcome:
        """After :meth:`asked`: one box, from its lease to its closing. One unit after the other, as they were read."""
        import asyncio

        self._turn = self._turn or asyncio.Lock()
        async with self._turn:
            try:
                said = await self._take(outcome, now)
                return self._top.latest(said) if said.is_ok else self._top.said(said)
            finally:
                self._taking -= 1

    async def _take(self, outcome: Outcome, now: datetime) -> Outcome:
        if self._top.opened is not None:  # the one before could not be closed: it lies here and says why
            return refusal(outcome.scan_id, Refused(Reason.not_finished, {"code": outcome.params["code"]}))
        skus, tried, after = outcome.params["skus"].split("\n"), 0, ""
        while tried < _TRIES:
            page = self._top.read.singles(skus, _PAGE, after)
            for order, parcel in page.boxes:
                if not self._may_be_mine(order, parcel):
                    continue
                tried += 1
                said = await self._taken(outcome, order, parcel, now)
                if said.reason not in _TAKEN:
                    return said
                if tried == _TRIES:
                    return said
            if not page.next:
                break
            after = page.next
        meanings = [ItemCode(sku) for sku in skus]
        return refusal(
            outcome.scan_id, Refused(Reason.no_single, self._said(meanings, outcome.params["code"]))
        )

    def _may_be_mine(self, order: Order, parcel: Parcel) -> bool:
        is_free = freeze.blocks(order, parcel, self._bench.station_id) is None
        return is_free and not self._slips.has_paper(parcel.parcel_no)

    async def _taken(self, outcome: Outcome, order: Order, parcel: Parcel, now: datetime) -> Outcome:
        no = parcel.parcel_no
        try:
            # else a lease moves to whoever asks for it last
            refused = (await self._top.leases.ask([no], "close", only_free=True)).get(no)
        except HubTrouble:
            refused = Refused(Reason.hub_unreachable, {"order_no": order.order_no, "parcel_no": no})
        refused = refused or await self._gate.may_go(no, "print")
        if refused is not None:
            self._top.leases.give_back(no)
            return self._top.no(outcome.scan_id, order, parcel, self._top.named(refused))
        counted = self._counted(outcome, no, now)
        if not counted.is_ok:
            self._top.leases.give_back(no)
            return counted
        [printed] = await self._slips.print([no], now)
        if not printed.is_ok:
            return replace(printed, scan_id=outcome.scan_id)
        title = {"title": counted.params["title"]}
        told = Outcome(scan_id=outcome.scan_id, done=Done.single_packed, params=title)
        return await self._close(now, scan_id=outcome.scan_id, told=told)

    def _counted(self, outcome: Outcome, parcel_no: str, now: datetime) -> Outcome:
        """On the bench, and the unit in the box."""
        top = self._top
        with top.lock:
            order, parcel = top.found(parcel_no)
            line = next((pl for pl in parcel.lines if pl.qty == 1), None) if parcel else None
            bought = order.line(line.line_no) if order and line else None
            if order is None or parcel is None or line is None or bought is None:
                return refusal(outcome.scan_id, Refused(Reason.parcel_unknown, {"parcel_no": parcel_no}))
            top.opened = order.order_no, parcel_no
            params = {"title": bought.title or bought.sku_code}
            done = Outcome(scan_id=outcome.scan_id, done=Done.counted, line_no=line.line_no, params=params)
            body = LinePacked(line_no=line.line_no, code=outcome.params["code"])
            said = top.do(ActKind.opened, order, parcel, Nothing(), done, None, now)
            if said.is_ok:
                said = top.do(ActKind.line_packed, order, parcel, body, done, None, now)
            if not said.is_ok:
                top.leave()
            return said
