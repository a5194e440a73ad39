"""What every connector folder promises: its manifest, and what it says when something does not fit.

A folder holds ``manifest.toml``, ``settings.py``, ``mapping.py``, ``README.md`` and, where it speaks to a
network, ``client.py``. Its tests and recorded payloads lie in ``tests/hub/connectors/<name>/``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

Capability = Literal[
    "orders_from_file",  # order, item and waybill files
    "items_from_file",
    "waybills_from_file",
    "orders_poll",
    "orders_push",
    "order_detail",
    "ship_back",
    "track_push",
    "track_query",
]


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``manifest.toml``: who the other side is and what the folder can do. Seconds; 0 = no network."""

    name: str
    kind: Literal["channel", "carrier"]
    title_zh: str
    title_en: str
    capabilities: list[Capability]
    timeout_s: float
    secrets: list[str] = []


def manifest_of(folder: Path) -> Manifest:
    """A folder's manifest. Raises ``msgspec.ValidationError`` with the path of what is wrong."""
    manifest = msgspec.toml.decode((folder / "manifest.toml").read_bytes(), type=Manifest)
    if manifest.name != folder.name:
        raise msgspec.ValidationError(
            f"name {manifest.name!r} in a folder called {folder.name!r} - at `$.name`"
        )
    return manifest


def folders() -> list[Path]:
    """All connector folders, channels and carriers, in the order of their names."""
    here = Path(__file__).parent
    return sorted(path.parent for path in here.glob("*/*/manifest.toml"))
