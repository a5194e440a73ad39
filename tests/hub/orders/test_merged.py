"""A merged parcel is one box with lines of several orders: every one of them shows it, and any of them stops it."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from app.core.order import Order, Parcel, ParcelLine
from tests.helpers.builders import Core, a_channel_order
from tests.helpers.feed import prove_feed

pytestmark = pytest.mark.anyio


async def _merged(core: Core) -> tuple[Order, Order, str]:
    """Two orders of one line each, both in the first one's parcel (written by hand until merging has its act)."""
    first, second = await core.given(a_channel_order(1, lines=1), a_channel_order(2, lines=1))
    no = f"{first.order_no}01"
    lines = tuple(ParcelLine(order_no=o.order_no, line_no=1, qty=1) for o in (first, second))
    box = Parcel(parcel_no=no, lines=lines)

    for order in (first, second):
        await _rewrite(core, replace(order, parcels=(box,)))
    await core.change(
        "INSERT INTO parcel_line VALUES (:no, :order_no, 1, 1, 0)", no=no, order_no=second.order_no
    )
    return first, second, no


async def _rewrite(core: Core, order: Order) -> None:
    body = msgspec.json.encode(order)
    await core.change("UPDATE orders SET body = :body WHERE order_no = :no", body=body, no=order.order_no)


async def test_an_act_on_a_merged_parcel_reaches_every_order_in_it(core: Core) -> None:
    first, second, no = await _merged(core)
    changes = await prove_feed(core, lambda: core.do("line_packed", second, parcel_no=no, line_no=1))
    assert sorted(c.key for c in changes if c.kind == "order") == [first.order_no, second.order_no]
    boxes = [core.order(o.order_no).parcels[0] for o in (first, second)]
    assert boxes[0] == boxes[1] and [pl.qty_packed for pl in boxes[0].lines] == [0, 1]
    assert core.rows(
        f"SELECT order_no, qty_packed FROM parcel_line WHERE parcel_no = '{no}' ORDER BY order_no"
    ) == [
        (first.order_no, 0),
        (second.order_no, 1),
    ]


@pytest.mark.parametrize("stopped", [0, 1])
async def test_a_stop_on_one_order_freezes_the_box_for_all(core: Core, stopped: int) -> None:
    first, second, no = await _merged(core)
    orders = (first, second)
    await prove_feed(core, lambda: core.command("cancel", orders[stopped]))
    boxes = [core.order(o.order_no).parcels[0] for o in orders]
    assert boxes[0] == boxes[1] and boxes[0].is_frozen
    assert {u.event.order_no for u in core.heard[-1].urgent} == {first.order_no, second.order_no}
    refused = await core.do("line_packed", orders[1 - stopped], parcel_no=no, line_no=1)
    assert (refused.outcome, refused.reason) == ("clash", "frozen")

    [stop] = core.order(orders[stopped].order_no).stops
    await core.command("release", orders[stopped], stop_id=stop.stop_id)
    assert [core.order(o.order_no).parcels[0].is_frozen for o in orders] == [False, False]


async def test_what_changes_no_box_leaves_the_others_alone(core: Core) -> None:
    first, second, _ = await _merged(core)
    changes = await prove_feed(core, lambda: core.command("change_remark", first, seller_remark="好"))
    assert [c.key for c in changes if c.kind == "order"] == [first.order_no]
    assert core.order(second.order_no).version == 1


async def test_a_lost_sibling_holds_nothing_up(core: Core) -> None:
    first, second, no = await _merged(core)
    await _rewrite(core, replace(core.order(second.order_no), parcels=()))
    receipt = await core.do("line_packed", first, parcel_no=no, line_no=1)
    assert receipt.outcome == "applied"


async def test_a_line_that_left_the_box_leaves_its_row(core: Core) -> None:
    first, second, no = await _merged(core)
    box = core.order(first.order_no).parcels[0]
    await _rewrite(core, replace(second, parcels=(replace(box, lines=box.lines[1:]),)))
    await core.do("line_packed", second, parcel_no=no, line_no=1)
    assert core.rows(f"SELECT order_no, qty_packed FROM parcel_line WHERE parcel_no = '{no}'") == [
        (second.order_no, 1)
    ]
