"""What stands on a slip."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from app.core.order import Item, Order, OrderLine, ParcelLine
from app.core.printjob import PrinterState, PrintState
from app.core.scan import ScanClass, parse
from printing.documents import PickSlip, Printing, is_picture, natural, plain_lines, short_tail, slip_of
from tests.helpers.printers import NOW, TEXTS, an_order, items_of, words


def slip(order: Order, printing: Printing | None = None, lang: str = "zh", **more: object) -> PickSlip:
    return slip_of(
        order,
        order.parcels[0].parcel_no if order.parcels else "",
        items_of(order),
        words(lang),  # type: ignore[arg-type]
        printing or Printing(),
        **more,  # type: ignore[arg-type]
    )


def test_lines_come_in_walking_order_and_what_has_no_bin_comes_last() -> None:
    bins = [line.bin for line in slip(an_order(lines=7)).lines]
    assert bins == ["A-01-03", "A-2-11", "A-10-01", "B-03-02", "C-01-01", "C-02-01", ""]


@pytest.mark.parametrize(
    ("earlier", "later"), [("A-2", "A-10"), ("a-1", "B-1"), ("1", "A"), ("A-1", "A-1-1")]
)
def test_bins_sort_as_people_count(earlier: str, later: str) -> None:
    assert natural(earlier) < natural(later)


def test_a_slip_asks_for_what_lies_in_this_parcel_only() -> None:
    order = an_order(lines=3)
    parcel = replace(
        order.parcels[0],
        lines=(
            ParcelLine(order_no=order.order_no, line_no=1, qty=0),
            ParcelLine(order_no=order.order_no, line_no=2, qty=2),
        ),
    )
    paper = slip(replace(order, parcels=(parcel,)))
    assert [(line.sku_code, line.qty) for line in paper.lines] == [("CUP-500-PK", 2)]
    assert paper.totals == "共 1 种 2 件"


def test_cancelled_and_refunded_units_of_an_order_without_parcels_are_gone() -> None:
    lines = (
        OrderLine(line_no=1, sku_code="A", qty=3, qty_cancelled=1, qty_refunded=1),
        OrderLine(line_no=2, sku_code="B", qty=1, qty_cancelled=1),
    )
    paper = slip(replace(an_order(parcels=0), lines=lines))
    assert [(line.sku_code, line.qty) for line in paper.lines] == [("A", 1)]
    assert paper.qr == ""


def test_what_the_order_does_not_say_is_empty() -> None:
    bare = Order(order_no="", channel="", shop_id="", channel_order_no="")
    assert slip(bare) == PickSlip()


def test_the_code_opens_this_parcel_in_this_version() -> None:
    order = an_order()
    order = order.with_parcel(replace(order.parcels[0], slip_version=7))
    guess = parse(slip(order).qr).first(ScanClass.order_qr)
    assert guess is not None
    assert (guess.key, guess.slip_version) == ("OD2026112100101", 7)


@pytest.mark.parametrize(
    ("order_no", "tail"),
    [
        ("OD20261121001", "001"),
        ("OD20261121001000", "001000"),
        ("OD20261121A001", "A001"),
        ("ABCD20261121A001000", "A001000"),
        ("4123-99", "3-99"),
        ("", ""),
    ],
)
def test_the_short_number_is_the_day_counter(order_no: str, tail: str) -> None:
    assert short_tail(order_no) == tail


def test_a_second_copy_says_its_number_and_why() -> None:
    paper = slip(an_order(), Printing(copy=2, reason="卡纸"))
    assert (paper.copy, paper.copy_reason) == ("第 2 份 补打", "卡纸")
    assert slip(an_order(), Printing(copy=2, reason="jam"), "en").copy == "COPY 2 (reprint)"
    assert slip(an_order(), Printing(copy=1, reason="卡纸")).copy_reason == ""


def test_moments_are_told_in_the_warehouse_zone() -> None:
    late = datetime(2026, 11, 21, 16, 30, tzinfo=UTC)
    paper = slip(an_order(ship_by_at=late), Printing(at=NOW, by="张三"))
    assert paper.deadline == "11-22 00:30 前发出"
    assert "11-21 15:02 打印  张三" in paper.fine_print[-1]


def test_one_of_several_parcels_says_which() -> None:
    assert slip(an_order(parcels=3)).parcel_mark == "第 1 包/共 3 包"
    assert slip(an_order(parcels=1)).parcel_mark == ""


def test_the_consignee_stands_as_the_order_holds_it() -> None:
    paper = slip(an_order())
    assert (paper.consignee, paper.region) == ("林**  183****2807", "广东省 深圳市 南山区 ****")


def test_a_remark_is_plain_text_in_its_own_lines() -> None:
    raw = "  请<b>尽快</b>\r\n\r\n\u202e生日\u200b礼物\x00🎁🎁️  谢谢 \t❤️"
    paper = slip(an_order(buyer_remark=raw, seller_remark="  \n "))
    assert [(note.label, note.text) for note in paper.notes] == [
        ("买家留言", "请<b>尽快</b>\n生日礼物[表情] 谢谢 [表情]")
    ]


def test_rare_characters_of_names_are_kept() -> None:
    assert plain_lines("䶮㛃𬭼𫖯 ℃①×", "?") == ["䶮㛃𬭼𫖯 ℃①×"]


def test_nothing_odd_slips_through_unseen() -> None:
    for char in map(chr, (*range(0xD800), *range(0xE000, 0x20000))):
        told = plain_lines(f"谢{char}谢", "?")
        if is_picture(char):
            assert told == ["谢?谢"]
        elif unicodedata.category(char) in {"Cc", "Cf"}:
            assert told in (["谢谢"], ["谢 谢"], ["谢", "谢"]), hex(ord(char))


def test_lines_of_a_merged_parcel_name_their_order() -> None:
    own, other = an_order(lines=1), an_order("OD20261121002", lines=2)
    parcel = replace(
        own.parcels[0],
        lines=(
            ParcelLine(order_no=own.order_no, line_no=1, qty=1),
            ParcelLine(order_no=other.order_no, line_no=2, qty=1),
            ParcelLine(order_no="OD20261121003", line_no=1, qty=2),
        ),
    )
    paper = slip(replace(own, parcels=(parcel,)), others=[other])
    assert [(line.sku_code, line.note) for line in paper.lines] == [
        ("TS-RED-XL", ""),
        ("", "合单 OD20261121003"),
        ("CUP-500-PK", "合单 OD20261121002"),
    ]


def test_an_article_without_a_title_of_its_own_takes_the_one_we_keep() -> None:
    order = an_order(lines=1)
    order = replace(order, lines=(replace(order.lines[0], title="", spec=""),))
    kept = {"TS-RED-XL": Item(sku_code="TS-RED-XL", title="T恤", spec="红", bin="Z-9")}
    paper = slip_of(order, order.parcels[0].parcel_no, kept, words(), Printing())
    assert (paper.lines[0].title, paper.lines[0].spec, paper.lines[0].bin) == ("T恤", "红", "Z-9")


def test_channels_and_carriers_have_names_and_unknown_ones_keep_their_code() -> None:
    assert slip(an_order()).shop == "拼多多 · pdd-main"
    assert slip(an_order(channel="newshop")).shop == "newshop · pdd-main"
    assert slip(an_order(), lang="en").carrier == "ZTO Express"


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_state_of_jobs_and_printers_has_words(lang: str) -> None:
    keys = [f"paper.job_{state}" for state in PrintState]
    keys += [f"paper.printer_{state}" for state in PrinterState]
    assert all(TEXTS.text(key, lang) for key in keys)  # type: ignore[arg-type]
