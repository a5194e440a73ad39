"""One import from bytes to report, on a real writer over a real database."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from sqlalchemy import select

from app.wire import ImportSums
from hub.connectors.channels.file import BadFile, checked_map, read_map
from hub.db import tables as t
from rehearsal import shop
from tests.helpers.filehub import file_hub
from tests.helpers.sheets import GOOD, TEXTS, csv_of, csv_rows, read_orders, xlsx_of
from tests.helpers.source import ROOT

SAMPLES = ROOT / "resources" / "samples"
pytestmark = pytest.mark.anyio


async def test_good_rows_are_orders_and_bad_rows_come_back(tmp_path: Path) -> None:
    data = csv_rows(
        {}, {"sku_code": "B", "qty": "1"}, {"channel_order_no": "2", "qty": "x"}, {"channel_order_no": "3"}
    )
    async with file_hub(tmp_path) as hub:
        report = await hub.bring_in(data, lang="en")
        assert (report.rows, report.taken, report.unchanged, report.refused) == (4, 3, 0, 1)
        assert (report.orders, report.paid_fen) == (2, 25700)
        assert report.sums_in == report.sums_out == hub.sums()
        [problem] = report.problems
        assert (problem.row, problem.column, problem.reason) == (4, "qty", "qty_unreadable")
        assert "whole number" in problem.text
        back = read_orders(base64.b64decode(report.refused_file))
        assert (back.rows, len(back.values)) == (1, 0)
        assert {order.shop_id for order in hub.orders()} == {"hz-home"}


async def test_the_same_file_again_is_unchanged_and_a_newer_one_changes_what_differs(tmp_path: Path) -> None:
    async with file_hub(tmp_path) as hub:
        await hub.bring_in(csv_rows({}, {"channel_order_no": "2"}))
        again = await hub.bring_in(
            xlsx_of([list(GOOD), list(GOOD.values()), ["2", *list(GOOD.values())[1:]]])
        )
        assert (again.taken, again.unchanged) == (0, 2)
        newer = await hub.bring_in(csv_rows({"seller_remark": "改发顺丰"}, {"channel_order_no": "2"}))
        assert (newer.taken, newer.unchanged) == (1, 1)
        assert len(hub.orders()) == 2


@pytest.mark.parametrize(
    "other",
    [{"qty": "3"}, {"sku_code": "OTHER-1"}, {"price": "9.99"}],
    ids=["quantity", "article", "price"],
)
async def test_a_known_order_with_other_lines_is_reported_and_left_as_it_is(
    tmp_path: Path, other: dict[str, str]
) -> None:
    first = {"price": "5.00"}
    async with file_hub(tmp_path) as hub:
        await hub.bring_in(csv_rows(first, {**first, "channel_order_no": "2"}))
        before = hub.orders()
        again = csv_rows({**first, **other, "seller_remark": "改发顺丰"}, {**first, "channel_order_no": "2"})
        report = await hub.bring_in(again, lang="en")
        assert (report.rows, report.taken, report.unchanged, report.refused) == (2, 0, 1, 1)
        [problem] = report.problems
        assert (problem.row, problem.reason) == (2, "other_lines")
        assert "left as it is" in problem.text
        assert report.sums_in.orders == 2 and report.sums_out.orders == 1
        assert hub.orders() == before
        back = read_orders(base64.b64decode(report.refused_file))
        assert [order.channel_order_no for order in back.values] == [before[0].channel_order_no]


async def test_lines_in_another_order_or_without_prices_are_the_same_lines(tmp_path: Path) -> None:
    lines = [{"sku_code": "A", "qty": "1", "price": "5.00"}, {"sku_code": "B", "qty": "2", "price": "6.00"}]
    async with file_hub(tmp_path) as hub:
        await hub.bring_in(csv_rows(*lines))
        turned = await hub.bring_in(csv_rows(*reversed(lines)))
        unpriced = await hub.bring_in(csv_rows(*({**line, "price": ""} for line in lines)))
    assert [(r.unchanged, r.refused) for r in (turned, unpriced)] == [(2, 0), (2, 0)]


async def test_the_code_of_an_outer_pack_keeps_its_quantity_when_orders_name_it(tmp_path: Path) -> None:
    """C53: an order row knows a code, but not how many units it stands for."""
    items = csv_of([["sku_code", "title", "item_barcode", "pack_qty"], ["A", "毛巾", "6901000000011", "12"]])
    async with file_hub(tmp_path) as hub:
        assert (await hub.bring_in(items, "items")).taken == 1
        row = {"sku_code": "A", "item_barcode": "6901000000011"}
        await hub.bring_in(csv_rows(row, {**row, "channel_order_no": "2", "item_barcode": "6901000000028"}))
        [item] = hub.items()
        assert {code.code: code.pack_qty for code in item.barcodes} == {
            "6901000000011": 12,
            "6901000000028": 1,
        }
        with hub.engine.connect() as conn:
            codes = conn.execute(select(t.item_barcode.c.code, t.item_barcode.c.pack_qty)).all()
        assert set(map(tuple, codes)) == {("6901000000011", 12), ("6901000000028", 1)}


async def test_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    async with file_hub(tmp_path) as hub:
        report = await hub.bring_in(csv_rows({}, {"channel_order_no": "2", "qty": "-1"}), dry_run=True)
        assert (report.is_dry_run, report.taken, report.refused) == (True, 1, 1)
        assert hub.orders() == []


async def test_a_file_that_cannot_be_taken_writes_nothing(tmp_path: Path) -> None:
    async with file_hub(tmp_path) as hub:
        with pytest.raises(BadFile):
            await hub.bring_in(csv_of([["平台单号", "数量"], ["1", "1"]]))
        assert hub.orders() == []


async def test_progress_ends_at_the_number_of_rows(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    data = csv_rows(*({"channel_order_no": str(n)} for n in range(1, 1051)), {"channel_order_no": "x y"})
    async with file_hub(tmp_path) as hub:
        await hub.bring_in(data, progress=lambda done, rows: seen.append((done, rows)))
    assert seen == [(1001, 1051), (1051, 1051)]


async def test_columns_nobody_reads_are_named(tmp_path: Path) -> None:
    async with file_hub(tmp_path) as hub:
        report = await hub.bring_in(csv_rows({"身份证号": "1", "主播": "小A"}))
    assert report.unused_columns == ["身份证号", "主播"]


async def test_the_samples_go_in_whole_and_both_order_files_are_the_same_orders(tmp_path: Path) -> None:
    async with file_hub(tmp_path) as hub:
        items = await hub.bring_in((SAMPLES / "items.xlsx").read_bytes(), "items")
        assert (items.refused, items.taken) == (0, items.rows)
        pool = await hub.bring_in((SAMPLES / "waybills.csv").read_bytes(), "waybills")
        assert (pool.refused, pool.taken) == (0, 200)
        as_text = await hub.bring_in((SAMPLES / "orders.csv").read_bytes())
        assert (as_text.orders, as_text.refused, as_text.unused_columns) == (60, 0, [])
        assert as_text.sums_out == hub.sums()
        as_workbook = await hub.bring_in((SAMPLES / "orders.xlsx").read_bytes())
        assert (as_workbook.taken, as_workbook.unchanged) == (0, as_text.taken)
        assert len(hub.items()) == len(shop.GOODS)
        towel = next(item for item in hub.items() if item.sku_code == "JF-MJ-3T")
        assert {code.pack_qty for code in towel.barcodes} == {1, 20}
        assert len(hub.pool()) == 200
        again = await hub.bring_in((SAMPLES / "items.xlsx").read_bytes(), "items")
        assert (again.taken, again.unchanged) == (0, items.rows)
        again = await hub.bring_in((SAMPLES / "waybills.csv").read_bytes(), "waybills")
        assert (again.taken, again.unchanged) == (0, 200)


async def test_ten_thousand_old_rows_keep_coupons_and_points_and_blanks_are_nothing(tmp_path: Path) -> None:
    """ING-15: 300 of 10,000 rows lack coupon or points; count-in = count-out and sums equal."""
    rows = [
        {
            "channel_order_no": f"H{n:06d}",
            "channel_state": "交易成功",
            "coupon": "" if n % 100 < 2 else f"{n % 7}.50",
            "points": "" if n % 100 in (1, 2) else f"0.{n % 89 + 10}",
        }
        for n in range(10_000)
    ]
    assert sum(1 for row in rows if not row["coupon"] or not row["points"]) == 300
    coupon = sum(round(float(row["coupon"] or 0) * 100) for row in rows)
    points = sum(round(float(row["points"] or 0) * 100) for row in rows)
    async with file_hub(tmp_path) as hub:
        report = await hub.bring_in(csv_rows(*rows))
        assert (report.rows, report.taken, report.refused) == (10_000, 10_000, 0)
        sums = ImportSums(
            orders=10_000,
            lines=10_000,
            qty=20_000,
            paid_fen=128_500_000,
            coupon_fen=coupon,
            points_fen=points,
        )
        assert report.sums_in == report.sums_out == hub.sums() == sums


def test_a_saved_map_is_read_and_checked(tmp_path: Path) -> None:
    (tmp_path / "maps").mkdir()
    (tmp_path / "maps" / "经销商.toml").write_text(
        'channel_order_no = "单据号"\npaid = "结算价"\n', encoding="utf-8"
    )
    (tmp_path / "maps" / "bad.toml").write_text("paid = = 1", encoding="utf-8")
    assert read_map(tmp_path, "经销商") == {"channel_order_no": "单据号", "paid": "结算价"}
    for name, key in [("none", "map_unknown"), ("../x", "map_unknown"), ("bad", "map_broken")]:
        with pytest.raises(BadFile) as caught:
            read_map(tmp_path, name)
        assert caught.value.key == key
        assert "{" not in caught.value.text(TEXTS, "zh") + caught.value.text(TEXTS, "en")
    with pytest.raises(BadFile, match="map_column_unknown"):
        checked_map({"price_of_tea": "x"})
