"""The story of an order as a station tells it: history, couriers' nodes and own acts that wait, in one line of time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import field, replace
from datetime import datetime, timedelta
from typing import Any

import msgspec

from app.core.acts import Act, Actor
from app.core.history import HistoryKind, HistoryRow
from app.core.tracking import Track, TrackNode
from app.core.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryLine:
    """One line of a parcel's story. ``raw_text`` is a courier's own words.

    ``lasted`` is the time to the next line; a courier's node lasts until the next node of the same parcel.
    ``heard_at``: when the answer came here that told of a courier's node.
    """

    at: datetime
    kind: str
    params: dict[str, Any] = field(default_factory=dict)
    parcel_no: str | None = None
    source: str = ""
    actor: str = ""
    station_id: str | None = None
    cause: str = ""
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None
    raw_text: str = ""
    pending: bool = False
    lasted: timedelta | None = None
    heard_at: datetime | None = None


def story_of(
    rows: Sequence[HistoryRow], tracks: Sequence[Track], waiting: Iterable[Act], me: Actor
) -> list[StoryLine]:
    """Everything that happened, oldest first; ``waiting``: own acts that the copy does not hold yet."""
    followed = {track.parcel_no for track in tracks if track.nodes}
    lines = [
        _told(row) for row in rows if row.kind != HistoryKind.track_node or row.parcel_no not in followed
    ]
    heard = _heard(rows)
    lines += [_node(track, node, heard) for track in tracks for node in track.nodes]
    lines.sort(key=lambda line: line.at)
    known = {row.act_id for row in rows if row.act_id}
    lines += [_pending_line(act, me) for act in waiting if act.act_id not in known]
    return _with_durations(lines)


def _told(row: HistoryRow) -> StoryLine:
    return StoryLine(
        at=row.made_at or row.at,
        kind=row.kind,
        params=row.params,
        parcel_no=row.parcel_no,
        source=row.source,
        actor=row.actor,
        station_id=row.station_id,
        cause=row.cause,
        before=row.before,
        after=row.after,
    )


#: Parcel, moment and words: a node of a track and the line of history that brought it are the same by these.
_Heard = dict[tuple[str | None, datetime | None, str], datetime]


def _heard(rows: Sequence[HistoryRow]) -> _Heard:
    """When each courier's node came to the hub."""
    return {
        (row.parcel_no, row.made_at, str(row.params.get("text") or "")): row.at
        for row in rows
        if row.kind == HistoryKind.track_node
    }


def _node(track: Track, node: TrackNode, heard: _Heard) -> StoryLine:
    return StoryLine(
        at=node.at,
        kind=HistoryKind.track_node,
        params={"kind": node.kind, "place": node.place, "text": node.raw_text},
        parcel_no=track.parcel_no,
        source=node.source or f"carrier:{track.carrier}",
        raw_text=node.raw_text,
        heard_at=heard.get((track.parcel_no, node.at, node.raw_text), track.synced_at),
    )


def _pending_line(act: Act, me: Actor) -> StoryLine:
    return StoryLine(
        at=act.made_at,
        kind=_TOLD_AS.get(act.kind, act.kind),
        params=msgspec.to_builtins(act.body),
        parcel_no=act.parcel_no,
        source=me.source,
        actor=me.name,
        station_id=me.station_id,
        pending=True,
    )


#: History kinds of acts that are told under another name.
_TOLD_AS = {
    "cancel": HistoryKind.cancel_asked,
    "hold": HistoryKind.stop_set,
    "release": HistoryKind.stop_lifted,
    "rush": HistoryKind.rushed,
    "change_remark": HistoryKind.remark_changed,
    "reveal": HistoryKind.revealed,
    "take_over": HistoryKind.taken_over,
}


def _with_durations(lines: list[StoryLine]) -> list[StoryLine]:
    """From the last line backwards: what came next, for a node what came next from the courier of its parcel."""
    timed: list[StoryLine] = []
    next_node: dict[str | None, datetime] = {}
    for i in reversed(range(len(lines))):
        line = lines[i]
        if line.kind == HistoryKind.track_node:
            after = next_node.get(line.parcel_no)
            next_node[line.parcel_no] = line.at
        else:
            after = lines[i + 1].at if i + 1 < len(lines) else None
        timed.append(line if after is None else replace(line, lasted=after - line.at))
    return timed[::-1]
