"""Joins the doors: the gate in front, hot doors beside, Litestar behind."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

import msgspec
import structlog
from litestar import Litestar, Request, Response
from litestar.di import Provide
from litestar.exceptions import (
    ClientException,
    HTTPException,
    MethodNotAllowedException,
    NotFoundException,
    ValidationException,
)
from litestar.openapi.config import OpenAPIConfig
from sqlalchemy.exc import SQLAlchemyError

from hub.api import hot, imports, orders_csv, ordinary, plain, shops, story_door, tracks, webhooks, workdays
from hub.api.context import Call, Doors
from hub.api.front import Front, HotDoor
from hub.api.http import (
    ApiError,
    AsgiApp,
    Receive,
    Scope,
    Send,
    answer,
    error_body,
    error_headers,
    language_of,
)
from hub.api.openapi import document
from hub.orders.results import HubBusy

log = structlog.get_logger("hub.api")
#: Where an ASGI scope carries what stands behind the ordinary doors.
_BEHIND = "orderdock.behind"


@dataclass(frozen=True, slots=True)
class _Behind:
    """What one hub has behind its ordinary doors; the router is the same for all hubs of a process."""

    doors: Doors
    under_way: imports.Imports


def surface(doors: Doors, lifespan: AsgiApp, version: str) -> Front:
    """The ASGI application of these doors; ``lifespan`` starts and stops what is behind them."""
    router = _router()
    behind = _Behind(doors, imports.Imports())

    async def routed(scope: Scope, receive: Receive, send: Send) -> None:
        scope[_BEHIND] = behind
        await cast(AsgiApp, router)(scope, receive, send)

    @cache
    def described() -> bytes:
        return document(router, version)

    async def get_openapi(doors: Doors, call: Call, receive: Receive, send: Send) -> None:
        await answer(send, 200, await asyncio.to_thread(described))

    others: dict[tuple[str, str], HotDoor] = {
        ("GET", "/metrics"): plain.get_metrics,
        ("GET", "/ca.pem"): plain.get_ca,
        ("GET", "/openapi.json"): get_openapi,
        ("GET", "/v1/orders/{order_no}/story"): story_door.get_story,
        ("GET", "/v1/exports/orders"): orders_csv.get_orders_csv,
        ("GET", "/v1/exports/work"): workdays.get_work_csv,
        ("POST", "/v1/parcels/{parcel_no}/track"): tracks.post_track,
        ("POST", "/v1/webhooks/carrier/{connector}"): webhooks.post_carrier,
        ("POST", "/v1/webhooks/{shop_id}"): webhooks.post_shop,
    }
    return Front(doors, hot.HOT | others, routed, lifespan)


@cache
def _router() -> Litestar:
    """Made once: reading what every door takes and gives is most of what a hub's start costs."""

    def behind(request: Request[Any, Any, Any]) -> _Behind:
        found: _Behind = request.scope[_BEHIND]  # type: ignore[literal-required]
        return found

    async def given(request: Request[Any, Any, Any]) -> Doors:
        return behind(request).doors

    async def found(request: Request[Any, Any, Any]) -> Call:
        return ordinary.call_of(request)

    async def given_imports(request: Request[Any, Any, Any]) -> imports.Imports:
        return behind(request).under_way

    def page(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
        said = _said(error)
        lang = language_of(request.headers.get("accept-language", ""))
        headers = {name.decode("ascii"): value.decode("ascii") for name, value in error_headers(said)}
        body = error_body(said, behind(request).doors.world.texts, lang)
        return Response(body, status_code=said.status, media_type="application/json", headers=headers)

    return Litestar(
        [*ordinary.HANDLERS, *imports.HANDLERS, *shops.HANDLERS, *workdays.HANDLERS],
        dependencies={
            "doors": Provide(given),
            "call": Provide(found),
            "imports": Provide(given_imports),
        },
        exception_handlers={Exception: page, HTTPException: page},
        openapi_config=OpenAPIConfig(title="Orderdock hub", version="1", path=None, render_plugins=[]),
        logging_config=None,
        debug=False,
        include_in_schema=True,
    )


def _said(error: Exception) -> ApiError:
    """What the router could not do, as an answer of ours."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, HubBusy | SQLAlchemyError | OSError):
        log.warning("busy", error=type(error).__name__)
        return ApiError(503, "busy", retry_after_s=2)
    if isinstance(error, ValidationException | msgspec.ValidationError):
        return ApiError(422, "bad_body", why=_why(error))
    if isinstance(error, NotFoundException):
        return ApiError(404, "no_such_page")
    if isinstance(error, MethodNotAllowedException):
        return ApiError(405, "no_such_method")
    if isinstance(error, HTTPException) and error.status_code == 413:
        return ApiError(413, "too_large", limit_mb="50")
    if isinstance(error, ClientException) or (isinstance(error, HTTPException) and error.status_code < 500):
        return ApiError(400, "bad_request")
    log.error("fault", error=type(error).__name__, exc_info=error)
    return ApiError(500, "our_fault")


def _why(error: Exception) -> str:
    """Which field is wrong, without repeating its value."""
    extra = getattr(error, "extra", None)
    if isinstance(extra, list):
        faults = [one for one in extra[:5] if isinstance(one, dict)]
        return "; ".join(f"{one.get('key', '')}: {one.get('message', '')}" for one in faults)
    return str(error)[:200] if isinstance(error, msgspec.ValidationError) else ""
