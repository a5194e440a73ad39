"""A bench judges alone as its hub would (design 3.5): what hub.toml says, changed at a restart, with a real hub."""

from __future__ import annotations

from pathlib import Path

from app.core.qr import command_code, slip_code
from app.core.reasons import Reason
from app.station.outcome import Done
from tests.helpers.hub import TOML, a_channel_order, hub_in_thread
from tests.helpers.ports import held_port
from tests.helpers.station import LiveStation
from tests.sync.conftest import a_code
from tests.sync.test_cases import knows, opens, parcel_of, sent

CLOSED_IS_GONE = (
    '[hub]\ntimezone = "Asia/Tokyo"\ncountdown_s = 40\nlease_min = 20\n\n'
    '[[warehouse]]\nid = "main"\nlast_gate = "close"\n\n'
)


def alone(bench: LiveStation) -> None:
    bench.until(lambda: not bench.core.status.facts.is_online, "still online")


def test_a_changed_rule_of_hub_toml_is_what_the_bench_acts_by_without_its_hub(tmp_path: Path) -> None:
    with held_port() as port, LiveStation(tmp_path / "站", f"http://127.0.0.1:{port}") as bench:
        with hub_in_thread(tmp_path / "hub", TOML, port=port) as hub:
            box, later = (
                hub.given(a_channel_order("T-1", lines=1)),
                hub.given(a_channel_order("T-2", lines=1)),
            )
            bench.pair(a_code(hub))
            opens(bench, box)
            assert bench.core.leases.left_s(parcel_of(box)) > 20 * 60
            bench.scan("SKU-1")
            assert bench.scan(command_code("CLOSE")).done is Done.closed
            sent(bench)
            knows(bench, later)
            assert bench.core.zone().key == "Asia/Shanghai"
        alone(bench)
        bench.scan(command_code("HANDOVER"))
        assert bench.scan(slip_code(parcel_of(box), 1)).reason is Reason.hub_unreachable

        with hub_in_thread(tmp_path / "hub", CLOSED_IS_GONE + TOML, port=port):
            bench.until(lambda: bench.core.zone().key == "Asia/Tokyo", "the rules were not fed")
            bench.scan(command_code("PACKING"))
            opens(bench, later)
            assert 0 < bench.core.leases.left_s(parcel_of(later)) <= 20 * 60
            sent(bench)
        alone(bench)
        bench.scan(command_code("HANDOVER"))
        assert bench.scan(slip_code(parcel_of(later), 1)).reason is Reason.not_packed
        assert bench.scan(slip_code(parcel_of(box), 1)).done is Done.handed_over


def test_the_rules_of_its_hub_stay_with_a_bench_that_starts_without_it(tmp_path: Path) -> None:
    with hub_in_thread(tmp_path / "hub", CLOSED_IS_GONE + TOML) as hub:
        with LiveStation(tmp_path / "站", hub.url) as bench:
            bench.pair(a_code(hub))
            bench.until(lambda: bench.core.zone().key == "Asia/Tokyo", "the rules were not fed")
        first = [c.key for c in hub.admin().changes().changes if c.kind == "setting"]
        assert first == ["rules:main"]
    with LiveStation(tmp_path / "站", hub.url) as again:
        assert again.core.zone().key == "Asia/Tokyo"


def test_rules_that_did_not_change_are_not_told_again(tmp_path: Path) -> None:
    heads = []
    for _ in range(2):
        with hub_in_thread(tmp_path / "hub", CLOSED_IS_GONE + TOML) as hub:
            heads.append(hub.admin().changes().head)
    assert heads[0] == heads[1]
