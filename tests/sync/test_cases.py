"""The numbered cases of sync/PROTOCOL.md, one test each, with the same title."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import msgspec
import pytest
import sqlalchemy as sa

from app.core.acts import Act, ActKind, LinePacked
from app.core.order import Order, OrderState
from app.core.qr import command_code, slip_code
from app.core.reasons import Reason
from app.ports import SignInFailed
from app.station.outcome import Light
from app.store.status import SyncState
from app.wire import ChangePage, Urgent, envelope_of
from hub.db import engine as hub_engine
from hub.db import tables as hub_tables
from sync.client import HubClient, page_of
from tests.helpers.hub import ADMIN, PASSWORD, RunningHub, a_channel_order, hub_in_thread
from tests.helpers.proxy import FaultyProxy
from tests.helpers.station import LiveStation, until
from tests.sync.conftest import Station, a_code

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory, lasting_db: str) -> Iterator[RunningHub]:
    """The cases hold on both databases."""
    with hub_in_thread(tmp_path_factory.mktemp("hub"), db=lasting_db) as running:
        yield running


def parcel_of(order: Order) -> str:
    return order.parcels[0].parcel_no


def packed_at(hub: RunningHub, order: Order) -> list[int]:
    """What the hub has counted into the parcel, line by line."""
    found = hub.app.doors.orders.lookup.order(order.order_no)
    assert found is not None
    return [line.qty_packed for line in found.parcels[0].lines]


def told(hub: RunningHub, order: Order) -> list[str]:
    return [row.kind for row in hub.app.doors.orders.lookup.story(order.order_no)]


def knows(bench: LiveStation, order: Order) -> None:
    bench.until(lambda: bench.core.read.order(order.order_no), "the order was not fed")


def opens(bench: LiveStation, order: Order) -> None:
    """The parcel lies on the bench, under lease."""
    knows(bench, order)
    assert bench.scan(slip_code(parcel_of(order), 1)).is_ok
    bench.until(lambda: bench.core.leases.is_valid(parcel_of(order)), "no lease")


def sent(bench: LiveStation) -> None:
    bench.until(lambda: bench.core.outbox.pending_count() == 0, "acts were not sent")


def test_every_case_of_the_protocol_has_its_test() -> None:
    text = (ROOT / "sync" / "PROTOCOL.md").read_text(encoding="utf-8").split("## Cases")[1]
    titles = re.findall(r"^(\d+)\. \*\*(.+?)\.\*\*", text, re.MULTILINE)
    assert [int(n) for n, _ in titles] == list(range(1, len(titles) + 1))
    files = sorted(Path(__file__).parent.glob("test_cases*.py"))
    here = "".join(path.read_text(encoding="utf-8") for path in files)
    missing = [f'"""{n}. {title}."""' for n, title in titles if f'"""{n}. {title}."""' not in here]
    assert not missing


def test_case_01(hub: RunningHub, station: Station, proxy: FaultyProxy, order: Order) -> None:
    """1. Answer lost."""
    bench = station(url=proxy.url)
    opens(bench, order)
    sent(bench)
    proxy.lose_answers()
    assert bench.scan("SKU-1").is_ok
    until(lambda: packed_at(hub, order) == [1, 0], "the act did not reach the hub")
    until(lambda: proxy.lost, "no answer was lost")
    assert bench.core.outbox.pending_count() == 1
    proxy.heal()
    sent(bench)
    assert packed_at(hub, order) == [1, 0]
    assert told(hub, order).count("line_packed") == 1


def test_case_02(hub: RunningHub, station: Station, order: Order) -> None:
    """2. Sent twice."""
    bench = station()
    knows(bench, order)
    act = bench.core.bench.act(ActKind.opened, order.order_no, bench.clock.now(), parcel_of(order))
    client = bench.core.hub
    assert isinstance(client, HubClient)

    async def twice() -> list[str]:
        import asyncio

        answers = await asyncio.gather(client.acts([envelope_of(act)]), client.acts([envelope_of(act)]))
        return [f"{r.outcome} {r.replayed} {r.seq}" for [r] in answers]

    one, other = sorted(bench.do(twice()))
    assert one.replace("False", "True") == other
    assert told(hub, order).count("opened") == 1


def test_case_03(tmp_path: Path, db: str) -> None:
    """3. Hub restarted half-way."""
    with LiveStation(tmp_path / "bench") as bench:
        with hub_in_thread(tmp_path / "hub", db=db) as hub, FaultyProxy(hub.url) as proxy:
            order = hub.given(a_channel_order("T1"))
            bench.pair(a_code(hub), url=proxy.url)
            opens(bench, order)
            epoch = bench.core.cache.shown.epoch
            proxy.cut()
            bench.scan("SKU-1")
            with hub_in_thread(tmp_path / "hub2-holds-the-port-away"):
                pass
        with hub_in_thread(tmp_path / "hub", db=db) as hub, FaultyProxy(hub.url) as again:
            _moved(bench, again.url)
            sent(bench)
            another = hub.given(a_channel_order("T2"))
            knows(bench, another)
            assert packed_at(hub, order) == [1, 0]
            assert bench.core.cache.shown.epoch == epoch
            _moved(bench, None)


def _moved(bench: LiveStation, url: str | None) -> None:
    """The hub has another address now (a test's ports change; a shop's do not)."""
    bench.loop.stop_engines()
    core = bench.core
    bench.do(core._unlink())
    if url is not None and core.identity is not None:
        core._use(replace(core.identity, hub_url=url))
        bench._restart()


def test_case_04(hub: RunningHub, station: Station, order: Order) -> None:
    """4. Same id with another body."""
    bench = station()
    opens(bench, order)
    sent(bench)
    first = Act(
        act_id="THE-SAME-ID-" + order.order_no,
        kind=ActKind.line_packed,
        order_no=order.order_no,
        made_at=bench.clock.now(),
        parcel_no=parcel_of(order),
        body=LinePacked(line_no=1),
    )
    bench.core.bench.record(first).result()
    sent(bench)
    client = bench.core.hub
    assert isinstance(client, HubClient)
    [receipt] = bench.do(client.acts([envelope_of(replace(first, body=LinePacked(line_no=2)))]))
    assert (receipt.outcome, receipt.reason) == ("refused", Reason.id_reused)
    assert packed_at(hub, order) == [1, 0]


def test_case_05(hub: RunningHub, station: Station, another: Callable[[int], Order]) -> None:
    """5. Poisoned act in front."""
    bench = station()
    orders = [another(n) for n in range(20)]
    for order in orders:
        knows(bench, order)
    bench.loop.stop_engines()
    bench.core.outbox.run(_put_poison).result()
    for order in orders:
        for _ in range(5):
            act = bench.core.bench.act(ActKind.opened, order.order_no, bench.clock.now(), parcel_of(order))
            bench.core.outbox.record(act).result()
    bench._restart()
    sent(bench)
    assert all(told(hub, order).count("opened") == 5 for order in orders)
    bench.until(lambda: not bench.core.outbox.waiting(), "something still waits")
    rows = bench.core.outbox.run(
        lambda db: db.execute("SELECT act_id FROM act WHERE state = 'needs_person'").fetchall()
    ).result()
    assert rows == [("POISON",)]
    [need] = bench.core.needs.open()
    assert (need.act_id, need.is_clash, need.can_again) == ("POISON", False, False)
    fresh = another(99)
    knows(bench, fresh)


def _put_poison(db: sqlite3.Connection) -> None:
    data = msgspec.json.encode({
        "act_id": "POISON",
        "kind": "line_packed",
        "order_no": "OD20260101001",
        "parcel_no": "OD2026010100101",
        "made_at": "2026-11-21T00:00:00Z",
        "body": {"line_no": "one"},
    })
    db.execute(
        "INSERT INTO act (act_id, kind, order_no, parcel_no, envelope, state, made_at) "
        "VALUES ('POISON', 'line_packed', 'OD20260101001', 'OD2026010100101', ?, 'waiting', '2026-11-21')",
        (data,),
    )


def test_case_06(tmp_path: Path, db: str) -> None:
    """6. Epoch changed."""
    with hub_in_thread(tmp_path / "hub", db=db) as hub, LiveStation(tmp_path / "bench", hub.url) as bench:
        order = hub.given(a_channel_order("T1"))
        bench.pair(a_code(hub))
        opens(bench, order)
        bench.scan("SKU-1")
        sent(bench)
        bench.until(lambda: packed_fed(bench, order) == 1, "not fed back")
        before = bench.core.cache.shown.epoch
        _forget_acts_and_restore(hub)
        late = hub.given(a_channel_order("T2"))
        knows(bench, late)
        bench.until(lambda: bench.core.cache.shown.epoch != before, "the new epoch was not taken")
        bench.until(lambda: not bench.core.cache.is_filling_anew, "not swapped")
        sent(bench)
        bench.until(lambda: packed_at(hub, order) == [1, 0], "the restored hub did not get the act back")
        assert not (tmp_path / "bench" / "cache.new.sqlite").exists()
        assert bench.core.read.order(order.order_no) is not None


def packed_fed(bench: LiveStation, order: Order) -> int:
    fed = bench.core.read.fed(order.order_no)
    return fed[0].parcels[0].qty_packed if fed else 0


def _forget_acts_and_restore(hub: RunningHub) -> None:
    """As after a restore from a backup that is older than the acts."""
    engine = hub.app.doors.orders.engine
    with engine.connect() as conn:
        old = conn.execute(sa.select(hub_tables.orders.c.body)).scalar_one()
    order = msgspec.json.decode(old, type=Order)
    parcel = order.parcels[0]
    empty = replace(
        parcel,
        state=OrderState.released,
        holder=None,
        lease_until=None,
        lease_step=None,
        lines=tuple(replace(line, qty_packed=0) for line in parcel.lines),
    )
    body = msgspec.json.encode(replace(order.with_parcel(empty), order_state=OrderState.released))
    with engine.begin() as conn:
        conn.execute(sa.update(hub_tables.orders).values(body=body))
        conn.execute(sa.delete(hub_tables.receipt))
        hub_engine.new_epoch(conn, lambda: "EPOCH-AFTER-RESTORE")


def test_case_07(hub: RunningHub, station: Station, proxy: FaultyProxy, order: Order) -> None:
    """7. Cache deleted."""
    bench = station(url=proxy.url)
    opens(bench, order)
    sent(bench)
    proxy.cut()
    bench.scan("SKU-1")
    bench.core.cache.start_over()
    assert bench.core.read.order(order.order_no) is None
    proxy.heal()
    knows(bench, order)
    view = bench.core.read.order(order.order_no)
    assert view is not None
    assert view.parcels[0].qty_packed == 1
    sent(bench)


def test_case_08(tmp_path: Path, hub: RunningHub, order: Order) -> None:
    """8. Cache damaged."""
    with LiveStation(tmp_path / "bench", hub.url) as bench:
        bench.pair(a_code(hub))
        opens(bench, order)
        bench.scan("SKU-1")
        sent(bench)
    (tmp_path / "bench" / "cache.sqlite").write_bytes(b"this is no database at all" * 500)
    with LiveStation(tmp_path / "bench", hub.url) as bench:
        assert bench.core.notices == ["store.cache_damaged"]
        assert bench.core.outbox.recent(5)[0][0] == order.order_no
        knows(bench, order)
        assert packed_at(hub, order) == [1, 0]


def test_case_09(hub: RunningHub, station: Station, order: Order) -> None:
    """9. Disk full at the station."""
    bench = station()
    opens(bench, order)
    sent(bench)
    outbox = bench.core.outbox
    pages = outbox.run(lambda db: db.execute("PRAGMA page_count").fetchone()[0]).result()
    outbox.run(lambda db: db.execute(f"PRAGMA max_page_count = {pages}").fetchall()).result()
    red = _scan_until_full(bench, order)
    assert (red.result, red.params["cause"]) == (Reason.not_kept, "outbox_disk_full")
    kept = bench.core.read.order(order.order_no)
    assert kept is not None
    outbox.run(lambda db: db.execute("PRAGMA max_page_count = 1000000").fetchall()).result()
    bench.until(lambda: bench.scan(command_code("UNDO")).light is not None, "still full")
    sent(bench)
    view = bench.core.read.order(order.order_no)
    assert view is not None
    bench.until(
        lambda: packed_at(hub, order)[0] == view.parcels[0].lines[0].qty_packed, "hub and bench differ"
    )


def _scan_until_full(bench: LiveStation, order: Order):  # type: ignore[no-untyped-def]
    """Counts up and down until the disk says no."""
    for _ in range(400):
        for outcome in (
            bench.core.packing.count_by_hand(1, bench.clock.now()),
            bench.core.packing.undo_last(bench.clock.now()),
        ):
            bench.until(lambda o=outcome: any(x.scan_id == o.scan_id for x in bench.outcomes), "no word")
            last = next(x for x in reversed(bench.outcomes) if x.scan_id == outcome.scan_id)
            if last.light is Light.red:
                return last
    raise AssertionError("the disk never got full")


def test_case_10(hub: RunningHub, station: Station, order: Order) -> None:
    """10. Stop during catch-up."""
    bench = station()
    opens(bench, order)
    sent(bench)
    bench.loop.stop_engines()
    fed = bench.core.read.fed(order.order_no)
    assert fed is not None
    rep = hub.station("service")
    assert rep.act("cancel", order.order_no, body={"reason": "buyer_request"}).outcome == "applied"
    stopped = hub.app.doors.orders.lookup.order(order.order_no)
    assert stopped is not None
    feed = bench.core._link.stream._feed  # type: ignore[union-attr]
    cursor = bench.core.cache.cursor
    urgent = Urgent(
        seq=cursor.seq + 1000,
        order_no=order.order_no,
        stops=stopped.stops,
        is_frozen=True,
        parcels=stopped.parcels,
    )
    bench.do(feed.urgent(urgent))
    assert bench.core.packing.view().alarm is not None
    old = ChangePage(epoch=cursor.epoch, head=cursor.seq + 1000, next=cursor.seq + 1, changes=[])
    bench.do(feed.apply(old))
    view = bench.core.read.order(order.order_no)
    assert view is not None
    assert view.is_frozen
    assert bench.core.cache.cursor.seq == cursor.seq + 1


def test_case_11(tmp_path: Path, hub: RunningHub, order: Order) -> None:
    """11. Station revoked."""
    with LiveStation(tmp_path / "bench", hub.url) as bench:
        bench.pair(a_code(hub))
        opens(bench, order)
        sent(bench)
        identity = bench.core.identity
        assert identity is not None
        hub.admin().post(f"/v1/stations/{identity.station_id}/revoke", json={})
        bench.until(lambda: bench.core.status.facts.state is SyncState.needs_you, "nobody was told")
        items = bench.core.strip(bench.clock.now())
        assert (items[0].key, items[0].params) == ("needs_you", {"what": "revoked"})
        assert bench.core.read.order(order.order_no) is None
        act = bench.core.bench.act(ActKind.opened, order.order_no, bench.clock.now(), parcel_of(order))
        bench.core.bench.record(act).result()
        bench.pair(a_code(hub))
        knows(bench, order)
        sent(bench)
        assert told(hub, order).count("opened") == 2


def test_case_12(hub: RunningHub, station: Station, order: Order) -> None:
    """12. Two stations at once."""
    one, other = station(name="一号台"), station(name="二号台")
    for bench, there in ((one, other), (other, one)):
        knows(bench, order)
        # who is told that the other has the box is told its name
        assert there.core.identity is not None
        bench.until(partial(bench.core.read.station, there.core.identity.station_id), "no station was fed")
    slip = slip_code(parcel_of(order), 1)
    one.core.packing.on_scan(slip, one.clock.now())
    other.core.packing.on_scan(slip, other.clock.now())
    for bench in (one, other):
        sent(bench)
    both = (one, other)
    until(
        lambda: (
            [b.core.packing.view().is_leased for b in both] in ([True, False], [False, True])
            and sum(b.core.packing.view().parcel is not None for b in both) == 1
        ),
        "not exactly one has it",
    )
    holder, loser = both if one.core.packing.view().parcel else (other, one)
    assert holder.core.packing.view().parcel is not None
    until(lambda: any(o.result == Reason.no_lease for o in loser.outcomes), "not told who has it")
    said = [o for o in loser.outcomes if o.result == Reason.no_lease]
    assert holder.core.identity is not None
    assert said[-1].params["holder"] == holder.core.identity.name


def test_case_13(hub: RunningHub, station: Station, order: Order) -> None:
    """13. Page twice or late."""
    bench = station()
    client = bench.core.hub
    assert isinstance(client, HubClient)
    first = page_of(bench.do(client.changes(0, "", 1000)))
    opens(bench, order)
    sent(bench)
    bench.until(lambda: bench.core.cache.cursor.seq > first.next, "not fed")
    before = _dump(bench)
    assert bench.core.cache.apply_page(first) == frozenset()
    assert bench.core.cache.apply_page(first) == frozenset()
    assert _dump(bench) == before


def _dump(bench: LiveStation) -> list[tuple[object, ...]]:
    bench.loop.stop_engines()
    return bench.core.cache.read(
        lambda db: [
            row
            for table in ('"order"', "number", "history", "track", "thing", "cursor")
            for row in db.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall()
        ]
    )


def test_case_14(hub: RunningHub, station: Station, another: Callable[[int], Order]) -> None:
    """14. Stream page that does not fit."""
    bench = station()
    first = another(1)
    knows(bench, first)
    bench.loop.stop_engines()
    at = bench.core.cache.cursor
    missed, seen = another(2), another(3)
    client = bench.core.hub
    assert isinstance(client, HubClient)
    whole = page_of(bench.do(client.changes(at.seq, at.epoch, 1000)))
    tail = [c for c in whole.changes if c.key == seen.order_no]
    page = ChangePage(
        epoch=at.epoch, head=whole.head, next=whole.next, changes=tail, after=min(c.seq for c in tail) - 1
    )
    stream = bench.core._link.stream  # type: ignore[union-attr]
    bench.do(stream._came(page))
    assert bench.core.cache.cursor == at
    assert bench.core.read.order(seen.order_no) is None
    bench._restart()
    knows(bench, missed)
    knows(bench, seen)


def test_case_15(hub: RunningHub, station: Station, proxy: FaultyProxy, order: Order) -> None:
    """15. Fact the hub would refuse."""
    bench = station(url=proxy.url)
    opens(bench, order)
    sent(bench)
    proxy.cut()
    bench.scan("SKU-1")
    assert (
        hub.station("service").act("cancel", order.order_no, body={"reason": "buyer_request"}).outcome
        == "applied"
    )
    proxy.heal()
    sent(bench)
    bench.until(lambda: "clash" in told(hub, order), "no clash in the file")
    assert packed_at(hub, order) == [1, 0]
    [need] = bench.core.needs.open()
    assert (need.kind, need.is_clash, need.can_again) == ("line_packed", True, False)
    bench.until(lambda: bench.core.packing.view().alarm, "the bench was not alarmed")


def test_case_16(hub: RunningHub, station: Station, order: Order) -> None:
    """16. Command refused."""
    desk = station("service")
    knows(desk, order)
    asked = desk.do(desk.core.service.rush(order.order_no, False, "", desk.clock.now()))
    assert (asked.state, asked.reason) == ("refused", Reason.nothing_to_change)
    assert desk.core.outbox.pending_count() == 0
    assert desk.core.outbox.needs_person() == []


def test_case_17(hub: RunningHub, station: Station, another: Callable[[int], Order]) -> None:
    """17. Stream held back on the way."""
    bench = station()
    stream = bench.core._link.stream  # type: ignore[union-attr]
    bench.loop.stop_engines()
    bench.do(stream.close())
    stream._feed.stream_is_heard = False
    [puller] = [engine for engine in bench.core.engines() if engine.name == "pull"]
    bench.loop.step_for_ever(puller, bench.clock)
    for n in range(3):
        knows(bench, another(n))


def test_case_18(hub: RunningHub, station: Station, order: Order) -> None:
    """18. Session ended."""
    bench = station()
    knows(bench, order)
    # its own first question, two seconds after the start, must not be the one that meets the ended session
    bench.until(lambda: bench.core.rights.acts is not None, "what may be done here was not asked")
    bench.do(bench.core.sign_in(ADMIN, PASSWORD))
    assert (bench.core.person, bench.core.role) == (ADMIN, "admin")
    identity = bench.core.identity
    assert identity is not None
    hub.client(identity.token).post("/v1/sessions/end", json={})
    with pytest.raises(SignInFailed):
        bench.do(bench.core.hub.story(order.order_no))  # type: ignore[union-attr]
    opens(bench, order)
    sent(bench)
    assert bench.core.status.facts.state is not SyncState.needs_you


def test_case_19(
    hub: RunningHub, station: Station, proxy: FaultyProxy, another: Callable[[int], Order]
) -> None:
    """19. Offline."""
    bench = station(url=proxy.url)
    leased, unleased = another(1), another(2)
    opens(bench, leased)
    knows(bench, unleased)
    sent(bench)
    proxy.cut()
    bench.until(lambda: not bench.core.status.facts.is_online, "did not notice")
    assert bench.scan("SKU-1").is_ok
    assert bench.scan("SKU-2").is_ok
    assert bench.scan(command_code("CLOSE")).is_ok
    assert bench.scan(slip_code(parcel_of(unleased), 1)).is_ok
    assert bench.scan("SKU-1").is_ok
    assert bench.scan("SKU-2").is_ok
    refused = bench.scan(command_code("CLOSE"))
    assert refused.result == Reason.hub_unreachable
    proxy.heal()
    sent(bench)
    assert hub.app.doors.orders.lookup.order(leased.order_no).order_state == "packed"  # type: ignore[union-attr]
    bench.until(lambda: bench.core.leases.is_valid(parcel_of(unleased)), "no lease once back")
    assert bench.scan(command_code("CLOSE") + "\n").is_ok


def test_case_20(tmp_path: Path, hub: RunningHub, order: Order) -> None:
    """20. Station restarted."""
    with FaultyProxy(hub.url) as proxy:
        with LiveStation(tmp_path / "bench", proxy.url) as bench:
            bench.pair(a_code(hub))
            opens(bench, order)
            sent(bench)
            proxy.cut()
            bench.scan("SKU-1")
        with LiveStation(tmp_path / "bench") as bench:
            assert bench.core.outbox.pending_count() == 1
            view = bench.core.read.order(order.order_no)
            assert view is not None
            assert view.parcels[0].qty_packed == 1
            assert not bench.core.leases.is_valid(parcel_of(order))
            proxy.heal()
            sent(bench)
        assert packed_at(hub, order) == [1, 0]
