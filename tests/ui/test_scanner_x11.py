"""Real key presses on a real X server, also while the window is busy."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.core.qr import slip_code
from ui.us_keys import us_char

pytestmark = [
    pytest.mark.x11,
    pytest.mark.skipif(
        shutil.which("Xvfb") is None or shutil.which("xdotool") is None, reason="Xvfb or xdotool is missing"
    ),
]

CODES = [f"S1OD202611210{n:04d}01007K" for n in range(6)]
# What the scanner adds: Return, Tab, a line feed, nothing at all.
ENDS = {0: ("key", "Return"), 1: (), 2: ("key", "Linefeed"), 5: ("key", "Tab"), 12: ("key", "Return")}
State = dict[str, object]
#: Layouts of computers, with a key of the scan codes (0x10: Q on a US keyboard) and what it types under them.
LAYOUTS = {"de": (0x15, "z"), "fr": (0x10, "a"), "ru": (0x10, "й"), "us": (0x10, "Q")}
_X_KEYS_FROM, _SHIFT, _CONTROL = 8, "50", "37"
#: Wider than a shop's own: the keys of a fast scanner come late on a machine busy with other tests.
SHOPS_MS, WIDE_MS = 40, 200


@pytest.fixture
def display() -> Iterator[str]:
    read, write = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-screen", "0", "1366x768x24", "-nolisten", "tcp"],
        pass_fds=(write,),
        stderr=subprocess.DEVNULL,
    )
    os.close(write)
    with os.fdopen(read, encoding="ascii") as pipe:
        number = pipe.readline().strip()
    yield f":{number}"
    server.terminate()
    server.wait(20)


class Desk:
    """The little window of wedge_app, and somebody at its keyboard."""

    def __init__(self, display: str, out: Path, gap_ms: int, *, busy: bool) -> None:
        self._out = out
        self._env = {**os.environ, "DISPLAY": display, "QT_QPA_PLATFORM": "xcb"}
        self.app = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tests.helpers.wedge_app",
                str(out),
                str(gap_ms),
                *(["--busy"] if busy else []),
            ],
            env=self._env,
        )
        self.wait(lambda state: True)
        self.xdo("search", "--sync", "--onlyvisible", "--name", "^wedge$", "windowfocus", "--sync")

    def xdo(self, *words: str) -> None:
        subprocess.run(["xdotool", *words], env=self._env, check=True, timeout=30, stdout=subprocess.DEVNULL)

    def scan(self, code: str, delay_ms: int, *end: str) -> None:
        self.xdo("type", "--delay", str(delay_ms), "--args", "1", code, *end)

    def type(self, text: str) -> None:
        self.xdo("type", "--delay", "400", text)

    def scan_keys(self, code: str) -> None:
        """The keys of a scanner that believes in a US keyboard, whatever they type here."""
        words: list[str] = []
        for char in code:
            if char == "\x1d":
                words += [
                    "keydown",
                    "--delay",
                    "0",
                    _CONTROL,
                    "key",
                    "--delay",
                    "0",
                    "35",
                    "keyup",
                    "--delay",
                    "0",
                    _CONTROL,
                ]
                continue
            shift, key = next(
                (shift, str(scan + _X_KEYS_FROM))
                for shift in (False, True)
                for scan in range(2, 0x3A)
                if us_char(scan, shift=shift) == char
            )
            press = ["key", "--delay", "0", key]
            words += (
                ["keydown", "--delay", "0", _SHIFT, *press, "keyup", "--delay", "0", _SHIFT]
                if shift
                else press
            )
        self.xdo(*words, "key", "--delay", "0", "Return")

    def use_layout(self, layout: str) -> None:
        """CapsLock stays on where the layout is the US one."""
        scan, char = LAYOUTS[layout]
        subprocess.run(["setxkbmap", layout], env=self._env, check=True, timeout=30)
        if layout == "us":
            self.xdo("key", "Caps_Lock")
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:  # until the window has heard of it
            self.xdo("key", str(scan + _X_KEYS_FROM))
            time.sleep(0.4)
            if self._out.exists() and char in str(json.loads(self._out.read_text(encoding="utf-8"))["field"]):
                return
        raise AssertionError(f"no key types {char}")

    def wait(self, right: Callable[[State], bool]) -> State:
        deadline = time.monotonic() + 20
        state: State = {}
        while time.monotonic() < deadline:
            if self._out.exists() and right(state := json.loads(self._out.read_text(encoding="utf-8"))):
                return state
            time.sleep(0.05)
        raise AssertionError(f"last seen: {state}")

    def close(self) -> None:
        self.app.terminate()
        self.app.wait(20)


@pytest.fixture
def desk(display: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Desk]:
    gap_ms, busy = request.param
    made = Desk(display, tmp_path / "state.json", gap_ms, busy=busy)
    yield made
    made.close()


@pytest.mark.parametrize("desk", [(WIDE_MS, False), (WIDE_MS, True)], indirect=True, ids=["idle", "busy"])
def test_scans_and_typing_in_a_search_box_are_told_apart(desk: Desk) -> None:
    desk.type("wei ")
    for code, delay_ms in zip(CODES, (0, 1, 2, 5, 12, 12), strict=True):
        desk.scan(code, delay_ms, *ENDS[delay_ms])
        time.sleep(0.4)
        desk.type("x")
    desk.type(" 2807")
    state = desk.wait(
        lambda state: str(state["field"]).endswith("2807") and len(state["scans"]) == len(CODES)
    )  # type: ignore[arg-type]
    assert state == {"scans": CODES, "field": "wei xxxxxx 2807"}


@pytest.mark.parametrize("desk", [(SHOPS_MS, False)], indirect=True, ids=["idle"])
def test_a_key_held_down_repeats_in_the_field_and_is_no_scan(desk: Desk) -> None:
    desk.xdo("keydown", "a", "sleep", "0.9", "keyup", "a")
    state = desk.wait(lambda state: len(str(state["field"])) > 5)
    assert state["scans"] == [] and set(str(state["field"])) == {"a"}
    time.sleep(0.3)  # nobody scans with the other hand still on a key
    # without a rest between the keys: of a rest a busy machine may make more than a shop's scanner ever does
    desk.scan("6901234567892" * 2, 0, "key", "Return")
    assert desk.wait(lambda state: bool(state["scans"]))["scans"] == ["6901234567892"]


@pytest.mark.parametrize("desk", [(WIDE_MS, False)], indirect=True, ids=["idle"])
def test_regression_two_like_digits_of_a_fast_scanner(desk: Desk) -> None:
    """X11 calls a press that comes in the millisecond of the release before it an auto-repeat; "11" was cut there
    and the rest of the code typed into the field."""
    for delay_ms in (0, 1, 2):
        desk.scan(f"1122333444400{delay_ms}", delay_ms, "key", "Return")
        time.sleep(0.3)
    state = desk.wait(lambda state: len(state["scans"]) == 3)  # type: ignore[arg-type]
    assert state == {"scans": [f"1122333444400{n}" for n in range(3)], "field": ""}


@pytest.mark.skipif(shutil.which("setxkbmap") is None, reason="setxkbmap is missing")
@pytest.mark.parametrize("desk", [(WIDE_MS, False)], indirect=True, ids=["idle"])
def test_no_keyboard_layout_and_no_capslock_changes_a_code(desk: Desk) -> None:
    codes = [
        slip_code("ZYQ2026112100101", 1),
        "6901234567892",
        "QZ-77Y.a/b_W",
        "aMq:wz,",
        "0106901234567892\x1d10LOT7",
    ]
    scanned: list[str] = []
    for layout in LAYOUTS:
        desk.use_layout(layout)
        typed = json.loads(desk._out.read_text(encoding="utf-8"))["field"]
        for code in codes:
            desk.scan_keys(code)
            scanned.append(code)
            state = desk.wait(lambda state: len(state["scans"]) == len(scanned))  # type: ignore[arg-type]
            assert state == {"scans": scanned, "field": typed}
