"""A packing station's real window on an X server of its own (Xvfb), its thread blocked 150 ms of every 200, a text
field in it with the focus. xdotool presses keys as a keyboard-type scanner does (one each 2 ms, Enter behind each
code); the window reads them late, but stamped right. What the station kept on disk afterwards is compared with
what was pressed, sign by sign; the text field and the focus must be as before. A pause between two keys may be
200 ms here: on a machine that has other work xdotool itself is kept waiting, which no real scanner is. The
reference is what was pressed. Skipped with a word where Xvfb or xdotool is missing.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from app.core.qr import slip_code
from benchmarks.report import Figure

TITLE = "Keys of a scanner while the window is busy"
KEYS = 11_000
GAP_MS = 200
_KEY_MS = 2
_AT_ONCE = 25
_PATIENCE_S = 60.0


def run(quick: bool = False) -> list[Figure]:
    if shutil.which("Xvfb") is None or shutil.which("xdotool") is None:
        return [Figure(what="Xvfb or xdotool is missing", ours="-", reference="-", ratio="-")]
    codes = [slip_code(f"OD20261121{n // 90 + 1:03d}{n % 90 + 1:02d}", 1) for n in range(KEYS // 22)]
    codes = codes[:10] if quick else codes
    with tempfile.TemporaryDirectory() as name, _screen() as display:
        folder = Path(name) / "station"
        seen, kept = _pressed(folder, display, codes)
    pressed = sum(len(code) + 1 for code in codes)
    right = sum(one == other for one, other in zip(codes, kept, strict=False))
    is_whole = kept == codes and seen == {"typed": "", "focus": True}
    return [
        Figure(
            what=f"{pressed:,} keys, {len(codes)} codes of {len(codes[0])} signs: kept as they were, in their order",
            ours=f"{right} codes, {sum(map(len, kept)):,} signs",
            reference=f"{len(codes)} codes, {sum(map(len, codes)):,} signs pressed",
            ratio=f"{right / len(codes):.4f}",
            aim="every sign, nothing typed into the field, focus where it was",
            passed=is_whole,
        ),
    ]


@contextmanager
def _screen() -> Iterator[str]:
    read, write = os.pipe()
    with subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-screen", "0", "1366x768x24", "-nolisten", "tcp"],
        pass_fds=(write,),
        stderr=subprocess.DEVNULL,
    ) as server:
        os.close(write)
        with os.fdopen(read, encoding="ascii") as pipe:
            number = pipe.readline().strip()
        try:
            yield f":{number}"
        finally:
            server.terminate()


def _pressed(folder: Path, display: str, codes: list[str]) -> tuple[dict[str, object], list[str]]:
    """Presses the codes; what the station saw of its field, and the reads it kept."""
    env = {**os.environ, "DISPLAY": display, "QT_QPA_PLATFORM": "xcb"}
    out = folder.with_name("seen.json")
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.keys", str(folder), str(out)], env=env, stderr=subprocess.DEVNULL
    ) as station:
        try:
            _until(out.exists, "the window did not open")
            xdo = ["xdotool", "search", "--sync", "--onlyvisible", "--name", "."]
            subprocess.run([*xdo, "windowfocus", "--sync"], env=env, check=True, timeout=60)
            for at in range(0, len(codes), _AT_ONCE):
                words: list[str] = []
                for code in codes[at : at + _AT_ONCE]:
                    words += ["type", "--delay", str(_KEY_MS), "--args", "1", code]
                    words += ["key", "--delay", "0", "Return", "sleep", "0.05"]
                subprocess.run(["xdotool", *words], env=env, check=True, timeout=120)
            _until(lambda: len(_kept(folder)) >= len(codes), "", fails=False)
            time.sleep(1.0)  # a field would be typed into now
            return json.loads(out.read_text(encoding="utf-8")), _kept(folder)
        finally:
            station.terminate()


def _kept(folder: Path) -> list[str]:
    with closing(sqlite3.connect(folder / "outbox.sqlite")) as db:
        return [row[0] for row in db.execute("SELECT raw FROM scan WHERE source = 'keyboard' ORDER BY n")]


def _until(is_so: object, trouble: str, *, fails: bool = True) -> None:
    assert callable(is_so)
    end = time.monotonic() + _PATIENCE_S
    while not is_so():
        if time.monotonic() > end:
            if fails:
                raise RuntimeError(trouble)
            return
        time.sleep(0.1)


def _station(folder: Path, out: Path) -> None:
    """The station itself, in a process of its own: the program's parts, a busy thread, a field that has the focus."""
    from PySide6.QtCore import QTimer
    from PySide6.QtWidgets import QApplication, QLineEdit

    from app.desktop import joint
    from app.station import keepsake
    from app.station.bench import Identity
    from ui.app import build_station
    from ui.key_burst import WedgeSettings

    app = QApplication(["orderdock"])
    folder.mkdir()
    keepsake.write(
        folder,
        Identity(
            kind="packing",
            hub_url="http://127.0.0.1:9",
            station_id="ST-1",
            name="1",
            warehouse="main",
            token="t",
        ),
    )
    station = build_station(app, joint(), "packing", folder)
    station.scanner.configure(WedgeSettings(gap_ms=GAP_MS))
    field = QLineEdit(station.window)

    def tell() -> None:
        new = out.with_suffix(".new")
        new.write_text(json.dumps({"typed": field.text(), "focus": field.hasFocus()}), encoding="utf-8")
        new.replace(out)

    def opened() -> None:
        field.show()
        field.setFocus()
        busy.start()
        telling.start()

    busy = QTimer(station.window, interval=200)
    busy.timeout.connect(lambda: time.sleep(0.15))
    telling = QTimer(station.window, interval=500)
    telling.timeout.connect(tell)
    station.open(opened)
    app.exec()


if __name__ == "__main__":
    _station(Path(sys.argv[1]), Path(sys.argv[2]))
