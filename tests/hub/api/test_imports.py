"""An import under way tells how far it is and can be stopped; whoever imports can ask for the shops."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from hub.orders.desk import Tx
from tests.helpers.hub import TOML, HubClient, RunningHub, hub_in_thread

SHOPS = """
[[shop]]
id = "pdd-main"
connector = "pdd"
app_key = "key-not-to-be-told"
app_secret = "secret-not-to-be-told"
[[shop]]
id = "my-shop"
connector = "file"
"""
ROWS = 6_000
HEAD = "channel_order_no,paid_at,consignee_name,consignee_phone,consignee_address,sku_code,qty,paid\n"


def _file(rows: int) -> bytes:
    line = "B{n:06d},2026-11-21 09:00:00,林小满,18312342807,浙江省杭州市西湖区文三路 1 号,SKU-1,1,12.80\n"
    return (HEAD + "".join(line.format(n=n) for n in range(rows))).encode("utf-8-sig")


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    with hub_in_thread(tmp_path_factory.mktemp("hub"), SHOPS + TOML) as running:
        yield running


def _until(is_so: Callable[[], Any]) -> Any:
    end = time.monotonic() + 20
    while not (found := is_so()):
        assert time.monotonic() < end
        time.sleep(0.005)
    return found


def _progress(client: HubClient, ticket: str) -> dict[str, Any] | None:
    answer = client.get(f"/v1/imports/{ticket}")
    return answer.json() if answer.status_code == 200 else None


@contextmanager
def _nothing_is_written(hub: RunningHub) -> Iterator[None]:
    """The writer stands still: what is under way stays under way, however long its caller takes to look."""
    stands, go_on = threading.Event(), threading.Event()

    def stand(tx: Tx) -> None:
        stands.set()
        go_on.wait(60)

    held = asyncio.run_coroutine_threadsafe(hub.app.doors.orders.writer.run(stand), hub._loop)
    try:
        assert stands.wait(20)
        yield
    finally:
        go_on.set()
        held.result(20)


def test_the_shops_are_told_without_their_secrets(hub: RunningHub) -> None:
    told = hub.person("cs_rep").get("/v1/shops")
    assert told.json() == {
        "shops": [
            {"shop_id": "pdd-main", "connector": "pdd", "warehouse": "main"},
            {"shop_id": "my-shop", "connector": "file", "warehouse": "main"},
        ],
        "couriers": [],
    }
    to_ops = hub.person("ops_lead").get("/v1/shops")
    assert "health" in to_ops.json()["shops"][0]
    assert "not-to-be-told" not in told.text + to_ops.text


def test_where_no_shop_takes_files_the_one_that_files_go_to_is_named(tmp_path: Path) -> None:
    with hub_in_thread(tmp_path, TOML) as alone:
        [shop] = alone.admin().get("/v1/shops").json()["shops"]
        assert shop["shop_id"] == "file"
        dry = alone.admin().post("/v1/imports", params={"shop": "file", "dry_run": "true"}, content=_file(1))
        assert dry.json()["taken"] == 1


def test_an_import_is_watched_and_stopped_by_who_began_it(hub: RunningHub) -> None:
    ops, other = hub.person("ops_lead", "运营 甲"), hub.person("ops_lead", "运营 乙")
    data = _file(ROWS)

    def send(ticket: str) -> httpx.Response:
        params = {"filename": "大促.csv", "shop": "my-shop", "ticket": ticket}
        return ops.post("/v1/imports", params=params, content=data, timeout=60)

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(send, "T-1")
        seen = _until(lambda: (p := _progress(ops, "T-1")) and p["stage"] == "taking" and p)
        assert 0 < seen["rows_done"] < seen["rows"] == ROWS
        with _nothing_is_written(hub):
            second = threads.submit(send, "T-2")
            assert _until(lambda: _progress(ops, "T-2"))["stage"] == "waiting"
            assert _progress(other, "T-1") is None
            assert other.post("/v1/imports/T-1/stop", json={}).status_code == 404
            assert ops.post("/v1/imports/T-2/stop", json={}).json() == {"done": True}
            assert ops.post("/v1/imports/T-1/stop", json={}).status_code == 200
        stopped = [answer.result(timeout=30) for answer in (first, second)]
    assert [answer.status_code for answer in stopped] == [409, 409]
    said = stopped[0].json()["error"]
    assert said["code"] == "import_stopped"
    assert said["hint"]
    assert _progress(ops, "T-1") is None

    again = send("").json()
    assert 0 < again["unchanged"] < ROWS
    assert again["taken"] + again["unchanged"] == ROWS


def test_a_small_file_does_not_wait_for_a_large_one(hub: RunningHub) -> None:
    ops, rest = hub.person("ops_lead"), threading.Event()
    data = _file(3_000)

    def slowly() -> Iterator[bytes]:
        yield data[:1_000]
        rest.wait(60)
        yield data[1_000:]

    def send_large() -> httpx.Response:
        params = {"filename": "大.csv", "shop": "my-shop", "ticket": "T-3", "dry_run": "true"}
        headers = {"content-length": str(len(data))}
        return ops.post("/v1/imports", params=params, content=slowly(), headers=headers, timeout=60)

    with ThreadPoolExecutor(9) as threads:
        large = threads.submit(send_large)
        _until(lambda: (p := _progress(ops, "T-3")) and p["stage"] == "reading")
        files = [_file(n) for n in range(1, 9)]
        params = {"filename": "小.csv", "shop": "my-shop", "dry_run": "true"}
        small = [threads.submit(ops.post, "/v1/imports", params=params, content=one) for one in files]
        assert sorted(one.result(timeout=30).json()["taken"] for one in small) == list(range(1, 9))
        assert not large.done()
        rest.set()
        assert large.result(timeout=30).json()["taken"] == 3_000


@pytest.mark.parametrize(
    ("headings", "row", "kind"),
    [
        (
            HEAD.strip(),
            "G1,2026-11-21 09:00:00,林小满,18312342807,浙江省杭州市文三路 1 号,SKU-1,1,12.80",
            "orders",
        ),
        ("商品编码,商品名称,商品条码,货位", "SKU-1,长袖衬衫,6901234567892,A-01-1", "items"),
        ("快递公司,运单号", "中通,78120000000001", "waybills"),
    ],
)
def test_what_a_file_is_shows_in_its_headings(hub: RunningHub, headings: str, row: str, kind: str) -> None:
    data = f"{headings}\n{row}\n".encode("gb18030")
    params = {"filename": "x.csv", "kind": "guess", "dry_run": "true", "shop": "my-shop"}
    told = hub.admin().post("/v1/imports", params=params, content=data)
    assert (told.status_code, told.json().get("kind")) == (200, kind), told.text
    assert told.json()["taken"] == 1, told.text


def test_a_station_is_told_which_further_calls_its_person_may_make(hub: RunningHub) -> None:
    bench = hub.station("packing")
    assert bench.get("/v1/sessions/me").json()["doors"] == []
    hub.person("warehouse_admin", "仓管")
    session = bench.post("/v1/sessions", json={"user": "仓管", "password": "a good password"}).json()
    assert session["doors"] == [
        "import",
        "ack_alarm",
        "restored_go",
        "restored_brought",
        "pair",
        "track",
        "work",
    ]
    signed_on = hub.client(bench.token, session["token"])
    assert signed_on.get("/v1/sessions/me").json()["doors"] == session["doors"]
    assert hub.station("ops").get("/v1/sessions/me").json()["doors"] == [
        "import",
        "ack_alarm",
        "restored_brought",
        "shops",
        "track",
        "work",
    ]
