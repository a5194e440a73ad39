"""``GET /openapi.json``: Litestar tells its own part, the hot doors are told here from the same structs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec
from litestar import Litestar

from app.wire import (
    ChangePage,
    CourierAnswer,
    CourierPush,
    Envelope,
    ErrorAnswer,
    GoAnswer,
    GoAsk,
    Head,
    Health,
    ImportReport,
    LeaseAnswer,
    LeaseAsk,
    Receipt,
    StoryEntry,
    TrackAsked,
    Urgent,
)
from hub.auth.rights import ROUTES

_REF = "#/components/schemas/{name}"
_ENDED = "application/json"


@dataclass(frozen=True, slots=True)
class Told:
    """One door that Litestar does not know."""

    summary: str
    takes: Any = None
    gives: Any = None
    media: str = _ENDED
    query: dict[str, dict[str, Any]] = field(default_factory=dict)
    also: tuple[Any, ...] = ()
    as_text: str = ""  #: a media type the same thing comes in as well, when asked for


_PLACE: dict[str, dict[str, Any]] = {
    "after": {"type": "integer", "minimum": 0, "default": 0},
    "epoch": {"type": "string", "description": "required when after > 0"},
}
TOLD: dict[tuple[str, str], Told] = {
    ("GET", "/healthz"): Told("Can the hub serve?", gives=Health),
    ("GET", "/metrics"): Told("Figures for Prometheus", media="text/plain"),
    ("GET", "/openapi.json"): Told("This page", gives=dict[str, Any]),
    ("GET", "/ca.pem"): Told("The hub's own certificate authority", media="application/x-pem-file"),
    ("POST", "/v1/acts"): Told(
        "Facts and commands; one receipt each, in their order", list[Envelope], list[Receipt]
    ),
    ("GET", "/v1/changes"): Told(
        "A page of the feed",
        gives=ChangePage,
        query=_PLACE
        | {
            "limit": {"type": "integer", "minimum": 1, "maximum": 2000, "default": 500},
            "wait": {"type": "integer", "minimum": 0, "maximum": 55, "default": 0},
        },
    ),
    ("GET", "/v1/stream"): Told(
        "Server-sent events: urgent (Urgent), changes (ChangePage with after), head (Head)",
        gives=ChangePage,
        also=(Urgent, Head),
        media="text/event-stream",
        query=_PLACE,
    ),
    ("GET", "/v1/orders/{order_no}/story"): Told(
        "Everything that happened to an order, in the caller's words; as a CSV by Accept or ?format=csv",
        gives=list[StoryEntry],
        query={"format": {"type": "string", "enum": ["json", "csv"]}},
        as_text="text/csv",
    ),
    ("GET", "/v1/exports/orders"): Told(
        "Orders of a span of days as a CSV, with what is peculiar to their channels",
        gives=str,
        media="text/csv",
        query={
            "from": {"type": "string", "description": "business day, YYYYMMDD"},
            "to": {"type": "string"},
            "influencer_id": {"type": "string"},
            "live_room_id": {"type": "string"},
            "group_status": {"type": "string"},
        },
    ),
    ("GET", "/v1/exports/work"): Told(
        "Every act at the benches on a business day as a CSV",
        gives=str,
        media="text/csv",
        query={
            "day": {"type": "string", "description": "business day, YYYYMMDD; today where it is not said"},
            "warehouse": {"type": "string"},
            "who": {"type": "string"},
            "station": {"type": "string", "description": "a station_id"},
        },
    ),
    ("POST", "/v1/leases"): Told("Leases in batches, or giving them back", LeaseAsk, list[LeaseAnswer]),
    ("POST", "/v1/go_checks"): Told("May it go?", GoAsk, GoAnswer),
    ("POST", "/v1/parcels/{parcel_no}/label"): Told("Label data for one print", gives=LeaseAnswer),
    ("POST", "/v1/parcels/{parcel_no}/track"): Told(
        "Ask the courier source for news now, or hear when it may be asked", gives=TrackAsked
    ),
    ("POST", "/v1/imports"): Told(
        "Bring in a file: .xlsx or .csv, as form field `file` or as the body",
        gives=ImportReport,
        query={
            "kind": {"type": "string", "enum": ["orders", "items", "waybills", "guess"], "default": "orders"},
            "shop": {"type": "string"},
            "filename": {"type": "string"},
            "map": {"type": "string", "description": "name of a saved column map"},
            "dry_run": {"type": "boolean", "default": False},
            "ticket": {"type": "string", "description": "your own, to ask how far it is and to stop it"},
        },
    ),
    ("POST", "/v1/webhooks/{shop_id}"): Told(
        "A platform's push about a shop's orders, in the platform's own words and signed by it", media="*/*"
    ),
    ("POST", "/v1/webhooks/carrier/{connector}"): Told(
        "Courier nodes, signed by the courier in its own way: kuaidi100 by form, the rehearsal courier like this",
        CourierPush,
        CourierAnswer,
        also=(dict[str, Any],),
    ),
}


def document(router: Litestar, version: str) -> bytes:
    """The whole surface as OpenAPI 3.1."""
    whole: dict[str, Any] = router.openapi_schema.to_schema()
    shapes = [shape for told in TOLD.values() for shape in (told.takes, told.gives, *told.also) if shape]
    made, components = msgspec.json.schema_components([*shapes, ErrorAnswer], ref_template=_REF)
    told_shapes = dict(zip(map(repr, shapes), made, strict=False))
    whole.setdefault("components", {}).setdefault("schemas", {}).update(components)
    whole["components"]["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer", "description": "token of a station or of a session"},
        "session": {
            "type": "apiKey",
            "in": "header",
            "name": "X-Orderdock-Session",
            "description": "beside a station's bearer token: who is signed on there",
        },
    }
    paths = whole.setdefault("paths", {})
    for (method, path), told in TOLD.items():
        paths.setdefault(path, {})[method.lower()] = _operation(method, path, told, told_shapes)
    for path, methods in paths.items():
        for method, operation in methods.items():
            _secured(operation, method.upper(), path)
    whole["info"] = {"title": "Orderdock hub", "version": version}
    return msgspec.json.encode(whole, order="sorted")


def _operation(method: str, path: str, told: Told, shapes: dict[str, Any]) -> dict[str, Any]:
    good: dict[str, Any] = {"description": "done"}
    if told.gives is not None:
        schemas = [shapes[repr(shape)] for shape in (told.gives, *told.also)]
        good["content"] = {told.media: {"schema": {"anyOf": schemas} if told.also else schemas[0]}}
    elif told.media != _ENDED:
        good["content"] = {told.media: {"schema": {"type": "string"}}}
    if told.as_text:
        good["content"][told.as_text] = {"schema": {"type": "string"}}
    operation: dict[str, Any] = {
        "summary": told.summary,
        "operationId": method.lower()
        + path.replace("/", "_").replace("{", "").replace("}", "").replace(".", "_"),
        "responses": {"200": good},
        "parameters": [
            *({"name": name, "in": "query", "schema": schema} for name, schema in told.query.items()),
            *(
                {"name": part[1:-1], "in": "path", "required": True, "schema": {"type": "string"}}
                for part in path.split("/")
                if part.startswith("{")
            ),
        ],
    }
    if told.takes is not None:
        content = {_ENDED: {"schema": shapes[repr(told.takes)]}}
        operation["requestBody"] = {"required": True, "content": content}
    if path == "/v1/imports":
        binary = {"schema": {"type": "string", "format": "binary"}}
        form = {"schema": {"type": "object", "properties": {"file": binary["schema"]}, "required": ["file"]}}
        content = {"application/octet-stream": binary, "multipart/form-data": form}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _secured(operation: dict[str, Any], method: str, path: str) -> None:
    """Who may call stands in the table of rights; errors have one shape everywhere."""
    access = ROUTES[method, path]
    if access.needs != "nothing":
        operation["security"] = [{"bearer": []}, {"bearer": [], "session": []}]
        operation["x-roles"] = sorted(access.roles)
        operation["x-stations"] = sorted(access.stations)
    said = {"description": "no", "content": {_ENDED: {"schema": {"$ref": _REF.format(name="ErrorAnswer")}}}}
    responses = operation["responses"]
    for status in [status for status in responses if status.startswith("4")]:
        del responses[status]
    responses["default"] = said
