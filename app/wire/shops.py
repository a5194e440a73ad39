"""How shops and courier sources do, what was missed, told back or put aside."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec


class SourceHealth(msgspec.Struct, frozen=True, kw_only=True):
    """How somebody does who tells us things. ``trouble`` "" is well; else later, no_permission, sign_in_again,
    wrong_settings, bad_payload, refused, with their own ``word`` and ``text`` in the caller's language."""

    trouble: str = ""
    word: str = ""
    text: str = ""
    failures: int = 0
    failing_since: datetime | None = None
    last_good_at: datetime | None = None
    last_push_at: datetime | None = None


class ShopHealth(SourceHealth, frozen=True, kw_only=True):
    """How a shop on a platform does. ``cursor``: changes before it are taken. ``poll_s`` is the pace people set."""

    is_listening: bool = False
    cursor: datetime | None = None
    next_poll_at: datetime | None = None
    poll_s: int = 0
    orders_today: int = 0
    quarantined: int = 0
    missed: int = 0
    ship_backs_waiting: int = 0
    ship_backs_refused: int = 0
    ship_back_due_at: datetime | None = None


class ShopView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One shop of the hub's settings, without its secrets; ``health`` for shops on a platform."""

    shop_id: str
    connector: str
    warehouse: str
    health: ShopHealth | None = None


class CourierSource(SourceHealth, frozen=True, kw_only=True, omit_defaults=True):
    """How a source of courier news does. ``parcels`` are those it is asked about
    or watches; ``takes_subscriptions``: it tells by itself what happens to them."""

    connector: str
    takes_subscriptions: bool = False
    parcels: int = 0


class ShopList(msgspec.Struct, frozen=True, kw_only=True):
    """``couriers``: where courier news comes from, for those who see how shops do."""

    shops: list[ShopView]
    couriers: list[CourierSource] = []


class ShopPace(msgspec.Struct, frozen=True, kw_only=True):
    """How often a shop is asked for changes, in seconds."""

    poll_s: Annotated[int, msgspec.Meta(ge=1, le=86_400)]


class ShopChecked(msgspec.Struct, frozen=True, kw_only=True):
    """What "test connection" found; ``trouble`` "" is all well."""

    trouble: str = ""
    word: str = ""
    text: str = ""


class ShopPolled(msgspec.Struct, frozen=True, kw_only=True):
    """``orders``: how many came or changed."""

    orders: int


class MissedOrders(msgspec.Struct, frozen=True, kw_only=True):
    """What the last sweeps found at the platform and not here."""

    channel_order_nos: list[str]


class MissedTaken(msgspec.Struct, frozen=True, kw_only=True):
    taken: int
    left: int


class ShipBackView(msgspec.Struct, frozen=True, kw_only=True):
    """A waybill on its way to its platform: ``state`` waiting, told, refused or overtaken, the deadline beside it."""

    parcel_no: str
    order_no: str
    shop_id: str
    channel_order_no: str
    carrier: str
    waybill_no: str
    state: str
    asked_at: datetime
    due_at: datetime
    ship_by_at: datetime | None = None
    told_at: datetime | None = None
    tries: int = 0
    word: str = ""


class ShipBackList(msgspec.Struct, frozen=True, kw_only=True):
    ship_backs: list[ShipBackView]


class QuarantineView(msgspec.Struct, frozen=True, kw_only=True):
    """One thing put aside, without what is in it. ``can_retry``: it names an order of a platform."""

    quarantine_id: str
    at: datetime
    what: str
    ref: str
    error: str
    can_retry: bool = False


class QuarantineList(msgspec.Struct, frozen=True, kw_only=True):
    things: list[QuarantineView]
