"""The file of an order as a CSV for people: who did what, where and when, what was and what is (FRZ-10)."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from app.core.cells import csv_cell
from app.core.history import HistoryRow
from app.core.texts import Lang, Texts
from hub.api.story import sentence

_COLUMNS = (
    "order_no",
    "happened_at",
    "recorded_at",
    "what",
    "actor",
    "station",
    "source",
    "parcel_no",
    "before",
    "after",
    "raw",
    "act_id",
)
#: Codes of ours in old and new values, and the family of texts that names them.
_CODES = {
    "state": "states.order",
    "order_state": "states.order",
    "refund_state": "states.refund",
    "intercept_result": "states.intercept",
    "carrier": "states.carrier",
    "stops": "states.stop",
}


def story_csv(
    rows: Sequence[HistoryRow], stations: Mapping[str, str], zone: ZoneInfo, texts: Texts, lang: Lang
) -> bytes:
    """UTF-8 with BOM, a heading and a line per row. ``stations`` are names by id; times are those of ``zone``."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow([texts.text(f"export.{column}", lang) for column in _COLUMNS])
    for row in rows:
        writer.writerow([csv_cell(cell) for cell in _cells(row, stations, zone, texts, lang)])
    return out.getvalue().encode("utf-8-sig")


def _cells(
    row: HistoryRow, stations: Mapping[str, str], zone: ZoneInfo, texts: Texts, lang: Lang
) -> list[str]:
    before, after = _values(row, stations, texts, lang)
    raw = row.params.get("raw")
    return [
        row.order_no,
        _moment(row.made_at or row.at, zone),
        _moment(row.at, zone),
        sentence(row.kind, row.params, texts, lang),
        row.actor,
        stations.get(row.station_id, row.station_id) if row.station_id else "",
        _source(row.source, stations, texts, lang),
        row.parcel_no or "",
        before,
        after,
        raw if isinstance(raw, str) else "",
        row.act_id or "",
    ]


def _moment(at: datetime, zone: ZoneInfo) -> str:
    """To the millisecond, with the offset: two lines of one second keep their order."""
    return at.astimezone(zone).isoformat(sep=" ", timespec="milliseconds")


def _source(source: str, stations: Mapping[str, str], texts: Texts, lang: Lang) -> str:
    kind, _, name = source.partition(":")
    known = {
        "channel": lambda: texts.text("states.source_shop", lang, shop=name),
        "station": lambda: stations.get(name, name),
        "carrier": lambda: _word("states.carrier", name, texts, lang),
        "hub": lambda: texts.text("states.source_hub", lang),
    }
    return known[kind]() if kind in known else texts.text("states.source_api", lang)


def _values(row: HistoryRow, stations: Mapping[str, str], texts: Texts, lang: Lang) -> tuple[str, str]:
    """Old and new values of what differs, a line each: ``State: Picking``."""
    before, after = row.before or {}, row.after or {}
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]

    def told(values: Mapping[str, Any]) -> str:
        return "\n".join(
            texts.text(
                "export.field",
                lang,
                name=_word("export.field", name, texts, lang),
                value=_value(name, values.get(name), stations, texts, lang),
            )
            for name in names
        )

    return told(before), told(after)


def _value(name: str, value: Any, stations: Mapping[str, str], texts: Texts, lang: Lang) -> str:
    if isinstance(value, bool):
        return texts.text("export.yes" if value else "export.no", lang)
    if value in (None, "", []):
        return texts.text("export.none", lang)
    if name == "holder":
        return stations.get(str(value), str(value))
    if name.endswith("_fen") and isinstance(value, int):
        return f"¥{value / 100:.2f}"
    if isinstance(value, list):
        return texts.text("export.and", lang).join(
            _value(name, part, stations, texts, lang) for part in value
        )
    return _word(_CODES[name], str(value), texts, lang) if name in _CODES else str(value)


def _word(family: str, code: str, texts: Texts, lang: Lang) -> str:
    """The name of a code of ours; a code newer than our texts stays as it is."""
    key = f"{family}_{code}"
    return texts.text(key, lang) if texts.has(key) else code
