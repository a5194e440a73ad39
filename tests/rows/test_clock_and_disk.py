"""A computer whose clock is an hour off (bad input) and one whose disk is slow (D5)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, select

from app.core.order import Order
from app.os.clock import StationClock
from app.station.outcome import Done, Light
from hub.db import tables as t
from hub.orders.results import HubBusy
from tests.helpers.hub import RunningHub
from tests.helpers.sheets import csv_rows
from tests.helpers.station import LiveStation, until
from tests.sync.conftest import Station, a_code
from tests.sync.test_cases import opens, sent

HOUR = timedelta(hours=1)


class WrongClock(StationClock):
    """This computer's clock, set wrong."""

    def __init__(self, off: timedelta) -> None:
        super().__init__()
        self._off = off

    def now(self) -> datetime:
        return super().now() + self._off


@pytest.mark.parametrize("off", [HOUR, -HOUR], ids=["ahead", "behind"])
def test_a_clock_an_hour_off_is_said_and_what_was_done_stands_at_its_true_time(
    hub: RunningHub, tmp_path: Path, order: Order, off: timedelta
) -> None:
    with LiveStation(tmp_path / "一号台", hub.url, clock=WrongClock(off)) as bench:
        bench.pair(a_code(hub))
        bench.until(lambda: _said(bench), "the strip says nothing of the clock")
        bench.until(lambda: _is_heard(hub, bench), "the hub has heard nothing of the clock")
        assert abs(int(_said(bench)) + off.total_seconds()) < 30, "how far, and which way"
        opens(bench, order)  # the lease counts on a clock that does not know the date
        assert bench.scan("SKU-1").done is Done.counted
        sent(bench)
        rows = {row.kind: row for row in hub.app.doors.orders.lookup.story(order.order_no)}
        packed = rows["line_packed"]
        assert packed.made_at is not None
        assert abs(packed.made_at - packed.at) < timedelta(seconds=30)


def _is_heard(hub: RunningHub, bench: LiveStation) -> bool:
    identity = bench.core.identity
    assert identity is not None
    with hub.app.doors.orders.engine.connect() as conn:
        asked = select(t.station.c.last_beat_at).where(t.station.c.station_id == identity.station_id)
        return conn.execute(asked).scalar() is not None


def _said(bench: LiveStation) -> str:
    items = {item.key: item.params for item in bench.core.strip(bench.clock.now())}
    return items.get("clock_off", {}).get("seconds", "")


def test_a_scan_is_amber_at_once_and_green_only_when_it_is_on_the_disk(
    station: Station, order: Order
) -> None:
    """D5: an old disk takes 20-50 ms; here it takes as long as the test wants."""
    bench = station()
    opens(bench, order)
    sent(bench)
    held = threading.Event()
    bench.core.outbox.run(lambda db: held.wait(30))
    outcome = bench.core.packing.on_scan("SKU-1", bench.clock.now())
    assert (outcome.done, outcome.light) == (Done.counted, Light.amber)
    view = bench.core.packing.view()
    assert view.parcel is not None and view.parcel.qty_packed == 1, "and the counter has moved"
    assert not _greens(bench, outcome.scan_id)
    assert bench.core.outbox.waiting() == [], "nothing is sent that is not kept"
    held.set()
    until(lambda: _greens(bench, outcome.scan_id), "never green")


def _greens(bench: LiveStation, scan_id: str) -> list[Light]:
    return [o.light for o in bench.outcomes if o.scan_id == scan_id and o.light is Light.green]


@pytest.mark.logs("database_says_no", "busy")
def test_while_the_hubs_disk_is_full_nothing_is_refused_and_nothing_is_lost(
    hub: RunningHub, station: Station, order: Order
) -> None:
    """Bad input, disk full: no receipt says no; the bench works on and everything arrives when there is room."""
    bench = station()
    opens(bench, order)
    sent(bench)
    hub.rest()  # what it writes down by itself (a bench has fallen silent) would meet the full disk as well
    with _no_room(hub):
        answer = hub.admin().post(
            "/v1/imports", params={"filename": "x.csv"}, content=csv_rows(*_MANY), timeout=60
        )
        assert answer.status_code == 503, answer.text
        assert answer.json()["error"]["text"] and int(answer.headers["retry-after"]) > 0
        assert bench.scan("SKU-1").done is Done.counted
        assert hub.client().get("/healthz").status_code == 200
    sent(bench)
    assert [row.kind for row in hub.app.doors.orders.lookup.story(order.order_no)].count("line_packed") == 1
    again = hub.admin().post(
        "/v1/imports", params={"filename": "x.csv"}, content=csv_rows(*_MANY), timeout=60
    )
    assert (again.status_code, again.json()["refused"]) == (200, 0), again.text


_MANY = [{"channel_order_no": f"full-{n}"} for n in range(600)]

_ANY = 1073741823


@contextmanager
def _no_room(hub: RunningHub) -> Iterator[None]:
    """No page more on any connection of the hub's database."""
    doors = hub.app.doors.orders
    pages = [_ANY]

    def limit(dbapi: Any, record: Any, proxy: Any) -> None:
        dbapi.execute(f"PRAGMA max_page_count = {pages[0]}")

    def here(most: int | None) -> None:
        """On the connection in hand and each that is taken from now on; in the writer's own thread, which asks most."""

        def set_it(tx: Any) -> None:
            pages[0] = most or tx.conn.exec_driver_sql("PRAGMA page_count").scalar_one()
            tx.conn.exec_driver_sql(f"PRAGMA max_page_count = {pages[0]}")
            if not event.contains(doors.engine, "checkout", limit):
                event.listen(doors.engine, "checkout", limit)

        hub.do(doors.writer.run(set_it))

    here(None)
    try:
        yield
    finally:
        pages[0] = _ANY
        with suppress(HubBusy):  # turned away with others: the writer has then taken its connection anew
            here(_ANY)
