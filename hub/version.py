"""Which Orderdock this is."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed


def version() -> str:
    try:
        return installed("orderdock")
    except PackageNotFoundError:
        return "0"
