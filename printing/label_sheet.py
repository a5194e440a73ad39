"""Where everything stands on a shipping label and on a hand-over list. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from printing.documents import HandoverList, HandoverRow, Label
from printing.sheet import Bars, Box, Modules, Page, Ruler, Sheet, Text

#: A label is 100 x 150 mm: 800 x 1200 dots at 203 dpi.
LABEL_MM = (100, 150)
#: What thermal labels lose at their edges.
_MARGIN = 16
#: How far reading text is shrunk before a long address or remark finds room.
_SCALES = (1.0, 0.88, 0.76, 0.66, 0.56)


def label_sheet(
    label: Label, bars: Sequence[bool], code: Sequence[Sequence[bool]], dpi: int, ruler: Ruler
) -> Sheet:
    """The label: where to (for sorters), the striped waybill (for scanners), to whom, what inside.

    ``bars`` are the modules of the waybill's Code 128, ``code`` those of our own QR; both may be empty. The
    sheet has the label's size whatever stands on it; text that is too long is set smaller, never cut.
    """
    width, height = (round(mm * dpi / 25.4 / 8) * 8 for mm in LABEL_MM)
    rows = tuple(tuple(row) for row in code)
    tries = (_label(Page(width, dpi, ruler), label, tuple(bars), rows, scale) for scale in _SCALES)
    page = next((page for page in tries if page.y <= height - page.dots(_MARGIN)), None)
    page = page or _label(Page(width, dpi, ruler), label, tuple(bars), rows, _SCALES[-1])
    return Sheet(width, height, dpi, tuple(page.marks))


def _label(
    page: Page, label: Label, bars: tuple[bool, ...], code: tuple[tuple[bool, ...], ...], scale: float
) -> Page:
    """One try at a size; ``scale`` shrinks what is for reading, never what is for scanners and sorters."""
    left, room = page.dots(_MARGIN), page.width - 2 * page.dots(_MARGIN)
    page.gap(_MARGIN)
    carrier = "  ".join(part for part in (label.carrier, label.rush, label.copy) if part)
    if carrier:
        page.say(carrier, page.type(40, bold=True), left, room)
    if label.routing_code:
        page.say(label.routing_code, page.fitting(label.routing_code, 104, True, room), left, room)
    _label_rule(page)
    if bars:
        _waybill(page, label.waybill_no, bars, left, room)
        _label_rule(page)
    _addressee(page, label, left, room, scale)
    _label_rule(page)
    if label.note:
        page.say(label.note.label, page.type(22 * scale), left, room)
        for line in label.note.text.split("\n"):
            page.say(line, page.type(32 * scale, bold=True), left, room)
        _label_rule(page)
    _label_foot(page, label, code, left, room)
    return page


def _label_rule(page: Page) -> None:
    page.gap(4)
    page.marks.append(Box(page.dots(_MARGIN), page.y, page.width - 2 * page.dots(_MARGIN), page.dots(3)))
    page.gap(9)


def _waybill(page: Page, waybill_no: str, bars: tuple[bool, ...], left: int, room: int) -> None:
    """As wide as whole dots allow, with its quiet zones, the number large below for human eyes."""
    size = max(1, min(page.dots(4), room // (len(bars) + 20)))
    page.marks.append(Bars((page.width - len(bars) * size) // 2, page.y, size, page.dots(150), bars))
    page.gap(154)
    kind = page.fitting(waybill_no, 40, True, room)
    page.say(waybill_no, kind, left + (room - page.ruler.width(waybill_no, kind)) // 2, room)


def _addressee(page: Page, label: Label, left: int, room: int, scale: float) -> None:
    mark = page.type(40, bold=True)
    side = page.dots(64)
    top = page.y
    page.marks.append(Box(left, top, side, side))
    inset = (side - page.ruler.width(label.to, mark)) // 2
    page.marks.append(Text(left + inset, top + page.dots(6) + mark.base, label.to, mark, white=True))
    indent, inner = left + side + page.dots(16), room - side - page.dots(16)
    if who := "  ".join(part for part in (label.name, label.phone) if part):
        page.say(who, page.type(44 * scale, bold=True), indent, inner)
    for text in (label.region, label.address):
        if text:
            page.say(text, page.type(38 * scale, bold=True), indent, inner)
    page.y = max(page.y, top + side)


def _label_foot(page: Page, label: Label, code: tuple[tuple[bool, ...], ...], left: int, room: int) -> None:
    """Our own part: the number people call out, what is inside, and the code that opens the parcel."""
    top = page.y
    module = page.dots(6)
    side = (len(code) + 8) * module if code else 0
    if code:
        page.marks.append(Modules(page.width - left - side + 4 * module, top + 4 * module, module, code))
    beside = room - side
    if label.tail:
        page.say(label.tail, page.fitting(label.tail, 88, True, beside), left, beside)
    for text, px in ((label.parcel_mark, 32), (label.contents, 30)):
        if text:
            page.say(text, page.type(px, bold=True), left, beside)
    for text in label.fine_print:
        page.say(text, page.type(20), left, beside)
    page.y = max(page.y, top + side)


# --------------------------------------------------------------------------------------- hand-over list


#: Where each column begins and how wide it is, of the whole.
_SHARES = ((0.0, 0.06), (0.06, 0.34), (0.4, 0.34), (0.74, 0.26))


def handover_sheet(paper: HandoverList, width: int, dpi: int, ruler: Ruler) -> Sheet:
    """The list on a sheet of ``width`` dots, as long as it needs to be."""
    page = Page(width, dpi, ruler)
    page.gap(16)
    page.say(paper.title, page.type(56, bold=True))
    page.say("  ".join(part for part in (paper.count, paper.printed) if part), page.type(32))
    page.rule()
    _handover_row(page, paper.head, bold=True)
    page.rule()
    for row in paper.rows:
        _handover_row(page, row, bold=False)
        page.thin_rule()
    page.gap(24)
    page.say(paper.signs, page.type(36, bold=True))
    page.gap(60)
    return Sheet(width, page.y, dpi, tuple(page.marks))


def _handover_row(page: Page, row: HandoverRow, *, bold: bool) -> None:
    """Four columns; a cell that needs more lines makes the row higher."""
    shares = (
        (row.place, 0.0, 0.06),
        (row.waybill_no, 0.06, 0.34),
        (row.parcel_no, 0.4, 0.34),
        (row.carrier, 0.74, 0.26),
    )
    top = bottom = page.y
    for text, start, share in shares:
        page.y = top
        if text:
            x = round(page.width * start)
            page.say(text, page.type(30, bold), x, round(page.width * share) - page.dots(10))
        bottom = max(bottom, page.y)
    page.y = bottom
