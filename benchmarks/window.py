"""A real station window for a benchmark, offscreen, turned by hand: the very parts that main.py joins."""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

os.environ["QT_QPA_PLATFORM"] = "offscreen"
os.environ.setdefault("QT_LOGGING_RULES", "qt.multimedia.*=false")

from PySide6.QtCore import QCoreApplication, QEvent, QEventLoop, QObject, Qt, QTimer, qInstallMessageHandler
from PySide6.QtGui import QColor, QKeyEvent
from PySide6.QtWidgets import QApplication, QWidget

from app import wire
from app.core.order import LeaseStep
from app.desktop import joint
from app.ports import Engine, HubApi
from app.store.link import LinkParts
from ui.app import build_station
from ui.garbage import WindowGarbage
from ui.joint import Joint
from ui.station import Station

WIDTH, HEIGHT = 1366, 768


def application() -> QApplication:
    """The one application of this process."""
    app = QApplication.instance()
    if not isinstance(app, QApplication):
        qInstallMessageHandler(lambda *_: None)  # that there is no loudspeaker here
        app = QApplication(["orderdock"])
    return app


def opened(folder: Path, joined: Joint | None = None, kind: wire.StationKind = "packing") -> Station:
    """A station on its data folder, its window shown and painted."""
    station = build_station(application(), joined or joint(), kind, folder, lang="zh")
    station.open()
    station.window.resize(WIDTH, HEIGHT)
    turn_until(lambda: station.window.isVisible(), 10)
    idle(0.2)
    gc.collect()
    WindowGarbage(station.window).begin()  # as the program does once its window stands
    return station


def turn() -> None:
    """One turn of the event loop: keys, timers, paint."""
    QApplication.processEvents(QEventLoop.ProcessEventsFlag.AllEvents)


def turn_until(is_so: Callable[[], bool], seconds: float) -> bool:
    """Turns the event loop as it turns itself, asleep until something comes, until something is so.

    False when it was not in time. ``is_so`` is asked after each turn, every 5 ms at least.
    """
    end = time.perf_counter() + seconds
    wakes = QTimer(timerType=Qt.TimerType.PreciseTimer)
    wakes.start(5)
    try:
        while not is_so():
            if time.perf_counter() > end:
                return False
            # with a limit of its own it would not sleep at all, and hold up every thread beside it
            QApplication.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents)
        return True
    finally:
        wakes.stop()


def idle(seconds: float) -> None:
    """What a person does between two scans: nothing, while the window lives on."""
    turn_until(lambda: False, seconds)


def type_code(station: Station, text: str) -> float:
    """The keys of a scanner, 2 ms apart by their own stamps, its Enter left in the queue of events.

    Gives the moment (perf_counter) the Enter was put there.
    """
    handle = station.window.windowHandle()
    stamp = round(time.monotonic() * 1000)
    for n, char in enumerate(text):
        for kind in (QEvent.Type.KeyPress, QEvent.Type.KeyRelease):
            QCoreApplication.sendEvent(handle, _key(kind, ord(char), char, stamp + 2 * n))
    enter = _key(QEvent.Type.KeyPress, Qt.Key.Key_Return, "\r", stamp + 2 * len(text))
    began = time.perf_counter()
    QCoreApplication.postEvent(handle, enter)
    return began


def _key(kind: QEvent.Type, key: int, char: str, stamp: int) -> QKeyEvent:
    event = QKeyEvent(kind, key, Qt.KeyboardModifier.NoModifier, char)
    event.setTimestamp(stamp)
    return event


class PaintWatch(QObject):
    """Notes when a window had painted each of some of its parts anew and handed the picture to the screen.

    ``at`` holds these moments (perf_counter) in the order of the parts, 0.0 before them.
    """

    def __init__(self, window: QWidget, *parts: QWidget) -> None:
        super().__init__()
        self.at = [0.0 for _ in parts]
        self._window, self._parts = window, parts
        self._painted: set[int] = set()
        for widget in (window, *parts):
            widget.installEventFilter(self)

    def stop(self) -> None:
        for widget in (self._window, *self._parts):
            widget.removeEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Paint and watched in self._parts:
            self._painted.add(self._parts.index(watched))
        if event.type() == QEvent.Type.UpdateRequest and watched is self._window:
            self._window.event(event)  # paints all that is stale, and hands the picture over
            now = time.perf_counter()
            self.at = [at or (now if n in self._painted else 0.0) for n, at in enumerate(self.at)]
            return True
        return False


def is_red(colour: QColor) -> bool:
    """Red as the alarm is, light or deep end of its pulse."""
    return colour.red() > 110 and colour.green() < 70 and colour.blue() < 70


class NearHub(HubApi):
    """A link whose hub is always there and always says yes, at once: what is measured is the station alone.

    It answers what a bench asks while it packs; whatever else the hub can do, no benchmark asks of it.
    """

    def __init__(self, parts: LinkParts) -> None:
        parts.status.heard(parts.clock.now())
        self.hub = self
        self.engines: Sequence[Engine] = ()

    def push_soon(self) -> None:
        """What was recorded waits, as on a bench whose hub is busy."""

    async def close(self) -> None:
        """Nothing to let go of."""

    async def me(self) -> wire.Me:
        return wire.Me(user="", role="packer", acts=[], screens=["packing"], mask="floor")

    async def my_day(self) -> wire.MyDay:
        return wire.MyDay(day="", user="", seq=0)

    async def go_check(self, parcel_no: str, step: LeaseStep, timeout_s: float) -> wire.GoAnswer:
        return wire.GoAnswer(ok=True, seq=0)

    async def leases(self, ask: wire.LeaseAsk) -> list[wire.LeaseAnswer]:
        return [wire.LeaseAnswer(parcel_no=no, granted=True, seconds=3600) for no in ask.parcel_nos]


def near(hub_url: str, token: str, parts: LinkParts, ca_pem: str = "") -> NearHub:
    """Connects a station to such a hub."""
    return NearHub(parts)  # type: ignore[abstract]  # what no benchmark asks of it is left out on purpose
