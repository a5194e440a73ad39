"""The ordinary surface, in Litestar: one declaration per shape, from the structs of app/wire.py.

Handlers parse, call and answer. Token and rights were decided by the gate; what it found is the ``call``.
"""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from litestar import Request, get, post, put
from litestar.params import FromPath, JSONBody, QueryParameter
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from app.core.order import Order
from app.core.qr import badge_code
from app.core.reasons import Reason
from app.wire import (
    AlarmView,
    Badge,
    Beat,
    BeatAnswer,
    Digest,
    Done,
    Envelope,
    Health,
    Me,
    NewPassword,
    NewRole,
    NewUser,
    OrderList,
    Paired,
    PairingAsk,
    PairingCode,
    PairRequest,
    Repair,
    RepairAsk,
    Restored,
    RevealAsk,
    Revealed,
    Role,
    Rows,
    Session,
    SetUp,
    SignIn,
    StationList,
    UserList,
    UserView,
)
from hub.api.context import Call, Doors, GivenCall, GivenDoors
from hub.api.front import CALL
from hub.api.http import ApiError
from hub.api.story_door import order_of
from hub.auth import pairing, people, rights
from hub.auth.callers import Caller
from hub.auth.masks import order_as_seen
from hub.auth.tokens import badge_secret, hash_of, new_badge_secret, new_pairing_code, new_token
from hub.db import tables as t
from hub.orders.restored import BroughtJob, GoJob
from hub.orders.said import SayJob

NAME_MAX = 64
#: How long a station gives a go_check: the hub alone, and where it asks a platform first (design 3.7).
_GO_CHECK_MS, _GO_CHECK_LIVE_MS = 300, 1500


def call_of(request: Request[Any, Any, Any]) -> Call:
    """What the gate found about a request."""
    call: GivenCall = request.scope[CALL]  # type: ignore[literal-required]
    return call


# ------------------------------------------------------------------------------------------------ health


#: More rows than this, and a copy is loaded anew.
REPAIRED_MOST = 200


@get("/healthz", summary="Can the hub serve?", include_in_schema=False)
async def healthz(doors: GivenDoors) -> Health:
    feed = doors.orders.feed
    try:
        epoch, seq = await asyncio.to_thread(lambda: (feed.epoch(), feed.head()))
    except SQLAlchemyError as error:
        raise ApiError(503, "database_away", retry_after_s=5) from error
    db = "postgresql" if doors.world.settings.db_url.startswith("postgresql") else "sqlite"
    return Health(status="ok", epoch=epoch, seq=seq, db=db)


# ------------------------------------------------------------------------------------- who is signed on


def _me(doors: Doors, caller: Caller) -> Me:
    return Me(
        user=caller.name,
        role=caller.role.value if caller.role else "",
        acts=list(rights.acts_of(caller.role, caller.station_kind)),
        screens=list(rights.screens_of(caller.role)),
        mask=caller.mask,
        warehouse=caller.warehouse or "",
        station_id=caller.station.station_id if caller.station else "",
        station_kind=caller.station_kind or "",
        sign_on_required=doors.world.settings.hub.sign_on_required,
        doors=list(rights.doors_of(caller.role, caller.station_kind)),
    )


@post("/v1/sessions", summary="Sign on with name and password, or with a badge", status_code=200)
async def sign_in(data: JSONBody[SignIn], doors: GivenDoors, call: GivenCall) -> Session:
    """A badge is taken on paired stations only. At a station the session belongs to it alone."""
    station = call.caller.station if call.caller else None
    if data.badge:
        person = await _by_badge(doors, call, data.badge)
    else:
        person = await _by_password(doors, call, data.user, data.password)
    if station and station.warehouse and person.warehouse not in (None, "", station.warehouse):
        raise ApiError(403, "other_warehouse")
    token = new_token()
    opened = people.open_session(
        person.person_id, person.role, token, station.station_id if station else None
    )
    expires_at = await doors.orders.writer.run(opened)
    role = Role(person.role)
    return Session(
        token=token,
        role=role.value,
        expires_at=expires_at,
        user=person.name,
        acts=list(rights.acts_of(role)),
        screens=list(rights.screens_of(role)),
        doors=list(rights.doors_of(role, station.kind if station else None)),
    )


async def _by_badge(doors: Doors, call: Call, scanned: str) -> Any:
    if call.caller is None or call.caller.station is None:
        raise ApiError(403, "badge_at_station_only")
    key = f"badge|{call.caller.station.station_id}"
    doors.auth.tries.check(key)
    badge_hash = hash_of(badge_secret(scanned))
    person = await asyncio.to_thread(_person_where, doors, t.person.c.badge_hash == badge_hash)
    if person is None or person.is_disabled:
        doors.auth.tries.failed(key)
        raise ApiError(401, "badge_unknown")
    return person


async def _by_password(doors: Doors, call: Call, user: str, password: str) -> Any:
    host = call.request.client_host
    key = f"password|{user.lower()[:NAME_MAX]}|{host}"
    doors.auth.tries.check(key)
    doors.auth.host_tries.check(host)  # one password tried on many names
    if len(password) > people.PASSWORD_MAX:
        raise ApiError(401, "wrong_password")
    doors.auth.host_tries.failed(host)
    doors.auth.tries.failed(key)  # until we know better: many guesses at once are many guesses

    def look() -> Any:
        person = _person_where(doors, people.is_named(user))
        stored = person.password_hash if person is not None and not person.is_disabled else None
        return person if doors.auth.passwords.fits(stored, password) else None

    person = await doors.auth.passwords.apart(look)
    if person is None:
        raise ApiError(401, "wrong_password")
    doors.auth.tries.succeeded(key)
    doors.auth.host_tries.forgiven(host)
    return person


def _person_where(doors: Doors, condition: Any) -> Any:
    with doors.orders.engine.connect() as conn:
        return conn.execute(select(t.person).where(condition)).first()


@get("/v1/sessions/me", summary="Who the hub takes the caller for, and what it may do")
async def who_am_i(doors: GivenDoors, call: GivenCall) -> Me:
    return _me(doors, call.known)


@post("/v1/sessions/end", summary="Sign off", status_code=200)
async def sign_off(doors: GivenDoors, call: GivenCall) -> Done:
    """At a station: whoever is signed on there. Without one: the session of the token."""
    caller = call.known
    if caller.station is not None:
        await doors.orders.writer.run(people.end_sessions_at(caller.station.station_id))
    else:
        await doors.orders.writer.run(people.end_session(caller.token_hash))
    doors.auth.callers.forget()
    return Done()


@post("/v1/setup", summary="Make the first administrator of a new hub", status_code=200)
async def set_up(data: JSONBody[SetUp], doors: GivenDoors, call: GivenCall) -> Done:
    key = f"setup|{call.request.client_host}"
    doors.auth.tries.check(key)
    expected = doors.auth.set_up.code_hash
    if expected is None:
        raise ApiError(409, "set_up_already")
    if hash_of(data.code.strip().upper()) != expected:
        doors.auth.tries.failed(key)
        raise ApiError(403, "set_up_code_wrong")
    password_hash = await doors.auth.passwords.apart(lambda: _checked_password(doors, data.password))
    add = people.add_first(_checked_name(data.user), password_hash)
    if not await doors.orders.writer.run(add):
        raise ApiError(409, "set_up_already")
    doors.auth.set_up.code_hash = None
    return Done()


# ----------------------------------------------------------------------------------------------- stations


@post("/v1/pairing_codes", summary="Open a code for one station to join with", status_code=200)
async def open_pairing_code(data: JSONBody[PairingAsk], doors: GivenDoors, call: GivenCall) -> PairingCode:
    settings = doors.world.settings
    if data.warehouse and settings.warehouse(data.warehouse) is None:
        houses = ", ".join(house.id for house in settings.warehouses)
        raise ApiError(422, "no_such_warehouse", name=data.warehouse, names=houses)
    if call.known.warehouse and call.known.warehouse != data.warehouse:
        raise ApiError(403, "other_warehouse")
    if not rights.pairs(call.known.role, data.kind):
        raise ApiError(403, "not_allowed")
    code = new_pairing_code()
    opened = pairing.add_code(code, data.kind, data.warehouse, call.known.name)
    expires_at = await doors.orders.writer.run(opened)
    return PairingCode(
        code=code,
        kind=data.kind,
        warehouse=data.warehouse,
        expires_at=expires_at,
        ca_sha256=doors.auth.ca_sha256,
    )


@post("/v1/stations", summary="Join the hub with a pairing code", status_code=200)
async def pair_station(data: JSONBody[PairRequest], doors: GivenDoors, call: GivenCall) -> Paired:
    key = f"pair|{call.request.client_host}"
    doors.auth.tries.check(key)
    token = new_token()
    station = await doors.orders.writer.run(pairing.pair(data.code, _checked_name(data.name), token))
    if station is None:
        doors.auth.tries.failed(key)
        raise ApiError(403, "pairing_code_wrong")
    return Paired(
        station_id=station.station_id,
        token=token,
        kind=station.kind,  # type: ignore[arg-type]
        warehouse=station.warehouse,
        ca_sha256=doors.auth.ca_sha256,
        addresses=list(doors.world.settings.hub.addresses),
    )


@get("/v1/stations", summary="All stations and what they last said")
async def list_stations(doors: GivenDoors, call: GivenCall) -> StationList:
    house = call.known.warehouse
    stations = await asyncio.to_thread(doors.orders.lookup.stations)
    return StationList(stations=[s for s in stations if house in (None, s.warehouse)])


@put("/v1/stations/me", summary="The beat of a station, every 10 s")
async def beat(data: JSONBody[Beat], doors: GivenDoors, call: GivenCall) -> BeatAnswer:
    station = call.known.station
    if station is None or not await doors.orders.writer.beat(station.station_id, data):
        raise ApiError(401, "sign_in_again")
    feed = doors.orders.feed
    epoch = await asyncio.to_thread(feed.epoch)
    asks_platforms = doors.line is not None and doors.line.must_ask_in(call.known.warehouse)
    return BeatAnswer(
        now=doors.world.now(),
        head=doors.out.broadcast.head,
        epoch=epoch,
        go_check_ms=_GO_CHECK_LIVE_MS if asks_platforms else _GO_CHECK_MS,
        addresses=list(doors.world.settings.hub.addresses),
    )


@post("/v1/stations/{station_id:str}/revoke", summary="Take a station's token away", status_code=200)
async def revoke_station(station_id: FromPath[str], doors: GivenDoors, call: GivenCall) -> Done:
    if not await doors.orders.writer.run(pairing.revoke(station_id, call.known.warehouse)):
        raise ApiError(404, "no_such_station")
    doors.auth.callers.forget()
    await doors.out.broadcast.drop_revoked()
    await doors.orders.writer.revoked(station_id, call.known.actor)
    return Done()


# -------------------------------------------------------------------------------------------------- users


@get("/v1/users", summary="Everybody who may sign on")
async def list_users(doors: GivenDoors) -> UserList:
    def read() -> list[UserView]:
        p = t.person
        with doors.orders.engine.connect() as conn:
            rows = conn.execute(select(p).order_by(p.c.name)).all()
        return [
            UserView(
                name=row.name,
                role=row.role,
                warehouse=row.warehouse or "",
                is_disabled=row.is_disabled,
                has_badge=row.badge_hash is not None,
            )
            for row in rows
        ]

    return UserList(users=await asyncio.to_thread(read))


@post("/v1/users", summary="Add somebody", status_code=200)
async def add_user(data: JSONBody[NewUser], doors: GivenDoors) -> UserView:
    role, name = _checked_role(data.role), _checked_name(data.name)
    if data.warehouse and doors.world.settings.warehouse(data.warehouse) is None:
        houses = ", ".join(house.id for house in doors.world.settings.warehouses)
        raise ApiError(422, "no_such_warehouse", name=data.warehouse, names=houses)
    password_hash = await doors.auth.passwords.apart(lambda: _checked_password(doors, data.password))
    try:
        await doors.orders.writer.run(people.add_person(name, role, password_hash, data.warehouse or None))
    except people.NameTaken as error:
        raise ApiError(409, "name_taken", name=name) from error
    return UserView(name=name, role=role.value, warehouse=data.warehouse)


@post("/v1/users/{name:str}/password", summary="Set a password; sessions of the old one end", status_code=200)
async def set_user_password(name: FromPath[str], data: JSONBody[NewPassword], doors: GivenDoors) -> Done:
    password_hash = await doors.auth.passwords.apart(lambda: _checked_password(doors, data.password))
    return await _on_person(doors, name, people.set_password(name, password_hash))


@post(
    "/v1/users/{name:str}/role",
    summary="Set role and whether they may sign on; their sessions end",
    status_code=200,
)
async def set_user_role(name: FromPath[str], data: JSONBody[NewRole], doors: GivenDoors) -> Done:
    change = people.set_role(name, _checked_role(data.role), is_disabled=data.is_disabled)
    return await _on_person(doors, name, change)


@post("/v1/users/{name:str}/badge", summary="Make a new badge; the old one is worthless", status_code=200)
async def make_badge(name: FromPath[str], doors: GivenDoors, call: GivenCall) -> Badge:
    secret, caller = new_badge_secret(), call.known
    change = people.set_badge(name, secret, rights.badges_of(caller.role), caller.warehouse)
    await _on_person(doors, name, change)
    return Badge(name=name, code=badge_code(secret))


@post(
    "/v1/users/{name:str}/badge/revoke",
    summary="Take a badge away; its person is signed off",
    status_code=200,
)
async def revoke_badge(name: FromPath[str], doors: GivenDoors, call: GivenCall) -> Done:
    caller = call.known
    return await _on_person(
        doors, name, people.take_badge(name, rights.badges_of(caller.role), caller.warehouse)
    )


async def _on_person(doors: Doors, name: str, change: Any) -> Done:
    try:
        await doors.orders.writer.run(change)
    except people.NoSuchPerson as error:
        raise ApiError(404, "no_such_person", name=name) from error
    except people.NotTheirs as error:
        raise ApiError(403, "not_allowed") from error
    except people.LastAdmin as error:
        raise ApiError(409, "last_admin") from error
    doors.auth.callers.forget()
    return Done()


def _checked_role(role: str) -> Role:
    try:
        return Role(role)
    except ValueError as error:
        raise ApiError(422, "no_such_role", names=", ".join(Role)) from error


def _checked_name(name: str) -> str:
    name = name.strip()
    if not 1 <= len(name) <= NAME_MAX or not name.isprintable():
        raise ApiError(422, "bad_name", most=NAME_MAX)
    return name


def _checked_password(doors: Doors, password: str) -> str:
    if not people.PASSWORD_MIN <= len(password) <= people.PASSWORD_MAX:
        raise ApiError(422, "bad_password", least=people.PASSWORD_MIN)
    return doors.auth.passwords.hash(password)


# ------------------------------------------------------------------------------------------------- orders


@get("/v1/digest", summary="Count and hash per bucket of what this caller is fed")
async def digest(doors: GivenDoors, call: GivenCall) -> Digest:
    return await asyncio.to_thread(doors.orders.feed.digest, call.known.view)


@post("/v1/digest/repair", summary="Rows in which a copy differs, as they are right", status_code=200)
async def repair(data: JSONBody[RepairAsk], doors: GivenDoors, call: GivenCall) -> Repair:
    """A copy that differs is counted and told, whatever becomes of it."""
    feed, caller = doors.orders.feed, call.known
    right = await asyncio.to_thread(feed.repair, caller.view, data.buckets, data.held, REPAIRED_MOST)
    names = ", ".join(change.key for change in right.changes[:5]) if data.buckets and right.is_whole else "-"
    doors.out.metrics.copies_differ.labels("rows" if names != "-" else "anew").inc()
    if caller.station is not None:
        said = {"station": caller.station.station_id, "orders": names}
        await doors.orders.writer.say(SayJob("digest", "major", said, caller.warehouse or ""))
    return right


@get("/v1/rows", summary="The feed's rows about one order, found by any number, ahead of their page")
async def rows_of(
    doors: GivenDoors, call: GivenCall, number: Annotated[str, QueryParameter(min_length=1, max_length=100)]
) -> Rows:
    return await asyncio.to_thread(doors.orders.feed.rows, call.known.view, number)


@get("/v1/orders", summary="Search by any number, phone, phone tail, name; without q: the newest")
async def search_orders(
    doors: GivenDoors,
    call: GivenCall,
    q: Annotated[str, QueryParameter(max_length=200)] = "",
    limit: Annotated[int, QueryParameter(ge=1, le=200)] = 50,
    after: Annotated[str, QueryParameter(max_length=200)] = "",
) -> OrderList:
    view, lookup = call.known.view, doors.orders.lookup
    found = await asyncio.to_thread(lookup.orders, q, view, limit, after)
    return OrderList(orders=[order_as_seen(view.mask, order) for order in found.orders], next=found.next)


@get("/v1/orders/{order_no:str}", summary="One order; the consignee is always masked")
async def get_order(order_no: FromPath[str], doors: GivenDoors, call: GivenCall) -> Order:
    return order_as_seen(call.known.mask, await order_of(doors, call.known, order_no))


@post(
    "/v1/orders/{order_no:str}/reveal",
    summary="The full consignee, with a reason",
    status_code=200,
)
async def reveal(
    order_no: FromPath[str], data: JSONBody[RevealAsk], doors: GivenDoors, call: GivenCall
) -> Revealed:
    """Each call is an act of its own, so each look leaves its line."""
    await order_of(doors, call.known, order_no)
    world = doors.world
    act = Envelope(
        act_id=world.new_id(),
        kind="reveal",
        order_no=order_no,
        made_at=world.clock.now(),
        body={"reason": data.reason},
    )
    [receipt] = await doors.orders.writer.acts([act], call.known.actor)
    if receipt.outcome != "applied":
        status = 422 if receipt.reason == Reason.note_required else 409
        raise ApiError(status, "refused", reason=_reason_text(doors, call, receipt.reason, receipt.params))
    personal = await asyncio.to_thread(doors.orders.lookup.personal, order_no)
    if personal is None:
        raise ApiError(410, "erased")
    return Revealed(order_no=order_no, consignee=personal.consignee, buyer_nick=personal.buyer_nick)


def _reason_text(doors: Doors, call: Call, reason: str, params: dict[str, str]) -> str:
    texts, key = doors.world.texts, f"reasons.{reason}"
    return texts.text(key, call.lang, **params) if texts.has(key) else ""


@post("/v1/alarms/{alarm_id:str}/ack", summary="Acknowledge an alarm", status_code=200)
async def ack_alarm(alarm_id: FromPath[str], doors: GivenDoors, call: GivenCall) -> AlarmView:
    if await asyncio.to_thread(_is_elsewhere, doors, call.known, alarm_id):
        raise ApiError(404, "no_such_alarm")
    alarm = await doors.orders.writer.alarm_ack(alarm_id, call.known.actor)
    if alarm is None:
        raise ApiError(404, "no_such_alarm")
    return alarm


@post("/v1/restored/go", summary="Give waybill numbers again before all stations have sent", status_code=200)
async def restored_go(doors: GivenDoors, call: GivenCall) -> Restored:
    return _restored(await doors.orders.writer.restored(GoJob(call.known.actor)))


@post("/v1/restored/brought", summary="What came since the backup was brought in again", status_code=200)
async def restored_brought(doors: GivenDoors, call: GivenCall) -> Restored:
    return _restored(await doors.orders.writer.restored(BroughtJob(call.known.actor)))


def _restored(restored: Restored | None) -> Restored:
    if restored is None:
        raise ApiError(404, "never_restored")
    return restored


def _is_elsewhere(doors: Doors, caller: Caller, alarm_id: str) -> bool:
    """Whether this alarm is of another warehouse than the caller's; one without a warehouse is everybody's."""
    with doors.orders.engine.connect() as conn:
        house = conn.execute(select(t.alarm.c.warehouse).where(t.alarm.c.alarm_id == alarm_id)).scalar()
    return bool(house) and caller.warehouse not in (None, house)


HANDLERS = [
    healthz,
    sign_in,
    who_am_i,
    sign_off,
    set_up,
    open_pairing_code,
    pair_station,
    list_stations,
    beat,
    revoke_station,
    list_users,
    add_user,
    set_user_password,
    set_user_role,
    make_badge,
    revoke_badge,
    digest,
    repair,
    rows_of,
    search_orders,
    get_order,
    reveal,
    ack_alarm,
    restored_go,
    restored_brought,
]
