"""Garbage is collected, and in the window's thread alone: PySide does not bear anything else."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from collections.abc import Iterator

import pytest
from pytestqt.qtbot import QtBot

from ui.garbage import WindowGarbage


class Knot:
    """Something that only the collector can free: it holds itself."""

    def __init__(self, died: list[threading.Thread]) -> None:
        self.me = self
        weakref.finalize(self, lambda: died.append(threading.current_thread()))


@pytest.fixture
def garbage() -> Iterator[WindowGarbage]:
    """Collects 100 times as often as in the program."""
    made = WindowGarbage()
    made._timer.setInterval(5)
    made.begin()
    yield made
    made.end()


def test_what_the_background_leaves_is_collected_in_the_windows_thread(
    qtbot: QtBot, garbage: WindowGarbage
) -> None:
    died: list[threading.Thread] = []
    busy = threading.Event()

    def work() -> None:
        while not busy.is_set():
            for _ in range(50):
                Knot(died)
            time.sleep(0.001)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        qtbot.waitUntil(lambda: len(died) > 3000, timeout=15_000)
    finally:
        busy.set()
        thread.join()
    assert set(died) == {threading.main_thread()}


def test_older_garbage_is_collected_too(qtbot: QtBot, garbage: WindowGarbage) -> None:
    died: list[threading.Thread] = []
    old = [Knot(died) for _ in range(2000)]
    gc.collect(0)
    gc.collect(1)
    old.clear()
    garbage._since_full = 1000
    kept: list[list[int]] = []

    def all_dead() -> bool:
        kept.extend([] for _ in range(1000))
        return len(died) == 2000

    qtbot.waitUntil(all_dead, timeout=15_000)
