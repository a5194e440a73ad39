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
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Engine, insert

from app.core.order import Order
from app.ports import Clock
from hub.connectors.couriers import News, Parcel
from hub.connectors.line.courier_health import CourierHealth
from hub.connectors.line.courier_sources import Source
from hub.connectors.line.shops import CHECK_S, Checked
from hub.connectors.line.track_pieces import RawNodes
from hub.connectors.line.track_rows import ENDED, MOST_DUE, RENEW, Heard, Row, TrackRows
from hub.connectors.line.watch import SAID_AT, Health, trouble_of, word_of
from hub.connectors.shapes import BadPayload, Cause, Later, NotTaken, ShopTrouble
from hub.db import tables as t
from hub.orders.desk import Tx
from hub.orders.lookup import Lookup
from hub.orders.results import Sealer
from hub.orders.writer import Writer

log = structlog.get_logger(__name__)

#: How often the list is looked at.
LOOK = timedelta(seconds=2)
#: Nobody's parcel is under way for longer; the source ends there too.
OLDEST = timedelta(days=60)
#: After a fault of key, rights or settings the whole source waits: every further call would fail alike. Not so long
#: before people hear of it.
_TROUBLED, _TROUBLED_FIRST = timedelta(minutes=15), timedelta(minutes=5)
_BACK_OFF = (30, 60, 120, 300, 900, 1800, 3600)
_LONGEST = timedelta(hours=12)
_FIRST_SWEEP, _SWEEP_EVERY = timedelta(minutes=5), timedelta(days=1)
_SLACK = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Asked:
    """What became of a person's "refresh". ``allowed_at``: when the number may be asked next (C48)."""

    asked: bool
    allowed_at: datetime | None = None
    new_nodes: int = 0
    trouble: str = ""
    """``later``, ``no_waybill``, ``not_taken``, ``settings``; empty where all went well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceHealth:
    """How a source does; ``parcels`` are those it is asked about, ``pushed_at`` when it last told by itself here."""

    health: Health
    parcels: int = 0
    pushed_at: datetime | None = None
    takes_subscriptions: bool = False


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
        health: CourierHealth | None = None,
    ) -> None:
        self._rows = TrackRows(engine, vault, list(sources))
        self._writer = writer
        self._lookup = lookup
        self._vault = vault
        self._clock = clock
        self._sources = dict(sources)
        self._count = count
        self._health = health or CourierHealth(engine, writer, clock)
        self._pushed_at: dict[str, datetime] = {}
        self._enrolled = -1
        self._checks = 0
        self._troubled: dict[str, datetime] = {}
        self._calls: list[asyncio.Task[None]] = []
        self._works: list[asyncio.Task[None]] = []
        self._is_stopping = False
        self._to_note: list[Heard] = []
        self._noting = asyncio.Lock()
        self._sweep_at = clock.now() + _FIRST_SWEEP

    # ------------------------------------------------------------------------------------------ steps

    async def step(self, now: datetime) -> datetime:
        """Take new waybills into the list and do what is due; gives when to call again. Raises ``HubBusy``."""
        if not self._sources:
            return now + timedelta(minutes=1)
        await self._enrol()
        if now >= self._sweep_at:
            await self._writer.run(lambda tx: self._rows.sweep(tx, now))
            self._sweep_at = now + _SWEEP_EVERY
        rows = await self._due(now)
        if self._is_stopping:
            return now + LOOK
        self._works = [asyncio.create_task(self._work(row, now)) for row in rows]
        for done in await asyncio.gather(*self._works, return_exceptions=True):
            # all others are done: theirs is not lost by one that met a wall
            if isinstance(done, BaseException) and not self._is_stopping:
                raise done
        return now if len(rows) == MOST_DUE else now + LOOK

    async def stop(self) -> None:
        """Calls under way end now; what they were for falls due again by itself."""
        self._is_stopping = True
        under_way = [*self._calls, *self._works]
        for call in under_way:
            call.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
        await self._health.stop()
        for source in self._sources.values():
            await source.http.aclose()

    async def _due(self, now: datetime) -> list[Row]:
        """Taken by this process; a source that is in trouble is left alone."""
        if not await asyncio.to_thread(self._rows.is_due, now):
            return []
        at_work = [name for name in self._sources if self._troubled.get(name, now) <= now]
        return await self._writer.run(lambda tx: self._rows.take_due(tx, now, at_work))

    async def _enrol(self) -> None:
        """Every parcel that has a waybill is on the list; the cursor is kept with the rows it stands for."""
        head = await asyncio.to_thread(self._rows.head)
        while self._enrolled < head:
            self._enrolled = await self._writer.run(self._rows.enrol)

    async def _put(self, row: Row, **values: Any) -> None:
        await self._writer.run(lambda tx: self._rows.put(tx, row, **values))

    async def _work(self, row: Row, now: datetime) -> None:
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
                await self._health.good(row.connector)
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

    async def _failed(self, source: Source, row: Row, trouble: ShopTrouble) -> None:
        now, word = self._clock.now(), trouble.word[:200]
        tries = row.tries + 1
        failures = await self._heard_no(row.connector, trouble)
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
            until = now + (_TROUBLED if failures >= SAID_AT else _TROUBLED_FIRST)
            self._troubled[row.connector] = until
            await self._put(row, tries=tries, word=word, due_at=until)

    async def _heard_no(self, connector: str, trouble: ShopTrouble) -> int:
        """What a no tells of the source itself; gives how often in a row it failed. To refuse a number is none."""
        if not isinstance(trouble, NotTaken):
            return await self._health.bad(connector, trouble)
        if not trouble.word.startswith("@"):  # else we did not ask it at all
            await self._health.good(connector)
        return 0

    async def _parcel(self, source: Source, row: Row, order: Order | None) -> Parcel:
        tail = ""
        if order is not None and source.door.needs_phone(row.carrier):
            personal = await asyncio.to_thread(self._lookup.personal, order.order_no)
            digits = "".join(c for c in (personal.consignee.phone if personal else "") if c.isdecimal())
            tail = digits[-4:] if len(digits) >= 7 else ""
        return Parcel(waybill_no=row.waybill_no, carrier=row.carrier, phone_tail=tail)

    # ------------------------------------------------------------------------------------------ asking

    async def refresh(self, parcel_no: str) -> Asked:
        """A person wants to know now: asks if the number may be asked, and says when it may be asked next."""
        row = await asyncio.to_thread(self._rows.of, parcel_no)
        if row is None or row.connector not in self._sources:
            return Asked(False, trouble="no_waybill")
        source = self._sources[row.connector]
        order = await asyncio.to_thread(self._lookup.parcel, parcel_no)
        is_granted, allowed_at = await self._granted(source, row)
        if not is_granted:
            return Asked(False, allowed_at)
        try:
            return Asked(True, allowed_at, await self._query(source, row, order))
        except ShopTrouble as trouble:
            await self._heard_no(row.connector, trouble)
            return Asked(True, allowed_at, trouble=_in_one_word(trouble))

    async def _ask(self, source: Source, row: Row, order: Order | None) -> None:
        """One question, if the floor lets it through. Raises :class:`ShopTrouble` for what the source does."""
        is_granted, _ = await self._granted(source, row)
        if is_granted:
            await self._query(source, row, order)

    async def _granted(self, source: Source, row: Row) -> tuple[bool, datetime]:
        number, floor = row.waybill_no, source.floor
        return await self._writer.run(lambda tx: self._rows.grant(tx, source.connector, number, floor))

    async def _query(self, source: Source, row: Row, order: Order | None) -> int:
        """Asks a number that was granted; gives how many nodes were new."""
        news = await source.door.query(await self._parcel(source, row, order))
        await self._health.good(source.connector)
        return await self._taken(source, news, [(row.parcel_no, row.waybill_no)])

    async def check(self, connector: str) -> Checked:
        """Its key and settings tried with a number that nobody has, within five seconds (ING-14). One that works is
        not left alone any longer. Raises ``KeyError`` for a source that is not there."""
        source = self._sources[connector]
        self._checks += 1
        number = f"OD{self._clock.now():%y%m%d%H%M%S%f}{self._checks % 100:02d}"
        try:
            async with asyncio.timeout(CHECK_S - 0.5):
                await source.door.check(number)
        except TimeoutError:
            return Checked(trouble="later", word=Cause.timeout)
        except ShopTrouble as trouble:
            return Checked(trouble=trouble_of(trouble), word=word_of(trouble))
        self._troubled.pop(connector, None)
        await self._health.good(connector)
        return Checked()

    # ------------------------------------------------------------------------------------------ hearing

    def raws(self, order_no: str) -> dict[str, RawNodes]:
        """Per parcel of the order, what its nodes were read from, as far as it was kept. Blocks for a moment."""
        return self._rows.raws(order_no)

    def healths(self) -> dict[str, SourceHealth]:
        """How each source does, in the order of hub.toml. Blocks for a moment."""
        parcels = self._rows.under_way()
        return {
            name: SourceHealth(
                health=health,
                parcels=parcels.get(name, 0),
                pushed_at=self._pushed_at.get(name),
                takes_subscriptions=self._sources[name].door.takes_subscriptions,
            )
            for name, health in self._health.of(self._sources).items()
        }

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
            self._pushed_at[connector] = self._clock.now()
            await self._quarantine(source, nu, bad.path, [body.decode("latin-1")])
            return source.taken
        self._pushed_at[connector] = self._clock.now()
        await self._taken(source, news, await asyncio.to_thread(self._rows.carrying, news.waybill_no))
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
            await self._noted(Heard(source.connector, news, tuple(carrying)))
        return new_nodes

    async def _noted(self, heard: Heard) -> None:
        """Into the watch list, with what others heard meanwhile: a commit of its own for each would cost most."""
        self._to_note.append(heard)
        async with self._noting:
            if heard.is_noted:
                return
            # one that was in a batch that failed goes alone: the fault may be another's
            batch, self._to_note = (self._to_note, []) if heard in self._to_note else ([heard], self._to_note)
            await self._writer.run(lambda tx: self._rows.note(tx, batch))
            for one in batch:
                one.is_noted = True

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


def _in_one_word(trouble: ShopTrouble) -> str:
    if isinstance(trouble, NotTaken):
        return "not_taken"
    return "later" if isinstance(trouble, Later | BadPayload) else "settings"


def _over(order: Order | None, row: Row, now: datetime) -> str:
    """Why nobody needs to watch this number any more; empty while somebody does."""
    box = order.parcel(row.parcel_no) if order is not None else None
    if box is None or box.waybill_no != row.waybill_no:
        return "another_number"
    if box.state in ENDED:
        return str(box.state)
    return "too_old" if now - row.wanted_at > OLDEST else ""
