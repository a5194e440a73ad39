"""From starting the process to the first painted window of the packing station, cold data folder,
offscreen. The reference is an empty PySide6 window started the same way, in turn.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.report import Figure
from rehearsal.processes import ROOT, command, environment

TITLE = "Start to window"

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
    rounds = 2 if quick else 7
    ours, empty = [], []
    env = environment(offscreen=True)
    for _ in range(rounds):
        empty.append(_until([sys.executable, "-c", _EMPTY], env, "painted"))
        with tempfile.TemporaryDirectory() as folder:
            args = command(
                "station", "--kind", "packing", "--data-dir", str(Path(folder) / "张 三"), "--hand"
            )
            ours.append(_until(args, env, '"painted"'))
    ratio = statistics.median(a / b for a, b in zip(ours, empty, strict=True))
    return [
        Figure(
            what="process start -> first painted window, median",
            ours=f"{statistics.median(ours):.2f} s",
            reference=f"{statistics.median(empty):.2f} s empty window",
            ratio=f"{ratio:.1f}x",
            aim="<= 3x",
            passed=ratio <= 3,
        )
    ]


def _until(args: list[str], env: dict[str, str], word: str) -> float:
    began = time.perf_counter()
    process = subprocess.Popen(
        args,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=env,
        cwd=ROOT,
        text=True,
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
