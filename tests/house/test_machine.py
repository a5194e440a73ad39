"""After `make setup` nothing is missing: every package loads, and so does Qt's way to a real screen."""

from __future__ import annotations

import ctypes
import subprocess
import sys
from pathlib import Path

import PySide6
import pytest

PACKAGES = [
    "alembic.command",
    "apscheduler.schedulers.background",
    "argon2",
    "cryptography.hazmat.primitives.ciphers.aead",
    "cv2",
    "escpos.printer",
    "httptools",
    "httpx",
    "httpx_sse",
    "keyring",
    "litestar",
    "msgspec",
    "numpy",
    "openpyxl",
    "PIL.Image",
    "platformdirs",
    "prometheus_client",
    "psycopg",
    "python_calamine",
    "pyzbar.pyzbar",
    "qrcode",
    "sqlalchemy",
    "structlog",
    "typer",
    "tzdata",
    "uvicorn",
    "xlsxwriter",
    "zstandard",
    "zxingcpp",
    "PySide6.QtCharts",
    "PySide6.QtMultimedia",
    "PySide6.QtPrintSupport",
    "PySide6.QtSerialPort",
    "PySide6.QtSvg",
    "PySide6.QtTextToSpeech",
    "PySide6.QtWidgets",
]


def test_every_package_loads_without_a_warning() -> None:
    """In a process of its own, so that what other tests have loaded hides nothing."""
    program = f"import importlib\nfor name in {PACKAGES}: importlib.import_module(name)"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="the X server is a matter of Linux")
def test_the_way_to_a_real_screen_has_all_its_libraries() -> None:
    """Without one of them Qt says no more than that it found xcb and could not load it."""
    ctypes.CDLL(str(Path(PySide6.__file__).parent / "Qt" / "plugins" / "platforms" / "libqxcb.so"))
