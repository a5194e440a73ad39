"""Somebody outside the house who is told: a web hook of apprise's own JSON kind, over HTTP on loopback."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any


class Ear:
    """``told`` are the messages in the order they came; ``answer`` is the status the next ones get."""

    def __init__(self, server: HTTPServer) -> None:
        self.told: list[str] = []
        self.answer = 200
        self._port = server.server_address[1]

    def toml(self, notice: str, kind: str = "house") -> str:
        """A [[notice]] of hub.toml that leads here, with time for a busy machine (apprise's own are 4 s)."""
        url = f"json://127.0.0.1:{self._port}/?cto=20&rto=20"
        return f'[[notice]]\nid = "{notice}"\nkind = "{kind}"\nurl = "{url}"\n'


@contextmanager
def listening() -> Iterator[Ear]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            ear.told.append(json.loads(raw)["message"])
            self.send_response(ear.answer)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *said: Any) -> None:
            """Nobody reads it."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    ear = Ear(server)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield ear
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=10)
