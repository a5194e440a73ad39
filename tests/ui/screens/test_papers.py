"""A printer that dies in the middle: the packer is asked in the bar, once, and what they say is done (C1, C10, C11)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from app.core.printjob import PrintState
from app.core.qr import slip_code
from app.desktop import SlipPrinters
from app.os.clock import StationClock
from rehearsal import shop
from rehearsal.printer import StandInPrinter
from tests.helpers.real_hub import RealHub
from ui.screens.packing import PackingScreen
from ui.station import Station

WAIT_MS = 20_000
P = PrintState
FIRST = shop.GOODS[0].sku_code


@pytest.fixture
def printer() -> Iterator[StandInPrinter]:
    with StandInPrinter() as made:
        yield made


class Bench:
    """A packing station with a real slip printer on the network, and one order whose slip it lost."""

    def __init__(self, qtbot: QtBot, station: Station, order_no: str, printer: StandInPrinter) -> None:
        self.qtbot, self.station, self.printer = qtbot, station, printer
        self.parcel_no = f"{order_no}01"
        station.printers.use(f"tcp://127.0.0.1:{printer.port}")
        qtbot.waitUntil(lambda: station.core.read.order(order_no) is not None, timeout=WAIT_MS)

    @property
    def desk(self) -> PackingScreen:
        assert isinstance(self.station.desk, PackingScreen)
        return self.station.desk

    def states(self) -> list[PrintState]:
        return [job.state for job in self.station.core.outbox.jobs_of(self.parcel_no)]

    def until(self, *states: PrintState) -> None:
        self.qtbot.waitUntil(lambda: self.states() == list(states), timeout=WAIT_MS)

    def lose_a_slip(self) -> str:
        """The line breaks after the first bytes of the job; gives what the bar asks."""
        self.printer.die_after(2000)
        self.desk._print_slips([self.parcel_no], "")
        self.until(P.uncertain)
        bar = self.station.window.bar
        self.qtbot.waitUntil(lambda: bar.front is not None, timeout=WAIT_MS)
        return bar.words()


@pytest.fixture
def bench(
    qtbot: QtBot,
    open_station: Callable[..., Station],
    new_order: Callable[..., str],
    printer: StandInPrinter,
) -> Bench:
    station = open_station("packing", lambda core: SlipPrinters(core, StationClock()))
    return Bench(qtbot, station, new_order((FIRST, 1)), printer)


def test_it_came_out_says_one_key_and_the_hub_hears_of_it(bench: Bench, hub: RealHub, qtbot: QtBot) -> None:
    asked = bench.lose_a_slip()
    assert "打印中途断线" in asked and "的拣货单打出来了吗？" in asked
    bar = bench.station.window.bar
    assert (bar._ack.words(), bar.no.words()) == ("出来了", "没有，再打一张")
    bench.station.kit.i18n.toggle()
    assert "Did the slip of" in bar.words() and bar.no.words() == "No, print again"
    bench.station.kit.i18n.toggle()
    handle = bench.station.window.windowHandle()
    assert handle is not None
    QTest.keyClick(handle, Qt.Key.Key_F8)
    bench.until(P.printed)
    order_no = bench.parcel_no[:-2]
    told = f"/v1/orders/{order_no}"
    qtbot.waitUntil(lambda: hub.api("GET", told)["parcels"][0]["slip_count"] == 1, timeout=WAIT_MS)
    qtbot.waitUntil(lambda: bar.front is None, timeout=WAIT_MS)
    assert bench.printer.papers == [] or not bench.printer.papers[-1].is_cut, (
        "nothing was sent again by itself"
    )


def test_it_did_not_come_out_prints_a_second_copy_with_its_reason(bench: Bench, qtbot: QtBot) -> None:
    bench.lose_a_slip()
    bench.station.window.bar.no.click()
    bench.until(P.failed, P.printed)
    again = bench.station.core.outbox.jobs_of(bench.parcel_no)[-1]
    assert (again.copy, again.reason) == (2, "上一张没打出来")
    assert bench.printer.papers[-1].is_cut
    # the printer was away for a moment, and is seen to be back
    qtbot.waitUntil(lambda: bench.station.window.bar.front is None, timeout=WAIT_MS)


def test_the_scan_of_the_slip_answers_the_question(bench: Bench, qtbot: QtBot) -> None:
    bench.lose_a_slip()
    bench.station.scan(slip_code(bench.parcel_no, 1))
    qtbot.waitUntil(lambda: bench.station.window.bar.front is None, timeout=WAIT_MS)
    assert bench.states() == [P.confirmed]


def test_a_question_left_open_is_asked_again_after_a_restart(bench: Bench, qtbot: QtBot) -> None:
    bench.lose_a_slip()
    bar = bench.station.window.bar
    bar.resolve(bar.front.key if bar.front else "")
    bench.station.papers._asked.clear()
    bench.station.papers.look()
    assert bar.front is not None and "打出来了吗" in bar.words()
    bench.station.papers.look()
    assert len(bar.log.waiting()) == 1, "asked once, however often something changes"
