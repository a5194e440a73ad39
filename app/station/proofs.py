"""Pictures kept as proof that a slip and a label did not belong together (in the station's folder, under ``proofs``).

A label may show who receives: the files are readable by their owner alone, and let go of after a while. A picture is
named by the id of its read; nothing else knows where it lies.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from app.core.values import dataclass

KEEP = timedelta(days=30)
#: All of them together, in bytes: some thousand pictures.
MOST_BYTES = 300_000_000
_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")


@dataclass(frozen=True, slots=True)
class _Kept:
    kept_s: float
    path: Path
    size: int


class Proofs:
    """Every call touches the disk: never from a window's thread."""

    def __init__(self, folder: Path, most_bytes: int = MOST_BYTES) -> None:
        self._folder = folder
        self._most_bytes = most_bytes

    def keep(self, proof_id: str, jpeg: bytes, now: datetime) -> bool:
        """Writes a picture down; False where it cannot be kept. What is there already stays as it is."""
        if not jpeg or not _ID.fullmatch(proof_id):
            return False
        path = self._folder / f"{proof_id}.jpg"
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError:
            return False
        try:
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(jpeg)
            os.utime(path, (now.timestamp(), now.timestamp()))
        except FileExistsError:
            return True
        except OSError:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)  # half a picture proves nothing
            return False
        return True

    def picture(self, proof_id: str) -> bytes | None:
        """The picture of a read; None where none was kept, or no more."""
        if not _ID.fullmatch(proof_id):
            return None
        try:
            return (self._folder / f"{proof_id}.jpg").read_bytes()
        except OSError:
            return None

    def clean(self, now: datetime) -> int:
        """Lets go of what is old, then of the oldest until the rest fits; how many went."""
        kept, gone = sorted(self._all(), key=lambda one: one.kept_s), 0
        total = sum(one.size for one in kept)
        oldest_s = (now - KEEP).timestamp()
        for one in kept:
            if one.kept_s >= oldest_s and total <= self._most_bytes:
                break
            with contextlib.suppress(OSError):
                one.path.unlink()
                gone, total = gone + 1, total - one.size
        return gone

    def _all(self) -> Iterator[_Kept]:
        with contextlib.suppress(OSError), os.scandir(self._folder) as files:
            for file in files:
                if file.name.endswith(".jpg"):
                    with contextlib.suppress(OSError):
                        found = file.stat(follow_symlinks=False)
                        if stat.S_ISREG(found.st_mode):
                            yield _Kept(found.st_mtime, Path(file.path), found.st_size)
