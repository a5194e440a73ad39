"""The shops and how they do: health, "test connection", paces, what was missed, put aside or waits to be told."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Annotated

from litestar import get, post, put
from litestar.params import FromPath, JSONBody, QueryParameter

from app.core.texts import Lang
from app.wire import (
    CourierSource,
    Done,
    MissedOrders,
    MissedTaken,
    QuarantineList,
    QuarantineView,
    ShipBackList,
    ShipBackView,
    ShopChecked,
    ShopHealth,
    ShopList,
    ShopPace,
    ShopPolled,
    ShopView,
)
from hub.api.context import Call, Doors, GivenCall, GivenDoors
from hub.api.http import ApiError
from hub.auth import rights
from hub.config import Shop
from hub.connectors.line.courier_sources import Lacking
from hub.connectors.line.line import Line
from hub.connectors.line.tracks import SourceHealth
from hub.connectors.line.watch import trouble_of, word_of
from hub.connectors.shapes import Cause, ShopTrouble

#: The shop that files go to by themselves where no shop of the settings takes them.
FILE_SHOP = Shop(id="file", connector="file")
_STATES = ("waiting", "refused", "told", "overtaken")


@get("/v1/shops", summary="The shops of the settings, without their secrets, and how they do")
async def list_shops(doors: GivenDoors, call: GivenCall) -> ShopList:
    """Where no shop takes files, the one that files go to by themselves stands at the end."""
    shops = doors.world.settings.shops
    if not any(shop.connector == "file" for shop in shops):
        shops = (*shops, FILE_SHOP)
    house = call.known.warehouse
    seen = [shop for shop in shops if house in (None, shop.warehouse)]
    sees = rights.sees_health(call.known.role)
    healths = await _healths(doors, call) if sees else {}
    return ShopList(
        shops=[
            ShopView(
                shop_id=shop.id,
                connector=shop.connector,
                warehouse=shop.warehouse,
                health=healths.get(shop.id),
            )
            for shop in seen
        ],
        couriers=await _couriers(doors, call) if sees else [],
    )


async def _couriers(doors: Doors, call: Call) -> list[CourierSource]:
    """Every courier source of hub.toml; one that lacks a setting cannot work, and says so."""
    at_work = await asyncio.to_thread(doors.tracks.healths) if doors.tracks is not None else {}
    views = [_courier(doors, call, name, found) for name, found in at_work.items()]
    return views + [_lacking(doors, call, one) for one in doors.couriers_lacking]


def _lacking(doors: Doors, call: Call, one: Lacking) -> CourierSource:
    word = Cause.lacks.of(one.field)
    text = _text(doors, call.lang, "courier_wrong_settings", word)
    return CourierSource(connector=one.connector, trouble="wrong_settings", word=word, text=text)


def _courier(doors: Doors, call: Call, connector: str, found: SourceHealth) -> CourierSource:
    health = found.health
    return CourierSource(
        connector=connector,
        trouble=health.trouble,
        word=health.word,
        text=_text(doors, call.lang, health.trouble and f"courier_{health.trouble}", health.word),
        failures=health.failures,
        failing_since=health.failing_since,
        last_good_at=health.last_good_at,
        last_push_at=found.pushed_at,
        takes_subscriptions=found.takes_subscriptions,
        parcels=found.parcels,
    )


async def _healths(doors: Doors, call: Call) -> dict[str, ShopHealth]:
    line, settings = doors.line, doors.world.settings
    if line is None:
        return {}
    today = doors.world.clock.now().astimezone(settings.zone)
    counts = await asyncio.to_thread(line.records.counts, f"{settings.hub.order_prefix}{today:%Y%m%d}")
    return {shop_id: _health(doors, call, line, shop_id, counts.get(shop_id, {})) for shop_id in line.shops}


def _health(doors: Doors, call: Call, line: Line, shop_id: str, counts: dict[str, object]) -> ShopHealth:
    state = line.state(shop_id)
    health = state.row.health
    return ShopHealth(
        trouble=health.trouble,
        word=health.word,
        text=_text(doors, call.lang, health.trouble, health.word),
        failures=health.failures,
        failing_since=health.failing_since,
        last_good_at=health.last_good_at,
        last_push_at=state.pushed_at,
        is_listening=line.pushes.is_listening(shop_id),
        cursor=state.row.cursor,
        next_poll_at=line.polls.next_poll_at(shop_id, doors.world.now()),
        poll_s=line.polls.poll_s(shop_id),
        **counts,  # type: ignore[arg-type]
    )


def _text(doors: Doors, lang: Lang, trouble: str, word: str) -> str:
    return doors.world.texts.text(f"notices.trouble_{trouble}", lang, word=word) if trouble else ""


@post("/v1/shops/{shop_id:str}/check", summary="Test the connection to a shop's platform", status_code=200)
async def check_shop(shop_id: FromPath[str], doors: GivenDoors, call: GivenCall) -> ShopChecked:
    found = await line_of(doors, call, shop_id).shops[shop_id].check()
    return ShopChecked(
        trouble=found.trouble,
        word=found.word,
        text=_text(doors, call.lang, found.trouble, found.word),
    )


@post(
    "/v1/couriers/{connector:str}/check", summary="Test the connection to a courier source", status_code=200
)
async def check_courier(connector: FromPath[str], doors: GivenDoors, call: GivenCall) -> ShopChecked:
    """One that lacks a setting says which; it is not asked."""
    lacking = next((one for one in doors.couriers_lacking if one.connector == connector), None)
    if lacking is not None:
        told = _lacking(doors, call, lacking)
        return ShopChecked(trouble=told.trouble, word=told.word, text=told.text)
    if doors.tracks is None or doors.tracks.source(connector) is None:
        raise ApiError(404, "no_such_courier", name=connector)
    found = await doors.tracks.check(connector)
    trouble = found.trouble and f"courier_{found.trouble}"
    return ShopChecked(
        trouble=found.trouble, word=found.word, text=_text(doors, call.lang, trouble, found.word)
    )


@post("/v1/shops/{shop_id:str}/poll", summary="Ask a shop for its changes now", status_code=200)
async def poll_shop(shop_id: FromPath[str], doors: GivenDoors, call: GivenCall) -> ShopPolled:
    try:
        return ShopPolled(orders=await line_of(doors, call, shop_id).polls.poll(shop_id))
    except ShopTrouble as trouble:
        raise said(doors, call, trouble) from trouble


@put("/v1/shops/{shop_id:str}", summary="How often a shop is asked for changes, from now on")
async def set_shop_pace(
    shop_id: FromPath[str], data: JSONBody[ShopPace], doors: GivenDoors, call: GivenCall
) -> Done:
    await line_of(doors, call, shop_id).polls.set_poll_s(shop_id, data.poll_s)
    return Done()


@post(
    "/v1/shops/{shop_id:str}/sweep",
    summary="Compare the last 24 hours with the platform now",
    status_code=200,
)
async def sweep_shop(shop_id: FromPath[str], doors: GivenDoors, call: GivenCall) -> MissedOrders:
    try:
        return MissedOrders(channel_order_nos=await line_of(doors, call, shop_id).sweeps.sweep(shop_id))
    except ShopTrouble as trouble:
        raise said(doors, call, trouble) from trouble


@get("/v1/shops/{shop_id:str}/missed", summary="Orders that the platform has and we lack")
async def list_missed(shop_id: FromPath[str], doors: GivenDoors, call: GivenCall) -> MissedOrders:
    line = line_of(doors, call, shop_id)
    return MissedOrders(channel_order_nos=await asyncio.to_thread(line.records.missed, shop_id))


@post("/v1/shops/{shop_id:str}/missed", summary="Take in all orders that were missed", status_code=200)
async def take_missed(shop_id: FromPath[str], doors: GivenDoors, call: GivenCall) -> MissedTaken:
    try:
        taken, left = await line_of(doors, call, shop_id).sweeps.take_missed(shop_id)
    except ShopTrouble as trouble:
        raise said(doors, call, trouble) from trouble
    return MissedTaken(taken=taken, left=left)


@get("/v1/ship_backs", summary="Waybills on their way to their platforms, the nearest deadline first")
async def list_ship_backs(
    doors: GivenDoors,
    call: GivenCall,
    in_state: Annotated[
        str, QueryParameter(name="state", pattern="^(|waiting|refused|told|overtaken)$")
    ] = "",
    limit: Annotated[int, QueryParameter(ge=1, le=500)] = 200,
) -> ShipBackList:
    """Without ``state``: those that wait and those that were refused."""
    if doors.line is None:
        return ShipBackList(ship_backs=[])
    states = (in_state,) if in_state in _STATES else ("waiting", "refused")
    rows = await asyncio.to_thread(doors.line.ship_backs.list, states, limit, call.known.warehouse)
    views = []
    for row in rows:
        values = asdict(row)
        del values["warehouse"]
        views.append(ShipBackView(**values))
    return ShipBackList(ship_backs=views)


@post(
    "/v1/ship_backs/{parcel_no:str}/retry",
    summary="Tell a parcel's waybill to its platform again",
    status_code=200,
)
async def retry_ship_back(parcel_no: FromPath[str], doors: GivenDoors, call: GivenCall) -> Done:
    """``done`` False: it had been told already. 503 with the platform's own words where it refuses again."""
    line = doors.line
    try:
        told = await line.ship_backs.again(parcel_no, call.known.warehouse) if line else None
    except ShopTrouble as trouble:
        raise said(doors, call, trouble) from trouble
    if told is None:
        raise ApiError(404, "nothing_to_tell")
    return Done(done=told)


@get("/v1/quarantine", summary="What could not be read or taken, without what is in it")
async def list_quarantine(doors: GivenDoors) -> QuarantineList:
    if doors.line is None:
        return QuarantineList(things=[])
    line = doors.line
    things = await asyncio.to_thread(line.records.quarantine)
    return QuarantineList(
        things=[QuarantineView(**asdict(kept), can_retry=line.retries.can_retry(kept)) for kept in things]
    )


@post("/v1/quarantine/{quarantine_id:str}/retry", summary="Ask the platform for it again", status_code=200)
async def retry_quarantine(quarantine_id: FromPath[str], doors: GivenDoors, call: GivenCall) -> Done:
    try:
        taken = await doors.line.retries.retry(quarantine_id) if doors.line else None
    except ShopTrouble as trouble:
        raise said(doors, call, trouble) from trouble
    if taken is None:
        raise ApiError(404, "nothing_to_retry")
    return Done(done=taken)


HANDLERS = [
    list_shops,
    check_shop,
    check_courier,
    poll_shop,
    set_shop_pace,
    sweep_shop,
    list_missed,
    take_missed,
    list_ship_backs,
    retry_ship_back,
    list_quarantine,
    retry_quarantine,
]


def line_of(doors: Doors, call: Call, shop_id: str) -> Line:
    """The line, where it has this shop and the caller may see it. Raises :class:`ApiError` 404."""
    line, house = doors.line, call.known.warehouse
    if line is None or shop_id not in line.shops or house not in (None, line.shops[shop_id].shop.warehouse):
        names = ", ".join(line.shops) if line is not None else ""
        raise ApiError(404, "no_such_shop", name=shop_id, names=names or "-")
    return line


def said(doors: Doors, call: Call, trouble: ShopTrouble) -> ApiError:
    """A platform's trouble as an answer of ours."""
    why = _text(doors, call.lang, trouble_of(trouble), word_of(trouble))
    return ApiError(503, "platform_says_no", why=why)
