"""The main job: `main.py demo` plays the whole line with hub and desks as processes of their own."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from rehearsal.processes import run_command

SCHEMA = json.loads(Path(__file__).with_name("summary.schema.json").read_text(encoding="utf-8"))

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(500)]


def test_the_scripted_shift_goes_through_from_file_to_answer(tmp_path: Path) -> None:
    out = tmp_path / "演练 一"
    # each language and size of every desk is looked at in ui/screens; here each desk is pictured in both languages
    words = ("--headless", "--out", str(out), "--cancel-at", "scanning", "--few-pictures")
    done = run_command("demo", *words, seconds=270)
    assert done.returncode == 0, done.stdout + done.stderr
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    jsonschema.validate(summary, SCHEMA, format_checker=jsonschema.FormatChecker())
    assert summary["ok"]
    assert all(step["ok"] for step in summary["steps"])
    assert summary["cancel"]["intercept_result"] == "stopped"
    kinds = [entry["kind"] for entry in summary["story"]]
    assert kinds.index("received") < kinds.index("slip_printed") < kinds.index("handed_over")
    sources = {entry["source"] for entry in summary["story"] if entry["kind"] == "track_node"}
    assert sources == {"carrier:kuaidi100"}, "told by the true connector"
    for name in summary["screens"]:
        picture = (out / "screens" / name).read_bytes()
        assert picture.startswith(b"\x89PNG")
    for desk in ("packing", "supervisor", "service"):
        assert any(n.startswith(desk) and "-zh" in n for n in summary["screens"])
        assert any(n.startswith(desk) and "-en" in n for n in summary["screens"])
    assert len(list((out / "papers").glob("*.png"))) == len(summary["slips"])


def test_a_step_that_did_not_happen_is_named_and_ends_the_command_with_one(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.write_text("a file stands where the folder should be", encoding="utf-8")
    done = run_command("demo", "--headless", "--out", str(out), "--lang", "en")
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr


def test_an_unknown_moment_for_the_cancel_is_wrong_use(tmp_path: Path) -> None:
    done = run_command(
        "demo", "--headless", "--out", str(tmp_path), "--cancel-at", "yesterday", "--lang", "en"
    )
    assert done.returncode == 2
    assert "queued, opened, scanning, packed" in done.stderr
