"""The writer's statements: made from the tables, run as prepared bulk statements on Core's connection.

SQLAlchemy owns schema, pool and transaction; rows go down as plain tuples, which costs a third of what
``insert()`` does (both databases take the same texts, only the mark of a parameter differs).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

import msgspec
from sqlalchemy import Connection, Table

from hub.db import tables as t
from hub.db.postgresql import CHANNEL

Row = tuple[Any, ...]

#: So many values stand in a statement one by one; more go down as one list.
_FEW = 3
#: New rows go down so many to a statement, the rest one by one: a row's own statement costs half as much again,
#: and on SQLite three trips through the interpreter's lock, which a busy thread gives up late. The largest is what
#: the lines of a group of 400 orders take (12 columns by 1,200 rows stay below SQLite's 32,766 parameters). 25, 50
#: and 75 are what a group of files takes while commands come: a cancel waits for it.
WHOLE = (1200, 400, 200, 100, 75, 50, 25, 10, 5, 2)


class Statements:
    """All bulk statements for one kind of database."""

    def __init__(self, dialect: str) -> None:
        self.mark = "?" if dialect == "sqlite" else "%s"
        self.for_update = "" if dialect == "sqlite" else " FOR UPDATE"
        #: Forms that go straight down: sqlite3 asks every ``bytes`` and ``bool`` in vain for an adapter,
        #: 0.6 us a value, 13 values an order.
        self.blob: type[bytes] | type[bytearray] = bytearray if dialect == "sqlite" else bytes
        self.flag: type[int] = int if dialect == "sqlite" else bool
        #: Whether there are other processes to be told, and kept from doing the same.
        self.has_others = dialect != "sqlite"
        self.take_numbers = (
            f"UPDATE feed_head SET seq = seq + {self.mark}, history_id = history_id + {self.mark}"
            " RETURNING seq, history_id, epoch"
        )
        if self.has_others:  # told when it is committed, in the same round trip
            self.take_numbers += f", pg_notify('{CHANNEL}', seq || ' ' || %s)"
        self.lock_head = "SELECT seq FROM feed_head FOR UPDATE"
        self.new_order = self._insert(t.orders, _ORDER)
        self.order = self._update(t.orders, ("order_no",), _ORDER_CHANGES)
        self.moved_order = self._update(t.orders, ("order_no",), ("in_packing", "in_service", "due_at"))
        self.due_later = self._update(t.orders, ("order_no",), ("due_at",))
        self.new_parcel = self._insert(t.parcel, ("parcel_no", "order_no", "waybill_no"))
        self.parcel = self._upsert(t.parcel, ("parcel_no",), ("order_no", "waybill_no"))
        self.new_line = self._insert(t.parcel_line, _LINE)
        self.line = self._upsert(t.parcel_line, _LINE[:3], _LINE[3:])
        self.no_line = self._delete(t.parcel_line, _LINE[:3])
        self.history = self._insert(t.history, ("id", "seq", "order_no", "parcel_no", "kind", "at", "body"))
        self.history_seq = self._update(t.history, ("id",), ("seq",))
        self.track = self._upsert(t.track, ("parcel_no",), ("order_no", "seq", "synced_at", "body"))
        self.sealed = self._insert(t.sealed, ("order_no", "blob_pii", "phone", "phone_tail", "name", "nick"))
        self.day_counter = self._upsert(t.day_counter, ("day",), ("n",))
        self.receipt = self._insert(t.receipt, _RECEIPT)
        self.kept_act = self._insert(
            t.kept_act, ("act_id", "order_no", "shop_id", "channel_order_no", "at", "actor", "envelope")
        )
        self.kept_done = self._delete(t.kept_act, ("act_id",))
        self.restored = self._update(t.setting, ("key",), ("value", "body", "changed_at"))
        self.quarantine = self._insert(
            t.quarantine, ("quarantine_id", "at", "what", "ref", "error", "blob_pii")
        )
        #: Whole lists in one statement that stays prepared, whatever their number: a statement of a row's own, or of
        #: a length's, is three more trips through the interpreter's lock. As (:meth:`listed` channel_order_nos,
        #: keys of events) to rows (channel_order_no, shop_id, order_no) of orders, (key, None, None) of events;
        self.known = (
            f"SELECT channel_order_no, shop_id, order_no FROM orders WHERE channel_order_no {self._among}"
            f" UNION ALL SELECT act_id, NULL, NULL FROM receipt WHERE act_id {self._among}"
        )
        #: as (at, made_at, keys);
        self.events = (
            f"INSERT INTO receipt ({', '.join(_RECEIPT)}) SELECT value, {self._bytes('')}, 'applied', '',"
            f" {self._bytes('{}')}, (SELECT seq FROM feed_head), {self.mark}, {self.mark} FROM {self._each}"
        )
        #: as (shop_id, heard_at, due_at, channel_order_nos);
        self.wishes = (
            f"INSERT INTO fetch_wanted ({', '.join(_WISH)}) SELECT {self.mark}, value, {self.mark},"
            f" {self.mark}, 0, {self._bytes('[]')} FROM {self._each} WHERE true"
            " ON CONFLICT (shop_id, channel_order_no) DO UPDATE SET heard_at = excluded.heard_at,"
            " due_at = excluded.due_at, tries = excluded.tries"
        )
        #: both, where one statement may do both: a round trip less.
        self.events_and_wishes = f"WITH event AS ({self.events}) {self.wishes}" if self.has_others else ""
        #: A wish with hints that are kept until the order is there.
        self.fetch_wanted = self._upsert(t.fetch_wanted, _WISH[:2], _WISH[2:])
        #: Rows as (shop_id, channel_order_no, the moment its asking began): later hints stay.
        self.fetch_done = (
            f"DELETE FROM fetch_wanted WHERE {self._where(('shop_id', 'channel_order_no'))}"
            f" AND heard_at <= {self.mark}"
        )
        #: Rows as (due_at, kept, shop_id, channel_order_no, the moment its asking began).
        self.fetch_again = (
            f"UPDATE fetch_wanted SET due_at = {self.mark}, kept = {self.mark}"
            f" WHERE {self._where(('shop_id', 'channel_order_no'))} AND heard_at <= {self.mark}"
        )
        self.resealed = self._upsert(
            t.sealed, ("order_no",), ("blob_pii", "phone", "phone_tail", "name", "nick")
        )
        self.buyer_message = self._upsert(
            t.buyer_message, ("parcel_no", "kind"), ("order_no", "state", "channel", "at")
        )
        self.import_noted = self._insert(
            t.import_log,
            ("import_id", "at", "kind", "shop_id", "file_name", "file_hash", "actor", "report"),
        )
        self.strange_word = self._insert(t.strange_word, ("source", "word", "at"))
        self.lease = self._insert(
            t.lease,
            ("lease_id", "parcel_no", "order_no", "station_id", "step", "granted_at", "until_at", "how"),
        )
        self.lease_longer = self._update(t.lease, ("lease_id",), ("step", "until_at"))
        self.lease_settled = self._update(t.lease, ("lease_id",), ("settled_at", "how"))
        self.pool_number = self._insert(t.waybill_pool, _POOL)
        self.pool_state = self._update(
            t.waybill_pool, ("carrier", "waybill_no"), ("pool_state", "parcel_no", "taken_at")
        )
        self.gone = self._upsert(t.gone, ("scope", "warehouse", "kind", "key"), ("seq", "at"))
        self.not_gone = self._delete(t.gone, ("scope", "warehouse", "kind", "key"))
        self.item = self._upsert(t.item, ("sku_code",), ("seq", "body"))
        self.barcode = self._upsert(t.item_barcode, ("code", "sku_code"), ("pack_qty",))
        self.alarm = self._upsert(t.alarm, ("alarm_id",), _ALARM[1:])
        self.station_beat = self._update(t.station, ("station_id",), _BEAT)
        self.station_fed = self._update(t.station, ("station_id",), ("seq", "fed_at", "body"))
        self.seq_of = {
            "person": self._update(t.person, ("person_id",), ("seq",)),
            "setting": self._update(t.setting, ("key",), ("seq",)),
            "item": self._update(t.item, ("sku_code",), ("seq",)),
        }
        #: Statements for many rows at once, by (statement for one, number of rows). No two rows of one of these
        #: have the same key: PostgreSQL would not change a row twice.
        self.whole = {
            (insert, count): _for_many(insert, count)
            for insert in (
                self.new_order,
                self.new_parcel,
                self.new_line,
                self.history,
                self.sealed,
                self.receipt,
            )
            for count in WHOLE
        }

    def listed(self, texts: Sequence[str]) -> str:
        """The texts as the one parameter that stands for them all."""
        return msgspec.json.encode(texts).decode("utf-8")

    @property
    def _each(self) -> str:
        if self.has_others:
            return f"json_array_elements_text({self.mark}::json) AS value"
        return f"json_each({self.mark})"

    @property
    def _among(self) -> str:
        some = f"(SELECT value FROM {self._each})"
        return f"= ANY(ARRAY{some})" if self.has_others else f"IN {some}"

    def _bytes(self, text: str) -> str:
        """A literal of these bytes."""
        return f"'{text}'::bytea" if self.has_others else f"x'{text.encode('ascii').hex()}'"

    def fetch(
        self,
        conn: Connection,
        select: str,
        texts: Iterable[str],
        tail: str = "",
        first: tuple[Any, ...] = (),
    ) -> list[Row]:
        """Rows of ``select ... IN (texts) tail``; ``first`` are parameters of ``select``."""
        asked = list(texts)
        if not asked:
            return []
        if len(asked) > _FEW:
            return self._all(conn, f"{select} {self._among}{tail}", (*first, self.listed(asked)))
        marks = ",".join([self.mark] * len(asked))
        return self._all(conn, f"{select} IN ({marks}){tail}", (*first, *asked))

    def _all(self, conn: Connection, select: str, values: tuple[Any, ...]) -> list[Row]:
        return [tuple(row) for row in conn.exec_driver_sql(select, values)]

    def write(self, conn: Connection, statement: str, rows: list[Row]) -> None:
        """Run the statement for every row, new rows of a page many at once."""
        if not rows:
            return
        at = 0
        for count in WHOLE:
            whole = self.whole.get((statement, count))
            while whole and len(rows) - at >= count:
                conn.exec_driver_sql(whole, tuple(chain.from_iterable(rows[at : at + count])))
                at += count
        if at < len(rows):
            conn.exec_driver_sql(statement, rows[at:])

    def _insert(self, table: Table, columns: Sequence[str]) -> str:
        return f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES ({', '.join([self.mark] * len(columns))})"

    def _upsert(
        self, table: Table, keys: Sequence[str], values: Sequence[str], more: Sequence[str] = ()
    ) -> str:
        """Rows come as keys, then values, then ``more``: what a known row keeps as it is."""
        changes = ", ".join(f"{name} = excluded.{name}" for name in values)
        insert = self._insert(table, (*keys, *values, *more))
        return f"{insert} ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {changes}"

    def _update(self, table: Table, keys: Sequence[str], values: Sequence[str]) -> str:
        """Rows come as values, then keys."""
        changes = ", ".join(f"{name} = {self.mark}" for name in values)
        return f"UPDATE {table.name} SET {changes} WHERE {self._where(keys)}"

    def _delete(self, table: Table, keys: Sequence[str]) -> str:
        return f"DELETE FROM {table.name} WHERE {self._where(keys)}"

    def _where(self, keys: Sequence[str]) -> str:
        return " AND ".join(f"{name} = {self.mark}" for name in keys)


def _for_many(insert: str, count: int) -> str:
    """The same insert with ``count`` rows."""
    begin, values, rest = insert.partition(" VALUES ")
    row, end, tail = rest.partition(")")
    return f"{begin}{values}{', '.join([row + end] * count)}{tail}"


_ORDER = (
    "order_no",
    "shop_id",
    "channel_order_no",
    "warehouse",
    "order_state",
    "version",
    "seq",
    "changed_at",
    "due_at",
    "in_packing",
    "in_service",
    "body",
)
_ORDER_CHANGES = _ORDER[3:]
_LINE = ("parcel_no", "order_no", "line_no", "qty", "qty_packed")
_RECEIPT = ("act_id", "act_hash", "outcome", "reason", "params", "seq", "at", "made_at")
_WISH = ("shop_id", "channel_order_no", "heard_at", "due_at", "tries", "kept")
_POOL = ("carrier", "waybill_no", "warehouse", "routing_code", "print_data", "pool_state", "added_at")
_ALARM = ("alarm_id", "seq", "warehouse", "kind", "order_no", "parcel_no", "raised_at", "acked_at", "body")
_BEAT = (
    "last_beat_at",
    "seq_seen",
    "waiting_acts",
    "oldest_waiting_at",
    "silent_at",
    "printers",
    "sign_on",
    "clock_offset_ms",
)
