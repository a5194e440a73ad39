"""The life of a print job, as a table."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.core.acts import ActKind, Printed
from app.core.printjob import (
    MOVES,
    NEVER_SENT,
    PULLABLE,
    SETTLED,
    PrintJob,
    PrintState,
    job_key,
    may_move,
    next_copy,
    paper_seen,
    printed_act,
)
from app.core.reasons import Reason, Refused
from tests.helpers.printers import NOW, a_job

P = PrintState


def in_state(*states: PrintState) -> tuple[PrintJob, ...]:
    return tuple(replace(a_job(), state=state, copy=n) for n, state in enumerate(states, start=1))


def test_every_state_has_its_moves() -> None:
    assert set(MOVES) == set(PrintState)


def test_a_job_under_way_or_in_doubt_never_goes_back_to_be_printed_again() -> None:
    assert not may_move(P.uncertain, P.waiting)
    assert not may_move(P.printed, P.waiting)
    assert not any(
        may_move(old, new) for old in (P.uncertain, P.printed) for new in (P.sending, P.checking_device)
    )


def test_only_what_has_not_left_can_be_taken_back() -> None:
    assert {old for old in P if may_move(old, P.pulled)} == PULLABLE
    assert {old for old in P if may_move(old, P.expired)} == PULLABLE


def test_what_is_settled_asks_nothing_of_anybody() -> None:
    assert {P.waiting, P.checking_device, P.sending, P.uncertain} == set(P) - SETTLED


def test_the_key_names_parcel_document_and_version() -> None:
    assert job_key("OD2026112100101", "slip", 2) == "OD2026112100101/slip/2"


@pytest.mark.parametrize(
    ("earlier", "reason", "answer"),
    [
        ((), "", 1),
        ((P.printed,), "卡纸", 2),
        ((P.printed, P.confirmed), "卡纸", 3),
        ((P.failed,), "没出来", 2),
        ((P.pulled, P.expired), "", 1),
        ((P.printed,), " ", Reason.note_required),
        ((P.failed,), "", Reason.note_required),
        ((P.waiting,), "卡纸", Reason.nothing_to_change),
        ((P.printed, P.uncertain), "卡纸", 3),
        ((P.uncertain,), "没出来", 2),
        ((P.uncertain,), "", Reason.note_required),
        ((P.uncertain, P.waiting), "卡纸", Reason.nothing_to_change),
    ],
)
def test_a_reprint_is_the_next_copy_with_a_reason_or_not_at_all(
    earlier: tuple[PrintState, ...], reason: str, answer: int | Reason
) -> None:
    result = next_copy(in_state(*earlier), reason)
    assert (result.reason if isinstance(result, Refused) else result) == answer


@pytest.mark.parametrize(
    ("papers", "seen"),
    [
        ((P.uncertain,), 0),
        ((P.printed,), 0),
        ((P.failed, P.uncertain), 1),
        ((P.printed, P.printed), 0),
        ((P.confirmed, P.printed), 1),
        ((P.printed, P.uncertain), 0),
        ((P.confirmed, P.uncertain), None),
        ((P.confirmed,), None),
        ((P.waiting,), None),
        ((P.pulled,), None),
        ((), None),
    ],
)
def test_a_scanned_code_tells_which_paper_is_there(papers: tuple[PrintState, ...], seen: int | None) -> None:
    jobs = in_state(*papers)
    assert paper_seen(jobs, "OD2026112100101/slip/1") == (None if seen is None else jobs[seen])
    assert paper_seen(jobs, "OD2026112100101/slip/2") is None


def test_what_was_never_sent_is_no_copy() -> None:
    assert NEVER_SENT < SETTLED
    assert not NEVER_SENT & {P.printed, P.confirmed, P.failed, P.uncertain}


def test_the_fact_of_a_paper_says_which_copy_and_why() -> None:
    act = printed_act(a_job(copy=2, reason="卡纸", version=3), "a1", NOW)
    assert (act.kind, act.order_no, act.parcel_no, act.made_at) == (
        ActKind.slip_printed,
        "OD20261121001",
        "OD2026112100101",
        NOW,
    )
    assert act.body == Printed(job_key="OD2026112100101/slip/1", copy=2, version=3, reason="卡纸")
    label = printed_act(a_job(document="label"), "a2", NOW, "786")
    assert (label.kind, label.body.waybill_no) == (ActKind.label_printed, "786")  # type: ignore[union-attr]
