"""The stream: two lanes to every station (design 3.6).

``urgent`` has no id and goes at once. Everything else leaves in ticks of 100 ms, encoded once per view:
``changes`` = a page with ``after`` (where it begins) and id = its ``next``; when more than fifty numbers went
by in a tick only ``head``, and stations pull. A station applies a page when it stands at ``after`` or beyond,
else it pulls. A heartbeat every 5 s carries head and hub time.

Hundreds of stations that pull at one moment would stand before every cancel, so they are told one group after the
other, a thousand stations a second, all of them the same head: they stand at the same place and get the same page.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
import structlog
from sqlalchemy.exc import SQLAlchemyError

from app.ports import Clock
from app.wire import Head
from hub.api.http import Receive, Send
from hub.api.pages import Pages
from hub.auth.callers import Caller, Callers
from hub.orders.hurry import MOST_S, Hurry
from hub.orders.results import Committed, HubBusy, View

TICK_S = 0.1
HEARTBEAT_S = 5.0
#: How often a long request asks whether its token still holds.
LIVE_S = 0.4
#: More numbers than this in one tick: only ``head``.
TICK_CHANGES = 50
#: Stations told of a new head at once, and the pause before the next.
GROUP = 20
GROUP_S = 0.02
#: While a command is under way nobody is sent to pull, for so long at most; asked so often.
HURRY_S = MOST_S
_LOOK_S = 0.005
#: First page of a stream that begins a little behind.
FIRST_PAGE = 200
BUFFER_BYTES = 1_000_000

log = structlog.get_logger("hub.stream")

_HEADERS = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]


def event(kind: str, data: bytes, event_id: int | None = None) -> bytes:
    """One server-sent event; ``data`` is JSON, so it holds no line break."""
    tail = b"\nid: %d" % event_id if event_id is not None else b""
    return b"event: " + kind.encode("ascii") + tail + b"\ndata: " + data + b"\n\n"


@dataclass(eq=False, slots=True)
class Client:
    """One open stream: what waits to be sent, the urgent in front."""

    caller: Caller
    view: View
    line: Send
    urgent: deque[bytes] = field(default_factory=deque)
    plain: deque[bytes] = field(default_factory=deque)
    size: int = 0
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    _over: bool = False
    _is_begun: bool = False
    #: Set while a send waits for the other end to read.
    _stuck: asyncio.Task[Any] | None = None

    def begin(self) -> None:
        """The answer's head is out: events may follow."""
        self._is_begun = True

    def put(self, data: bytes, *, urgent: bool = False) -> None:
        """Sends an event here and now where the line takes it, else queues it; the urgent go in front.

        A client that does not read for a megabyte is let go and resumes later.
        """
        if self._over or (self._is_free(urgent) and self._sent(data)):
            return
        (self.urgent if urgent else self.plain).append(data)
        self.size += len(data)
        if self.size > BUFFER_BYTES:
            self.end()
        self.wake.set()

    def _is_free(self, urgent: bool) -> bool:
        return self._is_begun and self._stuck is None and not self.urgent and (urgent or not self.plain)

    def _sent(self, data: bytes) -> bool:
        """A server's ``send`` that has to wait waits before it writes anything: it can be given up and made again."""
        sending = self.line({"type": "http.response.body", "body": data, "more_body": True}).__await__()
        try:
            next(sending)
        except StopIteration:
            return True
        sending.close()
        return False

    def take(self) -> bytes:
        """All that waits, joined: one send for many events."""
        data = b"".join((*self.urgent, *self.plain))
        self.urgent.clear()
        self.plain.clear()
        self.size = 0
        self.wake.clear()
        return data

    def is_over(self) -> bool:
        return self._over

    def end(self) -> None:
        """The stream is over; a send that waits for a reader who does not read is given up."""
        self._over = True
        self.wake.set()
        if self._stuck is not None:
            self._stuck.cancel()

    async def send_to(self, send: Send) -> bool:
        """Sends all that waits; False when the other end took nothing until the stream was ended."""
        message = {"type": "http.response.body", "body": self.take(), "more_body": True}
        self._stuck = asyncio.current_task()
        try:
            await send(message)
        except asyncio.CancelledError:
            if not self._over or self._stuck is None or self._stuck.uncancel():
                raise
            return False
        finally:
            self._stuck = None
        return True


class Broadcast:
    """Everybody who listens, and the ticks that feed them."""

    def __init__(
        self, pages: Pages, callers: Callers, clock: Clock, first_head: int, hurry: Hurry | None = None
    ) -> None:
        self._pages = pages
        self._hurry = hurry or Hurry(clock)
        self._callers = callers
        self._clock = clock
        self._clients: dict[View, set[Client]] = {}
        self._head = first_head
        self._ticked = first_head
        #: What all stations have been told of.
        self._told = first_head
        self._passed = asyncio.Condition()
        self._jobs: list[asyncio.Task[None]] = []
        self._is_closing = False

    @property
    def head(self) -> int:
        """Last committed number this process knows."""
        return self._head

    @property
    def count(self) -> int:
        return sum(len(group) for group in self._clients.values())

    # ------------------------------------------------------------------------------------- what comes in

    def committed(self, what: Committed) -> None:
        """Called in the event loop after every commit: the urgent lane leaves here and now."""
        self._head = max(self._head, what.seq_to)
        if not what.urgent:
            return
        with self._hurry.sending():
            for urgent in what.urgent:
                data = event("urgent", msgspec.json.encode(urgent.event))
                for client in self._covering(urgent.warehouse):
                    client.put(data, urgent=True)

    def look(self, head: int) -> None:
        """Another process may have committed: the head as the database has it."""
        self._head = max(self._head, head)

    def _covering(self, warehouse: str) -> Iterable[Client]:
        for view, group in self._clients.items():
            if view.warehouse in (None, warehouse):
                yield from group

    # --------------------------------------------------------------------------------------- what goes out

    def start(self) -> None:
        every: list[tuple[float, Callable[[], Awaitable[None]]]] = [
            (TICK_S, self.tick),
            (HEARTBEAT_S, self.beat),
            (LIVE_S, self.drop_revoked),
        ]
        self._jobs = [asyncio.create_task(_repeat(seconds, step)) for seconds, step in every]

    async def stop(self) -> None:
        """Ends every stream and wakes every waiting reader; new ones are ended at once."""
        self._is_closing = True
        for group in self._clients.values():
            for client in group:
                client.end()
        async with self._passed:
            self._passed.notify_all()
        for job in self._jobs:
            job.cancel()
        await asyncio.gather(*self._jobs, return_exceptions=True)

    async def tick(self) -> None:
        """Sends what was committed since the last tick, once per view."""
        start, head = self._ticked, self._head
        if head == start:
            return
        self._ticked = self._pages.told = head
        async with self._passed:
            self._passed.notify_all()
        if head - start > TICK_CHANGES:
            await self._tell(self._all(), head, GROUP_S)
        else:
            for view, group in list(self._clients.items()):
                if group:
                    await self._feed(view, group, start, head)
        self._told = head

    async def _feed(self, view: View, group: set[Client], start: int, head: int) -> None:
        data = await self._of_tick(view, start, head)
        if data is None:
            await self._tell(list(group), head, GROUP_S)
            return
        for some in _groups(list(group)):
            for client in some:
                client.put(data)
            await asyncio.sleep(0)

    async def _tell(self, clients: list[Client], head: int, pause_s: float) -> None:
        """Tells them of a head, in groups: those in front are answered before the next come."""
        for n, some in enumerate(_groups(clients)):
            if n:
                await asyncio.sleep(pause_s)
            if pause_s:
                await self._calm()
            data = self._head_event(head)
            for client in some:
                client.put(data)

    async def _calm(self) -> None:
        """Waits for a command that is under way: the answers to who would pull now would stand before its stop."""
        for _ in range(round(HURRY_S / _LOOK_S)):
            if self._hurry.is_calm:
                return
            await asyncio.sleep(_LOOK_S)

    def _all(self) -> list[Client]:
        return [client for group in self._clients.values() for client in group]

    async def _of_tick(self, view: View, start: int, head: int) -> bytes | None:
        """The page of a tick; None where there is none that holds all of it, and stations have to pull."""
        try:
            packed = await self._pages.page(view, start, TICK_CHANGES * 4)
        except (HubBusy, SQLAlchemyError) as error:
            log.warning("no_page", error=type(error).__name__)
            return None
        if packed.page.next < head:
            return None
        return changes_event(packed.body, start, packed.page.next)

    def _head_event(self, head: int) -> bytes:
        now = self._clock.now()
        now = now.replace(microsecond=now.microsecond // 1000 * 1000)
        return event("head", msgspec.json.encode(Head(head=head, now=now)))

    async def beat(self) -> None:
        """A sign of life; of what is just being told to one group after the other it says nothing yet."""
        await self._tell(self._all(), self._told, 0)

    async def drop_revoked(self) -> None:
        """Ends the streams of tokens that are worth nothing any more."""
        clients = self._all()
        live = await self._callers.live({client.caller.token_hash for client in clients})
        for client in clients:
            if client.caller.token_hash not in live:
                client.end()

    async def wait_past(self, seq: int, seconds: float) -> bool:
        """Waits until something after ``seq`` was sent in a tick; False when the time is up."""
        try:
            async with asyncio.timeout(seconds), self._passed:
                await self._passed.wait_for(lambda: self._ticked > seq or self._is_closing)
        except TimeoutError:
            return False
        return self._ticked > seq

    # ------------------------------------------------------------------------------------------ one client

    async def serve(self, caller: Caller, after: int, receive: Receive, send: Send) -> None:
        """One stream from beginning to end. ``after`` is where the station stands."""
        view = caller.view
        client = Client(caller, view, send)
        self._clients.setdefault(view, set()).add(client)
        gone = asyncio.create_task(_hung_up(receive))
        gone.add_done_callback(lambda _: client.end())
        try:
            await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            client.begin()
            client.put(self._head_event(self._head))
            await self._first_page(client, after)
            if await self._pump(client, send) and not gone.done():
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            gone.cancel()
            group = self._clients.get(view, set())
            group.discard(client)
            if not group:
                self._clients.pop(view, None)

    async def _pump(self, client: Client, send: Send) -> bool:
        """Sends what waits until the stream is over; False when the other end no longer takes anything."""
        while not client.is_over() and not self._is_closing:
            await client.wake.wait()
            if not await client.send_to(send):
                return False
        return True

    async def _first_page(self, client: Client, after: int) -> None:
        """A station that is only a little behind is brought up by the stream itself."""
        if 0 < after < self._head:
            packed = await self._pages.page(client.view, after, FIRST_PAGE)
            if packed.page.next == packed.page.head:
                client.put(changes_event(packed.body, after, packed.page.next))


def changes_event(body: bytes, after: int, next_seq: int) -> bytes:
    """A page as an event: its JSON with ``after`` put in front."""
    return event("changes", b'{"after":%d,' % after + body[1:], next_seq)


def _groups(clients: list[Client]) -> Iterator[list[Client]]:
    for at in range(0, len(clients), GROUP):
        yield clients[at : at + GROUP]


async def _repeat(seconds: float, step: Callable[[], Awaitable[None]]) -> None:
    """Runs a step again and again; a fault in one run is logged and the next comes."""
    while True:
        await asyncio.sleep(seconds)
        try:
            await step()
        except Exception as error:
            log.exception("step_failed", error=type(error).__name__)


async def _hung_up(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
