"""Draws sheets with Qt: dots for printers, PDF for the office. The only Qt outside ``ui/``.

Qt's fonts need a QGuiApplication. A station has one; without a window (`paper`, tests, benchmarks) a
:class:`Studio` makes an offscreen one and keeps it. Make the Studio in the main thread; its ``slip`` and
``draw`` may then run in any thread, several at once: they touch nothing shared but Qt's own locked fonts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

import zxingcpp
from PySide6.QtCore import QBuffer, QIODevice, QMarginsF, QSizeF, Qt
from PySide6.QtGui import (
    QFont,
    QFontDatabase,
    QFontMetrics,
    QGuiApplication,
    QImage,
    QPageSize,
    QPainter,
    QPdfWriter,
    QTextLayout,
    QTextOption,
)

from printing import stripes
from printing.bench_sheet import command_sheet, command_slip, scanner_sheet
from printing.bitmap import Bitmap
from printing.documents import HandoverList, Label, PickSlip, Words
from printing.label_sheet import handover_sheet, label_sheet
from printing.sheet import (
    Bars,
    Box,
    Dashes,
    Mark,
    Modules,
    Sheet,
    Text,
    Type,
    slip_sheet,
)

_BLACK, _WHITE = 0xFF000000, 0xFFFFFFFF


class FontMissing(Exception):
    """The font file of the papers is not there or is no font: without it Chinese would print as boxes."""


class Studio:
    """Knows the font and draws with it."""

    def __init__(self, font_file: Path) -> None:
        self._app = QGuiApplication.instance() or QGuiApplication(["orderdock", "-platform", "offscreen"])
        families = QFontDatabase.applicationFontFamilies(QFontDatabase.addApplicationFont(str(font_file)))
        if not families:
            raise FontMissing(str(font_file))
        self._family = families[0]

    @property
    def family(self) -> str:
        """The font's name, for a :class:`FontRuler`."""
        return self._family

    def lacking(self, text: str) -> str:
        """Those characters of ``text`` that neither our font nor any behind it can draw: they would be boxes."""
        return "".join(char for char in text if self._is_box(char))

    def _is_box(self, char: str) -> bool:
        layout = QTextLayout(char, QFont(self._family, 20))
        layout.beginLayout()
        layout.createLine()
        layout.endLayout()
        everything = QTextLayout.GlyphRunRetrievalFlag.RetrieveAll
        return any(0 in run.glyphIndexes() for run in layout.glyphRuns(-1, -1, everything))

    def slip(self, slip: PickSlip, width: int, dpi: int = 203) -> Sheet:
        """The sheet of a pick slip for ``width`` printable dots."""
        return slip_sheet(slip, qr_modules(slip.qr) if slip.qr else (), width, dpi, FontRuler(self._family))

    def label(self, label: Label, dpi: int = 203) -> Sheet:
        """The sheet of a shipping label, 100 x 150 mm."""
        bars = code128_modules(label.waybill_no) if label.waybill_no else ()
        code = qr_modules(label.qr) if label.qr else ()
        return label_sheet(label, bars, code, dpi, FontRuler(self._family))

    def handover(self, paper: HandoverList, width: int, dpi: int = 203) -> Sheet:
        """The sheet of a hand-over list."""
        return handover_sheet(paper, width, dpi, FontRuler(self._family))

    def scanner_test(self, words: Words, dpi: int = 203) -> Sheet:
        """The A4 sheet that tests a scanner."""
        return scanner_sheet(words, qr_modules, stripes.modules, dpi, FontRuler(self._family))

    def commands(self, words: Words, width: int | None = None, dpi: int = 203) -> Sheet:
        """The command codes: on A4, or on a roll of ``width`` printable dots."""
        ruler = FontRuler(self._family)
        if width is None:
            return command_sheet(words, qr_modules, dpi, ruler)
        return command_slip(words, qr_modules, width, dpi, ruler)

    def draw(self, sheet: Sheet) -> Bitmap:
        """The dots of a sheet. Text is drawn without grey, so strokes stay whole on a thermal head."""
        image = self.image(sheet)
        dots, stride, width = bytes(image.constBits()), image.bytesPerLine(), sheet.width // 8
        if stride != width:  # Qt fills each row up to whole words
            dots = b"".join(dots[at : at + width] for at in range(0, len(dots), stride))
        return Bitmap(sheet.width, sheet.height, dots)

    def image(self, sheet: Sheet) -> QImage:
        """The same dots as a one-bit QImage, 1 = black."""
        image = QImage(sheet.width, sheet.height, QImage.Format.Format_Mono)
        image.setColorTable([_WHITE, _BLACK])
        image.fill(0)
        painter = QPainter(image)
        try:
            _paint(painter, sheet, FontRuler(self._family))
        finally:
            painter.end()
        return image

    def pdf(self, sheet: Sheet) -> bytes:
        """One page of the sheet's own size, text as text."""
        buffer = QBuffer()
        buffer.open(QIODevice.OpenModeFlag.WriteOnly)
        writer = QPdfWriter(buffer)
        writer.setResolution(sheet.dpi)
        size = QSizeF(sheet.width * 25.4 / sheet.dpi, sheet.height * 25.4 / sheet.dpi)
        exactly = QPageSize.SizeMatchPolicy.ExactMatch
        writer.setPageSize(QPageSize(size, QPageSize.Unit.Millimeter, "", exactly))
        writer.setPageMargins(QMarginsF(0, 0, 0, 0))
        painter = QPainter(writer)
        try:
            _paint(painter, sheet, FontRuler(self._family))
        finally:
            painter.end()
        return bytes(buffer.data().data())


class FontRuler:
    """Measures and breaks lines with the very font that is drawn. Not shared between threads."""

    def __init__(self, family: str) -> None:
        self._family = family
        self._fonts: dict[Type, tuple[QFont, QFontMetrics]] = {}

    def font(self, kind: Type) -> QFont:
        return self._entry(kind)[0]

    def width(self, text: str, kind: Type) -> int:
        return self._entry(kind)[1].horizontalAdvance(text)

    def wrap(self, text: str, kind: Type, room: int) -> list[str]:
        if self.width(text, kind) <= room:
            return [text]
        layout = QTextLayout(text, self.font(kind))
        option = QTextOption()
        option.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        layout.setTextOption(option)
        # Qt counts in UTF-16 units, Python in characters: rare names have characters of two units
        units = text.encode("utf-16-le")
        lines = []
        layout.beginLayout()
        while (line := layout.createLine()).isValid():
            line.setLineWidth(room)
            start = line.textStart() * 2
            lines.append(units[start : start + line.textLength() * 2].decode("utf-16-le").strip())
        layout.endLayout()
        return lines

    def _entry(self, kind: Type) -> tuple[QFont, QFontMetrics]:
        if kind not in self._fonts:
            font = QFont(self._family)
            font.setPixelSize(kind.px)
            font.setBold(kind.bold)
            font.setStyleStrategy(QFont.StyleStrategy.NoAntialias)
            # said, or a painter takes it from the application's own font: a paper looks the same wherever it is drawn
            font.setHintingPreference(QFont.HintingPreference.PreferDefaultHinting)
            self._fonts[kind] = font, QFontMetrics(font)
        return self._fonts[kind]


def qr_modules(payload: str) -> Sequence[Sequence[bool]]:
    """The modules of a QR code without its quiet zone; a quarter of it may be smudged (level Q).

    The mask is fixed: choosing the prettiest of eight costs more than drawing the whole slip, and readers do
    not care.
    """
    # with its imaging package it takes longer to import than a window to open: not before it is needed
    import qrcode
    import qrcode.constants

    code = qrcode.QRCode(
        version=2, error_correction=qrcode.constants.ERROR_CORRECT_Q, border=0, mask_pattern=3
    )
    code.add_data(payload, optimize=0)
    code.make(fit=True)
    return code.get_matrix()  # type: ignore[no-any-return]


def code128_modules(payload: str) -> Sequence[bool]:
    """The modules of a Code 128 without quiet zones; the writer picks the shortest subset. Empty for a text
    no such code can hold."""
    try:
        code = zxingcpp.create_barcode(payload, zxingcpp.BarcodeFormat.Code128)
    except ValueError:
        return ()
    import numpy as np

    picture = np.asarray(zxingcpp.write_barcode_to_image(code, scale=1, add_quiet_zones=False))
    return [bool(dot == 0) for dot in picture[picture.shape[0] // 2]]


def _strokes(kind: Type) -> int:
    """The font has no bold; the drawn one is too thin for figures a hand high, so they are drawn wider."""
    return 1 + kind.px // 28 if kind.bold and kind.px >= 60 else 1


def _paint(painter: QPainter, sheet: Sheet, ruler: FontRuler) -> None:
    for mark in sheet.marks:
        _paint_mark(painter, mark, ruler)


def _paint_mark(painter: QPainter, mark: Mark, ruler: FontRuler) -> None:
    black, white = Qt.GlobalColor.black, Qt.GlobalColor.white
    match mark:
        case Text():
            painter.setFont(ruler.font(mark.type))
            painter.setPen(white if mark.white else black)
            for shift in range(_strokes(mark.type)):
                painter.drawText(mark.x + shift, mark.y, mark.text)
        case Box(line=0):
            painter.fillRect(mark.x, mark.y, mark.width, mark.height, black)
        case Box(x, y, width, height, line):
            painter.fillRect(x, y, width, line, black)
            painter.fillRect(x, y + height - line, width, line, black)
            painter.fillRect(x, y, line, height, black)
            painter.fillRect(x + width - line, y, line, height, black)
        case Dashes():
            for x in range(mark.x, mark.x + mark.width, 2 * mark.dash):
                painter.fillRect(x, mark.y, min(mark.dash, mark.x + mark.width - x), mark.line, black)
        case Bars():
            for start, count in _runs(mark.modules):
                painter.fillRect(mark.x + start * mark.size, mark.y, count * mark.size, mark.height, black)
        case Modules():
            for row, modules in enumerate(mark.rows):
                y = mark.y + row * mark.size
                for start, count in _runs(modules):
                    painter.fillRect(mark.x + start * mark.size, y, count * mark.size, mark.size, black)


def _runs(modules: Sequence[bool]) -> Iterator[tuple[int, int]]:
    """Where each run of black modules starts, and how many there are."""
    at = 0
    for is_black, run in groupby(modules):
        count = len(list(run))
        if is_black:
            yield at, count
        at += count
