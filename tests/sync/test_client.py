"""The client: what each answer of the hub means, over a transport that says what the test wants."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any, TypeVar

import httpx
import msgspec
import pytest
import zstandard

from app import wire
from app.ports import FeedGone, HubAway, Insecure, NotAllowed, Rejected, SignInFailed, UpdateMe
from sync.backoff import Backoff
from sync.client import HubClient, page_of
from sync.places import authority_of
from tests.helpers.station import MORNING, a_page, an_order, an_urgent, order_change, stopped

T = TypeVar("T")
Answer = Callable[[httpx.Request], httpx.Response]


def asked(answer: Answer, work: Callable[[HubClient], Coroutine[Any, Any, T]], token: str = "t") -> T:
    """Runs one call against a hub that answers so."""

    async def run() -> T:
        http = httpx.AsyncClient(transport=httpx.MockTransport(answer))
        client = HubClient("http://127.0.0.1:1/", token, http=http)
        try:
            return await work(client)
        finally:
            await client.close()

    return asyncio.run(run())


def says(status: int, code: str = "x", text: str = "", **headers: str) -> Answer:
    body = msgspec.json.encode({"error": {"code": code, "text": text, "hint": "h"}})
    return lambda _request: httpx.Response(status, content=body, headers=headers)


@pytest.mark.parametrize(
    ("status", "code", "trouble"),
    [
        (401, "sign_in_again", SignInFailed),
        (403, "not_allowed", NotAllowed),
        (410, "begin_again", FeedGone),
        (409, "update_me", UpdateMe),
        (409, "name_taken", Rejected),
        (422, "bad_body", Rejected),
        (404, "no_such_page", Rejected),
        (429, "slowly", HubAway),
        (408, "late", HubAway),
        (500, "our_fault", HubAway),
        (503, "busy", HubAway),
    ],
)
def test_every_status_has_its_meaning_and_brings_the_hubs_words(
    status: int, code: str, trouble: type
) -> None:
    with pytest.raises(trouble) as said:
        asked(says(status, code, "话"), lambda hub: hub.digest())
    assert (said.value.text, said.value.hint) == ("话", "h")


def test_a_hub_that_says_when_to_come_again_is_believed_up_to_a_minute() -> None:
    for given, meant in (("7", 7.0), ("900", 60.0), ("soon", None)):
        with pytest.raises(HubAway) as said:
            asked(says(503, **{"retry-after": given}), lambda hub: hub.digest())
        assert said.value.retry_after_s == meant


def test_an_answer_nobody_can_read_is_no_answer() -> None:
    for content in (b"<html>login to the hotel wifi</html>", b'{"epoch": 5}', b""):
        with pytest.raises(HubAway):
            asked(lambda _r, c=content: httpx.Response(200, content=c), lambda hub: hub.health())
        for page in (content, zstandard.compress(content), zstandard.compress(content)[:-1]):
            with pytest.raises(HubAway):
                page_of(page)
    with pytest.raises(Rejected):
        asked(lambda _r: httpx.Response(404, content=b"<html>"), lambda hub: hub.health())


def test_a_network_that_fails_is_no_answer() -> None:
    def broken(_request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("slow")

    with pytest.raises(HubAway):
        asked(broken, lambda hub: hub.health())
    with pytest.raises(HubAway):
        asked(broken, _first_event)
    with pytest.raises(HubAway):
        asked(says(200), _after_closing)


async def _after_closing(hub: HubClient) -> object:
    await hub.close()
    return await hub.health()


def test_who_asks_is_said_where_it_counts() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        if request.url.path == "/v1/sessions":
            session = wire.Session(token="person", role="admin", expires_at=MORNING)
            return httpx.Response(200, content=msgspec.json.encode(session))
        return httpx.Response(200, stream=httpx.ByteStream(b"[]"))

    async def work(hub: HubClient) -> None:
        await hub.sign_in(wire.SignIn(user="u", password="p"))
        await hub.leases(wire.LeaseAsk(parcel_nos=[]))
        await hub.changes(5, "E", 10, wait_s=3)
        await hub.acts([], session="earlier")
        await hub.sign_out()
        await hub.sign_out()
        await hub.leases(wire.LeaseAsk(parcel_nos=[]))

    asked(answer, work)
    said = [(r.url.path, r.headers.get("x-orderdock-session")) for r in seen]
    assert said == [
        ("/v1/sessions", None),
        ("/v1/leases", "person"),
        ("/v1/changes", None),
        ("/v1/acts", "earlier"),
        ("/v1/sessions/end", None),
        ("/v1/leases", None),
    ]
    assert seen[2].url.params == httpx.QueryParams({"after": "5", "limit": "10", "epoch": "E", "wait": "3"})
    assert {r.headers["authorization"] for r in seen} == {"Bearer t"}
    assert seen[0].headers["x-orderdock-wire"] == str(wire.WIRE)


def test_without_a_station_the_session_is_the_token() -> None:
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers.get("authorization", ""))
        session = wire.Session(token="person", role="admin", expires_at=MORNING)
        report = wire.ImportReport(kind="orders", rows=0, taken=0, unchanged=0, refused=0)
        body = session if request.url.path == "/v1/sessions" else report
        return httpx.Response(200, content=msgspec.json.encode(body))

    async def work(hub: HubClient) -> wire.ImportReport:
        await hub.sign_in(wire.SignIn(user="u", password="p"))
        return await hub.import_file(b"a,b", "orders.csv", shop="s", map_="m", dry_run=True)

    assert asked(answer, work, token="").rows == 0
    assert seen == ["", "Bearer person"]


def test_further_doors_say_what_they_mean() -> None:
    seen: list[tuple[str, str, bytes]] = []
    code = wire.PairingCode(code="ABCD2345", kind="packing", warehouse="main", expires_at=MORNING)
    answers: dict[str, object] = {
        "/v1/pairing_codes": code,
        "/v1/stations/S%2F1/revoke": {},
        f"/v1/orders/{an_order().order_no}": an_order(),
        "/v1/orders/X/reveal": {"order_no": "X", "consignee": {}, "buyer_nick": ""},
        "/v1/parcels/P1/label": wire.LeaseAnswer(parcel_no="P1", granted=False),
        "/v1/orders": wire.OrderList(orders=[]),
        "/v1/alarms/A1/ack": {},
        "/v1/go_checks": wire.GoAnswer(ok=True),
    }

    def answer(request: httpx.Request) -> httpx.Response:
        path = request.url.raw_path.decode("ascii").partition("?")[0]
        seen.append((request.method, path, request.content))
        return httpx.Response(200, content=msgspec.json.encode(answers[path]))

    async def work(hub: HubClient) -> None:
        assert (await hub.pairing_code("packing", "main")).code == "ABCD2345"
        await hub.revoke("S/1")
        assert await hub.order(an_order().order_no) == an_order()
        assert (await hub.reveal("X", "买家来电")).order_no == "X"
        assert not (await hub.label("P1")).granted
        assert (await hub.orders("林", after="k")).orders == []
        await hub.ack_alarm("A1")
        assert (await hub.go_check("P1", "close", 0.3)).ok

    asked(answer, work)
    assert {path for _, path, _ in seen} == set(answers)


# ---------------------------------------------------------------------------------------------- stream


async def _first_event(hub: HubClient) -> object:
    async with hub.stream(0, "") as events:
        return await anext(events)


def _sse(*events: tuple[str, bytes]) -> Answer:
    text = b"".join(b"event: " + kind.encode() + b"\ndata: " + data + b"\n\n" for kind, data in events)
    return lambda _r: httpx.Response(200, content=text, headers={"content-type": "text/event-stream"})


def test_events_are_read_as_what_they_are_and_unknown_ones_passed_over() -> None:
    page = a_page([order_change(3, an_order())])
    told = wire.ChangePage(epoch=page.epoch, head=3, next=3, changes=page.changes, after=2)
    head = wire.Head(head=9, now=MORNING)
    urgent = an_urgent(4, stopped(an_order()))

    async def work(hub: HubClient) -> list[object]:
        found: list[object] = []
        async with hub.stream(2, "E") as events:
            with pytest.raises(HubAway):
                while True:
                    found.append(await anext(events))
        return found

    sent = [("weather", b"{}"), ("changes", told), ("urgent", urgent), ("head", head)]
    lines = [(kind, body if isinstance(body, bytes) else msgspec.json.encode(body)) for kind, body in sent]
    found = asked(_sse(*lines), work)
    assert [type(event) for event in found] == [wire.ChangePage, wire.Urgent, wire.Head]
    assert isinstance(found[0], wire.ChangePage)
    assert found[0].changes[0].key == an_order().order_no


def test_a_stream_that_is_refused_or_no_stream_says_so() -> None:
    with pytest.raises(FeedGone):
        asked(says(410), _first_event)
    with pytest.raises(HubAway):
        asked(lambda _r: httpx.Response(200, content=b"hello"), _first_event)
    with pytest.raises(HubAway):
        asked(_sse(("head", b"{broken")), _first_event)


# --------------------------------------------------------------------------------------------- addresses


@pytest.mark.parametrize("url", ["http://192.168.1.20:8620", "http://hub.local", "ftp://127.0.0.2", "8620"])
def test_plain_http_is_for_this_machine_alone(url: str) -> None:
    with pytest.raises(Insecure):
        HubClient(url)


def test_this_machine_and_https_are_fine() -> None:
    for url in ("http://127.0.0.1:8620", "http://localhost:1", "http://[::1]:8620", "https://hub.example"):
        asyncio.run(HubClient(url).close())


def test_what_is_no_certificate_is_not_trusted() -> None:
    with pytest.raises(HubAway):
        asyncio.run(authority_of("https://127.0.0.1:9", "ab"))


def test_the_wait_grows_to_five_seconds_and_is_never_the_same_for_two() -> None:
    least, most = Backoff(lambda: 0.0), Backoff(lambda: 0.999)
    waits = [(least.next().total_seconds(), most.next().total_seconds()) for _ in range(9)]
    assert waits[0] == (pytest.approx(0.1), pytest.approx(0.2, rel=0.01))
    assert waits[-1] == (pytest.approx(2.5), pytest.approx(5.0, rel=0.01))
    assert all(low < high for low, high in waits)
    assert least.next(at_least_s=30) == timedelta(seconds=30)
    least.reset()
    assert least.next() == timedelta(seconds=0.1)
