"""The stand-in for kuaidi100 keeps its protocol: signs, refusals, the lock, journeys told well and badly."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest

from rehearsal import courier
from rehearsal.courier import NotHere, Waybill
from rehearsal.kuaidi100 import TAKEN, Kuaidi100, Telling, push
from rehearsal.server import Call, Manners, Reply, Server, app_of, serving
from tests.helpers.clock import FakeClock

HOUR = timedelta(hours=1)


class Hub:
    """Takes every push whose sign fits its salt."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []

    async def answer(self, call: Call) -> Reply:
        form = dict(parse_qsl(call.body.decode("ascii")))
        expected = hashlib.md5((form["param"] + "salt").encode()).hexdigest()
        if form.get("sign", "").lower() != expected:
            return Reply.told({"error": "sign"}, 401)
        self.told.append(json.loads(form["param"]))
        return Reply.told(TAKEN)


@pytest.fixture
def platform() -> Kuaidi100:
    return Kuaidi100("customer", "key", FakeClock())


@pytest.fixture
def server(platform: Kuaidi100) -> Iterator[Server]:
    with serving(platform.app) as running:
        yield running


@pytest.fixture
def http(server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, trust_env=False, verify=False, timeout=20) as client:
        yield client


@pytest.fixture
def hub() -> Iterator[tuple[Hub, str]]:
    taking = Hub()
    with serving(app_of(taking.answer, Manners())) as running:
        yield taking, f"{running.url}/callback?nu=1"


def _subscribe(http: httpx.Client, number: str, callback: str, **more: Any) -> dict[str, Any]:
    given = {"callbackurl": callback, "salt": "salt", "resultv2": "4"}
    asked = {"company": "yuantong", "number": number, "key": "key", "parameters": given} | more
    answer: dict[str, Any] = http.post("/poll", data={"schema": "json", "param": json.dumps(asked)}).json()
    return answer


def _query(
    http: httpx.Client, number: str, *, sign: str = "", com: str = "yuantong", **more: str
) -> dict[str, Any]:
    text = json.dumps({"com": com, "num": number, "resultv2": "4"} | more)
    made = hashlib.md5((text + "key" + "customer").encode()).hexdigest().upper()
    form = {"customer": "customer", "sign": sign or made, "param": text}
    answer: dict[str, Any] = http.post("/poll/query.do", data=form).json()
    return answer


def test_subscriptions_are_taken_once_and_refused_as_they_should(
    http: httpx.Client, platform: Kuaidi100
) -> None:
    assert _subscribe(http, "YT1", "http://127.0.0.1:1/")["returnCode"] == "200"
    assert _subscribe(http, "YT1", "http://127.0.0.1:1/")["returnCode"] == "501"
    assert _subscribe(http, "YT2", "nowhere")["returnCode"] == "700"
    assert _subscribe(http, "YT2", "http://127.0.0.1:1/", key="wrong")["returnCode"] == "601"
    platform.refused_companies.add("yuantong")
    assert _subscribe(http, "YT2", "http://127.0.0.1:1/")["returnCode"] == "701"
    assert list(platform.subscriptions) == ["YT1"]


def test_a_question_needs_its_sign_and_tells_what_lies_before_now(
    http: httpx.Client, platform: Kuaidi100
) -> None:
    clock = platform._clock
    assert isinstance(clock, FakeClock)
    nodes = platform.carry(
        Waybill("YT1", "yuantong"), 1, courier.Manners(pace_s=3600), clock.now() - 2.5 * HOUR
    )
    assert _query(http, "YT1", sign="0" * 32)["returnCode"] == "503"
    told = _query(http, "YT1")
    assert [one["context"] for one in told["data"]] == [node.text for node in reversed(nodes[:3])]
    assert told["status"] == "200" and told["data"][0]["statusCode"] == "103"
    assert _query(http, "YT9")["returnCode"] == "500"
    assert _query(http, "SF1", com="shunfeng")["returnCode"] == "408"
    clock.go(hours=8)
    assert _query(http, "YT1")["state"] == "3"


def test_a_number_asked_twice_in_thirty_minutes_locks_the_account(
    http: httpx.Client, platform: Kuaidi100
) -> None:
    clock = platform._clock
    assert isinstance(clock, FakeClock)
    for number in ("YT1", "YT2"):
        platform.carry(Waybill(number, "yuantong"), start=clock.now() - 3 * HOUR)
    assert _query(http, "YT1")["status"] == "200" and platform.locked == []
    clock.go(minutes=30)
    assert _query(http, "YT1")["status"] == "200" and platform.locked == []
    clock.go(minutes=29)
    assert _query(http, "YT1")["returnCode"] == "601" and platform.locked == ["YT1"]
    assert _query(http, "YT2")["returnCode"] == "601", "the key is locked, not only the number"


def test_a_journey_is_pushed_signed_node_by_node(
    http: httpx.Client, platform: Kuaidi100, hub: tuple[Hub, str]
) -> None:
    taking, callback = hub
    nodes = platform.carry(Waybill("YT1", "yuantong"))
    _subscribe(http, "YT1", callback)
    told = platform.tell("YT1")
    assert len(told) == len(nodes) and all(one.is_taken for one in told)
    assert [len(one["lastResult"]["data"]) for one in taking.told] == list(range(1, len(nodes) + 1))
    assert taking.told[-1]["status"] == "shutdown" and taking.told[0]["status"] == "polling"
    assert "YT1" not in platform.subscriptions, "what is over is watched no more"


def test_as_time_goes_by_only_news_are_pushed(
    http: httpx.Client, platform: Kuaidi100, hub: tuple[Hub, str]
) -> None:
    taking, callback = hub
    clock = platform._clock
    assert isinstance(clock, FakeClock)
    _subscribe(http, "YT1", callback)
    assert platform.tell_news() == [] and not platform.is_carried("YT1")
    nodes = platform.carry(Waybill("YT1", "yuantong"), 1, courier.Manners(pace_s=60), clock.now())
    told = []
    for _ in range(3 * len(nodes)):
        clock.go(seconds=30)
        told += platform.tell_news()
    assert all(one.is_taken for one in told) and 1 < len(told) <= len(nodes)
    assert len(taking.told[-1]["lastResult"]["data"]) == len(nodes) and platform.subscriptions == {}


def test_bad_days(http: httpx.Client, platform: Kuaidi100, hub: tuple[Hub, str]) -> None:
    taking, callback = hub
    nodes = platform.carry(Waybill("YT1", "yuantong"))
    _subscribe(http, "YT1", callback)
    assert not platform.tell("YT1", salt="another")[0].is_taken and not taking.told
    _subscribe(http, "YT1", callback)
    platform.tell("YT1", Telling(doubled=True, delivered_first=True, partial=True))
    assert len(taking.told) == 3 * len(nodes)
    assert [one["status"] for one in taking.told[:4]] == ["shutdown"] * 3 + ["polling"]
    _subscribe(http, "YT2", callback)
    gone = platform.abort("YT2", right_company="ems")
    assert gone.is_taken and gone.param["comNew"] == "ems" and gone.param["lastResult"] == {}


def test_it_speaks_to_this_machine_only() -> None:
    with pytest.raises(NotHere):
        push("http://hub.example/callback", {}, "salt")
