"""``station.json``: which hub this station belongs to, and its token. Readable by its owner alone."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from app.station.bench import Identity

NAME = "station.json"


class _Kept(msgspec.Struct, kw_only=True):
    hub_url: str
    station_id: str
    name: str
    kind: str
    warehouse: str
    token: str
    ca_pem: str = ""
    addresses: tuple[str, ...] = ()


def read(folder: Path) -> Identity | None:
    """Who we are, or None: not paired, or the file cannot be understood (pair again)."""
    try:
        data = (folder / NAME).read_bytes()
        kept = msgspec.json.decode(data, type=_Kept)
        return msgspec.convert(msgspec.structs.asdict(kept), type=Identity)
    except (FileNotFoundError, msgspec.DecodeError, msgspec.ValidationError):
        return None


def write(folder: Path, identity: Identity) -> None:
    """Never half a file, never readable by others."""
    whole, part = folder / NAME, folder / (NAME + ".part")
    part.unlink(missing_ok=True)
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(msgspec.json.encode(identity))
        file.flush()
        os.fsync(file.fileno())
    part.replace(whole)


def forget(folder: Path) -> None:
    """The token is worth nothing any more."""
    (folder / NAME).unlink(missing_ok=True)
