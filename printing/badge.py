"""A badge as a card of 86 x 54 mm: the name to read at arm's length, the code to scan, nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from app import resources
from app.core.texts import Lang
from printing.bitmap import to_png
from printing.sheet import Box, Modules, Page, Ruler, Sheet

#: A card as banks give them out: it fits every holder.
CARD_MM = (86, 54)
_MARGIN = 32
_CODE = 260


def badge_sheet(
    name: str, role: str, hint: str, code: Sequence[Sequence[bool]], dpi: int, ruler: Ruler
) -> Sheet:
    """The card: ``code`` (modules of the QR) at the left, who it is at the right, ``hint`` at the foot."""
    width, height = (round(mm * dpi / 25.4 / 8) * 8 for mm in CARD_MM)
    page = Page(width, dpi, ruler)
    margin = page.dots(_MARGIN)
    size = max(1, page.dots(_CODE) // max(len(code), 1))
    page.marks.append(Box(0, 0, width, height, page.dots(2)))
    page.marks.append(Modules(margin, margin, size, tuple(tuple(row) for row in code)))
    left = margin + size * len(code) + margin
    room = width - left - page.dots(_MARGIN)
    page.y = margin
    page.gap(12)
    page.say(name, page.fitting(name, 62, True, room * 2), left, room)
    page.gap(8)
    if role:
        page.say(role, page.type(28), left, room)
    kind = page.type(20)
    page.y = height - page.dots(16) - kind.line * len(ruler.wrap(hint, kind, width - 2 * margin))
    page.say(hint, kind, margin, width - 2 * margin)
    return Sheet(width, height, dpi, tuple(page.marks))


def card(name: str, role: str, code: str, *, dpi: int, lang: Lang, as_pdf: bool) -> bytes:
    """The card as a PNG or a PDF of its own size. Raises ``printing.raster.FontMissing``."""
    from printing.raster import FontRuler, Studio, qr_modules

    studio = Studio(resources.folder() / "fonts" / "NotoSansSC-Regular.otf")
    hint = resources.texts().text("paper.badge_hint", lang)
    sheet = badge_sheet(name, role, hint, qr_modules(code), dpi, FontRuler(studio.family))
    return studio.pdf(sheet) if as_pdf else to_png(studio.draw(sheet), dpi)


def write_card(out: Path, name: str, role: str, code: str, *, dpi: int, lang: Lang) -> bool:
    """Writes the card, readable by its owner alone: who has the file has the badge. False: it could not be written."""
    try:
        drawn = card(name, role, code, dpi=dpi, lang=lang, as_pdf=out.suffix.lower() == ".pdf")
        out.parent.mkdir(parents=True, exist_ok=True)
        out.unlink(missing_ok=True)
        out.touch(mode=0o600)
        out.write_bytes(drawn)
    except OSError:
        return False
    return True
