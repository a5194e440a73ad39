"""What the doctor says of reading codes from pictures: both readers read what we just drew."""

from __future__ import annotations

import numpy as np
import zxingcpp

from app.codes.reader import Reader
from app.core.findings import Finding

_SAMPLE = "S1OD2026112100101018K"


def findings() -> list[Finding]:
    """``codes`` all well, ``codes_no_zbar`` one reader only, ``codes_broken`` nothing is read."""
    reader = Reader()
    code = zxingcpp.create_barcode(_SAMPLE, zxingcpp.BarcodeFormat.QRCode)
    picture = np.asarray(zxingcpp.write_barcode_to_image(code, scale=4, add_quiet_zones=True), np.uint8)
    if [found.text for found in reader.read_image(picture)] != [_SAMPLE]:
        return [Finding("codes_broken", "bad")]
    return [Finding("codes", "ok") if reader.has_zbar else Finding("codes_no_zbar", "warn")]
