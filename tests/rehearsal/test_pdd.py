"""The stand-in for Pinduoduo refuses what the platform refuses, with the platform's numbers, inside status 200."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from hub.connectors.channels.pdd.mapping import message_path
from rehearsal.book import Book
from rehearsal.pdd import PATH, Account, Pdd, numbering, sign
from rehearsal.server import serving
from tests.helpers.clock import FakeClock

INCREMENT = "pdd.order.number.list.increment.get"


class Asker:
    """Asks as a program of somebody else would."""

    def __init__(self, url: str, clock: FakeClock, book: Book, pdd: Pdd) -> None:
        self.url, self.clock, self.book, self.pdd = url, clock, book, pdd
        self.http = httpx.Client(trust_env=False, verify=False, timeout=20)

    def params(self, method: str, **more: Any) -> dict[str, str]:
        account = self.pdd.account
        params = {
            "type": method,
            "client_id": account.client_id,
            "timestamp": str(int(self.clock.now().timestamp())),
            "data_type": "JSON",
            "access_token": account.access_token,
            **{name: str(value) for name, value in more.items()},
        }
        return params | {"sign": sign(params, account.secret)}

    def span(self, minutes: float, **more: Any) -> dict[str, Any]:
        until = self.clock.now()
        since = until - timedelta(minutes=minutes)
        told = {"start_updated_at": int(since.timestamp()), "end_updated_at": int(until.timestamp())}
        return {**told, "order_status": 5, "refund_status": 5, "is_lucky_flag": 0, **more}

    def ask(self, params: dict[str, str]) -> dict[str, Any]:
        answer = self.http.post(self.url + PATH, data=params)
        assert answer.status_code == 200
        told: dict[str, Any] = answer.json()
        return told

    def error(self, params: dict[str, str]) -> int:
        return int(self.ask(params)["error_response"]["error_code"])


@pytest.fixture
def asker() -> Iterator[Asker]:
    clock = FakeClock()
    book = Book(clock, numbering)
    pdd = Pdd(book, clock)
    with serving(pdd.app()) as server:
        one = Asker(server.url, clock, book, pdd)
        yield one
        one.http.close()


def test_the_official_example_is_signed_as_published() -> None:
    params = {
        "access_token": "asd78172s8ds9a921j9qqwda12312w1w21211",
        "client_id": "1",
        "data_type": "XML",
        "order_status": "1",
        "page": "1",
        "page_size": "10",
        "timestamp": "1480411125",
        "type": "pdd.order.number.list.get",
    }
    assert sign(params, "testSecret") == "E4DE3ED21002510DED352819E7AE6775"


def test_form_and_json_are_both_understood(asker: Asker) -> None:
    [order] = asker.book.buy()
    params = asker.params("pdd.order.information.get", order_sn=order.order_no)
    by_form = asker.ask(params)
    by_json = asker.http.post(asker.url + PATH, json=params).json()
    assert (
        by_form == by_json and by_form["order_info_get_response"]["order_info"]["order_sn"] == order.order_no
    )
    assert asker.http.get(asker.url + PATH).status_code == 404


def test_callers_are_refused_by_number(asker: Asker) -> None:
    good = asker.params(INCREMENT, **asker.span(30))
    assert "error_response" not in asker.ask(good)
    assert asker.error(good | {"sign": "0" * 32}) == 20004
    assert asker.error(good | {"page": "2"}) == 20004  # not signed
    assert asker.error({name: value for name, value in good.items() if name != "timestamp"}) == 10001
    assert asker.error(asker.params(INCREMENT) | {"client_id": "x"}) == 10016
    assert asker.error(asker.params("pdd.nothing.get")) == 10017
    asker.clock.go(minutes=11)
    assert asker.error(good) == 10001  # too old
    asker.pdd.account.lacking.add(INCREMENT)
    assert asker.error(asker.params(INCREMENT)) == 20031
    asker.pdd.account.expires_at = asker.clock.now()
    assert asker.error(asker.params(INCREMENT)) == 10019
    asker.pdd.account.access_token = "another"
    asker.pdd.account.is_withdrawn = True
    assert asker.error(asker.params(INCREMENT)) == 20032


@pytest.mark.parametrize(
    "more", [{"page_size": 101}, {"page": 0}, {"page": "x"}, {"start_updated_at": 1}, {"end_updated_at": ""}]
)
def test_questions_beyond_the_rules_are_refused(asker: Asker, more: dict[str, Any]) -> None:
    assert asker.error(asker.params(INCREMENT, **asker.span(30, **more))) == 10002


def test_whoever_asks_close_to_the_clock_misses_orders_that_are_there_three_minutes_later(
    asker: Asker,
) -> None:
    asker.book.buy(50)
    asker.clock.go(seconds=1)
    span = asker.span(10)
    now = asker.ask(asker.params(INCREMENT, **span))["order_sn_increment_get_response"]["total_count"]
    asker.clock.go(minutes=3)
    later = asker.ask(asker.params(INCREMENT, **span))["order_sn_increment_get_response"]["total_count"]
    assert now < later == 50


def test_unpaid_orders_are_in_no_list(asker: Asker) -> None:
    order = asker.book.place()
    asker.clock.go(minutes=4)
    page = asker.ask(asker.params(INCREMENT, **asker.span(10)))["order_sn_increment_get_response"]
    assert page["total_count"] == 0
    info = asker.ask(asker.params("pdd.order.information.get", order_sn=order.order_no))
    assert info["order_info_get_response"]["order_info"]["confirm_status"] == 0


def test_a_wrong_ack_is_counted_and_the_message_stays(asker: Asker) -> None:
    asker.book.buy()
    address = asker.url.replace("http", "ws")
    with pytest.raises(InvalidStatus), connect(f"{address}/message/x/1/abc", proxy=None):
        pass
    account = Account()
    path = message_path(account.client_id, account.secret, asker.clock.now())
    with connect(address + path, proxy=None) as line:
        frame = json.loads(line.recv(timeout=15))
        line.send(
            json.dumps({"id": frame["id"], "commandType": "Ack", "sendTime": 1, "type": "", "mallID": 1})
        )
        asker.book.buy()
        line.recv(timeout=15)
        told = {"type": frame["message"]["type"], "mallID": frame["message"]["mallID"]}
        line.send(
            json.dumps({"id": frame["id"], "commandType": "Ack", "sendTime": frame["sendTime"], **told})
        )
        line.send("[]")  # no word of the protocol: the line is cut, all before it was heard
        with pytest.raises(ConnectionClosed):
            line.recv(timeout=15)
    assert (asker.pdd.wrong_acks, asker.pdd.unanswered) == (1, 1)
