"""Who may still be at work on a parcel: leases that let it out of the house, and those a restored hub cannot know."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import insert

from app.core.acts import Actor
from app.core.freeze import Rules
from app.core.order import InterceptResult, Order
from app.wire import LateStation, Restored
from hub.db import tables as t
from hub.orders.desk import Tx
from hub.orders.reading import RESTORED
from hub.orders.restored import GoJob
from hub.orders.settings import LineSettings
from tests.helpers.builders import LEAD, Core, a_channel_order, a_core, an_actor

pytestmark = pytest.mark.anyio
R = InterceptResult


@pytest.fixture
async def core(tmp_path: Path, anyio_backend: str) -> AsyncIterator[Core]:
    async with a_core(tmp_path) as core:
        yield core


async def _leased(core: Core, step: str = "close", station: str = "bench-1") -> Order:
    await core.a_station(station)
    await core.beat(station)
    [order] = await core.given(a_channel_order(lines=1))
    assert (await core.lease(order, station, step=step)).granted
    return core.order(order.order_no)


def _answer(core: Core, order: Order) -> tuple[str | None, R | None]:
    parcel = core.order(order.order_no).parcels[0]
    return parcel.holder, parcel.intercept_result


async def _cancelled(core: Core, order: Order) -> None:
    assert (await core.command("cancel", order)).outcome == "applied"


# --------------------------------------------------------------------------- what lets a parcel out of the house


async def test_nobody_else_gets_what_a_silent_holder_may_have_handed_over(core: Core) -> None:
    order = await _leased(core, "handover")
    await core.a_station("bench-2")
    core.clock.go(hours=5)
    refused = await core.lease(order, "bench-2")
    assert (refused.granted, refused.reason, refused.params["holder"]) == (False, "no_lease", "bench-1")
    assert (await core.do("take_over", order, by=LEAD, statement="货还在架上")).outcome == "applied"
    assert (await core.lease(order, "bench-2")).granted
    assert core.rows("SELECT station_id, how FROM lease WHERE settled_at IS NOT NULL") == [
        ("bench-1", "taken_over")
    ]


async def test_where_closing_lets_it_out_every_silent_holder_is_waited_for(tmp_path: Path) -> None:
    async with a_core(tmp_path, settings=LineSettings(rules=Rules(last_gate="close"))) as core:
        order = await _leased(core)
        core.clock.go(hours=5)
        assert not (await core.lease(order, "bench-2")).granted
        await core.beat("bench-1")
        assert (await core.lease(order, "bench-2")).granted


async def test_a_hand_over_lease_that_moved_is_settled_by_the_holders_next_word(core: Core) -> None:
    """The holder said "here" half a minute ago at most; it may have been cut off since, the box in its van."""
    order = await _leased(core, "handover")
    await core.a_station("bench-2")
    assert (await core.lease(order, "bench-2")).granted
    assert core.order(order.order_no).parcels[0].lease_step == "handover", "time alone answers nothing here"
    await core.lease(order, "bench-2", give_back=True)
    assert _answer(core, order)[0] == "bench-1", "nobody has heard of it"
    await _cancelled(core, order)
    assert _answer(core, order) == ("bench-1", R.trying)
    await core.beat("bench-1", waiting_acts=0)
    assert _answer(core, order) == ("bench-1", R.trying), "said before it can have known"
    core.clock.go(seconds=31)
    await core.beat("bench-1", waiting_acts=0)
    assert _answer(core, order) == (None, R.stopped)


async def test_a_lease_asked_for_a_nearer_step_stays_what_its_holder_may_believe(core: Core) -> None:
    """The answer may get lost: offline, the station goes on by the hand-over lease it had."""
    order = await _leased(core, "handover")
    assert (await core.lease(order, step="close")).granted
    assert core.order(order.order_no).parcels[0].lease_step == "handover"
    assert core.rows("SELECT step FROM lease") == [("handover",)]
    await _cancelled(core, order)
    await core.tick(hours=3)
    assert _answer(core, order)[1] is R.at_station_offline


# --------------------------------------------------------------------------- after a restore


async def _restored(core: Core, *waiting: str) -> None:
    """As ``hub restore`` leaves it: these stations were heard of before the backup."""
    now = core.clock.now()
    late = [LateStation(station_id=one, name=one) for one in waiting]
    body = msgspec.json.encode(
        Restored(epoch="E2", backup_at=now - timedelta(hours=1), restored_at=now, waiting=late)
    )

    def write(tx: Tx) -> None:
        values = {"key": RESTORED, "value": body, "body": body, "changed_at": now, "seq": 0}
        tx.conn.execute(insert(t.setting).values(**values))

    await core.writer.run(write)


async def _back(core: Core, station: str) -> None:
    """It has sent everything again, and asked again for what it holds."""
    await core.beat(station, waiting_acts=0, resent_to="E2")


async def _an_order_after_a_restore(core: Core) -> Order:
    for station in ("bench-1", "bench-2"):
        await core.a_station(station)
        await core.beat(station)
    [order] = await core.given(a_channel_order(lines=1))
    await _restored(core, "bench-1", "bench-2")
    return order


async def test_a_restored_hub_says_stopped_only_when_every_station_has_spoken(core: Core) -> None:
    order = await _an_order_after_a_restore(core)
    await _cancelled(core, order)
    assert _answer(core, order)[1] is R.trying
    await core.tick(seconds=5)
    assert _answer(core, order)[1] is R.at_station_offline
    await core.beat("bench-2", waiting_acts=0)
    assert _answer(core, order)[1] is R.at_station_offline, "what it did before is not sent again yet"
    await _back(core, "bench-2")
    assert _answer(core, order) == ("bench-1", R.at_station_offline)
    await core.tick(hours=5)
    assert _answer(core, order) == ("bench-1", R.at_station_offline), "nobody knows what it was granted"
    await _back(core, "bench-1")
    assert _answer(core, order) == (None, R.stopped)
    [later] = await core.given(a_channel_order(2))
    await _cancelled(core, later)
    assert _answer(core, later) == (None, R.stopped), "all have spoken"


async def test_a_station_that_asks_again_keeps_its_parcel_after_a_restore(core: Core) -> None:
    order = await _an_order_after_a_restore(core)
    assert (await core.lease(order, "bench-1")).granted
    await _back(core, "bench-1")
    await _back(core, "bench-2")
    await _cancelled(core, order)
    assert _answer(core, order) == ("bench-1", R.trying)


async def test_a_supervisor_answers_for_stations_that_do_not_come_back(core: Core) -> None:
    order = await _an_order_after_a_restore(core)
    await _cancelled(core, order)
    assert _answer(core, order)[1] is R.trying
    await core.writer.restored(GoJob(Actor(name="老周", role="supervisor", source="hub")))
    assert _answer(core, order) == (None, R.stopped)
    assert {how for (how,) in core.rows("SELECT how FROM lease")} == {"answered_for"}


async def test_only_stations_of_the_orders_warehouse_are_reckoned_with(core: Core) -> None:
    await core.a_station("far-1", warehouse="east")
    [order] = await core.given(a_channel_order(lines=1))
    await _restored(core, "far-1", "nobody")
    await _cancelled(core, order)
    assert _answer(core, order) == (None, R.stopped)


async def test_a_cancel_of_the_platform_counts_the_parcel_as_claimed_too(core: Core) -> None:
    order = await _an_order_after_a_restore(core)
    await core.given(replace(a_channel_order(lines=1), is_cancelled=True))
    assert _answer(core, order)[1] is R.trying
    assert core.order(order.order_no).stops, "somebody has to answer"
    for station in ("bench-1", "bench-2"):
        await _back(core, station)
    assert _answer(core, order) == (None, R.stopped)
    assert core.order(order.order_no).stops == ()


async def test_until_it_has_sent_again_nothing_of_a_station_is_settled(core: Core) -> None:
    order = await _leased(core)
    await _restored(core, "bench-1")
    core.clock.go(hours=2)
    await core.beat("bench-1", waiting_acts=0)
    assert _answer(core, order)[0] == "bench-1", "it does not know yet that there is something to send"
    assert (await core.lease(order, "bench-1", give_back=True)).granted
    assert _answer(core, order)[0] == "bench-1"
    core.clock.go(seconds=1)
    await _back(core, "bench-1")
    assert _answer(core, order)[0] is None


async def test_a_parcel_that_moves_before_its_holder_has_sent_again_stays_claimed(core: Core) -> None:
    order = await _leased(core)
    await _restored(core, "bench-1")
    await core.beat("bench-1", waiting_acts=0)
    assert (await core.lease(order, "bench-2")).granted
    await core.do("opened", order, by=an_actor("bench-2"))
    await core.lease(order, "bench-2", give_back=True)
    assert _answer(core, order)[0] == "bench-1"
