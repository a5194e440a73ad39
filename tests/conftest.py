"""What holds for every test: no screen, no network but loopback, no unannounced warning in a log.

`ORDERDOCK_TEST_LOCALE` names a locale to run under (see build/dev.py); HYPOTHESIS_PROFILE=long tries harder.
"""

from __future__ import annotations

import gc
import locale
import os
import sys
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

# Before anything imports Qt. Tests that want a real X server start one and tell a child process to use it.
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("QT_LOGGING_RULES", "qt.multimedia.*=false")
# Keyrings, sound servers and input methods of the developer's own desktop are no part of a test.
os.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.null.Keyring"
os.environ["QT_IM_MODULE"] = "compose"

import hypothesis
import pytest

from tests.helpers import network

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

# What is read in stays for the whole run: looking for rubbish in it, again and again, took as long as reading it in.
gc.disable()

#: Files that take long though they hold few tests, longest first. Begun last, one of them would run on alone.
LONG = (
    "e2e/test_demo.py",
    "sim/test_short.py",
    "sim/test_sim.py",
    "hub/test_main.py",
    "kill/test_kill.py",
    "hub/connectors/line/test_line.py",
    "e2e/test_doctor.py",
    "rows/test_scale.py",
    "hub/connectors/file/test_real_orders.py",
    "sync/test_cases.py",
    "rows/test_intake.py",
    "house/test_rules.py",
    "ui/screens/test_promises.py",
    "hub/api/test_sign_on.py",
    "ui/screens/test_desks.py",
    "ui/screens/test_import.py",
    "hub/connectors/douyin/test_on_the_line.py",
    "hub/backups/test_backup.py",
    "ui/screens/test_rights.py",
    "hub/api/test_acts_and_feed.py",
    "hub/api/test_description.py",
    "printing/test_raster.py",
    "sync/test_upload.py",
    "e2e/test_station_start.py",
    "ui/screens/test_ops_buttons.py",
    "rows/test_clock_and_disk.py",
    "hub/connectors/pdd/test_on_the_line.py",
    "sync/test_restore.py",
    "ui/test_sounds.py",
    "rows/test_strip.py",
    "ui/screens/test_courier_ask.py",
    "rows/test_sweep.py",
    "ui/test_scanner_x11.py",
    "benchmarks/test_run.py",
)

PATIENCE_MS = 20_000

pytest_plugins = ["tests.helpers.databases", "tests.helpers.logfail"]

_common = {
    "deadline": None,  # a busy machine is no fault of ours
    "print_blob": True,
    "suppress_health_check": [hypothesis.HealthCheck.too_slow],
    # Not "explain": it made the search for a short example outlast the time limit, and then nothing was told at all.
    "phases": [p for p in hypothesis.Phase if p is not hypothesis.Phase.explain],
}
# Every run tries the same examples: what has passed once does not fail by chance. "long" looks for new ones.
hypothesis.settings.register_profile("house", max_examples=100, derandomize=True, **_common)  # type: ignore[arg-type]
hypothesis.settings.register_profile("long", max_examples=3000, **_common)  # type: ignore[arg-type]
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "house"))


def pytest_configure(config: pytest.Config) -> None:
    network.forbid_all_but_loopback()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files in the order they are handed to workers: the long ones, then by how much is in them. Within a file nothing
    moves."""
    tests = Path(__file__).parent
    rank = {tests / name: place for place, name in enumerate(LONG)}
    held = Counter(item.path for item in items)
    items.sort(key=lambda item: (rank.get(item.path, len(rank)), -held[item.path], str(item.path)))


def pytest_collection_finish(session: pytest.Session) -> None:
    """From here on rubbish is collected again, among what the tests themselves make."""
    gc.freeze()
    gc.enable()


@pytest.fixture(autouse=True)
def _no_network() -> Iterator[None]:
    """Fails a test that reached beyond this machine, even where the code under test swallowed the error."""
    network.attempts.clear()
    yield
    if network.attempts:
        pytest.fail("reached for the network: " + ", ".join(network.attempts), pytrace=False)


@pytest.fixture(autouse=True)
def _asked_locale() -> None:
    """Qt switches a process without UTF-8 to C.UTF-8, Windows never does: go back before each test."""
    if (asked := os.environ.get("ORDERDOCK_TEST_LOCALE")) and sys.platform != "win32":
        locale.setlocale(locale.LC_ALL, asked)


@pytest.fixture(autouse=True)
def _windows_die_in_their_own_thread(request: pytest.FixtureRequest) -> Iterator[None]:
    """As in the program (ui.garbage): what a test of windows leaves is not collected by a thread that works beside it.

    What is left after that is looked through no more: the next test does not pay for it.
    """
    if "qapp" not in request.fixturenames:
        yield
        return
    gc.disable()
    yield
    gc.collect()
    gc.freeze()
    gc.enable()


@pytest.fixture
def qtbot(qtbot: QtBot) -> QtBot:
    """Its waits have room for a busy machine where a test says nothing of it; its own five seconds have not."""
    for name in ("waitUntil", "waitSignal", "waitSignals", "waitActive", "waitExposed"):
        setattr(qtbot, name, partial(getattr(qtbot, name), timeout=PATIENCE_MS))
    return qtbot


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Async tests (`@pytest.mark.anyio`) run on asyncio, as the program does."""
    return "asyncio"
