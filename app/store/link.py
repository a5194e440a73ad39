"""How a station is joined to a hub: what the wire is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from app.core.values import dataclass
from app.ports import Clock, Dice, Engine, HubApi
from app.store.cache import Cache
from app.store.outbox import Outbox
from app.store.status import SyncStatus
from app.wire import Beat, Paired


def _nobody(_addresses: Sequence[str]) -> None:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkParts:
    """``changed`` takes topics; ``beat`` says what the station reports; ``revoked`` is called once when it is.

    ``addresses``: where else this hub is; ``told_addresses`` is called when it names others.
    """

    cache: Cache
    outbox: Outbox
    status: SyncStatus
    clock: Clock
    dice: Dice
    changed: Callable[[frozenset[str]], None]
    beat: Callable[[datetime], Beat]
    revoked: Callable[[], None]
    lang: Callable[[], str]
    addresses: Sequence[str] = ()
    told_addresses: Callable[[Sequence[str]], None] = _nobody


class Link(Protocol):
    """One hub, one token."""

    @property
    def hub(self) -> HubApi: ...

    @property
    def engines(self) -> Sequence[Engine]: ...

    def push_soon(self) -> None:
        """Something was recorded: send it now."""

    async def close(self) -> None: ...


class Connect(Protocol):
    """Given by main: ``sync.link.connect``. ``ca_pem``: the hub's own authority, pinned at pairing, or empty."""

    def __call__(self, hub_url: str, token: str, parts: LinkParts, ca_pem: str = "") -> Link: ...


@dataclass(frozen=True, slots=True)
class Joined:
    """``hub_url`` is where the hub is from now on; ``ca_pem`` what its certificate must come from, or empty."""

    paired: Paired
    hub_url: str
    ca_pem: str = ""


class Pair(Protocol):
    """Given by main: ``sync.link.pair``. The address may end in ``#`` and the fingerprint the hub shows.

    Raises HubTrouble; NotThatHub when the certificate is not the one of that fingerprint.
    """

    async def __call__(self, hub_url: str, code: str, name: str, lang: str) -> Joined: ...
