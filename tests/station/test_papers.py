"""A slip whose end nobody knows (C1, C11): its own code, read at the bench, tells; so does asking for another."""

from __future__ import annotations

import pytest

from app.core.printjob import PrintState, printed_act
from app.core.qr import slip_code
from app.core.reasons import Reason
from app.station.outcome import Done
from tests.helpers.station import an_order, order_no, stopped, until
from tests.station.conftest import FedBench

P = PrintState
PARCEL = f"{order_no(1)}01"


def printed_until(bench: FedBench, end: PrintState, reason: str = "") -> None:
    """A slip of the parcel goes to the printer and ends so."""
    [outcome] = bench.run(bench.desk.print_slips([PARCEL], bench.clock.now(), reason))
    assert outcome.done is Done.printing, outcome
    outbox, now = bench.core.outbox, bench.clock.now()
    job = outbox.claim_next("slip", now)
    assert job is not None
    assert outbox.set_state(job.job_id, P.sending, "", now, {P.checking_device})
    assert outbox.set_state(job.job_id, end, "no_answer", now, {P.sending})


def states(bench: FedBench) -> list[PrintState]:
    bench.core.outbox.run(lambda db: None).result()
    return [job.state for job in bench.core.outbox.jobs_of(PARCEL)]


def test_scanning_the_slip_ends_the_doubt_and_the_hub_hears_that_it_was_printed(bench: FedBench) -> None:
    bench.fed(an_order(1))
    printed_until(bench, P.uncertain)
    assert bench.acts() == []
    before = bench.hub.pushed
    assert bench.scan(slip_code(PARCEL, 1)).done is Done.opened
    assert states(bench) == [P.confirmed]
    assert sorted(bench.acts()) == ["opened", "slip_printed"]
    until(lambda: bench.hub.pushed > before, "nobody told the hub")
    order = bench.core.read.order(order_no(1))
    assert order is not None and order.parcels[0].slip_count == 1
    bench.scan(slip_code(PARCEL, 1))
    assert bench.acts().count("slip_printed") == 1, "the second scan tells nothing new"


def test_regression_a_slip_that_came_out_is_told_at_once(bench: FedBench) -> None:
    """The queue records that fact itself; nobody woke the pusher, and the hub heard of the paper 15 s later."""
    bench.fed(an_order(1))
    printed_until(bench, P.uncertain)
    [job] = bench.core.outbox.jobs("slip", {P.uncertain})
    before, now = bench.hub.pushed, bench.clock.now()
    act = printed_act(job, "printed-1", now)
    assert bench.core.outbox.set_state(job.job_id, P.printed, "", now, {P.uncertain}, act)
    until(lambda: bench.hub.pushed > before, "nobody told the hub")


def test_a_printed_slip_is_confirmed_without_a_second_fact(bench: FedBench) -> None:
    bench.fed(an_order(1))
    printed_until(bench, P.printed)
    bench.scan(slip_code(PARCEL, 1))
    assert (states(bench), bench.acts()) == ([P.confirmed], ["opened"])


@pytest.mark.parametrize("raw", [order_no(1), PARCEL, "SF000000000001"])
def test_only_the_slips_own_code_says_that_the_slip_is_there(bench: FedBench, raw: str) -> None:
    bench.fed(an_order(1))
    printed_until(bench, P.uncertain)
    assert bench.scan(raw).done is Done.opened
    bench.desk.open_parcel(PARCEL, bench.clock.now())
    assert (states(bench), bench.acts()) == ([P.uncertain], ["opened"])


def test_an_outdated_slip_says_nothing_about_the_new_one(bench: FedBench) -> None:
    bench.fed(an_order(1))
    printed_until(bench, P.uncertain)
    assert bench.scan(slip_code(PARCEL, 2)).reason is Reason.outdated_slip
    assert states(bench) == [P.uncertain]


def test_the_slip_of_a_stopped_parcel_is_there_but_nothing_more_is_reported_as_printed(
    bench: FedBench,
) -> None:
    bench.fed(an_order(1))
    printed_until(bench, P.uncertain)
    bench.fed(stopped(an_order(1)))
    bench.desk.ack_stop("key", bench.clock.now())
    assert bench.scan(slip_code(PARCEL, 1)).reason is Reason.frozen
    assert states(bench) == [P.confirmed]
    assert "slip_printed" not in bench.acts()


def test_asking_for_another_slip_says_that_the_doubtful_one_is_no_use(bench: FedBench) -> None:
    """The bench must not stand still because a printer said nothing (C10: a human question, not a blind retry)."""
    bench.fed(an_order(1))
    assert not bench.desk.has_paper(PARCEL)
    printed_until(bench, P.uncertain)
    assert bench.desk.has_paper(PARCEL)
    [unasked] = bench.run(bench.desk.print_slips([PARCEL], bench.clock.now()))
    assert unasked.reason is Reason.note_required
    assert states(bench) == [P.uncertain]
    printed_until(bench, P.printed, reason="没出来")
    assert states(bench) == [P.failed, P.printed]
    first, second = bench.core.outbox.jobs_of(PARCEL)
    assert (first.cause, second.copy, second.reason) == ("not_out", 2, "没出来")
