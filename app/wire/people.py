"""Who signs on, and what they may do."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

from app.wire.stations import WIRE


class Role(StrEnum):
    """The nine roles, as the glossary orders them. What each may do stands in ``hub.auth.rights``."""

    packer = "packer"
    supervisor = "supervisor"
    warehouse_admin = "warehouse_admin"
    cs_rep = "cs_rep"
    cs_lead = "cs_lead"
    ops_lead = "ops_lead"
    finance = "finance"
    manager = "manager"
    admin = "admin"


class SignIn(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Either user and password, or a badge."""

    user: str = ""
    password: str = ""
    badge: str = ""


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """``acts``, ``screens``, ``doors``: what this person may send, where they may work, which calls they may make."""

    token: str
    role: str
    expires_at: datetime
    wire: int = WIRE
    user: str = ""
    acts: list[str] = []
    screens: list[str] = []
    doors: list[str] = []


class Me(msgspec.Struct, frozen=True, kw_only=True):
    """Who the hub takes the caller for. ``role`` "": sign-on is required here and nobody did.

    ``doors`` names further calls this caller may make: import, ack_alarm, pair, shops, shop_pace, track.
    """

    user: str
    role: str
    acts: list[str]
    screens: list[str]
    mask: str
    warehouse: str = ""
    station_id: str = ""
    station_kind: str = ""
    sign_on_required: bool = False
    wire: int = WIRE
    doors: list[str] = []


class SetUp(msgspec.Struct, frozen=True, kw_only=True):
    """The first administrator of a new hub, with the code it printed at its first start."""

    code: str
    user: str
    password: str


class NewUser(msgspec.Struct, frozen=True, kw_only=True):
    """``warehouse`` "": all of them."""

    name: str
    role: str
    password: str
    warehouse: str = ""


class UserView(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    role: str
    warehouse: str = ""
    is_disabled: bool = False
    has_badge: bool = False


class UserList(msgspec.Struct, frozen=True, kw_only=True):
    users: list[UserView]


class NewPassword(msgspec.Struct, frozen=True, kw_only=True):
    password: str


class NewRole(msgspec.Struct, frozen=True, kw_only=True):
    role: str
    is_disabled: bool = False


class Badge(msgspec.Struct, frozen=True, kw_only=True):
    """``code`` is what the badge shows as a QR code; it is told this once."""

    name: str
    code: str
