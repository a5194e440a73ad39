"""Ways to a printer, and the one conversation they all carry: ask, send, wait for "done", ask again.

A :class:`Printer` never says more than it knows. ``printed`` means the device answered, after the job's last
byte, that it has worked everything off and is well. Without that word the result is ``unsure``.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Literal, Protocol

from app.core.printjob import PrinterState
from app.core.values import dataclass
from printing.bitmap import to_png
from printing.escpos import (
    ASK,
    ASK_WHEN_DONE,
    PrinterStatus,
    dots_of,
    is_done_answer,
    is_real_time_answer,
    status_of,
)

Outcome = Literal["printed", "not_started", "held_back", "unsure"]

#: What a picture of a paper says of its size: the head of nearly every receipt printer.
_DPI = 203
#: Whether the first byte may leave, asked when it is about to.
MayBegin = Callable[[], bool]


def _always() -> bool:
    return True


@dataclass(frozen=True, slots=True)
class SendResult:
    """How one job ended. ``not_started``: not one byte of it left, it may be sent again; ``held_back``: the same, for
    who sends it said so at the last moment.

    ``cause`` is a key of ``paper.cause_*`` (unsure) or a printer state (not_started); ``status`` is the last
    the device said of itself.
    """

    outcome: Outcome
    status: PrinterStatus
    cause: str = ""


class Printer(Protocol):
    """One device. Its calls never overlap: the spooler has one job in flight per printer."""

    async def status(self) -> PrinterStatus:
        """What the device says now. Never raises for a device that is away: that is ``offline``."""

    async def send(self, data: bytes, may_begin: MayBegin = _always) -> SendResult:
        """Print one job. Asks before and after; never raises for a device that is away or dies.

        Until the line is open and the device has answered, seconds may pass: ``may_begin`` is asked then, right before
        the first byte.
        """


class Link(Protocol):
    """An open line to a device. Every call raises OSError when the line is broken."""

    async def write(self, data: bytes) -> None:
        """Hand over all of ``data``; returns when the other side took it into its buffer."""

    async def read(self, timeout_s: float) -> bytes:
        """What came, at least one byte; empty when nothing came in time."""

    async def close(self) -> None:
        """End the line; never raises."""


class LinkMaker(Protocol):
    async def __call__(self) -> Link:
        """A fresh line, or OSError (TimeoutError too)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to wait, in seconds."""

    #: until a line stands
    connect_s: float = 3.0
    #: for one status byte; a printer that needs longer counts as silent
    answer_s: float = 1.0
    #: between two questions while a job is being printed
    poll_s: float = 0.5
    #: without any answer after the job was sent: the line is dead though nobody said so
    silence_s: float = 10.0
    #: for "done" from a device that answers and says it is well (some never say "done")
    done_s: float = 5.0
    #: for the whole job, paper refills included
    finish_s: float = 300.0


class EscposPrinter:
    """A receipt printer behind any kind of line."""

    def __init__(self, open_link: LinkMaker, patience: Patience | None = None) -> None:
        self._open_link = open_link
        self._patience = patience or Patience()

    async def status(self) -> PrinterStatus:
        try:
            link = await self._opened()
        except OSError as error:
            return _offline(error)
        try:
            return await _Talk(link, self._patience).ask()
        except OSError as error:
            return _offline(error)
        finally:
            await link.close()

    async def send(self, data: bytes, may_begin: MayBegin = _always) -> SendResult:
        try:
            link = await self._opened()
        except OSError as error:
            status = _offline(error)
            return SendResult("not_started", status, status.state)
        try:
            return await _Talk(link, self._patience).send(data, may_begin)
        finally:
            await link.close()

    async def _opened(self) -> Link:
        return await asyncio.wait_for(self._open_link(), self._patience.connect_s)


class _Talk:
    """One conversation over one line."""

    def __init__(self, link: Link, patience: Patience) -> None:
        self._link, self._patience = link, patience
        self._heard: list[int] = []
        self._is_done = False

    async def send(self, data: bytes, may_begin: MayBegin) -> SendResult:
        try:
            before = await self.ask()
        except OSError as error:
            before = _offline(error)
        if not before.can_print:
            return SendResult("not_started", before, before.state)
        if not may_begin():
            return SendResult("held_back", before)
        try:
            # from here on nobody but the device knows what it has
            await asyncio.wait_for(self._link.write(data), self._patience.finish_s)
            if before.state is PrinterState.unknown:
                return SendResult("unsure", before, "no_answer")
            return await self._until_done(before)
        except TimeoutError:
            return SendResult("unsure", before, "not_finished")
        except OSError as error:
            return SendResult("unsure", _offline(error), "lost_link")

    async def ask(self) -> PrinterStatus:
        """The real-time questions, one by one; the first unanswered one ends the asking."""
        answers: dict[int, int] = {}
        for number, question in ASK.items():
            self._heard.clear()
            await self._link.write(question)
            await self._listen(self._patience.answer_s, lambda: bool(self._heard))
            if not self._heard:
                break
            answers[number] = self._heard[0]
        return status_of(answers)

    async def _listen(self, timeout_s: float, is_enough: Callable[[], bool]) -> None:
        """Take in what the device says until it is enough or the time is up; noise is passed over."""
        clock = asyncio.get_running_loop().time
        until = clock() + timeout_s
        while not is_enough() and (left := until - clock()) > 0:
            for byte in await self._link.read(left):
                if is_real_time_answer(byte):
                    self._heard.append(byte)
                elif is_done_answer(byte):
                    self._is_done = True

    async def _until_done(self, before: PrinterStatus) -> SendResult:
        """Wait for the device to say it has worked everything off; trouble on the way is waited out."""
        clock, patience = asyncio.get_running_loop().time, self._patience
        begun = heard = well_since = clock()
        status = before
        self._is_done = False
        await self._link.write(ASK_WHEN_DONE)
        while clock() - begun < patience.finish_s:
            await self._listen(patience.poll_s, lambda: self._is_done)
            latest = await self.ask()
            if latest.state is PrinterState.unknown:
                if self._is_done:
                    return SendResult("printed", status)
                if clock() - heard > patience.silence_s:
                    return SendResult("unsure", latest, "lost_link")
                continue
            status, heard = latest, clock()
            if self._is_done:
                return SendResult("printed", status)
            if not status.can_print:
                well_since = clock()
            elif clock() - well_since > patience.done_s:
                # some never say "done": taken whole and well ever since is their word
                return SendResult("printed", status)
        return SendResult("unsure", status, "not_finished")


def _offline(error: OSError) -> PrinterStatus:
    return PrinterStatus(PrinterState.offline, str(error) or type(error).__name__)


class TcpLink:
    """A line to port 9100 (or wherever a network printer listens)."""

    #: Small enough that a write returns only when the device has taken nearly all.
    _CHUNK = 4096

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def write(self, data: bytes) -> None:
        for start in range(0, len(data), self._CHUNK):
            self._writer.write(data[start : start + self._CHUNK])
            await self._writer.drain()

    async def read(self, timeout_s: float) -> bytes:
        try:
            data = await asyncio.wait_for(self._reader.read(64), timeout_s)
        except TimeoutError:
            return b""
        if not data:
            raise ConnectionResetError("the printer closed the line")
        return data

    async def close(self) -> None:
        self._writer.close()
        try:
            await self._writer.wait_closed()
        except OSError:
            pass


def tcp_printer(host: str, port: int = 9100, patience: Patience | None = None) -> EscposPrinter:
    """A network printer."""

    async def open_link() -> Link:
        reader, writer = await asyncio.open_connection(host, port)
        writer.transport.set_write_buffer_limits(high=0)
        return TcpLink(reader, writer)

    return EscposPrinter(open_link, patience)


class FolderPrinter:
    """Papers as files ``0001.bin``, ``0002.bin`` ... in a folder: for trying out, and for keeping proofs. Beside each
    whose dots we drew stands ``0001.png`` to look at.

    Its word is good: a paper is ``printed`` when the file is on disk under its name.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def status(self) -> PrinterStatus:
        with contextlib.suppress(OSError):
            # who names a folder means to have one; where the one above is missing too, the name is a slip of the pen
            self._folder.mkdir(exist_ok=True)
        if self._folder.is_dir() and os.access(self._folder, os.W_OK):
            return PrinterStatus(PrinterState.ready)
        return PrinterStatus(PrinterState.offline, f"cannot write into {self._folder}")

    async def send(self, data: bytes, may_begin: MayBegin = _always) -> SendResult:
        status = await self.status()
        if not status.can_print:
            return SendResult("not_started", status, status.state)
        if not may_begin():
            return SendResult("held_back", status)
        try:
            await asyncio.to_thread(self._write, data)
        except OSError as error:
            # a half-written file has no final name, so nothing was printed
            return SendResult("not_started", _offline(error), PrinterState.offline)
        return SendResult("printed", status)

    def _write(self, data: bytes) -> None:
        taken = [int(path.stem) for path in self._folder.glob("*.bin") if path.stem.isdecimal()]
        part = self._folder / "paper.part"
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        paper = self._folder / f"{max(taken, default=0) + 1:04d}.bin"
        part.rename(paper)
        if (dots := dots_of(data)) is not None:
            with contextlib.suppress(OSError):  # the paper is there; its picture is a kindness
                paper.with_suffix(".png").write_bytes(to_png(dots, _DPI))
