"""PCK-01 and C51: from the click to the paper, over a real hub and a printer that answers as devices do."""

from __future__ import annotations

import statistics
import time
from pathlib import Path

import numpy as np
import zxingcpp
from PySide6.QtWidgets import QApplication

from app.core.order import Order
from app.core.printjob import PrintState
from app.desktop import SlipPrinters
from app.station.outcome import Done
from app.station.slips import PAPER_MM
from rehearsal.printer import Paper, StandInPrinter, read_papers
from tests.helpers.hub import RunningHub, a_channel_order
from tests.helpers.station import LiveStation, until
from tests.sync.conftest import Station
from tests.sync.test_cases import knows, parcel_of, sent, told

PRINTS_WITHIN_S = 2.0


def code_on(paper: Paper) -> str:
    """What a reader that is not ours reads on the paper."""
    burnt = np.array([np.unpackbits(np.frombuffer(row, np.uint8)) for row in paper.rows])
    [code] = zxingcpp.read_barcodes(np.where(burnt == 1, 0, 255).astype(np.uint8))
    return str(code.text)


def test_a_slip_is_out_two_seconds_after_the_click_and_its_code_opens_the_parcel(
    qapp: QApplication, hub: RunningHub, station: Station
) -> None:
    bench = station()
    orders = [hub.given(a_channel_order(f"pck-01-{n}")) for n in range(3)]
    knows(bench, orders[-1])
    with StandInPrinter() as device:
        printers = SlipPrinters(bench.core, bench.clock)
        printers.use(f"tcp:127.0.0.1:{device.port}")
        for engine in printers.engines():
            bench.loop.step_for_ever(engine, bench.clock)
        bench.until(lambda: printers.reports()[0].state == "ready", "the printer is not ready")
        took = []
        for n, order in enumerate(orders, start=1):
            began = time.perf_counter()
            [outcome] = bench.do(bench.core.packing.print_slips([parcel_of(order)], bench.clock.now()))
            assert outcome.done is Done.printing
            until(lambda n=n: sum(not p.is_blank for p in device.papers) == n, "no paper", 20)
            took.append(time.perf_counter() - began)
        assert statistics.median(took) <= PRINTS_WITHIN_S, took
        papers = [paper for paper in device.papers if not paper.is_blank]
        assert device.sender_faults == []
        until(lambda: _states(bench, orders) == [PrintState.printed] * 3, "printed was not said")
        for order, paper in zip(orders, papers, strict=True):
            opened = bench.scan(code_on(paper))
            assert (opened.done, opened.parcel_no) == (Done.opened, parcel_of(order))
            bench.core.packing.put_aside(bench.clock.now())
        until(lambda: _states(bench, orders) == [PrintState.confirmed] * 3, "the scan-back was not kept")
    sent(bench)
    assert [told(hub, order).count("slip_printed") for order in orders] == [1, 1, 1]


def _states(bench: LiveStation, orders: list[Order]) -> list[PrintState]:
    return [job.state for order in orders for job in bench.core.outbox.jobs_of(parcel_of(order))]


def test_the_next_slip_is_as_wide_as_the_paper_that_was_chosen(
    qapp: QApplication, hub: RunningHub, station: Station, tmp_path: Path
) -> None:
    bench = station()
    orders = [hub.given(a_channel_order(f"paper-{n}")) for n in range(2)]
    knows(bench, orders[-1])
    (tmp_path / "纸").mkdir()
    printers = SlipPrinters(bench.core, bench.clock)
    printers.use(f"folder:{tmp_path / '纸'}")
    for engine in printers.engines():
        bench.loop.step_for_ever(engine, bench.clock)
    printed: list[Paper] = []
    for order, mm, dots in zip(orders, ("", "58"), (576, 384), strict=True):
        bench.core.outbox.set_setting(PAPER_MM, mm)
        bench.do(bench.core.packing.print_slips([parcel_of(order)], bench.clock.now()))
        until(lambda order=order: _states(bench, [order]) == [PrintState.printed], "no paper", 20)
        files = sorted((tmp_path / "纸").glob("*.bin"))
        read = read_papers(files[-1].read_bytes(), dots)
        assert read.faults == []
        printed += read.papers
        assert bench.scan(code_on(printed[-1])).parcel_no == parcel_of(order)
        bench.core.packing.put_aside(bench.clock.now())
    wide, narrow = printed
    assert max(len(row.rstrip(b"\0")) for row in wide.rows) > 384 // 8
    assert (wide.is_cut, narrow.is_cut) == (True, False), "narrow paper is torn off by hand"
