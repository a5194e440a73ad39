"""Where everything stands on a paper: from a document to marks at dots. Pure; a :class:`Ruler` measures text.

All sizes below are dots of a 203 dpi printer (8 a millimetre) and are scaled to the asked resolution.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from typing import Protocol

from app.core.values import dataclass
from printing.documents import Note, PickSlip, SlipLine

BASE_DPI = 203
#: Printable width of a paper, by its roll width in mm; other rolls lose 4 mm on either side.
PRINTABLE_MM = {80: 72, 58: 48}


def dots_across(width_mm: int, dpi: int) -> int:
    """How many dots fit across a roll: 576 for 80 mm and 384 for 58 mm at 203 dpi; a multiple of 8."""
    printable = PRINTABLE_MM.get(width_mm, width_mm - 8)
    return round(printable * dpi / 25.4 / 8) * 8


@dataclass(frozen=True, slots=True)
class Type:
    """A size in dots and a weight. Figures are all one width."""

    px: int
    bold: bool = False

    @property
    def line(self) -> int:
        """From one line to the next."""
        return round(self.px * 1.26)

    @property
    def base(self) -> int:
        """From the top of a line down to its baseline."""
        return round(self.px * 1.01)


@dataclass(frozen=True, slots=True)
class Text:
    """``y`` is the baseline. ``white``: on a black ground."""

    x: int
    y: int
    text: str
    type: Type
    white: bool = False


@dataclass(frozen=True, slots=True)
class Box:
    """A filled rectangle, or a frame of ``line`` dots drawn inside its edges."""

    x: int
    y: int
    width: int
    height: int
    line: int = 0


@dataclass(frozen=True, slots=True)
class Dashes:
    x: int
    y: int
    width: int
    line: int
    dash: int


@dataclass(frozen=True, slots=True)
class Modules:
    """A code of square modules (True = black), each ``size`` dots: never between two dots."""

    x: int
    y: int
    size: int
    rows: tuple[tuple[bool, ...], ...]


@dataclass(frozen=True, slots=True)
class Bars:
    """A striped code: one bool a module (True = black), each ``size`` dots wide and ``height`` high."""

    x: int
    y: int
    size: int
    height: int
    modules: tuple[bool, ...]


Mark = Text | Box | Dashes | Modules | Bars


@dataclass(frozen=True, slots=True)
class Sheet:
    """A paper ready to be drawn: ``width`` x ``height`` dots at ``dpi``."""

    width: int
    height: int
    dpi: int
    marks: tuple[Mark, ...]


class Ruler(Protocol):
    def width(self, text: str, kind: Type) -> int:
        """Dots from the first to the last advance of one line."""

    def wrap(self, text: str, kind: Type, room: int) -> list[str]:
        """The text in lines no wider than ``room``; breaks between words, or anywhere if it must."""


@dataclass(slots=True)
class Page:
    """A paper in the making: ``y`` is how far down it is used."""

    width: int
    dpi: int
    ruler: Ruler
    y: int = 0
    marks: list[Mark] = field(default_factory=list)

    def dots(self, base: float) -> int:
        """Dots at this resolution; what is thin stays visible."""
        return max(1, round(base * self.dpi / BASE_DPI))

    def type(self, px: float, bold: bool = False) -> Type:
        return Type(self.dots(px), bold)

    def fitting(self, text: str, px: float, bold: bool, room: int) -> Type:
        """The largest type up to ``px`` in which the text stands on one line."""
        kind = self.type(px, bold)
        width = self.ruler.width(text, kind)
        return kind if width <= room else Type(max(self.dots(20), kind.px * room // max(width, 1)), bold)

    def gap(self, base: float) -> None:
        self.y += self.dots(base)

    def say(self, text: str, kind: Type, x: int = 0, room: int | None = None, white: bool = False) -> None:
        """Wrapped text from here down."""
        for line in self.ruler.wrap(text, kind, self.width - x if room is None else room):
            self.marks.append(Text(x, self.y + kind.base, line, kind, white))
            self.y += kind.line

    def rule(self) -> None:
        line = self.dots(3)
        self.gap(8)
        self.marks.append(Box(0, self.y, self.width, line))
        self.y += line
        self.gap(8)

    def thin_rule(self) -> None:
        self.gap(7)
        self.marks.append(Dashes(0, self.y, self.width, self.dots(1.5), self.dots(12)))
        self.gap(8)


def slip_sheet(slip: PickSlip, code: Sequence[Sequence[bool]], width: int, dpi: int, ruler: Ruler) -> Sheet:
    """The pick slip for a roll of ``width`` printable dots. ``code`` are the modules of its QR, or none."""
    page = Page(width, dpi, ruler)
    _bands(page, slip)
    _head(page, slip, tuple(tuple(row) for row in code))
    for note in slip.notes:
        _note(page, note)
    _lines(page, slip.lines)
    _foot(page, slip)
    page.gap(4)
    return Sheet(width, page.y, dpi, tuple(page.marks))


def _is_narrow(page: Page) -> bool:
    return page.width < page.dots(480)


def _bands(page: Page, slip: PickSlip) -> None:
    """What must not be overlooked goes across the whole paper, white on black: rush, then second copies."""
    if slip.rush:
        kind = page.type(52, bold=True)
        height = kind.line + page.dots(10)
        page.marks.append(Box(0, page.y, page.width, height))
        left = (page.width - page.ruler.width(slip.rush, kind)) // 2
        page.marks.append(Text(left, page.y + page.dots(4) + kind.base, slip.rush, kind, white=True))
        page.y += height
        page.gap(6)
    if slip.copy:
        top = page.y
        page.gap(8)
        page.say(slip.copy, page.type(36, bold=True), page.dots(14), page.width - page.dots(28))
        if slip.copy_reason:
            page.say(slip.copy_reason, page.type(28), page.dots(14), page.width - page.dots(28))
        page.gap(8)
        page.marks.append(Box(0, top, page.width, page.y - top, page.dots(5)))
        page.gap(6)


def _head(page: Page, slip: PickSlip, code: tuple[tuple[bool, ...], ...]) -> None:
    """Left the number people call out, right the code; what finds no room beside the code goes below."""
    top = page.y
    module = page.dots(5 if _is_narrow(page) else 7)
    side = (len(code) + 8) * module if code else 0
    if code:
        left = page.width - side + 4 * module
        page.marks.append(Modules(left, top + 2 * module, module, code))
    # two quiet modules above: the paper itself is quiet there
    bottom = top + side - 2 * module if code else top
    room = page.width - side
    tail = page.fitting(slip.tail, 84 if _is_narrow(page) else 124, True, room - page.dots(8))
    if slip.tail:
        # capitals and figures only: no room for descenders is wanted
        page.marks.append(Text(0, page.y + page.dots(14) + round(tail.px * 0.74), slip.tail, tail))
        page.y += page.dots(14) + round(tail.px * 0.86)
    if slip.order_no and slip.order_no != slip.tail:
        page.say(slip.order_no, page.fitting(slip.order_no, 28, False, room), room=room)
    rest = [
        (slip.parcel_mark, 30, True),
        (slip.deadline, 28 if _is_narrow(page) else 32, True),
        (slip.shop, 24, False),
        ("  ".join(slip.marks), 28, True),
    ]
    for text, px, bold in rest:
        if not text:
            continue
        kind = page.type(px, bold)
        is_beside = page.y + kind.line // 2 < bottom
        if is_beside and page.ruler.width(text, kind) > room:
            page.y, is_beside = bottom, False
        page.say(text, kind, room=room if is_beside else page.width)
    page.y = max(page.y, bottom)


def _note(page: Page, note: Note) -> None:
    """A frame with its owner's name white on black in the corner: the one thing on the slip to be read."""
    page.gap(8)
    top = page.y
    inside, label = page.dots(14), page.type(24, bold=True)
    label_width = page.ruler.width(note.label, label) + 2 * page.dots(10)
    page.marks.append(Box(0, top, label_width, label.line + page.dots(4)))
    page.marks.append(Text(page.dots(10), top + page.dots(1) + label.base, note.label, label, white=True))
    page.y += label.line + page.dots(8)
    for line in note.text.split("\n"):
        page.say(line, page.type(30, bold=True), inside, page.width - 2 * inside)
    page.gap(8)
    page.marks.append(Box(0, top, page.width, page.y - top, page.dots(3)))


def _lines(page: Page, lines: tuple[SlipLine, ...]) -> None:
    if not lines:
        return
    page.rule()
    for place, line in enumerate(lines):
        if place:
            page.thin_rule()
        _line(page, line)
    page.rule()


def _line(page: Page, line: SlipLine) -> None:
    """A square to tick, the bin, and how many; below it what to take, the difference (spec) in bold."""
    tick = page.dots(30)
    indent = tick + page.dots(12)
    top = page.y
    quantity_left = _quantity(page, line.qty)
    page.marks.append(Box(0, top + page.dots(9), tick, tick, page.dots(2.5)))
    head = page.type(40, bold=True) if line.bin else page.type(30, bold=True)
    room = quantity_left - page.dots(10) - indent
    page.y = top + (0 if line.bin else page.dots(5))
    page.say(line.bin or line.sku_code or line.title, head, indent, room)
    page.y = max(page.y, top + page.dots(50))
    left = 0 if _is_narrow(page) else indent
    if line.title and (line.bin or line.sku_code):
        page.say(line.title, page.type(26), left)
    if line.spec:
        page.say(line.spec, page.type(30, bold=True), left)
    if line.bin and line.sku_code:
        _beside_or_below(page, line.sku_code, page.type(22), left)
    if line.note:
        page.say(line.note, page.type(22), left)


def _quantity(page: Page, qty: int) -> int:
    """The number of pieces at the right edge; more than one stands white on black. Gives its left edge."""
    text = f"×{qty}"
    if qty == 1:
        kind = page.type(36)
        left = page.width - page.dots(12) - page.ruler.width(text, kind)
        page.marks.append(Text(left, page.y + page.dots(5) + kind.base, text, kind))
        return left
    kind = page.type(44, bold=True)
    width = page.ruler.width(text, kind) + 2 * page.dots(12)
    left = page.width - width
    page.marks.append(Box(left, page.y, width, page.dots(50)))
    page.marks.append(Text(left + page.dots(12), page.y - page.dots(4) + kind.base, text, kind, white=True))
    return left


def _beside_or_below(page: Page, text: str, kind: Type, left: int) -> None:
    """At the right end of the line just said when there is room for it, else below."""
    last = page.marks[-1]
    width = page.ruler.width(text, kind)
    if isinstance(last, Text) and last.y > page.y - last.type.line:
        end = last.x + page.ruler.width(last.text, last.type)
        if end + page.dots(24) + width <= page.width:
            page.marks.append(Text(page.width - width, last.y, text, kind))
            return
    page.say(text, kind, left)


def _foot(page: Page, slip: PickSlip) -> None:
    if slip.totals:
        page.say(slip.totals, page.type(36, bold=True))
    if slip.consignee:
        page.say(slip.consignee, page.type(28, bold=True))
    if slip.region:
        page.say(slip.region, page.type(26))
    if slip.carrier:
        page.say(slip.carrier, page.type(30, bold=True))
    for text in slip.fine_print:
        page.say(text, page.type(20))
