"""Questions about what stands written: one order, a search by anything, a story, a go. Own connections."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import msgspec
from sqlalchemy import Connection, Engine, Select, Text, cast, func, select
from sqlalchemy.dialects.postgresql import JSONB

from app.core import freeze
from app.core.history import HistoryRow
from app.core.order import Consignee, LeaseStep, Order
from app.core.reasons import Reason, Refused
from app.core.scan import clean
from app.wire import AlarmView, GoAnswer, OrderList, StationView
from hub.db import tables as t
from hub.orders.held import SELECT_STATION_VIEW, station_view
from hub.orders.results import Personal, Sealer, View
from hub.orders.settings import LineSettings

_read_order = msgspec.json.Decoder(Order)
_read_history = msgspec.json.Decoder(HistoryRow)
_read_alarm = msgspec.json.Decoder(AlarmView)

#: Orders in one answer.
MOST = 200


class Lookup:
    """Reads only; every call blocks for a moment, so run it in a thread."""

    def __init__(self, engine: Engine, vault: Sealer, settings: LineSettings) -> None:
        self._engine = engine
        self._vault = vault
        self._settings = settings

    def body(self, order_no: str) -> bytes | None:
        """The order as the feed sends it, unmasked by role."""
        with self._engine.connect() as conn:
            body = conn.execute(select(t.orders.c.body).where(t.orders.c.order_no == order_no)).scalar()
        return None if body is None else bytes(body)

    def order(self, order_no: str) -> Order | None:
        body = self.body(order_no)
        return None if body is None else _read_order.decode(body)

    def parcel(self, parcel_no: str) -> Order | None:
        """The order that owns this parcel."""
        with self._engine.connect() as conn:
            return _owner(conn, parcel_no)

    def orders_in(self, parcel_no: str) -> list[Order]:
        """The orders whose goods lie in this parcel, its owner first."""
        with self._engine.connect() as conn:
            owner = _owner(conn, parcel_no)
            parcel = owner.parcel(parcel_no) if owner else None
            if owner is None or parcel is None:
                return []
            others = {line.order_no for line in parcel.lines} - {owner.order_no}
            asked = select(t.orders.c.body).where(t.orders.c.order_no.in_(others))
            more = conn.execute(asked).scalars().all() if others else []
        return [owner, *(_read_order.decode(body) for body in more)]

    def orders(self, q: str, view: View, limit: int = 50, after: str = "") -> OrderList:
        """Orders that ``q`` names by any number, phone, phone tail, name or nickname; the newest for "".

        Newest number first; ``next`` of the answer is the ``after`` of the following page, empty at the end.
        """
        asked = _in_view(select(t.orders.c.body), view)
        words = clean(q)
        if words:
            asked = asked.where(t.orders.c.order_no.in_(self._named(words)))
        if after:
            asked = asked.where(t.orders.c.order_no < after)
        limit = max(1, min(limit, MOST))
        with self._engine.connect() as conn:
            newest = asked.order_by(t.orders.c.order_no.desc()).limit(limit + 1)
            found = [bytes(row.body) for row in conn.execute(newest)]
        orders = [_read_order.decode(body) for body in found[:limit]]
        return OrderList(orders=orders, next=orders[-1].order_no if len(found) > limit else "")

    def of_days(self, first: str, last: str, wanted: Mapping[str, str], view: View, most: int) -> list[Order]:
        """Orders numbered from ``first`` to ``last``, oldest first, whose ``extra`` has these values (MAP-03)."""
        o = t.orders.c
        asked = _in_view(select(o.body), view).where(o.order_no >= first, o.order_no <= last)
        for name, value in wanted.items():
            if self._engine.dialect.name == "sqlite":
                said = func.json_extract(cast(o.body, Text), f'$.extra."{name}"')
            else:
                said = func.convert_from(o.body, "UTF8").cast(JSONB)["extra"][name].astext
            asked = asked.where(cast(said, Text) == value)
        with self._engine.connect() as conn:
            rows = conn.execute(asked.order_by(o.order_no).limit(most))
            return [_read_order.decode(bytes(row.body)) for row in rows]

    def story(self, order_no: str) -> list[HistoryRow]:
        """The order's whole file by the time things happened, courier nodes among them."""
        asked = select(t.history.c.body).where(t.history.c.order_no == order_no).order_by(t.history.c.id)
        with self._engine.connect() as conn:
            rows = [_read_history.decode(body) for body in conn.execute(asked).scalars()]
        return sorted(rows, key=_happened_at)

    def personal(self, order_no: str) -> Personal | None:
        """The full consignee, None when there is no such order or its buyer was erased."""
        with self._engine.connect() as conn:
            row = conn.execute(select(t.sealed.c.order_no).where(t.sealed.c.order_no == order_no)).first()
            return None if row is None else personal_of(conn, self._vault, order_no)

    def go(self, parcel_no: str, step: LeaseStep, station_id: str | None) -> GoAnswer:
        """May this parcel take its next irreversible step now? ``seq`` is that of the order asked."""
        with self._engine.connect() as conn:
            order = _owner(conn, parcel_no)
            if order is None:
                return _no(Refused(Reason.parcel_unknown, {"parcel_no": parcel_no}), 0)
            asked = select(t.orders.c.seq).where(t.orders.c.order_no == order.order_no)
            seq = conn.execute(asked).scalar_one()
        refused = freeze.go_check(order, parcel_no, step, station_id)
        return _no(refused, seq) if refused else GoAnswer(ok=True, seq=seq)

    def stations(self) -> list[StationView]:
        with self._engine.connect() as conn:
            sql = SELECT_STATION_VIEW.removesuffix(" WHERE station_id") + " ORDER BY station_id"
            return [station_view(tuple(row)) for row in conn.exec_driver_sql(sql)]

    def alarms(self, open_only: bool = True, warehouse: str | None = None) -> list[AlarmView]:
        """Newest first, at most 500."""
        asked = select(t.alarm.c.body).order_by(t.alarm.c.raised_at.desc(), t.alarm.c.alarm_id.desc())
        if open_only:
            asked = asked.where(t.alarm.c.acked_at.is_(None))
        if warehouse is not None:
            asked = asked.where(t.alarm.c.warehouse == warehouse)
        with self._engine.connect() as conn:
            return [_read_alarm.decode(body) for body in conn.execute(asked.limit(500)).scalars()]

    def _named(self, words: str) -> Select[tuple[str]]:
        """Order numbers that these words may mean, each by an index of its own."""
        upper = words.upper()
        order_no = t.orders.c.order_no
        digits = "".join(c for c in words if c.isdigit())
        ways: list[Select[tuple[str]]] = [
            select(order_no).where(order_no == upper),
            select(order_no).where(t.orders.c.channel_order_no == words),
            select(t.parcel.c.order_no).where(t.parcel.c.parcel_no == upper),
            select(t.parcel.c.order_no).where(t.parcel.c.waybill_no == upper, t.parcel.c.waybill_no != ""),
            self._blind("name", "name", words),
            self._blind("nick", "nick", words),
        ]
        if len(digits) >= 7:
            ways.append(self._blind("phone", "phone", words))
        elif len(digits) == 4 and digits == words:
            ways.append(self._blind("phone_tail", "phone_tail", digits))
        first, *others = ways
        united = first.union(*others).subquery()
        return select(united.c[0])

    def _blind(self, column: str, kind: str, words: str) -> Select[tuple[str]]:
        return select(t.sealed.c.order_no).where(t.sealed.c[column] == self._vault.blind(kind, words))


def personal_of(conn: Connection, vault: Sealer, order_no: str) -> Personal:
    """The full consignee; empty when the buyer was erased."""
    asked = select(t.sealed.c.blob_pii).where(t.sealed.c.order_no == order_no)
    blob = conn.execute(asked).scalar()
    if blob is None:
        return Personal()
    secret = vault.open(bytes(blob), order_no)
    consignee = msgspec.convert(secret.get("consignee", {}), type=Consignee)
    return Personal(consignee=consignee, buyer_nick=str(secret.get("buyer_nick", "")))


def _owner(conn: Connection, parcel_no: str) -> Order | None:
    asked = (
        select(t.orders.c.body)
        .join(t.parcel, t.parcel.c.order_no == t.orders.c.order_no)
        .where(t.parcel.c.parcel_no == parcel_no)
    )
    body = conn.execute(asked).scalar()
    return None if body is None else _read_order.decode(body)


def _in_view(asked: Select[tuple[bytes]], view: View) -> Select[tuple[bytes]]:
    if view.warehouse is not None:
        asked = asked.where(t.orders.c.warehouse == view.warehouse)
    if view.scope == "packing":
        return asked.where(t.orders.c.in_packing)
    if view.scope == "service":
        return asked.where(t.orders.c.in_service)
    return asked


def _happened_at(row: HistoryRow) -> tuple[datetime, int]:
    return row.made_at or row.at, row.id


def _no(refused: Refused, seq: int) -> GoAnswer:
    return GoAnswer(ok=False, reason=refused.reason, params=refused.params, seq=seq)
