"""The list of promises and their tests (tests/README.md) names tests that exist, and every row of this version."""

from __future__ import annotations

import ast
import re

from benchmarks.__main__ import NAMES
from tests.helpers.source import ROOT

README = ROOT / "tests" / "README.md"
ROWS = {
    *(
        "ING-13",
        "ING-15",
        "MAP-01",
        "MAP-06",
        "MAP-08",
        "PCK-01",
        "PCK-03",
        "FRZ-02",
        "FRZ-05",
        "FRZ-10",
        "TRK-14",
    ),
    *(
        "GOV-01",
        "GOV-02",
        "GOV-08",
        "C12",
        "C20",
        "C29",
        "C30",
        "C36",
        "C37",
        "C38",
        "C51",
        "C53",
        "C54",
        "C63",
    ),
    *("D3", "D4", "D5", "L18"),
}


def test_every_test_it_names_exists() -> None:
    named = set(re.findall(r"`([\w/]+\.py)::(test_\w+)`", README.read_text(encoding="utf-8")))
    assert len(named) > 60
    known: dict[str, set[str]] = {}
    for path, _ in named:
        tree = ast.parse((ROOT / "tests" / path).read_text(encoding="utf-8"))
        functions = (node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
        known.setdefault(path, set()).update(node.name for node in functions)
    assert not {f"{path}::{name}" for path, name in named if name not in known[path]}


def test_it_has_every_row_and_names_benchmarks_that_exist() -> None:
    text = README.read_text(encoding="utf-8")
    firsts = [line.split("|")[1] for line in text.splitlines() if line.startswith("| ")]
    told = {row for first in firsts for row in re.findall(r"[A-Z]{1,3}-?\d+", first)}
    assert told >= ROWS
    named = {
        name
        for names in re.findall(r"benchmarks? ((?:`\w+`(?:, )?)+)", text)
        for name in re.findall(r"\w+", names)
    }
    assert named and named <= set(NAMES)
