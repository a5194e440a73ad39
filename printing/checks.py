"""What the doctor says of printing: a slip is drawn and read back, the font has every sign, the printer answers."""

from __future__ import annotations

import asyncio

import numpy as np
import numpy.typing as npt
import zxingcpp

from app import resources
from app.core.findings import Finding
from app.core.printjob import PrinterState
from app.core.qr import slip_code
from printing.bitmap import Bitmap
from printing.devices import BadAddress, printer_at
from printing.documents import PickSlip, SlipLine
from printing.raster import FontMissing, Studio
from printing.sheet import dots_across

_FONT = resources.folder() / "fonts" / "NotoSansSC-Regular.otf"
_WELL = frozenset({PrinterState.ready, PrinterState.busy})


def drawing() -> list[Finding]:
    """Whether papers can be drawn here. Nothing is printed."""
    try:
        studio = Studio(_FONT)
    except FontMissing:
        return [Finding("paper_font_missing", "bad", {"path": str(_FONT)})]
    lacking = studio.lacking(_rare())
    signs = Finding("signs_missing", "bad", {"signs": lacking}) if lacking else Finding("signs", "ok")
    slip = _slip()
    bitmap = studio.draw(studio.slip(slip, dots_across(80, 203)))
    read = [found.text for found in zxingcpp.read_barcodes(_picture(bitmap))]
    return [signs, Finding("slip", "ok") if read == [slip.qr] else Finding("slip_unreadable", "bad")]


def _rare() -> str:
    """Signs that poor fonts lack: rare characters of names, a unit, a framed figure, an arrow."""
    return resources.texts().text("doctor.rare_signs", "zh")


def _slip() -> PickSlip:
    line = SlipLine(bin="A-01-2", sku_code="SKU-1", title=_rare(), qty=2)
    return PickSlip(tail="001", order_no="OD20261121001", qr=slip_code("OD2026112100101", 1), lines=(line,))


def _picture(bitmap: Bitmap) -> npt.NDArray[np.uint8]:
    """Dots as a grey picture, black on white."""
    bits = np.unpackbits(np.frombuffer(bitmap.inverted(), np.uint8))
    return np.ascontiguousarray(bits.reshape(bitmap.height, bitmap.width) * np.uint8(255))


def printer(address: str) -> Finding:
    """``address`` is the slip printer's (see ``devices.PrinterSetup``), "" where none is set. Nothing is printed."""
    if not address:
        return Finding("printer_none", "warn")
    named = {"address": address}
    try:
        status = asyncio.run(printer_at(address).status())
    except BadAddress:
        return Finding("printer_bad_address", "bad", named)
    return Finding(f"printer_{status.state}", "ok" if status.state in _WELL else "warn", named)
