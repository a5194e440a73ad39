"""The scanner's check without a window: codes of the test sheet scanned into a terminal, a line each. No Qt here.

A terminal tells nothing of speed and Enter; letters, extra signs and kinds of codes are judged as at the station.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from zoneinfo import ZoneInfo

from app.core.scanner_check import Check
from app.core.texts import Lang, Texts
from ui.present.scanner import check_view
from ui.present.words import Words


def run(lines: Iterable[str], say: Callable[[str], object], texts: Texts, lang: Lang) -> int:
    """Judges what is scanned up to an empty line or the end. The exit status: 0 no fault, 1 some, 2 nothing read."""
    words, check = Words(texts, lang, ZoneInfo("Asia/Shanghai")), Check()
    say(words.tr("scanner.console"))
    for line in lines:
        text = line.rstrip("\r\n")
        if not text:
            break
        for code in text.split("\t"):
            if code:
                check.whole(code, "console")
        if check.report(is_over=False).is_complete:
            break
    report = check.report(is_over=True)
    view = check_view(report, words, is_over=True)
    say(view.headline)
    for fault in view.faults:
        say(f"✗ {fault.name}: {fault.text}\n    → {fault.todo}")
    if not report.seen and not report.faults:
        return 2
    return 1 if report.faults else 0
