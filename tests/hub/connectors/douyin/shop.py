"""A Douyin shop of the tests, its payloads, and a gateway that answers what a test says."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from hub.config import Shop
from hub.connectors.channels.douyin.client import open_shop
from hub.connectors.channels.douyin.mapping import push_signature
from hub.connectors.payload import Payload
from hub.connectors.shapes import ShopDoor
from tests.helpers.clock import FakeClock

PAYLOADS = Path(__file__).parent / "payloads"
#: Official samples and vectors, where a developer has them.
OUTSIDE = Path(__file__).parents[5] / "shared" / "data" / "platforms" / "douyin"
SHOP = Shop(
    id="douyin-main",
    connector="douyin",
    app_key="7000000000000000001",
    app_secret="00000000-aaaa-bbbb-cccc-000000000001",
    access_token="token-of-the-day",
    refresh_token="refresh-of-the-month",
)
Answer = Callable[[httpx.Request], httpx.Response]


def payload(name: str) -> Any:
    return json.loads((PAYLOADS / f"{name}.json").read_text(encoding="utf-8"))


def raw(name: str) -> bytes:
    return (PAYLOADS / f"{name}.json").read_bytes()


def detail(name: str) -> Payload:
    """The order of a recorded ``order.orderDetail``."""
    return Payload.read(raw(f"order_detail__{name}")).need("data.shop_order_detail")


def signed(body: bytes, shop: Shop = SHOP) -> dict[str, str]:
    """The headers a push comes with."""
    return {"app-id": shop.app_key, "event-sign": push_signature(shop.app_key, shop.app_secret, body)}


class Gateway:
    """Answers each call with the next of its answers, the last one for ever, and keeps what was asked."""

    def __init__(self, *answers: bytes | Answer) -> None:
        self._answers = list(answers)
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return httpx.Response(200, content=answer) if isinstance(answer, bytes) else answer(request)

    def door(self, shop: Shop = SHOP, clock: FakeClock | None = None) -> ShopDoor:
        http = httpx.AsyncClient(transport=httpx.MockTransport(self), trust_env=False)
        return open_shop(shop, http, clock or FakeClock())

    def params(self, n: int = -1) -> Any:
        """The business parameters of a call."""
        return json.loads(self.asked[n].content)
