"""What screens show: the copy, the stops heard of ahead of it, and this station's own pending acts folded over.

The fold is the hub's own rule (:mod:`app.core.decide`). Facts are folded, commands are not: nobody is told
"stopped" before the hub has said so; a pending command stands in ``order.commands`` as ``sent``.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Literal

import msgspec

from app.core.acts import COMMANDS, Act, Actor
from app.core.decide import Accepted, decide, happened
from app.core.freeze import Rules
from app.core.gtin import spellings
from app.core.history import HistoryRow
from app.core.order import CommandState, CommandView, Item, Order, OrderState, Parcel, settled
from app.core.packing import ItemCode
from app.core.scan import Guess, Scan, ScanClass
from app.core.tracking import Track
from app.core.weights import Goods
from app.store.actbox import Pending
from app.store.cache import LOOK_MAX, Cache
from app.store.cachefile import Cursor
from app.store.leases import LeaseBook
from app.store.needs import NeedsPerson
from app.store.outbox import Outbox
from app.store.search import search
from app.store.story import StoryLine, story_of
from app.store.views import Handled, OpenStop, QueuePage, SinglePage, Target, queue_row, stopped_parcels
from app.wire import AlarmView, Restored, StationView, Urgent

S = OrderState
TO_PACK = (S.released, S.picking, S.packing)

Expected = Literal["parcel", "item"]


_ORDER = msgspec.json.Decoder(Order)
_URGENT = msgspec.json.Decoder(Urgent)


def _is_in_row(pending: Pending, seq: int, told: int, cursor: Cursor) -> bool:
    """Whether an order's row of this ``seq`` holds an own act; ``told``: the act's last history row, or 0."""
    if not pending.is_in(cursor):
        return 0 < told < seq
    # the answer names the order's row, where the act changed it, else its last row of history
    is_of_row = told < pending.settled_seq
    return not (is_of_row and told > 0 and seq < told)


class _ByAct(msgspec.Struct):
    """Of a history row: the act it tells of."""

    act_id: str | None = None


_BY_ACT = msgspec.json.Decoder(_ByAct)

_ONE = (
    'SELECT o.body, o.seq, u.body, u.seq FROM (SELECT ? AS no) LEFT JOIN "order" o ON o.order_no = no '
    "LEFT JOIN urgent u ON u.order_no = no"
)
_BY_NUMBER = (
    "SELECT o.body, o.seq, u.body, u.seq "
    "FROM (SELECT DISTINCT order_no AS no FROM number WHERE number = ? AND kind = ?) "
    'JOIN "order" o ON o.order_no = no LEFT JOIN urgent u ON u.order_no = no'
)
_MANY = 'SELECT o.body, o.seq, u.body, u.seq FROM "order" o LEFT JOIN urgent u ON u.order_no = o.order_no '
#: Two looks into indexes: joined by OR they would be one through all orders, for each page of a first load.
_STOPPED = (
    'WHERE o.id IN (SELECT id FROM "order" WHERE stop_since IS NOT NULL '
    'UNION SELECT s.id FROM urgent w JOIN "order" s ON s.order_no = w.order_no) ORDER BY o.stop_since LIMIT ?'
)


class ReadModel:
    """Every look a screen takes. Quick and safe to call from any thread."""

    def __init__(
        self,
        cache: Cache,
        outbox: Outbox,
        rules: Callable[[str], Rules],
        leases: LeaseBook,
        me: Callable[[], Actor],
    ) -> None:
        """``rules`` of a warehouse, ``me``: who folds acts that wait into what the hub fed."""
        self._cache = cache
        self._outbox = outbox
        self._rules = rules
        self._leases = leases
        self._me = me

    # ---------------------------------------------------------------------------------- orders

    def order(self, order_no: str) -> Order | None:
        """The order as this station knows it now."""
        cursor = (
            self._cache.shown
        )  # before the row: a row may be newer than the cursor we compare with, never older
        row = self._cache.read(lambda db: db.execute(_ONE, (order_no,)).fetchone())
        return self._view(row, cursor) if row[0] is not None else None

    def fed(self, order_no: str) -> tuple[Order, int] | None:
        """The order as the hub last fed it, without anything of this station's own, and its row's seq."""
        query = 'SELECT body, seq FROM "order" WHERE order_no = ?'
        row = self._cache.read(lambda db: db.execute(query, (order_no,)).fetchone())
        return (_ORDER.decode(row[0]), row[1]) if row else None

    def _orders(self, where: str, params: Sequence[object] = ()) -> list[Order]:
        cursor = self._cache.shown
        rows = self._cache.read(lambda db: db.execute(_MANY + where, params).fetchall())
        return [self._view(row, cursor) for row in rows]

    def _view(self, row: tuple[bytes, int, bytes | None, int | None], cursor: Cursor) -> Order:
        order = _ORDER.decode(row[0])
        kept = _URGENT.decode(row[2]) if row[2] is not None and (row[3] or 0) > row[1] else None
        hot = self._cache.hot(order.order_no, row[1])
        if (urgent := _newer(kept, hot)) is not None:
            order = with_urgent(order, urgent)
        order = self._with_leases(order)
        for act in self._not_in_row(order.order_no, row[1], cursor):
            order = self._folded(order, act)
        return order

    def _not_in_row(self, order_no: str, seq: int, cursor: Cursor) -> list[Act]:
        """Own acts that the order's row does not hold yet.

        A row may come before the answer to the act that changed it: the answer was lost, or is late. Its history, which
        has a lower number and so came with it or before, names the act; folded over once more it would count twice.
        """
        pending = self._outbox.pending_of(order_no)
        if not pending:
            return []
        told = self._told(order_no)
        return [p.act for p in pending if not _is_in_row(p, seq, told.get(p.act.act_id, 0), cursor)]

    def _told(self, order_no: str) -> dict[str | None, int]:
        """The number of the last history row that names each act."""
        query = "SELECT seq, body FROM history WHERE order_no = ? ORDER BY seq"
        rows = self._cache.read(lambda db: db.execute(query, (order_no,)).fetchall())
        return {_BY_ACT.decode(body).act_id: seq for seq, body in rows}

    def is_late(self, pending: Pending) -> bool:
        """Whether the order's row lags behind an act that the copy has passed.

        A row that has changed since is fed under its newer number alone: until that page is here, the copy has passed
        the act's number and does not hold what it did.
        """
        order_no = pending.act.order_no
        query = 'SELECT seq FROM "order" WHERE order_no = ?'
        cursor = self._cache.shown
        row = self._cache.read(lambda db: db.execute(query, (order_no,)).fetchone())
        if row is None:
            return False
        told = self._told(order_no).get(pending.act.act_id, 0)
        return not _is_in_row(pending, row[0], told, cursor)

    def _with_leases(self, order: Order) -> Order:
        mine = [p for p in order.parcels if self._leases.is_valid(p.parcel_no)]
        for parcel in mine:
            if parcel.holder != self._me().station_id:
                order = order.with_parcel(replace(parcel, holder=self._me().station_id))
        return order

    def _folded(self, order: Order, act: Act) -> Order:
        if act.kind in COMMANDS:
            return _asked(order, act)
        rules = self._rules(order.warehouse)
        verdict = decide(order, act, self._me(), act.made_at, rules)
        if not isinstance(verdict, Accepted):
            verdict = happened(order, act, self._me(), act.made_at, rules)
        return verdict.order

    def by_parcel(self, parcel_no: str) -> list[Order]:
        """The order a parcel belongs to, and those merged into it."""
        return self._by_numbers("parcel", parcel_no, parcel_no[:-2])

    def by_waybill(self, waybill_no: str) -> list[Order]:
        cursor = self._cache.shown
        asked = (waybill_no.upper(), "waybill")
        rows = self._cache.read(lambda db: db.execute(_BY_NUMBER, asked).fetchall())
        return [self._view(row, cursor) for row in rows]

    def _by_numbers(self, kind: str, number: str, order_no: str = "") -> list[Order]:
        found = self._cache.read(lambda db: _order_nos(db, kind, number))
        wanted = list(dict.fromkeys([order_no, *found] if order_no else found))
        return [order for no in wanted if (order := self.order(no)) is not None]

    def parcel_order_no(self, parcel_no: str) -> str | None:
        """Which order a parcel number belongs to, if it is here."""
        for order in self.by_parcel(parcel_no):
            if order.parcel(parcel_no) is not None:
                return order.order_no
        return None

    def resolve(self, scan: Scan, expected: Expected = "parcel") -> Target:
        """What the scan means here: its guesses are looked up, best for the expected step first."""
        guesses = sorted(scan.guesses, key=lambda g: _rank(g, expected))
        for guess in guesses:
            if (target := self._target(guess)) is not None:
                return target
        return Target(kind="unknown", key=scan.text, guess=guesses[0])

    def _target(self, guess: Guess) -> Target | None:
        match guess.scan_class:
            case ScanClass.command:
                return Target(kind="command", key=guess.key, guess=guess)
            case ScanClass.badge:
                return Target(kind="badge", key=guess.key, guess=guess)
            case ScanClass.order_qr | ScanClass.order_no:
                return self._parcel_target(guess)
            case ScanClass.waybill:
                return self._waybill_target(guess)
            case ScanClass.item | ScanClass.outer_pack:
                meanings = tuple(self.items_for_code(guess.key))
                return (
                    Target(kind="item", key=guess.key, guess=guess, meanings=meanings) if meanings else None
                )
            case _:
                return None

    def _parcel_target(self, guess: Guess) -> Target | None:
        if guess.is_parcel:
            order_no = self.parcel_order_no(guess.key)
            if order_no is not None:
                return _at(guess, order_no, [guess.key])
        order = self.order(guess.key)
        if order is None:
            return self._former_target(guess)
        return _at(guess, order.order_no, _by_need(order.parcels))

    def _former_target(self, guess: Guess) -> Target | None:
        """By a number of before a restore of the hub: it stands on slips that are in people's hands."""
        query = "SELECT order_no, parcel_no FROM number WHERE number = ? AND kind = 'former'"
        row = self._cache.read(lambda db: db.execute(query, (guess.key,)).fetchone())
        order = self.order(row[0]) if row else None
        if order is None:
            return None
        return _at(guess, order.order_no, [row[1]] if row[1] else _by_need(order.parcels))

    def _waybill_target(self, guess: Guess) -> Target | None:
        for order in self.by_waybill(guess.key):
            parcels = [p for p in order.parcels if p.waybill_no.upper() == guess.key.upper()]
            if parcels:
                return _at(guess, order.order_no, _by_need(parcels))
        return None

    # ---------------------------------------------------------------------------------- lists

    def queue(self, n: int = 50, after: str = "") -> QueuePage:
        """Parcels to pack: rush first, then by deadline."""
        return self._key_page("queue_key", TO_PACK, n, after)

    def singles(self, sku_codes: Iterable[str], n: int = 50, after: str = "") -> SinglePage:
        """Parcels that wait for one unit of one of these articles and nothing else: rush first, then by deadline."""
        wanted = list(sku_codes)
        cursor = self._cache.shown
        query = (
            "SELECT o.body, o.seq, u.body, u.seq, o.queue_key "
            'FROM "order" o LEFT JOIN urgent u ON u.order_no = o.order_no '
            f"WHERE o.single_sku IN ({', '.join('?' * len(wanted))}) AND o.queue_key > ? "
            "ORDER BY o.queue_key LIMIT ?"
        )
        found = self._cache.read(lambda db: db.execute(query, (*wanted, after, n)).fetchall())
        orders = [self._view(row[:4], cursor) for row in found]
        boxes = [(o, p) for o in orders for p in o.parcels if p.state in TO_PACK and _is_single(o, p, wanted)]
        return SinglePage(boxes, found[-1][4] if len(found) == n else "")

    def packed(self, n: int = 50, after: str = "") -> QueuePage:
        """Packed parcels that wait for the van."""
        return self._key_page("packed_key", (S.packed,), n, after)

    def packed_by(self, station_id: str, n: int) -> list[tuple[Order, Parcel]]:
        """Up to ``n`` packed parcels that this station closed or last printed for, soonest due first."""
        where = "WHERE o.packed_key > '' AND instr(o.body, ?) ORDER BY o.packed_key LIMIT ?"
        orders = self._orders(where, (station_id.encode(), n))
        mine = [
            (o, p) for o in orders for p in o.parcels if p.state is S.packed and p.handled_by == station_id
        ]
        return mine[:n]

    def waiting_for_van(self, n: int) -> list[tuple[Order, Parcel]]:
        """Packed parcels of up to ``n`` orders, soonest due first, whoever closed them."""
        orders = self._orders("WHERE o.packed_key > '' ORDER BY o.packed_key LIMIT ?", (n,))
        return [(o, p) for o in orders for p in o.parcels if p.state is S.packed and p.lines]

    def _key_page(self, column: str, states: Iterable[OrderState], n: int, after: str) -> QueuePage:
        wanted = set(states)
        cursor = self._cache.shown
        query = (
            f"SELECT o.body, o.seq, u.body, u.seq, o.{column} "
            f'FROM "order" o LEFT JOIN urgent u ON u.order_no = o.order_no '
            f"WHERE o.{column} > ? ORDER BY o.{column} LIMIT ?"
        )
        # one look: order by order, a window would ask for the interpreter some hundred times while pages come in
        found = self._cache.read(lambda db: db.execute(query, (after, n)).fetchall())
        orders = [self._view(row[:4], cursor) for row in found]
        rows = [queue_row(o, p) for o in orders for p in o.parcels if p.state in wanted and p.lines]
        return QueuePage(rows, found[-1][4] if len(found) == n else "")

    def queue_count(self) -> int:
        """Orders with a parcel to pack."""
        return int(
            self._cache.read(
                lambda db: db.execute('SELECT count(*) FROM "order" WHERE queue_key IS NOT NULL').fetchone()[
                    0
                ]
            )
        )

    def search(self, text: str, n: int = 50) -> list[Order]:
        """By any number or part of one, name, nickname or tail of the phone; newest first, exact hits on top."""
        wanted = text.strip()
        if not wanted:
            return self._orders("ORDER BY o.id DESC LIMIT ?", (n,))
        found = self._cache.read(lambda db: search(db, wanted, n))
        return [order for no in found[:n] if (order := self.order(no)) is not None]

    def recently_handled(self, n: int = 20) -> list[Handled]:
        return [Handled(*row) for row in self._outbox.recent(n)]

    def open_stops(self) -> list[OpenStop]:
        """Every stop that lies over an order here, oldest first."""
        orders = self._orders(_STOPPED, (LOOK_MAX,))
        stops = [OpenStop(o, s, stopped_parcels(o, s)) for o in orders for s in o.stops]
        return sorted(stops, key=lambda found: found.stop.since)

    def alarms(self) -> list[AlarmView]:
        """Newest first, acknowledged ones last."""
        alarms = self._things("alarm", AlarmView)
        alarms.sort(key=lambda alarm: alarm.raised_at, reverse=True)
        return sorted(alarms, key=lambda alarm: alarm.acked_at is not None)

    def stations(self) -> list[StationView]:
        return sorted(self._things("station", StationView), key=lambda station: station.name)

    def station_seqs(self) -> dict[str, int]:
        """The feed's seq of each station's last report: how far the hub was when it reported."""
        query = "SELECT key, seq FROM thing WHERE kind = 'station' LIMIT ?"
        return dict(self._cache.read(lambda db: db.execute(query, (LOOK_MAX,)).fetchall()))

    def station(self, station_id: str) -> StationView | None:
        station: StationView | None = self._thing("station", station_id, StationView)
        return station

    def setting(self, key: str) -> Any:
        """A shop setting the hub feeds, or None."""
        return self._thing("setting", key, object)

    def _things(self, kind: str, shape: type[Any]) -> list[Any]:
        query = "SELECT body FROM thing WHERE kind = ? LIMIT ?"
        rows = self._cache.read(lambda db: db.execute(query, (kind, LOOK_MAX)).fetchall())
        return [msgspec.json.decode(row[0], type=shape) for row in rows]

    def _thing(self, kind: str, key: str, shape: type[Any]) -> Any:
        query = "SELECT body FROM thing WHERE kind = ? AND key = ?"
        row = self._cache.read(lambda db: db.execute(query, (kind, key)).fetchone())
        return msgspec.json.decode(row[0], type=shape) if row else None

    # ---------------------------------------------------------------------------------- goods

    def items_for_code(self, code: str) -> list[ItemCode]:
        """What a goods code may mean, also where the article's own list writes the same number in another length."""
        ways = spellings(code)
        query = (
            f"SELECT DISTINCT sku_code, pack_qty FROM item_code WHERE code IN ({', '.join('?' * len(ways))})"
        )
        rows = self._cache.read(lambda db: db.execute(query, ways).fetchall())
        return [ItemCode(sku, qty) for sku, qty in rows]

    def item(self, sku_code: str) -> Item | None:
        item: Item | None = self._thing("item", sku_code, Item)
        return item

    def weighed(self) -> list[tuple[Goods, int]]:
        """Goods and grams of the boxes last closed on a scale, newest first. Takes a moment: for the background."""
        from app.store.weighed import weighed

        return self._cache.read(weighed)

    # ---------------------------------------------------------------------------------- story

    def story(self, order_no: str) -> list[StoryLine]:
        """Everything that happened to the order, oldest first, courier's nodes and own pending acts included."""
        cursor = self._cache.shown

        def look(db: sqlite3.Connection) -> tuple[list[Any], list[Any]]:
            told = db.execute(
                "SELECT body FROM history WHERE order_no = ? ORDER BY id LIMIT ?", (order_no, LOOK_MAX)
            )
            tracks = db.execute("SELECT body FROM track WHERE order_no = ?", (order_no,))
            return told.fetchall(), tracks.fetchall()

        told, tracked = self._cache.read(look)
        tracks = [msgspec.json.decode(row[0], type=Track) for row in tracked]
        rows = [msgspec.json.decode(row[0], type=HistoryRow) for row in told]
        told_of = {row.act_id for row in rows}
        pending = [p for p in self._outbox.pending_of(order_no) if not p.is_in(cursor)]
        waiting = [p.act for p in pending if p.act.act_id not in told_of]
        return story_of(rows, tracks, waiting, self._me())

    def tracks(self, order_no: str) -> list[Track]:
        """What couriers said of the order's parcels, one track each, as far as anything was heard."""
        query = "SELECT body FROM track WHERE order_no = ?"
        found = self._cache.read(lambda db: db.execute(query, (order_no,)).fetchall())
        return [msgspec.json.decode(row[0], type=Track) for row in found]

    # ---------------------------------------------------------------------------------- own work

    def pending_count(self) -> int:
        return self._outbox.pending_count()

    def oldest_pending(self) -> datetime | None:
        return self._outbox.oldest_pending()

    def pending_of(self, order_no: str) -> list[Act]:
        """Own acts on this order that the hub has not answered yet."""
        return [p.act for p in self._outbox.pending_of(order_no) if p.state == "waiting"]

    def restored(self) -> Restored | None:
        """What the hub says of its restore from a backup; None where it never was restored."""
        query = "SELECT body FROM thing WHERE kind = 'setting' AND key = 'restored'"
        row = self._cache.read(lambda db: db.execute(query).fetchone())
        return msgspec.json.decode(row[0], type=Restored) if row else None

    def needs_person(self) -> list[NeedsPerson]:
        return self._outbox.needs_person()


def _newer(one: Urgent | None, other: Urgent | None) -> Urgent | None:
    if one is None or other is None:
        return one or other
    if one.epoch and other.epoch and one.epoch != other.epoch:
        return other  # numbers of two epochs do not compare, and the copy's own is the older
    return one if one.seq >= other.seq else other


def with_urgent(order: Order, urgent: Urgent) -> Order:
    """The order with the stops that came ahead of its row.

    What is counted stays the row's: own acts are folded over it, and one that the stop's parcels hold already, whether
    it was answered or not, would count twice.
    """
    order = replace(order, stops=urgent.stops)
    for parcel in urgent.parcels:
        fed = order.parcel(parcel.parcel_no)
        order = order.with_parcel(_counted_as(fed, parcel) if fed is not None else parcel)
    return replace(settled(order), is_frozen=urgent.is_frozen)


def _counted_as(fed: Parcel, parcel: Parcel) -> Parcel:
    """The parcel with the counts of its row."""
    packed = {(line.order_no, line.line_no): line.qty_packed for line in fed.lines}
    lines = (
        replace(line, qty_packed=packed.get((line.order_no, line.line_no), line.qty_packed))
        for line in parcel.lines
    )
    return replace(parcel, lines=tuple(lines), slip_count=fed.slip_count, label_count=fed.label_count)


def _asked(order: Order, act: Act) -> Order:
    if any(command.act_id == act.act_id for command in order.commands):
        return order
    asked = CommandView(act_id=act.act_id, kind=act.kind, state=CommandState.sent, asked_at=act.made_at)
    return replace(order, commands=(*order.commands, asked))


def _is_single(order: Order, parcel: Parcel, sku_codes: Sequence[str]) -> bool:
    """Still so with all that was heard and done since: one unit, its own order's, and none in the box."""
    goes = [line for line in parcel.lines if line.qty or line.qty_packed]
    if len(goes) != 1 or (goes[0].qty, goes[0].qty_packed, parcel.slip_count) != (1, 0, 0):
        return False
    bought = order.line(goes[0].line_no) if goes[0].order_no == order.order_no else None
    return bought is not None and bought.sku_code in sku_codes


_GOODS = frozenset({ScanClass.item, ScanClass.outer_pack})


def _rank(guess: Guess, expected: Expected) -> int:
    """Goods first while a parcel is open, numbers of parcels first otherwise; certain codes come alone."""
    return int((guess.scan_class in _GOODS) != (expected == "item"))


def _by_need(parcels: Iterable[Parcel]) -> list[str]:
    """Parcel numbers, those that still need hands first."""
    ranks = {**dict.fromkeys(TO_PACK, 0), S.packed: 1}
    return [p.parcel_no for p in sorted(parcels, key=lambda p: ranks.get(p.state, 2))]


def _at(guess: Guess, order_no: str, parcel_nos: Sequence[str]) -> Target:
    return Target(
        kind="parcel",
        key=guess.key,
        order_no=order_no,
        parcel_no=parcel_nos[0] if parcel_nos else "",
        guess=guess,
        others=tuple(parcel_nos[1:]),
    )


def _order_nos(db: sqlite3.Connection, kind: str, number: str) -> list[str]:
    rows = db.execute("SELECT order_no FROM number WHERE number = ? AND kind = ?", (number, kind))
    return [row[0] for row in rows]
