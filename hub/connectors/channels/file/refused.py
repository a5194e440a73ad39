"""The rows that were not taken, as a workbook to correct and bring in again."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence

import xlsxwriter

from app.core.cells import safe
from app.core.texts import Lang, Texts
from hub.connectors.channels.file.cells import looks_rounded
from hub.connectors.channels.file.table import Problem, Row, Table, shown

_CELL_MAX = 32_767


def refused_workbook(table: Table, problems: Sequence[Problem], texts: Texts, lang: Lang) -> bytes:
    """An .xlsx with each refused row as it came, before it its row number and the reasons.

    Every cell is text: long numbers keep their digits and nothing is ever taken for a formula. An id that a
    spreadsheet had damaged is written like ``4.78E+18``, so that it is refused again until corrected.
    """
    reasons: dict[int, list[str]] = {}
    damaged: set[tuple[int, str]] = set()
    for problem in problems:
        column = f"{problem.column}: " if problem.column else ""
        reasons.setdefault(problem.row, []).append(column + problem.text(texts, lang))
        if problem.key in ("id_rounded", "id_damaged"):
            damaged.add((problem.row, problem.column))
    out = io.BytesIO()
    options = {
        "in_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    book = xlsxwriter.Workbook(out, options)
    sheet = book.add_worksheet(texts.text("imports.refused_sheet", lang))
    text_format = book.add_format({"num_format": "@", "valign": "top"})
    head_format = book.add_format({"num_format": "@", "bold": True, "bg_color": "#FDECEA"})
    heads = [
        texts.text("imports.refused_row", lang),
        texts.text("imports.refused_reason", lang),
        *table.header,
    ]
    widths = [8, 60, *(max(12, min(30, 2 * len(heading) + 2)) for heading in table.header)]
    for n, (heading, width) in enumerate(zip(heads, widths, strict=True)):
        sheet.set_column(n, n, width, text_format)
        sheet.write_string(0, n, safe(heading), head_format)
    for line, row in enumerate((row for row in table.rows if row.no in reasons), start=1):
        for n, cell in enumerate(_cells(row, reasons[row.no], table.header, damaged)):
            if cell:
                sheet.write_string(line, n, safe(cell)[:_CELL_MAX], text_format)
    sheet.freeze_panes(1, 2)
    book.close()
    return out.getvalue()


def _cells(
    row: Row, reasons: Iterable[str], header: Sequence[str], damaged: set[tuple[int, str]]
) -> Iterable[str]:
    yield str(row.no)
    yield "\n".join(reasons)
    for index, cell in enumerate(row.cells):
        text = shown(cell)
        heading = header[index] if index < len(header) else ""
        if (row.no, heading) in damaged and (looks_rounded(text) or (text.isdigit() and len(text) > 15)):
            text = f"{float(text):.14E}"
        yield text
