"""A hub at work: what its parts do again and again, from its start to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from sqlalchemy import Engine, select
from sqlalchemy.exc import SQLAlchemyError

from app import resources
from app.wire import Restored, Role, SiteRules
from hub.api.context import Doors
from hub.api.front import Front
from hub.api.http import Receive, Scope, Send
from hub.api.surface import surface
from hub.auth import people
from hub.auth.tokens import hash_of, new_pairing_code
from hub.buyer_messages import BuyerMessages
from hub.config import Settings
from hub.connectors.line.courier_sources import Lacking
from hub.connectors.line.line import LOOK as LOOK_AT_LINE
from hub.connectors.line.notices import BuyerNotice
from hub.connectors.line.tracks import LOOK as LOOK_AT_TRACKS
from hub.db import tables as t
from hub.db.leading import LOOK as LOOK_AT_LEAD
from hub.db.leading import Leader
from hub.jobs import BeatWatch, OrderClock
from hub.orders import siterules
from hub.orders.others import Others
from hub.orders.restored import AnnounceJob
from hub.orders.results import HubBusy
from hub.version import version

TICK = timedelta(milliseconds=200)
SWEEP = timedelta(hours=1)
#: How often silent benches are looked for.
WATCH = timedelta(seconds=1)
#: So long a restored hub asks no platform, that stations may send again first.
STATIONS_FIRST = timedelta(seconds=60)

log = structlog.get_logger("hub.atwork")


class Hub:
    """A hub whose parts are joined but not yet at work: an ASGI application that starts with its lifespan.

    ``recovery_code`` is set when the master key was made just now, ``set_up_code`` when nobody can sign on yet.
    """

    def __init__(self, doors: Doors, engine: Engine, recovery_code: str | None) -> None:
        self.doors = doors
        self.recovery_code = recovery_code
        self.set_up_code: str | None = None
        self.users_left = False
        self.couriers_lacking: tuple[Lacking, ...] = ()
        self._engine = engine
        self._front: Front = surface(doors, self._lifespan, version())
        self._jobs = AsyncIOScheduler(timezone=UTC)
        self._messages = _buyer_messages(engine, doors)
        self._order_clock = OrderClock(doors.orders.writer)
        self._beat_watch = BeatWatch(engine, doors.orders.writer)
        self._leader = Leader(engine, doors.world.clock)
        self._others: Others | None = None
        self._steps: dict[str, asyncio.Future[None]] = {}
        self._unsubscribe: Callable[[], None] = lambda: None
        self._line_waits_until: datetime | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._front(scope, receive, send)

    async def start(self) -> None:
        """Everything that needs the event loop: the writer, the ticks, the first users."""
        doors = self.doors
        writer, broadcast = doors.orders.writer, doors.out.broadcast
        writer.start(asyncio.get_running_loop())
        self._unsubscribe = writer.subscribe(broadcast.committed)
        head = await asyncio.to_thread(doors.orders.feed.head)
        broadcast.look(head)
        broadcast.start()
        if self._engine.dialect.name == "postgresql":
            self._others = Others(self._engine, doors.world.clock, lambda: writer.session, writer.heard)
            self._others.start(asyncio.get_running_loop(), head)
        await self._leader.step()
        await self._first_users()
        restored = await writer.restored(AnnounceJob())
        await writer.run(siterules.told(_site_rules(doors.world.settings)))
        self._line_waits_until = self._line_waits(restored)
        # the second instance sees that the first is still at it and leaves: a busy machine is no news
        often: dict[str, Any] = {"coalesce": True, "max_instances": 2, "misfire_grace_time": None}
        self._jobs.add_job(self._tick, "interval", seconds=TICK.total_seconds(), **often)
        self._jobs.add_job(self._sweep, "interval", seconds=SWEEP.total_seconds(), **often)
        if doors.line is not None:
            await doors.line.start()
            self._jobs.add_job(self._walk_line, "interval", seconds=LOOK_AT_LINE.total_seconds(), **often)
        if doors.tracks is not None:
            self._jobs.add_job(self._track, "interval", seconds=LOOK_AT_TRACKS.total_seconds(), **often)
        self._jobs.add_job(self._watch, "interval", seconds=WATCH.total_seconds(), **often)
        if self._others is not None:
            self._jobs.add_job(self._lead, "interval", seconds=LOOK_AT_LEAD.total_seconds(), **often)
        if self._messages is not None:
            self._jobs.add_job(self._tell_buyers, "interval", seconds=LOOK_AT_LINE.total_seconds(), **often)
        self._jobs.start()

    async def stop(self) -> None:
        """Streams first, then the jobs, then what waits in the writer."""
        await self.doors.out.broadcast.stop()
        if self._jobs.running:
            self._jobs.pause()
            if self.doors.tracks is not None:
                await self.doors.tracks.stop()
            if self.doors.line is not None:
                await self.doors.line.stop()
            # the scheduler would cancel a step in the middle of its work
            await asyncio.gather(*self._steps.values())
            await asyncio.sleep(0)
            self._jobs.shutdown(wait=False)
        await self._leader.stop()
        if self._others is not None:
            await self._others.stop()
        self._unsubscribe()
        await self.doors.orders.writer.stop()
        self.doors.auth.passwords.close()
        self.doors.out.pages.stop()
        await asyncio.to_thread(self._engine.dispose)

    async def _lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await self.start()
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                await self.stop()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _first_users(self) -> None:
        """Users of the file on the first start; a set-up code where there are none at all."""
        doors, given = self.doors, self.doors.world.settings.users
        is_new = not await asyncio.to_thread(_has_people, self._engine)
        self.users_left = bool(given) and not is_new
        if not is_new:
            return
        for user in given:
            password_hash = await doors.auth.passwords.apart(
                partial(doors.auth.passwords.hash, user.password)
            )
            await doors.orders.writer.run(people.add_person(user.name, Role(user.role), password_hash))
        if not given:
            self.set_up_code = new_pairing_code()
            doors.auth.set_up.code_hash = hash_of(self.set_up_code)

    async def _tick(self) -> None:
        """What the clock does to orders, as soon as something is due."""
        if self._leader.is_leading:
            await self._stepped("tick", self._order_clock.step(self.doors.world.clock.now()))

    async def _sweep(self) -> None:
        """What nobody needs any more goes, also where nothing falls due."""
        if not self._leader.is_leading:
            return
        writer = self.doors.orders.writer
        await self._stepped("sweep", writer.tick(self.doors.world.clock.now()))
        await self._stepped("sweep", writer.run(people.sweep))

    async def _track(self) -> None:
        """Waybills into the watch list, and what is due on it."""
        if self.doors.tracks is not None and self._leader.is_leading:
            await self._stepped("track", self.doors.tracks.step(self.doors.world.clock.now()))

    def _line_waits(self, restored: Restored | None) -> datetime | None:
        """After a restore the stations come first: their acts name the numbers that orders had."""
        now = self.doors.world.clock.now()
        return now + STATIONS_FIRST if restored is not None and restored.is_locked else None

    async def _walk_line(self) -> None:
        """What is due between us and the platforms begins."""
        now = self.doors.world.clock.now()
        if self._line_waits_until is not None and now < self._line_waits_until:
            restored = await asyncio.to_thread(self.doors.orders.feed.restored)
            if restored is not None and restored.is_locked:
                return
        self._line_waits_until = None
        if self.doors.line is not None:
            step = self.doors.line.step(now, is_leading=self._leader.is_leading)
            await self._stepped("line", step)

    async def _watch(self) -> None:
        """Benches that have fallen silent."""
        if self._leader.is_leading:
            await self._stepped("watch", self._beat_watch.step(self.doors.world.clock.now()))

    async def _lead(self) -> None:
        """The lead among several processes, where nobody has it."""
        await self._stepped("lead", self._leader.step())

    async def _tell_buyers(self) -> None:
        """What waits for buyers goes out, from one process alone."""
        if self._messages is not None and self._leader.is_leading:
            await self._stepped("messages", self._messages.step(self.doors.world.clock.now()))

    async def _stepped(self, job: str, step: Coroutine[Any, Any, object]) -> None:
        """One step of a job, if it is not at one; what the database cannot do now comes with the next."""
        if job in self._steps:
            step.close()
            return
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._steps[job] = done
        try:
            await step
        except (HubBusy, SQLAlchemyError) as error:
            log.warning("step_waits", job=job, error=type(error).__name__)
        finally:
            del self._steps[job]
            done.set_result(None)


def _buyer_messages(engine: Engine, doors: Doors) -> BuyerMessages | None:
    """Who hands messages to buyers over; None where no [[notice]] is of kind "buyer"."""
    way = next((notice for notice in doors.world.settings.notices if notice.kind == "buyer"), None)
    if way is None:
        return None
    return BuyerMessages(engine, doors.orders.writer, BuyerNotice(way), resources.texts())


def _site_rules(settings: Settings) -> dict[str, SiteRules]:
    """What the stations of each warehouse are told."""
    return {house.id: settings.site_rules(house.id) for house in settings.warehouses}


def _has_people(engine: Engine) -> bool:
    with engine.connect() as conn:
        return conn.execute(select(t.person.c.person_id).limit(1)).first() is not None
