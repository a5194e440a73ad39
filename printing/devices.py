"""Printers by name: what a model can do, and lines to USB, serial and device-file printers.

python-escpos knows some thirty models and speaks to the odd devices; it is imported only when asked for,
because the import takes half a second, sets up logging for the whole program and leaves a folder behind.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from app.core.values import dataclass
from printing.sheet import BASE_DPI, dots_across
from printing.transports import EscposPrinter, FolderPrinter, Link, Printer, tcp_printer


class BadAddress(ValueError):
    """A printer's address that nobody can read; the text says which kinds there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrinterSetup:
    """One slip printer of a station as its settings say.

    ``address``: ``tcp:HOST[:PORT]`` (or ``tcp://``), ``folder:PATH``, ``usb:VENDOR:PRODUCT`` (hex),
    ``serial:PORT[@BAUD]`` or ``device:PATH``. ``language`` ``gb18030`` is for slow lines to printers with a
    Chinese font of their own.
    """

    name: str
    address: str
    width_mm: int = 80
    dpi: int = BASE_DPI
    language: Literal["escpos", "gb18030"] = "escpos"
    has_cutter: bool = True

    @property
    def dots(self) -> int:
        return dots_across(self.width_mm, self.dpi)


@dataclass(frozen=True, slots=True)
class Model:
    """What python-escpos' profile says of a model; ``dots`` and ``dpi`` are None where it does not know."""

    name: str
    dots: int | None
    dpi: int | None
    columns: int
    has_cutter: bool


def model(name: str) -> Model:
    """A printer model by its profile name, e.g. ``TM-T20II`` or ``POS-5890``; KeyError if unknown."""
    profile = _escpos("capabilities").get_profile(name)
    pixels, dpi = profile.media["width"].get("pixels"), profile.media.get("dpi")
    return Model(
        name=name,
        dots=pixels if isinstance(pixels, int) else None,
        dpi=dpi if isinstance(dpi, int) else None,
        columns=profile.get_columns("a"),
        has_cutter=bool(profile.supports("paperFullCut") or profile.supports("paperPartCut")),
    )


def model_names() -> list[str]:
    """The models we know something about."""
    return sorted(_escpos("capabilities").CAPABILITIES["profiles"], key=str.casefold)


def printer_at(address: str) -> Printer:
    """The printer at an address (see :class:`PrinterSetup`). BadAddress when it cannot be read."""
    kind, _, rest = address.partition(":")
    if not rest:
        raise BadAddress(_KINDS)
    try:
        match kind:
            case "tcp":
                host, _, port = rest.removeprefix("//").rstrip("/").partition(":")
                if not host:
                    raise BadAddress(_KINDS)
                return tcp_printer(host, int(port or 9100))
            case "folder":
                return FolderPrinter(Path(rest))
            case "usb":
                vendor, _, product = rest.partition(":")
                return _on_device("Usb", idVendor=int(vendor, 16), idProduct=int(product, 16), timeout=10_000)
            case "serial":
                port, _, baud = rest.partition("@")
                return _on_device("Serial", devfile=port, baudrate=int(baud or 9600), timeout=0.2)
            case "device":
                return _on_device("File", devfile=rest)
    except ValueError as error:
        raise BadAddress(_KINDS) from error
    raise BadAddress(_KINDS)


_KINDS = "tcp:HOST[:PORT], folder:PATH, usb:VENDOR:PRODUCT, serial:PORT[@BAUD], device:PATH"


def _on_device(kind: str, **options: Any) -> EscposPrinter:
    def make() -> Any:
        device = getattr(_escpos("printer"), kind)
        if not device.is_usable():
            raise OSError(f"no driver for {kind} printers: install python-escpos[{kind.lower()}]")
        return device(**options)

    return EscposPrinter(_DeviceLine(make))


class _DeviceLine:
    """Opens the device once and keeps it: opening a USB printer resets it, which no question may do."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self._link: _DeviceLink | None = None

    async def __call__(self) -> Link:
        if self._link is None or self._link.is_broken:
            self._link = _DeviceLink(await asyncio.to_thread(self._opened))
        return self._link

    def _opened(self) -> Any:
        device_not_found = _escpos("exceptions").DeviceNotFoundError
        try:
            device = self._make()
            device.open()
        except (device_not_found, RuntimeError, ValueError) as error:
            # RuntimeError: its driver package is missing; ValueError: no USB library on this machine
            raise OSError(str(error)) from error
        return device


class _DeviceLink:
    """A python-escpos device behind threads, since its calls block."""

    def __init__(self, device: Any) -> None:
        self._device = device
        self.is_broken = False

    async def write(self, data: bytes) -> None:
        await self._call(self._device._raw, data)

    async def read(self, timeout_s: float) -> bytes:
        """What came within the device's own timeout (``timeout_s`` bounds it only from above)."""
        try:
            data = bytes(await self._call(self._device._read))
        except NotImplementedError:
            data = b""
        if not data:
            # a device file cannot be asked at all: do not spin until the time is up
            await asyncio.sleep(min(timeout_s, 0.1))
        return data

    async def close(self) -> None:
        if self.is_broken:
            await asyncio.to_thread(self._closed)

    def _closed(self) -> None:
        try:
            self._device.close()
        except OSError:
            pass

    async def _call(self, call: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return await asyncio.to_thread(call, *arguments)
        except OSError as error:
            if error.errno == errno.ETIMEDOUT:
                return b""
            self.is_broken = True
            raise


def _escpos(part: str) -> Any:
    """A module of python-escpos, without what importing it does to the rest of the program."""
    import importlib

    root = logging.getLogger()
    handlers = root.handlers[:]
    capabilities = importlib.import_module("escpos.capabilities")
    root.handlers[:] = handlers
    # its cache of one run, made anew by each process and never removed
    shutil.rmtree(capabilities.pickle_dir, ignore_errors=True)
    return importlib.import_module(f"escpos.{part}")
