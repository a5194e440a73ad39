"""A copy that differs from the hub: named, put right row by row, counted and told (design 3.11)."""

from __future__ import annotations

import sqlite3

import pytest

from sync.client import HubClient
from tests.helpers.hub import RunningHub, a_channel_order
from tests.sync.conftest import Station


@pytest.mark.logs("copy_differs")
def test_only_the_rows_that_differ_come_again_and_somebody_is_told(hub: RunningHub, station: Station) -> None:
    bench, desk = station(), station("supervisor")
    orders = [hub.given(a_channel_order(f"DIGEST-{n}")) for n in range(4)]
    head = hub.app.doors.orders.feed.head()
    bench.until(lambda: bench.core.cache.shown.seq >= head, "not fed", 20)
    bench.loop.stop_engines()
    lost, old, strange, fine = (order.order_no for order in orders)

    def damage(db: sqlite3.Connection) -> None:
        db.execute('DELETE FROM "order" WHERE order_no = ?', (lost,))
        db.execute("DELETE FROM number WHERE order_no = ?", (lost,))
        db.execute('UPDATE "order" SET seq = seq + 1000000 WHERE order_no = ?', (old,))
        db.execute('UPDATE "order" SET order_no = ? WHERE order_no = ?', ("OD20200101001", strange))

    bench.core.cache._file._write(damage)
    assert bench.core.read.order(lost) is None
    link = bench.core._link
    assert link is not None
    check = next(engine for engine in link.engines if engine.name == "digest")
    puller = next(engine for engine in link.engines if engine.name == "pull")

    def is_right() -> bool:
        bench.do(puller.step(bench.clock.now()))
        bench.do(check.step(bench.clock.now()))
        read = bench.core.read
        return (
            all(read.order(no) for no in (lost, old, strange, fine)) and read.order("OD20200101001") is None
        )

    bench.until(is_right, "not put right", 20)
    assert not bench.core.cache.is_filling_anew
    client = bench.core.hub
    assert isinstance(client, HubClient)
    assert bench.core.cache.digest().buckets == bench.do(client.digest()).buckets
    assert [order.order_no for order in bench.core.read.search("DIGEST-0", 5)] == [lost]
    assert "orderdock_copies_differ_total" in hub.admin().get("/metrics").text
    desk.until(
        lambda: [a for a in desk.core.supervisor.alarms() if a.kind == "digest"], "nobody was told", 20
    )
