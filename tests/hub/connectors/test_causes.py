"""What a person reads when a platform cannot be spoken to: every failure of every client in plain words, with no
name of a class, no number of HTTP, no errno (and no cause that lacks its words)."""

from __future__ import annotations

import errno
import re
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from app import resources
from app.core.texts import Lang
from hub.config import Carrier, Shop
from hub.connectors.carriers.kuaidi100 import client as kuaidi100
from hub.connectors.channels.douyin import client as douyin
from hub.connectors.channels.pdd import client as pdd
from hub.connectors.couriers import Parcel
from hub.connectors.line.watch import trouble_of, word_of
from hub.connectors.shapes import (
    BadPayload,
    Cause,
    NoPermission,
    Shipment,
    ShopTrouble,
    SignInAgain,
)
from tests.helpers.clock import FakeClock
from tests.helpers.hub import TOML, hub_in_thread
from tests.helpers.ports import held_port
from ui.present.shops import trouble_words
from ui.present.words import Words

LANGS: tuple[Lang, ...] = ("zh", "en")
ALARMS = ("shop_{trouble}", "ship_back_late", "ship_back_refused")
#: What only whoever wrote the program understands.
CODE = re.compile(
    r"[A-Z][a-z]+[A-Z]\w*|\b\w+(?:Error|Exception|Timeout)\b|HTTP\W?\d|[Ee]rrno|\b[1-5]\d\d\b|@\w|[{}]|None|\w+\.\w+\["
)
GIVEN = {"app_key": "key", "app_secret": "secret", "access_token": "token", "refresh_token": "refresh"}
STATUSES = (201, 301, 302, 400, 401, 403, 404, 405, 413, 429, 500, 502, 503, 504)
BODIES = (b"", b"<html>502 Bad Gateway</html>", b"{}", b"[]", b"\xff\xfe", b'{"data":null}', b"[" * 100_000)


def _raised(error: Exception) -> Callable[[httpx.Request], httpx.Response]:
    def answer(request: httpx.Request) -> httpx.Response:
        raise error

    return answer


def _failures() -> Iterator[tuple[str, Callable[[httpx.Request], httpx.Response]]]:
    for kind in (
        httpx.ConnectError,
        httpx.ConnectTimeout,
        httpx.ReadError,
        httpx.ReadTimeout,
        httpx.WriteError,
        httpx.PoolTimeout,
        httpx.RemoteProtocolError,
        httpx.LocalProtocolError,
        httpx.UnsupportedProtocol,
        httpx.DecodingError,
        httpx.TooManyRedirects,
    ):
        yield kind.__name__, _raised(kind(f"[Errno {errno.ECONNREFUSED}] Connection refused"))
    yield "InvalidURL", _raised(httpx.InvalidURL("no url"))
    for status in STATUSES:
        yield str(status), lambda request, status=status: httpx.Response(status, text="<html>")  # type: ignore[misc]
    for n, body in enumerate(BODIES):
        yield f"body {n}", lambda request, body=body: httpx.Response(200, content=body)  # type: ignore[misc]


def _calls(http: httpx.AsyncClient) -> Iterator[Callable[[], Awaitable[Any]]]:
    """Everything that each client can be asked."""
    for name, module in (("pdd", pdd), ("douyin", douyin)):
        shop = Shop(id="shop-1", connector=name, base_url="http://127.0.0.1:1/api", **GIVEN)
        door: Any = module.open_shop(shop, http, FakeClock())
        shipment = Shipment(channel_order_no="1", carrier="yuantong", waybill_no="YT1")
        yield door.check
        yield lambda door=door: door.order("1")  # type: ignore[misc]
        yield lambda door=door, shipment=shipment: door.ship(shipment)  # type: ignore[misc]
        yield lambda door=door: door.refresh("refresh")  # type: ignore[misc]
    account = Carrier(connector="kuaidi100", customer="C", key="K", salt="S", base_url="http://127.0.0.1:1")
    courier = kuaidi100.open_courier(account, http)
    parcel = Parcel(waybill_no="YT1234567890", carrier="yuantong")
    yield lambda: courier.query(parcel)
    yield lambda: courier.subscribe(parcel)


def said(trouble: ShopTrouble) -> Iterator[str]:
    """Every place where people read of it."""
    texts, kind, word = resources.texts(), trouble_of(trouble), word_of(trouble)
    told = {
        "shop_id": "pdd-main",
        "word": word,
        "parcel_no": "OD2026112100101",
        "waybill_no": "YT1",
        "failures": 3,
    }
    for lang in LANGS:
        yield texts.text(f"notices.trouble_{kind}", lang, word=word)
        for alarm in ALARMS:
            text = texts.text(f"alarms.{alarm.format(trouble=kind)}", lang, **told)
            yield text.replace(told["parcel_no"], "")
        shown = trouble_words(kind, word, Words(texts, lang, ZoneInfo("Asia/Shanghai")))
        yield from (text for text in shown if word or text)


def plain(text: str) -> bool:
    return bool(text) and CODE.search(text) is None


@pytest.mark.anyio
@pytest.mark.parametrize(("name", "answer"), [pytest.param(*one, id=one[0]) for one in _failures()])
async def test_no_failure_on_the_way_tells_people_a_word_of_code(
    name: str, answer: Callable[[httpx.Request], httpx.Response]
) -> None:
    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        troubles = []
        for call in _calls(http):
            try:
                await call()
            except ShopTrouble as trouble:
                troubles.append(trouble)
    assert len(troubles) >= 4, name
    for trouble in troubles:
        for text in said(trouble):
            assert plain(text), (name, text)


@pytest.mark.parametrize("cause", list(Cause))
def test_every_cause_is_said_in_both_languages(cause: Cause) -> None:
    texts = resources.texts()
    zh, en = (texts.cause(cause.of("app_key"), lang) for lang in LANGS)
    unknown = [texts.cause("@a cause of tomorrow", lang) for lang in LANGS]
    assert plain(zh) and plain(en) and zh != en and [zh, en] != unknown
    assert ("app_key" in zh) == ("app_key" in en) == (cause is Cause.lacks)


def test_a_platforms_own_words_stay_and_no_words_are_said_to_be_none() -> None:
    texts = resources.texts()
    assert texts.cause("access_token已过期", "en") == "access_token已过期"
    assert [texts.cause("", lang) for lang in LANGS] == ["平台没有说明原因", "it gave no reason"]
    assert word_of(BadPayload("order_info.item_list[0].goods_count")) == Cause.unreadable
    assert word_of(NoPermission("20005 x", Cause.right_ip)) == Cause.right_ip
    assert word_of(SignInAgain("授权已取消")) == "授权已取消"


def test_what_is_missing_in_the_settings_is_named() -> None:
    for module, name in ((pdd, "access_token"), (douyin, "app_secret")):
        lacking = Shop(id="s", connector="x", **(GIVEN | {name: ""}))
        with pytest.raises(ShopTrouble) as found:
            module.open_shop(
                lacking, httpx.AsyncClient(transport=httpx.MockTransport(_raised(OSError()))), FakeClock()
            )
        texts = list(said(found.value))
        assert all(plain(text) for text in texts) and sum(name in text for text in texts) >= 4


def test_a_platform_that_is_away_is_said_plainly_by_the_hub_itself(tmp_path: Path) -> None:
    """The whole way: health, "test connection", the third failure's alarm."""
    toml = (
        f'{TOML}[[shop]]\nid = "shop-1"\nconnector = "pdd"\n'
        'app_key = "k"\napp_secret = "s"\naccess_token = "t"\npoll_s = 86400\n'
    )
    with (
        held_port() as nobody,
        hub_in_thread(tmp_path, f'{toml}base_url = "http://127.0.0.1:{nobody}/api"\n', FakeClock()) as hub,
    ):
        admin = hub.admin()
        answers = [admin.post("/v1/shops/shop-1/poll") for _ in range(3)]
        checked = admin.post("/v1/shops/shop-1/check").json()
        [health] = [shop["health"] for shop in admin.get("/v1/shops").json()["shops"] if shop.get("health")]
        [alarm] = hub.app.doors.orders.lookup.alarms()
    assert [answer.status_code for answer in answers] == [503] * 3
    texts = [answer.json()["error"]["text"] for answer in answers] + [checked["text"], health["text"]]
    texts += [resources.texts().text(f"alarms.{alarm.kind}", lang, **alarm.params) for lang in LANGS]
    for text in texts:
        assert plain(text) and ("cannot be reached" in text or "连不上" in text), text
