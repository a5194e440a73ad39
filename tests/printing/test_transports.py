"""Honest about the device: over real sockets to a printer that breaks on demand."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from app.core.printjob import PrinterState
from printing.bitmap import Bitmap, to_png
from printing.devices import BadAddress, PrinterSetup, printer_at
from printing.escpos import dots_of, raster_job
from printing.transports import EscposPrinter, FolderPrinter, Patience, tcp_printer
from rehearsal.printer import Fault, StandInPrinter

pytestmark = pytest.mark.anyio

#: For devices that answer: however busy this machine is, the answer is waited for.
PATIENT = Patience(connect_s=20, answer_s=20, poll_s=0.05, silence_s=20, done_s=20, finish_s=60)
#: For those that say nothing: it is their silence that is waited for.
HASTE = Patience(connect_s=20, answer_s=0.15, poll_s=0.05, silence_s=0.4, done_s=0.3, finish_s=20)
JOB = raster_job(Bitmap(576, 960, bytes(range(256)) * 270))


@pytest.fixture
def device() -> Iterator[StandInPrinter]:
    with StandInPrinter() as device:
        yield device


def reached(device: StandInPrinter, patience: Patience = PATIENT) -> EscposPrinter:
    return tcp_printer("127.0.0.1", device.port, patience)


@pytest.mark.parametrize(
    ("fault", "state"),
    [
        (None, PrinterState.ready),
        (Fault.paper_low, PrinterState.paper_low),
        (Fault.paper_out, PrinterState.paper_out),
        (Fault.cover_open, PrinterState.cover_open),
        (Fault.broken, PrinterState.error),
        (Fault.silent, PrinterState.unknown),
    ],
)
async def test_the_state_is_what_the_device_says(
    device: StandInPrinter, fault: Fault | None, state: PrinterState
) -> None:
    if fault:
        device.break_down(fault)
    patience = HASTE if fault is Fault.silent else PATIENT
    assert (await reached(device, patience).status()).state is state


async def test_a_device_that_is_away_is_offline_and_nothing_was_sent(device: StandInPrinter) -> None:
    printer = reached(device)
    device.switch_off()
    assert (await printer.status()).state is PrinterState.offline
    result = await printer.send(JOB)
    assert (result.outcome, result.cause) == ("not_started", "offline")


async def test_an_address_nobody_answers_is_offline_in_time() -> None:
    # bound but not listening: on some systems refused, on others silent
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        printer = tcp_printer("127.0.0.1", closed.getsockname()[1], Patience(connect_s=0.5))
        assert (await printer.status()).state is PrinterState.offline


async def test_printed_is_the_devices_own_word_and_the_paper_is_whole(device: StandInPrinter) -> None:
    result = await reached(device).send(JOB)
    assert (result.outcome, result.status.state) == ("printed", PrinterState.ready)
    [paper] = device.papers
    assert paper.raw == JOB
    assert b"".join(paper.rows) == bytes(range(256)) * 270
    assert device.sender_faults == []


@pytest.mark.parametrize("fault", [Fault.paper_out, Fault.cover_open, Fault.broken])
async def test_nothing_is_sent_to_a_device_in_trouble(device: StandInPrinter, fault: Fault) -> None:
    device.break_down(fault)
    result = await reached(device).send(JOB)
    assert result.outcome == "not_started"
    assert result.cause == result.status.state != PrinterState.ready
    device.mend()
    assert (await reached(device).status()).state is PrinterState.ready
    assert device.papers == []


async def test_who_sends_may_hold_it_back_until_the_first_byte(device: StandInPrinter) -> None:
    asked: list[int] = []

    def may_begin() -> bool:
        asked.append(len(device.papers))
        return False

    result = await reached(device).send(JOB, may_begin)
    assert (result.outcome, asked) == ("held_back", [0])
    assert (await reached(device).send(JOB)).outcome == "printed"
    assert len(device.papers) == 1


async def test_a_device_that_cannot_answer_leaves_us_unsure_though_it_prints(device: StandInPrinter) -> None:
    device.break_down(Fault.silent)
    result = await reached(device, HASTE).send(JOB)
    assert (result.outcome, result.cause) == ("unsure", "no_answer")
    await until(lambda: len(device.papers) == 1)


@pytest.mark.parametrize("count", [1, 30_000, len(JOB) - 1])
async def test_a_device_that_dies_in_mid_job_leaves_us_unsure(device: StandInPrinter, count: int) -> None:
    device.slow_down(3000)
    device.die_after(count + 9)  # three questions of three bytes come first
    result = await reached(device).send(JOB)
    assert (result.outcome, result.cause) == ("unsure", "lost_link")
    assert not [paper for paper in device.papers if paper.is_cut]


async def test_a_device_that_hangs_in_mid_job_leaves_us_unsure(device: StandInPrinter) -> None:
    device.slow_down(20)
    patience = Waning()
    sending = asyncio.ensure_future(reached(device, cast(Patience, patience)).send(JOB))
    await until(lambda: device.pending > 0)
    device.break_down(Fault.hung)
    patience.answer_s, patience.silence_s = HASTE.answer_s, HASTE.silence_s
    result = await sending
    assert (result.outcome, result.cause) == ("unsure", "lost_link")


async def test_paper_that_runs_out_in_mid_job_is_waited_for(device: StandInPrinter) -> None:
    device.paper_for(rows=400)
    sending = asyncio.ensure_future(reached(device).send(JOB))
    await until(lambda: device.pending > 0)
    await asyncio.sleep(0.3)
    assert not sending.done()
    device.mend()
    assert (await sending).outcome == "printed"
    assert len(device.papers) == 1


async def test_a_job_that_is_never_finished_leaves_us_unsure(device: StandInPrinter) -> None:
    device.paper_for(rows=1)
    patience = Patience(connect_s=20, answer_s=20, poll_s=0.05, silence_s=20, finish_s=3)
    result = await reached(device, patience).send(JOB)
    assert (result.outcome, result.cause) == ("unsure", "not_finished")
    assert result.status.state is PrinterState.paper_out


async def test_a_device_with_a_small_buffer_takes_the_job_bit_by_bit() -> None:
    with StandInPrinter(buffer_bytes=20_000) as device:
        device.slow_down(4000)
        assert (await reached(device).send(JOB)).outcome == "printed"
        assert b"".join(device.papers[0].rows) == bytes(range(256)) * 270


async def test_a_device_that_never_says_done_is_believed_when_it_stays_well(device: StandInPrinter) -> None:
    device.break_down(Fault.no_done)
    patience = Patience(connect_s=20, answer_s=20, poll_s=0.05, silence_s=20, done_s=0.3)
    assert (await reached(device, patience).send(JOB)).outcome == "printed"


async def test_noise_on_the_line_is_no_answer() -> None:
    with Chatterer(b"hello\xff\x00\x90") as port:
        status = await tcp_printer("127.0.0.1", port, HASTE).status()
        assert status.state is PrinterState.unknown


# -- folders and addresses


async def test_a_folder_keeps_each_paper_as_a_file(tmp_path: Path) -> None:
    folder = tmp_path / "张 三"
    folder.mkdir()
    printer = FolderPrinter(folder)
    assert (await printer.send(b"one")).outcome == "printed"
    assert (await printer.send(b"two")).outcome == "printed"
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        "0001.bin": b"one",
        "0002.bin": b"two",
    }


@pytest.mark.parametrize("has_cutter", [True, False])
def test_a_paper_of_dots_has_a_picture_of_them_beside_it(tmp_path: Path, has_cutter: bool) -> None:
    bitmap = Bitmap(576, 500, bytes(range(250)) * 144)
    job = raster_job(bitmap, has_cutter)
    assert asyncio.run(FolderPrinter(tmp_path).send(job)).outcome == "printed"
    assert (tmp_path / "0001.png").read_bytes() == to_png(bitmap, 203)
    assert dots_of(job[:-9]) is None and dots_of(b"\x1b@text") is None


def test_a_paper_that_is_held_back_makes_no_file(tmp_path: Path) -> None:
    assert asyncio.run(FolderPrinter(tmp_path).send(b"one", lambda: False)).outcome == "held_back"
    assert list(tmp_path.iterdir()) == []


async def test_a_folder_that_is_named_is_made(tmp_path: Path) -> None:
    printer = FolderPrinter(tmp_path / "papers")
    assert (await printer.status()).state is PrinterState.ready
    assert (await printer.send(b"one")).outcome == "printed"


async def test_a_folder_in_no_folder_is_offline(tmp_path: Path) -> None:
    printer = FolderPrinter(tmp_path / "gone" / "papers")
    assert (await printer.status()).state is PrinterState.offline
    assert (await printer.send(b"one")).outcome == "not_started"


async def test_addresses_make_printers(device: StandInPrinter, tmp_path: Path) -> None:
    assert (await printer_at(f"tcp:127.0.0.1:{device.port}").status()).state is PrinterState.ready
    assert (await printer_at(f"tcp://127.0.0.1:{device.port}/").status()).state is PrinterState.ready
    assert (await printer_at(f"folder:{tmp_path}").status()).state is PrinterState.ready
    assert PrinterSetup(name="s", address="tcp:x", width_mm=58).dots == 384


@pytest.mark.parametrize("address", ["", "tcp:", "192.168.1.5", "tcp:host:port", "usb:04b8", "lpt:1"])
def test_an_address_nobody_can_read_names_the_kinds_there_are(address: str) -> None:
    with pytest.raises(BadAddress, match="tcp:HOST"):
        printer_at(address)


@pytest.mark.skipif(sys.platform == "win32", reason="device files are a Unix thing")
async def test_a_device_file_prints_and_can_say_nothing(tmp_path: Path) -> None:
    file = tmp_path / "lp0"
    file.touch()
    printer = printer_at(f"device:{file}")
    assert isinstance(printer, EscposPrinter)
    result = await printer.send(JOB)
    assert (result.outcome, result.cause) == ("unsure", "no_answer")
    assert JOB in file.read_bytes()


async def test_a_device_that_is_not_plugged_in_is_offline(tmp_path: Path) -> None:
    printer = printer_at(f"device:{tmp_path / 'none' / 'lp0'}")
    assert (await printer.status()).state is PrinterState.offline
    assert (await printer.send(JOB)).outcome == "not_started"


@pytest.mark.parametrize("address", ["usb:ffff:fffe", "serial:no-such-port@9600"])
async def test_a_device_without_driver_or_cable_is_offline_with_the_cause(address: str) -> None:
    status = await printer_at(address).status()
    assert status.state is PrinterState.offline
    assert status.detail


async def test_asking_python_escpos_leaves_the_programs_logging_alone() -> None:
    import logging

    before = logging.getLogger().handlers[:]
    printer_at("device:/nowhere/lp0")
    assert logging.getLogger().handlers == before


async def until(is_so: object) -> None:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        if is_so():  # type: ignore[operator]
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never came")


class Waning:
    """A Patience that may end while a job is under way."""

    def __init__(self) -> None:
        self.connect_s, self.answer_s, self.poll_s = PATIENT.connect_s, PATIENT.answer_s, PATIENT.poll_s
        self.silence_s, self.done_s, self.finish_s = PATIENT.silence_s, PATIENT.done_s, PATIENT.finish_s


class Chatterer:
    """Answers every question with the same bytes."""

    def __init__(self, says: bytes) -> None:
        self._says = says
        self._server = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> int:
        self._thread.start()
        return int(self._server.getsockname()[1])

    def __exit__(self, *_error: object) -> None:
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)  # wakes the thread where nobody ever came
        self._thread.join(20)
        self._server.close()

    def _run(self) -> None:
        with contextlib.suppress(OSError):  # whoever asked may be gone before the answer
            line, _peer = self._server.accept()
            with line:
                while line.recv(64):
                    line.sendall(self._says)
