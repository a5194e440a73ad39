"""What a station holds: asked for in batches, counted from sending, renewed, forgotten when it ends (design 3.7)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from app import resources
from app.core.order import Order, OrderState, settled
from app.core.qr import command_code, slip_code
from app.core.reasons import Reason
from app.station.outcome import Done
from app.station.van import VanView
from app.wire import LabelData, LeaseAnswer, Receipt, StationView
from tests.helpers.station import MORNING, a_stop, an_order, change, order_no, packed
from tests.station.conftest import STATION, FedBench

LABEL = LabelData(parcel_no=f"{order_no(1)}01", consignee_name="林小明", consignee_phone="18300012807")


def parcel_no(n: int = 1) -> str:
    return f"{order_no(n)}01"


def slip(n: int = 1) -> str:
    return slip_code(parcel_no(n), 1)


def _leases(bench: FedBench, *numbers: int, step: str = "close") -> None:
    asked = [parcel_no(n) for n in numbers]
    answers = bench.run(bench.core._keeper.ask(asked, step))  # type: ignore[arg-type]
    assert answers == dict.fromkeys(asked)


def test_many_slips_are_leased_in_requests_of_two_hundred(bench: FedBench) -> None:
    bench.fed(*(an_order(n, qty=(1,)) for n in range(1, 231)))
    bench.run(bench.desk.print_slips([parcel_no(n) for n in range(1, 231)], bench.clock.now()))
    assert [(len(ask.parcel_nos), ask.step) for ask in bench.hub.asked] == [(200, "print"), (30, "print")]
    assert len(bench.core.leases.held()) == 230


def test_a_lease_counts_from_when_the_request_left_not_from_its_answer(bench: FedBench) -> None:
    bench.fed(an_order())
    bench.hub.meanwhile = lambda: bench.clock.tick(400)
    _leases(bench, 1)
    assert bench.core.leases.left_s(parcel_no()) == 3170


def test_a_label_lies_in_memory_as_long_as_its_lease_and_no_longer(bench: FedBench) -> None:
    bench.hub.labels[parcel_no()] = LABEL
    keeper, book = bench.core._keeper, bench.core.leases
    bench.fed(an_order(qty=(1,)))
    _leases(bench, 1, step="print")
    assert keeper.label(parcel_no()) == LABEL
    bench.scan(slip())
    bench.hub.labels.clear()
    _leases(bench, 1)
    assert keeper.label(parcel_no()) == LABEL, "asking for more time takes nothing away"
    bench.scan("SKU-1")
    assert bench.scan(command_code("CLOSE")).done is Done.closed
    assert keeper.label(parcel_no()) is None
    bench.hub.labels[parcel_no(2)] = LABEL
    bench.fed(an_order(2))
    _leases(bench, 2, step="print")
    bench.online(False)
    bench.clock.tick(3570)
    bench.steps_leases()
    assert book._leases == {}, "nothing of it is left, asked for or not"
    for ends in (lambda: keeper.give_back(parcel_no(2)), book.clear):
        bench.online()
        _leases(bench, 2, step="print")
        assert keeper.label(parcel_no(2)) == LABEL
        ends()
        assert keeper.label(parcel_no(2)) is None


def test_nothing_of_a_label_is_on_disk_and_a_restart_forgets_it(bench: FedBench) -> None:
    bench.hub.labels[parcel_no()] = LABEL
    bench.fed(an_order())
    _leases(bench, 1, step="print")
    bench.scan(slip())
    bench.core.outbox.run(lambda db: None).result()
    kept = b"".join(path.read_bytes() for path in sorted(bench.folder.iterdir()))
    assert LABEL.consignee_phone.encode() not in kept
    assert LABEL.consignee_name.encode() not in kept
    bench.restart()
    bench.online(False)
    assert bench.core._keeper.label(parcel_no()) is None
    assert bench.core.leases.held() == {}


def test_offline_a_box_leaves_the_house_only_by_a_hand_over_lease(bench: FedBench) -> None:
    bench.fed(packed(an_order(1)), packed(an_order(2)))
    _leases(bench, 1)
    _leases(bench, 2, step="handover")
    bench.desk.set_mode("handover")
    bench.online(False)
    assert bench.scan(slip(1)).reason is Reason.hub_unreachable
    assert bench.scan(slip(2)).done is Done.handed_over


def _closed_here(n: int, by: str = STATION, **changed: Any) -> Order:
    order = packed(an_order(n))
    return settled(replace(order.with_parcel(replace(order.parcels[0], handled_by=by)), **changed))


def _asked(bench: FedBench, step: str = "handover") -> list[list[str]]:
    return [sorted(ask.parcel_nos) for ask in bench.hub.asked if ask.step == step and not ask.give_back]


def test_a_desk_that_hands_over_leases_what_it_closed_and_nothing_else(bench: FedBench) -> None:
    bench.fed(
        _closed_here(1),
        _closed_here(2, by="ST-2"),
        _closed_here(3, stops=(a_stop(),)),
        an_order(4),
        _closed_here(5),
    )
    bench.steps_leases()
    assert bench.hub.asked == []
    bench.desk.ack_stop("key", bench.clock.now())
    bench.scan(command_code("HANDOVER"))
    bench.steps_leases()
    assert _asked(bench) == [[parcel_no(1), parcel_no(5)]]
    bench.steps_leases()
    assert len(bench.hub.asked) == 1, "it has them"
    bench.online(False)
    assert bench.scan(slip(2)).reason is Reason.hub_unreachable
    assert bench.scan(slip(1)).done is Done.handed_over
    assert set(bench.core.leases.held()) == {parcel_no(5)}, "what has left needs no lease"
    bench.online()
    bench.clock.tick(3000)
    bench.steps_leases()
    assert _asked(bench)[1:] == [[parcel_no(5)]], "renewed while boxes go to the van"


def _of(n: int, carrier: str, by: str = "ST-2", holder: str | None = None, **changed: Any) -> Order:
    order = _closed_here(n, by=by, **changed)
    step: Any = "handover" if holder else None
    return order.with_parcel(replace(order.parcels[0], carrier=carrier, holder=holder, lease_step=step))


def test_a_desk_that_closed_nothing_leases_what_waits_free_for_the_one_courier(bench: FedBench) -> None:
    bench.fed(
        _of(1, "zto"),
        _of(2, "zto", by="ST-3"),
        _of(3, "zto", holder="ST-3"),
        _of(4, "zto", stops=(a_stop(),)),
    )
    bench.desk.ack_stop("key", bench.clock.now())
    bench.desk.set_mode("handover")
    bench.steps_leases()
    assert _asked(bench) == [[parcel_no(1), parcel_no(2)]], "not what another desk has, nor what is stopped"
    assert bench.desk.van() == VanView(may_go=2, stopped=1, elsewhere=1)
    bench.online(False)
    assert bench.scan(slip(1)).done is Done.handed_over
    assert bench.desk.van() == VanView(may_go=1, stopped=1, elsewhere=1)


def test_of_several_couriers_it_leases_for_the_one_whose_boxes_go_here(bench: FedBench) -> None:
    bench.fed(_of(1, "zto"), _of(2, "sto"), _of(3, "zto"), _of(4, "sto"))
    bench.desk.set_mode("handover")
    bench.steps_leases()
    assert bench.hub.asked == [], "whose van stands there is not known yet"
    assert bench.desk.van() == VanView(free=4)
    assert bench.scan(slip(3)).done is Done.handed_over
    assert bench.desk.van() == VanView(free=2, later=1)
    bench.steps_leases()
    assert _asked(bench) == [[parcel_no(1)]]
    assert bench.desk.van() == VanView(may_go=1, free=2)
    bench.scan(slip(2))
    bench.steps_leases()
    assert _asked(bench)[1:] == [[parcel_no(4)]], "a second van at the same door"
    bench.desk.set_mode("packing")
    bench.steps_leases()
    assert [sorted(ask.parcel_nos) for ask in bench.hub.asked if ask.give_back] == [
        [parcel_no(1), parcel_no(4)]
    ]
    bench.desk.set_mode("handover")
    bench.steps_leases()
    assert len(_asked(bench)) == 2, "another hand-over, another courier"


def test_a_packer_who_hands_over_his_own_leases_nobody_elses(bench: FedBench) -> None:
    bench.fed(_of(1, "zto", by=STATION), _of(2, "zto"))
    bench.desk.set_mode("handover")
    bench.steps_leases()
    assert _asked(bench) == [[parcel_no(1)]]
    bench.scan(slip(1))
    gone = _of(1, "zto", by=STATION)
    bench.fed(settled(gone.with_parcel(replace(gone.parcels[0], state=OrderState.handed_over))))
    bench.steps_leases()
    assert len(_asked(bench)) == 1, "his own have left: he is done"
    assert bench.desk.van() == VanView(free=1)


def test_a_packer_takes_his_own_back_from_the_desk_that_leased_them_for_the_van(bench: FedBench) -> None:
    views = [
        StationView(
            station_id=f"ST-{n}", name=f"{n} 号台", kind="packing", warehouse="main", silent_at=silent
        )
        for n, silent in ((2, None), (3, bench.clock.now()))
    ]
    bench.fed(
        _of(1, "zto", by=STATION, holder="ST-2"),
        _of(2, "zto", by=STATION, holder="ST-3"),
        _of(3, "zto", by=STATION, holder="ST-2", stops=(a_stop(),)),
        _of(4, "zto", holder="ST-2"),
    )
    for view in views:
        bench.changes(change(bench.seq + 1, "station", view.station_id, view))
    bench.desk.ack_stop("key", bench.clock.now())
    bench.desk.set_mode("handover")
    bench.steps_leases()
    assert _asked(bench) == [[parcel_no(1)]], (
        "no word is to be had of a silent desk, and what is stopped stays"
    )
    bench.fed(_of(1, "zto", by=STATION, holder=STATION))
    bench.online(False)
    assert bench.scan(slip(1)).done is Done.handed_over


def test_a_desk_whose_boxes_were_taken_back_asks_for_them_no_more(bench: FedBench) -> None:
    bench.fed(_of(1, "zto"), _of(2, "zto"))
    bench.desk.set_mode("handover")
    bench.steps_leases()
    bench.fed(_of(1, "zto", holder="ST-2"))
    assert set(bench.core.leases.held()) == {parcel_no(2)}
    bench.clock.tick(10)
    bench.steps_leases()
    assert len(_asked(bench)) == 1
    assert bench.desk.van() == VanView(may_go=1, elsewhere=1)


def test_a_desk_that_closed_nothing_holds_two_hundred_boxes_and_fills_up_as_they_go(bench: FedBench) -> None:
    bench.fed(*(_of(n, "zto") for n in range(11, 216)))
    bench.desk.set_mode("handover")
    bench.steps_leases()
    bench.fed(*(_of(n, "zto") for n in range(1, 4)))
    bench.steps_leases()
    assert [len(asked) for asked in _asked(bench)] == [200], "what came later takes no place away"
    assert bench.desk.van() == VanView(may_go=200, later=8)
    assert bench.scan(slip(11)).done is Done.handed_over
    gone = _of(11, "zto")
    bench.fed(settled(gone.with_parcel(replace(gone.parcels[0], state=OrderState.handed_over))))
    bench.steps_leases()
    assert _asked(bench)[1:] == [[parcel_no(1)]]


def test_a_cancel_is_red_where_the_box_was_closed_though_it_is_leased_for_the_van(bench: FedBench) -> None:
    bench.fed(_boxed(_of(1, "zto", by=STATION, holder="ST-2", stops=(a_stop(),))))
    assert bench.desk.view().alarm is not None
    bench.desk.ack_stop("key", bench.clock.now())
    taken_again = _boxed(_of(2, "zto", by=STATION, holder="ST-2", stops=(a_stop(),)))
    bench.fed(taken_again.with_parcel(replace(taken_again.parcels[0], lease_step="close")))
    assert bench.desk.view().alarm is None, "opened again at another bench: it lies there"


def _boxed(order: Order) -> Order:
    return order.with_parcel(replace(order.parcels[0], packed_at=MORNING))


def test_at_most_two_hundred_boxes_are_leased_for_the_van(bench: FedBench) -> None:
    bench.fed(*(_closed_here(n) for n in range(1, 206)))
    bench.desk.set_mode("handover")
    bench.steps_leases()
    assert [len(asked) for asked in _asked(bench)] == [200]
    assert parcel_no(205) not in bench.core.leases.held(), "the last to be due"
    assert bench.scan(slip(1)).done is Done.handed_over
    gone = _closed_here(1)
    bench.fed(settled(gone.with_parcel(replace(gone.parcels[0], state=OrderState.handed_over))))
    bench.steps_leases()
    assert _asked(bench)[1:] == [[parcel_no(201)]], "one has left, one more may"


def test_a_box_is_leased_for_the_van_when_the_hub_has_heard_that_it_was_closed(bench: FedBench) -> None:
    """That it was closed ends a lease: one that was granted before would be none."""
    bench.fed(an_order(qty=(1,)))
    bench.scan(slip())
    bench.steps_leases()
    bench.scan("SKU-1")
    assert bench.scan(command_code("CLOSE")).done is Done.closed
    bench.fed(_closed_here(1))
    bench.desk.set_mode("handover")
    bench.steps_leases()
    assert _asked(bench) == []
    _answered(bench)
    bench.steps_leases()
    assert _asked(bench) == [[parcel_no()]]


def test_what_stays_in_the_house_is_given_back_with_the_end_of_the_hand_over(bench: FedBench) -> None:
    bench.fed(_closed_here(1), _closed_here(2))
    bench.desk.set_mode("handover")
    bench.steps_leases()
    bench.online(False)
    bench.scan(slip(1))
    bench.desk.set_mode("packing")
    assert bench.core.leases.held() == {}
    bench.online()
    bench.steps_leases()
    assert [ask.parcel_nos for ask in bench.hub.asked if ask.give_back] == [[parcel_no(2)]]
    bench.desk.set_mode("handover")
    bench.steps_leases()
    assert parcel_no(2) in bench.core.leases.held()
    bench.run(bench.core.close())
    assert [ask.parcel_nos for ask in bench.hub.asked if ask.give_back][1:] == [[parcel_no(2)]], (
        "nor at the end"
    )


def test_what_was_put_aside_and_taken_again_is_not_given_back(bench: FedBench) -> None:
    bench.fed(an_order())
    bench.scan(slip())
    bench.steps_leases()
    bench.desk.put_aside(bench.clock.now())
    bench.steps_leases()
    assert [ask.give_back for ask in bench.hub.asked] == [False], "its act still waits"
    _leases(bench, 1)
    _answered(bench)
    bench.steps_leases()
    assert [ask.give_back for ask in bench.hub.asked] == [False, False]
    assert bench.core.leases.is_valid(parcel_no())


def test_where_closing_is_the_last_gate_nothing_is_leased_for_the_van(bench: FedBench) -> None:
    rules = {"timezone": "Asia/Shanghai", "last_gate": "close", "countdown_s": 15, "auto_release": True}
    bench.fed(_closed_here(1))
    bench.changes(change(bench.seq + 1, "setting", "rules:main", rules))
    bench.desk.set_mode("handover")
    bench.steps_leases()
    assert bench.hub.asked == []
    bench.online(False)
    assert bench.desk.van() == VanView(may_go=1)
    assert bench.scan(slip(1)).done is Done.handed_over


def test_a_box_that_another_bench_has_is_asked_for_in_words(bench: FedBench) -> None:
    view = StationView(station_id="ST-2", name="二号台", kind="packing", warehouse="main")
    bench.fed(_elsewhere(1), _elsewhere(2), _elsewhere(3))
    bench.changes(change(bench.seq + 1, "station", "ST-2", view))
    bench.desk.set_mode("handover")
    asked = bench.desk.on_scan(slip(1), bench.clock.tick(1))
    words = resources.texts()
    said = words.text(f"station.done_{asked.done}", "zh", **asked.params)
    assert said == f"包裹 {parcel_no(1)} 在 二号台 名下，正在问中枢能不能由这里交接…"
    assert bench.run(bench.desk.follow(asked, bench.clock.now())).done is Done.handed_over
    holds = {"parcel_no": parcel_no(2), "holder": "ST-2"}
    bench.hub.refused_leases[parcel_no(2)] = LeaseAnswer(
        parcel_no=parcel_no(2), granted=False, reason="no_lease", params=holds
    )
    refused = bench.scan(slip(2))
    assert refused.reason is Reason.no_lease
    assert "二号台" in words.text(f"reasons.{refused.result}", "zh", **refused.params)
    bench.online(False)
    assert bench.scan(slip(3)).params["holder"] == "二号台"
    assert bench.acts() == ["handed_over"]


def _elsewhere(n: int) -> Order:
    order = _closed_here(n, by="ST-2")
    return order.with_parcel(replace(order.parcels[0], holder="ST-2"))


def test_a_short_lease_is_renewed_in_its_last_third(bench: FedBench) -> None:
    bench.hub.lease_s = 90
    bench.fed(an_order())
    bench.scan(slip())
    bench.steps_leases()
    bench.clock.tick(59)
    bench.steps_leases()
    assert len(bench.hub.asked) == 1
    bench.clock.tick(2)
    bench.steps_leases()
    assert len(bench.hub.asked) == 2
    assert bench.core.leases.left_s(parcel_no()) == 90


def test_a_lease_that_comes_when_the_bench_has_let_go_is_given_back(bench: FedBench) -> None:
    bench.fed(an_order())
    bench.scan(slip())
    bench.hub.meanwhile = lambda: bench.desk.put_aside(bench.clock.now())
    bench.steps_leases()
    assert not bench.core.leases.is_valid(parcel_no())
    _answered(bench)
    bench.steps_leases()
    assert [ask.give_back for ask in bench.hub.asked] == [False, True]


def _held(n: int, holder: str | None) -> Order:
    order = an_order(n)
    return order.with_parcel(replace(order.parcels[0], holder=holder))


def test_a_row_from_before_the_grant_takes_no_lease_away_however_late_it_comes(bench: FedBench) -> None:
    """Two benches open one box: it is given to the other first, then to us; both rows come after the answer."""
    bench.fed(an_order())
    bench.scan(slip())
    bench.hub.next_seq = lambda: bench.seq + 2
    bench.steps_leases()
    bench.fed(_held(1, "ST-2"))
    assert bench.core.leases.is_valid(parcel_no())
    assert bench.desk.view().parcel is not None
    bench.fed(_held(1, STATION))
    assert bench.core.leases.is_valid(parcel_no())
    bench.fed(_held(1, "ST-2"))
    assert not bench.core.leases.is_valid(parcel_no()), "this one is news"
    assert bench.desk.view().parcel is None


def test_a_grant_that_the_feed_has_overtaken_is_none(bench: FedBench) -> None:
    bench.fed(an_order())
    bench.scan(slip())
    bench.hub.next_seq = lambda: bench.seq
    bench.hub.meanwhile = lambda: (bench.fed(_held(1, STATION)), bench.fed(_held(1, "ST-2")))
    bench.steps_leases()
    assert not bench.core.leases.is_valid(parcel_no())
    assert bench.desk.view().parcel is None
    assert Reason.no_lease in [outcome.reason for outcome in bench.outcomes]


def _answered(bench: FedBench) -> None:
    bench.core.outbox.run(lambda db: None).result()
    waiting = bench.core.outbox.waiting(100)
    receipts = [Receipt(act_id=one.act_id, outcome="applied", seq=1) for one in waiting]
    bench.core.outbox.settle(receipts, "EPOCH-ONE", bench.clock.now())


def test_what_another_life_of_the_hub_granted_is_asked_for_again_before_we_say_that_all_was_sent(
    bench: FedBench,
) -> None:
    now = bench.clock.now()
    bench.core.outbox.reopen("E1", now)
    bench.fed(an_order(1), packed(an_order(2)), an_order(3))
    _leases(bench, 1)
    _leases(bench, 2, step="handover")
    _leases(bench, 3)
    assert bench.core._beat(now).resent_to == "E1"
    bench.core.outbox.reopen("E2", now)
    assert bench.core._beat(now).resent_to == "", "it does not know yet what we hold"
    bench.hub.refused_leases[parcel_no(3)] = _refused(parcel_no(3))
    bench.hub.asked.clear()
    bench.steps_leases()
    assert sorted((ask.step, ask.parcel_nos) for ask in bench.hub.asked) == [
        ("close", [parcel_no(1), parcel_no(3)]),
        ("handover", [parcel_no(2)]),
    ]
    assert set(bench.core.leases.held()) == {parcel_no(1), parcel_no(2)}
    assert bench.core._beat(now).resent_to == "E2"


def _refused(no: str) -> LeaseAnswer:
    return LeaseAnswer(parcel_no=no, granted=False, reason="parcel_unknown", params={"parcel_no": no})
