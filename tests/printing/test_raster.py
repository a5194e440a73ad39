"""The dots of a slip: right, whole, readable by readers that are not ours."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
import unicodedata
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import zxingcpp
from hypothesis import given, settings
from hypothesis import strategies as st
from PySide6.QtGui import QFontMetrics, QImage, QRawFont, QTextLayout

from printing.bitmap import Bitmap, to_png
from printing.documents import Note, PickSlip, Printing, SlipLine, is_picture, slip_of
from printing.escpos import raster_job
from printing.raster import FontMissing, FontRuler, Studio
from printing.sheet import Sheet, Text, Type, dots_across
from rehearsal.printer import read_papers
from tests.helpers.printers import FONT, NOW, ROOT, an_order, items_of, words

Gray = npt.NDArray[np.uint8]
REMARK = "请尽快发货，生日礼物！不要放价格单。\n<b>门口</b>有狗，请放快递柜 🎁"


def a_slip(lang: str = "zh", **more: object) -> PickSlip:
    order = an_order(**({"lines": 7, "buyer_remark": REMARK, "is_rush": True} | more))  # type: ignore[arg-type]
    printing = Printing(copy=2, reason="卡纸", at=NOW)
    return slip_of(order, order.parcels[0].parcel_no, items_of(order), words(lang), printing)  # type: ignore[arg-type]


def gray(bitmap: Bitmap) -> Gray:
    bits = np.unpackbits(np.frombuffer(bitmap.rows, np.uint8)).reshape(bitmap.height, bitmap.width)
    return np.where(bits == 1, 0, 255).astype(np.uint8)


def font_of(family: str = "Noto Sans SC") -> FontRuler:
    return FontRuler(family)


# -- dots


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("width_mm", [80, 58])
def test_what_the_printer_burns_is_what_was_drawn_dot_for_dot(
    studio: Studio, width_mm: int, lang: str
) -> None:
    sheet = studio.slip(a_slip(lang), dots_across(width_mm, 203))
    printed = read_papers(raster_job(studio.draw(sheet)), width=sheet.width)
    assert printed.faults == []
    [paper] = printed.papers
    assert paper.is_cut
    image = studio.image(sheet)
    burnt = np.array([np.unpackbits(np.frombuffer(row, np.uint8)) for row in paper.rows])
    drawn = np.array([
        [image.pixelIndex(x, y) for x in range(0, image.width(), 7)] for y in range(0, image.height(), 3)
    ])
    assert burnt.shape == (image.height(), image.width())
    assert (burnt[::3, ::7] == drawn).all()
    whole = image.convertToFormat(QImage.Format.Format_Grayscale8)
    rows = np.frombuffer(whole.constBits(), np.uint8).reshape(whole.height(), whole.bytesPerLine())
    assert (burnt == (rows[:, : whole.width()] < 128)).all()


def test_a_drawing_is_the_same_in_every_thread(studio: Studio) -> None:
    slip = a_slip()
    here = studio.draw(studio.slip(slip, 576))
    there: list[Bitmap] = []
    threads = [
        threading.Thread(target=lambda: there.extend(studio.draw(studio.slip(slip, 576)) for _ in range(3)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert there == [here] * 12


def test_a_png_is_the_bitmap_and_says_its_resolution(studio: Studio) -> None:
    bitmap = studio.draw(studio.slip(a_slip(), 576))
    png = to_png(bitmap, 203)
    assert (cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_GRAYSCALE) == gray(bitmap)).all()
    assert int.from_bytes(png[png.index(b"pHYs") + 4 :][:4], "big") == round(203 / 0.0254)


def test_rows_that_do_not_fit_are_no_bitmap() -> None:
    with pytest.raises(ValueError, match="16 x 2"):
        Bitmap(16, 2, b"\0" * 3)


# -- words


def test_no_character_of_a_slip_is_an_empty_box(studio: Studio) -> None:
    slip = replace(a_slip(), consignee="䶮㛃𬭼𫖯 欧阳娜娜 ℃①×")
    ruler = font_of()
    for mark in studio.slip(slip, 576).marks:
        if not isinstance(mark, Text):
            continue
        layout = QTextLayout(mark.text, ruler.font(mark.type))
        layout.beginLayout()
        layout.createLine()
        layout.endLayout()
        runs = layout.glyphRuns(-1, -1, QTextLayout.GlyphRunRetrievalFlag.RetrieveAll)
        assert runs
        assert 0 not in [index for run in runs for index in run.glyphIndexes()], mark.text


def test_every_emoji_our_font_lacks_is_replaced() -> None:
    font = QRawFont(str(FONT), 20.0)
    spans = ((0x2300, 0x2400), (0x2600, 0x27C0), (0x2B00, 0x2C00), (0x1F1E6, 0x1F200), (0x1F300, 0x1FB00))
    for code in (code for first, end in spans for code in range(first, end)):
        if unicodedata.category(chr(code)) == "So":
            assert is_picture(chr(code)) is not font.supportsCharacter(code), hex(code)


def test_drawn_strokes_are_black_on_white_and_white_on_black(studio: Studio) -> None:
    pixels = gray(studio.draw(studio.slip(a_slip(), 576)))
    band = pixels[:40]  # the rush band
    assert 0.6 < (band == 0).mean() < 0.98
    assert 0.7 < (pixels == 255).mean() < 0.95


# -- room


def assert_nothing_is_cut_off(sheet: Sheet, ruler: FontRuler) -> None:
    for mark in sheet.marks:
        if not isinstance(mark, Text):
            continue
        assert mark.x >= 0
        assert mark.x + ruler.width(mark.text, mark.type) <= sheet.width, mark.text
        ink = QFontMetrics(ruler.font(mark.type)).tightBoundingRect(mark.text)
        assert mark.y + ink.top() >= 0, mark.text
        assert mark.y + ink.bottom() <= sheet.height, mark.text


@pytest.mark.parametrize("dpi", [180, 203, 300])
@pytest.mark.parametrize("width_mm", [58, 80, 110])
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_nothing_is_cut_off(studio: Studio, width_mm: int, dpi: int, lang: str) -> None:
    slip = a_slip(
        lang, lines=12, parcels=2, is_cross_border=True, tags=("易碎", "生鲜"), delivery_method="送货上门"
    )
    assert_nothing_is_cut_off(studio.slip(slip, dots_across(width_mm, dpi), dpi), font_of())


text = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Cf")), max_size=60)


@settings(max_examples=40)
@given(
    line=st.builds(
        SlipLine, bin=text, sku_code=text, title=text, spec=text, qty=st.integers(1, 99999), note=text
    ),
    remark=text,
    tail=text,
)
def test_no_text_whatever_is_cut_off_or_lost(studio: Studio, line: SlipLine, remark: str, tail: str) -> None:
    slip = PickSlip(
        lang="zh",
        tail=tail[:8],
        order_no=tail,
        shop=tail,
        lines=(line,),
        notes=(Note(label="买家", text=remark),),
    )
    sheet = studio.slip(slip, 384)
    texts = [mark for mark in sheet.marks if isinstance(mark, Text)]
    for mark in texts:
        assert mark.x >= 0
        assert mark.y <= sheet.height
    said = re.sub(r"\s", "", "".join(mark.text for mark in texts))
    for wanted in (line.title, line.spec, line.bin, remark):
        assert re.sub(r"\s", "", wanted) in said


def test_breaking_lines_counts_characters_as_people_do() -> None:
    rare = "𬭼" * 30
    lines = font_of().wrap(rare, Type(26), 300)
    assert len(lines) > 1
    assert "".join(lines) == rare


@pytest.mark.parametrize(("width_mm", "dpi", "dots"), [(80, 203, 576), (58, 203, 384), (80, 200, 568)])
def test_dots_across_a_roll(width_mm: int, dpi: int, dots: int) -> None:
    assert dots_across(width_mm, dpi) == dots


# -- the code, read by others


def decoded(image: Gray) -> set[str]:
    return {code.text for code in zxingcpp.read_barcodes(image)}


@pytest.mark.parametrize("dpi", [200, 203, 300])
@pytest.mark.parametrize("width_mm", [80, 58])
def test_the_code_of_a_render_is_read_by_two_readers(studio: Studio, width_mm: int, dpi: int) -> None:
    pyzbar = pytest.importorskip("pyzbar.pyzbar", exc_type=ImportError)
    slip = a_slip()
    picture = gray(studio.draw(studio.slip(slip, dots_across(width_mm, dpi), dpi)))
    assert decoded(picture) == {slip.qr}
    framed = cv2.copyMakeBorder(picture, 40, 40, 40, 40, cv2.BORDER_CONSTANT, value=255)
    assert [code.data.decode() for code in pyzbar.decode(framed, [pyzbar.ZBarSymbol.QRCODE])] == [slip.qr]


def camera_frame(picture: Gray, seed: int) -> Gray:
    """The top of the slip as a cheap camera sees it: turned, in perspective, unsharp, noisy, unevenly lit."""
    dice = np.random.default_rng(seed)
    top = picture[:620]
    height, width = top.shape
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    seen = corners * 1.1 + dice.uniform(-45, 45, (4, 2)).astype(np.float32) + 120
    angle = dice.uniform(-35, 35)
    turn = cv2.getRotationMatrix2D((450, 450), angle, 1.0)
    seen = cv2.transform(seen.reshape(1, 4, 2), turn).reshape(4, 2).astype(np.float32)
    frame = cv2.warpPerspective(
        top, cv2.getPerspectiveTransform(corners, seen), (960, 960), borderValue=170, flags=cv2.INTER_AREA
    )
    frame = cv2.GaussianBlur(frame, (0, 0), dice.uniform(0.8, 2.0))
    light = np.linspace(dice.uniform(0.5, 0.9), 1.0, 960)[None, :]
    noisy = frame * light * 0.8 + 20 + dice.normal(0, 12, frame.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("width_mm", [80, 58])
def test_the_code_is_read_from_camera_frames(studio: Studio, width_mm: int) -> None:
    slip = a_slip()
    picture = gray(studio.draw(studio.slip(slip, dots_across(width_mm, 203))))
    read = [decoded(camera_frame(picture, seed)) for seed in range(20)]
    # a camera sends many frames a second: one of twenty may be too bad, none may be read wrongly
    assert read.count({slip.qr}) >= 19
    assert set().union(*read) == {slip.qr}


def test_a_smudged_code_is_still_read(studio: Studio) -> None:
    slip = replace(a_slip(), rush="", copy="")
    picture = gray(studio.draw(studio.slip(slip, 576)))
    picture[120:150, 480:510] = 0
    picture[60:70, 420:470] = 255
    assert decoded(picture) == {slip.qr}


# -- surroundings


def test_a_missing_font_says_so(studio: Studio, tmp_path: Path, expect_logs: object) -> None:
    broken = tmp_path / "font.otf"
    broken.write_bytes(b"no font")
    with pytest.raises(FontMissing, match=r"font\.otf"):
        Studio(broken)


def test_a_slip_is_drawn_without_a_screen_and_without_an_application(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from printing.raster import Studio;"
        "from printing.documents import PickSlip;"
        "studio = Studio(Path(sys.argv[1]));"
        "sheet = studio.slip(PickSlip(tail='001', qr='S1X'), 384);"
        "assert any(studio.draw(sheet).rows)"
    )
    bare = {k: v for k, v in os.environ.items() if k not in {"DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"}}
    done = subprocess.run(
        [sys.executable, "-c", program, str(FONT)], cwd=ROOT, env=bare, capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_pdf_holds_the_words_as_words(studio: Studio, tmp_path: Path) -> None:
    slip = a_slip()
    data = studio.pdf(studio.slip(slip, 576))
    assert data.startswith(b"%PDF-")
    box = re.search(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", data)
    assert box is not None
    assert float(box.group(1)) * 25.4 / 72 == pytest.approx(72, abs=0.5)
    if shutil.which("pdftotext") is None:
        pytest.skip("the words are not looked at: no pdftotext on this machine")
    file = tmp_path / "slip.pdf"
    file.write_bytes(data)
    said = subprocess.run(["pdftotext", "-layout", str(file), "-"], capture_output=True, check=True).stdout
    # the font maps some characters back to their look-alikes among the radicals
    assert "儿童保温杯" in unicodedata.normalize("NFKC", said.decode("utf-8"))
