"""The command codes that are printed and shown are exactly those the packing desk obeys."""

from __future__ import annotations

import ast

from app.core.qr import COMMANDS
from tests.helpers.source import ROOT, texts


def test_every_verb_of_the_desk_is_on_the_sheet_and_none_besides() -> None:
    tree = ast.parse((ROOT / "app/station/packing.py").read_text(encoding="utf-8"))
    obeys = next(
        node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == "_commanded"
    )
    verbs = {
        case.pattern.value.value
        for node in ast.walk(obeys)
        if isinstance(node, ast.Match)
        for case in node.cases
        if isinstance(case.pattern, ast.MatchValue) and isinstance(case.pattern.value, ast.Constant)
    }
    assert verbs | {"ACK"} == set(COMMANDS), "a new verb gets its place in app/core/qr.py COMMANDS"


def test_every_command_has_its_words() -> None:
    named = {f"station.code_{verb.lower()}" for verb in COMMANDS}
    explained = {f"paper.command_{verb.lower()}" for verb in COMMANDS}
    assert named | explained <= texts().keys()


def test_no_command_releases_a_stop() -> None:
    assert not [verb for verb in COMMANDS if "RELEASE" in verb or "FREE" in verb]
