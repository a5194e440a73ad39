"""Where the data files lie (fonts, icons, sounds, texts): beside the program, or inside the bundle."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from app.core.texts import Texts, load


def folder() -> Path:
    """The folder ``resources``; the bundle keeps the same layout."""
    return Path(__file__).resolve().parent.parent / "resources"


@cache
def texts() -> Texts:
    """All words, read once in a process."""
    return load(folder() / "texts")
