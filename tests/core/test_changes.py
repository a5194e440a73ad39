"""FRZ-10, MAP-06: each command says in the order's file what was and what is, and so does what follows from it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from app.core import messages
from app.core.acts import ActKind
from app.core.channel import absorb
from app.core.decide import Accepted, decide
from app.core.freeze import tick
from app.core.history import HistoryKind
from app.core.order import Order
from tests.core.make import REP, RULES, T0, act, an_order, channel_order, done, packed_order


def _held() -> Order:
    return done(an_order(), "hold", REP, on_parcel=False, note="x")


def _counting() -> Order:
    return done(an_order(), "cancel", REP, on_parcel=False)


def _claimed() -> Order:
    parcel = replace(an_order().parcels[0], holder="bench-1", lease_until=T0 + timedelta(minutes=60))
    return an_order().with_parcel(parcel)


# command, the order it meets, its body, and what its line says
COMMANDS: dict[str, tuple[Order, dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "cancel": (
        packed_order(),
        {},
        {"is_frozen": False, "stops": []},
        {"is_frozen": True, "stops": ["cancel"]},
    ),
    "change_remark": (
        an_order(),
        {"seller_remark": "改发顺丰"},
        {"seller_remark": ""},
        {"seller_remark": "改发顺丰"},
    ),
    "rush": (an_order(), {}, {"is_rush": False}, {"is_rush": True}),
    "hold": (an_order(), {}, {"stops": []}, {"stops": ["hold"]}),
    "release": (_held(), {"stop_id": _held().stops[0].stop_id}, {"stops": ["hold"]}, {"stops": []}),
    "take_over": (
        replace(_claimed(), version=7),
        {"statement": "箱子在我手里"},
        {"holder": "bench-1"},
        {"holder": ""},
    ),
    "split_parcel": (done(done(an_order(), "opened"), "line_packed", line_no=1), {}, {"qty": 3}, {"qty": 1}),
    "message_sent": (
        messages.queued(an_order(), an_order().parcels[0].parcel_no, "picked_up", T0)[0],
        {"message": "picked_up"},
        {"message": "queued"},
        {"message": "sent"},
    ),
}


@pytest.mark.parametrize("kind", COMMANDS)
def test_a_command_says_what_was_and_what_is(kind: str) -> None:
    order, body, before, after = COMMANDS[kind]
    verdict = decide(
        order,
        act(order, kind, kind in ("take_over", "message_sent", "split_parcel"), "A1", **body),
        REP,
        T0,
        RULES,
    )
    assert isinstance(verdict, Accepted)
    assert (verdict.entries[0].before, verdict.entries[0].after) == (before, after)


def test_a_withdrawn_cancel_and_a_payment_say_it_too() -> None:
    order = _counting()
    stop_id = order.stops[0].stop_id
    verdict = decide(order, act(order, "release", False, "A2", stop_id=stop_id), REP, T0, RULES)
    assert isinstance(verdict, Accepted)
    [entry] = verdict.entries
    assert (entry.before, entry.after) == (
        {"is_frozen": True, "stops": ["cancel"]},
        {"is_frozen": False, "stops": []},
    )
    _, entries = absorb(an_order(is_paid=False), channel_order(), RULES, T0)
    told = {entry.kind: (entry.before, entry.after) for entry in entries}
    assert told[HistoryKind.paid] == ({"is_paid": False}, {"is_paid": True})
    assert told[HistoryKind.released] == ({"state": "new"}, {"state": "released"})


def test_the_effect_of_a_cancel_is_told_apart_from_the_asking() -> None:
    _, [effect] = tick(_counting(), T0 + timedelta(seconds=15), RULES)
    assert effect.before == {"state": "released", "stops": ["cancel"]}
    assert effect.after == {"state": "cancelled", "stops": []}


def test_the_answer_for_a_parcel_says_the_answer_before() -> None:
    order = done(_claimed(), "cancel", REP, on_parcel=False)
    _, [answered] = tick(order, T0 + timedelta(seconds=5), RULES)
    assert (answered.before, answered.after) == (
        {"intercept_result": "trying"},
        {"intercept_result": "at_station_offline"},
    )


def test_every_command_decided_so_far_is_in_this_table() -> None:
    """`reveal` changes nothing; a kind that is not decided yet is refused and leaves its own line."""
    order = an_order()
    decided = {
        kind
        for kind in ActKind
        if not act(order, kind, **_body(kind)).is_fact
        and getattr(decide(order, act(order, kind, **_body(kind)), REP, T0, RULES), "reason", "")
        != "not_supported"
    }
    assert {str(kind) for kind in decided} == {*COMMANDS, "reveal"}


def _body(kind: ActKind) -> dict[str, Any]:
    return {
        ActKind.line_packed: {"line_no": 1},
        ActKind.line_unpacked: {"line_no": 1},
        ActKind.put_back: {"line_no": 1},
        ActKind.slip_printed: {"job_key": "k"},
        ActKind.label_printed: {"job_key": "k"},
        ActKind.freeze_shown: {"stop_ids": ()},
        ActKind.freeze_acked: {"stop_ids": ()},
        ActKind.waybill_bound: {"waybill_no": "1"},
        ActKind.barcode_learned: {"code": "1", "sku_code": "2"},
        ActKind.marked_abnormal: {"reason": "x"},
        ActKind.change_remark: {"seller_remark": "x"},
        ActKind.decide_conflict: {"stop_id": "x", "choice": "cancel"},
        ActKind.take_over: {"statement": "x"},
        ActKind.reveal: {"reason": "x"},
        ActKind.message_sent: {"message": "x"},
    }.get(kind, {})
