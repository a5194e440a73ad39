"""Makes a Python on Linux behave as on a Chinese Windows: file names are Unicode, unmarked text is GBK.

`make test` puts this folder on PYTHONPATH for its run under zh_CN.GBK, so every Python that a test starts
gets it too.
"""

from __future__ import annotations

import builtins
import io
import locale
import os
import sys
from typing import Any

if asked := os.environ.get("ORDERDOCK_TEST_LOCALE"):
    locale.setlocale(locale.LC_ALL, asked)
    page = locale.getencoding()
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if stream is not None and not stream.isatty():  # a pipe has the code page, a console has Unicode
            stream.reconfigure(encoding=page)

    real_open = io.open

    def open_as_on_windows(
        file: Any, mode: str = "r", buffering: int = -1, encoding: str | None = None, *rest: Any, **more: Any
    ) -> Any:
        """Qt on Linux switches the process to UTF-8 behind Python's back; Windows does not."""
        if encoding in (None, "locale") and "b" not in mode and locale.getencoding() != page:
            encoding = page
        return real_open(file, mode, buffering, encoding, *rest, **more)

    io.open = builtins.open = open_as_on_windows  # type: ignore[assignment]
