"""What the doctor says of reading codes: each reader is shown a code that we write, and has to read it back."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import zxingcpp

from app.codes.reader import Reader
from app.core.findings import Finding
from app.core.qr import slip_code

_SLIP = slip_code("OD2026112100101", 1)
_WAYBILL = "YT8800012345678"


def findings() -> list[Finding]:
    """zxing reads the square code of a slip, zbar the stripes of a label."""
    return [_zxing(), _zbar()]


def _zxing() -> Finding:
    read = {
        (code.format, code.text)
        for code in Reader().read_image(written(zxingcpp.BarcodeFormat.QRCode, _SLIP))
    }
    is_right = read == {("qrcode", _SLIP)}
    return Finding("codes", "ok") if is_right else Finding("codes_wrong", "bad", {"library": "zxing-cpp"})


def _zbar() -> Finding:
    try:
        from pyzbar import pyzbar
    except ImportError:  # the package comes with us; its system library has to be there
        return Finding("zbar_missing", "warn")
    stripes = written(zxingcpp.BarcodeFormat.Code128, _WAYBILL)
    read = {found.data for found in pyzbar.decode(stripes, [pyzbar.ZBarSymbol.CODE128])}
    is_right = read == {_WAYBILL.encode("ascii")}
    return Finding("zbar", "ok") if is_right else Finding("codes_wrong", "warn", {"library": "zbar"})


def written(kind: Any, text: str) -> npt.NDArray[np.uint8]:
    """A code as a grey picture, as a printer would put it on paper."""
    image = zxingcpp.create_barcode(text, kind).to_image(scale=4)
    return np.ascontiguousarray(np.array(image), np.uint8)
