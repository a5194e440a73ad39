"""One write transaction in memory: what it read, what its jobs changed, and how all of it goes down at once.

Jobs are judged one after another on these rows. Every change is journaled, so a job that fails is taken back
and touches nothing else. Order bodies and history are encoded inside the job that made them: what cannot be
encoded fails that job alone. Numbers are taken last (design 3.2), then everything is written in bulk.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Any, get_type_hints

import msgspec
from sqlalchemy import Connection

from app.core.acts import Actor
from app.core.freeze import Rules
from app.core.history import Entry, HistoryKind, HistoryRow
from app.core.order import Item, LeaseStep, Order, Parcel, settled
from app.core.tracking import Track
from app.ports import NewId
from app.wire import AlarmView, Outcome, PrinterReport, StationView, Urgent
from hub.db.tables import from_ms, to_ms
from hub.orders.results import Committed, Sealer, UrgentFor
from hub.orders.scope import Membership, membership
from hub.orders.settings import LineSettings
from hub.orders.statements import Row, Statements

_NOTHING: Any = object()
_encoder = msgspec.json.Encoder()
_read_order = msgspec.json.Decoder(Order)
_read_track = msgspec.json.Decoder(Track)
_read_item = msgspec.json.Decoder(Item)
_read_alarm = msgspec.json.Decoder(AlarmView)

#: HistoryRow once more, as a struct that leaves out what is default; made from it: nothing is declared twice.
_HistoryBody = msgspec.defstruct(
    "_HistoryBody",
    [
        (f.name, get_type_hints(HistoryRow)[f.name])
        if f.name in {"id", "order_no", "kind", "at"}
        else (f.name, get_type_hints(HistoryRow)[f.name], HistoryRow.__dataclass_fields__[f.name].default)
        if f.name != "params"
        else (f.name, get_type_hints(HistoryRow)[f.name], msgspec.field(default_factory=dict))
        for f in fields(HistoryRow)
    ],
    kw_only=True,
    omit_defaults=True,
)
_ID_ZERO = len(b'{"id":0')


@dataclass(frozen=True, slots=True)
class Cause:
    """Who changed something, from where, and by which act: stands in every history row."""

    actor: str = ""
    station_id: str | None = None
    act_id: str | None = None
    made_at: datetime | None = None
    source: str = "hub"
    cause: str = ""

    @classmethod
    def of(cls, by: Actor, act_id: str | None = None, made_at: datetime | None = None) -> Cause:
        return cls(by.name, by.station_id, act_id, made_at, by.source)


CLOCK = Cause(cause="clock")


@dataclass(frozen=True, slots=True)
class Held:
    """An order as this transaction sees it."""

    order: Order
    changed_at: datetime
    at: Membership
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class HeldTrack:
    track: Track
    order_no: str
    body: bytes


@dataclass(frozen=True, slots=True)
class HeldStation:
    """What the writer needs to know of a station."""

    station_id: str
    warehouse: str
    is_revoked: bool
    last_beat_at: datetime | None
    waiting_acts: int
    clock_offset: timedelta
    fed_at: datetime | None
    shown: tuple[Any, ...]

    def is_online(self, now: datetime, within_s: int) -> bool:
        last = self.last_beat_at
        return not self.is_revoked and last is not None and now - last <= timedelta(seconds=within_s)


@dataclass(frozen=True, slots=True)
class HeldLease:
    """A lease whose end the hub does not know yet."""

    lease_id: str
    parcel_no: str
    order_no: str
    station_id: str
    step: LeaseStep
    until: datetime


@dataclass(frozen=True, slots=True)
class HeldReceipt:
    """An answer given before, or in this group: then ``seq`` is found by order and history row."""

    act_hash: bytes
    outcome: Outcome
    reason: str
    params: dict[str, str]
    seq: int = 0
    order_no: str = ""
    history_at: int = -1
    is_new: bool = False


class Needs:
    """What the jobs of a group will read, so that it is read at once."""

    def __init__(self) -> None:
        self.order_nos: set[str] = set()
        self.parcel_nos: set[str] = set()
        self.natural: set[tuple[str, str]] = set()
        self.act_ids: set[str] = set()
        self.skus: set[str] = set()


@dataclass(frozen=True, slots=True)
class Numbers:
    """The numbers a group took. ``head`` is the feed's head after it."""

    head: int
    first_history: int
    order_seq: dict[str, int]

    def of(self, order_no: str, history_at: int = -1) -> int:
        """The seq a reader must have passed to have seen what happened to this order."""
        if order_no in self.order_seq:
            return self.order_seq[order_no]
        return self.first_history + history_at if history_at >= 0 else self.head


class Work:
    """The rows of one write transaction."""

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
        # what was read
        self._stored: dict[str, Held] = {}
        self.held: dict[str, Held] = {}
        self.owners: dict[str, tuple[str, ...]] = {}
        self.natural: dict[tuple[str, str], str] = {}
        self.receipts: dict[str, HeldReceipt] = {}
        self.tracks: dict[str, HeldTrack] = {}
        self.items: dict[str, Item] = {}
        self._item_bodies: dict[str, bytes] = {}
        self.stations: dict[str, HeldStation] = {}
        self.leases: dict[str, tuple[HeldLease, ...]] = {}
        self.alarms: dict[str, tuple[AlarmView, str]] = {}
        self._alarm_bodies: dict[str, bytes] = {}
        self.counters: dict[str, int] = {}
        self.pools: dict[tuple[str, str], tuple[Row, ...]] = {}
        self.pool_used: dict[tuple[str, str], None] = {}
        self.pool_added: dict[tuple[str, str], None] = {}
        self._asked: set[tuple[str, str]] = set()
        self._series: str | None = None
        # what was changed
        self.dirty: dict[tuple[str, str], None] = {}
        self.moved: dict[str, None] = {}
        self._history: list[tuple[str, str | None, str, bytes]] = []
        self._new_receipts: list[tuple[str, datetime]] = []
        self._rows: dict[str, list[Row]] = {}
        self._journal: list[tuple[Any, Any, Any]] = []
        self._before: dict[str, Held | None] = {}

    # ------------------------------------------------------------------------------------------ one job

    def begin_job(self) -> None:
        self._journal.clear()
        self._before.clear()

    def undo_job(self) -> None:
        """Take back everything since :meth:`begin_job`."""
        for place, key, old in reversed(self._journal):
            if isinstance(place, list):
                del place[key:]
            elif old is _NOTHING:
                del place[key]
            else:
                place[key] = old
        self.begin_job()

    def end_job(self) -> None:
        """Make the job's orders whole: leases, merged parcels, version, membership, bytes."""
        for order_no in list(self._before):
            self._follow_leases(order_no)
        for order_no in list(self._before):
            self._follow_merged(order_no)
        for order_no, before in self._before.items():
            self._finish(order_no, before)

    def put(self, place: dict[Any, Any], key: Any, value: Any) -> None:
        """Set ``place[key]`` so that it can be undone."""
        self._journal.append((place, key, place.get(key, _NOTHING)))
        place[key] = value

    def add(self, place: list[Any], values: Iterable[Any]) -> None:
        """Append so that it can be undone."""
        self._journal.append((place, len(place), None))
        place.extend(values)

    def row(self, statement: str, *rows: Row) -> None:
        """Rows to be written by a bulk statement."""
        if statement not in self._rows:
            self._rows[statement] = []
        self.add(self._rows[statement], rows)

    # ------------------------------------------------------------------------------------------- reading

    def load(self, needs: Needs) -> None:
        """Read what a group needs, existing orders locked in the order of their numbers."""
        order_nos = set(needs.order_nos)
        if needs.parcel_nos:
            order_nos |= self._owners_of(needs.parcel_nos)
        if needs.natural:
            order_nos |= self._known_naturals(needs.natural)
        self.load_orders(order_nos)
        if needs.act_ids:
            self._load_receipts(needs.act_ids)
        if needs.skus:
            self._load_items(needs.skus)

    def load_orders(self, order_nos: Iterable[str]) -> None:
        wanted = sorted(no for no in order_nos if self._first_time("order", no))
        if not wanted:
            return
        rows = self.sql.fetch(
            self.conn,
            "SELECT order_no, changed_at, due_at, in_packing, in_service, body FROM orders WHERE order_no",
            wanted,
            f" ORDER BY order_no{self.sql.for_update}",
        )
        claimed = []
        for order_no, changed_at, due_at, in_packing, in_service, body in rows:
            order = _read_order.decode(body)
            due = None if due_at is None else from_ms(due_at)
            held = Held(order, from_ms(changed_at), Membership(bool(in_packing), bool(in_service), due), body)
            self._stored[order_no] = self.held[order_no] = held
            claimed += [p.parcel_no for p in order.parcels if p.holder is not None]
        self.load_leases(claimed)
        self.load_orders({no for row in rows for no in _others(self.held[row[0]].order)})

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

    def rules_of(self, order: Order) -> Rules:
        return self.settings.rules_of(order.warehouse)

    def load_leases(self, parcel_nos: Iterable[str]) -> None:
        """Read the unsettled leases of these parcels."""
        wanted = sorted(no for no in parcel_nos if self._first_time("lease", no))
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
        if self._first_time("station", station_id):
            for row in self.sql.fetch(self.conn, _SELECT_STATION, [station_id]):
                self.stations[station_id] = _station_of(row)
        return self.stations.get(station_id)

    def track(self, parcel_no: str) -> HeldTrack | None:
        if self._first_time("track", parcel_no):
            rows = self.sql.fetch(self.conn, "SELECT order_no, body FROM track WHERE parcel_no", [parcel_no])
            for order_no, body in rows:
                self.tracks[parcel_no] = HeldTrack(_read_track.decode(body), order_no, body)
        return self.tracks.get(parcel_no)

    def item(self, sku_code: str) -> Item | None:
        self._load_items({sku_code})
        return self.items.get(sku_code)

    def alarm(self, alarm_id: str) -> AlarmView | None:
        rows = self.sql.fetch(self.conn, "SELECT body, warehouse FROM alarm WHERE alarm_id", [alarm_id])
        for body, warehouse in rows:
            self.alarms.setdefault(alarm_id, (_read_alarm.decode(body), warehouse))
        return self.alarms[alarm_id][0] if alarm_id in self.alarms else None

    def next_number(self, day: str) -> str:
        """The next number of a business day: 3 digits to 999, then 6 (design 2.2)."""
        if self._series is None:
            self._series = self.conn.exec_driver_sql("SELECT series FROM feed_head").scalar_one()
        key = day + self._series
        if key not in self.counters:
            rows = self.sql.fetch(
                self.conn, "SELECT n FROM day_counter WHERE day", [key], self.sql.for_update
            )
            self.counters[key] = rows[0][0] if rows else 0
        n = self.counters[key] + 1
        self.put(self.counters, key, n)
        return f"{key}{n:03d}" if n <= 999 else f"{key}{n:06d}"

    # ------------------------------------------------------------------------------------------ changing

    def change(self, order: Order) -> None:
        """Set an order's new body; versions, flags of merged parcels and bytes come at the end of the job."""
        held = self.held.get(order.order_no)
        self._before.setdefault(order.order_no, held)
        at = held.at if held else _NEW
        self.put(self.held, order.order_no, Held(order, self.now, at))

    def write(self, order_no: str, entries: Sequence[Entry], why: Cause) -> None:
        """Append rows to an order's file, and raise the alarm where an entry is one."""
        if not entries:
            return
        drafts = []
        for entry in entries:
            body = _HistoryBody(
                id=0,
                order_no=order_no,
                parcel_no=entry.parcel_no,
                kind=str(entry.kind),
                params=entry.params,
                at=self.now,
                made_at=why.made_at,
                actor=why.actor,
                station_id=why.station_id,
                act_id=why.act_id,
                cause=why.cause,
                before=entry.before,
                after=entry.after,
                source=why.source,
            )
            drafts.append((order_no, entry.parcel_no, str(entry.kind), _encoder.encode(body)[_ID_ZERO:]))
            if entry.kind is HistoryKind.shipped_despite_cancel:
                order = self.held[order_no].order
                self.raise_alarm(entry.kind, "critical", order, entry.parcel_no or "", {})
        self.add(self._history, drafts)

    @property
    def last_history(self) -> int:
        """Place of the last history row so far in this group, -1 without any."""
        return len(self._history) - 1

    def feed(self, kind: str, key: str) -> None:
        """This row gets a number of this group."""
        if (kind, key) not in self.dirty:
            self.put(self.dirty, (kind, key), None)

    def raise_alarm(
        self,
        kind: str,
        level: Any,
        order: Order | None,
        parcel_no: str,
        params: dict[str, str],
        warehouse: str = "",
    ) -> None:
        """Raise it once: an open alarm of the same kind about the same thing stays as it is."""
        order_no = order.order_no if order else ""
        said = {"order_no": order_no, **params} if order_no else params
        self._load_open_alarms(order_no)
        for known, _ in self.alarms.values():
            same = (known.kind, known.order_no, known.parcel_no) == (kind, order_no, parcel_no)
            if same and known.acked_at is None and _uncounted(known.params) == _uncounted(said):
                return
        alarm = AlarmView(
            alarm_id=self.new_id(),
            kind=str(kind),
            level=level,
            order_no=order_no,
            parcel_no=parcel_no,
            params=said,
            raised_at=self.now,
        )
        self.set_alarm(alarm, order.warehouse if order else warehouse)

    def set_alarm(self, alarm: AlarmView, warehouse: str | None = None) -> None:
        if warehouse is None:
            warehouse = self.alarms[alarm.alarm_id][1]
        self.put(self.alarms, alarm.alarm_id, (alarm, warehouse))
        self.put(self._alarm_bodies, alarm.alarm_id, _encoder.encode(alarm))
        self.feed("alarm", alarm.alarm_id)

    def set_item(self, item: Item) -> None:
        known = self.items.get(item.sku_code)
        before = {b.code: b.pack_qty for b in known.barcodes} if known else {}
        self.put(self.items, item.sku_code, item)
        self.put(self._item_bodies, item.sku_code, _encoder.encode(item))
        changed = [b for b in item.barcodes if before.get(b.code) != b.pack_qty]
        self.row(self.sql.barcode, *[(b.code, item.sku_code, b.pack_qty) for b in changed])
        self.feed("item", item.sku_code)

    def set_track(self, track: Track) -> None:
        self.put(self.tracks, track.parcel_no, HeldTrack(track, track.order_no, _encoder.encode(track)))
        self.feed("track", track.parcel_no)

    def quarantine(self, what: str, ref: str, error: BaseException, content: dict[str, Any]) -> None:
        """Keep what failed on our side, sealed; the error's words stay out: they may hold personal data."""
        quarantine_id = self.new_id()
        try:
            blob = self.vault.seal(content, quarantine_id)
        except (ValueError, OverflowError):  # perhaps the very reason why it is here
            blob = self.vault.seal({"ascii": ascii(content)}, quarantine_id)
        name = type(error).__name__
        self.row(self.sql.quarantine, (quarantine_id, self.now_ms, what, ascii(ref)[1:-1], name, blob))

    def keep_receipt(self, act_id: str, held: HeldReceipt, made_at: datetime) -> None:
        self.put(self.receipts, act_id, held)
        self.add(self._new_receipts, [(act_id, made_at)])

    def settle_lease(self, lease: HeldLease, how: str) -> None:
        """The hub knows how this lease ended."""
        left = tuple(le for le in self.leases.get(lease.parcel_no, ()) if le.lease_id != lease.lease_id)
        self.put(self.leases, lease.parcel_no, left)
        self.row(self.sql.lease_settled, (self.now_ms, how, lease.lease_id))

    # --------------------------------------------------------------------------------- the end of a job

    def _follow_leases(self, order_no: str) -> None:
        """A parcel that lost its holder settles that lease; an older one still unsettled claims it again."""
        before = self._before[order_no]
        if before is None:
            return
        for parcel in self.held[order_no].order.parcels:
            old = before.order.parcel(parcel.parcel_no)
            if old is None or old.holder is None or parcel.holder is not None:
                continue
            self.load_leases([parcel.parcel_no])
            for lease in self.leases.get(parcel.parcel_no, ()):
                if lease.station_id == old.holder:
                    self.settle_lease(lease, "done")
            self._claim_again(order_no, parcel)

    def _claim_again(self, order_no: str, parcel: Parcel) -> None:
        unsettled = self.leases.get(parcel.parcel_no, ())
        if unsettled:
            last = max(unsettled, key=lambda le: le.until)
            again = replace(parcel, holder=last.station_id, lease_until=last.until, lease_step=last.step)
            self.change(self.held[order_no].order.with_parcel(again))

    def _follow_merged(self, order_no: str) -> None:
        """A merged parcel is one box: every order in it shows the same, frozen by any of them."""
        order = self.held[order_no].order
        for parcel in order.parcels:
            for other_no in sorted({pl.order_no for pl in parcel.lines} - {order_no}):
                other = self.order(other_no)
                if other is None or other.parcel(parcel.parcel_no) is None:
                    continue
                is_frozen = _freezes(order, parcel) or _freezes(other, parcel)
                same = replace(parcel, is_frozen=is_frozen)
                order = order.with_parcel(same)
                if other.parcel(parcel.parcel_no) != same:
                    self.change(_with_shared(other, same))
        if order != self.held[order_no].order:
            self.change(order)

    def _finish(self, order_no: str, before: Held | None) -> None:
        order = self.held[order_no].order
        if before is not None and order == before.order:
            self.put(self.held, order_no, before)
            return
        version = before.order.version + 1 if before else 1
        if order.version != version:
            order = replace(order, version=version)
        at = membership(order, self.now, self.now, self.rules_of(order))
        self.put(self.held, order_no, Held(order, self.now, at, _encoder.encode(order)))
        self.feed("order", order_no)
        self._follow_parcels(order, before.order if before else None)

    def _follow_parcels(self, order: Order, before: Order | None) -> None:
        """Parcel and line rows follow the body of the order that owns the parcel."""
        for parcel in order.parcels:
            if parcel.parcel_no[:-2] != order.order_no:
                continue
            old = before.parcel(parcel.parcel_no) if before else None
            if old is None:
                self._new_parcel(order, parcel)
                continue
            if old.waybill_no != parcel.waybill_no:
                self.row(self.sql.parcel, (parcel.parcel_no, order.order_no, parcel.waybill_no))
            if old.lines != parcel.lines:
                self._follow_lines(parcel, old)

    def _new_parcel(self, order: Order, parcel: Parcel) -> None:
        no = parcel.parcel_no
        self.put(self.owners, no, (order.order_no,))
        self.row(self.sql.new_parcel, (no, order.order_no, parcel.waybill_no))
        self.row(
            self.sql.new_line,
            *[(no, pl.order_no, pl.line_no, pl.qty, pl.qty_packed) for pl in parcel.lines],
        )

    def _follow_lines(self, parcel: Parcel, old: Parcel) -> None:
        no = parcel.parcel_no
        kept = {(pl.order_no, pl.line_no) for pl in parcel.lines}
        changed = [pl for pl in parcel.lines if pl not in old.lines]
        lost = [pl for pl in old.lines if (pl.order_no, pl.line_no) not in kept]
        self.row(self.sql.line, *[(no, pl.order_no, pl.line_no, pl.qty, pl.qty_packed) for pl in changed])
        self.row(self.sql.no_line, *[(no, pl.order_no, pl.line_no) for pl in lost])

    # ------------------------------------------------------------------------------------------- writing

    def flush(self) -> tuple[Numbers, Committed | None]:
        """Take the numbers and write everything down; the caller commits."""
        left, entered = self._scope_moves()
        bumped = self._bumped_history(entered)
        total = len(self._history) + len(bumped) + len(self.dirty) + len(left)
        head, history_id = self._take_numbers(total, len(self._history))
        first = head - total + 1
        number = iter(range(first + len(self._history), head + 1))
        bumped_rows = [(next(number), row_id) for row_id in bumped]
        seqs = {key: next(number) for key in self.dirty}
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

    def dues(self) -> list[datetime]:
        """When time alone will next change the orders of this group."""
        changed = [key for kind, key in self.dirty if kind == "order"]
        moments = [self.held[no].at.due_at for no in (*changed, *self.moved)]
        return [moment for moment in moments if moment is not None]

    def _scope_moves(self) -> tuple[list[tuple[str, ...]], list[tuple[str, ...]]]:
        """Tombstones to write and to remove, as keys of ``gone``."""
        left: list[tuple[str, ...]] = []
        entered: list[tuple[str, ...]] = []
        for order_no, stored in self._stored.items():
            held = self.held[order_no]
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
            self.tracks.setdefault(parcel_no, HeldTrack(_read_track.decode(body), order_no, body))
            self.dirty.setdefault(("track", parcel_no))
        for order_no in order_nos:
            self.dirty.setdefault(("order", order_no))
        rows = self.sql.fetch(self.conn, "SELECT id FROM history WHERE order_no", order_nos, " ORDER BY id")
        return [row[0] for row in rows]

    def _take_numbers(self, total: int, histories: int) -> tuple[int, int]:
        """The last lock of the transaction: the head after it, and the first history id."""
        if total == 0:
            return self.conn.exec_driver_sql("SELECT seq FROM feed_head").scalar_one(), 0
        row = self.conn.exec_driver_sql(self.sql.take_numbers, (total, histories)).one()
        return row[0], row[1] - histories + 1

    def _many(self, statement: str, rows: list[Row] | list[tuple[str, ...]]) -> None:
        if rows:
            self.conn.exec_driver_sql(statement, rows)

    def _pending(self, *statements: str) -> None:
        for statement in statements:
            self._many(statement, self._rows.get(statement, []))

    def _write_orders(self, seqs: dict[tuple[str, str], int]) -> None:
        new, changed = [], []
        for (kind, order_no), seq in seqs.items():
            if kind != "order":
                continue
            held = self.held[order_no]
            order, at = held.order, held.at
            row = (
                order.warehouse,
                str(order.order_state),
                order.version,
                seq,
                to_ms(held.changed_at),
                None if at.due_at is None else to_ms(at.due_at),
                at.in_packing,
                at.in_service,
                held.body,
            )
            if order_no in self._stored:
                changed.append((*row, order_no))
            else:
                new.append((order_no, order.shop_id, order.channel_order_no, *row))
        self._many(self.sql.new_order, new)
        self._many(self.sql.order, changed)
        self._many(self.sql.moved_order, self._moved_rows())

    def _moved_rows(self) -> list[Row]:
        rows: list[Row] = []
        for order_no in self.moved:
            if ("order", order_no) not in self.dirty:
                at = self.held[order_no].at
                due = None if at.due_at is None else to_ms(at.due_at)
                rows.append((at.in_packing, at.in_service, due, order_no))
        return rows

    def _write_early(self) -> None:
        """Rows that others refer to."""
        sql = self.sql
        self._pending(sql.new_parcel, sql.parcel, sql.new_line, sql.no_line, sql.line, sql.sealed)
        self._many(sql.day_counter, sorted(self.counters.items()))

    def _write_history(self, first: int, history_id: int) -> None:
        rows = []
        for n, (order_no, parcel_no, kind, tail) in enumerate(self._history):
            row_id = history_id + n
            body = b'{"id":%d%b' % (row_id, tail)
            rows.append((row_id, first + n, order_no, parcel_no, kind, self.now_ms, body))
        self._many(self.sql.history, rows)

    def _write_fed(self, seqs: dict[tuple[str, str], int]) -> None:
        tracks, items, alarms = [], [], []
        for (kind, key), seq in seqs.items():
            if kind == "track":
                held = self.tracks[key]
                synced = to_ms(held.track.synced_at) if held.track.synced_at else self.now_ms
                tracks.append((key, held.order_no, seq, synced, held.body))
            elif kind == "item" and key in self._item_bodies:
                items.append((key, seq, self._item_bodies[key]))
            elif kind == "alarm":
                alarms.append(_alarm_row(*self.alarms[key], self._alarm_bodies[key], seq))
            elif kind == "station":
                self._pending(self.sql.station_beat)
                self._rows.pop(self.sql.station_beat, None)
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
        self._pending(sql.due_later)

    def _write_receipts(self, numbers: Numbers) -> None:
        rows = []
        for act_id, made_at in self._new_receipts:
            held = self.receipts[act_id]
            seq = numbers.of(held.order_no, held.history_at)
            params = _encoder.encode(held.params)
            head = (act_id, held.act_hash, held.outcome, held.reason, params)
            rows.append((*head, seq, self.now_ms, to_ms(made_at)))
        self._many(self.sql.receipt, rows)

    def _committed(self, first: int, head: int, seqs: dict[tuple[str, str], int]) -> Committed:
        urgent = []
        for (kind, order_no), seq in seqs.items():
            if kind == "order" and (event := self._urgent(order_no, seq)):
                urgent.append(event)
        return Committed(first, head, tuple(urgent), head - first + 1)

    def _urgent(self, order_no: str, seq: int) -> UrgentFor | None:
        """A stop was set or lifted in this group, or a parcel froze or thawed."""
        stored, order = self._stored.get(order_no), self.held[order_no].order
        before = stored.order if stored else None
        if _stops_of(before) == _stops_of(order):
            return None
        parcels = tuple(p for p in order.parcels if before is None or before.parcel(p.parcel_no) != p)
        event = Urgent(
            seq=seq, order_no=order_no, stops=order.stops, is_frozen=order.is_frozen, parcels=parcels
        )
        return UrgentFor(order.warehouse, event)

    # ------------------------------------------------------------------------------------------- loading

    def _first_time(self, kind: str, key: str) -> bool:
        if (kind, key) in self._asked:
            return False
        self._asked.add((kind, key))
        return True

    def _owners_of(self, parcel_nos: Iterable[str]) -> set[str]:
        """Every order with lines in these parcels, the owner first in :attr:`owners`."""
        wanted = sorted(no for no in parcel_nos if self._first_time("owner", no))
        found: dict[str, set[str]] = {no: set() for no in wanted}
        for parcel_no, order_no in self.sql.fetch(
            self.conn, "SELECT parcel_no, order_no FROM parcel_line WHERE parcel_no", wanted
        ):
            found[parcel_no].add(order_no)
        for parcel_no, order_nos in found.items():
            if order_nos:
                self.owners[parcel_no] = tuple(sorted(order_nos, key=lambda no: (no != parcel_no[:-2], no)))
        return {order_no for order_nos in found.values() for order_no in order_nos}

    def _known_naturals(self, natural: set[tuple[str, str]]) -> set[str]:
        rows = self.sql.fetch(
            self.conn,
            "SELECT shop_id, channel_order_no, order_no FROM orders WHERE channel_order_no",
            sorted({channel_order_no for _, channel_order_no in natural}),
        )
        for shop_id, channel_order_no, order_no in rows:
            if (shop_id, channel_order_no) in natural:
                self.natural[shop_id, channel_order_no] = order_no
        return set(self.natural.values())

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
        wanted = sorted(sku for sku in skus if self._first_time("item", sku))
        if not wanted:
            return
        for sku_code, body in self.sql.fetch(
            self.conn, "SELECT sku_code, body FROM item WHERE sku_code", wanted
        ):
            self.items[sku_code] = _read_item.decode(body)

    def _load_open_alarms(self, order_no: str) -> None:
        if not self._first_time("alarms", order_no):
            return
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
            "SELECT lease_id, parcel_no, order_no, station_id, step, until_at FROM lease"
            f" WHERE settled_at IS NULL AND {column}",
            values,
            " ORDER BY lease_id",
        )
        return [HeldLease(a, b, c, d, e, from_ms(until)) for a, b, c, d, e, until in rows]


_NEW = Membership(True, True, None)

_SELECT_STATION = (
    "SELECT station_id, warehouse, is_revoked, last_beat_at, waiting_acts, clock_offset_ms, fed_at,"
    " printers, sign_on, seq_seen FROM station WHERE station_id"
)
SELECT_STATION_VIEW = (
    "SELECT station_id, name, kind, warehouse, is_revoked, last_beat_at, seq_seen, waiting_acts, printers,"
    " sign_on FROM station WHERE station_id"
)


def station_view(row: Row) -> StationView:
    """The fed body of a station, from a row of :data:`SELECT_STATION_VIEW`."""
    return StationView(
        station_id=row[0],
        name=row[1],
        kind=row[2],
        warehouse=row[3],
        is_revoked=bool(row[4]),
        last_beat_at=None if row[5] is None else from_ms(row[5]),
        seq_seen=row[6],
        waiting_acts=row[7],
        printers=msgspec.json.decode(row[8], type=list[PrinterReport]),
        sign_on=row[9],
    )


def _station_of(row: Row) -> HeldStation:
    return HeldStation(
        station_id=row[0],
        warehouse=row[1],
        is_revoked=bool(row[2]),
        last_beat_at=None if row[3] is None else from_ms(row[3]),
        waiting_acts=row[4],
        clock_offset=timedelta(milliseconds=row[5]),
        fed_at=None if row[6] is None else from_ms(row[6]),
        shown=(bytes(row[7]), row[8], row[4] > 0),
    )


def _alarm_row(alarm: AlarmView, warehouse: str, body: bytes, seq: int) -> Row:
    acked = None if alarm.acked_at is None else to_ms(alarm.acked_at)
    head = (alarm.alarm_id, seq, warehouse, alarm.kind, alarm.order_no, alarm.parcel_no)
    return (*head, to_ms(alarm.raised_at), acked, body)


def _uncounted(params: dict[str, str]) -> dict[str, str]:
    """What an alarm is about: "19 left" and "18 left" are one alarm."""
    return {name: value for name, value in params.items() if name != "n"}


def _others(order: Order) -> set[str]:
    """Orders that share a box with this one."""
    return {pl.order_no for p in order.parcels for pl in p.lines if pl.order_no != order.order_no}


def _freezes(order: Order, parcel: Parcel) -> bool:
    """Whether this order alone freezes the parcel."""
    own = next(p for p in settled(order).parcels if p.parcel_no == parcel.parcel_no)
    return own.is_frozen


def _with_shared(order: Order, parcel: Parcel) -> Order:
    """The order with its copy of a merged parcel replaced; flags that others set stay."""
    whole = settled(order.with_parcel(parcel))
    return whole.with_parcel(parcel)


def _stops_of(order: Order | None) -> tuple[Any, ...]:
    """What the urgent lane tells of."""
    if order is None:
        return ((), False, frozenset())
    frozen = frozenset(p.parcel_no for p in order.parcels if p.is_frozen)
    return tuple((s.stop_id, s.counting_down_until) for s in order.stops), order.is_frozen, frozen
