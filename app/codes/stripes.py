"""Stripes that a reader overlooks in a whole picture: found by their look, laid level, made wider and read again.

A reader walks through a picture in straight lines; a tilted, unsharp label among other papers is missed by all of
them. Where stripes are costs some milliseconds to find, and a piece of a picture some more to prepare.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Gray = npt.NDArray[np.uint8]

_WIDER = 3.0
#: What is found ends at the outermost bar, sometimes before it; a reader wants some white beyond.
_MARGIN, _MARGIN_DOTS = 1.35, 20.0
_PIECES_MAX = 6
_LEAST_HIGH = 8


class StripesFinder:
    """Finds the bar codes of a grey picture. Without the library's detector it finds none."""

    def __init__(self) -> None:
        made = getattr(cv2, "barcode", None)
        self._detector: Any = made.BarcodeDetector() if made is not None else None

    def pieces(self, gray: Gray) -> Iterator[Gray]:
        """Each place with stripes as a picture of its own, the stripes upright in it."""
        if self._detector is None:
            return
        try:
            is_found, corners = self._detector.detect(gray)
        except cv2.error:
            return  # some releases trip over what is no code at all
        if is_found and corners is not None:
            for four in corners[:_PIECES_MAX]:
                yield _levelled(gray, np.asarray(four, np.float32))


def _levelled(gray: Gray, corners: npt.NDArray[np.float32]) -> Gray:
    (x, y), (width, height), angle = cv2.minAreaRect(corners)
    if width < height:
        width, height, angle = height, width, angle + 90
    wide, high = width * _MARGIN + _MARGIN_DOTS, max(height, float(_LEAST_HIGH))
    along = np.array([np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))])
    down, middle = np.array([-along[1], along[0]]), np.array([x, y])
    corner = middle - along * wide / 2 - down * high / 2
    here = np.array([corner, corner + along * wide, corner + down * high], np.float32)
    there = np.array([[0, 0], [wide * _WIDER, 0], [0, high]], np.float32)
    onto, size = cv2.getAffineTransform(here, there), (int(wide * _WIDER), int(high))
    piece = cv2.warpAffine(gray, onto, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.ascontiguousarray(piece, np.uint8)
