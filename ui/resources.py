"""Where the data files of the windows lie: beside the program, or inside the bundle."""

from __future__ import annotations

from pathlib import Path


def resource_dir() -> Path:
    """The folder holding fonts, icons, sounds, texts and tokens. The bundle keeps the same layout."""
    return Path(__file__).resolve().parent.parent / "resources"
