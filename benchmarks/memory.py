"""A station of its own process with 100,000 orders in its copy and its real window (1366 x 768, offscreen): what it
holds in memory (resident set) once the first load is through, every order was looked at by the search index, and
some work was done: slips scanned, the queue read, a search typed. And the most it ever held (peak), the load
included. Measured again after a restart on the same files. The reference is an empty PySide6 window.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from app.core.qr import slip_code
from app.wire import StationKind
from benchmarks import make
from benchmarks.report import Figure
from rehearsal.processes import ROOT

if TYPE_CHECKING:
    from ui.station import Station

TITLE = "Memory of a station"
#: GOV-08: client and local cache of 100,000 orders within 500 MB.
AIM_MB = 500
_EMPTY = """
import sys
from benchmarks.memory import resident
from benchmarks.window import application, idle
from PySide6.QtWidgets import QWidget
application()
w = QWidget(); w.resize(800, 600); w.show(); idle(0.2)
print(resident())
"""


@dataclass(frozen=True, slots=True)
class Held:
    """Megabytes: now and at most; ``orders`` that were really in the copy."""

    orders: int
    now_mb: float
    peak_mb: float


def run(quick: bool = False) -> list[Figure]:
    count = 3_000 if quick else 100_000
    figures = []
    empty = json.loads(_said("-c", _EMPTY))["now_mb"]
    kinds: tuple[StationKind, ...] = ("packing", "service")
    for kind in kinds:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name) / "工位 一"
            first, again = station(folder, kind, count), station(folder, kind)
        if first.orders != count or again.orders != count:
            raise RuntimeError(f"{first.orders:,} and {again.orders:,} orders were held instead of {count:,}")
        figures.append(_figure(f"{kind} desk, first load of {count:,} orders", first, empty))
        figures.append(_figure(f"{kind} desk with {count:,} orders, started again", again, empty))
    return figures


def station(folder: Path, kind: StationKind, count: int = 0) -> Held:
    """What a station holds in a process of its own: ``count`` orders loaded first, or what ``folder`` has."""
    return Held(**json.loads(_said("-m", "benchmarks.memory", str(folder), kind, str(count))))


def _said(*words: str) -> str:
    done = subprocess.run(
        [sys.executable, *words], cwd=ROOT, capture_output=True, encoding="utf-8", timeout=600, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    return done.stdout.strip().splitlines()[-1]


def _figure(what: str, held: Held, empty_mb: float) -> Figure:
    return Figure(
        what=f"{what}, now / at most",
        ours=f"{held.now_mb:.0f} / {held.peak_mb:.0f} MB",
        reference=f"{empty_mb:.0f} MB empty window",
        ratio=f"{held.peak_mb / empty_mb:.1f}x",
        aim=f"<= {AIM_MB} MB at most",
        passed=0 < held.peak_mb <= AIM_MB,
    )


def resident() -> str:
    """What this process holds now and held at most, in MB, as JSON; 0 where the system does not say it in /proc."""
    rows: dict[str, str] = {}
    status = Path("/proc/self/status")
    if status.exists():
        lines = status.read_text(encoding="utf-8").splitlines()
        rows = dict(line.split(":", 1) for line in lines if ":" in line)
    sizes = {
        name: int(rows.get(key, "0 kB").split()[0]) / 1024
        for name, key in (("now_mb", "VmRSS"), ("peak_mb", "VmHWM"))
    }
    return json.dumps(sizes)


def _child(folder: Path, kind: StationKind, count: int) -> None:
    """The station: its window, its copy filled as the feed does, a little work; says what it holds."""
    from app.desktop import joint
    from benchmarks.window import application, idle, near
    from ui.app import build_station

    if count:
        make.pair(folder, kind)
    running = build_station(application(), replace(joint(), connect=near), kind, folder, lang="zh")
    running.open()
    running.window.resize(1366, 768)
    idle(0.2)
    cache = running.core.cache
    for page in make.pages(count):
        cache.apply_page(page)
        idle(0)
    while count and cache.index_some(2000):
        pass
    held = cache.read(lambda db: db.execute('SELECT count(*) FROM "order"').fetchone())[0]
    _work(running, held)
    sizes = json.loads(resident())
    running.close()
    print(json.dumps({"orders": held, **sizes}))


def _work(running: Station, held: int) -> None:
    """Look at the queue, search for somebody, scan twenty slips."""
    from benchmarks.window import idle, type_code

    running.core.read.queue(50)
    running.core.read.search(make.nick(held - 1), 50)
    for n in range(0, min(held, 2_000), 100):
        type_code(running, slip_code(f"{make.order_no(n)}01", 1))
        idle(0.05)
    idle(0.3)


if __name__ == "__main__":
    _child(Path(sys.argv[1]), cast(StationKind, sys.argv[2]), int(sys.argv[3]))
