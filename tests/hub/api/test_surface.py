"""The rest of the surface: masks, reveal, story, files, the courier, figures, and addresses that are none."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from app.wire import Change
from hub.auth.masks import MASKS
from tests.helpers.hub import TOML, HubClient, RunningHub, a_channel_order, hub_in_thread
from tests.helpers.station import until

SECRETS = ("林小满", "18312342807", "文三路", "小满爱买书")
KEY = "the courier's key"
COURIER = TOML + f'[[carrier]]\nconnector = "rehearsal"\nkey = "{KEY}"\n'


@pytest.fixture(scope="module")
def courier_hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    with hub_in_thread(tmp_path_factory.mktemp("hub"), COURIER) as running:
        yield running


# ----------------------------------------------------------------------------------------------- masks


def _everything_fed(client: HubClient) -> str:
    return client.get("/v1/changes", params={"limit": 2000}).text


@pytest.mark.parametrize("kind", ["packing", "supervisor", "service", "ops"])
def test_no_station_is_fed_a_buyers_name_number_or_street(lasting_hub: RunningHub, kind: str) -> None:
    order = lasting_hub.given(a_channel_order(f"mask {kind}", buyer_nick=""))
    station = lasting_hub.station(kind)
    told = _everything_fed(station) + station.get(f"/v1/orders/{order.order_no}").text
    told += station.get(f"/v1/orders/{order.order_no}/story").text
    assert order.order_no in told
    assert "183****2807" in told
    for secret in SECRETS[:3]:
        assert secret not in told


@pytest.mark.parametrize(
    ("role", "money", "people"),
    [
        ("supervisor", False, True),
        ("warehouse_admin", False, True),
        ("cs_rep", True, True),
        ("cs_lead", True, True),
        ("ops_lead", True, True),
        ("finance", True, False),
        ("manager", True, False),
        ("admin", True, True),
    ],
)
def test_a_role_sees_money_and_people_only_as_far_as_it_needs(
    lasting_hub: RunningHub, role: str, money: bool, people: bool
) -> None:
    order = lasting_hub.given(a_channel_order(f"role {role}"))
    person = lasting_hub.person(role)
    body = person.get(f"/v1/orders/{order.order_no}").json()
    assert body["paid_fen"] == (12_800 if money else 0)
    assert body["lines"][0]["price_fen"] == (6_400 if money else 0)
    assert body["consignee"]["phone"] == ("183****2807" if people else "")
    assert body["buyer_remark"] == ("请轻放" if people else "")
    [found] = person.get("/v1/orders", params={"q": order.order_no}).json()["orders"]
    assert found == body

    def fed() -> list[Change]:
        return [c for c in person.all_changes() if c.key == order.order_no and c.kind == "order"]

    until(
        fed, "never fed"
    )  # a page is shared by all who see the same, for a moment also when it is a little old
    assert json.loads(bytes(fed()[0].body)) == body


def test_words_that_look_like_money_are_left_alone() -> None:
    body = json.dumps({"paid_fen": 5, "buyer_remark": '"price_fen":7 and \\"paid_fen\\":8'}).encode()
    masked = MASKS["floor"]("order", body)
    assert masked is not None
    assert json.loads(masked) == {"paid_fen": 0, "buyer_remark": '"price_fen":7 and \\"paid_fen\\":8'}


def test_a_look_at_the_full_consignee_needs_a_reason_and_stays_in_the_file(hub: RunningHub) -> None:
    order, rep = hub.given(), hub.person("cs_rep", name="李客服")
    path = f"/v1/orders/{order.order_no}/reveal"
    assert rep.post(path, json={"reason": "  "}).status_code == 422
    shown = rep.post(path, json={"reason": "买家来电核对地址"})
    assert shown.json()["consignee"]["phone"] == "18312342807"
    rep.post(path, json={"reason": "再看一次"})
    looks = [e for e in rep.get(f"/v1/orders/{order.order_no}/story").json() if e["kind"] == "revealed"]
    assert [(e["actor"], e["detail"]["reason"]) for e in looks] == [
        ("李客服", "买家来电核对地址"),
        ("李客服", "再看一次"),
    ]
    assert rep.post("/v1/orders/OD20260101001/reveal", json={"reason": "x"}).status_code == 404


def test_a_reveal_sent_as_an_act_tells_nothing_by_itself(hub: RunningHub) -> None:
    order, rep = hub.given(), hub.person("cs_rep")
    receipt = rep.act("reveal", order.order_no, body={"reason": "x"})
    assert receipt.outcome == "applied"
    assert "18312342807" not in str(receipt)


@pytest.mark.parametrize("q", ["18312342807", "2807", "林小满", "T-find", "小满爱买书", "183 1234 2807"])
def test_a_rep_finds_an_order_by_what_a_buyer_can_name(lasting_hub: RunningHub, q: str) -> None:
    order = lasting_hub.given(a_channel_order("T-find"))
    found = lasting_hub.person("cs_rep").get("/v1/orders", params={"q": q, "limit": 200}).json()["orders"]
    assert order.order_no in [one["order_no"] for one in found]


# ----------------------------------------------------------------------------------------------- story


def test_a_story_is_told_in_the_readers_language(hub: RunningHub) -> None:
    order = hub.given()
    hub.person("cs_rep").act("cancel", order.order_no, body={"note": "不要了"})
    told = {}
    for lang in ("zh", "en"):
        entries = (
            hub.admin().get(f"/v1/orders/{order.order_no}/story", headers={"Accept-Language": lang}).json()
        )
        told[lang] = [entry["text"] for entry in entries]
        assert all(entry["text"] and "{" not in entry["text"] for entry in entries)
        assert all(entry["at"].endswith("Z") and entry["actor"] for entry in entries)
    assert told["zh"][0].startswith("收到订单")
    assert told["en"][0].startswith("Order received")
    assert any("stopped" in line for line in told["en"])
    assert any("拦截成功" in line for line in told["zh"])


# ----------------------------------------------------------------------------------------------- files

CSV = (
    "channel_order_no,paid_at,consignee_name,consignee_phone,consignee_address,sku_code,qty,paid\n"
    "F1,2026-11-21 09:00:00,林小满,18312342807,浙江省杭州市西湖区文三路 1 号,SKU-1,2,128.00\n"
    "F2,2026-11-21 09:01:00,林小满,18312342807,浙江省杭州市西湖区文三路 1 号,SKU-1,zwei,128.00\n"
).encode("utf-8-sig")


def test_a_file_is_taken_as_the_body_or_as_a_form_field(hub: RunningHub) -> None:
    ops = hub.person("ops_lead")
    dry = ops.post("/v1/imports", params={"filename": "十一月.csv", "dry_run": "true"}, content=CSV)
    assert dry.status_code == 200, dry.text
    assert (dry.json()["rows"], dry.json()["taken"], dry.json()["refused"]) == (2, 1, 1)
    assert hub.app.doors.orders.lookup.orders("F1", _all()).orders == []

    taken = ops.post("/v1/imports", files={"file": ("十一月.csv", CSV, "text/csv")})
    assert taken.status_code == 200, taken.text
    assert (taken.json()["taken"], taken.json()["refused"]) == (1, 1)
    assert base64.b64decode(taken.json()["refused_file"])[:2] == b"PK"
    [order] = hub.app.doors.orders.lookup.orders("F1", _all()).orders
    assert order.paid_fen == 12_800

    again = ops.post("/v1/imports", params={"filename": "十一月.csv"}, content=CSV)
    assert (again.json()["taken"], again.json()["unchanged"]) == (0, 1)


def _all() -> Any:
    from hub.orders.results import View

    return View(scope="all")


@pytest.mark.parametrize(
    ("params", "content", "status", "code"),
    [
        ({"filename": "x.csv"}, b"", 422, "no_file"),
        ({"filename": "x.csv"}, b"\x00\x01\x02", 422, "bad_file"),
        ({"filename": "x.xlsx"}, b"PK\x03\x04 no workbook", 422, "bad_file"),
        ({"filename": "x.csv", "kind": "elephants"}, CSV, 422, "bad_body"),
        ({"filename": "x.csv", "shop": "nowhere"}, CSV, 404, "no_such_shop"),
        ({"filename": "x.csv", "map": "../secret"}, CSV, 422, "bad_file"),
        ({"filename": "x.csv", "dry_run": "perhaps"}, CSV, 422, "bad_body"),
        ({"filename": "a\x00b.csv"}, CSV, 422, "dirty_body"),
    ],
)
def test_a_file_that_cannot_be_taken_is_refused_in_words(
    lasting_hub: RunningHub, params: dict[str, str], content: bytes, status: int, code: str
) -> None:
    for lang in ("zh", "en"):
        answer = lasting_hub.admin().post(
            "/v1/imports", params=params, content=content, headers={"Accept-Language": lang}
        )
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, code), answer.text
        assert answer.json()["error"]["text"]


def test_a_file_over_fifty_megabytes_is_refused_while_it_comes(lasting_hub: RunningHub) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(60):
            yield b"x" * 1_048_576

    answer = lasting_hub.admin().post("/v1/imports", content=endless(), params={"filename": "x.csv"})
    assert answer.status_code == 413, answer.text
    assert answer.json()["error"]["hint"]


# --------------------------------------------------------------------------------------------- courier


def _push(hub: RunningHub, body: dict[str, Any], *, key: str = KEY, at: float | None = None) -> Any:
    raw = json.dumps(body).encode()
    stamp = str(int(time.time() if at is None else at))
    signature = hmac.new(key.encode(), stamp.encode() + b"." + raw, hashlib.sha256).hexdigest()
    headers = {"X-Orderdock-Timestamp": stamp, "X-Orderdock-Signature": f"sha256={signature}"}
    return hub.client().post("/v1/webhooks/carrier/rehearsal", content=raw, headers=headers)


def test_a_couriers_node_turns_the_parcel_and_stands_in_its_story(courier_hub: RunningHub) -> None:
    hub = courier_hub
    order, bench = hub.given(a_channel_order("courier", lines=1)), hub.station()
    no, parcel_no = order.order_no, order.parcels[0].parcel_no
    for kind, body in [
        ("opened", {}),
        ("line_packed", {"line_no": 1}),
        ("waybill_bound", {"waybill_no": "YT8800000001", "carrier": "yuantong"}),
        ("parcel_closed", {}),
        ("handed_over", {}),
    ]:
        assert bench.act(kind, no, parcel_no, body=body).outcome == "applied"
    node = {
        "at": "2026-11-21T12:00:00Z",
        "kind": "picked_up",
        "text": "杭州已揽收，电话 18312342807",
        "place": "杭州",
    }
    push = {"waybill_no": "YT8800000001", "carrier": "yuantong", "nodes": [node]}
    assert _push(hub, push).json() == {"known": True, "new_nodes": 1}
    assert _push(hub, push).json() == {"known": True, "new_nodes": 0}
    assert hub.admin().get(f"/v1/orders/{no}").json()["order_state"] == "in_transit"
    story = hub.admin().get(f"/v1/orders/{no}/story").text
    assert "杭州已揽收" in story
    assert "18312342807" not in story
    assert _push(hub, push | {"waybill_no": "YT8899999999"}).json() == {"known": False, "new_nodes": 0}


@pytest.mark.parametrize(
    ("how", "status"),
    [
        ({"key": "another"}, 401),
        ({"at": 0}, 401),
        ({"at": 4_102_444_800}, 401),
    ],
)
def test_a_push_with_a_wrong_or_old_signature_is_refused(
    courier_hub: RunningHub, how: dict[str, Any], status: int
) -> None:
    assert _push(courier_hub, {"waybill_no": "x", "nodes": []}, **how).status_code == status


def test_a_hub_without_that_courier_knows_nothing_of_its_door(lasting_hub: RunningHub) -> None:
    assert _push(lasting_hub, {"waybill_no": "x", "nodes": []}).status_code == 404


# --------------------------------------------------------------------------------------------- figures


def test_health_tells_epoch_and_number(lasting_hub: RunningHub, lasting_db: str) -> None:
    health = lasting_hub.client().get("/healthz").json()
    assert (health["status"], health["db"], health["wire"]) == ("ok", re.split("[:+]", lasting_db)[0], 1)

    def told() -> tuple[int, int]:
        return lasting_hub.client().get("/healthz").json()["seq"], lasting_hub.admin().changes().head

    until(
        lambda: len(set(told())) == 1, "another number than the feed's"
    )  # whose pages are shared for a moment


def test_health_says_why_the_hub_cannot_serve(hub: RunningHub) -> None:
    engine = hub.app.doors.orders.engine
    hub.rest()
    with engine.begin() as conn:
        conn.execute(text("ALTER TABLE feed_head RENAME TO lost"))
    answer = hub.client().get("/healthz")
    with engine.begin() as conn:
        conn.execute(text("ALTER TABLE lost RENAME TO feed_head"))
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "database_away")
    assert answer.json()["error"]["hint"]
    assert hub.client().get("/healthz").status_code == 200


def test_figures_hold_no_names_or_numbers_of_people(lasting_hub: RunningHub) -> None:
    lasting_hub.given()
    lasting_hub.admin().get("/v1/orders", params={"q": "林小满"})
    figures = lasting_hub.client().get("/metrics").text
    assert 'route="/v1/orders"' in figures
    for secret in SECRETS:
        assert secret not in figures


def test_the_ca_is_told_only_where_there_is_one(lasting_hub: RunningHub) -> None:
    assert lasting_hub.client().get("/ca.pem").status_code == 404


# --------------------------------------------------------------------------------------------- wrong addresses


@pytest.mark.parametrize(
    "path", ["/", "/v1", "/v2/acts", "/v1/orders/a/b/c", "/v1//orders", "/schema", "/docs", "/v1/orders/%00"]
)
def test_an_address_that_is_none_is_said_so(lasting_hub: RunningHub, path: str) -> None:
    answer = lasting_hub.admin().get(path)
    assert answer.status_code == 404
    assert answer.json()["error"]["text"]


def test_a_door_used_the_wrong_way_says_so(lasting_hub: RunningHub, tmp_path: Path) -> None:
    assert lasting_hub.admin().post("/healthz").status_code == 405
    assert lasting_hub.admin().get("/v1/acts").status_code == 405
