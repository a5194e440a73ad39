"""A station as a whole: who it is, what its strip says, what survives."""

from __future__ import annotations

import asyncio
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from app.core.reasons import Reason, Refused
from app.ports import HubAway
from app.station import keepsake
from app.station.bench import Identity
from app.station.status import StripFacts, strip
from app.store.status import SyncFacts
from app.wire import PrinterReport, Receipt
from tests.helpers.station import MORNING, an_order, gone, order_no, packed, stopped
from tests.station.conftest import FedBench

PARCEL = f"{order_no(1)}01"


def test_who_we_are_is_kept_and_nobody_else_may_read_it(tmp_path: Path) -> None:
    identity = Identity(
        hub_url="http://127.0.0.1:8620",
        station_id="S",
        name="一号台",
        kind="packing",
        warehouse="main",
        token="geheim",
    )
    assert keepsake.read(tmp_path) is None
    keepsake.write(tmp_path, identity)
    assert keepsake.read(tmp_path) == identity
    if sys.platform != "win32":
        assert (tmp_path / keepsake.NAME).stat().st_mode & 0o777 == 0o600
    (tmp_path / keepsake.NAME).write_bytes(b"{half a fi")
    assert keepsake.read(tmp_path) is None
    keepsake.forget(tmp_path)
    keepsake.forget(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_pairing_keeps_the_outbox_and_starts_a_new_copy(bench: FedBench) -> None:
    bench.fed(an_order())
    bench.desk.open_parcel(PARCEL, bench.clock.now())
    told: list[int] = []
    bench.core.on_engines(lambda: told.append(1))
    with pytest.raises(HubAway):
        bench.run(bench.core.pair("http://127.0.0.1:2", "WRONG", "新台"))
    identity = bench.run(bench.core.pair("http://127.0.0.1:2", "GOODCODE", "新台"))
    assert (identity.station_id, identity.name, bench.core.kind) == ("ST-2", "新台", "packing")
    assert keepsake.read(bench.folder) == identity
    assert bench.core.read.order(order_no(1)) is None
    assert bench.acts() == ["opened"]
    assert told == [1]


def test_a_person_signs_on_and_off(bench: FedBench) -> None:
    assert (bench.core.person, bench.core.role) == ("", "")
    bench.run(bench.core.sign_in("小王", "geheim99"))
    assert (bench.core.person, bench.core.role) == ("小王", "supervisor")
    assert bench.core.bench.actor().name == "小王"
    bench.run(bench.core.sign_out())
    assert bench.core.person == ""
    bench.run(bench.core.badge("B" * 26))
    assert bench.core.person == "小美"
    bench.core.bench.hub = None
    with pytest.raises(HubAway):
        bench.run(bench.core.sign_in("小王", "x"))
    bench.run(bench.core.sign_out())


def test_without_pairing_nothing_is_sent_and_the_strip_says_so(tmp_path: Path) -> None:
    made = FedBench(tmp_path)
    keepsake.forget(tmp_path)
    made.restart()
    core = made.core
    assert (core.identity, core.hub, core.kind) == (None, None, "packing")
    assert [engine.name for engine in core.engines()] == ["leases", "chores", "rights"]
    assert core.strip(MORNING)[0].key == "not_paired"
    asyncio.run(core.close())


def test_the_beat_says_how_we_are(bench: FedBench) -> None:
    bench.fed(an_order())
    bench.desk.open_parcel(PARCEL, bench.clock.now())
    bench.core.report_printers([PrinterReport(name="小票", state="ready")])
    assert bench.parts is not None
    beat = bench.parts.beat(bench.clock.now())
    assert (beat.seq_seen, beat.waiting_acts, beat.oldest_waiting_at) == (1, 1, MORNING)
    assert beat.printers[0].name == "小票"


def test_a_lost_cache_is_said_once_and_loaded_anew(bench: FedBench) -> None:
    bench.fed(an_order())
    bench.core._cache_lost()
    assert bench.core.notices == ["store.cache_damaged"]
    assert any({"order", "status"} <= topics for topics in bench.topics)


# ---------------------------------------------------------------------------------------------- the strip


def keys(bench: FedBench) -> list[str]:
    return [item.key for item in bench.core.strip(bench.clock.now())]


def test_a_catch_up_says_how_much_is_left_and_how_long_it_takes(bench: FedBench) -> None:
    status, clock = bench.core.status, bench.clock
    status.at(0, 100_000)
    assert bench.core.strip(clock.now())[0].key == "catching_up"
    status.at(5_000, 100_000)
    assert bench.core.strip(clock.tick(1))[0].key == "catching_up", "too early to tell"
    status.at(20_000, 100_000)
    status.heard(clock.tick(3))
    left = bench.core.strip(clock.now())[0]
    assert (left.key, left.params) == ("catching_up_left", {"n": "80000", "seconds": "16"})
    status.at(0, 90_000)  # begun anew: what was measured counts no more
    assert bench.core.strip(clock.tick(1))[0].key == "catching_up"
    status.at(90_000, 90_000)
    assert keys(bench)[0] == "fresh_now"


def test_the_strip_shows_each_fault_and_clears_by_itself(bench: FedBench) -> None:
    assert keys(bench) == ["fresh_now", "nothing_waiting"]
    bench.clock.tick(30)
    assert keys(bench)[0] == "fresh"
    bench.online(False)
    assert keys(bench) == ["offline_calm", "nothing_waiting"]
    bench.fed(an_order())
    bench.desk.open_parcel(PARCEL, bench.clock.now())
    offline = bench.core.strip(bench.clock.tick(120))[0]
    assert (offline.key, offline.params["n"], offline.params["seconds"]) == ("offline", "1", "150")
    bench.online()
    assert keys(bench) == ["fresh_now", "waiting"]
    bench.clock.tick(1)
    assert bench.core.strip(bench.clock.tick(60))[1].key == "waiting_old"
    assert bench.acts() == ["opened"]
    act_id = bench.core.outbox.waiting()[0].act_id
    bench.core.outbox.settle([Receipt(act_id=act_id, outcome="refused", reason="too_old")], "E", MORNING)
    assert keys(bench)[1:] == ["nothing_waiting", "refused"]
    bench.core.outbox.dismiss(act_id)
    bench.core.status.hub_time(bench.clock.now() + timedelta(hours=1), bench.clock.now())
    assert bench.core.strip(bench.clock.now())[2].params == {"seconds": "3600"}
    bench.core.status.hub_time(bench.clock.now(), bench.clock.now())
    bench.core.report_scanner(True)
    bench.core.report_printers([PrinterReport(name="小票", state="paper_out", waiting=3)])
    items = bench.core.strip(bench.clock.now())
    assert [(i.key, i.level) for i in items[2:]] == [("printer", "bad"), ("scanner", "ok")]
    bench.core.report_scanner(False)
    bench.core.report_scanner(False)
    bench.core.report_printers([PrinterReport(name="小票", state="something new")])
    items = bench.core.strip(bench.clock.now())
    assert [(i.key, i.level) for i in items[2:]] == [("printer", "warn"), ("scanner_away", "bad")]
    bench.core.report_scanner(None)
    bench.core.report_printers([])
    bench.core.status.needs("revoked")
    assert bench.core.strip(bench.clock.now())[0].params == {"what": "revoked"}
    bench.core.status.needs("")
    bench.core.status.at(5, 12)
    assert bench.core.strip(bench.clock.now())[0].params == {"n": "7"}


def test_a_station_that_never_heard_its_hub_says_so() -> None:
    facts = StripFacts(
        sync=SyncFacts(), is_paired=True, waiting=0, oldest=None, needing=0, problems=("disk_low",)
    )
    assert [item.key for item in strip(facts, MORNING)] == ["offline_new", "nothing_waiting", "disk_low"]


# ---------------------------------------------------------------------------------------------- print work


def test_the_print_queue_is_answered_from_the_newest_data(bench: FedBench) -> None:
    bench.fed(an_order())
    bench.run(bench.desk.print_slips([PARCEL], bench.clock.now()))
    job = bench.core.outbox.claim_next("slip", bench.clock.now())
    assert job is not None
    rendered: list[str] = []

    async def render(job, order):  # type: ignore[no-untyped-def]
        rendered.append(order.order_no)
        return b"paper"

    work = bench.core.print_work(render)
    assert bench.run(work.render(job)) == b"paper"
    assert bench.run(work.may_print(job)) is None
    bench.fed(stopped(an_order()))
    answer = bench.run(work.may_print(job))
    assert isinstance(answer, Refused)
    assert answer.reason is Reason.frozen
    act = work.printed(job, bench.clock.now())
    assert act is not None
    bench.changes(gone(bench.seq + 1, "order", order_no(1)))
    assert bench.run(work.render(job)) == Refused(Reason.parcel_unknown, {"parcel_no": PARCEL})
    assert bench.run(work.may_print(job)) == Refused(Reason.parcel_unknown, {"parcel_no": PARCEL})


def test_leases_are_renewed_while_the_parcel_is_open_and_asked_again_after_trouble(bench: FedBench) -> None:
    [keeper] = [engine for engine in bench.core.engines() if engine.name == "leases"]
    bench.fed(an_order())
    bench.desk.open_parcel(PARCEL, bench.clock.now())
    bench.hub.is_away = True
    due = bench.run(keeper.step(bench.clock.now()))
    assert due - bench.clock.now() == timedelta(seconds=2)
    bench.hub.is_away = False
    bench.steps_leases()
    bench.clock.tick(3000)
    bench.steps_leases()
    assert len(bench.hub.asked) == 2
    assert bench.core.leases.left_s(PARCEL) == 3570
    bench.online(False)
    assert bench.run(keeper.step(bench.clock.now())) > bench.clock.now()
    assert packed(an_order()).parcels[0].is_complete
