"""Saved column maps: ``maps/NAME.toml`` in the data dir says which of their headings is which of our columns.

channel_order_no = "单据号"
paid = "结算价"
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path

from hub.connectors.channels.file.table import BadFile, columns


def read_map(data_dir: Path, name: str) -> dict[str, str]:
    """The saved map ``name``. Raises BadFile when there is none, or it names a column we do not have."""
    if not re.fullmatch(r"[\w\- ]{1,64}", name):
        raise BadFile("map_unknown", name=name[:64], saved="")
    path = data_dir / "maps" / f"{name}.toml"
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        saved = "、".join(sorted(found.stem for found in path.parent.glob("*.toml")))
        raise BadFile("map_unknown", name=name, saved=saved) from error
    except (OSError, UnicodeDecodeError) as error:
        raise BadFile("map_broken", name=name, cause="") from error
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadFile("map_broken", name=name, cause=str(error)) from error
    return checked_map(table, name)


def checked_map(table: Mapping[str, object], name: str = "") -> dict[str, str]:
    """A map whose names are columns of ours and whose headings are texts."""
    for ours, theirs in table.items():
        if ours not in columns():
            raise BadFile("map_column_unknown", name=name, column=str(ours)[:60])
        if not isinstance(theirs, str) or not theirs.strip():
            raise BadFile("map_broken", name=name, cause=str(ours)[:60])
    return {ours: str(theirs) for ours, theirs in table.items()}
