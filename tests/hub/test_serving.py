"""How the hub's own server closes its door."""

from __future__ import annotations

import asyncio
import gc
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.ports import SystemClock, Ulid
from hub import config
from hub.auth.people import Passwords
from hub.main import create_app
from hub.serving import Server
from tests.helpers.hub import TOML, with_tables


@pytest.fixture(autouse=True)
def _the_collector_as_it_was() -> Iterator[None]:
    """The hub sets it for a process of its own."""
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)


@pytest.mark.parametrize("turns", range(5))
def test_a_caller_who_comes_at_the_last_moment_is_let_go_when_the_hub_stops(
    tmp_path: Path, turns: int
) -> None:
    """One who came in the turn of the loop in which the door was closed would be waited for, and forgotten with an
    open socket."""

    async def stop_at_once() -> bytes:
        settings, clock = config.parse(TOML, Path("hub.toml"), tmp_path, {}), SystemClock()
        with_tables(tmp_path, settings.hub.db)
        hub = create_app(settings, clock, Ulid(clock), passwords=Passwords(passes=1, memory_kib=8))
        ready: list[bool] = []
        server = Server(hub, None, lambda: ready.append(True))
        server.config.load()
        server.lifespan = server.config.lifespan_class(server.config)
        with socket.create_server(("127.0.0.1", 0)) as listening:
            await server.startup(sockets=[listening])
            assert ready
            with socket.create_connection(listening.getsockname()) as caller:
                for _ in range(turns):
                    await asyncio.sleep(0)
                await server.shutdown()
                caller.settimeout(15)
                try:
                    return caller.recv(1)
                except ConnectionResetError:
                    return b""

    assert asyncio.run(stop_at_once()) == b""
    gc.collect()  # a socket that nobody closed would say so
