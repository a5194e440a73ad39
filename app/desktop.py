"""The station program's parts joined for main: wire, printers, a hub of this computer's own.

Nothing else joins them: windows stand beside the wire and the printing room and import neither. What no first
picture needs is imported inside the functions that use it; ``_load_rest`` brings all of it in the background, right
after that picture.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from app import resources
from app.core.order import Order
from app.core.printjob import PrinterState, PrintJob, PrintState
from app.core.reasons import Refused
from app.core.texts import Lang
from app.os import detached, disk
from app.os.clock import StationClock
from app.os.folders import data_folder
from app.ports import Clock, Engine, HubTrouble, Ulid
from app.station.core import StationCore
from app.station.slips import paper_mm
from app.wire import PrinterReport, SignIn, StationKind
from sync import link
from sync.client import HubClient
from ui.joint import BadPrinter, HubNotStarted, Joint, OwnHub, SheetKind

if TYPE_CHECKING:
    from printing.documents import PickSlip, Words
    from printing.raster import Studio
    from printing.spooler import Spooler
    from printing.transports import Printer

#: The name of the slip printer in a station's print jobs.
SLIP_PRINTER = "slip"
#: Paper that has to be torn off: what prints it seldom has a knife, and one that is asked to cut does not feed.
_TORN_MM = 58
HUB_PORT = 8620
_HUB_WITHIN_S = 60.0
_LOOK_S = 0.1


def open_station(
    hub_url: str | None,
    kind: str,
    data_dir: Path | None,
    lang: str | None,
    *,
    hand: bool = False,
    kiosk: bool = False,
) -> int:
    """The command `station`: a window until it is closed, and the hub of this computer where it has one. The exit
    status."""
    from ui.app import run_station

    folder = data_folder(data_dir, f"station-{kind}")
    wake_own_hub(folder / "hub")
    return run_station(joint(), hub_url, kind, folder, lang, hand=hand, kiosk=kiosk)


def joint() -> Joint:
    """The real parts."""
    clock = StationClock()
    return Joint(
        clock=clock,
        new_id=Ulid(clock),
        connect=link.connect,
        pair=link.pair,
        printers=lambda core: SlipPrinters(core, clock),
        start_hub=start_hub,
        draw_sheet=drawn_sheet,
        version=_version,
        disk_is_low=disk.is_low,
        load_rest=_load_rest,
    )


def _load_rest() -> None:
    """In the background, so without ``printing.raster``: Qt's Python types are made by the window's thread alone."""
    for room in ("devices", "documents", "escpos", "sheet", "spooler"):
        import_module(f"printing.{room}")
    for library in ("zxingcpp", "httpx", "zstandard"):
        import_module(library)


def drawn_sheet(kind: SheetKind, lang: Lang) -> bytes:
    """``ui.joint.DrawSheet``."""
    from zoneinfo import ZoneInfo

    from printing.documents import Words
    from printing.paper import A4_MM, bench_paper
    from printing.sheet import BASE_DPI

    words = Words(texts=resources.texts(), lang=lang, zone=ZoneInfo("Asia/Shanghai"))
    return bench_paper(kind, "pdf", BASE_DPI, A4_MM, words)


def _version() -> str:
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as installed

    try:
        return installed("orderdock")
    except PackageNotFoundError:
        return "0.1.0"


class SlipPrinters:
    """``ui.joint.Printers``: one slip printer, its queue in the outbox, its papers drawn here.

    Call ``use`` in the window's thread: the font is loaded there.
    """

    name = "slip-printer"

    def __init__(self, core: StationCore, clock: Clock) -> None:
        self._core = core
        self._clock = clock
        self._studio: Studio | None = None
        self._work = core.print_work(self._drawn)
        self._spooler: Spooler | None = None
        self._printer: Printer | None = None
        self._wake: Callable[[], None] = lambda: None
        core.on_changed(lambda topics: self._wake() if "print" in topics else None)

    def use(self, address: str) -> None:
        """Prints there from now on. Raises BadPrinter when the address cannot be read."""
        self._printer, self._spooler = self._made(address) if address else (None, None)
        self._wake()

    def _made(self, address: str) -> tuple[Printer, Spooler]:
        from printing.devices import BadAddress, printer_at
        from printing.raster import Studio
        from printing.spooler import Spooler

        try:
            printer = printer_at(address)
        except BadAddress as error:
            raise BadPrinter(str(error)) from error
        if self._studio is None:
            self._studio = Studio(resources.folder() / "fonts" / "NotoSansSC-Regular.otf")
            # The first paper is drawn here: what Qt makes anew for it in Python is made by the window's thread.
            _printed_bytes(self._studio, _test_slip("zh", ""), 80)
        return printer, Spooler(SLIP_PRINTER, printer, self._core.outbox, self._work, self._clock)

    def engines(self) -> Sequence[Engine]:
        return (self,)

    def reports(self) -> Sequence[PrinterReport]:
        return () if self._spooler is None else (self._spooler.light(self._clock.now()).report(),)

    def uncertain(self) -> Sequence[PrintJob]:
        """None while no printer is set: they are asked about once there is one again."""
        return (
            ()
            if self._spooler is None
            else self._core.outbox.jobs(SLIP_PRINTER, frozenset({PrintState.uncertain}))
        )

    def came_out(self, job: PrintJob) -> bool:
        return self._spooler is not None and self._spooler.came_out(job)

    def not_out(self, job: PrintJob) -> bool:
        return self._spooler is not None and self._spooler.not_out(job)

    async def test(self) -> str:
        """Prints a test paper; "" when it came out, else the printer's state."""
        at = self._clock.now().astimezone(self._core.zone())
        spec = f"{paper_mm(self._core.outbox)} mm · {at:%Y-%m-%d %H:%M}"
        return await self._sent(lambda: self._paper(_test_slip(self._lang, spec)))

    async def print_commands(self) -> str:
        """Prints the command codes of the bench, as ``test``."""
        return await self._sent(self._commands)

    async def _sent(self, draw: Callable[[], Awaitable[bytes]]) -> str:
        """Draws and prints a paper that stands in no queue, if the printer can."""
        if self._printer is None:
            return PrinterState.offline
        status = await self._printer.status()
        if not status.can_print:
            return status.state
        result = await self._printer.send(await draw())
        return "" if result.outcome == "printed" else result.status.state

    @property
    def _lang(self) -> Lang:
        return "en" if self._core.lang == "en" else "zh"

    # -- the queue, stepped by the background loop

    async def step(self, now: datetime) -> datetime:
        spooler = self._spooler
        if spooler is None:
            return now + timedelta(hours=1)
        due = await spooler.step(now)
        self._core.report_printers(self.reports())
        return due

    def on_wake(self, call: Callable[[], None]) -> None:
        self._wake = call

    # -- papers

    async def _drawn(self, job: PrintJob, order: Order) -> bytes | Refused:
        from printing.documents import Printing, Words, slip_of

        read = self._core.read
        items = {line.sku_code: item for line in order.lines if (item := read.item(line.sku_code))}
        words = Words(texts=resources.texts(), lang=job.lang, zone=self._core.zone(order.warehouse))
        printing = Printing(copy=job.copy, reason=job.reason, at=job.created_at, by=job.actor)
        return await self._paper(slip_of(order, job.parcel_no, items, words, printing))

    async def _commands(self) -> bytes:
        import asyncio

        from printing.documents import Words

        studio, width_mm = self._studio, paper_mm(self._core.outbox)
        assert studio is not None, "there is no paper before there is a printer"
        words = Words(texts=resources.texts(), lang=self._lang, zone=self._core.zone())
        return await asyncio.to_thread(_command_bytes, studio, words, width_mm)

    async def _paper(self, slip: PickSlip) -> bytes:
        import asyncio

        studio, width_mm = self._studio, paper_mm(self._core.outbox)
        assert studio is not None, "there is no paper before there is a printer"
        return await asyncio.to_thread(_printed_bytes, studio, slip, width_mm)


def _printed_bytes(studio: Studio, slip: PickSlip, width_mm: int) -> bytes:
    """The printer's bytes of a slip, in any thread."""
    from printing.escpos import raster_job
    from printing.sheet import BASE_DPI, dots_across

    sheet = studio.slip(slip, dots_across(width_mm, BASE_DPI))
    return raster_job(studio.draw(sheet), has_cutter=width_mm != _TORN_MM)


def _command_bytes(studio: Studio, words: Words, width_mm: int) -> bytes:
    """The printer's bytes of the command codes, in any thread."""
    from printing.escpos import raster_job
    from printing.sheet import BASE_DPI, dots_across

    sheet = studio.commands(words, dots_across(width_mm, BASE_DPI))
    return raster_job(studio.draw(sheet), has_cutter=width_mm != _TORN_MM)


def _test_slip(lang: Lang, spec: str) -> PickSlip:
    from printing.documents import PickSlip, SlipLine

    line = SlipLine(bin="A-01", sku_code="TEST", title="履单坞 Orderdock", spec=spec, qty=1)
    return PickSlip(lang=lang, tail="TEST", order_no="TEST", qr="TEST", lines=(line,))


# ------------------------------------------------------------------------------- a hub of this computer's own

_FIRST_USER = "admin"
_PLACE = "own-hub.json"
_SHOP = '[[shop]]\nid = "my-shop"\nconnector = "file"\n'


async def start_hub(folder: Path, kind: StationKind, password: str) -> OwnHub:
    """``ui.joint.StartHub``: a hub in ``folder`` that outlives the window, and a code to join it with.

    Raises HubNotStarted with the log that says why.
    """
    log = folder / "hub.log"
    first = folder / "first-start.toml"
    try:
        port = _prepare(folder, first, password)
        url = f"http://127.0.0.1:{port}"
        if not await _answers(url):
            _spawn(folder, port, log, "--config", str(first))
            await _until_ready(url, log)
        client = HubClient(url)
        try:
            await client.sign_in(SignIn(user=_FIRST_USER, password=password))
            return OwnHub(url, (await client.pairing_code(kind, "main")).code)
        finally:
            await client.close()
    except (HubTrouble, OSError) as error:
        raise HubNotStarted(log) from error
    finally:
        first.unlink(missing_ok=True)


def _prepare(folder: Path, first: Path, password: str) -> int:
    """Settings for the hub to be: one shop for files, and for the first start alone who may sign in. The port."""
    folder.mkdir(parents=True, exist_ok=True)
    place = folder / _PLACE
    if not place.exists():
        place.write_text(json.dumps({"port": _port()}), encoding="utf-8")
    kept = folder / "hub.toml"
    if not kept.exists():
        _write_private(kept, _SHOP)
    user = f'[[user]]\nname = "{_FIRST_USER}"\nrole = "admin"\npassword = {json.dumps(password, ensure_ascii=False)}\n'
    _write_private(first, f"{kept.read_text(encoding='utf-8')}\n{user}")
    return int(json.loads(place.read_text(encoding="utf-8"))["port"])


def wake_own_hub(folder: Path) -> None:
    """Starts the hub that lives in ``folder`` again, after this computer was switched off; without one: nothing.

    A hub that already runs holds its folder and the new process ends at once.
    """
    place = folder / _PLACE
    if place.exists():
        import socket

        port = int(json.loads(place.read_text(encoding="utf-8"))["port"])
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        _spawn(folder, port, folder / "hub.log")


def _spawn(folder: Path, port: int, log: Path, *more: str) -> None:
    words = ("hub", "--data-dir", str(folder), "--port", str(port), *more)
    detached.start([*detached.own_command(), *words], log)


def _port() -> int:
    """8620, or a free port where something else has it."""
    import socket

    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", HUB_PORT))
        except OSError:
            with socket.socket() as other:
                other.bind(("127.0.0.1", 0))
                return int(other.getsockname()[1])
    return HUB_PORT


def _write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")


async def _answers(url: str) -> bool:
    client = HubClient(url)
    try:
        return (await client.health()).status == "ok"
    except HubTrouble:
        return False
    finally:
        await client.close()


async def _until_ready(url: str, log: Path) -> None:
    import asyncio

    for _ in range(int(_HUB_WITHIN_S / _LOOK_S)):
        if await _answers(url):
            return
        await asyncio.sleep(_LOOK_S)
    raise HubNotStarted(log)
