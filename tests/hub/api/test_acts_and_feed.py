"""Acts up, changes down, over real HTTP: receipts, bad acts among good ones, pages, 410, waiting, packing."""

from __future__ import annotations

import gzip
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import zstandard
from sqlalchemy import text

from app import wire
from tests.helpers.hub import HubClient, RunningHub, a_channel_order, hub_in_thread
from tests.helpers.station import until

NOW = datetime.now(UTC).isoformat()


@pytest.fixture
def hub(tmp_path: Path, db: str) -> Iterator[RunningHub]:
    """The hot doors answer the same on both databases."""
    with hub_in_thread(tmp_path / "张 三", db=db) as running:
        yield running


def _envelope(act_id: str, order_no: str, **changes: Any) -> dict[str, Any]:
    return {"act_id": act_id, "kind": "opened", "order_no": order_no, "made_at": NOW} | changes


def _send(client: HubClient, *acts: Any) -> list[wire.Receipt]:
    answer = client.post("/v1/acts", content=msgspec.json.encode(list(acts)))
    assert answer.status_code == 200, answer.text
    return msgspec.json.decode(answer.content, type=list[wire.Receipt])


# ------------------------------------------------------------------------------------------------ acts


def test_an_act_is_answered_and_its_repetition_gets_the_same_answer(hub: RunningHub) -> None:
    bench, order = hub.station(), hub.given()
    act = _envelope("A1", order.order_no, parcel_no=order.parcels[0].parcel_no)
    [first], [again] = _send(bench, act), _send(bench, act)
    assert (first.outcome, first.replayed) == ("applied", False)
    assert (again.outcome, again.replayed, again.seq) == ("applied", True, first.seq)
    [other] = _send(bench, act | {"parcel_no": None})
    assert (other.outcome, other.reason) == ("refused", "id_reused")


@pytest.mark.parametrize(
    "bad",
    [
        {"act_id": "BAD", "kind": "opened", "order_no": 7, "made_at": NOW},
        {"act_id": "BAD", "kind": "opened", "order_no": "x"},
        {"act_id": "BAD", "kind": "no_such_kind", "order_no": "x", "made_at": NOW},
        {"act_id": "BAD", "kind": "opened", "order_no": "x", "made_at": "yesterday"},
        {"act_id": "BAD", "kind": "opened", "order_no": "x", "made_at": "2026-11-21T10:00:00"},
        {"act_id": "BAD", "kind": "line_packed", "order_no": "x", "made_at": NOW, "body": {"line_no": "one"}},
        {"act_id": "BAD", "kind": "line_packed", "order_no": "x", "made_at": NOW, "body": {"line_no": 2**63}},
        {
            "act_id": "BAD",
            "kind": "marked_abnormal",
            "order_no": "x",
            "made_at": NOW,
            "body": {"reason": "a\x00b"},
        },
        {"act_id": "BAD", "kind": "opened", "order_no": "a\x00b", "made_at": NOW},
    ],
)
def test_a_bad_act_is_refused_alone_and_blocks_no_other(lasting_hub: RunningHub, bad: dict[str, Any]) -> None:
    bench, order = lasting_hub.station(), lasting_hub.given()
    ids = [f"{order.order_no}-{time.monotonic_ns()}-{n}" for n in range(2)]
    good = [_envelope(i, order.order_no, parcel_no=order.parcels[0].parcel_no) for i in ids]
    bad |= {"act_id": f"BAD-{time.monotonic_ns()}"}
    receipts = _send(bench, good[0], bad, good[1])
    assert [r.outcome for r in receipts] == ["applied", "refused", "applied"]
    assert receipts[1].reason in ("bad_body", "order_unknown")
    assert receipts[1].act_id == bad["act_id"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"[{", 400),
        (b"{}", 422),
        (b"[1]", 422),
        (b'[{"kind":"opened"}]', 422),
        (b'[{"act_id":""}]', 422),
        (b'[{"act_id":"\\u0000"}]', 422),
        (b'[{"act_id":"\\ud800"}]', 400),
        (b"[" * 100_000, 422),
        (b"\xff\xfe", 400),
    ],
)
def test_what_is_no_list_of_acts_is_refused_as_a_whole(
    lasting_hub: RunningHub, body: bytes, status: int
) -> None:
    answer = lasting_hub.admin().post("/v1/acts", content=body)
    assert answer.status_code == status, answer.text
    assert answer.json()["error"]["text"]


def test_a_batch_too_large_is_refused_before_it_is_read(lasting_hub: RunningHub) -> None:
    assert lasting_hub.admin().post("/v1/acts", content=b" " * 1_000_001).status_code == 413
    many = [_envelope(str(n), "x") for n in range(513)]
    assert lasting_hub.admin().post("/v1/acts", json=many).status_code == 413


def test_the_station_of_an_act_comes_from_its_token(hub: RunningHub) -> None:
    paired, order = hub.pair(), hub.given()
    bench = hub.client(paired.token)
    _send(bench, _envelope("A1", order.order_no, parcel_no=order.parcels[0].parcel_no, station_id="another"))
    [entry] = [
        e for e in hub.admin().get(f"/v1/orders/{order.order_no}/story").json() if e["kind"] == "opened"
    ]
    assert entry["source"] == f"station:{paired.station_id}"
    assert entry["actor"] == "1 号台"


def test_an_order_that_does_not_fit_goes_into_a_second_box_of_its_own(hub: RunningHub) -> None:
    """What is counted stays; the rest is a parcel like any other: found, leased, packed and handed over alone."""
    bench, order = hub.station(), hub.given()
    first = order.parcels[0].parcel_no
    second = first[:-2] + "02"

    def does(parcel_no: str, kind: str, **body: Any) -> str:
        receipt = bench.act(kind, order.order_no, parcel_no, body=body)
        return receipt.reason or receipt.outcome

    def parcels() -> list[Any]:
        found: list[Any] = bench.get(f"/v1/orders/{order.order_no}").json()["parcels"]
        return found

    assert does(first, "split_parcel") == "nothing_to_split"
    assert does(first, "line_packed", line_no=order.lines[0].line_no) == "applied"
    assert does(first, "split_parcel") == "applied"
    assert [p["parcel_no"] for p in parcels()] == [first, second]
    assert sum(pl["qty"] for pl in parcels()[0]["lines"]) == 1
    assert sum(pl["qty"] for p in parcels() for pl in p["lines"]) == sum(line.qty for line in order.lines)
    assert does(first, "parcel_closed") == does(first, "handed_over") == "applied"
    assert does(first, "split_parcel") == "already_handed_over"
    [found] = hub.admin().get("/v1/orders", params={"q": second}).json()["orders"]
    assert found["order_no"] == order.order_no
    [lease] = bench.post("/v1/leases", json={"parcel_nos": [second], "step": "close"}).json()
    assert lease["granted"]
    for line in parcels()[1]["lines"]:
        assert does(second, "line_packed", line_no=line["line_no"], qty=line["qty"]) == "applied"
    assert does(second, "parcel_closed") == does(second, "handed_over") == "applied"
    assert {p["state"] for p in parcels()} == {"handed_over"}


# ------------------------------------------------------------------------------------------------ feed


def test_a_first_load_in_small_pages_brings_the_same_as_in_one(hub: RunningHub) -> None:
    for n in range(5):
        hub.given(a_channel_order(f"T{n}"))
    desk = hub.admin()
    whole, epoch = desk.changes(), ""
    after, small = 0, []
    while True:
        params: dict[str, Any] = {"after": after, "limit": 3} | ({"epoch": epoch} if epoch else {})
        page = msgspec.json.decode(desk.get("/v1/changes", params=params).content, type=wire.ChangePage)
        small += page.changes
        after, epoch = page.next, page.epoch
        if page.next == page.head:
            break
    assert [(c.seq, c.kind, c.key) for c in small] == [(c.seq, c.kind, c.key) for c in whole.changes]


def test_a_cursor_needs_its_epoch_and_another_epoch_begins_anew(hub: RunningHub) -> None:
    hub.given()
    desk = hub.admin()
    page = desk.changes()
    assert desk.get("/v1/changes", params={"after": 1}).status_code == 422
    assert desk.get("/v1/changes", params={"after": 1, "epoch": page.epoch}).status_code == 200
    for params in ({"after": 1, "epoch": "another"}, {"after": page.head + 1, "epoch": page.epoch}):
        answer = desk.get("/v1/changes", params=params)
        assert (answer.status_code, answer.json()["error"]["code"]) == (410, "begin_again")
        assert desk.get("/v1/stream", params=params).status_code == 410


def test_a_cursor_older_than_the_tombstones_begins_anew(hub: RunningHub) -> None:
    hub.given()
    page = hub.admin().changes()
    with hub.app.doors.orders.engine.begin() as conn:
        conn.execute(text("UPDATE feed_head SET gone_floor = 2"))
    params = {"after": 1, "epoch": page.epoch}
    assert hub.admin().get("/v1/changes", params=params).status_code == 410


@pytest.mark.parametrize(
    "query", ["after=-1", "after=x", "after=99999999999999999999", "limit=0", "limit=9999", "wait=99"]
)
def test_a_page_out_of_bounds_is_refused_in_words(lasting_hub: RunningHub, query: str) -> None:
    answer = lasting_hub.admin().get(f"/v1/changes?{query}")
    assert answer.status_code == 422
    assert query.split("=")[0] in answer.json()["error"]["text"]


def test_pages_come_packed_as_the_caller_takes_them(hub: RunningHub) -> None:
    for n in range(5):
        hub.given(a_channel_order(f"T{n}"))
    bodies = {}
    for accept, unpack in {
        "identity": bytes,
        "gzip, deflate": gzip.decompress,
        "gzip, zstd": lambda b: zstandard.ZstdDecompressor().decompress(b),
    }.items():
        with hub.admin().stream("GET", "/v1/changes", headers={"Accept-Encoding": accept}) as answer:
            raw = b"".join(answer.iter_raw())
            encoding = answer.headers.get("content-encoding", "identity")
            assert encoding == {"identity": "identity", "gzip, deflate": "gzip", "gzip, zstd": "zstd"}[accept]
            bodies[accept] = unpack(raw)
    assert len(set(bodies.values())) == 1


def test_waiting_ends_as_soon_as_something_comes(hub: RunningHub) -> None:
    desk = hub.admin()
    page = desk.changes()
    place: dict[str, Any] = {"after": page.next, "epoch": page.epoch} if page.next else {}
    waiters = hub.app.doors.out.broadcast._passed._waiters
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(desk.get, "/v1/changes", params=place | {"wait": 50}, timeout=90)
        until(lambda: waiters or waiting.done(), "nobody waits")
        assert not waiting.done(), "there is nothing yet"
        hub.given()
        answer = waiting.result(40)
    assert msgspec.json.decode(answer.content, type=wire.ChangePage).changes


def test_waiting_for_nothing_ends_in_time(hub: RunningHub) -> None:
    page = hub.admin().changes()
    began = time.monotonic()
    answer = hub.admin().get("/v1/changes", params={"after": page.next, "epoch": page.epoch, "wait": 1})
    assert answer.json()["changes"] == []
    assert time.monotonic() - began > 0.9


def test_a_digest_counts_what_the_caller_is_fed(hub: RunningHub) -> None:
    hub.given()
    digest = msgspec.json.decode(hub.admin().get("/v1/digest").content, type=wire.Digest)
    page = hub.admin().changes()
    assert (digest.epoch, digest.seq) == (page.epoch, page.head)
    assert sum(bucket.count for bucket in digest.buckets) > 0


# ------------------------------------------------------------------------------------------------ line


def test_a_parcel_goes_through_the_doors_from_lease_to_hand_over(hub: RunningHub) -> None:
    bench, order = hub.station(), hub.given()
    no, parcel_no = order.order_no, order.parcels[0].parcel_no
    [lease] = bench.post("/v1/leases", json={"parcel_nos": [parcel_no], "step": "print"}).json()
    assert lease["granted"]
    assert lease["label"]["consignee_phone"] == "18312342807"
    assert bench.post("/v1/go_checks", json={"parcel_no": parcel_no, "step": "print"}).json()["ok"]
    assert bench.post(f"/v1/parcels/{parcel_no}/label", json={}).json()["granted"]
    for kind, body in [
        ("opened", {}),
        ("line_packed", {"line_no": 1}),
        ("line_packed", {"line_no": 2}),
        ("parcel_closed", {}),
        ("handed_over", {}),
    ]:
        receipt = bench.act(kind, no, parcel_no, body=body)
        assert receipt.outcome == "applied", (kind, receipt)
    assert bench.get(f"/v1/orders/{no}").json()["order_state"] == "handed_over"
    kinds = [e["kind"] for e in hub.admin().get(f"/v1/orders/{no}/story").json()]
    assert kinds.index("opened") < kinds.index("parcel_closed") < kinds.index("handed_over")


def test_a_cancelled_parcel_may_not_go_and_its_label_is_not_told(hub: RunningHub) -> None:
    bench, other, order = hub.station(), hub.station(name="2 号台"), hub.given()
    no, parcel_no = order.order_no, order.parcels[0].parcel_no
    assert not other.post(f"/v1/parcels/{parcel_no}/label", json={}).json()["granted"]
    bench.post("/v1/leases", json={"parcel_nos": [parcel_no], "step": "print"})
    assert hub.person("cs_rep").act("cancel", no).outcome == "applied"
    go = bench.post("/v1/go_checks", json={"parcel_no": parcel_no, "step": "print"}).json()
    assert (go["ok"], go["reason"]) == (False, "frozen")
    answer = bench.post(f"/v1/parcels/{parcel_no}/label", json={}).json()
    assert (answer["granted"], answer["label"]) == (False, None)


def test_two_hundred_leases_are_the_most_at_once(hub: RunningHub) -> None:
    bench = hub.station()
    assert bench.post("/v1/leases", json={"parcel_nos": ["x"] * 201}).status_code == 413
    assert len(bench.post("/v1/leases", json={"parcel_nos": ["x"] * 200}).json()) == 200


def test_an_alarm_is_acknowledged_once_and_by_name(hub: RunningHub) -> None:
    bench = hub.station()
    receipt = bench.act("opened", "OD20260101001", "OD2026010100101")
    assert receipt.outcome == "clash"
    [alarm] = hub.app.doors.orders.lookup.alarms()
    supervisor = hub.person("supervisor", name="周主管")
    answer = supervisor.post(f"/v1/alarms/{alarm.alarm_id}/ack").json()
    assert (answer["acked_by"], bool(answer["acked_at"])) == ("周主管", True)
    assert supervisor.post("/v1/alarms/NOBODY/ack").status_code == 404


def test_while_the_database_is_away_nothing_is_refused_it_is_asked_again(
    tmp_path: Path, expect_logs: Any
) -> None:
    expect_logs("busy|order_clock_waits")  # the hub's own clock may tick meanwhile
    with hub_in_thread(tmp_path) as hub:
        bench = hub.station()
        hub.app.doors.orders.writer._is_open = False
        answer = bench.post("/v1/acts", json=[_envelope("A1", "x")])
        hub.app.doors.orders.writer._is_open = True
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "busy")
        assert int(answer.headers["retry-after"]) > 0
        assert isinstance(answer, httpx.Response)
