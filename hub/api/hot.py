"""The hot doors, as plain ASGI: acts, changes, stream, leases, go checks, labels.

Each is ``door(doors, call, receive, send)``; the gate has checked route, token and rights before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from itertools import groupby
from typing import Literal

import msgspec
from sqlalchemy import Select, select

from app.core import freeze
from app.core.acts import FACTS
from app.core.reasons import Reason
from app.wire import Envelope, GoAnswer, GoAsk, LeaseAnswer, LeaseAsk, Receipt
from hub.api.context import Call, Doors
from hub.api.front import HotDoor
from hub.api.http import ApiError, Dirty, Receive, Request, Send, answer, answer_json, clean, decoded
from hub.api.pages import Packed, encoding_of
from hub.auth.callers import Caller
from hub.db import tables as t
from hub.orders.judge import who
from hub.orders.said import SayJob

ACTS_MAX = 512
ID_MAX = 64
_FACTS = frozenset(str(kind) for kind in FACTS)
PAGE_DEFAULT, PAGE_MAX = 500, 2_000
WAIT_MAX_S = 55
LEASES_MAX = 200


# ------------------------------------------------------------------------------------------------- acts


async def post_acts(doors: Doors, call: Call, receive: Receive, send: Send) -> None:
    """One receipt per act, in their order, 200 whatever the outcomes; one bad act blocks no other."""
    body = await call.request.body()
    envelopes = _envelopes(body)
    caller = call.known
    hidden = await elsewhere(doors, caller, {one.order_no for one in envelopes if isinstance(one, Envelope)})
    answers: list[Receipt | None] = [_refused_here(one, caller, hidden) for one in envelopes]
    wanted = [
        one for one, no in zip(envelopes, answers, strict=True) if no is None and isinstance(one, Envelope)
    ]
    given = iter(await _written(doors, caller, wanted))
    receipts = [no if no is not None else next(given) for no in answers]
    await _tell_refused(doors, caller, envelopes, answers)
    for one, receipt in zip(envelopes, receipts, strict=True):
        kind = one.kind if isinstance(one, Envelope) and receipt.reason != "bad_body" else "other"
        doors.out.metrics.acts_of(kind, receipt.outcome).inc()
    await answer_json(send, receipts)


async def _tell_refused(
    doors: Doors, caller: Caller, envelopes: list[Envelope | Receipt], answers: list[Receipt | None]
) -> None:
    """What a bench did and may not: a supervisor hears of it as well, once while nobody has seen it.

    It is the supervisor of the order's warehouse: the caller's must not learn of an order that lies elsewhere.
    """
    if caller.station is None:
        return
    for one, no in zip(envelopes, answers, strict=True):
        if no is None or not isinstance(one, Envelope) or one.kind not in _FACTS:
            continue
        said = {"what": no.reason, "kind": one.kind, **who(caller.at(one.made_at).actor)}
        house = caller.warehouse or ""
        await doors.orders.writer.say(SayJob("act_refused", "major", said, house, order_no=one.order_no))


async def _written(doors: Doors, caller: Caller, wanted: Iterable[Envelope]) -> list[Receipt]:
    """Receipts in their order; what was made after its person signed off is in the station's own name."""
    receipts: list[Receipt] = []
    for actor, acts in groupby(wanted, key=lambda one: caller.at(one.made_at).actor):
        receipts += await doors.orders.writer.acts(list(acts), actor)
    return receipts


def _envelopes(body: bytes) -> list[Envelope | Receipt]:
    """The acts of a body; an act that cannot be read is its own refusal, so it never blocks its neighbours.

    Raises :class:`ApiError` when the body is no list of things with an ``act_id``.
    """
    try:
        whole: list[Envelope | Receipt] = list(msgspec.json.decode(body, type=list[Envelope]))
    except (msgspec.ValidationError, RecursionError):
        whole = [_envelope(bytes(raw)) for raw in decoded(body, list[msgspec.Raw])]
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ApiError(400, "bad_json") from error
    if len(whole) > ACTS_MAX:
        raise ApiError(413, "too_many", most=ACTS_MAX)
    return [_cleaned(one) if isinstance(one, Envelope) else one for one in whole]


class _Named(msgspec.Struct):
    act_id: str


def _envelope(raw: bytes) -> Envelope | Receipt:
    try:
        return msgspec.json.decode(raw, type=Envelope)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return _bad(
            decoded(raw, _Named).act_id, str(error) if isinstance(error, msgspec.ValidationError) else ""
        )


def _cleaned(envelope: Envelope) -> Envelope | Receipt:
    try:
        clean(envelope.act_id)
    except Dirty as error:
        raise ApiError(422, "dirty_body") from error
    _check_id(envelope.act_id)
    try:
        clean(envelope)
    except Dirty as error:
        return _bad(envelope.act_id, str(error))
    return envelope


def _check_id(act_id: str) -> None:
    """Without an id there is nothing to answer to."""
    if not 1 <= len(act_id) <= ID_MAX:
        raise ApiError(422, "bad_body", why="act_id")


def _bad(act_id: str, why: str) -> Receipt:
    _check_id(act_id)
    return Receipt(act_id=act_id, outcome="refused", reason="bad_body", params={"why": why[:200]})


def _refused_here(one: Envelope | Receipt, caller: Caller, hidden: frozenset[str]) -> Receipt | None:
    """What never reaches the writer: unreadable acts, and those this caller may not send."""
    if isinstance(one, Receipt):
        return one
    if one.made_at.tzinfo is None:
        return _bad(one.act_id, "made_at")
    if one.order_no in hidden or not caller.may_act(one.kind, one.made_at):
        role = caller.role.value if caller.role else ""
        return Receipt(
            act_id=one.act_id,
            outcome="refused",
            reason="not_allowed",
            params={"kind": one.kind, "role": role},
        )
    return None


# ---------------------------------------------------------------------------------------------- the feed


async def get_changes(doors: Doors, call: Call, receive: Receive, send: Send) -> None:
    """A page of the feed, packed; with ``wait`` it waits for something to come."""
    request, view = call.request, call.known.view
    after = request.number("after", 0, 0, 2**63 - 1)
    limit = request.number("limit", PAGE_DEFAULT, 1, PAGE_MAX)
    wait = request.number("wait", 0, 0, WAIT_MAX_S)
    epoch = _epoch(request, after)
    encoding = encoding_of(request.header("accept-encoding"))
    clock, until = doors.world.clock, doors.world.clock.monotonic() + wait
    await doors.orders.writer.hurry.at_leisure()

    async def page() -> Packed:
        found = await doors.out.pages.page(view, after, limit, encoding)
        # the page says, of one moment with its rows, whether it can be added to what the reader has
        _check_place(after, epoch, found.page.epoch, found.page.head, found.page.floor)
        return found

    packed = await page()
    while _is_empty(packed) and (left := until - clock.monotonic()) > 0:
        if not await doors.out.broadcast.wait_past(packed.page.head, left):
            break
        if not await doors.auth.callers.live({call.known.token_hash}):
            raise ApiError(401, "sign_in_again")  # the token lost its worth while we waited
        packed = await page()
    headers = [(b"content-type", b"application/json"), (b"vary", b"accept-encoding")]
    if packed.encoding:
        headers.append((b"content-encoding", packed.encoding.encode("ascii")))
    await answer(send, 200, packed.body, headers)


def _is_empty(packed: Packed) -> bool:
    return packed.page.count == 0 and packed.page.next == packed.page.head


def _check_place(after: int, epoch: str, ours: str, head: int, floor: int) -> None:
    """Raises :class:`ApiError` 410 when the reader must begin at 0: another epoch, or too old, or ahead of us."""
    if after and (ours != epoch or not floor <= after <= head):
        raise ApiError(410, "begin_again")


def _epoch(request: Request, after: int) -> str:
    """Whose numbers the cursor is one of. Raises :class:`ApiError` 422 without it; "" at the beginning."""
    if not after:
        return ""
    if not (epoch := request.query.get("epoch", "")):
        raise ApiError(422, "epoch_required")
    return epoch


async def get_stream(doors: Doors, call: Call, receive: Receive, send: Send) -> None:
    """The two lanes, until one side hangs up. ``Last-Event-ID`` counts as ``after``."""
    request = call.request
    after = request.number("after", 0, 0, 2**63 - 1)
    last = request.header("last-event-id")
    if last.isdecimal() and len(last) < 19:
        after = max(after, int(last))
    if epoch := _epoch(request, after):
        _check_place(after, epoch, *await asyncio.to_thread(doors.orders.feed.place))
    await doors.out.broadcast.serve(call.known, after, receive, send)


# -------------------------------------------------------------------------------------- leases and gates


async def post_leases(doors: Doors, call: Call, receive: Receive, send: Send) -> None:
    ask = decoded(await call.request.body(), LeaseAsk)
    if len(ask.parcel_nos) > LEASES_MAX:
        raise ApiError(413, "too_many", most=LEASES_MAX)
    hidden = await parcels_elsewhere(doors, call.known, ask.parcel_nos)
    asked = msgspec.structs.replace(ask, parcel_nos=[no for no in ask.parcel_nos if no not in hidden])
    answers = [_unknown(no) for no in ask.parcel_nos if no in hidden]
    await answer_json(send, [*await doors.orders.writer.leases(asked, call.known.actor), *answers])


async def post_go_checks(doors: Doors, call: Call, receive: Receive, send: Send) -> None:
    ask = decoded(await call.request.body(), GoAsk)
    station_id = call.known.actor.station_id
    if await parcels_elsewhere(doors, call.known, [ask.parcel_no]):
        params = {"parcel_no": ask.parcel_no}
        await answer_json(send, GoAnswer(ok=False, reason=Reason.parcel_unknown, params=params))
        return
    lookup = doors.orders.lookup
    go = await asyncio.to_thread(lookup.go, ask.parcel_no, ask.step, station_id)
    if (platform := await _asked_live(doors, ask.parcel_no, go)) != "":
        go = await asyncio.to_thread(lookup.go, ask.parcel_no, ask.step, station_id)
        go = msgspec.structs.replace(go, platform=platform)
    await answer_json(send, go)


async def _asked_live(doors: Doors, parcel_no: str, go: GoAnswer) -> Literal["", "told", "silent"]:
    """Puts the last question to the platforms of the parcel's orders, where nothing of them reaches us."""
    line = doors.line
    if line is None or not (go.ok or go.reason in freeze.PROGRESS) or not line.must_ask_in(None):
        return ""
    orders = await asyncio.to_thread(doors.orders.lookup.orders_in, parcel_no)
    asked = [(one.shop_id, one.channel_order_no) for one in orders if line.must_ask(one.shop_id)]
    if not asked:
        return ""
    return "told" if await line.ask_now(asked) else "silent"


async def post_label(doors: Doors, call: Call, receive: Receive, send: Send) -> None:
    """Label data for one print: needs the asker's lease and a go; audited by the writer."""
    await call.request.body()
    parcel_no = call.path["parcel_no"]
    if await parcels_elsewhere(doors, call.known, [parcel_no]):
        await answer_json(send, _unknown(parcel_no))
        return
    await answer_json(send, await doors.orders.writer.label(parcel_no, call.known.actor))


def _unknown(parcel_no: str) -> LeaseAnswer:
    """Another warehouse's parcel is as unknown as none."""
    params = {"parcel_no": parcel_no}
    return LeaseAnswer(parcel_no=parcel_no, granted=False, reason=Reason.parcel_unknown, params=params)


async def elsewhere(doors: Doors, caller: Caller, order_nos: Iterable[str]) -> frozenset[str]:
    """Which of these orders lie in another warehouse than the caller's."""
    o = t.orders
    return await _hidden(
        doors, caller, lambda nos: select(o.c.order_no).where(o.c.order_no.in_(nos)), order_nos
    )


async def parcels_elsewhere(doors: Doors, caller: Caller, parcel_nos: Iterable[str]) -> frozenset[str]:
    """Which of these parcels lie in another warehouse than the caller's."""
    o, p = t.orders, t.parcel

    def of(nos: list[str]) -> Select[str]:
        return select(p.c.parcel_no).join(o, o.c.order_no == p.c.order_no).where(p.c.parcel_no.in_(nos))

    return await _hidden(doors, caller, of, parcel_nos)


async def _hidden(
    doors: Doors, caller: Caller, of: Callable[[list[str]], Select[str]], nos: Iterable[str]
) -> frozenset[str]:
    house, asked = caller.warehouse, list(nos)
    if house is None or not asked or len(doors.world.settings.warehouses) == 1:
        return frozenset()

    def read() -> frozenset[str]:
        with doors.orders.engine.connect() as conn:
            return frozenset(conn.execute(of(asked).where(t.orders.c.warehouse != house)).scalars())

    return await asyncio.to_thread(read)


HOT: dict[tuple[str, str], HotDoor] = {
    ("POST", "/v1/acts"): post_acts,
    ("GET", "/v1/changes"): get_changes,
    ("GET", "/v1/stream"): get_stream,
    ("POST", "/v1/leases"): post_leases,
    ("POST", "/v1/go_checks"): post_go_checks,
    ("POST", "/v1/parcels/{parcel_no}/label"): post_label,
}
