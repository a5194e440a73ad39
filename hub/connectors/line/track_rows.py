"""The rows of the watch list, and what of it stands in them: which numbers are due, when each was last asked, what was
said of each. Functions with a ``tx`` run in the writer's transaction; all others block for a moment."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Engine, and_, bindparam, func, insert, select, update

from app.core.order import Order, OrderState
from hub.connectors.couriers import News, Watching
from hub.connectors.line.track_pieces import Key, Pieces, RawNodes
from hub.db import tables as t
from hub.orders.desk import Tx
from hub.orders.results import Sealer

w = t.track_watch.c

#: A row taken by a process that died in the middle of it is taken again after so long.
_TAKEN_FOR = timedelta(minutes=2)
#: A subscription without news for so long is made anew: sources give up after three days (C47).
RENEW = timedelta(hours=60)
#: Raw words hold people's phones, sealed: kept as long as raw pushes are (design 2.8).
RAW_KEPT = timedelta(days=30)
MOST_DUE = 20
_ENROL_PAGE = 500
_CURSOR = "track_watch_seq"
#: Nobody watches a parcel any more that got so far.
ENDED = frozenset({
    OrderState.delivered,
    OrderState.closed,
    OrderState.returned,
    OrderState.cancelled,
})


@dataclass(frozen=True, slots=True)
class Row:
    connector: str
    parcel_no: str
    waybill_no: str
    carrier: str
    state: str
    wanted_at: datetime
    tries: int

    @property
    def key(self) -> Key:
        return self.connector, self.parcel_no, self.waybill_no


@dataclass(eq=False, slots=True)
class Heard:
    """What a source said of a number, on its way into the watch list."""

    connector: str
    news: News
    carrying: tuple[tuple[str, str], ...]
    is_noted: bool = False


class TrackRows:
    """``connectors``: the sources at work; new numbers are for the first of them."""

    def __init__(self, engine: Engine, vault: Sealer, connectors: Sequence[str]) -> None:
        self._engine = engine
        self._pieces = Pieces(vault)
        self._connectors = tuple(connectors)

    # ------------------------------------------------------------------------------------------ the list

    def under_way(self) -> dict[str, int]:
        """How many parcels each source watches, or is asked about."""
        asked = select(w.connector, func.count()).where(w.due_at.is_not(None)).group_by(w.connector)
        with self._engine.connect() as conn:
            return {row[0]: row[1] for row in conn.execute(asked)}

    def head(self) -> int:
        with self._engine.connect() as conn:
            return int(conn.execute(select(t.feed_head.c.seq)).scalar_one())

    def enrol(self, tx: Tx) -> int:
        """A page of orders read on from where it was read; gives the seq that was reached."""
        kept = tx.conn.execute(select(t.setting.c.value).where(t.setting.c.key == _CURSOR)).scalar()
        since = msgspec.json.decode(kept, type=int) if kept else 0
        head = int(tx.conn.execute(select(t.feed_head.c.seq)).scalar_one())
        asked = (
            select(t.orders.c.order_no, t.orders.c.seq)
            .where(t.orders.c.seq > since, t.orders.c.seq <= head)
            .order_by(t.orders.c.seq)
            .limit(_ENROL_PAGE)
        )
        seqs = {row.order_no: row.seq for row in tx.conn.execute(asked)}
        self._enrol_orders(tx, list(seqs))
        reached = max(seqs.values()) if len(seqs) == _ENROL_PAGE else head
        value = {"value": msgspec.json.encode(reached), "changed_at": tx.now}
        if kept is None:
            tx.conn.execute(insert(t.setting).values(key=_CURSOR, **value))
        elif reached != since:
            tx.conn.execute(update(t.setting).where(t.setting.c.key == _CURSOR).values(**value))
        return reached

    def _enrol_orders(self, tx: Tx, order_nos: Sequence[str]) -> None:
        """New rows for those parcels of these orders that carry a number nobody watches yet."""
        connector = self._connectors[0]
        box, order = t.parcel.c, t.orders.c
        # parcels of an order lie side by side: a range of the parcel's own key, no scan
        is_its = and_(
            box.parcel_no >= order.order_no + "00",
            box.parcel_no <= order.order_no + "99",
            box.order_no == order.order_no,
            box.waybill_no != "",
        )
        is_watched = and_(
            w.connector == connector, w.parcel_no == box.parcel_no, w.waybill_no == box.waybill_no
        )
        asked = (
            select(box.parcel_no, order.body)
            .select_from(t.orders)
            .join(t.parcel, is_its)
            .outerjoin(t.track_watch, is_watched)
            .where(order.order_no.in_(order_nos), w.parcel_no.is_(None))
        )
        boxes = [
            (no, msgspec.json.decode(body, type=Order).parcel(no)) for no, body in tx.conn.execute(asked)
        ]
        rows = [
            {
                "connector": connector,
                "parcel_no": parcel_no,
                "waybill_no": box.waybill_no,
                "carrier": box.carrier,
                "state": "wanted",
                "wanted_at": tx.now,
                "due_at": tx.now,
            }
            for parcel_no, box in boxes
            if box is not None and box.waybill_no and box.state not in ENDED
        ]
        if rows:
            tx.conn.execute(insert(t.track_watch), rows)

    def sweep(self, tx: Tx, now: datetime) -> None:
        """What sources said of parcels that are done goes after 30 days; what became of it stays in the track."""
        is_old = and_(w.state == "over", w.heard_at < now - RAW_KEPT, w.blob_pii.is_not(None))
        tx.conn.execute(update(t.track_watch).where(is_old).values(blob_pii=None))

    def is_due(self, now: datetime) -> bool:
        asked = select(w.parcel_no).where(w.due_at <= now).limit(1)
        with self._engine.connect() as conn:
            return conn.execute(asked).first() is not None

    def take_due(self, tx: Tx, now: datetime, connectors: Collection[str]) -> list[Row]:
        """The rows to be worked on now; for others they are not due until this process is done or dead."""
        asked = (
            select(*_COLUMNS)
            .where(w.due_at <= now, w.connector.in_(connectors))
            .order_by(w.due_at)
            .limit(MOST_DUE)
            .with_for_update(skip_locked=True)
        )
        rows = [Row(*row) for row in tx.conn.execute(asked)]
        for row in rows:
            self.put(tx, row, due_at=now + _TAKEN_FOR)
        return rows

    def put(self, tx: Tx, row: Row, **values: Any) -> None:
        key = and_(w.connector == row.connector, w.parcel_no == row.parcel_no, w.waybill_no == row.waybill_no)
        tx.conn.execute(update(t.track_watch).where(key).values(**values))

    # ------------------------------------------------------------------------------------------ asking

    def grant(self, tx: Tx, connector: str, waybill_no: str, floor: timedelta) -> tuple[bool, datetime]:
        """Whether the number may be asked now, and from when on it may be asked next, by all processes (C48)."""
        is_number = and_(w.connector == connector, w.waybill_no == waybill_no)
        moments = tx.conn.execute(select(w.asked_at).where(is_number).with_for_update()).scalars()
        last: datetime | None = max((at for at in moments if at is not None), default=None)
        if last is not None and tx.now < last + floor:
            return False, last + floor
        tx.conn.execute(update(t.track_watch).where(is_number).values(asked_at=tx.now))
        return True, tx.now + floor

    # ------------------------------------------------------------------------------------------ hearing

    def note(self, tx: Tx, batch: Sequence[Heard]) -> None:
        """All of it with one question and one statement, whatever the number of pushes."""
        held = self._held(tx, batch)
        for one in batch:
            for parcel_no, waybill_no in one.carrying:
                values = held[one.connector, parcel_no, waybill_no]
                row = Row(*(values[column.key] for column in _COLUMNS))
                values |= {"heard_at": tx.now, **_after(one.news, row, tx.now)}
                if one.news.corrected:
                    values["carrier"] = one.news.corrected
                if one.news.nodes:
                    values["blob_pii"] = self._pieces.added(row.key, values["blob_pii"], one.news, tx.now)
        rows = [
            {f"its_{name}": values[name] for name in _KEY} | {name: values[name] for name in _CHANGED}
            for _, values in sorted(held.items(), key=lambda one: one[0])
        ]
        if rows:
            tx.conn.execute(_NOTE, rows)

    def _held(self, tx: Tx, batch: Sequence[Heard]) -> dict[tuple[str, str, str], dict[str, Any]]:
        """The rows of the list that this batch is about; those that a push came before are made."""
        parcel_nos = sorted({parcel_no for one in batch for parcel_no, _ in one.carrying})
        asked = select(t.track_watch).where(w.parcel_no.in_(parcel_nos)).with_for_update()
        found = [dict(row) for row in tx.conn.execute(asked).mappings()]
        rows = {(row["connector"], row["parcel_no"], row["waybill_no"]): row for row in found}
        held, new = {}, []
        for one in batch:
            for parcel_no, waybill_no in one.carrying:
                key = (one.connector, parcel_no, waybill_no)
                if key not in rows:
                    row = Row(*key, one.news.carrier, "wanted", tx.now, 0)
                    empty: dict[str, Any] = {"word": "", "blob_pii": None, "due_at": tx.now}
                    rows[key] = asdict(row) | empty
                    new.append(rows[key].copy())
                held[key] = rows[key]
        if new:
            tx.conn.execute(insert(t.track_watch), new)
        return held

    # ------------------------------------------------------------------------------------------ reading

    def carrying(self, waybill_no: str) -> list[tuple[str, str]]:
        """Parcels that carry this number, and how it stands on each; a number is not unique: there may be several."""
        if not waybill_no:
            return []
        with self._engine.connect() as conn:
            box = t.parcel.c
            mine = select(box.parcel_no, box.waybill_no).where(
                box.waybill_no.in_([waybill_no, waybill_no.upper()])
            )
            return sorted((row[0], row[1]) for row in conn.execute(mine.where(box.waybill_no != "")))

    def of(self, parcel_no: str) -> Row | None:
        """The row of the number that the parcel carries now."""
        asked = (
            select(*_COLUMNS)
            .join(t.parcel, and_(t.parcel.c.parcel_no == w.parcel_no, t.parcel.c.waybill_no == w.waybill_no))
            .where(w.parcel_no == parcel_no)
        )
        with self._engine.connect() as conn:
            found = conn.execute(asked).first()
        return None if found is None else Row(*found)

    def raws(self, order_no: str) -> dict[str, RawNodes]:
        """What the nodes of an order's parcels were read from, as far as it was kept. Blocks for a moment."""
        asked = select(*_COLUMNS, w.blob_pii).where(
            w.parcel_no >= order_no + "00", w.parcel_no <= order_no + "99", w.blob_pii.is_not(None)
        )
        with self._engine.connect() as conn:
            found = [(Row(*row[:-1]), bytes(row[-1])) for row in conn.execute(asked)]
        raws: dict[str, RawNodes] = {}
        for row, blob in found:
            if row.parcel_no[:-2] == order_no and row.connector in self._connectors:
                raws.setdefault(row.parcel_no, {}).update(self._pieces.raw_nodes(row.key, blob))
        return raws


_KEY = ("connector", "parcel_no", "waybill_no")
#: What a push or an answer changes in a row.
_CHANGED = ("carrier", "state", "heard_at", "due_at", "tries", "word", "blob_pii")
_NOTE = (
    update(t.track_watch)
    .where(*(w[name] == bindparam(f"its_{name}") for name in _KEY))
    .values({name: bindparam(name) for name in _CHANGED})
)
_COLUMNS = (w.connector, w.parcel_no, w.waybill_no, w.carrier, w.state, w.wanted_at, w.tries)


def _after(news: News, row: Row, now: datetime) -> dict[str, Any]:
    """What the source's own word about its watch makes of the row."""
    if news.watching is Watching.over:
        return {"state": "over", "word": "", "due_at": None}
    if news.watching is Watching.given_up:
        # a number that is given up at once must not go in circles
        wait = timedelta(hours=min(2**row.tries, 24))
        return {"state": "given_up", "due_at": now + wait, "tries": row.tries + 1}
    if row.state == "watched":
        return {"due_at": now + RENEW}
    return {}
