"""A hub that holds 20,000 orders is killed (`kill -9`) while files of orders come in, and started again by whoever
watches over it, at once: the seconds from the kill until `/healthz` says ok, and until the first order is accepted
and durable. What was under way is rolled back or finished by SQLite's own log; nothing is repaired by us. The
reference is the start of a hub without orders, from the process on, in turn with it. Modules are compiled, as where
the program is installed.
"""

from __future__ import annotations

import http.client
import tempfile
import threading
import time
from pathlib import Path

from benchmarks.hub import SHOP, BenchHub, orders_csv
from benchmarks.report import Figure, percentile
from rehearsal.processes import as_installed

TITLE = "Back after a kill"
#: GOV-10.
AIM_S = 60.0


def run(quick: bool = False) -> list[Figure]:
    held, rounds = (300, 2) if quick else (20_000, 25)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        as_installed(folder / "compiled")
        with BenchHub(folder / "full") as full, BenchHub(folder / "empty") as empty:
            if held:
                full.import_file(orders_csv(range(held), 1))
            back, ready = list[tuple[float, float]](), list[tuple[float, float]]()
            for n in range(rounds):
                back.append(_back(full, held + 100_000 * (n + 1)))
                empty.kill()
                ready.append(_started(empty, 900_000 + n))
    what = f"killed under load with {held:,} orders, started again at once"
    return [
        _figure(f"{what}: /healthz says ok", [one for one, _ in back], [one for one, _ in ready]),
        _figure(f"{what}: the first order is accepted", [one for _, one in back], [one for _, one in ready]),
    ]


def _figure(what: str, ours: list[float], empty: list[float]) -> Figure:
    half = percentile(ours, 0.5)
    return Figure(
        what=f"{what}, p50 / p99",
        ours=f"{half:.2f} / {percentile(ours, 0.99):.2f} s",
        reference=f"{percentile(empty, 0.5):.2f} / {percentile(empty, 0.99):.2f} s start of an empty hub",
        ratio=f"{half / percentile(empty, 0.5):.2f}x",
        aim=f"every time <= {AIM_S:.0f} s",
        passed=max(ours) <= AIM_S,
    )


def _back(hub: BenchHub, first: int) -> tuple[float, float]:
    """Killed while files come in one after another."""
    over, sent = threading.Event(), threading.Event()
    load = threading.Thread(target=_send_on, args=(hub, first + 1, over, sent), daemon=True)
    load.start()
    sent.wait(60)
    hub.kill()
    over.set()
    taken = _started(hub, first)
    load.join()
    return taken


def _send_on(hub: BenchHub, first: int, over: threading.Event, sent: threading.Event) -> None:
    while not over.is_set():
        try:
            _bring(hub, orders_csv(range(first, first + 50), 1))
        except (OSError, http.client.HTTPException):
            return
        sent.set()
        first += 50


def _started(hub: BenchHub, number: int) -> tuple[float, float]:
    """Seconds from now until the hub says that it serves, and until it has taken an order."""
    began = time.perf_counter()
    hub.start()
    serves = time.perf_counter() - began
    _bring(hub, orders_csv([number], 1))
    return serves, time.perf_counter() - began


def _bring(hub: BenchHub, data: bytes) -> None:
    line = http.client.HTTPConnection("127.0.0.1", hub.port, timeout=60)
    try:
        head = {"Authorization": f"Bearer {hub.token}", "X-Orderdock-Wire": "1", "Content-Type": "text/csv"}
        line.request("POST", f"/v1/imports?kind=orders&shop={SHOP}&filename=a.csv", data, head)
        answer = line.getresponse()
        if answer.status != 200:
            raise RuntimeError(answer.read().decode("utf-8", "replace"))
        answer.read()
    finally:
        line.close()
