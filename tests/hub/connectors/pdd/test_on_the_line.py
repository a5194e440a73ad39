"""The stand-in for Pinduoduo beside a real hub: a scripted hour in which much goes wrong, and a quiet one."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from rehearsal.book import Book, Bought, NotSo, Refund, Stage
from rehearsal.pdd import PATH, Pdd, numbering, order_info
from rehearsal.server import Manner, Manners, serving
from rehearsal.shop import Dice
from tests.helpers.clock import T0, FakeClock
from tests.helpers.hub import TOML, HubClient, RunningHub, hub_in_thread

SHOP = "pdd-main"
#: Patience of a busy machine; nothing here is measured.
PATIENCE_S = 100.0


@dataclass
class Side:
    """The platform with its book, and the hub beside it, on one clock."""

    clock: FakeClock
    book: Book
    pdd: Pdd
    hub: RunningHub

    @property
    def admin(self) -> HubClient:
        return self.hub.admin()

    def orders(self) -> dict[str, dict[str, Any]]:
        """Our orders by the platform's number; there may be one of each at most."""
        with self.hub.app.doors.orders.engine.connect() as conn:
            rows = conn.exec_driver_sql("SELECT channel_order_no, order_no FROM orders").all()
        counted = Counter(channel_order_no for channel_order_no, _ in rows)
        assert not [no for no, count in counted.items() if count > 1]
        lookup = self.hub.app.doors.orders.lookup
        found = {channel_order_no: lookup.order(order_no) for channel_order_no, order_no in rows}
        return {no: _shown(order) for no, order in found.items()}

    def until(
        self, is_so: Callable[[], Any], trouble: Callable[[], Any] | str = "it never came so far"
    ) -> Any:
        end = time.monotonic() + PATIENCE_S
        while not (found := is_so()):
            assert time.monotonic() < end, trouble() if callable(trouble) else trouble
            time.sleep(0.05)
        return found


def _shown(order: Any) -> dict[str, Any]:
    return {
        "state": str(order.order_state),
        "refund": str(order.refund_state),
        "paid_fen": order.paid_fen,
        "lines": [(line.sku_code, line.qty) for line in order.lines],
        "is_risk": order.is_risk,
        "may_go": order.may_go.ok,
    }


def _wanted(order: Bought) -> dict[str, Any]:
    """What the hub has to say of an order of the platform's in the end."""
    state = {Stage.cancelled: "cancelled", Stage.shipped: "handed_over"}.get(order.stage, "released")
    refund = {Refund.asked: "asked", Refund.done: "done"}.get(order.refund, "none")
    return {
        "state": state,
        "refund": refund,
        "paid_fen": order.paid_fen,
        "lines": [(good.sku_code, qty) for good, qty in order.lines],
        "is_risk": order.is_risky,
        "may_go": state == "released" and refund == "none" and not order.is_risky,
    }


@contextmanager
def running(folder: Path, *, talks: bool = True) -> Iterator[Side]:
    """``talks`` False: no message of the platform's reaches the hub, which has to ask."""
    clock = FakeClock(T0 - timedelta(hours=3))  # before the shop's sweep of the morning
    book = Book(clock, numbering)
    pdd = Pdd(book, clock, Manners(seed=5, slow_s=0.2), resend_s=2)
    with serving(pdd.app()) as server:
        account = pdd.account
        toml = (
            f'{TOML}[[shop]]\nid = "{SHOP}"\nconnector = "pdd"\nbase_url = "{server.url}{PATH}"\n'
            f'message_url = "{server.ws_url if talks else ""}"\n'
            f'app_key = "{account.client_id}"\napp_secret = "{account.secret}"\n'
            f'access_token = "{account.access_token}"\nrefresh_token = "{account.refresh_token}"\npoll_s = 600\n'
        )
        with hub_in_thread(folder, toml, clock) as hub:
            yield Side(clock, book, pdd, hub)


@pytest.fixture
def side(tmp_path: Path) -> Iterator[Side]:
    with running(tmp_path) as one:
        yield one


def a_minute(side: Side, dice: Dice, ours: list[str]) -> None:
    """What buyers and the platform do in a minute."""
    ours += [order.order_no for order in side.book.buy(1 + dice.below(3))]
    side.book.place()  # somebody who never pays
    happen = dice.pick((
        side.book.cancel,
        side.book.ask_refund,
        side.book.close_refund,
        side.book.finish_refund,
        side.book.find_risk,
        side.book.clear_risk,
        side.book.change_address,
    ))
    for order_no in (dice.pick(ours), dice.pick(ours)):
        try:
            happen(order_no)
        except NotSo:
            continue


def test_an_hour_of_bad_manners_loses_no_order_and_doubles_none(side: Side) -> None:
    dice, ours = Dice("an hour"), []
    bad = (Manner.broken, Manner.lost, Manner.throttled, Manner.refused, Manner.slow)
    manners = side.pdd.manners
    manners.next(*bad, on="pdd.order.information.get")  # these at once ...
    manners.next(Manner.doubled, Manner.reordered, on="increment.get list")
    manners.next(Manner.lost, on="messages")
    manners.often(*bad, one_in=12, on="pdd.order.")  # ... and then as the dice fall
    manners.often(Manner.doubled, Manner.reordered, one_in=2)
    manners.often(Manner.lost, one_in=25, on="messages")
    for minute in range(0, 60, 2):
        a_minute(side, dice, ours)
        if minute == 20:  # the token ends in the middle of it
            side.pdd.account.expires_at = side.clock.now()
        side.clock.go(minutes=2)
        if minute % 10 == 8:
            side.admin.post(f"/v1/shops/{SHOP}/poll")
        time.sleep(0.02)
    # how many calls an hour has is a matter of time
    side.until(lambda: len(manners.met) > 3, lambda: manners.met)
    manners.good()
    for _ in range(4):  # what was put off falls due, changes come out of the platform's three minutes
        side.clock.go(minutes=5)
        side.until(lambda: side.admin.post(f"/v1/shops/{SHOP}/poll").status_code == 200)
    wanted = {order.order_no: _wanted(order) for order in side.book.orders() if order.paid_at}

    def differences() -> list[tuple[str, Any, Any]]:
        found = side.orders()
        return [(no, found.get(no), one) for no, one in wanted.items() if found.get(no) != one]

    side.until(
        lambda: not differences() and side.pdd.unanswered == 0,
        lambda: (side.pdd.unanswered, differences()[:3]),
    )
    assert set(side.orders()) == set(wanted)
    assert side.pdd.wrong_acks == 0


def test_without_pushes_an_order_is_here_as_soon_as_the_pace_that_people_set_promises(tmp_path: Path) -> None:
    """ING-02: 20 minutes at the pace of 15, 10 at that of 10, set while it runs; the clock is the hub's own.

    The platform tells its list three minutes late, and a poll has just gone by: nobody waits longer.
    """
    with running(tmp_path, talks=False) as side:
        shop, patience = f"/v1/shops/{SHOP}", "it is not here in time"
        for poll_s, latest_min in ((900, 20), (600, 10)):
            assert side.admin.put(shop, json={"poll_s": poll_s}).status_code == 200
            [order] = side.book.buy()
            paid_at = side.clock.now()
            side.clock.go(minutes=2, seconds=59)
            assert side.admin.post(f"{shop}/poll").status_code == 200
            assert not _found(side, order.order_no), "the platform's list does not tell it yet"
            side.clock.set(paid_at + timedelta(minutes=latest_min))
            side.until(lambda no=order.order_no: _found(side, no), patience)  # type: ignore[misc]


def _found(side: Side, channel_order_no: str) -> list[Any]:
    orders: list[Any] = side.admin.get("/v1/orders", params={"q": channel_order_no}).json()["orders"]
    return orders


def test_a_message_stops_and_its_detail_lets_go(side: Side) -> None:
    [order] = side.book.buy()
    side.until(lambda: side.orders().get(order.order_no))
    side.book.ask_refund(order.order_no)
    side.until(lambda: not side.orders()[order.order_no]["may_go"])
    side.clock.go(seconds=5)
    side.book.close_refund(order.order_no)
    side.until(lambda: side.orders()[order.order_no]["may_go"])
    side.book.find_risk(order.order_no)
    side.until(lambda: not side.orders()[order.order_no]["may_go"])
    side.clock.go(seconds=5)
    side.book.clear_risk(order.order_no)
    side.until(lambda: side.orders()[order.order_no]["may_go"])
    side.book.cancel(order.order_no)
    side.until(lambda: side.orders()[order.order_no]["state"] == "cancelled")
    side.until(lambda: side.pdd.unanswered == 0)


def test_another_address_behind_the_same_stars_is_seen_by_its_key(side: Side) -> None:
    [order] = side.book.buy()
    side.until(lambda: side.orders().get(order.order_no))
    before = _file(side, order.order_no)
    person = order.person._replace(address=order.person.address[:-1] + "9")
    side.clock.go(seconds=5)
    side.book.change_address(order.order_no, person)
    side.until(lambda: any(kind == "address_changed" for kind in _file(side, order.order_no)))
    assert "address_changed" not in before
    stars = [order_info(one)["address_mask"] for one in (order, replace(order, person=person))]
    assert stars[0] == stars[1], "what is shown of them is the same"


def _file(side: Side, channel_order_no: str) -> list[str]:
    with side.hub.app.doors.orders.engine.connect() as conn:
        sql = (
            "SELECT h.kind FROM history h JOIN orders o ON o.order_no = h.order_no"
            f" WHERE o.channel_order_no = '{channel_order_no}' ORDER BY h.id"
        )
        return [row[0] for row in conn.exec_driver_sql(sql)]
