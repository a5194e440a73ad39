"""``GET /v1/orders/{order_no}/story``: the file of an order, as JSON for programs or as a CSV for people."""

from __future__ import annotations

import asyncio

import msgspec

from app.core.history import HistoryKind, HistoryRow
from app.core.order import Order
from app.wire import StoryEntry
from hub.api.context import Call, Doors, in_ms
from hub.api.http import ApiError, Receive, Request, Send, answer, answer_json
from hub.api.story import entry_of
from hub.api.story_csv import story_csv
from hub.auth.callers import Caller
from hub.auth.masks import history_as_seen
from hub.connectors.line.track_pieces import RawNodes

CSV = "text/csv"
_CSV_HEADER = (b"content-type", b"text/csv; charset=utf-8")


async def order_of(doors: Doors, caller: Caller, order_no: str) -> Order:
    """The order, if this caller's warehouse has it: another's is as unknown as none. Raises ApiError 404."""
    order = await asyncio.to_thread(doors.orders.lookup.order, order_no)
    if order is None or caller.warehouse not in (None, order.warehouse):
        raise ApiError(404, "no_such_order")
    return order


async def get_story(doors: Doors, call: Call, receive: Receive, send: Send) -> None:
    """Everything that happened to an order, in the caller's words: as JSON, or as a CSV to take away."""
    as_csv = wants_csv(call.request)
    order = await order_of(doors, call.known, call.path["order_no"])
    told = await asyncio.to_thread(doors.orders.lookup.story, order.order_no)
    rows = [history_as_seen(call.known.mask, row) for row in told]
    texts = doors.world.texts
    if not as_csv:
        entries = [entry_of(row, texts, call.lang) for row in rows]
        if doors.tracks is not None and call.known.mask != "office":
            raws = await asyncio.to_thread(doors.tracks.raws, order.order_no)
            entries = [_with_raw(entry, row, raws) for entry, row in zip(entries, rows, strict=True)]
        await answer_json(send, entries)
        return
    stations = await asyncio.to_thread(doors.orders.lookup.stations)
    names = {station.station_id: station.name for station in stations}
    body = story_csv(rows, names, doors.world.settings.zone, texts, call.lang)
    named = f'attachment; filename="{order.order_no}.csv"'.encode("ascii")
    await answer(send, 200, body, [_CSV_HEADER, (b"content-disposition", named)])


def _with_raw(entry: StoryEntry, row: HistoryRow, raws: dict[str, RawNodes]) -> StoryEntry:
    """A courier's node with the piece of the answer it was read from and when that was fetched (TRK-06)."""
    if row.kind != HistoryKind.track_node or row.made_at is None:
        return entry
    raw = raws.get(row.parcel_no or "", {}).get((row.made_at, str(row.params.get("text", ""))))
    if raw is None:
        return entry
    fetched_at = in_ms(raw.fetched_at).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    detail = entry.detail | {"fetched_at": fetched_at}
    return msgspec.structs.replace(entry, raw=raw.text, detail=detail)


def wants_csv(request: Request) -> bool:
    """``?format=`` decides, without it the ``Accept`` header. Raises ApiError 422 for a format nobody makes."""
    asked = request.query.get("format", "")
    if asked not in ("", "csv", "json"):
        raise ApiError(422, "bad_format", names="json, csv")
    if asked:
        return asked == "csv"
    return _weight(request.header("accept"), CSV) > _weight(request.header("accept"), "application/json")


def _weight(accept: str, media: str) -> float:
    """How much a caller likes this media type, 0 where it names neither the type nor all of its kind."""
    best = (-1, 0.0)
    for part in accept.split(","):
        name, *params = (piece.strip() for piece in part.lower().split(";"))
        fits = (media, media.partition("/")[0] + "/*", "*/*")
        if name in fits:
            weight = next((p[2:].strip() for p in params if p.startswith("q=")), "1")
            known = float(weight) if weight.replace(".", "", 1).isdecimal() else 1.0
            best = max(best, (len(fits) - fits.index(name), known))
    return best[1]
