"""The label: what stands on it, and that each language carries the same dots."""

from __future__ import annotations

import base64
import re
import zlib
from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import zxingcpp

from app.core.order import Consignee, Order
from printing.bitmap import Bitmap
from printing.documents import Label, Printing, handover_of, label_of
from printing.labels import tspl_job, zpl_job
from printing.raster import FontRuler, Studio, code128_modules
from printing.sheet import Bars, Sheet, Text
from tests.helpers.printers import an_order, words

Gray = npt.NDArray[np.uint8]
WHOLE = Consignee(
    name="欧阳䶮㛃",
    phone="18312342807",
    province="广东省",
    city="深圳市",
    district="南山区",
    address="科技园南区高新南七道数字技术园B1栋三楼东侧前台转收",
)


def an_order_with_waybill(waybill_no: str = "78612345678901", **more: object) -> Order:
    order = an_order(**({"consignee": WHOLE, "buyer_remark": "放快递柜"} | more))  # type: ignore[arg-type]
    return order.with_parcel(replace(order.parcels[0], waybill_no=waybill_no, routing_code="755-A12-03"))


def a_label(waybill_no: str = "78612345678901", **more: object) -> Label:
    order = an_order_with_waybill(waybill_no, **more)
    return label_of(order, order.parcels[0].parcel_no, words(), Printing())


def gray(bitmap: Bitmap) -> Gray:
    bits = np.unpackbits(np.frombuffer(bitmap.rows, np.uint8)).reshape(bitmap.height, bitmap.width)
    return np.where(bits == 1, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("dpi", [203, 300])
@pytest.mark.parametrize("waybill_no", ["78612345678901", "JDVB12345678901-1-1-", "SF1234567890123", "1"])
def test_both_codes_of_a_label_are_read(studio: Studio, waybill_no: str, dpi: int) -> None:
    label = a_label(waybill_no)
    picture = gray(studio.draw(studio.label(label, dpi)))
    assert {code.text for code in zxingcpp.read_barcodes(picture)} == {waybill_no, label.qr}


def test_a_label_is_read_from_a_soft_and_tilted_picture(studio: Studio) -> None:
    label = a_label()
    picture = cv2.GaussianBlur(gray(studio.draw(studio.label(label))), (0, 0), 1.5)
    turn = cv2.getRotationMatrix2D((400, 600), 12, 0.8)
    tilted = cv2.warpAffine(picture, turn, (800, 1200), borderValue=200)
    assert {code.text for code in zxingcpp.read_barcodes(np.asarray(tilted))} == {label.waybill_no, label.qr}


def test_bars_are_whole_dots_with_quiet_zones(studio: Studio) -> None:
    sheet = studio.label(a_label("JDVB12345678901-1-1-"))
    [bars] = [mark for mark in sheet.marks if isinstance(mark, Bars)]
    assert bars.size >= 2
    assert bars.x >= 10 * bars.size
    assert bars.x + len(bars.modules) * bars.size <= sheet.width - 10 * bars.size


def test_digits_take_the_short_form() -> None:
    assert len(code128_modules("78612345678901")) < len(code128_modules("ABCDEFGHIJKLMN"))


def test_a_number_no_such_code_can_hold_gives_no_bars() -> None:
    assert list(code128_modules("运单号")) == []


def test_a_label_has_its_size_whatever_stands_on_it(studio: Studio) -> None:
    for label in (a_label(), Label(), a_label(buyer_remark="请" * 150, seller_remark="x" * 100)):
        sheet = studio.label(label)
        assert (sheet.width, sheet.height) == (800, 1200)
        assert_inside(sheet)


def test_a_long_address_is_set_smaller_never_cut(studio: Studio) -> None:
    long = replace(WHOLE, address="很长的地址" * 30)
    sheet = studio.label(a_label(consignee=long, buyer_remark="留言" * 30))
    assert_inside(sheet)
    said = "".join(mark.text for mark in sheet.marks if isinstance(mark, Text))
    assert "很长的地址" * 30 in said


def assert_inside(sheet: Sheet) -> None:
    ruler = FontRuler("Noto Sans SC")
    for mark in sheet.marks:
        if isinstance(mark, Text):
            assert mark.x + ruler.width(mark.text, mark.type) <= sheet.width, mark.text
            assert mark.y <= sheet.height, mark.text


def test_a_masked_body_gives_a_masked_label() -> None:
    label = a_label(consignee=Consignee(name="林**", phone="183****2807", city="深圳市", address="****"))
    assert (label.name, label.phone, label.address) == ("林**", "183****2807", "****")


def test_a_parcel_without_a_waybill_has_a_label_without_bars(studio: Studio) -> None:
    sheet = studio.label(a_label(""))
    assert not [mark for mark in sheet.marks if isinstance(mark, Bars)]


# -- languages


def test_tspl_carries_the_dots_and_burns_zeros(studio: Studio) -> None:
    bitmap = studio.draw(studio.label(a_label()))
    job = tspl_job(bitmap, 203)
    head, _, rest = job.partition(b"BITMAP 0,0,100,1200,0,")
    assert head == b"SIZE 100 mm,150 mm\r\nGAP 2 mm,0 mm\r\nDIRECTION 1\r\nCLS\r\n"
    assert rest[len(bitmap.rows) :] == b"\r\nPRINT 1,1\r\n"
    assert bytes(255 - byte for byte in rest[: len(bitmap.rows)]) == bitmap.rows


def test_zpl_carries_the_dots_packed_and_checked(studio: Studio) -> None:
    bitmap = studio.draw(studio.label(a_label()))
    job = zpl_job(bitmap).decode("ascii")
    match = re.fullmatch(
        r"\^XA\^PW800\^LL1200\^LH0,0\^FO0,0\^GFA,(\d+),(\d+),100,:Z64:([^:]+):([0-9A-F]{4})\^FS\^XZ", job
    )
    assert match is not None
    assert int(match[1]) == int(match[2]) == len(bitmap.rows)
    assert zlib.decompress(base64.b64decode(match[3])) == bitmap.rows
    assert int(match[4], 16) == crc16_by_hand(match[3].encode("ascii"))
    assert len(job) < 30_000


def crc16_by_hand(data: bytes) -> int:
    """CRC-16 with polynomial 0x1021 from zero, bit by bit."""
    register = 0
    for byte in data:
        register ^= byte << 8
        for _ in range(8):
            register = (register << 1 ^ (0x1021 if register & 0x8000 else 0)) & 0xFFFF
    return register


# -- hand-over list


def test_the_list_names_every_parcel_once(studio: Studio) -> None:
    orders = [an_order_with_waybill(), an_order("OD20261121002", parcels=2)]
    paper = handover_of(orders, words(), Printing())
    assert [row.parcel_no for row in paper.rows] == [
        "OD2026112100101",
        "OD2026112100201",
        "OD2026112100202",
    ]
    assert paper.count == "共 3 件"
    assert_inside(studio.handover(paper, 1600))
