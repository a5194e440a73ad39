"""From starting the process to the first painted window of the packing station, offscreen, and to the answer to a
scan that has waited from the first moment. The window painted is the desk with its queue, its strip and its buttons;
what opens after that picture is the wire, the printer and the sound. Everyday: a paired station with its files from
yesterday, its hub away. First: a computer that never ran it, with everything to be made. Both run as installed
programs do, with compiled modules (one start before is not counted). The reference is an empty PySide6 window started
the same way, in turn. Both say so in the first turn of the event loop after their first paint.
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

_SCAN = '{"id": 1, "do": "scan", "text": "6901234567892"}\n'
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
    everyday, usable, first, empty = [], [], [], []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        env = _compiled(folder / "compiled")
        known = folder / "工位 张 三"
        _pair(known)
        _start(known, env)
        for n in range(rounds):
            [shown] = _moments([sys.executable, "-c", _EMPTY], env, ["painted"])
            empty.append(shown)
            painted, answered = _start(known, env)
            everyday.append(painted)
            usable.append(answered)
            first.append(_start(folder / f"new {n}", env, scan=False)[0])
    return [
        _figure("process start -> first painted window, everyday, median", everyday, empty, aim=True),
        _figure("process start -> answer to a scan that waited, everyday, median", usable, empty, aim=False),
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


def _start(folder: Path, env: dict[str, str], *, scan: bool = True) -> list[float]:
    """Seconds until the window was painted, and with ``scan`` until a scan sent at the very start was answered."""
    words = command("station", "--kind", "packing", "--data-dir", str(folder), "--hand")
    if not scan:
        return _moments(words, env, ['"painted"'])
    return _moments(words, env, ['"painted"', '"result"'], _SCAN)


def _moments(args: list[str], env: dict[str, str], words: list[str], said: str = "") -> list[float]:
    """Seconds from the start of a process until it says each of the words; then it is ended."""
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
    moments: dict[str, float] = {}
    try:
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("no pipe")
        if said:
            process.stdin.write(said)
            process.stdin.flush()
        for line in process.stdout:
            for word in words:
                if word in line:
                    moments.setdefault(word, time.perf_counter() - began)
            if len(moments) == len(words):
                return [moments[word] for word in words]
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()
    raise RuntimeError(f"{args[0]} ended before its window was painted")
