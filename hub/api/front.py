"""The one gate before all doors: route, token, rights, then the hot door or Litestar's router.

Whatever goes wrong behind it becomes ``{"error": {code, text, hint}}`` in the caller's language. A fault of ours
is logged with its place and answered 500 without a word of its cause.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping

import structlog
from sqlalchemy.exc import SQLAlchemyError

from app.wire import WIRE
from hub.api.context import Call, Doors
from hub.api.http import (
    ApiError,
    AsgiApp,
    Gone,
    Message,
    Receive,
    Request,
    Scope,
    Send,
    answer,
    checked_json,
    error_body,
    error_headers,
    language_of,
)
from hub.auth import rights
from hub.auth.callers import Caller
from hub.auth.rights import Access
from hub.orders.results import HubBusy

log = structlog.get_logger("hub.api")

HotDoor = Callable[[Doors, Call, Receive, Send], Awaitable[None]]
#: Where the router finds the call in its scope.
CALL = "orderdock.call"
SESSION_HEADER = "x-orderdock-session"
WIRE_HEADER = "x-orderdock-wire"
#: Uploads are read by their own handler, which knows its own limit.
_OWN_BODY = frozenset({"/v1/imports"})
_SERVED = frozenset({str(WIRE), str(WIRE - 1)})
_OPEN_PART = re.compile(r"\{(\w+)\}")


class Routes:
    """Paths with at most one part left open, to their templates."""

    def __init__(self, table: Mapping[tuple[str, str], Access]) -> None:
        self._table = table
        self._plain = {path for _, path in table if "{" not in path}
        self._open = sorted({path for _, path in table if "{" in path})
        self._names = [_OPEN_PART.findall(path)[0] for path in self._open]
        #: One expression of all templates, so that a push costs no walk through them: one group each.
        self._fitting = re.compile("|".join(map(_expression, self._open)))

    def find(self, method: str, path: str) -> tuple[str, Access, dict[str, str]]:
        """Template, access and open parts. Raises :class:`ApiError` 404 or 405."""
        template, parts = (path, {}) if path in self._plain else self._fits(path)
        access = self._table.get((method, template))
        if access is None:
            raise ApiError(405, "no_such_method")
        return template, access, parts

    def _fits(self, path: str) -> tuple[str, dict[str, str]]:
        found = self._fitting.fullmatch(path)
        if found is None or found.lastindex is None:
            raise ApiError(404, "no_such_page")
        n = found.lastindex - 1
        return self._open[n], {self._names[n]: found[n + 1]}


def _expression(template: str) -> str:
    """A path of this template, its open part the one group."""
    before, _, rest = template.partition("{")
    after = rest.partition("}")[2]
    return f"{re.escape(before)}([^/]+){re.escape(after)}"


class Front:
    """The ASGI application of a hub."""

    def __init__(
        self,
        doors: Doors,
        hot: Mapping[tuple[str, str], HotDoor],
        router: AsgiApp,
        lifespan: AsgiApp,
    ) -> None:
        self._doors = doors
        self._hot = hot
        self._router = router
        self._lifespan = lifespan
        self._routes = Routes(rights.ROUTES)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(scope, receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        sent = _Watched(send)
        clock = self._doors.world.clock
        began = clock.monotonic()
        route = "other"
        try:
            route, access, parts = self._routes.find(request.method, request.path)
            await self._through(request, route, access, parts, receive, sent)
        except Gone:
            return
        except ApiError as error:
            await self._say(error, request, sent)
        except (HubBusy, SQLAlchemyError, OSError) as error:
            # the database is away or full: nothing was decided, ask again
            log.warning("busy", route=route, error=type(error).__name__)
            await self._say(ApiError(503, "busy", retry_after_s=2), request, sent)
        except Exception as error:
            log.exception("fault", route=route, error=type(error).__name__)
            await self._say(ApiError(500, "our_fault"), request, sent)
        finally:
            seconds = None if route == "/v1/stream" else clock.monotonic() - began
            self._doors.out.metrics.requests.count(route, sent.status, seconds)

    async def _through(
        self,
        request: Request,
        route: str,
        access: Access,
        parts: dict[str, str],
        receive: Receive,
        send: Send,
    ) -> None:
        if (spoken := request.header(WIRE_HEADER)) and spoken not in _SERVED:
            raise ApiError(409, "update_me", wire=WIRE)
        if "\x00" in request.path:
            raise ApiError(404, "no_such_page")
        caller = await self._caller(request, route, access)
        call = Call(request, caller, parts)
        door = self._hot.get((request.method, route))
        if door is not None:
            await door(self._doors, call, receive, send)
            return
        request.scope[CALL] = call
        if request.method == "GET" or route in _OWN_BODY:
            await self._router(request.scope, receive, send)
            return
        body = await request.body()
        checked_json(body)
        await self._router(request.scope, _replayed(body, receive), send)

    async def _caller(self, request: Request, route: str, access: Access) -> Caller | None:
        """Who calls, allowed to. Raises :class:`ApiError` 401 or 403."""
        bearer = _bearer(request)
        if access.needs == "nothing" and not bearer:
            return None
        if access.needs == "loopback_or_role" and not bearer and request.is_loopback:
            return None
        if not bearer:
            raise ApiError(401, "sign_in")
        session = request.header(SESSION_HEADER)
        caller = await self._doors.auth.callers.who(bearer, session, for_acts=route == "/v1/acts")
        if access.needs == "nothing":
            return caller
        if caller is None:
            raise ApiError(401, "session_ended" if session else "sign_in_again")
        if not rights.may_call(access, caller.role, caller.station_kind):
            if access.needs == "station" and caller.station is None:
                raise ApiError(403, "stations_only")
            raise ApiError(403, "not_allowed" if caller.role else "sign_on_required")
        return caller

    async def _say(self, error: ApiError, request: Request, send: _Watched) -> None:
        if send.has_begun:
            return
        lang = language_of(request.header("accept-language"))
        body = error_body(error, self._doors.world.texts, lang)
        await answer(send, error.status, body, error_headers(error))


class _Watched:
    """Remembers whether an answer has begun, and its status."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = 0

    @property
    def has_begun(self) -> bool:
        return self.status != 0

    def __call__(self, message: Message) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            self.status = int(message["status"])
        return self._send(message)


def _bearer(request: Request) -> str:
    if not (given := request.header("authorization")):
        return ""
    kind, _, token = given.partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""


def _replayed(body: bytes, receive: Receive) -> Receive:
    """A ``receive`` that gives the body once more to who comes next."""
    is_given = False

    async def again() -> Message:
        nonlocal is_given
        if is_given:
            return await receive()
        is_given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
