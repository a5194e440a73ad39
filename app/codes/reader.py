"""The readers in their order, and the preparations between them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import zxingcpp

from app.codes.stripes import StripesFinder
from app.core.values import dataclass
from app.ports import Clock, SystemClock

Gray = npt.NDArray[np.uint8]

#: A file beyond this is no photograph of a label.
_BYTES_MAX = 64 << 20
#: A picture of more dots is made smaller first.
_DOTS_MAX = 12_000_000
#: Preparations are for single codes on camera pictures; on a whole page they would cost seconds.
_PREPARED_DOTS_MAX = 4_000_000


class Unreadable(Exception):
    """``why`` is no_file, too_large or no_picture: words in ``codes.<why>``."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True, slots=True)
class Code:
    """``format`` is code128, ean13, upca, itf, code39, qrcode ...; ``reader`` says who read it and how."""

    format: str
    text: str
    reader: str


class Reader:
    """Reads pictures. Works without zbar, only less well: ``has_zbar`` says.

    ``patience_s`` bounds the preparations of one picture, so that a page without any code is soon let go.
    """

    def __init__(self, clock: Clock | None = None, patience_s: float = 2.0) -> None:
        self._clock = clock or SystemClock()
        self._patience_s = patience_s
        self._zbar = _load_zbar()
        self._stripes = StripesFinder()

    @property
    def has_zbar(self) -> bool:
        """Whether the second reader is there; its system library may be missing."""
        return self._zbar is not None

    def read_file(self, path: Path) -> list[Code]:
        """Every code in a picture file (PNG, JPEG, WebP, BMP, TIFF). Unreadable when it is none."""
        try:
            if path.stat().st_size > _BYTES_MAX:
                raise Unreadable("too_large")
            # OpenCV's own way to open files fails on Chinese paths
            data = np.fromfile(path, np.uint8)
        except OSError as error:
            raise Unreadable("no_file") from error
        try:
            picture = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE) if data.size else None
        except cv2.error as error:
            raise Unreadable("no_picture") from error
        if picture is None:
            raise Unreadable("no_picture")
        return self.read_image(np.asarray(picture, np.uint8))

    def read_image(self, image: npt.NDArray[np.uint8]) -> list[Code]:
        """Every code in a grey (h, w) or BGR (h, w, 3) picture, each once; empty when there is none.

        Preparations are tried in turn, until one of them shows a code or patience ends.
        """
        gray = _sized(image if image.ndim == 2 else _array(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)))
        codes = self._read(gray, "")
        if codes or gray.size > _PREPARED_DOTS_MAX:
            return codes
        until = self._clock.monotonic() + self._patience_s
        for name, prepare in _PREPARATIONS.items():
            if self._clock.monotonic() > until:
                break
            if codes := self._read(prepare(gray), f"+{name}"):
                return codes
        return []

    def read_frame(self, image: npt.NDArray[np.uint8], nth: int = 0) -> list[Code]:
        """Every code in one of many pictures a second: as it stands, then with one quick preparation, another one
        for each ``nth``. What one frame does not show the next one may.

        A code that is there twice is given twice.
        """
        gray = _sized(image if image.ndim == 2 else _array(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)))
        if codes := _all_by_zxing(gray, "") or (_by_zbar(self._zbar, gray, "") if self._zbar else []):
            return codes
        name = _QUICK[nth % len(_QUICK)]
        return _by_zxing(_PREPARATIONS[name](gray), f"+{name}")

    def read_stripes(self, image: npt.NDArray[np.uint8]) -> list[Code]:
        """Bar codes beside one that was read: where they look like stripes, each by itself."""
        gray = _sized(image if image.ndim == 2 else _array(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)))
        codes: dict[Code, None] = {}
        for piece in self._stripes.pieces(gray):
            found = _by_zxing(piece, "+stripes") or _by_zxing(_sharpened(piece), "+stripes,sharpened")
            codes |= dict.fromkeys(found)
        return list(codes)

    def read_again(self, image: npt.NDArray[np.uint8]) -> list[Code]:
        """What a sharpened picture shows: square codes beside stripes that were read."""
        gray = _sized(image if image.ndim == 2 else _array(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)))
        return _all_by_zxing(_sharpened(gray), "+sharpened")

    def _read(self, gray: Gray, how: str) -> list[Code]:
        return _by_zxing(gray, how) or (_by_zbar(self._zbar, gray, how) if self._zbar else [])


def _by_zxing(gray: Gray, how: str) -> list[Code]:
    return list(dict.fromkeys(_all_by_zxing(gray, how)))


def _all_by_zxing(gray: Gray, how: str) -> list[Code]:
    # plain text: the default would show control characters and GS1 brackets in words of its own
    found = zxingcpp.read_barcodes(gray, text_mode=zxingcpp.TextMode.Plain)
    return [Code(_format_name(str(code.format)), code.text, f"zxing{how}") for code in found if code.valid]


def _by_zbar(zbar: Any, gray: Gray, how: str) -> list[Code]:
    symbol = zbar.ZBarSymbol
    # not DataBar, which it sees where there is none; UPC-A comes as EAN-13 with a zero before, as by zxing
    kinds = [symbol.EAN13, symbol.EAN8, symbol.UPCE, symbol.CODE128, symbol.CODE39, symbol.I25, symbol.QRCODE]
    codes = (
        Code(_format_name(found.type), found.data.decode("ascii"), f"zbar{how}")
        for found in zbar.decode(gray, kinds)
        if _is_trusted(found.type, found.data)
    )
    return list(dict.fromkeys(codes))


def _is_trusted(kind: str, data: bytes) -> bool:
    """zbar garbles Chinese, and without check digits it takes a piece of a code for a short code."""
    return data.isascii() and (kind not in {"I25", "CODE39"} or len(data) >= _UNCHECKED_MIN)


_UNCHECKED_MIN = 6


def _format_name(name: str) -> str:
    plain = "".join(char for char in name.lower() if char.isalnum())
    return {"i25": "itf", "code39std": "code39", "qrcodemodel2": "qrcode"}.get(plain, plain)


def _load_zbar() -> Any | None:
    try:
        from pyzbar import pyzbar
    except ImportError:  # also when the package is there and the system library is not
        return None
    return pyzbar


def _array(picture: Any) -> Gray:
    return np.ascontiguousarray(picture, np.uint8)


def _sized(gray: Gray) -> Gray:
    if gray.size <= _DOTS_MAX:
        return np.ascontiguousarray(gray)
    scale = (_DOTS_MAX / gray.size) ** 0.5
    return _array(cv2.resize(gray, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))


# ------------------------------------------------------------------------------------- preparations


def _enlarged(gray: Gray) -> Gray:
    return _array(cv2.resize(gray, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC))


def _evened(gray: Gray) -> Gray:
    return _array(cv2.createCLAHE(clipLimit=3.0, tileGridSize=(8, 8)).apply(gray))


def _sharpened(gray: Gray) -> Gray:
    return _array(cv2.addWeighted(gray, 2.5, cv2.GaussianBlur(gray, (0, 0), 3), -1.5, 0))


def _black_and_white(gray: Gray) -> Gray:
    return _array(cv2.threshold(gray, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)[1])


def _black_and_white_near(gray: Gray) -> Gray:
    side = max(31, min(gray.shape) // 8 | 1)
    return _array(
        cv2.adaptiveThreshold(gray, 255, cv2.ADAPTIVE_THRESH_GAUSSIAN_C, cv2.THRESH_BINARY, side, 8)
    )


def _softened(gray: Gray) -> Gray:
    return _array(cv2.GaussianBlur(gray, (0, 0), 1.2))


def _halved(gray: Gray) -> Gray:
    return _array(cv2.resize(gray, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))


def _framed(gray: Gray) -> Gray:
    """White around it: pictures cut at the edge of a code have no quiet zone."""
    return _array(cv2.copyMakeBorder(gray, 40, 40, 40, 40, cv2.BORDER_CONSTANT, value=255))


def _turned(degrees: float) -> Callable[[Gray], Gray]:
    def turn(gray: Gray) -> Gray:
        height, width = gray.shape
        matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
        side = int(np.hypot(width, height))
        matrix[0, 2] += (side - width) / 2
        matrix[1, 2] += (side - height) / 2
        return _array(cv2.warpAffine(gray, matrix, (side, side), flags=cv2.INTER_CUBIC, borderValue=255))

    return turn


_PREPARATIONS: dict[str, Callable[[Gray], Gray]] = {
    "enlarged": _enlarged,
    "evened": _evened,
    "sharpened": _sharpened,
    "enlarged,sharpened": lambda gray: _sharpened(_enlarged(gray)),
    "black and white": _black_and_white,
    "black and white near": _black_and_white_near,
    "softened": _softened,
    "framed": _framed,
    "halved": _halved,
    "turned": _turned(45),
    "turned a little": _turned(20),
    "turned back": _turned(-20),
}
#: Those that cost a few milliseconds on a camera's frame, the most helpful first.
_QUICK = ("sharpened", "evened", "halved")
