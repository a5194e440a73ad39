"""`doctor --scanner`: the same check in a terminal, a line for each code."""

from __future__ import annotations

import pytest

from app import resources
from app.core.scanner_codes import GS, SHEET_CODES, wide
from ui.scanner_console import run


def checked(lines: list[str], lang: str = "zh") -> tuple[int, str]:
    said: list[str] = []
    status = run([f"{line}\n" for line in lines], said.append, resources.texts(), lang)  # type: ignore[arg-type]
    return status, "\n".join(said)


def test_a_right_scanner_is_called_right() -> None:
    status, said = checked([code.text for code in SHEET_CODES])
    assert status == 0 and "没有毛病" in said and "→" not in said


@pytest.mark.parametrize(
    ("lines", "name"),
    [
        ([wide(code.text) for code in SHEET_CODES], "Input method is on"),
        ([code.text.replace(GS, "") for code in SHEET_CODES], "GS1 separators are lost"),
        ([code.text for code in SHEET_CODES[1:]] + [""], "Reads no QR codes"),
        (["\t".join(code.text + "#" for code in SHEET_CODES)], "Extra signs after the code"),
    ],
)
def test_a_fault_is_named_with_its_cure(lines: list[str], name: str) -> None:
    status, said = checked(lines, "en")
    assert status == 1 and f"✗ {name}" in said and "→" in said


def test_nothing_scanned_is_no_verdict() -> None:
    assert checked([""])[0] == 2
    assert checked(["6901234567892", ""])[0] == 2
