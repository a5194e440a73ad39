"""The two lanes, over real sockets: stops at once, the rest in ticks, nobody waits for a slow one."""

from __future__ import annotations

import asyncio
import json
import queue
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import httpx
import httpx_sse
import pytest

from hub.api import stream as streams
from tests.helpers.hub import INTAKE, HubClient, RunningHub, a_channel_order
from tests.helpers.station import until

PATIENCE_S = 20


@dataclass
class Seen:
    kind: str
    id: str
    data: dict[str, Any]


class Listener:
    """One open stream, read by a thread."""

    def __init__(
        self, client: HubClient, after: int = 0, epoch: str = "", headers: dict[str, str] | None = None
    ) -> None:
        self._client = client
        self._params: dict[str, Any] = {"after": after} | ({"epoch": epoch} if epoch else {})
        self._headers = headers or {}
        self._seen: queue.Queue[Seen | None] = queue.Queue()
        self._socket: socket.socket | None = None
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        self.first = self.next("head")

    def _read(self) -> None:
        try:
            with httpx_sse.connect_sse(
                self._client, "GET", "/v1/stream", params=self._params, headers=self._headers
            ) as source:
                self._socket = source.response.extensions["network_stream"].get_extra_info("socket")
                for event in source.iter_sse():
                    self._seen.put(Seen(event.event, event.id, json.loads(event.data)))
        except httpx.HTTPError:
            pass
        self._seen.put(None)

    def next(self, *kinds: str) -> Seen:
        """The next event of one of these kinds."""
        end = time.monotonic() + PATIENCE_S
        while True:
            seen = self._seen.get(timeout=max(0.01, end - time.monotonic()))
            assert seen is not None, "the stream ended"
            if not kinds or seen.kind in kinds:
                return seen

    def next_order(self) -> dict[str, Any]:
        """The next change of an order that comes in a page."""
        while True:
            for change in self.next("changes").data["changes"]:
                if change["kind"] == "order":
                    found: dict[str, Any] = change
                    return found

    def wait_ended(self) -> None:
        """Until the hub has ended the stream; what comes before that is passed over."""
        end = time.monotonic() + PATIENCE_S
        while self._seen.get(timeout=max(0.01, end - time.monotonic())) is not None:
            pass

    def close(self) -> None:
        """Hangs up, and waits for the thread that reads."""
        if self._socket is not None:
            with suppress(OSError):  # the hub has hung up already
                self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(PATIENCE_S)


@contextmanager
def listening(hub: RunningHub, client: HubClient, **more: Any) -> Iterator[Listener]:
    own = hub.client(client.token)
    try:
        heard = Listener(own, **more)
        try:
            yield heard
        finally:
            heard.close()
    finally:
        own.close()


def stand_still(hub: RunningHub) -> None:
    """From now on nothing goes out by itself: no tick, no beat of the heart, no look for revoked tokens."""
    jobs = hub.app.doors.out.broadcast._jobs

    async def cancel() -> None:
        for job in jobs:
            job.cancel()
        await asyncio.gather(*jobs, return_exceptions=True)

    hub.do(cancel())


def all_told(hub: RunningHub) -> None:
    """What was committed up to now has gone out with its tick: none of it comes to who begins to listen later."""
    broadcast = hub.app.doors.out.broadcast
    assert hub.do(broadcast.wait_past(broadcast.head - 1, PATIENCE_S)), "no tick"


def test_a_stop_comes_at_once_and_without_an_id(hub: RunningHub) -> None:
    bench, rep, order = hub.station(), hub.person("cs_rep"), hub.given()
    with listening(hub, bench) as heard:
        stand_still(hub)  # it waits for none of the ticks
        rep.act("cancel", order.order_no, body={"note": "买家不要了"})
        urgent = heard.next("urgent")
        # it leaves the reader's last id, and so its cursor, where they were
        assert urgent.id in ("", str(heard.first.data["head"]))
        assert (urgent.data["order_no"], urgent.data["is_frozen"]) == (order.order_no, True)
        assert [stop["kind"] for stop in urgent.data["stops"]] == ["freeze"]
        assert urgent.data["epoch"] == bench.changes().epoch


def test_a_lifted_stop_comes_at_once_too(hub: RunningHub) -> None:
    bench, lead, order = hub.station(), hub.person("supervisor"), hub.given()
    stop = lead.act("hold", order.order_no, body={"note": "等一下"})
    with listening(hub, bench) as heard:
        stop_id = hub.admin().get(f"/v1/orders/{order.order_no}").json()["stops"][0]["stop_id"]
        assert stop.outcome == "applied"
        stand_still(hub)
        lead.act("release", order.order_no, body={"stop_id": stop_id})
        assert heard.next("urgent").data["stops"] == []


def test_a_change_comes_as_a_page_that_says_where_it_begins(hub: RunningHub) -> None:
    bench = hub.station()
    page = bench.changes()
    with listening(hub, bench) as heard:
        order = hub.given()
        came = heard.next("changes")
        while order.order_no not in [c["key"] for c in came.data["changes"]]:
            came = heard.next("changes")
        assert came.data["after"] <= came.data["next"] <= came.data["head"]
        assert came.id == str(came.data["next"])
        assert came.data["epoch"] == page.epoch


def test_pages_of_a_stream_follow_each_other_without_a_gap(hub: RunningHub) -> None:
    bench = hub.station()
    with listening(hub, bench) as heard:
        for n in range(4):
            hub.given(a_channel_order(f"T{n}"))
            time.sleep(0.15)
        cursor, orders = heard.first.data["head"], set()
        while len(orders) < 4:
            came = heard.next("changes")
            assert came.data["after"] <= cursor <= came.data["next"]
            cursor = came.data["next"]
            orders |= {c["key"] for c in came.data["changes"] if c["kind"] == "order"}


def test_more_than_a_tick_can_hold_comes_as_a_head_only(hub: RunningHub) -> None:
    bench = hub.station()
    broadcast = hub.app.doors.out.broadcast
    with listening(hub, bench) as heard:
        stand_still(hub)  # one tick is to hold all of it, however many commits it takes
        hub.do(broadcast.tick())
        before = broadcast.head
        many = [a_channel_order(f"T{n}") for n in range(60)]
        hub.do(hub.app.doors.orders.writer.intake(many, INTAKE))
        hub.do(broadcast.tick())
        seen = heard.next("changes", "head")
        while seen.data["head"] <= before:
            seen = heard.next("changes", "head")
        assert seen.kind == "head"
        assert seen.data["head"] - before > streams.TICK_CHANGES


def test_who_is_a_little_behind_is_brought_up_by_the_stream_itself(hub: RunningHub) -> None:
    bench = hub.station()
    page = bench.changes()
    order = hub.given()
    all_told(hub)
    with listening(hub, bench, after=page.next, epoch=page.epoch) as heard:
        came = heard.next("changes")
        assert came.data["after"] == page.next
        assert order.order_no in [c["key"] for c in came.data["changes"]]
    with listening(hub, bench, epoch=page.epoch, headers={"Last-Event-ID": str(page.next)}) as heard:
        assert heard.next("changes").data["after"] == page.next


def test_the_heart_beats_with_head_and_time(hub: RunningHub) -> None:
    bench = hub.station()
    with listening(hub, bench) as heard:
        assert set(heard.next("head").data) == {"head", "now"}
    assert streams.HEARTBEAT_S == 5


def test_a_revoked_token_ends_its_stream_within_a_second_and_no_other(hub: RunningHub) -> None:
    here, there = hub.pair(name="1 号台"), hub.pair(name="2 号台")
    with listening(hub, hub.client(here.token)) as gone, listening(hub, hub.client(there.token)) as stays:
        hub.admin().post(f"/v1/stations/{here.station_id}/revoke")
        gone.wait_ended()
        order = hub.given()
        assert stays.next_order()["key"] == order.order_no


def test_a_token_revoked_by_another_process_ends_its_stream_within_a_second(hub: RunningHub) -> None:
    from sqlalchemy import text

    paired = hub.pair()
    with listening(hub, hub.client(paired.token)) as heard:
        with hub.app.doors.orders.engine.begin() as conn:
            conn.execute(text("UPDATE station SET is_revoked = true"))
        heard.wait_ended()
    assert streams.LIVE_S < 1, "how often it is asked"


def test_stops_of_another_warehouse_are_not_told(lasting_hub: RunningHub) -> None:
    order = lasting_hub.given(a_channel_order("urgent elsewhere"))
    north, main = lasting_hub.station(warehouse="north"), lasting_hub.station(warehouse="main")
    with listening(lasting_hub, north) as far, listening(lasting_hub, main) as near:
        lasting_hub.admin().act("cancel", order.order_no)
        urgent = near.next("urgent")
        assert urgent.data["order_no"] == order.order_no
        seen = far.next()
        while seen.kind != "urgent" and seen.data["head"] < urgent.data["seq"]:
            seen = far.next()
        assert seen.kind != "urgent", "it would have come before the head that holds it"


def test_money_is_not_told_to_a_bench_and_is_to_a_service_desk(hub: RunningHub) -> None:
    with listening(hub, hub.station("packing")) as bench, listening(hub, hub.station("service")) as desk:
        hub.given()
        at_bench, at_desk = bench.next_order(), desk.next_order()
        assert at_bench["body"]["paid_fen"] == 0
        assert at_desk["body"]["paid_fen"] == 12_800
        for change in (at_bench, at_desk):
            assert "林小满" not in json.dumps(change, ensure_ascii=False)


@pytest.mark.logs("returned without completing response")
def test_who_does_not_read_is_let_go_and_holds_nobody_up(hub: RunningHub) -> None:
    bench = hub.station()
    port = int(hub.url.rsplit(":", 1)[1])
    deaf = socket.socket()
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    deaf.connect(("127.0.0.1", port))
    request = f"GET /v1/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {bench.token}\r\n\r\n"
    deaf.sendall(request.encode())
    with listening(hub, bench) as heard:
        broadcast = hub.app.doors.out.broadcast
        until(lambda: broadcast.count == 2, "who does not read never came", PATIENCE_S)
        padding = streams.event("ping", b'"' + b"x" * 60_000 + b'"')

        async def flood() -> None:
            for group in list(broadcast._clients.values()):
                for client in list(group):
                    client.put(padding)

        for _ in range(200):
            hub.do(flood())
            heard.next("ping")  # who reads takes it all, and is never the one that falls behind
            if broadcast.count == 1:
                break
        until(lambda: broadcast.count == 1, "who does not read was never let go", PATIENCE_S)
        order = hub.given()
        assert heard.next_order()["key"] == order.order_no
        deaf.close()


def test_a_hub_that_stops_ends_its_streams_first(hub: RunningHub) -> None:
    with listening(hub, hub.station()) as heard:
        hub.do(hub.app.doors.out.broadcast.stop())
        heard.wait_ended()
