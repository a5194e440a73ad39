"""How much room is left where our files are."""

from __future__ import annotations

import shutil
from pathlib import Path

#: Below this a person is told before anything fails.
LOW_BYTES = 500_000_000


def free_bytes(folder: Path) -> int:
    """Room left on the disk of a folder, or of the nearest folder above it that exists."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free


def is_low(folder: Path) -> bool:
    """Whether somebody should make room soon. A disk that cannot be asked is not called full."""
    try:
        return free_bytes(folder) < LOW_BYTES
    except OSError:
        return False
