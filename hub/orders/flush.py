"""The end of a write transaction: numbers as the last lock, then everything in bulk (design 3.2)."""

from __future__ import annotations

from typing import Any, cast

import msgspec
from sqlalchemy import Connection

from app.core.order import Order
from app.wire import AlarmView, Urgent
from hub.db.postgresql import TOLD
from hub.db.tables import to_ms
from hub.orders.held import SELECT_STATION_VIEW, HeldTrack, Numbers, station_view
from hub.orders.reading import read_track
from hub.orders.results import Committed, UrgentFor
from hub.orders.statements import Row
from hub.orders.work import Work

_encoder = msgspec.json.Encoder()


#: A statement and its values.
Said = tuple[str, Any]


class _Told:
    """In the place of a connection: keeps what it is told."""

    def __init__(self) -> None:
        self.said: list[Said] = []

    def exec_driver_sql(self, statement: str, values: Any = None) -> None:
        self.said.append((statement, values))


class Flush:
    """Writes down what the jobs of one :class:`Work` changed; the caller commits.

    ``head``: a head of the feed that is good enough for a group that takes no numbers; None: it is read then.
    """

    def __init__(self, work: Work, head: int | None = None) -> None:
        self.work = work
        self.conn = work.conn
        self.sql = work.sql
        self.now_ms = work.now_ms
        self._head = head
        self._epoch = ""

    def run(self) -> tuple[Numbers, Committed | None]:
        """Take the numbers and write everything down; the caller commits."""
        left, entered = self._scope_moves()
        bumped = self._bumped_history(entered)
        total = len(self.work.history) + len(bumped) + len(self.work.dirty) + len(left)
        head, history_id = self._take_numbers(total, len(self.work.history))
        first = head - total + 1
        number = iter(range(first + len(self.work.history), head + 1))
        bumped_rows = [(next(number), row_id) for row_id in bumped]
        seqs = dict(zip(self.work.dirty, number, strict=False))
        gone = [(*key, next(number), self.now_ms) for key in left]
        numbers = Numbers(head, first, {key: seq for (kind, key), seq in seqs.items() if kind == "order"})

        self._write_orders(seqs)
        self._write_early()
        self._write_history(first, history_id)
        self._many(self.sql.history_seq, bumped_rows)
        self._write_fed(seqs)
        self._write_late()
        self._many(self.sql.not_gone, entered)
        self._many(self.sql.gone, gone)
        self._write_receipts(numbers)
        return numbers, self._committed(first, head, seqs) if total else None

    def as_one(self) -> tuple[Numbers, Said | None]:
        """The one statement that would write everything down, not run yet; None where it takes more than that."""
        if self.work.dirty or self.work.history:
            return Numbers(0, 0, {}), None
        told = _Told()
        self.conn = cast(Connection, told)
        numbers, _ = self.run()
        is_one = [statement for statement, _ in told.said] == [self.sql.events_and_wishes]
        return numbers, told.said[0] if is_one else None

    def _scope_moves(self) -> tuple[list[tuple[str, ...]], list[tuple[str, ...]]]:
        """Tombstones to write and to remove, as keys of ``gone``."""
        left: list[tuple[str, ...]] = []
        entered: list[tuple[str, ...]] = []
        for order_no, stored in self.work.stored.items():
            held = self.work.held[order_no]
            if held is stored:
                continue
            for scope, was, now in (
                ("packing", stored.at.in_packing, held.at.in_packing),
                ("service", stored.at.in_service, held.at.in_service),
            ):
                if was != now:
                    key = (scope, held.order.warehouse, "order", order_no)
                    (entered if now else left).append(key)
        return left, entered

    def _bumped_history(self, entered: list[tuple[str, ...]]) -> list[int]:
        """What enters a scope brings its whole file: its history and tracks get new numbers too."""
        order_nos = sorted({key[3] for key in entered})
        if not order_nos:
            return []
        for parcel_no, order_no, body in self.sql.fetch(
            self.conn, "SELECT parcel_no, order_no, body FROM track WHERE order_no", order_nos
        ):
            self.work.tracks.setdefault(parcel_no, HeldTrack(read_track.decode(body), order_no, body))
            self.work.dirty.setdefault(("track", parcel_no))
        for order_no in order_nos:
            self.work.dirty.setdefault(("order", order_no))
        rows = self.sql.fetch(self.conn, "SELECT id FROM history WHERE order_no", order_nos, " ORDER BY id")
        return [row[0] for row in rows]

    def _take_numbers(self, total: int, histories: int) -> tuple[int, int]:
        """The last lock of the transaction: the head after it, and the first history id."""
        if total == 0 and self._head is not None:
            return self._head, 0
        if total == 0:
            return self.conn.exec_driver_sql("SELECT seq FROM feed_head").scalar_one(), 0
        values: Row = (total, histories)
        if self.sql.has_others:
            values = (*values, self._told_others())
        row = self.conn.exec_driver_sql(self.sql.take_numbers, values).one()
        self._epoch = row[2]
        return row[0], row[1] - histories + 1

    def _told_others(self) -> str:
        """The orders whose stops changed: their stations may be joined to another process."""
        order_nos = [key for kind, key in self.work.dirty if kind == "order" and self._urgent(key, 0)]
        return ",".join(order_nos[:TOLD])

    def _many(self, statement: str, rows: list[Row] | list[tuple[str, ...]]) -> None:
        self.sql.write(self.conn, statement, rows)

    def _pending(self, *statements: str) -> None:
        for statement in statements:
            self._many(statement, self.work.rows.get(statement, []))

    def _write_orders(self, seqs: dict[tuple[str, str], int]) -> None:
        new, changed, flag, blob = [], [], self.sql.flag, self.sql.blob
        for (kind, order_no), seq in seqs.items():
            if kind != "order":
                continue
            held = self.work.held[order_no]
            order, at = held.order, held.at
            row = (
                order.warehouse,
                str(order.order_state),
                order.version,
                seq,
                self.now_ms if held.changed_at is self.work.now else to_ms(held.changed_at),
                None if at.due_at is None else to_ms(at.due_at),
                flag(at.in_packing),
                flag(at.in_service),
                blob(held.body),
            )
            if order_no in self.work.stored:
                changed.append((*row, order_no))
            else:
                new.append((order_no, order.shop_id, order.channel_order_no, *row))
        self._many(self.sql.new_order, new)
        self._many(self.sql.order, changed)
        self._many(self.sql.moved_order, self._moved_rows())

    def _moved_rows(self) -> list[Row]:
        rows: list[Row] = []
        for order_no in self.work.moved:
            at = self.work.held[order_no].at
            due = None if at.due_at is None else to_ms(at.due_at)
            rows.append((self.sql.flag(at.in_packing), self.sql.flag(at.in_service), due, order_no))
        return rows

    def _write_early(self) -> None:
        """Rows that others refer to."""
        sql = self.sql
        self._pending(sql.new_parcel, sql.parcel, sql.new_line, sql.no_line, sql.line, sql.sealed)
        self._pending(sql.restored)
        self._many(sql.day_counter, sorted(self.work.counters.items()))

    def _write_history(self, first: int, history_id: int) -> None:
        rows, blob = [], self.sql.blob
        for n, (order_no, parcel_no, kind, tail) in enumerate(self.work.history):
            row_id = history_id + n
            body = blob(b'{"id":%d%b' % (row_id, tail))
            rows.append((row_id, first + n, order_no, parcel_no, kind, self.now_ms, body))
        self._many(self.sql.history, rows)

    def _write_fed(self, seqs: dict[tuple[str, str], int]) -> None:
        tracks, items, alarms = [], [], []
        for (kind, key), seq in seqs.items():
            if kind == "track":
                held = self.work.tracks[key]
                synced = to_ms(held.track.synced_at) if held.track.synced_at else self.now_ms
                tracks.append((key, held.order_no, seq, synced, held.body))
            elif kind == "item" and key in self.work.item_bodies:
                items.append((key, seq, self.work.item_bodies[key]))
            elif kind == "alarm":
                alarms.append(_alarm_row(*self.work.alarms[key], self.work.alarm_bodies[key], seq))
            elif kind == "station":
                self._pending(self.sql.station_beat)
                self.work.rows.pop(self.sql.station_beat, None)
                self._feed_station(key, seq)
            elif kind in self.sql.seq_of:
                self._many(self.sql.seq_of[kind], [(seq, key)])
        self._many(self.sql.track, tracks)
        self._many(self.sql.item, items)
        self._many(self.sql.alarm, alarms)

    def _feed_station(self, station_id: str, seq: int) -> None:
        for row in self.sql.fetch(self.conn, SELECT_STATION_VIEW, [station_id]):
            body = _encoder.encode(station_view(row))
            self._many(self.sql.station_fed, [(seq, self.now_ms, body, station_id)])

    def _write_late(self) -> None:
        sql = self.sql
        self._pending(sql.barcode, sql.lease, sql.lease_longer, sql.lease_settled)
        self._pending(sql.pool_number, sql.pool_state, sql.station_beat, sql.kept_act, sql.quarantine)
        self._pending(sql.due_later, sql.resealed)
        self._write_hints()
        self._pending(sql.fetch_done, sql.fetch_again, sql.strange_word, sql.kept_done, sql.buyer_message)
        self._pending(sql.import_noted)

    def _write_hints(self) -> None:
        """Events' ids, kept as receipts of acts are; and orders to be fetched, once each, whatever hinted at them."""
        run, listed, now_ms = self.conn.exec_driver_sql, self.sql.listed, self.now_ms
        of_shops, keeping = self._wishes()
        wishes = [(shop_id, now_ms, now_ms, listed(nos)) for shop_id, nos in of_shops.items()]
        if self.work.events:
            events = (now_ms, now_ms, listed(self.work.events))
            if wishes and self.sql.events_and_wishes:
                run(self.sql.events_and_wishes, (*events, *wishes.pop()))
            else:
                run(self.sql.events, events)
        for wish in wishes:
            run(self.sql.wishes, wish)
        self._many(self.sql.fetch_wanted, keeping)

    def _wishes(self) -> tuple[dict[str, list[str]], list[Row]]:
        """Plain ones by their shops, and rows of those that keep hints."""
        plain: dict[str, list[str]] = {}
        keeping: list[Row] = []
        for (shop_id, channel_order_no), kept in self.work.wishes.items():
            if kept is None:
                plain.setdefault(shop_id, []).append(channel_order_no)
            else:
                keeping.append((shop_id, channel_order_no, self.now_ms, self.now_ms, 0, kept))
        return plain, keeping

    def _write_receipts(self, numbers: Numbers) -> None:
        rows, now, blob = [], self.work.now, self.sql.blob
        for act_id, made_at in self.work.new_receipts:
            held = self.work.receipts[act_id]
            seq = numbers.of(held.order_no, held.history_at)
            params = blob(_encoder.encode(held.params) if held.params else b"{}")
            made_ms = self.now_ms if made_at is now else to_ms(made_at)
            head = (act_id, blob(held.act_hash), held.outcome, held.reason, params)
            rows.append((*head, seq, self.now_ms, made_ms))
        self._many(self.sql.receipt, rows)

    def _committed(self, first: int, head: int, seqs: dict[tuple[str, str], int]) -> Committed:
        urgent = []
        for (kind, order_no), seq in seqs.items():
            if kind == "order" and (event := self._urgent(order_no, seq)):
                urgent.append(event)
        return Committed(first, head, tuple(urgent), head - first + 1)

    def _urgent(self, order_no: str, seq: int) -> UrgentFor | None:
        """A stop was set or lifted in this group, or a parcel froze or thawed."""
        stored, order = self.work.stored.get(order_no), self.work.held[order_no].order
        if stored is None and not order.stops and not order.is_frozen:
            return None  # as nearly all that is new
        before = stored.order if stored else None
        if (_stops_of(before) if before else _NO_STOPS) == _stops_of(order):
            return None
        parcels = tuple(p for p in order.parcels if before is None or before.parcel(p.parcel_no) != p)
        event = Urgent(
            seq=seq,
            order_no=order_no,
            stops=order.stops,
            is_frozen=order.is_frozen,
            parcels=parcels,
            epoch=self._epoch,
        )
        return UrgentFor(order.warehouse, event)


def _alarm_row(alarm: AlarmView, warehouse: str, body: bytes, seq: int) -> Row:
    acked = None if alarm.acked_at is None else to_ms(alarm.acked_at)
    head = (alarm.alarm_id, seq, warehouse, alarm.kind, alarm.order_no, alarm.parcel_no)
    return (*head, to_ms(alarm.raised_at), acked, body)


def _stops_of(order: Order) -> tuple[Any, ...]:
    """What the urgent lane tells of."""
    frozen = frozenset([p.parcel_no for p in order.parcels if p.is_frozen])
    return tuple([(s.stop_id, s.counting_down_until) for s in order.stops]), order.is_frozen, frozen


#: :func:`_stops_of` an order that was not there before.
_NO_STOPS = ((), False, frozenset[str]())
