"""What the writer's transaction reads: in bulk for a group, one by one where a job asks for more."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec
from sqlalchemy import Connection

from app.core.freeze import Rules
from app.core.order import Item, Order, Parcel
from app.core.tracking import Track
from app.ports import NewId
from app.wire import AlarmView, Restored
from hub.db.postgresql import Alone, hold
from hub.db.tables import from_ms, to_ms
from hub.orders.held import (
    ANSWERED,
    PRESUMED,
    SELECT_STATION,
    Held,
    HeldLease,
    HeldReceipt,
    HeldStation,
    HeldTrack,
    Needs,
    station_of,
)
from hub.orders.results import Sealer
from hub.orders.scope import Membership
from hub.orders.settings import LineSettings
from hub.orders.statements import Row, Statements

_read_order = msgspec.json.Decoder(Order)
read_track = msgspec.json.Decoder(Track)
_read_item = msgspec.json.Decoder(Item)
_read_alarm = msgspec.json.Decoder(AlarmView)
_read_restored = msgspec.json.Decoder(Restored)

#: The setting in which a hub remembers that it was restored.
RESTORED = "restored"


class Reading:
    """The rows a transaction has read, as its jobs so far left them."""

    def __init__(
        self,
        conn: Connection,
        now: datetime,
        settings: LineSettings,
        vault: Sealer,
        new_id: NewId,
        sql: Statements,
    ) -> None:
        self.conn = conn
        self.now = now
        self.now_ms = to_ms(now)
        self.settings = settings
        self.vault = vault
        self.new_id = new_id
        self.sql = sql
        self.stored: dict[str, Held] = {}
        self.held: dict[str, Held] = {}
        self.owners: dict[str, tuple[str, ...]] = {}
        self.natural: dict[tuple[str, str], str] = {}
        self.receipts: dict[str, HeldReceipt] = {}
        self.tracks: dict[str, HeldTrack] = {}
        self.items: dict[str, Item] = {}
        self._kept: dict[tuple[str, str], bytes] = {}
        self.item_bodies: dict[str, bytes] = {}
        self.stations: dict[str, HeldStation] = {}
        self.leases: dict[str, tuple[HeldLease, ...]] = {}
        self.alarms: dict[str, tuple[AlarmView, str]] = {}
        self.alarm_bodies: dict[str, bytes] = {}
        self.pools: dict[tuple[str, str], tuple[Row, ...]] = {}
        self.pool_used: dict[tuple[str, str], None] = {}
        self.pool_added: dict[tuple[str, str], None] = {}
        self.known_restored: dict[str, Restored] = {}
        self.restored_is_told = False
        self._has_kept: bool | None = None
        self._knows = False
        self._asked: set[tuple[str, str]] = set()

    def load(self, needs: Needs) -> None:
        """Read what a group needs, existing orders locked in the order of their numbers."""
        order_nos = set(needs.order_nos)
        if needs.parcel_nos:
            order_nos |= self._owners_of(needs.parcel_nos)
        if needs.natural:
            self.know(needs)
            order_nos.update(self.natural.values())
        self.load_orders(order_nos)
        if needs.act_ids:
            self._load_receipts(needs.act_ids)
        if needs.skus:
            self._load_items(needs.skus)
        if needs.kept:
            self._load_kept(needs.kept)

    def load_orders(self, order_nos: Iterable[str]) -> None:
        wanted = sorted(no for no in order_nos if self.is_first_time("order", no))
        if not wanted:
            return
        rows = self.sql.fetch(
            self.conn,
            "SELECT order_no, changed_at, due_at, in_packing, in_service, body FROM orders WHERE order_no",
            wanted,
            f" ORDER BY order_no{self.sql.for_update}",
        )
        claimed: list[str] = []
        shared: set[str] = set()
        for order_no, changed_at, due_at, in_packing, in_service, body in rows:
            order = _read_order.decode(body)
            due = None if due_at is None else from_ms(due_at)
            held = Held(order, from_ms(changed_at), Membership(bool(in_packing), bool(in_service), due), body)
            self.stored[order_no] = self.held[order_no] = held
            shared.update(*(sharing(order, parcel) for parcel in order.parcels))
            claimed += [p.parcel_no for p in order.parcels if p.holder is not None]
        self.load_leases(claimed)
        self.load_orders(shared)

    def order(self, order_no: str) -> Order | None:
        """The order as the jobs so far left it, or None."""
        if order_no not in self.held:
            self.load_orders([order_no])
        held = self.held.get(order_no)
        return held.order if held else None

    def owner_of(self, parcel_no: str) -> Order | None:
        """The order that owns the parcel, or None."""
        if parcel_no not in self.owners:
            self.load_orders(self._owners_of({parcel_no}))
        owners = self.owners.get(parcel_no, ())
        return self.order(owners[0]) if owners else None

    def order_named(self, shop_id: str, channel_order_no: str) -> Order | None:
        """The order a channel calls so, as the jobs so far left it, or None."""
        key = (shop_id, channel_order_no)
        if key not in self.natural:
            self.natural.update(self._orders_named({key}))
        return self.order(self.natural[key]) if key in self.natural else None

    def has_kept(self) -> bool:
        """Whether any fact waits for its order: hardly ever, so new orders need not look for theirs."""
        if self._has_kept is None:
            asked = self.conn.exec_driver_sql("SELECT 1 FROM kept_act LIMIT 1")
            self._has_kept = asked.first() is not None
        return self._has_kept

    def restored(self) -> Restored | None:
        """What a restored hub knows of its restore; None for one that never was."""
        if self.is_first_time("setting", RESTORED):
            rows = self.sql.fetch(self.conn, "SELECT value, seq FROM setting WHERE key", [RESTORED])
            for value, seq in rows:
                self.known_restored[RESTORED] = _read_restored.decode(value)
                self.restored_is_told = seq > 0
        return self.known_restored.get(RESTORED)

    def rules_of(self, order: Order) -> Rules:
        return self.settings.rules_of(order.warehouse)

    def load_leases(self, parcel_nos: Iterable[str]) -> None:
        """Read the unsettled leases of these parcels."""
        wanted = sorted(no for no in parcel_nos if self.is_first_time("lease", no))
        for lease in self._leases_where("parcel_no", wanted):
            self.leases[lease.parcel_no] = (*self.leases.get(lease.parcel_no, ()), lease)

    def leases_of_station(self, station_id: str) -> list[HeldLease]:
        """The station's unsettled leases as this transaction sees them, its orders loaded."""
        found = self._leases_where("station_id", [station_id])
        self.load_orders({lease.order_no for lease in found})
        self.load_leases({lease.parcel_no for lease in found})
        return sorted(
            (le for known in self.leases.values() for le in known if le.station_id == station_id),
            key=lambda le: le.lease_id,
        )

    def station(self, station_id: str) -> HeldStation | None:
        if self.is_first_time("station", station_id):
            for row in self.sql.fetch(self.conn, SELECT_STATION, [station_id]):
                self.stations[station_id] = station_of(row)
        return self.stations.get(station_id)

    def track(self, parcel_no: str) -> HeldTrack | None:
        if self.is_first_time("track", parcel_no):
            rows = self.sql.fetch(self.conn, "SELECT order_no, body FROM track WHERE parcel_no", [parcel_no])
            for order_no, body in rows:
                self.tracks[parcel_no] = HeldTrack(read_track.decode(body), order_no, body)
        return self.tracks.get(parcel_no)

    def item(self, sku_code: str) -> Item | None:
        self._load_items({sku_code})
        return self.items.get(sku_code)

    def kept(self, named: tuple[str, str]) -> bytes:
        """The hints kept for an order of a shop by its channel's number; empty without any."""
        self._load_kept({named})
        return self._kept.get(named, b"")

    def alarm(self, alarm_id: str) -> AlarmView | None:
        rows = self.sql.fetch(
            self.conn, "SELECT body, warehouse FROM alarm WHERE alarm_id", [alarm_id], self.sql.for_update
        )
        for body, warehouse in rows:
            self.alarms.setdefault(alarm_id, (_read_alarm.decode(body), warehouse))
        return self.alarms[alarm_id][0] if alarm_id in self.alarms else None

    def is_first_time(self, kind: str, key: str) -> bool:
        if (kind, key) in self._asked:
            return False
        self._asked.add((kind, key))
        return True

    def _owners_of(self, parcel_nos: Iterable[str]) -> set[str]:
        """Every order with lines in these parcels, the owner first in :attr:`owners`."""
        wanted = sorted(no for no in parcel_nos if self.is_first_time("owner", no))
        found: dict[str, set[str]] = {no: set() for no in wanted}
        for parcel_no, order_no in self.sql.fetch(
            self.conn, "SELECT parcel_no, order_no FROM parcel_line WHERE parcel_no", wanted
        ):
            found[parcel_no].add(order_no)
        for parcel_no, order_nos in found.items():
            if order_nos:
                self.owners[parcel_no] = tuple(sorted(order_nos, key=lambda no: (no != parcel_no[:-2], no)))
        return {order_no for order_nos in found.values() for order_no in order_nos}

    def know(self, needs: Needs) -> None:
        """Read the numbers of known orders; in the same statement, which of these events were answered. Once."""
        if self._knows:
            return
        self._knows = True
        natural, events = needs.natural, needs.events
        if not events:
            self.natural.update(self._orders_named(natural))
            return
        nos = sorted({channel_order_no for _, channel_order_no in natural})
        rows = self.conn.exec_driver_sql(
            self.sql.known, (self.sql.listed(nos), self.sql.listed(sorted(events)))
        )
        for key, shop_id, order_no in rows:
            if shop_id is None:
                self.receipts[key] = ANSWERED
            elif (shop_id, key) in natural:
                self.natural[shop_id, key] = order_no

    def _orders_named(self, natural: set[tuple[str, str]]) -> dict[tuple[str, str], str]:
        """The numbers of those of these orders that the database knows."""
        rows = self.sql.fetch(
            self.conn,
            "SELECT shop_id, channel_order_no, order_no FROM orders WHERE channel_order_no",
            sorted({channel_order_no for _, channel_order_no in natural}),
        )
        return {(shop, no): order_no for shop, no, order_no in rows if (shop, no) in natural}

    def _load_receipts(self, act_ids: set[str]) -> None:
        rows = self.sql.fetch(
            self.conn,
            "SELECT act_id, act_hash, outcome, reason, params, seq FROM receipt WHERE act_id",
            sorted(act_ids),
        )
        for act_id, act_hash, outcome, reason, params, seq in rows:
            said = msgspec.json.decode(params, type=dict[str, str])
            self.receipts[act_id] = HeldReceipt(bytes(act_hash), outcome, reason, said, seq)

    def _load_items(self, skus: Iterable[str]) -> None:
        wanted = sorted(sku for sku in skus if self.is_first_time("item", sku))
        if not wanted:
            return
        self._read_items(wanted)
        new = [sku for sku in wanted if sku not in self.items]
        if new and self.sql.has_others:
            hold(self.conn, Alone.items)
            self._read_items(new)  # somebody else may have made them meanwhile

    def _read_items(self, skus: list[str]) -> None:
        rows = self.sql.fetch(
            self.conn,
            "SELECT sku_code, body FROM item WHERE sku_code",
            skus,
            f" ORDER BY sku_code{self.sql.for_update}",
        )
        for sku_code, body in rows:
            self.items[sku_code] = _read_item.decode(body)

    def _load_kept(self, named: set[tuple[str, str]]) -> None:
        wanted: dict[str, list[str]] = {}
        for shop_id, channel_order_no in sorted(named):
            if self.is_first_time("kept", f"{shop_id} {channel_order_no}"):
                wanted.setdefault(shop_id, []).append(channel_order_no)
        for shop_id, channel_order_nos in wanted.items():
            rows = self.sql.fetch(
                self.conn,
                f"SELECT channel_order_no, kept FROM fetch_wanted WHERE shop_id = {self.sql.mark}"
                " AND channel_order_no",
                channel_order_nos,
                first=(shop_id,),
            )
            self._kept.update({(shop_id, no): kept for no, kept in rows})

    def load_open_alarms(self, order_no: str) -> None:
        if not self.is_first_time("alarms", order_no):
            return
        if not order_no and self.sql.has_others:
            hold(self.conn, Alone.alarms)  # those of an order are kept by the lock on the order
        rows = self.sql.fetch(
            self.conn,
            "SELECT alarm_id, body, warehouse FROM alarm WHERE acked_at IS NULL AND order_no",
            [order_no],
        )
        for alarm_id, body, warehouse in rows:
            self.alarms.setdefault(alarm_id, (_read_alarm.decode(body), warehouse))

    def _leases_where(self, column: str, values: list[str]) -> list[HeldLease]:
        rows = self.sql.fetch(
            self.conn,
            "SELECT lease_id, parcel_no, order_no, station_id, step, until_at, how FROM lease"
            f" WHERE settled_at IS NULL AND {column}",
            values,
            " ORDER BY lease_id",
        )
        return [HeldLease(a, b, c, d, e, from_ms(at), how == PRESUMED) for a, b, c, d, e, at, how in rows]


def sharing(order: Order, parcel: Parcel) -> set[str]:
    """Other orders that this box belongs to: whose number it has, and whose lines lie in it."""
    found = {line.order_no for line in parcel.lines}
    found.add(parcel.parcel_no[:-2])
    found.discard(order.order_no)
    return found
