"""What main joins to the windows: the wire, the printers, the system. No Qt here.

The windows stand beside the wire and the printing room and import neither; main.py hands them in.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Literal, Protocol

from app.core.printjob import PrintJob
from app.core.texts import Lang
from app.core.values import dataclass
from app.ports import Clock, Engine, NewId
from app.station.core import StationCore
from app.store.link import Connect, Pair
from app.wire import PrinterReport, StationKind


class BadPrinter(ValueError):
    """The address of a printer that nobody can read."""


class Printers(Protocol):
    """The slip printer of this station: where it is, what it says, what waits for it."""

    def use(self, address: str) -> None:
        """Prints there from now on; "" is no printer. BadPrinter when the address cannot be read."""

    def engines(self) -> Sequence[Engine]:
        """What the background loop has to step for it."""

    def reports(self) -> Sequence[PrinterReport]:
        """What the device last said, for the strip and the beat."""

    def uncertain(self) -> Sequence[PrintJob]:
        """Papers of which nobody knows whether they came out: a person is asked (C11)."""

    def came_out(self, job: PrintJob) -> bool:
        """A person looked: it is there. Writes to disk; False when that is settled already."""

    def not_out(self, job: PrintJob) -> bool:
        """A person looked: it is not there. Another one is another job."""

    async def test(self) -> str:
        """Prints a test page; "" when it came out, else the printer state that kept it (`states.printer_*`)."""

    async def print_commands(self) -> str:
        """Prints the command codes of the bench; "" when they came out, else as ``test``."""


class HubNotStarted(Exception):
    """The hub of this computer did not come up; ``log`` is where it says why."""

    def __init__(self, log: Path) -> None:
        super().__init__(str(log))
        self.log = log


@dataclass(frozen=True, slots=True)
class OwnHub:
    """A hub started on this computer, and a code to join it with."""

    url: str
    code: str


SheetKind = Literal["codes", "scanner-test"]
DrawSheet = Callable[[SheetKind, Lang], bytes]
"""An A4 paper for the bench as a PDF; in the window's thread."""
StartHub = Callable[[Path, StationKind, str], Awaitable[OwnHub]]
"""(folder for the hub, kind of this station, administrator's password) -> a hub that outlives the window."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Joint:
    clock: Clock
    new_id: NewId
    connect: Connect
    pair: Pair
    printers: Callable[[StationCore], Printers]
    start_hub: StartHub
    draw_sheet: DrawSheet
    version: Callable[[], str] = str
    disk_is_low: Callable[[Path], bool] = lambda _: False
    """Whether the disk of a folder is nearly full. Asked each time the strip is shown."""
    load_rest: Callable[[], None] = lambda: None
    """Imports what the first minute needs but no first picture; called in the background."""
