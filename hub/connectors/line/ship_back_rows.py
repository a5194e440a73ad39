"""The rows of waybills told back to platforms: what the line reads of them, and functions for the writer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Engine, select, update

from app.core.order import GONE_STATES, Order, OrderState
from hub.db import tables as t
from hub.orders.desk import Tx

_order = msgspec.json.Decoder(Order)
_SHIPPED = GONE_STATES - {OrderState.returning, OrderState.returned, OrderState.shipped_despite_cancel}
_CURSOR = "line.ship_back"
_SCANNED = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class ShipBack:
    """A waybill on its way to the platform, with the platform's deadline beside it (C45)."""

    parcel_no: str
    waybill_no: str
    order_no: str
    shop_id: str
    channel_order_no: str
    warehouse: str
    carrier: str
    state: str
    asked_at: datetime
    due_at: datetime
    ship_by_at: datetime | None
    told_at: datetime | None
    tries: int
    word: str


class ShipBackRows:
    """Reads; every call blocks for a moment: run them in a thread."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def all(
        self,
        *states: str,
        due: datetime | None = None,
        shops: Iterable[str] | None = None,
        most: int = 200,
    ) -> list[ShipBack]:
        """Of these states, the nearest deadline first; with ``due`` only those whose turn it is, of ``shops``."""
        s = t.ship_back.c
        asked = select(t.ship_back).where(s.state.in_(states))
        if due is not None:
            asked = asked.where(s.due_at <= due)
        if shops is not None:
            asked = asked.where(s.shop_id.in_(list(shops)))
        with self._engine.connect() as conn:
            rows = conn.execute(
                asked.order_by(s.ship_by_at.is_(None), s.ship_by_at, s.due_at).limit(most)
            ).all()
        return [ShipBack(**row._mapping) for row in rows]

    def of(self, parcel_no: str) -> list[ShipBack]:
        """Those of a parcel that its number did not outlive, the newest first."""
        s = t.ship_back.c
        asked = select(t.ship_back).where(s.parcel_no == parcel_no, s.state != "overtaken")
        with self._engine.connect() as conn:
            rows = conn.execute(asked.order_by(s.asked_at.desc())).all()
        return [ShipBack(**row._mapping) for row in rows]


def enrolled(shops: frozenset[str]) -> Callable[[Tx], bool]:
    """Read the file of orders on from where it was read: what left is to be told. True while there is more."""

    def change(tx: Tx) -> bool:
        h = t.history.c
        row = tx.conn.execute(select(t.setting.c.value).where(t.setting.c.key == _CURSOR)).first()
        head = tx.conn.execute(select(t.feed_head.c.history_id)).scalar_one()
        since = msgspec.json.decode(row[0], type=int) if row else 0
        kinds = ("handed_over", "waybill_bound")
        asked = select(h.id, h.order_no, h.parcel_no).where(h.id > since, h.kind.in_(kinds))
        rows = tx.conn.execute(asked.order_by(h.id).limit(_SCANNED)).all()
        for order_no, parcel_no in dict.fromkeys((r.order_no, r.parcel_no) for r in rows):
            if parcel_no:
                _enrol(tx, shops, order_no, parcel_no)
        is_more = len(rows) == _SCANNED
        value = msgspec.json.encode(rows[-1].id if is_more else head)
        s = t.setting.c
        moved = update(t.setting).where(s.key == _CURSOR).values(value=value, changed_at=tx.now)
        if not tx.conn.execute(moved).rowcount:
            tx.conn.execute(t.setting.insert().values(key=_CURSOR, value=value, changed_at=tx.now, body=b""))
        return is_more

    return change


def _enrol(tx: Tx, shops: frozenset[str], order_no: str, parcel_no: str) -> None:
    body = tx.conn.execute(select(t.orders.c.body).where(t.orders.c.order_no == order_no)).scalar()
    order = _order.decode(body) if body else None
    parcel = order.parcel(parcel_no) if order else None
    if order is None or parcel is None or order.shop_id not in shops:
        return
    if parcel.state not in _SHIPPED or not parcel.waybill_no:
        return
    s = t.ship_back.c
    known = tx.conn.execute(select(s.waybill_no, s.state).where(s.parcel_no == parcel_no)).all()
    states = {row.waybill_no: row.state for row in known}
    others = update(t.ship_back).where(s.parcel_no == parcel_no, s.waybill_no != parcel.waybill_no)
    tx.conn.execute(others.values(state="overtaken"))
    if parcel.waybill_no in states:
        if states[parcel.waybill_no] == "overtaken":  # the number of before is the parcel's again
            again = update(t.ship_back).where(s.parcel_no == parcel_no, s.waybill_no == parcel.waybill_no)
            tx.conn.execute(again.values(state="waiting", asked_at=tx.now, due_at=tx.now, tries=0, word=""))
        return
    tx.conn.execute(
        t.ship_back.insert().values(
            parcel_no=parcel_no,
            waybill_no=parcel.waybill_no,
            order_no=order_no,
            shop_id=order.shop_id,
            channel_order_no=order.channel_order_no,
            warehouse=order.warehouse,
            carrier=parcel.carrier,
            state="waiting",
            asked_at=tx.now,
            due_at=tx.now,
            ship_by_at=order.ship_by_at,
        )
    )


def kept(back: ShipBack, **values: Any) -> Callable[[Tx], None]:
    s = t.ship_back.c

    def change(tx: Tx) -> None:
        one = update(t.ship_back).where(s.parcel_no == back.parcel_no, s.waybill_no == back.waybill_no)
        tx.conn.execute(one.where(s.state != "overtaken").values(**values))

    return change
