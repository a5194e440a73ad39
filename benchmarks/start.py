"""From starting the process to the first painted window of the packing station, offscreen. Everyday: a paired
station with its files from yesterday, its hub away. First: a computer that never ran it, with everything to be
made. Both run as installed programs do, with compiled modules (one start before is not counted). The reference
is an empty PySide6 window started the same way, in turn.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from app.station import keepsake
from app.station.bench import Identity
from benchmarks.report import Figure
from rehearsal.processes import ROOT, command, environment

TITLE = "Start to window"
AIM = 3.0

_EMPTY = """
import sys
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QWidget
app = QApplication(sys.argv)
class W(QWidget):
    def paintEvent(self, event):
        QTimer.singleShot(0, lambda: (print("painted", flush=True), app.quit()))
w = W(); w.resize(800, 600); w.show(); app.exec()
"""


def run(quick: bool = False) -> list[Figure]:
    rounds = 2 if quick else 9
    everyday, first, empty = [], [], []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        env = _compiled(folder / "compiled")
        known = folder / "工位 张 三"
        _pair(known)
        _start(known, env)
        for n in range(rounds):
            empty.append(_until([sys.executable, "-c", _EMPTY], env, "painted"))
            everyday.append(_start(known, env))
            first.append(_start(folder / f"new {n}", env))
    return [
        _figure("process start -> first painted window, everyday, median", everyday, empty, aim=True),
        _figure("the very first start on a computer, median", first, empty, aim=False),
    ]


def _figure(what: str, ours: list[float], empty: list[float], *, aim: bool) -> Figure:
    ratio = statistics.median(a / b for a, b in zip(ours, empty, strict=True))
    return Figure(
        what=what,
        ours=f"{statistics.median(ours):.2f} s",
        reference=f"{statistics.median(empty):.2f} s empty window",
        ratio=f"{ratio:.1f}x",
        aim=f"<= {AIM:.0f}x" if aim else "",
        passed=ratio <= AIM if aim else None,
    )


def _compiled(folder: Path) -> dict[str, str]:
    """The surroundings of an installed program: its modules are compiled once and kept."""
    env = {**os.environ, **environment(offscreen=True), "PYTHONPYCACHEPREFIX": str(folder)}
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    return env


def _pair(folder: Path) -> None:
    folder.mkdir()
    keepsake.write(
        folder,
        Identity(
            hub_url="http://127.0.0.1:9",
            station_id="ST-BENCH",
            name="打包台 1",
            kind="packing",
            warehouse="main",
            token="bench",
        ),
    )


def _start(folder: Path, env: dict[str, str]) -> float:
    return _until(
        command("station", "--kind", "packing", "--data-dir", str(folder), "--hand"), env, '"painted"'
    )


def _until(args: list[str], env: dict[str, str], word: str) -> float:
    """Seconds from the start of a process until it says the word; then it is ended."""
    began = time.perf_counter()
    process = subprocess.Popen(
        args,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=env,
        cwd=ROOT,
        text=True,
        encoding="utf-8",
    )
    try:
        if process.stdout is None:
            raise RuntimeError("no pipe")
        for line in process.stdout:
            if word in line:
                return time.perf_counter() - began
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()
    raise RuntimeError(f"{args[0]} ended before its window was painted")
