"""Supervisor and service desk: what they show, what they ask, what they are told."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from app.core.acts import ActKind
from app.core.history import HistoryRow
from app.core.order import CommandState, CommandView, InterceptResult, Order, OrderState, StopKind
from app.core.reasons import Reason
from app.core.tracking import NodeKind, Track, TrackNode
from app.ports import HubAway
from app.station.asking import Asked
from app.wire import AlarmView, PrinterReport, Receipt, StationView, StoryEntry
from tests.helpers.station import (
    MORNING,
    a_stop,
    an_order,
    change,
    history_change,
    order_no,
    packed,
    stopped,
)
from tests.station.conftest import FedBench


def answered(bench: FedBench, work: Coroutine[Any, Any, Asked], outcome: str, reason: str = "") -> Asked:
    """Runs a command while somebody plays the hub."""

    async def both() -> Asked:
        task = asyncio.create_task(work)
        while not (waiting := bench.core.outbox.waiting()):
            await asyncio.sleep(0.005)
        receipt = Receipt(act_id=waiting[0].act_id, outcome=outcome, reason=reason, seq=5)  # type: ignore[arg-type]
        await asyncio.to_thread(bench.core.outbox.settle, [receipt], "EPOCH-ONE", bench.clock.now())
        return await task

    return asyncio.run(both())


def test_a_command_is_shown_as_asked_until_the_hub_has_spoken(
    bench: FedBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.station.asking.ANSWER_WITHIN_S", 0.05)
    bench.fed(an_order())
    asked = bench.run(bench.core.service.cancel(order_no(1), "buyer_request", "不要了", bench.clock.now()))
    assert asked.state == "sent"
    card = bench.core.service.answer(order_no(1))
    assert card is not None
    assert (card.command_state, card.result) == (CommandState.sent, None)
    order = bench.core.read.order(order_no(1))
    assert order is not None
    assert not order.is_frozen


def test_an_applied_and_a_refused_command(bench: FedBench) -> None:
    bench.fed(an_order())
    service, now = bench.core.service, bench.clock.now()
    assert answered(bench, service.rush(order_no(1), True, "", now), "applied").state == "applied"
    refused = answered(bench, service.remark(order_no(1), "x", now), "refused", "nothing_to_change")
    assert (refused.state, refused.reason) == ("refused", Reason.nothing_to_change)
    assert bench.core.read.needs_person() == []
    for work in (
        service.hold(order_no(1), "address", "门牌号不全", now),
        service.release(order_no(1), "STOP1", "", now),
        bench.core.supervisor.release(order_no(1), "STOP1", "", now),
        bench.core.supervisor.take_over(f"{order_no(1)}01", "看过了", now),
        bench.core.supervisor.pulled(f"{order_no(1)}01", "在待交接区", now),
    ):
        assert answered(bench, work, "applied").state == "applied"


def test_a_command_that_cannot_be_kept_is_said(bench: FedBench) -> None:
    bench.fed(an_order())
    pages = bench.core.outbox.run(lambda db: db.execute("PRAGMA page_count").fetchone()[0]).result()
    bench.core.outbox.run(lambda db: db.execute(f"PRAGMA max_page_count = {pages}").fetchall()).result()
    note = "很长" * 20_000
    asked = bench.run(bench.core.service.cancel(order_no(1), "", note, bench.clock.now()))
    assert (asked.state, asked.reason) == ("refused", Reason.not_kept)


def _cancelled(order: Order, result: InterceptResult | None, holder: str | None = None) -> Order:
    asked = CommandView(
        act_id="STOP1",
        kind="cancel",
        state=CommandState.counting_down,
        asked_at=MORNING,
        actor="小美",
        note="n",
    )
    parcel = replace(order.parcels[0], intercept_result=result, holder=holder)
    return stopped(
        replace(order.with_parcel(parcel), commands=(asked,)),
        a_stop(counting_down_until=MORNING + timedelta(seconds=15)),
    )


def test_the_answer_card_says_what_people_are_told(bench: FedBench) -> None:
    bench.fed(_cancelled(an_order(), InterceptResult.trying, "ST-7"), an_order(2))
    bench.changes(
        change(
            bench.seq + 1,
            "station",
            "ST-7",
            StationView(station_id="ST-7", name="七号台", kind="packing", warehouse="main"),
        )
    )
    card = bench.core.service.answer(order_no(1))
    assert card is not None
    assert (card.result, card.command_state, card.stop_id) == (
        InterceptResult.trying,
        CommandState.counting_down,
        "STOP1",
    )
    assert card.counting_down_until == MORNING + timedelta(seconds=15)
    assert card.parcels[0].holder_name == "七号台"
    assert bench.core.service.answer(order_no(2)) is None
    assert bench.core.service.answer("OD1") is None


def test_stops_are_ordered_by_what_can_still_be_saved(bench: FedBench) -> None:
    trying, stop = InterceptResult.trying, InterceptResult.stopped
    box = packed(an_order(2))
    bench.fed(
        _cancelled(an_order(1), trying, "ST-7"),
        _cancelled(box, trying),
        stopped(an_order(3), a_stop(kind=StopKind.hold, since=MORNING - timedelta(hours=2))),
        _cancelled(an_order(4), stop),
        _cancelled(an_order(5, state=OrderState.handed_over), InterceptResult.too_late),
        _cancelled(an_order(6, state=OrderState.picking), trying, "ST-7"),
    )
    beat = StationView(
        station_id="ST-7", name="七号台", kind="packing", warehouse="main", last_beat_at=MORNING
    )
    bench.changes(change(bench.seq + 1, "station", "ST-7", beat))
    now = bench.clock.tick(8)
    views = bench.core.supervisor.stops(now)
    assert [(v.order_no[-3:], v.chance, v.stage) for v in views] == [
        ("001", "at_bench", "waiting"),
        ("006", "at_bench", "picking"),
        ("002", "packed", "packed"),
        ("003", "held", "waiting"),
        ("004", "safe", "waiting"),
        ("005", "gone", "gone"),
    ]
    first = views[0]
    assert (first.age, first.holder_name, first.holder_online) == (timedelta(seconds=8), "七号台", True)
    assert first.command_state is CommandState.counting_down
    silent = msgspec.structs.replace(beat, silent_at=bench.clock.now())
    bench.changes(change(bench.seq + 1, "station", "ST-7", silent))
    assert not bench.core.supervisor.stops(bench.clock.now())[0].holder_online
    [shown] = bench.core.supervisor.stations(bench.clock.now())
    assert not shown.is_online
    bench.changes(change(bench.seq + 1, "station", "ST-7", beat))
    assert bench.core.supervisor.stops(bench.clock.now())[0].holder_online
    assert not bench.core.supervisor.stops(bench.clock.tick(60))[0].holder_online


def test_a_stop_heard_ahead_of_its_row_is_on_the_supervisors_list(bench: FedBench) -> None:
    from tests.helpers.station import an_urgent

    bench.fed(an_order())
    bench.core.cache.apply_urgent(an_urgent(99, stopped(an_order())))
    assert [view.order_no for view in bench.core.supervisor.stops(bench.clock.now())] == [order_no(1)]


def test_packing_stage_is_told_from_the_units_in_the_box(bench: FedBench) -> None:
    order = an_order(state=OrderState.packing)
    bench.fed(_cancelled(order, InterceptResult.at_station_offline, "ST-7"))
    [view] = bench.core.supervisor.stops(bench.clock.now())
    assert (view.stage, view.holder_name, view.is_acked) == ("packing", "ST-7", False)


def test_benches_with_something_wrong_come_first(bench: FedBench) -> None:
    now = bench.clock.now()
    printers = [PrinterReport(name="小票", state="paper_out", waiting=2)]
    views = [
        StationView(
            station_id="ST-1",
            name="一号台",
            kind="packing",
            warehouse="main",
            last_beat_at=now,
            printers=printers,
        ),
        StationView(station_id="ST-2", name="二号台", kind="packing", warehouse="main", waiting_acts=4),
        StationView(station_id="ST-3", name="三号台", kind="packing", warehouse="main", is_revoked=True),
    ]
    bench.changes(*(change(i + 1, "station", v.station_id, v) for i, v in enumerate(views)))
    held = an_order(1)
    bench.fed(stopped(held.with_parcel(replace(held.parcels[0], holder="ST-2"))))
    benches = bench.core.supervisor.stations(now)
    assert [(b.name, b.is_online, b.stops_here) for b in benches] == [
        ("二号台", False, 1),
        ("一号台", True, 0),
        ("三号台", False, 0),
    ]
    assert benches[1].printers == tuple(printers)


def test_among_equals_the_parcel_in_moving_hands_comes_first(bench: FedBench) -> None:
    """What was scanned a moment ago is closed soonest; the age of the stop says nothing of that."""

    def held(n: int, scanned_s: float | None) -> Order:
        order = an_order(n, state=OrderState.packing)
        at = None if scanned_s is None else bench.clock.now() - timedelta(seconds=scanned_s)
        order = order.with_parcel(replace(order.parcels[0], last_scan_at=at))
        return _cancelled(order, InterceptResult.trying, "ST-7")

    bench.fed(held(1, 40), held(2, None), held(3, 4))
    views = bench.core.supervisor.stops(bench.clock.now())
    assert [view.order_no for view in views] == [order_no(3), order_no(1), order_no(2)]
    assert views[0].scanned_at == bench.clock.now() - timedelta(seconds=4)


def test_a_copy_that_keeps_up_is_not_called_old(bench: FedBench) -> None:
    """A report has a seq of its own: a bench that has seen all before it is up to date."""
    now = bench.clock.now()
    since = now - timedelta(minutes=3)
    keeps_up = StationView(
        station_id="ST-1", name="一号台", kind="packing", warehouse="main", last_beat_at=now, seq_seen=899
    )
    behind = StationView(
        station_id="ST-2",
        name="二号台",
        kind="packing",
        warehouse="main",
        last_beat_at=now,
        seq_seen=89,
        waiting_acts=2,
        oldest_waiting_at=since,
    )
    bench.changes(change(901, "station", "ST-1", keeps_up), change(902, "station", "ST-2", behind))
    first, second = bench.core.supervisor.stations(now)
    assert (first.behind, first.oldest_waiting_at) == (0, None)
    assert (second.behind, second.oldest_waiting_at) == (None, since), "it may have started just now"
    bench.changes(change(1002, "station", "ST-2", behind))
    assert bench.core.supervisor.stations(now)[1].behind == 913, "two reports in a row: it does lag"
    caught_up = msgspec.structs.replace(behind, seq_seen=1100)
    bench.changes(change(1102, "station", "ST-2", caught_up))
    assert bench.core.supervisor.stations(now)[1].behind == 0


def test_alarms_newest_first_acknowledged_last(bench: FedBench) -> None:
    def alarm(n: int, acked: bool = False) -> AlarmView:
        at = MORNING + timedelta(minutes=n)
        return AlarmView(
            alarm_id=f"A{n}", kind="clash", level="major", raised_at=at, acked_at=at if acked else None
        )

    bench.changes(*(change(n, "alarm", f"A{n}", alarm(n, n == 3)) for n in (1, 2, 3)))
    assert [a.alarm_id for a in bench.core.supervisor.alarms()] == ["A2", "A1", "A3"]
    bench.run(bench.core.supervisor.ack_alarm("A1"))
    assert bench.hub.acked == ["A1"]
    bench.core.bench.hub = None
    with pytest.raises(HubAway):
        bench.run(bench.core.supervisor.ack_alarm("A1"))


def test_the_story_holds_steps_nodes_and_own_work_with_durations(bench: FedBench) -> None:
    bench.fed(an_order())
    no, parcel_no = order_no(1), f"{order_no(1)}01"
    told = [
        HistoryRow(id=1, order_no=no, kind="received", at=MORNING),
        HistoryRow(
            id=2, order_no=no, parcel_no=parcel_no, kind="track_node", at=MORNING + timedelta(hours=3)
        ),
        HistoryRow(
            id=3,
            order_no=no,
            parcel_no=parcel_no,
            kind="opened",
            at=MORNING + timedelta(minutes=9),
            made_at=MORNING + timedelta(minutes=5),
            before={"state": "released"},
            after={"state": "packing"},
        ),
    ]
    node = TrackNode(
        at=MORNING + timedelta(hours=3), kind=NodeKind.picked_up, raw_text="已揽收", place="杭州"
    )
    track = Track(parcel_no=parcel_no, order_no=no, carrier="shunfeng", nodes=(node,))
    bench.changes(
        *(history_change(bench.seq + row.id, row) for row in told),
        change(bench.seq + 9, "track", parcel_no, track),
    )
    bench.clock.tick(4 * 3600)
    bench.desk.open_parcel(parcel_no, bench.clock.now())
    lines = bench.core.service.story(no)
    assert [(line.kind, line.pending) for line in lines] == [
        ("received", False),
        ("opened", False),
        ("track_node", False),
        ("opened", True),
    ]
    assert [line.lasted for line in lines] == [
        timedelta(minutes=5),
        timedelta(hours=2, minutes=55),
        None,  # a courier's node lasts until the courier's next one
        None,
    ]
    assert (lines[2].raw_text, lines[2].source, lines[1].after) == (
        "已揽收",
        "carrier:shunfeng",
        {"state": "packing"},
    )


def test_the_raw_answer_of_a_node_is_the_hubs_and_of_that_node_alone(bench: FedBench) -> None:
    """TRK-06: it lies sealed at the hub; the node is known by parcel, moment and words."""
    at, no = MORNING + timedelta(hours=3), order_no(1)
    fetched = "2026-01-23T04:07:00.000Z"

    def entry(text: str, parcel_no: str, raw: str | None) -> StoryEntry:
        detail = {"parcel_no": parcel_no, "text": text, "fetched_at": fetched}
        return StoryEntry(
            at=at, kind="track_node", text=text, source="carrier:kuaidi100", detail=detail, raw=raw
        )

    bench.hub.told = [
        entry("已揽收", f"{no}02", "other parcel"),
        entry("已揽收", f"{no}01", '{"status":"揽收"}'),
        entry("已发出", f"{no}01", None),
    ]
    desk = bench.core.service
    answer = bench.run(desk.raw_answer(no, f"{no}01", at, "已揽收"))
    assert answer is not None and answer.text == '{"status":"揽收"}'
    assert answer.fetched_at == datetime.fromisoformat(fetched)
    assert bench.run(desk.raw_answer(no, f"{no}01", at, "已发出")) is None
    bench.core.bench.hub = None
    with pytest.raises(HubAway):
        bench.run(desk.raw_answer(no, f"{no}01", at, "已揽收"))


def test_a_pending_command_is_told_under_its_historys_name(bench: FedBench) -> None:
    bench.fed(an_order())
    act = bench.core.bench.act(ActKind.cancel, order_no(1), bench.clock.now())
    from app.core.acts import Cancel

    bench.core.bench.record(replace(act, body=Cancel(reason="x"))).result()
    [line] = bench.core.read.story(order_no(1))
    assert (line.kind, line.pending, line.source) == ("cancel_asked", True, "station:ST-1")


def test_search_by_whatever_the_buyer_knows(bench: FedBench) -> None:
    bench.fed(*(an_order(n) for n in range(1, 30)))
    while bench.core.cache.index_some(10):
        pass
    service = bench.core.service
    assert [o.order_no for o in service.search("SF000000000007")] == [order_no(7)]
    assert [o.order_no for o in service.search(" 2601238800000007 ")] == [order_no(7)]
    assert service.search("小林12")[0].order_no == order_no(12)
    assert len(service.search("林", n=10)) == 10
    assert service.search("0007")[0].order_no == order_no(7)
    assert [o.order_no for o in service.search(f"{order_no(3)}01")] == [order_no(3)]
    assert len(service.search("")) == 29
    assert service.search('"; DROP TABLE') == []
