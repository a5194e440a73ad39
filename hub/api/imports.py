"""``POST /v1/imports``: a file of orders, items or waybill numbers, as a form field ``file`` or as the raw body.

One import at a time: each may hold a file of 50 MB and everything read from it. Small files, as programs send
them for an order or ten, go side by side before it, and the writer takes what has come of them in one commit.
Who gives a ``ticket`` of their own making can ask how far it has got, and stop it; both are kept in this
process alone, as long as the import is under way.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, get, post
from litestar.datastructures import UploadFile
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter

from app.wire import Done, ImportProgress, ImportReport
from hub.api.context import Call, Doors, GivenCall, GivenDoors
from hub.api.http import ApiError, Dirty, clean
from hub.config import Shop
from hub.connectors.channels.file import LIMITS, BadFile, Found, InThread, read_map, run_import
from hub.orders.desk import NotedJob
from hub.orders.hurry import Hurry

#: A form adds a little around the file.
BODY_BYTES = LIMITS.size_max + 1_000_000
#: ``guess`` goes by the headings of the file.
Kind = Literal["orders", "items", "waybills", "guess"]
_NAME_MAX = 200
#: A small file, and how many of them are under way at a time.
SMALL_BYTES = 64_000
_SMALL_AT_ONCE = 8
_FILE_SHOP = Shop(id="file", connector="file")


class Stopped(Exception):
    """Whoever started the import has stopped it after so many rows."""

    def __init__(self, rows_done: int) -> None:
        super().__init__(rows_done)
        self.rows_done = rows_done


@dataclass(slots=True)
class Running:
    """One import under way, as its ticket tells it."""

    progress: ImportProgress = field(default_factory=lambda: ImportProgress(stage="waiting"))
    is_stopped: bool = False

    def on_page(self, rows_done: int, rows: int) -> None:
        """Raises :class:`Stopped`: what came before stays, the pages after it are left."""
        self.progress = ImportProgress(stage="taking", rows_done=rows_done, rows=rows)
        if self.is_stopped and rows_done < rows:
            raise Stopped(rows_done)

    def begin(self) -> None:
        if self.is_stopped:
            raise Stopped(0)
        self.progress = ImportProgress(stage="reading")


class Imports:
    """What is under way in this process; joined in the surface."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._small = asyncio.Semaphore(_SMALL_AT_ONCE)
        self._reading = asyncio.Lock()
        self._running: dict[tuple[str, str], Running] = {}

    def turn(self, declared: str) -> asyncio.Lock | asyncio.Semaphore:
        """What an upload waits for, by the length it declares; one that declares none is a large one."""
        return self._small if _is_small(declared) else self._turn

    def in_thread(self, declared: str, hurry: Hurry) -> InThread:
        """How such an upload is read: small ones one after the other. Side by side each would take as much longer, and
        everybody else would wait for the interpreter behind all of them. None is begun while a command is under way.
        """

        async def one_by_one(read: Callable[[], Found]) -> Found:
            async with self._reading:
                await hurry.at_leisure()
                return await asyncio.to_thread(_read_alone, read, hurry)

        return one_by_one if _is_small(declared) else asyncio.to_thread

    @contextmanager
    def under_way(self, who: str, ticket: str) -> Iterator[Running]:
        running = Running()
        if not ticket:
            yield running
            return
        self._running[who, ticket] = running
        try:
            yield running
        finally:
            if self._running.get((who, ticket)) is running:
                del self._running[who, ticket]

    def find(self, who: str, ticket: str) -> Running:
        """Raises :class:`ApiError` 404: done already, somebody else's, or of another process."""
        running = self._running.get((who, ticket))
        if running is None:
            raise ApiError(404, "no_such_import")
        return running


def _read_alone(read: Callable[[], Found], hurry: Hurry) -> Found:
    with hurry.counting:
        return read()


def _is_small(declared: str) -> bool:
    return declared.isdecimal() and len(declared) < 10 and int(declared) <= SMALL_BYTES


GivenImports = NamedDependency[Imports]


class BadUpload(ApiError):
    """The file as a whole cannot be taken; the sentence is the connector's own."""

    def __init__(self, text: str) -> None:
        super().__init__(422, "bad_file", text=text)


@post(
    "/v1/imports",
    summary="Bring in a file: .xlsx or .csv, as form field `file` or as the body",
    status_code=200,
    request_max_body_size=BODY_BYTES,
)
async def import_file(
    request: Request[Any, Any, Any],
    doors: GivenDoors,
    call: GivenCall,
    imports: GivenImports,
    kind: FromQuery[Kind] = "orders",
    shop: Annotated[str, QueryParameter(max_length=64)] = "",
    filename: Annotated[str, QueryParameter(max_length=_NAME_MAX)] = "",
    dry_run: FromQuery[bool] = False,
    column_map: Annotated[str, QueryParameter(name="map", max_length=64)] = "",
    ticket: Annotated[str, QueryParameter(max_length=64)] = "",
) -> ImportReport:
    """Good rows are taken, every bad row comes back with its reason."""
    of_shop = _shop(doors, shop)
    declared = request.headers.get("content-length", "")
    ask = _Ask(kind, of_shop, dry_run, column_map, imports.in_thread(declared, doors.orders.writer.hurry))
    with imports.under_way(call.known.name, ticket) as running:
        try:
            async with imports.turn(declared):
                running.begin()
                data, name = await _upload(request, filename)
                report = await _taken(doors, call, ask, data, name, running)
        except Stopped as stopped:
            raise ApiError(409, "import_stopped", n=stopped.rows_done) from stopped
        if not dry_run:
            await doors.orders.writer.noted(_noted(report, data, name, of_shop.id, call.known.name))
    return report


@dataclass(frozen=True, slots=True)
class _Ask:
    kind: Kind
    shop: Shop
    dry_run: bool
    column_map: str
    in_thread: InThread


async def _taken(
    doors: Doors, call: Call, ask: _Ask, data: bytes, name: str, running: Running
) -> ImportReport:
    world = doors.world
    try:
        own = read_map(world.settings.data_dir, ask.column_map) if ask.column_map else None
        return await run_import(
            doors.orders.writer,
            data,
            name,
            ask.kind,
            ask.shop,
            call.lang,
            ask.dry_run,
            call.known.actor,
            running.on_page,
            texts=world.texts,
            now=world.clock.now(),
            zone=world.settings.zone,
            own=own,
            in_thread=ask.in_thread,
            give_way=doors.orders.writer.hurry.give_way,
        )
    except BadFile as bad:
        raise BadUpload(bad.text(world.texts, call.lang)) from bad


@get("/v1/imports/{ticket:str}", summary="How far an import under way has got")
async def import_progress(ticket: FromPath[str], call: GivenCall, imports: GivenImports) -> ImportProgress:
    return imports.find(call.known.name, ticket).progress


@post(
    "/v1/imports/{ticket:str}/stop", summary="Stop an import under way; what was taken stays", status_code=200
)
async def stop_import(ticket: FromPath[str], call: GivenCall, imports: GivenImports) -> Done:
    imports.find(call.known.name, ticket).is_stopped = True
    return Done()


HANDLERS = [import_file, import_progress, stop_import]


def _shop(doors: Doors, shop_id: str) -> Shop:
    """The shop of the settings; without one named, the first that takes files, else one of its own."""
    shops = doors.world.settings.shops
    if not shop_id:
        return next((s for s in shops if s.connector == "file"), _FILE_SHOP)
    found = doors.world.settings.shop(shop_id)
    if found is None and shop_id == _FILE_SHOP.id:
        return _FILE_SHOP
    if found is None:
        raise ApiError(404, "no_such_shop", name=shop_id, names=", ".join(s.id for s in shops) or "file")
    return found


async def _upload(request: Request[Any, Any, Any], filename: str) -> tuple[bytes, str]:
    """The file's bytes and name, from a form or from the body itself."""
    if request.content_type[0] != "multipart/form-data":
        data, name = await request.body(), filename
    else:
        form = await request.form()
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise ApiError(422, "no_file")
        data, name = await file.read(), filename or file.filename
    if not data:
        raise ApiError(422, "no_file")
    if len(data) > LIMITS.size_max:
        raise ApiError(413, "too_large", limit_mb=f"{LIMITS.size_max / 2**20:g}")
    try:
        clean(name)
    except Dirty as error:
        raise ApiError(422, "dirty_body") from error
    return data, name[-_NAME_MAX:] or "upload"


def _noted(report: ImportReport, data: bytes, name: str, shop_id: str, actor: str) -> NotedJob:
    """One line in the list of imports: what came in, without the rows themselves."""
    kept = msgspec.structs.replace(report, problems=[], refused_file="")
    file_hash = hashlib.sha256(data).digest()
    return NotedJob(report.kind, shop_id, name, file_hash, actor, msgspec.json.encode(kept))
