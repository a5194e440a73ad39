"""Joins the hub's parts and runs them in one process: locks the folder, opens the database, serves, stops.

:func:`create_app` makes the ASGI application of a hub (tests and programs may run it in any server);
:func:`run` is the command: it says what it does, and everything the surroundings refuse in one sentence.
"""

from __future__ import annotations

import os
import ssl
import sys
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import msgspec
import structlog
from sqlalchemy import Engine, insert, select

from app import resources
from app.core.texts import Lang, Texts
from app.ports import Clock, NewId, SystemClock, Ulid
from hub import config, datadir, keys, logs, tls
from hub.api.context import Auth, Doors, Orders, Out, SetUpCode, Tries, World
from hub.api.metrics import Metrics
from hub.api.pages import Pages
from hub.api.stream import Broadcast
from hub.atwork import Hub
from hub.auth.callers import Callers
from hub.auth.masks import MASKS
from hub.auth.people import Passwords
from hub.config import Settings
from hub.connectors.line.courier_health import CourierHealth
from hub.connectors.line.courier_sources import Lacking, Source, known, open_sources
from hub.connectors.line.ground import Tools
from hub.connectors.line.line import Line
from hub.connectors.line.notices import Notices
from hub.connectors.line.records import Records
from hub.connectors.line.ship_back_rows import ShipBackRows
from hub.connectors.line.shops import Folder, ShopLine, folder_of
from hub.connectors.line.tracks import Tracks
from hub.db import tables as t
from hub.db.engine import WRITE, one_at_a_time, open_database
from hub.orders.feed import Feed
from hub.orders.lookup import Lookup
from hub.orders.settings import LineSettings
from hub.orders.writer import Writer
from hub.serving import Server, bound, secured_for, url_of
from hub.surroundings import Surroundings
from hub.vault import Vault
from hub.version import version

log = structlog.get_logger("hub.main")


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
    pages = Pages(feed, clock, writer.hurry)
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
    with logs.logging_into(settings.data_dir), bound(settings.hub.host, settings.hub.port) as sock:
        secured = secured_for(settings, clock.now())
        ca_sha256 = secured.ca_sha256 if secured else ""
        hub = create_app(settings, clock, Ulid(clock), recover=recover, ca_sha256=ca_sha256)
        if hub.recovery_code:
            say("key_made", code=hub.recovery_code)
        if settings.strangers:
            say("config_strangers", names=", ".join(settings.strangers))
        url = url_of(settings.hub.host, sock.getsockname()[1], is_tls=secured is not None)
        Server(hub, secured, lambda: _ready(hub, url, secured, say)).run(sockets=[sock])
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
