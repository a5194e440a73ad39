"""Pictures to codes: photographs, scans and screenshots read as a scanner would.

zxing-cpp reads first, zbar second (striped codes only: it garbles Chinese in square ones). What neither reads
as it stands is prepared - enlarged, evened, sharpened, turned - and tried again. Exact bytes matter to us, so
no reader may print control characters its own way.
"""

from app.codes.reader import Code, Reader, Unreadable

__all__ = ["Code", "Reader", "Unreadable"]
