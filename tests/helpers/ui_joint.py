"""What main.py joins to the windows, for tests: the real wire, a printer that only remembers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from app.core.printjob import PrintJob
from app.desktop import drawn_sheet
from app.os.clock import StationClock
from app.ports import Clock, Engine, Ulid
from app.station.core import StationCore
from app.wire import PrinterReport, StationKind
from sync import link
from tests.helpers.station import patiently
from ui.joint import BadPrinter, HubNotStarted, Joint, OwnHub, Printers


class PaperTray:
    """A printer without paper: takes any tcp: or folder: address and says what it is told to say."""

    def __init__(self, core: StationCore | None = None) -> None:
        self.address = ""
        self.state = "ready"
        self.trouble = ""
        self.commands_printed = 0

    def use(self, address: str) -> None:
        if address and not address.startswith(("tcp:", "folder:")):
            raise BadPrinter(address)
        self.address = address

    def engines(self) -> Sequence[Engine]:
        return ()

    def reports(self) -> Sequence[PrinterReport]:
        return (PrinterReport(name="slip", state=self.state),) if self.address else ()

    def uncertain(self) -> Sequence[PrintJob]:
        return ()

    def came_out(self, job: PrintJob) -> bool:
        return False

    def not_out(self, job: PrintJob) -> bool:
        return False

    async def test(self) -> str:
        return self.trouble

    async def print_commands(self) -> str:
        self.commands_printed += not self.trouble
        return self.trouble


async def no_hub(folder: Path, kind: StationKind, password: str) -> OwnHub:
    raise HubNotStarted(folder / "hub.log")


def joint(clock: Clock | None = None, printers: Callable[[StationCore], Printers] = PaperTray) -> Joint:
    clock = clock or StationClock()
    return Joint(
        clock=clock,
        new_id=Ulid(clock),
        connect=patiently,
        pair=link.pair,
        printers=printers,
        start_hub=no_hub,
        draw_sheet=drawn_sheet,
        version=lambda: "0.1.0",
    )
