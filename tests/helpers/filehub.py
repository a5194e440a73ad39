"""A real writer on a real SQLite file, for imports."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
from sqlalchemy import Engine, select

from app.core.acts import Actor
from app.core.order import Item, Order
from app.ports import SystemClock, Ulid
from app.wire import ImportReport, ImportSums
from hub.connectors.channels.file import run_import
from hub.db import tables as t
from hub.db.engine import open_database
from hub.orders.settings import LineSettings
from hub.orders.writer import Writer
from hub.vault import Vault
from tests.helpers.sheets import SHANGHAI, TEXTS

NOW = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
SHOP = SimpleNamespace(id="hz-home", connector="file")
WHO = Actor(name="小王", role="ops_lead")


@dataclass
class FileHub:
    writer: Writer
    engine: Engine

    async def bring_in(self, data: bytes, kind: str = "orders", **more: Any) -> ImportReport:
        options: dict[str, Any] = {"dry_run": False, "lang": "zh", "zone": SHANGHAI, "now": NOW, **more}
        return await run_import(
            self.writer,
            data,
            "订单.csv",
            kind,  # type: ignore[arg-type]
            SHOP,
            options.pop("lang"),
            options.pop("dry_run"),
            WHO,
            options.pop("progress", None),
            texts=TEXTS,
            **options,
        )

    def orders(self) -> list[Order]:
        with self.engine.connect() as conn:
            bodies = conn.execute(select(t.orders.c.body)).scalars().all()
        return [msgspec.json.decode(bytes(body), type=Order) for body in bodies]

    def items(self) -> list[Item]:
        with self.engine.connect() as conn:
            bodies = conn.execute(select(t.item.c.body)).scalars().all()
        return [msgspec.json.decode(bytes(body), type=Item) for body in bodies]

    def pool(self) -> list[tuple[str, str]]:
        with self.engine.connect() as conn:
            rows = conn.execute(select(t.waybill_pool.c.carrier, t.waybill_pool.c.waybill_no)).all()
        return [(row[0], row[1]) for row in rows]

    def sums(self) -> ImportSums:
        """What stands in the database, added up from the orders themselves."""
        orders = self.orders()
        return ImportSums(
            orders=len(orders),
            lines=sum(len(order.lines) for order in orders),
            qty=sum(line.qty for order in orders for line in order.lines),
            paid_fen=sum(order.paid_fen for order in orders),
            coupon_fen=sum(order.coupon_fen for order in orders),
            points_fen=sum(order.points_fen for order in orders),
            freight_fen=sum(order.freight_fen for order in orders),
        )


@asynccontextmanager
async def file_hub(folder: Path) -> AsyncIterator[FileHub]:
    """A hub's writer over a database of its own in ``folder``."""
    clock = SystemClock()
    new_id = Ulid(clock)
    engine = open_database("sqlite:///hub.db", folder, new_id)
    writer = Writer(engine, clock, new_id, Vault(bytes(range(32))), LineSettings(timezone=SHANGHAI))
    writer.start(asyncio.get_running_loop())
    try:
        yield FileHub(writer, engine)
    finally:
        await writer.stop()
        engine.dispose()
