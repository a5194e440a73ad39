"""The honest strip (L18) and what waits at a bench without its hub (C38), with a real hub, wire and printer."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from PySide6.QtWidgets import QApplication

from app.core.order import Order
from app.desktop import SlipPrinters
from app.store.status import SyncState
from rehearsal.printer import Fault, StandInPrinter
from tests.helpers.hub import RunningHub
from tests.helpers.proxy import FaultyProxy
from tests.helpers.station import LiveStation
from tests.sync.conftest import Station
from tests.sync.test_cases import knows, opens, packed_at, sent

#: Looks with 10 ms between them: two seconds, and as much longer as a busy machine takes with everything.
SHOWS_WITHIN_LOOKS = 200
#: At most 12 s of silence, and the patience of a busy machine.
VERDICT_S = 30


def keys(bench: LiveStation) -> dict[str, dict[str, str]]:
    return {item.key: item.params for item in bench.core.strip(bench.clock.now())}


@contextmanager
def in_time(what: str) -> Iterator[Callable[[Callable[[], object]], None]]:
    """``wait(is_so)`` inside: it has to be so within two seconds from here."""
    left = SHOWS_WITHIN_LOOKS

    def wait(is_so: Callable[[], object]) -> None:
        nonlocal left
        while not is_so():
            assert left, what
            left -= 1
            time.sleep(0.01)

    yield wait


def test_a_hub_that_goes_is_said_within_two_seconds_and_its_return_by_itself(
    station: Station, proxy: FaultyProxy, order: Order
) -> None:
    bench = station(url=proxy.url)
    knows(bench, order)
    bench.until(lambda: set(keys(bench)) == {"fresh_now", "nothing_waiting"}, "never fresh")
    proxy.cut()
    with in_time("offline was not said") as wait:
        wait(lambda: "offline_calm" in keys(bench))
    proxy.heal()
    bench.until(lambda: "fresh_now" in keys(bench), "the return was not said")


def test_a_line_that_is_open_and_says_nothing_is_found_out_and_a_stop_behind_it_arrives_by_itself(
    hub: RunningHub, station: Station, proxy: FaultyProxy, order: Order
) -> None:
    """D8: as after roaming, connections stay open and nothing comes; the verdict falls in seconds."""
    bench = station(url=proxy.url)
    opens(bench, order)
    proxy.mute()
    rep = hub.person("cs_rep")
    assert rep.act("cancel", order.order_no, body={"reason": "buyer_request"}).outcome == "applied"
    bench.until(lambda: not bench.core.status.facts.is_online, "nobody noticed the silence", VERDICT_S)
    assert "fresh_now" not in keys(bench)
    proxy.heal()
    bench.until(lambda: bench.core.packing.view().alarm, "the stop did not come", VERDICT_S)
    bench.until(lambda: "fresh_now" in keys(bench), "the return was not said", VERDICT_S)


def test_scans_made_offline_are_shown_as_waiting_and_go_by_themselves(
    hub: RunningHub, station: Station, proxy: FaultyProxy, order: Order
) -> None:
    """C38: count and age are shown, nothing is called done at the hub, and no further scan is needed."""
    bench = station(url=proxy.url)
    opens(bench, order)
    sent(bench)
    proxy.cut()
    bench.until(lambda: bench.core.status.facts.state is SyncState.offline, "still online")
    assert bench.scan("SKU-1").is_ok
    assert bench.scan("SKU-2").is_ok
    said = keys(bench)
    assert said["offline"]["n"] == "2" and said["waiting"] == {"n": "2"}
    time.sleep(0.6)  # long enough for a try that fails: it has to be made again without a further scan
    assert packed_at(hub, order) == [0, 0]
    later = {item.key: item.params for item in bench.core.strip(bench.clock.now() + timedelta(minutes=3))}
    assert later["waiting_old"]["n"] == "2" and int(later["waiting_old"]["seconds"]) >= 180
    proxy.heal()
    sent(bench)
    assert packed_at(hub, order) == [1, 1]
    bench.until(lambda: set(keys(bench)) == {"fresh_now", "nothing_waiting"}, "the strip did not clear")


@pytest.mark.parametrize(
    ("breaks", "mends", "state"),
    [
        (
            lambda p: p.break_down(Fault.paper_out),
            lambda p: p.mend(Fault.paper_out),
            "paper_out",
        ),
        (
            lambda p: p.break_down(Fault.cover_open),
            lambda p: p.mend(Fault.cover_open),
            "cover_open",
        ),
        (lambda p: p.switch_off(), lambda p: p.switch_on(), "offline"),
    ],
    ids=["paper", "cover", "off"],
)
def test_a_printer_in_trouble_is_said_within_two_seconds_also_when_nothing_is_to_be_printed(
    qapp: QApplication,
    station: Station,
    breaks: Callable[[StandInPrinter], None],
    mends: Callable[[StandInPrinter], None],
    state: str,
) -> None:
    bench = station()
    with StandInPrinter() as device:
        printers = SlipPrinters(bench.core, bench.clock)
        printers.use(f"tcp:127.0.0.1:{device.port}")
        for engine in printers.engines():
            bench.loop.step_for_ever(engine, bench.clock)
        bench.until(lambda: keys(bench).get("printer", {}).get("state") == "ready", "no printer on the strip")
        breaks(device)
        with in_time(f"{state} was not said") as wait:
            wait(lambda: keys(bench)["printer"]["state"] == state)
        mends(device)
        bench.until(lambda: keys(bench)["printer"]["state"] == "ready", "the mended printer was not said")
