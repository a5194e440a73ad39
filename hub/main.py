"""Joins the hub's parts and runs them in one process: locks the folder, opens the database, serves, stops.

:func:`create_app` makes the ASGI application of a hub (tests and programs may run it in any server);
:func:`run` is the command: it says what it does, and everything the surroundings refuse in one sentence.
"""

from __future__ import annotations

import asyncio
import errno
import gc
import os
import socket
import ssl
import sys
from collections.abc import Callable, Coroutine, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

import httpx
import msgspec
import structlog
import uvicorn
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from sqlalchemy import Engine, insert, select
from sqlalchemy.exc import SQLAlchemyError

from app import resources
from app.core.texts import Lang, Texts
from app.ports import Clock, NewId, SystemClock, Ulid
from app.wire import Restored, SiteRules
from hub import config, datadir, keys, logs, tls
from hub.api.context import Auth, Doors, Orders, Out, SetUpCode, Tries, World
from hub.api.front import Front
from hub.api.http import Receive, Scope, Send
from hub.api.metrics import Metrics
from hub.api.pages import Pages
from hub.api.stream import Broadcast
from hub.api.surface import surface
from hub.auth import people
from hub.auth.callers import Callers
from hub.auth.masks import MASKS
from hub.auth.people import Passwords
from hub.auth.rights import Role
from hub.auth.tokens import hash_of, new_pairing_code
from hub.buyer_messages import BuyerMessages
from hub.config import Settings
from hub.connectors.line.courier_health import CourierHealth
from hub.connectors.line.courier_sources import Lacking, Source, known, open_sources
from hub.connectors.line.ground import Tools
from hub.connectors.line.line import LOOK as LOOK_AT_LINE
from hub.connectors.line.line import Line
from hub.connectors.line.notices import BuyerNotice, Notices
from hub.connectors.line.records import Records
from hub.connectors.line.ship_back_rows import ShipBackRows
from hub.connectors.line.shops import Folder, ShopLine, folder_of
from hub.connectors.line.tracks import LOOK as LOOK_AT_TRACKS
from hub.connectors.line.tracks import Tracks
from hub.db import tables as t
from hub.db.engine import WRITE, one_at_a_time, open_database
from hub.db.leading import LOOK as LOOK_AT_LEAD
from hub.db.leading import Leader
from hub.jobs import BeatWatch, OrderClock
from hub.orders import siterules
from hub.orders.feed import Feed
from hub.orders.lookup import Lookup
from hub.orders.others import Others
from hub.orders.restored import AnnounceJob
from hub.orders.results import HubBusy
from hub.orders.settings import LineSettings
from hub.orders.writer import Writer
from hub.surroundings import Surroundings
from hub.vault import Vault

TICK = timedelta(milliseconds=200)
SWEEP = timedelta(hours=1)
#: How often silent benches are looked for.
WATCH = timedelta(seconds=1)
#: So long a restored hub asks no platform, that stations may send again first.
STATIONS_FIRST = timedelta(seconds=60)
STOP_WITHIN_S = 5
#: Objects more than there were before the cycle collector looks at the young ones. With Python's own 700 it looked
#: at the pushes that wait for their commit again and again: a tenth of what a push costs. Ours are hardly ever cycles.
_COLLECTED = (20_000, 10, 10)

log = structlog.get_logger("hub.main")


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


def create_app(
    settings: Settings,
    clock: Clock,
    new_id: NewId,
    *,
    recover: str | None = None,
    ca_sha256: str = "",
    folders: Callable[[str], Folder | None] = folder_of,
    passwords: Passwords | None = None,
) -> Hub:
    """A hub on its database; ``folders`` finds a platform's folder by its name. ``passwords``: as strong as they should
    be unless others are given.

    Raises :class:`Surroundings` for everything the surroundings refuse.
    """
    engine = open_database(settings.db_url, settings.data_dir, new_id)
    try:
        opened = _vault(engine, settings, clock, recover)
    except Surroundings:
        engine.dispose()
        raise
    sources, lacking = open_sources(settings.carriers, _http)
    doors = open_doors(
        settings,
        clock,
        new_id,
        engine,
        opened.vault,
        sources=sources,
        lacking=lacking,
        ca_sha256=ca_sha256,
        folders=folders,
        passwords=passwords,
    )
    hub = Hub(doors, engine, opened.recovery_code)
    hub.couriers_lacking = lacking
    return hub


def open_doors(
    settings: Settings,
    clock: Clock,
    new_id: NewId,
    engine: Engine,
    vault: Vault,
    *,
    sources: Mapping[str, Source],
    lacking: tuple[Lacking, ...] = (),
    ca_sha256: str = "",
    folders: Callable[[str], Folder | None] = folder_of,
    http: Callable[[float], httpx.AsyncClient] | None = None,
    writer_of: type[Writer] = Writer,
    passwords: Passwords | None = None,
) -> Doors:
    """The parts of a hub on an open database, joined; nothing of them is at work yet.

    ``http`` makes the client for a platform, ``writer_of`` and ``passwords`` let a stepped world bring its own.
    """
    line = line_settings(settings)
    writer = writer_of(engine, clock, new_id, vault, line)
    feed = Feed(engine, MASKS, give_way=writer.hurry.give_way)
    callers = Callers(engine, clock, sign_on_required=settings.hub.sign_on_required)
    pages = Pages(feed, clock)
    lookup = Lookup(engine, vault, line)
    metrics = Metrics()
    return Doors(
        world=World(settings, clock, new_id, resources.texts()),
        orders=Orders(engine, writer, feed, lookup),
        auth=Auth(
            callers,
            passwords or Passwords(),
            Tries(clock, 5, timedelta(minutes=5)),
            Tries(clock, 50, timedelta(minutes=5)),
            SetUpCode(),
            ca_sha256,
        ),
        out=Out(pages, Broadcast(pages, callers, clock, writer.head, writer.hurry), metrics),
        tracks=Tracks(
            engine,
            writer,
            lookup,
            vault,
            clock,
            sources,
            lambda connector, words: metrics.strange_words.labels(connector).inc(words),
            CourierHealth(
                engine, writer, clock, Notices(settings.notices, resources.texts()), _courier_names()
            ),
        )
        if sources
        else None,
        couriers_lacking=lacking,
        line=_line(settings, engine, writer, vault, clock, folders, http or _http),
    )


def _courier_names() -> dict[str, tuple[str, str]]:
    return {name: (manifest.title_zh, manifest.title_en) for name, manifest in known().items()}


def _line(
    settings: Settings,
    engine: Engine,
    writer: Writer,
    vault: Vault,
    clock: Clock,
    folders: Callable[[str], Folder | None],
    http: Callable[[float], httpx.AsyncClient],
) -> Line | None:
    """The shops that speak to a platform, joined with what the line needs; None where there are none."""
    found = [(shop, folder) for shop in settings.shops if (folder := folders(shop.connector)) is not None]
    if not found:
        return None
    tools = Tools(
        writer=writer,
        records=Records(engine),
        ship_backs=ShipBackRows(engine),
        vault=vault,
        clock=clock,
        notices=Notices(settings.notices, resources.texts()),
        zone=settings.zone,
    )
    return Line([ShopLine(shop, folder, clock, writer, vault, http) for shop, folder in found], tools)


def _buyer_messages(engine: Engine, doors: Doors) -> BuyerMessages | None:
    """Who hands messages to buyers over; None where no [[notice]] is of kind "buyer"."""
    way = next((notice for notice in doors.world.settings.notices if notice.kind == "buyer"), None)
    if way is None:
        return None
    return BuyerMessages(engine, doors.orders.writer, BuyerNotice(way), resources.texts())


def _http(timeout_s: float) -> httpx.AsyncClient:
    """How the hub calls platforms: by no proxy of the environment, and for no longer than they are given."""
    return httpx.AsyncClient(verify=_trusted(), trust_env=False, timeout=timeout_s)


@cache
def _trusted() -> ssl.SSLContext:
    """Whose certificates platforms may show. Read once: it takes as long as the rest of a shop's connection."""
    return httpx.create_ssl_context(trust_env=False)


def line_settings(settings: Settings) -> LineSettings:
    """What the writer needs to know of hub.toml."""
    return LineSettings(
        timezone=settings.zone,
        order_prefix=settings.hub.order_prefix,
        rules=settings.rules(settings.warehouses[0].id),
        shop_warehouses={shop.id: shop.warehouse for shop in settings.shops},
        default_warehouse=settings.warehouses[0].id,
        last_gates={house.id: house.last_gate for house in settings.warehouses},
        buyer_langs={shop.id: shop.buyer_lang for shop in settings.shops},
        online_s=settings.hub.online_s,
        lease_s=settings.hub.lease_min * 60,
    )


def _site_rules(settings: Settings) -> dict[str, SiteRules]:
    """What the stations of each warehouse are told."""
    return {house.id: settings.site_rules(house.id) for house in settings.warehouses}


def _vault(engine: Engine, settings: Settings, clock: Clock, recover: str | None) -> keys.Opened:
    """The vault that fits this database; a new database remembers its key's id."""
    with engine.connect().execution_options(**WRITE) as conn, conn.begin():
        one_at_a_time(conn)
        known = conn.execute(select(t.setting.c.value).where(t.setting.c.key == keys.KEY_ID)).scalar()
        known_id = msgspec.json.decode(known, type=str) if known else None
        opened = keys.open_vault(settings.data_dir, known_id, recover)
        if known_id is None:
            value = msgspec.json.encode(opened.vault.key_id)
            conn.execute(insert(t.setting).values(key=keys.KEY_ID, value=value, changed_at=clock.now()))
    return opened


def _has_people(engine: Engine) -> bool:
    with engine.connect() as conn:
        return conn.execute(select(t.person.c.person_id).limit(1)).first() is not None


def version() -> str:
    try:
        return installed("orderdock")
    except PackageNotFoundError:
        return "0"


# ------------------------------------------------------------------------------------------- the command


def run(
    config_path: Path | None,
    data_dir: Path,
    host: str | None = None,
    port: int | None = None,
    db: str | None = None,
    *,
    recover: str | None = None,
    lang: Lang = "zh",
) -> int:
    """Runs a hub until it is told to stop; gives the exit status.

    ``config_path`` None: ``hub.toml`` in the data dir where there is one. ``host``, ``port`` and ``db`` win over the
    file. Says on stdout where it listens, and on stderr in one sentence why it does not.
    """
    texts = resources.texts()
    try:
        with datadir.occupied(data_dir):
            datadir.whole(data_dir)
            return _run(settings_of(config_path, data_dir, host, port, db), texts, recover, lang)
    except Surroundings as no:
        said = no
    except OSError as error:
        said = datadir.no(error, data_dir)
    print(said.sentence(texts, lang), file=sys.stderr)
    return 1


def settings_of(
    config_path: Path | None,
    data_dir: Path,
    host: str | None = None,
    port: int | None = None,
    db: str | None = None,
) -> Settings:
    """What hub.toml and the command line say together. Raises :class:`Surroundings`."""
    beside = data_dir / "hub.toml"
    path = config_path or (beside if beside.exists() else None)
    settings = config.load(path, data_dir, os.environ)
    given = {"host": host, "port": port, "db": db}
    said = {name: value for name, value in given.items() if value is not None}
    return msgspec.structs.replace(settings, hub=msgspec.structs.replace(settings.hub, **said))


def _run(settings: Settings, texts: Texts, recover: str | None, lang: Lang) -> int:
    def say(key: str, **params: Any) -> None:
        print(texts.text(f"hub.{key}", lang, **params), flush=True)

    clock = SystemClock()
    with logs.logging_into(settings.data_dir), _bound(settings.hub.host, settings.hub.port) as sock:
        secured = _secured(settings, clock.now())
        ca_sha256 = secured.ca_sha256 if secured else ""
        hub = create_app(settings, clock, Ulid(clock), recover=recover, ca_sha256=ca_sha256)
        if hub.recovery_code:
            say("key_made", code=hub.recovery_code)
        if settings.strangers:
            say("config_strangers", names=", ".join(settings.strangers))
        url = _url(settings.hub.host, sock.getsockname()[1], is_tls=secured is not None)
        _Server(hub, secured, lambda: _ready(hub, url, secured, say)).run(sockets=[sock])
        log.info("stopped")
        say("stopped")
    return 0


def _ready(hub: Hub, url: str, secured: tls.Tls | None, say: Callable[..., None]) -> None:
    say("ready", url=url)
    if secured:
        say("fingerprint", sha256=secured.ca_sha256)
    if hub.set_up_code:
        say("set_up_code", code=hub.set_up_code)
    if hub.users_left:
        say("config_users_left")
    for one in hub.couriers_lacking:
        log.error("courier_lacks", connector=one.connector, field=one.field)
        say("courier_lacks", connector=one.connector, field=one.field)
    settings = hub.doors.world.settings
    log.info("ready", version=version(), host=settings.hub.host, port=settings.hub.port)


def _bound(host: str, port: int) -> socket.socket:
    """The socket the hub will listen on. Raises :class:`Surroundings` ``port_taken`` or ``host_unusable``."""
    try:
        family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        sock = socket.socket(family, kind, proto)
    except OSError as error:
        raise Surroundings("host_unusable", host=host) from error
    try:
        if os.name != "nt":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        else:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)  # type: ignore[attr-defined]
        _drop_dead_peers(sock)
        sock.bind(address)
        sock.listen(1024)
    except OSError as error:
        sock.close()
        is_taken = error.errno in (errno.EADDRINUSE, getattr(errno, "WSAEADDRINUSE", errno.EADDRINUSE))
        key = "port_taken" if is_taken else "port_closed" if error.errno == errno.EACCES else "host_unusable"
        raise Surroundings(key, host=host, port=port) from error
    return sock


def _drop_dead_peers(sock: socket.socket) -> None:
    """A station that lost its power, or reads nothing, is given up by the system; accepted sockets inherit it."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", 20), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3)):
        if (option := getattr(socket, name, None)) is not None:
            sock.setsockopt(socket.IPPROTO_TCP, option, value)
    if (option := getattr(socket, "TCP_USER_TIMEOUT", None)) is not None:
        sock.setsockopt(socket.IPPROTO_TCP, option, 30_000)


def _secured(settings: Settings, now: datetime) -> tls.Tls | None:
    """The certificate of a hub that others can reach; nothing on loopback."""
    if tls.is_loopback(settings.hub.host):
        return None
    try:
        return tls.prepare(settings.data_dir, settings.hub.host, now)
    except ValueError as error:
        raise Surroundings("tls_damaged", path=settings.data_dir / "tls") from error


def _url(host: str, port: int, *, is_tls: bool) -> str:
    shown = f"[{host}]" if ":" in host else host
    return f"{'https' if is_tls else 'http'}://{shown}:{port}"


class _Server(uvicorn.Server):
    """uvicorn that ends our streams before it waits for them, and leaves with status 0 when told to stop."""

    def __init__(self, hub: Hub, secured: tls.Tls | None, on_ready: Callable[[], None]) -> None:
        self._hub = hub
        self._on_ready = on_ready
        super().__init__(
            uvicorn.Config(
                hub,
                access_log=False,
                log_config=None,
                server_header=False,
                proxy_headers=False,  # nobody before us: what a caller says of its own address counts nothing
                ws="none",
                timeout_graceful_shutdown=STOP_WITHIN_S,
                timeout_keep_alive=75,
                ssl_certfile=str(secured.cert_path) if secured else None,
                ssl_keyfile=str(secured.key_path) if secured else None,
            )
        )

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            # what was made by now stays: looking through it for garbage takes 100 ms, in the middle of a cancel
            gc.freeze()
            gc.set_threshold(*_COLLECTED)
            self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self._hub.doors.out.broadcast.stop()
        # asyncio takes a caller in in three turns of its loop; uvicorn would wait STOP_WITHIN_S for one in their midst
        if sys.platform != "win32":  # its loop has no readers
            for listening in (sock for server in self.servers for sock in server.sockets):
                asyncio.get_running_loop().remove_reader(listening.fileno())
        for _ in range(3):
            await asyncio.sleep(0)
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: Any) -> None:
        self.force_exit = self.should_exit
        self.should_exit = True
