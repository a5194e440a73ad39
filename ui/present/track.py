"""How fresh the courier's news are, and silence that lasts longer than it should (TRK-04, TRK-05)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from app.core.order import Order, OrderState, Parcel
from app.core.tracking import NodeKind, Track
from app.core.values import dataclass
from ui.present import states
from ui.present.states import Chip
from ui.present.story import StoryRow
from ui.present.words import Words

S, K = OrderState, NodeKind

#: So long a parcel that left may be without any news, without being picked up, without a new node.
SILENT_AFTER = timedelta(hours=2)
STALE_AFTER = timedelta(hours=24)
#: Couriers are asked every 30 minutes: an answer older than this says that nobody asked.
UNASKED_AFTER = timedelta(hours=2)

_UNDER_WAY = frozenset({S.handed_over, S.in_transit, S.shipped_despite_cancel, S.returning})
_ENDED = frozenset({S.delivered, S.closed, S.returned})
_NOT_MOVING = frozenset({K.label_created, K.awaiting_pickup, K.other})


@dataclass(frozen=True, slots=True)
class TrackView:
    """``text``: when the news came, or how long the whole way took. ``trouble``: silence that somebody should
    look into, None for none."""

    text: str
    trouble: Chip | None = None


def track_view(
    order: Order, tracks: Sequence[Track], left: dict[str, datetime], words: Words, now: datetime
) -> TrackView | None:
    """What stands over the story; None before anything has left. ``left``: parcels with the moment they were given
    to the courier, as far as it is known. Of several parcels the one in trouble speaks, else the one heard of last.
    """
    by_parcel = {track.parcel_no: track for track in tracks}
    views = [
        (parcel, view)
        for parcel in order.parcels
        if (view := _view(parcel, by_parcel.get(parcel.parcel_no), left.get(parcel.parcel_no), words, now))
    ]
    if not views:
        return None
    parcel, view = next((found for found in views if found[1].trouble), views[-1])
    if len(order.parcels) == 1:
        return view
    number = parcel.parcel_no[-2:]
    text = words.tr("service.track_of_parcel", n=number, text=view.text)
    return TrackView(text, view.trouble)


def _view(
    parcel: Parcel, track: Track | None, left: datetime | None, words: Words, now: datetime
) -> TrackView | None:
    nodes = track.nodes if track else ()
    if parcel.state in _ENDED:
        start = left or (nodes[0].at if nodes else None)
        end = next((node.at for node in reversed(nodes) if node.kind is K.delivered), None)
        if start is None or end is None or end <= start:
            return None
        return TrackView(words.tr("service.track_whole", span=words.duration((end - start).total_seconds())))
    if parcel.state not in _UNDER_WAY:
        return None
    synced = track.synced_at if track else parcel.track_synced_at
    text = (
        words.tr("service.track_synced", ago=words.since(synced, now))
        if synced
        else words.tr("service.story_no_track")
    )
    return TrackView(text, _trouble(track, left, words, now))


def _trouble(track: Track | None, left: datetime | None, words: Words, now: datetime) -> Chip | None:
    nodes = track.nodes if track else ()
    since = nodes[-1].at if nodes else left
    if since is None:
        return None
    silent = now - since
    span = words.duration(silent.total_seconds())
    if not nodes:
        is_silent = silent > SILENT_AFTER
        return Chip("wait", words.tr("service.track_silent", span=span)) if is_silent else None
    if all(node.kind in _NOT_MOVING for node in nodes) and left is not None and now - left > STALE_AFTER:
        span = words.duration((now - left).total_seconds())
        return Chip("wait", words.tr("service.track_not_picked_up", span=span))
    if silent > STALE_AFTER:
        return Chip("wait", words.tr("service.track_stale", span=span))
    synced = track.synced_at if track else None
    if synced is not None and now - synced > UNASKED_AFTER:
        ago = words.duration((now - synced).total_seconds())
        return Chip("info", words.tr("service.track_unasked", span=ago))
    return None


@dataclass(frozen=True, slots=True)
class RawView:
    """One courier's node in full: what the courier wrote, when it came here, and from whom. ``facts`` are
    (name, value) pairs."""

    title: str
    raw: str
    facts: tuple[tuple[str, str], ...]


def raw_view(order: Order, entry: StoryRow, words: Words) -> RawView:
    """A courier's node that was chosen in the story; its moments are written in full: reps read them to couriers."""
    tr = words.tr
    parcel = order.parcel(entry.parcel_no)
    facts = [(tr("service.raw_at"), words.moment(entry.at))]
    if entry.heard_at is not None:
        facts.append((tr("service.raw_heard"), words.moment(entry.heard_at)))
    if entry.lasted_s is not None:
        facts.append((tr("service.raw_lasted"), words.duration(entry.lasted_s)))
    if parcel is not None:
        carrier = states.carrier_name(parcel.carrier, words)
        facts.append((tr("service.raw_waybill"), f"{carrier} {parcel.waybill_no}".strip()))
    facts.append((tr("service.raw_source"), entry.place))
    return RawView(entry.name, entry.raw or tr("service.raw_none"), tuple(facts))
