"""Pictures to codes: photographs, scans and screenshots read as a scanner would.

zxing-cpp reads first, zbar second (believed in plain ASCII only: it garbles Chinese). What neither reads as it
stands is prepared - enlarged, evened, sharpened, turned - and tried again. Exact text matters to us, so no
reader may show control characters in words of its own.
"""

from __future__ import annotations

from app.codes.reader import Code, Reader, Unreadable

__all__ = ["Code", "Reader", "Unreadable"]
