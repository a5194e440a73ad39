"""Signed Douyin pushes into a real hub process on SQLite (WAL, synchronous FULL) over HTTP, 64 clients with a kept
connection each: the signature over the raw bytes, the list read, each event mapped, checked against the ids
of 30 days, decided, committed, and only then answered. Every push tells of one order that was paid; nothing comes
twice. The first reference is the same server software (uvicorn, uvloop, httptools) with an app that reads the
same bodies and answers the same bytes, the second our own hub with one commit per request. All clients
are one process of bare sockets, started anew for each; the three take turns, round by round.
"""

from __future__ import annotations

import hashlib
import json
import selectors
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.report import Figure, milliseconds, percentile
from rehearsal.processes import HubProcess, Running, environment, free_port

TITLE = "Push ingest"
CLIENTS = 64
ROUNDS = 3
SHOP, KEY, SECRET = "douyin-bench", "7000000000000000001", "00000000-aaaa-bbbb-cccc-000000000001"
PATH = f"/v1/webhooks/{SHOP}"
ANSWER = b'{"code":0,"msg":"success"}'
_HERE = "benchmarks.push_ingest"
_START_S = 60.0


def run(quick: bool = False) -> list[Figure]:
    count = 1_500 if quick else 20_000
    ours: list[Driven] = []
    bare: list[Driven] = []
    single: list[Driven] = []
    for n in range(1 if quick else ROUNDS):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            with Bare(folder) as port:
                bare.append(drive(port, n, count))
            with Hub(folder / "ours", "hub") as port:
                ours.append(drive(port, n, count))
            with Hub(folder / "single", "single") as port:
                single.append(drive(port, n, count // 4))
    slow = percentile([one.p99 for one in ours], 0.5)
    said = f"{statistics.median(one.rate for one in ours):,.0f} pushes/s, p99 {milliseconds(slow)}"
    of_bare, of_single = middle_ratio(ours, bare), middle_ratio(ours, single)
    what = f"{count:,} signed pushes, {CLIENTS} clients, SQLite FULL"
    return [
        Figure(
            what=what,
            ours=said,
            reference=f"{statistics.median(one.rate for one in bare):,.0f}/s bare ASGI",
            ratio=f"{of_bare:.2f}",
            aim=">= 0.20, p99 <= 30 ms",
            passed=of_bare >= 0.20 and slow <= 0.030,
        ),
        Figure(
            what=what,
            ours=said,
            reference=f"{statistics.median(one.rate for one in single):,.0f}/s one commit per request",
            ratio=f"{of_single:.1f}x",
            aim=">= 3x",
            passed=of_single >= 3,
        ),
    ]


def middle_ratio(ours: list[Driven], reference: list[Driven]) -> float:
    return statistics.median(a.rate / b.rate for a, b in zip(ours, reference, strict=True))


# -------------------------------------------------------------------------------------------------- servers


class Bare:
    """The hub's server software without a hub, as a process."""

    def __init__(self, folder: Path) -> None:
        self._port = free_port()
        args = [sys.executable, "-m", _HERE, "bare", str(self._port)]
        self._process = Running("bare", args, environment(offscreen=True), folder / "bare.log")

    def __enter__(self) -> int:
        end = time.monotonic() + _START_S
        while time.monotonic() < end:
            try:
                socket.create_connection(("127.0.0.1", self._port), timeout=1).close()
            except OSError:
                time.sleep(0.05)
                continue
            return self._port
        raise RuntimeError(self._process.last_words())

    def __exit__(self, *_: object) -> None:
        self._process.stop()


class Hub:
    """A hub with one Douyin shop. ``how`` "single" commits each request by itself; ``database`` "" is SQLite."""

    def __init__(self, folder: Path, how: str, database: str = "") -> None:
        folder.mkdir(parents=True)
        self._silent = socket.create_server(("127.0.0.1", 0), backlog=64)
        platform = f"http://127.0.0.1:{self._silent.getsockname()[1]}"
        config = folder / "hub.toml"
        config.write_text(
            (f'[hub]\ndb = "{database}"\n' if database else "")
            + f'[[shop]]\nid = "{SHOP}"\nconnector = "douyin"\nbase_url = "{platform}"\n'
            f'app_key = "{KEY}"\napp_secret = "{SECRET}"\naccess_token = "t"\npoll_s = 86400\n',
            encoding="utf-8",
        )
        config.chmod(0o600)
        self._port = free_port()
        self._process = _OwnHub(folder / "data", config, self._port, folder / "hub.log", how)

    def __enter__(self) -> int:
        self._process.wait_ready(_START_S)
        return self._port

    def __exit__(self, *_: object) -> None:
        self._process.stop()
        self._silent.close()


class _OwnHub(HubProcess):
    """`main.py hub`, started through this file where its groups are to be of one."""

    def __init__(self, folder: Path, config: Path, port: int, log: Path, how: str) -> None:
        if how == "hub":
            super().__init__(folder, config, port, log)
            return
        words = ["hub", "--config", str(config), "--data-dir", str(folder), "--port", str(port)]
        args = [sys.executable, "-m", _HERE, "single", *words]
        Running.__init__(self, "hub", args, environment(offscreen=True), log)
        self.url = f"http://127.0.0.1:{port}"


def _serve_bare(port: int) -> None:
    import uvicorn

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        while (await receive()).get("more_body"):
            pass
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(ANSWER))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": ANSWER})

    uvicorn.run(app, host="127.0.0.1", port=port, log_config=None, access_log=False, lifespan="off")


def _serve_single(words: list[str]) -> None:
    import main
    from hub.orders import lanes

    lanes.LIVE_GROUP = 1
    sys.argv = ["main.py", *words]
    main.main()


# --------------------------------------------------------------------------------------------------- driver


class Driven:
    """What the driving process measured: pushes a second, and p50 and p99 of one, in seconds."""

    def __init__(self, rate: float, p50: float, p99: float) -> None:
        self.rate, self.p50, self.p99 = rate, p50, p99


def drive(port: int, seed: int, count: int) -> Driven:
    args = [sys.executable, "-m", _HERE, "drive", str(port), str(seed), str(count)]
    done = subprocess.run(
        args, capture_output=True, check=False, timeout=600, env=environment(offscreen=True)
    )
    if done.returncode:
        raise RuntimeError(done.stderr.decode("utf-8", "replace"))
    return Driven(**json.loads(done.stdout))


def _push(port: int, seed: int, n: int) -> bytes:
    """The bytes of one POST: an order of its own was paid."""
    number = 6_900_000_000_000_000_000 + seed * 10**12 + n
    data = {
        "p_id": number,
        "s_ids": [number],
        "shop_id": 10437917,
        "order_status": 2,
        "order_type": 0,
        "biz": 2,
    }
    data |= {"pay_type": 2, "pay_time": 1_793_203_100 + n, "pay_amount": 7260}
    event = {"tag": "101", "msg_id": f"{number}:0:101:{n}", "data": json.dumps(data, separators=(",", ":"))}
    body = json.dumps([event], separators=(",", ":")).encode()
    sign = hashlib.md5(KEY.encode() + body + SECRET.encode(), usedforsecurity=False).hexdigest()
    return (
        f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json;charset=UTF-8\r\n"
        f"app-id: {KEY}\r\nevent-sign: {sign}\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body


def _drive_here(port: int, seed: int, count: int) -> dict[str, float]:
    """All clients in one loop over bare sockets: each sends its next push when its last was answered."""
    warm = [_push(port, seed + 500, n) for n in range(CLIENTS * 4)]
    pushes = [_push(port, seed, n) for n in range(count)]
    lines = [socket.create_connection(("127.0.0.1", port), timeout=30) for _ in range(CLIENTS)]
    for line in lines:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    _turns(lines, warm)
    seconds, taken = _turns(lines, pushes)
    for line in lines:
        line.close()
    return {"rate": count / seconds, "p50": percentile(taken, 0.5), "p99": percentile(taken, 0.99)}


def _turns(lines: list[socket.socket], pushes: list[bytes]) -> tuple[float, list[float]]:
    """Seconds for all, and for each."""
    now, waits = time.perf_counter, selectors.DefaultSelector()
    by_fd = {line.fileno(): line for line in lines}
    left, taken = iter(pushes), []
    since: dict[int, float] = {}
    heard: dict[int, bytes] = {}

    def send(fd: int) -> bool:
        push = next(left, None)
        if push is None:
            return False
        heard[fd], since[fd] = b"", now()
        by_fd[fd].sendall(push)
        return True

    began = now()
    for fd, line in by_fd.items():
        if send(fd):
            waits.register(line, selectors.EVENT_READ)
    while since:
        for key, _ in waits.select(30):
            part = by_fd[key.fd].recv(4096)
            heard[key.fd] += part
            if not part or not heard[key.fd].startswith(b"HTTP/1.1 200"):
                raise RuntimeError(heard[key.fd].decode("utf-8", "replace"))
            if not heard[key.fd].endswith(ANSWER):
                continue
            taken.append(now() - since.pop(key.fd))
            if not send(key.fd):
                waits.unregister(by_fd[key.fd])
    return now() - began, taken


if __name__ == "__main__":
    what, *words = sys.argv[1:]
    if what == "bare":
        _serve_bare(int(words[0]))
    elif what == "single":
        _serve_single(words)
    else:
        print(json.dumps(_drive_here(*map(int, words))))
