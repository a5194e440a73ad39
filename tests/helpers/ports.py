"""Ports of loopback that stay ours while nobody listens at them."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def held_port() -> Iterator[int]:
    """A port that the system gives to nobody else until the end, however many listen and make lines meanwhile.

    A hub may take it, leave it and come back (it binds with SO_REUSEADDR); while it is away callers are refused as
    at any port where nobody is. Elsewhere than on Linux two sockets cannot share it: there it is only a free one.
    """
    is_kept = sys.platform == "linux"
    with socket.socket() as sock:
        if is_kept:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        if is_kept:
            yield port
            return
    yield port
