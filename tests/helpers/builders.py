"""Orders, acts and a hub core for tests: real database, real vault, a clock that stands still."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, insert, text

from app.core.acts import ActKind, Actor
from app.core.channel import ChannelLine, ChannelOrder
from app.core.order import Consignee, Order
from app.wire import Beat, Envelope, LeaseAnswer, LeaseAsk, Receipt
from hub.db import tables as t
from hub.db.engine import open_database
from hub.orders.desk import Tx
from hub.orders.feed import Feed
from hub.orders.lookup import Lookup
from hub.orders.results import Committed
from hub.orders.settings import LineSettings
from hub.orders.writer import Writer
from hub.vault import Vault
from tests.helpers.clock import FakeClock
from tests.helpers.databases import with_tables

KEY = bytes(range(32))


def a_channel_order(n: int = 1, *, lines: int = 2, qty: int = 1, **changes: Any) -> ChannelOrder:
    """The n-th order of a shop, paid, with ``lines`` lines of ``qty`` pieces."""
    made = ChannelOrder(
        channel="file",
        shop_id="shop-1",
        channel_order_no=f"261121-{n:06d}",
        channel_state="paid",
        paid_at=datetime.fromisoformat("2026-11-21T00:30:00+00:00"),
        paid_fen=5900 * lines,
        lines=tuple(
            ChannelLine(sku_code=f"SKU-{i}", title=f"毛巾 {i}", spec="蓝", qty=qty, price_fen=5900)
            for i in range(1, lines + 1)
        ),
        buyer_nick=f"买家{n}",
        consignee=Consignee(
            name="林小明", phone=f"183{n:04d}2807", address="浙江省杭州市西湖区文三路1号2单元301"
        ),
        buyer_remark="尽快发货",
    )
    return replace(made, **changes)


def an_actor(station: str | None = None, name: str = "李华", role: str = "packer") -> Actor:
    source = f"station:{station}" if station else "hub"
    return Actor(name=name, role=role, station_id=station, source=source)


REP = an_actor(None, "小王", "cs_rep")
LEAD = an_actor(None, "老周", "supervisor")


class Ids:
    """Ids that count up, safe from several threads."""

    def __init__(self, prefix: str = "id") -> None:
        self._prefix = prefix
        self._count = itertools.count(1)

    def __call__(self) -> str:
        return f"{self._prefix}{next(self._count):08d}"


@dataclass
class Core:
    """A hub core under test, and the short words tests say to it."""

    engine: Engine
    clock: FakeClock
    new_id: Ids
    vault: Vault
    settings: LineSettings
    writer: Writer
    feed: Feed
    lookup: Lookup
    heard: list[Committed] = field(default_factory=list)

    async def given(self, *orders: ChannelOrder) -> list[Order]:
        """The orders of ours that these became."""
        taken = await self.writer.intake(list(orders) or [a_channel_order()], LEAD)
        return [self.order(one.order_no) for one in taken]

    def order(self, order_no: str) -> Order:
        order = self.lookup.order(order_no)
        assert order is not None, order_no
        return order

    def envelope(self, kind: ActKind | str, order: Order | str, **body: Any) -> Envelope:
        """An act on the order's first parcel (facts) or on the order (``parcel_no=None``)."""
        order_no = order if isinstance(order, str) else order.order_no
        parcel_no = body.pop("parcel_no", f"{order_no}01")
        made_at = body.pop("made_at", self.clock.now())
        act_id = body.pop("act_id", None) or self.new_id()
        return Envelope(
            act_id=act_id,
            kind=str(kind),
            order_no=order_no,
            parcel_no=parcel_no,
            made_at=made_at,
            body=body,
        )

    async def do(
        self, kind: ActKind | str, order: Order | str, *, by: Actor | None = None, **body: Any
    ) -> Receipt:
        [receipt] = await self.writer.acts([self.envelope(kind, order, **body)], by or an_actor("bench-1"))
        return receipt

    async def command(
        self, kind: ActKind | str, order: Order | str, *, by: Actor = REP, **body: Any
    ) -> Receipt:
        return await self.do(kind, order, by=by, **{"parcel_no": None, **body})

    async def a_station(self, station_id: str = "bench-1", *, warehouse: str = "main") -> str:
        """Pair a station that has not beaten yet."""

        def pair(tx: Tx) -> None:
            tx.conn.execute(
                insert(t.station).values(
                    station_id=station_id,
                    name=f"打包台 {station_id}",
                    kind="packing",
                    warehouse=warehouse,
                    token_hash=station_id.encode(),
                    paired_at=tx.now,
                )
            )
            tx.changed("station", station_id)

        await self.writer.run(pair)
        return station_id

    async def beat(self, station_id: str = "bench-1", **said: Any) -> bool:
        return await self.writer.beat(station_id, Beat(**{"clock": self.clock.now(), **said}))

    async def lease(
        self, order: Order, station_id: str = "bench-1", *, step: Any = "close", give_back: bool = False
    ) -> LeaseAnswer:
        ask = LeaseAsk(parcel_nos=[f"{order.order_no}01"], step=step, give_back=give_back)
        [answer] = await self.writer.leases(ask, an_actor(station_id))
        return answer

    async def tick(self, **after: float) -> datetime | None:
        """Let time pass, then let the clock do its work."""
        return await self.writer.tick(self.clock.go(**after))

    async def packed(self, order: Order, by: Actor | None = None) -> Order:
        """Scan everything in and close."""
        for line in order.lines:
            receipt = await self.do("line_packed", order, by=by, line_no=line.line_no, qty=line.qty)
            assert receipt.outcome == "applied", receipt
        receipt = await self.do("parcel_closed", order, by=by, weight_g=500)
        assert receipt.outcome == "applied", receipt
        return self.order(order.order_no)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with self.engine.connect() as conn:
            return [tuple(row) for row in conn.exec_driver_sql(sql)]

    async def change(self, sql: str, **values: Any) -> None:
        """By hand, as no door does: one statement with ``:name`` for each value."""
        await self.writer.run(lambda tx: tx.conn.execute(text(sql), values) and None)

    def kinds(self, order: Order | str) -> list[str]:
        """The kinds in an order's file, in the order they were written."""
        order_no = order if isinstance(order, str) else order.order_no
        return [
            row[0] for row in self.rows(f"SELECT kind FROM history WHERE order_no='{order_no}' ORDER BY id")
        ]


@asynccontextmanager
async def a_core(
    folder: Path,
    db: str = "sqlite:///orderdock.db",
    *,
    clock: FakeClock | None = None,
    settings: LineSettings | None = None,
    wrap: Callable[[Any], Any] = lambda vault: vault,
    **options: Any,
) -> AsyncIterator[Core]:
    """A started hub core on ``db``, an SQLite file in ``folder`` unless said otherwise."""
    clock = clock or FakeClock()
    new_id = Ids()
    with_tables(folder, db)
    engine = open_database(db, folder, new_id)
    vault = wrap(Vault(KEY))
    settings = settings or LineSettings()
    writer = Writer(engine, clock, new_id, vault, settings, **{"waits": (0.01, 0.02), **options})
    writer.start(asyncio.get_running_loop())
    core = Core(engine, clock, new_id, vault, settings, writer, Feed(engine), Lookup(engine, vault, settings))
    writer.subscribe(core.heard.append)
    try:
        yield core
    finally:
        await writer.stop()
        engine.dispose()
