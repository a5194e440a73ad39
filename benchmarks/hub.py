"""A real hub process for a benchmark, filled through its own doors, and people and stations that know it."""

from __future__ import annotations

import csv
import io
import json
import socket
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any

from rehearsal.processes import HubProcess, call, free_port, run_command

PASSWORD = "bench-password-1"
SHOP = "bench"
#: Orders to a file: three lines each stay below the limit of 200,000 rows.
_FILE = 50_000
#: A machine with other work to do takes minutes for such a file.
_FILE_WITHIN_S = 900
_COLUMNS = (
    "channel_order_no",
    "paid_at",
    "consignee_name",
    "consignee_phone",
    "consignee_address",
    "sku_code",
    "qty",
    "paid",
)


class BenchHub:
    """`main.py hub` on SQLite in ``folder``; ``token`` is the administrator's.

    ``more`` gives further lines of its hub.toml, told where the hub will be.
    """

    def __init__(self, folder: Path, more: Callable[[str], str] = lambda url: "") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        config = folder / "hub.toml"
        port = free_port()
        config.write_text(
            f'[[shop]]\nid = "{SHOP}"\nconnector = "file"\n\n'
            f'[[user]]\nname = "admin"\nrole = "admin"\npassword = "{PASSWORD}"\n\n'
            + more(f"http://127.0.0.1:{port}"),
            encoding="utf-8",
        )
        config.chmod(0o600)
        self._folder = folder
        self._port = port
        self._process = self._started()
        self.url = self._process.url
        self.token = ""

    def _started(self) -> HubProcess:
        return HubProcess(
            self._folder / "hub", self._folder / "hub.toml", self._port, self._folder / "hub.log"
        )

    def kill(self) -> None:
        """At once, as `kill -9` does."""
        self._process.process.kill()
        self._process.stop()

    def start(self) -> None:
        """Again after :meth:`kill`; it serves."""
        self._process = self._started()
        self._process.wait_ready(60)

    def __enter__(self) -> BenchHub:
        try:
            self._process.wait_ready(60)
            session = call(self.url, "POST", "/v1/sessions", {"user": "admin", "password": PASSWORD})
        except BaseException:
            self._process.stop()
            raise
        self.token = session["token"]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.stop()

    @property
    def pid(self) -> int:
        return self._process.process.pid

    @property
    def port(self) -> int:
        return int(self.url.rsplit(":", 1)[1])

    def take_orders(self, count: int, lines: int = 1) -> list[str]:
        """``count`` paid orders of ``lines`` lines from a file; their order numbers, newest first."""
        self.import_file(orders_csv(range(count), lines))
        return self._order_nos(count)

    def fill(self, count: int, lines: int = 1) -> None:
        """``count`` paid orders of ``lines`` lines, in files no larger than a file may be."""
        for at in range(0, count, _FILE):
            self.import_file(orders_csv(range(at, min(at + _FILE, count)), lines))

    def head(self) -> int:
        """The last number the hub has given."""
        return int(call(self.url, "GET", "/healthz")["seq"])

    def import_file(self, data: bytes) -> None:
        """A file of orders, as the command brings it in."""
        table = self._folder / "orders.csv"
        table.write_bytes(data)
        words = ("import", str(table), "--shop", SHOP, "--hub", self.url)
        done = run_command(*words, token=self.token, seconds=_FILE_WITHIN_S)
        if done.returncode:
            raise RuntimeError(done.stderr)

    def _order_nos(self, count: int) -> list[str]:
        found: list[str] = []
        after = ""
        while len(found) < count:
            page = call(self.url, "GET", f"/v1/orders?q=&limit=200&after={after}", token=self.token)
            found += [order["order_no"] for order in page["orders"]]
            after = page["next"]
            if not after:
                break
        return found

    def code(self, kind: str = "packing") -> str:
        """A code for one station to join with."""
        asked = {"kind": kind, "warehouse": "main"}
        return str(call(self.url, "POST", "/v1/pairing_codes", asked, token=self.token)["code"])

    def paired(self, name: str) -> str:
        """The token of a new packing station."""
        return str(call(self.url, "POST", "/v1/stations", {"code": self.code(), "name": name})["token"])


def orders_csv(numbers: Iterable[int], lines: int) -> bytes:
    """A file of orders of ``lines`` lines, paid all at one moment."""
    table = io.StringIO(newline="")
    rows = csv.writer(table)
    rows.writerow(_COLUMNS)
    for n in numbers:
        who = ("林小明", f"183{n:08d}", "杭州市文三路1号")
        for line in range(lines):
            rows.writerow([f"B{n:06d}", "2026-11-21 09:00:00", *who, f"SKU-{line}", 1, "10.00"])
    return table.getvalue().encode()


def request(port: int, token: str, act_id: str, order_no: str) -> bytes:
    """A rep's cancel as the bytes of its POST."""
    act: dict[str, Any] = {
        "act_id": act_id,
        "kind": "cancel",
        "order_no": order_no,
        "made_at": time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime()),
        "body": {},
    }
    body = json.dumps([act]).encode()
    return (
        f"POST /v1/acts HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n"
        f"X-Orderdock-Wire: 1\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body


class Rep:
    """Somebody who cancels, over one kept connection."""

    def __init__(self, hub: BenchHub) -> None:
        self._hub = hub
        self._line = socket.create_connection(("127.0.0.1", hub.port), timeout=15)
        self._line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def cancel(self, act_id: str, order_no: str) -> tuple[float, float]:
        """The moments (perf_counter) just before the bytes leave and when the receipt is here."""
        data = request(self._hub.port, self._hub.token, act_id, order_no)
        began = time.perf_counter()
        self._line.sendall(data)
        answer = b""
        while b"\r\n\r\n" not in answer or len(answer) < _whole(answer):
            part = self._line.recv(65536)
            if not part:
                raise RuntimeError("the hub hung up")
            answer += part
        ended = time.perf_counter()
        [receipt] = json.loads(answer.split(b"\r\n\r\n", 1)[1])
        if receipt["outcome"] != "applied":
            raise RuntimeError(receipt)
        return began, ended

    def close(self) -> None:
        self._line.close()


def _whole(answer: bytes) -> int:
    """How long an answer is whose head has come."""
    head, _, _ = answer.lower().partition(b"\r\n\r\n")
    length = next(int(row[15:]) for row in head.split(b"\r\n") if row.startswith(b"content-length:"))
    return len(head) + 4 + length
