"""One printer's queue: each paper once, none in secret, none forgotten."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from app.core.acts import ActKind, Printed
from app.core.printjob import PrinterState, PrintJob, PrintState
from app.core.reasons import Reason, Refused
from printing.escpos import PrinterStatus
from printing.spooler import HEALTH, IDLE, TROUBLE, Spooler
from printing.transports import MayBegin, Patience, SendResult, tcp_printer
from rehearsal.printer import Fault, StandInPrinter
from tests.helpers.printers import NOW, HandClock, MemoryJobs, PlainWork, a_job

#: The device answers, or refuses the line at once: however busy this machine is, that is waited for.
PATIENT = Patience(connect_s=20, answer_s=20, poll_s=0.05, silence_s=20, done_s=20, finish_s=60)


T = TypeVar("T")


@dataclass
class ScriptedDevice:
    """A device that says what it is told to, and keeps what it got."""

    state: PrinterState = PrinterState.ready
    next_results: list[SendResult] = field(default_factory=list)
    got: list[bytes] = field(default_factory=list)
    asked: int = 0
    while_asked: Callable[[], None] = lambda: None
    before_sending: Callable[[], None] = lambda: None
    while_sending: Callable[[], None] = lambda: None

    async def status(self) -> PrinterStatus:
        self.asked += 1
        self.while_asked()
        return PrinterStatus(self.state)

    async def send(self, data: bytes, may_begin: MayBegin = lambda: True) -> SendResult:
        self.before_sending()
        if not may_begin():
            return SendResult("held_back", PrinterStatus(self.state))
        self.while_sending()
        result = self.next_results.pop(0) if self.next_results else self.printed()
        if result.outcome != "not_started":
            self.got.append(data)
        return result

    def printed(self) -> SendResult:
        return SendResult("printed", PrinterStatus(self.state))


def at_once(work: Coroutine[None, None, T]) -> T:
    """The outcome of work that waits for nothing but scripted parts."""
    try:
        work.send(None)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]
    raise AssertionError("it waits for something real")


@dataclass
class Desk:
    """A store, a device and a clock around one spooler."""

    device: ScriptedDevice = field(default_factory=ScriptedDevice)
    store: MemoryJobs = field(default_factory=MemoryJobs)
    work: PlainWork = field(default_factory=PlainWork)
    clock: HandClock = field(default_factory=HandClock)

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        """The program starts (again, after a crash): all that is kept is in the store."""
        self.spooler = Spooler("slips", self.device, self.store, self.work, self.clock)

    def step(self, times: int = 1) -> datetime:
        due = self.clock.moment
        for _ in range(times):
            due = at_once(self.spooler.step(self.clock.moment))
        return due

    def job(self, n: int = 1) -> PrintJob:
        return self.store.rows[f"job-{n}"]


@pytest.fixture
def desk() -> Desk:
    return Desk()


def unsure(cause: str = "lost_link") -> SendResult:
    return SendResult("unsure", PrinterStatus(PrinterState.offline), cause)


# -- the good way


def test_a_job_is_printed_and_its_fact_recorded_with_the_same_move(desk: Desk) -> None:
    desk.store.add(a_job())
    desk.step()
    assert desk.job().state is PrintState.printed
    assert [state for _job, state, _cause in desk.store.moves] == ["checking_device", "sending", "printed"]
    [act] = desk.store.acts
    assert (act.kind, act.parcel_no) == (ActKind.slip_printed, "OD2026112100101")
    assert isinstance(act.body, Printed)
    assert (act.body.job_key, act.body.copy) == ("OD2026112100101/slip/1", 1)


def test_jobs_come_out_in_their_order_one_a_step(desk: Desk) -> None:
    desk.store.add(a_job(1), a_job(2), a_job(3))
    desk.step()
    assert desk.store.states() == ["printed", "waiting", "waiting"]
    assert desk.step(2) == desk.clock.moment
    assert [job for job, state, _cause in desk.store.moves if state == "sending"] == [
        "job-1",
        "job-2",
        "job-3",
    ]


def test_with_nothing_to_print_it_looks_again_soon_and_asks_the_device_now_and_then(desk: Desk) -> None:
    assert desk.step() == NOW + IDLE
    desk.step()
    assert desk.device.asked == 1
    desk.clock.moment += HEALTH
    desk.step()
    assert desk.device.asked == 2


def test_other_printers_jobs_are_left_alone(desk: Desk) -> None:
    desk.store.add(a_job(printer="labels"))
    desk.step()
    assert desk.store.states() == ["waiting"]


# -- trouble before the first byte


@pytest.mark.parametrize("state", ["paper_out", "cover_open", "offline", "error", "busy"])
def test_a_device_in_trouble_lets_the_job_wait_with_its_cause_and_go_on_by_itself(
    desk: Desk, state: str
) -> None:
    desk.device.state = PrinterState(state)
    desk.store.add(a_job(1), a_job(2))
    assert desk.step() == NOW + TROUBLE
    assert (desk.job(1).state, desk.job(1).cause) == (PrintState.waiting, state)
    desk.device.state = PrinterState.ready
    desk.step(2)
    assert desk.store.states() == ["printed", "printed"]
    assert (desk.job(1).cause, desk.device.got) == ("", [desk_paper(1), desk_paper(2)])


def desk_paper(n: int) -> bytes:
    return at_once(PlainWork().render(a_job(n)))  # type: ignore[return-value]


def test_waiting_for_a_device_costs_no_writing(desk: Desk) -> None:
    desk.device.state = PrinterState.paper_out
    desk.store.add(a_job())
    desk.step(2)
    written = len(desk.store.moves)
    desk.step(20)
    assert len(desk.store.moves) == written


def test_a_new_trouble_is_told(desk: Desk) -> None:
    desk.device.state = PrinterState.paper_out
    desk.store.add(a_job())
    desk.step()
    desk.device.state = PrinterState.cover_open
    desk.step()
    assert desk.job().cause == "cover_open"


def test_a_device_that_refuses_at_the_last_moment_is_tried_again(desk: Desk) -> None:
    status = PrinterStatus(PrinterState.offline)
    desk.device.next_results = [SendResult("not_started", status, "offline")]
    desk.store.add(a_job())
    desk.step()
    assert (desk.job().state, desk.job().cause) == (PrintState.waiting, "offline")
    desk.step()
    assert desk.store.states() == ["printed"]
    assert len(desk.device.got) == 1


def test_what_waited_too_long_does_not_come_out_when_the_printer_returns(desk: Desk) -> None:
    desk.device.state = PrinterState.offline
    desk.store.add(a_job(1), a_job(2, expires_at=NOW + timedelta(hours=2)))
    desk.step()
    desk.clock.pass_(minutes=30)
    desk.device.state = PrinterState.ready
    desk.step(2)
    assert desk.store.states() == ["expired", "printed"]
    assert desk.job(1).cause == "too_late"


# -- the last question


def test_a_frozen_parcel_is_pulled_and_nothing_was_sent(desk: Desk) -> None:
    desk.store.add(a_job(1), a_job(2))
    desk.work.stopped["job-1"] = Refused(Reason.frozen)
    desk.step(2)
    assert desk.store.states() == ["pulled", "printed"]
    assert desk.job(1).cause == "frozen"
    assert desk.device.got == [desk_paper(2)]


def test_a_freeze_that_comes_while_the_device_is_asked_still_pulls_the_job(desk: Desk) -> None:
    desk.store.add(a_job())

    def freeze() -> None:
        waiting = {PrintState.waiting, PrintState.checking_device}
        assert desk.store.set_state("job-1", PrintState.pulled, "frozen", NOW, waiting)

    desk.device.while_asked = freeze
    desk.step()
    assert (desk.store.states(), desk.device.got) == (["pulled"], [])


def test_regression_a_stop_heard_while_the_line_to_the_printer_opens_lets_no_byte_leave(desk: Desk) -> None:
    """Asking a printer how it is takes up to seconds; what was heard meanwhile came too late for the slip."""
    desk.store.add(a_job(1), a_job(2))

    def stop() -> None:
        desk.work.stopped["job-1"] = Refused(Reason.frozen)

    desk.device.before_sending = stop
    desk.step(3)
    assert desk.device.got == [desk_paper(2)]
    assert desk.store.states() == ["pulled", "printed"]
    assert desk.job(1).cause == "frozen"


def test_without_the_hubs_word_the_job_waits(desk: Desk) -> None:
    desk.store.add(a_job())
    desk.work.stopped["job-1"] = Refused(Reason.hub_unreachable)
    assert desk.step() == NOW + TROUBLE
    assert (desk.job().state, desk.job().cause) == (PrintState.waiting, "hub_unreachable")
    desk.work.stopped.clear()
    desk.step()
    assert desk.store.states() == ["printed"]


def test_a_paper_that_does_not_exist_fails_with_the_reason(desk: Desk) -> None:
    desk.store.add(a_job())
    desk.work.refusals["job-1"] = Refused(Reason.parcel_unknown)
    desk.step()
    assert (desk.job().state, desk.job().cause) == (PrintState.failed, "parcel_unknown")


# -- at most once


@pytest.mark.parametrize("cause", ["lost_link", "no_answer", "not_finished"])
def test_a_job_nobody_knows_the_end_of_is_never_sent_again_by_itself(desk: Desk, cause: str) -> None:
    desk.device.next_results = [unsure(cause)]
    desk.store.add(a_job(1), a_job(2))
    desk.step(5)
    desk.start()
    desk.step(5)
    assert desk.store.states() == ["uncertain", "printed"]
    assert desk.job(1).cause == cause
    assert desk.device.got == [desk_paper(1), desk_paper(2)]
    assert [act.parcel_no for act in desk.store.acts] == ["OD2026112100201"]


class PowerCut(BaseException):
    pass


def cut_power() -> None:
    raise PowerCut


def test_a_crash_while_sending_leaves_the_job_uncertain(desk: Desk) -> None:
    desk.store.add(a_job(1), a_job(2))
    desk.device.while_sending = cut_power
    with pytest.raises(PowerCut):
        desk.step()
    assert desk.job(1).state is PrintState.sending
    desk.start()
    desk.device.while_sending = lambda: None
    desk.step(3)
    assert desk.store.states() == ["uncertain", "printed"]
    assert desk.job(1).cause == "restarted"


def test_a_crash_before_sending_costs_nothing(desk: Desk) -> None:
    desk.store.add(a_job())
    desk.device.while_asked = cut_power
    with pytest.raises(PowerCut):
        desk.step()
    desk.start()
    desk.device.while_asked = lambda: None
    desk.step()
    assert desk.store.states() == ["printed"]


def test_a_job_that_makes_us_stumble_stops_no_other(desk: Desk) -> None:
    class Clumsy(PlainWork):
        async def render(self, job: PrintJob) -> bytes | Refused:
            if job.job_id == "job-1":
                raise ZeroDivisionError
            return await super().render(job)

    desk.work = Clumsy()
    desk.start()
    desk.store.add(a_job(1), a_job(2))
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            desk.step()
    desk.step()
    assert desk.store.states() == ["failed", "printed"]
    assert desk.job(1).cause == "cannot_draw"


# -- what people say


def test_a_person_can_say_it_came_out_or_not(desk: Desk) -> None:
    desk.device.next_results = [unsure(), unsure()]
    desk.store.add(a_job(1), a_job(2), a_job(3))
    desk.step(2)
    assert desk.spooler.came_out(desk.job(1))
    assert desk.spooler.not_out(desk.job(2))
    assert desk.store.states() == ["printed", "failed", "waiting"]
    assert [act.parcel_no for act in desk.store.acts] == ["OD2026112100101"]
    assert not desk.spooler.came_out(desk.job(3))


# -- the light


def test_the_light_tells_what_a_bench_must_know(desk: Desk) -> None:
    desk.device.state = PrinterState.paper_out
    desk.store.add(a_job(1), a_job(2))
    desk.step()
    light = desk.spooler.light(NOW)
    assert (light.status.state, light.waiting, light.waiting_since) == (PrinterState.paper_out, 2, NOW)
    assert light.needs_you
    report = light.report()
    assert (report.name, report.state, report.waiting) == ("slips", "paper_out", 2)
    desk.device.state = PrinterState.ready
    desk.step(2)
    assert not desk.spooler.light(NOW).needs_you


def test_a_job_long_at_the_device_lights_up(desk: Desk) -> None:
    lights: list[bool] = []

    def while_sending() -> None:
        lights.append(desk.spooler.light(NOW + timedelta(seconds=4)).needs_you)
        lights.append(desk.spooler.light(NOW + timedelta(seconds=6)).needs_you)

    desk.device.while_sending = while_sending
    desk.store.add(a_job())
    desk.step()
    assert lights == [False, True]


def test_doubt_lights_up_until_somebody_looked(desk: Desk) -> None:
    desk.device.next_results = [unsure()]
    desk.store.add(a_job())
    desk.step()
    assert desk.spooler.light(NOW).asks == 1
    desk.spooler.not_out(desk.job())
    assert desk.spooler.light(NOW).asks == 0


# -- over a real line


def test_ten_slips_come_out_once_each_though_the_printer_was_unplugged_at_the_fifth() -> None:
    with StandInPrinter() as device:
        clock, store, work = HandClock(), MemoryJobs(), PlainWork()
        store.add(*(a_job(n) for n in range(1, 11)))
        spooler = Spooler("slips", tcp_printer("127.0.0.1", device.port, PATIENT), store, work, clock)

        async def steps(count: int) -> None:
            for _ in range(count):
                await spooler.step(clock.moment)

        asyncio.run(steps(4))
        device.switch_off()
        asyncio.run(steps(3))
        assert Counter(store.states()) == {"printed": 4, "waiting": 6}
        device.switch_on()
        device.break_down(Fault.cover_open)
        asyncio.run(steps(2))
        device.mend()
        asyncio.run(steps(8))
        assert store.states() == ["printed"] * 10
        assert [paper.text.strip() for paper in device.papers] == [f"job-{n}" for n in range(1, 11)]


class Queue(RuleBasedStateMachine):
    """Whatever happens to program, printer and people: never two papers of one job, and no untrue word."""

    @initialize()
    def begin(self) -> None:
        self.desk = Desk()
        self.count = 0

    @rule()
    def add(self) -> None:
        self.count += 1
        self.desk.store.add(a_job(self.count))

    @rule(state=st.sampled_from(PrinterState))
    def device_changes(self, state: PrinterState) -> None:
        self.desk.device.state = state

    @rule(how=st.sampled_from(["lost", "late", "crash_before", "crash_after", "crash_asked", "refused"]))
    def something_breaks(self, how: str) -> None:
        device = self.desk.device
        if how == "refused":
            device.next_results.append(SendResult("not_started", PrinterStatus(device.state), "offline"))
        elif how in {"lost", "late"}:
            device.next_results.append(unsure())
        elif how == "crash_asked":
            device.while_asked = cut_power
        else:
            device.while_sending = cut_power

    @rule(n=st.integers(1, 5))
    def work(self, n: int) -> None:
        for _ in range(n):
            try:
                self.desk.step()
            except PowerCut:
                self.desk.device.while_sending = self.desk.device.while_asked = lambda: None
                self.desk.start()

    @rule(n=st.integers(1, 30), reason=st.sampled_from([Reason.frozen, Reason.hub_unreachable, None]))
    def stop(self, n: int, reason: Reason | None) -> None:
        if reason:
            self.desk.work.stopped[f"job-{n}"] = Refused(reason)
        else:
            self.desk.work.stopped.pop(f"job-{n}", None)

    @rule(minutes=st.integers(1, 40))
    def time_passes(self, minutes: int) -> None:
        self.desk.clock.pass_(minutes=minutes)

    @rule(n=st.integers(1, 30), says=st.sampled_from(["came_out", "not_out"]))
    def somebody_looks(self, n: int, says: str) -> None:
        if job := self.desk.store.rows.get(f"job-{n}"):
            getattr(self.desk.spooler, says)(job)

    @invariant()
    def each_paper_at_most_once_and_every_word_true(self) -> None:
        if not hasattr(self, "desk"):
            return
        papers = Counter(data.split(b"\n")[0][2:].decode("ascii") for data in self.desk.device.got)
        assert all(count == 1 for count in papers.values())
        facts = Counter(act.act_id for act in self.desk.store.acts)
        assert all(count == 1 for count in facts.values())
        for job in self.desk.store.rows.values():
            if job.state in {PrintState.printed, PrintState.confirmed}:
                assert facts[f"act-{job.job_id}"] == 1
            if job.state in {PrintState.pulled, PrintState.expired, PrintState.waiting}:
                assert papers[job.job_id] == 0


TestQueue = Queue.TestCase
