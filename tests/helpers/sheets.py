"""Tables made for tests: CSV in any dress, workbooks by a foreign writer, and workbooks no program would write."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import xlsxwriter

from app.core.channel import ChannelOrder
from app.core.texts import load
from hub.connectors.channels.file import Read, orders_of, read_table
from tests.helpers.source import ROOT

TEXTS = load(ROOT / "resources" / "texts")
SHANGHAI = ZoneInfo("Asia/Shanghai")
TODAY = date(2026, 11, 21)

#: A row that is taken as it is; tests change what they are about.
GOOD: dict[str, Any] = {
    "channel_order_no": "4780123456789012345",
    "paid_at": "2026-11-20 14:05:30",
    "consignee_name": "张三",
    "consignee_phone": "13800001234",
    "consignee_address": "浙江省杭州市西湖区文三路 1 号",
    "sku_code": "A-1",
    "qty": "2",
    "paid": "128.50",
}


def csv_of(rows: Iterable[Sequence[Any]], encoding: str = "utf-8", delimiter: str = ",") -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, lineterminator="\n").writerows(rows)
    return out.getvalue().encode(encoding)


def csv_rows(*changes: Mapping[str, Any]) -> bytes:
    """One good row per change, as CSV with our own names as headings."""
    rows = [{**GOOD, **change} for change in changes]
    heads = list(dict.fromkeys(name for row in rows for name in row))
    return csv_of([heads, *([row.get(head, "") for head in heads] for row in rows)])


def xlsx_of(*sheets: Sequence[Sequence[Any]], hide: Sequence[int] = (), date1904: bool = False) -> bytes:
    """A workbook by XlsxWriter. A cell may be text, a number, a datetime or a formula ``("=1+1", value)``."""
    out = io.BytesIO()
    options = {
        "in_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "date_1904": date1904,
        "default_date_format": "yyyy-mm-dd hh:mm:ss",
    }
    book = xlsxwriter.Workbook(out, options)
    for n, rows in enumerate(sheets):
        sheet = book.add_worksheet()
        if n in hide:
            sheet.hide()
        for r, row in enumerate(rows):
            for c, value in enumerate(row):
                if isinstance(value, tuple):
                    sheet.write_formula(r, c, value[0], None, value[1])
                elif isinstance(value, datetime):
                    sheet.write_datetime(r, c, value)
                elif value not in ("", None):
                    sheet.write(r, c, value)
    if 0 in hide:
        book.worksheets()[-1].activate()
        book.worksheets()[-1].set_first_sheet()
    book.close()
    return out.getvalue()


_NS = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
_REL = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def raw_xlsx(
    sheet: str, shared: Sequence[str] = (), prolog: str = "", more: Mapping[str, str] | None = None
) -> bytes:
    """A workbook around a hand-written ``<sheetData>``...; ``shared`` are the contents of ``<si>``."""
    parts = {
        "xl/workbook.xml": f'<workbook {_NS} xmlns:r="{_REL}"><sheets>'
        '<sheet name="S" sheetId="1" r:id="rId1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/'
        f'relationships"><Relationship Id="rId1" Type="{_REL}/worksheet" Target="worksheets/sheet1.xml"/>'
        "</Relationships>",
        "xl/worksheets/sheet1.xml": f"{prolog}<worksheet {_NS}>{sheet}</worksheet>",
        "xl/sharedStrings.xml": f"<sst {_NS}>{''.join(f'<si>{text}</si>' for text in shared)}</sst>",
        **(more or {}),
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return out.getvalue()


def inline(ref: str, text: str) -> str:
    """A cell with its text in place."""
    return f'<c r="{ref}" t="inlineStr"><is><t>{text}</t></is></c>'


def read_orders(
    data: bytes, name: str = "orders.csv", own: Mapping[str, str] | None = None
) -> Read[ChannelOrder]:
    table = read_table(data, name, own)
    return orders_of(table, "shop-1", "file", SHANGHAI, TODAY, own)


def reasons(read: Read[Any]) -> list[tuple[int, str, str]]:
    """(row, column, key) of each problem."""
    return [(problem.row, problem.column, problem.key) for problem in read.problems]
