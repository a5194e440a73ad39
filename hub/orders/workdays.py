"""Reads what the benches did on a business day, for figures and for the list behind them (PCK-05, PCK-07, PCK-09).

All of it is history; ``ix_history_work`` finds a day's acts at benches without a look at anything else, and costs
nothing where orders come in: no row an import writes is in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import Connection, Engine, TextClause, select, text

from app.core.figures import Fact, Tally, day_of, total, work_seconds
from app.core.history import HistoryKind, HistoryRow
from app.core.order import GONE_STATES, OrderState
from app.core.values import dataclass
from hub.db import tables as t

#: What was done offline comes later: a weekend at most. Later still it counts in no day.
LATE = timedelta(days=3)
_CHUNK = 300
_FLOOR = text(t.WORK_KINDS_SQL)


class _Params(msgspec.Struct, frozen=True):
    qty: int | str = 1
    by_hand: bool = False


class _Row(msgspec.Struct, frozen=True, kw_only=True):
    at: datetime
    made_at: datetime | None = None
    actor: str = ""
    station_id: str | None = None
    params: _Params = _Params()


class _PaidOrder(msgspec.Struct, frozen=True, kw_only=True):
    order_state: OrderState
    warehouse: str
    paid_at: datetime | None = None


_read = msgspec.json.Decoder(_Row)
_read_whole = msgspec.json.Decoder(HistoryRow)
_read_order = msgspec.json.Decoder(_PaidOrder)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A business day, and whose acts: everybody's where a name is empty. ``warehouse`` None: all of them."""

    day: date
    zone: ZoneInfo
    warehouse: str | None = None
    who: str = ""
    station_id: str = ""

    @property
    def span(self) -> tuple[datetime, datetime]:
        """From midnight to midnight where the hub is, in UTC."""
        begin = datetime.combine(self.day, time(), self.zone)
        return begin.astimezone(UTC), datetime.combine(
            self.day + timedelta(days=1), time(), self.zone
        ).astimezone(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """An order that left: when its last parcel was handed over, and how long after its payment."""

    warehouse: str
    at: datetime
    seconds: float


class WorkDays:
    """Read side only; every method is one look at the database and belongs in a thread."""

    def __init__(self, engine: Engine, default_warehouse: str) -> None:
        self._engine, self._default = engine, default_warehouse

    def mine(self, asked: Asked) -> tuple[Tally, int]:
        """What one person, or a station acting as itself, did that day; and the feed's seq up to which it is counted.

        The head is read before the rows and none after it is taken: what is counted here is never counted twice.
        """
        with self._engine.connect() as conn:
            head = conn.execute(select(t.feed_head.c.seq, t.feed_head.c.history_id)).one()
            facts = self._facts(conn, asked, up_to=head.history_id)
            return total(day_of(facts + self._before(conn, asked, facts)).done(), asked.who), head.seq

    def day_and_gone(self, asked: Asked) -> tuple[list[Tally], list[Gone]]:
        """The same, and the orders that left that day."""
        with self._engine.connect() as conn:
            facts = self._facts(conn, asked)
            return day_of(facts + self._before(conn, asked, facts)).done(), self._gone(conn, asked, facts)

    def acts(self, asked: Asked, after: str, most: int) -> tuple[list[tuple[HistoryRow, float | None]], str]:
        """The acts themselves, oldest first, with the seconds of those that close a parcel; and the next ``after``."""
        with self._engine.connect() as conn:
            rows = [_read_whole.decode(bytes(row.body)) for row in self._rows(conn, asked)]
            houses = self._houses(conn)
            begin, end = asked.span
            mine = [
                row
                for row in rows
                if begin <= (row.made_at or row.at) < end
                and (not asked.who or row.actor == asked.who)
                and (not asked.station_id or row.station_id == asked.station_id)
                and asked.warehouse in (None, houses.get(row.station_id or "") or self._default)
            ]
            mine.sort(key=_place)
            page = [row for row in mine if not after or _mark(row) > after][: most + 1]
            seconds = self._seconds(conn, {row.order_no for row in page})
        more = len(page) > most
        page = page[:most]
        return [(row, seconds.get(row.id)) for row in page], _mark(page[-1]) if more else ""

    # ---------------------------------------------------------------------------------- facts

    def _facts(self, conn: Connection, asked: Asked, up_to: int | None = None) -> list[Fact]:
        houses = self._houses(conn)
        begin, end = asked.span
        made = []
        for row in self._rows(conn, asked):
            if up_to is not None and row.id > up_to:
                continue
            fact = self._fact(row, houses)
            if begin <= fact.at < end and _is_asked(fact, asked):
                made.append(fact)
        return made

    def _rows(self, conn: Connection, asked: Asked) -> Iterable[Any]:
        h = t.history.c
        begin, end = asked.span
        query = (
            select(h.id, h.order_no, h.parcel_no, h.kind, h.body)
            .where(_FLOOR, h.at >= begin, h.at < end + LATE)
            .order_by(h.at)
        )
        if asked.who:
            query = query.where(self._says(conn, "actor", asked.who))
        if asked.station_id:
            query = query.where(self._says(conn, "station_id", asked.station_id))
        return conn.execute(query)

    @staticmethod
    def _says(conn: Connection, name: str, value: str) -> TextClause:
        """Whether a body says so in its bytes: most rows of a busy day are passed over without being read."""
        words = f'"{name}":'.encode() + msgspec.json.encode(value)
        sql = (
            f"instr(body, :{name}) > 0" if conn.dialect.name == "sqlite" else f"position(:{name} in body) > 0"
        )
        return text(sql).bindparams(**{name: words})

    def _fact(self, row: Any, houses: dict[str, str], *, is_before: bool = False) -> Fact:
        body = _read.decode(bytes(row.body))
        qty = body.params.qty
        return Fact(
            at=body.made_at or body.at,
            kind=row.kind,
            order_no=row.order_no,
            parcel_no=row.parcel_no or row.order_no,
            who=body.actor,
            station_id=body.station_id or "",
            warehouse=houses.get(body.station_id or "") or self._default,
            qty=qty if isinstance(qty, int) else 1,
            by_hand=body.params.by_hand,
            is_before=is_before,
        )

    def _before(self, conn: Connection, asked: Asked, facts: Sequence[Fact]) -> list[Fact]:
        """What others, or an earlier day, did to parcels that were closed and whose opening is not among the facts."""
        opened = {fact.parcel_no for fact in facts if fact.kind == HistoryKind.opened}
        closed = {
            fact.parcel_no: fact
            for fact in facts
            if fact.kind == HistoryKind.parcel_closed and fact.parcel_no not in opened
        }
        houses = self._houses(conn) if closed else {}
        begin, _ = asked.span
        found = (
            self._fact(row, houses, is_before=True)
            for row in self._files(conn, {f.order_no for f in closed.values()})
        )
        return [
            fact
            for fact in found
            if (known := closed.get(fact.parcel_no)) is not None
            and fact.at < known.at
            and (fact.at < begin or not _is_asked(fact, asked))
        ]

    def _files(self, conn: Connection, order_nos: Iterable[str]) -> Iterable[Any]:
        h = t.history.c
        wanted = sorted(order_nos)
        for at in range(0, len(wanted), _CHUNK):
            query = select(h.id, h.order_no, h.parcel_no, h.kind, h.body)
            part = wanted[at : at + _CHUNK]
            yield from conn.execute(query.where(h.order_no.in_(part), _FLOOR).order_by(h.order_no, h.id))

    def _seconds(self, conn: Connection, order_nos: set[str]) -> dict[int, float]:
        """Seconds of every closing in these orders' files, by the row's id."""
        opened: dict[str, datetime] = {}
        found: dict[int, float] = {}
        for row in self._files(conn, order_nos):
            fact = self._fact(row, {})
            if fact.kind == HistoryKind.opened:
                opened[fact.parcel_no] = fact.at
            elif fact.kind == HistoryKind.parcel_closed:
                found[row.id] = work_seconds(opened.pop(fact.parcel_no, None), fact.at)
        return found

    def _gone(self, conn: Connection, asked: Asked, facts: Sequence[Fact]) -> list[Gone]:
        """Orders whose last parcel was handed over that day, as far as they were paid."""
        last: dict[str, datetime] = {}
        for fact in facts:
            if fact.kind == HistoryKind.handed_over:
                last[fact.order_no] = max(fact.at, last.get(fact.order_no, fact.at))
        o = t.orders.c
        gone, wanted = [], sorted(last)
        for at in range(0, len(wanted), _CHUNK):
            query = select(o.order_no, o.body).where(o.order_no.in_(wanted[at : at + _CHUNK]))
            for order_no, body in conn.execute(query):
                order = _read_order.decode(bytes(body))
                if order.paid_at is not None and order.order_state in GONE_STATES:
                    seconds = max(0.0, (last[order_no] - order.paid_at).total_seconds())
                    gone.append(Gone(warehouse=order.warehouse, at=last[order_no], seconds=seconds))
        return gone

    @staticmethod
    def _houses(conn: Connection) -> dict[str, str]:
        s = t.station.c
        return {row.station_id: row.warehouse for row in conn.execute(select(s.station_id, s.warehouse))}


def _is_asked(fact: Fact, asked: Asked) -> bool:
    return (
        asked.warehouse in (None, fact.warehouse)
        and asked.who in ("", fact.who)
        and asked.station_id in ("", fact.station_id)
    )


def _place(row: HistoryRow) -> tuple[datetime, int]:
    return row.made_at or row.at, row.id


def _mark(row: HistoryRow) -> str:
    """Where a row stands, as a text that sorts like :func:`_place`."""
    return f"{t.to_ms(row.made_at or row.at):015d}-{row.id:015d}"
