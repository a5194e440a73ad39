"""The first load of a station: cut anywhere it goes on where it was, and work goes on beside it (design 3.1, 3.5)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.core.order import Order
from app.core.qr import slip_code
from app.core.reasons import Reason
from app.station.outcome import Done
from sync.pull import PAGE, Puller
from tests.helpers.hub import INTAKE, RunningHub, a_channel_order, hub_in_thread
from tests.helpers.proxy import FaultyProxy
from tests.helpers.station import LiveStation
from tests.sync.conftest import a_code

#: Lines are cut on purpose here: a socket of a cut line is closed by the collector, whenever that comes.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

COUNT = 1_500


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    """With more to load than fits into two pages: orders and their files."""
    with hub_in_thread(tmp_path_factory.mktemp("hub")) as running:
        orders = [a_channel_order(f"L{n}") for n in range(COUNT)]
        for start in range(0, COUNT, 100):  # of each commit the files come first, then the orders
            running.do(running.app.doors.orders.writer.intake(orders[start : start + 100], INTAKE))
        yield running


class Slow(LiveStation):
    """Nothing is loaded but by :meth:`page`."""

    def _restart(self) -> None:
        self.loop.stop_engines()

    @property
    def puller(self) -> Puller:
        [puller] = [one for one in self.core.engines() if one.name == "pull"]
        assert isinstance(puller, Puller)
        return puller

    def page(self) -> None:
        """One page, and none on its way."""
        before = self.core.cache.cursor.seq
        self.do(self.puller.step(self.clock.now()))
        self.do(self.puller.close())
        assert self.core.cache.cursor.seq > before

    def load(self) -> int:
        """To the end; how many pages that took."""
        pages = 0
        while self.core.cache.cursor.seq < self.head or self.core.cache.is_filling_anew:
            self.page()
            pages += 1
        return pages

    @property
    def head(self) -> int:
        return self.core.status.facts.head

    def count(self) -> int:
        return int(self.core.cache.read(lambda db: db.execute('SELECT count(*) FROM "order"').fetchone()[0]))


def _joined(folder: Path, hub: RunningHub, url: str = "") -> Slow:
    bench = Slow(folder)
    bench.pair(a_code(hub), url=url or hub.url)
    return bench


def _of(hub: RunningHub, bench: Slow, here: bool) -> Order:
    """An order of the hub that the bench has, or has not yet."""
    with hub.app.doors.orders.engine.connect() as conn:
        numbers = [row[0] for row in conn.exec_driver_sql("SELECT order_no FROM orders ORDER BY seq")]
    found = next(no for no in numbers if (bench.core.read.order(no) is not None) is here)
    order = hub.app.doors.orders.lookup.order(found)
    assert order is not None
    return order


def test_a_first_load_that_is_cut_goes_on_where_it_was_also_after_a_restart(
    hub: RunningHub, tmp_path: Path
) -> None:
    """27. First load cut."""
    with FaultyProxy(hub.url) as proxy:
        with _joined(tmp_path / "bench", hub, proxy.url) as bench:
            bench.page()
            assert bench.head > 2 * PAGE
            one = bench.core.cache.cursor
            proxy.cut()
            bench.do(bench.puller.step(bench.clock.now()))
            assert bench.core.cache.cursor == one
            assert not bench.core.status.facts.is_online
            proxy.heal()
            bench.page()
            two = bench.core.cache.cursor
            assert two.seq > one.seq
        with Slow(tmp_path / "bench") as bench:
            assert bench.core.cache.cursor == two
            bench.page()
            bench.load()
            assert bench.count() == COUNT


def test_a_copy_that_is_filled_anew_goes_on_after_a_restart_while_the_old_one_is_shown(
    hub: RunningHub, tmp_path: Path
) -> None:
    with _joined(tmp_path / "bench", hub) as bench:
        bench.page()
        bench.load()
        bench.core.cache.begin_again()
        bench.page()
        at = bench.core.cache.cursor
        assert 0 < at.seq < bench.head
    with Slow(tmp_path / "bench") as bench:
        assert bench.core.cache.cursor == at
        assert bench.core.cache.is_filling_anew
        assert bench.core.status.facts.is_loading_anew
        assert bench.count() == COUNT, "the old copy"
        bench.page()
        bench.load()
        assert not bench.core.cache.is_filling_anew
        assert not bench.core.status.facts.is_loading_anew
        assert bench.count() == COUNT
        assert not (tmp_path / "bench" / "cache.new.sqlite").exists()


def test_work_goes_on_beside_the_load_and_what_is_missing_is_asked_for(
    hub: RunningHub, tmp_path: Path
) -> None:
    with FaultyProxy(hub.url) as proxy, _joined(tmp_path / "bench", hub, proxy.url) as bench:
        bench.page()
        at = bench.core.cache.cursor
        here, missing = _of(hub, bench, True), _of(hub, bench, False)
        assert bench.scan(slip_code(here.parcels[0].parcel_no, 1)).done is Done.opened
        first = bench.core.packing.on_scan(slip_code(missing.parcels[0].parcel_no, 1), bench.clock.now())
        assert first.follow == "fetch", "nothing waits for the network"
        proxy.cut()
        away = bench.do(bench.core.packing.follow(first, bench.clock.now()))
        assert away.reason is Reason.not_here_yet
        proxy.heal()
        bench.core.status.heard(bench.clock.now())
        desk, now = bench.core.packing, bench.clock.now()
        again = desk.on_scan(slip_code(missing.parcels[0].parcel_no, 1), now, False)
        assert bench.do(desk.follow(again, now)).done is Done.opened
        assert bench.core.packing.open_parcel_no() == missing.parcels[0].parcel_no
        assert bench.core.cache.cursor == at, "the load goes on where it was"
        assert bench.scan("SKU-1").is_ok
        unknown = bench.scan(slip_code("OD2020010100101", 1))
        assert unknown.reason is not None
        assert unknown.follow is None
        bench.load()
        assert bench.count() == COUNT
        while bench.core.cache.index_some():
            pass
        assert bench.core.read.search(missing.order_no), "what came ahead is found like all others"
        assert bench.core.cache.read(
            lambda db: db.execute(
                'SELECT count(*) FROM "order" WHERE id NOT IN (SELECT rowid FROM find_name)'
            )
        ).fetchone() == (0,)


def test_a_stopped_order_that_is_asked_for_is_red_at_once(hub: RunningHub, tmp_path: Path) -> None:
    with _joined(tmp_path / "bench", hub) as bench:
        bench.page()
        missing = _of(hub, bench, False)
        rep = hub.station("service")
        assert rep.act("cancel", missing.order_no, body={"reason": "buyer_request"}).outcome == "applied"
        assert bench.scan(slip_code(missing.parcels[0].parcel_no, 1)).reason is Reason.frozen
        assert bench.core.packing.open_parcel_no() == ""


def test_rows_are_for_who_may_see_the_order(hub: RunningHub) -> None:
    order = hub.given(a_channel_order("R1"))
    station = hub.station("packing")
    answer = station.get("/v1/rows", params={"number": order.channel_order_no}).json()
    kinds = {change["kind"] for change in answer["changes"]}
    assert {"order", "history"} <= kinds
    [row] = [change["body"] for change in answer["changes"] if change["kind"] == "order"]
    assert "*" in row["consignee"]["phone"]
    assert station.get("/v1/rows", params={"number": order.parcels[0].parcel_no}).json()["changes"]
    assert station.get("/v1/rows", params={"number": "nothing"}).json()["changes"] == []
