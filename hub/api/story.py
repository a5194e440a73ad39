"""The file of an order as people read it: kind + params become words, in the reader's language, on reading."""

from __future__ import annotations

from typing import Any

from app.core.history import HistoryRow
from app.core.texts import Lang, Texts
from app.wire import StoryEntry

#: Params that hold a code of ours, and the family of texts that names it.
_CODES = {
    "carrier": "states.carrier",
    "channel": "states.channel",
    "hint": "history.hint",
    "result": "history.result",
}
#: What a courier said in its own words.
_RAW = "raw"


def entry_of(row: HistoryRow, texts: Texts, lang: Lang) -> StoryEntry:
    """One line of the story."""
    detail: dict[str, Any] = dict(row.params)
    raw = detail.pop(_RAW, None)
    if row.before is not None:
        detail["before"] = row.before
    if row.after is not None:
        detail["after"] = row.after
    if row.parcel_no:
        detail["parcel_no"] = row.parcel_no
    return StoryEntry(
        at=row.made_at or row.at,
        kind=row.kind,
        text=sentence(row.kind, row.params, texts, lang),
        source=row.source,
        actor=row.actor,
        detail=detail,
        raw=raw if isinstance(raw, str) else None,
    )


def sentence(kind: str, params: dict[str, Any], texts: Texts, lang: Lang) -> str:
    """The words of one history row; a kind newer than our texts is said as an entry without words."""
    key = f"history.{kind}"
    if not texts.has(key):
        return texts.text("api.story_other", lang)
    said = {name: _worded(name, value, texts, lang) for name, value in params.items()}
    if "result" in said:
        said["result_text"] = said["result"]
    return " ".join(texts.text(key, lang, **{"n": params.get("qty"), **said}).split())


def _worded(name: str, value: Any, texts: Texts, lang: Lang) -> Any:
    family = _CODES.get(name)
    if family is None or not isinstance(value, str):
        return value
    key = f"{family}_{value}"
    return texts.text(key, lang) if texts.has(key) else value
