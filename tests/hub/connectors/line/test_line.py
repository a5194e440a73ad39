"""The line against a scripted platform over real HTTP: pushes, polls, fetches, troubles, sweeps and ship-backs."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import update

from app.core.hints import HintKind as H
from app.core.order import Order, OrderState
from app.ports import Clock
from hub import config
from hub.connectors.line import ship_backs
from hub.connectors.line.ground import FETCHES
from hub.connectors.line.line import Line
from hub.connectors.line.pushes import calmer, listen_wait_s
from hub.connectors.line.shops import Checked, Folder, ShopLine
from hub.connectors.shapes import Cause
from hub.db import tables as t
from hub.db.engine import WRITE
from hub.orders.results import View
from tests.helpers.clock import FakeClock
from tests.helpers.hub import TOML, RunningHub, hub_in_thread
from tests.helpers.loops import LeapingLoop
from tests.helpers.platform import (
    MANIFEST,
    PACES,
    Platform,
    an_event,
    folders,
    listening_folders,
    platform_serving,
    toml_of,
)

LONG = 20.0
_ALL = View(scope="all")


def before_the_sweep() -> str:
    """A hub.toml's [hub] whose clock shows the small hours: no sweep of its own comes between what a test does."""
    hour = datetime.now(UTC).hour
    ahead = 2 - hour if hour <= 14 else 26 - hour
    return f'[hub]\ntimezone = "Etc/GMT{-ahead:+d}"\n'


def until(is_so: Callable[[], Any], trouble: str = "it did not happen") -> Any:
    end = time.monotonic() + LONG
    while not (found := is_so()):
        assert time.monotonic() < end, trouble
        time.sleep(0.02)
    return found


class Shop:
    """A hub with one shop on a scripted platform."""

    def __init__(self, hub: RunningHub, platform: Platform) -> None:
        self.hub = hub
        self.platform = platform

    @property
    def line(self) -> Line:
        line = self.hub.app.doors.line
        assert line is not None
        return line

    def push(self, *events: dict[str, Any], secret: str = "") -> httpx.Response:
        raw, headers = self.platform.push(*events, **({"secret": secret} if secret else {}))
        return self.hub.client().post("/v1/webhooks/shop-1", content=raw, headers=headers)

    def order(self, no: str) -> Order | None:
        found = self.hub.app.doors.orders.lookup.orders(no, _ALL).orders
        return next((one for one in found if one.channel_order_no == no), None)

    def orders(self) -> list[str]:
        return [row[0] for row in self.rows("SELECT channel_order_no FROM orders ORDER BY channel_order_no")]

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with self.hub.app.doors.orders.engine.connect() as conn:
            return [tuple(row) for row in conn.exec_driver_sql(sql)]

    def poll(self) -> httpx.Response:
        return self.hub.admin().post("/v1/shops/shop-1/poll")

    def health(self) -> dict[str, Any]:
        shops = self.hub.admin().get("/v1/shops").json()["shops"]
        return next(dict(shop["health"]) for shop in shops if shop["shop_id"] == "shop-1")

    def alarms(self) -> list[tuple[str, str]]:
        return [(a.kind, a.level) for a in self.hub.app.doors.orders.lookup.alarms()]


@contextmanager
def a_shop(
    folder: Path, platform: Platform | None = None, toml: str = "", clock: Clock | None = None, **more: Any
) -> Iterator[Shop]:
    with platform_serving(platform) as served:
        settings = before_the_sweep() + TOML + toml + toml_of(served, **more)
        with hub_in_thread(folder, settings, clock, folders=folders) as hub:
            yield Shop(hub, served)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with a_shop(tmp_path / "中枢") as one:
        until(lambda: one.health()["last_good_at"])  # the first poll is done
        yield one


@pytest.fixture(scope="module")
def lasting_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """One for many small pushes that do not mind each other."""
    with a_shop(tmp_path_factory.mktemp("shop")) as one:
        until(lambda: one.health()["last_good_at"])
        yield one


# ---------------------------------------------------------------------------------------------------- pushes


def test_a_paid_push_is_answered_in_the_platforms_words_and_its_order_is_here_soon(shop: Shop) -> None:
    shop.platform.put("P1")
    answer = shop.push(an_event("e1", "P1"))
    assert (answer.status_code, answer.json()) == (200, {"taken": True})
    order = until(lambda: shop.order("P1"))
    assert order.order_state is OrderState.released and order.may_go.ok
    assert shop.rows("SELECT * FROM fetch_wanted") == []


def test_a_wrong_signature_is_refused_and_counted_and_never_limits_a_good_one(shop: Shop) -> None:
    shop.platform.put("P1")
    statuses = {shop.push(an_event("e1", "P1"), secret="guess").status_code for _ in range(8)}
    assert statuses == {401, 429}
    assert shop.push(an_event("e1", "P1")).status_code == 200
    figures = shop.hub.client().get("/metrics").text
    assert 'orderdock_pushes_total{connector="rehearsal",outcome="bad_signature"} 8.0' in figures
    assert 'orderdock_pushes_total{connector="rehearsal",outcome="taken"} 1.0' in figures


def test_a_shop_that_is_not_there_is_not_told_of(shop: Shop) -> None:
    raw, headers = shop.platform.push(an_event("e1", "P1"))
    answer = shop.hub.client().post("/v1/webhooks/nobody", content=raw, headers=headers)
    assert answer.status_code == 404


def test_a_cancel_push_stops_at_once_and_its_fetch_cancels(shop: Shop) -> None:
    shop.platform.put("P1")
    shop.push(an_event("e1", "P1"))
    until(lambda: shop.order("P1"))
    shop.platform.trouble = "500"  # first: a fetch of the order may still be on its way
    shop.platform.put("P1", state="cancelled")
    assert shop.push(an_event("e2", "P1", H.cancelled)).status_code == 200
    order = shop.order("P1")
    assert order is not None and order.is_frozen and order.order_state is OrderState.released
    shop.platform.trouble = ""
    until(lambda: (found := shop.order("P1")) and found.order_state is OrderState.cancelled)


def test_a_cancels_fetch_goes_before_all_that_only_changed(shop: Shop) -> None:
    slow = [f"S{n}" for n in range(FETCHES)]
    for no in (*slow, "P1"):
        shop.platform.put(no)
    shop.platform.held_up.update(slow)
    shop.push(*(an_event(f"e-{no}", no) for no in (*slow, "P1")))
    until(lambda: shop.platform.count("/order") == len(slow), "all places are taken")
    shop.platform.put("P1", state="cancelled")
    shop.push(an_event("e2", "P1", H.cancelled))
    until(lambda: (found := shop.order("P1")) and found.order_state is OrderState.cancelled)
    assert shop.orders() == ["P1"], "the others are still being asked for"
    shop.platform.let_go.set()
    until(lambda: shop.orders() == sorted(["P1", *slow]))
    until(lambda: not shop.rows("SELECT * FROM fetch_wanted"))


def test_a_refund_hint_without_a_refund_is_lifted_by_the_detail(shop: Shop) -> None:
    shop.platform.put("P1")
    shop.push(an_event("e1", "P1"))
    until(lambda: shop.order("P1"))
    hinted_at = datetime.now(UTC) - timedelta(seconds=30)
    shop.push(an_event("e2", "P1", H.refund_asked, hinted_at))
    until(lambda: (found := shop.order("P1")) and found.may_go.ok)
    kinds = [row[0] for row in shop.rows("SELECT kind FROM history ORDER BY id")]
    assert kinds[-3:] == ["hinted", "stop_set", "hint_cleared"]


def test_damaged_elements_are_kept_sealed_and_the_rest_is_taken(shop: Shop) -> None:
    shop.platform.put("P1")
    answer = shop.push({"id": "x", "phone": "18300012807"}, an_event("e1", "P1"))
    assert answer.status_code == 200
    until(lambda: shop.order("P1"))
    [thing] = shop.hub.admin().get("/v1/quarantine").json()["things"]
    assert (thing["what"], thing["ref"], thing["can_retry"]) == ("push", "shop-1", True)
    assert b"18300012807" not in b"".join(bytes(r[0]) for r in shop.rows("SELECT blob_pii FROM quarantine"))
    assert ("quarantined", "major") in shop.alarms()


@pytest.mark.parametrize(
    "strange",
    [
        {"no": ["P1"]},
        {"no": {"is": "P1"}},
        {"no": 7},
        {"no": "P\x001"},
        {"no": "P\ud800"},
        {"id": [[]]},
        {"id": None},
        {"at": "2026-11-21T09:00:00"},
        {"seller": {}},
    ],
    ids=ascii,
)
def test_a_hint_that_breaks_its_folders_promise_is_put_aside_alone(
    lasting_shop: Shop, strange: dict[str, Any]
) -> None:
    before = len(things_of(lasting_shop))
    no = f"B{before}"
    lasting_shop.platform.put(no)
    bad = an_event(f"bad {no}", "X1", H.cancelled) | strange
    answer = lasting_shop.push(an_event(f"a {no}", no), bad)
    assert answer.status_code == 200
    until(lambda: lasting_shop.order(no))
    assert len(things_of(lasting_shop)) == before + 1
    alone = lasting_shop.push(bad)
    assert alone.status_code == 200, "and where nothing else came with it"


def things_of(shop: Shop) -> list[dict[str, Any]]:
    things: list[dict[str, Any]] = shop.hub.admin().get("/v1/quarantine").json()["things"]
    return things


def test_push_three_times_and_poll_twice_at_once_is_one_order(shop: Shop) -> None:
    """ING-06."""
    for n in range(10):
        shop.platform.put(f"P{n}")
    events = [an_event(f"e{n}", f"P{n}") for n in range(10)]
    shop.hub.admin()
    with ThreadPoolExecutor(5) as pool:
        done = [pool.submit(shop.push, *events) for _ in range(3)] + [
            pool.submit(shop.poll) for _ in range(2)
        ]
        assert {one.result().status_code for one in done} == {200}
    until(lambda: not shop.rows("SELECT * FROM fetch_wanted"))
    assert shop.orders() == sorted(f"P{n}" for n in range(10))
    assert shop.rows("SELECT count(*) FROM history WHERE kind = 'received'") == [(10,)]


# ----------------------------------------------------------------------------------------------------- polls


def test_changes_are_polled_page_by_page_and_the_cursor_follows(shop: Shop) -> None:
    for n in range(12):
        shop.platform.put(f"P{n:02d}")
    assert shop.poll().json() == {"orders": 12}
    before = shop.platform.count("/order")
    assert shop.poll().json() == {"orders": 0}
    assert shop.platform.count("/order") == before, "what did not change is not fetched again"
    shop.platform.put("P03", refund="asked")
    assert shop.poll().json() == {"orders": 1}
    order = shop.order("P03")
    assert order is not None and [s.command for s in order.stops] == ["refund"]


def test_a_first_poll_begins_three_days_back_in_windows_without_a_gap(tmp_path: Path) -> None:
    platform = Platform()
    platform.put("OLD", datetime.now(UTC) - timedelta(days=2))
    with a_shop(tmp_path, platform) as shop:
        until(lambda: shop.orders() == ["OLD"])
        until(lambda: shop.health()["last_good_at"])
        spans = list(platform.spans)
    assert all(a[1] >= b[0] for a, b in pairwise(spans)), "windows touch or overlap"
    assert spans[0][0] < datetime.now(UTC) - timedelta(days=2, hours=23)
    assert all(b - a <= PACES.window for a, b in spans)


def test_a_poll_that_dies_between_pages_loses_and_skips_nothing(shop: Shop) -> None:
    for n in range(12):
        shop.platform.put(f"P{n:02d}")
    cursor = shop.rows("SELECT cursor FROM shop_line")
    shop.platform.die_after_pages = 1
    assert shop.poll().status_code == 503
    assert len(shop.orders()) == 5 and shop.rows("SELECT cursor FROM shop_line") == cursor
    shop.platform.die_after_pages = -1
    assert shop.poll().json() == {"orders": 7} and len(shop.orders()) == 12


def test_a_hub_that_was_away_takes_up_where_its_cursor_stands(tmp_path: Path) -> None:
    platform = Platform()
    with platform_serving(platform):
        toml = TOML + toml_of(platform)
        with hub_in_thread(tmp_path, toml, folders=folders) as hub:
            until(lambda: Shop(hub, platform).health()["last_good_at"])  # its cursor moves window by window
        platform.put("WHILE-AWAY")
        platform.spans.clear()
        with hub_in_thread(tmp_path, toml.replace("86400", "1"), folders=folders) as hub:
            until(lambda: Shop(hub, platform).order("WHILE-AWAY"))
        # a morning sweep may look a day back; the beginning was three days ago
        assert min(platform.spans)[0] > datetime.now(UTC) - timedelta(hours=25), (
            "not from the beginning again"
        )


def test_a_hint_survives_a_hub_that_dies_before_its_fetch(tmp_path: Path) -> None:
    platform = Platform()
    platform.put("P1")
    platform.hidden.add("P1")
    with platform_serving(platform):
        toml = TOML + toml_of(platform)
        with hub_in_thread(tmp_path, toml, folders=folders) as hub:
            shop = Shop(hub, platform)
            until(lambda: shop.health()["last_good_at"])
            platform.trouble = "500"
            assert shop.push(an_event("e1", "P1", H.refund_asked)).status_code == 200
        platform.trouble = ""
        platform.put("P1", datetime.now(UTC) - timedelta(hours=1), refund="none")
        with hub_in_thread(tmp_path, toml, folders=folders) as hub:
            order = until(lambda: Shop(hub, platform).order("P1"))
            assert [s.command for s in order.stops] == ["refund"], "its detail was older than the hint"


def test_the_pace_is_set_without_a_restart(shop: Shop) -> None:
    assert shop.hub.admin().put("/v1/shops/shop-1", json={"poll_s": 0}).status_code == 422
    assert shop.health()["poll_s"] == 86_400
    assert shop.hub.admin().put("/v1/shops/shop-1", json={"poll_s": 1}).status_code == 200
    shop.platform.put("P1")
    until(lambda: shop.order("P1"))
    assert shop.health()["poll_s"] == 1


def test_while_a_bench_works_and_no_push_comes_it_is_asked_every_minute(shop: Shop) -> None:
    shop.hub.rest()  # it looks itself whether a bench works
    line, now = shop.line, datetime.now(UTC)
    far = line.polls.next_poll_at("shop-1", now)
    line._ground.is_work_open = True
    soon = line.polls.next_poll_at("shop-1", now)
    assert far - soon == timedelta(seconds=86_400 - 60)
    shop.push(an_event("e1", "P1"))
    line._ground.is_work_open = True
    assert line.polls.next_poll_at("shop-1", now) == far, "a push came: there is no need"


def test_an_unreadable_order_is_put_aside_and_tried_again(shop: Shop) -> None:
    shop.platform.put("P1")
    shop.platform.put("P2")
    shop.platform.garbled.add("P1")
    assert shop.poll().json() == {"orders": 1} and shop.orders() == ["P2"]
    [thing] = shop.hub.admin().get("/v1/quarantine").json()["things"]
    assert (thing["ref"], thing["can_retry"]) == ("shop-1 P1", True) and "order.no" in thing["error"]
    assert shop.health()["quarantined"] == 1
    shop.platform.garbled.clear()
    retry = f"/v1/quarantine/{thing['quarantine_id']}/retry"
    assert shop.hub.admin().post(retry).json() == {"done": True}
    assert shop.orders() == ["P1", "P2"] and shop.hub.admin().post(retry).status_code == 404


def test_a_list_that_stays_unreadable_is_put_aside_and_holds_up_nothing_behind_it(shop: Shop) -> None:
    shop.platform.put("P1")
    shop.platform.garbled_lists = True
    assert [shop.poll().status_code for _ in range(3)] == [503, 503, 200]
    [thing] = shop.hub.admin().get("/v1/quarantine").json()["things"]
    assert thing["what"] == "list" and thing["can_retry"]
    shop.platform.garbled_lists = False
    time.sleep(0.01)
    assert shop.hub.admin().post(f"/v1/quarantine/{thing['quarantine_id']}/retry").json() == {"done": True}
    assert shop.orders() == ["P1"] and shop.hub.admin().get("/v1/quarantine").json() == {"things": []}


def test_one_damaged_element_of_a_list_is_put_aside_alone_and_all_others_are_taken(shop: Shop) -> None:
    for n in range(7):
        shop.platform.put(f"P{n}")
    time.sleep(0.01)  # a span ends before the moment it is asked at
    shop.platform.torn = {"P3"}
    assert [shop.poll().status_code for _ in range(2)] == [200, 200], "and no poll failed for it"
    assert shop.orders() == ["P0", "P1", "P2", "P4", "P5", "P6"] and shop.health()["trouble"] == ""
    admin = shop.hub.admin()
    [thing] = admin.get("/v1/quarantine").json()["things"]
    assert thing["what"] == "element" and thing["error"] == "BadPayload rows.no" and thing["can_retry"]
    assert ("quarantined", "major") in shop.alarms()
    sealed = b"".join(bytes(row[0]) for row in shop.rows("SELECT blob_pii FROM quarantine"))
    assert b"modified" not in sealed
    retry = f"/v1/quarantine/{thing['quarantine_id']}/retry"
    assert admin.post(retry).json() == {"done": False}, "it is as it was"
    assert len(admin.get("/v1/quarantine").json()["things"]) == 1
    shop.platform.torn = set()
    assert admin.post(retry).json() == {"done": True}
    assert "P3" in shop.orders() and admin.get("/v1/quarantine").json() == {"things": []}


def test_a_damaged_push_is_tried_again_by_asking_for_what_changed_around_it(shop: Shop) -> None:
    shop.push({"id": "x", "what": "nobody can read this"})
    shop.platform.put("P1")
    admin = shop.hub.admin()
    [thing] = admin.get("/v1/quarantine").json()["things"]
    assert admin.post(f"/v1/quarantine/{thing['quarantine_id']}/retry").json() == {"done": True}
    assert shop.orders() == ["P1"] and admin.get("/v1/quarantine").json() == {"things": []}


def test_what_one_app_hears_of_several_sellers_goes_to_the_shop_of_each(tmp_path: Path) -> None:
    with platform_serving() as platform:
        two = toml_of(platform, app_key="app", seller_id="100") + toml_of(
            platform, "shop-2", app_key="app", seller_id="200"
        )
        with hub_in_thread(tmp_path, TOML + two, folders=folders) as hub:
            shop = Shop(hub, platform)
            for no in ("P1", "P2", "P3"):
                platform.put(no, datetime.now(UTC) - timedelta(days=9))  # no poll looks so far back
            events = [
                an_event(f"e{n}", f"P{n}") | {"seller": seller}
                for n, seller in ((1, "100"), (2, "200"), (3, "300"))
            ]
            assert shop.push(*events).status_code == 200
            until(lambda: shop.orders() == ["P1", "P2"])
            rows = shop.rows("SELECT shop_id, channel_order_no FROM orders ORDER BY channel_order_no")
            assert rows == [("shop-1", "P1"), ("shop-2", "P2")]
            assert shop.rows("SELECT * FROM fetch_wanted") == [], "another seller's order is nobody's here"


def test_a_line_that_breaks_again_and_again_is_called_later_and_later_and_never_at_once() -> None:
    tries, waits = 0, []
    for _ in range(8):  # nothing ever comes
        tries = calmer(tries, got=False, lasted_s=0.1)
        waits.append((listen_wait_s(tries, 0.0), listen_wait_s(tries, 0.999)))
    assert [low for low, _ in waits] == [0.5, 1.0, 2.5, 5.0, 15.0, 30.0, 30.0, 30.0]
    assert all(2.9 < high / low < 3 for low, high in waits), "no two hubs call at the same moment"
    for _ in range(20):  # a platform that hangs up after each message
        tries = calmer(tries, got=True, lasted_s=0.1)
    assert listen_wait_s(tries, 0.0) >= 0.5
    assert calmer(6, got=False, lasted_s=61.0) == 0, "a good connection is forgotten"


def test_messages_over_our_own_connection_are_taken_then_acknowledged(tmp_path: Path) -> None:
    with ExitStack() as stack:
        platform = stack.enter_context(platform_serving())
        toml = TOML + toml_of(platform)
        hub = stack.enter_context(hub_in_thread(tmp_path, toml, folders=listening_folders))
        shop = Shop(hub, platform)
        until(lambda: shop.health()["last_good_at"])
        platform.put("P1")
        platform.messages.append(an_event("m1", "P1"))
        until(lambda: shop.order("P1"))
        until(lambda: platform.acknowledged == ["m1"])
        platform.trouble = "500"
        asked = platform.count("/messages")
        platform.messages.append(an_event("m2", "P1", H.refund_asked))
        until(lambda: platform.count("/messages") > asked, "the line breaks")
        until(lambda: not shop.health()["is_listening"])
        platform.trouble = ""
        until(lambda: platform.acknowledged == ["m1", "m2"])
        order = shop.order("P1")
        assert order is not None and "hinted" in [row[0] for row in shop.rows("SELECT kind FROM history")]


# ------------------------------------------------------------------------------------------------- troubles


class Ear:
    """Somebody who is told: a web hook of apprise's own JSON kind."""

    def __init__(self) -> None:
        self.told: list[str] = []
        told = self.told

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["Content-Length"]))
                told.append(json.loads(raw)["message"])
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *said: Any) -> None:
                """Nobody reads it."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(
            target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )
        self.thread.start()
        url = f"json://127.0.0.1:{self.server.server_address[1]}/?cto=20&rto=20"  # apprise's own are 4 s
        self.toml = f'[[notice]]\nid = "ops"\nurl = "{url}"\n'

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(timeout=10)


@pytest.fixture
def ear() -> Iterator[Ear]:
    one = Ear()
    yield one
    one.close()


def test_the_third_failure_is_said_once_and_so_is_the_recovery(tmp_path: Path, ear: Ear) -> None:
    """ING-07. The hub's clock stands still: what is told was told in the moment of the third failure."""
    with a_shop(tmp_path, toml=ear.toml, clock=FakeClock()) as shop:
        until(lambda: shop.health()["last_good_at"])
        shop.platform.trouble = "500"
        for _ in range(2):
            assert shop.poll().status_code == 503
        assert ear.told == [] and shop.alarms() == []
        for _ in range(3):
            shop.poll()
        until(lambda: ear.told)
        assert shop.alarms() == [("shop_later", "critical")]
        health = shop.health()
        assert health["failures"] == 5 and health["trouble"] == "later" and health["failing_since"]
        assert "try" in health["text"] or "again" in health["text"]
        shop.platform.trouble = ""
        assert shop.poll().status_code == 200
        until(lambda: len(ear.told) == 2)
        shop.poll()
        assert shop.alarms() == [("shop_recovered", "info")]
        assert "连续 3 次" in ear.told[0] and "failed 3 times" in ear.told[0] and "已恢复" in ear.told[1]
        assert shop.health()["trouble"] == ""


@pytest.mark.parametrize(
    ("code", "trouble", "words"),
    [
        ("permission", "no_permission", "lacks a right"),
        ("sign_in", "sign_in_again", "authorise again"),
        ("key", "wrong_settings", "hub.toml"),
        ("busy", "later", "busy"),
    ],
)
def test_troubles_are_told_apart_in_words(shop: Shop, code: str, trouble: str, words: str) -> None:
    shop.platform.trouble = code
    said = shop.hub.admin().post("/v1/shops/shop-1/check")
    assert said.status_code == 200 and said.json()["trouble"] == trouble and words in said.json()["text"]
    no = shop.poll()
    assert no.status_code == 503 and words in no.json()["error"]["text"]
    for _ in range(2):
        shop.poll()
    assert shop.alarms() == [(f"shop_{trouble}", "critical")]


def test_a_good_connection_is_told_so(shop: Shop) -> None:
    assert shop.hub.admin().post("/v1/shops/shop-1/check").json() == {"trouble": "", "word": "", "text": ""}


def test_a_connection_that_never_answers_is_given_up_within_five_seconds() -> None:
    """ING-14, on a loop whose waits cost no time."""

    class Silent:
        async def check(self) -> None:
            await asyncio.Event().wait()

    def opened(shop: Any, http: Any, clock: Any) -> Any:
        return Silent()

    async def checked() -> tuple[Checked, float]:
        folder = Folder(manifest=MANIFEST, open_shop=opened)
        settings: Any = config.Shop(id="shop-1", connector="rehearsal")
        line = ShopLine(
            settings, folder, FakeClock(), Any, Any, lambda timeout_s: httpx.AsyncClient(verify=False)
        )  # type: ignore[arg-type]
        found = await line.check()
        await line.close()
        return found, asyncio.get_running_loop().time()

    with asyncio.Runner(loop_factory=LeapingLoop) as runner:
        found, took_s = runner.run(checked())
    assert (found.trouble, found.word) == ("later", Cause.timeout) and 0 < took_s <= 5


def test_an_expired_token_is_refreshed_kept_sealed_and_wins_after_a_restart(tmp_path: Path) -> None:
    platform = Platform(token="somebody changed it")
    with platform_serving(platform):
        toml = TOML + toml_of(platform)
        with hub_in_thread(tmp_path, toml, folders=folders) as hub:
            until(lambda: Shop(hub, platform).health()["last_good_at"])
            assert platform.count("/refresh") == 1
            kept = b"".join(
                bytes(row[0]) for row in Shop(hub, platform).rows("SELECT blob_pii FROM shop_token")
            )
            assert kept and b"t2" not in kept and b"r2" not in kept
        with hub_in_thread(tmp_path, toml, folders=folders) as hub:
            assert Shop(hub, platform).poll().status_code == 200
            assert platform.count("/refresh") == 1, "the kept token was used"
        platform.token = "t9"
        with hub_in_thread(tmp_path, toml.replace('"t1"', '"t9"'), folders=folders) as hub:
            assert Shop(hub, platform).poll().status_code == 200
            assert platform.count("/refresh") == 1, "a new value in the file wins"


def test_an_authorisation_that_is_over_asks_for_a_person(shop: Shop) -> None:
    shop.platform.token, shop.platform.refresh_tokens = "gone", {}
    assert shop.hub.admin().post("/v1/shops/shop-1/check").json()["trouble"] == "sign_in_again"


def test_no_secret_is_told_by_any_door(shop: Shop) -> None:
    """ING-14."""
    told = shop.hub.admin().get("/v1/shops").text + shop.hub.admin().get("/openapi.json").text
    for secret in ("platform secret", '"t1"', '"r1"'):
        assert secret not in told


def test_only_those_who_look_after_shops_see_how_they_do(shop: Shop) -> None:
    for role, sees in (("cs_rep", False), ("finance", False), ("ops_lead", True), ("supervisor", True)):
        [first, *_] = shop.hub.person(role).get("/v1/shops").json()["shops"]
        assert ("health" in first) == sees, role


# --------------------------------------------------------------------------------------------- morning sweep


def test_what_polls_and_pushes_never_told_is_listed_and_taken_by_one_call(shop: Shop) -> None:
    """ING-09."""
    for n in range(20):
        shop.platform.put(f"P{n:02d}", datetime.now(UTC) - timedelta(minutes=n + 1))
    shop.platform.hidden = {f"P{n:02d}" for n in range(7)}
    admin = shop.hub.admin()
    for n in range(7, 20):
        shop.push(an_event(f"e{n}", f"P{n:02d}"))
    until(lambda: len(shop.orders()) == 13)
    assert shop.poll().status_code == 200
    shop.platform.hidden = set()
    found = admin.post("/v1/shops/shop-1/sweep").json()["channel_order_nos"]
    assert sorted(found) == [f"P{n:02d}" for n in range(7)]
    assert admin.get("/v1/shops/shop-1/missed").json()["channel_order_nos"] == found
    assert shop.health()["missed"] == 7 and ("orders_missed", "major") in shop.alarms()
    assert len(shop.orders()) == 13, "it lists, a person takes"
    assert admin.post("/v1/shops/shop-1/missed").json() == {"taken": 7, "left": 0}
    assert len(shop.orders()) == 20 and shop.alarms() == []
    assert admin.post("/v1/shops/shop-1/sweep").json() == {"channel_order_nos": []}


# -------------------------------------------------------------------------------------------- ship-backs


def shipped(shop: Shop, no: str = "P1", waybill_no: str = "SF100") -> str:
    """An order of the platform, packed and handed over here; its parcel number."""
    shop.push(an_event(f"e-{no}", no))
    order = until(lambda: shop.order(no))
    parcel_no = str(order.parcels[0].parcel_no)
    bench = shop.hub.station("packing")
    for kind, body in (
        ("waybill_bound", {"waybill_no": waybill_no, "carrier": "shunfeng"}),
        ("line_packed", {"line_no": 1, "qty": 1}),
        ("parcel_closed", {}),
        ("handed_over", {}),
    ):
        receipt = bench.act(kind, order.order_no, parcel_no, body=body)
        assert receipt.outcome == "applied", receipt
    return parcel_no


def backs(shop: Shop, state: str = "") -> list[dict[str, Any]]:
    return list(shop.hub.admin().get("/v1/ship_backs", params={"state": state}).json()["ship_backs"])


def test_a_handed_over_parcels_waybill_is_told_to_its_platform(shop: Shop) -> None:
    shop.platform.put("P1")
    parcel_no = shipped(shop)
    until(lambda: shop.platform.shipped == [("P1", "SF100")])
    [back] = until(lambda: backs(shop, "told"))
    assert back["parcel_no"] == parcel_no and back["told_at"] and backs(shop) == []


def test_a_waybill_that_cannot_be_told_waits_visibly_beside_its_deadline(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C45."""
    monkeypatch.setattr(ship_backs, "BACK_OFF_S", (0,))
    ship_by = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
    shop.platform.put("P1", ship_by=ship_by.isoformat())
    shop.platform.refuses_ship = "busy"
    shipped(shop)
    until(lambda: [b for b in backs(shop) if b["tries"] >= 2])
    [back] = backs(shop)
    assert back["state"] == "waiting" and back["word"] == "busy"
    assert datetime.fromisoformat(back["ship_by_at"]) == ship_by
    health = shop.health()
    assert health["ship_backs_waiting"] == 1
    assert datetime.fromisoformat(health["ship_back_due_at"]) == ship_by
    until(lambda: ("ship_back_late", "major") in shop.alarms())
    shop.platform.refuses_ship = ""
    until(lambda: backs(shop, "told"))
    until(lambda: shop.alarms() == [])
    assert shop.platform.shipped == [("P1", "SF100")]


def test_a_waybill_the_platform_refuses_is_kept_and_said(shop: Shop) -> None:
    shop.platform.put("P1")
    shop.platform.refuses_ship = "no"
    shipped(shop)
    until(lambda: [b for b in backs(shop) if b["state"] == "refused"])
    until(lambda: ("ship_back_refused", "major") in shop.alarms())
    assert shop.health()["ship_backs_refused"] == 1


def test_a_refused_waybill_is_told_again_by_a_person_and_then_no_alarm_is_left(shop: Shop) -> None:
    parcel_no = refused_by_platform(shop)
    admin, path = shop.hub.admin(), f"/v1/ship_backs/{parcel_no}/retry"
    again = admin.post(path)
    assert again.status_code == 503 and "no" in again.json()["error"]["text"]
    [back] = backs(shop)
    assert (back["state"], back["word"], back["tries"]) == ("refused", "no", 2), (
        "kept, with the platform's words"
    )
    shop.platform.refuses_ship = ""
    assert admin.post(path).json() == {"done": True}
    assert shop.platform.shipped == [("P1", "SF100")] and backs(shop) == []
    until(lambda: shop.alarms() == [])
    assert admin.post(path).json() == {"done": False}, "it was told"
    assert shop.platform.count("/ship") == 3
    assert admin.post("/v1/ship_backs/OD2026112199901/retry").status_code == 404
    assert shop.hub.person("supervisor").post(path).status_code == 403


def refused_by_platform(shop: Shop) -> str:
    """A parcel that left and whose waybill the platform does not want; its number."""
    shop.platform.put("P1")
    shop.platform.refuses_ship = "no"
    parcel_no = shipped(shop)
    until(lambda: [b for b in backs(shop) if b["state"] == "refused"])
    return parcel_no


def test_a_refused_waybill_that_a_person_tells_again_while_the_platform_is_busy_waits_by_itself(
    shop: Shop,
) -> None:
    parcel_no = refused_by_platform(shop)
    shop.platform.refuses_ship = "busy"
    assert shop.hub.admin().post(f"/v1/ship_backs/{parcel_no}/retry").status_code == 503
    assert [b["state"] for b in backs(shop)] == ["waiting"]


def test_another_waybill_of_a_refused_parcel_is_told_instead_and_the_first_again_when_it_returns(
    shop: Shop,
) -> None:
    parcel_no = refused_by_platform(shop)
    shop.platform.refuses_ship = ""
    for n, (old, new) in enumerate((("SF100", "SF200"), ("SF200", "SF100"))):
        _renumbered(shop, parcel_no, old, new)
        shop.push(
            an_event(f"e-more-{n}", f"P{n + 2}", "cancelled")
        )  # something happens: the line looks again
        until(lambda no=new: [b["waybill_no"] for b in backs(shop, "told")] == [no])
    assert shop.platform.shipped == [("P1", "SF200"), ("P1", "SF100")]
    until(lambda: not [kind for kind, _ in shop.alarms() if kind.startswith("ship_back")])


def _renumbered(shop: Shop, parcel_no: str, old: str, new: str) -> None:
    """A parcel that left carries another number, and its file is read again."""
    engine = shop.hub.app.doors.orders.engine
    with engine.connect().execution_options(**WRITE) as conn, conn.begin():  # the hub writes meanwhile
        body = conn.exec_driver_sql(
            f"SELECT body FROM orders WHERE order_no = '{parcel_no[:-2]}'"
        ).scalar_one()
        changed = bytes(body).replace(old.encode(), new.encode())
        assert changed != bytes(body)
        o, s = t.orders.c, t.setting.c
        conn.execute(update(t.orders).where(o.order_no == parcel_no[:-2]).values(body=changed))
        conn.execute(update(t.setting).where(s.key == "line.ship_back").values(value=b"0"))
