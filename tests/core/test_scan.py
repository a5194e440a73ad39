"""What a scanned text may be: numbers of goods, labels of couriers, GS1."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core import gtin
from app.core.scan import ScanClass, as_label, parse
from app.core.waybillforms import couriers_of

COURIERS = Path(__file__).resolve().parents[3] / "shared" / "data" / "couriers"


@pytest.mark.parametrize(
    ("number", "couriers"),
    [
        ("SF1234567890123", {"shunfeng"}),
        ("312345678901", {"shunfeng", "zhongtong", "yuantong", "shentong"}),
        ("75123456789012", {"zhongtong"}),
        ("YT1234567890123", {"yuantong"}),
        ("771234567890123", {"shentong", "huitongkuaidi"}),
        ("3312345678901", {"shentong", "yunda"}),
        ("431234567890123", {"yunda"}),
        ("1123456789012", {"yunda", "ems"}),
        ("9123456789012", {"youzhengguonei"}),
        ("EA123456789CN", {"ems"}),
        ("JT1234567890123", {"jtexpress"}),
        ("DPK123456789012", {"debangkuaidi"}),
        ("JDVA00123456789", {"jd"}),
        ("TOWEL-BLUE", set()),
        ("TOWELBLUE42", set()),
    ],
)
def test_a_number_says_whose_it_may_be(number: str, couriers: set[str]) -> None:
    assert set(couriers_of(number)) == couriers
    waybill = parse(number).first(ScanClass.waybill)
    assert set(waybill.couriers if waybill else ()) == couriers


@pytest.mark.skipif(
    not COURIERS.exists(), reason="the recorded numbers of couriers are not beside this checkout"
)
def test_every_recorded_number_is_among_its_couriers_guesses() -> None:
    known = {
        "sf": "shunfeng",
        "zto": "zhongtong",
        "yto": "yuantong",
        "sto": "shentong",
        "best": "huitongkuaidi",
    }
    with (COURIERS / "waybill_patterns.csv").open(encoding="utf-8") as file:
        forms = [(row["kuaidi100_code"], re.compile(row["pattern"])) for row in csv.DictReader(file)]
    with (COURIERS / "traces_index.csv").open(encoding="utf-8") as file:
        recorded = [(row["courier"], row["waybill"].strip().upper()) for row in csv.DictReader(file)]
    seen = 0
    for courier, number in recorded:
        wanted = {code for code, form in forms if code and form.match(number)}
        assert wanted <= set(couriers_of(number)), (courier, number)
        seen += known.get(courier, courier) in wanted
    assert seen > 20, f"{seen} of {len(recorded)}"


@pytest.mark.parametrize("raw", ["JDVA00123456789", "JDVA00123456789-1-1-", "jdva00123456789-2-3-"])
def test_both_codes_of_a_label_are_one_waybill(raw: str) -> None:
    waybill = parse(raw).first(ScanClass.waybill)
    assert waybill is not None
    assert waybill.key == "JDVA00123456789"


def test_a_check_digit_makes_goods_the_first_guess() -> None:
    for code in ("6901234567892", "036000291452", "96385074", "16901234567899"):
        assert parse(code).guesses[0].scan_class is ScanClass.item, code
    for code in ("6901234567891", "036000291453", "75123456789012"):
        assert parse(code).guesses[0].scan_class is ScanClass.waybill, code


@given(st.text("0123456789", min_size=7, max_size=13))
def test_a_check_digit_finds_every_wrong_digit(body: str) -> None:
    code = body + gtin.check_digit(body)
    assert gtin.is_checked(code)
    for n, digit in enumerate(code):
        wrong = code[:n] + str((int(digit) + 1) % 10) + code[n + 1 :]
        assert not gtin.is_checked(wrong)


def test_one_number_of_goods_is_written_in_several_lengths() -> None:
    assert gtin.spellings("036000291452") == ("036000291452", "0036000291452", "00036000291452")
    assert set(gtin.spellings("0036000291452")) == set(gtin.spellings("036000291452"))
    assert gtin.spellings("06901234567892") == ("06901234567892", "6901234567892")
    assert set(gtin.spellings("0000096385074")) >= {"96385074", "0000096385074"}
    assert gtin.spellings("16901234567899") == ("16901234567899",), "another pack, not the same unit"
    assert gtin.spellings("SKU-1") == ("SKU-1",)


@pytest.mark.parametrize(
    ("raw", "gs1"),
    [
        ("]C10106901234567892", "0106901234567892"),
        ("]d20106901234567892\x1d21A", "0106901234567892\x1d21A"),
        ("\x1d010690123456789210A\x1d21B\r\n", "010690123456789210A\x1d21B"),
        ("010690123456789210A<GS>21B", "010690123456789210A\x1d21B"),
        ("(01)06901234567892(10)A", "(01)06901234567892(10)A"),
        ("00123456789012345675", "00123456789012345675"),
        ("]E06901234567892", ""),
        ("0106901234567891", ""),
        ("SF1234567890123", ""),
    ],
)
def test_an_element_string_is_seen_with_and_without_its_marks(raw: str, gs1: str) -> None:
    scan = parse(raw)
    assert scan.gs1 == gs1
    assert "\x1d" not in scan.text
    assert not scan.text.startswith("]")


#: code, courier of the parcel, whether it is its label: yes, only when it is read once more (ask), or no.
LABELS = (
    ("SF1234567890123", "", "yes"),
    ("SF1234567890123", "shunfeng", "yes"),
    ("SF1234567890123", "zhongtong", "yes"),
    ("SF1234567890123", "kuayue", "yes"),
    ("KY4000123456789", "", "ask"),
    ("KY4000123456789", "kuayue", "yes"),
    ("KY4000123456789", "zhongtong", "ask"),
    ("RX123456789DE", "", "yes"),
    ("6901234567892", "", "no"),
    ("6901234567892", "kuayue", "no"),
    ("96385074", "", "no"),
    ("036000291452", "", "ask"),
    ("036000291452", "shunfeng", "yes"),
    ("16901234567899", "shunfeng", "no"),
    ("]C10106901234567892", "", "no"),
    ("https://example.com/p/12345678", "", "no"),
    ("TOWEL", "", "no"),
    ("毛巾", "", "no"),
)


@pytest.mark.parametrize(("raw", "carrier", "answer"), LABELS)
def test_what_nobody_knows_is_taken_for_a_label_by_its_form(raw: str, carrier: str, answer: str) -> None:
    label = as_label(parse(raw), carrier)
    assert ("no" if label is None else "yes" if label[1] else "ask") == answer
