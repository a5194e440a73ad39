"""The guards of conftest.py do guard."""

from __future__ import annotations

import logging
import socket
import threading
from pathlib import Path

import pytest
import structlog

from tests.conftest import LONG
from tests.helpers import logfail, network


def test_the_long_files_that_are_begun_first_are_there() -> None:
    assert [name for name in LONG if not (Path(__file__).parent.parent / name).is_file()] == []


def test_another_machine_cannot_be_reached() -> None:
    with pytest.raises(network.NetworkUsed):
        socket.create_connection(("192.0.2.1", 80), timeout=0.2)
    with pytest.raises(network.NetworkUsed):
        socket.getaddrinfo("example.com", 80)
    assert len(network.attempts) == 2
    network.attempts.clear()


def test_this_machine_can_be_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname()).close()


@pytest.mark.logs("printer away")
def test_an_announced_warning_passes() -> None:
    logging.getLogger("x").warning("printer away: %s", "P1")


def test_a_warning_from_structlog_in_a_thread_is_seen(request: pytest.FixtureRequest) -> None:
    watch = request.node.stash[logfail._KEY]
    thread = threading.Thread(target=lambda: structlog.get_logger("hub").warning("disk slow", ms=900))
    thread.start()
    thread.join()
    assert watch.trouble() == ["unannounced log: WARNING hub: event='disk slow' ms=900"]
    watch.records.clear()


def test_an_announced_warning_that_never_comes_is_trouble() -> None:
    watch = logfail.LogWatch(patience_s=0.1)
    watch.announce("never")
    assert watch.trouble() == ["announced but never logged: 'never'"]
