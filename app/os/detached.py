"""Starting a program that outlives its starter."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path


def start(args: Sequence[str], log: Path) -> None:
    """Starts ``args`` as a process of its own: closing this program or its console does not end it.

    What it says goes to ``log``, for its owner's eyes alone. Raises OSError when it cannot be started.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    log.touch(mode=0o600)  # a hub says its recovery code there
    with log.open("ab") as words:
        if sys.platform == "win32":
            import subprocess

            flags = subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP
            _start(args, words, creationflags=flags)
        else:
            _start(args, words, start_new_session=True)


def _start(args: Sequence[str], words: object, **how: object) -> None:
    import subprocess

    subprocess.Popen(  # type: ignore[call-overload]
        list(args), stdin=subprocess.DEVNULL, stdout=words, stderr=words, close_fds=True, **how
    )


def own_command() -> list[str]:
    """This very program, to be followed by its words: from source, or from inside the bundle."""
    if getattr(sys, "frozen", False):
        return [sys.executable]
    return [sys.executable, os.fspath(Path(__file__).resolve().parents[2] / "main.py")]
