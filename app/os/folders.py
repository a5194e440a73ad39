"""Where this program keeps its data."""

from __future__ import annotations

from pathlib import Path


def data_folder(given: Path | None, part: str) -> Path:
    """The folder that was asked for, else ``part`` of the place this system has for the data of programs."""
    if given is not None:
        return given.resolve()
    import platformdirs

    return Path(platformdirs.user_data_dir("Orderdock", appauthor=False)) / part
