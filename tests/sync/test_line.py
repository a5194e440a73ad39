"""The whole line over real HTTP: opened, counted, closed, handed over; a cancel stops the hand; who did what."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC
from pathlib import Path

import pytest

from app import resources
from app.core.order import InterceptResult, Order, OrderState
from app.core.qr import command_code, slip_code
from app.core.reasons import Reason
from app.ports import HubAway, HubTrouble, Insecure, NotThatHub
from app.station.outcome import Done
from sync import link
from tests.helpers.hub import ADMIN, PASSWORD, HubClient, RunningHub, hub_process
from tests.helpers.station import LiveStation
from tests.sync.conftest import Station
from tests.sync.test_cases import knows, opens, parcel_of, sent
from ui.present.strip import strip_views
from ui.present.words import Words


def state_fed(bench: LiveStation, order: Order) -> OrderState | None:
    fed = bench.core.read.fed(order.order_no)
    return fed[0].order_state if fed else None


def test_an_order_is_packed_and_handed_over(hub: RunningHub, station: Station, order: Order) -> None:
    bench = station()
    opens(bench, order)
    assert bench.scan("SKU-1").done is Done.counted
    assert bench.scan("SKU-2").done is Done.complete
    assert bench.scan(command_code("CLOSE")).done is Done.closed
    sent(bench)
    bench.until(lambda: state_fed(bench, order) is OrderState.packed, "not packed at the hub")
    bench.core.packing.set_mode("handover")
    assert bench.scan(slip_code(parcel_of(order), 1)).done is Done.handed_over
    bench.until(lambda: state_fed(bench, order) is OrderState.handed_over, "not handed over at the hub")
    kinds = [line.kind for line in bench.core.read.story(order.order_no)]
    assert [k for k in kinds if k in {"opened", "line_packed", "parcel_closed", "handed_over"}] == [
        "opened",
        "line_packed",
        "line_packed",
        "parcel_closed",
        "handed_over",
    ]


def test_a_box_leased_for_the_van_elsewhere_is_given_to_the_hand_that_has_it(
    hub: RunningHub, station: Station, order: Order
) -> None:
    closer, gate, no = station(name="3 号台"), station(name="交接台"), parcel_of(order)
    opens(closer, order)
    for code in ("SKU-1", "SKU-2", command_code("CLOSE")):
        assert closer.scan(code).is_ok
    sent(closer)
    closer.until(lambda: state_fed(closer, order) is OrderState.packed, "not packed at the hub", 20)
    closer.core.packing.set_mode("handover")
    closer.until(lambda: closer.core.leases.is_valid(no, "handover"), "not leased for the van", 20)
    gate.until(
        lambda: (found := gate.core.read.order(order.order_no)) and found.parcels[0].holder, "not fed", 20
    )
    gate.core.packing.set_mode("handover")
    asked = gate.core.packing.on_scan(slip_code(no, 1), gate.clock.now())
    assert (asked.done, asked.params["holder"]) == (Done.asked_holder, "3 号台")
    assert gate.do(gate.core.packing.follow(asked, gate.clock.now())).done is Done.handed_over
    closer.until(lambda: no not in closer.core.leases.held(), "the other still believes it has it", 20)
    sent(gate)
    gate.until(lambda: state_fed(gate, order) is OrderState.handed_over, "not handed over at the hub", 20)


def test_a_cancel_stops_the_hand_and_the_rep_knows_it(
    hub: RunningHub, station: Station, order: Order
) -> None:
    bench, desk = station("packing"), station("service", name="客服一")
    opens(bench, order)
    bench.scan("SKU-1")
    sent(bench)
    knows(desk, order)
    asked = desk.do(desk.core.service.cancel(order.order_no, "buyer_request", "不要了", desk.clock.now()))
    assert asked.state == "applied"
    bench.until(lambda: bench.core.packing.view().alarm, "the bench was not alarmed")
    assert bench.scan("SKU-2").reason is Reason.frozen

    def answer() -> InterceptResult | None:
        card = desk.core.service.answer(order.order_no)
        return card.result if card else None

    desk.until(lambda: answer() is InterceptResult.stopped, "the rep was not told")
    bench.core.packing.ack_stop("key", bench.clock.now())
    sent(bench)
    assert bench.core.packing.view().parcel is None
    told = [row.kind for row in hub.app.doors.orders.lookup.story(order.order_no)]
    assert told.index("cancel_asked") < told.index("freeze_shown") < told.index("freeze_acked")


def test_acts_are_sent_in_the_name_of_who_did_them(hub: RunningHub, station: Station, order: Order) -> None:
    bench = station()
    knows(bench, order)
    bench.do(bench.core.sign_in(ADMIN, PASSWORD))
    bench.loop.stop_engines()
    bench.core.packing.on_scan(slip_code(parcel_of(order), 1), bench.clock.now())
    bench.do(bench.core.sign_out())
    bench.core.packing.on_scan("SKU-1", bench.clock.now())
    bench._restart()
    sent(bench)
    assert bench.core.identity is not None
    who = {row.kind: row.actor for row in hub.app.doors.orders.lookup.story(order.order_no)}
    assert (who["opened"], who["line_packed"]) == (ADMIN, bench.core.identity.name)
    rows = bench.core.outbox.run(
        lambda db: db.execute("SELECT DISTINCT session FROM act").fetchall()
    ).result()
    assert rows == [("",)]


def test_a_session_the_hub_never_heard_of_blocks_nothing(
    hub: RunningHub, station: Station, order: Order
) -> None:
    bench = station()
    knows(bench, order)
    bench.core.outbox.session = "of another hub"
    opens(bench, order)
    sent(bench)
    assert "opened" in [row.kind for row in hub.app.doors.orders.lookup.story(order.order_no)]


def test_the_hubs_own_search_story_and_alarms(hub: RunningHub, station: Station, order: Order) -> None:
    desk = station("service")
    knows(desk, order)
    client = desk.core.hub
    assert client is not None
    assert [o.order_no for o in desk.do(client.orders("18312342807")).orders].count(order.order_no) == 1
    assert desk.do(client.story(order.order_no))[0].kind == "received"
    with pytest.raises(HubTrouble):
        desk.do(client.ack_alarm("no such alarm"))


def test_slips_are_leased_and_queued(
    hub: RunningHub, station: Station, another: Callable[[int], Order]
) -> None:
    bench = station()
    orders = [another(n) for n in range(3)]
    for order in orders:
        knows(bench, order)
    numbers = [parcel_of(order) for order in orders]
    outcomes = bench.do(bench.core.packing.print_slips(numbers, bench.clock.now()))
    assert [o.done for o in outcomes] == [Done.printing] * 3
    assert all(bench.core.leases.is_valid(no) for no in numbers)
    assert [job.parcel_no for job in bench.core.outbox.open_jobs()] == numbers


def test_an_idle_station_compares_its_copy_and_heals_it(
    hub: RunningHub, station: Station, order: Order, expect_logs: Callable[..., None]
) -> None:
    expect_logs("copy_differs")
    bench = station()
    knows(bench, order)
    digest = bench.core._link.digest  # type: ignore[union-attr]

    def is_equal() -> bool:
        return (bench.do(digest.step(bench.clock.now())) - bench.clock.now()).total_seconds() > 800

    bench.until(is_equal, "never found idle and equal")
    bench.loop.stop_engines()
    bench.core.cache._file._write(
        lambda db: db.execute('DELETE FROM "order" WHERE order_no = ?', (order.order_no,))
    )
    assert bench.core.read.order(order.order_no) is None
    bench._restart()
    bench.until(lambda: is_equal() and bench.core.read.order(order.order_no), "not healed")


def test_a_hub_on_the_network_is_joined_by_its_fingerprint(tmp_path: Path) -> None:
    with hub_process(tmp_path / "hub", host="0.0.0.0") as hub, LiveStation(tmp_path / "bench") as bench:
        url = hub.url.replace("http:", "https:")
        ca = (tmp_path / "hub" / "tls" / "ca.pem").read_text(encoding="ascii")
        admin = HubClient(url, verify=_trusting(ca))
        token = admin.post("/v1/sessions", json={"user": ADMIN, "password": PASSWORD}).json()["token"]
        opened = admin.post(
            "/v1/pairing_codes", json={"kind": "packing"}, headers={"Authorization": f"Bearer {token}"}
        ).json()
        admin.close()
        with pytest.raises(NotThatHub):
            bench.pair(opened["code"], url=url)
        with pytest.raises(NotThatHub):
            bench.pair(opened["code"], url=f"{url}#{'ab' * 32}")
        bench.pair(opened["code"], url=f"{url}/#{opened['ca_sha256'].upper()}")
        bench.until(lambda: bench.core.status.facts.is_online, "not online over TLS")
        assert bench.core.identity is not None
        assert bench.core.identity.ca_pem == ca


def _trusting(ca: str):  # type: ignore[no-untyped-def]
    import ssl

    return ssl.create_default_context(cadata=ca)


def test_nothing_is_said_in_the_open_to_another_machine(tmp_path: Path) -> None:
    with LiveStation(tmp_path) as bench:
        with pytest.raises(Insecure):
            bench.pair("ABCD2345", url="http://192.168.1.5:8620")
        with pytest.raises(HubAway):
            bench.pair("ABCD2345", url="http://127.0.0.1:9")
        with pytest.raises(HubAway):
            bench.pair("ABCD2345", url="https://127.0.0.1:9#abcd")
    assert link.pair.__doc__


def test_a_copy_that_open_work_alone_fills_says_so_and_what_to_do(
    hub: RunningHub, station: Station, another: Callable[[int], Order]
) -> None:
    bench = station()
    bench.core.cache.keep_below(10_000)
    order = another(1)

    def says(lang: str) -> list[str]:
        words = Words(resources.texts(), lang, UTC)  # type: ignore[arg-type]
        return [view.text for view in strip_views(bench.core.strip(bench.clock.now()), words)]

    knows(bench, order)
    bench.until(lambda: any("MB" in text for text in says("zh")), "nobody is told", 20)
    assert [text for text in says("zh") if "MB" in text] == [
        "积压太多，本机数据已 1 MB：照常可用，请主管把旧单交接或取消"
    ]
    [said] = [text for text in says("en") if "MB" in text]
    assert "supervisor" in said
    assert bench.core.read.queue_count() > 0, "no work is left out"
    bench.core.cache.keep_below(10_000_000)
    another(2)
    bench.until(lambda: not any("MB" in text for text in says("zh")), "said for ever", 20)
