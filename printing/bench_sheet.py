"""Papers that lie at the bench: the command codes, and the codes that test a scanner. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from app.core.qr import COMMANDS, command_code
from app.core.scanner_codes import GS, GS1_SHOWN, SHEET_CODES, SheetCode
from printing.documents import Words
from printing.sheet import Bars, Box, Modules, Page, Ruler, Sheet, Text

A4_MM = (210, 297)
#: What office printers leave white, and a bit.
_MARGIN = 110
Rows = Sequence[Sequence[bool]]
Square = Callable[[str], Rows]
Stripes = Callable[[str, str], Sequence[bool]]


def _a4(dpi: int, ruler: Ruler) -> tuple[Page, int]:
    """An empty page, and how high it is in dots."""
    width, height = (round(mm * dpi / 25.4 / 8) * 8 for mm in A4_MM)
    page = Page(width, dpi, ruler)
    page.gap(_MARGIN)
    return page, height


def _head(page: Page, words: Words, title: str, texts: Sequence[str]) -> None:
    left, room = page.dots(_MARGIN), page.width - 2 * page.dots(_MARGIN)
    name = words.say(title)
    page.say(name, page.fitting(name, 84, True, room), left, room)
    page.gap(6)
    for text in texts:
        page.say(words.say(text), page.type(34), left, room)
    page.gap(14)
    page.marks.append(Box(left, page.y, room, page.dots(3)))
    page.gap(20)


def _code(page: Page, square: Rows, x: int, y: int, module: int) -> None:
    page.marks.append(Modules(x, y, module, tuple(tuple(row) for row in square)))


# ---------------------------------------------------------------------------------------- the scanner's test sheet


def scanner_sheet(words: Words, square: Square, stripes: Stripes, dpi: int, ruler: Ruler) -> Sheet:
    """An A4 page with the codes of the scanner's check, numbered, far enough apart to be hit one at a time."""
    page, height = _a4(dpi, ruler)
    _head(page, words, "scanner_title", ("scanner_how", "scanner_skip"))
    foot = page.dots(_MARGIN + 60)
    step = (height - foot - page.y) // len(SHEET_CODES)
    for code in SHEET_CODES:
        top = page.y
        _test_code(page, words, code, square, stripes, step)
        page.y = top + step
    left, room = page.dots(_MARGIN), page.width - 2 * page.dots(_MARGIN)
    page.y = height - foot
    page.say(words.say("scanner_foot"), page.type(26), left, room)
    return Sheet(page.width, height, dpi, tuple(page.marks))


def _test_code(
    page: Page, words: Words, code: SheetCode, square: Square, stripes: Stripes, step: int
) -> None:
    """Number and kind to the left, the code to the right, its text below it; a dotted line between two codes."""
    left, side, top = page.dots(_MARGIN), page.dots(76), page.y
    number, name = page.type(56, bold=True), words.say(f"kind_{code.kind}")
    page.marks.append(Box(left, top, side, side))
    inset = (side - page.ruler.width(str(code.no), number)) // 2
    page.marks.append(Text(left + inset, top + page.dots(2) + number.base, str(code.no), number, white=True))
    at, beside = left + page.dots(290), page.dots(250)
    page.y = top + side + page.dots(10)
    page.say(name, page.type(34, bold=True), left, beside)
    page.y = top
    room = page.width - page.dots(_MARGIN) // 2 - at
    shown = GS1_SHOWN if GS in code.text else code.text
    if code.kind == "qrcode":
        rows = square(code.text)
        module = page.dots(9)
        _code(page, rows, at, top, module)
        page.y = top + len(rows) * module + page.dots(6)
    else:
        bars = tuple(stripes(code.kind, code.text))
        # the number and the margin are its quiet zones
        size = max(1, min(page.dots(4), room // len(bars)))
        page.marks.append(Bars(at, top, size, page.dots(150), bars))
        page.y = top + page.dots(156)
    page.say(shown, page.type(26), at, room)
    page.y = top + step - page.dots(22)
    page.marks.append(Box(left, page.y, page.width - 2 * left, page.dots(1)))


# ------------------------------------------------------------------------------------------------- command codes


def command_sheet(words: Words, square: Square, dpi: int, ruler: Ruler) -> Sheet:
    """An A4 page of all command codes, two beside each other, to be cut and stuck to the bench."""
    page, height = _a4(dpi, ruler)
    _head(page, words, "commands_title", ("commands_how",))
    foot = page.dots(_MARGIN + 60)
    left = page.dots(_MARGIN)
    width = (page.width - 2 * left) // 2
    lines = (len(COMMANDS) + 1) // 2
    step = (height - foot - page.y) // lines
    top = page.y
    for at, verb in enumerate(COMMANDS):
        x, y = left + at % 2 * width, top + at // 2 * step
        frame = (x, y, width - page.dots(16), step - page.dots(16))
        page.marks.append(Box(*frame, page.dots(2)))
        _command(page, words, verb, square, frame, 10)
    page.y = height - foot
    page.say(words.say("commands_foot"), page.type(26), left, page.width - 2 * left)
    return Sheet(page.width, height, dpi, tuple(page.marks))


def command_slip(words: Words, square: Square, width: int, dpi: int, ruler: Ruler) -> Sheet:
    """The same for a roll of ``width`` printable dots, one below the other."""
    page = Page(width, dpi, ruler)
    page.say(words.say("commands_title"), page.fitting(words.say("commands_title"), 52, True, width))
    page.say(words.say("commands_how"), page.type(24))
    is_narrow = width < page.dots(480)
    for verb in COMMANDS:
        page.rule()
        top = page.y
        module = page.dots(6 if is_narrow else 7)
        rows = square(command_code(verb))
        side = (len(rows) + 8) * module
        _command(page, words, verb, square, (0, top, width, side), 6 if is_narrow else 7)
        page.y = top + side + page.dots(16)
    page.rule()
    page.say(words.say("commands_foot"), page.type(22))
    page.gap(8)
    return Sheet(width, page.y, dpi, tuple(page.marks))


def _command(
    page: Page, words: Words, verb: str, square: Square, frame: tuple[int, int, int, int], module_px: int
) -> None:
    """One code with its word and what it does, in a frame (x, y, width, height); the code stands in its middle."""
    x, y, width, height = frame
    module = page.dots(module_px)
    rows = square(command_code(verb))
    side = len(rows) * module
    _code(page, rows, x + 4 * module, y + (height - side) // 2, module)
    left = x + side + 8 * module
    room = x + width - page.dots(10) - left
    word = words.texts.text(f"station.code_{verb.lower()}", words.lang)
    kind, small = page.fitting(word, 60 if module_px > 7 else 46, True, room), page.type(26)
    about = words.say(f"command_{verb.lower()}")
    deep = kind.line + page.dots(6) + small.line * len(page.ruler.wrap(about, small, room))
    page.y = y + max(page.dots(10), (height - deep) // 2)
    page.say(word, kind, left, room)
    page.gap(6)
    page.say(about, small, left, room)
