"""The one table that decides everything: role x route, role x act, mask, screens (design 6, GOV-01).

A *caller* has one effective role. A person signed on brings their own. A station at which nobody is signed on
acts as ``operator`` with the rights of :data:`OPERATOR`; where the shop requires sign-on it has no role, and only
facts that happened at a bench are taken. The person decides acts, reveal and screens; the station decides
mask and scope of what it is fed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from app.core.acts import FACTS, ActKind
from app.wire import Role

R = Role
A = ActKind
EVERYONE = frozenset(Role)

#: The rights of a station's own ``operator`` where sign-on may be skipped.
OPERATOR: dict[str, Role] = {
    "packing": R.packer,
    "supervisor": R.supervisor,
    "service": R.cs_rep,
    "ops": R.ops_lead,
}
#: Who may sign on at all for work on the floor.
FLOOR = frozenset({R.packer, R.supervisor, R.warehouse_admin, R.admin})
HEADS_OF_FLOOR = FLOOR - {R.packer}
SERVICE = frozenset({R.cs_rep, R.cs_lead, R.ops_lead, R.admin})

# ------------------------------------------------------------------------------------------------ acts

_BY_ACT: dict[ActKind, frozenset[Role]] = {
    **dict.fromkeys(FACTS, FLOOR),
    A.cancel: SERVICE,
    A.change_address: SERVICE,
    A.change_remark: SERVICE,
    A.rush: SERVICE | {R.supervisor, R.warehouse_admin},
    A.hold: SERVICE | HEADS_OF_FLOOR,
    A.release: HEADS_OF_FLOOR | {R.cs_lead, R.ops_lead},
    A.decide_conflict: HEADS_OF_FLOOR | {R.ops_lead},
    A.take_over: HEADS_OF_FLOOR,
    A.redo_label: HEADS_OF_FLOOR | {R.ops_lead},
    A.reveal: SERVICE | HEADS_OF_FLOOR,
    A.close_refund: frozenset({R.cs_lead, R.ops_lead, R.admin}),
    A.message_sent: SERVICE,
    A.split_parcel: FLOOR,
}


#: Kinds of station at which things happen to parcels.
_FLOOR_STATIONS = frozenset({"packing", "supervisor"})


def may_act(role: Role | None, kind: str, station_kind: str | None = None) -> bool:
    """Whether this act is taken. Without a role (sign-on required, nobody there): facts of a bench alone.

    An unknown kind is let through to those who know kinds: they refuse it with the right reason.
    """
    try:
        known = ActKind(kind)
    except ValueError:
        return True
    if role is None:
        return known in FACTS and station_kind in _FLOOR_STATIONS
    return role in _BY_ACT[known]


def acts_of(role: Role | None, station_kind: str | None = None) -> tuple[str, ...]:
    """All kinds of act that are taken, in the order of the glossary."""
    return tuple(kind.value for kind in ActKind if may_act(role, kind, station_kind))


def badges_of(role: Role | None) -> frozenset[Role]:
    """Whose badges somebody may make: who holds a badge is its person, so nobody makes one for a higher role."""
    return EVERYONE if role is R.admin else frozenset({R.packer, R.supervisor})


def pairs(role: Role | None, station_kind: str) -> bool:
    """Whether somebody may let a station of this kind join: a station acts with its desk's rights, so nobody
    opens one that may more than they do themselves."""
    return role is R.admin or station_kind in _FLOOR_STATIONS


# ---------------------------------------------------------------------------------------------- routes

#: What a route needs of its caller beside the role.
Needs = Literal["", "station", "loopback_or_role", "nothing"]


@dataclass(frozen=True, slots=True)
class Access:
    """Who may call a route. ``stations``: kinds of paired station that may, whoever is signed on there.

    ``needs`` = ``station`` (a device token must be there), ``nothing`` (no token at all: the body or a
    signature proves it), ``loopback_or_role`` (programs on this very machine need no token).
    """

    roles: frozenset[Role] = frozenset()
    stations: frozenset[str] = frozenset()
    needs: Needs = ""


ALL_STATIONS = frozenset(OPERATOR)
_OPEN = Access(needs="nothing")
_ANYONE_KNOWN = Access(EVERYONE, ALL_STATIONS)
_OFFICE = EVERYONE - {R.packer}
#: Who looks after the shops: the ops desk, and those who put settings right.
_SHOPS = Access(frozenset({R.ops_lead, R.admin}))
_HEALTH = frozenset({R.supervisor, R.warehouse_admin, R.cs_lead, R.ops_lead, R.manager, R.admin})
_WORK = Access(frozenset({R.supervisor, R.warehouse_admin, R.ops_lead, R.manager, R.admin}))
_INTAKE = Access(frozenset({R.warehouse_admin, R.ops_lead, R.admin}))

ROUTES: dict[tuple[str, str], Access] = {
    ("GET", "/healthz"): _OPEN,
    ("GET", "/openapi.json"): _OPEN,
    ("GET", "/ca.pem"): _OPEN,
    ("GET", "/metrics"): Access(frozenset({R.admin, R.ops_lead, R.manager}), needs="loopback_or_role"),
    # who is there
    ("POST", "/v1/setup"): _OPEN,
    ("POST", "/v1/sessions"): _OPEN,
    ("GET", "/v1/sessions/me"): _ANYONE_KNOWN,
    ("POST", "/v1/sessions/end"): _ANYONE_KNOWN,
    ("POST", "/v1/stations"): _OPEN,
    ("GET", "/v1/stations"): Access(HEADS_OF_FLOOR | {R.ops_lead, R.manager}),
    ("PUT", "/v1/stations/me"): Access(EVERYONE, ALL_STATIONS, needs="station"),
    ("POST", "/v1/stations/{station_id}/revoke"): Access(frozenset({R.admin, R.warehouse_admin})),
    ("POST", "/v1/pairing_codes"): Access(frozenset({R.admin, R.warehouse_admin})),
    ("GET", "/v1/users"): Access(frozenset({R.admin})),
    ("POST", "/v1/users"): Access(frozenset({R.admin})),
    ("POST", "/v1/users/{name}/password"): Access(frozenset({R.admin})),
    ("POST", "/v1/users/{name}/role"): Access(frozenset({R.admin})),
    ("POST", "/v1/users/{name}/badge"): Access(frozenset({R.admin, R.warehouse_admin})),
    ("POST", "/v1/users/{name}/badge/revoke"): Access(frozenset({R.admin, R.warehouse_admin})),
    # the wire
    ("GET", "/v1/changes"): Access(_OFFICE, ALL_STATIONS),
    ("GET", "/v1/stream"): Access(_OFFICE, ALL_STATIONS),
    ("GET", "/v1/digest"): Access(_OFFICE, ALL_STATIONS),
    ("POST", "/v1/digest/repair"): Access(_OFFICE, ALL_STATIONS),
    ("GET", "/v1/rows"): Access(_OFFICE, ALL_STATIONS),
    ("POST", "/v1/acts"): _ANYONE_KNOWN,  # each act is judged by itself: may_act
    ("POST", "/v1/leases"): Access(FLOOR, needs="station"),
    ("POST", "/v1/go_checks"): Access(FLOOR, needs="station"),
    ("POST", "/v1/parcels/{parcel_no}/label"): Access(FLOOR, needs="station"),
    # orders
    ("GET", "/v1/orders"): Access(_OFFICE),
    ("GET", "/v1/exports/orders"): Access(_OFFICE),
    ("GET", "/v1/orders/{order_no}"): Access(EVERYONE),
    # finance asks who changed an order and takes it away as a file; nobody's words are in it (FRZ-10)
    ("GET", "/v1/orders/{order_no}/story"): Access(EVERYONE - {R.manager}),
    ("POST", "/v1/orders/{order_no}/reveal"): Access(_BY_ACT[A.reveal]),
    ("POST", "/v1/alarms/{alarm_id}/ack"): Access(HEADS_OF_FLOOR | {R.cs_lead, R.ops_lead}),
    ("POST", "/v1/restored/go"): Access(HEADS_OF_FLOOR),
    ("POST", "/v1/restored/brought"): _INTAKE,
    ("POST", "/v1/parcels/{parcel_no}/track"): Access(SERVICE | HEADS_OF_FLOOR),
    # what was worked: one's own day is everybody's on the floor, that of others is for who runs it
    ("GET", "/v1/me/day"): Access(FLOOR, _FLOOR_STATIONS),
    ("GET", "/v1/work"): _WORK,
    ("GET", "/v1/work/acts"): _WORK,
    ("GET", "/v1/exports/work"): _WORK,
    # intake
    ("GET", "/v1/shops"): Access(_OFFICE),
    ("PUT", "/v1/shops/{shop_id}"): Access(frozenset({R.admin})),
    ("POST", "/v1/shops/{shop_id}/check"): _SHOPS,
    ("POST", "/v1/couriers/{connector}/check"): _SHOPS,
    ("POST", "/v1/shops/{shop_id}/poll"): _SHOPS,
    ("POST", "/v1/shops/{shop_id}/sweep"): _SHOPS,
    ("GET", "/v1/shops/{shop_id}/missed"): _SHOPS,
    ("POST", "/v1/shops/{shop_id}/missed"): _SHOPS,
    ("GET", "/v1/ship_backs"): Access(_HEALTH),
    ("POST", "/v1/ship_backs/{parcel_no}/retry"): _SHOPS,
    ("GET", "/v1/quarantine"): _SHOPS,
    ("POST", "/v1/quarantine/{quarantine_id}/retry"): _SHOPS,
    ("POST", "/v1/imports"): _INTAKE,
    ("GET", "/v1/imports/{ticket}"): _INTAKE,
    ("POST", "/v1/imports/{ticket}/stop"): _INTAKE,
    ("POST", "/v1/webhooks/carrier/{connector}"): _OPEN,
    ("POST", "/v1/webhooks/{shop_id}"): _OPEN,
}


def may_call(access: Access, role: Role | None, station_kind: str | None) -> bool:
    """Whether a known caller may call: by role, or because any station of this kind may."""
    if access.needs == "nothing":
        return True
    if access.needs == "station" and station_kind is None:
        return False
    return role in access.roles or station_kind in access.stations


def sees_health(role: Role | None) -> bool:
    """Whether the list of shops tells how they do."""
    return role in _HEALTH


#: Calls a window shows a button for, under the name its answer of "who am I" tells.
_DOORS: dict[str, tuple[str, str]] = {
    "import": ("POST", "/v1/imports"),
    "ack_alarm": ("POST", "/v1/alarms/{alarm_id}/ack"),
    "restored_go": ("POST", "/v1/restored/go"),
    "restored_brought": ("POST", "/v1/restored/brought"),
    "pair": ("POST", "/v1/pairing_codes"),
    "shops": ("POST", "/v1/shops/{shop_id}/check"),
    "shop_pace": ("PUT", "/v1/shops/{shop_id}"),
    "track": ("POST", "/v1/parcels/{parcel_no}/track"),
    "work": ("GET", "/v1/work"),
}


def doors_of(role: Role | None, station_kind: str | None = None) -> tuple[str, ...]:
    """Names of the calls beside acts that a caller may make."""
    return tuple(name for name, route in _DOORS.items() if may_call(ROUTES[route], role, station_kind))


# ------------------------------------------------------------------------------------ masks and screens

Mask = Literal["floor", "desk", "office"]

#: Mask of what a station is fed, by its kind (design 3.1: the mask belongs to the station).
_STATION_MASK: dict[str, Mask] = {
    "packing": "floor",
    "supervisor": "floor",
    "service": "desk",
    "ops": "desk",
}
#: Mask of a session without a station, by its role.
_ROLE_MASK: dict[Role, Mask] = {
    R.packer: "floor",
    R.supervisor: "floor",
    R.warehouse_admin: "floor",
    R.cs_rep: "desk",
    R.cs_lead: "desk",
    R.ops_lead: "desk",
    R.finance: "office",
    R.manager: "office",
    R.admin: "desk",
}


def mask_of(role: Role | None, station_kind: str | None) -> Mask:
    """What may be seen: the station's mask where there is one, else the role's, else the closest one."""
    if station_kind is not None:
        return _STATION_MASK[station_kind]
    return _ROLE_MASK[role] if role is not None else "office"


#: Desks a person may work at; a screen that is not here is not offered.
_SCREENS: dict[Role, tuple[str, ...]] = {
    R.packer: ("packing",),
    R.supervisor: ("packing", "supervisor"),
    R.warehouse_admin: ("packing", "supervisor"),
    R.cs_rep: ("service",),
    R.cs_lead: ("service",),
    R.ops_lead: ("service", "supervisor", "ops"),
    R.finance: ("ops",),
    R.manager: ("ops",),
    R.admin: ("packing", "supervisor", "service", "ops"),
}


def screens_of(role: Role | None) -> tuple[str, ...]:
    return _SCREENS[role] if role is not None else ()
