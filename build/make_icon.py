"""Makes resources/icons/orderdock.ico and orderdock.png from orderdock.svg, for bundles and desktop entries.

python build/make_icon.py
"""

from __future__ import annotations

import io
import os
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PIL import Image
from PySide6.QtCore import QBuffer, QByteArray, QRectF
from PySide6.QtGui import QGuiApplication, QImage, QPainter
from PySide6.QtSvg import QSvgRenderer

FOLDER = Path(__file__).resolve().parent.parent / "resources" / "icons"
SIDES = (16, 24, 32, 48, 64, 128, 256)


def drawn(side: int) -> Image.Image:
    """The icon, `side` dots square, drawn at that size rather than shrunk."""
    picture = QImage(side, side, QImage.Format.Format_ARGB32)
    picture.fill(0)
    painter = QPainter(picture)
    QSvgRenderer(QByteArray((FOLDER / "orderdock.svg").read_bytes())).render(
        painter, QRectF(0, 0, side, side)
    )
    painter.end()
    buffer = QBuffer()
    buffer.open(QBuffer.OpenModeFlag.WriteOnly)
    picture.save(buffer, "PNG")  # type: ignore[call-overload]
    return Image.open(io.BytesIO(buffer.data().data())).convert("RGBA")


def main() -> None:
    app = QGuiApplication([])
    pictures = [drawn(side) for side in SIDES]
    pictures[-1].save(FOLDER / "orderdock.png")
    sizes = [(side, side) for side in SIDES]
    pictures[-1].save(FOLDER / "orderdock.ico", sizes=sizes, append_images=pictures[:-1])
    app.quit()


if __name__ == "__main__":
    main()
