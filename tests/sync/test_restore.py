"""A hub is lost and comes back from its backup: real stations bring back what they did, and the rest is named."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import msgspec
import pytest
import sqlalchemy as sa

from app.core.acts import ActKind, Printed
from app.core.order import Order
from app.core.qr import slip_code
from app.core.scan import parse
from app.core.waybills import PoolNumber
from app.ports import SystemClock, Ulid
from app.wire import AlarmView, LeaseAsk, Restored
from hub.backups.container import Effort
from hub.backups.run import PASSPHRASE_VARIABLE, back_up, bring_back
from hub.db import tables as t
from hub.main import settings_of
from tests.helpers.hub import RunningHub, a_channel_order, hub_in_thread
from tests.helpers.ports import held_port
from tests.helpers.station import LiveStation
from tests.sync.conftest import a_code
from tests.sync.test_cases import knows, opens, packed_at, parcel_of, sent, told

PATIENCE = 20.0
#: Nobody guesses the passphrase of these backups.
EASY = Effort(time_cost=1, memory_kib=64, lanes=1)


class Shop:
    """A hub at one address whatever becomes of it, and its backup."""

    def __init__(self, folder: Path, port: int) -> None:
        self.data_dir = folder / "hub"
        self.file = folder / "backup"
        self.port = port
        self.clock = SystemClock()

    @contextmanager
    def hub(self) -> Iterator[RunningHub]:
        with hub_in_thread(self.data_dir, port=self.port) as running:
            yield running

    def back_up(self) -> None:
        load = partial(settings_of, None, self.data_dir)
        assert back_up(self.file, load, None, self.clock, None, "en", "1", EASY) == 0

    def bring_back(self) -> None:
        load = partial(settings_of, None, self.data_dir)
        assert bring_back(self.file, load, self.clock, Ulid(self.clock), None, "en") == 0


def joined(bench: LiveStation, hub: RunningHub, name: str = "1 号台") -> None:
    """The station is paired, and the hub has heard of it: it will be waited for after a restore."""
    bench.pair(a_code(hub), name, url=hub.url)
    bench.until(
        lambda: bench.core.status.facts.is_online and bench.core.cache.shown.epoch, "not online", PATIENCE
    )
    identity = bench.core.identity
    assert identity is not None

    def is_heard() -> bool:
        with hub.app.doors.orders.engine.connect() as conn:
            asked = sa.select(t.station.c.last_beat_at).where(t.station.c.station_id == identity.station_id)
            return conn.execute(asked).scalar() is not None

    bench.until(is_heard, "no beat", PATIENCE)


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    monkeypatch.setenv(PASSPHRASE_VARIABLE, "two words and a fish")
    with held_port() as port:
        yield Shop(tmp_path, port)


def _again(bench: LiveStation, hub: RunningHub) -> None:
    """The station has met the restored hub, sent everything again and loaded anew."""
    epoch = hub.client().get("/healthz").json()["epoch"]
    bench.until(lambda: bench.core.cache.shown.epoch == epoch, "the copy is of another life", PATIENCE)
    sent(bench)


def _by_number(hub: RunningHub, order_no: str) -> Order | None:
    return hub.app.doors.orders.lookup.order(order_no)


def _restored(hub: RunningHub) -> Restored:
    found = hub.app.doors.orders.feed.restored()
    assert found is not None
    return found


def _alarms(hub: RunningHub, kind: str) -> list[AlarmView]:
    with hub.app.doors.orders.engine.connect() as conn:
        bodies = conn.execute(sa.select(t.alarm.c.body).where(t.alarm.c.kind == kind)).scalars()
        alarms = [msgspec.json.decode(body, type=AlarmView) for body in bodies]
    return [alarm for alarm in alarms if alarm.acked_at is None]


def _numbers(hub: RunningHub) -> list[str]:
    with hub.app.doors.orders.engine.connect() as conn:
        return sorted(conn.execute(sa.select(t.orders.c.order_no)).scalars())


def test_no_act_of_the_last_days_is_lost_and_no_number_is_given_twice(tmp_path: Path, shop: Shop) -> None:
    with LiveStation(tmp_path / "bench") as bench:
        with shop.hub() as hub:
            joined(bench, hub)
            known = hub.given(a_channel_order("known"))
            opens(bench, known)
            shop.back_up()
            assert bench.scan("SKU-1").is_ok
            lost = hub.given(a_channel_order("lost"))
            opens(bench, lost)
            assert bench.scan("SKU-1").is_ok
            assert bench.scan("SKU-2").is_ok
            sent(bench)
            assert packed_at(hub, lost) == [1, 1]
        shop.bring_back()
        with shop.hub() as hub:
            new = hub.given(a_channel_order("new"))
            _again(bench, hub)
            # what was done to a known order since the backup is there again
            assert packed_at(hub, known) == [1, 0]
            # what was done to an order the hub lacks is kept, and somebody is told which
            assert _by_number(hub, lost.order_no) is None
            assert [alarm.params["order_no"] for alarm in _alarms(hub, "order_unknown")] == [lost.order_no]
            # the platform or a file brings the order again: the number on its slip, and all that was done to it
            back = hub.given(a_channel_order("lost"))
            assert back.order_no == lost.order_no
            assert parcel_of(back) == parcel_of(lost)
            assert packed_at(hub, lost) == [1, 1]
            assert told(hub, lost).count("line_packed") == 2
            assert _alarms(hub, "order_unknown") == []
            # numbers of this life have a letter, so that none of the last one is given again
            assert new.order_no[10:] == "A001"
            assert _numbers(hub) == sorted([known.order_no, lost.order_no, new.order_no])
            # the bench goes on where it was
            knows(bench, lost)
            assert bench.scan(slip_code(parcel_of(lost), 1)).is_ok
            bench.until(lambda: bench.core.leases.is_valid(parcel_of(lost)), "no lease", PATIENCE)


def test_an_order_that_came_again_first_is_found_by_its_old_number_and_gets_its_acts(
    tmp_path: Path, shop: Shop
) -> None:
    with LiveStation(tmp_path / "bench") as bench:
        with shop.hub() as hub:
            joined(bench, hub)
            shop.back_up()
            lost = hub.given(a_channel_order("lost"))
            opens(bench, lost)
            assert bench.scan("SKU-1").is_ok
            sent(bench)
        shop.bring_back()
        bench.loop.stop_engines()  # this bench is slow to come back
        with shop.hub() as hub:
            anew = hub.given(a_channel_order("lost"))
            assert anew.order_no[10:] == "A001"
            bench._restart()
            _again(bench, hub)
            assert packed_at(hub, anew) == [1, 0]
            knows(bench, anew)
            # the slip in the packer's hand bears the old number
            slip = slip_code(parcel_of(lost), 1)
            found = bench.core.read.resolve
            bench.until(lambda: found(parse(slip)).parcel_no == parcel_of(anew), "not found by it", PATIENCE)
            opened = bench.scan(slip)
            assert opened.parcel_no == parcel_of(anew), opened
            assert bench.scan("SKU-2").is_ok
            sent(bench)
            assert packed_at(hub, anew) == [1, 1]


def _pool(hub: RunningHub, *numbers: str) -> None:
    found = [PoolNumber(carrier="zhongtong", waybill_no=no) for no in numbers]
    hub.do(hub.app.doors.orders.writer.waybills(found))


def _label(bench: LiveStation, order: Order) -> str:
    """The waybill number the hub gives for a label; "" for none."""
    client = bench.core.hub
    assert client is not None
    [answer] = bench.do(client.leases(LeaseAsk(parcel_nos=[parcel_of(order)], step="print")))
    assert answer.granted, answer
    assert answer.label is not None
    return answer.label.waybill_no


def test_waybill_numbers_are_locked_until_every_station_has_sent_again(tmp_path: Path, shop: Shop) -> None:
    with LiveStation(tmp_path / "one") as one, LiveStation(tmp_path / "two") as two:
        with shop.hub() as hub:
            joined(one, hub)
            joined(two, hub, "2 号台")
            _pool(hub, "ZT001", "ZT002", "ZT003")
            first, second = hub.given(a_channel_order("T1")), hub.given(a_channel_order("T2"))
            knows(one, first)
            shop.back_up()
            assert _label(one, first) == "ZT001"
            printed = Printed(job_key="label", copy=1, version=1, waybill_no="ZT001")
            bench = one.core.bench
            act = bench.act(
                ActKind.label_printed, first.order_no, one.clock.now(), parcel_of(first), body=printed
            )
            one.core.outbox.record(act).result()
            one.core.bench.push_soon()
            sent(one)
        one.loop.stop_engines()
        two.loop.stop_engines()  # switched off
        shop.bring_back()
        with shop.hub() as hub:
            assert {late.name for late in _restored(hub).waiting} == {"1 号台", "2 号台"}
            one._restart()
            _again(one, hub)
            one.until(lambda: len(_restored(hub).waiting) == 1, "still waited for", PATIENCE)
            # the number on the label is taken again; no other is given while somebody may have used it
            found = _by_number(hub, first.order_no)
            assert found is not None
            assert found.parcels[0].waybill_no == "ZT001"
            assert _label(one, second) == ""
            assert [alarm.params["names"] for alarm in _alarms(hub, "waybills_locked")] == ["2 号台"]
            two._restart()
            two.until(lambda: not _restored(hub).waiting, "the second was not heard", PATIENCE)
            assert _label(one, second) == "ZT002"
            assert _alarms(hub, "restored_waits") == []


def test_a_supervisor_says_go_and_the_span_is_named_until_somebody_brought_it_in(
    tmp_path: Path, shop: Shop
) -> None:
    with LiveStation(tmp_path / "bench") as bench, LiveStation(tmp_path / "desk", kind="supervisor") as desk:
        with shop.hub() as hub:
            joined(bench, hub)
            desk.pair(a_code(hub, "supervisor"), "主管台", url=hub.url)
            desk.until(lambda: desk.core.cache.shown.epoch, "not loaded", PATIENCE)
            _pool(hub, "ZT001")
            order = hub.given(a_channel_order("T1"))
            shop.back_up()
        bench.loop.stop_engines()  # this one never comes back
        shop.bring_back()
        with shop.hub() as hub:
            desk.until(lambda: desk.core.read.restored(), "the desk was not told", PATIENCE)
            told_to_desk = desk.core.read.restored()
            assert told_to_desk is not None
            assert told_to_desk.is_locked
            [again] = _alarms(hub, "restored_again")
            assert again.params.keys() == {"since", "until"}
            assert len(_alarms(hub, "restored_waits")) == 1
            assert hub.person("packer").post("/v1/restored/go").status_code == 403
            desk.do(desk.core.supervisor.restored_go())
            assert not _restored(hub).is_locked
            assert _alarms(hub, "restored_waits") == []
            other = hub.station()
            leased = other.post("/v1/leases", json={"parcel_nos": [parcel_of(order)], "step": "print"})
            assert leased.json()[0]["label"]["waybill_no"] == "ZT001"
            # the span stays named until somebody says it is here again
            assert hub.person("supervisor").post("/v1/restored/brought").status_code == 403
            assert hub.person("ops_lead").post("/v1/restored/brought").status_code == 200
            assert _alarms(hub, "restored_again") == []
            assert _restored(hub).brought_by


def test_a_restart_after_a_restore_tells_nobody_twice(tmp_path: Path, shop: Shop) -> None:
    with shop.hub() as hub:
        hub.given()
        shop.back_up()
    shop.bring_back()
    for _ in range(2):
        with shop.hub() as hub:
            assert len(_alarms(hub, "restored_again")) == 1


def test_a_number_that_is_on_a_label_comes_to_no_second_parcel_when_its_file_is_imported_again(
    tmp_path: Path, shop: Shop
) -> None:
    with LiveStation(tmp_path / "bench") as bench:
        with shop.hub() as hub:
            joined(bench, hub)
            order, next_one = hub.given(a_channel_order("T1")), hub.given(a_channel_order("T2"))
            shop.back_up()
            _pool(hub, "ZT001", "ZT002")  # a file of numbers, and one of them on a box
            knows(bench, order)
            assert _label(bench, order) == "ZT001"
            printed = Printed(job_key="label", copy=1, version=1, waybill_no="ZT001")
            act = bench.core.bench.act(
                ActKind.label_printed, order.order_no, bench.clock.now(), parcel_of(order), body=printed
            )
            bench.core.outbox.record(act).result()
            bench.core.bench.push_soon()
            sent(bench)
        shop.bring_back()
        with shop.hub() as hub:
            _again(bench, hub)
            bench.until(lambda: not _restored(hub).waiting, "still waited for", PATIENCE)
            _pool(hub, "ZT001", "ZT002")
            assert _label(bench, next_one) == "ZT002"
