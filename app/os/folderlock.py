"""One process per data folder: a lock of the operating system that dies with its holder, however that ends."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path
from types import TracebackType

_HELD = frozenset({errno.EACCES, errno.EAGAIN, errno.EDEADLK})


class FolderTaken(Exception):
    """Another process works in this folder."""


class FolderLock:
    """Holds ``<folder>/lock`` until :meth:`close` or the end of the process. Raises :class:`FolderTaken`, OSError.

    The file stays behind and means nothing by itself: the lock is on the open file, not in it.
    """

    def __init__(self, folder: Path, name: str = "lock") -> None:
        self._handle = os.open(folder / name, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            _take(self._handle)
        except OSError as error:
            os.close(self._handle)
            if error.errno in _HELD:
                raise FolderTaken(str(folder)) from error
            raise

    def close(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def __enter__(self) -> FolderLock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


if sys.platform == "win32":
    import msvcrt

    def _take(handle: int) -> None:
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _take(handle: int) -> None:
        # open file descriptions: a child that inherits nothing cannot keep it, another process cannot get it
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
