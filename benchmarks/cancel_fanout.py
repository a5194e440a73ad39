"""A rep's cancel until the last of 200 stations has the urgent event: a real hub process on SQLite (FULL)
over real HTTP, 200 open streams with tokens of their own, the clock running from before the POST is sent
until each station has read the event. The reference is a bare socket broadcast: one process writes the
same bytes to 200 sockets.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.hub import BenchHub, request
from benchmarks.report import Figure, milliseconds, percentile
from rehearsal.processes import call

TITLE = "Cancel accepted -> urgent event at 200 stations"
STATIONS = 200


def run(quick: bool = False) -> list[Figure]:
    stations, cancels = (20, 10) if quick else (STATIONS, 150)
    with tempfile.TemporaryDirectory() as name, BenchHub(Path(name)) as hub:
        orders = hub.take_orders(cancels)
        tokens = [hub.paired(f"bench-{n}") for n in range(stations)]
        seconds, acked = asyncio.run(_measure(hub, tokens, orders))
    floor = asyncio.run(_broadcast(stations, cancels))
    ours, bare = percentile(seconds, 0.99), percentile(floor, 0.99)
    return [
        Figure(
            what=f"last byte in at {stations} stations, {cancels} cancels, p50 / p99",
            ours=f"{milliseconds(percentile(seconds, 0.5))} / {milliseconds(ours)}",
            reference=f"{milliseconds(percentile(floor, 0.5))} / {milliseconds(bare)} bare socket broadcast",
            ratio=f"{ours / bare:.1f}x",
            aim="p99 <= 20 ms",
            passed=ours <= 0.020,
        ),
        Figure(
            what="the rep has the receipt, p50 / p99",
            ours=f"{milliseconds(percentile(acked, 0.5))} / {milliseconds(percentile(acked, 0.99))}",
            reference="-",
            ratio="-",
        ),
    ]


async def _measure(hub: BenchHub, tokens: list[str], orders: list[str]) -> tuple[list[float], list[float]]:
    port = hub.port
    arrived: dict[str, list[float]] = {order_no: [] for order_no in orders}
    enough = asyncio.Event()

    async def listen(device: str) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        epoch = call_epoch
        writer.write(
            f"GET /v1/stream?after={head}&epoch={epoch} HTTP/1.1\r\nHost: x\r\nX-Orderdock-Wire: 1\r\n"
            f"Authorization: Bearer {device}\r\nAccept: text/event-stream\r\n\r\n".encode()
        )
        urgent = False
        ready.release()
        while line := await reader.readline():
            if line.startswith(b"event:"):
                urgent = line.strip() == b"event: urgent"
            elif urgent and line.startswith(b"data:"):
                now = time.perf_counter()
                seen = arrived.get(json.loads(line[5:])["order_no"])
                if seen is not None:
                    seen.append(now)
                    if len(seen) >= len(tokens):
                        enough.set()

    health = await asyncio.to_thread(call, hub.url, "GET", "/healthz")
    head, call_epoch = health["seq"], health["epoch"]
    ready = asyncio.Semaphore(0)
    listeners = [asyncio.create_task(listen(device)) for device in tokens]
    for _ in tokens:
        await ready.acquire()
    await asyncio.sleep(1.0)
    seconds, acked = [], []
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for n, order_no in enumerate(orders):
        enough.clear()
        data = request(port, hub.token, f"cancel-{n:06d}", order_no)
        began = time.perf_counter()
        writer.write(data)
        answer = await reader.readuntil(b"\r\n\r\n")
        length = next(int(h[15:]) for h in answer.lower().split(b"\r\n") if h.startswith(b"content-length:"))
        receipt = json.loads(await reader.readexactly(length))
        acked.append(time.perf_counter() - began)
        if receipt[0]["outcome"] != "applied":
            raise RuntimeError(receipt)
        await asyncio.wait_for(enough.wait(), 10)
        seconds += [at - began for at in arrived[order_no]]
        await asyncio.sleep(0.02)
    for task in listeners:
        task.cancel()
    await asyncio.gather(*listeners, return_exceptions=True)
    return seconds, acked


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


async def _broadcast(stations: int, rounds: int) -> list[float]:
    """The floor: 700 bytes (an urgent event's size) written to every socket by a process of its own."""
    server = subprocess.Popen([sys.executable, "-c", _SERVER], stdout=subprocess.PIPE)
    if server.stdout is None:
        raise RuntimeError("no pipe")
    port = int(server.stdout.readline())
    pipes = [await asyncio.open_connection("127.0.0.1", port) for _ in range(stations)]
    await asyncio.sleep(0.5)  # connected is not yet accepted: who is missed by the first event waits for ever
    event = b"x" * 700
    seconds: list[float] = []
    try:
        for _ in range(rounds):
            began = time.perf_counter()

            async def read(reader: asyncio.StreamReader, began: float = began) -> None:
                await reader.readexactly(len(event))
                seconds.append(time.perf_counter() - began)

            waiting = [asyncio.create_task(read(reader)) for reader, _ in pipes]
            pipes[0][1].write(event)
            await asyncio.gather(*waiting)
            await asyncio.sleep(0.02)
    finally:
        for _, writer in pipes:
            writer.close()
        server.kill()
        server.wait()
        server.stdout.close()
    return seconds
