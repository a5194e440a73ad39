"""Stand-in platforms answer here: an ASGI app on a port of this machine, with good or bad manners on demand.

A platform gives ``answer(call) -> Reply`` (and, where it has messages, ``listen(path, line)``); :func:`app_of` makes
an ASGI app of it, :class:`Server` runs that in a thread. :class:`Manners` say what the next calls meet. Nothing here
ever listens to another machine.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol, TypeVar
from urllib.parse import parse_qsl

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from rehearsal.courier import NotHere, is_loopback
from rehearsal.shop import Dice

T = TypeVar("T")
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]

START_WITHIN_S = 20.0
BODY_MAX = 4 * 1024 * 1024


# ------------------------------------------------------------------------------------------------ manners


class Manner(StrEnum):
    """One way to behave badly. The first three are the server's own, the others each platform says in its words."""

    slow = "slow"  # answers after ``slow_s``
    broken = "broken"  # status 500 and a page of HTML; nothing was done
    lost = "lost"  # does what was asked, then closes the socket without an answer
    throttled = "throttled"  # asked too often
    refused = "refused"  # an error inside status 200
    doubled = "doubled"  # messages, pushes and list entries come twice
    reordered = "reordered"  # messages, pushes and list entries come in another order


OF_SERVER = frozenset({Manner.slow, Manner.broken, Manner.lost})
OF_WORDS = frozenset({Manner.throttled, Manner.refused})


class Manners:
    """What the next calls meet. Safe to change from any thread while a server runs.

    ``next`` is a plan: those to come, in their order, each taken by the first call that fits. ``often`` throws the
    dice for every call. ``on`` is part of a call's name (a platform's method, else the path); "" fits any call.
    """

    def __init__(self, seed: int = 1, slow_s: float = 0.3) -> None:
        self.slow_s = slow_s
        self.met: Counter[Manner] = Counter()
        self._dice = Dice(f"manners/{seed}")
        self._plan: list[tuple[Manner, str]] = []
        self._thrown: list[tuple[Manner, int, str]] = []
        self._lock = threading.Lock()

    def next(self, *manners: Manner, on: str = "") -> None:
        """Each of these meets one call."""
        with self._lock:
            self._plan += [(manner, on) for manner in manners]

    def often(self, *manners: Manner, one_in: int, on: str = "") -> None:
        """Each of these meets one call in so many, from now on."""
        with self._lock:
            self._thrown += [(manner, one_in, on) for manner in manners]

    def good(self) -> None:
        """From now on everything goes well; what was planned and not met is forgotten."""
        with self._lock:
            self._plan.clear()
            self._thrown.clear()

    @property
    def waiting(self) -> int:
        """How many planned manners nobody has met yet."""
        with self._lock:
            return len(self._plan)

    def meet(self, name: str, among: Collection[Manner]) -> Manner | None:
        """The manner that a call of this name meets, out of those its asker can play."""
        with self._lock:
            for n, (manner, on) in enumerate(self._plan):
                if manner in among and on in name:
                    del self._plan[n]
                    self.met[manner] += 1
                    return manner
            for manner, one_in, on in self._thrown:
                if manner in among and on in name and self._dice.chance(one_in):
                    self.met[manner] += 1
                    return manner
        return None

    def outgoing(self, name: str, things: Sequence[T]) -> list[T]:
        """Messages or list entries as they leave: some twice, some in another order, none missing."""
        out = list(things)
        if out and self.meet(name, {Manner.doubled}):
            out.append(out[self._below(len(out))])
        if len(out) > 1 and self.meet(name, {Manner.reordered}):
            out = [out.pop(self._below(len(out))) for _ in range(len(out))]
        return out

    def _below(self, limit: int) -> int:
        with self._lock:
            return self._dice.below(limit)


# ------------------------------------------------------------------------------------------- calls, answers


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP call. Header names are in lower case; of a repeated header or parameter the last counts."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    def form(self) -> dict[str, str]:
        """The parameters of a form body, with those of the query before them."""
        text = self.body.decode("utf-8", "replace")
        return {**self.query, **dict(parse_qsl(text, keep_blank_values=True))}


@dataclass(frozen=True, slots=True)
class Reply:
    body: bytes
    status: int = 200
    content_type: str = "application/json;charset=UTF-8"
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def told(cls, value: Any, status: int = 200) -> Reply:
        """A JSON body as platforms write it: compact, Chinese as it is."""
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        return cls(text.encode("utf-8"), status)


class Line(Protocol):
    """An open WebSocket, from the server's end. Both raise :class:`Closed` once it is gone."""

    async def send(self, text: str) -> None: ...

    async def receive(self) -> str: ...


class Closed(Exception):
    """The other side has gone, or the line was cut."""


Answer = Callable[[Call], Awaitable[Reply]]
Listen = Callable[[str, Line], Awaitable[None]]
NameOf = Callable[[Call], str]

_OOPS = Reply(b"<html><body><h1>500 Internal Server Error</h1></body></html>", 500, "text/html")


def app_of(
    answer: Answer, manners: Manners, name_of: NameOf = lambda call: call.path, listen: Listen | None = None
) -> Asgi:
    """An ASGI app of a platform's answers. ``name_of`` gives a call the name that manners are asked by.

    ``listen(path with query, line)`` serves a WebSocket until it returns; an address it does not like it refuses
    by returning before it has sent anything.
    """

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] == "websocket":
            await _listened(scope, receive, send, listen)
        elif scope["type"] == "http":
            await _answered(scope, receive, send, answer, manners, name_of)

    return app


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        event = (await receive())["type"]
        await send({"type": f"{event}.complete"})
        if event == "lifespan.shutdown":
            return


async def _answered(
    scope: Scope, receive: Receive, send: Send, answer: Answer, manners: Manners, name_of: NameOf
) -> None:
    call = await _call(scope, receive)
    if call is None:
        return
    manner = manners.meet(name_of(call), OF_SERVER)
    if manner is Manner.slow:
        await asyncio.sleep(manners.slow_s)
    reply = _OOPS if manner is Manner.broken else await answer(call)
    if manner is Manner.lost:
        await _cut(scope, receive)
        return
    headers = {"content-type": reply.content_type, "content-length": str(len(reply.body)), **reply.headers}
    coded = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": reply.status, "headers": coded})
    await send({"type": "http.response.body", "body": reply.body})


async def _call(scope: Scope, receive: Receive) -> Call | None:
    """The whole call; None when the caller left or sends no end of it."""
    body = b""
    more = True
    while more:
        event = await receive()
        if event["type"] != "http.request" or len(body) > BODY_MAX:
            return None
        body += event.get("body", b"")
        more = event.get("more_body", False)
    return Call(
        method=scope["method"],
        path=scope["path"],
        query=dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)),
        headers={name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]},
        body=body,
    )


async def _cut(scope: Scope, receive: Receive) -> None:
    """Closes the socket under a call and waits until the server has seen it."""
    if cut := scope.get("extensions", {}).get("rehearsal.cut"):
        cut()
    while (await receive())["type"] not in ("http.disconnect", "websocket.disconnect"):
        pass


class _Socket:
    """A :class:`Line` over ASGI; accepted when the first text is sent or awaited."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive, self._send = receive, send
        self.is_accepted = False

    async def send(self, text: str) -> None:
        await self._accept()
        try:
            await self._send({"type": "websocket.send", "text": text})
        except (OSError, RuntimeError) as error:  # what ASGI servers say of a line that is gone
            raise Closed from error

    async def receive(self) -> str:
        await self._accept()
        event = await self._receive()
        if event["type"] != "websocket.receive":
            raise Closed
        return str(event.get("text") or "")

    async def _accept(self) -> None:
        if not self.is_accepted:
            self.is_accepted = True
            await self._send({"type": "websocket.accept"})


async def _listened(scope: Scope, receive: Receive, send: Send, listen: Listen | None) -> None:
    if (await receive())["type"] != "websocket.connect" or listen is None:
        await send({"type": "websocket.close", "code": 1000})
        return
    line = _Socket(receive, send)
    query = scope["query_string"].decode("latin-1")
    try:
        # the path as it was sent: what is signed in it must not be decoded twice
        path = scope.get("raw_path", scope["path"].encode("utf-8")).decode("latin-1")
        await listen(path + (f"?{query}" if query else ""), line)
        await send({"type": "websocket.close", "code": 1000})
    except Closed:
        return


# -------------------------------------------------------------------------------------------------- server


class _Cuttable(H11Protocol):
    """uvicorn's protocol, with a way for a call to have its socket closed under it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        whole = self.app

        async def with_cut(scope: Any, receive: Any, send: Any) -> None:
            scope.setdefault("extensions", {})["rehearsal.cut"] = transport.abort
            await whole(scope, receive, send)

        self.app = with_cut


class Attentive(uvicorn.Server):
    """uvicorn that leaves nobody with an open line behind when it stops."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self._close_the_door()
        await super().shutdown(sockets)
        for connection in list(self.server_state.connections):  # who has not let go in the time there was
            if connection.transport is not None:
                connection.transport.abort()
        await asyncio.sleep(0)

    async def _close_the_door(self) -> None:
        """Nobody new comes in, and who has just come in is known when it is time to say goodbye.

        asyncio takes a caller in in three turns of its loop. A server that is closed between two of them forgets the
        caller half-way, with its socket open.
        """
        if sys.platform == "win32":  # its loop takes callers in in another way, and has no readers
            return
        loop = asyncio.get_running_loop()
        for listening in self.servers:
            for sock in listening.sockets:
                loop.remove_reader(sock.fileno())
        for _ in range(3):
            await asyncio.sleep(0)


class _Uvicorn(Attentive):
    def __init__(self, app: Asgi, on_ready: Callable[[], None]) -> None:
        self._on_ready = on_ready
        super().__init__(
            uvicorn.Config(
                app,
                http=_Cuttable,
                ws="websockets-sansio",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=10,  # longer than anybody is slow: who is cut off is cut off loudly
            )
        )

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_ready()


class Server:
    """An app on a port of its own, in a thread of its own. ``port`` 0 takes a free one.

    Raises :class:`NotHere` for a host that is not this machine's, OSError when the port is taken.
    """

    def __init__(self, app: Asgi, host: str = "127.0.0.1", port: int = 0) -> None:
        if not is_loopback(host):
            raise NotHere(host)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.socket(family)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind((host, port))
        self.host, self.port = host, int(self._socket.getsockname()[1])
        self._ready = threading.Event()
        self._uvicorn = _Uvicorn(app, self._ready.set)
        self._thread = threading.Thread(target=self._serve, name=f"rehearsal {self.port}", daemon=True)

    @property
    def url(self) -> str:
        """``http://127.0.0.1:PORT``."""
        return f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"

    @property
    def ws_url(self) -> str:
        return "ws" + self.url.removeprefix("http")

    def start(self) -> Server:
        """Returns once it answers."""
        self._thread.start()
        if not self._ready.wait(START_WITHIN_S):
            raise OSError("the stand-in platform did not start")
        return self

    def stop(self) -> None:
        """Ends open lines and waits until the port is free; more than once does no harm."""
        self._uvicorn.should_exit = True
        if self._thread.is_alive():
            self._thread.join(START_WITHIN_S)
        self._socket.close()

    def _serve(self) -> None:
        asyncio.run(self._uvicorn.serve(sockets=[self._socket]))


@contextmanager
def serving(app: Asgi, host: str = "127.0.0.1", port: int = 0) -> Iterator[Server]:
    """A started :class:`Server`, stopped at the end."""
    server = Server(app, host, port).start()
    try:
        yield server
    finally:
        server.stop()
