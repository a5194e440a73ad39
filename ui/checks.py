"""What the doctor says of screen, font, sound and scanners on a port of their own.

It opens no window. Where the desktop cannot be reached Qt would end the whole program; asked for in a row with
"offscreen" behind, it goes on without, and the doctor says that there is no screen.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from PySide6.QtCore import qInstallMessageHandler
from PySide6.QtGui import QGuiApplication
from PySide6.QtSerialPort import QSerialPortInfo
from PySide6.QtWidgets import QApplication

from app.core.findings import Finding
from ui.resources import resource_dir
from ui.theme import FontMissing, load_fonts

#: The smallest window everything fits in: 1366 x 768 at 125 %.
_WIDTH, _HEIGHT = 1093, 614


def findings() -> list[Finding]:
    """Keeps a QApplication for the rest of the process where there is none yet."""
    with _quiet():
        app = QGuiApplication.instance() or QApplication(_arguments())
        assert isinstance(app, QGuiApplication)
        return [_screen(app), _font(), _sound(), _ports()]


@contextmanager
def _quiet() -> Iterator[None]:
    """What Qt says while it looks for screens and sound servers is for programmers."""
    before = qInstallMessageHandler(lambda *_: None)
    try:
        yield
    finally:
        qInstallMessageHandler(before)


def _arguments() -> list[str]:
    name = ["orderdock"]
    if "QT_QPA_PLATFORM" in os.environ or sys.platform != "linux":
        return name
    return [*name, "-platform", ";".join([*_desktops(), "offscreen"])]


def _desktops() -> list[str]:
    wanted = {"WAYLAND_DISPLAY": "wayland", "DISPLAY": "xcb"}
    return [platform for variable, platform in wanted.items() if os.environ.get(variable)]


def _screen(app: QGuiApplication) -> Finding:
    if app.platformName() == "offscreen":
        return Finding("screen_refused" if _desktops() else "screen_none", "warn")
    screen = app.primaryScreen()
    size, ratio = screen.size(), screen.devicePixelRatio()
    params = {
        "width": round(size.width() * ratio),
        "height": round(size.height() * ratio),
        "percent": round(ratio * 100),
    }
    fits = size.width() >= _WIDTH and size.height() >= _HEIGHT
    return Finding("screen", "ok", params) if fits else Finding("screen_small", "warn", params)


def _font() -> Finding:
    try:
        return Finding("font", "ok", {"name": load_fonts(resource_dir())})
    except FontMissing as missing:
        return Finding("font_missing", "bad", {"path": str(missing)})


def _sound() -> Finding:
    try:
        from PySide6.QtMultimedia import QMediaDevices
    except ImportError:  # its system library is missing
        return Finding("sound_library", "warn")
    outputs = QMediaDevices.audioOutputs()
    if not outputs:
        return Finding("sound_none", "warn")
    return Finding(
        "sound", "ok", {"name": QMediaDevices.defaultAudioOutput().description() or outputs[0].description()}
    )


def _ports() -> Finding:
    names = [port.portName() for port in QSerialPortInfo.availablePorts()]
    return Finding("ports", "ok", {"names": ", ".join(names)}) if names else Finding("ports_none", "ok")
