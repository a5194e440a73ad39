"""One id, one file (MAP-06): an order through six systems; and the courier's word against the table (MAP-08)."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from app.core.order import Order
from app.ports import SystemClock
from tests.helpers.hub import TOML, HubClient, RunningHub, a_channel_order, hub_in_thread
from tests.helpers.station import until

KEY = "the courier's key"
COURIER = TOML + f'[[carrier]]\nconnector = "rehearsal"\nkey = "{KEY}"\n'


class MovedClock(SystemClock):
    """The clock of this machine, moved ahead by hand."""

    ahead = timedelta(0)

    def now(self) -> datetime:
        return super().now() + self.ahead


CLOCK = MovedClock()


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    with hub_in_thread(tmp_path_factory.mktemp("hub"), COURIER, CLOCK) as running:
        yield running


def push(hub: RunningHub, waybill_no: str, *nodes: tuple[str, datetime]) -> dict[str, Any]:
    """What the courier tells, signed as the courier signs."""
    told = [{"at": at.isoformat(), "kind": kind, "text": f"快件 {kind}"} for kind, at in nodes]
    raw = json.dumps({"waybill_no": waybill_no, "carrier": "yuantong", "nodes": told}).encode()
    stamp = str(int(CLOCK.now().timestamp()))
    signature = hmac.new(KEY.encode(), stamp.encode() + b"." + raw, hashlib.sha256).hexdigest()
    headers = {"X-Orderdock-Timestamp": stamp, "X-Orderdock-Signature": f"sha256={signature}"}
    answer = hub.client().post("/v1/webhooks/carrier/rehearsal", content=raw, headers=headers)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def does(client: HubClient, order: Order, kind: str, on_parcel: bool = True, **body: Any) -> None:
    parcel_no = order.parcels[0].parcel_no if on_parcel else None
    receipt = client.act(kind, order.order_no, parcel_no, body=body)
    assert receipt.outcome == "applied", receipt


def told(hub: RunningHub, order_no: str) -> list[str]:
    return [entry["kind"] for entry in hub.admin().get(f"/v1/orders/{order_no}/story").json()]


def handed_over(hub: RunningHub, name: str, waybill_no: str) -> Order:
    order, bench = hub.given(a_channel_order(name, lines=1)), hub.station()
    does(bench, order, "opened")
    does(bench, order, "line_packed", line_no=1)
    does(bench, order, "waybill_bound", waybill_no=waybill_no, carrier="yuantong")
    does(bench, order, "parcel_closed")
    does(bench, order, "handed_over")
    return order


def test_the_file_of_an_order_through_six_systems_holds_everything_in_the_order_of_time(
    line: RunningHub,
) -> None:
    """MAP-06: shop, packing bench, supervisor's desk, service desk, hub and courier; nothing can be edited
    (tests/hub/api/test_rights.py)."""
    bench, head, desk = (line.station(kind, name=kind) for kind in ("packing", "supervisor", "service"))
    order = line.given(a_channel_order("six", lines=1))
    no = order.order_no
    does(desk, order, "hold", on_parcel=False, reason="address", note="门牌号不全")
    held = line.admin().get(f"/v1/orders/{no}").json()["stops"][0]["stop_id"]
    does(desk, order, "change_remark", on_parcel=False, seller_remark="改发顺丰")
    does(head, order, "release", on_parcel=False, stop_id=held, note="已补全")
    does(bench, order, "slip_printed", job_key="k")
    does(bench, order, "opened")
    does(bench, order, "line_packed", line_no=1)
    does(bench, order, "waybill_bound", waybill_no="YT6000000001", carrier="yuantong")
    does(bench, order, "parcel_closed")
    does(bench, order, "handed_over")
    push(line, "YT6000000001", ("picked_up", CLOCK.now()))
    does(desk, order, "cancel", on_parcel=False, reason="buyer_request", note="不要了")
    CLOCK.ahead += timedelta(seconds=15)
    until(lambda: "cancel_took_effect" in told(line, no), "the hub's clock did nothing")
    push(line, "YT6000000001", ("hub_arrived", CLOCK.now()))

    story = line.admin().get(f"/v1/orders/{no}/story").json()
    kinds = [entry["kind"] for entry in story]
    for kind in (
        *("received", "released", "stop_set", "remark_changed", "stop_lifted", "slip_printed", "opened"),
        *(
            "line_packed",
            "waybill_bound",
            "parcel_closed",
            "handed_over",
            "cancel_asked",
            "cancel_took_effect",
        ),
        *("shipped_despite_cancel", "track_node", "state_followed"),
    ):
        assert kind in kinds
    moments = [datetime.fromisoformat(entry["at"]) for entry in story]
    assert moments == sorted(moments)
    assert (
        kinds.index("received")
        < kinds.index("stop_set")
        < kinds.index("handed_over")
        < kinds.index("track_node")
    )
    sources = {entry["source"] for entry in story}
    assert len(sources) == 6, "the shop, three desks, the hub and the courier"
    assert {source.partition(":")[0] for source in sources} == {"channel", "station", "hub", "carrier"}
    assert all(entry["source"] and entry["text"] for entry in story)
    assert all(entry["actor"] for entry in story if entry["source"].startswith(("station", "channel")))
    changed = {entry["kind"]: entry["detail"] for entry in story if "after" in entry["detail"]}
    assert (changed["stop_set"]["before"], changed["stop_set"]["after"]) == (
        {"stops": []},
        {"stops": ["hold"]},
    )
    assert changed["remark_changed"]["after"] == {"seller_remark": "改发顺丰"}
    assert changed["waybill_bound"]["before"]["waybill_no"] == ""
    assert changed["handed_over"]["after"] == {"state": "handed_over"}
    assert changed["cancel_took_effect"]["after"]["state"] == "shipped_despite_cancel"
    assert changed["state_followed"] == changed["state_followed"] | {
        "before": {"state": "handed_over"},
        "after": {"state": "in_transit"},
    }


def test_picked_up_turns_the_order_at_once(line: RunningHub) -> None:
    """MAP-08: 3 s is the bar; so long the hub itself waits with its answer for what the push turns."""
    desk = line.station("service")
    order = handed_over(line, "picked up", "YT6100000001")
    page = desk.changes()
    push(line, "YT6100000001", ("picked_up", CLOCK.now()))
    answer = desk.get("/v1/changes", params={"after": page.next, "epoch": page.epoch, "wait": 3})
    fed = [c for c in answer.json()["changes"] if c["kind"] == "order" and c["key"] == order.order_no]
    assert fed[-1]["body"]["order_state"] == "in_transit"


def test_delivered_before_picked_up_is_flagged_and_not_taken(line: RunningHub) -> None:
    """MAP-08: the courier's word is kept, the state stays, somebody is told."""
    order = handed_over(line, "jump", "YT6200000001")
    assert push(line, "YT6200000001", ("delivered", CLOCK.now())) == {"known": True, "new_nodes": 1}
    body = line.admin().get(f"/v1/orders/{order.order_no}").json()
    assert body["order_state"] == "handed_over"
    assert body["jump_flags"]
    assert {"track_node", "jump_flagged"} <= set(told(line, order.order_no))
    fed = [c for c in line.station("supervisor").changes().changes if c.kind == "alarm"]
    assert any(order.order_no in bytes(change.body).decode() for change in fed)
