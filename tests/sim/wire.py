"""The wire between a station (or a platform) and the hub: httpx on one side, ASGI on the other, weather between.

A request may be lost, come late, come twice, or its answer may be lost; a :class:`Line` may be cut (both sides
notice) or half open (bytes vanish and nobody is told).
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, MutableMapping
from typing import TYPE_CHECKING, Any, Literal

import httpx

from tests.sim.loop import OUTSIDE, SimLoop

if TYPE_CHECKING:
    from tests.sim.hub import SimHub

Mode = Literal["fine", "cut", "half"]
#: What the other side may safely be asked twice by something on the way.
_TWICE = frozenset({"/v1/acts", "/v1/changes", "/v1/stations/me", "/v1/digest"})


class Weather:
    """How bad a wire is, as shares of requests."""

    def __init__(self, dice: random.Random) -> None:
        bad = dice.choice((0.0, 0.0, 0.02, 0.08, 0.2))
        self.lost, self.answer_lost, self.twice, self.late = bad, bad, bad, bad

    def calm(self) -> None:
        self.lost = self.answer_lost = self.twice = self.late = 0.0


class Line:
    """One caller's way to the hub. ``seen`` hears of every request as it leaves, and of every answer that comes."""

    def __init__(self, loop: SimLoop, name: str, hub: SimHub, dice: random.Random, weather: Weather) -> None:
        self.loop, self.name, self.hub, self.dice, self.weather = loop, name, hub, dice, weather
        self.mode: Mode = "fine"
        self.calls: set[Call] = set()
        self.requests = 0
        self.leaving: Callable[[str, bytes], None] = lambda path, body: None
        self.came: Callable[[str, bytes, int, bytes], None] = lambda path, body, status, answer: None

    def cut(self) -> None:
        self.mode = "cut"
        self.break_calls()

    def heal(self) -> None:
        was, self.mode = self.mode, "fine"
        if was == "half":
            self.break_calls()  # the first byte after the silence is answered with a reset

    def break_calls(self) -> None:
        for call in sorted(self.calls, key=lambda call: call.number):
            call.broken()

    def other_end_died(self) -> None:
        """The hub is gone: what it had sent before that still arrives, then the connection ends."""
        for call in sorted(self.calls, key=lambda call: call.number):
            call.broken_behind_what_was_sent()

    def delay(self) -> float:
        if self.weather.late and self.dice.random() < self.weather.late:
            return self.dice.uniform(0.3, 6.0)
        return self.dice.uniform(0.0005, 0.02)


class Call:
    """One request on its way, and its answer."""

    def __init__(self, line: Line, request: httpx.Request, body: bytes) -> None:
        self.line, self.loop = line, line.loop
        line.requests += 1
        self.number = line.requests
        self.request, self.body = request, body
        self.path = request.url.path
        self.head: asyncio.Future[tuple[int, list[tuple[bytes, bytes]]]] = self.loop.create_future()
        self.chunks: asyncio.Queue[bytes | Exception | None] = asyncio.Queue()
        self.gone = asyncio.Event()
        self.status = 0
        self._arrives_at = 0.0
        self._is_mute = False
        self._is_over = False

    # -- the hub's side

    def arrive(self, *, is_double: bool = False) -> None:
        line = self.line
        if line.mode == "half":
            return
        if line.mode == "cut" or not line.hub.is_up:
            if not is_double:
                self.fail(httpx.ConnectError("nobody there"))
            return
        if is_double:
            twin = Call(line, self.request, self.body)
            twin._is_mute = True
            line.hub.serve(twin)
            return
        line.calls.add(self)
        line.hub.serve(self)

    def scope(self) -> MutableMapping[str, Any]:
        url = self.request.url
        return {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": self.request.method,
            "scheme": "http",
            "path": url.path,
            "raw_path": url.raw_path.split(b"?")[0],
            "query_string": url.query,
            "root_path": "",
            "headers": [(name.lower(), value) for name, value in self.request.headers.raw],
            "client": ("127.0.0.1", 40000),
            "server": ("127.0.0.1", 8620),
            "state": {},
        }

    async def receive(self) -> MutableMapping[str, Any]:
        if not self._is_over and not getattr(self, "_is_read", False):
            self._is_read = True
            return {"type": "http.request", "body": self.body, "more_body": False}
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: MutableMapping[str, Any]) -> None:
        """A server's ``send`` that never has to wait."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self._deliver(self._begin, message["status"], list(message["headers"]))
        elif message["type"] == "http.response.body":
            if body := message.get("body", b""):
                self._deliver(self.chunks.put_nowait, body)
            if not message.get("more_body", False):
                self._deliver(self._ended)

    def _deliver(self, call: Callable[..., Any], *args: Any) -> None:
        """In the order they were sent, a little later; nothing arrives over a broken line."""
        if self._is_mute or self._is_over:
            return
        self._arrives_at = max(self._arrives_at + 1e-6, self.loop.time() + self.line.delay())
        asyncio.get_running_loop().call_at(self._arrives_at, self._arrived, call, args, context=OUTSIDE)

    def _arrived(self, call: Callable[..., Any], args: tuple[Any, ...]) -> None:
        if not self._is_over and self.line.mode == "fine":
            call(*args)

    def _begin(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        if not self.head.done():
            self.head.set_result((status, headers))

    def _ended(self) -> None:
        self.chunks.put_nowait(None)
        self.line.calls.discard(self)

    # -- ends that nobody wanted

    def lose_answer(self) -> None:
        self._is_mute = True

    def fail(self, error: Exception) -> None:
        if not self.head.done():
            self.head.set_exception(error)
            self.head.exception()  # who asked may have given up
        else:
            self.chunks.put_nowait(error)

    def broken(self) -> None:
        """The connection is reset: both ends notice, and nothing more arrives."""
        if self._is_over:
            return
        self.line.calls.discard(self)
        self.gone.set()
        self.fail(httpx.ReadError("connection reset"))
        self._is_over = True

    def broken_behind_what_was_sent(self) -> None:
        wait = max(0.0, self._arrives_at - self.loop.time()) + 1e-6
        self.loop.call_later(wait, self.broken, context=OUTSIDE)

    def given_up(self) -> None:
        """The caller has closed its end; over a half-open line the hub never hears of it."""
        self._is_over = True
        self.line.calls.discard(self)
        if self.line.mode == "fine":
            self.loop.call_later(self.line.delay(), self.gone.set, context=OUTSIDE)


class _Body(httpx.AsyncByteStream):
    def __init__(self, call: Call, read_s: float) -> None:
        self._call, self._read_s = call, read_s

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            try:
                async with asyncio.timeout(self._read_s):
                    chunk = await self._call.chunks.get()
            except TimeoutError as error:
                raise httpx.ReadTimeout("silence", request=self._call.request) from error
            if chunk is None:
                return
            if isinstance(chunk, Exception):
                raise chunk
            yield chunk

    async def aclose(self) -> None:
        self._call.given_up()


class Transport(httpx.AsyncBaseTransport):
    """What a client's connections are replaced by."""

    def __init__(self, line: Line) -> None:
        self._line = line

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        line, loop = self._line, self._line.loop
        body = await request.aread()
        call = Call(line, request, body)
        line.leaving(call.path, body)
        read_s = float(request.extensions["timeout"].get("read") or 20.0)
        self._throw(call, loop)
        try:
            async with asyncio.timeout(read_s):
                status, headers = await call.head
        except TimeoutError as error:
            call.given_up()
            raise httpx.ReadTimeout("no answer", request=request) from error
        except asyncio.CancelledError:
            call.given_up()
            raise
        if call.path == "/v1/stream" and status == 200:
            return httpx.Response(status, headers=headers, stream=_Body(call, read_s))
        answer = b"".join([chunk async for chunk in _Body(call, read_s)])
        line.came(call.path, body, status, answer)
        return httpx.Response(status, headers=headers, stream=httpx.ByteStream(answer))

    def _throw(self, call: Call, loop: SimLoop) -> None:
        """What the weather does to this request."""
        line, weather, throw = self._line, self._line.weather, self._line.dice.random()
        delay = line.delay()
        if throw < weather.lost:
            if line.dice.random() < 0.5:
                loop.call_later(delay, call.fail, httpx.ConnectError("lost"), context=OUTSIDE)
            return
        throw -= weather.lost
        if throw < weather.answer_lost and call.path != "/v1/stream":
            call.lose_answer()
            if line.dice.random() < 0.7:
                when = delay + line.dice.uniform(0.05, 2.0)
                loop.call_later(when, call.fail, httpx.ReadError("reset"), context=OUTSIDE)
        elif throw - weather.answer_lost < weather.twice and call.path in _TWICE:
            again = delay + line.dice.expovariate(1.0)
            loop.call_later(again, lambda: call.arrive(is_double=True), context=OUTSIDE)
        loop.call_later(delay, call.arrive, context=OUTSIDE)
