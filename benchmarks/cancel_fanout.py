"""A rep's cancel until the last station has the urgent event: a real hub process on SQLite (FULL) over real
HTTP, each station with a token and an open stream of its own, the clock running from before the POST is sent
until the event's bytes are read. Cancels come by the clock, whatever became of the one before, in rounds of 60:
one burst of the machine decides the 99th of a hundred, so the median round's is given as well. Where a machine
is another's guest, its host takes it away for tens of milliseconds: alone, 15 rounds are run and those count in
which the system says that least was taken (five, and all that were as calm), of the reference as of ours; what
all showed is told below them. Alone, and at work: the hub is meanwhile offered 1,000 orders a second (files of
50 by the clock), every station is told and pulls every one of them, and one more station loads 100,000 orders
from the beginning, again and again, without a pause. Where 1,000 are not taken, once more with what was taken.
The rep's receipt is written after the event has left for the last station: what is between the two is the
stations' reading. The stations are one process of raw sockets, who brings and who loads are others; what each
takes of the processor is told. The reference is a bare socket broadcast: a process that writes an event's bytes
to as many sockets of the same stations, in turns with the cancels, in the same run.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import socket
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import islice
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from benchmarks import crowd
from benchmarks.hub import BenchHub, Rep, orders_csv
from benchmarks.report import Figure, milliseconds, percentile
from rehearsal.processes import call

TITLE = "Cancel accepted -> urgent event at 200 and 500 stations"
#: Stations and the most that the 99th of 100 may take, at work.
AIMS = ((200, 0.020), (500, 0.040))
RATE = 1_000
FILE = 50
#: Cancels a round; alone, and at work.
ALONE, AT_WORK = (60,) * 15, (60,) * 5
#: Rounds that count, where there are more: those in which the host of this machine took least of it for others.
CALM = 5
#: Orders there before, for the station that loads them.
STORED = 100_000
#: Seconds between a cancel and the next bare event, never in step with anything of the hub's.
_APART = (0.025, 0.060)
#: What was offered counts as taken when no more than this is missing at the end.
_TAKEN = 0.97


def run(quick: bool = False) -> list[Figure]:
    figures: list[Figure] = []
    for stations, aim in ((20, 0.020),) if quick else AIMS:
        figures += measured(stations, (10,) if quick else ALONE, 0, aim)
        figures += measured(stations, (10,) if quick else AT_WORK, 500 if quick else STORED, aim)
    return figures


def measured(
    stations: int, rounds: tuple[int, ...], stored: int, aim: float, rate: int = RATE
) -> list[Figure]:
    """Alone, or with ``stored`` orders to load and new ones coming."""
    cancels = sum(rounds)
    with tempfile.TemporaryDirectory() as name, BenchHub(Path(name)) as hub:
        orders = hub.take_orders(2 * cancels if stored else cancels)
        bench = _Bench(hub, stations)
        if not stored:
            return _figures(bench.measure(orders[:cancels], rounds, 0), stations, aim, 0)
        hub.import_file(orders_csv(range(500_000, 500_000 + stored), 1))
        seen = bench.measure(orders[:cancels], rounds, rate)
        figures = _figures(seen, stations, aim, rate)
        if min(seen.taken, seen.fed) < _TAKEN * rate:
            lower = int(min(seen.taken, seen.fed) * _TAKEN // FILE * FILE) or FILE
            figures += _figures(bench.measure(orders[cancels:], rounds, lower), stations, aim, lower)
        return figures


def _figures(seen: Seen, stations: int, aim: float, rate: int) -> list[Figure]:
    calm = _calm(seen.rounds)
    cancels, bare = _together(calm)
    ours, floor = percentile(cancels, 0.99), percentile(bare, 0.99)
    what = f"{stations} stations, {len(cancels)} cancels"
    if rate:
        what += f", {rate:,} orders/s offered, {seen.taken:,.0f} taken, {seen.fed:,.0f} at each station,"
        what += f" {seen.loaded:,.0f} changes/s loaded beside"
    is_at_rate = min(seen.taken, seen.fed) >= _TAKEN * rate
    of_rounds = sorted(percentile(one.cancels, 0.99) for one in calm)
    whole, whole_bare = _together(seen.rounds)
    shares = ", ".join(f"{name} {share:.0%}" for name, share in seen.cpu.items()) or "-"
    return [
        Figure(
            what=f"last byte in at {what}, p50 / p99",
            ours=_pair(cancels),
            reference=f"{_pair(bare)} bare socket broadcast",
            ratio=f"{ours / floor:.1f}x",
            aim=f"p99 <= {aim * 1000:.0f} ms",
            passed=ours <= aim and is_at_rate,
        ),
        Figure(
            what=f"of these {len(calm)} rounds (the host took {_stolen(calm)} of the machine), the median one's p99",
            ours=milliseconds(of_rounds[len(of_rounds) // 2]),
            reference="-",
            ratio="-",
        ),
        Figure(
            what=f"all {len(seen.rounds)} rounds (the host took {_stolen(seen.rounds)}), p50 / p99",
            ours=_pair(whole),
            reference=f"{_pair(whole_bare)} bare socket broadcast",
            ratio=f"{percentile(whole, 0.99) / percentile(whole_bare, 0.99):.1f}x",
        ),
        Figure(
            what="the last event has left and the rep has the receipt, p50 / p99",
            ours=_pair(seen.acked),
            reference="-",
            ratio="-",
        ),
        Figure(what="processor, one core is 100 %", ours=shares, reference="-", ratio="-"),
    ]


def _calm(rounds: Sequence[Round]) -> list[Round]:
    """The :data:`CALM` rounds that were disturbed least, and all that were disturbed no more than these."""
    most = sorted(one.stolen for one in rounds)[:CALM][-1]
    return [one for one in rounds if one.stolen <= most]


def _pair(seconds: list[float]) -> str:
    return f"{milliseconds(percentile(seconds, 0.5))} / {milliseconds(percentile(seconds, 0.99))}"


def _together(rounds: Sequence[Round]) -> tuple[list[float], list[float]]:
    return [s for one in rounds for s in one.cancels], [s for one in rounds for s in one.bare]


def _stolen(rounds: Sequence[Round]) -> str:
    return f"{sum(one.stolen for one in rounds) / len(rounds):.1%}"


@dataclass(frozen=True)
class Round:
    """Seconds of each cancel and each bare event until the last station had it. ``stolen``: the share of the machine's
    time that its host took for others; 0 where the system does not say it.
    """

    cancels: list[float]
    bare: list[float]
    stolen: float


@dataclass(frozen=True)
class Seen:
    """Rates are a second. ``cpu``: what each process took, in cores; empty where the system does not say it."""

    rounds: list[Round]
    acked: list[float]
    taken: float
    fed: float
    loaded: float
    pulls: float
    pulled_bytes: float
    cpu: dict[str, float]


class _Bench:
    """Brings the processes together; plays the rep itself."""

    def __init__(self, hub: BenchHub, stations: int) -> None:
        self._hub = hub
        self._tokens = [hub.paired(f"bench-{n}") for n in range(stations + 1)]
        self._first_new = 1_000_000

    def measure(self, orders: list[str], rounds: tuple[int, ...], rate: int) -> Seen:
        """Cancels these orders; at a ``rate`` but 0 the hub is at work meanwhile."""
        health = call(self._hub.url, "GET", "/healthz")
        place = crowd.Place(self._hub.port, health["epoch"], int(health["seq"]))
        stations, lasts = len(self._tokens) - 1, _APART[1] * 2 * len(orders) + 10
        pids: dict[str, int] = {"hub": self._hub.pid}
        with ExitStack() as stack:

            def begun(what: Callable[..., None], *given: Any) -> Connection:
                pipe, pids[what.__name__.replace("_", " ")] = stack.enter_context(_process(what, *given))
                return pipe

            bare = begun(crowd.bare, stations)
            port = bare.recv()
            all_stations = begun(crowd.stations, place, port, self._tokens[:-1])
            ask(all_stations, "mark")
            caster = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            caster.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            bring = catch_up = None
            if rate:
                files = int(lasts * rate / FILE)
                bring = begun(crowd.bring, place, self._hub.token, self._first_new, rate, FILE, files)
                self._first_new += files * FILE
                bring.recv()
                catch_up = begun(crowd.catch_up, place, self._tokens[-1])
                bring.send("go")
            time.sleep(2.0)
            before, began = ask(all_stations, "mark"), time.perf_counter()
            head, worked = self._head(), _cpu(pids)
            sent, acked, stolen = self._cancel_all(orders, rounds, caster)
            after, lasted = ask(all_stations, "mark"), time.perf_counter() - began
            cpu = {name: (seconds - worked[name]) / lasted for name, seconds in _cpu(pids).items()}
            # an order takes three numbers: its own and two of its history
            taken = (self._head() - head) / 3 / lasted
            loaded = ask(catch_up, "stop") / (lasted + 2.0) if catch_up else 0.0
            if bring:
                ask(bring, "stop")
            time.sleep(2.0)  # the last ones too are still on their way
            arrived: dict[str, list[float]] = ask(all_stations, "stop")
        if missed := [name for name in sent if len(arrived[name]) < stations]:
            raise RuntimeError(f"not at every station: {missed}")
        # seconds later an order's second event says that its countdown is over: every station has had the first by then
        took = {name: sorted(arrived[name])[stations - 1] - at for name, at in sent.items()}
        return Seen(
            rounds=[
                Round([took[no] for no in some], [took[_bare(no)] for no in some], share)
                for some, share in zip(_in_rounds(orders, rounds), stolen, strict=True)
            ],
            acked=acked,
            taken=taken,
            fed=min(b - a for a, b in zip(before[0], after[0], strict=True)) / 3 / lasted,
            loaded=loaded,
            pulls=(after[1] - before[1]) / lasted,
            pulled_bytes=(after[2] - before[2]) / lasted,
            cpu=cpu,
        )

    def _head(self) -> int:
        return int(call(self._hub.url, "GET", "/healthz")["seq"])

    def _cancel_all(
        self, orders: list[str], rounds: tuple[int, ...], caster: socket.socket
    ) -> tuple[dict[str, float], list[float], list[float]]:
        """When each cancel and each bare event left, by their names; when the rep had the receipts; what was stolen."""
        dice, rep = random.Random(7), Rep(self._hub)
        sent: dict[str, float] = {}
        acked: list[float] = []
        stolen: list[float] = []
        due = time.perf_counter()
        for some in _in_rounds(orders, rounds):
            before, began_round = _stolen_s(), time.perf_counter()
            for order_no in some:
                began, ended = rep.cancel(f"cancel-{order_no}", order_no)
                sent[order_no] = began
                acked.append(ended - began)
                due = self._pause(due, dice)
                name = _bare(order_no).encode("ascii")
                event = b'event: urgent\ndata: {"seq":1,"order_no":"%b","pad":"%b"}\n\n' % (name, b"x" * 640)
                sent[_bare(order_no)] = time.perf_counter()
                caster.sendall(event)
                due = self._pause(due, dice)
            lasted = (time.perf_counter() - began_round) * (os.cpu_count() or 1)
            stolen.append((_stolen_s() - before) / lasted)
        rep.close()
        return sent, acked, stolen

    @staticmethod
    def _pause(due: float, dice: random.Random) -> float:
        due += dice.uniform(*_APART)
        time.sleep(max(0.0, due - time.perf_counter()))
        return due


def _bare(order_no: str) -> str:
    """The bare event that follows this order's cancel."""
    return f"bare{order_no}"


def _stolen_s() -> float:
    """Seconds the host of a virtual machine gave its processors to others so far; 0.0 where nobody says it."""
    stat = Path("/proc/stat")
    if not stat.exists():
        return 0.0
    fields = stat.read_text(encoding="utf-8").split("\n", 1)[0].split()
    return int(fields[8]) / os.sysconf("SC_CLK_TCK")


def _in_rounds(orders: list[str], rounds: tuple[int, ...]) -> Iterator[list[str]]:
    given = iter(orders)
    return (list(islice(given, count)) for count in rounds)


def _cpu(pids: dict[str, int]) -> dict[str, float]:
    """Seconds each of the processes has run so far, as the system counts them; none where it has no /proc."""
    counted: dict[str, float] = {}
    for name, pid in pids.items():
        stat = Path(f"/proc/{pid}/stat")
        if stat.exists():
            fields = stat.read_text(encoding="utf-8").rpartition(")")[2].split()
            counted[name] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return counted


def ask(process: Connection, word: str) -> Any:
    process.send(word)
    return process.recv()


@contextmanager
def _process(what: Callable[..., None], *given: Any) -> Iterator[tuple[Connection, int]]:
    """A function in a process of its own, joined by a pipe, and that process's number; it ends with the block."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=what, args=(theirs, *given), daemon=True)
    process.start()
    theirs.close()
    try:
        yield ours, process.pid or 0
    finally:
        ours.close()
        process.join(2)
        process.kill()
        process.join()
