"""The languages of label printers: the same dots as TSPL or ZPL. Pure."""

from __future__ import annotations

import base64
import binascii
import zlib

from printing.bitmap import Bitmap


def tspl_job(bitmap: Bitmap, dpi: int, gap_mm: int = 2) -> bytes:
    """One label for TSC and most Chinese printers. In TSPL a 0 burns."""
    wide, high = (round(dots * 25.4 / dpi) for dots in (bitmap.width, bitmap.height))
    head = f"SIZE {wide} mm,{high} mm\r\nGAP {gap_mm} mm,0 mm\r\nDIRECTION 1\r\nCLS\r\n"
    image = f"BITMAP 0,0,{bitmap.row_bytes},{bitmap.height},0,"
    return head.encode("ascii") + image.encode("ascii") + bitmap.inverted() + b"\r\nPRINT 1,1\r\n"


def zpl_job(bitmap: Bitmap) -> bytes:
    """One label for Zebra and its kin, compressed and with its own check sum (Z64)."""
    packed = base64.b64encode(zlib.compress(bitmap.rows, 9))
    check = binascii.crc_hqx(packed, 0)
    size = len(bitmap.rows)
    head = f"^XA^PW{bitmap.width}^LL{bitmap.height}^LH0,0^FO0,0^GFA,{size},{size},{bitmap.row_bytes},:Z64:"
    return head.encode("ascii") + packed + f":{check:04X}^FS^XZ".encode("ascii")
