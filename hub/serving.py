"""How the hub is reached: its socket, its certificate, and the server that takes callers in and lets them go."""

from __future__ import annotations

import asyncio
import errno
import gc
import os
import socket
import sys
from collections.abc import Callable
from datetime import datetime
from typing import Any

import uvicorn

from hub import tls
from hub.atwork import Hub
from hub.config import Settings
from hub.surroundings import Surroundings

STOP_WITHIN_S = 5
#: Objects more than there were before the cycle collector looks at the young ones. With Python's own 700 it looked
#: at the pushes that wait for their commit again and again: a tenth of what a push costs. Ours are hardly ever cycles.
_COLLECTED = (20_000, 10, 10)


def bound(host: str, port: int) -> socket.socket:
    """The socket the hub will listen on. Raises :class:`Surroundings` ``port_taken`` or ``host_unusable``."""
    try:
        family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        sock = socket.socket(family, kind, proto)
    except OSError as error:
        raise Surroundings("host_unusable", host=host) from error
    try:
        if os.name != "nt":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        else:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)  # type: ignore[attr-defined]
        _drop_dead_peers(sock)
        sock.bind(address)
        sock.listen(1024)
    except OSError as error:
        sock.close()
        is_taken = error.errno in (errno.EADDRINUSE, getattr(errno, "WSAEADDRINUSE", errno.EADDRINUSE))
        key = "port_taken" if is_taken else "port_closed" if error.errno == errno.EACCES else "host_unusable"
        raise Surroundings(key, host=host, port=port) from error
    return sock


def _drop_dead_peers(sock: socket.socket) -> None:
    """A station that lost its power, or reads nothing, is given up by the system; accepted sockets inherit it."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", 20), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3)):
        if (option := getattr(socket, name, None)) is not None:
            sock.setsockopt(socket.IPPROTO_TCP, option, value)
    if (option := getattr(socket, "TCP_USER_TIMEOUT", None)) is not None:
        sock.setsockopt(socket.IPPROTO_TCP, option, 30_000)


def secured_for(settings: Settings, now: datetime) -> tls.Tls | None:
    """The certificate of a hub that others can reach; nothing on loopback."""
    if tls.is_loopback(settings.hub.host):
        return None
    try:
        return tls.prepare(settings.data_dir, settings.hub.host, now)
    except ValueError as error:
        raise Surroundings("tls_damaged", path=settings.data_dir / "tls") from error


def url_of(host: str, port: int, *, is_tls: bool) -> str:
    shown = f"[{host}]" if ":" in host else host
    return f"{'https' if is_tls else 'http'}://{shown}:{port}"


class Server(uvicorn.Server):
    """uvicorn that ends our streams before it waits for them, and leaves with status 0 when told to stop."""

    def __init__(self, hub: Hub, secured: tls.Tls | None, on_ready: Callable[[], None]) -> None:
        self._hub = hub
        self._on_ready = on_ready
        super().__init__(
            uvicorn.Config(
                hub,
                access_log=False,
                log_config=None,
                server_header=False,
                proxy_headers=False,  # nobody before us: what a caller says of its own address counts nothing
                ws="none",
                timeout_graceful_shutdown=STOP_WITHIN_S,
                timeout_keep_alive=75,
                ssl_certfile=str(secured.cert_path) if secured else None,
                ssl_keyfile=str(secured.key_path) if secured else None,
            )
        )

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            # what was made by now stays: looking through it for garbage takes 100 ms, in the middle of a cancel
            gc.freeze()
            gc.set_threshold(*_COLLECTED)
            self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self._hub.doors.out.broadcast.stop()
        # asyncio takes a caller in in three turns of its loop; uvicorn would wait STOP_WITHIN_S for one in their midst
        if sys.platform != "win32":  # its loop has no readers
            for listening in (sock for server in self.servers for sock in server.sockets):
                asyncio.get_running_loop().remove_reader(listening.fileno())
        for _ in range(3):
            await asyncio.sleep(0)
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: Any) -> None:
        self.force_exit = self.should_exit
        self.should_exit = True
