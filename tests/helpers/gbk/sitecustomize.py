"""Makes a Python on Linux behave as on a Chinese Windows: file names are Unicode, unmarked text is GBK.

`make test` puts this folder on PYTHONPATH for its run under zh_CN.GBK, so every Python that a test starts
gets it too.
"""

from __future__ import annotations

import locale
import os
import sys

if asked := os.environ.get("ORDERDOCK_TEST_LOCALE"):
    locale.setlocale(locale.LC_ALL, asked)
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if stream is not None and not stream.isatty():  # a pipe has the code page, a console has Unicode
            stream.reconfigure(encoding=locale.getencoding())
