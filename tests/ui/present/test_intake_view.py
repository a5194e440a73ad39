"""What an import says: how far it is, what came of it, as tables."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from app.core import texts
from app.wire import BadRow, ImportProgress, ImportReport, ImportSums
from ui.present.intake import PROBLEMS_SHOWN, Phase, progress_view, report_view, size_words
from ui.present.words import Words
from ui.resources import resource_dir

_TEXTS = texts.load(resource_dir() / "texts")
ZH, EN = (Words(_TEXTS, lang, ZoneInfo("Asia/Shanghai")) for lang in ("zh", "en"))


def _report(
    taken: int, unchanged: int, refused: int, *, dry: bool = False, kind: str = "orders"
) -> ImportReport:
    rows = taken + unchanged + refused
    problems = [
        BadRow(row=n + 2, column="数量", reason="x", text="不是数字") for n in range(min(refused, 300))
    ]
    return ImportReport(
        kind=kind,
        rows=rows,
        taken=taken,
        unchanged=unchanged,
        refused=refused,
        orders=taken + unchanged,
        paid_fen=123_456,
        problems=problems,
        refused_file="UEs=" if refused else "",
        is_dry_run=dry,
        sums_in=ImportSums(paid_fen=123_456),
        sums_out=ImportSums(paid_fen=123_456),
    )


@pytest.mark.parametrize(
    ("report", "state", "head", "can_import"),
    [
        (_report(5, 0, 0, dry=True), "info", "检查通过，可以导入", 5),
        (_report(5, 0, 2, dry=True), "wait", "有 2 行要退回，其余可以导入", 5),
        (_report(0, 0, 2, dry=True), "stop", "没有一行能导入", 0),
        (_report(5, 0, 0), "ok", "导入完成", 0),
        (_report(5, 1, 2), "wait", "导入完成，退回 2 行", 0),
        (_report(0, 5, 0), "ok", "这份表已经导入过，没有变化", 0),
        (_report(0, 0, 2), "stop", "全部退回，没有导入", 0),
    ],
)
def test_the_report_in_one_line(report: ImportReport, state: str, head: str, can_import: int) -> None:
    view = report_view(report, ZH)
    assert (view.state, view.head, view.can_import) == (state, head, can_import)
    assert report_view(report, EN).head != head


def test_a_check_does_not_claim_that_anything_was_taken() -> None:
    assert [c.text for c in report_view(_report(1, 0, 1, dry=True), ZH).counts] == [
        "总行数",
        "可以收下",
        "退回",
    ]
    assert [c.text for c in report_view(_report(1, 1, 1), ZH).counts] == [
        "总行数",
        "已收下",
        "已有且相同",
        "退回",
    ]


def test_the_first_reasons_are_shown_and_the_rest_counted() -> None:
    view = report_view(_report(1, 0, 50), ZH)
    assert len(view.problems) == PROBLEMS_SHOWN
    assert view.problems[0] == ("第 2 行 · 数量", "不是数字")
    assert "还有 30 行" in view.more and view.has_refused
    assert report_view(_report(1, 0, 3), ZH).more == ""


def test_sums_that_differ_and_unused_columns_are_said() -> None:
    report = ImportReport(
        kind="orders",
        rows=2,
        taken=1,
        unchanged=0,
        refused=1,
        orders=1,
        paid_fen=100,
        sums_in=ImportSums(paid_fen=300),
        sums_out=ImportSums(paid_fen=100),
        unused_columns=["备用", "颜色"],
    )
    notes = "\n".join(report_view(report, ZH).notes)
    assert "¥3.00" in notes and "¥1.00" in notes and "备用、颜色" in notes
    assert report_view(_report(3, 0, 0, kind="items"), ZH).notes == ()


@pytest.mark.parametrize(
    ("progress", "phase", "seconds", "text", "left", "share"),
    [
        (None, "sending", 0, "正在上传…", "", None),
        (None, "checking", 0, "正在检查…", "", None),
        (ImportProgress(stage="waiting"), "sending", 0, "前面还有一次导入，排队中…", "", None),
        (ImportProgress(stage="reading"), "sending", 0, "正在读表…", "", None),
        (ImportProgress(stage="reading"), "checking", 0, "正在检查…", "", None),
        (
            ImportProgress(stage="taking", rows_done=200, rows=800),
            "sending",
            0,
            "正在导入：200 / 800 行",
            "",
            0.25,
        ),
        (
            ImportProgress(stage="taking", rows_done=200, rows=800),
            "sending",
            4,
            "正在导入：200 / 800 行",
            "大约还要 12 秒",
            0.25,
        ),
        (ImportProgress(stage="taking", rows_done=8, rows=8), "sending", 4, "正在导入：8 / 8 行", "", 1.0),
        (ImportProgress(stage="taking", rows_done=4, rows=8), "stopping", 4, "正在停止…", "", None),
    ],
)
def test_how_far_it_is(
    progress: ImportProgress | None, phase: Phase, seconds: int, text: str, left: str, share: float | None
) -> None:
    view = progress_view(progress, phase, timedelta(seconds=seconds), ZH)
    assert (view.text, view.left, view.share) == (text, left, share)


@pytest.mark.parametrize(("size", "words"), [(12, "1 KB"), (40_960, "40 KB"), (3_565_158, "3.4 MB")])
def test_sizes_as_people_read_them(size: int, words: str) -> None:
    assert size_words(size) == words
