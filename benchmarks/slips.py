"""A pick slip of 10 lines with its QR code, 80 mm at 203 dpi, from the order body to the bytes for the
printer, one thread. The reference draws the very same picture (same sheet, same font, same code), hands it to
python-escpos as the image that library wants and lets its own path (`image(impl="bitImageRaster")`, Dummy
printer, a profile that knows the paper's width) make the bytes: drawing is counted on both sides. The second
line is the drawing alone, the third what making bytes costs once the picture is there.
"""

from __future__ import annotations

import contextlib
import io
from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from PIL import Image

from app import resources
from app.core.channel import first_seen
from app.core.freeze import Rules
from app.core.order import Item, Order
from benchmarks.make import T0, channel_orders
from benchmarks.report import Figure, milliseconds, percentile, seconds_of
from printing import devices
from printing.bitmap import Bitmap
from printing.documents import PickSlip, Printing, Words, slip_of
from printing.escpos import raster_job
from printing.raster import Studio
from printing.sheet import dots_across

TITLE = "A pick slip to printer bytes"
LINES = 10
FONT = resources.folder() / "fonts" / "NotoSansSC-Regular.otf"
WIDTH = dots_across(80, 203)
MODEL = "TM-T20II"
AIM = 2.0
_BAND = b"\x1dv0\x00"


def run(quick: bool = False) -> list[Figure]:
    rounds = 8 if quick else 300
    studio = Studio(FONT)
    words = Words(texts=resources.texts(), lang="zh", zone=ZoneInfo("Asia/Shanghai"))
    orders = [_order(n) for n in range(rounds)]

    def draw(order: Order) -> Bitmap:
        return _drawn(studio, _slip(order, words))

    escpos = _EscposPath(studio)
    ours, theirs, drawing, packing, their_packing = [], [], [], [], []
    _same_dots(studio, escpos, _slip(orders[0], words))  # and both are warm
    for order in orders:
        ours.append(seconds_of(lambda of: raster_job(draw(of)), order))
        theirs.append(seconds_of(lambda of: escpos.job(_slip(of, words)), order))
        drawing.append(seconds_of(draw, order))
        slip = _slip(order, words)
        bitmap, image = _drawn(studio, slip), escpos.picture(slip)
        packing.append(seconds_of(raster_job, bitmap))
        their_packing.append(seconds_of(escpos.bytes_of, image))
    ratio = percentile(theirs, 0.5) / percentile(ours, 0.5)
    return [
        Figure(
            what=f"slip of {LINES} lines, order body -> bytes, p50 / p99",
            ours=_both(ours),
            reference=f"{_both(theirs)} python-escpos, same picture, drawing included",
            ratio=f"{ratio:.1f}x as fast",
            aim=f">= {AIM:.0f}x",
            passed=ratio >= AIM,
        ),
        Figure(
            what="of this, drawing (layout, text, QR, dots)", ours=_both(drawing), reference="-", ratio="-"
        ),
        Figure(
            what="of this, dots to bytes",
            ours=_both(packing),
            reference=f"{_both(their_packing)} python-escpos",
            ratio=f"{percentile(their_packing, 0.5) / percentile(packing, 0.5):.0f}x as fast",
        ),
    ]


def _both(seconds: list[float]) -> str:
    return f"{milliseconds(percentile(seconds, 0.5))} / {milliseconds(percentile(seconds, 0.99))}"


def _order(n: int) -> Order:
    channel_order = next(channel_orders(1, lines=LINES, seed=n + 1))
    order, _ = first_seen(channel_order, f"OD20261111{n + 1:03d}", "main", T0, Rules())
    return replace(order, parcels=tuple(replace(p, carrier="zhongtong") for p in order.parcels))


def _slip(order: Order, words: Words) -> PickSlip:
    items = {
        line.sku_code: Item(sku_code=line.sku_code, bin=f"A-{line.line_no:02d}-{line.line_no % 4 + 1}")
        for line in order.lines
    }
    printing = Printing(at=datetime(2026, 11, 11, 3, 4, tzinfo=UTC), by="打包台 1", shop_name="日用旗舰店")
    return slip_of(order, order.parcels[0].parcel_no, items, words, printing)


def _drawn(studio: Studio, slip: PickSlip) -> Bitmap:
    return studio.draw(studio.slip(slip, WIDTH))


class _EscposPath:
    """python-escpos as its manual says: a picture in, printer bytes out."""

    def __init__(self, studio: Studio) -> None:
        devices.model(MODEL)  # its first import is loud; this door to it is quiet
        from escpos.printer import Dummy

        self._studio = studio
        self._printer = Dummy(profile=MODEL)

    def job(self, slip: PickSlip) -> bytes:
        return self.bytes_of(self.picture(slip))

    def picture(self, slip: PickSlip) -> Image.Image:
        """The same dots as the library's own image type, in the mode it is quickest with, past any file format."""
        image = self._studio.image(self._studio.slip(slip, WIDTH))
        size = (image.width(), image.height())
        rows = bytes(image.constBits())
        return Image.frombytes("1", size, rows, "raw", "1;I", image.bytesPerLine()).convert("L")

    def bytes_of(self, picture: Image.Image) -> bytes:
        self._printer.clear()
        with contextlib.redirect_stdout(io.StringIO()):
            self._printer.image(picture, impl="bitImageRaster")
            self._printer.cut()
        return bytes(self._printer.output)


def _same_dots(studio: Studio, escpos: _EscposPath, slip: PickSlip) -> None:
    """Both sides print the same paper, or the comparison is worth nothing."""
    if _dots(raster_job(_drawn(studio, slip))) != _dots(escpos.job(slip)):
        raise RuntimeError("python-escpos printed other dots than we did")


def _dots(job: bytes) -> bytes:
    """The rows of all ``GS v 0`` bands of a job."""
    rows, at = b"", job.find(_BAND)
    while at >= 0:
        wide, high = (int.from_bytes(job[at + n : at + n + 2], "little") for n in (4, 6))
        end = at + 8 + wide * high
        rows += job[at + 8 : end]
        at = job.find(_BAND, end)
    return rows
