"""Writes resources/samples: an order file as .csv and .xlsx, items with barcodes, a waybill pool.

python build/make_samples.py [FOLDER]

The same files come out of every run; the house test compares what lies there with what this would write.
"""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import xlsxwriter  # noqa: E402

from rehearsal import shop  # noqa: E402

DAY = date(2026, 11, 20)
SEED = 1
#: Columns that stay text in a workbook though they look like numbers.
NUMBERS = {"数量", "单价", "实付金额", "优惠券", "积分抵扣", "运费", "重量(克)", "装箱数"}


def csv_bytes(headings: Sequence[str], rows: Sequence[Sequence[shop.Value]]) -> bytes:
    """CSV in UTF-8 with the mark that makes Excel read it right."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(headings)
    writer.writerows([_csv_cell(value) for value in row] for row in rows)
    return b"\xef\xbb\xbf" + out.getvalue().encode("utf-8")


def _csv_cell(value: shop.Value) -> str:
    text = value.isoformat(" ") if isinstance(value, datetime) else str(value)
    return "'" + text if text.startswith(("=", "+", "-", "@")) else text


def xlsx_bytes(sheet_name: str, headings: Sequence[str], rows: Sequence[Sequence[shop.Value]]) -> bytes:
    """A workbook as people make it: numbers and times are typed cells, everything that is a name is text."""
    out = io.BytesIO()
    book = xlsxwriter.Workbook(
        out, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    )
    book.set_properties({"created": datetime(2026, 11, 20, 8, 0), "author": "Orderdock"})  # noqa: DTZ001
    sheet = book.add_worksheet(sheet_name)
    text = book.add_format({"num_format": "@"})
    head = book.add_format({"bold": True, "bg_color": "#E8F0FE", "num_format": "@"})
    moment = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
    money = book.add_format({"num_format": "0.00"})
    for column, heading in enumerate(headings):
        sheet.set_column(column, column, max(10, min(24, 3 * len(heading))))
        sheet.write_string(0, column, heading, head)
    for line, row in enumerate(rows, start=1):
        for column, value in enumerate(row):
            if value == "":
                continue
            if isinstance(value, datetime):
                sheet.write_datetime(line, column, value, moment)
            elif headings[column] in NUMBERS:
                sheet.write_number(line, column, float(value), money if "." in str(value) else None)
            else:
                sheet.write_string(line, column, str(value), text)
    sheet.freeze_panes(1, 1)
    book.close()
    return out.getvalue()


def samples() -> dict[str, bytes]:
    """File name -> content."""
    orders = shop.order_rows(DAY, SEED)
    return {
        "orders.csv": csv_bytes(shop.ORDER_HEADINGS, orders),
        "orders.xlsx": xlsx_bytes("订单", shop.ORDER_HEADINGS, orders),
        "items.xlsx": xlsx_bytes("商品", shop.ITEM_HEADINGS, shop.item_rows()),
        "waybills.csv": csv_bytes(shop.WAYBILL_HEADINGS, shop.waybill_rows(SEED)),
    }


def main(arguments: Sequence[str]) -> int:
    folder = Path(arguments[0]) if arguments else ROOT / "resources" / "samples"
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in samples().items():
        (folder / name).write_bytes(content)
        print(f"{folder / name}: {len(content)} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
