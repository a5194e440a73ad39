"""A courier for rehearsals: tells the hub where parcels are, in signed pushes, well or badly mannered.

A push is ``POST {hub}/v1/webhooks/carrier/rehearsal`` with the JSON body ``{"waybill_no", "carrier", "nodes":
[{"at", "kind", "text", "place"}]}``. ``X-Orderdock-Signature`` is the hex HMAC-SHA256 of ``<timestamp>.<raw body>``,
``X-Orderdock-Timestamp`` that timestamp in Unix seconds: an old push recorded on the way is worth nothing.
It speaks to this machine only. Never run it beside a real shop.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple
from urllib.parse import urlsplit

from app.core.tracking import NodeKind
from app.ports import Clock, SystemClock
from rehearsal.shop import Dice

K = NodeKind
SIGNATURE_HEADER = "X-Orderdock-Signature"
TIMESTAMP_HEADER = "X-Orderdock-Timestamp"
PATH = "/v1/webhooks/carrier/rehearsal"
Ending = Literal["delivered", "pickup_point", "returned"]


class NotHere(ValueError):
    """The hub's address is not on this machine: the rehearsal courier refuses to speak to it."""


class Waybill(NamedTuple):
    waybill_no: str
    carrier: str = "zhongtong"
    from_city: str = "杭州市"
    to_city: str = "苏州市"


@dataclass(frozen=True, slots=True, kw_only=True)
class Manners:
    """How this courier behaves. The default is a good one; ``pace_s`` lies between two nodes of a parcel.

    ``until`` ends the journey early. ``doubled``: each push comes twice. ``shuffled``: the pushes of a parcel
    come in any order. ``delivered_first``: the last push of a parcel comes before all others. ``cumulative``:
    each push carries all nodes so far, as real couriers do. ``odd_words``: one node that no table knows.
    """

    ending: Ending = "delivered"
    until: NodeKind | None = None
    pace_s: float = 1.0
    doubled: bool = False
    shuffled: bool = False
    delivered_first: bool = False
    cumulative: bool = False
    odd_words: bool = False


_GOOD = Manners()
_REAL = SystemClock()


@dataclass(frozen=True, slots=True)
class Node:
    at: datetime
    kind: NodeKind
    text: str
    place: str


@dataclass(frozen=True, slots=True)
class Push:
    """One call to come: what the hub will be told about one parcel."""

    waybill: Waybill
    nodes: tuple[Node, ...]

    def body(self) -> bytes:
        """The raw body as it is signed and sent."""
        told: dict[str, Any] = {
            "waybill_no": self.waybill.waybill_no,
            "carrier": self.waybill.carrier,
            "nodes": [
                {"at": wire_time(node.at), "kind": str(node.kind), "text": node.text, "place": node.place}
                for node in self.nodes
            ],
        }
        return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode("utf-8")


class Sent(NamedTuple):
    """A push and what the hub said: ``status`` as HTTP means it, ``answer`` its text."""

    push: Push
    status: int
    answer: str


def play(
    hub_url: str,
    secret: str,
    waybills: Sequence[Waybill | tuple[str, str]],
    seed: int,
    manners: Manners = _GOOD,
    clock: Clock = _REAL,
) -> list[Sent]:
    """Send the whole script, without waiting in between, and say what was sent.

    ``waybills`` may be plain (waybill_no, carrier) pairs. Raises NotHere before anything is sent when ``hub_url``
    is not on this machine, OSError when none answers.
    """
    address = checked_address(hub_url)
    pushes = script([Waybill(*waybill) for waybill in waybills], seed, manners, clock.now())
    return [send(address, secret, push, clock) for push in pushes]


def script(waybills: Sequence[Waybill], seed: int, manners: Manners, start: datetime) -> list[Push]:
    """The pushes of all parcels in the order they are sent; pure, the same for the same words."""
    queues = [_parcel(waybill, seed, manners, start) for waybill in waybills]
    dice = Dice(f"courier/{seed}/mix")
    pushes: list[Push] = []
    while queues := [queue for queue in queues if queue]:
        pushes.append(dice.pick(queues).pop(0))
    return [push for push in pushes for _ in range(2 if manners.doubled else 1)]


def sign(secret: str, stamp: str, body: bytes) -> str:
    """The signature of a push sent at ``stamp`` (Unix seconds as text)."""
    return hmac.new(secret.encode("utf-8"), stamp.encode("ascii") + b"." + body, hashlib.sha256).hexdigest()


def send(hub_url: str, secret: str, push: Push, clock: Clock, timeout_s: float = 15) -> Sent:
    """One signed push. A refusal of the hub is an answer; OSError means nobody answered."""
    body = push.body()
    request = urllib.request.Request(checked_address(hub_url) + PATH, data=body, method="POST")
    request.add_header("Content-Type", "application/json; charset=utf-8")
    stamp = str(int(clock.now().timestamp()))
    request.add_header(TIMESTAMP_HEADER, stamp)
    request.add_header(SIGNATURE_HEADER, sign(secret, stamp, body))
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _StayHere())
    try:
        with opener.open(request, timeout=timeout_s) as answer:
            return Sent(push, answer.status, answer.read().decode("utf-8", "replace"))
    except urllib.error.HTTPError as error:
        with error:
            return Sent(push, error.code, error.read().decode("utf-8", "replace"))


def checked_address(hub_url: str) -> str:
    """The address without a slash at its end. Raises NotHere unless it is plain HTTP to this machine."""
    parts = urlsplit(hub_url)
    host = parts.hostname or ""
    if parts.scheme != "http" or not is_loopback(host) or parts.username or parts.query:
        raise NotHere(hub_url)
    return hub_url.rstrip("/")


def wire_time(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class _StayHere(urllib.request.HTTPRedirectHandler):
    """A hub that points elsewhere is not followed."""

    def redirect_request(self, *_: object, **__: object) -> None:
        return None


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


# --------------------------------------------------------------------------------------------- one parcel

_OUTLETS = ("西溪营业部", "余杭五常网点", "城东分部", "高新二部", "平江路服务站", "大学城网点")
_COURIERS = ("李师傅", "小王", "赵师傅", "老周", "陈师傅")
_POINTS = ("菜鸟驿站（小区南门店）", "丰巢智能柜 3 号柜", "妈妈驿站", "邻里便利店")
_PROBLEMS = ("收件人电话无人接听，已约明日再派", "收件人拒收，理由：不想要了", "地址不详，已联系发件人核实")
_ODD = ("【{to}】快件已被热心邻居抱走，开玩笑的，还在车上", "【{to}】因天气原因，无人机改为骑手配送")


def _parcel(waybill: Waybill, seed: int, manners: Manners, start: datetime) -> list[Push]:
    """The pushes of one parcel, in the order this courier's manners give them."""
    dice = Dice(f"courier/{seed}/{waybill.waybill_no}")
    nodes = tuple(_journey(waybill, dice, manners, start))
    parts = [nodes[: n + 1] if manners.cumulative else nodes[n : n + 1] for n in range(len(nodes))]
    pushes = [Push(waybill, part) for part in parts]
    if manners.shuffled:
        pushes = [pushes.pop(dice.below(len(pushes))) for _ in range(len(pushes))]
        if len(pushes) > 1 and pushes == [Push(waybill, part) for part in parts]:
            pushes.reverse()  # now and then a throw leaves all in order; whoever wants disorder gets it
    if manners.delivered_first:
        last = next(push for push in pushes if push.nodes[-1] == nodes[-1])
        pushes.remove(last)
        pushes.insert(0, last)
    return pushes


def _journey(waybill: Waybill, dice: Dice, manners: Manners, start: datetime) -> Iterator[Node]:
    """From the label to the end, a node each ``pace_s``; stops behind ``until``."""
    stages = list(_stages(waybill, dice, manners.ending))
    if manners.odd_words:
        odd = dice.pick(_ODD).format(to=waybill.to_city)
        stages.insert(min(len(stages) - 1, 3 + dice.below(4)), (K.other, odd, waybill.to_city))
    for n, (kind, text, place) in enumerate(stages):
        yield Node(start + timedelta(seconds=n * manners.pace_s), kind, text, place)
        if kind is manners.until:
            return


def _stages(waybill: Waybill, dice: Dice, ending: Ending) -> Iterator[tuple[NodeKind, str, str]]:
    here, there = waybill.from_city, waybill.to_city
    outlet, last_outlet = dice.pick(_OUTLETS), dice.pick(_OUTLETS)
    courier, phone = dice.pick(_COURIERS), f"1380000{dice.below(10_000):04d}"
    short = there.removesuffix("市")
    yield K.label_created, "商家已打单，等待快递员上门", here
    yield K.awaiting_pickup, f"【{here}】{outlet} 已接单，快递员 {courier} 即将上门揽收", here
    yield K.picked_up, f"【{here}】{outlet} {courier} 已揽收，电话：{phone}", here
    yield K.origin_departed, f"【{here}】快件已离开 {outlet}，发往 {here.removesuffix('市')}转运中心", here
    yield K.hub_arrived, f"【{here}】快件已到达 {here.removesuffix('市')}转运中心", here
    yield (
        K.hub_departed,
        f"【{here}】快件已离开 {here.removesuffix('市')}转运中心，发往 {short}分拨中心",
        here,
    )
    yield K.dest_arrived, f"【{there}】快件已到达 {last_outlet}", there
    yield (
        K.out_for_delivery,
        f"【{there}】{last_outlet} 的 {courier} 正在派件，电话：{phone}",
        there,
    )
    if ending == "pickup_point":
        point = dice.pick(_POINTS)
        code = f"{1 + dice.below(9)}-{1 + dice.below(6)}-{1000 + dice.below(9000)}"
        yield K.at_pickup_point, f"【{there}】快件已存放至{point}，请凭取件码 {code} 领取", there
        yield K.delivered, f"【{there}】已签收，签收人凭取件码取走，感谢使用", there
    elif ending == "returned":
        yield K.delivery_problem, f"【{there}】派件异常：{dice.pick(_PROBLEMS)}", there
        yield K.returning, f"【{there}】快件已退回，正在发往 {here}", there
    else:
        yield (
            K.delivered,
            f"【{there}】已签收，签收人：本人签收。如有疑问请联系 {courier}，电话：{phone}",
            there,
        )


def badly(manners: Manners) -> Manners:
    """The same courier on a bad day: pushes doubled, in any order, the last word first."""
    return replace(manners, doubled=True, shuffled=True, delivered_first=True)
