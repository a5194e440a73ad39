"""The outbox: nothing it took is ever lost, nothing counts twice, a newer file is left alone."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from app.core.acts import Act, ActKind, LinePacked, Printed
from app.core.printjob import PrintJob, PrintState, job_key, printed_act
from app.store import migrate
from app.store.cachefile import Cursor, writing
from app.store.outbox import Outbox, ScanRow
from app.store.surroundings import DamagedOutbox, DiskFull, NewerOutbox
from app.wire import ChannelRef, Receipt
from tests.helpers.station import MORNING, order_no, until

ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / "tests" / "data" / "outbox"
P = PrintState


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    made = Outbox(
        tmp_path / "发件 箱.sqlite", channel_ref=lambda no: ChannelRef(shop_id="s", channel_order_no=no)
    )
    yield made
    made.close()


def packed(n: int = 1, order: int = 1, at: timedelta = timedelta(0)) -> Act:
    no = order_no(order)
    return Act(
        act_id=f"ACT{n:05d}",
        kind=ActKind.line_packed,
        order_no=no,
        parcel_no=f"{no}01",
        made_at=MORNING + at,
        body=LinePacked(line_no=1),
    )


def applied(act: Act, seq: int = 1) -> Receipt:
    return Receipt(act_id=act.act_id, outcome="applied", seq=seq)


def a_job(n: int = 1, **changed: object) -> PrintJob:
    no = order_no(n)
    job = PrintJob(
        job_id=f"JOB{n}",
        job_key=job_key(f"{no}01", "slip", 1),
        document="slip",
        order_no=no,
        parcel_no=f"{no}01",
        printer="slip",
        created_at=MORNING,
        expires_at=MORNING + timedelta(minutes=30),
    )
    return replace(job, **changed)  # type: ignore[arg-type]


def count(outbox: Outbox, table: str) -> int:
    return int(outbox.run(lambda db: db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]).result())


# ------------------------------------------------------------------------------------------------- acts


def test_an_act_is_pending_at_once_and_on_disk_when_answered(outbox: Outbox) -> None:
    topics: list[frozenset[str]] = []
    outbox.on_changed(topics.append)
    done = outbox.record(
        packed(), scan=ScanRow(scan_id="S1", at=MORNING, raw="690", scan_class="item", result="ok")
    )
    assert [p.act for p in outbox.pending_of(order_no(1))] == [packed()]
    assert outbox.pending_orders() == {order_no(1)}
    assert done.result() is None
    assert (outbox.pending_count(), outbox.oldest_pending()) == (1, MORNING)
    [envelope] = outbox.waiting()
    assert (envelope.act_id, envelope.channel_ref) == (
        "ACT00001",
        ChannelRef(shop_id="s", channel_order_no=order_no(1)),
    )
    assert count(outbox, "scan") == 1
    assert {"outbox", "order", f"order:{order_no(1)}"} in [set(t) for t in topics]


def test_a_process_that_dies_keeps_what_was_answered(tmp_path: Path) -> None:
    path = tmp_path / "outbox.sqlite"
    program = (
        "import os, sys; from pathlib import Path; from app.store.outbox import Outbox\n"
        "from tests.store.test_outbox import packed\n"
        f"box = Outbox(Path({str(path)!r}))\n"
        "for n in range(50): box.record(packed(n)).result()\n"
        "os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False, timeout=120)
    outbox = Outbox(path)
    assert [e.act_id for e in outbox.waiting(100)] == [packed(n).act_id for n in range(50)]
    assert outbox.pending_count() == 50
    outbox.close()


def test_a_pending_act_leaves_only_when_the_feed_has_passed_its_receipt(outbox: Outbox) -> None:
    outbox.record(packed()).result()
    outbox.settle([applied(packed(), seq=40)], "E1", MORNING)
    assert outbox.pending_count() == 0
    [pending] = outbox.pending_of(order_no(1))
    assert pending.is_in(Cursor("E1", 40))
    assert not pending.is_in(Cursor("E1", 39))
    assert not pending.is_in(Cursor("E2", 99))
    outbox.passed(Cursor("E1", 39))
    assert outbox.pending_of(order_no(1))
    outbox.passed(Cursor("E1", 40))
    assert outbox.pending_of(order_no(1)) == []
    outbox.settle([applied(packed(7))], "E1", MORNING)


def test_a_refused_act_needs_a_person_and_blocks_nothing(outbox: Outbox) -> None:
    outbox.record(packed(1)).result()
    outbox.record(packed(2)).result()
    outbox.settle([Receipt(act_id="ACT00001", outcome="refused", reason="too_old")], "E1", MORNING)
    assert [e.act_id for e in outbox.waiting()] == ["ACT00002"]
    assert len(outbox.pending_of(order_no(1))) == 1
    [needing] = outbox.needs_person()
    assert (needing.act, needing.receipt.reason) == (packed(1), "too_old")
    assert outbox.answer_of("ACT00001") == needing.receipt
    assert outbox.answer_of("ACT00002") is None
    outbox.dismiss("ACT00001", "understood", "小张", MORNING)
    [answered] = outbox.answered_needs(10)
    assert (answered.need.act.act_id, answered.answer, answered.by) == ("ACT00001", "understood", "小张")
    assert outbox.needs_person() == []


def test_who_waits_for_an_answer_gets_it(outbox: Outbox) -> None:
    answer = outbox.when_answered("ACT00001")
    left: Future[Receipt] = outbox.when_answered("ACT00002")
    left.cancel()
    outbox.record(packed(1)).result()
    outbox.record(packed(2)).result()
    outbox.settle([applied(packed(1)), applied(packed(2))], "E1", MORNING)
    assert answer.result(timeout=20).outcome == "applied"


def test_restart_brings_everything_back(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "o.sqlite")
    for n in (1, 2, 3):
        outbox.record(packed(n, at=timedelta(seconds=n))).result()
    outbox.settle(
        [applied(packed(2), seq=7), Receipt(act_id="ACT00003", outcome="refused", reason="our_fault")],
        "E1",
        MORNING,
    )
    outbox.close()
    outbox.close()
    outbox = Outbox(tmp_path / "o.sqlite")
    assert [(p.act.act_id, p.state, p.settled_seq) for p in outbox.pending_of(order_no(1))] == [
        ("ACT00001", "waiting", 0),
        ("ACT00002", "settled", 7),
    ]
    assert [n.act.act_id for n in outbox.needs_person()] == ["ACT00003"]
    assert outbox.recent(5) == [(order_no(1), "line_packed", MORNING + timedelta(seconds=3))]
    assert [a.act_id for a in outbox.acts_of_kind((ActKind.line_packed,), limit=2)] == [
        "ACT00002",
        "ACT00003",
    ]
    outbox.close()
    with pytest.raises(RuntimeError):
        outbox.record(packed(4))


def test_a_new_epoch_sends_the_last_seven_days_again(outbox: Outbox) -> None:
    assert outbox.reopen("E1", MORNING) == 0
    for n in (1, 2, 3):
        outbox.record(packed(n)).result()
    outbox.settle([applied(packed(1))], "E1", MORNING - timedelta(days=8))
    outbox.settle([applied(packed(2))], "E1", MORNING - timedelta(days=6))
    assert outbox.reopen("E1", MORNING) == 0
    assert outbox.reopen("E2", MORNING) == 1
    assert [e.act_id for e in outbox.waiting()] == ["ACT00002", "ACT00003"]
    assert outbox.reopen("E2", MORNING) == 0
    outbox.settle([applied(packed(2), seq=3)], "E2", MORNING)
    assert outbox.reopen("E2", MORNING) == 0


def test_old_settled_acts_scans_and_papers_go_and_the_rest_stays(outbox: Outbox) -> None:
    long_ago = MORNING - timedelta(days=40)
    for n in (1, 2):
        outbox.record(packed(n)).result()
    outbox.record(replace(packed(3), made_at=long_ago)).result()
    outbox.settle([applied(packed(1))], "E1", MORNING - timedelta(days=8))
    outbox.settle([applied(packed(2))], "E1", MORNING)
    outbox.keep_scan(ScanRow(scan_id="S1", at=long_ago, raw="x", scan_class="item", result="ok")).result()
    outbox.keep_scan(ScanRow(scan_id="S2", at=MORNING, raw="x", scan_class="item", result="ok")).result()
    outbox.add_job(a_job(1, created_at=long_ago, state=P.printed)).result()
    outbox.add_job(a_job(2, created_at=long_ago)).result()
    outbox.tidy(MORNING)
    ids = outbox.run(lambda db: db.execute("SELECT act_id FROM act ORDER BY n").fetchall()).result()
    assert [row[0] for row in ids] == ["ACT00002", "ACT00003"]
    assert (count(outbox, "scan"), count(outbox, "print_job")) == (1, 1)


def test_a_full_disk_fails_the_act_and_forgets_it(outbox: Outbox) -> None:
    outbox.record(packed(0)).result()
    outbox.run(lambda db: db.execute("PRAGMA max_page_count = 1").fetchall()).result()
    failed = []
    for n in range(1, 300):
        answer = outbox.record(packed(n))
        if isinstance(answer.exception(), DiskFull):
            failed.append(n)
            break
    assert failed
    assert f"ACT{failed[0]:05d}" not in [p.act.act_id for p in outbox.pending_of(order_no(1))]
    outbox.run(lambda db: db.execute("PRAGMA max_page_count = 1000000").fetchall()).result()
    outbox.record(packed(999)).result()
    assert outbox.waiting(1000)[-1].act_id == "ACT00999"


def test_one_bad_call_of_a_group_takes_no_other_down(outbox: Outbox) -> None:
    import threading

    gate = threading.Event()
    outbox.run(lambda db: gate.wait(20))
    good = outbox.record(packed(1))
    bad = outbox.record(packed(1))  # the same id again: the file refuses it
    late = outbox.record(packed(2))
    gate.set()
    assert good.exception(timeout=20) is None
    assert isinstance(bad.exception(timeout=20), sqlite3.IntegrityError)
    assert late.exception(timeout=20) is None
    assert [e.act_id for e in outbox.waiting()] == ["ACT00001", "ACT00002"]


# ------------------------------------------------------------------------------------------ print jobs


def test_the_oldest_waiting_job_of_a_printer_is_claimed_once(outbox: Outbox) -> None:
    for n in (1, 2):
        assert outbox.add_job(a_job(n)).result()
    assert outbox.add_job(a_job(3, printer="label")).result()
    first = outbox.claim_next("slip", MORNING)
    assert first is not None
    assert (first.job_id, first.state, first.state_at) == ("JOB1", P.checking_device, MORNING)
    assert outbox.claim_next("slip", MORNING).job_id == "JOB2"  # type: ignore[union-attr]
    assert outbox.claim_next("slip", MORNING) is None
    assert [job.job_id for job in outbox.jobs("slip", [P.checking_device])] == ["JOB1", "JOB2"]
    assert [job.job_id for job in outbox.open_jobs()] == ["JOB1", "JOB2", "JOB3"]


def test_an_expired_job_is_not_claimed(outbox: Outbox) -> None:
    outbox.add_job(a_job()).result()
    assert outbox.claim_next("slip", MORNING + timedelta(minutes=31)) is None


def test_moves_are_compared_and_set_and_bring_their_fact(outbox: Outbox) -> None:
    outbox.add_job(a_job()).result()
    outbox.claim_next("slip", MORNING)
    assert not outbox.set_state("JOB9", P.sending, "", MORNING, (P.checking_device,))
    assert not outbox.set_state("JOB1", P.sending, "", MORNING, (P.waiting,))
    assert not outbox.set_state("JOB1", P.confirmed, "", MORNING, (P.checking_device,))
    assert outbox.set_state("JOB1", P.checking_device, "paper_out", MORNING, (P.checking_device,))
    assert outbox.set_state("JOB1", P.sending, "", MORNING, (P.checking_device,))
    act = printed_act(a_job(), "ACT-P", MORNING)
    assert outbox.set_state("JOB1", P.printed, "", MORNING, (P.sending,), act)
    assert isinstance(outbox.waiting()[0].body, dict)
    [pending] = outbox.pending_of(order_no(1))
    assert isinstance(pending.act.body, Printed)
    assert not outbox.set_state("JOB1", P.printed, "", MORNING, (P.sending,), act)
    assert len(outbox.waiting()) == 1


def test_one_paper_has_one_job(outbox: Outbox) -> None:
    assert outbox.add_job(a_job()).result()
    assert not outbox.add_job(a_job(job_id="OTHER")).result()
    assert outbox.pull(a_job().parcel_no, "frozen", MORNING).result() == 1
    assert outbox.pull(a_job().parcel_no, "frozen", MORNING).result() == 0
    assert [(job.state, job.cause) for job in outbox.jobs_of(a_job().parcel_no)] == [(P.pulled, "frozen")]
    assert outbox.add_job(a_job(job_id="AGAIN")).result()


def test_an_act_and_its_paper_are_one_transaction(outbox: Outbox) -> None:
    outbox.record(packed(1), job=a_job()).result()
    with pytest.raises(sqlite3.IntegrityError):
        outbox.record(packed(2), job=a_job(job_id="OTHER")).result()
    assert [e.act_id for e in outbox.waiting()] == ["ACT00001"]
    assert len(outbox.jobs_of(a_job().parcel_no)) == 1


def test_settings_are_kept(outbox: Outbox) -> None:
    assert outbox.setting("lang", "zh") == "zh"
    outbox.set_setting("lang", "en")
    outbox.set_setting("lang", "zh")
    assert outbox.setting("lang") == "zh"


# --------------------------------------------------------------------------------------------- versions


def test_a_newer_file_is_refused_and_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "outbox.sqlite"
    Outbox(path).close()
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("PRAGMA journal_mode=DELETE")
        db.execute("UPDATE alembic_version SET version_num = '9999'")
        db.commit()
    db.close()
    before = path.read_bytes()
    with pytest.raises(NewerOutbox) as said:
        Outbox(path)
    assert (said.value.key, said.value.params) == ("outbox_newer", {"path": str(path)})
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"no database" * 900, b"SQLite format 3\x00" + b"\xff" * 9000])
def test_a_damaged_file_is_refused_and_not_touched(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "outbox.sqlite"
    path.write_bytes(content)
    with pytest.raises(DamagedOutbox):
        Outbox(path)
    assert path.read_bytes() == content


def test_an_empty_file_and_one_without_a_version_are_made_new(tmp_path: Path) -> None:
    (tmp_path / "a.sqlite").touch()
    Outbox(tmp_path / "a.sqlite").close()
    with closing(sqlite3.connect(tmp_path / "b.sqlite")) as db, db:
        db.execute("CREATE TABLE alembic_version (version_num TEXT)")
    db.close()
    Outbox(tmp_path / "b.sqlite").close()
    assert (
        migrate.version_of(tmp_path / "a.sqlite") == migrate.version_of(tmp_path / "b.sqlite") == migrate.HEAD
    )


def test_a_new_outbox_is_what_the_migrations_make_of_an_empty_file(tmp_path: Path) -> None:
    """New files are made without the migrations: what is in one must be in the other, table by table."""

    def made(name: str) -> set[str]:
        Outbox(tmp_path / name).close()
        with closing(sqlite3.connect(tmp_path / name)) as db, db:
            found = {
                " ".join(sql.split())
                for (sql,) in db.execute("SELECT sql FROM sqlite_master WHERE sql <> ''")
            }
        db.close()
        return found

    with closing(sqlite3.connect(tmp_path / "migrated.sqlite")) as db, db:
        # of no version, but not empty: the migrations have to look at it
        db.execute(
            "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, "
            "CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
        )
    db.close()
    new, migrated = made("new.sqlite"), made("migrated.sqlite")
    spaces = str.maketrans({" ": None})
    assert {sql.translate(spaces) for sql in new} == {sql.translate(spaces) for sql in migrated}


def test_the_newest_migration_is_the_one_the_program_knows() -> None:
    names = sorted(
        path.stem.split("_")[0] for path in (ROOT / "app/store/migrations/versions").glob("[0-9]*.py")
    )
    assert names[-1] == migrate.HEAD


@pytest.mark.parametrize("kept", sorted(KEPT.glob("*.sqlite")), ids=lambda path: path.stem)
def test_an_outbox_of_every_released_version_opens_with_all_it_held(kept: Path, tmp_path: Path) -> None:
    path = tmp_path / "outbox.sqlite"
    path.write_bytes(kept.read_bytes())
    outbox = Outbox(path)
    assert [e.act_id for e in outbox.waiting()] == ["KEPT-1", "KEPT-2"]
    assert [n.act.act_id for n in outbox.needs_person()] == ["KEPT-4"]
    assert [job.job_id for job in outbox.open_jobs()] == ["KEPT-JOB"]
    assert (count(outbox, "scan"), outbox.setting("duplicate_ms")) == (2, "250")
    outbox.close()


def test_there_is_a_kept_file_of_every_version() -> None:
    assert [path.stem for path in sorted(KEPT.glob("*.sqlite"))] == [
        f"{n:04}" for n in range(1, int(migrate.HEAD) + 1)
    ]


def scans(outbox: Outbox) -> list[tuple[str, ...]]:
    columns = "scan_id, source, raw, scan_class, result, parcel_no"
    return outbox.run(lambda db: db.execute(f"SELECT {columns} FROM scan ORDER BY n").fetchall()).result()


def test_a_read_is_kept_once_with_its_device_and_what_came_of_it_in_the_end(outbox: Outbox) -> None:
    read = ScanRow(
        scan_id="S1", at=MORNING, raw="X1", scan_class="waybill", result="asked", source="camera:0"
    )
    outbox.keep_scan(read).result()
    outbox.keep_scan(replace(read, raw="other", result="opened", parcel_no="P1", source="")).result()
    assert scans(outbox) == [("S1", "camera:0", "X1", "waybill", "opened", "P1")]


def test_no_badge_can_be_read_out_of_the_file(outbox: Outbox) -> None:
    outbox.keep_scan(
        ScanRow(scan_id="S1", at=MORNING, raw="B1SECRETSECRETSECRET99", scan_class="badge", result="ok")
    ).result()
    assert scans(outbox) == [("S1", "", "B1", "badge", "ok", "")]


# ------------------------------------------------------------------------------------------ regressions


def a_read(raw: str) -> ScanRow:
    return ScanRow(scan_id=f"SCAN {raw!r}", at=MORNING, raw=raw, scan_class="unknown", result="ok")


def test_regression_who_no_longer_waits_takes_no_act_back(outbox: Outbox) -> None:
    """A window closed while its call was being written ended the one writer: nothing was kept any more."""
    gate = threading.Event()
    outbox.run(lambda db: gate.wait(20))
    left = outbox.record(packed(1))
    assert not left.cancel()
    gate.set()
    outbox.record(packed(2)).result(20)
    assert [envelope.act_id for envelope in outbox.waiting()] == ["ACT00001", "ACT00002"]


def test_regression_a_read_no_file_can_hold_does_not_end_the_writer(outbox: Outbox) -> None:
    """Half a surrogate pair is no database error: the thread died and every later scan stayed amber."""
    gate = threading.Event()
    outbox.run(lambda db: gate.wait(20))
    bad, good = outbox.keep_scan(a_read("\ud800")), outbox.record(packed(1))
    gate.set()
    assert isinstance(bad.exception(20), UnicodeEncodeError)
    good.result(20)
    outbox.record(packed(2)).result(20)
    assert len(outbox.waiting()) == 2


def test_regression_an_answer_that_came_while_the_copy_was_empty_is_not_shown_for_ever(
    outbox: Outbox,
) -> None:
    """The copy was damaged and had no epoch when the answer came: its effect was folded in twice from then on."""
    outbox.reopen("E1", MORNING)
    outbox.record(packed(1)).result(20)
    outbox.settle([applied(packed(1), seq=5)], "", MORNING)
    outbox.reopen("E1", MORNING)
    outbox.passed(Cursor("E1", 5))
    assert outbox.pending_of(packed(1).order_no) == []


def test_regression_a_printed_fact_answered_at_once_does_not_wait_for_ever(outbox: Outbox) -> None:
    """The answer may come before the one who moved the job goes on; the act must be pending by then."""
    outbox.add_job(a_job()).result(20)
    for state, before in ((P.checking_device, P.waiting), (P.sending, P.checking_device)):
        assert outbox.set_state("JOB1", state, "", MORNING, {before})
    fact = printed_act(a_job(), "ACT-P", MORNING)
    taken, gate = threading.Event(), threading.Event()
    outbox.run(lambda db: (taken.set(), gate.wait(30)))
    assert taken.wait(15), "the writer is busy: what comes now waits for its turn"
    mover = threading.Thread(
        target=outbox.set_state, args=("JOB1", P.printed, "", MORNING, {P.sending}), kwargs={"act": fact}
    )
    mover.start()
    pending_when_visible: list[bool] = []
    until(lambda: not outbox._calls.empty(), "the mover never asked the writer")
    outbox.run(lambda db: pending_when_visible.append("ACT-P" in outbox._pending))
    gate.set()
    mover.join(20)
    outbox.run(lambda db: None).result(20)
    assert pending_when_visible == [True]


def test_regression_a_write_that_cannot_be_committed_leaves_no_transaction_open(tmp_path: Path) -> None:
    """A commit that failed left its transaction open: every later one said "within a transaction"."""
    db = sqlite3.connect(tmp_path / "x.sqlite", isolation_level=None)
    db.executescript(
        "PRAGMA foreign_keys = ON; CREATE TABLE a (id INTEGER PRIMARY KEY);"
        "CREATE TABLE b (a INTEGER REFERENCES a (id) DEFERRABLE INITIALLY DEFERRED);"
    )
    with pytest.raises(sqlite3.IntegrityError), writing(db):
        db.execute("INSERT INTO b VALUES (7)")  # found out only when committing
    with writing(db):
        db.execute("INSERT INTO a VALUES (7)")
    db.close()


def test_regression_what_was_refused_and_seen_is_not_asked_again_of_a_restored_hub(outbox: Outbox) -> None:
    """A command refused days ago could be applied by a hub that had forgotten why it said no."""
    outbox.reopen("E1", MORNING)
    for n in (1, 2):
        outbox.record(packed(n)).result(20)
    no = Receipt(act_id=packed(2).act_id, outcome="refused", reason="not_allowed", seq=3)
    outbox.settle([applied(packed(1)), no], "E1", MORNING)
    outbox.dismiss(packed(2).act_id)
    assert outbox.reopen("E2", MORNING) == 1
    assert [envelope.act_id for envelope in outbox.waiting()] == ["ACT00001"]
