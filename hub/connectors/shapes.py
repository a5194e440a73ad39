"""What passes between the folder of a platform and the hub's line: values, one Protocol, and the ways to fail.

A channel folder gives three things and knows nothing of databases, queues or orders of ours:

- ``mapping.py``: ``to_order(payload, shop) -> ChannelOrder`` and what else is pure (signatures, words, paging);
- ``client.py``: ``open_shop(shop, http, clock) -> ShopDoor``, the only place that speaks to the network;
- for platforms that call us, ``mapping.py`` also has ``read_push(raw, headers, shop, now) -> Push``.

The line (``hub/connectors/line``) owns cursors, tokens, retries, alarms and the writer.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from app.core.channel import ChannelOrder
from app.core.hints import HintKind as HintKind
from app.core.values import quickly_made


@quickly_made
@dataclass(frozen=True, slots=True, kw_only=True)
class Hint:
    """One event of a platform about one order. ``event_id`` is the platform's own, kept 30 days: twice is once."""

    event_id: str
    channel_order_no: str
    kind: HintKind
    at: datetime | None = None
    """When it happened, as the platform says; None where it does not."""
    word: str = ""
    """The platform's own topic or tag, for the history and for words nobody has seen yet."""
    is_known: bool = True
    """False for a topic no table knows: the order is fetched all the same, and one alarm is raised per new word."""
    damaged: str = ""
    """A message about an order that cannot be read, as it came; ``channel_order_no`` is then empty: quarantined."""
    seller: str = ""
    """Whose order, by the platform's own number of its sellers, where it says so: one app may work for several."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """An order in a list of changes. ``told`` where the list brings the whole order along."""

    channel_order_no: str
    modified_at: datetime | None = None
    told: Told | None = None
    damaged: str = ""
    """An element without a readable order number, as JSON; ``channel_order_no`` is then empty: put aside alone."""
    path: str = ""
    """Where in the answer it stood."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A fetched detail: the one thing that may lift a stop that a hint set, or change money or address."""

    order: ChannelOrder
    modified_at: datetime | None
    """When the platform last changed it; None where it does not say, then the moment of fetching counts."""
    raw: bytes
    """As it came: sealed where it must be kept."""
    unknown: tuple[str, ...] = ()
    """Codes no table knows, as ``"order_status=77"``: kept with the order, one alarm per new word."""


@quickly_made
@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """What a platform's call to us holds, and the body it wants as answer."""

    hints: tuple[Hint, ...]
    answer: bytes
    content_type: str = "application/json"
    damaged: tuple[str, ...] = ()
    """Elements that could not be read, as JSON texts: quarantined with the push, never lost, never refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """What a refreshed authorisation gives."""

    access_token: str
    refresh_token: str = ""
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shipment:
    """A waybill to be told to the platform."""

    channel_order_no: str
    carrier: str
    """The kuaidi100 company code; the folder knows the platform's own."""
    waybill_no: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Paces:
    """How a platform wants to be asked for changes."""

    window: timedelta
    """The longest span of one question."""
    behind: timedelta
    """The end of a span stays so far behind the clock: later changes still come in."""
    overlap: timedelta = timedelta(seconds=30)
    """A new span begins so far before the end of the last one."""
    keeps: timedelta = timedelta(days=90)
    """Older orders are not told any more."""


# ------------------------------------------------------------------------------------------------ failures


class Cause(StrEnum):
    """Why, where the platform did not say so itself: stands in a trouble's ``word``, and people read
    ``causes.<name>`` of the texts for it (:meth:`app.core.texts.Texts.cause`). The sign tells it from a platform's
    own words."""

    timeout = "@timeout"
    no_connection = "@no_connection"
    busy = "@busy"
    too_often = "@too_often"
    line_closed = "@line_closed"
    bad_address = "@bad_address"
    not_theirs = "@not_theirs"
    lacks = "@lacks"
    no_refresh = "@no_refresh"
    right_ip = "@right_ip"
    right_call = "@right_call"
    right_forbidden = "@right_forbidden"
    unreadable = "@unreadable"
    no_company = "@no_company"
    not_accepted = "@not_accepted"
    bad_number = "@bad_number"

    def of(self, detail: str) -> str:
        """With what it is about, e.g. the name of a setting: ``"@lacks:app_key"``."""
        return f"{self}:{detail}"


class ShopTrouble(Exception):
    """Something a shop could not do; ``word`` is a :class:`Cause`, or the platform's own code and text, without
    secrets or people."""

    def __init__(self, word: str = "") -> None:
        super().__init__(word)
        self.word = word


class Later(ShopTrouble):
    """Asked too often, busy, time-out, away: the same call may be made again, ``after`` at the earliest."""

    def __init__(self, word: str = "", after: timedelta = timedelta(0)) -> None:
        super().__init__(word)
        self.after = after


class TokenExpired(ShopTrouble):
    """The access token is over: refresh it and ask again."""


class SignInAgain(ShopTrouble):
    """The seller's authorisation is over or withdrawn: a person has to authorise anew."""


class NoPermission(ShopTrouble):
    """The app lacks a right: a person has to ask the platform for it. ``permission`` names it where known."""

    def __init__(self, word: str = "", permission: str = "") -> None:
        super().__init__(word)
        self.permission = permission


class WrongSettings(ShopTrouble):
    """Key, secret or address are wrong: hub.toml has to be put right."""


class NotTaken(ShopTrouble):
    """The platform understood and says no (shipped already, unknown order): asking again changes nothing."""


class BadPayload(ShopTrouble):
    """An answer or push that cannot be read; ``path`` says where, e.g. ``"order_info.goods_count"``."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


class BadSignature(ShopTrouble):
    """A push that its platform did not sign."""


# --------------------------------------------------------------------------------------------------- doors


class ShopDoor(Protocol):
    """One shop on one platform. Every method raises :class:`ShopTrouble` and nothing else for what the other
    side does; calls end within the manifest's ``timeout_s``."""

    paces: Paces

    def changed(self, since: datetime, until: datetime) -> AsyncIterator[Sequence[Seen]]:
        """Pages of orders changed in ``[since, until)``, in whatever order the platform needs to be read."""
        ...

    async def order(self, channel_order_no: str) -> Told | None:
        """One order; None when the platform does not know it."""
        ...

    async def ship(self, shipment: Shipment) -> None:
        """Tells the waybill; the same one again is no error."""
        ...

    async def refresh(self, refresh_token: str) -> Tokens:
        """A new access token for the authorisation; :class:`SignInAgain` when it is over."""
        ...

    async def check(self) -> None:
        """The cheapest call that needs key, secret, token and rights: "test connection" (ING-14)."""
        ...

    def with_token(self, access_token: str) -> ShopDoor:
        """The same shop with another token."""
        ...


class Listener(Protocol):
    """Messages over a connection that we open (PDD): the folder's ``open_listener(shop, clock)``."""

    def hints(self) -> AsyncIterator[Sequence[Hint]]:
        """Connects, yields hints as they come, and tells the platform a message is taken only when the next one is
        asked for: what the line has not committed comes again. Ends with :class:`ShopTrouble`."""
        ...
