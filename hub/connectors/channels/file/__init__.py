"""Orders, items and waybill numbers from files. The doors of this connector; README.md tells how to use them.

``read_table(data, filename, own=None) -> Table``                   any bytes; raises BadFile only
``orders_of(table, shop_id, channel, tz, today, own=None) -> Read[ChannelOrder]``
``items_of(table, own=None) -> Read[Item]`` · ``waybills_of(table, own=None) -> Read[PoolNumber]``
``refused_workbook(table, problems, texts, lang) -> bytes``         .xlsx
``read_map(data_dir, name) -> dict``                                a saved column map, for ``own``
``await run_import(writer, data, filename, kind, shop, lang, dry_run, actor, progress, *, texts, now, zone,
own, in_thread, give_way) -> wire.ImportReport``                    all of it
"""

from __future__ import annotations

from hub.connectors.channels.file.mapping import Read, items_of, orders_of, waybills_of
from hub.connectors.channels.file.maps import checked_map, read_map
from hub.connectors.channels.file.reader import read_table
from hub.connectors.channels.file.refused import refused_workbook
from hub.connectors.channels.file.run import Found, InThread, run_import
from hub.connectors.channels.file.settings import LIMITS, Limits
from hub.connectors.channels.file.table import BadFile, FileKind, Problem, Table

__all__ = [
    "LIMITS",
    "BadFile",
    "FileKind",
    "Found",
    "InThread",
    "Limits",
    "Problem",
    "Read",
    "Table",
    "checked_map",
    "items_of",
    "orders_of",
    "read_map",
    "read_table",
    "refused_workbook",
    "run_import",
    "waybills_of",
]
