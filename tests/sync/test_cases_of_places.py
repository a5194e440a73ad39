"""Several hub processes on one database: a station goes on at another address when its own is gone."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from app.core.qr import slip_code
from app.ports import HubAway, SignInFailed
from hub.keys import KEY_FILE
from sync.client import HubClient
from sync.places import Place, Places
from tests.helpers.databases import NewDatabase
from tests.helpers.hub import TOML, RunningHub, a_channel_order, hub_in_thread
from tests.helpers.ports import held_port
from tests.helpers.station import LiveStation
from tests.sync.conftest import a_code
from tests.sync.test_cases import knows, opens, packed_at, parcel_of, sent

#: Lines are cut on purpose here: a socket of a cut line is closed by the collector, whenever that comes.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

PATIENCE = 20.0


@contextmanager
def _two_hubs(folder: Path, db: str) -> Iterator[list[tuple[RunningHub, ExitStack]]]:
    """One shop's hubs, each to be stopped by its own stack; each names the addresses of all."""
    with ExitStack() as all_of_them:
        ports = [all_of_them.enter_context(held_port()) for _ in range(2)]
        named = ", ".join(f'"http://127.0.0.1:{port}"' for port in ports)
        toml = f"[hub]\naddresses = [{named}]\n{TOML.replace('[hub]', '')}"
        running = []
        for n, port in enumerate(ports):
            own = folder / f"hub-{n}"
            if n:
                own.mkdir()
                shutil.copy(folder / "hub-0" / KEY_FILE, own / KEY_FILE)
            stack = all_of_them.enter_context(ExitStack())
            running.append((stack.enter_context(hub_in_thread(own, toml, db=db, port=port)), stack))
        yield running


def _address(bench: LiveStation) -> str:
    client = bench.core.hub
    assert isinstance(client, HubClient)
    return client.address


def test_a_station_goes_on_at_another_process_and_loads_nothing_anew(
    tmp_path: Path, new_postgres: NewDatabase
) -> None:
    """28. Hub process gone."""
    with (
        _two_hubs(tmp_path, new_postgres()) as [(one, first), (two, _)],
        LiveStation(tmp_path / "bench") as bench,
    ):
        bench.pair(a_code(one), url=one.url)
        order = one.given(a_channel_order("T1"))
        opens(bench, order)
        sent(bench)
        assert _address(bench) == one.url
        at, epoch = bench.core.cache.shown.seq, bench.core.cache.shown.epoch
        first.close()
        bench.until(lambda: _address(bench) == two.url, "it stayed where nobody is", PATIENCE)
        assert bench.scan("SKU-1").is_ok
        bench.until(lambda: bench.core.outbox.pending_count() == 0, "acts were not sent", PATIENCE)
        assert packed_at(two, order) == [1, 0]
        new = two.given(a_channel_order("T2"))
        bench.until(lambda: bench.core.read.order(new.order_no), "not fed", PATIENCE)
        rep = two.station("service")
        assert rep.act("cancel", order.order_no, body={"reason": "buyer_request"}).outcome == "applied"
        bench.until(lambda: bench.core.packing.view().alarm, "the stop did not come", PATIENCE)
        assert bench.core.cache.shown.epoch == epoch
        assert bench.core.cache.shown.seq >= at
        assert not bench.core.status.facts.is_loading_anew
        assert bench.core.status.facts.is_online


def test_a_station_that_starts_while_its_first_hub_is_gone_knows_the_others(
    tmp_path: Path, new_postgres: NewDatabase
) -> None:
    with _two_hubs(tmp_path, new_postgres()) as [(one, first), (two, _)]:
        order = one.given(a_channel_order("T1"))
        with LiveStation(tmp_path / "bench") as bench:
            bench.pair(a_code(one), url=one.url)
            knows(bench, order)
        first.close()
        with LiveStation(tmp_path / "bench") as bench:
            bench.until(lambda: bench.core.status.facts.is_online, "it did not look elsewhere", PATIENCE)
            assert _address(bench) == two.url
            assert bench.scan(slip_code(parcel_of(order), 1)).is_ok
            bench.until(lambda: bench.core.leases.is_valid(parcel_of(order)), "no lease", PATIENCE)


def test_an_address_of_somebody_elses_hub_costs_no_copy(tmp_path: Path) -> None:
    """Only where our token was taken once may a "no" mean that we were switched off."""
    with ExitStack() as stack:
        other = stack.enter_context(hub_in_thread(tmp_path / "other"))
        with hub_in_thread(tmp_path / "hub") as hub, LiveStation(tmp_path / "bench") as bench:
            order = hub.given(a_channel_order("T1"))
            bench.pair(a_code(hub), url=hub.url)
            knows(bench, order)
            client = bench.core.hub
            assert isinstance(client, HubClient)

            async def elsewhere() -> None:
                """Before an engine asks something there, and comes back with the same answer."""
                client.also_at([other.url])
                client._places.lost(client._places.current)
                assert client.address == other.url
                with pytest.raises(HubAway):
                    await client.digest()
                assert client.address == hub.url

            bench.do(elsewhere())
            bench.until(lambda: bench.core.status.facts.is_online, "not back", PATIENCE)
            assert bench.core.read.order(order.order_no) is not None
            assert bench.core.status.facts.needs == ""


def test_with_one_address_a_no_is_a_no(tmp_path: Path) -> None:
    with hub_in_thread(tmp_path / "hub") as hub:
        client = HubClient(hub.url, "no token of theirs")

        async def ask() -> None:
            try:
                await client.digest()
            finally:
                await client.close()

        with pytest.raises(SignInFailed):
            hub.do(ask())


def test_addresses_are_taken_in_turn_and_those_not_to_be_spoken_to_are_passed_over() -> None:
    places = Places("http://127.0.0.1:1")
    first = places.current
    assert not places.lost(first), "there is no other"
    places.know(["http://127.0.0.1:1/", "http://10.0.0.9:8620", "http://localhost:2", "http://127.0.0.1:3"])
    seen = [first.url]
    for _ in range(3):
        at = places.current
        assert places.lost(at)
        assert places.lost(at), "who also met it there moves nobody a second time"
        seen.append(places.current.url)
    assert seen == ["http://127.0.0.1:1", "http://localhost:2", "http://127.0.0.1:3", "http://127.0.0.1:1"]
    places.know([])
    assert places.current is first
    assert isinstance(places.current, Place)
    assert not places.lost(first)
