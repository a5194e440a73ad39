"""Dots: one bit each, 1 = black, the way every printer language wants them. Pure."""

from __future__ import annotations

import struct
import zlib

from app.core.values import dataclass

_FLIPPED = bytes(255 - byte for byte in range(256))


@dataclass(frozen=True, slots=True)
class Bitmap:
    """``rows`` holds ``height`` rows of ``width / 8`` bytes, most significant bit leftmost, 1 = black.

    ``width`` is a multiple of 8; ValueError when the bytes do not fit it.
    """

    width: int
    height: int
    rows: bytes

    def __post_init__(self) -> None:
        if self.width % 8 or len(self.rows) != self.width // 8 * self.height:
            raise ValueError(f"{len(self.rows)} bytes are not {self.width} x {self.height} dots")

    @property
    def row_bytes(self) -> int:
        return self.width // 8

    def inverted(self) -> bytes:
        """The rows with 0 = black, as PNG and TSPL want them."""
        return self.rows.translate(_FLIPPED)


def to_png(bitmap: Bitmap, dpi: int) -> bytes:
    """A one-bit grey PNG that says its own resolution."""
    light = bitmap.inverted()
    width = bitmap.row_bytes
    raw = b"".join(b"\0" + light[at : at + width] for at in range(0, len(light), width))
    dots_per_metre = round(dpi / 0.0254)
    return b"\x89PNG\r\n\x1a\n" + b"".join((
        _chunk(b"IHDR", struct.pack(">IIBBBBB", bitmap.width, bitmap.height, 1, 0, 0, 0, 0)),
        _chunk(b"pHYs", struct.pack(">IIB", dots_per_metre, dots_per_metre, 1)),
        _chunk(b"IDAT", zlib.compress(raw, 6)),
        _chunk(b"IEND", b""),
    ))


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
