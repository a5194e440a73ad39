"""The stand-in for Douyin beside a real hub: pushes in, questions out, one order each, whatever happens on the way."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from app.core.qr import slip_code
from rehearsal.douyin import Douyin
from rehearsal.douyin_pushes import Pusher, event_of
from rehearsal.server import Manner, serving
from rehearsal.shop import Dice
from tests.helpers.clock import T0, FakeClock
from tests.helpers.hub import TOML, HubClient, RunningHub, hub_in_thread
from tests.helpers.station import LiveStation
from tests.sync.conftest import a_code

SHOP = "douyin-main"
#: Patience of a busy machine; nothing here is measured.
PATIENCE_S = 60.0


@dataclass
class Side:
    """The platform, its pusher, and the hub beside them, on one clock."""

    clock: FakeClock
    platform: Douyin
    pusher: Pusher
    hub: RunningHub

    @property
    def admin(self) -> HubClient:
        return self.hub.admin()

    def order(self, channel_order_no: str) -> dict[str, Any] | None:
        """Our order of a platform's number; there may be one at most."""
        answer = self.admin.get("/v1/orders", params={"q": channel_order_no})
        assert answer.status_code == 200, answer.text
        found = [o for o in answer.json()["orders"] if o["channel_order_no"] == channel_order_no]
        assert len(found) < 2
        return found[0] if found else None

    def until(self, is_so: Callable[[], Any], trouble: str = "it never came so far") -> Any:
        end = time.monotonic() + PATIENCE_S
        while not (found := is_so()):
            assert time.monotonic() < end, trouble
            time.sleep(0.02)
        return found

    def poll(self) -> Any:
        return self.admin.post(f"/v1/shops/{SHOP}/poll")

    def is_poll_due(self) -> bool:
        line, now = self.hub.app.doors.line, self.clock.now()
        assert line is not None
        return line.polls.next_poll_at(SHOP, now) <= now


@pytest.fixture
def side(tmp_path: Path) -> Iterator[Side]:
    pytest.importorskip("hub.api.shops", reason="the hub's line to the platforms is not built yet")
    with running(tmp_path) as one:
        yield one


@contextlib.contextmanager
def running(folder: Path, poll_s: int = 86_400) -> Iterator[Side]:
    clock = FakeClock(T0 - timedelta(hours=3))  # before the shop's sweep of the morning
    platform = Douyin(clock)
    with serving(platform.app) as gateway:
        toml = (
            f'{TOML}[[shop]]\nid = "{SHOP}"\nconnector = "douyin"\nbase_url = "{gateway.url}"\n'
            f'app_key = "{platform.app_key}"\napp_secret = "{platform.app_secret}"\n'
            f'access_token = "{platform.access_token}"\nrefresh_token = "{platform.refresh_token}"\n'
            f"poll_s = {poll_s}\n"
        )
        with hub_in_thread(folder, toml, clock) as hub:
            pusher = Pusher(platform, f"{hub.url}/v1/webhooks/{SHOP}")
            try:
                yield Side(clock, platform, pusher, hub)
            finally:
                pusher.stop()


def test_the_address_is_accepted_and_a_paid_order_is_there(side: Side) -> None:
    assert side.pusher.check_address().is_taken
    bought = side.platform.book.buy()[0]
    assert side.pusher.round() == 0
    order = side.until(lambda: side.order(bought.order_no))
    assert (order["channel"], order["shop_id"], order["order_state"]) == ("douyin", SHOP, "released")
    assert order["paid_fen"] == bought.paid_fen
    assert [(line["sku_code"], line["qty"]) for line in order["lines"]] == [
        (good.sku_code, qty) for good, qty in bought.lines
    ]
    assert bought.person.name not in json.dumps(order, ensure_ascii=False)
    assert order["consignee"]["phone"] == f"{bought.person.phone[0]}********{bought.person.phone[-2:]}"
    assert order["extra"]["open_address_id"]


def test_a_wrong_signature_is_refused_and_brings_nothing(side: Side) -> None:
    side.platform.book.buy()
    events = [event_of(change) for change in side.platform.book.changes()]
    assert side.pusher.send(events, wrong_sign=True).status == 401
    side.pusher.url += "-unknown"
    assert side.pusher.send(events).status == 404
    assert side.admin.get("/v1/orders", params={"q": ""}).json()["orders"] == []


def test_pushed_three_times_and_asked_for_twice_in_any_order_and_at_once_is_one_order(side: Side) -> None:
    bought = side.platform.book.buy(12)
    side.clock.go(minutes=3)  # a poll stays a minute behind
    events = [event_of(change) for change in side.platform.book.changes()]
    troubles: list[str] = []

    def push(seed: int) -> None:
        dice, waiting = Dice(f"push/{seed}"), list(events)
        while waiting:
            some = [
                waiting.pop(dice.below(len(waiting))) for _ in range(min(len(waiting), 1 + dice.below(4)))
            ]
            if not side.pusher.send(some).is_taken:
                troubles.append("a push was not taken")

    def poll(client: HubClient) -> None:
        answer = client.post(f"/v1/shops/{SHOP}/poll")
        if answer.status_code != 200:
            troubles.append(answer.text)

    people = [side.hub.client(side.hub.sign_in()) for _ in range(2)]
    threads = [threading.Thread(target=push, args=(seed,)) for seed in range(3)]
    threads += [threading.Thread(target=poll, args=(person,)) for person in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert troubles == []
    side.until(lambda: all(side.order(order.order_no) for order in bought))
    assert len({(side.order(order.order_no) or {})["order_no"] for order in bought}) == 12
    shown = side.admin.get("/v1/orders", params={"q": "", "limit": 200}).json()["orders"]
    assert sorted(o["channel_order_no"] for o in shown) == sorted(o.order_no for o in bought)
    for order in shown:
        story = side.admin.get(f"/v1/orders/{order['order_no']}/story").json()
        kinds = [entry["kind"] for entry in story if entry["kind"] in ("received", "released")]
        assert sorted(kinds) == ["received", "released"]


def test_a_cancel_stops_at_once_though_the_platform_cannot_be_asked(side: Side) -> None:
    number = side.platform.book.buy()[0].order_no
    side.pusher.round()
    side.until(lambda: side.order(number))
    side.clock.go(seconds=30)
    side.platform.manners.often(Manner.throttled, one_in=1, on="order.orderDetail")
    side.platform.book.cancel(number)
    assert side.pusher.round() == 0
    order = side.order(number)
    assert order is not None and order["is_frozen"]  # answered only after the stop was committed
    assert order["order_state"] == "released"  # a push cancels nothing by itself
    side.platform.manners.good()

    def is_cancelled() -> bool:
        side.clock.go(seconds=5)
        return bool((side.order(number) or {})["order_state"] == "cancelled")

    side.until(is_cancelled)


def test_a_refund_stops_until_the_platform_says_it_is_over(side: Side) -> None:
    book, number = side.platform.book, side.platform.book.buy()[0].order_no
    side.pusher.round()
    side.until(lambda: side.order(number))
    side.clock.go(seconds=30)
    book.ask_refund(number)
    side.pusher.round()
    assert (side.order(number) or {})["is_frozen"]
    side.until(lambda: (side.order(number) or {})["refund_state"] == "asked")
    side.clock.go(seconds=30)
    book.close_refund(number)
    side.pusher.round()
    side.until(lambda: not (side.order(number) or {})["is_frozen"])
    assert (side.order(number) or {})["refund_state"] == "none"


def test_a_refund_of_one_line_stops_its_box_alone_until_it_goes_without_that_line(side: Side) -> None:
    book = side.platform.book
    two = next(order for order in iter(lambda: book.buy()[0], None) if len(order.lines) > 1)
    other = book.buy()[0].order_no
    number, qtys = two.order_no, [qty for _, qty in two.lines]
    side.pusher.round()
    order = side.until(lambda: side.order(other) and side.order(number))
    bench, parcel_no = side.hub.station(), order["parcels"][0]["parcel_no"]

    def act(kind: str, **body: Any) -> None:
        now = side.clock.now()
        receipt = bench.act(kind, order["order_no"], parcel_no, body=body, made_at=now)
        assert receipt.outcome == "applied", receipt

    def stops() -> list[dict[str, Any]]:
        return list((side.order(number) or {})["stops"])

    def acknowledge() -> None:
        ids = [stop["stop_id"] for stop in stops()]
        act("freeze_shown", stop_ids=ids)
        act("freeze_acked", stop_ids=ids)

    def lines() -> list[tuple[int, int]]:
        box = (side.order(number) or {})["parcels"][0]["lines"]
        return [(line["line_no"], line["qty"]) for line in box]

    assert bench.post("/v1/leases", json={"parcel_nos": [parcel_no]}).json()[0]["granted"]
    act("opened")
    side.clock.go(seconds=30)
    book.ask_refund(number, line=1)
    side.pusher.round()
    side.until(lambda: [stop["line_nos"] for stop in stops()] == [[2]])
    assert (side.order(other) or {})["may_go"]["ok"], "another buyer's box goes on"
    acknowledge()
    assert [stop["line_nos"] for stop in stops()] == [[2]], "the platform has not said its last word"

    side.clock.go(seconds=30)
    book.finish_refund(number, line=1)
    side.pusher.round()
    side.until(lambda: (side.order(number) or {})["lines"][1]["qty_refunded"] == qtys[1])
    assert lines() == [(1, qtys[0]), (2, 0), *((n + 1, qtys[n]) for n in range(2, len(qtys)))]
    told = side.order(number) or {}
    assert (told["stops"], told["is_frozen"], told["refund_state"]) == ([], False, "part")
    for line_no, qty in lines():
        for _ in range(qty):
            act("line_packed", line_no=line_no)
    act("parcel_closed")


def test_a_bench_acknowledges_a_refund_of_a_line_once_from_the_push_to_the_last_word(
    side: Side, tmp_path: Path
) -> None:
    """Platform, push, hub, stream, screen and back: the money is asked for, a person says "seen", the money is back."""
    book = side.platform.book
    number = next(order for order in iter(lambda: book.buy()[0], None) if len(order.lines) > 1).order_no
    side.pusher.round()
    order = side.until(lambda: side.order(number))
    order_no, parcel_no = order["order_no"], order["parcels"][0]["parcel_no"]
    with LiveStation(tmp_path / "bench") as bench:
        bench.pair(a_code(side.hub), url=side.hub.url)
        bench.until(lambda: bench.core.read.order(order_no), "not fed", PATIENCE_S)
        assert bench.scan(slip_code(parcel_no, 1)).is_ok
        bench.until(lambda: bench.core.leases.is_valid(parcel_no), "no lease", PATIENCE_S)
        side.clock.go(seconds=30)
        book.ask_refund(number, line=1)
        side.pusher.round()
        side.until(lambda: [s["line_nos"] for s in (side.order(number) or {})["stops"]] == [[2]])

        def is_here() -> bool:
            known = bench.core.read.order(order_no)
            return known is not None and [stop.line_nos for stop in known.stops] == [(2,)]

        def told(kind: str) -> int:
            return [row.kind for row in side.hub.app.doors.orders.lookup.story(order_no)].count(kind)

        bench.until(is_here, "the line is not named", PATIENCE_S)
        bench.until(lambda: bench.core.packing.view().alarm, "not red", PATIENCE_S)
        # what was shown is written down behind the red
        bench.until(lambda: told("freeze_shown"), "not said to be shown", PATIENCE_S)
        bench.core.packing.ack_stop("key", bench.clock.now())
        bench.until(lambda: told("freeze_acked"), "not sent", PATIENCE_S)

        side.clock.go(seconds=30)
        book.finish_refund(number, line=1)
        side.pusher.round()

        def goes_on() -> bool:
            known = bench.core.read.order(order_no)
            return known is not None and known.lines[1].qty_refunded > 0 and not known.is_frozen

        bench.until(goes_on, "it does not go on by itself", PATIENCE_S)
        assert bench.core.packing.view().alarm is None
        bench.until(lambda: bench.core.outbox.pending_count() == 0, "not all sent", PATIENCE_S)
        assert (told("freeze_shown"), told("freeze_acked")) == (1, 1)


def test_an_order_under_check_is_held_until_it_is_cleared(side: Side) -> None:
    book, number = side.platform.book, side.platform.book.place().order_no
    book.find_risk(number)
    book.pay(number)
    side.pusher.round()
    order = side.until(lambda: (o := side.order(number)) and o["stops"] and o)
    assert [stop["kind"] for stop in order["stops"]] == ["hold"] and not order["may_go"]["ok"]
    side.clock.go(seconds=30)
    book.clear_risk(number)
    side.pusher.round()
    side.until(lambda: (side.order(number) or {})["may_go"]["ok"])


def test_a_torn_event_hinders_no_other_and_is_kept(side: Side) -> None:
    number = side.platform.book.buy()[0].order_no
    events = [event_of(change) for change in side.platform.book.changes()]
    torn = {"tag": "106", "msg_id": "torn", "data": '{"p_id":69'}
    assert side.pusher.send([torn, *events, {"tag": "999", "msg_id": "new", "data": "{}"}]).is_taken
    side.until(lambda: side.order(number))
    kept = side.admin.get("/v1/quarantine").json()
    assert "push" in json.dumps(kept)


def test_a_token_that_is_over_is_refreshed_on_the_way(side: Side) -> None:
    side.until(lambda: "order.searchList" in side.platform.asked)
    side.platform.expire()
    number = side.platform.book.buy()[0].order_no
    side.pusher.round()
    side.until(lambda: side.order(number))
    assert "token.refresh" in side.platform.asked
    assert side.admin.post(f"/v1/shops/{SHOP}/check").json()["trouble"] == ""


def test_trouble_is_told_apart_when_the_connection_is_tested(side: Side) -> None:
    def said() -> str:
        answer = side.admin.post(f"/v1/shops/{SHOP}/check")
        assert answer.status_code == 200
        assert not answer.json()["trouble"] or answer.json()["text"]
        return str(answer.json()["trouble"])

    assert said() == ""
    found = []
    side.platform.without_right.add("order.searchList")
    found.append(said())
    side.platform.is_withdrawn = True
    found.append(said())
    side.platform.is_withdrawn = False
    side.platform.without_right.clear()
    side.platform.app_secret = "another"
    found.append(said())
    assert len(set(found)) == 3 and "" not in found


def test_half_an_hour_without_pushes_or_answers_loses_none_of_five_hundred_orders(tmp_path: Path) -> None:
    """ING-10: nobody pushes again what was not taken; ten minutes after the platform is back all are there."""
    with running(tmp_path, poll_s=900) as side:
        side.platform.manners.often(Manner.broken, one_in=1)
        numbers: list[str] = []
        for _ in range(5):
            numbers += [order.order_no for order in side.platform.book.buy(100)]
            side.clock.go(minutes=6)
            side.poll()
        assert _all_there(side) == []
        side.platform.manners.good()
        back_at = side.clock.now()

        while len(_all_there(side)) < len(numbers):
            side.clock.go(seconds=30)
            assert side.clock.now() - back_at <= timedelta(minutes=10), "not all came within ten minutes"
            side.until(lambda: not side.is_poll_due(), "what fell due was not asked for")
        assert sorted(_all_there(side)) == sorted(numbers)


def _all_there(side: Side) -> list[str]:
    found: list[str] = []
    after = ""
    while True:
        page = side.admin.get("/v1/orders", params={"q": "", "limit": 200, "after": after}).json()
        found += [order["channel_order_no"] for order in page["orders"]]
        after = page["next"]
        if not after:
            return found


def test_an_hour_with_every_bad_manner_misses_nothing_and_doubles_nothing(side: Side) -> None:
    book, manners, dice = side.platform.book, side.platform.manners, Dice("hour")
    manners.slow_s = 0.02
    manners.next(Manner.doubled, Manner.reordered, Manner.lost)  # each at least once, however the dice fall
    manners.next(Manner.broken, Manner.throttled, on="order.")
    manners.often(Manner.doubled, Manner.reordered, one_in=2)
    manners.often(Manner.slow, Manner.lost, Manner.refused, one_in=6)
    manners.often(Manner.broken, Manner.throttled, one_in=8, on="order.")
    numbers: list[str] = []
    for _ in range(20):
        numbers += [order.order_no for order in book.buy(2)]
        some = dice.pick(numbers)
        found = book.find(some)
        assert found is not None
        if found.stage == "paid":
            happens: list[Callable[[str], Any]] = [
                book.cancel,
                book.ask_refund,
                partial(book.remark, text="轻放"),
            ]
            dice.pick(happens)(some)
        side.clock.go(minutes=3)
        side.pusher.round()
    side.until(lambda: manners.waiting == 0, "who was to be met was not met")
    manners.good()
    side.until(lambda: side.pusher.round() == 0)

    def as_they_are() -> bool:
        side.clock.go(seconds=30)
        for number in numbers:
            ours, theirs = side.order(number), book.find(number)
            assert theirs is not None
            if ours is None or (ours["order_state"] == "cancelled") != (theirs.stage == "cancelled"):
                return False
            if theirs.stage == "paid" and (ours["refund_state"] == "asked") != (theirs.refund == "asked"):
                return False
        return True

    side.until(as_they_are, "not every order came to what it is on the platform")
    shown = side.admin.get("/v1/orders", params={"q": "", "limit": 200}).json()["orders"]
    assert sorted(order["channel_order_no"] for order in shown) == sorted(numbers)
    assert {Manner.doubled, Manner.reordered, Manner.lost, Manner.throttled, Manner.broken} <= set(
        manners.met
    )
