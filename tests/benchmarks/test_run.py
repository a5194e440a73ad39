"""The benchmarks run: a small round of those that need no hub, and all of them can say what they would measure."""

from __future__ import annotations

import importlib
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from benchmarks.__main__ import NAMES
from benchmarks.report import Figure, page, percentile, section
from tests.helpers.source import ROOT


def _run(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", timeout=120, check=False)


@pytest.mark.timeout(150)
def test_a_quick_round_measures_both_sides_of_each_figure() -> None:
    done = _run("lookup", "slips", "--quick")
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [row.split(" | ") for row in done.stdout.splitlines() if " | " in row]
    assert len(rows) == 8
    for what, reference, ratio, aim in rows:
        assert any(c.isdigit() for c in what)
        if aim not in ("aim -", "aim +100 MB at most"):
            assert any(c.isdigit() for c in reference)
            assert any(c.isdigit() for c in ratio)


def test_an_unknown_benchmark_is_wrong_use() -> None:
    done = _run("speed")
    assert done.returncode == 2
    assert all(name in done.stderr for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_benchmark_says_how_it_measures(name: str) -> None:
    module = importlib.import_module(f"benchmarks.{name}")
    assert module.TITLE
    assert "reference" in module.__doc__
    assert callable(module.run)


def test_the_page_says_which_aims_were_met() -> None:
    met = Figure(what="a", ours="1 ms", reference="2 ms", ratio="0.5x", aim="<= 1x", passed=True)
    missed = Figure(what="b", ours="3 ms", reference="1 ms", ratio="3.0x", aim="<= 2x", passed=False)
    shown = Figure(what="c", ours="4 ms", reference="-", ratio="-")
    text = section("Title", "How.", [met, missed, shown], datetime(2026, 11, 22, 8, tzinfo=UTC))
    assert "| a | 1 ms | 2 ms | 0.5x | <= 1x | yes |" in text
    assert "| b | 3 ms | 1 ms | 3.0x | <= 2x | **no** |" in text
    assert "| c | 4 ms | - | - |  |  |" in text


def test_a_benchmark_run_again_takes_its_own_place_and_leaves_the_others() -> None:
    at = datetime(2026, 11, 22, 8, tzinfo=UTC)
    one, two, again = (section(t, how, [], at) for t, how in [("A", "first"), ("B", "other"), ("A", "again")])
    text = page(page("", [two], ["A", "B"]), [one], ["A", "B"])
    assert text.index("first") < text.index("other")
    once_more = page(text, [again], ["A", "B"])
    assert once_more == text.replace("first", "again")
    assert page(once_more, [], ["B"]).count("## ") == 1, "a benchmark that is no more leaves the page"


def test_a_percentile_is_one_of_the_values() -> None:
    assert percentile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert percentile([3.0, 1.0, 2.0], 0.99) == 3.0
