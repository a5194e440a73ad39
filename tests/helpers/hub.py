"""A real hub for tests: real database, real sockets, in a thread of the test or in a process of its own.

::

    with hub_in_thread(tmp_path) as hub:
        bench = hub.station("packing")                     # paired; a client that carries its token
        order = hub.given(a_channel_order("T1"))
        bench.get(f"/v1/orders/{order.order_no}").json()
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import httpx
import msgspec
import uvicorn

from app import wire
from app.core.acts import Actor
from app.core.channel import ChannelLine, ChannelOrder
from app.core.order import Consignee, Order
from app.ports import Clock, SystemClock, Ulid
from hub import config
from hub.atwork import Hub
from hub.auth.people import Passwords
from hub.main import create_app
from rehearsal.server import Attentive
from tests.helpers.databases import SQLITE, with_tables
from tests.helpers.ports import held_port

ROOT = Path(__file__).resolve().parents[2]
ADMIN, PASSWORD = "admin", "a good password"
TOML = f'[[user]]\nname = "{ADMIN}"\nrole = "admin"\npassword = "{PASSWORD}"\n'
INTAKE = Actor(name="test", role="admin", source="channel:files")
FULL = Consignee(
    name="林小满",
    phone="18312342807",
    province="浙江省",
    city="杭州市",
    district="西湖区",
    address="文三路 1 号 2 幢 301",
)

T = TypeVar("T")


def a_channel_order(channel_order_no: str = "T1", lines: int = 2, **changes: Any) -> ChannelOrder:
    """A paid order of shop ``files`` with ``lines`` lines of one unit each and a consignee to be kept secret."""
    given: dict[str, Any] = {
        "channel": "file",
        "shop_id": "files",
        "channel_order_no": channel_order_no,
        "paid_at": datetime(2026, 11, 21, 1, 0, tzinfo=UTC),
        "paid_fen": 12_800,
        "lines": tuple(
            ChannelLine(sku_code=f"SKU-{n}", title=f"商品 {n}", qty=1, price_fen=6_400)
            for n in range(1, lines + 1)
        ),
        "buyer_nick": "小满爱买书",
        "consignee": FULL,
        "buyer_remark": "请轻放",
    }
    return ChannelOrder(**(given | changes))


class HubClient(httpx.Client):
    """A client of one hub that speaks for one caller."""

    def __init__(
        self, url: str, token: str = "", session: str = "", lang: str = "en", **options: Any
    ) -> None:
        headers = {"Accept-Language": lang, "X-Orderdock-Wire": str(wire.WIRE)}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        if session:
            headers["X-Orderdock-Session"] = session
        # making a TLS context takes longer than most tests; loopback needs none
        plain = {"verify": False} if url.startswith("http:") else {}
        super().__init__(base_url=url, headers=headers, timeout=30, trust_env=False, **(plain | options))
        self.token = token

    def act(self, kind: str, order_no: str, parcel_no: str | None = None, **more: Any) -> wire.Receipt:
        """Sends one act, made now unless ``made_at`` says otherwise; ``body`` is its body."""
        clock = SystemClock()
        envelope = wire.Envelope(
            act_id=more.pop("act_id", None) or Ulid(clock)(),
            kind=kind,
            order_no=order_no,
            parcel_no=parcel_no,
            made_at=more.pop("made_at", None) or clock.now(),
            body=more.pop("body", {}),
        )
        assert not more, more
        answer = self.post("/v1/acts", content=msgspec.json.encode([envelope]))
        assert answer.status_code == 200, answer.text
        [receipt] = msgspec.json.decode(answer.content, type=list[wire.Receipt])
        return receipt

    def changes(self, after: int = 0, epoch: str = "") -> wire.ChangePage:
        """One page of the feed."""
        params: dict[str, Any] = {"after": after, "limit": 2000}
        if epoch:
            params["epoch"] = epoch
        answer = self.get("/v1/changes", params=params)
        assert answer.status_code == 200, answer.text
        return msgspec.json.decode(answer.content, type=wire.ChangePage)

    def all_changes(self) -> list[wire.Change]:
        """The whole feed, however many pages of it others left."""
        page = self.changes()
        found = list(page.changes)
        while page.next < page.head:
            page = self.changes(page.next, page.epoch)
            found += page.changes
        return found


class RunningHub:
    """A hub that serves, in a thread of this process."""

    def __init__(self, app: Hub, url: str, loop: asyncio.AbstractEventLoop) -> None:
        self.app = app
        self.url = url
        self._loop = loop
        self._clients: list[HubClient] = []
        self._admin: HubClient | None = None

    def do(self, work: Awaitable[T]) -> T:
        """Waits for a coroutine in the hub's own event loop."""

        async def run() -> T:
            return await work

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(timeout=60)

    def rest(self) -> None:
        """From now on it does nothing by itself: for tests that break what its ticks would trip over."""

        async def pause() -> None:
            self.app._jobs.pause()
            await asyncio.sleep(0)  # who was just called says so
            await asyncio.gather(*self.app._steps.values())

        self.do(pause())

    def client(self, token: str = "", session: str = "", **options: Any) -> HubClient:
        client = HubClient(self.url, token, session, **options)
        self._clients.append(client)
        return client

    def sign_in(self, user: str = ADMIN, password: str = PASSWORD, station: HubClient | None = None) -> str:
        """The token of a new session, at a station or without one."""
        answer = (station or self.client()).post("/v1/sessions", json={"user": user, "password": password})
        assert answer.status_code == 200, answer.text
        return str(answer.json()["token"])

    def admin(self) -> HubClient:
        """The administrator, signed on without a station."""
        if self._admin is None:
            self._admin = self.client(self.sign_in())
        return self._admin

    def person(self, role: str, name: str = "", warehouse: str = "") -> HubClient:
        """A client of somebody new with this role, signed on without a station."""
        name = name or f"{role} {len(self._clients)}"
        body = {"name": name, "role": role, "password": PASSWORD, "warehouse": warehouse}
        answer = self.admin().post("/v1/users", json=body)
        assert answer.status_code == 200, answer.text
        return self.client(self.sign_in(name))

    def pair(self, kind: str = "packing", warehouse: str = "main", name: str = "1 号台") -> wire.Paired:
        """A station, paired as an administrator and a person at the bench do it."""
        opened = self.admin().post("/v1/pairing_codes", json={"kind": kind, "warehouse": warehouse})
        assert opened.status_code == 200, opened.text
        joined = self.client().post("/v1/stations", json={"code": opened.json()["code"], "name": name})
        assert joined.status_code == 200, joined.text
        return msgspec.json.decode(joined.content, type=wire.Paired)

    def station(self, kind: str = "packing", warehouse: str = "main", name: str = "1 号台") -> HubClient:
        """The client of a newly paired station."""
        return self.client(self.pair(kind, warehouse, name).token)

    def given(self, order: ChannelOrder | None = None) -> Order:
        """An order that came in."""
        [taken] = self.do(self.app.doors.orders.writer.intake([order or a_channel_order()], INTAKE))
        found = self.app.doors.orders.lookup.order(taken.order_no)
        assert found is not None, taken
        return found

    def close(self) -> None:
        for client in self._clients:
            client.close()


@contextlib.contextmanager
def hub_in_thread(
    data_dir: Path, toml: str = TOML, clock: Clock | None = None, port: int = 0, db: str = "", **parts: Any
) -> Iterator[RunningHub]:
    """A hub on ``data_dir`` with the settings of ``toml``, on a free port of loopback unless one is said.

    ``db`` instead of the one that ``toml`` names; ``parts`` go to :func:`hub.main.create_app`. Passwords are hashed
    weakly unless ``passwords`` says otherwise: three of them at full strength take half the time of a hub's start.
    """
    parts.setdefault("passwords", Passwords(passes=1, memory_kib=8))
    data_dir.mkdir(parents=True, exist_ok=True)
    clock = clock or SystemClock()
    settings = config.parse(toml, Path("hub.toml"), data_dir, {})
    if db:
        settings = msgspec.structs.replace(settings, hub=msgspec.structs.replace(settings.hub, db=db))
    with_tables(data_dir, settings.hub.db)
    app = create_app(settings, clock, Ulid(clock), **parts)
    sock = socket.socket()
    if (
        port and os.name != "nt"
    ):  # as the hub itself: back at its address though old lines are still being forgotten
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("127.0.0.1", port))
    server = Attentive(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            ws="none",
            timeout_graceful_shutdown=15,
            timeout_keep_alive=75,  # as the hub itself: a line that rests for some seconds is not closed under a call
        )
    )
    loops: list[asyncio.AbstractEventLoop] = []
    failures: list[BaseException] = []

    async def serve() -> None:
        loops.append(asyncio.get_running_loop())
        await server.serve(sockets=[sock])

    def work() -> None:
        try:
            asyncio.run(serve())
        except BaseException as error:  # noqa: BLE001 - the test that waits for it raises it
            failures.append(error)

    thread = threading.Thread(target=work, name="hub", daemon=True)
    thread.start()
    try:
        _until(lambda: server.started or not thread.is_alive(), "the hub did not start")
        if failures:
            raise failures[0]
        running = RunningHub(app, f"http://127.0.0.1:{sock.getsockname()[1]}", loops[0])
        try:
            yield running
        finally:
            asyncio.run_coroutine_threadsafe(app.doors.out.broadcast.stop(), loops[0]).result(timeout=20)
            running.close()
    finally:
        server.should_exit = True
        thread.join(timeout=30)
        sock.close()
        assert not thread.is_alive(), "the hub did not stop"


def _until(is_so: Any, trouble: str, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, trouble
        time.sleep(0.01)


class HubProcess:
    """A hub in a process of its own, as an operator starts it."""

    def __init__(self, process: subprocess.Popen[str], port: int, said: list[str]) -> None:
        self.process = process
        self.url = f"http://127.0.0.1:{port}"
        self.said = said

    def stop(self) -> int:
        """Told to stop; gives the exit status."""
        self.process.terminate()
        return self.process.wait(timeout=60)


def hub_command(
    data_dir: Path, *, port: int, host: str = "127.0.0.1", lang: str = "en", **more: Any
) -> list[str]:
    """A command line that calls ``hub.main.run`` with these arguments."""
    given = {"host": host, "port": port, "lang": lang} | more
    program = (
        "import sys; from pathlib import Path; from hub.main import run; "
        f"sys.exit(run(None, Path({str(data_dir)!r}), **{given!r}))"
    )
    return [sys.executable, "-c", program]


@contextlib.contextmanager
def hub_process(
    data_dir: Path, toml: str = TOML, *, is_first_start: bool = False, **more: Any
) -> Iterator[HubProcess]:
    """A hub process that serves; what it said on stdout so far is in ``said``.

    Its tables stand already, as at a second start, unless its first start is what is looked at.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    if not is_first_start:
        with_tables(data_dir, SQLITE)
    path = data_dir / "hub.toml"
    path.write_text(toml, encoding="utf-8")
    path.chmod(0o600)
    with held_port() as port:
        process = subprocess.Popen(
            hub_command(data_dir, port=port, **more),
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # a program speaks as the locale does
            encoding="gb18030" if "ORDERDOCK_TEST_LOCALE" in os.environ else "utf-8",
            errors="replace",
        )
        said: list[str] = []
        try:
            assert process.stdout is not None
            for line in process.stdout:
                said.append(line.rstrip("\n"))
                if f":{port}" in line:
                    break
            else:
                assert process.stderr is not None
                raise AssertionError(f"the hub did not start: {said} {process.stderr.read()}")
            yield HubProcess(process, port, said)
        finally:
            if process.poll() is None:
                process.kill()
            process.communicate()
