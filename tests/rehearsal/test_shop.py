"""The made-up shop is the same on every machine, and holds what the line has to cope with."""

from __future__ import annotations

import importlib.util
import types
from datetime import date, timedelta

import pytest
import zxingcpp
from PIL import Image

from rehearsal import shop
from tests.helpers.source import ROOT

DAY = date(2026, 11, 20)


def make_samples() -> types.ModuleType:
    spec = importlib.util.spec_from_file_location("make_samples", ROOT / "build" / "make_samples.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["orders.csv", "waybills.csv"])
def test_the_samples_are_what_the_script_writes(name: str) -> None:
    assert make_samples().samples()[name] == (ROOT / "resources" / "samples" / name).read_bytes()


def test_the_same_seed_and_day_give_the_same_orders_and_another_seed_others() -> None:
    assert shop.order_rows(DAY, 1) == shop.order_rows(DAY, 1)
    assert shop.order_rows(DAY, 1) != shop.order_rows(DAY, 2)
    assert len({sale.channel_order_no for sale in shop.sales(DAY, 1, 500)}) == 500


def test_a_day_holds_the_orders_that_teach_something() -> None:
    sales = shop.sales(DAY)
    assert len(sales) == 60
    assert any("䶮" in sale.person.name for sale in sales)
    assert any(sale.tags == "加急" and "今天必须发出" in sale.buyer_remark for sale in sales)
    assert any(len(sale.lines) >= 7 for sale in sales)
    assert any(sale.paid_at is None for sale in sales)
    assert any(sale.points_fen for sale in sales) and any(sale.coupon_fen for sale in sales)
    pairs = [
        (a, b) for a in sales for b in sales if a is not b and a.person == b.person and a.lines == b.lines
    ]
    assert any(abs(a.ordered_at - b.ordered_at) < timedelta(minutes=10) for a, b in pairs)


def test_all_codes_are_different_and_a_foreign_reader_reads_them() -> None:
    codes = [
        code
        for good in shop.GOODS
        for code in (shop.barcode(good), shop.pack_barcode(good) if good.pack else "")
    ]
    codes = [code for code in codes if code]
    assert len(set(codes)) == len(codes)
    for code in codes[:6]:
        written = zxingcpp.create_barcode(
            code, zxingcpp.BarcodeFormat.EAN13 if len(code) == 13 else zxingcpp.BarcodeFormat.ITF
        )
        picture = Image.fromarray(written.to_image(scale=3))
        assert [found.text for found in zxingcpp.read_barcodes(picture)] == [code]
