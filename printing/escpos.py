"""The language of receipt printers: papers to bytes, status bytes to states. Pure.

Two ways to print one slip. *Raster* is the default: our own dots in ``GS v 0`` bands, the same on every
printer, every character right. *GB18030 text* is for slow serial links and printers known to have a GB18030
font: a hundredth of the bytes, the printer's own font.
"""

from __future__ import annotations

from collections.abc import Iterator

from app.core.printjob import PrinterState
from app.core.values import dataclass
from printing.bitmap import Bitmap
from printing.documents import PickSlip, SlipLine

_INIT = b"\x1b@"
_CHINESE = b"\x1c&"
#: Feed past the cutter, then cut, leaving one point.
_CUT = b"\x1dVB\x00"
#: Cheap printers buffer one band at a time; taller ones print garbage on some.
BAND = 240
_BAND_HEAD = b"\x1dv0\x00"
#: Without a cutter the paper has to come out as far as the tear-off edge.
_FEED_TO_EDGE = b"\x1bd\x06"


def raster_job(bitmap: Bitmap, has_cutter: bool = True) -> bytes:
    """One paper as raster bands, fed and cut."""
    bands = (
        _BAND_HEAD
        + bitmap.row_bytes.to_bytes(2, "little")
        + (min(top + BAND, bitmap.height) - top).to_bytes(2, "little")
        + bitmap.rows[top * bitmap.row_bytes : (top + BAND) * bitmap.row_bytes]
        for top in range(0, bitmap.height, BAND)
    )
    return _INIT + b"".join(bands) + _end(has_cutter)


def dots_of(job: bytes) -> Bitmap | None:
    """The dots of a job that :func:`raster_job` made; None for any other."""
    at, wide, rows = len(_INIT), 0, []
    if not job.startswith(_INIT):
        return None
    while job.startswith(_BAND_HEAD, at):
        head = at + len(_BAND_HEAD)
        wide, high = (int.from_bytes(job[n : n + 2], "little") for n in (head, head + 2))
        at = head + 4 + wide * high
        rows.append(job[head + 4 : at])
    dots = b"".join(rows)
    if not dots or len(dots) % wide or job[at:] not in (_end(True), _end(False)):
        return None
    return Bitmap(wide * 8, len(dots) // wide, dots)


def _end(has_cutter: bool) -> bytes:
    return _CUT if has_cutter else _FEED_TO_EDGE


# ---------------------------------------------------------------------------------------- GB18030 text


def columns_of(text: str) -> int:
    """How many columns of the printer's own font: Chinese and all else beyond ASCII takes two."""
    return sum(1 if char.isascii() else 2 for char in text)


def text_job(slip: PickSlip, columns: int = 48, has_cutter: bool = True) -> bytes:
    """The slip in the printer's own font; ``columns`` is 48 for 80 mm and 32 for 58 mm."""
    page = _TextPage(columns, [_INIT, _CHINESE])
    _text_head(page, slip)
    for note in slip.notes:
        page.line(f"【{note.label}】")
        for text in note.text.split("\n"):
            page.wrapped(text, bold=True)
    for line in slip.lines:
        _text_line(page, line)
    page.rule()
    if slip.totals:
        page.wrapped(slip.totals, height=2)
    for text in (slip.consignee, slip.region, slip.carrier, *slip.fine_print):
        page.wrapped(text)
    return b"".join(page.parts) + b"\x1c." + _end(has_cutter)


def _text_head(page: _TextPage, slip: PickSlip) -> None:
    if slip.rush:
        page.raw(b"\x1dB\x01\x1ba\x01")
        page.wrapped(f"  {slip.rush}  ", width=2, height=2)
        page.raw(b"\x1dB\x00\x1ba\x00")
    page.wrapped(slip.copy, height=2, bold=True)
    page.wrapped(slip.copy_reason)
    if slip.qr:
        page.raw(b"\x1ba\x01" + native_qr(slip.qr, 8 if page.columns >= 42 else 6) + b"\x1ba\x00")
    page.wrapped(slip.tail, width=4 if len(slip.tail) <= page.columns // 4 else 2, height=4, bold=True)
    if slip.order_no != slip.tail:
        page.wrapped(slip.order_no)
    page.wrapped(slip.parcel_mark, bold=True)
    page.wrapped(slip.deadline, height=2, bold=True)
    page.wrapped(slip.shop)
    page.wrapped("  ".join(slip.marks), bold=True)


def _text_line(page: _TextPage, line: SlipLine) -> None:
    page.rule()
    what = line.bin or line.sku_code or line.title
    quantity = f"×{line.qty}"
    room = page.columns // 2 - columns_of(quantity) - 1
    first, *more = _wrap("[ ] " + what, room)
    gap = " " * (page.columns // 2 - columns_of(first) - columns_of(quantity))
    page.line(first + gap + quantity, width=2, height=2, bold=line.qty > 1)
    for rest in more:
        page.line(rest, width=2, height=2)
    if line.title and what != line.title:
        page.wrapped(line.title)
    page.wrapped(line.spec, bold=True)
    if line.bin:
        page.wrapped(line.sku_code)
    page.wrapped(line.note)


@dataclass(slots=True)
class _TextPage:
    columns: int
    parts: list[bytes]

    def raw(self, command: bytes) -> None:
        self.parts.append(command)

    def line(self, text: str, *, width: int = 1, height: int = 1, bold: bool = False) -> None:
        """One line of text, its size and weight set before and put back after."""
        size = bytes(((width - 1) << 4 | (height - 1),))
        styled = (width, height, bold) != (1, 1, False)
        before = b"\x1d!" + size + b"\x1bE" + (b"\x01" if bold else b"\x00")
        self.parts.append(before if styled else b"")
        self.parts.append(text.encode("gb18030") + b"\n")
        self.parts.append(b"\x1d!\x00\x1bE\x00" if styled else b"")

    def wrapped(self, text: str, *, width: int = 1, height: int = 1, bold: bool = False) -> None:
        """The text in as many lines as it needs; nothing for nothing."""
        for line in _wrap(text, self.columns // width):
            self.line(line, width=width, height=height, bold=bold)

    def rule(self) -> None:
        self.line("-" * self.columns)


def _wrap(text: str, room: int) -> list[str]:
    """Lines of at most ``room`` columns: broken at a blank where one is near, else between characters."""
    lines = []
    while columns_of(text) > room:
        end = _fits(text, room)
        blank = text.rfind(" ", end // 2, end + 1)
        # Chinese may break anywhere; only Latin words are kept whole
        if blank > 0 and text[end - 1].isascii() and text[end : end + 1].isascii():
            end = blank
        lines.append(text[:end].rstrip())
        text = text[end:].lstrip()
    return [*lines, text] if text else lines


def _fits(text: str, room: int) -> int:
    used = 0
    for place, char in enumerate(text):
        used += 1 if char.isascii() else 2
        if used > room:
            return max(place, 1)
    return len(text)


def native_qr(payload: str, size: int) -> bytes:
    """A QR code drawn by the printer: model 2, ``size`` dots a module, level Q."""

    def function(number: int, data: bytes) -> bytes:
        body = b"1" + bytes((number,)) + data
        return b"\x1d(k" + len(body).to_bytes(2, "little") + body

    model, module, level = function(65, b"2\x00"), function(67, bytes((size,))), function(69, b"2")
    return model + module + level + function(80, b"0" + payload.encode("ascii")) + function(81, b"0")


# ---------------------------------------------------------------------------------------- what it says

#: Real-time questions: the printer, why it is offline, the paper. (3, "which error", many do not answer.)
ASK = {number: b"\x10\x04" + bytes((number,)) for number in (1, 2, 4)}
#: Answered in its turn, after everything sent before has been printed: the end of a job.
ASK_WHEN_DONE = b"\x1dr\x01"


def is_real_time_answer(byte: int) -> bool:
    """DLE EOT answers carry fixed bits 0xx1xx10 that no other answer has."""
    return byte & 0b1001_0011 == 0b0001_0010


def is_done_answer(byte: int) -> bool:
    """The answer to :data:`ASK_WHEN_DONE` has bits 4 and 7 clear."""
    return byte & 0b1001_0000 == 0


@dataclass(frozen=True, slots=True)
class PrinterStatus:
    """What a printer says of itself. ``detail`` is for the log and the doctor, not for people's screens."""

    state: PrinterState
    detail: str = ""

    @property
    def can_print(self) -> bool:
        """Whether a job may be sent: a device that cannot answer may print, and then ends uncertain."""
        return self.state in {PrinterState.ready, PrinterState.paper_low, PrinterState.unknown}


def status_of(answers: dict[int, int]) -> PrinterStatus:
    """The state from the answers to :data:`ASK` by number; the loudest cause first.

    No answers at all is ``unknown``; a missing one counts as "nothing wrong there".
    """
    if not answers:
        return PrinterStatus(PrinterState.unknown, "no answer to DLE EOT")
    detail = " ".join(f"{number}:{byte:02x}" for number, byte in sorted(answers.items()))
    return PrinterStatus(_loudest(answers), detail)


def _loudest(answers: dict[int, int]) -> PrinterState:
    return next(_troubles(answers), PrinterState.ready)


def _troubles(answers: dict[int, int]) -> Iterator[PrinterState]:
    printer, offline, paper = (answers.get(number, 0) for number in ASK)
    if offline & 0x04:
        yield PrinterState.cover_open
    if paper & 0x60 or offline & 0x20:
        yield PrinterState.paper_out
    if offline & 0x40:
        yield PrinterState.error
    if printer & 0x08 or offline & 0x08:
        # not listening for a moment: paper being fed by hand, or waiting to come back
        yield PrinterState.busy
    if paper & 0x0C:
        yield PrinterState.paper_low
