"""Codes in moving pictures: each counts once while it is in view, whatever tilt, blur and glare do to a frame."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.codes import Code
from app.codes.camera import AWAY_S, Camera, CameraTrouble, InView, Look, Stillness, source_of
from app.ports import SystemClock
from tests.helpers.films import FPS, bench, film, shown

SLIP = "S1OD2026112100101007K"
EAN = "6901234567892"


def looked(path: Path) -> Iterator[Look]:
    """Every frame of a film, as a camera shows it."""
    camera = Camera(source_of(str(path)), SystemClock())
    camera.open()
    try:
        while True:
            try:
                yield camera.look()
            except CameraTrouble as trouble:
                assert trouble.why == "no_picture", "a film ends like a camera that is pulled out"
                return
    finally:
        camera.close()


def reads(path: Path) -> list[str]:
    return [code.text for look in looked(path) for code in look.fresh]


def test_a_code_in_view_is_one_read_though_tilt_blur_and_glare_hide_it_now_and_then(tmp_path: Path) -> None:
    held = [
        shown(SLIP, tilt=3 * n, blur=(0, 0.8, 1.4, 3.5, 0.5)[n % 5], glare=(0, 0.4, 0.9)[n % 3], seed=n)
        for n in range(20)
    ]
    path = film(tmp_path / "slip.avi", [bench()] * 3 + held + [bench()] * 3)
    looks = list(looked(path))
    assert [code.text for look in looks for code in look.fresh] == [SLIP]
    assert {code.text for look in looks for code in look.codes} == {SLIP}, "nothing is read wrongly"
    assert sum(SLIP in {code.text for code in look.codes} for look in looks) >= 14


def test_the_next_piece_of_the_same_article_counts_after_a_moment_away(tmp_path: Path) -> None:
    away = [bench()] * (int(AWAY_S * FPS) + 2)
    piece = [shown(EAN, "ean13", tilt=4, seed=n) for n in range(4)]
    hand = [bench()] * 10
    path = film(tmp_path / "two.avi", [*piece, *hand, *piece, *away, *piece])
    assert reads(path) == [EAN, EAN]


def test_two_labels_one_after_the_other_are_two_reads(tmp_path: Path) -> None:
    path = film(tmp_path / "labels.avi", [shown(SLIP, seed=1)] * 3 + [shown("YT8800012345678", "128")] * 3)
    assert reads(path) == [SLIP, "YT8800012345678"]


def test_stripes_without_a_check_count_only_when_two_frames_agree() -> None:
    view = InView()
    one, other = Code("itf", "12345678", "zxing"), Code("itf", "12345670", "zxing")
    assert view.fresh([one, one], 0.0) == ()
    assert view.fresh([other], 0.1) == (), "two frames that differ agree on nothing"
    assert view.fresh([one], 0.2) == (one,)
    assert view.fresh([one], 0.3) == (), "and it counts once"
    sure = Code("code128", "12345678", "zxing")
    assert view.fresh([sure], 5.0) == (sure,)


def test_a_bench_on_which_nothing_moves_is_read_a_few_times_and_then_let_be() -> None:
    still = Stillness()
    code = Code("qrcode", SLIP, "zxing")
    for n in range(6):
        assert still.known(shown(SLIP, seed=n)) is None
        still.read([code] if n == 3 else [])
    assert still.known(shown(SLIP, seed=9)) == [code], "noise is no movement"
    assert still.known(shown(SLIP, tilt=9)) is None
    still.read([])
    assert still.known(bench()) is None


def test_a_camera_that_is_not_there_says_so() -> None:
    with pytest.raises(CameraTrouble, match="not_there"):
        Camera(source_of("/nowhere/film.avi"), SystemClock()).open()


def test_a_number_is_a_camera_and_anything_else_a_path() -> None:
    assert [source_of(name) for name in ("0", "12", "rtsp://10.0.0.7/1", "film.avi", "²")] == [
        *(0, 12),
        *("rtsp://10.0.0.7/1", "film.avi", "²"),
    ]
