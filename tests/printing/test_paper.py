"""The `paper` command: a file in, a paper out, a sentence when it cannot be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import msgspec
import numpy as np
import pytest
import zxingcpp
from PySide6.QtWidgets import QApplication

from printing.paper import run
from rehearsal.printer import read_papers
from tests.helpers.printers import an_order

pytestmark = [pytest.mark.gbk, pytest.mark.usefixtures("qapp")]
CODE = "S1OD20261121001010"


def paper(
    tmp_path: Path, body: Any, kind: str = "slip", language: str = "png", **more: Any
) -> tuple[int, bytes]:
    file, out = tmp_path / "订 单.json", tmp_path / "张 三" / f"paper.{language}"
    file.write_text(body if isinstance(body, str) else json.dumps(body, ensure_ascii=False), encoding="utf-8")
    words = {"dpi": 203, "width_mm": 80, "lang": "zh", "parcel_no": None} | more
    status = run(
        kind, file, language, words["dpi"], words["width_mm"], out, words["lang"], words["parcel_no"]
    )
    return status, out.read_bytes() if out.exists() else b""


def a_body(**more: Any) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(msgspec.json.encode(an_order()))
    return body | more


def codes(png: bytes) -> list[str]:
    picture = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_GRAYSCALE)
    return [code.text for code in zxingcpp.read_barcodes(np.asarray(picture))]


@pytest.mark.parametrize(("dpi", "width_mm", "dots"), [(203, 80, 576), (200, 80, 568), (203, 58, 384)])
def test_a_slip_is_drawn_at_the_asked_size(tmp_path: Path, dpi: int, width_mm: int, dots: int) -> None:
    status, png = paper(tmp_path, a_body(), dpi=dpi, width_mm=width_mm)
    assert status == 0
    assert int.from_bytes(png[16:20], "big") == dots
    assert [code[: len(CODE)] for code in codes(png)] == [CODE]


def test_each_language_of_the_slip_is_written(tmp_path: Path) -> None:
    assert read_papers(paper(tmp_path, a_body(), language="escpos")[1]).faults == []
    text = read_papers(paper(tmp_path, a_body(), language="gb18030")[1])
    assert text.faults == [] and "儿童保温杯" in text.papers[0].text
    assert paper(tmp_path, a_body(), language="pdf")[1].startswith(b"%PDF-")


def test_labels_and_lists_are_written(tmp_path: Path) -> None:
    assert paper(tmp_path, a_body(), kind="label", language="zpl")[1].startswith(b"^XA")
    assert paper(tmp_path, a_body(), kind="label", language="tspl")[1].startswith(b"SIZE")
    assert paper(tmp_path, a_body(), kind="handover", language="pdf", width_mm=210)[1].startswith(b"%PDF-")


def test_a_body_with_nothing_in_it_is_no_paper(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert paper(tmp_path, {}) == (2, b"")
    assert "没有可打的内容" in capsys.readouterr().err


@pytest.mark.parametrize(
    "body",
    [
        {"order_no": "OD20261121001"},
        {"lines": [{"title": "T恤"}, {"sku_code": None, "qty": "2"}], "buyer_remark": None},
        {"parcels": [{"parcel_no": "OD2026112100101"}], "lines": [{"qty": 3, "qty_cancelled": 1}]},
        {
            "order_no": "X",
            "stops": [{"kind": "of a later version"}],
            "surprise": {"x": 1},
            "consignee": {"name": "林**"},
        },
    ],
)
def test_what_the_body_lacks_is_empty(tmp_path: Path, body: dict[str, Any]) -> None:
    status, png = paper(tmp_path, body)
    assert status == 0
    assert png.startswith(b"\x89PNG")


def test_a_lone_parcel_that_names_no_lines_holds_what_is_left_of_all(tmp_path: Path) -> None:
    body = {
        "order_no": "OD20261121001",
        "lines": [
            {"sku_code": "A", "qty": 3, "qty_cancelled": 1},
            {"sku_code": "B", "qty": 1, "qty_refunded": 1},
        ],
        "parcels": [{"parcel_no": "OD2026112100101"}],
    }
    [slip] = read_papers(paper(tmp_path, body, language="gb18030")[1]).papers
    assert "×2" in slip.text and "共 1 种 2 件" in slip.text


def test_items_beside_the_order_bring_their_bins(tmp_path: Path) -> None:
    body = a_body(items=[{"sku_code": "TS-RED-XL", "bin": "Z-99-1"}])
    assert "Z-99-1" in read_papers(paper(tmp_path, body, language="gb18030")[1]).papers[0].text


def test_the_asked_parcel_is_drawn(tmp_path: Path) -> None:
    body = json.loads(msgspec.json.encode(an_order(parcels=2)))
    [slip] = read_papers(paper(tmp_path, body, language="gb18030", parcel_no="OD2026112100102")[1]).papers
    assert "第 2 包/共 2 包" in slip.text


@pytest.mark.parametrize(
    ("body", "how", "status", "said"),
    [
        ("{", {}, 1, "不是订单内容"),
        ("[1]", {}, 1, "不是订单内容"),
        ({"lines": 7}, {}, 1, "不是订单内容"),
        ({"lines": [{"qty": "many"}]}, {}, 1, "不是订单内容"),
        ({"order_no": "OD1"}, {"parcel_no": "X"}, 1, "没有包裹 X"),
        ({}, {"language": "zpl"}, 2, "可选：png, pdf, escpos, gb18030"),
        ({}, {"kind": "menu"}, 2, "可选：slip, label, handover"),
        ({}, {"dpi": 20}, 2, "20 dpi"),
        ({}, {"width_mm": 999}, 2, "999 毫米"),
    ],
)
def test_what_cannot_be_is_said_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], body: Any, how: dict[str, Any], status: int, said: str
) -> None:
    assert paper(tmp_path, body, **how) == (status, b"")
    text = capsys.readouterr().err
    assert said in text
    assert text.count("\n") == 1


def test_a_file_that_is_away_is_said_in_the_asked_language(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], qapp: QApplication
) -> None:
    assert run("slip", tmp_path / "none.json", "png", 203, 80, tmp_path / "o", "en", None) == 1
    said = capsys.readouterr().err
    assert said.startswith("Cannot open") and "No such file" not in said, "in our words"


def test_a_place_nobody_can_write_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_bytes(b"")
    order = tmp_path / "o.json"
    order.write_text('{"order_no": "OD1"}', encoding="utf-8")
    assert run("slip", order, "png", 203, 80, tmp_path / "file" / "slip.png", "zh", None) == 1
    assert capsys.readouterr().err.startswith("写不了文件")
