"""What scales send (L5): each form, each unit, in pieces; what is no weight is nothing."""

from __future__ import annotations

import pytest

from app.core.scale import MOST_BYTES, Reading, ScaleFrames, Steadiness, read_frame


@pytest.mark.parametrize(
    ("frame", "weight_g", "steadiness"),
    [
        (b"ST,GS,+  1.234kg\r\n", 1234, "stable"),
        (b"ST,NT,+0000.532 kg\r\n", 532, "stable"),
        (b"US,GS,+  0.871kg\r\n", 871, "moving"),
        (b"US,NT,-  0.012kg\r\n", -12, "moving"),
        (b"QT,+000123.5  g\r\n", 124, "stable"),
        (b"+001.234 kg\r\n", 1234, "unsaid"),
        (b"  0.532 kg\r", 532, "unsaid"),
        (b"wn0001.23kg\r\n", 1230, "unsaid"),
        (b"ww00005.60kg\n", 5600, "unsaid"),
        (b"=  0.640kg\r\n", 640, "unsaid"),
        (b"S S     100.00 g\r\n", 100, "stable"),
        (b"S D      99.37 g\r\n", 99, "moving"),
        (b"   123.4 g  ?\r\n", 123, "moving"),
        (b"   123.4 g\r\n", 123, "unsaid"),
        (b"ST,GS,  2.50jin\r\n", 1250, "stable"),
        ("ST,GS,  2.50斤\r\n".encode("gb18030"), 1250, "stable"),
        ("  1.2 市斤\r\n".encode(), 600, "unsaid"),
        (b"ST,GS,+  2.00lb\r\n", 907, "stable"),
        (b" 8.0 oz\r\n", 227, "unsaid"),
        (b"\x02ST,GS,+ 1.234kg\x03", 1234, "stable"),
        (b"\x02  0.750\x03", 750, "unsaid"),
        (b"734\r\n", 734, "unsaid"),
        (b"ST,GS,- 0.5KG\r\n", -500, "stable"),
    ],
)
def test_each_form_is_read_in_grams(frame: bytes, weight_g: int, steadiness: Steadiness) -> None:
    assert read_frame(frame) == Reading(weight_g, steadiness)


@pytest.mark.parametrize("frame", [b"OL,GS,+999999kg\r\n", b"S +\r\n", b"S I\r\n", b"ST,GS, ------\r\n"])
def test_out_of_range_is_no_weight_and_ends_the_one_before(frame: bytes) -> None:
    assert read_frame(frame) == Reading(None, "moving")


@pytest.mark.parametrize(
    "frame",
    [b"", b"\r\n", b"READY\r\n", b"6901234567892\r\n", b"\x02\x03", b"kg\r\n", b"\xff\xfe\x80", b"1" * 300],
)
def test_what_is_no_weight_is_nothing(frame: bytes) -> None:
    assert read_frame(frame) is None


def digits(sign: str, number: str, point: int, wrong: int = 0) -> bytes:
    said = f"{sign}{number}{point}".encode("ascii")
    check = wrong
    for byte in said:
        check ^= byte
    return b"\x02" + said + f"{check:02X}".encode("ascii") + b"\x03"


def test_the_twelve_byte_frame_is_read_and_its_checksum_is_heeded() -> None:
    assert read_frame(digits("+", "001234", 3)) == Reading(1234, "unsaid")
    assert read_frame(digits("-", "000125", 2)) == Reading(-1250, "unsaid")
    assert read_frame(digits("+", "001234", 3, wrong=1)) is None


@pytest.mark.parametrize("size", [1, 2, 5, 17, 1000])
def test_pieces_of_any_length_make_whole_readings(size: int) -> None:
    frames = ScaleFrames()
    sent = b"234kg\r\n" + b"US,GS,+ 0.870kg\r\nST,GS,+ 0.871kg\r\n" * 5 + digits("+", "000871", 3) + b"ST,GS"
    read = [one for at in range(0, len(sent), size) for one in frames.take(sent[at : at + size])]
    assert read[1:] == [Reading(870, "moving"), Reading(871, "stable")] * 5 + [Reading(871, "unsaid")]


def test_a_line_that_never_ends_fills_no_memory_and_a_pulled_cable_leaves_no_half() -> None:
    frames = ScaleFrames()
    for _ in range(50):
        assert frames.take(b"x" * 100) == []
    assert len(frames._held) <= MOST_BYTES
    frames.clear()
    frames.take(b"ST,GS,+ 9")
    frames.clear()
    assert frames.take(b"1.250kg\r\n") == [Reading(1250, "unsaid")]
