"""The rehearsal courier says true things in a true form, misbehaves when asked, and stays on this machine."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.tracking import NodeKind
from rehearsal.courier import (
    PATH,
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    Manners,
    NotHere,
    Waybill,
    badly,
    play,
    script,
    send,
)

START = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
WAYBILLS = [Waybill("78412600913355"), Waybill("YT8800010000146", "yuantong", to_city="厦门市")]
GOOD = Manners()


class FixedClock:
    def now(self) -> datetime:
        return START

    def monotonic(self) -> float:
        return 0.0


class Listener(ThreadingHTTPServer):
    """Keeps what was posted; answers with ``status``."""

    status = 200

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.heard: list[tuple[str, str, str, bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Listener

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        stamp, signature = self.headers[TIMESTAMP_HEADER], self.headers[SIGNATURE_HEADER]
        self.server.heard.append((self.path, stamp, signature, body))
        answer = b'{"ok":true}'
        self.send_response(self.server.status)
        if self.server.status == 302:
            self.send_header("Location", "http://192.0.2.1/")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def listener() -> Iterator[Listener]:
    server = Listener()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def kinds(manners: Manners, seed: int = 1) -> list[str]:
    return [push.nodes[-1].kind for push in script(WAYBILLS[:1], seed, manners, START)]


def test_a_push_is_signed_over_its_moment_and_raw_body_and_in_the_agreed_form(listener: Listener) -> None:
    sent = play(listener.url, "geheim", WAYBILLS, 1, GOOD, FixedClock())
    assert [one.status for one in sent] == [200] * len(sent) and len(listener.heard) == len(sent)
    path, stamp, signature, body = listener.heard[0]
    assert path == PATH == "/v1/webhooks/carrier/rehearsal"
    assert stamp == str(int(START.timestamp()))
    assert signature == hmac.new(b"geheim", stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    told = json.loads(body)
    assert set(told) == {"waybill_no", "carrier", "nodes"}
    assert set(told["nodes"][0]) == {"at", "kind", "text", "place"}
    assert told["nodes"][0]["at"] == "2026-11-20T08:00:00.000Z"


def test_a_refusal_is_an_answer_and_a_redirect_is_not_followed(listener: Listener) -> None:
    for status in (401, 302, 503):
        listener.status = status
        push = script(WAYBILLS, 1, GOOD, START)[0]
        assert send(listener.url, "x", push, FixedClock()).status == status


@pytest.mark.parametrize(
    "address",
    [
        "http://192.0.2.1:8620",
        "https://127.0.0.1",
        "http://example.com",
        "http://127.0.0.1@example.com",
        "http://127.0.0.1.example.com",
        "http://user@127.0.0.1",
        "ftp://127.0.0.1",
        "http://10.0.0.5",
        "",
    ],
)
def test_any_other_machine_is_refused_before_a_byte_is_sent(address: str) -> None:
    with pytest.raises(NotHere):
        play(address, "x", WAYBILLS, 1, GOOD, FixedClock())


def test_a_good_courier_goes_from_label_to_door_in_order() -> None:
    told = kinds(GOOD)
    assert told[0] == "label_created" and told[-1] == "delivered" and len(told) == 9
    times = [push.nodes[-1].at for push in script(WAYBILLS[:1], 1, GOOD, START)]
    assert times == sorted(times)


def test_the_three_endings_together_play_the_twelve_kinds_in_chinese() -> None:
    pushes = [
        push
        for ending in ("delivered", "pickup_point", "returned")
        for push in script(WAYBILLS, 3, Manners(ending=ending), START)  # type: ignore[arg-type]
    ]
    customs_and_other = {k for k in NodeKind if k.startswith("customs")} | {NodeKind.other}
    assert {push.nodes[-1].kind for push in pushes} == set(NodeKind) - customs_and_other
    assert all(any("\u4e00" <= char <= "\u9fff" for char in push.nodes[-1].text) for push in pushes)


def test_manners_can_be_bad() -> None:
    order = kinds(GOOD)
    assert kinds(Manners(doubled=True)) == [kind for kind in order for _ in range(2)]
    assert kinds(Manners(shuffled=True)) != order and sorted(kinds(Manners(shuffled=True))) == sorted(order)
    assert kinds(Manners(delivered_first=True)) == ["delivered", *order[:-1]]
    assert kinds(Manners(until=NodeKind.picked_up)) == order[:3]
    assert "other" in kinds(Manners(odd_words=True))
    whole = script(WAYBILLS[:1], 1, Manners(cumulative=True), START)
    assert [len(push.nodes) for push in whole] == list(range(1, 10))


@given(st.integers(0, 10_000), st.booleans())
def test_the_same_seed_plays_the_same_script_and_no_parcel_loses_a_node(seed: int, bad: bool) -> None:
    manners = badly(GOOD) if bad else GOOD
    pushes = script(WAYBILLS, seed, manners, START)
    assert pushes == script(WAYBILLS, seed, manners, START)
    told = {(push.waybill.waybill_no, push.nodes[-1].kind) for push in pushes}
    assert len(told) == 9 * len(WAYBILLS)
    assert len(pushes) == 9 * len(WAYBILLS) * (2 if bad else 1)
