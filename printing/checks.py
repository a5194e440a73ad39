"""What the doctor says of papers and the slip printer: a slip is drawn, the device is asked."""

from __future__ import annotations

import asyncio

import numpy as np
import zxingcpp

from app import resources
from app.core.findings import Finding
from app.core.printjob import PrinterState
from app.core.qr import slip_code
from printing.devices import BadAddress, printer_at
from printing.documents import PickSlip
from printing.raster import FontMissing, Studio
from printing.sheet import dots_across

_WELL = {PrinterState.ready, PrinterState.busy}
_MINOR = {PrinterState.paper_low, PrinterState.unknown}


def findings(address: str) -> list[Finding]:
    """``address`` is the slip printer's (`devices.PrinterSetup`), "" where none is set. Nothing is printed."""
    return [_papers(), _printer(address)]


def _papers() -> Finding:
    """``papers`` or, with the cause, ``papers_no_font`` and ``papers_unreadable``."""
    font = resources.folder() / "fonts" / "NotoSansSC-Regular.otf"
    code = slip_code("OD2026112100101", 1)
    try:
        studio = Studio(font)
    except FontMissing:
        return Finding("papers_no_font", "bad", {"path": str(font)})
    bitmap = studio.draw(studio.slip(PickSlip(tail="001", qr=code), dots_across(80, 203)))
    bits = np.unpackbits(np.frombuffer(bitmap.rows, np.uint8)).reshape(bitmap.height, bitmap.width)
    read = zxingcpp.read_barcodes(np.where(bits == 1, 0, 255).astype(np.uint8))
    return (
        Finding("papers", "ok") if [r.text for r in read] == [code] else Finding("papers_unreadable", "bad")
    )


def _printer(address: str) -> Finding:
    """``printer_none``, ``printer_bad_address``, or ``printer_<state>`` as the device says."""
    if not address:
        return Finding("printer_none", "warn")
    try:
        printer = printer_at(address)
    except BadAddress as error:
        return Finding("printer_bad_address", "bad", {"address": address, "kinds": str(error)})
    status = asyncio.run(printer.status())
    level = "ok" if status.state in _WELL else "warn" if status.state in _MINOR else "bad"
    return Finding(f"printer_{status.state}", level, {"address": address, "detail": status.detail})
