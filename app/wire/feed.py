"""What the hub feeds its stations: changes, the fast lane, and how a copy is compared with what is right."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from app.core.order import Parcel, Stop

FeedKind = Literal["order", "history", "track", "alarm", "station", "item", "person", "setting", "ticket"]


def _no_body() -> msgspec.Raw:
    return msgspec.Raw(b"null")


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the feed. ``body`` stays raw JSON until somebody needs it; null when ``gone``."""

    seq: int
    kind: str
    key: str
    gone: bool = False
    body: msgspec.Raw = msgspec.field(default_factory=_no_body)


class ChangePage(msgspec.Struct, frozen=True, kw_only=True):
    """``after`` says where the page begins, in the stream by the hub, else by who asked for it: who stands before it
    pulls instead of applying it.
    """

    epoch: str
    head: int
    next: int
    changes: list[Change]
    after: int | None = None


class Urgent(msgspec.Struct, frozen=True, kw_only=True):
    """A stop was set or lifted: the fast lane, never moves the cursor (design 3.6).

    ``seq`` compares only with numbers of the same ``epoch`` (design 3.11); "" from a hub that does not say it.
    """

    seq: int
    order_no: str
    stops: tuple[Stop, ...]
    is_frozen: bool
    parcels: tuple[Parcel, ...] = ()
    epoch: str = ""


class Head(msgspec.Struct, frozen=True, kw_only=True):
    head: int
    now: datetime


class Rows(msgspec.Struct, frozen=True, kw_only=True):
    """What the feed holds about one order now, ahead of the page it will come with: the order, its file and tracks,
    and its goods. Empty where nobody the asker may see has the number."""

    epoch: str
    changes: list[Change] = []


class BucketDigest(msgspec.Struct, frozen=True, kw_only=True):
    bucket: int
    count: int
    hash: str


class Digest(msgspec.Struct, frozen=True, kw_only=True):
    epoch: str
    seq: int
    buckets: list[BucketDigest]


class RepairAsk(msgspec.Struct, frozen=True, kw_only=True):
    """A copy differs in these buckets: ``held`` are its rows there, seq by order number.

    No buckets: too many to be named, the whole copy is loaded anew; the hub is only told.
    """

    seq: int
    buckets: list[int] = []
    held: dict[str, int] = {}


class Repair(msgspec.Struct, frozen=True, kw_only=True):
    """What is right at ``seq``: rows the copy lacks or holds otherwise, ``gone`` for those it should not hold.

    ``is_whole`` False: too many differ, load everything anew.
    """

    epoch: str
    seq: int
    is_whole: bool
    changes: list[Change] = []
