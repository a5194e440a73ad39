"""Any bytes become a table or one clear sentence."""

from __future__ import annotations

import io
import struct
import zipfile
from datetime import datetime

import openpyxl
import pytest
import python_calamine
from hypothesis import given
from hypothesis import strategies as st

from hub.connectors.channels.file import BadFile, Limits, read_table
from hub.connectors.channels.file.table import Fault, Number
from tests.helpers.sheets import GOOD, TEXTS, csv_of, csv_rows, inline, raw_xlsx, xlsx_of
from tests.helpers.source import ROOT

SAMPLES = ROOT / "resources" / "samples"
HEAD = list(GOOD)
ROW = list(GOOD.values())


def refusal(data: bytes, name: str = "x.csv", limits: Limits | None = None) -> str:
    """The key of the refusal; both languages must be able to say it."""
    with pytest.raises(BadFile) as caught:
        read_table(data, name, limits=limits or Limits())
    for lang in ("zh", "en"):
        sentence = caught.value.text(TEXTS, lang)
        assert sentence and "{" not in sentence
    return caught.value.key


# ------------------------------------------------------------------------------------------ text files


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "gbk", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_every_usual_encoding_and_separator_is_seen_by_itself(encoding: str, delimiter: str) -> None:
    row = ["1", "2026-11-20", "张三", "138", "西湖区, 文三路; 1 号", "A", "1", "3"]
    data = csv_of(
        [["平台单号", "付款时间", "收货人", "手机", "收货地址", "商品编码", "数量", "实付金额"], row],
        encoding,
        delimiter,
    )
    table = read_table(data, "订单.csv")
    assert table.header[0] == "平台单号"
    assert list(table.rows[0].cells) == row


def test_a_rare_character_survives_gb18030() -> None:
    data = csv_of([HEAD, [*ROW[:2], "朱䶮𠮷", *ROW[3:]]], "gb18030")
    assert read_table(data, "a.csv").rows[0].cells[2] == "朱䶮𠮷"


def test_line_breaks_inside_quotes_stay_in_their_cell_and_rows_keep_their_numbers() -> None:
    data = csv_of([[*HEAD, "buyer_remark"], [*ROW, "第一行\n第二行"], [], [*ROW, ""]])
    table = read_table(data, "a.csv")
    assert [row.no for row in table.rows] == [2, 4]
    assert table.rows[0].cells[-1] == "第一行\n第二行"


def test_the_separator_line_of_excel_is_no_row() -> None:
    table = read_table(b"sep=;\n" + csv_of([HEAD, ROW], delimiter=";"), "a.csv")
    assert (table.header_row, table.rows[0].no) == (2, 3)


def test_titles_above_the_header_do_not_hide_it() -> None:
    table = read_table(csv_of([["十一月订单汇总"], [], ["导出人：小王"], HEAD, ROW]), "a.csv")
    assert (table.header_row, len(table.rows)) == (4, 1)


def test_the_trick_that_keeps_long_numbers_in_excel_is_undone() -> None:
    data = ",".join(HEAD) + '\n="4780123456789012345",' + ",".join(f'"{cell}"' for cell in ROW[1:])
    assert read_table(data.encode(), "a.csv").rows[0].cells[0] == "4780123456789012345"


def test_an_open_quote_refuses_the_file_instead_of_swallowing_the_orders_behind_it() -> None:
    data = (",".join(HEAD) + '\n1,2026-11-20,"张三,138,a,A,1,3\n2,2026-11-20,李四,138,a,A,1,3\n').encode()
    assert refusal(data) == "quotes_broken"


def test_text_that_is_in_no_known_encoding_is_refused() -> None:
    assert refusal(b"channel_order_no,\xff\xff\xff,paid\n1,2,3") == "encoding_unknown"


# ------------------------------------------------------------------------------------------ what is no table


@pytest.mark.parametrize(
    ("data", "key"),
    [
        (b"", "file_empty"),
        (b"\xef\xbb\xbf \r\n", "file_empty"),
        (b",,,\n,,\n", "file_empty"),
        (b"%PDF-1.7 ...", "kind_pdf"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "kind_xls"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"), "encrypted"),
        (b"\x1f\x8b\x08\x00abc", "kind_zip"),
        (b"Rar!\x1a\x07\x00", "kind_zip"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "not_a_table"),
        (b"<html><table><tr><td>\xe8\xae\xa2\xe5\x8d\x95</td></tr></table></html>", "kind_html"),
        (b'<?xml version="1.0"?><?mso-application progid="Excel.Sheet"?><Workbook/>', "kind_html"),
        (b'[{"order": 1}]', "not_a_table"),
        (b"PK\x03\x04 and then nothing", "workbook_broken"),
        (bytes(range(256)) * 40, "encoding_unknown"),
        (b"a\x00b\x00c\x00d\x00" * 100, "not_a_table"),
        (b"apples,pears\n1,2\n", "no_header"),
        (",".join(HEAD).encode(), "no_rows"),
    ],
)
def test_what_is_no_table_is_refused_with_what_to_do(data: bytes, key: str) -> None:
    assert refusal(data) == key


def zipped(**parts: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, text in parts.items():
            archive.writestr(name.replace("__", "/").replace("_DOT_", "."), text)
    return out.getvalue()


def test_archives_that_are_no_workbook_say_which_kind_they_are() -> None:
    assert refusal(zipped(orders_DOT_csv="a,b")) == "kind_zip"
    assert refusal(zipped(xl__workbook_DOT_bin="")) == "kind_xlsb"
    ods = zipped(mimetype="application/vnd.oasis.opendocument.spreadsheet", content_DOT_xml="<x/>")
    assert refusal(ods) == "kind_ods"


def test_the_content_counts_not_the_name() -> None:
    assert read_table(csv_rows({}), "orders.xlsx").kind == "csv"
    assert read_table(xlsx_of([HEAD, ROW]), "orders.csv").kind == "xlsx"


# ------------------------------------------------------------------------------------------ limits


def test_a_file_that_is_too_big_is_refused_unread() -> None:
    assert refusal(b"x" * 101, limits=Limits(size_max=100)) == "file_too_big"


def test_exactly_as_many_rows_as_allowed_are_read_and_one_more_is_refused() -> None:
    limits = Limits(rows_max=50)
    for make in (csv_of, xlsx_of):
        assert len(read_table(make([HEAD, *[ROW] * 50]), "a", limits=limits).rows) == 50
        assert refusal(make([HEAD, *[ROW] * 51]), limits=limits) == "too_many_rows"


def test_a_million_rows_get_one_sentence_and_are_not_read_to_the_end() -> None:
    data = csv_of([HEAD]) + b"1,2026-11-20,a,138,x,A,1,3\n" * 1_000_000
    assert refusal(data) == "too_many_rows"


def test_stray_cells_far_to_the_right_are_refused() -> None:
    assert refusal(xlsx_of([HEAD, [*ROW, *[""] * 200, "x"]])) == "too_many_columns"
    assert refusal(csv_of([HEAD, [*ROW, *[""] * 200, "x"]])) == "too_many_columns"


def test_empty_cells_far_to_the_right_are_nothing() -> None:
    assert len(read_table(csv_of([HEAD, [*ROW, *[""] * 300]]), "a").rows) == 1


@pytest.mark.parametrize("limits", [Limits(unpacked_max=1000), Limits(ratio_max=2, ratio_from=1000)])
def test_a_zip_bomb_is_refused_from_its_directory(limits: Limits) -> None:
    bomb = raw_xlsx("<sheetData>" + "<row/>" * 100_000 + "</sheetData>")
    assert refusal(bomb, limits=limits) == "zip_bomb"


def test_a_bomb_of_four_gigabytes_is_refused_in_no_time() -> None:
    bomb = bytearray(raw_xlsx("<sheetData/>"))
    entry = bomb.rindex(b"PK\x01\x02")
    bomb[entry + 24 : entry + 28] = struct.pack("<I", 0xFFFFFFF0)
    assert refusal(bytes(bomb)) == "zip_bomb"


def test_a_directory_that_lies_about_sizes_gives_no_more_than_it_says() -> None:
    """What is unpacked ends where the directory says; the check sum then tells of the lie."""
    honest = raw_xlsx("<sheetData>" + "<row/>" * 100_000 + "</sheetData>")
    lying = bytearray(honest)
    at = lying.rindex(b"PK\x01\x02", 0, lying.index(b"xl/worksheets/sheet1.xml", lying.index(b"PK\x01\x02")))
    lying[at + 24 : at + 28] = struct.pack("<I", 50)
    assert refusal(bytes(lying)) == "workbook_broken"


def test_regression_a_cell_in_the_last_corner_takes_no_memory() -> None:
    """A dense reader allots 2^34 cells for such a file of 5 KB and is killed; ours holds only what has a value."""
    cells = "".join(inline(f"{chr(65 + n)}1", name) for n, name in enumerate(HEAD))
    values = "".join(inline(f"{chr(65 + n)}1048576", str(value)) for n, value in enumerate(ROW))
    table = read_table(
        raw_xlsx(f'<sheetData><row r="1">{cells}</row><row r="1048576">{values}</row></sheetData>'), "a"
    )
    assert [row.no for row in table.rows] == [1048576]
    far = f'<sheetData><row r="1">{cells}</row><row r="1048576">{inline("XFD1048576", "x")}</row></sheetData>'
    assert refusal(raw_xlsx(far)) == "too_many_columns"


@pytest.mark.parametrize(
    "sheet",
    [
        '<sheetData><row r="0"/></sheetData>',
        '<sheetData><row r="9999999"/></sheetData>',
        '<sheetData><row r="1"><c r="??"/></row></sheetData>',
        '<sheetData><row r="1"><c r="A1"><v>12_3</v></c></row></sheetData>',
        '<sheetData><row r="1"><c r="A1"><v>NaN</v></c></row></sheetData>',
        '<sheetData><row r="1"><c r="A1" t="s"><v>7</v></c></row></sheetData>',
        '<sheetData><row r="1"><c r="A1" t="s"><v>-1</v></c></row></sheetData>',
        "<sheetData><row></sheetData>",
    ],
)
def test_a_workbook_that_contradicts_itself_is_refused(sheet: str) -> None:
    assert refusal(raw_xlsx(sheet)) == "workbook_broken"


def test_entities_that_unfold_are_refused() -> None:
    laughs = '<!DOCTYPE x [<!ENTITY a "haha"><!ENTITY b "&a;&a;&a;&a;">]>'
    assert refusal(raw_xlsx("<sheetData>&b;</sheetData>", prolog=laughs)) == "workbook_broken"


def test_a_cut_off_workbook_is_refused() -> None:
    whole = xlsx_of([HEAD, ROW])
    assert refusal(whole[: len(whole) // 2]) == "workbook_broken"


# ------------------------------------------------------------------------------------------ workbooks


def test_numbers_dates_formulas_and_errors_keep_what_they_are() -> None:
    moment = datetime(2026, 11, 20, 14, 5, 30)  # noqa: DTZ001
    data = xlsx_of([
        [*HEAD, "x", "y", "z"],
        [
            4780123456789012,
            moment,
            "张三",
            13800001234,
            "a",
            "A",
            2,
            0.1,
            ("=1+1", 2),
            ("=1/0", "#DIV/0!"),
            True,
        ],
    ])
    cells = read_table(data, "a.xlsx").rows[0].cells
    assert cells[0] == Number("4780123456789012")
    assert (
        isinstance(cells[1], Number)
        and cells[1].is_date
        and abs(float(cells[1].text) - 46346.587152778) < 1e-8
    )
    assert cells[7:] == (Number("0.1"), Number("2"), Fault("error", "#DIV/0!"), "TRUE")


def test_a_formula_nobody_calculated_is_not_taken_for_an_empty_cell() -> None:
    book = openpyxl.Workbook()
    assert book.active is not None
    book.active.append(HEAD)
    book.active.append([*ROW[:-1], "=B2*2"])
    out = io.BytesIO()
    book.save(out)
    assert read_table(out.getvalue(), "a.xlsx").rows[0].cells[7] == Fault("formula", "=…")


def test_days_of_the_old_mac_calendar_are_the_same_days() -> None:
    rows = [HEAD, ["1", datetime(2026, 11, 20, 12), *ROW[2:]]]  # noqa: DTZ001
    one, other = (read_table(xlsx_of(rows, date1904=flag), "a").rows[0].cells[1] for flag in (False, True))
    assert one == other


def test_rich_text_phonetics_and_escapes_give_the_plain_text() -> None:
    shared = [
        "<r><t>西湖</t></r><r><t xml:space='preserve'> 藕粉</t></r><rPh sb='0' eb='1'><t>xihu</t></rPh>",
        "<t>a_x000D_b_xD800_</t>",
    ]
    cells = "".join(inline(f"{chr(65 + n)}1", name) for n, name in enumerate(HEAD))
    sheet = f'<sheetData><row r="1">{cells}</row><row><c t="s"><v>0</v></c><c t="s"><v>1</v></c></row></sheetData>'
    row = read_table(raw_xlsx(sheet, shared), "a").rows[0]
    assert (row.no, row.cells) == (2, ("西湖 藕粉", "a\rb_xD800_"))


def test_cells_joined_downwards_say_their_value_in_every_row() -> None:
    out = io.BytesIO()
    book = openpyxl.load_workbook(io.BytesIO(xlsx_of([HEAD, ROW, ["", *ROW[1:]], ["2", *ROW[1:]]])))
    assert book.active is not None
    book.active.merge_cells("A2:A3")
    book.save(out)
    assert [row.cells[0] for row in read_table(out.getvalue(), "a").rows] == [ROW[0], ROW[0], "2"]


def test_a_hidden_or_foreign_sheet_is_passed_over_and_two_order_sheets_are_not_guessed_at() -> None:
    notes = [["填写说明"], ["请勿修改表头"]]
    assert len(read_table(xlsx_of([HEAD, ROW, ROW], [HEAD, ROW], notes, hide=[0]), "a").rows) == 1
    assert len(read_table(xlsx_of(notes, [HEAD, ROW]), "a").rows) == 1
    assert refusal(xlsx_of([HEAD, ROW], notes, [HEAD, ROW])) == "several_sheets"


@pytest.mark.parametrize("name", ["orders.xlsx", "items.xlsx"])
def test_two_foreign_readers_see_the_same_cells(name: str) -> None:
    data = (SAMPLES / name).read_bytes()
    ours = read_table(data, name)
    book = openpyxl.load_workbook(io.BytesIO(data), read_only=True)
    theirs = list(book.worksheets[0].iter_rows(values_only=True))
    calamine = (
        python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(data)).get_sheet_by_index(0).to_python()
    )
    assert len(ours.rows) == len(theirs) - 1 == len(calamine) - 1
    for row, one, other in zip(ours.rows, theirs[1:], calamine[1:], strict=True):
        for n in range(len(ours.header)):
            cell = row.cell(n)
            if isinstance(cell, Number) and cell.is_date:
                assert isinstance(one[n], datetime) and one[n] == other[n]
            elif isinstance(cell, Number):
                assert float(cell.text) == one[n] == other[n]
            else:
                assert cell == (one[n] or "") == other[n]


# ------------------------------------------------------------------------------------------ whatever comes

PLAIN = st.binary(max_size=400)
TEXTUAL = st.text(alphabet=st.sampled_from('平台单号,;\t"\n\r=+-@1E\x00 付款时间数量A'), max_size=200).map(
    str.encode
)
WORKBOOK = xlsx_of([HEAD, ROW, ROW])


@given(st.one_of(PLAIN, TEXTUAL, PLAIN.map(lambda tail: b"PK\x03\x04" + tail)))
def test_no_bytes_ever_raise_anything_but_a_refusal(data: bytes) -> None:
    try:
        read_table(data, "x")
    except BadFile as refused:
        assert refused.text(TEXTS, "zh")


@given(st.lists(st.tuples(st.integers(0, len(WORKBOOK) - 1), st.integers(0, 255)), min_size=1, max_size=8))
def test_a_damaged_workbook_never_raises_anything_but_a_refusal(damage: list[tuple[int, int]]) -> None:
    data = bytearray(WORKBOOK)
    for at, value in damage:
        data[at] = value
    try:
        read_table(bytes(data), "x")
    except BadFile as refused:
        assert refused.text(TEXTS, "en")


XML = st.text(alphabet=st.sampled_from('<>/cvrst="A1 0rowsheetDataE.-'), max_size=120)


@given(XML, st.lists(XML, max_size=2))
def test_a_strange_sheet_never_raises_anything_but_a_refusal(sheet: str, shared: list[str]) -> None:
    for body in (sheet, f'<sheetData><row r="1"><c {sheet}</row></sheetData>'):
        try:
            read_table(raw_xlsx(body, shared), "x")
        except BadFile as refused:
            assert refused.text(TEXTS, "zh")
