"""Films of codes as a cheap camera sees them: tilted, unsharp, with glare; real files for a real capture."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import zxingcpp

Gray = npt.NDArray[np.uint8]
SIZE = (480, 640)
FPS = 25.0
KINDS = {"qr": zxingcpp.BarcodeFormat.QRCode, "128": zxingcpp.BarcodeFormat.Code128}
KINDS |= {"ean13": zxingcpp.BarcodeFormat.EAN13, "itf": zxingcpp.BarcodeFormat.ITF}


def bench() -> Gray:
    """The bench without anything on it."""
    return np.full(SIZE, 150, np.uint8)


def shown(
    text: str, kind: str = "qr", *, tilt: float = 0.0, blur: float = 0.0, glare: float = 0.0, seed: int = 1
) -> Gray:
    """A frame with one label in its middle: ``tilt`` in degrees, ``blur`` in dots, ``glare`` from 0 to 1."""
    code = zxingcpp.create_barcode(text, KINDS[kind])
    label = np.array(zxingcpp.write_barcode_to_image(code, scale=3, add_quiet_zones=True), np.uint8)
    if label.shape[0] < 90:
        label = np.repeat(label, 2, axis=0)
    height, width = label.shape
    assert height <= SIZE[0] and width <= SIZE[1], "the label has to fit into the picture"
    frame = bench()
    top, left = (SIZE[0] - height) // 2, (SIZE[1] - width) // 2
    frame[top : top + height, left : left + width] = label
    turn = cv2.getRotationMatrix2D((SIZE[1] / 2, SIZE[0] / 2), tilt, 1.0)
    frame = np.asarray(cv2.warpAffine(frame, turn, (SIZE[1], SIZE[0]), borderValue=150.0), np.uint8)
    if blur:
        frame = np.asarray(cv2.GaussianBlur(frame, (0, 0), blur), np.uint8)
    rows, columns = np.mgrid[0 : SIZE[0], 0 : SIZE[1]]
    spot = np.exp(-((rows - SIZE[0] * 0.4) ** 2 + (columns - SIZE[1] * 0.6) ** 2) / (2 * 90.0**2))
    dice = np.random.default_rng(seed)
    lit = frame * 0.85 + 200 * glare * spot + dice.normal(0, 5, SIZE)
    return np.asarray(np.clip(lit, 0, 255), np.uint8)


def film(path: Path, frames: Iterable[Gray]) -> Path:
    """A film of these frames (.avi), all of one size, 25 a second."""
    # through a path of plain letters: the writer fails on others
    made = path.with_name("film.avi")
    here = os.path.relpath(made)
    shots = list(frames)
    size = (shots[0].shape[1], shots[0].shape[0])
    writer = cv2.VideoWriter(here, cv2.VideoWriter.fourcc(*"MJPG"), FPS, size, True)
    assert writer.isOpened()
    for frame in shots:
        writer.write(cv2.cvtColor(frame, cv2.COLOR_GRAY2BGR))
    writer.release()
    return made.rename(path)
