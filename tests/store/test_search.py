"""What a person types finds the order, whatever part of which number it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from app.core.acts import Actor
from app.core.freeze import Rules
from app.core.order import Consignee, Order
from app.store import peek
from app.store.cache import Cache
from app.store.leases import LeaseBook
from app.store.outbox import Outbox
from app.store.readmodel import ReadModel
from tests.helpers.station import StillClock, a_page, an_order, order_change


class Shelf:
    """A station's own files with orders in them, the search index made."""

    def __init__(self, folder: Path) -> None:
        self.cache = Cache(folder / "cache.sqlite")
        self.outbox = Outbox(folder / "outbox.sqlite")
        me = Actor(name="王芳", role="service", station_id="ST-1")
        self.read = ReadModel(self.cache, self.outbox, lambda _: Rules(), LeaseBook(StillClock()), lambda: me)

    def hold(self, *orders: Order) -> None:
        self.cache.apply_page(a_page([order_change(n, order) for n, order in enumerate(orders, 1)]))
        while self.cache.index_some(500):
            pass

    def found(self, text: str, n: int = 50) -> list[str]:
        return [order.order_no for order in self.read.search(text, n)]

    def close(self) -> None:
        self.outbox.close()
        self.cache.close()


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    made = Shelf(tmp_path)
    yield made
    made.close()


def _named(n: int, nick: str = "", name: str = "", phone: str = "", waybill_no: str = "") -> Order:
    order = an_order(n)
    parcel = replace(order.parcels[0], waybill_no=waybill_no or order.parcels[0].waybill_no)
    return replace(order.with_parcel(parcel), buyer_nick=nick, consignee=Consignee(name=name, phone=phone))


@pytest.mark.parametrize(
    "typed",
    [
        "78412600913355",  # the whole number
        "784126",  # its beginning
        "913355",  # its end
        "13355",
        "12600913",  # its middle, longer than what is asked of the index
        "7841 2600",  # as people write it
    ],
)
def test_a_waybill_is_found_by_any_part_of_it(shelf: Shelf, typed: str) -> None:
    wanted = _named(1, waybill_no="78412600913355")
    shelf.hold(wanted, _named(2, waybill_no="YT8800000000777"), an_order(3))
    assert shelf.found(typed) == [wanted.order_no]


@pytest.mark.parametrize("typed", ["tb_8821", "TB_88213907", "213907", "买家2号", "2号店"])
def test_a_nickname_with_figures_is_found_by_any_part_of_it(shelf: Shelf, typed: str) -> None:
    wanted = _named(1, nick="tb_88213907 买家2号店")
    shelf.hold(wanted, _named(2, nick="tb_99000001"), _named(3, nick="买家3号店"))
    assert shelf.found(typed) == [wanted.order_no]


@pytest.mark.parametrize("typed", ["朱", "朱䶮", "䶮"])
def test_a_name_of_two_characters_is_found(shelf: Shelf, typed: str) -> None:
    wanted = _named(1, name="朱䶮")
    shelf.hold(wanted, _named(2, name="林洁"))
    assert shelf.found(typed) == [wanted.order_no]


def test_the_tail_of_a_phone_comes_before_numbers_that_hold_it(shelf: Shelf) -> None:
    by_tail = _named(1, phone="138****4411")
    by_number = _named(2, waybill_no="78441100000000")
    shelf.hold(by_tail, by_number)
    assert shelf.found("4411") == [by_tail.order_no, by_number.order_no]


def test_an_end_that_thousands_share_still_finds_the_one(shelf: Shelf) -> None:
    wanted = _named(1, waybill_no="XX7777700000")
    shelf.hold(wanted, *(_named(n, waybill_no=f"YY{n:05d}00000") for n in range(2, 1200)))
    assert shelf.found("7777700000", 5) == [wanted.order_no]


def test_nothing_is_found_for_what_is_nowhere(shelf: Shelf) -> None:
    shelf.hold(an_order(1))
    assert shelf.found("没有这个人") == shelf.found("99999") == shelf.found("123456789012") == []


def test_a_setting_is_read_from_outside_while_the_station_works(shelf: Shelf, tmp_path: Path) -> None:
    assert peek.setting(tmp_path, "printer_address") == ""
    shelf.outbox.set_setting("printer_address", "tcp:192.168.1.9")
    assert peek.setting(tmp_path, "printer_address") == "tcp:192.168.1.9"
    assert peek.setting(tmp_path / "nowhere", "printer_address") == ""


def test_an_influencers_id_finds_every_order_of_theirs(shelf: Shelf) -> None:
    """MAP-03."""
    theirs = [replace(an_order(n), extra={"influencer_id": "98765432100"}) for n in (1, 3)]
    shelf.hold(theirs[0], replace(an_order(2), extra={"influencer_id": "555"}), theirs[1])
    assert sorted(shelf.found("98765432100")) == sorted(order.order_no for order in theirs)
    assert shelf.found("2100") == [] or set(shelf.found("2100")) <= {order.order_no for order in theirs}
