"""The feed: rows with seq > N in seq order, read in one snapshot, their stored bytes joined (design 3.1)."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from operator import itemgetter

import msgspec
from sqlalchemy import Connection, Engine, select

from app.core.digest import DigestSum, bucket_of
from app.wire import BucketDigest, Change, Digest, Repair, Restored, Rows
from hub.db import tables as t
from hub.db.engine import snapshot
from hub.orders.reading import RESTORED
from hub.orders.results import Page, View

#: (kind, body) -> body as this kind of reader may see it, None hides the row.
Mask = Callable[[str, bytes], bytes | None]

#: Rows of one page.
MOST = 2_000
#: Numbers looked through at once at most, and how often for one page, however few rows of the view lie there.
SPAN = 50_000
_SPANS = 20
#: Where few rows were found, the next look goes so many times as far.
_WIDER = 4
#: Rows of a page encoded in one step.
_STEP = 100
#: Pages kept for the readers that come with the same tick.
_KEPT = 8


#: Number, kind, key and body; None for what is gone. Plain tuples, as the driver gives them: a first load reads some
#: hundred thousand of them, and whatever is made for each of them costs more than the database.
_Row = tuple[int, str, str | int, bytes | None]
_SEQ = itemgetter(0)


#: Orders that one number may mean.
_MEANT_MOST = 5
_NAMED = (
    "SELECT order_no FROM orders WHERE order_no = ? UNION SELECT order_no FROM orders WHERE channel_order_no = ?"
    " UNION SELECT order_no FROM parcel WHERE parcel_no = ?"
    " UNION SELECT order_no FROM parcel WHERE waybill_no = ? AND waybill_no <> ''"
)


class _Line(msgspec.Struct):
    sku_code: str


class _Goods(msgspec.Struct):
    """Of an order's body, what it is made of."""

    lines: list[_Line] = []


class Feed:
    """Pages of changes. Every call blocks for a moment, so run it in a thread; any number at once."""

    def __init__(
        self,
        engine: Engine,
        masks: Mapping[str, Mask] | None = None,
        *,
        span: int = SPAN,
        give_way: Callable[[], None] = lambda: None,
    ) -> None:
        self._engine = engine
        #: Called between the steps of a page; it may keep us waiting a little.
        self._give_way = give_way
        self._span = span
        self._masks = dict(masks or {})
        self._pages: OrderedDict[tuple[View, int, int, int, str], Page] = OrderedDict()
        self._lock = threading.Lock()

    def head(self) -> int:
        """The number of the last committed change."""
        return self._head_row()[1]

    def epoch(self) -> str:
        return self._head_row()[0]

    def place(self) -> tuple[str, int, int]:
        """Epoch, head, and the floor: a cursor below it must begin at 0, its tombstones are swept."""
        return self._head_row()

    def restored(self) -> Restored | None:
        """What this hub knows of its restore; None where it never was restored."""
        with self._engine.connect() as conn:
            value = conn.execute(select(t.setting.c.value).where(t.setting.c.key == RESTORED)).scalar()
        return msgspec.json.decode(value, type=Restored) if value else None

    def page(self, view: View, after: int, limit: int) -> Page:
        """Changes after ``after``, ``limit`` at most, from 1 to :data:`MOST`. ``next`` moves also without any."""
        limit = max(1, min(limit, MOST))
        with snapshot(self._engine) as conn, conn.begin():
            epoch, head, floor = _head(conn)
            key = (view, after, limit, head, epoch)
            with self._lock:
                kept = self._pages.get(key)
            if kept is not None:
                return kept
            page = replace(self._read(conn, view, after, limit, epoch, head), floor=floor)
        with self._lock:
            self._pages[key] = page
            while len(self._pages) > _KEPT:
                self._pages.popitem(last=False)
        return page

    def digest(self, view: View) -> Digest:
        """Count and hash per bucket of the view's orders, at the head it names."""
        total = DigestSum()
        where, values = _order_filter(view, self._mark)
        with snapshot(self._engine) as conn, conn.begin():
            epoch, head, _ = _head(conn)
            for order_no, seq in conn.exec_driver_sql(
                f"SELECT order_no, seq FROM orders o WHERE {where}", values
            ):
                total.add("order", order_no, seq)
        buckets = [BucketDigest(bucket=b, count=n, hash=h) for b, n, h in total.buckets()]
        return Digest(epoch=epoch, seq=head, buckets=buckets)

    def repair(self, view: View, buckets: Collection[int], held: Mapping[str, int], most: int) -> Repair:
        """What is right in these buckets for a copy that holds ``held`` there; not whole where more than ``most``
        rows differ.
        """
        where, values = _order_filter(view, self._mark)
        mask = self._masks[view.mask] if view.mask else None
        with snapshot(self._engine) as conn, conn.begin():
            epoch, head, _ = _head(conn)
            asked = conn.exec_driver_sql(f"SELECT order_no, seq FROM orders o WHERE {where}", values)
            right = {no: seq for no, seq in asked if bucket_of("order", no) in buckets}
            wrong = sorted(no for no in {*right, *held} if right.get(no) != held.get(no))
            if len(wrong) > most:
                return Repair(epoch=epoch, seq=head, is_whole=False)
            changes = [
                Change(seq=held[no], kind="order", key=no, gone=True) for no in wrong if no not in right
            ]
            for no in (no for no in wrong if no in right):
                found = conn.exec_driver_sql(
                    f"SELECT seq, body FROM orders WHERE order_no = {self._mark}", (no,)
                ).one()
                body = bytes(found[1]) if mask is None else mask("order", bytes(found[1]))
                if body is not None:
                    changes.append(Change(seq=found[0], kind="order", key=no, body=msgspec.Raw(body)))
        return Repair(epoch=epoch, seq=head, is_whole=True, changes=changes)

    def rows(self, view: View, number: str) -> Rows:
        """All rows about the orders of the view that this number (ours, the channel's, a waybill's) means."""
        where, values = _order_filter(view, self._mark)
        mask = self._masks[view.mask] if view.mask else None
        with snapshot(self._engine) as conn, conn.begin():
            named = conn.exec_driver_sql(
                _NAMED.replace("?", self._mark), (number.upper(), number, *[number.upper()] * 2)
            )
            rows: list[_Row] = []
            for (order_no,) in named.fetchmany(_MEANT_MOST):
                sql = f"SELECT o.seq, o.order_no, o.body FROM orders o WHERE o.order_no = {self._mark} AND {where}"
                for seq, key, body in conn.exec_driver_sql(sql, (order_no, *values)):
                    rows.append((seq, "order", key, bytes(body)))
                    rows += _about(conn, self._mark, key, bytes(body))
            epoch, _, _ = _head(conn)
        changes = []
        for seq, kind, row_key, held in sorted(rows, key=_SEQ):
            seen = held if mask is None or held is None else mask(kind, held)
            if seen is not None:
                changes.append(Change(seq=seq, kind=kind, key=str(row_key), body=msgspec.Raw(seen)))
        return Rows(epoch=epoch, changes=changes)

    @property
    def _mark(self) -> str:
        return "?" if self._engine.dialect.name == "sqlite" else "%s"

    def _head_row(self) -> tuple[str, int, int]:
        with self._engine.connect() as conn:
            return _head(conn)

    def _read(self, conn: Connection, view: View, after: int, limit: int, epoch: str, head: int) -> Page:
        rows: list[_Row] = []
        # no two rows have one number: so many numbers hold no more rows than the page, and none is read in vain
        upper, width = after, min(limit, self._span)
        for _ in range(_SPANS):
            span, lacking = (upper, min(head, upper + width)), limit - len(rows)
            for source in _SOURCES:
                self._give_way()
                rows += source(conn, self._mark, view, span, lacking)
            upper = span[1]
            if len(rows) >= limit or upper == head or (rows and width == self._span):
                break
            width = min(width * _WIDER, self._span)
        rows.sort(key=_SEQ)
        if len(rows) >= limit:
            rows = rows[:limit]
            upper = rows[-1][0]
        mask = self._masks[view.mask] if view.mask else None
        changes: list[bytes] = []
        for at in range(0, len(rows), _STEP):
            self._give_way()
            changes += _encoded(rows[at : at + _STEP], mask)
        text = b'{"epoch":%b,"head":%d,"next":%d,"changes":[%b]}'
        body = text % (msgspec.json.encode(epoch), head, upper, b",".join(changes))
        return Page(body, upper, head, len(changes), epoch)


def _about(conn: Connection, mark: str, order_no: str, body: bytes) -> list[_Row]:
    """File, tracks and goods of one order."""
    rows: list[_Row] = []
    for kind, key in (("history", "id"), ("track", "parcel_no")):
        rows += _rows(
            conn, f"SELECT seq, '{kind}', {key}, body FROM {kind} WHERE order_no = {mark}", (order_no,)
        )
    skus = sorted({line.sku_code for line in msgspec.json.decode(body, type=_Goods).lines})
    for sku in skus:
        rows += _rows(conn, f"SELECT seq, 'item', sku_code, body FROM item WHERE sku_code = {mark}", (sku,))
    return rows


def _rows(conn: Connection, sql: str, values: Sequence[object]) -> Sequence[_Row]:
    """What the statement gives, from the driver itself: a row of SQLAlchemy's costs as much again as its reading."""
    result = conn.exec_driver_sql(sql, tuple(values))
    try:
        return result.cursor.fetchall()
    finally:
        result.close()


def _encoded(rows: list[_Row], mask: Mask | None) -> Iterator[bytes]:
    """Rows as they stand in the list of a page. Kinds are words of ours, keys may be anything."""
    encode = msgspec.json.encode
    for seq, kind, key, held in rows:
        text = b'"%d"' % key if isinstance(key, int) else encode(key)
        if held is None:
            yield b'{"seq":%d,"kind":"%b","key":%b,"gone":true,"body":null}' % (seq, kind.encode(), text)
            continue
        body = held if mask is None else mask(kind, held)
        if body is not None:
            yield b'{"seq":%d,"kind":"%b","key":%b,"gone":false,"body":%b}' % (
                seq,
                kind.encode(),
                text,
                body or b"null",
            )


def _head(conn: Connection) -> tuple[str, int, int]:
    head = t.feed_head.c
    row = conn.execute(select(head.epoch, head.seq, head.gone_floor)).one()
    return row.epoch, row.seq, row.gone_floor


# Each source reads its rows with lo < seq <= hi in seq order. If one gives `limit` rows, later ones are cut by the
# page anyway: rows of the other sources above the cut come again with the next page.

_Span = tuple[int, int]
_Source = Callable[[Connection, str, View, _Span, int], Sequence[_Row]]


def _orders(conn: Connection, mark: str, view: View, span: _Span, limit: int) -> Sequence[_Row]:
    where, values = _order_filter(view, mark)
    sql = (
        f"SELECT o.seq, 'order', o.order_no, o.body FROM orders o WHERE o.seq > {mark} AND o.seq <= {mark}"
        f" AND {where} ORDER BY o.seq LIMIT {limit}"
    )
    return _rows(conn, sql, (*span, *values))


def _of_orders(table: str, kind: str, key: str) -> _Source:
    """Rows that go where their order goes. CROSS JOIN keeps SQLite from starting at the orders."""

    def source(conn: Connection, mark: str, view: View, span: _Span, limit: int) -> Sequence[_Row]:
        where, values = _order_filter(view, mark)
        sql = (
            f"SELECT r.seq, '{kind}', r.{key}, r.body FROM {table} r CROSS JOIN orders o"
            f" WHERE r.seq > {mark} AND r.seq <= {mark} AND o.order_no = r.order_no AND {where}"
            f" ORDER BY r.seq LIMIT {limit}"
        )
        return _rows(conn, sql, (*span, *values))

    return source


def _of_warehouse(kind: str, key: str) -> _Source:
    """Rows with a warehouse of their own; those without one are for everybody."""

    def source(conn: Connection, mark: str, view: View, span: _Span, limit: int) -> Sequence[_Row]:
        where = "" if view.warehouse is None else f" AND warehouse IN ('', {mark})"
        sql = (
            f"SELECT seq, '{kind}', {key}, body FROM {kind} WHERE seq > {mark} AND seq <= {mark}{where}"
            f" ORDER BY seq LIMIT {limit}"
        )
        return _rows(conn, sql, (*span,) if view.warehouse is None else (*span, view.warehouse))

    return source


def _for_all(kind: str, key: str) -> _Source:
    def source(conn: Connection, mark: str, view: View, span: _Span, limit: int) -> Sequence[_Row]:
        sql = (
            f"SELECT seq, '{kind}', {key}, body FROM {kind} WHERE seq > {mark} AND seq <= {mark}"
            f" ORDER BY seq LIMIT {limit}"
        )
        return _rows(conn, sql, span)

    return source


def _gone(conn: Connection, mark: str, view: View, span: _Span, limit: int) -> Sequence[_Row]:
    if view.scope == "all":
        return []
    where = "" if view.warehouse is None else f" AND warehouse = {mark}"
    sql = (
        f"SELECT seq, kind, key, NULL FROM gone WHERE scope = {mark} AND seq > {mark} AND seq <= {mark}{where}"
        f" ORDER BY seq LIMIT {limit}"
    )
    return _rows(conn, sql, (view.scope, *span, *([] if view.warehouse is None else [view.warehouse])))


def _order_filter(view: View, mark: str) -> tuple[str, tuple[str, ...]]:
    """The condition on ``orders o``, and its values."""
    member = {"packing": "o.in_packing", "service": "o.in_service", "all": "1 = 1"}[view.scope]
    if view.warehouse is None:
        return member, ()
    return f"{member} AND o.warehouse = {mark}", (view.warehouse,)


_SOURCES: tuple[_Source, ...] = (
    _orders,
    _of_orders("history", "history", "id"),
    _of_orders("track", "track", "parcel_no"),
    _of_warehouse("alarm", "alarm_id"),
    _of_warehouse("station", "station_id"),
    _for_all("item", "sku_code"),
    _for_all("person", "person_id"),
    _for_all("setting", "key"),
    _gone,
)
