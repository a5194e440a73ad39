"""A pick slip and a shipping label on a bench, as a cheap camera above it sees them; the same for the same seed."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt
import zxingcpp

from app import resources
from app.core.qr import slip_code
from printing.bitmap import Bitmap
from printing.documents import PickSlip, SlipLine
from printing.raster import Studio
from printing.sheet import dots_across

Gray = npt.NDArray[np.uint8]
SIZE = (720, 1280)
FONT = resources.folder() / "fonts" / "NotoSansSC-Regular.otf"
#: Dots of the camera to a millimetre on the bench: both papers and a hand's breadth around them are in the picture.
_PER_MM = 4.4
_PRINT_PER_MM = 8.0
TILT_MAX = 20.0


def parcel_no(n: int) -> str:
    return f"OD20261121{n:06d}01"


def waybill_no(n: int) -> str:
    """Of six couriers in turn, in the forms of their numbers."""
    forms = ("SF{:013d}", "YT{:013d}", "JT{:013d}", "78{:012d}", "JDVA{:011d}", "43{:013d}")
    return forms[n % len(forms)].format(1_000_003 * (n + 7))


def slip_paper(studio: Studio, parcel: str) -> Gray:
    """The slip of a parcel by our own renderer, its dots as a thermal head burns them."""
    slip = PickSlip(
        tail=parcel[-5:-2],
        order_no=parcel[:-2],
        qr=slip_code(parcel, 1),
        shop="演练店",
        lines=tuple(
            SlipLine(bin=f"A-0{i}-12", sku_code=f"SKU-{i}", title="轻羽保温杯 500 ml 雾蓝", qty=i)
            for i in (1, 2)
        ),
        totals="2 种 3 件",
        consignee="林**",
        region="浙江省 杭州市",
    )
    return _gray(studio.draw(studio.slip(slip, dots_across(80, 203))))


def label_paper(waybill: str) -> Gray:
    """A courier's label, 100 x 90 mm: its number as Code 128, and words."""
    paper = np.full((int(90 * _PRINT_PER_MM), int(100 * _PRINT_PER_MM)), 255, np.uint8)
    code = zxingcpp.create_barcode(waybill, zxingcpp.BarcodeFormat.Code128)
    bars = np.array(zxingcpp.write_barcode_to_image(code, scale=4, add_quiet_zones=True), np.uint8)
    bars = np.repeat(bars[bars.shape[0] // 2 : bars.shape[0] // 2 + 1], 130, axis=0)
    left = (paper.shape[1] - bars.shape[1]) // 2
    paper[90:220, left : left + bars.shape[1]] = bars
    cv2.putText(paper, waybill, (left + 60, 260), cv2.FONT_HERSHEY_SIMPLEX, 1.1, 0, 2)
    for at, words in enumerate(("HZ-310-08", "to: L** 183****7001", "Hangzhou, Wensan Rd 1")):
        cv2.putText(paper, words, (40, 380 + 90 * at), cv2.FONT_HERSHEY_SIMPLEX, 1.6, 0, 3)
    return paper


def scene(papers: Sequence[Gray], seed: int) -> Gray:
    """The papers side by side, each turned and seen aslant, unsharp, with glare and noise."""
    dice = np.random.default_rng(seed)
    frame = np.full(SIZE, int(dice.integers(70, 150)), np.uint8)
    step = SIZE[1] / len(papers)
    for at, paper in enumerate(papers):
        centre = (step * (at + 0.5) + dice.uniform(-12, 12), SIZE[0] / 2 + dice.uniform(-25, 25))
        frame = _laid(frame, paper, centre, dice)
    if (blur := dice.uniform(0, 1.1)) > 0.3:
        frame = np.asarray(cv2.GaussianBlur(frame, (0, 0), blur), np.uint8)
    lit = frame.astype(np.float32) * dice.uniform(0.7, 1.0)
    rows, columns = np.mgrid[0 : SIZE[0], 0 : SIZE[1]].astype(np.float32)
    for _spot in range(int(dice.integers(0, 3))):
        y, x, wide = dice.uniform(0, SIZE[0]), dice.uniform(0, SIZE[1]), dice.uniform(30, 110)
        lit += dice.uniform(60, 190) * np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / (2 * wide**2))
    lit += dice.normal(0, dice.uniform(2, 7), SIZE)
    return np.asarray(np.clip(lit, 0, 255), np.uint8)


def _laid(frame: Gray, paper: Gray, centre: tuple[float, float], dice: np.random.Generator) -> Gray:
    """One paper on the bench: up to 20 degrees turned, its far edge up to a tenth shorter than its near one."""
    height, width = paper.shape
    scale = min(_PER_MM / _PRINT_PER_MM, 680 / height)
    angle = np.deg2rad(dice.uniform(-TILT_MAX, TILT_MAX))
    half = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * [width * scale / 2, height * scale / 2]
    half[:2, 0] *= 1 - dice.uniform(0, 0.1)
    half[1:3, 1] *= 1 - dice.uniform(0, 0.1)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    corners = (half @ turn.T + centre).astype(np.float32)
    edge = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    onto = cv2.getPerspectiveTransform(edge, corners)
    size = (SIZE[1], SIZE[0])
    # twice as fine first: a camera's dot is the mean of what it sees
    finer = np.diag([2.0, 2.0, 1.0]) @ onto
    fine = cv2.warpPerspective(paper, finer, (2 * size[0], 2 * size[1]), flags=cv2.INTER_LINEAR)
    seen = cv2.resize(fine, size, interpolation=cv2.INTER_AREA)
    mask = cv2.warpPerspective(np.full_like(paper, 255), onto, size, flags=cv2.INTER_LINEAR)
    return np.asarray(np.where(mask > 127, seen, frame), np.uint8)


def _gray(bitmap: Bitmap) -> Gray:
    rows = np.frombuffer(bitmap.rows, np.uint8).reshape(bitmap.height, -1)
    return np.asarray(255 * (1 - np.unpackbits(rows, axis=1)[:, : bitmap.width]), np.uint8)
