"""C12: the slip as people looked at it once and found it right. A slip that looks different has to be looked at again:

ORDERDOCK_NEW_GOLDEN=1 python -m pytest tests/printing/test_golden.py    # then look at tests/data/papers/*.png
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from app.core.texts import Lang
from printing.bitmap import to_png
from printing.raster import Studio
from printing.sheet import dots_across
from tests.helpers.printers import ROOT
from tests.printing.test_raster import a_slip, gray

KEPT = ROOT / "tests" / "data" / "papers"
#: Another build of the font engine may set single dots at the edge of a stroke otherwise.
OTHERWISE = 0.002

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="the kept papers were drawn with the font engine of Linux"
)


def picture(path: Path) -> np.ndarray:
    return cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_GRAYSCALE)


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("width_mm", [80, 58])
def test_a_slip_looks_as_it_did_when_somebody_looked(studio: Studio, width_mm: int, lang: Lang) -> None:
    drawn = studio.draw(studio.slip(a_slip(lang), dots_across(width_mm, 203)))
    path = KEPT / f"slip-{width_mm}-{lang}.png"
    if os.environ.get("ORDERDOCK_NEW_GOLDEN"):
        path.write_bytes(to_png(drawn, 203))
    kept, now = picture(path), gray(drawn)
    assert kept.shape == now.shape, "another size: look at it and keep it anew"
    differing = float((kept != now).mean())
    assert differing <= OTHERWISE, (
        f"{differing:.2%} of the dots differ from {path.name}: look and keep it anew"
    )
