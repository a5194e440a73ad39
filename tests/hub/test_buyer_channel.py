"""TRK-08 from end to end: a running hub, its own [[notice]] of kind "buyer", and what arrives there over HTTP."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from app.core.order import MessageState, Order
from app.core.tracking import NodeKind, TrackNode
from tests.helpers.ear import Ear, listening
from tests.helpers.hub import TOML, RunningHub, a_channel_order, hub_in_thread

M = MessageState
SHOPS = (
    '[[shop]]\nid = "files"\nconnector = "file"\n\n'
    '[[shop]]\nid = "abroad"\nconnector = "file"\nbuyer_lang = "en"\n\n'
)


@pytest.fixture
def ear() -> Iterator[Ear]:
    with listening() as one:
        yield one


def until(is_so: Callable[[], Any], what: str) -> None:
    end = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < end, what
        time.sleep(0.02)


def toml_of(ear: Ear) -> str:
    return TOML + SHOPS + ear.toml("buyers", "buyer")


def on_its_way(hub: RunningHub, no: str, **changes: Any) -> Order:
    """An order whose courier has just said "picked up"."""
    order = hub.given(a_channel_order(no, lines=1, **changes))
    parcel_no = order.parcels[0].parcel_no
    for kind, body in (
        ("waybill_bound", {"waybill_no": f"YT-{no}", "carrier": "yuantong"}),
        ("line_packed", {"line_no": 1, "qty": 1}),
        ("parcel_closed", {}),
        ("handed_over", {}),
    ):
        assert hub.admin().act(kind, order.order_no, parcel_no, body=body).outcome == "applied"
    pick_up(hub, parcel_no)
    return order


def pick_up(hub: RunningHub, parcel_no: str) -> None:
    node = TrackNode(kind=NodeKind.picked_up, at=datetime.now(UTC), raw_text="已揽收", place="杭州")
    hub.do(hub.app.doors.orders.writer.track(parcel_no, [node], "yuantong", "carrier:kuaidi100"))


def state_of(hub: RunningHub, order: Order) -> tuple[MessageState, str]:
    found = hub.app.doors.orders.lookup.order(order.order_no)
    assert found is not None
    [message] = found.messages
    return message.state, message.channel


def test_a_buyer_is_told_once_over_the_houses_channel_whatever_comes_again(tmp_path: Path, ear: Ear) -> None:
    """Heard again, polled, another life of the hub: the second order's message is the proof that the sender was at
    work all the while."""
    with hub_in_thread(tmp_path / "hub", toml_of(ear)) as hub:
        first = on_its_way(hub, "T1")
        until(lambda: state_of(hub, first) == (M.sent, "buyers"), "the first message")
        pick_up(hub, first.parcels[0].parcel_no)
    with hub_in_thread(tmp_path / "hub", toml_of(ear)) as hub:
        pick_up(hub, first.parcels[0].parcel_no)
        second = on_its_way(hub, "T2")
        until(lambda: state_of(hub, second) == (M.sent, "buyers"), "the second message")
    assert [("T1" in said, "T2" in said) for said in ear.told] == [(True, False), (False, True)]
    assert ear.told[0].startswith("您好") and "YT-T1" in ear.told[0] and "圆通" in ear.told[0]
    assert not any(word in said for said in ear.told for word in ("林小满", "1831", "文三路", "小满"))


def test_who_buys_abroad_or_at_a_foreign_shop_is_told_in_english(tmp_path: Path, ear: Ear) -> None:
    with hub_in_thread(tmp_path / "hub", toml_of(ear)) as hub:
        orders = [
            on_its_way(hub, "T1"),
            on_its_way(hub, "T2", is_cross_border=True),
            on_its_way(hub, "T3", shop_id="abroad"),
        ]
        until(lambda: all(state_of(hub, order)[0] is M.sent for order in orders), "three messages")
    said = {no: next(text for text in ear.told if f"YT-{no}" in text) for no in ("T1", "T2", "T3")}
    assert said["T1"].startswith("您好")
    assert said["T2"].startswith("Hello") and said["T3"].startswith("Hello")
    assert "圆通" not in said["T2"] + said["T3"]


@pytest.mark.logs("message_not_taken")
def test_what_the_channel_refused_waits_for_a_hand_and_is_not_tried_again_by_itself(
    tmp_path: Path, ear: Ear
) -> None:
    ear.answer = 500
    with hub_in_thread(tmp_path / "hub", toml_of(ear)) as hub:
        refused = on_its_way(hub, "T1")
        until(lambda: state_of(hub, refused) == (M.failed, "buyers"), "the refusal")
        ear.answer = 200
        second = on_its_way(hub, "T2")
        until(lambda: state_of(hub, second)[0] is M.sent, "the second message")
        assert sum("YT-T1" in said for said in ear.told) == 1

        parcel_no, rep = refused.parcels[0].parcel_no, hub.person("cs_rep")
        body = {"message": "picked_up"}
        done = rep.act("message_sent", refused.order_no, parcel_no, body=body)
        again = hub.person("cs_rep").act("message_sent", refused.order_no, parcel_no, body=body)
        assert (done.outcome, again.outcome) == ("applied", "refused"), "two reps do not both tell the buyer"
        assert state_of(hub, refused) == (M.sent, "by_hand")
    assert sum("YT-T1" in said for said in ear.told) == 1


def test_without_a_channel_nothing_is_sent_and_the_message_waits_for_a_rep(tmp_path: Path, ear: Ear) -> None:
    """A [[notice]] of the house is no way to buyers."""
    with hub_in_thread(tmp_path / "hub", TOML + SHOPS + ear.toml("ops")) as hub:
        order = on_its_way(hub, "T1")
        assert state_of(hub, order) == (M.queued, "")
    assert ear.told == []
