"""The last question before a step that cannot be taken back, put to the platform itself where no push reaches us
(design 3.7): over HTTP, with both stand-in platforms."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from rehearsal.book import Book
from rehearsal.douyin import Douyin
from rehearsal.douyin_pushes import Pusher
from rehearsal.pdd import PATH, Pdd, numbering
from rehearsal.server import Manner, Manners, serving
from tests.helpers.clock import T0, FakeClock
from tests.helpers.hub import TOML, HubClient, RunningHub, hub_in_thread

LONG = 20.0
SHOP = "shop-1"


@dataclass
class Side:
    """A platform that never calls the hub, and a bench beside the hub."""

    clock: FakeClock
    book: Book
    manners: Manners
    detail: str
    """How the platform calls the question for one order."""
    hub: RunningHub
    bench: HubClient
    douyin: Douyin | None = None

    def bought(self) -> tuple[str, str]:
        """An order that was fetched: the platform's number of it, and its parcel."""
        [order] = self.book.buy()
        line = self.hub.app.doors.line
        assert line is not None and self.hub.do(line.fetches.fetch(SHOP, order.order_no)) is not None
        return order.order_no, self.order(order.order_no)["parcels"][0]["parcel_no"]

    def order(self, channel_order_no: str) -> dict[str, Any]:
        [found] = self.hub.admin().get("/v1/orders", params={"q": channel_order_no}).json()["orders"]
        return dict(found)

    def go(self, parcel_no: str) -> dict[str, Any]:
        answer = self.bench.post("/v1/go_checks", json={"parcel_no": parcel_no, "step": "print"})
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def told(self, parcel_no: str) -> dict[str, Any]:
        """The answer once the platform could be asked: a busy machine may need more than its second."""
        end = time.monotonic() + LONG
        while (answer := self.go(parcel_no))["platform"] == "silent":
            assert time.monotonic() < end, answer
            time.sleep(0.02)
        return answer

    def go_check_ms(self) -> int:
        return int(self.bench.put("/v1/stations/me", json={"clock": None}).json()["go_check_ms"])


@contextmanager
def a_pdd(folder: Path) -> Iterator[Side]:
    clock = FakeClock(T0)
    book, manners = Book(clock, numbering), Manners(slow_s=3)
    platform = Pdd(book, clock, manners)
    with serving(platform.app()) as server:
        account = platform.account
        toml = (
            f'{TOML}[[shop]]\nid = "{SHOP}"\nconnector = "pdd"\nbase_url = "{server.url}{PATH}"\n'
            f'app_key = "{account.client_id}"\napp_secret = "{account.secret}"\n'
            f'access_token = "{account.access_token}"\npoll_s = 86400\n'
        )
        with hub_in_thread(folder, toml, clock) as hub:
            yield Side(clock, book, manners, "pdd.order.information.get", hub, hub.station())


@contextmanager
def a_douyin(folder: Path) -> Iterator[Side]:
    clock = FakeClock(T0)
    platform = Douyin(clock)
    platform.manners.slow_s = 3
    with serving(platform.app) as server:
        toml = (
            f'{TOML}[[shop]]\nid = "{SHOP}"\nconnector = "douyin"\nbase_url = "{server.url}"\n'
            f'app_key = "{platform.app_key}"\napp_secret = "{platform.app_secret}"\n'
            f'access_token = "{platform.access_token}"\npoll_s = 86400\n'
        )
        with hub_in_thread(folder, toml, clock) as hub:
            yield Side(clock, platform.book, platform.manners, "orderDetail", hub, hub.station(), platform)


@pytest.fixture(params=[a_pdd, a_douyin], ids=["pdd", "douyin"])
def side(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Side]:
    with request.param(tmp_path / "中枢") as one:
        yield one


def test_a_cancel_that_only_the_platform_knows_stops_the_step(side: Side) -> None:
    no, parcel_no = side.bought()
    answer = side.told(parcel_no)
    assert (answer["ok"], answer["reason"], answer["platform"]) == (True, "", "told")
    side.clock.go(seconds=20)
    side.book.cancel(no)
    answer = side.told(parcel_no)
    assert (answer["ok"], answer["reason"]) == (False, "frozen")
    assert side.order(no)["order_state"] == "cancelled"


def test_a_refund_that_only_the_platform_knows_becomes_a_stop_at_once(side: Side) -> None:
    no, parcel_no = side.bought()
    side.book.ask_refund(no)
    answer = side.told(parcel_no)
    assert (answer["ok"], answer["reason"]) == (False, "frozen")
    stopped = side.order(no)
    assert stopped["is_frozen"] and [stop["command"] for stop in stopped["stops"]] == ["refund"]


@pytest.mark.parametrize("manner", [Manner.slow, Manner.broken, Manner.throttled])
def test_a_platform_that_cannot_be_asked_leaves_it_to_our_own_state_and_is_said(
    side: Side, manner: Manner
) -> None:
    no, parcel_no = side.bought()
    side.manners.often(manner, one_in=1, on=side.detail)
    answer = side.go(parcel_no)
    assert (answer["ok"], answer["platform"]) == (True, "silent")
    order = side.order(no)
    receipt = side.hub.admin().act("hold", order["order_no"], body={"note": "看一下"})
    assert receipt.outcome == "applied", receipt
    answer = side.go(parcel_no)  # our own no needs no platform
    assert (answer["ok"], answer["platform"]) == (False, "")


def test_what_comes_after_the_second_is_taken_all_the_same(tmp_path: Path) -> None:
    with a_pdd(tmp_path) as side:
        no, parcel_no = side.bought()
        side.book.cancel(no)
        side.manners.slow_s = 1.5
        side.manners.next(Manner.slow, on=side.detail)
        assert side.go(parcel_no)["platform"] == "silent"
        _until(lambda: side.order(no)["order_state"] == "cancelled")


def test_an_order_is_asked_for_once_in_ten_seconds(side: Side) -> None:
    no, parcel_no = side.bought()
    assert side.told(parcel_no)["ok"]
    side.book.cancel(no)
    side.clock.go(seconds=9)
    assert side.told(parcel_no)["ok"]
    side.clock.go(seconds=1)
    assert not side.told(parcel_no)["ok"]


def test_the_beat_gives_a_go_check_time_for_the_platform_until_a_push_reaches_us(tmp_path: Path) -> None:
    with a_douyin(tmp_path) as side:
        assert side.douyin is not None
        _, parcel_no = side.bought()
        assert side.go_check_ms() == 1500
        pusher = Pusher(side.douyin, f"{side.hub.url}/v1/webhooks/{SHOP}")
        try:
            assert pusher.check_address().is_taken
        finally:
            pusher.stop()
        assert side.go_check_ms() == 300
        assert side.go(parcel_no)["platform"] == ""
        side.clock.go(hours=2)  # a push so long ago proves nothing
        assert side.go_check_ms() == 1500


def _until(is_so: Callable[[], Any]) -> None:
    end = time.monotonic() + LONG
    while not is_so():
        assert time.monotonic() < end, "it never came so far"
        time.sleep(0.02)
