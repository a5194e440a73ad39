"""``POST /v1/imports``: a file of orders, items or waybill numbers, as a form field ``file`` or as the raw body.

One import at a time: each may hold a file of 50 MB and everything read from it.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, post
from litestar.datastructures import UploadFile
from litestar.di import NamedDependency
from litestar.params import FromQuery, QueryParameter
from sqlalchemy import insert

from app.wire import ImportReport
from hub.api.context import Doors, GivenCall, GivenDoors
from hub.api.http import ApiError, Dirty, clean
from hub.config import Shop
from hub.connectors.channels.file import LIMITS, BadFile, read_map, run_import
from hub.db import tables as t
from hub.orders.desk import Tx

#: A form adds a little around the file.
BODY_BYTES = LIMITS.size_max + 1_000_000
Kind = Literal["orders", "items", "waybills"]
_NAME_MAX = 200


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
    importing: NamedDependency[asyncio.Lock],
    kind: FromQuery[Kind] = "orders",
    shop: Annotated[str, QueryParameter(max_length=64)] = "",
    filename: Annotated[str, QueryParameter(max_length=_NAME_MAX)] = "",
    dry_run: FromQuery[bool] = False,
    column_map: Annotated[str, QueryParameter(name="map", max_length=64)] = "",
) -> ImportReport:
    """Good rows are taken, every bad row comes back with its reason."""
    world = doors.world
    of_shop = _shop(doors, shop)
    async with importing:
        data, name = await _upload(request, filename)
        try:
            own = read_map(world.settings.data_dir, column_map) if column_map else None
            report = await run_import(
                doors.orders.writer,
                data,
                name,
                kind,
                of_shop,
                call.lang,
                dry_run,
                call.known.actor,
                texts=world.texts,
                now=world.clock.now(),
                zone=world.settings.zone,
                own=own,
            )
        except BadFile as bad:
            raise BadUpload(bad.text(world.texts, call.lang)) from bad
        if not dry_run:
            await doors.orders.writer.run(_noted(report, data, name, of_shop.id, call.known.name))
    return report


def _shop(doors: Doors, shop_id: str) -> Shop:
    """The shop of the settings; without one named, the first that takes files, else one of its own."""
    shops = doors.world.settings.shops
    if not shop_id:
        return next((s for s in shops if s.connector == "file"), Shop(id="file", connector="file"))
    found = doors.world.settings.shop(shop_id)
    if found is None and shop_id == "file":
        return Shop(id="file", connector="file")
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


def _noted(report: ImportReport, data: bytes, name: str, shop_id: str, actor: str) -> Callable[[Tx], None]:
    """One line in the list of imports: what came in, without the rows themselves."""
    kept = msgspec.structs.replace(report, problems=[], refused_file="")

    def fn(tx: Tx) -> None:
        tx.conn.execute(
            insert(t.import_log).values(
                import_id=tx.new_id(),
                at=tx.now,
                kind=report.kind,
                shop_id=shop_id,
                file_name=name,
                file_hash=hashlib.sha256(data).digest(),
                actor=actor,
                report=msgspec.json.encode(kept),
            )
        )

    return fn
