"""The other ends of the cancel benchmark, each kind in a process of its own with blocking or polled raw sockets:
all stations (:func:`stations`), who brings orders (:func:`bring`), who loads everything (:func:`catch_up`), and the
bare broadcast they are compared with (:func:`bare`). What they take from the machine is in the figures, so they do
as little as an end can: a station notes when bytes arrive, and pulls as a real one does.
"""

from __future__ import annotations

import re
import select
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

import zstandard

from benchmarks.hub import orders_csv

PAGE = 1_000
#: Pages read between two looks at the streams.
_PAGES_AT_ONCE = 4
#: A larger buffer is taken from the system and given back for each reading, which costs more than the reading.
_READ = 1 << 14
_READ_PAGE = 1 << 18
_URGENT = re.compile(rb'event: urgent\ndata: \{[^\n]*?"order_no":"(\w+)"[^\n]*\n\n')
_HEAD = re.compile(rb'event: head\ndata: \{"head":(\d+)')
_CHANGES = re.compile(rb'event: changes\nid: (\d+)\ndata: \{"after":(\d+)')
_NEXT = re.compile(rb'"head":(\d+),"next":(\d+)')


@dataclass(frozen=True)
class Place:
    """Where the hub is, and where a station begins."""

    port: int
    epoch: str
    after: int

    def ask(self, token: str, after: int, path: str = "changes", more: str = f"&limit={PAGE}") -> bytes:
        return (
            f"GET /v1/{path}?after={after}&epoch={self.epoch}{more} HTTP/1.1\r\nHost: x\r\n"
            f"X-Orderdock-Wire: 1\r\nAuthorization: Bearer {token}\r\nAccept-Encoding: zstd\r\n\r\n"
        ).encode()


@dataclass(slots=True)
class _Station:
    """A stream, a line to pull over, and one to the bare broadcast."""

    token: str
    after: int
    stream: socket.socket
    line: socket.socket
    bare: socket.socket
    head: int = 0
    tail: bytes = b""
    bare_tail: bytes = b""
    is_pulling: bool = False
    #: Of the answer that is coming: what is here, and how long it will be (0: its head is not whole yet).
    parts: list[bytes] = field(default_factory=list)
    size: int = 0
    whole: int = 0


class _Crowd:
    def __init__(self, place: Place, bare_port: int, tokens: list[str]) -> None:
        self._place = place
        self._hot, self._cold = select.epoll(), select.epoll()
        self._hot.register(self._cold.fileno(), select.EPOLLIN)
        self._streams: dict[int, _Station] = {}
        self._bares: dict[int, _Station] = {}
        self._lines: dict[int, _Station] = {}
        self._ends: dict[bytes, tuple[int, int]] = {}
        self.stations: list[_Station] = []
        self.arrived: dict[str, list[float]] = {}
        self.pulls = 0
        self.pulled_bytes = 0
        for token in tokens:
            self._add(token, bare_port)

    def _add(self, token: str, bare_port: int) -> None:
        stream, line = _line(self._place.port), _line(self._place.port)
        station = _Station(token, self._place.after, stream, line, _line(bare_port))
        stream.sendall(self._place.ask(token, station.after, "stream", ""))
        for kept, sock, poll in (
            (self._streams, stream, self._hot),
            (self._bares, station.bare, self._hot),
            (self._lines, line, self._cold),
        ):
            sock.setblocking(False)
            kept[sock.fileno()] = station
            poll.register(sock.fileno(), select.EPOLLIN)
        self.stations.append(station)

    def run(self, asked: Connection, answer: Callable[[str], Any]) -> None:
        """Reads until told to stop; what is asked comes over ``asked``."""
        self._hot.register(asked.fileno(), select.EPOLLIN)
        cold = self._cold.fileno()
        while True:
            are_pages_waiting = False
            for fd, _ in self._hot.poll():
                if (station := self._streams.get(fd)) is not None:
                    self._heard(station)
                elif (station := self._bares.get(fd)) is not None:
                    self._cast(station)
                elif fd == cold:
                    are_pages_waiting = True
                else:
                    word = asked.recv()
                    asked.send(answer(word))
                    if word == "stop":
                        return
            if are_pages_waiting:
                for fd, _ in self._cold.poll(0, _PAGES_AT_ONCE):
                    self._read_page(self._lines[fd])

    def _heard(self, station: _Station) -> None:
        data = station.stream.recv(_READ)
        now = time.perf_counter()
        if not data:
            raise RuntimeError("the hub ended a stream")
        data = station.tail + data
        end = 0
        if b"event: urgent" in data:
            for found in _URGENT.finditer(data):
                end = found.end()
                self.arrived.setdefault(found[1].decode(), []).append(now)
        for found in _CHANGES.finditer(data, end):
            if int(found[2]) <= station.after:
                station.after = max(station.after, int(found[1]))
            station.head = max(station.head, int(found[1]))
        for found in _HEAD.finditer(data):
            station.head = max(station.head, int(found[1]))
        whole = data.rfind(b"\n\n")
        station.tail = data[whole + 2 :] if whole >= 0 else data
        self._pull(station)

    def _cast(self, station: _Station) -> None:
        data = station.bare_tail + station.bare.recv(_READ)
        now = time.perf_counter()
        for found in _URGENT.finditer(data):
            self.arrived.setdefault(found[1].decode(), []).append(now)
        station.bare_tail = data[data.rfind(b"\n\n") + 2 :]

    def _pull(self, station: _Station) -> None:
        if station.head > station.after and not station.is_pulling:
            station.is_pulling = True
            self.pulls += 1
            station.line.send(self._place.ask(station.token, station.after))

    def _read_page(self, station: _Station) -> None:
        data = station.line.recv(_READ_PAGE)
        station.parts.append(data)
        station.size += len(data)
        if not station.whole:
            begun = b"".join(station.parts)
            if (at := begun.find(b"\r\n\r\n")) < 0:
                return
            station.whole = at + 4 + length_of(begun[:at])
        if station.size < station.whole:
            return
        answer = b"".join(station.parts)
        self.pulled_bytes += len(answer)
        head, station.after = self._end_of(answer[answer.index(b"\r\n\r\n") + 4 :])
        station.head = max(station.head, head)
        station.parts, station.size, station.whole, station.is_pulling = [], 0, 0, False
        self._pull(station)

    def _end_of(self, page: bytes) -> tuple[int, int]:
        """A page's head and end; pages are shared, so most are known already."""
        if page not in self._ends:
            if len(self._ends) > 100:
                self._ends.clear()
            self._ends[page] = end_of(page)
        return self._ends[page]


def stations(asked: Connection, place: Place, bare_port: int, tokens: list[str]) -> None:
    """All stations. Answers "mark" with where each stands, and "stop" with when everything arrived."""
    crowd = _Crowd(place, bare_port, tokens)

    def answer(word: str) -> Any:
        if word == "mark":
            return [station.after for station in crowd.stations], crowd.pulls, crowd.pulled_bytes
        return crowd.arrived

    crowd.run(asked, answer)


def bring(asked: Connection, place: Place, token: str, first: int, rate: int, size: int, files: int) -> None:
    """Files of ``size`` orders at ``rate`` orders a second, on the minute whatever the hub does (four at once at
    most). Begins at "go"; answers "stop" with the orders that were brought and answered in time.
    """
    bodies = [orders_csv(range(first + n * size, first + n * size + size), 3) for n in range(files)]
    asked.send(None)
    asked.recv()
    began, turn, lock, is_over = time.perf_counter(), iter(range(files)), threading.Lock(), threading.Event()
    answered: list[int] = []

    def one() -> None:
        line = _line(place.port)
        while not is_over.is_set():
            with lock:
                n = next(turn, None)
            if n is None:
                return
            if is_over.wait(max(0.0, began + n * size / rate - time.perf_counter())):
                return
            head = (
                f"POST /v1/imports?kind=orders&filename=o.csv HTTP/1.1\r\nHost: x\r\nX-Orderdock-Wire: 1\r\n"
                f"Authorization: Bearer {token}\r\nContent-Type: text/csv\r\n"
                f"Content-Length: {len(bodies[n])}\r\n\r\n"
            )
            line.sendall(head.encode() + bodies[n])
            _answer(line)
            answered.append(size)

    threads = [threading.Thread(target=one, daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    asked.recv()
    is_over.set()
    asked.send(sum(answered))
    for thread in threads:
        thread.join(5)


def catch_up(asked: Connection, place: Place, token: str) -> None:
    """One more station loads everything from the beginning, again and again, the next page asked for as soon as
    one is here. Answers "stop" with the changes it has loaded.
    """
    line, after, loaded = _line(place.port), 0, 0
    while not asked.poll():
        line.sendall(place.ask(token, after))
        head, end = end_of(_answer(line))
        loaded += end - after
        after = end if end < head else 0
    asked.recv()
    asked.send(loaded)


def bare(asked: Connection, ends: int) -> None:
    """The reference: what comes over the one line that says "CAST" goes to all others, nothing else is done."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=1_024)
    asked.send(listening.getsockname()[1])
    lines = [listening.accept()[0] for _ in range(ends + 1)]
    caster = lines.pop()
    for line in lines:
        line.setblocking(False)
    while data := caster.recv(65_536):
        for line in lines:
            line.send(data)


def _line(port: int) -> socket.socket:
    line = socket.create_connection(("127.0.0.1", port), timeout=60)
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return line


def length_of(head: bytes) -> int:
    """An answer's length, by its head. Raises ``RuntimeError`` when it is none we hoped for."""
    if not head.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(head)
    rows = head.lower().split(b"\r\n")
    return next(int(row[15:]) for row in rows if row.startswith(b"content-length:"))


def end_of(page: bytes) -> tuple[int, int]:
    """A page's ``head`` and ``next``."""
    whole = page
    if page[:1] != b"{":
        whole = zstandard.ZstdDecompressor().decompressobj().decompress(page)
    found = _NEXT.search(whole[:300])
    if found is None:
        raise RuntimeError(page[:200])
    return int(found[1]), int(found[2])


def _answer(line: socket.socket) -> bytes:
    data = b""
    while (at := data.find(b"\r\n\r\n")) < 0:
        data += _some(line)
    whole = at + 4 + length_of(data[:at])
    parts, size = [data], len(data)
    while size < whole:
        parts.append(_some(line))
        size += len(parts[-1])
    return b"".join(parts)[at + 4 :]


def _some(line: socket.socket) -> bytes:
    data = line.recv(_READ_PAGE)
    if not data:
        raise RuntimeError("the hub hung up")
    return data
