"""What passes between the folder of a courier source and the hub's line: values, one Protocol; failures are those
of :mod:`hub.connectors.shapes`.

A carrier folder gives ``mapping.py`` (pure: signatures, ``read_push``, ``read_answer``, words) and ``client.py``
(``open_courier(carrier, http) -> CourierDoor``, the only place that speaks to the network).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from app.core.tracking import TrackNode


class Watching(StrEnum):
    """What a source says about its own watch over a number."""

    goes_on = "goes_on"
    over = "over"  # delivered or returned: it will say no more
    given_up = "given_up"  # no news for too long: it stops unless it is asked anew


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What a push or an answer says about one waybill."""

    waybill_no: str
    """Empty where the source does not say, as in a push without a result."""
    carrier: str = ""
    """The company that the source answers under (kuaidi100 code); empty where it does not say."""
    nodes: tuple[TrackNode, ...] = ()
    """Oldest first, phones in them masked."""
    raws: tuple[str, ...] = ()
    """The piece of the answer that each node was read from, as JSON, in the order of ``nodes``; unmasked."""
    watching: Watching = Watching.goes_on
    corrected: str = ""
    """The company that the source found to be the right one, where it is not the one we named."""
    unknown: tuple[str, ...] = ()
    """Codes no table knows, as ``"statusCode=977"``: kept as ``other``, one alarm per new word."""
    damaged: tuple[str, ...] = ()
    """Nodes that could not be read, as JSON texts: quarantined, never lost, never refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """A number to be asked for or watched."""

    waybill_no: str
    carrier: str
    """kuaidi100 company code; empty = the source shall find out."""
    phone_tail: str = ""
    """Last four digits of sender's or receiver's phone, for companies that want them."""


class CourierDoor(Protocol):
    """One account at one source. Every method raises :class:`hub.connectors.shapes.ShopTrouble` and nothing else
    for what the other side does; calls end within the manifest's ``timeout_s``."""

    @property
    def takes_subscriptions(self) -> bool:
        """Whether pushes can reach us."""
        ...

    async def subscribe(self, parcel: Parcel) -> None:
        """Have the number watched; a number that is watched already is no error."""
        ...

    async def query(self, parcel: Parcel) -> News:
        """All nodes so far. Who asks keeps the source's pace."""
        ...

    async def check(self, waybill_no: str) -> None:
        """Key and settings tried with the cheapest call: a question about ``waybill_no``, a number that nobody has and
        that was never asked for. That the source knows nothing of it is all well."""
        ...

    def needs_phone(self, carrier: str) -> bool:
        """Whether this company's numbers are told only with the tail of a phone."""
        ...
