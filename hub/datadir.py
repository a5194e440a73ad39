"""The hub's folder: made, locked for this process alone, and found writable before anything depends on it."""

from __future__ import annotations

import errno
from pathlib import Path

from app.os.folderlock import FolderLock, FolderTaken
from hub.surroundings import Surroundings

#: While this folder stands in the data dir a restore is not finished.
RESTORING = "restoring"

_FULL = frozenset({errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)})


def occupied(data_dir: Path) -> FolderLock:
    """The folder, ours until the lock is closed.

    Raises :class:`Surroundings` ``folder_taken``, ``folder_unusable`` or ``disk_full``.
    """
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        lock = FolderLock(data_dir)
        _try_to_write(data_dir)
    except FolderTaken as error:
        raise Surroundings("folder_taken", path=data_dir) from error
    except OSError as error:
        raise no(error, data_dir) from error
    return lock


def whole(data_dir: Path) -> None:
    """Raises :class:`Surroundings` ``restore_unfinished``: a hub that began now would begin with an empty database."""
    if (data_dir / RESTORING).exists():
        raise Surroundings("restore_unfinished", path=data_dir)


def no(error: OSError, path: Path) -> Surroundings:
    """What an OSError at ``path`` means to a person."""
    if error.errno in _FULL:
        return Surroundings("disk_full", path=path)
    return Surroundings("folder_unusable", path=path)


def _try_to_write(data_dir: Path) -> None:
    """A full disk and a read-only folder show here rather than in the middle of an order."""
    probe = data_dir / ".probe"
    try:
        probe.write_bytes(bytes(65_536))
    finally:
        probe.unlink(missing_ok=True)
