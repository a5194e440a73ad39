"""The pieces of a source's answers that nodes were read from, sealed beside the row of their number (TRK-06)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from app.core.masks import phones_in
from hub.connectors.couriers import News
from hub.orders.results import Sealer

#: Source, parcel and waybill number.
Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class RawNode:
    """The piece of a source's answer that a node was read from, phones masked, and when it was fetched."""

    text: str
    fetched_at: datetime


#: The raw piece behind each node of a parcel, by its time and its masked words.
RawNodes = dict[tuple[datetime, str], RawNode]


class Pieces:
    """Sealed for their number: a row copied to another parcel does not open there."""

    def __init__(self, vault: Sealer) -> None:
        self._vault = vault

    def added(self, key: Key, blob: bytes | None, news: News, now: datetime) -> bytes:
        """The kept pieces with those of this answer, sealed; what came before keeps the moment it came."""
        pieces = {} if blob is None else self._opened(key, bytes(blob))
        for node, raw in zip(news.nodes, news.raws, strict=True):
            pieces.setdefault((node.at, node.raw_text), (raw, now))
        kept = [[at.isoformat(), text, raw, when.isoformat()] for (at, text), (raw, when) in pieces.items()]
        return self._vault.seal({"pieces": kept}, _context(key))

    def raw_nodes(self, key: Key, blob: bytes) -> RawNodes:
        """What was kept, for people's eyes."""
        found = self._opened(key, blob).items()
        return {node: RawNode(phones_in(raw), when) for node, (raw, when) in found}

    def _opened(self, key: Key, blob: bytes) -> dict[tuple[datetime, str], tuple[str, datetime]]:
        opened = self._vault.open(blob, _context(key))
        return {
            (datetime.fromisoformat(at), text): (raw, datetime.fromisoformat(when))
            for at, text, raw, when in opened["pieces"]
        }


def _context(key: Key) -> str:
    return ":".join(("track_watch", *key))
