"""Rows become orders, items and pool numbers; what does not fit comes back with its reason."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.order import ItemBarcode, RefundState
from hub.connectors.channels.file import BadFile, items_of, orders_of, read_table, waybills_of
from hub.connectors.channels.file.cells import (
    BadCell,
    count_of,
    id_of,
    money_of,
    phone_of,
    rounded_ids,
    time_of,
)
from hub.connectors.channels.file.table import Cell, Number, columns, name_of, plain, words
from tests.helpers.sheets import (
    GOOD,
    SHANGHAI,
    TEXTS,
    TODAY,
    csv_of,
    csv_rows,
    read_orders,
    reasons,
    xlsx_of,
)

COLUMN = columns()["channel_order_no"]


# ------------------------------------------------------------------------------------------ money


@pytest.mark.parametrize(
    ("cell", "fen"),
    [
        ("128.5", 12850),
        ("¥1,234.50", 123450),
        ("￥ 88", 8800),
        ("88元", 8800),
        ("CNY 0.01", 1),
        ("１２．３０", 1230),
        ("12.300", 1230),
        ("0", 0),
        ("-0.00", 0),
        ("19.9", 1990),
        ("1,234,567.89", 123456789),
        (Number("19.989999999999998"), 1999),
        (Number("0.10000000000000001"), 10),
        (Number("1E2"), 10000),
        ("", None),
        (" - ", None),
    ],
)
def test_yuan_become_fen_exactly(cell: Cell, fen: int | None) -> None:
    assert money_of(cell, COLUMN) == fen


@pytest.mark.parametrize(
    ("cell", "key"),
    [
        ("12.345", "money_below_fen"),
        (Number("12.345"), "money_below_fen"),
        ("-5", "money_negative"),
        ("(5.00)", "money_negative"),
        (Number("-0.01"), "money_negative"),
        ("1.234,50", "money_unreadable"),
        ("1,23", "money_unreadable"),
        ("12 34 56.7.8", "money_unreadable"),
        ("十二元", "money_unreadable"),
        ("99999999999", "money_too_large"),
        (Number("45980.5", is_date=True), "number_became_date"),
    ],
)
def test_money_that_is_not_exact_is_refused(cell: Cell, key: str) -> None:
    with pytest.raises(BadCell) as bad:
        money_of(cell, COLUMN)
    assert bad.value.key == key


@given(st.integers(0, 10**9))
def test_no_fen_is_ever_lost_on_the_way_through_a_workbook_or_a_text(fen: int) -> None:
    yuan = Decimal(fen) / 100
    assert money_of(f"{yuan:,.2f}", COLUMN) == fen
    assert money_of(Number(repr(float(yuan))), COLUMN) == fen


# ------------------------------------------------------------------------------------------ numbers that are names


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("4780123456789012345", "4780123456789012345"),
        (" 4780 ", "4780"),
        ("\u202d13800001234\u202c", "13800001234"),
        ("１２３", "123"),
        ("'0012", "0012"),
        ("12E5", "12E5"),
        (Number("571000123456789"), "571000123456789"),
        (Number("1001"), "1001"),
        (Number("1001.0"), "1001"),
        ("", ""),
        ("-", ""),
    ],
)
def test_ids_are_kept_as_they_are_without_what_copying_left(cell: Cell, value: str) -> None:
    assert id_of(cell, COLUMN) == value


@pytest.mark.parametrize(
    ("cell", "key"),
    [
        ("4.78E+18", "id_damaged"),
        ("4.78012345678901e+18", "id_damaged"),
        (Number("4780123456789012000"), "id_damaged"),
        (Number("4780123456789012345"), "id_damaged"),
        (Number("4.7801234567890122E+18"), "id_damaged"),
        (Number("1001.5"), "id_damaged"),
        (Number("46346", is_date=True), "id_became_date"),
        ("4780 1234", "id_with_blank"),
        ("47\x0080", "control_character"),
        ("x" * 65, "text_too_long"),
    ],
)
def test_ids_that_a_spreadsheet_damaged_are_refused_with_the_cause(cell: Cell, key: str) -> None:
    with pytest.raises(BadCell) as bad:
        id_of(cell, COLUMN)
    assert bad.value.key == key


def test_rounded_ids_of_a_text_file_are_seen() -> None:
    assert rounded_ids(["478012345678901000", "478012345678901234"]) == {"478012345678901000"}
    assert rounded_ids(["120000", "6900000000000"]) == frozenset()


def test_a_lone_id_that_ends_in_zeros_by_chance_is_believed_among_many() -> None:
    many = [f"4780123456789{n:05d}" for n in range(100_001, 100_400)]
    assert sum(text.endswith("000") for text in many) == 0
    assert rounded_ids([*many, "478012345678901000"]) == frozenset()


def test_a_column_in_which_every_long_id_lost_its_end_is_refused_even_at_16_digits() -> None:
    damaged = ["4780123456789010", "4780123456789020", "4780123456789130"]
    assert rounded_ids(damaged) == set(damaged)
    assert rounded_ids([*damaged, "4780123456789131"]) == frozenset()


@pytest.mark.parametrize(
    "phone", ["13800001234", "+86 138-0000-1234", "0571-88001234", "1380000****", "15700001234-5678"]
)
def test_phones_are_kept_as_they_were_given(phone: str) -> None:
    assert phone_of(phone, columns()["consignee_phone"]) == phone


def test_a_phone_in_scientific_form_is_refused_and_a_number_cell_is_not() -> None:
    column = columns()["consignee_phone"]
    assert phone_of(Number("13800001234"), column) == "13800001234"
    with pytest.raises(BadCell, match="phone_damaged"):
        phone_of("1.38E+10", column)


@pytest.mark.parametrize(
    ("cell", "key"),
    [
        ("0", "qty_range"),
        ("10000", "qty_range"),
        ("-1", "qty_negative"),
        ("1.5", "qty_unreadable"),
        ("两", "qty_unreadable"),
    ],
)
def test_quantities_are_whole_and_sane(cell: str, key: str) -> None:
    assert count_of("3.0", COLUMN) == 3
    with pytest.raises(BadCell, match=key):
        count_of(cell, COLUMN)


# ------------------------------------------------------------------------------------------ times

AT = datetime(2026, 11, 20, 6, 5, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("cell", "at"),
    [
        ("2026-11-20 14:05:30", AT),
        ("2026/11/20 14:05:30", AT),
        ("2026.11.20 14:05:30", AT),
        ("20261120140530", AT),
        ("20261120 140530", AT),
        ("2026年11月20日 14时05分30秒", AT),
        ("2026年11月20日 下午2:05:30", AT),
        ("2026-11-20 02:05:30 PM", AT),
        ("2026-11-20T14:05:30+08:00", AT),
        ("2026-11-20T06:05:30Z", AT),
        ("2026-11-20T06:05:30.000Z", AT),
        ("11-20 14:05:30", AT),
        ("11月20日 14:05:30", AT),
        ("2026-11-20 14:05:30.1239", AT + timedelta(milliseconds=123)),
        (Number("46346.587152777778", is_date=True), AT),
        (Number("46346.587152777778"), AT),
        ("46346.587152777778", AT),
        ("2026-11-20 14:05", AT.replace(second=0)),
        ("2026-11-20", datetime(2026, 11, 19, 16, tzinfo=UTC)),
        ("12-31 23:59", datetime(2025, 12, 31, 15, 59, tzinfo=UTC)),
        ("11-25", datetime(2026, 11, 24, 16, tzinfo=UTC)),
        ("0000-00-00 00:00:00", None),
        ("-", None),
        ("", None),
    ],
)
def test_times_are_read_in_their_usual_forms(cell: Cell, at: datetime | None) -> None:
    assert time_of(cell, SHANGHAI, TODAY) == at


@pytest.mark.parametrize(
    ("cell", "key"),
    [
        ("6/12/2011 12:34", "time_ambiguous"),
        ("2026-02-30 10:00", "time_unreadable"),
        ("2026-11-20 25:00", "time_unreadable"),
        ("1970-01-01 08:00:00", "time_unreadable"),
        ("明天", "time_unreadable"),
        (Number("12"), "time_unreadable"),
        ("2026-11-20 14:05:30+99:00", "time_unreadable"),
        ("02-30", "time_unreadable"),
    ],
)
def test_times_that_could_mean_something_else_are_refused(cell: Cell, key: str) -> None:
    with pytest.raises(BadCell) as bad:
        time_of(cell, SHANGHAI, TODAY)
    assert bad.value.key == key


@given(st.datetimes(datetime(2000, 1, 1), datetime(2099, 1, 1)))  # noqa: DTZ001
def test_a_day_count_of_excel_keeps_its_milliseconds(wall: datetime) -> None:
    wall = wall.replace(microsecond=wall.microsecond // 1000 * 1000)
    days = (wall - datetime(1899, 12, 30)) / timedelta(days=1)  # noqa: DTZ001
    shown = Number(format(days, ".17g"), is_date=True)
    assert time_of(shown, SHANGHAI, TODAY) == wall.replace(tzinfo=SHANGHAI).astimezone(UTC)


# ------------------------------------------------------------------------------------------ columns


def test_every_heading_means_one_thing() -> None:
    said = [(plain(heading), column.name) for column in columns().values() for heading in column.headings]
    assert len({heading for heading, _ in said}) == len({*said})


@pytest.mark.parametrize(
    ("heading", "name"),
    [
        ("平台单号", "channel_order_no"),
        ("*订单编号", "channel_order_no"),
        ("channel_order_no", "channel_order_no"),
        ("Channel Order No", "channel_order_no"),
        ("实付金额（元）", "paid"),
        ("收货人姓名 ", "consignee_name"),
        ("手机（必填）", "consignee_phone"),
        ("ＳＫＵ编码", "sku_code"),
        ("重量(g)", "weight_g"),
        ("重量(kg)", None),
        ("随便什么", None),
    ],
)
def test_headings_are_known_in_their_usual_dress(heading: str, name: str | None) -> None:
    assert name_of(heading) == name


def test_words_of_channels_do_not_contradict_each_other() -> None:
    assert words()["state"][plain("已发货")] == "shipped"
    assert words()["carrier"][plain("中通快递")] == "zhongtong"


def test_needed_columns_that_are_missing_are_all_named_at_once() -> None:
    with pytest.raises(BadFile) as caught:
        read_orders(csv_of([["平台单号", "商品编码", "数量"], ["1", "A", "1"]]))
    sentence = caught.value.text(TEXTS, "zh")
    assert all(word in sentence for word in ("paid_at", "consignee_name", "consignee_phone", "paid"))


def test_a_column_that_is_there_twice_is_not_guessed_at() -> None:
    with pytest.raises(BadFile, match="column_twice"):
        read_orders(csv_of([[*GOOD, "paid"], [*GOOD.values(), "3"]]))


def test_the_most_usual_heading_wins_and_a_second_phone_stands_in_for_an_empty_one() -> None:
    heads = ["订单编号", "平台单号", "联系电话", "手机", *list(GOOD)[1:3], "收货地址", *list(GOOD)[5:]]
    row = ["own-1", "4780", "0571-1", "", GOOD["paid_at"], "张三", "西湖区", "A", "1", "3"]
    read = read_orders(csv_of([heads, row]))
    assert (read.values[0].channel_order_no, read.values[0].consignee.phone) == ("4780", "0571-1")
    assert read.unused_columns == ("订单编号",)


def test_a_saved_map_brings_headings_nobody_knows() -> None:
    own = {"channel_order_no": "单据", "paid": "结算价"}
    heads = ["单据", *list(GOOD)[1:-1], "结算价"]
    read = read_orders(csv_of([heads, list(GOOD.values())]), own=own)
    assert read.values[0].paid_fen == 12850


# ------------------------------------------------------------------------------------------ orders


def test_an_order_of_all_columns_keeps_every_one_of_them() -> None:
    read = read_orders(
        csv_rows({
            "ordered_at": "2026-11-20 14:00",
            "ship_by_at": "2026-11-22 14:05",
            "promised_at": "2026-11-24",
            "channel_state": "买家已付款",
            "refund_state": "退款中",
            "buyer_nick": "@小鹿",
            "province": "浙江省",
            "city": "杭州市",
            "district": "西湖区",
            "coupon": "5",
            "points": "0.88",
            "freight": "6",
            "price": "61.31",
            "title": "枕头",
            "spec": "大号",
            "item_barcode": "6978845100046",
            "buyer_remark": "放门口\n谢谢",
            "seller_remark": "老客户",
            "delivery_method": "快递",
            "carrier": "中通快递",
            "waybill_no": "78412600913355",
            "tags": "加急、易碎",
        })
    )
    [order] = read.values
    assert read.problems == []
    assert (order.shop_id, order.channel, order.channel_order_no) == (
        "shop-1",
        "file",
        GOOD["channel_order_no"],
    )
    assert (order.paid_fen, order.coupon_fen, order.points_fen, order.freight_fen) == (12850, 500, 88, 600)
    assert (order.is_paid, order.is_shipped, order.is_cancelled) == (True, False, False)
    assert order.paid_at == AT and order.ordered_at == datetime(2026, 11, 20, 6, tzinfo=UTC)
    assert order.ship_by_at == datetime(2026, 11, 22, 6, 5, tzinfo=UTC)
    assert order.refund_state is RefundState.asked
    assert order.consignee.address == "文三路 1 号", "what has columns of its own is not said twice"
    assert (order.carrier, order.waybill_no, order.tags) == ("zhongtong", "78412600913355", ("加急", "易碎"))
    assert order.buyer_remark == "放门口\n谢谢"
    [line] = order.lines
    assert (line.sku_code, line.qty, line.price_fen, line.item_barcode) == ("A-1", 2, 6131, "6978845100046")


def test_empty_optional_money_is_nothing() -> None:
    [order] = read_orders(csv_rows({"coupon": "", "points": "-", "freight": None})).values
    assert (order.coupon_fen, order.points_fen, order.freight_fen) == (0, 0, 0)


def test_rows_of_one_order_are_its_lines_also_when_others_stand_between() -> None:
    first, other, second = {"sku_code": "A"}, {"channel_order_no": "2"}, {"sku_code": "B", "qty": "1"}
    read = read_orders(csv_rows(first, other, second))
    assert [[line.sku_code for line in order.lines] for order in read.values] == [["A", "B"], ["A-1"]]
    assert read.row_nos == [(2, 4), (3,)]
    assert read.sums.lines == 3 and read.sums.orders == 2


def test_an_empty_cell_in_a_later_row_says_nothing_against_the_first() -> None:
    later = dict.fromkeys(("paid_at", "consignee_name", "consignee_phone", "consignee_address", "paid"), "")
    [order] = read_orders(csv_rows({}, {**later, "sku_code": "B"})).values
    assert order.paid_fen == 12850 and len(order.lines) == 2


def test_rows_of_one_order_that_differ_refuse_the_whole_order_and_no_other() -> None:
    read = read_orders(csv_rows({}, {"paid": "9"}, {"channel_order_no": "2"}))
    assert [order.channel_order_no for order in read.values] == ["2"]
    assert reasons(read) == [(2, "", "row_of_refused"), (3, "paid", "rows_differ")]
    assert "128.50" in read.problems[1].text(TEXTS, "zh")


@pytest.mark.parametrize(
    ("change", "column", "key"),
    [
        ({"channel_order_no": ""}, "channel_order_no", "no_channel_order_no"),
        ({"channel_order_no": "4.78E+18"}, "channel_order_no", "id_damaged"),
        ({"channel_order_no": "4780123456789012000"}, "channel_order_no", "id_rounded"),
        ({"waybill_no": "784126009133550000"}, "waybill_no", "id_rounded"),
        ({"sku_code": ""}, "sku_code", "value_missing"),
        ({"qty": ""}, "qty", "value_missing"),
        ({"qty": "-3"}, "qty", "qty_negative"),
        ({"paid": ""}, "paid", "value_missing"),
        ({"paid": "12.345"}, "paid", "money_below_fen"),
        ({"consignee_name": " "}, "consignee_name", "value_missing"),
        ({"consignee_phone": "1.38E+10"}, "consignee_phone", "phone_damaged"),
        ({"consignee_address": "x" * 301}, "consignee_address", "text_too_long"),
        ({"consignee_name": "张\x00三"}, "consignee_name", "control_character"),
        ({"paid_at": "6/12/2026"}, "paid_at", "time_ambiguous"),
    ],
)
def test_a_bad_cell_refuses_its_order_with_one_reason(change: dict[str, str], column: str, key: str) -> None:
    read = read_orders(csv_rows(change, {"channel_order_no": "2"}))
    assert reasons(read) == [(2, column, key)]
    assert [order.channel_order_no for order in read.values] == ["2"]
    for lang in ("zh", "en"):
        assert "{" not in read.problems[0].text(TEXTS, lang)


def test_an_unpaid_order_is_kept_as_unpaid() -> None:
    [order] = read_orders(csv_rows({"paid_at": "", "paid": "", "channel_state": "等待买家付款"})).values
    assert not order.is_paid


def test_shipped_and_cancelled_orders_of_old_days_need_no_consignee_any_more() -> None:
    gone = {"consignee_name": "", "consignee_phone": "", "consignee_address": ""}
    read = read_orders(
        csv_rows(
            {**gone, "channel_state": "交易成功"},
            {**gone, "channel_order_no": "2", "channel_state": "交易关闭"},
        )
    )
    assert [(order.is_shipped, order.is_cancelled) for order in read.values] == [(True, False), (False, True)]


def test_a_word_of_state_nobody_knows_is_kept_and_decides_nothing() -> None:
    [order] = read_orders(csv_rows({"channel_state": "火星状态", "refund_state": "也许"})).values
    assert (order.channel_state, order.is_shipped, order.is_cancelled) == ("火星状态", False, False)
    assert (order.refund_state, order.extra) == (None, {"refund_state_said": "也许"})


def test_a_text_that_looks_like_a_formula_is_a_text() -> None:
    [order] = read_orders(csv_rows({"buyer_remark": "=cmd|' /C calc'!A0", "consignee_name": "@小鹿"})).values
    assert (order.buyer_remark, order.consignee.name) == ("=cmd|' /C calc'!A0", "@小鹿")


def test_a_number_cell_of_a_workbook_is_taken_up_to_fifteen_digits() -> None:
    row = list(GOOD.values())
    read = read_orders(
        xlsx_of([
            list(GOOD),
            [571000123456789, *row[1:5], 100123, 2, 128.5],
            [4780123456789012345, *row[1:]],
            ["4780123456789012000", *row[1:]],
        ])
    )
    assert [order.channel_order_no for order in read.values] == ["571000123456789", "4780123456789012000"]
    assert (read.values[0].lines[0].sku_code, read.values[0].paid_fen) == ("100123", 12850)
    assert reasons(read) == [(3, "channel_order_no", "id_damaged")]


CELL = st.one_of(
    st.sampled_from([
        "",
        "1",
        "2",
        "-1",
        "3.50",
        "12.345",
        "4.78E+18",
        "2026-11-20",
        "张三",
        "'=1",
        "0",
        "x\x01",
    ]),
    st.text(max_size=12),
)
ROWS = st.lists(st.lists(CELL, min_size=len(GOOD), max_size=len(GOOD)), min_size=1, max_size=12)


@given(ROWS, st.booleans())
def test_every_row_is_either_in_a_value_or_refused(rows: list[list[str]], as_workbook: bool) -> None:
    """Count-in = count-out, whatever stands in the cells."""
    tame = [[cell.replace("\x00", "") if not as_workbook else plain(cell) for cell in row] for row in rows]
    data = (
        xlsx_of([list(GOOD), *tame])
        if as_workbook
        else csv_of([list(GOOD), *tame], "utf-8-sig")
        if _fits(tame)
        else b""
    )
    try:
        table = read_table(data, "x")
    except BadFile:
        return
    read = orders_of(table, "s", "file", SHANGHAI, date(2026, 11, 21))
    in_values = [no for nos in read.row_nos for no in nos]
    refused = {problem.row for problem in read.problems}
    assert len(in_values) + len(refused) == read.rows == len(table.rows)
    assert not refused & set(in_values)
    assert read.sums.lines == sum(len(order.lines) for order in read.values) == len(in_values)
    assert read.sums.paid_fen == sum(order.paid_fen for order in read.values)
    for problem in read.problems:
        assert problem.text(TEXTS, "zh") and problem.text(TEXTS, "en")


def _fits(rows: list[list[str]]) -> bool:
    try:
        csv_of(rows)
    except UnicodeEncodeError:
        return False
    return True


# ------------------------------------------------------------------------------------------ items, waybills


def test_several_rows_of_an_article_bring_its_barcodes() -> None:
    heads = ["商品编码", "商品名称", "规格", "货位", "重量(g)", "商品条码", "装箱数"]
    rows = [
        ["A", "毛巾", "灰", "B-01", "330", "6978845100060", ""],
        ["A", "毛巾", "灰", "B-01", "330", "16978845100067", "20"],
        ["B", "浴巾", "", "", "", "", ""],
    ]
    read = items_of(read_table(csv_of([heads, *rows]), "items.csv"))
    assert (read.rows, read.problems) == (3, [])
    towel, bath = read.values
    assert (towel.title, towel.bin, towel.weight_g) == ("毛巾", "B-01", 330)
    assert towel.barcodes == (
        ItemBarcode(code="6978845100060"),
        ItemBarcode(code="16978845100067", pack_qty=20),
    )
    assert (bath.sku_code, bath.barcodes) == ("B", ())


def test_barcodes_no_scanner_can_read_or_that_mean_two_quantities_are_refused() -> None:
    heads = ["sku_code", "item_barcode", "pack_qty"]
    rows = [
        ["A", "6978845100061", "1"],
        ["B", "X1", "1"],
        ["B", "X1", "6"],
        ["C", "6.97E+12", ""],
        ["D", "X1", ""],
    ]
    read = items_of(read_table(csv_of([heads, *rows]), "items.csv"))
    assert [item.sku_code for item in read.values] == ["D"]
    assert reasons(read) == [
        (2, "item_barcode", "barcode_check_digit"),
        (3, "", "row_of_refused"),
        (4, "item_barcode", "barcode_two_quantities"),
        (5, "item_barcode", "id_damaged"),
    ]


def test_a_pool_takes_each_number_once() -> None:
    heads = ["快递公司", "运单号", "三段码"]
    rows = [
        ["中通", "7841", "571-A"],
        ["中通快递", "7841", "571-A"],
        ["邻里配送", "Z1", ""],
        ["顺丰", "", ""],
        ["", "9", ""],
    ]
    read = waybills_of(read_table(csv_of([heads, *rows]), "pool.csv"))
    assert [(n.carrier, n.waybill_no, n.routing_code) for n in read.values] == [
        ("zhongtong", "7841", "571-A"),
        ("邻里配送", "Z1", ""),
    ]
    assert reasons(read) == [
        (3, "运单号", "waybill_twice"),
        (5, "运单号", "value_missing"),
        (6, "快递公司", "value_missing"),
    ]


def test_who_reads_a_file_asks_again_and_again_whether_others_wait() -> None:
    asked: list[None] = []
    table = read_table(csv_rows(*({"channel_order_no": f"{n}"} for n in range(100))), "orders.csv")
    read = orders_of(table, "shop", "file", SHANGHAI, TODAY, give_way=lambda: asked.append(None))
    assert len(read.values) == 100
    assert len(asked) >= 2 * 100 // 25, "rows first, then orders"
