"""Badges at a bench: on, off and over to another in the middle of work; honest while the hub is away."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.core.qr import badge_code
from app.ports import HubAway, SignInFailed
from app.station.badges import KNOWN, BadgeResult
from app.station.rights import RightsWatch
from app.wire import Session, SignIn
from tests.helpers.station import an_order
from tests.station.conftest import FedBench

LI, WANG, NOBODY = "L" * 26, "W" * 26, "N" * 26
PEOPLE = {LI: "李娜", WANG: "王芳"}


@pytest.fixture(autouse=True)
def people(bench: FedBench, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Whose badges the told hub takes; others are refused."""
    known = dict(PEOPLE)
    hub = bench.hub

    async def sign_in(ask: SignIn) -> Session:
        if hub.is_away:
            raise HubAway
        if ask.badge not in known:
            raise SignInFailed(code="badge_unknown")
        return Session(
            token=f"t-{ask.badge[0]}", role="packer", expires_at=bench.clock.now(), user=known[ask.badge]
        )

    monkeypatch.setattr(hub, "sign_in", sign_in)
    return known


def _read(bench: FedBench, secret: str, after_s: float = 5.0) -> tuple[str, str]:
    bench.clock.tick(after_s)
    read = bench.run(bench.core.badge(secret))
    return str(read.result), read.name


def _step(bench: FedBench) -> None:
    [watch] = [engine for engine in bench.core.engines() if isinstance(engine, RightsWatch)]
    bench.run(watch.step(bench.clock.now()))


def test_a_badge_signs_on_and_the_same_badge_signs_off(bench: FedBench) -> None:
    bench.online()
    assert _read(bench, LI) == ("on", "李娜")
    assert (bench.core.person, bench.core.outbox.session) == ("李娜", "t-L")
    assert _read(bench, LI, after_s=0.3) == ("again", ""), "one pull of the trigger that was read twice"
    assert bench.core.person == "李娜"
    assert _read(bench, LI) == ("off", "李娜")
    assert (bench.core.person, bench.core.outbox.session) == ("", "")


def test_another_badge_takes_over_and_what_lies_open_stays_open(bench: FedBench) -> None:
    order = an_order()
    bench.online()
    bench.fed(order)
    bench.scan(order.parcels[0].parcel_no)
    lying = bench.core.packing.open_parcel_no()
    assert lying
    assert _read(bench, LI) == ("on", "李娜")
    assert _read(bench, WANG) == ("on", "王芳")
    assert (bench.core.person, bench.core.outbox.session) == ("王芳", "t-W")
    assert bench.core.packing.open_parcel_no() == lying


def test_offline_a_badge_known_here_is_greeted_and_nothing_is_done_in_its_name(bench: FedBench) -> None:
    bench.online()
    _read(bench, LI)
    _read(bench, LI)
    bench.online(False)
    assert _read(bench, LI) == ("unchecked", "李娜")
    assert (bench.core.person, bench.core.is_unchecked) == ("李娜", True)
    assert bench.core.outbox.session == ""
    assert bench.core.bench.actor().name == "一号台", "until the hub has looked, the station answers for it"
    assert _read(bench, LI) == ("off", "李娜")
    assert _read(bench, LI) == ("unchecked", "李娜")
    bench.online()
    _step(bench)
    assert (bench.core.person, bench.core.is_unchecked) == ("李娜", False)
    assert bench.core.outbox.session == "t-L"


def test_offline_a_badge_nobody_knows_signs_off_who_was_there_and_says_so(bench: FedBench) -> None:
    bench.online()
    _read(bench, LI)
    bench.online(False)
    assert _read(bench, NOBODY) == ("unknown_now", "")
    assert (bench.core.person, bench.core.outbox.session) == ("", ""), "who stands here now is not Li Na"


def test_a_badge_taken_away_meanwhile_signs_nobody_on(bench: FedBench, people: dict[str, str]) -> None:
    bench.online()
    _read(bench, LI)
    bench.online(False)
    assert _read(bench, WANG)[0] == "unknown_now"
    assert _read(bench, LI)[0] == "unchecked"
    del people[LI]
    bench.online()
    bench.topics.clear()
    _step(bench)
    assert (bench.core.person, bench.core.outbox.session) == ("", "")
    assert any("session_ended" in topics for topics in bench.topics)
    bench.online(False)
    assert _read(bench, LI)[0] == "unknown_now", "nor is it greeted again"


def test_a_badge_is_forgotten_after_a_week_and_by_a_hub_that_refuses_it(
    bench: FedBench, people: dict[str, str]
) -> None:
    bench.online()
    _read(bench, LI)
    bench.clock.tick(KNOWN.total_seconds())
    bench.online(False)
    assert _read(bench, LI)[0] == "off"
    assert _read(bench, LI)[0] == "unknown_now"


def test_the_files_of_a_station_hold_no_badge(bench: FedBench) -> None:
    """Who reads the disk of a bench must not be able to print anybody's badge."""
    bench.online()
    _read(bench, LI)
    bench.scan(badge_code(WANG))
    bench.core.outbox.run(lambda db: None).result()
    for file in Path(bench.folder).iterdir():
        held = file.read_bytes()
        assert LI.encode() not in held and WANG.encode() not in held, file.name
    assert bench.core.outbox.setting("badges"), "it does remember something"


def test_a_restart_knows_the_badge_and_signs_nobody_on_by_itself(bench: FedBench) -> None:
    bench.online()
    _read(bench, LI)
    bench.restart()
    assert bench.core.person == ""
    bench.online(False)
    assert _read(bench, LI)[0] == BadgeResult.unchecked
