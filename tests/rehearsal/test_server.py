"""Stand-in platforms answer on this machine only, and behave badly exactly when they are told to."""

from __future__ import annotations

import asyncio
import gc
import socket
from collections import Counter
from collections.abc import Iterator

import httpx
import pytest
import uvicorn
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from rehearsal.courier import NotHere
from rehearsal.server import Attentive, Call, Line, Manner, Manners, Reply, Server, app_of, serving
from tests.helpers.ports import held_port


class Echo:
    """Says what it was asked, and counts how often it did."""

    def __init__(self) -> None:
        self.manners = Manners(slow_s=0.01)
        self.done: Counter[str] = Counter()

    async def answer(self, call: Call) -> Reply:
        self.done[call.path] += 1
        return Reply.told({"path": call.path, "form": call.form(), "body": call.body.decode("utf-8")})

    async def listen(self, path: str, line: Line) -> None:
        if path.startswith("/no"):
            return
        await line.send(path)
        while (said := await line.receive()) != "stop":
            await line.send(said * 2)


@pytest.fixture
def echo() -> Echo:
    return Echo()


@pytest.fixture
def server(echo: Echo) -> Iterator[Server]:
    with serving(app_of(echo.answer, echo.manners, listen=echo.listen)) as running:
        yield running


@pytest.fixture
def http(server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, trust_env=False, verify=False, timeout=20) as client:
        yield client


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.com", ""])
def test_it_never_listens_to_another_machine(host: str) -> None:
    with pytest.raises(NotHere):
        Server(app_of(Echo().answer, Manners()), host)


def test_it_answers_with_what_it_was_asked(http: httpx.Client) -> None:
    answer = http.post("/api/router?a=1&b=", data={"c": "拼多多 + 1", "a": "2"})
    assert answer.json()["form"] == {"a": "2", "b": "", "c": "拼多多 + 1"}
    assert answer.headers["content-type"] == "application/json;charset=UTF-8"


def test_a_planned_manner_meets_the_next_call_it_fits_and_no_other(http: httpx.Client, echo: Echo) -> None:
    echo.manners.next(Manner.broken, Manner.slow, on="/orders")
    assert [http.get("/ping").status_code, http.get("/orders").status_code] == [200, 500]
    assert echo.done == {"/ping": 1}  # what broke did nothing
    assert [http.get("/orders").status_code for _ in range(2)] == [200, 200]
    assert (echo.manners.met, echo.manners.waiting) == ({Manner.broken: 1, Manner.slow: 1}, 0)


def test_a_lost_answer_has_done_what_was_asked(http: httpx.Client, echo: Echo) -> None:
    echo.manners.next(Manner.lost)
    with pytest.raises(httpx.TransportError):
        http.post("/ship")
    assert echo.done == {"/ship": 1}
    assert http.post("/ship").status_code == 200


def test_thrown_manners_follow_from_the_seed_and_end_with_good(http: httpx.Client, echo: Echo) -> None:
    def statuses() -> list[int]:
        echo.manners = Manners(seed=7)
        echo.manners.often(Manner.broken, one_in=3)
        return [200 if echo.manners.meet("x", {Manner.broken}) is None else 500 for _ in range(60)]

    first = statuses()
    assert first == statuses() and set(first) == {200, 500}
    echo.manners.good()
    assert echo.manners.meet("x", set(Manner)) is None


def test_what_goes_out_doubled_and_reordered_is_never_less() -> None:
    manners = Manners(seed=3)
    assert manners.outgoing("messages", [1, 2, 3]) == [1, 2, 3]
    manners.next(Manner.doubled, Manner.reordered)
    out = manners.outgoing("messages", range(20))
    assert (set(out), len(out)) == (set(range(20)), 21) and out != sorted(out)
    assert manners.outgoing("messages", []) == []


def test_a_websocket_is_spoken_to_and_refused(server: Server) -> None:
    with connect(f"{server.ws_url}/message/app/1%2F2?x=1", proxy=None) as line:
        assert line.recv(timeout=15) == "/message/app/1%2F2?x=1"
        line.send("ab")
        assert line.recv(timeout=15) == "abab"
        line.send("stop")
        with pytest.raises(ConnectionClosed):
            line.recv(timeout=15)
    with pytest.raises(InvalidStatus), connect(f"{server.ws_url}/no", proxy=None):
        pass


def test_stopping_ends_open_lines_and_frees_the_port(echo: Echo) -> None:
    with held_port() as port:
        server = Server(app_of(echo.answer, echo.manners, listen=echo.listen), port=port).start()
        with connect(f"{server.ws_url}/m", proxy=None) as line:
            assert line.recv(timeout=15) == "/m"
            server.stop()
            with pytest.raises(ConnectionClosed):
                line.recv(timeout=15)
        server.stop()
        with serving(app_of(echo.answer, echo.manners), port=port) as again:
            assert httpx.get(again.url, trust_env=False, timeout=20).status_code == 200


@pytest.mark.parametrize("turns", range(6))
def test_regression_a_caller_who_came_in_at_the_last_moment_is_let_go(turns: int) -> None:
    """One in the turn of the loop in which the door was closed was waited for, and forgotten with an open socket."""

    async def stop_at_once() -> bytes:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            app = app_of(Echo().answer, Manners())
            server = Attentive(uvicorn.Config(app, log_config=None, ws="none", timeout_graceful_shutdown=2))
            server.config.load()
            server.lifespan = server.config.lifespan_class(server.config)
            await server.startup(sockets=[listening])
            with socket.create_connection(listening.getsockname()) as caller:
                for _ in range(turns):
                    await asyncio.sleep(0)
                await server.shutdown()
                caller.settimeout(20)
                try:
                    return caller.recv(1)
                except ConnectionResetError:
                    return b""

    assert asyncio.run(stop_at_once()) == b""
    gc.collect()
