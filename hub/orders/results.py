"""What the doors of hub.orders give back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from app.core.order import Consignee, OrderState
from app.wire import Urgent

Outcome = Literal["new", "changed", "same", "differs", "failed"]
Scope = Literal["packing", "service", "all"]


class HubBusy(Exception):
    """Nothing was decided: the database is away, full or locked too long, or too much waits. Ask again."""

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause


class OurFault(Exception):
    """A fault of ours in a job that has no answer of its own for it; the cause is chained and logged."""


class Sealer(Protocol):
    """The part of hub.vault.Vault that orders need."""

    def seal(self, value: dict[str, Any], context: str) -> bytes:
        """Sealed under ``context``."""

    def open(self, blob: bytes, context: str) -> dict[str, Any]:
        """What was sealed under ``context``."""

    def blind(self, kind: str, text: str) -> bytes:
        """16 bytes, equal for equal normalised texts of one kind."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of one channel order. ``order_no`` is empty only when ``failed``.

    ``differs``: we know the order with other lines; it was left as it is.
    """

    order_no: str
    outcome: Outcome
    seq: int


@dataclass(frozen=True, slots=True)
class Tracked:
    """What an answer of a carrier did. ``known`` is False for parcels that are not ours."""

    known: bool
    new_nodes: int = 0
    jumps: int = 0
    state: OrderState | None = None
    seq: int = 0


@dataclass(frozen=True, slots=True)
class UrgentFor:
    """An event of the urgent lane and whose it is."""

    warehouse: str
    event: Urgent


@dataclass(frozen=True, slots=True)
class Committed:
    """One commit that changed something: the numbers it took and the stops it set or lifted."""

    seq_from: int
    seq_to: int
    urgent: tuple[UrgentFor, ...] = ()
    count: int = 0


@dataclass(frozen=True, slots=True)
class View:
    """What one kind of reader sees. ``warehouse`` None is all; ``mask`` names one of the feed's masks."""

    scope: Scope
    warehouse: str | None = None
    mask: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the feed: ``body`` is the JSON of wire.ChangePage; caught up when ``next`` == ``head``.

    ``floor``: a cursor below it must begin at 0, its tombstones are swept.
    """

    body: bytes
    next: int
    head: int
    count: int
    epoch: str
    floor: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Personal:
    """The full consignee: only after an applied ``reveal`` or for a label."""

    consignee: Consignee = field(default_factory=Consignee)
    buyer_nick: str = ""
