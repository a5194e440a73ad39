"""TRK-08: one message to the buyer per parcel, not per poll, push or reconnect; sent by a channel once, or by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from app import resources
from app.core import messages
from app.core.order import MessageState, Order, OrderState
from app.core.tracking import NodeKind, TrackNode
from hub.buyer_messages import BuyerMessages
from tests.helpers.builders import Core
from tests.helpers.clock import T0

pytestmark = pytest.mark.anyio
M = MessageState


def node(kind: str, at: datetime = T0, text: str = "已揽收") -> TrackNode:
    return TrackNode(kind=NodeKind(kind), at=at, raw_text=text, place="杭州")


async def handed_over(core: Core) -> Order:
    [order] = await core.given()
    await core.do("waybill_bound", order, waybill_no="YT1", carrier="yuantong")
    await core.packed(order)
    await core.do("handed_over", order)
    return core.order(order.order_no)


async def heard(core: Core, order: Order, *nodes: TrackNode) -> None:
    await core.writer.track(order.parcels[0].parcel_no, nodes, "yuantong", "carrier:kuaidi100")


class Way:
    """A channel that takes everything, or nothing."""

    name = "wecom"

    def __init__(self, takes: bool = True) -> None:
        self.takes = takes
        self.texts: list[str] = []

    async def send(self, order: Order, text: str) -> bool:
        self.texts.append(text)
        return self.takes


def sender(core: Core, way: Way) -> BuyerMessages:
    return BuyerMessages(core.engine, core.writer, way, resources.texts())


def queue(core: Core) -> list[tuple[str, ...]]:
    return core.rows("SELECT kind, state, channel FROM buyer_message")


async def test_pushed_twice_polled_and_heard_again_after_a_reconnect_is_one_message(core: Core) -> None:
    order = await handed_over(core)
    await heard(core, order, node("picked_up"))
    await heard(core, order, node("picked_up"))  # the push again
    await heard(
        core, order, node("picked_up"), node("hub_arrived", T0.replace(hour=9), "到达转运中心")
    )  # a poll
    core.clock.go(seconds=3600)
    await heard(core, order, node("picked_up", text="快件已揽收"))  # after a reconnect, in other words

    told = core.order(order.order_no)
    assert told.order_state is OrderState.in_transit
    assert [(m.kind, m.state) for m in told.messages] == [("picked_up", M.queued)]
    assert core.kinds(order).count("message_queued") == 1
    assert queue(core) == [("picked_up", "queued", "")]


async def test_a_parcel_that_turns_a_second_time_makes_no_second_message(core: Core) -> None:
    """Whatever turns it back: who has been told, or is about to be, is not told again."""
    order = await handed_over(core)
    parcel_no = order.parcels[0].parcel_no
    once, entries = messages.queued(order, parcel_no, "picked_up", T0)
    assert len(once.messages) == len(entries) == 1
    assert messages.queued(once, parcel_no, "picked_up", T0) == (once, [])
    sent = replace(once, messages=(replace(once.messages[0], state=M.sent),))
    assert messages.queued(sent, parcel_no, "picked_up", T0) == (sent, [])


async def test_a_channel_gets_it_once_and_nothing_of_the_person(core: Core) -> None:
    order = await handed_over(core)
    await heard(core, order, node("picked_up"))
    way = Way()
    messages = sender(core, way)
    await messages.step(core.clock.now())
    await messages.step(core.clock.now())
    await heard(core, order, node("picked_up"))
    await sender(core, way).step(core.clock.now())  # another life of the hub

    [text] = way.texts
    assert "YT1" in text and order.channel_order_no in text
    assert "林" not in text and "183" not in text.replace(order.channel_order_no, "")
    assert queue(core) == [("picked_up", "sent", "wecom")]
    assert core.kinds(order).count("message_sent") == 1


async def test_two_hubs_on_one_database_send_it_once(core: Core) -> None:
    order = await handed_over(core)
    await heard(core, order, node("picked_up"))
    one, other = Way(), Way()
    first, second = sender(core, one), sender(core, other)
    key = (order.order_no, order.parcels[0].parcel_no, "picked_up")
    assert await first._move(key, M.sending) is not None
    assert await second._move(key, M.sending) is None


async def test_what_was_half_way_is_shown_and_not_sent_again(core: Core) -> None:
    order = await handed_over(core)
    await heard(core, order, node("picked_up"))
    way = Way()
    await sender(core, way)._move((order.order_no, order.parcels[0].parcel_no, "picked_up"), M.sending)

    await sender(core, way).step(core.clock.now())

    assert (way.texts, queue(core)) == ([], [("picked_up", "failed", "wecom")])


@pytest.mark.logs("message_not_taken")
async def test_what_no_channel_took_goes_by_hand_once(core: Core) -> None:
    order = await handed_over(core)
    await heard(core, order, node("picked_up"))
    await sender(core, Way(takes=False)).step(core.clock.now())
    assert queue(core) == [("picked_up", "failed", "wecom")]

    parcel_no = order.parcels[0].parcel_no
    first = await core.command("message_sent", order, parcel_no=parcel_no, message="picked_up")
    again = await core.command("message_sent", order, parcel_no=parcel_no, message="picked_up")
    assert (first.outcome, again.outcome) == ("applied", "refused")
    assert queue(core) == [("picked_up", "sent", "by_hand")]


async def test_delivered_first_makes_no_message(core: Core) -> None:
    order = await handed_over(core)
    await heard(core, order, node("delivered"))
    assert core.order(order.order_no).messages == ()
