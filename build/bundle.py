"""The folder that is handed to people: dist/orderdock, with everything in it, for the system it is made on.

`make bundle` calls it with the Python of `.venv`. It needs no rights and writes to .bundle/ and dist/ only.
PyInstaller finds what is imported; this file names what is only opened or looked up by name.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import PyInstaller.__main__

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ["app", "hub", "printing", "rehearsal", "sync", "ui"]
OUT = ROOT / "dist" / "orderdock"

# Data that these packages open at run time; without it python-escpos fails in the bundle.
WITH_DATA = ["biip", "escpos", "litestar", "tzdata"]
# What these load by name: notice services, database dialects, server loops, key stores.
WITH_PARTS = ["keyring.backends", "psycopg", "uvicorn"]
# Never ours; PySide6's own parts we do not use weigh half of the folder.
WITHOUT = ["tkinter", "PySide6.QtWebEngineCore", "PySide6.QtQml", "PySide6.QtQuick", "pytest", "mypy"]


def data_files() -> Iterator[tuple[Path, str]]:
    """Each file that is opened rather than imported, and the folder it lies in inside the bundle."""
    for room in [*ROOMS, "resources"]:
        for path in sorted((ROOT / room).rglob("*")):
            folder = path.relative_to(ROOT).parent
            # Alembic reads its steps from files, also in the bundle.
            is_opened = path.suffix not in {".py", ".pyc"} or (
                path.suffix == ".py" and "migrations" in folder.parts
            )
            if path.is_file() and is_opened:
                yield path, folder.as_posix()


def options() -> list[str]:
    """PyInstaller's command line."""
    words = ["--noconfirm", "--clean", "--onedir", "--name", "orderdock", "--log-level", "WARN"]
    words += [
        "--distpath",
        str(OUT.parent),
        "--workpath",
        str(ROOT / ".bundle"),
        "--specpath",
        str(ROOT / ".bundle"),
    ]
    words += ["--paths", str(ROOT)]
    if sys.platform == "win32":
        # One program for windows and for the command line: the console goes away when nobody typed there.
        words += ["--console", "--hide-console", "hide-late"]
    for path, folder in data_files():
        words += ["--add-data", f"{path}{os.pathsep}{folder}"]
    for room in [*ROOMS, *WITH_PARTS]:
        words += ["--collect-submodules", room]
    for package in WITH_DATA:
        words += ["--collect-data", package]
    for module in WITHOUT:
        words += ["--exclude-module", module]
    return [*words, str(ROOT / "main.py")]


def check() -> int:
    """Starts what was made."""
    program = OUT / ("orderdock.exe" if sys.platform == "win32" else "orderdock")
    env = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    return subprocess.call([str(program), "--help"], env=env, stdout=subprocess.DEVNULL)


def main() -> int:
    """Exit status 0 when the folder stands and starts, 1 when something it needs is not there."""
    if sys.platform == "linux" and shutil.which("objdump") is None:
        print("bundle: please run: sudo apt-get install -y --no-install-recommends binutils")
        return 1
    PyInstaller.__main__.run(options())
    status = check()
    print(f"bundle: {OUT}" if status == 0 else f"bundle: {OUT} does not start")
    return 0 if status == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
