"""The order book of stand-in platforms: the same seed tells the same story, and no step happens out of turn."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from rehearsal.book import Book, Change, Happened, NotSo, Refund, Stage
from rehearsal.shop import PEOPLE, Dice
from tests.helpers.clock import T0, FakeClock


def numbering(at: datetime, serial: int, dice: Dice) -> str:
    return f"{at:%y%m%d}-{serial:04d}{dice.below(1000):03d}"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def book(clock: FakeClock) -> Book:
    return Book(clock, numbering)


def test_the_same_seed_gives_the_same_orders_and_another_one_others(clock: FakeClock, book: Book) -> None:
    assert book.buy(20) == Book(clock, numbering).buy(20) != Book(clock, numbering, seed=2).buy(20)
    assert len({order.order_no for order in book.buy(700)}) == 700
    assert all(order.paid_fen >= 0 and order.lines for order in book.orders())


def test_each_step_moves_the_time_of_the_last_change_and_is_told_once(clock: FakeClock, book: Book) -> None:
    told: list[Change] = []
    book.on_change(told.append)
    [order] = book.buy()
    clock.go(minutes=5)
    assert book.changed(T0, T0 + timedelta(minutes=1)) == [book.find(order.order_no)]
    book.ask_refund(order.order_no)
    book.close_refund(order.order_no)
    book.ship(order.order_no, "zhongtong", "78412600913355")
    clock.go(minutes=5)
    book.receive(order.order_no)
    assert [change.happened for change in told] == [
        Happened.placed,
        Happened.paid,
        Happened.refund_asked,
        Happened.refund_closed,
        Happened.shipped,
        Happened.received,
    ]
    assert told == book.changes() and len({change.event_no for change in told}) == len(told)
    assert book.changed(T0, T0 + timedelta(minutes=10)) == []
    [found] = book.changed(T0 + timedelta(minutes=10), T0 + timedelta(minutes=11))
    assert (found.stage, found.refund) == (Stage.received, Refund.closed)


def test_the_same_waybill_again_changes_nothing_and_another_is_refused(book: Book) -> None:
    [order] = book.buy()
    first = book.ship(order.order_no, "zhongtong", "1")
    assert book.ship(order.order_no, "zhongtong", "1") is first
    with pytest.raises(NotSo, match="shipped"):
        book.ship(order.order_no, "zhongtong", "2")


def test_nothing_happens_out_of_turn(book: Book) -> None:
    placed, [paid, risky] = book.place(), book.buy(2)
    book.find_risk(risky.order_no)
    for step in (
        lambda: book.ship(placed.order_no, "yunda", "1"),
        lambda: book.ship(risky.order_no, "yunda", "1"),
        lambda: book.ask_refund(placed.order_no),
        lambda: book.close_refund(paid.order_no),
        lambda: book.receive(paid.order_no),
        lambda: book.pay(paid.order_no),
        lambda: book.cancel("nobody"),
    ):
        with pytest.raises(NotSo):
            step()
    book.clear_risk(risky.order_no)
    book.ship(risky.order_no, "yunda", "1")


def test_a_paid_order_that_is_cancelled_or_refunded_before_shipping_is_over(book: Book) -> None:
    one, two, three = book.buy(3)
    book.cancel(one.order_no)
    book.ask_refund(two.order_no)
    book.agree_refund(two.order_no)
    book.finish_refund(two.order_no)
    book.ship(three.order_no, "yunda", "1")
    book.ask_refund(three.order_no)
    book.finish_refund(three.order_no)
    assert [(order.stage, order.refund) for order in book.orders()] == [
        (Stage.cancelled, Refund.done),
        (Stage.cancelled, Refund.done),
        (Stage.shipped, Refund.done),
    ]


def test_an_asked_address_counts_once_it_is_changed(book: Book) -> None:
    [order] = book.buy()
    elsewhere = PEOPLE[0] if order.person != PEOPLE[0] else PEOPLE[1]
    assert book.ask_address(order.order_no, elsewhere).person == order.person
    changed = book.change_address(order.order_no)
    assert (changed.person, changed.asked_address) == (elsewhere, None)
    assert book.change_address(order.order_no, PEOPLE[2]).person == PEOPLE[2]
