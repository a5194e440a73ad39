"""What screens show: copy, fast lane and own work folded together, and the ways to find a parcel."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from app.core.acts import Act, ActKind, Actor, Cancel, HandedOver, LinePacked
from app.core.freeze import Rules
from app.core.history import HistoryRow
from app.core.order import CommandState, OrderState
from app.core.packing import ItemCode
from app.core.qr import slip_code
from app.core.scan import parse
from app.store.cache import Cache
from app.store.leases import LeaseBook
from app.store.outbox import Outbox
from app.store.readmodel import ReadModel
from app.wire import Receipt, Urgent
from tests.helpers.station import (
    MORNING,
    StillClock,
    a_page,
    a_stop,
    an_item,
    an_order,
    an_urgent,
    change,
    history_change,
    item_change,
    order_change,
    order_no,
    packed,
    stopped,
)
from tests.helpers.steps import counted


class Model:
    def __init__(self, folder: Path) -> None:
        self.clock = StillClock()
        self.cache = Cache(folder / "cache.sqlite")
        self.outbox = Outbox(folder / "outbox.sqlite", channel_ref=self.cache.channel_ref)
        self.leases = LeaseBook(self.clock)
        me = Actor(name="一号台", role="packer", station_id="ST-1", source="station:ST-1")
        self.read = ReadModel(self.cache, self.outbox, lambda _: Rules(), self.leases, lambda: me)
        self.seq = 0

    def fed(self, *orders) -> None:  # type: ignore[no-untyped-def]
        changes = [order_change(self.seq + i, order) for i, order in enumerate(orders, 1)]
        self.seq += len(changes)
        self.cache.apply_page(a_page(changes))

    def did(self, n: int, kind: ActKind, body=None, order: int = 1) -> Act:  # type: ignore[no-untyped-def]
        act = Act(
            act_id=f"A{n}",
            kind=kind,
            order_no=order_no(order),
            parcel_no=f"{order_no(order)}01",
            made_at=self.clock.now(),
        )
        act = replace(act, body=body) if body is not None else act
        self.outbox.record(act).result()
        return act

    def packed_units(self) -> int:
        order = self.read.order(order_no(1))
        assert order is not None
        return order.parcels[0].qty_packed


@pytest.fixture
def model(tmp_path: Path) -> Iterator[Model]:
    made = Model(tmp_path)
    yield made
    made.outbox.close()
    made.cache.close()


def test_own_work_never_flickers_away(model: Model) -> None:
    model.fed(an_order())
    model.did(1, ActKind.line_packed, LinePacked(line_no=1))
    assert model.packed_units() == 1
    model.outbox.settle([Receipt(act_id="A1", outcome="applied", seq=5)], "EPOCH-ONE", MORNING)
    assert model.packed_units() == 1  # the receipt is here, the row is not
    order = an_order()
    lines = (replace(order.parcels[0].lines[0], qty_packed=1), order.parcels[0].lines[1])
    model.seq = 4
    model.fed(order.with_parcel(replace(order.parcels[0], lines=lines)))
    assert model.packed_units() == 1  # and is not counted twice either
    model.outbox.passed(model.cache.shown)
    assert model.packed_units() == 1
    assert model.read.pending_of(order_no(1)) == []


def test_regression_own_work_that_the_row_tells_already_is_not_counted_twice(model: Model) -> None:
    """The answer was lost: with one piece in the box the bench showed two, "complete", until it was asked again."""
    model.fed(an_order())
    model.did(1, ActKind.line_packed, LinePacked(line_no=1))
    told = HistoryRow(id=7, order_no=order_no(1), kind="line_packed", at=MORNING, act_id="A1")
    model.cache.apply_page(a_page([history_change(2, told)]))
    assert model.packed_units() == 1  # a page may end between the two: the row does not hold it yet
    order = an_order()
    lines = (replace(order.parcels[0].lines[0], qty_packed=1), order.parcels[0].lines[1])
    model.seq = 2
    model.fed(order.with_parcel(replace(order.parcels[0], lines=lines)))
    assert model.packed_units() == 1
    assert [line.kind for line in model.read.story(order_no(1))] == ["line_packed"]
    model.did(2, ActKind.line_packed, LinePacked(line_no=1))
    assert model.packed_units() == 2, "what came after is shown as ever"


@pytest.mark.parametrize("is_answered", [True, False])
def test_regression_own_work_that_a_stop_holds_already_is_not_counted_twice(
    model: Model, is_answered: bool
) -> None:
    """A stop came ahead of the row, with the box as it stood then: one piece in it was shown as two."""
    model.fed(an_order())
    model.did(1, ActKind.line_packed, LinePacked(line_no=1))
    if is_answered:
        model.outbox.settle([Receipt(act_id="A1", outcome="applied", seq=3)], "EPOCH-ONE", MORNING)
    parcel = an_order().parcels[0]
    lines = (replace(parcel.lines[0], qty_packed=1), parcel.lines[1])
    held = replace(parcel, is_frozen=True, lines=lines)
    model.cache.heard(
        Urgent(seq=4, order_no=order_no(1), stops=(), is_frozen=True, parcels=(held,), epoch="EPOCH-ONE")
    )
    assert model.packed_units() == 1
    model.did(2, ActKind.line_packed, LinePacked(line_no=1))
    assert model.packed_units() == 2, "what came after is shown as ever"


def test_regression_own_work_stays_while_its_row_comes_under_a_newer_number(model: Model) -> None:
    """Counted twice in a row: the copy passed the first number, the row came with the second, and one was not shown."""
    model.fed(an_order())
    for n in (1, 2):
        model.did(n, ActKind.line_packed, LinePacked(line_no=1))
    model.outbox.settle([Receipt(act_id="A1", outcome="applied", seq=3)], "EPOCH-ONE", MORNING)
    told = HistoryRow(id=7, order_no=order_no(1), kind="line_packed", at=MORNING, act_id="A1")
    model.cache.apply_page(a_page([history_change(2, told), item_change(4, an_item("SKU-9"))]))
    model.outbox.passed(model.cache.shown, model.read.is_late)
    assert model.packed_units() == 2
    model.outbox.settle([Receipt(act_id="A2", outcome="applied", seq=6)], "EPOCH-ONE", MORNING)
    order = an_order()
    lines = (replace(order.parcels[0].lines[0], qty_packed=2), order.parcels[0].lines[1])
    model.cache.apply_page(a_page([history_change(5, replace(told, id=8, act_id="A2"))]))
    model.seq = 5
    model.fed(order.with_parcel(replace(order.parcels[0], lines=lines)))
    model.outbox.passed(model.cache.shown, model.read.is_late)
    assert model.packed_units() == 2
    assert model.outbox.pending_of(order_no(1)) == []


def test_a_fact_against_a_stop_is_still_shown_as_done(model: Model) -> None:
    model.fed(an_order())
    model.did(1, ActKind.line_packed, LinePacked(line_no=1))
    model.cache.heard(an_urgent(9, stopped(an_order())))
    order = model.read.order(order_no(1))
    assert order is not None
    assert (order.is_frozen, order.parcels[0].qty_packed) == (True, 1)


def test_what_left_although_it_was_stopped_is_shown_as_left(model: Model) -> None:
    model.fed(stopped(packed(an_order())))
    model.did(1, ActKind.handed_over, HandedOver())
    order = model.read.order(order_no(1))
    assert order is not None
    assert order.order_state is OrderState.handed_over


def test_a_command_is_not_folded_but_shown_as_sent_once(model: Model) -> None:
    model.fed(an_order())
    model.did(1, ActKind.cancel, Cancel(reason="x"))
    order = model.read.order(order_no(1))
    assert order is not None
    assert [(c.act_id, c.state) for c in order.commands] == [("A1", CommandState.sent)]
    assert order.stops == ()
    model.fed(replace(an_order(), commands=order.commands))
    again = model.read.order(order_no(1))
    assert again is not None
    assert len(again.commands) == 1


def test_the_newer_word_about_a_stop_wins(model: Model) -> None:
    model.fed(an_order())
    model.cache.apply_urgent(an_urgent(5, stopped(an_order())))
    model.cache.heard(an_urgent(7, an_order()))
    order = model.read.order(order_no(1))
    assert order is not None
    assert not order.is_frozen
    model.cache.apply_urgent(an_urgent(8, stopped(an_order(), a_stop("STOP2"))))
    order = model.read.order(order_no(1))
    assert order is not None
    assert order.stops[0].stop_id == "STOP2"


def test_an_own_lease_is_shown_before_the_feed_says_so(model: Model) -> None:
    model.fed(an_order())
    parcel_no = f"{order_no(1)}01"
    model.leases.granted(parcel_no, "close", model.clock.monotonic(), 60)
    order = model.read.order(order_no(1))
    assert order is not None
    assert order.parcels[0].holder == "ST-1"
    model.clock.tick(60)
    order = model.read.order(order_no(1))
    assert order is not None
    assert order.parcels[0].holder is None
    assert model.leases.left_s(parcel_no) == 0
    assert model.leases.left_s("NO SUCH") == 0


def test_every_number_finds_its_parcel(model: Model) -> None:
    order = an_order(1)
    second = replace(
        order.parcels[0], parcel_no=f"{order_no(1)}02", waybill_no="YT5", state=OrderState.packed
    )
    model.fed(replace(order, parcels=(second, order.parcels[0])), an_order(2))
    read = model.read
    assert [o.order_no for o in read.by_waybill("sf000000000001")] == [order_no(1)]
    assert [o.order_no for o in read.by_parcel(f"{order_no(1)}02")] == [order_no(1)]
    assert read.parcel_order_no(f"{order_no(1)}09") is None
    target = read.resolve(parse(slip_code(f"{order_no(1)}02", 1)))
    assert (target.kind, target.parcel_no, target.others) == ("parcel", f"{order_no(1)}02", ())
    by_order = read.resolve(parse(order_no(1)))
    assert (by_order.parcel_no, by_order.others) == (f"{order_no(1)}01", (f"{order_no(1)}02",))
    assert read.resolve(parse("YT5000000")).kind == "unknown"
    assert read.resolve(parse("OD2026012377701")).kind == "unknown"
    assert read.resolve(parse("")).kind == "unknown"


def test_a_number_that_is_goods_and_waybill_is_taken_as_the_step_expects(model: Model) -> None:
    order = an_order(1)
    model.fed(order.with_parcel(replace(order.parcels[0], waybill_no="6901234567892")))
    model.seq += 1
    model.cache.apply_page(a_page([item_change(model.seq, an_item("SKU-1", "6901234567892"))]))
    scan = parse("6901234567892")
    assert model.read.resolve(scan, "item").kind == "item"
    assert model.read.resolve(scan, "parcel").kind == "parcel"
    assert model.read.items_for_code("6901234567892") == [ItemCode("SKU-1")]
    item = model.read.item("SKU-1")
    assert item is not None
    assert item.barcodes[0].code == "6901234567892"
    assert model.read.item("SKU-9") is None


def test_the_queue_is_sorted_by_rush_then_deadline_and_paged_by_key(model: Model) -> None:
    orders = [an_order(n) for n in range(1, 8)]
    orders[4] = replace(orders[4], is_rush=True)
    orders[1] = replace(orders[1], ship_by_at=None)
    model.fed(*orders, packed(an_order(8)), an_order(9, state=OrderState.handed_over))
    seen, after = [], ""
    while True:
        page = model.read.queue(3, after)
        seen += [row.order_no[-3:] for row in page.rows]
        after = page.next
        if not after:
            break
    assert seen == ["005", "001", "003", "004", "006", "007", "002"]
    assert model.read.queue_count() == 7
    assert [row.order_no for row in model.read.packed().rows] == [order_no(8)]
    first = model.read.queue(1).rows[0]
    assert (first.is_rush, first.qty, first.line_count, first.title, first.holder) == (
        True,
        3,
        2,
        "商品1",
        None,
    )


def test_own_work_takes_a_parcel_out_of_the_queue_before_the_feed_does(model: Model) -> None:
    model.fed(packed(an_order(1)), an_order(2))
    model.did(1, ActKind.handed_over, HandedOver())
    assert model.read.packed().rows == []


def test_lists_of_the_feeds_smaller_things(model: Model) -> None:
    model.cache.apply_page(a_page([change(1, "setting", "countdown_s", {"value": 15})]))
    assert model.read.setting("countdown_s") == {"value": 15}
    assert model.read.setting("nothing") is None
    assert model.read.station("ST-9") is None
    assert model.read.stations() == []
    assert model.read.story("OD1") == []
    assert (model.read.pending_count(), model.read.oldest_pending(), model.read.needs_person()) == (
        0,
        None,
        [],
    )


def test_recently_handled_newest_first(model: Model) -> None:
    model.fed(an_order(1), an_order(2))
    for n, order in ((1, 1), (2, 2), (3, 1)):
        model.clock.tick(1)
        model.did(n, ActKind.opened, order=order)
    handled = model.read.recently_handled()
    assert [(h.order_no, h.at) for h in handled] == [
        (order_no(1), MORNING + timedelta(seconds=3)),
        (order_no(2), MORNING + timedelta(seconds=2)),
    ]


def test_a_stop_over_some_lines_names_its_parcels(model: Model) -> None:
    model.fed(stopped(an_order(1), a_stop(line_nos=(2,))), stopped(an_order(2), a_stop(line_nos=(9,))))
    assert [len(found.parcels) for found in model.read.open_stops()] == [1, 0]


def test_leases_follow_what_the_feed_shows(model: Model) -> None:
    book, life = LeaseBook(model.clock), "E1"
    parcel = an_order().parcels[0]
    other = replace(parcel, holder="ST-2")

    def grant(seq: int) -> None:
        book.granted(parcel.parcel_no, "close", model.clock.monotonic(), 60, epoch=life, seq=seq)

    assert not book.seen(other, 11, life, "ST-1")
    grant(10)
    assert not book.seen(parcel, 11, life, "ST-1"), "no holder is nobody else"
    assert not book.seen(other, 9, life, "ST-1"), "older than our grant"
    assert not book.seen(replace(parcel, holder="ST-1"), 10, life, "ST-1")
    assert not book.seen(other, 9, life, "ST-1"), "however late it comes"
    assert not book.seen(other, 11, "E0", "ST-1"), "another life of the hub counts otherwise"
    assert book.seen(other, 11, life, "ST-1")
    assert book.held() == {}
    grant(20)
    assert book.seen(other, 20, life, "ST-1"), "given to both in one breath: the row names the last"
    grant(20)
    grant(15)
    assert not book.seen(other, 17, life, "ST-1"), "answers may come in another order"
    book.granted(parcel.parcel_no, "close", model.clock.monotonic(), 60)
    book.clear()
    assert not book.is_valid(parcel.parcel_no)


def test_regression_open_stops_are_found_without_a_look_through_all_orders(model: Model) -> None:
    """A first load looked through all orders after each page, on the thread that reads the wire."""

    def steps() -> int:
        with counted(model.cache.read(lambda db: db)) as steps:
            assert {found.order.order_no for found in model.read.open_stops()} == {order_no(1), order_no(2)}
        return steps.taken

    model.fed(stopped(an_order(1)), an_order(2))
    model.cache.apply_urgent(an_urgent(50, stopped(an_order(2), a_stop("STOP2"))))
    few = steps()
    model.fed(*(an_order(n) for n in range(3, 300)))
    assert steps() <= few + 2
