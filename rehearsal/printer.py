"""A stand-in receipt printer: listens on TCP like a network printer, prints onto pictures, breaks on demand.

It reads ESC/POS with an interpreter of its own and is strict: a byte it does not understand, a raster wider
than its head or a half command at the end is kept as a fault of the sender, not guessed over::

    with StandInPrinter() as printer:
        ... send to ("127.0.0.1", printer.port) ...
        printer.papers[0].png()

Questions (DLE EOT) are answered when they come in; everything else is worked off in its turn by a mechanism
that stops while the paper is out or the cover is open.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import sys
import threading
import zlib
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from types import TracebackType


class Fault(Enum):
    """What can be wrong with the device until it is cleared."""

    paper_low = "paper_low"
    paper_out = "paper_out"
    cover_open = "cover_open"
    broken = "broken"
    #: prints, but answers nothing
    silent = "silent"
    #: answers DLE EOT, but never says that it is done
    no_done = "no_done"
    #: the line stands, nobody is there
    hung = "hung"


@dataclass(slots=True)
class Paper:
    """One piece of paper, cut or torn off. ``rows``: one bytes object a line of dots, 1 = black."""

    width: int
    rows: list[bytes] = field(default_factory=list)
    text: str = ""
    codes: list[str] = field(default_factory=list)
    raw: bytes = b""
    is_cut: bool = False

    @property
    def is_blank(self) -> bool:
        return not any(any(row) for row in self.rows) and not self.text.strip() and not self.codes

    def png(self) -> bytes:
        """The dots as a one-bit grey PNG."""
        size = struct.pack(">IIBBBBB", self.width, max(len(self.rows), 1), 1, 0, 0, 0, 0)
        lines = self.rows or [bytes(self.width // 8)]
        pixels = b"".join(b"\0" + bytes(255 - byte for byte in row) for row in lines)
        chunks = ((b"IHDR", size), (b"IDAT", zlib.compress(pixels)), (b"IEND", b""))
        return b"\x89PNG\r\n\x1a\n" + b"".join(
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
            for kind, body in chunks
        )

    def save(self, folder: Path, name: str) -> None:
        """``name.bin`` as it came over the line, and what stands on it as ``.png`` and, if any, ``.txt``."""
        (folder / f"{name}.bin").write_bytes(self.raw)
        (folder / f"{name}.png").write_bytes(self.png())
        if self.text.strip():
            (folder / f"{name}.txt").write_text(self.text, encoding="utf-8")


class NotUnderstood(Exception):
    """Bytes that are no command of a receipt printer."""


@dataclass(frozen=True, slots=True)
class _Command:
    name: str
    raw: bytes
    data: bytes = b""


# name and length of the commands without a counted body; the key is their first bytes
_FIXED = {
    b"\x1b@": ("init", 2),
    b"\x1ba": ("align", 3),
    b"\x1bE": ("bold", 3),
    b"\x1bd": ("feed_lines", 3),
    b"\x1bJ": ("feed_dots", 3),
    b"\x1d!": ("size", 3),
    b"\x1dB": ("reverse", 3),
    b"\x1dr": ("ask_in_turn", 3),
    b"\x1c&": ("chinese_on", 2),
    b"\x1c.": ("chinese_off", 2),
    b"\x10\x04": ("ask_now", 3),
}


def commands(buffer: bytearray) -> Iterator[_Command]:
    """Takes whole commands from the front of the buffer; an unfinished one stays. NotUnderstood on others."""
    while buffer:
        length, name, data_from = _shape(buffer)
        if length is None or len(buffer) < length:
            return
        raw = bytes(buffer[:length])
        del buffer[:length]
        yield _Command(name, raw, raw[data_from:])


def _shape(buffer: bytearray) -> tuple[int | None, str, int]:
    """Length (None: cannot be known yet), name, and where the data begins."""
    first = buffer[0]
    if first == 0x0A:
        return 1, "line", 1
    if first >= 0x20 and first != 0x7F:
        end = next((at for at, byte in enumerate(buffer) if byte < 0x20), len(buffer))
        return end, "text", 0
    if len(buffer) < 2:
        return None, "", 0
    head = bytes(buffer[:2])
    if head in _FIXED:
        name, length = _FIXED[head]
        return length, name, 2
    if head == b"\x1dV":
        long = len(buffer) > 2 and buffer[2] in b"AB"
        return (None if len(buffer) < 3 else 4 if long else 3), "cut", 2
    if head == b"\x1dv":
        if len(buffer) < 8:
            return None, "", 0
        if buffer[2] != 0x30 or buffer[3] != 0:
            raise NotUnderstood(f"GS v with mode {bytes(buffer[2:4]).hex()}")
        width, height = int.from_bytes(buffer[4:6], "little"), int.from_bytes(buffer[6:8], "little")
        return 8 + width * height, "raster", 4
    if head == b"\x1d(":
        if len(buffer) < 5:
            return None, "", 0
        return 5 + int.from_bytes(buffer[3:5], "little"), "code" if buffer[2] == 0x6B else "extended", 5
    raise NotUnderstood(f"bytes {bytes(buffer[:8]).hex(' ')}")


class Interpreter:
    """Works commands off onto papers. ``faults``: what the sender did wrong."""

    def __init__(self, width: int = 576) -> None:
        self.width = width
        self.papers: list[Paper] = []
        self.faults: list[str] = []
        self._paper = Paper(width)
        self._line = bytearray()
        self._is_chinese = False
        self._code = b""

    def do(self, command: _Command) -> None:
        """One command; answers nothing."""
        self._paper.raw += command.raw
        action = getattr(self, f"_do_{command.name}", None)
        if action is not None:
            action(command.data)
        elif command.name == "extended":
            self.faults.append(f"unknown command {command.raw[:5].hex(' ')}")

    def end(self) -> None:
        """The sender has gone: what was printed is torn off."""
        if self._line:
            self.faults.append("text without a line end")
        if self._paper.raw:
            self._tear(is_cut=False)

    def _do_init(self, _data: bytes) -> None:
        self._is_chinese = False
        self._line.clear()

    def _do_chinese_on(self, _data: bytes) -> None:
        self._is_chinese = True

    def _do_chinese_off(self, _data: bytes) -> None:
        self._is_chinese = False

    def _do_text(self, data: bytes) -> None:
        if not self._is_chinese and any(byte >= 0x80 for byte in data):
            self.faults.append("Chinese bytes outside Chinese mode")
        self._line += data

    def _do_line(self, _data: bytes) -> None:
        try:
            self._paper.text += self._line.decode("gb18030") + "\n"
        except UnicodeDecodeError as error:
            self.faults.append(f"no GB18030: {error}")
        self._line.clear()

    def _do_raster(self, data: bytes) -> None:
        row = int.from_bytes(data[:2], "little")
        if row * 8 > self.width:
            self.faults.append(f"raster of {row * 8} dots on a head of {self.width}")
        head = self.width // 8
        for start in range(4, len(data), row):
            self._paper.rows.append(data[start : start + row][:head].ljust(head, b"\0"))

    def _do_code(self, data: bytes) -> None:
        if data[:3] == b"1P0":
            self._code = data[3:]
        elif data[:3] == b"1Q0":
            self._paper.codes.append(self._code.decode("ascii"))

    def _do_cut(self, _data: bytes) -> None:
        self._tear(is_cut=True)

    def _tear(self, *, is_cut: bool) -> None:
        self._paper.is_cut = is_cut
        self.papers.append(self._paper)
        self._paper = Paper(self.width)


def read_papers(data: bytes, width: int = 576) -> Interpreter:
    """What a whole job prints, read strictly."""
    interpreter, buffer = Interpreter(width), bytearray(data)
    try:
        for command in commands(buffer):
            interpreter.do(command)
    except NotUnderstood as error:
        interpreter.faults.append(str(error))
    else:
        if buffer:
            interpreter.faults.append(f"half a command at the end: {bytes(buffer[:8]).hex(' ')}")
    interpreter.end()
    return interpreter


class StandInPrinter:
    """The device on a loopback port. Thread-safe; `with` starts and ends it."""

    def __init__(self, width: int = 576, port: int = 0, buffer_bytes: int = 1 << 20) -> None:
        self._interpreter = Interpreter(width)
        self._buffer_bytes = buffer_bytes
        self._state = threading.Condition()
        self._faults: set[Fault] = set()
        self._queue: deque[tuple[socket.socket, _Command]] = deque()
        self._queued_bytes = 0
        self._dies_after: int | None = None
        self._paper_rows_left: int | None = None
        self._rows_per_s: float = 0
        self._lines: set[socket.socket] = set()
        self._is_on = False
        self._server: socket.socket | None = None
        self._held: socket.socket | None = None
        self._threads: list[threading.Thread] = []
        self.port = port
        self.connections = 0

    # -- what is seen from outside

    @property
    def papers(self) -> list[Paper]:
        with self._state:
            return list(self._interpreter.papers)

    @property
    def sender_faults(self) -> list[str]:
        with self._state:
            return list(self._interpreter.faults)

    @property
    def pending(self) -> int:
        """Commands taken in but not yet worked off."""
        with self._state:
            return len(self._queue)

    def break_down(self, *faults: Fault) -> None:
        with self._state:
            self._faults |= set(faults)
            self._state.notify_all()

    def mend(self, *faults: Fault) -> None:
        """These faults end; without any, all of them. A new roll lies in."""
        with self._state:
            self._faults -= set(faults or Fault)
            self._dies_after = self._paper_rows_left = None
            self._state.notify_all()

    def die_after(self, count: int) -> None:
        """The power goes when so many bytes of print data have come in: the line breaks, the rest is lost."""
        with self._state:
            self._dies_after = count

    def paper_for(self, rows: int) -> None:
        """Only so many rows of dots are left on the roll."""
        with self._state:
            self._paper_rows_left = rows

    def slow_down(self, rows_per_s: float) -> None:
        with self._state:
            self._rows_per_s = rows_per_s

    # -- on and off

    def __enter__(self) -> StandInPrinter:
        if sys.platform == "linux":  # elsewhere two sockets cannot share a port
            self._held = self._port_held()
        self.switch_on()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.switch_off()
        if self._held is not None:
            self._held.close()

    def _port_held(self) -> socket.socket:
        """Bound and never listened at: the port is given to nobody else while the printer is off."""
        held = socket.socket()
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the printer has it: both may be bound
        held.bind(("127.0.0.1", self.port))
        self.port = held.getsockname()[1]
        return held

    def switch_on(self) -> None:
        """Listen; after a `switch_off` on the same port again."""
        self._server = socket.create_server(("127.0.0.1", self.port))
        self.port = self._server.getsockname()[1]
        self._is_on = True
        self._start(self._accept, self._server)
        self._start(self._work)

    def switch_off(self) -> None:
        """Gone from the network; what was still to be printed is lost."""
        with self._state:
            self._is_on = False
            self._queue.clear()
            self._queued_bytes = 0
            lines = list(self._lines)
            self._state.notify_all()
        if self._server is not None:
            with contextlib.suppress(OSError):
                self._server.shutdown(socket.SHUT_RDWR)
            self._server.close()
        for line in lines:
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)  # wakes the thread that listens, which then closes it
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(timeout=20)
        self._threads.clear()

    def _start(self, target: object, *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    # -- the line

    def _accept(self, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                line, _peer = server.accept()
                with self._state:
                    if (
                        not self._is_on
                    ):  # it came in while the printer went off, which ends the lines it knows
                        _reset(line)
                        return
                    self.connections += 1
                    self._lines.add(line)
                self._start(self._listen, line)

    def _listen(self, line: socket.socket) -> None:
        buffer = bytearray()
        try:
            while data := line.recv(4096):
                if self._dies_of(len(data)):
                    break
                buffer += data
                for command in commands(buffer):
                    self._take(line, command)
        except NotUnderstood as error:
            with self._state:
                self._interpreter.faults.append(str(error))
        except OSError:
            pass
        finally:
            with self._state:
                self._lines.discard(line)
            _reset(line)

    def _dies_of(self, count: int) -> bool:
        """Whether the power goes with these bytes; then all that was not yet printed is lost."""
        with self._state:
            if self._dies_after is None:
                return False
            self._dies_after -= count
            if self._dies_after > 0:
                return False
            self._dies_after = None
            self._queue.clear()
            self._queued_bytes = 0
            self._interpreter.end()
            return True

    def _take(self, line: socket.socket, command: _Command) -> None:
        """Answer at once, or put into the queue as soon as there is room."""
        if command.name == "ask_now":
            with self._state:
                is_mute = bool(self._faults & {Fault.silent, Fault.hung})
                answer = self._says(command.data[0])
            if not is_mute:
                line.sendall(bytes((answer,)))
            return
        with self._state:
            while self._is_on and self._queue and self._queued_bytes + len(command.raw) > self._buffer_bytes:
                self._state.wait(0.5)
            self._queue.append((line, command))
            self._queued_bytes += len(command.raw)
            self._state.notify_all()

    def _says(self, question: int) -> int:
        """The status byte of DLE EOT n; bits 1 and 4 are always set."""
        stopped = self._faults & {Fault.paper_out, Fault.cover_open, Fault.broken}
        bits = {
            1: 0x08 if stopped else 0,
            2: (0x04 if Fault.cover_open in self._faults else 0)
            | (0x20 if Fault.paper_out in self._faults else 0)
            | (0x40 if Fault.broken in self._faults else 0),
            3: 0x40 if Fault.broken in self._faults else 0,
            4: 0x6C if Fault.paper_out in self._faults else 0x0C if Fault.paper_low in self._faults else 0,
        }
        return 0x12 | bits.get(question, 0)

    # -- the mechanism

    def _work(self) -> None:
        stops = {Fault.paper_out, Fault.cover_open, Fault.broken, Fault.hung}
        with self._state:
            while self._is_on:
                if not self._queue or self._faults & stops:
                    self._state.wait(0.5)
                    continue
                line, command = self._queue.popleft()
                self._queued_bytes -= len(command.raw)
                self._state.notify_all()
                self._do(line, command)

    def _do(self, line: socket.socket, command: _Command) -> None:
        if command.name == "ask_in_turn":
            if not self._faults & {Fault.silent, Fault.no_done}:
                with contextlib.suppress(OSError):
                    line.sendall(b"\x00")
            return
        if command.name == "raster":
            self._wear(int.from_bytes(command.data[2:4], "little"))
        self._interpreter.do(command)

    def _wear(self, rows: int) -> None:
        """Printing takes time and paper; the band under way is finished when the roll ends."""
        if self._rows_per_s:
            self._state.wait_for(lambda: not self._is_on, rows / self._rows_per_s)
        if self._paper_rows_left is not None:
            self._paper_rows_left -= rows
            if self._paper_rows_left <= 0:
                self._paper_rows_left = None
                self._faults.add(Fault.paper_out)


def _reset(line: socket.socket) -> None:
    """End a line the hard way, as a device without power does."""
    with contextlib.suppress(OSError):
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    line.close()
