"""One's own day at the bench: at once, with and without the hub, and every act once."""

from __future__ import annotations

import pytest

from app.ports import HubAway
from app.wire import MyDay, Receipt
from tests.helpers.station import an_order
from tests.station.conftest import FedBench


@pytest.fixture(autouse=True)
def counted(bench: FedBench, monkeypatch: pytest.MonkeyPatch) -> list[MyDay]:
    """What the told hub says it has counted: the last of these; away while there is none."""
    told: list[MyDay] = []

    async def my_day() -> MyDay:
        if bench.hub.is_away or not told:
            raise HubAway
        return told[-1]

    monkeypatch.setattr(bench.hub, "my_day", my_day, raising=False)
    return told


def _packs(bench: FedBench, n: int, *, hub_goes: bool = False) -> None:
    order = an_order(n)
    bench.fed(order)
    bench.scan(order.parcels[0].parcel_no)
    if hub_goes:
        bench.steps_leases()
        bench.online(False)
    for line in order.lines:
        for _ in range(line.qty):
            bench.scan(line.sku_code, after_s=30)
    bench.run(bench.desk.close(bench.clock.now()))


def _settled(bench: FedBench, seq: int) -> None:
    bench.core.outbox.run(lambda db: None).result()
    receipts = [
        Receipt(act_id=one.act_id, outcome="applied", seq=seq) for one in bench.core.outbox.waiting(1000)
    ]
    bench.core.outbox.settle(receipts, "E1", bench.clock.now())


def _view(bench: FedBench) -> tuple[int, int, bool]:
    view = bench.core.my_days.of(bench.clock.now())
    return view.parcels, view.units, view.is_whole


def test_what_is_packed_here_counts_at_once_without_any_hub(bench: FedBench) -> None:
    bench.online()
    assert _view(bench) == (0, 0, False)
    _packs(bench, 1)
    parcels, units, is_whole = _view(bench)
    assert (parcels, is_whole) == (1, False) and units >= 1
    view = bench.core.my_days.of(bench.clock.now())
    assert view.seconds >= 30 and view.right == 1 and view.who == "一号台"


def test_an_act_is_counted_once_whether_the_hub_has_it_or_not(bench: FedBench, counted: list[MyDay]) -> None:
    bench.online()
    _packs(bench, 1)
    _, units, _ = _view(bench)
    _settled(bench, seq=50)
    assert _view(bench)[0] == 1, "the hub has it now and was not asked again"
    day = bench.core.my_days._day(bench.clock.now())
    counted.append(MyDay(day=day, user="一号台", seq=50, parcels=7, units=20))
    bench.run(bench.core.my_days.ask())
    assert _view(bench) == (7, 20, True)
    assert len(bench.core.my_days._done) == 1, "of what the hub has counted the closing alone is remembered"
    _packs(bench, 2)
    assert _view(bench) == (8, 20 + units, True)
    _settled(bench, seq=60)
    assert _view(bench) == (8, 20 + units, True)
    _packs(bench, 3, hub_goes=True)
    assert _view(bench)[0] == 9


def test_a_restart_knows_what_the_hub_had_counted(bench: FedBench, counted: list[MyDay]) -> None:
    bench.online()
    day = bench.core.my_days._day(bench.clock.now())
    counted.append(MyDay(day=day, user="一号台", seq=50, parcels=7, units=20))
    bench.run(bench.core.my_days.ask())
    bench.restart()
    assert _view(bench) == (7, 20, True)
    bench.clock.tick(24 * 3600)
    assert _view(bench) == (0, 0, False), "yesterday is over"


def test_everybody_sees_their_own_day_alone(bench: FedBench, counted: list[MyDay]) -> None:
    bench.online()
    _packs(bench, 1)
    bench.run(bench.core.sign_in("李娜", "geheim-genug"))
    assert _view(bench)[0] == 0
    _packs(bench, 2)
    assert _view(bench)[0] == 1
    bench.run(bench.core.sign_out())
    assert _view(bench)[0] == 1
