"""The ``decode`` command: one line of JSON for each picture."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from app import resources
from app.codes.reader import Reader, Unreadable
from app.core.texts import Lang


def run(files: Sequence[Path], lang: Lang = "zh") -> int:
    """Writes ``{"file","codes":[{"format","text","reader"}]}`` for each file, in UTF-8 on any system.

    The exit status is 1 when a file could not be opened as a picture (said on stderr); a picture without a
    code is no failure.
    """
    reader = Reader()
    if not reader.has_zbar:
        _say("no_zbar", lang)
    status = 0
    for file in files:
        line: dict[str, Any] = {"file": str(file), "codes": []}
        try:
            line["codes"] = reader.read_file(file)
        except Unreadable as error:
            _say(error.why, lang, path=file)
            status = 1
        _write(msgspec.json.encode(line))
    return status


def _write(line: bytes) -> None:
    """Past the console's code page: programs read this."""
    sys.stdout.flush()
    sys.stdout.buffer.write(line + b"\n")
    sys.stdout.buffer.flush()


def _say(key: str, lang: Lang, **params: object) -> None:
    sys.stderr.write(resources.texts().text(f"codes.{key}", lang, **params) + "\n")
