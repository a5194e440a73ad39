"""The hub's callers: files, pushes, acts and labels, each over HTTP, each noting what was answered as taken.

A call that got no answer goes again, the same bytes under the same ids, until it gets one: so does every honest
caller. Callers rest between two calls where they are asked to.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import msgspec

from app.core.order import Order
from app.ports import SystemClock, Ulid
from app.wire import ImportReport, LeaseAnswer, Receipt
from rehearsal.book import Bought
from rehearsal.douyin import Douyin
from rehearsal.douyin_pushes import event_of
from tests.kill.ledger import Lost, Promised

#: So long a hub may need until it answers again, on a machine busy with other things.
PATIENCE_S = 300.0
PER_FILE = 20
LINES = 3
QTY = 9
FILES, PLATFORM = "files", "pushes"
#: Seconds of rest after a file, a push, a parcel, a label, a cancel.
_PACES_S = (0.2, 0.05, 0.01, 0.05, 0.1)
_HEAD = "channel_order_no,paid_at,consignee_name,consignee_phone,consignee_address,sku_code,qty,paid\n"


class NoAnswer(Exception):
    """Nothing is known: the line broke, or the hub said that it cannot now."""


class Door:
    """One kept connection to the hub, speaking for one caller."""

    def __init__(self, port: int, token: str = "", over: threading.Event | None = None) -> None:
        """Once ``over`` nothing is tried again."""
        self.port = port
        self.token = token
        self._over = over or threading.Event()
        self._line: http.client.HTTPConnection | None = None

    def call(self, method: str, path: str, body: bytes = b"", **headers: str) -> bytes:
        """Raises :class:`NoAnswer`; any other refusal is :class:`Lost`: nothing here is ever rightly refused."""
        line = self._line or http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        self._line = None
        given = {"X-Orderdock-Wire": "1", "Accept-Language": "en", "Content-Type": "application/json"}
        if self.token:
            given["Authorization"] = f"Bearer {self.token}"
        try:
            line.request(method, path, body, given | {k.replace("_", "-"): v for k, v in headers.items()})
            answer = line.getresponse()
            said = answer.read()
        except (OSError, http.client.HTTPException) as error:
            line.close()
            raise NoAnswer(str(error)) from error
        self._line = line
        if answer.status >= 500:
            raise NoAnswer(said.decode("utf-8", "replace"))
        if answer.status != 200:
            raise Lost(f"{method} {path}: {answer.status} {said.decode('utf-8', 'replace')[:300]}")
        return said

    def until(self, method: str, path: str, body: bytes = b"", **headers: str) -> bytes:
        """The same call again until it is answered."""
        end = time.monotonic() + PATIENCE_S
        while True:
            try:
                return self.call(method, path, body, **headers)
            except NoAnswer as why:
                if self._over.is_set():
                    raise
                if time.monotonic() > end:
                    raise Lost(f"{method} {path}: no answer for {PATIENCE_S:.0f} s: {why}") from why
                time.sleep(0.02)

    def close(self) -> None:
        if self._line is not None:
            self._line.close()


class Caller:
    """Calls in a thread of its own: ``turn()`` is one call, whole, with all its tries."""

    def __init__(self, name: str, turn: Callable[[], object], pace_s: float, over: threading.Event) -> None:
        self.failure: BaseException | None = None
        self._turn, self._pace_s, self._over = turn, pace_s, over
        self._busy = threading.Lock()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._over.is_set():
            with self._busy:
                try:
                    self._turn()
                except Exception as error:  # noqa: BLE001 - the one who asks for stillness raises it
                    self.failure = error
                    return
            self._over.wait(self._pace_s)

    def rest(self) -> threading.Lock:
        return self._busy

    def join(self) -> None:
        self._thread.join(PATIENCE_S)


class SilentShop(Douyin):
    """Tells of orders by pushes alone: a push that is forgotten is made good by no list."""

    def _list(self, params: Any) -> dict[str, Any]:
        return {"page": 0, "size": 100, "total": 0, "shop_order_list": []}


class Load:
    """All callers of one hub, and what they were promised."""

    def __init__(self, port: int, admin: str, bench: str, shop: Douyin, pool: int, calm: float = 1.0) -> None:
        """``pool``: how many waybill numbers the hub has to give; ``calm``: so many times longer everybody rests."""
        self.promised = Promised()
        self.free: list[Order] = []
        """Orders of files that nobody works on yet."""
        self._shop, self._pool = shop, pool
        self._files = 0
        self._new_id = Ulid(SystemClock())
        self._sent: list[dict[str, Any]] = []
        self._over = over = threading.Event()
        self._doors = [Door(port, token, over) for token in (admin, "", bench, bench, admin)]
        turns = [self.bring_file, self._push, self._pack, self._label, self._cancel]
        self._callers = [
            Caller(turn.__name__, partial(turn, door), pace_s * calm, over)
            for turn, door, pace_s in zip(turns, self._doors, _PACES_S, strict=True)
        ]

    @contextmanager
    def still(self) -> Iterator[None]:
        """Every call was answered, and none begins."""
        with ExitStack() as all_rest:
            for caller in self._callers:
                all_rest.enter_context(caller.rest())
            self.raise_failures()
            yield

    def raise_failures(self) -> None:
        for caller in self._callers:
            if caller.failure is not None:
                raise caller.failure

    def stop(self) -> None:
        self._over.set()
        for caller in self._callers:
            caller.join()
        for door in self._doors:
            door.close()

    def bring_file(self, door: Door, count: int = PER_FILE) -> None:
        """A file of new orders; sent again it brings nothing."""
        self._files += 1
        numbers = [f"F{self._files:05d}-{n:02d}" for n in range(count)]
        rows = [_rows(number) for number in numbers]
        body = (_HEAD + "".join(rows)).encode()
        path = f"/v1/imports?kind=orders&shop={FILES}&filename={self._files}.csv"
        report = msgspec.json.decode(
            door.until("POST", path, body, Content_Type="text/csv"), type=ImportReport
        )
        if report.refused or report.taken + report.unchanged != count * LINES:
            raise Lost(f"a good file was not taken: {report}")
        self.promised.taken(numbers)

    def _push(self, door: Door) -> None:
        [bought] = self._shop.book.buy()
        body, headers = signed(self._shop, bought)
        said = json.loads(door.until("POST", f"/v1/webhooks/{PLATFORM}", body, **headers))
        if said.get("code") != 0:
            raise Lost(f"a good push was not taken: {said}")
        self.promised.heard(bought.order_no)

    def _pack(self, door: Door) -> None:
        """A parcel opened and filled, some acts a call, as a bench that was away sends them."""
        order = self._next()
        if order is None:
            return
        lines = [line.line_no for line in order.lines for _ in range(line.qty)]
        acts = [self._act(order, "opened")]
        acts += [self._act(order, "line_packed", line_no=no, qty=1, code=f"SKU-{no}") for no in lines]
        for at in range(0, len(acts), 7):
            self._acts(door, acts[at : at + 7])

    def _cancel(self, door: Door) -> None:
        if (order := self._next()) is not None:
            self._acts(door, [self._act(order, "cancel", parcel_no=None, note="不要了")])
            self.promised.cancels(order.order_no)

    def _label(self, door: Door) -> None:
        """A lease for a print brings a waybill number; asked again it brings the same."""
        order = self._next() if len(self.promised.labels) < self._pool else None
        if order is None:
            return
        parcel_no = order.parcels[0].parcel_no
        body = msgspec.json.encode({"parcel_nos": [parcel_no], "step": "print"})
        for _ in range(2):
            [answer] = msgspec.json.decode(door.until("POST", "/v1/leases", body), type=list[LeaseAnswer])
            if not answer.granted or answer.label is None:
                raise Lost(f"no label for {parcel_no}: {answer}")
            self.promised.label(parcel_no, answer.label.waybill_no)

    def again(self, acts: int = 300) -> None:
        """The last acts once more: each is known. Only while all are still."""
        door, last = self._doors[2], self._sent[-acts:]
        for at in range(0, len(last), 100):
            self._taken(door.until("POST", "/v1/acts", msgspec.json.encode(last[at : at + 100])))

    def _next(self) -> Order | None:
        try:
            return self.free.pop()
        except IndexError:
            return None

    def _act(self, order: Order, kind: str, **body: Any) -> dict[str, Any]:
        parcel_no = body.pop("parcel_no", order.parcels[0].parcel_no)
        made_at = SystemClock().now()
        act = {"act_id": self._new_id(), "kind": kind, "order_no": order.order_no, "made_at": made_at}
        return act | {"parcel_no": parcel_no, "body": body}

    def _acts(self, door: Door, acts: list[dict[str, Any]]) -> None:
        self._taken(door.until("POST", "/v1/acts", msgspec.json.encode(acts)))
        self._sent += [act for act in acts if act["kind"] != "cancel"]

    def _taken(self, said: bytes) -> None:
        for receipt in msgspec.json.decode(said, type=list[Receipt]):
            if receipt.outcome != "applied":
                raise Lost(f"a good act was not taken: {receipt}")
            self.promised.receipt(receipt)


def signed(shop: Douyin, bought: Bought) -> tuple[bytes, dict[str, str]]:
    """The push of a paid order, as the platform sends it."""
    paid = next(change for change in reversed(shop.book.changes()) if change.order == bought)
    body = json.dumps([event_of(paid)], ensure_ascii=False, separators=(",", ":")).encode()
    text = shop.app_key.encode() + body + shop.app_secret.encode()
    sign = hashlib.md5(text, usedforsecurity=False).hexdigest()
    return body, {"app_id": shop.app_key, "event_sign": sign}


def _rows(number: str, lines: int = LINES, qty: int = QTY) -> str:
    who = "林小明,18312342807,杭州市文三路1号"
    return "".join(f"{number},2026-11-21 09:00:00,{who},SKU-{n},{qty},10.00\n" for n in range(1, lines + 1))


def order_file(numbers: list[str], lines: int, qty: int) -> bytes:
    """A file of orders of ``lines`` lines of ``qty`` units each."""
    return (_HEAD + "".join(_rows(number, lines, qty) for number in numbers)).encode()
