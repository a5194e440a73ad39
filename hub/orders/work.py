"""One write transaction in memory: what its jobs change, journaled, so that a failed job takes back its own.

Jobs are judged one after another on these rows. Order bodies, history and alarms are encoded inside the job that
made them: what cannot be encoded fails that job alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import MISSING, fields, replace
from datetime import datetime
from typing import Any, get_type_hints

import msgspec
from sqlalchemy import Connection

from app.core.history import Entry, HistoryKind, HistoryRow
from app.core.order import Item, Order, Parcel, settled
from app.core.tracking import Track
from app.ports import NewId
from app.wire import AlarmView, Restored
from hub.orders.held import ANSWERED, Cause, Held, HeldLease, HeldReceipt, HeldTrack, KeptAct
from hub.orders.reading import RESTORED, Reading, sharing
from hub.orders.results import Sealer
from hub.orders.scope import membership
from hub.orders.settings import LineSettings
from hub.orders.statements import Row, Statements

_NOTHING: Any = object()
_encoder = msgspec.json.Encoder()


def _history_fields() -> list[tuple[str, Any] | tuple[str, Any, Any]]:
    """Name, type and default of every field of HistoryRow."""
    hints = get_type_hints(HistoryRow)
    described: list[tuple[str, Any] | tuple[str, Any, Any]] = []
    for f in fields(HistoryRow):
        if f.default_factory is not MISSING:
            described.append((f.name, hints[f.name], msgspec.field(default_factory=f.default_factory)))
        elif f.default is not MISSING:
            described.append((f.name, hints[f.name], f.default))
        else:
            described.append((f.name, hints[f.name]))
    return described


#: HistoryRow once more, as a struct that leaves out what is default; made from it: nothing is declared twice.
_HistoryBody = msgspec.defstruct("_HistoryBody", _history_fields(), kw_only=True, omit_defaults=True)
_NO_ORDER = len(b'{"id":0,"order_no":""')
#: So many rows that differ in nothing but their order are remembered in a group: an import writes thousands of two.
_ALIKE = 16


class Work(Reading):
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
        super().__init__(conn, now, settings, vault, new_id, sql)
        self.counters: dict[str, int] = {}
        self._series: str | None = None
        self._day = ""
        self._counted_from = 0
        self.dirty: dict[tuple[str, str], None] = {}
        self.moved: dict[str, None] = {}
        self.history: list[tuple[str, str | None, str, bytes]] = []
        self.new_receipts: list[tuple[str, datetime]] = []
        #: Keys of platforms' events answered in this group.
        self.events: list[str] = []
        self.rows: defaultdict[str, list[Row]] = defaultdict(list)
        #: Orders to be fetched, with the hints kept for them from now on; None: those that are kept stay.
        self.wishes: dict[tuple[str, str], bytes | None] = {}
        self._journal: list[tuple[Any, Any, Any]] = []
        self._before: dict[str, Held] = {}
        #: Rows as written last, without number and order, by the very objects they were written from.
        self._alike: dict[tuple[int, int], tuple[Entry, Cause, bytes]] = {}

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
        if not self._before:
            return
        for order_no, before in list(self._before.items()):
            self._follow_leases(order_no, before)
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
        place = self.rows[statement]
        self._journal.append((place, len(place), None))
        place.extend(rows)

    def next_number(self) -> str:
        """The next number of the shop's day: 3 digits to 999, then 6 (design 2.2)."""
        if not self._day:
            self._begin_day()
        key = self._day
        n = self.counters[key] + 1
        self.put(self.counters, key, n)
        return f"{key}{n:03d}" if n <= 999 else f"{key}{n:06d}"

    def _begin_day(self) -> None:
        today = self.now.astimezone(self.settings.timezone)
        self._day = f"{self.settings.order_prefix}{today:%Y%m%d}{self.series}"
        if self._day not in self.counters:
            self.counters[self._day] = self._read_counter()
        self._counted_from = self.counters[self._day]

    @property
    def series(self) -> str:
        """The letter of numbers given now."""
        if self._series is None:
            self._series = self._read_series()
        return self._series

    def _read_series(self) -> str:
        series: str = self.conn.exec_driver_sql("SELECT series FROM feed_head").scalar_one()
        return series

    def _read_counter(self) -> int:
        rows = self.sql.fetch(
            self.conn, "SELECT n FROM day_counter WHERE day", [self._day], self.sql.for_update
        )
        return rows[0][0] if rows else 0

    def following(self, conn: Connection, now: datetime) -> Work:
        """An empty transaction that counts on from this one, before this one is committed."""
        work = Work(conn, now, self.settings, self.vault, self.new_id, self.sql)
        if self._day:
            work._series = self._series
            work.counters = {self._day: self.counters[self._day]}
        work._has_kept = self.has_kept()
        return work

    def still_holds(self, conn: Connection, natural: set[tuple[str, str]]) -> bool:
        """Whether what was judged without the database is what it would be with ``conn``, which it has from now on.

        So it is when none of these orders is known, no fact waits for one of them and the day's counter stands where
        it was thought to stand.
        """
        self.conn = conn
        self._has_kept = None
        if self.has_kept() or self._orders_named(natural):
            return False
        return self._read_series() == self._series and self._read_counter() == self._counted_from

    def change(self, order: Order) -> None:
        """Set a known order's new body; version, flags of merged parcels and bytes come at the job's end."""
        held = self.held[order.order_no]
        self._before.setdefault(order.order_no, held)
        self.put(self.held, order.order_no, Held(order, self.now, held.at))

    def admit(self, order: Order) -> None:
        """Take in an order that nobody had: whole from the start, nothing of it leased or merged yet."""
        self._keep(order)
        for parcel in order.parcels:
            self._new_parcel(order, parcel)

    def write(self, order_no: str, entries: Sequence[Entry], why: Cause) -> None:
        """Append rows to an order's file, and raise the alarm where an entry is one."""
        if not entries:
            return
        drafts = []
        place = b',"order_no":%b' % _encoder.encode(order_no)
        for entry in entries:
            kind = str(entry.kind)
            drafts.append((order_no, entry.parcel_no, kind, place + self._said(entry, why, kind)))
            if entry.kind is HistoryKind.shipped_despite_cancel:
                order = self.held[order_no].order
                self.raise_alarm(entry.kind, "critical", order, entry.parcel_no or "", {})
        self.add(self.history, drafts)

    def _said(self, entry: Entry, why: Cause, kind: str) -> bytes:
        """The end of a row's body: what comes after the order's number."""
        alike = self._alike.get((id(entry), id(why)))
        if alike is not None and alike[0] is entry and alike[1] is why:
            return alike[2]
        body = _HistoryBody(
            id=0,
            order_no="",
            parcel_no=entry.parcel_no,
            kind=kind,
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
        said = _encoder.encode(body)[_NO_ORDER:]
        if len(self._alike) < _ALIKE:
            self._alike[id(entry), id(why)] = entry, why, said
        return said

    @property
    def last_history(self) -> int:
        """Place of the last history row so far in this group, -1 without any."""
        return len(self.history) - 1

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
        self.load_open_alarms(order_no)
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
        self.put(self.alarm_bodies, alarm.alarm_id, _encoder.encode(alarm))
        self.feed("alarm", alarm.alarm_id)

    def set_item(self, item: Item) -> None:
        known = self.items.get(item.sku_code)
        before = {b.code: b.pack_qty for b in known.barcodes} if known else {}
        self.put(self.items, item.sku_code, item)
        self.put(self.item_bodies, item.sku_code, _encoder.encode(item))
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

    def keep_act(self, kept: KeptAct, shop_id: str, channel_order_no: str) -> None:
        """A fact waits for its order."""
        ours = (kept.act_id, kept.order_no, shop_id, channel_order_no)
        self.row(self.sql.kept_act, (*ours, self.now_ms, kept.actor, kept.envelope))

    def kept_acts(self, shop_id: str, channel_order_no: str) -> list[KeptAct]:
        """Facts that wait for this order, those of this very group too."""
        kept = self.rows.get(self.sql.kept_act)
        if kept is None and not self.has_kept():
            return []
        of_group = [row for row in kept or () if row[2:4] == (shop_id, channel_order_no)]
        found = [KeptAct(row[0], row[1], row[5], row[6]) for row in of_group]
        if self.has_kept():
            rows = self.sql.fetch(
                self.conn,
                "SELECT act_id, order_no, actor, envelope, shop_id FROM kept_act WHERE channel_order_no",
                [channel_order_no],
            )
            found += [KeptAct(a, b, bytes(c), bytes(d)) for a, b, c, d, shop in rows if shop == shop_id]
        return found

    def set_restored(self, restored: Restored) -> None:
        self.put(self.known_restored, RESTORED, restored)
        body = _encoder.encode(restored)
        self.row(self.sql.restored, (body, body, self.now_ms, RESTORED))
        self.feed("setting", RESTORED)

    def keep_receipt(self, act_id: str, held: HeldReceipt, made_at: datetime) -> None:
        self.put(self.receipts, act_id, held)
        self.add(self.new_receipts, [(act_id, made_at)])

    def keep_event(self, key: str, order_no: str) -> None:
        """A platform's event was answered: it is not answered again."""
        self.put(self.receipts, key, replace(ANSWERED, order_no=order_no) if order_no else ANSWERED)
        self.add(self.events, [key])

    def settle_lease(self, lease: HeldLease, how: str) -> None:
        """The hub knows how this lease ended."""
        left = tuple(le for le in self.leases.get(lease.parcel_no, ()) if le.lease_id != lease.lease_id)
        self.put(self.leases, lease.parcel_no, left)
        self.row(self.sql.lease_settled, (self.now_ms, how, lease.lease_id))

    def _follow_leases(self, order_no: str, before: Held) -> None:
        """A parcel that lost its holder settles that lease; an older one still unsettled claims it again."""
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
        before = order = self.held[order_no].order
        for parcel in order.parcels:
            for other_no in sorted(sharing(order, parcel)):
                other = self.order(other_no)
                if other is None or other.parcel(parcel.parcel_no) is None:
                    continue
                is_frozen = _freezes(order, parcel) or _freezes(other, parcel)
                same = replace(parcel, is_frozen=is_frozen)
                order = order.with_parcel(same)
                if other.parcel(parcel.parcel_no) != same:
                    self.change(_with_shared(other, same))
        if order is not before:
            self.change(order)

    def _finish(self, order_no: str, before: Held) -> None:
        order = self.held[order_no].order
        if order == before.order:
            self.put(self.held, order_no, before)
            return
        order = replace(order, version=before.order.version + 1)
        self._keep(order)
        self._follow_parcels(order, before.order)

    def _keep(self, order: Order) -> None:
        """The order is whole: where it belongs and its bytes follow from it, and it will be fed."""
        at = membership(order, self.now, self.now, self.rules_of(order))
        self.put(self.held, order.order_no, Held(order, self.now, at, _encoder.encode(order)))
        self.feed("order", order.order_no)

    def _follow_parcels(self, order: Order, before: Order) -> None:
        """Parcel and line rows follow the body of the order that owns the parcel."""
        for parcel in order.parcels:
            if parcel.parcel_no[:-2] != order.order_no:
                continue
            old = before.parcel(parcel.parcel_no)
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

    def dues(self) -> list[datetime]:
        """When time alone will next change the orders of this group."""
        changed = [key for kind, key in self.dirty if kind == "order"]
        moments = [self.held[no].at.due_at for no in (*changed, *self.moved)]
        return [moment for moment in moments if moment is not None]


def _uncounted(params: dict[str, str]) -> dict[str, str]:
    """What an alarm is about: "19 left" and "18 left" are one alarm."""
    return {name: value for name, value in params.items() if name != "n"}


def _freezes(order: Order, parcel: Parcel) -> bool:
    """Whether this order alone freezes the parcel."""
    own = next(p for p in settled(order).parcels if p.parcel_no == parcel.parcel_no)
    return own.is_frozen


def _with_shared(order: Order, parcel: Parcel) -> Order:
    """The order with its copy of a merged parcel replaced; flags that others set stay."""
    whole = settled(order.with_parcel(parcel))
    return whole.with_parcel(parcel)
