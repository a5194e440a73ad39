"""Pictures to codes, against pictures and truths that are not ours."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import zxingcpp

from app.codes import Code, Reader, Unreadable
from app.codes.cli import run
from tests.helpers.printers import ROOT

Gray = npt.NDArray[np.uint8]
SAMPLES = ROOT.parent / "shared" / "data" / "barcodes"
#: What zxing-cpp alone reads of the 64.
FIRST_READER_ALONE = 57


def drawn(text: str, kind: zxingcpp.BarcodeFormat = zxingcpp.BarcodeFormat.QRCode, scale: int = 4) -> Gray:
    code = zxingcpp.create_barcode(text, kind)
    return np.array(zxingcpp.write_barcode_to_image(code, scale=scale, add_quiet_zones=True), np.uint8)


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader()


def test_the_chain_reads_more_than_its_best_reader(reader: Reader) -> None:
    if not SAMPLES.is_dir():
        pytest.skip("the outside pictures are not here: ../shared/data/barcodes")
    with (SAMPLES / "manifest.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    missed = []
    for row in rows:
        truth = (SAMPLES / row["truth_file"]).read_bytes().decode("utf-8").strip("\r\n")
        texts = {code.text.strip("\r\n") for code in reader.read_file(SAMPLES / row["file"])}
        # the same article number with and without its leading zero
        if not texts & {truth, "0" + truth}:
            missed.append(row["file"])
    assert len(rows) == 64
    at_least = 62 if reader.has_zbar else FIRST_READER_ALONE
    assert len(rows) - len(missed) >= at_least, missed


@dataclass
class SlowClock:
    """Each look at it takes a second."""

    seconds: float = 0.0

    def monotonic(self) -> float:
        self.seconds += 1
        return self.seconds

    def now(self) -> datetime:
        raise AssertionError("nobody asks for the time of day")


def test_a_picture_without_a_code_shows_none_and_is_soon_let_go() -> None:
    dice = np.random.default_rng(7)
    noise = dice.integers(0, 255, (400, 500)).astype(np.uint8)
    pictures = [
        np.full((400, 500), 255, np.uint8),
        noise,
        np.asarray(cv2.GaussianBlur(noise, (0, 0), 6)),
        np.tile(np.arange(250, dtype=np.uint8), (400, 2)),
    ]
    for picture in pictures:
        clock = SlowClock()
        assert Reader(clock, patience_s=3.0).read_image(picture) == []
        assert clock.seconds == 5


def test_chinese_and_control_characters_come_through_as_they_are(reader: Reader) -> None:
    text = "顺丰 䶮㛃\x1d(01)\n<SOH>"
    assert reader.read_image(drawn(text)) == [Code("qrcode", text, "zxing")]


def test_gs1_separators_are_not_put_into_words(reader: Reader) -> None:
    assert [code.text for code in reader.read_image(drawn("\x1d0104912345123459", scale=6))] == [
        "\x1d0104912345123459"
    ]


def test_several_codes_of_one_picture_come_once_each(reader: Reader) -> None:
    one, two = drawn("S1A"), drawn("78612345678901", zxingcpp.BarcodeFormat.Code128)
    page = np.full((900, 900), 255, np.uint8)
    page[20 : 20 + one.shape[0], 20 : 20 + one.shape[1]] = one
    page[300 : 300 + two.shape[0], 20 : 20 + two.shape[1]] = two
    page[600 : 600 + two.shape[0], 20 : 20 + two.shape[1]] = two
    found = reader.read_image(page)
    assert sorted((code.format, code.text) for code in found) == [
        ("code128", "78612345678901"),
        ("qrcode", "S1A"),
    ]


@pytest.mark.parametrize("shape", ["colour", "view"])
def test_colour_pictures_and_slices_are_read(reader: Reader, shape: str) -> None:
    gray = drawn("S1A")
    picture = (
        np.asarray(cv2.cvtColor(gray, cv2.COLOR_GRAY2BGR)) if shape == "colour" else np.flipud(gray)[::-1]
    )
    assert [code.text for code in reader.read_image(np.asarray(picture, np.uint8))] == ["S1A"]


def test_a_huge_picture_is_made_smaller_and_read(reader: Reader) -> None:
    page = np.full((5000, 5000), 255, np.uint8)
    code = drawn("S1A", scale=20)
    page[100 : 100 + code.shape[0], 100 : 100 + code.shape[1]] = code
    assert [code.text for code in reader.read_image(page)] == ["S1A"]


@pytest.mark.gbk
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".bmp", ".tiff"])
def test_files_with_chinese_names_are_read(reader: Reader, tmp_path: Path, suffix: str) -> None:
    file = tmp_path / "张 三" / f"面单 照片{suffix}"
    file.parent.mkdir()
    file.write_bytes(bytes(cv2.imencode(suffix, drawn("S1A"))[1]))
    assert [code.text for code in reader.read_file(file)] == ["S1A"]


def test_what_is_no_picture_says_so(reader: Reader, tmp_path: Path) -> None:
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.png").write_text("not a picture", encoding="utf-8")
    (tmp_path / "cut.png").write_bytes(bytes(cv2.imencode(".png", drawn("S1A"))[1])[:30])
    for name in ("empty.png", "text.png", "cut.png"):
        with pytest.raises(Unreadable) as error:
            reader.read_file(tmp_path / name)
        assert error.value.why == "no_picture"
    for path in (tmp_path / "none.png", tmp_path):
        with pytest.raises(Unreadable) as error:
            reader.read_file(path)
        assert error.value.why == "no_file"


@pytest.mark.gbk
def test_decode_writes_a_line_of_json_for_each_file(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    good, bad = tmp_path / "张 三.png", tmp_path / "没有.png"
    good.write_bytes(bytes(cv2.imencode(".png", drawn("䶮 S1A"))[1]))
    assert run([good, bad], "zh") == 1
    out, err = capfdbinary.readouterr()
    lines = [json.loads(line) for line in out.decode("utf-8").splitlines()]
    assert lines == [
        {"file": str(good), "codes": [{"format": "qrcode", "text": "䶮 S1A", "reader": "zxing"}]},
        {"file": str(bad), "codes": []},
    ]
    assert b"\xe6\xb2\xa1\xe6\x9c\x89.png" in err or "没有.png".encode("gbk") in err
    assert run([good], "zh") == 0


def test_without_zbar_it_starts_reads_and_says_what_is_missing(tmp_path: Path) -> None:
    picture = tmp_path / "a.png"
    picture.write_bytes(bytes(cv2.imencode(".png", drawn("S1A"))[1]))
    program = (
        "import ctypes.util, sys; real = ctypes.util.find_library;"
        "ctypes.util.find_library = lambda name: None if name == 'zbar' else real(name);"
        "from pathlib import Path; from app.codes.cli import run;"
        "sys.exit(run([Path(sys.argv[1])], 'en'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(picture)],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0
    assert json.loads(done.stdout)["codes"][0]["text"] == "S1A"
    assert "zbar is missing" in done.stderr
