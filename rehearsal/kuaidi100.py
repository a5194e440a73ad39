"""A stand-in for kuaidi100: its own protocol and signatures, journeys of the rehearsal courier, bad days on demand.

It takes subscriptions (``poll``), answers questions (``poll/query.do``) and pushes to the callback it was given, signed
with the salt it was given. It refuses wrong keys, signs and callbacks as the aggregator does, wants a phone tail for SF
and ZTO, and locks its account for a number that is asked more than once in 30 minutes. It speaks to this machine only.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from app.core.tracking import NodeKind
from app.ports import Clock, SystemClock
from rehearsal import courier
from rehearsal.courier import Node, NotHere, Waybill, is_loopback
from rehearsal.server import Asgi, Call, Manner, Manners, Reply, app_of

FLOOR = timedelta(minutes=30)
NUMBER_MAX = 32
PHONE_COMPANIES = frozenset({"shunfeng", "zhongtong"})
#: What a push is answered with when it was taken; anything else is sent again.
TAKEN = {"result": True, "returnCode": "200", "message": "成功"}
_ZONE = ZoneInfo("Asia/Shanghai")
_REAL = SystemClock()

#: Our courier's kinds as this aggregator tells them: (statusCode, status).
_STATES: dict[NodeKind, tuple[str, str]] = {
    NodeKind.label_created: ("101", "已下单"),
    NodeKind.awaiting_pickup: ("102", "待揽收"),
    NodeKind.picked_up: ("103", "已揽收"),
    NodeKind.origin_departed: ("0", "在途"),
    NodeKind.hub_arrived: ("1002", "干线"),
    NodeKind.hub_departed: ("1002", "干线"),
    NodeKind.dest_arrived: ("1001", "到达派件城市"),
    NodeKind.out_for_delivery: ("5", "派件"),
    NodeKind.at_pickup_point: ("501", "投柜或驿站"),
    NodeKind.delivered: ("301", "本人签收"),
    NodeKind.delivery_problem: ("204", "派件异常"),
    NodeKind.returning: ("6", "退回"),
    NodeKind.other: ("977", "无人机派送"),
}
_REFUSALS = {
    "400": "提交的数据不完整",
    "408": "验证码错误",
    "500": "查询无结果，请隔段时间再查",
    "501": "重复订阅",
    "502": "服务器繁忙",
    "503": "验证签名失败",
    "601": "POLL:KEY已过期",
    "700": "订阅方的订阅数据存在错误",
    "701": "拒绝订阅的快递公司",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    number: str
    company: str
    callback_url: str
    salt: str
    advanced: bool
    """Whether each node comes with its statusCode (resultv2 4)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """How a journey is pushed. The default: one push a node, each with all nodes so far, newest first.

    ``doubled``: each push comes three times. ``reordered``: the pushes come in the opposite order. ``delivered_first``:
    the last push comes before all others. ``partial``: each push carries its own node alone.
    """

    doubled: bool = False
    reordered: bool = False
    delivered_first: bool = False
    partial: bool = False


class Told(NamedTuple):
    """A push and what the hub said."""

    param: dict[str, Any]
    status: int
    answer: str

    @property
    def is_taken(self) -> bool:
        return self.status == 200 and json.loads(self.answer or "null") == TAKEN


@dataclass
class _Books:
    """What the stand-in remembers, guarded by one lock: it answers in one thread and is asked from others."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    journeys: dict[str, tuple[Waybill, tuple[Node, ...]]] = field(default_factory=dict)
    subscriptions: dict[str, Subscription] = field(default_factory=dict)
    asked: dict[str, list[datetime]] = field(default_factory=dict)
    refused: list[tuple[str, str]] = field(default_factory=list)
    pushed: dict[str, int] = field(default_factory=dict)
    """How many nodes of a number were pushed as time went by."""


class Kuaidi100:
    """One account at the stand-in. ``manners`` may make calls slow, broken, lost, throttled or refused."""

    def __init__(self, customer: str, key: str, clock: Clock = _REAL, manners: Manners | None = None) -> None:
        self.customer, self._key, self._clock = customer, key, clock
        self.manners = manners or Manners()
        self.refused_companies: set[str] = set()
        self._books = _Books()

    # ------------------------------------------------------------------------------------ what it knows

    def carry(
        self,
        waybill: Waybill,
        seed: int = 1,
        manners: courier.Manners | None = None,
        start: datetime | None = None,
    ) -> tuple[Node, ...]:
        """This parcel is on its way: its whole journey, of which answers tell what lies before now."""
        how = manners or courier.Manners(pace_s=3600)
        whole = courier.script([waybill], seed, how, start or self._clock.now())
        nodes = tuple(sorted({node for push in whole for node in push.nodes}, key=lambda node: node.at))
        with self._books.lock:
            self._books.journeys[waybill.waybill_no] = (waybill, nodes)
        return nodes

    @property
    def subscriptions(self) -> dict[str, Subscription]:
        """Numbers that are watched now."""
        with self._books.lock:
            return dict(self._books.subscriptions)

    @property
    def asked(self) -> dict[str, list[datetime]]:
        """When each number was asked, refused questions left out."""
        with self._books.lock:
            return {number: list(moments) for number, moments in self._books.asked.items()}

    @property
    def locked(self) -> list[str]:
        """Numbers asked too often: the whole account is locked from the first one on."""
        found = self.asked.items()
        return [no for no, at in found if any(b - a < FLOOR for a, b in itertools.pairwise(at))]

    @property
    def refused(self) -> list[tuple[str, str]]:
        """(code, number) of every refused call."""
        with self._books.lock:
            return list(self._books.refused)

    # ----------------------------------------------------------------------------------- what it answers

    @property
    def app(self) -> Asgi:
        return app_of(self.answer, self.manners)

    async def answer(self, call: Call) -> Reply:
        asked: dict[str, Any] = {}
        form = call.form()
        try:
            asked = json.loads(form.get("param", ""))
        except ValueError:
            return self._no("400", "")
        if not isinstance(asked, dict) or call.method != "POST":
            return self._no("400", "")
        bad = self.manners.meet(call.path, {Manner.throttled, Manner.refused})
        if bad is not None:
            return self._no("502" if bad is Manner.throttled else "500", "")
        if call.path == "/poll":
            return self._subscribed(form, asked)
        if call.path == "/poll/query.do":
            return self._queried(form, asked)
        return Reply(b"Not Found", 404, "text/plain")

    def _subscribed(self, form: dict[str, str], asked: dict[str, Any]) -> Reply:
        number, given = str(asked.get("number", "")), asked.get("parameters") or {}
        if asked.get("key") != self._key:
            return self._no("601", number)
        if form.get("schema") != "json" or not given.get("callbackurl", "").startswith("http"):
            return self._no("700", number)
        if asked.get("company") in self.refused_companies or not 0 < len(number) <= NUMBER_MAX:
            return self._no("701", number)
        made = Subscription(
            number=number,
            company=str(asked.get("company", "")),
            callback_url=given["callbackurl"],
            salt=str(given.get("salt", "")),
            advanced=given.get("resultv2") in ("4", "8"),
        )
        with self._books.lock:
            is_again = number in self._books.subscriptions
            self._books.subscriptions.setdefault(number, made)
        if is_again:
            return self._no("501", number)
        return Reply.told({"result": True, "returnCode": "200", "message": "提交成功"})

    def _queried(self, form: dict[str, str], asked: dict[str, Any]) -> Reply:
        text, number = form.get("param", ""), str(asked.get("num", ""))
        if (
            form.get("customer") != self.customer
            or form.get("sign") != _md5(text, self._key, self.customer).upper()
        ):
            return self._no("503", number)
        if not asked.get("com"):
            return self._no("400", number)
        now = self._clock.now()
        with self._books.lock:
            self._books.asked.setdefault(number, []).append(now)
        if self.locked:
            return self._no("601", number)
        if asked["com"] in PHONE_COMPANIES and len(str(asked.get("phone", ""))) != 4:
            return self._no("408", number)
        nodes = [node for node in self._nodes(number) if node.at <= now]
        if not nodes:
            return self._no("500", number)
        return Reply.told(self._result(number, nodes, str(asked["com"]), asked.get("resultv2") in ("4", "8")))

    def _no(self, code: str, number: str) -> Reply:
        with self._books.lock:
            self._books.refused.append((code, number))
        return Reply.told({"result": False, "returnCode": code, "message": _REFUSALS[code]})

    def _nodes(self, number: str) -> tuple[Node, ...]:
        with self._books.lock:
            return self._books.journeys.get(number, (Waybill(number), ()))[1]

    def _result(self, number: str, nodes: Sequence[Node], company: str, advanced: bool) -> dict[str, Any]:
        """``lastResult``, newest first."""
        is_done = any(node.kind is NodeKind.delivered for node in nodes)
        return {
            "message": "ok",
            "nu": number,
            "ischeck": "1" if is_done else "0",
            "condition": "F00",
            "com": company,
            "status": "200",
            "state": _main_state(nodes[-1].kind) if nodes else "0",
            "data": [_told(node, advanced) for node in reversed(nodes)],
        }

    # ------------------------------------------------------------------------------------- what it pushes

    def tell(self, number: str, telling: Telling | None = None, salt: str | None = None) -> list[Told]:
        """Pushes the whole journey of a subscribed number, one push after the other, and what the hub said to each.

        ``salt`` signs with another one than was agreed. Raises KeyError for a number nobody subscribed.
        """
        how = telling or Telling()
        subscription = self.subscriptions[number]
        return [self._push(subscription, param, salt) for param in self._params(subscription, how)]

    def tell_news(self) -> list[Told]:
        """Pushes what happened by now to every subscribed number that has news since the last time."""
        told = []
        for number, subscription in self.subscriptions.items():
            params = self.happened(number)
            with self._books.lock:
                known = self._books.pushed.get(number, 0)
                self._books.pushed[number] = max(known, len(params))
            if len(params) > known:
                told.append(self._push(subscription, params[-1], None))
        return told

    def is_carried(self, number: str) -> bool:
        """Whether the courier has this parcel."""
        with self._books.lock:
            return number in self._books.journeys

    def carried(self, number: str) -> tuple[Node, ...]:
        """The whole journey of this parcel, nothing for one that nobody carries."""
        return self._nodes(number)

    def happened(self, number: str) -> list[dict[str, Any]]:
        """What there is to push about a subscribed number by now: one ``param`` a node, in the order of time."""
        params = self._params(self.subscriptions[number], Telling())
        return params[: sum(node.at <= self._clock.now() for node in self._nodes(number))]

    def abort(self, number: str, *, with_result: bool = False, right_company: str = "") -> Told:
        """Gives up watching, as after three days without news."""
        subscription = self._ended(number)
        param: dict[str, Any] = {
            "status": "abort",
            "billstatus": "",
            "message": "3天查询无记录",
            "autoCheck": "1" if right_company else "0",
            "comOld": subscription.company if right_company else "",
            "comNew": right_company,
            "lastResult": {},
        }
        if with_result:
            error = {
                "message": "单号不存在或者已经过期",
                "status": "201",
                "state": "0",
                "ischeck": "0",
                "data": [],
            }
            param["lastResult"] = {"nu": number, "com": subscription.company, "condition": ""} | error
        return self._push(subscription, param, None)

    def _params(self, subscription: Subscription, how: Telling) -> list[dict[str, Any]]:
        nodes = self._nodes(subscription.number)
        parts = [nodes[n : n + 1] if how.partial else nodes[: n + 1] for n in range(len(nodes))]
        params = [
            {
                "status": "shutdown" if part[-1] is nodes[-1] else "polling",
                "billstatus": "got",
                "message": "",
                "autoCheck": "0",
                "comOld": "",
                "comNew": "",
                "lastResult": self._result(
                    subscription.number, part, subscription.company, subscription.advanced
                ),
            }
            for part in parts
        ]
        if how.reordered:
            params.reverse()
        if how.delivered_first:
            last = next(param for param in params if param["status"] == "shutdown")
            params.remove(last)
            params.insert(0, last)
        return [param for param in params for _ in range(3 if how.doubled else 1)]

    def _ended(self, number: str) -> Subscription:
        with self._books.lock:
            return self._books.subscriptions.pop(number)

    def _push(self, subscription: Subscription, param: dict[str, Any], salt: str | None) -> Told:
        if param["status"] == "shutdown":
            with self._books.lock:
                self._books.subscriptions.pop(subscription.number, None)
        return Told(
            param, *push(subscription.callback_url, param, subscription.salt if salt is None else salt)
        )


def push(url: str, param: dict[str, Any], salt: str, timeout_s: float = 15) -> tuple[int, str]:
    """One signed push; a refusal is an answer. Raises NotHere for other machines, OSError when nobody answers."""
    if not is_loopback(urllib.parse.urlsplit(url).hostname or ""):
        raise NotHere(url)
    text = json.dumps(param, ensure_ascii=False, separators=(",", ":"))
    form = {"sign": _md5(text, salt), "param": text} if salt else {"param": text}
    request = urllib.request.Request(url, data=urllib.parse.urlencode(form).encode("ascii"), method="POST")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=timeout_s) as said:
            return said.status, said.read().decode("utf-8", "replace")
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode("utf-8", "replace")


def _told(node: Node, advanced: bool) -> dict[str, Any]:
    time = node.at.astimezone(_ZONE).strftime("%Y-%m-%d %H:%M:%S")
    told: dict[str, Any] = {"time": time, "ftime": time, "context": node.text}
    if advanced:
        code, word = _STATES[node.kind]
        told |= {"areaCode": None, "areaName": node.place, "status": word, "location": "", "statusCode": code}
    return told


def _main_state(kind: NodeKind) -> str:
    code = _STATES[kind][0]
    if kind is NodeKind.other:
        return "0"
    return code[0] if len(code) == 3 else "0" if len(code) == 4 else code


def _md5(*parts: str) -> str:
    return hashlib.md5("".join(parts).encode("utf-8"), usedforsecurity=False).hexdigest()
