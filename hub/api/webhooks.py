"""Pushes of platforms, and of carriers: the sources of the watch list by their own protocols, the rehearsal courier.

The rehearsal courier signs with the key of its [[carrier]]: ``X-Orderdock-Signature`` = hex HMAC-SHA256 over
``<X-Orderdock-Timestamp>.<body>``, the timestamp in Unix seconds, five minutes old at most. Nodes are merged, so a
push that comes twice counts once.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from datetime import timedelta

from app.core.masks import phones_in
from app.core.tracking import NodeKind, TrackNode
from app.wire import CourierAnswer, CourierNode, CourierPush
from hub.api.context import Call, Doors
from hub.api.http import ApiError, Receive, Send, answer, answer_json, decoded
from hub.connectors.line.ground import NoSuchShop
from hub.connectors.shapes import BadSignature
from hub.orders.results import View

FRESH = timedelta(minutes=5)
NODES_MAX = 200
_ANYWHERE = View(scope="all")


async def post_carrier(doors: Doors, call: Call, receive: Receive, send: Send) -> None:
    """A courier's nodes for one waybill; ``known`` is false for numbers that are not ours."""
    connector = call.path["connector"]
    if connector == "kuaidi100":
        await post_kuaidi100(doors, call, send)
        return
    carrier = next((c for c in doors.world.settings.carriers if c.connector == connector), None)
    if connector != "rehearsal" or carrier is None or not carrier.key:
        raise ApiError(404, "no_such_page")
    body = await call.request.body()
    _check_signature(doors, call, carrier.key, body)
    push = decoded(body, CourierPush)
    if len(push.nodes) > NODES_MAX:
        raise ApiError(413, "too_many", most=NODES_MAX)
    source = f"carrier:{connector}"
    nodes = [_node(node, source) for node in push.nodes]
    parcel_nos = await asyncio.to_thread(_parcels, doors, push.waybill_no)
    done = [
        await doors.orders.writer.track(parcel_no, nodes, push.carrier, source) for parcel_no in parcel_nos
    ]
    known = any(one.known for one in done)
    await answer_json(send, CourierAnswer(known=known, new_nodes=sum(one.new_nodes for one in done)))


async def post_kuaidi100(doors: Doors, call: Call, send: Send) -> None:
    """A push of kuaidi100: signed or refused, answered in its own words whenever it was taken."""
    tracks = doors.tracks
    if not any(carrier.connector == "kuaidi100" for carrier in doors.world.settings.carriers):
        raise ApiError(404, "no_such_page")
    body = await call.request.body()
    if tracks is None or tracks.source("kuaidi100") is None:  # no salt, no signature: nobody's word counts
        raise ApiError(401, "bad_signature")
    try:
        said = await tracks.push("kuaidi100", body, call.request.query.get("nu", ""))
    except BadSignature as error:
        raise ApiError(401, "bad_signature") from error
    await answer(send, 200, said)


async def post_shop(doors: Doors, call: Call, receive: Receive, send: Send) -> None:
    """A platform's push: signed or refused, answered in its own words when all of it is committed.

    Only pushes without a good signature are counted against their sender: to be told "too many" makes platforms
    drop pushes.
    """
    line, shop_id = doors.line, call.path["shop_id"]
    if line is None or shop_id not in line.shops:
        raise ApiError(404, "no_such_page")
    pushes_of, connector = doors.out.metrics.pushes_of, line.shops[shop_id].shop.connector
    body = await call.request.body()
    try:
        push = await line.pushes.push(shop_id, body, call.request.said)
    except NoSuchShop as error:
        raise ApiError(404, "no_such_page") from error
    except BadSignature as error:
        pushes_of(connector, "bad_signature").inc()
        key = f"push|{shop_id}|{call.request.client_host}"
        doors.auth.tries.check(key)
        doors.auth.tries.failed(key)
        raise ApiError(401, "bad_signature") from error
    pushes_of(connector, "taken").inc()
    await answer(send, 200, push.answer, [(b"content-type", push.content_type.encode("ascii"))])


def _check_signature(doors: Doors, call: Call, key: str, body: bytes) -> None:
    stamp = call.request.header("x-orderdock-timestamp")
    given = call.request.header("x-orderdock-signature").removeprefix("sha256=")
    message = stamp.encode("latin-1") + b"." + body
    expected = hmac.new(key.encode(), message, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected.encode(), given.lower().encode("latin-1")):
        raise ApiError(401, "bad_signature")
    if not (stamp.isdecimal() and len(stamp) <= 12):
        raise ApiError(401, "bad_signature")
    age = abs(doors.world.clock.now().timestamp() - int(stamp))
    if age > FRESH.total_seconds():
        raise ApiError(401, "stale_push")


def _node(node: CourierNode, source: str) -> TrackNode:
    try:
        kind = NodeKind(node.kind)
    except ValueError:
        kind = NodeKind.other
    if node.at.tzinfo is None:
        raise ApiError(422, "bad_body", why="nodes[].at")
    return TrackNode(at=node.at, kind=kind, raw_text=phones_in(node.text), place=node.place, source=source)


def _parcels(doors: Doors, waybill_no: str) -> list[str]:
    """Parcels that carry this waybill number; a waybill is not unique, so there may be several."""
    if not waybill_no:
        return []
    found = doors.orders.lookup.orders(waybill_no, _ANYWHERE).orders
    return [p.parcel_no for order in found for p in order.parcels if p.waybill_no == waybill_no]
