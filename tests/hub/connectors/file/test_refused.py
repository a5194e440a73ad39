"""What was not taken comes back as a workbook people can correct, and that can do no harm."""

from __future__ import annotations

import io

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.cells import safe
from app.core.texts import Lang
from hub.connectors.channels.file import orders_of, read_table, refused_workbook
from tests.helpers.sheets import GOOD, SHANGHAI, TEXTS, TODAY, csv_rows, read_orders, reasons, xlsx_of


def refused_file(data: bytes, lang: Lang = "zh") -> bytes:
    table = read_table(data, "x")
    return refused_workbook(table, orders_of(table, "s", "file", SHANGHAI, TODAY).problems, TEXTS, lang)


def cells(data: bytes) -> list[list[object]]:
    sheet = openpyxl.load_workbook(io.BytesIO(data)).worksheets[0]
    return [[cell.value for cell in row] for row in sheet.iter_rows()]


def test_each_refused_row_comes_back_with_its_number_and_every_reason() -> None:
    data = csv_rows({}, {"channel_order_no": "2", "qty": "-1", "paid": "1.234"}, {"channel_order_no": "3"})
    header, row = cells(refused_file(data))
    assert header == ["行号", "未导入的原因", *GOOD]
    assert row[0] == "3"
    reason = str(row[1])
    assert reason.startswith("qty: ") and "\npaid: " in reason
    assert row[2:] == ["2", *list(GOOD.values())[1:6], "'-1", "1.234"]
    assert cells(refused_file(data, "en"))[0][:2] == ["Row", "Why not imported"]


def test_a_corrected_file_can_be_brought_in_as_it_is() -> None:
    back = refused_file(csv_rows({"qty": "-1", "consignee_phone": "+86 138", "buyer_remark": "=SUM(A1)"}))
    book = openpyxl.load_workbook(io.BytesIO(back))
    book.worksheets[0].cell(2, list(GOOD).index("qty") + 3, "1")
    out = io.BytesIO()
    book.save(out)
    [order] = read_orders(out.getvalue()).values
    assert (order.consignee.phone, order.buyer_remark, order.lines[0].qty) == ("+86 138", "=SUM(A1)", 1)


@pytest.mark.parametrize("no", ["4.78E+18", "478012345678901000"])
def test_a_damaged_id_of_a_text_file_is_refused_again_until_it_is_corrected(no: str) -> None:
    back = refused_file(csv_rows({"channel_order_no": no}))
    assert reasons(read_orders(back)) == [(2, "channel_order_no", "id_damaged")]


def test_a_damaged_number_of_a_workbook_is_refused_again_until_it_is_corrected() -> None:
    data = xlsx_of([list(GOOD), [4780123456789012345, *list(GOOD.values())[1:]]])
    assert reasons(read_orders(refused_file(data))) == [(2, "channel_order_no", "id_damaged")]


@given(st.text(max_size=30))
def test_no_cell_ever_starts_like_a_formula(text: str) -> None:
    assert not safe(text).startswith(("=", "+", "-", "@", "\t", "\r", "\n"))


@given(st.text(alphabet="=+-@'0aA张 \t", max_size=8), st.text(alphabet="=+-@'0aA张 \t", max_size=8))
def test_every_cell_of_the_file_is_text(name: str, remark: str) -> None:
    data = csv_rows({"qty": "0", "consignee_name": name, "buyer_remark": remark})
    sheet = openpyxl.load_workbook(io.BytesIO(refused_file(data))).worksheets[0]
    for row in sheet.iter_rows():
        for cell in row:
            assert cell.data_type in ("s", "n")
            assert cell.value is None or isinstance(cell.value, str)
            assert cell.value is None or not cell.value.startswith(("=", "+", "-", "@"))
