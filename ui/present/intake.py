"""An import as values: how far it is, what came of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from app.core.values import dataclass
from app.wire import ImportProgress, ImportReport
from ui.present.states import State
from ui.present.words import Words

#: So many problems are named on the screen; the file of refused rows holds all.
PROBLEMS_SHOWN = 20
#: A rate is worth something once so much has been seen.
_RATE_AFTER = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Count:
    state: State
    n: int
    text: str


@dataclass(frozen=True, slots=True)
class ReportView:
    """``can_import``: rows that a real import would take; 0 where there is nothing to press."""

    state: State
    head: str
    counts: tuple[Count, ...]
    notes: tuple[str, ...]
    problems: tuple[tuple[str, str], ...]
    more: str
    has_refused: bool
    can_import: int


def report_view(report: ImportReport, words: Words) -> ReportView:
    """What was read, taken and refused, in words. A check knows no "taken", only what could be."""
    shown = report.problems[:PROBLEMS_SHOWN]
    left = report.refused - len({problem.row for problem in shown})
    return ReportView(
        state=_state(report),
        head=_head(report, words),
        counts=_counts(report, words),
        notes=_notes(report, words),
        problems=tuple(
            (
                words.tr(
                    "intake.problem_column" if problem.column else "intake.problem",
                    row=problem.row,
                    column=problem.column,
                ),
                problem.text,
            )
            for problem in shown
        ),
        more=words.tr("intake.more", n=left) if left > 0 else "",
        has_refused=bool(report.refused_file),
        can_import=report.taken if report.is_dry_run else 0,
    )


def _state(report: ImportReport) -> State:
    if report.refused == 0:
        return "info" if report.is_dry_run else "ok"
    return "wait" if report.taken or report.unchanged else "stop"


def _head(report: ImportReport, words: Words) -> str:
    stem = "can_import" if report.is_dry_run else "done"
    if report.taken == 0 and report.unchanged == 0:
        return words.tr(f"intake.{stem}_none")
    if report.refused:
        return words.tr(f"intake.{stem}_some", n=report.refused)
    if report.taken == 0:
        return words.tr("intake.done_same")
    return words.tr(f"intake.{stem}")


def _counts(report: ImportReport, words: Words) -> tuple[Count, ...]:
    tr = words.tr
    rows = Count("idle", report.rows, tr("intake.count_rows"))
    refused = Count("stop" if report.refused else "idle", report.refused, tr("intake.count_refused"))
    if report.is_dry_run:
        good = Count("info" if report.taken else "idle", report.taken, tr("intake.count_good"))
        return rows, good, refused
    taken = Count("ok" if report.taken else "idle", report.taken, tr("intake.count_taken"))
    return rows, taken, Count("idle", report.unchanged, tr("intake.count_same")), refused


def _notes(report: ImportReport, words: Words) -> tuple[str, ...]:
    notes: list[str] = []
    if report.kind == "orders" and report.orders:
        notes.append(words.tr("intake.orders", n=report.orders, paid=words.money(report.paid_fen)))
    if report.sums_in.paid_fen != report.sums_out.paid_fen:
        file, taken = words.money(report.sums_in.paid_fen), words.money(report.sums_out.paid_fen)
        notes.append(words.tr("intake.sums_differ", file=file, taken=taken))
    if report.unused_columns:
        notes.append(
            words.tr("intake.unused", columns=words.tr("states.list_and").join(report.unused_columns[:12]))
        )
    return tuple(notes)


Phase = Literal["sending", "checking", "stopping"]


@dataclass(frozen=True, slots=True)
class ProgressView:
    """``share`` of the rows is known, or None: something is being done, nobody can say how much is left."""

    text: str
    left: str
    share: float | None


def progress_view(
    progress: ImportProgress | None, phase: Phase, taking_for: timedelta, words: Words
) -> ProgressView:
    """``taking_for``: since the first rows were taken."""
    if phase == "stopping" or progress is None:
        return ProgressView(words.tr(f"intake.{phase}"), "", None)
    if progress.stage != "taking":
        key = "checking" if phase == "checking" and progress.stage == "reading" else progress.stage
        return ProgressView(words.tr(f"intake.{key}"), "", None)
    done, of = progress.rows_done, max(progress.rows, 1)
    left = ""
    if done and taking_for >= _RATE_AFTER and done < of:
        seconds = taking_for.total_seconds() * (of - done) / done
        left = words.tr("intake.time_left", span=words.duration(max(1.0, seconds)))
    return ProgressView(words.tr("intake.taking", done=done, of=of), left, min(1.0, done / of))


def size_words(size: int) -> str:
    """A file's size as people read it: "12 KB", "3.4 MB"."""
    if size < 1024 * 1024:
        return f"{max(1, round(size / 1024))} KB"
    return f"{size / 1024 / 1024:.1f} MB"
