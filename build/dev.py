"""The commands behind Makefile, setup.ps1 and .ci/run.

python build/dev.py setup|run|test|check|bench|sim|soak|kill|bundle|lock

What comes after the command is handed on: `python build/dev.py test tests/core -k cancel`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, NamedTuple

import machine
from machine import PYTHON, ROOT, VENV, WINDOWS, say

BUILD = ROOT / "build"
LINTED = [
    "app",
    "benchmarks",
    "build",
    "commands.py",
    "hub",
    "main.py",
    "printing",
    "rehearsal",
    "sync",
    "tests",
    "ui",
]
# Python reports each open() without an encoding; programs under test stay as people run them.
PYTEST = ["-X", "warn_default_encoding", "-m", "pytest"]
# Tests of one file stay together: what they share is made once. One worker more than there are cores: many wait.
# Which file is begun first is said in tests/conftest.py.
SPREAD = ["-n", str(min((os.cpu_count() or 1) + 1, 8)), "--dist", "loadscope", "--no-loadscope-reorder"]
_COLOURS = ["--color=yes"] if sys.stdout.isatty() else []
#: What tests and the programs they start import; pytest compiles the tests themselves.
COMPILED = [
    "app",
    "benchmarks",
    "hub",
    "main.py",
    "commands.py",
    "printing",
    "rehearsal",
    "sync",
    "tests/helpers",
    "tests/sim",
    "ui",
]
PYTHONS = ["3.11", "3.12", "3.13", "3.14"]


def call(command: Sequence[object], env: dict[str, str] | None = None) -> int:
    """Runs a command from the project's folder, in sight; its exit status, 130 when interrupted."""
    try:
        return subprocess.call([str(part) for part in command], cwd=str(ROOT), env=env)
    except KeyboardInterrupt:
        return 130


def python(*arguments: object, env: dict[str, str] | None = None) -> int:
    """Runs the Python of `.venv`."""
    return call([PYTHON, *arguments], env)


# -------------------------------------------------------------------------------------------------- commands


def setup(rest: list[str]) -> int:
    """Makes this machine ready."""
    machine.ready(for_tests=not WINDOWS)
    return 0


def run(rest: list[str]) -> int:
    """The main job on embedded defaults: windows where there is a screen, else the scripted shift."""
    machine.ready(for_tests=False)
    return python("main.py", "demo", *(["--live"] if has_screen() else []), *rest)


def has_screen() -> bool:
    """Whether windows can be shown here."""
    return sys.platform != "linux" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def test(rest: list[str]) -> int:
    """The tests marked `gbk` under a Chinese code page beside the whole suite; with arguments only those.

    The whole suite comes last: what pytest says at its end is the last line.
    """
    machine.ready(for_tests=not WINDOWS)
    env = _keeping_compiled()
    if rest:
        return python(*PYTEST, *rest, env=env)
    # Once here, not in each worker and each program that a test starts.
    python("-m", "compileall", "-q", "-j", "0", *COMPILED, env=env)
    with tempfile.TemporaryDirectory(prefix="orderdock-") as folder, Path(folder, "said").open("w+b") as said:
        under_gbk = _start_under_gbk(env, Path(folder), said)
        whole = _run_but_last_line([PYTHON, *PYTEST, *SPREAD, *_COLOURS], env)
        if under_gbk is not None:
            under_gbk.wait()
            said.seek(0)
            say(
                "test: tests marked gbk, under zh_CN.GBK\n"
                + said.read().decode("gb18030", "replace").rstrip()
            )
    _hand_on(whole.last_line)
    return whole.status or (under_gbk.returncode if under_gbk is not None else 0)


def check(rest: list[str]) -> int:
    """Lint, types, floors, and a Windows wheel for every pin. All are tried; 1 if one fails."""
    machine.ready(for_tests=not WINDOWS)
    linted = [name for name in LINTED if (ROOT / name).exists()]
    steps: list[tuple] = [
        ("lint", lambda: python("-m", "ruff", "check", *linted)),
        ("format", lambda: python("-m", "ruff", "format", "--check", *linted)),
        ("types", lambda: python("-m", "mypy")),
        (
            "floors",
            lambda: python("-c", "from importlinter.cli import lint_imports_command as c; c(['--no-logo'])"),
        ),
        ("Windows wheels", windows_wheels),
    ]
    failed = [name for name, step in steps if _step(name, step) != 0]
    say("check: " + ("failed: " + ", ".join(failed) if failed else "all well"))
    return 1 if failed else 0


def _step(name: str, step: Callable[[], int]) -> int:
    say(f"check: {name}")
    return step()


def bench(rest: list[str]) -> int:
    """The benchmarks, each against its reference in the same run."""
    machine.ready(for_tests=False)
    return python("-m", "benchmarks", *rest)


def sim(rest: list[str]) -> int:
    """The seeded world by itself: `make sim SEEDS=10000` runs so many, `make sim SEED=123` shows one."""
    machine.ready(for_tests=not WINDOWS)
    if seed := os.environ.get("SEED"):
        rest = ["--seed", seed, "--trace", *rest]
    elif seeds := os.environ.get("SEEDS"):
        rest = ["--seeds", seeds, *rest]
    return python("-m", "tests.sim", *rest)


def soak(rest: list[str]) -> int:
    """A hub and stations at 110 % of their load, with faults: `make soak MINUTES=30`."""
    machine.ready(for_tests=False)
    if minutes := os.environ.get("MINUTES"):
        rest = ["--minutes", minutes, *rest]
    return python("-m", "rehearsal.soak", *rest)


def kill(rest: list[str]) -> int:
    """Real processes killed at work, and nothing lost: `make kill TIMES=200`, with SEED=7 the same ones again."""
    machine.ready(for_tests=not WINDOWS)
    asked = [
        word
        for name in ("TIMES", "SEED")
        if os.environ.get(name)
        for word in (f"--{name.lower()}", os.environ[name])
    ]
    return python("-m", "tests.kill", *asked, *rest)


def bundle(rest: list[str]) -> int:
    """The folder that is handed to people, for this system."""
    machine.ready(for_tests=False)
    return python(BUILD / "bundle.py", *rest)


def lock(rest: list[str]) -> int:
    """Writes the two hashed locks from the two lists; pins stay unless `--upgrade` is handed on."""
    machine.ready(for_tests=False)
    compile_ = ["-m", "uv", "pip", "compile", "--quiet", "--universal", "--python-version", PYTHONS[0]]
    compile_ += ["--generate-hashes", "--no-emit-index-url", "--custom-compile-command", "make lock"]
    for name in ("requirements", "requirements-dev"):
        status = python(*compile_, "-o", f"build/{name}.txt", f"build/{name}.in", *rest)
        if status != 0:
            return status
    return 0


# ----------------------------------------------------------------------------------------------------- parts


def _keeping_compiled() -> dict[str, str]:
    """The surroundings of tests: what was compiled is kept and found again, whatever the shell says of it."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


class Said(NamedTuple):
    """How a command ended, and the line that it said last."""

    status: int
    last_line: bytes


def _run_but_last_line(command: Sequence[object], env: dict[str, str]) -> Said:
    """Runs a command in sight, but keeps its last line back."""
    held = b""
    with subprocess.Popen(
        [str(part) for part in command],
        cwd=str(ROOT),
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as running:
        assert running.stdout is not None
        for line in running.stdout:
            _hand_on(held)
            held = line
    return Said(running.returncode, held)


def _hand_on(line: bytes) -> None:
    sys.stdout.buffer.write(line)
    sys.stdout.flush()


def _start_under_gbk(env: dict[str, str], folder: Path, said: IO[bytes]) -> subprocess.Popen[bytes] | None:
    """The tests marked `gbk` as a Chinese Windows would run them: file names are Unicode, everything else is GBK.

    `tests/helpers/gbk/sitecustomize.py` switches every Python started from there; TMPDIR, in `folder`, has a
    blank and Chinese in it. They wait more than they work, so they run beside others. None where they cannot be run.
    """
    if WINDOWS:
        return None  # the machine's own code page is tested by the whole suite
    locales = VENV / "locales"
    if not _make_gbk_locale(locales):
        say("test: the run under zh_CN.GBK is skipped: this system has no locale sources (package `locales`)")
        return None
    temporary = folder / "张 三"
    temporary.mkdir()
    chinese = dict(
        env,
        LC_ALL="C.UTF-8",
        LOCPATH=str(locales),
        ORDERDOCK_TEST_LOCALE="zh_CN.GBK",
        PYTHONPATH=str(ROOT / "tests" / "helpers" / "gbk"),
        PYTHONUTF8="0",
        PYTHONCOERCECLOCALE="0",
        TMPDIR=str(temporary),
    )
    return subprocess.Popen(
        [str(PYTHON), *PYTEST, "-m", "gbk", "--durations=0", "--durations-min=5", *_marked_gbk()],
        cwd=str(ROOT),
        env=chinese,
        stdout=said,
        stderr=subprocess.STDOUT,
    )


def _marked_gbk() -> list[str]:
    """The files in which a test is marked so: looking through all the others would take as long as the tests."""
    files = sorted((ROOT / "tests").rglob("test_*.py"))
    return [str(file) for file in files if "mark.gbk" in file.read_text(encoding="utf-8")]


def _make_gbk_locale(folder: Path) -> bool:
    """Builds zh_CN.GBK for ourselves, where the sources of locales are installed; needs no rights."""
    if not (folder / "zh_CN.GBK").exists():
        folder.mkdir(exist_ok=True)
        made = folder / "new"
        command = ["localedef", "-i", "zh_CN", "-f", "GBK", str(made)]
        try:
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            made.rename(folder / "zh_CN.GBK")
        except (OSError, subprocess.CalledProcessError):
            return False
    return True


def windows_wheels() -> int:
    """Every pin that Windows needs (uvloop is none) has a wheel for it, for each Python we promise."""
    for version in PYTHONS:
        command = ["-m", "uv", "pip", "compile", "--quiet", "--no-deps", "--only-binary", ":all:"]
        command += ["--python-platform", "x86_64-pc-windows-msvc", "--python-version", version]
        command += ["-o", os.devnull, "build/requirements-dev.txt"]
        if python(*command) != 0:
            say(f"check: no Windows wheel of a pin for Python {version}, or the registry was not reached")
            return 1
    return 0


COMMANDS: dict[str, Callable[[list[str]], int]] = {
    command.__name__: command for command in (setup, run, test, check, bench, sim, soak, kill, bundle, lock)
}


def main(arguments: list[str]) -> int:
    """Exit status 2 for wrong use, else the command's own."""
    if not arguments or arguments[0] not in COMMANDS:
        say(__doc__ or "")
        return 2
    try:
        return COMMANDS[arguments[0]](arguments[1:])
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
