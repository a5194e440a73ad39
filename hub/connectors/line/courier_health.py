"""How each courier source does: three failures in a row are said once, and so is that it is over (ING-07).

Kept in the database, for whichever process leads next; ``watch`` holds the rules, as it does for shops.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import Connection, Engine, insert, select, update

from app.ports import Clock
from hub.connectors.line.notices import Notices
from hub.connectors.line.watch import Health, News, bad, good
from hub.connectors.shapes import ShopTrouble
from hub.db import tables as t
from hub.orders.desk import Tx
from hub.orders.said import SayJob
from hub.orders.writer import Writer

#: Numbers that fail in one moment are one failure of their source.
MOMENT = timedelta(seconds=30)
#: While all is well the last good moment is written down no more often.
_GOOD_EVERY = timedelta(minutes=1)
_KEY = "courier_health:"
_FAILING = tuple(
    f"courier_{trouble}"
    for trouble in ("later", "no_permission", "sign_in_again", "wrong_settings", "bad_payload", "refused")
)
_read = msgspec.json.Decoder(Health)


class CourierHealth:
    """The healths of all sources. ``notices`` None: nobody outside the house is told; ``names`` are the sources' own,
    in Chinese and English."""

    def __init__(
        self,
        engine: Engine,
        writer: Writer,
        clock: Clock,
        notices: Notices | None = None,
        names: Mapping[str, tuple[str, str]] | None = None,
    ) -> None:
        self._engine = engine
        self._writer = writer
        self._clock = clock
        self._notices = notices
        self._names = dict(names or {})
        self._known: dict[str, Health] = {}
        self._heard_at: dict[str, datetime] = {}
        self._notes: set[asyncio.Task[bool]] = set()

    def of(self, connectors: Iterable[str]) -> dict[str, Health]:
        """As the database has them. Blocks for a moment."""
        with self._engine.connect() as conn:
            return {name: _kept(conn, name) for name in connectors}

    async def good(self, connector: str) -> None:
        """It answered as it should."""
        now, known = self._clock.now(), self._known.get(connector, Health())
        if not known.failures and known.last_good_at is not None and now - known.last_good_at < _GOOD_EVERY:
            return
        await self._keep(connector, lambda health: good(health, now))

    async def bad(self, connector: str, trouble: ShopTrouble) -> int:
        """It could not be asked, or would not answer. Gives how often in a row by now."""
        now = self._clock.now()
        heard_at = self._heard_at.get(connector)
        if heard_at is None or now - heard_at >= MOMENT:
            self._heard_at[connector] = now
            await self._keep(connector, lambda health: bad(health, trouble, now))
        return self._known.get(connector, Health()).failures

    async def stop(self) -> None:
        for note in self._notes:
            note.cancel()
        await asyncio.gather(*self._notes, return_exceptions=True)

    async def _keep(self, connector: str, judged: Callable[[Health], tuple[Health, News]]) -> None:
        def change(tx: Tx) -> tuple[Health, News]:
            health, news = judged(_kept(tx.conn, connector))
            _write(tx, connector, health)
            return health, news

        health, news = await self._writer.run(change)
        self._known[connector] = health
        if not news:
            return
        await self._writer.say(_said(connector, health, news))
        if self._notices is not None:
            note = asyncio.create_task(self._notice(self._notices, connector, health, news))
            self._notes.add(note)
            note.add_done_callback(self._notes.discard)

    async def _notice(self, notices: Notices, connector: str, health: Health, news: News) -> bool:
        zh, en = self._names.get(connector, (connector, connector))
        said = {"source": f"{zh} / {en}", "failures": health.failures, "word": health.word}
        return await notices.send(
            f"courier_{news}", trouble=health.trouble and f"courier_{health.trouble}", **said
        )


def _said(connector: str, health: Health, news: News) -> SayJob:
    """Once when it fails, once when it is over. Orders go on meanwhile: it is no shop."""
    if news == "failing":
        params = {"connector": connector, "word": health.word}
        return SayJob(f"courier_{health.trouble}", "major", params)
    return SayJob("courier_recovered", "info", {"connector": connector}, over=_FAILING, about="connector")


def _kept(conn: Connection, connector: str) -> Health:
    asked = select(t.setting.c.value).where(t.setting.c.key == _KEY + connector)
    kept = conn.execute(asked).scalar()
    return _read.decode(kept) if kept else Health()


def _write(tx: Tx, connector: str, health: Health) -> None:
    s = t.setting
    values = {"value": msgspec.json.encode(health), "changed_at": tx.now}
    if not tx.conn.execute(update(s).where(s.c.key == _KEY + connector).values(**values)).rowcount:
        tx.conn.execute(insert(s).values(key=_KEY + connector, **values))
