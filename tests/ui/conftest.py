"""One application, one kit in Chinese and light: tests switch what they need and it is switched back."""

from __future__ import annotations

from collections.abc import Iterator
from zoneinfo import ZoneInfo

import pytest
from PySide6.QtWidgets import QApplication

from tests.helpers.qt import FixedClock, delete_closed_windows
from ui.kit import Kit, make_kit
from ui.resources import resource_dir


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "sound: starts a sound server of its own and listens to it")


@pytest.fixture(autouse=True)
def _closed_windows_are_gone() -> Iterator[None]:
    """What a test closed is deleted before the next one begins: it would be dressed anew with each change of style."""
    yield
    delete_closed_windows()


@pytest.fixture(scope="session")
def _session_kit(qapp: QApplication) -> tuple[Kit, FixedClock]:
    clock = FixedClock()
    return make_kit(qapp, resource_dir(), clock), clock


@pytest.fixture
def kit(_session_kit: tuple[Kit, FixedClock]) -> Iterator[Kit]:
    made = _session_kit[0]
    yield made
    made.i18n.switch("zh")
    made.i18n.move(ZoneInfo("Asia/Shanghai"))
    made.theme.set_mode("light")
    made.theme.set_scale(1.0)


@pytest.fixture
def kit_clock(_session_kit: tuple[Kit, FixedClock]) -> FixedClock:
    """The clock of `kit`: it stands until moved."""
    return _session_kit[1]
