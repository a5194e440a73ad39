"""The check of a scanner as words: six steps, what is found, what to do. No Qt here."""

from __future__ import annotations

from app.core.scanner_check import Fix, Named, Report
from app.core.scanner_codes import SHEET_CODES
from app.core.values import dataclass
from ui.present.states import State
from ui.present.words import Words


@dataclass(frozen=True, slots=True)
class StepView:
    """One code of the sheet: its number, what kind it is, how it was read."""

    no: int
    name: str
    state: State
    word: str


@dataclass(frozen=True, slots=True)
class FaultView:
    state: State
    name: str
    text: str
    todo: str
    can_mend: bool = False
    """This computer can do something about it."""


@dataclass(frozen=True, slots=True)
class CheckView:
    """``fix`` is what this computer can do about all of it; None where that is nothing."""

    state: State
    headline: str
    text: str
    steps: tuple[StepView, ...]
    faults: tuple[FaultView, ...]
    fix: Fix | None


def check_view(report: Report, words: Words, *, is_over: bool) -> CheckView:
    """What the check shows now. ``is_over``: nothing more is waited for."""
    state, headline, text = _headline(report, words, is_over=is_over)
    return CheckView(
        state=state,
        headline=headline,
        text=text,
        steps=_steps(report, words, is_over=is_over),
        faults=tuple(fault_view(named, words) for named in report.faults),
        fix=report.fix(),
    )


def fault_view(named: Named, words: Words) -> FaultView:
    """One fault: by name, what came, how it is mended."""
    params: dict[str, object] = dict(named.params)
    if "keyboard" in params:
        params["keyboard"] = words.tr(f"scanner.keyboard_{params['keyboard']}")
    if named.params.get("n", "").isdigit():
        params["n"] = int(named.params["n"])
    name = words.tr(f"scanner.{named.fault}_name")
    return FaultView(
        "wait" if named.is_borne else "stop",
        name[:1].upper() + name[1:],
        words.tr(f"scanner.{named.fault}", **params),
        words.tr(f"scanner.{named.fault}_todo"),
        named.fix is not None,
    )


def _headline(report: Report, words: Words, *, is_over: bool) -> tuple[State, str, str]:
    tr = words.tr
    if report.faults:
        borne = all(named.is_borne for named in report.faults)
        key = "scanner.borne" if borne else "scanner.faults"
        text = tr("scanner.faults_text" if is_over else "scanner.going_on_text")
        return "wait" if borne else "stop", tr(key, n=len(report.faults)), text
    if report.is_complete:
        return "ok", tr("scanner.right"), tr("scanner.right_text")
    if report.seen:
        return "info", tr("scanner.going_on"), tr("scanner.going_on_text")
    if report.strange:
        return "wait", tr("scanner.strange"), tr("scanner.first_text")
    return "info", tr("scanner.first"), tr("scanner.first_text")


def _steps(report: Report, words: Words, *, is_over: bool) -> tuple[StepView, ...]:
    steps = []
    for code in SHEET_CODES:
        state: State
        if code.no in report.right:
            state, word = "ok", "step_right"
        elif code.no in report.seen:
            state, word = "stop", "step_wrong"
        elif is_over and report.seen:
            state, word = "stop", "step_missing"
        else:
            state, word = "idle", "step_waiting"
        name = words.tr(f"paper.kind_{code.kind}")
        steps.append(StepView(code.no, name, state, words.tr(f"scanner.{word}")))
    return tuple(steps)
