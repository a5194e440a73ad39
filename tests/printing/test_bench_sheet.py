"""Papers for the bench: every code of the drawn page is read by readers that are not ours."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import zxingcpp
from PySide6.QtWidgets import QApplication
from pyzbar import pyzbar

from app.core.qr import COMMANDS, command_code
from app.core.scanner_codes import SHEET_CODES
from printing.paper import run_bench
from printing.raster import FontRuler, Studio
from printing.sheet import Sheet, Text
from printing.stripes import gs1_128_modules
from rehearsal.printer import read_papers
from tests.helpers.printers import words

pytestmark = pytest.mark.usefixtures("qapp")
LANGS = ["zh", "en"]
KINDS = {"code128": "Code 128", "ean13": "EAN-13", "itf": "ITF", "code39": "Code 39", "qrcode": "QR Code"}


def drawn(tmp_path: Path, kind: str, lang: str, width_mm: int = 210) -> npt.NDArray[np.uint8]:
    out = tmp_path / "台 边" / f"{kind}.png"
    assert run_bench(kind, "", 203, width_mm, out, lang) == 0  # type: ignore[arg-type]
    return np.asarray(cv2.imdecode(np.fromfile(out, np.uint8), cv2.IMREAD_GRAYSCALE), np.uint8)


def by_zxing(picture: npt.NDArray[np.uint8]) -> list[zxingcpp.Barcode]:
    return list(zxingcpp.read_barcodes(picture, text_mode=zxingcpp.TextMode.Plain))


@pytest.mark.parametrize("lang", LANGS)
def test_two_foreign_readers_read_every_test_code_of_the_page(tmp_path: Path, lang: str) -> None:
    page = drawn(tmp_path, "scanner-test", lang)
    assert page.shape == (2376, 1680), "A4 at 203 dpi"
    wanted = {code.text: KINDS.get(code.kind, "Code 128") for code in SHEET_CODES}
    assert {code.text: str(code.format) for code in by_zxing(page)} == wanted
    assert {found.data.decode("ascii") for found in pyzbar.decode(page)} == set(wanted)
    [gs1] = [code for code in by_zxing(page) if "\x1d" in code.text]
    assert gs1.symbology_identifier == "]C1", "it begins with FNC1"


def test_a_camera_that_sees_the_page_small_and_askew_still_reads_it(tmp_path: Path) -> None:
    page = drawn(tmp_path, "scanner-test", "zh")
    height, width = page.shape
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), 4, 0.92)
    seen = np.asarray(cv2.warpAffine(page, turn, (width, height), borderValue=255), np.uint8)
    assert {code.text for code in by_zxing(seen)} == {code.text for code in SHEET_CODES}


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("width_mm", [210, 80, 58])
def test_two_foreign_readers_read_every_command_from_page_and_slip(
    tmp_path: Path, width_mm: int, lang: str
) -> None:
    page = drawn(tmp_path, "codes", lang, width_mm)
    wanted = {command_code(verb) for verb in COMMANDS}
    assert {code.text for code in by_zxing(page)} == wanted
    assert {found.data.decode("ascii") for found in pyzbar.decode(page)} == wanted


def test_the_slip_of_commands_comes_out_of_a_printer(tmp_path: Path) -> None:
    out = tmp_path / "codes.bin"
    assert run_bench("codes", "escpos", 203, 80, out, "zh") == 0
    printed = read_papers(out.read_bytes())
    assert printed.faults == [] and len(printed.papers) == 1


def test_a_file_that_ends_in_pdf_is_one(tmp_path: Path) -> None:
    for kind in ("codes", "scanner-test"):
        out = tmp_path / f"{kind}.PDF"
        assert run_bench(kind, "", 203, 210, out, "en") == 0
        assert out.read_bytes().startswith(b"%PDF-")


def test_what_cannot_be_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_bench("scanner-test", "escpos", 203, 210, tmp_path / "x", "zh") == 2
    assert "可选：png, pdf" in capsys.readouterr().err
    assert run_bench("codes", "", 20, 210, tmp_path / "x.png", "zh") == 2
    assert "20 dpi" in capsys.readouterr().err


@pytest.mark.parametrize("lang", LANGS)
def test_every_word_is_on_the_paper_and_no_sign_is_a_box(studio: Studio, lang: str) -> None:
    said = words(lang)  # type: ignore[arg-type]
    ruler = FontRuler("Noto Sans SC")
    for sheet in (studio.scanner_test(said), studio.commands(said), studio.commands(said, 576)):
        assert_inside(sheet, ruler)
        text = "".join(mark.text for mark in sheet.marks if isinstance(mark, Text))
        assert studio.lacking(text) == ""


def assert_inside(sheet: Sheet, ruler: FontRuler) -> None:
    for mark in sheet.marks:
        if isinstance(mark, Text):
            assert mark.x >= 0 and mark.x + ruler.width(mark.text, mark.type) <= sheet.width, mark.text
            assert mark.type.px // 2 <= mark.y <= sheet.height, mark.text


@pytest.mark.parametrize("text", ["0104680135792467", "10A\x1d21BC", "12345\x1d6789X", "AB12\x1d\x1d99"])
def test_a_gs1_code_is_read_as_it_was_written(qapp: QApplication, text: str) -> None:
    row = np.where(np.array(gs1_128_modules(text)), 0, 255).astype(np.uint8)
    picture = np.pad(np.repeat(np.repeat(row[None], 80, 0), 3, 1), 40, constant_values=255)
    [code] = by_zxing(picture)
    assert (code.text, code.symbology_identifier) == (text, "]C1")


def test_a_gs1_code_holds_no_chinese() -> None:
    with pytest.raises(ValueError, match="no sign"):
        gs1_128_modules("批号")
