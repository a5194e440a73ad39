"""Douyin's pushes: signed lists of events to one address, again and again until they are taken.

Bad manners are asked for on ``push``: ``doubled`` and ``reordered`` events, ``slow`` (a list waits while later ones
go first), ``lost`` (its answer is not heard, so it comes again), ``refused`` (a wrong signature, then the right one).
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Sequence
from datetime import UTC
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import httpx

from rehearsal.book import Bought, Change, Happened
from rehearsal.courier import NotHere, is_loopback
from rehearsal.douyin import SHOP_ID, Douyin
from rehearsal.server import Manner

H = Happened
ANSWER_WITHIN_S: Final = 15.0
_OF_PUSHES = {Manner.slow, Manner.lost, Manner.refused}
_TAGS = {
    H.placed: 100,
    H.paid: 101,
    H.shipped: 102,
    H.received: 103,
    H.address_changed: 105,
    H.cancelled: 106,
    H.risk_found: 110,
    H.risk_cleared: 101,
    H.address_asked: 111,
    H.remark_changed: 113,
    H.refund_asked: 200,
    H.refund_agreed: 201,
    H.refunded: 206,
    H.refund_closed: 207,
}
_TIME_OF = {
    100: "create_time",
    101: "pay_time",
    106: "cancel_time",
    111: "apply_time",
    200: "apply_time",
    201: "agree_time",
}
_STATUS_OF = {100: 1, 101: 2, 102: 3, 103: 5, 106: 4, 110: 105}


class Answered(NamedTuple):
    """``status`` 0: nobody answered in time."""

    status: int
    body: bytes

    @property
    def is_taken(self) -> bool:
        """What the platform believes: code 0 in whatever JSON object came with 200."""
        try:
            said = json.loads(self.body)
        except ValueError:
            return False
        return self.status == 200 and isinstance(said, dict) and said.get("code") == 0


def event_of(change: Change) -> dict[str, Any]:
    """One element of a list: ``data`` is a JSON text, its ids are integers above 2^53."""
    tag, order = _TAGS[change.happened], change.order
    number, seconds = int(order.order_no), int(change.at.astimezone(UTC).timestamp())
    data: dict[str, Any] = {"p_id": number, "shop_id": SHOP_ID, _TIME_OF.get(tag, "update_time"): seconds}
    if tag < 200:
        data |= {"s_ids": [number + n for n in range(len(order.lines))], "order_type": 0, "biz": 2}
        data["order_status"] = _STATUS_OF.get(tag, 2)
    else:
        data |= {
            "s_id": number + (change.line or 0),
            "aftersale_id": 7 * 10**18 + order.refund_no,
            "refund_amount": order.paid_fen if change.line is None else _goods_fen(order, change.line),
        }
        data["aftersale_type"] = 1 if order.shipped_at else 2
    if tag == 101:
        data["pay_amount"] = order.paid_fen
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return {"tag": str(tag), "msg_id": f"{number}:0:{tag}:{seconds}:{change.event_no}", "data": text}


def _goods_fen(order: Bought, line: int) -> int:
    good, qty = order.lines[line]
    return good.price_fen * qty


class Pusher:
    """Sends what happens in the platform's book to ``url``, which must be on this machine (:class:`NotHere`).

    Nothing leaves before :meth:`round` or :meth:`start`. ``most``: so many events in one list.
    """

    def __init__(self, platform: Douyin, url: str, *, most: int = 20, retry_s: float = 1.0) -> None:
        if not is_loopback(urlsplit(url).hostname or ""):
            raise NotHere(url)
        self.platform, self.url, self.most = platform, url, most
        self.sent: list[list[dict[str, Any]]] = []
        self._retry_s = retry_s
        self._waiting: list[list[dict[str, Any]]] = []
        self._held: list[list[dict[str, Any]]] = []
        self._fresh: list[dict[str, Any]] = []
        self._lock = threading.Lock()
        self._wake, self._over = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self._http = httpx.Client(trust_env=False, timeout=ANSWER_WITHIN_S)
        platform.book.on_change(self._happened)

    @property
    def waiting(self) -> int:
        """Lists and single events that were not taken yet."""
        with self._lock:
            return len(self._waiting) + len(self._held) + len(self._fresh)

    def check_address(self) -> Answered:
        """What the platform sends when somebody saves the address."""
        return self.send([{"tag": "0", "msg_id": "0", "data": "2026-11-21 00:00:00"}])

    def send(self, events: Sequence[dict[str, Any]], *, wrong_sign: bool = False) -> Answered:
        """One POST, without manners. Safe from any thread."""
        body = json.dumps(events, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
        secret = "not the secret" if wrong_sign else self.platform.app_secret
        text = self.platform.app_key.encode() + body + secret.encode()
        headers = {
            "app-id": self.platform.app_key,
            "event-sign": hashlib.md5(text, usedforsecurity=False).hexdigest(),
            "content-type": "application/json;charset=UTF-8",
        }
        try:
            answer = self._http.post(self.url, content=body, headers=headers)
        except httpx.HTTPError:
            return Answered(0, b"")
        return Answered(answer.status_code, answer.content)

    def round(self) -> int:
        """Sends every list that waits once; how many are still not taken."""
        with self._lock:
            fresh, self._fresh = self._fresh, []
            lists, self._waiting = self._waiting, []
            # a held list goes after those that came later
            late, self._held = self._held, []
        events = self.platform.manners.outgoing("push", fresh)
        lists += [events[n : n + self.most] for n in range(0, len(events), self.most)]
        for events in [*lists, *late]:
            self._sent(events)
        return self.waiting

    def _sent(self, events: list[dict[str, Any]]) -> None:
        met = self.platform.manners.meet("push", _OF_PUSHES)
        if met is Manner.slow:
            with self._lock:
                self._held.append(events)
            return
        if met is Manner.refused:
            self.send(events, wrong_sign=True)
        answered = self.send(events)
        with self._lock:
            self.sent.append(events)
            if met is Manner.lost or not answered.is_taken:
                self._waiting.append(events)

    def start(self) -> Pusher:
        """Sends as things happen, in a thread of its own."""
        self._thread = threading.Thread(target=self._run, name="rehearsal douyin pushes", daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """What was not taken stays untaken."""
        self._over.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(ANSWER_WITHIN_S * 2)
        self._http.close()

    def _run(self) -> None:
        while not self._over.is_set():
            self._wake.wait(self._retry_s if self.waiting else None)
            self._wake.clear()
            if not self._over.is_set() and self.round():
                self._over.wait(self._retry_s)

    def _happened(self, change: Change) -> None:
        with self._lock:
            self._fresh.append(event_of(change))
        self._wake.set()
