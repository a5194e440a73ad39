"""A real hub and a stand-in of kuaidi100, each over HTTP: subscribed, pushed, asked, refused, read by a rep."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from app.core.order import Order
from app.ports import SystemClock
from hub.connectors.carriers.kuaidi100.mapping import push_sign
from rehearsal.courier import Manners as Journey
from rehearsal.courier import Waybill
from rehearsal.kuaidi100 import Kuaidi100, Telling, push
from rehearsal.server import serving
from tests.helpers.hub import TOML, HubClient, RunningHub, a_channel_order, hub_in_thread
from tests.helpers.ports import held_port
from tests.hub.connectors.kuaidi100.pushes import SALT, node, outside, param, signed, traces

NUMBER, COMPANY = "YT1234567890123", "yuantong"
PATH = "/v1/webhooks/carrier/kuaidi100"


@dataclass
class World:
    hub: RunningHub
    platform: Kuaidi100
    bench: HubClient
    rep: HubClient

    def sent(self, number: str, channel_order_no: str) -> Order:
        """An order whose parcel was handed over with this number."""
        order = self.hub.given(a_channel_order(channel_order_no, lines=1))
        no, parcel_no = order.order_no, f"{order.order_no}01"
        for kind, body in (
            ("line_packed", {"line_no": 1, "qty": 1}),
            ("parcel_closed", {"weight_g": 500}),
            ("waybill_bound", {"waybill_no": number, "carrier": COMPANY}),
            ("handed_over", {"carrier": COMPANY}),
        ):
            assert self.bench.act(kind, no, parcel_no, body=body).outcome == "applied"
        return order

    def push(self, body: bytes, nu: str = "") -> Any:
        headers = {"content-type": "application/x-www-form-urlencoded"}
        return self.hub.client().post(f"{PATH}?nu={nu}", content=body, headers=headers)

    def story(self, order: Order) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = self.rep.get(f"/v1/orders/{order.order_no}/story").json()
        return entries

    def nodes(self, order: Order) -> list[dict[str, Any]]:
        return [entry for entry in self.story(order) if entry["kind"] == "track_node"]

    def state(self, order: Order) -> str:
        return str(self.rep.get(f"/v1/orders/{order.order_no}").json()["order_state"])


def _toml(url: str, port: int, salt: str = SALT) -> str:
    return (
        f'{TOML}[[carrier]]\nconnector = "kuaidi100"\nbase_url = "{url}"\ncustomer = "c"\nkey = "k"\n'
        f'salt = "{salt}"\ncallback_url = "http://127.0.0.1:{port}{PATH}"\n'
    )


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    platform = Kuaidi100("c", "k")
    with (
        held_port() as port,
        serving(platform.app) as server,
        hub_in_thread(tmp_path_factory.mktemp("hub"), _toml(server.url, port), port=port) as hub,
    ):
        yield World(hub, platform, hub.station("packing"), hub.person("cs_rep"))


def _until(is_so: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < end, what
        time.sleep(0.05)


def test_a_parcel_is_subscribed_pushed_and_read_by_a_rep_to_its_end(world: World) -> None:
    order = world.sent(NUMBER, "K1")
    whole = world.platform.carry(Waybill(NUMBER, COMPANY), 3, Journey(pace_s=60), SystemClock().now())
    _until(lambda: NUMBER in world.platform.subscriptions, "subscribed")
    told = world.platform.tell(NUMBER, Telling(doubled=True, delivered_first=True))
    assert told and all(one.is_taken for one in told)
    assert [e["detail"]["node"] for e in world.nodes(order)] == [str(n.kind) for n in whole]
    assert world.state(order) == "delivered"
    assert [e["kind"] for e in world.story(order)].count("state_followed") <= 2
    newest = world.nodes(order)[-1]
    assert json.loads(newest["raw"])["statusCode"] == "301" and newest["detail"]["fetched_at"].endswith("Z")
    assert "1380000" not in json.dumps(world.story(order), ensure_ascii=False), "drivers' phones are masked"


def test_the_same_push_thrice_is_one_node_each(world: World) -> None:
    order = world.sent("YT0000000000002", "K2")
    body = signed(param("YT0000000000002", node("2026-11-21 10:30:00", "西溪营业部 已揽收", "103")))
    for _ in range(3):
        said = world.push(body)
        assert said.status_code == 200
        assert said.json() == {"result": True, "returnCode": "200", "message": "成功"}
    assert [e["detail"]["node"] for e in world.nodes(order)] == ["picked_up"]
    assert world.state(order) == "in_transit"


@pytest.mark.parametrize("sign", ["", "BAD", "0" * 32])
def test_a_wrong_sign_is_refused_and_changes_nothing(world: World, sign: str) -> None:
    order = world.sent(f"YT000000000003{len(sign)}", f"K3{sign[:1]}")
    told = param(f"YT000000000003{len(sign)}", node("2026-11-21 10:30:00", "已揽收", "103"))
    said = world.push(signed(told, sign=sign))
    assert (said.status_code, said.json()["error"]["code"]) == (401, "bad_signature")
    assert world.nodes(order) == []


def test_a_number_in_small_letters_is_the_same_number(world: World) -> None:
    order = world.sent("YT000000000000A", "K9")
    told = param("yt000000000000a", node("2026-11-21 10:30:00", "已揽收", "103"))
    assert world.push(signed(told)).status_code == 200
    assert [bool(entry["raw"]) for entry in world.nodes(order)] == [True]


def test_a_sign_in_capitals_counts_and_an_abort_is_answered_too(world: World) -> None:
    told = json.dumps(param("YT0000000000004", status="abort") | {"lastResult": ""}).encode()

    said = world.push(signed(told, sign=push_sign(told, SALT).upper()), "YT0000000000004")
    assert said.status_code == 200 and said.json()["returnCode"] == "200"


def test_every_recorded_push_finds_its_parcel(world: World) -> None:
    files = [file for file, shape in traces() if shape == "kuaidi100_push"]
    for n, file in enumerate(files or ["traces_index.csv"]):
        raw = outside(*Path(file).parts).read_bytes()
        result = json.loads(raw)["lastResult"]
        order = world.sent(result["nu"], f"K5{n}")
        assert world.push(signed(raw)).status_code == 200
        assert len(world.nodes(order)) == len(result["data"])
        assert all(entry["raw"] for entry in world.nodes(order))


def test_a_refresh_asks_once_and_says_when_it_may_ask_again(world: World) -> None:
    number = "YT0000000000006"
    order = world.sent(number, "K6")
    world.platform.carry(Waybill(number, COMPANY), 3, Journey(pace_s=0), SystemClock().now())
    _until(lambda: number in world.platform.subscriptions, "on the list")
    path = f"/v1/parcels/{order.order_no}01/track"
    first, second = world.rep.post(path).json(), world.rep.post(path).json()
    assert first["asked"] and first["new_nodes"] >= 8 and "new entries" in first["text"]
    assert not second["asked"] and second["allowed_at"] == first["allowed_at"]
    assert "again from" in second["text"] and world.platform.locked == []
    assert len(world.nodes(order)) == first["new_nodes"]
    unknown = world.rep.post("/v1/parcels/XX01/track").json()
    assert (unknown["asked"], unknown["trouble"]) == (False, "no_waybill")


def test_states_nobody_knows_are_counted_for_the_operator(world: World) -> None:
    order = world.sent("YT0000000000008", "K8")
    for code in ("977", "978"):
        told = param("YT0000000000008", node(f"2026-11-21 1{code[-1]}:30:00", "无人机派送", code))
        assert world.push(signed(told), "YT0000000000008").status_code == 200
    assert [e["detail"]["node"] for e in world.nodes(order)] == ["other", "other"]
    assert 'orderdock_strange_words_total{connector="kuaidi100"} ' in world.hub.admin().get("/metrics").text


def test_finance_reads_no_raw_words(world: World) -> None:
    order = world.sent("YT0000000000007", "K7")
    world.push(signed(param("YT0000000000007", node("2026-11-21 10:30:00", "李师傅 已揽收", "103"))))
    finance = world.hub.person("finance")
    said = finance.get(f"/v1/orders/{order.order_no}/story").text
    assert "李师傅" not in said and "statusCode" not in said


def test_without_a_salt_even_a_fitting_push_is_refused_and_the_field_is_named(tmp_path: Path) -> None:
    with (
        held_port() as port,
        hub_in_thread(tmp_path, _toml("http://127.0.0.1:9", port, salt=""), port=port) as hub,
    ):
        assert [(one.connector, one.field) for one in hub.app.couriers_lacking] == [("kuaidi100", "salt")]
        status, _ = push(f"{hub.url}{PATH}?nu=YT1", param("YT1"), "")
        assert status == 401
        order = hub.given()
        said = hub.person("cs_rep").post(f"/v1/parcels/{order.order_no}01/track").json()
        assert said["trouble"] == "no_source"
        [source] = hub.admin().get("/v1/shops").json()["couriers"]
        assert (source["connector"], source["trouble"], source["word"]) == (
            "kuaidi100",
            "wrong_settings",
            "@lacks:salt",
        )
        checked = hub.admin().post("/v1/couriers/kuaidi100/check").json()
        assert (checked["trouble"], checked["word"]) == ("wrong_settings", "@lacks:salt") and checked["text"]


def test_the_connection_is_tested_by_those_who_look_after_shops_and_no_parcel_pays_for_it(
    world: World,
) -> None:
    """ING-14 for couriers: a number that nobody has is asked for, another one each time."""
    ops, path = world.hub.person("ops_lead"), "/v1/couriers/kuaidi100/check"
    for _ in range(2):
        assert ops.post(path).json() == {"trouble": "", "word": "", "text": ""}
    assert world.platform.locked == []
    assert world.rep.post(path).status_code == 403
    unknown = ops.post("/v1/couriers/sf/check")
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "no_such_courier")


def test_how_the_source_does_is_told_to_those_who_look_after_shops(world: World) -> None:
    number = "YT0000000000009"
    world.sent(number, "K10")
    _until(lambda: number in world.platform.subscriptions, "subscribed")
    world.push(signed(param(number, node("2026-11-21 10:30:00", "已揽收", "103"))))
    admin = world.hub.admin()
    _until(lambda: "last_good_at" in admin.get("/v1/shops").json()["couriers"][0], "heard as well")
    [source] = admin.get("/v1/shops").json()["couriers"]
    assert source["connector"] == "kuaidi100" and source["takes_subscriptions"] and source["parcels"] >= 1
    assert source["last_push_at"] and "trouble" not in source
    assert world.rep.get("/v1/shops").json()["couriers"] == []


def test_a_hub_without_kuaidi100_has_no_such_door(tmp_path: Path) -> None:
    with hub_in_thread(tmp_path) as hub:
        assert hub.client().post(PATH, content=b"sign=1&param=2").status_code == 404
