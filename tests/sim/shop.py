"""A platform that sells, cancels and pays back, and a folder through which the hub's own line speaks to it.

The platform is sloppy as platforms are: it pushes twice, late and in another order, forgets pushes, and its API is
busy now and then. What it holds itself is always right.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import httpx

from app.core.channel import ChannelLine, ChannelOrder
from app.core.hints import HintKind
from app.core.order import Consignee, RefundState
from hub.config import Shop
from hub.connectors.contract import Manifest
from hub.connectors.line.shops import Folder
from hub.connectors.shapes import Hint, Later, Paces, Push, Seen, Shipment, ShopDoor, Tokens, Told
from tests.sim.hub import SHOP
from tests.sim.loop import Process, SimClock
from tests.sim.wire import Line, Transport

_MANIFEST = Manifest(
    name="rehearsal",
    kind="channel",
    title_zh="平台",
    title_en="Platform",
    capabilities=["orders_poll", "orders_push", "order_detail", "ship_back"],
    timeout_s=5.0,
)


@dataclass
class Sale:
    """One order as the platform knows it."""

    no: str
    lines: tuple[tuple[str, int], ...]
    modified_at: datetime
    state: str = "paid"
    refund: RefundState = RefundState.none
    address: str = "杭州市西湖区文三路1号"
    waybills: list[str] = field(default_factory=list)
    #: Since when it was like that: moment, state, refund.
    past: list[tuple[datetime, str, RefundState]] = field(default_factory=list)


class Platform:
    """The other side. ``told`` counts what the hub acknowledged: from then on a push must never be lost."""

    def __init__(self, process: Process, line: Line, dice: random.Random) -> None:
        self._process, self._dice = process, dice
        self._clock = SimClock(process.loop)
        self._http = httpx.AsyncClient(transport=Transport(line), timeout=(4, 10, 10, 10))
        self.sales: dict[str, Sale] = {}
        self.is_busy = False
        self.forgets = 0.1
        self._events = 0
        #: Pushes of a cancel or a refund that the hub has answered with 200, by order.
        self.acknowledged: dict[str, HintKind] = {}

    # ------------------------------------------------------------------------------------ happening

    def sell(self) -> Sale:
        no = f"P{len(self.sales) + 1:06d}"
        kinds = self._dice.sample(range(1, 5), self._dice.choice((1, 1, 2)))
        lines = tuple((f"SKU-{n}", self._dice.choice((1, 1, 2))) for n in sorted(kinds))
        sale = self.sales[no] = Sale(no, lines, self._clock.now())
        self._noted(sale)
        self._push(sale, HintKind.changed)
        return sale

    def cancel(self, sale: Sale) -> None:
        sale.state, sale.refund = "cancelled", RefundState.done
        self._happened(sale, HintKind.cancelled)

    def ask_refund(self, sale: Sale) -> None:
        sale.refund = RefundState.asked
        self._happened(sale, HintKind.refund_asked)

    def end_refund(self, sale: Sale, *, paid_back: bool) -> None:
        sale.refund = RefundState.done if paid_back else RefundState.none
        if paid_back:
            sale.state = "cancelled"
        self._happened(sale, HintKind.cancelled if paid_back else HintKind.refund_over)

    def move(self, sale: Sale) -> None:
        sale.address = f"杭州市西湖区文三路{self._dice.randrange(2, 99)}号"
        self._happened(sale, HintKind.changed)

    def _happened(self, sale: Sale, kind: HintKind) -> None:
        sale.modified_at = max(self._clock.now(), sale.modified_at + timedelta(milliseconds=1))
        self._noted(sale)
        self._push(sale, kind)

    def _noted(self, sale: Sale) -> None:
        sale.past.append((sale.modified_at, sale.state, sale.refund))

    def stood(self, no: str, kind: HintKind, since: datetime) -> bool:
        """Whether this platform has meant it ever since."""
        sale = self.sales[no]
        after = [(state, refund) for at, state, refund in sale.past if at >= since]
        if kind is HintKind.cancelled:
            return bool(after) and all(state == "cancelled" for state, _ in after)
        if kind is HintKind.refund_asked:
            return bool(after) and all(refund is RefundState.asked for _, refund in after)
        return False

    # ---------------------------------------------------------------------------------------- pushes

    def _push(self, sale: Sale, kind: HintKind) -> None:
        self._events += 1
        event = {"id": f"E{self._events}", "no": sale.no, "kind": kind, "at": sale.modified_at.isoformat()}
        if self._dice.random() < self.forgets:
            return
        for _ in range(self._dice.choice((1, 1, 1, 2, 3))):
            self._process.spawn(self._deliver(event, self._dice.choice((0.01, 0.01, 0.2, 3.0, 20.0))))

    async def _deliver(self, event: dict[str, Any], wait: float) -> None:
        """Platforms try three times."""
        await asyncio.sleep(wait * self._dice.uniform(0.5, 1.5))
        for again in (1.0, 5.0, 0.0):
            try:
                answer = await self._http.post(
                    f"http://127.0.0.1:8620/v1/webhooks/{SHOP}", content=json.dumps([event])
                )
            except httpx.HTTPError:
                pass
            else:
                if answer.status_code == 200:
                    self.acknowledged[event["no"]] = HintKind(event["kind"])
                    return
            await asyncio.sleep(again)

    # ------------------------------------------------------------------------------ the hub's folder

    def folder(self, connector: str) -> Folder | None:
        return Folder(
            manifest=_MANIFEST, open_shop=lambda shop, http, clock: _Door(self, shop), read_push=_read_push
        )

    async def asked(self) -> None:
        await asyncio.sleep(self._dice.uniform(0.01, 0.2))
        if self.is_busy or self._dice.random() < 0.05:
            raise Later("busy")

    def told(self, sale: Sale, shop: Shop) -> Told:
        order = ChannelOrder(
            channel="rehearsal",
            shop_id=shop.id,
            channel_order_no=sale.no,
            channel_state=sale.state,
            modified_at=sale.modified_at,
            refund_state=sale.refund,
            is_cancelled=sale.state == "cancelled",
            paid_at=sale.past[0][0],
            paid_fen=5900,
            lines=tuple(
                ChannelLine(sku_code=sku, title=sku, qty=qty, price_fen=100) for sku, qty in sale.lines
            ),
            buyer_nick="小满",
            consignee=Consignee(name="林小明", phone="18300012807", address=sale.address),
        )
        return Told(order=order, modified_at=sale.modified_at, raw=b"{}")


@dataclass
class _Door:
    platform: Platform
    shop: Shop
    paces: Paces = Paces(  # noqa: RUF009 - nobody changes it
        window=timedelta(hours=12), behind=timedelta(0), overlap=timedelta(seconds=2)
    )

    async def changed(self, since: datetime, until: datetime) -> AsyncIterator[Sequence[Seen]]:
        await self.platform.asked()
        found = [sale for sale in self.platform.sales.values() if since <= sale.modified_at < until]
        for start in range(0, len(found), 5):
            yield [Seen(channel_order_no=s.no, modified_at=s.modified_at) for s in found[start : start + 5]]
            await self.platform.asked()

    async def order(self, channel_order_no: str) -> Told | None:
        sale = self.platform.sales.get(channel_order_no)
        told = self.platform.told(sale, self.shop) if sale else None
        await self.platform.asked()  # the answer was true when it left
        return told

    async def ship(self, shipment: Shipment) -> None:
        await self.platform.asked()
        self.platform.sales[shipment.channel_order_no].waybills.append(shipment.waybill_no)

    async def refresh(self, refresh_token: str) -> Tokens:
        return Tokens(access_token="t")

    async def check(self) -> None:
        await self.platform.asked()

    def with_token(self, access_token: str) -> ShopDoor:
        return self


def _read_push(raw: bytes, headers: Mapping[str, str], shop: Shop, now: datetime) -> Push:
    hints = tuple(
        Hint(
            event_id=said["id"],
            channel_order_no=said["no"],
            kind=HintKind(said["kind"]),
            at=datetime.fromisoformat(said["at"]),
            word=said["kind"],
        )
        for said in json.loads(raw)
    )
    return Push(hints=hints, answer=b"ok")
