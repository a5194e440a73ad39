"""A rep's cancel until the last station has the urgent event: a real hub process on SQLite (FULL) over real
HTTP, each station with a token and an open stream of its own, the clock running from before the POST is sent
until the event's bytes are there. Alone, and at work: the hub meanwhile takes 1,000 orders a second (files of 40
orders, as pushes bring them), every station is told and pulls every one of them, and one more station loads
everything from the beginning without a pause. One process plays all stations, so what it takes to read for them
is in the figures. The reference is a bare socket broadcast: one process writes the same bytes to as many sockets.
"""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import zstandard

from benchmarks.hub import BenchHub, orders_csv, request
from benchmarks.report import Figure, milliseconds, percentile
from rehearsal.processes import call

TITLE = "Cancel accepted -> urgent event at 200 and 500 stations"
#: Stations and the most that the 99th of 100 may take, at work.
AIMS = ((200, 0.020), (500, 0.040))
RATE = 1_000
FILE = 40
PAGE = 1_000
_URGENT = re.compile(rb'event: urgent\ndata: \{[^\n]*?"order_no":"(\w+)"[^\n]*\n\n')
#: No urgent event is longer: what is kept of a read for the next one.
_TAIL = 4_000


def run(quick: bool = False) -> list[Figure]:
    cancels = 10 if quick else 150
    figures: list[Figure] = []
    for stations, aim in ((20, 0.020),) if quick else AIMS:
        floor = asyncio.run(_broadcast(stations, cancels))
        for is_working in (False, True):
            figures += _one(stations, cancels, aim, floor, is_working)
    return figures


def _one(stations: int, cancels: int, aim: float, floor: list[float], is_working: bool) -> list[Figure]:
    with tempfile.TemporaryDirectory() as name, BenchHub(Path(name)) as hub:
        orders = hub.take_orders(cancels)
        tokens = [hub.paired(f"bench-{n}") for n in range(stations + 1)]
        bench = _Bench(hub, tokens)
        asyncio.run(bench.measure(orders, is_working))
    ours, bare = percentile(bench.seconds, 0.99), percentile(floor, 0.99)
    what = f"{stations} stations, {cancels} cancels"
    if is_working:
        what += f", {bench.taken_a_second:,.0f} orders/s taken, {bench.fed_a_second:,.0f} a station fed"
    return [
        Figure(
            what=f"last byte in at {what}, p50 / p99",
            ours=f"{milliseconds(percentile(bench.seconds, 0.5))} / {milliseconds(ours)}",
            reference=f"{milliseconds(percentile(floor, 0.5))} / {milliseconds(bare)} bare socket broadcast",
            ratio=f"{ours / bare:.1f}x",
            aim=f"p99 <= {aim * 1000:.0f} ms",
            passed=ours <= aim and (not is_working or bench.is_at_full_rate),
        ),
        Figure(
            what="the rep has the receipt, p50 / p99",
            ours=f"{milliseconds(percentile(bench.acked, 0.5))} / {milliseconds(percentile(bench.acked, 0.99))}",
            reference="-",
            ratio="-",
        ),
    ]


class _Bench:
    """All stations, the rep, and who brings the orders."""

    def __init__(self, hub: BenchHub, tokens: list[str]) -> None:
        self.hub = hub
        self.tokens = tokens
        self.seconds: list[float] = []
        self.acked: list[float] = []
        self.taken_a_second = self.fed_a_second = 0.0
        self.epoch = ""
        self.arrived: dict[bytes, list[float]] = {}
        self.enough = asyncio.Event()
        #: Pages are shared: who has read one knows where all that are alike end.
        self._ends: dict[bytes, int] = {}

    @property
    def is_at_full_rate(self) -> bool:
        """Whether the orders meant to come did come, and reached every station."""
        return min(self.taken_a_second, self.fed_a_second) >= 0.9 * RATE

    async def measure(self, orders: list[str], is_working: bool) -> None:
        health = await asyncio.to_thread(call, self.hub.url, "GET", "/healthz")
        head, self.epoch = int(health["seq"]), health["epoch"]
        loop = asyncio.get_running_loop()
        stations = []
        for token in self.tokens[:-1]:
            station = _Station(self, token, head)
            await loop.create_connection(lambda made=station: made, "127.0.0.1", self.hub.port)  # type: ignore[misc]
            stations.append(station)
        beside = (
            [asyncio.create_task(self._bring()), asyncio.create_task(self._catch_up())] if is_working else []
        )
        await asyncio.sleep(2.0)
        health, began = await asyncio.to_thread(call, self.hub.url, "GET", "/healthz"), time.perf_counter()
        at, cursors = int(health["seq"]), [station.after for station in stations]
        await self._cancel_all(orders)
        lasted = time.perf_counter() - began
        health = await asyncio.to_thread(call, self.hub.url, "GET", "/healthz")
        # an order takes three numbers: its own and two of its history
        self.taken_a_second = (int(health["seq"]) - at) / 3 / lasted
        self.fed_a_second = min(s.after - was for s, was in zip(stations, cursors, strict=True)) / 3 / lasted
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
        for station in stations:
            station.close()

    async def _cancel_all(self, orders: list[str]) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.hub.port)
        for n, order_no in enumerate(orders):
            self.enough.clear()
            self.arrived = {order_no.encode(): []}
            data = request(self.hub.port, self.hub.token, f"cancel-{n:06d}", order_no)
            began = time.perf_counter()
            writer.write(data)
            receipt = json.loads(await _answer(reader))
            self.acked.append(time.perf_counter() - began)
            if receipt[0]["outcome"] != "applied":
                raise RuntimeError(receipt)
            await asyncio.wait_for(self.enough.wait(), 10)
            self.seconds += [at - began for at in self.arrived[order_no.encode()]]
            await asyncio.sleep(0.02)

    def saw(self, order_no: bytes, now: float) -> None:
        if (seen := self.arrived.get(order_no)) is not None:
            seen.append(now)
            if len(seen) >= len(self.tokens) - 1:
                self.enough.set()

    async def _bring(self) -> None:
        """1,000 orders a second, in small files."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.hub.port)
        began, n = time.perf_counter(), 0
        while True:
            body = orders_csv(range(1_000_000 + n, 1_000_000 + n + FILE), 3)
            n += FILE
            writer.write(
                b"POST /v1/imports?kind=orders&filename=o.csv HTTP/1.1\r\nHost: x\r\nX-Orderdock-Wire: 1\r\n"
                b"Authorization: Bearer %b\r\nContent-Type: text/csv\r\nContent-Length: %d\r\n\r\n%b"
                % (self.hub.token.encode(), len(body), body)
            )
            await _answer(reader)
            await asyncio.sleep(max(0.0, began + n / RATE - time.perf_counter()))

    async def _catch_up(self) -> None:
        """A station that loads everything from the beginning, again and again."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.hub.port)
        after = 0
        while True:
            writer.write(self.ask(self.tokens[-1], after))
            end = self.end_of(await _answer(reader))
            after = end if end > after else 0

    def ask(self, token: str, after: int) -> bytes:
        return (
            f"GET /v1/changes?after={after}&epoch={self.epoch}&limit={PAGE} HTTP/1.1\r\nHost: x\r\n"
            f"X-Orderdock-Wire: 1\r\nAuthorization: Bearer {token}\r\nAccept-Encoding: zstd\r\n\r\n"
        ).encode()

    def end_of(self, page: bytes) -> int:
        """Where a page ends: its ``next``."""
        if page not in self._ends:
            whole = zstandard.ZstdDecompressor().decompress(page) if page[:1] != b"{" else page
            found = re.search(rb'"next":(\d+)', whole[:200])
            if found is None:
                raise RuntimeError(page[:200])
            if len(self._ends) > 100:
                self._ends.clear()
            self._ends[page] = int(found[1])
        return self._ends[page]


class _Station(asyncio.Protocol):
    """An open stream; what it tells of is pulled over a second connection."""

    def __init__(self, bench: _Bench, token: str, after: int) -> None:
        self._bench = bench
        self._token = token
        self.after = after
        self._tail = b""
        self._told = asyncio.Event()
        self._pulling: asyncio.Task[None] | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if not isinstance(transport, asyncio.Transport):
            raise TypeError(transport)
        self._transport = transport
        transport.write(
            f"GET /v1/stream?after={self.after}&epoch={self._bench.epoch} HTTP/1.1\r\nHost: x\r\n"
            f"X-Orderdock-Wire: 1\r\nAuthorization: Bearer {self._token}\r\nAccept: text/event-stream\r\n\r\n".encode()
        )
        self._pulling = asyncio.create_task(self._pull())

    def data_received(self, data: bytes) -> None:
        now = time.perf_counter()
        data = self._tail + data
        end = 0
        for found in _URGENT.finditer(data):
            end = found.end()
            self._bench.saw(found[1], now)
        if b"event: head" in data:
            self._told.set()
        self._tail = data[max(end, len(data) - _TAIL) :] if b"event: urgent" in data[end:] else b""

    def close(self) -> None:
        if self._transport is not None and self._pulling is not None:
            self._transport.close()
            self._pulling.cancel()

    async def _pull(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._bench.hub.port)
        with suppress(asyncio.IncompleteReadError):
            while True:
                await self._told.wait()
                self._told.clear()
                writer.write(self._bench.ask(self._token, self.after))
                self.after = self._bench.end_of(await _answer(reader))


async def _answer(reader: asyncio.StreamReader) -> bytes:
    """The body of the next answer."""
    answer = await reader.readuntil(b"\r\n\r\n")
    if not answer.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(answer)
    length = next(
        int(row[15:]) for row in answer.lower().split(b"\r\n") if row.startswith(b"content-length:")
    )
    return await reader.readexactly(length)


_SERVER = """
import asyncio, sys
class Out(asyncio.Protocol):
    all = []
    def connection_made(self, transport): self.transport = transport; Out.all.append(transport)
    def data_received(self, data):
        for transport in Out.all: transport.write(data)
async def main():
    server = await asyncio.get_running_loop().create_server(Out, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
asyncio.run(main())
"""


class _Reader(asyncio.Protocol):
    """One end of the bare broadcast."""

    def __init__(self) -> None:
        self.size = 0
        self.read = asyncio.Event()
        self.at = 0.0

    def data_received(self, data: bytes) -> None:
        self.size += len(data)
        if self.size >= _EVENT:
            self.size = 0
            self.at = time.perf_counter()
            self.read.set()


#: An urgent event's size.
_EVENT = 700


async def _broadcast(stations: int, rounds: int) -> list[float]:
    """The floor: as many bytes as an urgent event has, written to every socket by a process of its own."""
    server = subprocess.Popen([sys.executable, "-c", _SERVER], stdout=subprocess.PIPE)
    if server.stdout is None:
        raise RuntimeError("no pipe")
    port = int(server.stdout.readline())
    loop = asyncio.get_running_loop()
    pipes = [await loop.create_connection(_Reader, "127.0.0.1", port) for _ in range(stations)]
    await asyncio.sleep(0.5)  # connected is not yet accepted: who is missed by the first event waits for ever
    seconds: list[float] = []
    try:
        for _ in range(rounds):
            began = time.perf_counter()
            pipes[0][0].write(b"x" * _EVENT)
            for _, end in pipes:
                await end.read.wait()
                end.read.clear()
                seconds.append(end.at - began)
            await asyncio.sleep(0.02)
    finally:
        for transport, _ in pipes:
            transport.close()
        server.kill()
        server.wait()
        server.stdout.close()
    return seconds
