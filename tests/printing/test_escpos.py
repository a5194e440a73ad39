"""The bytes receipt printers get, and what they answer."""

from __future__ import annotations

from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from app.core.printjob import PrinterState
from printing.bitmap import Bitmap, to_png
from printing.devices import model, model_names
from printing.documents import Printing, SlipLine, slip_of
from printing.escpos import (
    BAND,
    _wrap,
    columns_of,
    is_done_answer,
    is_real_time_answer,
    native_qr,
    raster_job,
    status_of,
    text_job,
)
from printing.raster import Studio
from rehearsal.printer import read_papers
from tests.helpers.printers import NOW, an_order, items_of, words


def a_bitmap(width: int = 64, height: int = 500) -> Bitmap:
    return Bitmap(width, height, bytes((x * 7 + 3) % 256 for x in range(width // 8 * height)))


def test_a_raster_goes_out_in_bands_a_cheap_printer_can_hold() -> None:
    job = raster_job(a_bitmap(64, 500))
    heads = [at for at in range(len(job)) if job[at : at + 6] == b"\x1dv0\x00\x08\x00"]
    assert [int.from_bytes(job[at + 6 : at + 8], "little") for at in heads] == [BAND, BAND, 20]
    assert job.startswith(b"\x1b@") and job.endswith(b"\x1dVB\x00")


def test_a_printer_without_a_cutter_feeds_to_its_edge() -> None:
    job = raster_job(a_bitmap(), has_cutter=False)
    assert job.endswith(b"\x1bd\x06")
    assert not read_papers(job, 64).papers[0].is_cut


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_another_encoder_puts_the_same_dots_on_paper(studio: Studio) -> None:
    """python-escpos draws our picture: our reading of the language is not ours alone."""
    from escpos.printer import Dummy

    sheet = studio.slip(a_text_slip(), 576)
    bitmap = studio.draw(sheet)
    other = Dummy(profile="TM-T20II")
    with Image.open(BytesIO(to_png(bitmap, 203))) as picture:
        other.image(picture.convert("L"), impl="bitImageRaster")
    read = read_papers(other.output)
    assert read.faults == []
    assert read.papers[0].rows[: bitmap.height] == read_papers(raster_job(bitmap)).papers[0].rows


def a_text_slip(lang: str = "zh", **more: object):  # type: ignore[no-untyped-def]
    order = an_order(
        **({"lines": 7, "is_rush": True, "buyer_remark": "请尽快\n<b>䶮㛃</b> ℃①× 谢谢"} | more)  # type: ignore[arg-type]
    )
    printing = Printing(copy=2, reason="卡纸", at=NOW)
    return slip_of(order, order.parcels[0].parcel_no, items_of(order), words(lang), printing)  # type: ignore[arg-type]


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("columns", [48, 32])
def test_the_text_slip_says_all_in_gb18030(lang: str, columns: int) -> None:
    slip = a_text_slip(lang)
    read = read_papers(text_job(slip, columns))
    assert read.faults == []
    [paper] = read.papers
    assert paper.codes == [slip.qr]
    flat = paper.text.replace("\n", "").replace(" ", "")
    for wanted in ("䶮㛃", "℃①×", "×12", "A-10-01", "TEA-㛃", slip.totals, slip.consignee, slip.deadline):
        assert wanted.replace(" ", "") in flat
    assert max(columns_of(line) for line in paper.text.splitlines()) <= columns


def test_a_text_slip_is_a_fiftieth_of_the_picture(studio: Studio) -> None:
    slip = a_text_slip()
    picture = raster_job(studio.draw(studio.slip(slip, 576)))
    assert len(text_job(slip)) * 50 < len(picture)


def test_a_long_bin_never_pushes_its_quantity_off_the_paper() -> None:
    slip = a_text_slip()
    line = SlipLine(bin="超长货位" * 9, title="货", qty=123)
    from dataclasses import replace

    [paper] = read_papers(text_job(replace(slip, lines=(line,)), 32)).papers
    assert "×123" in paper.text
    assert "".join(paper.text.split()).count("超长货位") >= 5


@given(
    st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=80), st.integers(2, 48)
)
def test_wrapping_loses_nothing_but_blanks_and_never_overflows(text: str, room: int) -> None:
    lines = _wrap(text, room)
    assert all(columns_of(line) <= room for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())


def test_the_native_code_is_what_another_encoder_sends() -> None:
    from escpos.constants import QR_ECLEVEL_Q
    from escpos.printer import Dummy

    other = Dummy()
    other.qr("S1OD2026112100101010K", ec=QR_ECLEVEL_Q, size=8, native=True)
    assert native_qr("S1OD2026112100101010K", 8) == other.output


# -- what printers answer


@pytest.mark.parametrize(
    ("answers", "state"),
    [
        ({}, PrinterState.unknown),
        ({1: 0x12, 2: 0x12, 4: 0x12}, PrinterState.ready),
        ({1: 0x12}, PrinterState.ready),
        ({1: 0x1A, 2: 0x12, 4: 0x12}, PrinterState.busy),
        ({1: 0x1A, 2: 0x16, 4: 0x12}, PrinterState.cover_open),
        ({1: 0x1A, 2: 0x32, 4: 0x7E}, PrinterState.paper_out),
        ({1: 0x12, 2: 0x12, 4: 0x72}, PrinterState.paper_out),
        ({1: 0x1A, 2: 0x52, 4: 0x12}, PrinterState.error),
        ({1: 0x12, 2: 0x12, 4: 0x1E}, PrinterState.paper_low),
        ({1: 0x1A, 2: 0x36, 4: 0x7E}, PrinterState.cover_open),
    ],
)
def test_the_loudest_cause_is_told(answers: dict[int, int], state: PrinterState) -> None:
    status = status_of(answers)
    assert status.state is state
    assert status.can_print is (state in {"ready", "paper_low", "unknown"})


@given(st.integers(0, 255))
def test_an_answer_is_never_taken_for_the_other(byte: int) -> None:
    assert not (is_real_time_answer(byte) and is_done_answer(byte))


# -- models


def test_models_are_known_by_name() -> None:
    assert model("TM-T20II").dots == 576
    assert (model("POS-5890").dots, model("POS-5890").has_cutter, model("POS-5890").columns) == (
        384,
        False,
        32,
    )
    assert model("default").dots is None
    assert "TM-T88V" in model_names()
    with pytest.raises(KeyError):
        model("no such printer")
