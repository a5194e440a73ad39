"""The watch list: which waybills a courier source watches for us, and what becomes of what it says.

One row of ``track_watch`` a parcel and number::

    wanted ---subscribed---> watched --silent for 60 h: subscribed anew--> watched
       |                        |  given up by the source: subscribed anew
       +--refused, or no push can reach us--> asked (every 30 minutes)     --> over (delivered, cancelled, too old)

What is due is taken in a transaction that moves ``due_at`` on, so two processes never do the same row; the pace of
questions (one in 30 minutes for a number, C48) is kept in the same table, in one transaction.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec
import structlog
from sqlalchemy import Engine, and_, bindparam, insert, select, update

from app.core.masks import phones_in
from app.core.order import Order, OrderState
from app.ports import Clock
from hub.connectors.couriers import News, Parcel, Watching
from hub.connectors.line.courier_sources import Source
from hub.connectors.shapes import BadPayload, Later, NotTaken, ShopTrouble
from hub.db import tables as t
from hub.orders.desk import Tx
from hub.orders.lookup import Lookup
from hub.orders.results import Sealer
from hub.orders.writer import Writer

log = structlog.get_logger(__name__)

w = t.track_watch.c

#: How often the list is looked at.
LOOK = timedelta(seconds=2)
#: A row taken by a process that died in the middle of it is taken again after so long.
_TAKEN_FOR = timedelta(minutes=2)
#: A subscription without news for so long is made anew: sources give up after three days (C47).
RENEW = timedelta(hours=60)
#: Nobody's parcel is under way for longer; the source ends there too.
OLDEST = timedelta(days=60)
#: After a fault of key, rights or settings the whole source waits: every further call would fail alike.
_TROUBLED = timedelta(minutes=15)
_BACK_OFF = (30, 60, 120, 300, 900, 1800, 3600)
_LONGEST = timedelta(hours=12)
#: Raw words hold people's phones, sealed: kept as long as raw pushes are (design 2.8).
RAW_KEPT = timedelta(days=30)
_FIRST_SWEEP, _SWEEP_EVERY = timedelta(minutes=5), timedelta(days=1)
_SLACK = timedelta(seconds=5)
_MOST_DUE = 20
_ENROL_PAGE = 500
_CURSOR = "track_watch_seq"
_ENDED = frozenset({
    OrderState.delivered,
    OrderState.closed,
    OrderState.returned,
    OrderState.cancelled,
})


@dataclass(frozen=True, slots=True)
class Asked:
    """What became of a person's "refresh". ``allowed_at``: when the number may be asked next (C48)."""

    asked: bool
    allowed_at: datetime | None = None
    new_nodes: int = 0
    trouble: str = ""
    """``later``, ``no_waybill``, ``not_taken``, ``settings``; empty where all went well."""


@dataclass(frozen=True, slots=True)
class RawNode:
    """The piece of a source's answer that a node was read from, phones masked, and when it was fetched."""

    text: str
    fetched_at: datetime


#: Per parcel, the raw piece behind each node, by its time and its masked words.
Raws = dict[str, dict[tuple[datetime, str], RawNode]]


@dataclass(frozen=True, slots=True)
class _Row:
    connector: str
    parcel_no: str
    waybill_no: str
    carrier: str
    state: str
    wanted_at: datetime
    tries: int


@dataclass(eq=False, slots=True)
class _Heard:
    """What a source said of a number, on its way into the watch list."""

    source: Source
    news: News
    carrying: tuple[tuple[str, str], ...]
    is_noted: bool = False


class Tracks:
    """All courier sources of one hub. ``sources`` are those whose settings are whole; ``count(connector, n)`` hears of
    every word that no table knows."""

    def __init__(
        self,
        engine: Engine,
        writer: Writer,
        lookup: Lookup,
        vault: Sealer,
        clock: Clock,
        sources: Mapping[str, Source],
        count: Callable[[str, int], None] = lambda connector, words: None,
    ) -> None:
        self._engine = engine
        self._writer = writer
        self._lookup = lookup
        self._vault = vault
        self._clock = clock
        self._sources = dict(sources)
        self._count = count
        self._enrolled = -1
        self._troubled: dict[str, datetime] = {}
        self._calls: list[asyncio.Task[None]] = []
        self._works: list[asyncio.Task[None]] = []
        self._is_stopping = False
        self._to_note: list[_Heard] = []
        self._noting = asyncio.Lock()
        self._sweep_at = clock.now() + _FIRST_SWEEP

    # ------------------------------------------------------------------------------------------ steps

    async def step(self, now: datetime) -> datetime:
        """Take new waybills into the list and do what is due; gives when to call again. Raises ``HubBusy``."""
        if not self._sources:
            return now + timedelta(minutes=1)
        await self._enrol()
        if now >= self._sweep_at:
            await self._writer.run(lambda tx: self._sweep(tx, now))
            self._sweep_at = now + _SWEEP_EVERY
        rows = await self._writer.run(lambda tx: self._take_due(tx, now)) if await self._is_due(now) else []
        if self._is_stopping:
            return now + LOOK
        self._works = [asyncio.create_task(self._work(row, now)) for row in rows]
        for done in await asyncio.gather(*self._works, return_exceptions=True):
            # all others are done: theirs is not lost by one that met a wall
            if isinstance(done, BaseException) and not self._is_stopping:
                raise done
        return now if len(rows) == _MOST_DUE else now + LOOK

    async def stop(self) -> None:
        """Calls under way end now; what they were for falls due again by itself."""
        self._is_stopping = True
        under_way = [*self._calls, *self._works]
        for call in under_way:
            call.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
        for source in self._sources.values():
            await source.http.aclose()

    def _sweep(self, tx: Tx, now: datetime) -> None:
        """What sources said of parcels that are done goes after 30 days; what became of it stays in the track."""
        is_old = and_(w.state == "over", w.heard_at < now - RAW_KEPT, w.blob_pii.is_not(None))
        tx.conn.execute(update(t.track_watch).where(is_old).values(blob_pii=None))

    async def _enrol(self) -> None:
        """Every parcel that has a waybill is on the list; the cursor is kept with the rows it stands for."""
        head = await asyncio.to_thread(self._head)
        while self._enrolled < head:
            self._enrolled = await self._writer.run(self._enrol_page)

    def _head(self) -> int:
        with self._engine.connect() as conn:
            return int(conn.execute(select(t.feed_head.c.seq)).scalar_one())

    def _enrol_page(self, tx: Tx) -> int:
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
        connector = next(iter(self._sources))
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
            if box is not None and box.waybill_no and box.state not in _ENDED
        ]
        if rows:
            tx.conn.execute(insert(t.track_watch), rows)

    async def _is_due(self, now: datetime) -> bool:
        asked = select(w.parcel_no).where(w.due_at <= now).limit(1)

        def look() -> bool:
            with self._engine.connect() as conn:
                return conn.execute(asked).first() is not None

        return await asyncio.to_thread(look)

    def _take_due(self, tx: Tx, now: datetime) -> list[_Row]:
        """The rows to be worked on now; for others they are not due until this process is done or dead."""
        open_now = [name for name in self._sources if self._troubled.get(name, now) <= now]
        asked = (
            select(*_COLUMNS)
            .where(w.due_at <= now, w.connector.in_(open_now))
            .order_by(w.due_at)
            .limit(_MOST_DUE)
            .with_for_update(skip_locked=True)
        )
        rows = [_Row(*row) for row in tx.conn.execute(asked)]
        for row in rows:
            self._set(tx, row, due_at=now + _TAKEN_FOR)
        return rows

    async def _work(self, row: _Row, now: datetime) -> None:
        """What is due for one number: subscribe, or ask. Trouble of the other side is a state of the row."""
        order = await asyncio.to_thread(self._lookup.parcel, row.parcel_no)
        why = _over(order, row, now)
        if why:
            await self._put(row, state="over", word=why, due_at=None)
            return
        source = self._sources[row.connector]
        try:
            if source.door.takes_subscriptions and row.state != "asked":
                await source.door.subscribe(await self._parcel(source, row, order))
                # due again before the source gives up: RENEW lies well before its three days
                tries = row.tries if row.state == "given_up" else 0
                await self._put(row, state="watched", tries=tries, word="", due_at=self._clock.now() + RENEW)
                if row.state in ("watched", "given_up"):
                    await self._ask(source, row, order)
            else:
                await self._put(row, state="asked", due_at=now + source.floor + _SLACK)
                await self._ask(source, row, order)
        except ShopTrouble as trouble:
            await self._failed(source, row, trouble)

    async def _failed(self, source: Source, row: _Row, trouble: ShopTrouble) -> None:
        now, word = self._clock.now(), trouble.word[:200]
        tries = row.tries + 1
        if isinstance(trouble, NotTaken):
            log.info("courier_refused", connector=row.connector, word=word)
            wait = min(source.floor * 2 ** min(row.tries, 8), _LONGEST) + _SLACK
            await self._put(row, state="asked", word=word, tries=tries, due_at=now + wait)
        elif isinstance(trouble, Later | BadPayload):
            wait = timedelta(seconds=_BACK_OFF[min(tries, len(_BACK_OFF)) - 1])
            after = trouble.after if isinstance(trouble, Later) else timedelta(0)
            await self._put(row, tries=tries, word=word, due_at=now + max(wait, after))
        else:
            if self._troubled.get(row.connector, now) <= now:
                log.error("courier_source_refuses", connector=row.connector, trouble=type(trouble).__name__)
            self._troubled[row.connector] = now + _TROUBLED
            await self._put(row, tries=tries, word=word, due_at=now + _TROUBLED)

    async def _parcel(self, source: Source, row: _Row, order: Order | None) -> Parcel:
        tail = ""
        if order is not None and source.door.needs_phone(row.carrier):
            personal = await asyncio.to_thread(self._lookup.personal, order.order_no)
            digits = "".join(c for c in (personal.consignee.phone if personal else "") if c.isdecimal())
            tail = digits[-4:] if len(digits) >= 7 else ""
        return Parcel(waybill_no=row.waybill_no, carrier=row.carrier, phone_tail=tail)

    # ------------------------------------------------------------------------------------------ asking

    async def refresh(self, parcel_no: str) -> Asked:
        """A person wants to know now: asks if the number may be asked, and says when it may be asked next."""
        row = await asyncio.to_thread(self._row_of, parcel_no)
        if row is None or row.connector not in self._sources:
            return Asked(False, trouble="no_waybill")
        source = self._sources[row.connector]
        order = await asyncio.to_thread(self._lookup.parcel, parcel_no)
        is_granted, allowed_at = await self._writer.run(lambda tx: self._grant(tx, source, row.waybill_no))
        if not is_granted:
            return Asked(False, allowed_at)
        try:
            return Asked(True, allowed_at, await self._query(source, row, order))
        except NotTaken:
            return Asked(True, allowed_at, trouble="not_taken")
        except (Later, BadPayload):
            return Asked(True, allowed_at, trouble="later")
        except ShopTrouble:
            return Asked(True, allowed_at, trouble="settings")

    async def _ask(self, source: Source, row: _Row, order: Order | None) -> None:
        """One question, if the floor lets it through. Raises :class:`ShopTrouble` for what the source does."""
        is_granted, _ = await self._writer.run(lambda tx: self._grant(tx, source, row.waybill_no))
        if is_granted:
            await self._query(source, row, order)

    async def _query(self, source: Source, row: _Row, order: Order | None) -> int:
        """Asks a number that was granted; gives how many nodes were new."""
        news = await source.door.query(await self._parcel(source, row, order))
        return await self._taken(source, news, [(row.parcel_no, row.waybill_no)])

    def _grant(self, tx: Tx, source: Source, waybill_no: str) -> tuple[bool, datetime]:
        """Whether the number may be asked now, and from when on it may be asked next, by all processes (C48)."""
        is_number = and_(w.connector == source.connector, w.waybill_no == waybill_no)
        moments = tx.conn.execute(select(w.asked_at).where(is_number).with_for_update()).scalars()
        last: datetime | None = max((at for at in moments if at is not None), default=None)
        if last is not None and tx.now < last + source.floor:
            return False, last + source.floor
        tx.conn.execute(update(t.track_watch).where(is_number).values(asked_at=tx.now))
        return True, tx.now + source.floor

    # ------------------------------------------------------------------------------------------ hearing

    def source(self, connector: str) -> Source | None:
        return self._sources.get(connector)

    async def push(self, connector: str, body: bytes, nu: str = "") -> bytes:
        """A push as it came; gives the answer its source wants. ``nu``: the number in the address it was sent to.

        Raises :class:`ShopTrouble` ``BadSignature`` for what its source did not sign, ``KeyError`` for a source
        that is not there. What is signed and cannot be read is kept in quarantine and answered as taken.
        """
        source = self._sources[connector]
        try:
            news = source.read_push(body, source.salt, nu)
        except BadPayload as bad:
            await self._quarantine(source, nu, bad.path, [body.decode("latin-1")])
            return source.taken
        await self._taken(source, news, await asyncio.to_thread(self._carrying, news.waybill_no))
        return source.taken

    async def _taken(self, source: Source, news: News, carrying: Sequence[tuple[str, str]]) -> int:
        """Nodes into the tracks, first: what the watch list then says of it may come again.

        ``carrying``: parcels and the number as it stands on each. Gives how many nodes were new.
        """
        told, new_nodes = f"carrier:{source.connector}", 0
        for parcel_no, _ in carrying:
            carrier = news.corrected or news.carrier
            done = await self._writer.track(parcel_no, news.nodes, carrier, told, news.unknown)
            new_nodes += done.new_nodes
        if news.unknown:
            self._count(source.connector, len(news.unknown))
        if news.damaged:
            await self._quarantine(source, news.waybill_no, "nodes", list(news.damaged))
        if carrying:
            await self._noted(_Heard(source, news, tuple(carrying)))
        return new_nodes

    async def _noted(self, heard: _Heard) -> None:
        """Into the watch list, with what others heard meanwhile: a commit of its own for each would cost most."""
        self._to_note.append(heard)
        async with self._noting:
            if heard.is_noted:
                return
            # one that was in a batch that failed goes alone: the fault may be another's
            batch, self._to_note = (self._to_note, []) if heard in self._to_note else ([heard], self._to_note)
            await self._writer.run(lambda tx: self._note(tx, batch))
            for one in batch:
                one.is_noted = True

    def _note(self, tx: Tx, batch: Sequence[_Heard]) -> None:
        """All of it with one question and one statement, whatever the number of pushes."""
        held = self._held(tx, batch)
        for one in batch:
            for parcel_no, waybill_no in one.carrying:
                values = held[one.source.connector, parcel_no, waybill_no]
                row = _Row(*(values[column.key] for column in _COLUMNS))
                values |= {"heard_at": tx.now, **_after(one.news, row, tx.now)}
                if one.news.corrected:
                    values["carrier"] = one.news.corrected
                if one.news.nodes:
                    values["blob_pii"] = self._with_pieces(row, values["blob_pii"], one.news, tx.now)
        rows = [
            {f"its_{name}": values[name] for name in _KEY} | {name: values[name] for name in _CHANGED}
            for _, values in sorted(held.items(), key=lambda one: one[0])
        ]
        if rows:
            tx.conn.execute(_NOTE, rows)

    def _held(self, tx: Tx, batch: Sequence[_Heard]) -> dict[tuple[str, str, str], dict[str, Any]]:
        """The rows of the list that this batch is about; those that a push came before are made."""
        parcel_nos = sorted({parcel_no for one in batch for parcel_no, _ in one.carrying})
        asked = select(t.track_watch).where(w.parcel_no.in_(parcel_nos)).with_for_update()
        found = [dict(row) for row in tx.conn.execute(asked).mappings()]
        rows = {(row["connector"], row["parcel_no"], row["waybill_no"]): row for row in found}
        held, new = {}, []
        for one in batch:
            for parcel_no, waybill_no in one.carrying:
                key = (one.source.connector, parcel_no, waybill_no)
                if key not in rows:
                    row = _Row(*key, one.news.carrier, "wanted", tx.now, 0)
                    empty: dict[str, Any] = {"word": "", "blob_pii": None, "due_at": tx.now}
                    rows[key] = asdict(row) | empty
                    new.append(rows[key].copy())
                held[key] = rows[key]
        if new:
            tx.conn.execute(insert(t.track_watch), new)
        return held

    def _with_pieces(self, row: _Row, blob: bytes | None, news: News, now: datetime) -> bytes:
        """The kept pieces with those of this answer, sealed; what came before keeps the moment it came (TRK-06)."""
        pieces = {} if blob is None else self._pieces(row, bytes(blob))
        for node, raw in zip(news.nodes, news.raws, strict=True):
            pieces.setdefault((node.at, node.raw_text), (raw, now))
        kept = [[at.isoformat(), text, raw, when.isoformat()] for (at, text), (raw, when) in pieces.items()]
        return self._vault.seal({"pieces": kept}, _context(row))

    def _pieces(self, row: _Row, blob: bytes) -> dict[tuple[datetime, str], tuple[str, datetime]]:
        """Raw piece and fetch time of every node, by its time and its masked words."""
        opened = self._vault.open(blob, _context(row))
        return {
            (datetime.fromisoformat(at), text): (raw, datetime.fromisoformat(when))
            for at, text, raw, when in opened["pieces"]
        }

    async def _quarantine(self, source: Source, ref: str, error: str, kept: list[str]) -> None:
        """Signed and unreadable: sealed for a person to look at, never lost, never refused."""

        def keep(tx: Tx) -> None:
            quarantine_id = tx.new_id()
            blob = self._vault.seal({"connector": source.connector, "kept": kept}, quarantine_id)
            row = {"at": tx.now, "what": "track_push", "ref": ascii(ref)[1:-1][:80], "error": error[:120]}
            tx.conn.execute(insert(t.quarantine).values(quarantine_id=quarantine_id, blob_pii=blob, **row))

        log.warning(
            "courier_words_unreadable", connector=source.connector, where=error[:120], pieces=len(kept)
        )
        await self._writer.run(keep)

    # ------------------------------------------------------------------------------------------ reading

    def raws(self, order_no: str) -> Raws:
        """What the nodes of an order's parcels were read from, as far as it was kept. Blocks for a moment."""
        asked = select(*_COLUMNS, w.blob_pii).where(
            w.parcel_no >= order_no + "00", w.parcel_no <= order_no + "99", w.blob_pii.is_not(None)
        )
        with self._engine.connect() as conn:
            found = [(_Row(*row[:-1]), bytes(row[-1])) for row in conn.execute(asked)]
        raws: Raws = {}
        for row, blob in found:
            if row.parcel_no[:-2] == order_no and row.connector in self._sources:
                raws.setdefault(row.parcel_no, {}).update(self._raw_nodes(row, blob))
        return raws

    def _raw_nodes(self, row: _Row, blob: bytes) -> dict[tuple[datetime, str], RawNode]:
        found = self._pieces(row, blob).items()
        return {key: RawNode(phones_in(raw), when) for key, (raw, when) in found}

    def _carrying(self, waybill_no: str) -> list[tuple[str, str]]:
        """Parcels that carry this number, and how it stands on each; a number is not unique: there may be several."""
        if not waybill_no:
            return []
        with self._engine.connect() as conn:
            box = t.parcel.c
            mine = select(box.parcel_no, box.waybill_no).where(
                box.waybill_no.in_([waybill_no, waybill_no.upper()])
            )
            return sorted((row[0], row[1]) for row in conn.execute(mine.where(box.waybill_no != "")))

    def _row_of(self, parcel_no: str) -> _Row | None:
        """The row of the number that the parcel carries now."""
        asked = (
            select(*_COLUMNS)
            .join(t.parcel, and_(t.parcel.c.parcel_no == w.parcel_no, t.parcel.c.waybill_no == w.waybill_no))
            .where(w.parcel_no == parcel_no)
        )
        with self._engine.connect() as conn:
            found = conn.execute(asked).first()
        return None if found is None else _Row(*found)

    async def _put(self, row: _Row, **values: Any) -> None:
        await self._writer.run(lambda tx: self._set(tx, row, **values))

    def _set(self, tx: Tx, row: _Row, **values: Any) -> None:
        key = and_(w.connector == row.connector, w.parcel_no == row.parcel_no, w.waybill_no == row.waybill_no)
        tx.conn.execute(update(t.track_watch).where(key).values(**values))


_KEY = ("connector", "parcel_no", "waybill_no")
#: What a push or an answer changes in a row.
_CHANGED = ("carrier", "state", "heard_at", "due_at", "tries", "word", "blob_pii")
_NOTE = (
    update(t.track_watch)
    .where(*(w[name] == bindparam(f"its_{name}") for name in _KEY))
    .values({name: bindparam(name) for name in _CHANGED})
)
_COLUMNS = (w.connector, w.parcel_no, w.waybill_no, w.carrier, w.state, w.wanted_at, w.tries)


def _over(order: Order | None, row: _Row, now: datetime) -> str:
    """Why nobody needs to watch this number any more; empty while somebody does."""
    box = order.parcel(row.parcel_no) if order is not None else None
    if box is None or box.waybill_no != row.waybill_no:
        return "another_number"
    if box.state in _ENDED:
        return str(box.state)
    return "too_old" if now - row.wanted_at > OLDEST else ""


def _after(news: News, row: _Row, now: datetime) -> dict[str, Any]:
    """What the source's own word about its watch makes of the row."""
    if news.watching is Watching.over:
        return {"state": "over", "word": "", "due_at": None}
    if news.watching is Watching.given_up:
        wait = timedelta(
            hours=min(2**row.tries, 24)
        )  # a number that is given up at once must not go in circles
        return {"state": "given_up", "due_at": now + wait, "tries": row.tries + 1}
    if row.state == "watched":
        return {"due_at": now + RENEW}
    return {}


def _context(row: _Row) -> str:
    """What a kept answer is sealed for: a row copied to another parcel does not open there."""
    return f"track_watch:{row.connector}:{row.parcel_no}:{row.waybill_no}"
